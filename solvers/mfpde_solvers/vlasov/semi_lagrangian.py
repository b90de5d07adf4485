"""Semi-Lagrangian splitting for the Vlasov equation on a phase-space grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.advection import DEGREES, Shift
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.fourier_shift import FourierShift
from mfpde_solvers.grid import Grid
from mfpde_solvers.stepping import BLANES_MOAN, STRANG, FixedStep, Splitting, splitting_from
from mfpde_solvers.vlasov.diagnostics import phase_space_diagnostics
from mfpde_solvers.vlasov.kick import Kick
from mfpde_solvers.vlasov.moments import position_density
from mfpde_solvers.vlasov.scales import fastest_frequency

__all__ = ["SemiLagrangian"]

Array = NDArray[Any]

STATIC = 1e-2  # step where nothing acts on the particles and every step is exact


@dataclass(frozen=True)
class SemiLagrangian:
    """∂ₜf + v·∇ₓf + (S + K∗ρ)·∇ᵥf = ζ div_v(v f) + σ Δᵥf by splitting into shifts along one axis each.

    Drifts f(x, v) ← f(x − v τ, v) and kicks f(x, v) ← f(x, v − E(x) τ) are conservative Lagrange
    interpolations of odd degree; the field of a kick, E = S + K∗ρ, does not change during it. Second
    (Strang), fourth or sixth order in time, ``degree + 1`` in each coordinate for resolved data, no
    CFL limit.
    Friction and diffusion belong to the kick, which stays exact: see :mod:`mfpde_solvers.vlasov.kick`.

    Parameters
    ----------
    degree : {3, 5, 7, 9, "fourier"}
        Degree of the interpolation; ``"fourier"`` shifts by trigonometric interpolation, see
        :class:`mfpde_solvers.fourier_shift.FourierShift`.
    splitting : Splitting or str, optional
        ``"strang"`` (order 2), ``"blanes_moan"`` (order 4) or ``"force_gradient"`` (order 6). If not given,
        Blanes–Moan, or Strang for equations with friction or diffusion.
    positive : bool
        Limit the fluxes so that f ≥ 0 is preserved. Costs about three times as much and dissipates where
        it acts. Friction and diffusion then are of second order in the cells.
    dtype : {"float64", "float32"}
        Precision of the density. Single precision halves memory and time in six dimensions; mass is then
        kept to about 1e-7.

    Notes
    -----
    Good values: a step ω·dt of 0.2 (order 6), 0.1 (order 4) or 0.05 (order 2) for the fastest frequency ω
    (or the friction, where it is larger), the default; velocity boxes of eight thermal speeds; cells that
    resolve the initial velocity profile tenfold.
    When it fails: phase-space filaments reach the cell size after a time of order ``1/(k Δv)``; from then
    on they are smoothed (visible as a drift of ``l2_norm`` and ``entropy``) and f undershoots without the
    limiter; ``"fourier"`` does not smooth them.

    References
    ----------
    C. Z. Cheng and G. Knorr, J. Comput. Phys. 22 (1976) 330-351
    """

    degree: int | Literal["fourier"] = 9
    splitting: Splitting | str | None = None
    positive: bool = False
    dtype: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        if self.splitting is not None:
            object.__setattr__(self, "splitting", splitting_from(self.splitting))
        if self.degree not in (*DEGREES, "fourier"):
            raise ValueError(f"the degree must be 3, 5, 7, 9 or 'fourier', got {self.degree!r}")
        if self.degree == "fourier" and self.positive:
            raise ValueError("a Fourier shift cannot be limited; use degree=9 to keep the density positive")
        if self.dtype not in ("float64", "float32"):
            raise ValueError(f"dtype must be 'float64' or 'float32', got {self.dtype!r}")

    def __repr__(self) -> str:
        name = None if self.splitting is None else cast(Splitting, self.splitting).name
        precision = "" if self.dtype == "float64" else f", dtype={self.dtype!r}"
        options = f"degree={self.degree!r}, splitting={name!r}, positive={self.positive}{precision}"
        return f"SemiLagrangian({options})"

    def splitting_for(self, equation: Vlasov) -> Splitting:
        """The splitting that is used for an equation.

        Raises
        ------
        ValueError
            If the equation dissipates and the splitting has steps backward in time, or was not made for it.
        """
        dissipative = bool(equation.friction) or equation.diffusion != 0
        if self.splitting is None:
            return STRANG if dissipative else BLANES_MOAN
        splitting = cast(Splitting, self.splitting)
        if dissipative and min(splitting.kicks) < 0:
            raise ValueError(
                f"the splitting {splitting.name!r} has kicks backward in time, which friction and diffusion "
                "forbid; use 'strang'"
            )
        if dissipative and splitting.gradients:
            raise ValueError(
                f"the force gradient of the splitting {splitting.name!r} is that of equations without "
                "friction and diffusion; use 'strang'"
            )
        return splitting

    def default_step(self, equation: Vlasov, grid: Grid, density: Array) -> float:
        """The step ``phase / ω`` with the fastest frequency ω of the initial density, or the friction."""
        ω = fastest_frequency(equation, grid, position_density(density, grid))
        rate = max(ω, equation.friction)
        return self.splitting_for(equation).phase / rate if rate > 0 else STATIC

    def prepare(
        self, equation: Vlasov, grid: Grid, density: Array, dt: float | None = None, *, copy: bool = True
    ) -> SemiLagrangianRun:
        """A run of this scheme.

        Parameters
        ----------
        equation : Vlasov
        grid : Grid
            Positions ``x…`` and as many velocities.
        density : array
            f₀ at the cell centres; the run has the precision of the solver.
        dt : float, optional
            Largest step; :meth:`default_step` if not given.
        copy : bool
            Whether the run works on a copy of the density. Without one a C-contiguous density is overwritten
            by the run, which saves as much memory.

        Raises
        ------
        ValueError
            If the equation, grid, density and splitting do not fit together.
        """
        equation = equation.limit
        equation.check_grid(grid)
        splitting = self.splitting_for(equation)
        if density.shape != grid.shape:
            raise ValueError(f"density of shape {density.shape} given for a grid of shape {grid.shape}")
        make = np.array if copy else np.asarray
        f = make(density, dtype=self.dtype, order="C")
        controller = FixedStep(self.default_step(equation, grid, f) if dt is None else dt)
        return SemiLagrangianRun(self, splitting, equation, grid, f, controller)

    def _shift(self, grid: Grid, place: int, dtype: Any) -> Shift | FourierShift:
        periodic = grid.axes[place].periodic
        if self.degree == "fourier":
            return FourierShift(grid.shape, place, periodic=periodic, dtype=dtype)
        return Shift(
            grid.shape, place, periodic=periodic, degree=self.degree, positive=self.positive, dtype=dtype
        )


class SemiLagrangianRun:
    """State of a semi-Lagrangian computation; see :class:`mfpde_solvers.evolve.Run`."""

    def __init__(
        self,
        solver: SemiLagrangian,
        splitting: Splitting,
        equation: Vlasov,
        grid: Grid,
        density: Array,
        controller: FixedStep,
    ) -> None:
        self.grid, self.time = grid, 0.0
        self._splitting, self._controller, self._f = splitting, controller, density
        self._outflow = 0.0
        self._pending = np.zeros(2)  # duration and gradient of kicks not yet applied
        positions, velocities = grid.positions, grid.velocities
        d = positions.dim
        shifts = [solver._shift(grid, place, density.dtype) for place in range(2 * d)]
        self._shifts = shifts[:d]
        self._buffers = sum(shift.memory for shift in shifts)
        self._kick = Kick(
            equation,
            grid,
            shifts[d:],
            gradient=bool(splitting.gradients),
            positive=solver.positive,
            dtype=density.dtype,
        )
        ζ, σ = equation.friction, float(cast(float, equation.diffusion))
        self._temperature = σ / ζ if ζ and σ else None
        # displacement of a drift of unit duration, in cells, broadcast over all axes but its velocity
        self._unit_drifts = [
            np.reshape(v / h, [-1 if j == d + i else 1 for j in range(2 * d)])
            for i, (v, h) in enumerate(zip(velocities.coordinates, positions.spacing, strict=True))
        ]

    @property
    def memory(self) -> int:
        """Bytes of the density, the buffers of the shifts and the field solver."""
        return int(self._f.nbytes + self._buffers + self._kick.memory)

    def step(self, limit: float) -> float:
        """One step of the splitting; its last kick waits to be merged with the next one."""
        h, time = self._controller.next(self.time, limit)
        for kick, gradient, drift in self._splitting.stages:
            self._pending += kick * h, gradient * h**3
            if drift:
                self._synchronise()
                self._drift(drift * h)
        self.time = time
        return time

    def _synchronise(self) -> None:
        """Apply the kicks that wait; consecutive ones see the same field and are one."""
        (duration, gradient), self._pending = self._pending.tolist(), np.zeros(2)
        if duration == 0:
            return
        try:
            self._outflow += self._kick(self._f, duration, gradient) * self.grid.cell_volume
        except FloatingPointError as error:
            raise ResolutionLost(self.time, str(error)) from error

    def _drift(self, τ: float) -> None:
        for shift, unit in zip(self._shifts, self._unit_drifts, strict=True):
            self._outflow += shift(self._f, unit * τ) * self.grid.cell_volume

    def observe(self) -> dict[str, Array]:
        """``density`` (a view, valid until the next step), ``mean_field_x`` … and ``potential``."""
        self._synchronise()
        ρ, convolution = position_density(self._f, self.grid), self._kick.convolution
        names = [f"mean_field_{name}" for name in self.grid.positions.names]
        fields = dict(zip(names, convolution.field(ρ), strict=True))
        potential = convolution.potential(ρ)
        return {"density": self._f} | fields | ({} if potential is None else {"potential": potential})

    def diagnostics(self) -> dict[str, float]:
        """Mass, momentum, energies, entropy, norms and losses; see :func:`phase_space_diagnostics`."""
        self._synchronise()
        potential = self._kick.convolution.potential(position_density(self._f, self.grid))
        values = phase_space_diagnostics(self._f, self.grid, potential, self._temperature)
        if self._kick.external is not None:  # whose energy is not accounted for
            values = {name: v for name, v in values.items() if name not in ("total_energy", "free_energy")}
        return values | {"outflow": self._outflow}

    def state(self) -> dict[str, Array]:
        """Density, time and the mass that left."""
        self._synchronise()
        return {"density": self._f, "time": np.float64(self.time), "outflow": np.float64(self._outflow)}  # type: ignore[dict-item]

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self._f[...] = state["density"]
        self.time, self._outflow = float(state["time"]), float(state["outflow"])
        self._pending = np.zeros(2)

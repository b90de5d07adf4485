"""Semi-Lagrangian splitting for the Vlasov equation on a phase-space grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.advection import Shift
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.stepping import BLANES_MOAN, SPLITTINGS, FixedStep, Splitting
from mfpde_solvers.vlasov.diagnostics import phase_space_diagnostics
from mfpde_solvers.vlasov.scales import fastest_frequency

__all__ = ["SemiLagrangian"]

Array = NDArray[Any]

STATIC = 1e-2  # step where nothing acts on the particles and every step is exact


@dataclass(frozen=True)
class SemiLagrangian:
    """∂ₜf + v·∇ₓf + (S + K∗ρ)·∇ᵥf = 0 by splitting into shifts, each interpolated along one axis.

    Drifts f(x, v) ← f(x − v τ, v) and kicks f(x, v) ← f(x, v − E(x) τ) are conservative Lagrange
    interpolations of odd degree; the field of a kick, E = S + K∗ρ, does not change during it. Second
    (Strang) or fourth order in time, ``degree + 1`` in each coordinate for resolved data, no CFL limit.

    Parameters
    ----------
    degree : {3, 5, 7, 9}
        Degree of the interpolation.
    splitting : Splitting or str
        ``"blanes_moan"`` (order 4) or ``"strang"`` (order 2).
    positive : bool
        Limit the fluxes so that f ≥ 0 is preserved. Costs about three times as much and dissipates where
        it acts.

    Notes
    -----
    Good values: a step ω·dt of 0.1 (order 4) or 0.05 (order 2) for the fastest frequency ω, the default;
    velocity boxes of eight thermal speeds; cells that resolve the initial velocity profile tenfold.
    When it fails: phase-space filaments reach the cell size after a time of order ``1/(k Δv)``; from then
    on they are smoothed (visible as a drift of ``l2_norm`` and ``entropy``) and f undershoots without the
    limiter.
    """

    degree: int = 9
    splitting: Splitting | str = BLANES_MOAN
    positive: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.splitting, str):
            if self.splitting not in SPLITTINGS:
                raise ValueError(
                    f"splitting {self.splitting!r} is unknown; use one of {', '.join(SPLITTINGS)}"
                )
            object.__setattr__(self, "splitting", SPLITTINGS[self.splitting])
        if self.degree not in (3, 5, 7, 9):
            raise ValueError(f"the degree must be 3, 5, 7 or 9, got {self.degree!r}")

    def __repr__(self) -> str:
        return (
            f"SemiLagrangian(degree={self.degree}, splitting={self._scheme.name!r}, positive={self.positive})"
        )

    @property
    def _scheme(self) -> Splitting:
        assert isinstance(self.splitting, Splitting)
        return self.splitting

    def default_step(self, equation: Vlasov, grid: Grid, density: Array) -> float:
        """The step ``phase / ω`` with the fastest frequency ω of the initial density."""
        ρ = np.asarray(grid.integrate(density, grid.velocities.names))
        ω = fastest_frequency(equation, grid, ρ)
        return self._scheme.phase / ω if ω > 0 else STATIC

    def prepare(
        self, equation: Vlasov, grid: Grid, density: Array, dt: float | None = None
    ) -> SemiLagrangianRun:
        """A run of this scheme.

        Parameters
        ----------
        equation : Vlasov
            Without friction and diffusion.
        grid : Grid
            Positions ``x…`` and as many velocities.
        density : array
            f₀ at the cell centres, float64 or float32 (the precision of the run).
        dt : float, optional
            Largest step; :meth:`default_step` if not given.

        Raises
        ------
        ValueError
            If the equation, grid and density do not fit together.
        """
        equation.check_grid(grid)
        if equation.friction or equation.diffusion != 0:
            raise ValueError("SemiLagrangian solves equations without friction and diffusion; set both to 0")
        if density.shape != grid.shape:
            raise ValueError(f"density of shape {density.shape} given for a grid of shape {grid.shape}")
        dt = self.default_step(equation, grid, density) if dt is None else dt
        return SemiLagrangianRun(self, equation, grid, density, FixedStep(dt))


class SemiLagrangianRun:
    """State of a semi-Lagrangian computation; see :class:`mfpde_solvers.evolve.Run`."""

    def __init__(
        self, solver: SemiLagrangian, equation: Vlasov, grid: Grid, density: Array, controller: FixedStep
    ) -> None:
        self.grid = grid
        self.time = 0.0
        self._splitting = solver._scheme
        self._controller = controller
        self._f = np.array(
            density, dtype=np.float32 if density.dtype == np.float32 else np.float64, order="C"
        )
        self._outflow = 0.0
        self._pending = 0.0  # duration of kicks not yet applied
        self._convolution = Convolution(equation.kernel.on(grid), grid)
        self._positions, self._velocities = grid.positions, grid.velocities
        d = self._positions.dim
        S = None if equation.drift is None else np.asarray(equation.drift(self._positions.points))
        self._external = None if S is None else np.moveaxis(S, -1, 0)
        self._shifts = [
            Shift(
                grid.shape,
                i,
                periodic=a.periodic,
                degree=solver.degree,
                positive=solver.positive,
                dtype=self._f.dtype,
            )
            for i, a in enumerate(grid.axes)
        ]
        # displacement of a drift of unit duration, in cells, broadcast over all axes but its velocity
        self._unit_drifts = [
            np.reshape(v / h, [-1 if j == d + i else 1 for j in range(2 * d)])
            for i, (v, h) in enumerate(
                zip(self._velocities.coordinates, self._positions.spacing, strict=True)
            )
        ]

    @property
    def memory(self) -> int:
        """Bytes of the density, the buffers of the shifts and the field solver."""
        return self._f.nbytes + sum(shift.memory for shift in self._shifts) + self._convolution.memory

    def step(self, limit: float) -> float:
        """One step of the splitting; its last kick waits to be merged with the next one."""
        h, time = self._controller.next(self.time, limit)
        kicks, drifts = self._splitting.kicks, self._splitting.drifts
        self._pending += kicks[0] * h
        for drift, kick in zip(drifts, kicks[1:], strict=True):
            self._kick()
            self._drift(drift * h)
            self._pending += kick * h
        self.time = time
        return time

    def _position_density(self) -> NDArray[np.float64]:
        return np.asarray(self.grid.integrate(self._f, self._velocities.names), dtype=float)

    def _kick(self) -> None:
        if self._pending == 0:
            return
        τ, self._pending = self._pending, 0.0
        E = self._convolution.field(self._position_density())
        if self._external is not None:
            E += self._external
        if not np.isfinite(E).all():
            raise ResolutionLost(self.time, "the field is not finite")
        d = self._positions.dim
        for i, h in enumerate(self._velocities.spacing):
            displacement = (E[i] * (τ / h)).reshape(self._positions.shape + (1,) * d)
            self._outflow += self._shifts[d + i](self._f, displacement) * self.grid.cell_volume

    def _drift(self, τ: float) -> None:
        for i, unit in enumerate(self._unit_drifts):
            self._outflow += self._shifts[i](self._f, unit * τ) * self.grid.cell_volume

    def observe(self) -> dict[str, Array]:
        """``density`` (a view, valid until the next step), ``mean_field_x`` … and ``potential``."""
        self._kick()
        ρ = self._position_density()
        fields = dict(zip(self._field_names, self._convolution.field(ρ), strict=True))
        potential = self._convolution.potential(ρ)
        return {"density": self._f} | fields | ({} if potential is None else {"potential": potential})

    @property
    def _field_names(self) -> list[str]:
        return [f"mean_field_{name}" for name in self._positions.names]

    def diagnostics(self) -> dict[str, float]:
        """Mass, momentum, energies, entropy, norms and losses; see :func:`phase_space_diagnostics`."""
        self._kick()
        potential = self._convolution.potential(self._position_density())
        values = phase_space_diagnostics(self._f, self.grid, potential)
        if self._external is not None:
            values.pop("total_energy", None)  # the work of the external field is not accounted for
        return values | {"outflow": self._outflow}

    def state(self) -> dict[str, Array]:
        """Density, time and the mass that left."""
        self._kick()
        return {"density": self._f, "time": np.float64(self.time), "outflow": np.float64(self._outflow)}  # type: ignore[dict-item]

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self._f[...] = state["density"]
        self.time, self._outflow, self._pending = float(state["time"]), float(state["outflow"]), 0.0

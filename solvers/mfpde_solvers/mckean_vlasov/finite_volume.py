"""Finite volumes for first-order mean-field equations: positive, conservative, dissipative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder, NavierStokes
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.mckean_vlasov.balance import FreeEnergy, VirialLaw, increased
from mfpde_solvers.mckean_vlasov.concentration import Concentration
from mfpde_solvers.mckean_vlasov.densities import density_diagnostics, stacked, vorticity
from mfpde_solvers.mckean_vlasov.faces import Faces
from mfpde_solvers.mckean_vlasov.history import History
from mfpde_solvers.mckean_vlasov.schemes import SCHEMES, Scheme, derivative
from mfpde_solvers.stepping import AdaptiveStep, FixedStep

__all__ = ["FiniteVolume", "FiniteVolumeRun"]

Array = NDArray[np.float64]

LIMITERS = {"monotonized_central": 2.0, "minmod": 1.0, "none": 0.0}
ORDER = 3  # of the local error in time
FIRST = 0.1  # of the change of the density that the tolerance allows, in the first step
LONGEST = 1.0  # first step
REJECTIONS, CORRECTIONS = 30, 3


@dataclass(frozen=True)
class FiniteVolume:
    """∂ₜρ_m + div(ρ_m (S + K∗ω)) = σ Δρ_m by Scharfetter–Gummel fluxes with limited slopes.

    ρ ≥ 0 and the mass are kept by every step, at every Péclet number |u|h/σ; σ = 0 and data with jumps are
    welcome. Second order in the cells and in time. Densities e^{−U/σ} in the drift S = −∇U do not change at
    all. Open axes end in walls without flux.

    The step from ρ to ρ′ of ``"implicit"`` takes sweeps in turn along the axes, symmetrically (Strang),
    each of which solves b = a + τ L c from a to b, where c is the arithmetic mean of a and b where b ≥ a
    and their harmonic mean where b < a, and L holds the rates at the middle of the step; see
    :mod:`mfpde_solvers.mckean_vlasov.sweeps`. No CFL limit.

    *The free energy* E = σ∫ρ log ρ + ½∫ρ V∗ρ never increases. The flux of a sweep from cell i to i + 1 is a
    positive number times e^{ξᵢ/σ} − e^{ξᵢ₊₁/σ} with ξ = σ log c + φ, so that Σ (b − a) ξ ≤ 0. For
    f = ρ log ρ − ρ the quotient (f(b) − f(a))/(b − a) is the logarithm of the identric mean, which lies
    between the harmonic and the arithmetic one, so that f(b) − f(a) ≤ (b − a) log c. All sweeps of a step
    have the same φ: σ Σ (f(ρ′) − f(ρ)) + Σ (ρ′ − ρ) φ ≤ 0, whatever φ. With φ = V∗(ρ + ρ′)/2 this is
    E(ρ′) ≤ E(ρ) for every symmetric V, of any sign and for any step. φ is first extrapolated from the last
    steps; where E rises the step is taken again with that average, up to three times, and then with a
    shorter step, for which this fixed-point iteration converges faster. E has the matrix V by which the
    potential is computed.

    ``"explicit"`` is Heun's method: the same fluxes decrease the energy in continuous time; a step that
    raises it, or would empty a cell, is rejected.

    Parameters
    ----------
    scheme : {"implicit", "explicit"}
        Explicit steps are limited by h²/(2dσ) and h/|u|.
    limiter : {"monotonized_central", "minmod", "none"}
        Slopes of the upwind cell. They matter only where |u|h/σ is not small; without them the order falls
        to 1 there.
    tolerance : float
        Bound of the local error of a step in time, relative to the maximum of the density.

    Notes
    -----
    Good values: tolerance 1e-6, whose error in time is far below that of 256² cells; cells that resolve the
    width of the density tenfold (an error of about 1e-3).
    When it fails: a positive scheme never blows up
    by itself. A density that concentrates in a few cells raises ``BlowUp`` where the kernel is singular
    enough, see :mod:`mfpde_solvers.mckean_vlasov.concentration`; before that the departure from the virial
    law in the diagnostics tells how far cells spoil it. Smooth solutions that stay resolved are computed
    far more accurately by the pseudospectral solver.

    References: D. L. Scharfetter and H. K. Gummel, IEEE Trans. Electron Devices 16 (1969) 64; R. Bailo, J.
    A. Carrillo and J. Hu, Commun. Math. Sci. 18 (2020) 1259 (implicit upwind schemes that dissipate the
    energy).
    """

    scheme: Literal["implicit", "explicit"] = "implicit"
    limiter: Literal["monotonized_central", "minmod", "none"] = "monotonized_central"
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"the scheme must be {' or '.join(map(repr, SCHEMES))}, got {self.scheme!r}")
        if self.limiter not in LIMITERS:
            raise ValueError(f"the limiter must be one of {', '.join(LIMITERS)}, got {self.limiter!r}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"the tolerance must lie between 0 and 1, got {self.tolerance!r}")

    def default_step(self, equation: FirstOrder, grid: Grid, density: Array) -> None:
        """No fixed step: steps adapt to the tolerance."""
        return

    def prepare(
        self, equation: FirstOrder, grid: Grid, density: Array, dt: float | None = None, *, copy: bool = True
    ) -> FiniteVolumeRun:
        """A run of this scheme.

        Parameters
        ----------
        equation : FirstOrder
        grid : Grid
            Positions, periodic or open.
        density : array
            ρ ≥ 0 at the cell centres, of the grid's shape, or ``(circulations, *grid.shape)``.
        dt : float, optional
            Largest step; adaptive if not given. A step that fails is halved.
        copy : bool
            Whether the run works on a copy of the density.

        Raises
        ------
        ValueError
            If the equation, grid and density do not fit together, or the density is negative or not finite.
        """
        equation = equation.limit
        equation.check_grid(grid)
        ρ = stacked(density, equation, grid, copy=copy)
        if not (np.isfinite(ρ).all() and ρ.min() >= 0 and ρ.max() > 0):
            raise ValueError(
                "the density must be finite, not negative and not 0 everywhere; got values from "
                f"{ρ.min():.6g} to {ρ.max():.6g}; clip and normalise it"
            )
        return FiniteVolumeRun(self, equation, grid, ρ, dt, density.shape)


class FiniteVolumeRun:
    """State of a finite-volume computation; see :class:`mfpde_solvers.evolve.Run`."""

    def __init__(
        self,
        solver: FiniteVolume,
        equation: FirstOrder,
        grid: Grid,
        density: Array,
        dt: float | None,
        shape: tuple[int, ...],
    ) -> None:
        self.grid, self.time, self._equation, self._shape = grid, 0.0, equation, shape
        self._tolerance, self._rejected = solver.tolerance, 0
        self._faces = Faces(equation, grid, LIMITERS[solver.limiter])
        self._scheme: Scheme = SCHEMES[solver.scheme](self._faces, self._values)
        values = self._values(density)
        gain, loss = derivative(self._faces, density, values)
        slope = gain - loss * density
        steepest = float(np.abs(slope).max())
        allowed = FIRST * solver.tolerance ** (1 / ORDER) * float(density.max())
        first = allowed / steepest if allowed < LONGEST * steepest else LONGEST
        self._controller = AdaptiveStep(ORDER, first) if dt is None else FixedStep(dt)
        self._history = History(density, values, slope, first if dt is None else min(first, dt), self._values)
        self._free_energy = FreeEnergy(equation, self._faces)
        self._energy = self._free_energy.terms(density, values)
        self._virial = VirialLaw(equation, grid, density)
        self.concentration = Concentration(equation, grid, density[0])

    @property
    def _ρ(self) -> Array:
        return self._history.densities[0]

    def _values(self, ρ: Array) -> Array:
        return self._faces.values(vorticity(ρ, self._equation))

    @property
    def memory(self) -> int:
        """Bytes of the last densities and interactions, those of a step, the rates and the field solver."""
        densities, values = 5 * self._ρ.nbytes, 4 * self._history.values[0].nbytes
        return int(densities + values + self._scheme.memory + self._faces.memory)

    def step(self, limit: float) -> float:
        """One accepted step."""
        longest = self._scheme.longest(self._ρ, self._history.values[0])
        shrink = 1.0
        for _ in range(REJECTIONS):
            h, time = self._next(limit, longest, shrink)
            taken = self._attempt(h)
            if taken is not None and self._accepts(self._history.error(taken[0], h), h):
                new, values, self._energy = taken
                self._history.append(new, values, h)
                self.time = time
                self.concentration.watch(self._ρ[0], time)
                return time
            if taken is None and isinstance(self._controller, AdaptiveStep):
                self._controller.accepts(inf, h)
            self._rejected += 1
            shrink /= 2
        raise ResolutionLost(
            self.time,
            f"{REJECTIONS} steps in a row were rejected, down to {h:.3g}; use a finer grid",
        )

    def _next(self, limit: float, longest: float, shrink: float) -> tuple[float, float]:
        if isinstance(self._controller, AdaptiveStep):
            return self._controller.next(self.time, limit, longest)
        h, time = self._controller.next(self.time, limit)
        return (h, time) if shrink == 1 else (h * shrink, self.time + h * shrink)

    def _accepts(self, error: float, h: float) -> bool:
        if isinstance(self._controller, AdaptiveStep):
            return self._controller.accepts(error / self._tolerance, h)
        return isfinite(error)

    def _attempt(self, h: float) -> tuple[Array, Array, tuple[float, float]] | None:
        """Density, interaction and energy after a step, if it is positive and does not raise the energy."""
        ρ, values = self._ρ, self._history.values[0]
        ρ_mid, mid_values = self._history.middle(h)
        for _ in range(1 + CORRECTIONS * (self._scheme.name == "implicit")):
            new = self._scheme.advance(ρ, ρ_mid, mid_values, h)
            if new is None:
                return None
            new_values = self._values(new)
            energy = self._free_energy.terms(new, new_values)
            if not increased(self._energy, energy):
                return new, new_values, energy
            ρ_mid, mid_values = 0.5 * (ρ + new), 0.5 * (values + new_values)
        return None

    def observe(self) -> dict[str, Array]:
        """``density``, ``mean_field_x`` …, ``potential`` of a gradient K, ``vorticity`` for Navier–Stokes."""
        ω, convolution = vorticity(self._ρ, self._equation), self._faces.convolution
        names = [f"mean_field_{name}" for name in self.grid.names]
        fields = {"density": self._ρ.reshape(self._shape)} | dict(
            zip(names, convolution.field(ω), strict=True)
        )
        if self._faces.gradient:
            fields["potential"] = self._history.values[0][0]
        if isinstance(self._equation, NavierStokes):
            fields["vorticity"] = ω
        return fields

    def diagnostics(self) -> dict[str, float]:
        """Those of :func:`density_diagnostics`, ``cell_mass``, ``virial_departure``, ``rejected_steps``.

        ``cell_mass`` is the largest mass of one cell. ``free_energy`` is the one that the scheme dissipates.
        ``virial_departure``, for logarithmic kernels on the whole space, is ∫|x|²ρ less what the exact law
        (∫|x|²ρ)′ = 2dσM − λM² has made of its first value.
        """
        potential = self._history.values[0][0] if self._faces.gradient else None
        values = density_diagnostics(self._ρ, self._equation, self.grid, potential)
        values["cell_mass"] = float(self._ρ.max()) * self.grid.cell_volume
        values |= self._virial.departure(self._ρ, self.time)
        return values | {"rejected_steps": float(self._rejected)}

    def state(self) -> dict[str, Array]:
        """The last three densities and steps, the controller, and what was seen of a blow-up."""
        own: dict[str, Any] = {"time": np.float64(self.time), "rejected": np.float64(self._rejected)}
        if isinstance(self._controller, AdaptiveStep):
            own |= self._controller.state()
        return own | self._history.state() | self._virial.state() | self.concentration.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self.time, self._rejected = float(state["time"]), int(state["rejected"])
        if isinstance(self._controller, AdaptiveStep):
            self._controller.restore(state)
        self._history.restore(state)
        self._energy = self._free_energy.terms(self._ρ, self._history.values[0])
        self._virial.restore(state)
        self.concentration.restore(state)

"""A radial computation in the plane: the moving half line, its steps, and where they have to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import expm1, inf, log1p, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.evolve import BlowUp, ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.mckean_vlasov.radial_state import RadialState
from mfpde_solvers.stepping.controllers import AdaptiveStep
from mfpde_solvers.stepping.linearly_implicit import extrapolated_euler

__all__ = ["RadialAggregationRun"]

Array = NDArray[Any]

ORDER = 7
FIRST = 1e-3  # first step in units of ℓ
LOST = 1e-6  # last coefficients of M beyond which its series no longer represents it, or twice what they were
CONTRACTION = 0.75  # of log ℓ over that of the area of the peak
COLLAPSED = 1e-4  # area of the peak over the initial one at which a collapse has happened …
RESOLVED = 1e-2  # … or at which it can be told when the resolution is lost


class RadialAggregationRun:
    """State of a radial computation in the plane; made by ``RadialAggregation``.

    See :class:`mfpde_solvers.evolve.Run`.
    """

    def __init__(
        self,
        attraction: float,
        diffusion: float,
        grid: Grid,
        state: RadialState,
        tolerance: float,
        largest_step: float,
        second_moment: bool,
    ) -> None:
        self.grid = grid
        self.time = 0.0
        self._χ, self._σ = attraction, diffusion
        self._line, self._M, self._ℓ = state.line, state.values, state.scale
        self._controller = AdaptiveStep(ORDER, FIRST)
        self._dt, self._tolerance = largest_step, tolerance
        self._initial_area = state.peak_area
        self._lost = max(LOST, 2 * state.last_coefficients)
        self._second_moment = second_moment

    @property
    def memory(self) -> int:
        """Bytes of the matrices of the collocation, the Jacobian, its factors and the increments."""
        return 8 * (self._M.size**2 * 12 + 2 * ORDER * self._M.size)

    @property
    def radial(self) -> RadialState:
        """The mass within every radius, and all that follows from it, at the present time."""
        return RadialState(self._line, self._M, self._ℓ)

    def force(self, r: ArrayLike) -> Array:
        """(K∗ρ)(r) along the radius at the present time, (...) → (...): the mean field of 2D particles."""
        return -self._χ / (2 * pi) * self.radial.field(r)

    def step(self, limit: float) -> float:
        """One accepted step.

        In τ, dt = ℓ dτ, and s = ℓ(t) y with ℓ′ = A: ∂_τM = 4σ y ∂_yyM + (χ/π) M ∂_yM + A y ∂_yM, where A is
        constant during the step. Then ℓ = ℓ₀ e^{Aτ} exactly.
        """
        A = self._motion()
        end, bound = self._duration(limit - self.time, A), self._duration(self._dt, A)
        while True:
            h, target = self._controller.next(0.0, end, bound)
            increment, error = extrapolated_euler(self._rate(A), self._jacobian(A), self._M[1:-1], h, ORDER)
            if self._controller.accepts(float(np.abs(error).max()) / self._tolerance, h):
                break
            if h < 1e-12:
                raise ResolutionLost(self.time, "no step is short enough for the tolerance; raise it")
        self._M = self._M.copy()
        self._M[1:-1] += increment
        elapsed = self._ℓ * (expm1(A * h) / A if A else h)
        self.time = limit if target == end else self.time + elapsed
        self._ℓ *= float(np.exp(A * h))
        self._judge()
        return self.time

    def _duration(self, t: float, A: float) -> float:
        """τ of a time t; infinite if the scale vanishes before."""
        growth = A * t / self._ℓ
        if growth <= -1:
            return inf
        return log1p(growth) / A if abs(growth) > 1e-12 else t / self._ℓ

    def _motion(self) -> float:
        """A = d log ℓ/dτ: that of the area of the peak, 1/∫M_s² ds, or most of it if it shrinks."""
        line = self._line
        slope, change = (line.derivative @ v for v in (self._M, self._rate_of_mass()))
        w = line.weights * line.above**2
        A = -2 * float(w @ (slope * change)) / float(w @ slope**2)
        return A if A > 0 else CONTRACTION * A

    def _rate(self, A: float) -> Callable[[Array], Array]:
        """∂_τM at the inner points, as a function of M there."""
        line, σ, χ = self._line, self._σ, self._χ
        linear = (4 * σ * line.curvature + A * line.dilation)[1:-1]
        slope = line.slope[1:-1]

        def rate(inner: Array) -> Array:
            M = np.concatenate([[0.0], inner, [1.0]])
            return np.asarray(linear @ M + χ / pi * inner * (slope @ M))

        return rate

    def _rate_of_mass(self) -> Array:
        """ℓ ∂ₜM at all points and a fixed scale."""
        return np.pad(self._rate(0.0)(self._M[1:-1]), 1)

    def _jacobian(self, A: float) -> Array:
        line, σ, χ, M = self._line, self._σ, self._χ, self._M
        J = 4 * σ * line.curvature + A * line.dilation + χ / pi * M[:, None] * line.slope
        J[np.diag_indices_from(J)] += χ / pi * (line.slope @ M)
        return np.asarray(J[1:-1, 1:-1])

    def _judge(self) -> None:
        """Raise ``BlowUp`` or ``ResolutionLost`` where the run has to end."""
        state, growth = self.radial, self._central_growth
        last = state.last_coefficients
        lost, self._lost = not last <= self._lost, min(self._lost, max(LOST, 2 * last))
        shrunk = state.peak_area / self._initial_area
        if self._χ > 8 * pi * self._σ and growth > 0 and shrunk < (RESOLVED if lost else COLLAPSED):
            remaining = _time_to_collapse(1 / growth, self.time)
            raise BlowUp(
                self.time + remaining,
                f"the density collapses into a point: {state.maximum:.3g} at t = {self.time:.6g}",
                remaining,
            )
        if lost:
            raise ResolutionLost(
                self.time,
                f"the last of {self._M.size} coefficients of the cumulative mass are "
                f"{last:.2g}; use RadialAggregation(degree={2 * (self._M.size - 1)})",
            )

    @property
    def _central_growth(self) -> float:
        """Rate of growth, d log ρ(0)/dt."""
        slope_at_centre = self._line.derivative[0]
        return float(slope_at_centre @ self._rate_of_mass() / (slope_at_centre @ self._M)) / self._ℓ

    def observe(self) -> dict[str, Array]:
        """``density`` ρ(r), ``mean_field_r`` and ``potential`` at the cell centres of the axis ``r``."""
        state, r = self.radial, self.grid["r"].points
        return {
            "density": state.density(r),
            "mean_field_r": self.force(r),
            "potential": self._χ / (2 * pi) * state.logarithmic_potential(r),
        }

    def diagnostics(self) -> dict[str, float]:
        """Mass, second moment where it is finite, energies, entropy, extremes, and the mass beyond the axis.

        ∫|x|²ρ grows by 4σ − χ/2π.
        """
        state = self.radial
        energy = self._χ / (2 * pi) * state.logarithmic_energy
        values = {"mass": float(self._M[-1] - self._M[0])}
        if self._second_moment:
            values["second_moment"] = state.second_moment
        return values | {
            "potential_energy": energy,
            "entropy": state.entropy,
            "free_energy": self._σ * state.entropy + energy,
            "l2_norm": state.l2_norm,
            "maximum": state.maximum,
            "central_density": float(state.density(0.0)),
            "half_mass_radius": state.half_mass_radius,
            "mass_beyond": float(1 - state.mass_within(self.grid["r"].upper)),
            "rejected_steps": float(self._controller.rejected),
        }

    def state(self) -> dict[str, Array]:
        """Values of M, the scale ℓ, the time, and the memories of the controller and of the resolution."""
        own = {"mass": self._M, "scale": self._ℓ, "time": self.time, "lost": self._lost}
        return {name: np.array(value) for name, value in own.items()} | self._controller.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self._M = np.array(state["mass"], dtype=float)
        self._ℓ, self.time, self._lost = (float(state[name]) for name in ("scale", "time", "lost"))
        self._controller.restore(state)


def _time_to_collapse(growth_time: float, time: float) -> float:
    """T − t from ρ(0)/ρ(0)′, where 1/ρ(0) ~ (T − t) e^{−√(2|log(T − t)|)}.

    The logarithmic derivative of the right side is (1 + 1/√(2|log(T − t)|))/(T − t).

    Source: P. Raphaël & R. Schweyer, Math. Ann. 359 (2014) 267–377, theorem 1.1 (the rate).
    """
    return float(growth_time * (1 + 1 / np.sqrt(2 * abs(np.log(growth_time / time)))))

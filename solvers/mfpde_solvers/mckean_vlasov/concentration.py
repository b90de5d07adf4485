"""Blow-up seen on a grid: when a few cells hold the mass from which attraction wins against diffusion.

For K = −λ z/|z|^{s+2} the second moment of a mass m within a ball of radius R about its centre changes at a
rate of at most m (2dσ − λ m/(2R)^s). It falls, and so the mass concentrates, if m exceeds

    m*(R) = 2dσ (2R)^s/λ,

for s = 0 the critical mass 2dσ/λ whatever R (Dolbeault & Perthame, C. R. Acad. Sci. Paris 339, 2004), for σ
= 0 no mass. The critical mass reaches a ball of radius R at a time t_R with T − t_R ~ R^p before the
blow-up at T. Scaling has p = 2; the logarithmic kernel in the plane concentrates faster, R ~ √(T − t)
e^{−√(|log(T − t)|/2)} (Herrero & Velázquez, Math. Ann. 306, 1996), so that p falls to 3/2 at the
resolutions of grids. Two radii give T within the bounds of these exponents. Where diffusion is so weak that
the critical mass lies in them from the start, the growth of the maximum tells T.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import inf, log, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.evolve import BlowUp, ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["Concentration", "Estimate", "extrapolated", "largest_block"]

Array = NDArray[np.float64]

WIDTHS = (10, 5)  # cells on each side of the fullest one: two radii that are resolved
CORE = 2  # likewise: the grid's own scale
EXPONENTS = (1.5, 2.0)  # p
GROWTH = (2.0, 4.0, 8.0)  # of the maximum, where the critical mass lies in a few cells from the start
BIAS = 3.0  # of estimates from growth, relative to the change from one doubling to the next


class Estimate(NamedTuple):
    """A blow-up time and its uncertainty."""

    time: float
    uncertainty: float


class Concentration:
    """Watches one density; raises when it blows up.

    Parameters
    ----------
    equation : FirstOrder
    grid : Grid
    density : array
        ρ₀.
    """

    def __init__(self, equation: FirstOrder, grid: Grid, density: Array) -> None:
        self._grid, kernel = grid, equation.kernel
        d, σ = grid.dim, float(equation.diffusion)  # type: ignore[arg-type]
        self.possible, self._by_mass = _may_blow_up(equation, σ), False
        if not self.possible:
            return
        assert isinstance(kernel, RadialPower)
        radii = np.array([k + 0.5 for k in (*WIDTHS, CORE)]) * max(grid.spacing) * sqrt(d)
        with np.errstate(over="ignore"):  # infinite for next to no attraction
            self._critical = 2 * d * σ * (2 * radii) ** kernel.order / -kernel.strength
        self._mass = float(grid.integrate(density))
        self._by_mass = largest_block(density, grid, WIDTHS[0]) < self._critical[0]
        self._thresholds = self._critical[:-1] if self._by_mass else np.array(GROWTH) * density.max()
        self._reached = np.full(self._thresholds.size, inf)
        self._before, self._time = self._measured(density), 0.0

    def _measured(self, ρ: Array) -> Array:
        """The masses of the blocks, or the maximum."""
        if not self._by_mass:
            return np.full(len(GROWTH), ρ.max())
        return np.array([largest_block(ρ, self._grid, k) for k in WIDTHS])

    def watch(self, ρ: Array, time: float) -> None:
        """Take note of the density at a time.

        Raises
        ------
        BlowUp
            When the critical mass lies in the smaller block, or the density has grown by the largest factor
            and the critical mass lies in the core.
        ResolutionLost
            When half of the mass lies in the core before that.
        """
        if not self.possible:
            return
        now, before = self._measured(ρ), self._before
        for place in np.flatnonzero((now >= self._thresholds) & (self._reached == inf)):
            share = log(self._thresholds[place] / before[place]) / log(now[place] / before[place])
            self._reached[place] = self._time + share * (time - self._time)
        self._before, self._time = now, time
        core = inf if self._by_mass else largest_block(ρ, self._grid, CORE)
        if self._reached[-1] < inf and core >= self._critical[-1]:
            estimate = self.estimate()
            raise BlowUp(max(estimate.time, time), self._reason(time), estimate.uncertainty)
        if not self._by_mass and core >= max(self._mass / 2, self._critical[-1]):
            raise ResolutionLost(
                time,
                f"half of the mass lies within {2 * CORE + 1} cells and the grid is too coarse to tell when "
                "it blows up; use a finer grid",
            )

    def _reason(self, time: float) -> str:
        if self._by_mass:
            cells, m = 2 * WIDTHS[-1] + 1, self._critical[1]
            what = f"the mass {m:.4g}, from which attraction wins, lies within {cells} cells each way"
        else:
            what = f"the density has grown {GROWTH[-1]:g}-fold where attraction wins"
        return f"the density blows up: {what} at t = {time:.6g}"

    def estimate(self) -> Estimate:
        """The blow-up time from the times at which the thresholds were passed.

        Without a critical mass max ρ ~ 1/(T − t), exactly at the maximum for Coulomb's kernel and σ = 0.
        """
        if self._by_mass:
            outer, inner = self._reached.tolist()
            return extrapolated(outer, inner, (WIDTHS[0] + 0.5) / (WIDTHS[1] + 0.5))
        ends = [later + (later - earlier) for earlier, later in pairwise(self._reached.tolist())]
        return Estimate(ends[1], BIAS * abs(ends[1] - ends[0]))

    @property
    def critical(self) -> bool:
        """Whether a critical mass is watched, not the growth of the density."""
        return self._by_mass

    @property
    def reached(self) -> tuple[float, ...]:
        """Times at which the thresholds were passed, infinite if not yet."""
        return tuple(self._reached.tolist())

    def state(self) -> dict[str, Any]:
        """What :meth:`watch` compares with."""
        if not self.possible:
            return {}
        own = [self._time, self._mass, float(self._by_mass)]
        parts = [own, self._thresholds, self._reached, self._before]
        return {"concentration": np.concatenate(parts)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""
        if self.possible:
            values = np.array(state["concentration"])
            self._time, self._mass, by_mass = values[:3].tolist()
            self._by_mass = bool(by_mass)
            self._thresholds, self._reached, self._before = values[3:].reshape(3, -1)


def extrapolated(outer: float, inner: float, ratio: float) -> Estimate:
    """T from the times at which the critical mass reached the radii ``ratio``·R and R: T − t ~ R^p."""
    bounds = [inner + (inner - outer) / (ratio**p - 1) for p in EXPONENTS]
    return Estimate((bounds[0] + bounds[1]) / 2, (bounds[0] - bounds[1]) / 2)


def largest_block(ρ: Array, grid: Grid, width: int) -> float:
    """Mass of the cells up to ``width`` on each side of the fullest one."""
    places = []
    for i, axis in zip(np.unravel_index(int(ρ.argmax()), ρ.shape), grid.axes, strict=True):
        block = np.arange(i - width, i + width + 1)
        inside = (block >= 0) & (block < axis.size)
        places.append(block[: axis.size] % axis.size if axis.periodic else block[inside])
    return float(ρ[np.ix_(*places)].sum()) * grid.cell_volume


def _may_blow_up(equation: FirstOrder, σ: float) -> bool:
    """Whether one density attracts itself by a power that is singular enough."""
    kernel = equation.kernel
    if not isinstance(kernel, RadialPower) or equation.circulations != (1.0,):
        return False
    return kernel.strength < 0 and kernel.ε == 0 and (σ == 0 or kernel.order >= 0)

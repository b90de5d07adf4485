"""Weak errors: an observable averaged over the particles against its mean under the density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, tents
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Observable", "WeakError"]

FloatArray = NDArray[np.float64]
Observable = Callable[[FloatArray], Any]

# Gauss rules of the tent 1 − |t|, exact to degree 5 and 9: positive nodes, their weights, the weight of 0.
TENT_RULES = {
    3: ([0.63245553203367586640], [0.20833333333333333333], 0.58333333333333333333),
    5: (
        [0.82144059973838152787, 0.44992035245984196335],
        [0.051658257765490621791, 0.23947324070545739044],
        0.41773700305810397553,
    ),
}


@dataclass(frozen=True, repr=False)
class WeakError:
    r"""Signed error of an observable, :math:`⟨φ, μ_N⟩ − ⟨φ, ρ⟩`.

    Over i.i.d. samples it has mean 0 and standard deviation √(Var_ρ(φ)/N), the exact floor of its root mean
    square. Replicas keep their sign, so that a bias shows in their mean.

    Parameters
    ----------
    observable : callable, optional
        φ: (..., n) → (...), on the coordinates of ``axes``; by default cos(2π(x − lower)/L) of the first.
    label : str
        How the observable is called in descriptions.
    axes : tuple of str, optional
        All axes for a given observable; the first position for the default one.
    """

    observable: Observable | None = None
    label: str = ""
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "weak_error"
    needs: ClassVar[str] = "replica"
    reduction: ClassVar[str] = "rms"
    citation: ClassVar[str] = "exact: E(⟨φ,μ_N⟩ − ⟨φ,ρ⟩)² = Var_ρ(φ)/N for i.i.d. samples"

    def __post_init__(self) -> None:
        if self.observable is not None and not callable(self.observable):
            raise TypeError(f"observable must be a function (..., n) -> (...), got {self.observable!r}")
        object.__setattr__(self, "axes", axis_names(self.axes))

    def __repr__(self) -> str:
        # Without the address that functions print: the text identifies the metric in files.
        function = getattr(self.observable, "__qualname__", self.observable)
        return f"WeakError(observable={function}, label={self.label!r}, axes={self.axes!r})"

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        default = "the first Fourier mode" if self.observable is None else "the observable"
        return f"weak error of {self.label or default}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1/2 of N."""
        return -0.5

    def target(self, density: xr.DataArray) -> WeakTarget:
        """Mean and variance of the observable under the marginal of ``density``."""
        grid = grid_of(density)
        if self.observable is None:
            names = default_axes(self.axes, grid)[:1]
            observable: Observable = _FirstMode(grid[names[0]])
        else:
            names = grid.names if self.axes is None else default_axes(self.axes, grid)
            observable = self.observable
        weights, reduced = tents(density, names)
        mean, variance = _moments(observable, weights, reduced)
        return WeakTarget(observable, mean, variance, Columns(grid, names))


@dataclass(frozen=True)
class _FirstMode:
    axis: Axis

    def __call__(self, x: FloatArray) -> FloatArray:
        return np.asarray(np.cos(2 * np.pi / self.axis.length * (x[..., 0] - self.axis.lower)))


@dataclass(frozen=True, eq=False)
class WeakTarget:
    """Mean and variance of an observable under a density."""

    observable: Observable
    mean: float
    variance: float
    columns: Columns

    def distance(self, points: ArrayLike) -> float:
        """Signed difference of the two means."""
        x = self.columns.of(points)
        return float(np.mean(_values(self.observable, x))) - self.mean

    def floor(self, size: int) -> float | None:
        """Root mean square over i.i.d. samples, √(Var_ρ(φ)/N)."""
        return float(np.sqrt(self.variance / size))

    def difference(self, other: WeakTarget) -> float:
        """Absolute difference of the means under two densities."""
        return abs(self.mean - other.mean)


def _values(observable: Observable, x: FloatArray) -> FloatArray:
    values = np.asarray(observable(x), dtype=float)
    if values.shape != x.shape[:-1]:
        raise ValueError(
            f"the observable must map shape {x.shape} to {x.shape[:-1]}, it returned {values.shape}"
        )
    return values


def _moments(observable: Observable, weights: FloatArray, grid: Grid) -> tuple[float, float]:
    """Mean and variance under the mixture of tents, by Gauss quadrature of every tent.

    Five nodes along each axis up to two dimensions, three beyond, where the cells are many.
    """
    positive, outer, centre = TENT_RULES[5 if grid.dim <= 2 else 3]
    nodes = np.array([*positive, 0.0, *(-t for t in positive)])
    node_weights = np.array([*outer, centre, *outer])
    kept = np.flatnonzero(weights > 0)
    centres, mass = grid.points.reshape(-1, grid.dim)[kept], weights.ravel()[kept]
    first = second = 0.0
    for choice in product(range(len(nodes)), repeat=grid.dim):
        i = list(choice)
        values = _values(observable, centres + nodes[i] * np.array(grid.spacing))
        first += float(np.prod(node_weights[i]) * (mass @ values))
        second += float(np.prod(node_weights[i]) * (mass @ values**2))
    return first, max(second - first**2, 0.0)

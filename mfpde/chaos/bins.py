"""Histograms of particles in bins of nearly equal mass, and the exact masses of a gridded density in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, tents
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Axis

__all__ = ["Bins", "bins_of"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of the product of some axes: along each, intervals between inner edges.

    On an open axis the first and the last interval are unbounded.
    """

    columns: Columns
    edges: tuple[FloatArray, ...]
    """Inner edges along each axis, one less than its intervals."""

    @property
    def count(self) -> int:
        """Number of bins."""
        return int(np.prod([len(edges) + 1 for edges in self.edges]))

    def place(self, points: ArrayLike) -> NDArray[np.int64]:
        """Number of the bin of each point, (N, n) → (N,)."""
        x = self.columns.of(points)
        places = [np.searchsorted(edges, x[:, i], side="right") for i, edges in enumerate(self.edges)]
        shape = tuple(len(edges) + 1 for edges in self.edges)
        return np.asarray(np.ravel_multi_index(tuple(places), shape))

    def masses(self, density: xr.DataArray) -> FloatArray:
        """Mass of a density in each bin, exact for its multilinear interpolation, shape (count,)."""
        weights, grid = tents(density, self.columns.names)
        for axis, edges in zip(grid.axes, self.edges, strict=True):
            # the axis in front is summed over and its bins go to the end: after all axes the order is back
            weights = np.tensordot(weights, _shares(axis, edges), axes=(0, 1))
        return np.asarray(weights.ravel())


def bins_of(density: xr.DataArray, names: tuple[str, ...], count: int) -> Bins:
    """About ``count`` intervals along each axis, of equal mass under the marginal on it."""
    edges = []
    for name in names:
        weights, grid = tents(density, (name,))
        axis = grid.axes[0]
        cumulated = np.concatenate([[0.0], np.cumsum(weights)])
        levels = np.arange(1, count) / count
        edges.append(np.unique(np.interp(levels, cumulated, axis.edges)))
    return Bins(Columns(grid_of(density), names), tuple(edges))


def _shares(axis: Axis, edges: FloatArray) -> FloatArray:
    """Share of the tent of each cell in each interval, (intervals, cells)."""
    open_ends = [np.full(1, -np.inf), edges, np.full(1, np.inf)]
    if not axis.periodic:
        return np.diff(_below(np.concatenate(open_ends), axis.points, axis.spacing), axis=0)
    ends = np.concatenate([[axis.lower], edges, [axis.upper]])
    images = (axis.points + shift * axis.length for shift in (-1, 0, 1))
    return reduce(np.add, (np.diff(_below(ends, points, axis.spacing), axis=0) for points in images))


def _below(edges: FloatArray, centres: FloatArray, width: float) -> FloatArray:
    """Share of each tent below each edge, (edges, centres)."""
    u = np.clip((edges[:, None] - centres) / width, -1.0, 1.0)
    return np.where(u < 0, (1 + u) ** 2 / 2, 1 - (1 - u) ** 2 / 2)

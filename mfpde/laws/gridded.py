"""The reconstruction of a law from grid values: multilinear, with its exact sampler."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.dataset import grid_of
from mfpde.laws.base import FloatArray, Law, Wrapped, as_points
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Gridded", "from_density"]

Cells = NDArray[np.intp]

UNDERSHOOT = 1e-2
"""Largest negative mass, relative to the whole, that counts as an undershoot of a scheme."""

GUIDED_STEPS = 8
"""Steps from the guessed cell to the right one before the search turns to bisection."""


@dataclass(frozen=True, eq=False)
class Gridded(Law):
    """p(x) = Σᵢ pᵢ Πⱼ max(0, 1 − |xⱼ − xᵢⱼ|/hⱼ): the multilinear interpolant of cell-centre values.

    It is the mixture of tent functions at the cell centres with weights pᵢ Πⱼ hⱼ: periodic axes wrap, on
    open axes the outermost tents reach half a cell beyond the edge. Undershoots are clipped to 0 and the
    values scaled to mass 1. A tent has mean xᵢ and, in each coordinate, the variance h²/6.

    Parameters
    ----------
    values : array
        Density at the cell centres, shape ``grid.shape``.
    grid : Grid

    Raises
    ------
    ValueError
        If the shape is not the grid's, a value is not finite, the negative part exceeds 1 % of the mass,
        or there is no mass.
    """

    values: FloatArray
    grid: Grid

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=float)
        if values.shape != self.grid.shape:
            raise ValueError(f"a density on this grid has shape {self.grid.shape}, got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("the density has values that are not finite; a law needs finite values >= 0")
        clipped = np.maximum(values, 0.0)
        total = clipped.sum()
        if not total > 0:
            raise ValueError("the density has no positive value, so it is not that of a law")
        if total - values.sum() > UNDERSHOOT * total:
            raise ValueError(
                f"the negative part of the density is {(total - values.sum()) / total:.2g} of its mass, "
                f"more than {UNDERSHOOT:g}; give a density >= 0"
            )
        clipped /= total * self.grid.cell_volume
        object.__setattr__(self, "values", clipped)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.grid.dim

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        x = as_points(x, self.dim)
        places = [_neighbours(axis, x[..., i]) for i, axis in enumerate(self.grid.axes)]
        density = np.zeros(x.shape[:-1])
        for corner in product((0, 1), repeat=self.dim):
            index = tuple(cells[side] for side, (cells, _) in zip(corner, places))
            weight = np.prod([weights[side] for side, (_, weights) in zip(corner, places)], axis=0)
            density += weight * self._padded[index]
        return density

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        u = rng.random((size, 1 + 2 * self.dim))
        indices = np.unravel_index(self._cells(u[:, 0]), self.grid.shape)
        points = np.empty((size, self.dim))
        for i, (axis, index) in enumerate(zip(self.grid.axes, indices)):
            # u₁ + u₂ − 1 has the tent for its density; index + 1/2 is the centre of the cell.
            tent = u[:, 1 + 2 * i] + u[:, 2 + 2 * i] - 0.5
            points[:, i] = axis.wrap(axis.lower + axis.spacing * (index + tent))
        return points

    def on(self, grid: Grid) -> Law:
        """The same law on the domain of ``grid``."""
        axes = tuple(_seen_on(mine, axis) for mine, axis in zip(self.grid.axes, grid.axes, strict=True))
        law = self if axes == self.grid.axes else Gridded(self.values, Grid(axes))
        same_box = all(_same_box(mine, axis) for mine, axis in zip(axes, grid.axes) if axis.periodic)
        return law if same_box else Wrapped.around(law, grid)

    @cached_property
    def _padded(self) -> FloatArray:
        padded = self.values
        for i, axis in enumerate(self.grid.axes):
            width = [(int(i == j),) * 2 for j in range(self.dim)]
            padded = np.pad(padded, width, mode="wrap" if axis.periodic else "constant")
        return padded

    def _cells(self, u: FloatArray) -> Cells:
        """The first cell whose cumulative mass exceeds u, for each u in [0, 1)."""
        cumulative, guide = self._tables
        cells = guide[(u * guide.size).astype(np.intp)]
        pending = np.flatnonzero(cumulative[cells] <= u)
        for _ in range(GUIDED_STEPS):
            cells[pending] += 1
            pending = pending[cumulative[cells[pending]] <= u[pending]]
        # Long runs of nearly empty cells, which are seldom hit, are left to bisection.
        cells[pending] = np.searchsorted(cumulative, u[pending], side="right")
        return cells

    @cached_property
    def _tables(self) -> tuple[FloatArray, Cells]:
        """Cumulative masses in the order of the cells, ending with 1, and where to start looking in them.

        Entry j of the second is the answer for u = j/M; with M a power of 2 no rounding lifts j/M above u.
        The look-up takes a tenth of the time of a bisection.
        """
        cumulative = np.cumsum(self.values)
        cumulative /= cumulative[-1]
        M = 1 << (cumulative.size - 1).bit_length()
        return cumulative, np.searchsorted(cumulative, np.arange(M) / M, side="right")

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {n}" for name, n in zip(self.grid.names, self.grid.shape))
        return f"Gridded({sizes})"


def from_density(density: xr.DataArray) -> Gridded:
    """The law whose density interpolates the cell-centre values of a DataArray: see :class:`Gridded`.

    Parameters
    ----------
    density : DataArray
        One dimension for each axis, named like it (``x``, ``v``, …), with its cell centres as coordinates.

    Raises
    ------
    TypeError
        If it is not a DataArray.
    ValueError
        If there is a dimension that is no axis, or the values are not those of a density.
    """
    if not isinstance(density, xr.DataArray):
        raise TypeError(
            f"from_density takes an xarray.DataArray, got {type(density).__name__}; "
            "take one out of a Dataset with dataset['density']"
        )
    grid = grid_of(density)
    extra = [str(dim) for dim in density.dims if dim not in grid.names]
    if extra:
        raise ValueError(
            f"the density still has dimension {', '.join(extra)}; choose one entry, "
            f"e.g. density.isel({extra[0]}=-1)"
        )
    return Gridded(density.values, grid)


def _neighbours(axis: Axis, x: FloatArray) -> tuple[tuple[Cells, Cells], tuple[FloatArray, FloatArray]]:
    """The two padded cells around each coordinate, and the weights of their tents there."""
    s = (axis.wrap(x) - axis.lower) / axis.spacing + 0.5  # a padded cell i has its centre at s = i
    inside = (s > 0) & (s < axis.size + 1)
    left = np.clip(np.floor(s), 0, axis.size).astype(np.intp)
    w = np.where(inside, s - left, 0.0)
    return (left, left + 1), (np.where(inside, 1 - w, 0.0), w)


def _same_box(one: Axis, other: Axis) -> bool:
    ends = np.subtract((one.lower, one.upper), (other.lower, other.upper))
    return one.boundary == other.boundary and bool(np.abs(ends).max() <= 1e-9 * other.length)


def _seen_on(mine: Axis, axis: Axis) -> Axis:
    """``mine`` as a circle where ``axis`` is a circle of the same length: other codes do not record it."""
    if mine.periodic or not axis.periodic:
        return mine
    excess = mine.length - axis.length
    if abs(excess - mine.spacing) <= 1e-6 * mine.spacing:
        raise ValueError(
            f"the density repeats the first point of the periodic axis {axis.name!r} at its end; "
            f"drop it with density.isel({axis.name}=slice(None, -1))"
        )
    if abs(excess) > 1e-6 * mine.spacing:
        return mine
    return Axis(axis.name, mine.lower, mine.lower + axis.length, mine.size, "periodic")

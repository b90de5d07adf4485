"""A gridded density replaced by atoms at the centres of equal cells, with the exact cost of doing so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from mfpde.chaos.transport.line import line_of
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Atoms", "Extent", "atoms_of", "cell_counts", "extents_of"]

FloatArray = NDArray[np.float64]
Extent = tuple[float, float]
TAIL = 1e-4
NEGLIGIBLE = 1e-15


@dataclass(frozen=True, eq=False)
class Atoms:
    """Weighted points that stand for a density.

    Attributes
    ----------
    positions : array (M, n)
    masses : array (M,)
        Positive, of sum 1.
    quantisation : float
        W₂ between the atoms and the density, exact; it bounds W₁ between them as well.
    """

    positions: FloatArray
    masses: FloatArray
    quantisation: float


def extents_of(weights: FloatArray, grid: Grid) -> tuple[Extent, ...]:
    """Along each axis the interval to cut into cells: a circle whole, of a line all but 1e-4 at each end."""
    extents = []
    for i, axis in enumerate(grid.axes):
        if axis.periodic:
            extents.append((axis.lower, axis.upper))
        else:
            along = weights.sum(axis=tuple(j for j in range(grid.dim) if j != i))
            low, high = line_of(along, axis).quantile(np.array([TAIL, 1 - TAIL]))
            extents.append((float(low), float(high)))
    return tuple(extents)


def cell_counts(extents: Sequence[Extent], cells: int) -> tuple[int, ...]:
    """Cells along each axis, as cubic as they come, at most ``cells`` in all."""
    lengths = [high - low for low, high in extents]
    counts, left = [1] * len(lengths), cells
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    for done, i in enumerate(order):
        others = order[done:]
        ratio = np.prod([lengths[i] / lengths[j] for j in others])
        counts[i] = max(1, int((left * ratio) ** (1 / len(others)) + 1e-9))
        left //= counts[i]
    return tuple(counts)


def atoms_of(weights: FloatArray, grid: Grid, extents: Sequence[Extent], counts: Sequence[int]) -> Atoms:
    """Every point of the density moved to the nearest of the centres of equal cells.

    The masses of the cells are exact for the tents. On open axes the outermost cells reach to infinity.
    Moving every point to its nearest atom is optimal for the masses that arise, so the root mean square way
    is the distance W₂ between atoms and density itself.
    """
    tables = [_moments(*each) for each in zip(grid.axes, extents, counts, strict=True)]
    masses = reduce(lambda array, table: np.tensordot(array, table[1], axes=(0, 1)), tables, weights)
    square = 0.0
    for i, (_, _, second) in enumerate(tables):
        along = weights.sum(axis=tuple(j for j in range(grid.dim) if j != i))
        square += float(np.sum(second @ along))
    centres = np.stack(np.meshgrid(*(table[0] for table in tables), indexing="ij"), axis=-1)
    kept = masses > NEGLIGIBLE * masses.max()
    return Atoms(centres[kept], masses[kept] / masses[kept].sum(), float(np.sqrt(square)))


def _moments(axis: Axis, extent: Extent, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres (M,) of cells, and the mass and the second moment about its centre of each tent in each cell.

    The two tables have shape (M, axis.size).
    """
    edges = np.linspace(*extent, count + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    laps = (-1, 0, 1) if axis.periodic else (0,)
    if not axis.periodic:
        edges[[0, -1]] = -np.inf, np.inf
    h = axis.spacing
    mass, second = np.zeros((2, count, axis.size))
    for lap in laps:
        tents = axis.points + lap * axis.length
        t = np.clip((edges[:, np.newaxis] - tents) / h, -1.0, 1.0)
        zeroth, linear, quadratic = (np.diff(part, axis=0) for part in _tent_integrals(t))
        offset = tents - centres[:, np.newaxis]
        mass += zeroth
        second += h * h * quadratic + 2 * h * offset * linear + offset**2 * zeroth
    return centres, mass, second


def _tent_integrals(t: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """∫ s^k (1 − |s|) ds from −1 to t in [−1, 1], k = 0, 1, 2."""
    size = np.abs(t)
    return (
        0.5 + t - t * size / 2,
        t**2 / 2 - size**3 / 3 - 1 / 6,
        1 / 12 + t**3 / 3 - t * size**3 / 4,
    )

"""Exact transport in several dimensions between particles and the atoms of a density."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, tents
from mfpde.chaos.transport.atoms import Atoms, atoms_of, cell_counts, extents_of
from mfpde.chaos.transport.point_clouds import cheapest_plan, check_pairs, squared_distances
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Grid

__all__ = ["AtomsTarget", "atoms_target"]

FloatArray = NDArray[np.float64]
SHARE = 0.5
CELLS_BETWEEN = 1024


@dataclass(frozen=True, eq=False)
class AtomsTarget:
    """Atoms of a density in two or more dimensions.

    The distance belongs to the atoms; that to the density differs by at most ``bias``, since
    |W_p(μ, ρ_h) − W_p(μ, ρ)| ≤ W_p(ρ_h, ρ) ≤ W₂(ρ_h, ρ), the last computed exactly.
    """

    weights: FloatArray
    grid: Grid
    atoms: Atoms
    columns: Columns
    p: int

    @property
    def bias(self) -> float:
        """Largest error of the distance that comes from replacing the density by atoms."""
        return self.atoms.quantisation

    def distance(self, points: ArrayLike) -> float:
        """W_p between the empirical measure and the atoms, exact up to rounding.

        Warns
        -----
        UserWarning
            If the quantisation bias may exceed half of the distance.

        Raises
        ------
        ValueError
            If there are too many pairs of points and atoms.
        """
        x = self.columns.of(points)
        count = len(self.atoms.masses)
        check_pairs(len(x), count, "particles × cells", "use fewer cells, by cells=..., or SlicedWasserstein")
        cost = squared_distances(x, self.atoms.positions, self.grid.axes) ** (self.p / 2)
        total, _ = cheapest_plan(cost, np.full(len(x), 1 / len(x)), self.atoms.masses)
        value = total ** (1 / self.p)
        if self.bias > SHARE * value:
            warnings.warn(
                f"replacing the density by {count} atoms changes W{self.p} by up to {self.bias:.3g}, more "
                "than half of the distance found; raise `cells`, or use SemiDiscrete or SlicedWasserstein",
                stacklevel=2,
            )
        return float(value)

    def floor(self, size: int) -> float | None:
        """``None``: only sampling gives it."""
        return None

    def difference(self, other: AtomsTarget) -> float:
        """W_p between two densities, both moved to the same 1024 cells at most.

        Equal densities are at distance 0. The error is at most the sum of both quantisations. Between close
        densities it is less for p = 1; for p = 2 ways shorter than a cell count as a few whole steps, which
        makes W₂ too large, by up to a factor √(cell/way).
        """
        pairs = zip(extents_of(self.weights, self.grid), extents_of(other.weights, other.grid), strict=True)
        extents = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs]
        counts = cell_counts(extents, CELLS_BETWEEN)
        mine = atoms_of(self.weights, self.grid, extents, counts)
        theirs = atoms_of(other.weights, other.grid, extents, counts)
        cost = squared_distances(mine.positions, theirs.positions, self.grid.axes) ** (self.p / 2)
        total, _ = cheapest_plan(cost, mine.masses, theirs.masses)
        return float(total ** (1 / self.p))


def atoms_target(density: xr.DataArray, names: tuple[str, ...], p: int, cells: int) -> AtomsTarget:
    """Atoms of the marginal of ``density`` on the named axes, at most ``cells`` of them."""
    weights, reduced = tents(density, names)
    extents = extents_of(weights, reduced)
    atoms = atoms_of(weights, reduced, extents, cell_counts(extents, cells))
    return AtomsTarget(weights, reduced, atoms, Columns(grid_of(density), names), p)

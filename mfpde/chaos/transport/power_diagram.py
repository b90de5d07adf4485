"""Laguerre cells of points in the plane, on lines, circles and their products."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid

__all__ = ["Integers", "LaguerreCells", "State"]

FloatArray = NDArray[np.float64]
Integers = NDArray[np.int64]
State = tuple[FloatArray, FloatArray, Integers, FloatArray]


class LaguerreCells:
    """The Laguerre cells of fixed points for any potential."""

    def __init__(self, points: FloatArray, grid: Grid, weights: FloatArray) -> None:
        axes = grid.axes
        laps = [(0, -1, 1) if axis.periodic else (0,) for axis in axes]
        shifts = np.array(list(product(*laps))) * [axis.length for axis in axes]
        self.points, self.count = points, len(points)
        self.spacing = np.array(grid.spacing)
        # Knots at the cell centres; on open axes a frame of zeros, where the outermost tents end.
        frame = [(0, 0) if axis.periodic else (1, 1) for axis in axes]
        self.density = np.pad(weights / grid.cell_volume, frame)
        self.start = np.array(
            [axis.points[0] - before * axis.spacing for axis, (before, _) in zip(axes, frame, strict=True)]
        )
        far = self.start + (np.array(self.density.shape) - 1) * self.spacing
        sides = [
            np.tile([-axis.length / 2, axis.length / 2], (self.count, 1))
            if axis.periodic
            else np.stack([self.start[i] - points[:, i], far[i] - points[:, i]], -1)
            for i, axis in enumerate(axes)
        ]
        self.box = np.concatenate(sides, axis=1)
        # Four points without cells, so far away that their bisectors miss the density, make the hull solid.
        images = (points + shifts[:, np.newaxis]).reshape(-1, 2)
        corners = np.array([np.minimum(images.min(0), self.start), np.maximum(images.max(0), far)])
        radius = 10 * float(np.linalg.norm(corners[1] - corners[0]))
        outer = corners.mean(0) + radius * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        self.images = np.concatenate([images, outer])
        self.owners = np.concatenate([np.tile(np.arange(self.count), len(shifts)), np.full(4, -1)])

    def of(self, potential: FloatArray) -> State:
        """Masses, costs, pairs of neighbours and ∫ρ / 2|yᵢ − yⱼ| over their interfaces."""
        from mfpde.chaos.transport.laguerre import integrate_cells

        offsets, neighbours = self._adjacency(potential)
        return integrate_cells(
            self.points, self.images, self.owners, offsets, neighbours, potential, self.box, self.start,
            self.spacing, self.density,
        )  # fmt: skip

    def _adjacency(self, potential: FloatArray) -> tuple[Integers, Integers]:
        """For every point the images whose cells can touch its own: edges of the regular triangulation.

        That is the lower convex hull of the points lifted to the height |y|² − ψ (F. Aurenhammer, SIAM J.
        Comput. 16, 1987).
        """
        from scipy.spatial import ConvexHull

        lowest = np.append(potential, potential.min())  # for the frame, whose owner is −1
        centred = self.images - self.points.mean(0)
        height = (centred**2).sum(1) - lowest[self.owners]
        hull = ConvexHull(np.column_stack([centred, height]))
        lower = hull.simplices[hull.equations[:, 2] < 0]
        ends = np.concatenate([lower[:, [i, j]] for i in range(3) for j in range(3) if i != j])
        ends = ends[ends[:, 0] < self.count].astype(np.int64)
        code = np.unique(ends[:, 0] * len(self.images) + ends[:, 1])
        first, neighbours = np.divmod(code, len(self.images))
        return np.searchsorted(first, np.arange(self.count + 1)), neighbours

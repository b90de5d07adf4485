"""Sliced Wasserstein distance between particles and a gridded density in several dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.between import cost_between
from mfpde.chaos.line import Line, line_of
from mfpde.chaos.marginals import Columns, tents
from mfpde.chaos.metric import default_axes
from mfpde.chaos.transport import Transport, root_of_mean
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Axis, Grid

__all__ = ["SlicedWasserstein", "embed", "half_sphere"]

FloatArray = NDArray[np.float64]
BINS = 4096


@dataclass(frozen=True)
class SlicedWasserstein(Transport):
    r"""Sliced Wasserstein distance: :math:`SW_p^p` is the mean over directions θ of :math:`W_p^p` along θ.

    A periodic axis is embedded in the plane as the circle of the same length, so distances along it are
    chords, shorter than the arcs by the factor sin(s)/s, s = π·arc/length (2/π at worst). Directions are
    spread evenly over the half sphere without random numbers. Each tent is replaced by atoms of the same mean
    and variance, shared between two of 4096 bins of the projection: for a smooth density the quantisation is
    of the fourth order in the cell width, plus about 1e-7 of the projection's extent.

    Parameters
    ----------
    p : {1, 2}
    directions : int
        Number of directions, at least 1.
    axes : tuple of str, optional
        All axes by default.

    Notes
    -----
    Source: N. Bonneel, J. Rabin, G. Peyré and H. Pfister, J. Math. Imaging Vision 51 (2015).
    """

    p: int = 1
    directions: int = 32
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "sliced_wasserstein"

    def __post_init__(self) -> None:
        super().__post_init__()
        if int(self.directions) != self.directions or self.directions < 1:
            raise ValueError(f"directions={self.directions!r} must be a positive integer")

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        where = f" in {', '.join(self.axes)}" if self.axes else ""
        return f"sliced Wasserstein distance W{self.p}{where}"

    def target(self, density: xr.DataArray) -> SlicedTarget:
        """Projections of the marginal of ``density`` on every direction."""
        grid = grid_of(density)
        names = grid.names if self.axes is None else default_axes(self.axes, grid)
        weights, reduced = tents(density, names)
        atoms, masses = _atoms(weights, reduced)
        embedded = embed(atoms, reduced.axes)
        directions = half_sphere(embedded.shape[1], self.directions)
        laws = tuple(_projected(embedded @ direction, masses) for direction in directions)
        return SlicedTarget(laws, directions, Columns(grid, names), self.p)


@dataclass(frozen=True, eq=False)
class SlicedTarget:
    """Projections of a density on fixed directions."""

    laws: tuple[Line, ...]
    directions: FloatArray
    columns: Columns
    p: int

    def distance(self, points: ArrayLike) -> float:
        """Sliced W_p of the empirical measure; O(N log N) for each direction."""
        embedded = embed(self.columns.of(points), self.columns.axes)
        projections = embedded @ self.directions.T
        return root_of_mean(
            [law.cost(x, self.p) for law, x in zip(self.laws, projections.T, strict=True)], self.p
        )

    def floor(self, size: int) -> float | None:
        """Mean of i.i.d. samples for p = 1, which is the mean over directions of E W₁; ``None`` for p = 2."""
        return None if self.p == 2 else float(np.mean([law.mean_absolute_floor(size) for law in self.laws]))

    def difference(self, other: SlicedTarget) -> float:
        """Sliced W_p between two densities on the same box."""
        return root_of_mean(
            [cost_between(a, b, self.p) for a, b in zip(self.laws, other.laws, strict=True)], self.p
        )


def embed(points: FloatArray, axes: tuple[Axis, ...]) -> FloatArray:
    """Points (N, n) with each periodic coordinate replaced by its place on a circle of the same length."""
    columns = []
    for axis, x in zip(axes, points.T, strict=True):
        if axis.periodic:
            radius = axis.length / (2 * np.pi)
            columns += [
                radius * np.cos((x - axis.lower) / radius),
                radius * np.sin((x - axis.lower) / radius),
            ]
        else:
            columns.append(x)
    return np.stack(columns, axis=-1)


def half_sphere(dim: int, count: int) -> FloatArray:
    """Unit vectors (count, dim), even up to sign: equal angles in the plane, else a Kronecker sequence.

    The sequence steps by the powers of 1/g with g^{dim+1} = g + 1 and is mapped by the normal quantiles.
    """
    if dim == 1:
        return np.ones((1, 1))
    if dim == 2:
        angle = np.pi * (np.arange(count) + 0.5) / count
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    from scipy.special import ndtri

    g = 2.0
    for _ in range(64):
        g = (1 + g) ** (1 / (dim + 1))
    cube = np.mod(0.5 + np.outer(np.arange(1, count + 1), g ** -np.arange(1.0, dim + 1)), 1.0)
    normal = ndtri(cube)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def _atoms(weights: FloatArray, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Two atoms for each tent and axis, at ± h/√6, which keep its mean and variance h²/6."""
    kept = np.flatnonzero(weights > 1e-15 * weights.max())
    centres = grid.points.reshape(-1, grid.dim)[kept]
    signs = np.stack(np.meshgrid(*[(-1.0, 1.0)] * grid.dim, indexing="ij"), axis=-1).reshape(-1, grid.dim)
    offsets = signs * np.array(grid.spacing) / np.sqrt(6)
    atoms = (centres + offsets[:, np.newaxis]).reshape(-1, grid.dim)
    masses = np.tile(weights.ravel()[kept], len(offsets)) / len(offsets)
    return atoms, masses


def _projected(positions: FloatArray, masses: FloatArray) -> Line:
    """Tents on a fine grid with the mass and the mean of every atom."""
    lower, upper = positions.min(), positions.max()
    margin = 2 * (upper - lower) / BINS
    axis = Axis("x", lower - margin, upper + margin, BINS, "open")
    s = (positions - axis.lower) / axis.spacing - 0.5
    cell = s.astype(int)
    right = masses * (s - cell)
    weights = np.bincount(cell, masses - right, BINS) + np.bincount(cell + 1, right, BINS)
    return line_of(weights / weights.sum(), axis)

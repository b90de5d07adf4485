"""Sliced Wasserstein distance between particles and a gridded density in several dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, evaluate, tents
from mfpde.chaos.metric import default_axes
from mfpde.chaos.transport.between import cost_between
from mfpde.chaos.transport.exact import Transport, root_of_mean
from mfpde.chaos.transport.line import Line, line_of
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Axis, Grid

__all__ = [
    "MaxSlicedWasserstein",
    "SlicedWasserstein",
    "embed",
    "half_sphere",
    "max_sliced_wasserstein",
]

FloatArray = NDArray[np.float64]
BINS = 4096
STARTS = 3
SEARCH = 40
"""Trial directions for each start and each angle."""


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
        _check_count(self.directions)

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


@dataclass(frozen=True)
class MaxSlicedWasserstein(Transport):
    r"""Max-sliced Wasserstein distance: the largest :math:`W_p` over the directions θ of projection.

    Projections, periodic axes and the accuracy of the projected density are those of
    :class:`SlicedWasserstein`. The best three of ``directions`` even directions are improved by a simplex
    search (Nelder and Mead) on the sphere: the value is that of a local maximum, a lower bound
    of the supremum, never below the sliced distance with the same directions, and at most :math:`W_p`.

    Parameters
    ----------
    p : {1, 2}
    directions : int
        Number of even directions to start from, at least 1.
    axes : tuple of str, optional
        All axes by default.

    Notes
    -----
    *Good values.* The default; with four and more embedded dimensions (a periodic axis counts twice) 128.
    *When it fails.* In many dimensions several maxima compete and the best may be missed.

    Sources: I. Deshpande et al., CVPR 2019; for log-concave laws E W_p ~ N^{−1/2}, up to
    logarithms: S. Nietert, Z. Goldfeld, R. Sadhu and K. Kato, NeurIPS 2022.
    """

    p: int = 1
    directions: int = 32
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "max_sliced_wasserstein"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count(self.directions)

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        where = f" in {', '.join(self.axes)}" if self.axes else ""
        return f"max-sliced Wasserstein distance W{self.p}{where}"

    @property
    def citation(self) -> str:
        """Source of the exponent."""
        return "S. Nietert, Z. Goldfeld, R. Sadhu, K. Kato, NeurIPS 2022"

    def target(self, density: xr.DataArray) -> MaxSlicedTarget:
        """Projections on the first directions, and what further ones need."""
        grid = grid_of(density)
        names = grid.names if self.axes is None else default_axes(self.axes, grid)
        weights, reduced = tents(density, names)
        atoms, masses = _atoms(weights, reduced)
        return MaxSlicedTarget(
            embed(atoms, reduced.axes),
            masses,
            SlicedWasserstein(self.p, self.directions, self.axes).target(density),
            Columns(grid, names),
            self.p,
        )


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


@dataclass(frozen=True, eq=False)
class MaxSlicedTarget:
    """A density as embedded atoms, with its projections on the first directions."""

    embedded: FloatArray
    masses: FloatArray
    sliced: SlicedTarget
    columns: Columns
    p: int

    def distance(self, points: ArrayLike) -> float:
        """Largest W_p of the projections that the search finds."""
        return self.maximum(points)[0]

    def maximum(self, points: ArrayLike) -> tuple[float, FloatArray]:
        """The same with its direction, a unit vector in the space where circles are embedded as circles."""
        x = embed(self.columns.of(points), self.columns.axes)
        even = self.sliced
        first = [law.cost(x @ θ, self.p) for law, θ in zip(even.laws, even.directions, strict=True)]
        cost, direction = _largest(
            lambda θ: _projected(self.embedded @ θ, self.masses).cost(x @ θ, self.p), even.directions, first
        )
        return root_of_mean([cost], self.p), direction

    def floor(self, size: int) -> float | None:
        """``None``: only sampling gives it."""
        return None

    def difference(self, other: MaxSlicedTarget) -> float:
        """Largest W_p of the projections of two densities on the same box."""
        mine, theirs = self.sliced, other.sliced
        first = [cost_between(a, b, self.p) for a, b in zip(mine.laws, theirs.laws, strict=True)]

        def cost(θ: FloatArray) -> float:
            one, two = (_projected(target.embedded @ θ, target.masses) for target in (self, other))
            return cost_between(one, two, self.p)

        return root_of_mean([_largest(cost, mine.directions, first)[0]], self.p)


def max_sliced_wasserstein(
    points: ArrayLike | xr.Dataset,
    density: xr.DataArray | xr.Dataset,
    p: int = 1,
    directions: int = 32,
    axes: tuple[str, ...] | None = None,
) -> Any:
    """Max-sliced W_p between particles and a density, see :class:`MaxSlicedWasserstein`.

    Parameters
    ----------
    points : array (N, n), (N,) for one axis, or Dataset of ``simulate``
    density : DataArray or Dataset
    p, directions, axes
        As for :class:`MaxSlicedWasserstein`.

    Returns
    -------
    float or DataArray
        A float for an array; for a Dataset a DataArray over the dimensions other than ``particle``.
    """
    return evaluate(MaxSlicedWasserstein(p, directions, axes), points, density)


def _largest(
    cost: Callable[[FloatArray], float], directions: FloatArray, values: list[float]
) -> tuple[float, FloatArray]:
    """Largest cost near the best of the directions, whose costs are known, and where it is."""
    from scipy.optimize import minimize

    order = np.argsort(-np.array(values), kind="stable")
    best, where = values[order[0]], directions[order[0]]
    dim = directions.shape[1]
    if dim == 1:
        return best, where
    # About half of the angle between neighbouring directions.
    angle = 0.5 * np.pi / len(directions) ** (1 / (dim - 1))
    for start in directions[order[:STARTS]]:
        tangents = np.linalg.svd(start[np.newaxis])[2][1:]

        def turned(u: FloatArray, start: FloatArray = start, tangents: FloatArray = tangents) -> FloatArray:
            θ = start + u @ tangents
            return np.asarray(θ / np.linalg.norm(θ))

        found = minimize(
            lambda u, turned=turned: -cost(turned(u)),
            np.zeros(dim - 1),
            method="Nelder-Mead",
            options={
                "initial_simplex": angle * np.vstack([np.zeros(dim - 1), np.eye(dim - 1)]),
                "maxfev": SEARCH * (dim - 1),
                "xatol": 1e-4,
                "fatol": 1e-7 * best,
            },
        )
        if -found.fun > best:
            best, where = float(-found.fun), turned(found.x)
    return best, where


def _check_count(directions: int) -> None:
    if int(directions) != directions or directions < 1:
        raise ValueError(f"directions={directions!r} must be a positive integer")


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

"""Wasserstein distances between two point sets: optimal assignments, sorting and bottleneck matchings."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns
from mfpde.chaos.metric import default_axes
from mfpde.chaos.transport.point_clouds import cheapest_plan, check_pairs, squared_distances
from mfpde_solvers.grid import Axis, Grid

__all__ = ["wasserstein_between"]

FloatArray = NDArray[np.float64]
MAX_MATCHED = 2**24


def wasserstein_between(
    points: ArrayLike,
    others: ArrayLike,
    p: float = 2.0,
    grid: Grid | None = None,
    axes: Iterable[str] | str | None = None,
) -> float:
    r"""Wasserstein distance between two empirical measures, exact.

    :math:`W_p^p = \inf_π ∫ |x − y|^p π(dx, dy)` for 1 ≤ p < ∞, and
    :math:`W_∞ = \min_τ \max_i |x_i − y_{τ(i)}|` over permutations τ for sets of equal size. Sets of equal
    size are matched by an optimal assignment (sorted on an open axis), others by the network simplex. W_∞ is
    found by a binary search over the distances, with a perfect matching of the pairs within reach.

    Parameters
    ----------
    points : array (N, n) or (N,)
    others : array (M, n) or (M,)
    p : float
        1 ≤ p ≤ ∞.
    grid : Grid, optional
        Its axes name the n columns and tell which are periodic; without it all are lines. Lengths count only
        for periodic axes.
    axes : tuple of str, optional
        The axes to look at, those of ``grid`` by default; needs ``grid``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If p < 1, the shapes do not fit, a coordinate is not finite, the sizes differ for p = ∞, or N·M
        exceeds 2²⁴ (4096 points in each set; without limit on an open axis).
    ImportError
        If the sizes differ and POT is not installed.

    Notes
    -----
    Sources: D. F. Crouse, IEEE Trans. Aerosp. Electron. Syst. 52 (2016) for the assignment; J. E. Hopcroft
    and R. M. Karp, SIAM J. Comput. 2 (1973) for the matching.

    Examples
    --------
    On a circle of length 1 the points 0.95 and 0.05 are 0.1 apart.

    >>> from mfpde_solvers.grid import Axis, Grid
    >>> circle = Grid((Axis("x", 0.0, 1.0, 8),))
    >>> round(wasserstein_between([0.95, 0.5], [0.5, 0.05], p=1, grid=circle), 12)
    0.05
    """
    if not p >= 1:
        raise ValueError(f"p={p!r} must be at least 1; use p=1, p=2 or p=inf")
    x, y, lines = _two_sets(points, others, grid, axes)
    if p == inf and len(x) != len(y):
        raise ValueError(
            f"W∞ is computed for sets of equal size, got {len(x)} and {len(y)} points; use a finite p"
        )
    if len(x) == len(y) and x.shape[1] == 1 and not lines[0].periodic:
        gaps = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0]))
        return float(gaps.max() if p == inf else np.mean(gaps**p) ** (1 / p))
    check_pairs(len(x), len(y), "points × points", "use SlicedWasserstein or fewer points", MAX_MATCHED)
    squares = squared_distances(x, y, lines)
    if p == inf:
        return float(np.sqrt(_bottleneck(squares)))
    return float(_mean_cost(squares ** (p / 2)) ** (1 / p))


def _two_sets(
    points: ArrayLike, others: ArrayLike, grid: Grid | None, axes: Iterable[str] | str | None
) -> tuple[FloatArray, FloatArray, tuple[Axis, ...]]:
    arrays = [np.asarray(each, dtype=float) for each in (points, others)]
    x, y = (each[:, np.newaxis] if each.ndim == 1 else each for each in arrays)
    if grid is not None:
        columns = Columns(grid, grid.names if axes is None else default_axes(axes, grid))
        return columns.of(x), columns.of(y), columns.axes
    if axes is not None:
        raise ValueError("axes are names of a grid; give grid=... as well")
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not (x.size and y.size):
        raise ValueError(f"the sets need shapes (N, n) and (M, n), got {arrays[0].shape}, {arrays[1].shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("points must be finite; drop the particles that left the domain or blew up")
    return x, y, (Axis("x", 0.0, 1.0, 2, "open"),) * x.shape[1]


def _mean_cost(cost: FloatArray) -> float:
    from scipy.optimize import linear_sum_assignment

    size, count = cost.shape
    if size == count:
        return float(cost[linear_sum_assignment(cost)].mean())
    return cheapest_plan(cost, np.full(size, 1 / size), np.full(count, 1 / count))[0]


def _bottleneck(squares: FloatArray) -> float:
    """The least t such that pairs with entry ≤ t hold a perfect matching."""
    from scipy.optimize import linear_sum_assignment

    # Every row and column needs a partner, and any assignment is an upper bound.
    low = max(squares.min(axis=0).max(), squares.min(axis=1).max())
    high = squares[linear_sum_assignment(squares)].max()
    candidates = np.unique(squares[(squares >= low) & (squares <= high)])
    first, last = 0, candidates.size - 1
    while first < last:
        middle = (first + last) // 2
        if _matches(squares <= candidates[middle]):
            last = middle
        else:
            first = middle + 1
    return float(candidates[first])


def _matches(within: NDArray[np.bool_]) -> bool:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    return bool((maximum_bipartite_matching(csr_array(within)) >= 0).all())

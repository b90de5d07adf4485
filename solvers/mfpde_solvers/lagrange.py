"""Lagrange interpolation on lines and tiles: weights, combinations and the limiter, compiled and inlined.

The formulas and their notation are those of :mod:`mfpde_solvers.advection`; the sweeps through memory that
use them are in :mod:`mfpde_solvers.sweeps`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit, uint64
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "DEGREES",
    "GROUP",
    "ROWS",
    "SHORT",
    "TAPS",
    "Kept",
    "Mix",
    "Scheme",
    "Work",
    "advance",
    "combine",
    "combine_columns",
    "compiled",
    "inlined",
    "keep",
    "nothing_kept",
    "nothing_mixed",
    "recall",
    "set_weights",
    "split",
    "tile_width",
    "work_for",
]

DEGREES = (3, 5, 7, 9)
SHORT = 128  # cells of an axis up to which a window of wide tiles fits in cache
WIDE, NARROW = 512, 256  # bytes in a row of a tile, the columns moved together along a strided axis
GROUP = 7  # cells combined at once where every column has its own weights
TAPS = 3 * GROUP  # most cells so combined: those of the interpolation and the spread of the whole cells
ROWS = 64  # rows of a tile computed before they are written back
FLUSH = 8  # extra cells in a row of the transposed tile, so that the rows do not share one set of the cache

Array = NDArray[Any]
Integers = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])


class Scheme(NamedTuple):
    """What the compiler knows of a shift."""

    nodes: int  # 2r, cells in the interpolation
    reach: int  # ghost cells on either side
    positive: bool
    periodic: bool


class Work(NamedTuple):
    """Buffers of a shift, in the precision of the data but for the first two."""

    scale: Array  # 1 / Π_{j≠k} (k - j)
    exact: Array  # rows w and c, in double precision
    weights: Array  # rows w and c, the latter less α at q = 0, padded to the highest degree
    window: Array  # a line or a tile, with its ghost cells
    cells: Array  # shifted rows of a tile
    fluxes: Array  # antidiffusive fluxes A
    ratios: Array  # the share of them that each cell can give
    tile: Array  # columns transposed to lines


class Kept(NamedTuple):
    """Displacements met before, in whole cells and rest, and their weights."""

    shifts: Array
    wholes: Integers
    rests: Array
    exact: Array  # c, in double precision
    weights: Array  # rows w and c of ``Work.weights``


class Mix(NamedTuple):
    """Weights of tiles whose columns have displacements of their own."""

    taps: Integers  # cells combined, 0 if the tile has to be transposed
    whole: Integers  # whole cells of the column that moves farthest up
    weights: Array  # w, row after row of the tile
    exact: Array  # c likewise, in double precision


def compiled(function: Function) -> Function:
    """Compile with numba; products and sums may fuse, nothing else may be reordered, and NaN stays NaN."""
    return cast(Function, njit(cache=True, error_model="numpy", fastmath={"contract"})(function))


def inlined(function: Function) -> Function:
    """As ``compiled``, merged into its callers, where constants unroll loops and settle branches.

    Without it every slice costs two atomic reference counts, together as much as a short line.
    """
    wrapper = njit(cache=True, forceinline=True, error_model="numpy", fastmath={"contract"})
    return cast(Function, wrapper(function))


def tile_width(n: int, dtype: DTypeLike) -> int:
    """Columns of ``n`` cells that are moved together."""
    return (WIDE if n <= SHORT else NARROW) // np.dtype(dtype).itemsize


def work_for(n: int, degree: int, positive: bool, dtype: DTypeLike) -> Work:
    """Buffers for shifting lines of ``n`` cells, or tiles of such columns."""
    nodes, rows, width = degree + 1, min(n, ROWS), tile_width(n, dtype)
    limited = max(n + 3, (rows + 3) * width) * positive
    scale = [(-1) ** (degree - k) / (factorial(k) * factorial(degree - k)) for k in range(nodes)]
    return Work(
        scale=np.array(scale),
        exact=np.zeros((2, nodes)),
        weights=np.zeros((2, DEGREES[-1] + 1), dtype),
        window=np.zeros((n + 1 + TAPS) * width, dtype),
        cells=np.zeros((rows + 1) * width, dtype),
        fluxes=np.zeros(limited, dtype),
        ratios=np.zeros(limited, dtype),
        tile=np.zeros((width, n + FLUSH), dtype),
    )


@inlined
def nothing_kept(columns: int, scheme: Scheme, like: Array) -> Kept:
    """Room for the weights of so many columns, none of them known yet."""
    return Kept(
        np.full(columns, np.nan),
        np.empty(columns, np.int64),
        np.empty(columns),
        np.empty((columns, scheme.nodes)),
        np.empty((columns, 2, scheme.nodes), like.dtype),
    )


@inlined
def nothing_mixed(tiles: int, width: int, like: Array) -> Mix:
    """Room for the tiles in which every column has its own weights."""
    size = TAPS * width
    return Mix(
        np.zeros(tiles, np.int64),
        np.zeros(tiles, np.int64),
        np.empty((tiles, size), like.dtype),
        np.empty((tiles, size)),
    )


@inlined
def split(s: float, n: int, scheme: Scheme) -> tuple[int, float]:
    """Whole cells and remainder of ``s``; on a line at most just past its end, on a circle any integer."""
    whole = np.floor(s)
    α = s - whole
    if scheme.periodic:
        if abs(whole) > 2.0**52:  # past what an integer holds
            whole %= n
    else:
        far = float(n + scheme.reach)
        whole = min(max(whole, -far), far)
    return int(whole), α


@inlined
def set_weights(α: float, work: Work, scheme: Scheme) -> None:
    """Fill ``w`` and ``c``; products of integers come first, so that ``α = 0`` gives 0 and 1 exactly."""
    w, c = work.exact[0], work.exact[1]
    nodes, r = scheme.nodes, scheme.nodes // 2
    product = 1.0
    for k in range(nodes):
        w[k] = product
        product *= r - k - α
    product = 1.0
    for k in range(nodes - 1, -1, -1):
        w[k] = (w[k] * product) * work.scale[k]
        product *= r - k - α
    total = 0.0
    for k in range(r):
        total += w[k]
        c[k] = total
    total = 0.0
    for k in range(nodes - 1, r - 1, -1):
        c[k] = -total
        total += w[k]
    for k in range(nodes):
        work.weights[0, k] = w[k]
        work.weights[1, k] = c[k] - α if k == r - 1 else c[k]


@inlined
def keep(j: int, exact: Array, weights: Array, work: Work, scheme: Scheme) -> None:
    """Copy the weights at hand to row ``j`` of a table; by elements, since slices are counted references."""
    for k in range(scheme.nodes):
        exact[j, k] = work.exact[1, k]
        weights[j, 0, k] = work.weights[0, k]
        weights[j, 1, k] = work.weights[1, k]


@inlined
def recall(j: int, exact: Array, weights: Array, work: Work, scheme: Scheme) -> None:
    """Take the weights from row ``j`` of the table."""
    for k in range(scheme.nodes):
        work.exact[1, k] = exact[j, k]
        work.weights[0, k] = weights[j, 0, k]
        work.weights[1, k] = weights[j, 1, k]


@inlined
def combine(out: Array, window: Array, w: Array, lag: int, nodes: int) -> None:
    """``out_i = Σ_{k < nodes} w_k window_{i + k lag}``.

    Written out, with unsigned indices (signed ones may count from the end), because this loop is where the
    time goes and it is vectorised only so; ``nodes`` is a constant and the branches vanish.
    """
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9]
    zero = window.dtype.type(0.0)
    for i in range(out.size):
        total = zero + w0 * window[uint64(i)]  # one way to fuse it
        total += w1 * window[uint64(i + lag)]
        total += w2 * window[uint64(i + 2 * lag)]
        total += w3 * window[uint64(i + 3 * lag)]
        if nodes > 4:
            total += w4 * window[uint64(i + 4 * lag)]
            total += w5 * window[uint64(i + 5 * lag)]
        if nodes > 6:
            total += w6 * window[uint64(i + 6 * lag)]
            total += w7 * window[uint64(i + 7 * lag)]
        if nodes > 8:
            total += w8 * window[uint64(i + 8 * lag)]
            total += w9 * window[uint64(i + 9 * lag)]
        out[i] = total


@inlined
def combine_columns(out: Array, window: Array, w: Array, lag: int, taps: int) -> None:
    """As ``combine``, column ``b`` of the ``lag`` with its own weights ``w_{b + k lag}``, two rows at once.

    The order of summation is that of ``combine``, in which weights that are zero change nothing.
    """
    for i in range(0, out.size, 2 * lag):
        for b in range(2 * lag):
            out[uint64(i + b)] = 0
        for k in range(0, taps * lag, GROUP * lag):
            for b in range(lag):
                x, y = i + k + b, k + b
                x1, x2 = window[uint64(x + lag)], window[uint64(x + 2 * lag)]
                x3, x4 = window[uint64(x + 3 * lag)], window[uint64(x + 4 * lag)]
                x5, x6 = window[uint64(x + 5 * lag)], window[uint64(x + 6 * lag)]
                w0, w1, w2 = w[uint64(y)], w[uint64(y + lag)], w[uint64(y + 2 * lag)]
                w3, w4, w5 = w[uint64(y + 3 * lag)], w[uint64(y + 4 * lag)], w[uint64(y + 5 * lag)]
                w6 = w[uint64(y + 6 * lag)]
                upper = out[uint64(i + b)] + w0 * window[uint64(x)]
                lower = out[uint64(i + lag + b)] + w0 * x1
                upper += w1 * x1
                lower += w1 * x2
                upper += w2 * x2
                lower += w2 * x3
                upper += w3 * x3
                lower += w3 * x4
                upper += w4 * x4
                lower += w4 * x5
                upper += w5 * x5
                lower += w5 * x6
                upper += w6 * x6
                lower += w6 * window[uint64(x + 7 * lag)]
                out[uint64(i + b)], out[uint64(i + lag + b)] = upper, lower


@inlined
def _flux(window: Array, c: Array, row: int, lag: int, nodes: int) -> float:
    """Flux, summed over ``lag`` columns, through the edge whose stencil begins at this row of the window."""
    total = 0.0
    for b in range(lag):
        flux = 0.0
        for k in range(nodes):
            flux += c[k] * window[uint64((row + k) * lag + b)]
        total += flux
    return total


@inlined
def _interpolate(out: Array, window: Array, lag: int, work: Work, scheme: Scheme) -> float:
    """Shift by ``α`` the ``out.size / lag`` rows after the first ghosts; the flux out at the open ends."""
    nodes = scheme.nodes
    combine(out, window, work.weights[0], lag, nodes)
    if scheme.periodic:
        return 0.0
    c = work.exact[1]
    return _flux(window, c, out.size // lag, lag, nodes) - _flux(window, c, 0, lag, nodes)


@inlined
def _limit(out: Array, window: Array, α: float, lag: int, work: Work, scheme: Scheme) -> float:
    """As ``_interpolate``, with limited fluxes; its window has one more ghost row on either side."""
    real = window.dtype.type
    a, b, zero, one = real(α), real(1.0 - α), real(0.0), real(1.0)
    safe = one - real(8.0) * real(np.finfo(window.dtype).eps)  # so that round-off cannot make a cell negative
    N, M, r = out.size, out.size + 2 * lag, scheme.nodes // 2
    A, R = work.fluxes[: M + lag], work.ratios[:M]
    combine(A, window, work.weights[1], lag, scheme.nodes)
    g, upwind = window[r * lag : r * lag + M], window[(r - 1) * lag : (r - 1) * lag + M]
    left, right = A[:M], A[lag:]
    for i in range(M):
        held = safe * max(b * g[i] + a * upwind[i], zero)
        taken = max(right[i], zero) - min(left[i], zero)
        R[i] = held / taken if taken > held else one
    edges, before, after = A[lag:M], R[: N + lag], R[lag:]
    for i in range(N + lag):
        edges[i] *= before[i] if edges[i] > zero else after[i]
    g, upwind = g[lag:], upwind[lag:]
    left, right = edges[:N], edges[lag:]
    for i in range(N):
        out[i] = (b * g[i] + a * upwind[i]) - (right[i] - left[i])
    lost = 0.0
    if not scheme.periodic:
        for i in range(lag):
            lost += a * (g[N - lag + i] - upwind[i]) + (edges[N + i] - edges[i])
    return lost


@inlined
def advance(out: Array, window: Array, α: float, lag: int, work: Work, scheme: Scheme) -> float:
    """Shift what the window holds, limited if the scheme asks for it; returns what left through the ends."""
    if scheme.positive:
        return _limit(out, window, α, lag, work, scheme)
    return _interpolate(out, window, lag, work, scheme)

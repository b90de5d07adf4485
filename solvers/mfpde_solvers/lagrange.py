"""The compiled sweeps behind :class:`mfpde_solvers.advection.Shift`: lines and tiles of columns.

The formulas and their notation are those of :mod:`mfpde_solvers.advection`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import factorial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit, uint64
from numpy.typing import DTypeLike, NDArray

__all__ = ["DEGREES", "Function", "Integers", "Work", "compiled", "drivers", "offset", "work_for"]

DEGREES = (3, 5, 7, 9)
TILE = 32  # columns moved together along a strided axis: whole cache lines, and a window that fits in cache
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


def compiled(function: Function) -> Function:
    """Compile with numba; products and sums may fuse, nothing else may be reordered, and NaN stays NaN."""
    return cast(Function, njit(cache=True, error_model="numpy", fastmath={"contract"})(function))


def inlined(function: Function) -> Function:
    """As ``compiled``, merged into its callers, where constants unroll loops and settle branches.

    Without it every slice costs two atomic reference counts, together as much as a short line.
    """
    wrapper = njit(cache=True, forceinline=True, error_model="numpy", fastmath={"contract"})
    return cast(Function, wrapper(function))


def work_for(n: int, degree: int, positive: bool, dtype: DTypeLike) -> Work:
    """Buffers for shifting lines of ``n`` cells, or tiles of such columns."""
    nodes, rows = degree + 1, min(n, ROWS)
    limited = max(n + 3, (rows + 3) * TILE) * positive
    scale = [(-1) ** (degree - k) / (factorial(k) * factorial(degree - k)) for k in range(nodes)]
    return Work(
        scale=np.array(scale),
        exact=np.zeros((2, nodes)),
        weights=np.zeros((2, DEGREES[-1] + 1), dtype),
        window=np.zeros((n + nodes + 2 * positive) * TILE, dtype),
        cells=np.zeros(rows * TILE, dtype),
        fluxes=np.zeros(limited, dtype),
        ratios=np.zeros(limited, dtype),
        tile=np.zeros((TILE, n + FLUSH), dtype),
    )


@inlined
def _split(s: float, n: int, scheme: Scheme) -> tuple[int, float]:
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
def _set_weights(α: float, work: Work, scheme: Scheme) -> None:
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
def _keep(j: int, exact: Array, weights: Array, work: Work, scheme: Scheme) -> None:
    """Copy the weights at hand to row ``j`` of a table; by elements, since slices are counted references."""
    for k in range(scheme.nodes):
        exact[j, k] = work.exact[1, k]
        weights[j, 0, k] = work.weights[0, k]
        weights[j, 1, k] = work.weights[1, k]


@inlined
def _recall(j: int, exact: Array, weights: Array, work: Work, scheme: Scheme) -> None:
    """Take the weights from row ``j`` of the table."""
    for k in range(scheme.nodes):
        work.exact[1, k] = exact[j, k]
        work.weights[0, k] = weights[j, 0, k]
        work.weights[1, k] = weights[j, 1, k]


@inlined
def _combine(out: Array, window: Array, w: Array, lag: int, nodes: int) -> None:
    """``out_i = Σ_{k < nodes} w_k window_{i + k lag}``.

    Written out, with unsigned indices (signed ones may count from the end), because this loop is where the
    time goes and it is vectorised only so; ``nodes`` is a constant and the branches vanish.
    """
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9]
    for i in range(out.size):
        total = w0 * window[uint64(i)] + w1 * window[uint64(i + lag)]
        total += w2 * window[uint64(i + 2 * lag)] + w3 * window[uint64(i + 3 * lag)]
        if nodes > 4:
            total += w4 * window[uint64(i + 4 * lag)] + w5 * window[uint64(i + 5 * lag)]
        if nodes > 6:
            total += w6 * window[uint64(i + 6 * lag)] + w7 * window[uint64(i + 7 * lag)]
        if nodes > 8:
            total += w8 * window[uint64(i + 8 * lag)] + w9 * window[uint64(i + 9 * lag)]
        out[i] = total


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
    _combine(out, window, work.weights[0], lag, nodes)
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
    _combine(A, window, work.weights[1], lag, scheme.nodes)
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
def _advance(out: Array, window: Array, α: float, lag: int, work: Work, scheme: Scheme) -> float:
    if scheme.positive:
        return _limit(out, window, α, lag, work, scheme)
    return _interpolate(out, window, lag, work, scheme)


@inlined
def _load_line(window: Array, line: Array, start: int, periodic: bool) -> None:
    """``window_t = line_{start + t}``, continued periodically or by zero."""
    n, N = line.size, window.size
    if periodic:
        start %= n
        for t in range(n - start):
            window[uint64(t)] = line[uint64(start + t)]
        for t in range(start):
            window[uint64(n - start + t)] = line[uint64(t)]
        for t in range(n, N):
            window[uint64(t)] = window[uint64(t - n)]
    else:
        low = min(max(-start, 0), N)
        high = max(min(n - start, N), low)
        for t in range(low):
            window[t] = 0
        for t in range(low, high):
            window[uint64(t)] = line[uint64(start + t)]
        for t in range(high, N):
            window[uint64(t)] = 0


@inlined
def _load_rows(window: Array, f: Array, o: int, column: int, width: int, start: int, periodic: bool) -> None:
    """As ``_load_line`` for ``width`` neighbouring columns of ``f[o]``, row after row."""
    n = f.shape[1]
    i = start % n if periodic else start
    for t in range(0, window.size, width):
        if 0 <= i < n:
            for b in range(width):
                window[uint64(t + b)] = f[uint64(o), uint64(i), uint64(column + b)]
        else:
            for b in range(width):
                window[uint64(t + b)] = 0
        i += 1
        if periodic and i == n:
            i = 0


@inlined
def _leaving(n: int, m: int) -> tuple[int, int]:
    """The cells, from the first to before the second, that ``m`` whole cells move past the end of a line."""
    return (max(n - m, 0), n) if m > 0 else (0, min(-m, n))


@inlined
def _shift_line(line: Array, m: int, α: float, work: Work, scheme: Scheme) -> float:
    """Shift one line by ``m + α``; the sum of what leaves it."""
    n, reach = line.size, scheme.reach
    window = work.window[: n + 2 * reach]
    _load_line(window, line, -m - reach, scheme.periodic)
    lost = 0.0
    if not scheme.periodic:
        first, last = _leaving(n, m)
        for i in range(first, last):
            lost += line[i]
    return lost + _advance(line, window, α, 1, work, scheme)


@inlined
def _shift_tile(
    f: Array, o: int, column: int, width: int, m: int, α: float, work: Work, scheme: Scheme
) -> float:
    """Shift ``width`` neighbouring columns of ``f[o]`` by the same ``m + α``; the sum of what leaves them."""
    n, reach = f.shape[1], scheme.reach
    window = work.window[: (n + 2 * reach) * width]
    _load_rows(window, f, o, column, width, -m - reach, scheme.periodic)
    lost = 0.0
    if not scheme.periodic:
        first, last = _leaving(n, m)
        for i in range(first, last):
            for b in range(width):
                lost += f[o, i, column + b]
    for i in range(0, n, ROWS):
        rows = min(ROWS, n - i)
        cells = work.cells[: rows * width]
        # the fluxes between two blocks of rows cancel in the sum
        lost += _advance(cells, window[i * width :], α, width, work, scheme)
        for j in range(rows):
            for b in range(width):
                f[uint64(o), uint64(i + j), uint64(column + b)] = cells[uint64(j * width + b)]
    return lost


@inlined
def _transpose_in(tile: Array, f: Array, o: int, column: int, width: int) -> None:
    for i in range(f.shape[1]):
        for b in range(width):
            tile[uint64(b), uint64(i)] = f[uint64(o), uint64(i), uint64(column + b)]


@inlined
def _transpose_out(tile: Array, f: Array, o: int, column: int, width: int) -> None:
    for i in range(f.shape[1]):
        for b in range(width):
            f[uint64(o), uint64(i), uint64(column + b)] = tile[uint64(b), uint64(i)]


@inlined
def offset(index: int, sizes: Integers, strides: Integers) -> int:
    """Place in memory of the element that is number ``index`` in C order."""
    place = 0
    for k in range(sizes.size - 1, -1, -1):
        place += (index % sizes[k]) * strides[k]
        index //= sizes[k]
    return place


@inlined
def _shift_lines(f: Array, s: Array, sizes: Integers, strides: Integers, work: Work, scheme: Scheme) -> float:
    """Shift every row of ``f``, of shape (lines, n)."""
    n, lost, last, m, α = f.shape[1], 0.0, np.nan, 0, 0.0
    for o in range(f.shape[0]):
        place = offset(o, sizes, strides)
        if s[place] != last:
            last = s[place]
            m, α = _split(last, n, scheme)
            _set_weights(α, work, scheme)
        lost += _shift_line(f[o], m, α, work, scheme)
    return lost


@inlined
def _shift_columns(
    f: Array,
    s: Array,
    sizes: Integers,
    strides: Integers,
    inner: Integers,
    steps: Integers,
    work: Work,
    scheme: Scheme,
) -> float:
    """Shift the middle axis of ``f``, of shape (outer, n, inner), in tiles along the last inner axis.

    Columns with one displacement are moved together; others become lines first. Their weights are kept: in
    a Vlasov equation the same displacements come again in every block.
    """
    n, run, step = f.shape[1], inner[-1], steps[-1]
    kept = run if step != 0 else 1
    shifts, wholes, rests = np.full(kept, np.nan), np.empty(kept, np.int64), np.empty(kept)
    exact = np.empty((kept, scheme.nodes))
    weights = np.empty((kept, 2, scheme.nodes), work.weights.dtype)
    lost = 0.0
    for block in range(f.shape[0] * (f.shape[2] // run)):
        o, column = block // (f.shape[2] // run), block % (f.shape[2] // run) * run
        place = offset(o, sizes, strides) + offset(column, inner, steps)
        for b in range(0, run, TILE):
            width = min(TILE, run - b)
            if step != 0:
                _transpose_in(work.tile, f, o, column + b, width)
            for i in range(width if step != 0 else 1):
                j = b + i if step != 0 else 0
                s_j = s[place + (b + i) * step]
                if s_j != shifts[j]:
                    shifts[j] = s_j
                    wholes[j], rests[j] = _split(s_j, n, scheme)
                    _set_weights(rests[j], work, scheme)
                    _keep(j, exact, weights, work, scheme)
                elif step != 0:
                    _recall(j, exact, weights, work, scheme)
                if step != 0:
                    lost += _shift_line(work.tile[i, :n], wholes[j], rests[j], work, scheme)
                else:
                    lost += _shift_tile(f, o, column + b, width, wholes[j], rests[j], work, scheme)
            if step != 0:
                _transpose_out(work.tile, f, o, column + b, width)
    return lost


@lru_cache
def drivers(degree: int, positive: bool, periodic: bool) -> tuple[Callable[..., float], Callable[..., float]]:
    """The compiled shifts of contiguous lines and of columns; they hold the scheme as a constant."""
    nodes, reach = degree + 1, (degree + 1) // 2 + positive

    @compiled
    def lines(f: Array, s: Array, sizes: Integers, strides: Integers, work: Work) -> float:
        return _shift_lines(f, s, sizes, strides, work, Scheme(nodes, reach, positive, periodic))

    @compiled
    def columns(
        f: Array, s: Array, sizes: Integers, strides: Integers, inner: Integers, steps: Integers, work: Work
    ) -> float:
        return _shift_columns(
            f, s, sizes, strides, inner, steps, work, Scheme(nodes, reach, positive, periodic)
        )

    return lines, columns

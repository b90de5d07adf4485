"""The compiled sweeps behind :class:`mfpde_solvers.advection.Shift`: lines and tiles of columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from mfpde_solvers.lagrange import (
    GROUP,
    ROWS,
    SHORT,
    TAPS,
    Kept,
    Mix,
    Scheme,
    Work,
    advance,
    combine,
    combine_columns,
    compiled,
    inlined,
    keep,
    nothing_kept,
    nothing_mixed,
    recall,
    set_weights,
    split,
)

__all__ = ["drivers", "offset"]

BATCH, BRIEF = 16, 32  # lines moved together, and their most cells

Array = NDArray[Any]
Integers = NDArray[np.int64]


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
def _load_lines(window: Array, f: Array, first: int, lines: int, start: int, periodic: bool) -> None:
    """As ``_load_line`` for neighbouring lines of ``f``, one after the other."""
    n, N = f.shape[1], window.size // lines
    if periodic:
        start %= n
        for o in range(lines):
            for t in range(n - start):
                window[uint64(o * N + t)] = f[uint64(first + o), uint64(start + t)]
            for t in range(start):
                window[uint64(o * N + n - start + t)] = f[uint64(first + o), uint64(t)]
            for t in range(o * N + n, (o + 1) * N):
                window[uint64(t)] = window[uint64(t - n)]
    else:
        window[:] = 0
        low = min(max(-start, 0), N)
        for o in range(lines):
            for t in range(low, min(n - start, N)):
                window[uint64(o * N + t)] = f[uint64(first + o), uint64(start + t)]


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
def _store_rows(f: Array, o: int, column: int, width: int, first: int, rows: int, cells: Array) -> None:
    """The opposite of ``_load_rows``: ``rows`` rows of ``f[o]`` from the first on."""
    for j in range(rows):
        for b in range(width):
            f[uint64(o), uint64(first + j), uint64(column + b)] = cells[uint64(j * width + b)]


@inlined
def _leaving(n: int, m: int) -> tuple[int, int]:
    """The cells, from the first to before the second, that ``m`` whole cells move past the end of a line."""
    return (max(n - m, 0), n) if m > 0 else (0, min(-m, n))


@inlined
def _leaving_rows(f: Array, o: int, column: int, width: int, m: int, scheme: Scheme) -> float:
    """What ``m`` whole cells move past an open end of ``width`` columns of ``f[o]``."""
    lost = 0.0
    if not scheme.periodic:
        first, last = _leaving(f.shape[1], m)
        for i in range(first, last):
            for b in range(width):
                lost += f[o, i, column + b]
    return lost


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
    return lost + advance(line, window, α, 1, work, scheme)


@inlined
def _shift_tile(
    f: Array, o: int, column: int, width: int, m: int, α: float, work: Work, scheme: Scheme
) -> float:
    """Shift ``width`` neighbouring columns of ``f[o]`` by the same ``m + α``; the sum of what leaves them."""
    n, reach = f.shape[1], scheme.reach
    window = work.window[: (n + 2 * reach) * width]
    _load_rows(window, f, o, column, width, -m - reach, scheme.periodic)
    lost = _leaving_rows(f, o, column, width, m, scheme)
    for i in range(0, n, ROWS):
        rows = min(ROWS, n - i)
        cells = work.cells[: rows * width]
        # the fluxes between two blocks of rows cancel in the sum
        lost += advance(cells, window[i * width :], α, width, work, scheme)
        _store_rows(f, o, column, width, i, rows, cells)
    return lost


@inlined
def _shift_mixed_tile(
    f: Array, o: int, column: int, width: int, mix: Mix, tile: int, work: Work, scheme: Scheme
) -> float:
    """As ``_shift_tile`` with the weights of a mix: the columns have displacements of their own."""
    n, m, taps = f.shape[1], mix.whole[tile], mix.taps[tile]
    window = work.window[: (n + 1 + taps) * width]
    _load_rows(window, f, o, column, width, -m - scheme.reach, scheme.periodic)
    lost = _leaving_rows(f, o, column, width, m, scheme)
    w, c = mix.weights[tile], mix.exact[tile]
    for i in range(0, n, ROWS):
        rows = min(ROWS, n - i)
        cells = work.cells[: (rows + rows % 2) * width]
        combine_columns(cells, window[i * width :], w, width, taps)
        _store_rows(f, o, column, width, i, rows, cells)
    if not scheme.periodic:
        for b in range(width):
            flux = 0.0
            for k in range(b, b + taps * width, width):
                flux += c[uint64(k)] * (float(window[uint64(n * width + k)]) - float(window[uint64(k)]))
            lost += flux
    return lost


@inlined
def _shift_batch(f: Array, first: int, lines: int, m: int, work: Work, scheme: Scheme) -> float:
    """Shift short lines from the first on by the same ``m + α`` as one long line with ghosts between."""
    n, reach, nodes, c = f.shape[1], scheme.reach, scheme.nodes, work.exact[1]
    pitch, lost = n + 2 * reach, 0.0
    window, cells = work.window[: lines * pitch], work.cells[: lines * pitch - 2 * reach]
    _load_lines(window, f, first, lines, -m - reach, scheme.periodic)
    start, end = (0, 0) if scheme.periodic else _leaving(n, m)
    for o in range(0 if scheme.periodic else lines):
        flux = 0.0
        for k in range(nodes):
            t = o * pitch + k
            flux += c[uint64(k)] * (float(window[uint64(t + n)]) - float(window[uint64(t)]))
        for i in range(start, end):
            flux += f[uint64(first + o), uint64(i)]
        lost += flux
    combine(cells, window, work.weights[0], 1, nodes)
    for o in range(lines):
        for i in range(n):
            f[uint64(first + o), uint64(i)] = cells[uint64(o * pitch + i)]
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
    """Shift every row of ``f``, of shape (lines, n), short ones that move together in batches."""
    n, lost, last, m, α = f.shape[1], 0.0, np.nan, 0, 0.0
    run = sizes[-1] if strides[-1] == 0 else 1
    batch = 1 if scheme.positive or n > BRIEF else min(BATCH, work.cells.size // (n + 2 * scheme.reach))
    for first in range(0, f.shape[0], run):
        place = offset(first, sizes, strides)
        if s[place] != last:
            last = s[place]
            m, α = split(last, n, scheme)
            set_weights(α, work, scheme)
        for o in range(first, first + run, batch):
            if batch > 1:
                lost += _shift_batch(f, o, min(batch, first + run - o), m, work, scheme)
            else:
                lost += _shift_line(f[o], m, α, work, scheme)
    return lost


@inlined
def _remember(
    s: Array, place: int, step: int, b: int, width: int, n: int, kept: Kept, work: Work, scheme: Scheme
) -> bool:
    """Bring the weights of columns ``b … b + width`` up to date; whether any of them changed."""
    changed = False
    for j in range(b, b + width):
        s_j = s[place + j * step]
        if s_j != kept.shifts[j]:
            changed = True
            kept.shifts[j] = s_j
            kept.wholes[j], kept.rests[j] = split(s_j, n, scheme)
            set_weights(kept.rests[j], work, scheme)
            keep(j, kept.exact, kept.weights, work, scheme)
    return changed


@inlined
def _blend(b: int, width: int, kept: Kept, mix: Mix, tile: int, scheme: Scheme) -> None:
    """Weights of a tile relative to the columns that move farthest; none if the columns move too differently.

    The fluxes take back the whole cells that a column moves less.
    """
    nodes, r = scheme.nodes, scheme.nodes // 2
    low, high = kept.wholes[b : b + width].min(), kept.wholes[b : b + width].max()
    taps = -(-(nodes + high - low) // GROUP) * GROUP
    mix.taps[tile], mix.whole[tile] = taps if taps <= TAPS else 0, high
    if taps <= TAPS:
        w, c = mix.weights[tile], mix.exact[tile]
        w[: taps * width], c[: taps * width] = 0, 0
        for i in range(width):
            lag = high - kept.wholes[b + i]
            for k in range(nodes):
                w[(lag + k) * width + i] = kept.weights[b + i, 0, k]
                c[(lag + k) * width + i] = kept.exact[b + i, k]
            for k in range(r, r + lag):
                c[k * width + i] -= 1.0


@inlined
def _shift_transposed(
    f: Array, o: int, column: int, width: int, b: int, kept: Kept, work: Work, scheme: Scheme
) -> float:
    """Shift neighbouring columns of ``f[o]``, those from ``b`` on in the table, one by one as lines."""
    lost = 0.0
    _transpose_in(work.tile, f, o, column, width)
    for i in range(width):
        recall(b + i, kept.exact, kept.weights, work, scheme)
        line = work.tile[i, : f.shape[1]]
        lost += _shift_line(line, kept.wholes[b + i], kept.rests[b + i], work, scheme)
    _transpose_out(work.tile, f, o, column, width)
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

    Columns with one displacement are moved together, and so are short ones that move nearly alike; others
    become lines first. Their weights are kept: in a Vlasov equation the same displacements come again in
    every block.
    """
    n, run, step, most = f.shape[1], inner[-1], steps[-1], work.tile.shape[0]
    mixed = step != 0 and not scheme.positive and n <= SHORT
    kept = nothing_kept(run if step != 0 else 1, scheme, work.weights)
    mix = nothing_mixed(-(-run // most) if mixed else 0, most, work.weights)
    lost = 0.0
    for block in range(f.shape[0] * (f.shape[2] // run)):
        o, column = block // (f.shape[2] // run), block % (f.shape[2] // run) * run
        place = offset(o, sizes, strides) + offset(column, inner, steps)
        if step == 0:
            _remember(s, place, 0, 0, 1, n, kept, work, scheme)
        for b in range(0, run, most):
            width, tile = min(most, run - b), b // most
            if step == 0:
                lost += _shift_tile(f, o, column + b, width, kept.wholes[0], kept.rests[0], work, scheme)
                continue
            changed = _remember(s, place, step, b, width, n, kept, work, scheme)
            if mixed and changed:
                _blend(b, width, kept, mix, tile, scheme)
            if mixed and mix.taps[tile] > 0:
                lost += _shift_mixed_tile(f, o, column + b, width, mix, tile, work, scheme)
            else:
                lost += _shift_transposed(f, o, column + b, width, b, kept, work, scheme)
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

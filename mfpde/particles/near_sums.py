"""Sums over the pairs nearer than a range, by rows of particles sorted along the first axis.

A row is a box that is long in x and short in the other coordinates. For a target the sources of a row
within reach are consecutive, and the first and the last of them move on with the target. Their offsets are
laid one after the other, then the kernel is evaluated in passes without branches over all of them.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.ewald_split import BALL
from mfpde.particles.near_kernels import POTENTIAL, NearPart, add_sums, compiled
from mfpde_solvers.grid import Axis

__all__ = ["near_sums"]

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

CAPACITY = 1024  # sources collected together: the buffers stay in the first cache
ROWS = 2, 5  # across the range: least and most
SHARE = {2: 20.0, 3: 11.0}  # near pairs of a particle for which one row across the range is best, measured


def near_sums(x: FloatArray, mass: FloatArray, part: NearPart, axes: tuple[Axis, ...]) -> FloatArray:
    """Σ_{j≠i} mⱼ part(xᵢ − xⱼ), for the periodic axes over the images too: (N, d) → (N, d), or (N, 1).

    The range is at most the shortest period. O(N) for points that are evenly spread.
    """
    points, label = _with_images(x, part.reach, axes)
    across = _across(points, part.reach)
    rows, shape = _rows(points, part.reach / across)
    low, high = points[:, 0].min(), points[:, 0].max()
    order = np.argsort(rows + (points[:, 0] - low) / (2 * (high - low) or 1.0))
    starts = np.searchsorted(rows[order], np.arange(shape[0] * shape[1] + 1))
    label = label[order]
    stencil, widths = _stencil(x.shape[1], part.reach, across)
    out = np.zeros((len(x), 1 if part.kind == POTENTIAL else x.shape[1]))
    sorted_points = np.ascontiguousarray(points[order].T)
    masses = mass[np.where(label < 0, -1 - label, label)]
    _visit(sorted_points, masses, label, starts, shape, stencil, widths, tuple(part), across, out)
    return out


def _across(points: FloatArray, reach: float) -> int:
    """How many rows the range is divided into: the more, the more pairs there are, counted in cubes.

    Thin rows fit the ball better, thick ones cost less to find.
    """
    d = points.shape[1]
    if d == 1:
        return ROWS[0]
    cubes = np.floor((points - points.min(axis=0)) / reach).astype(np.int64)
    number = np.ravel_multi_index(tuple(cubes.T), tuple(cubes.max(axis=0) + 1))
    counts = np.unique(number, return_counts=True)[1].astype(float)
    pairs = float(counts @ counts) / len(points) * BALL[d]
    return int(np.clip((pairs / SHARE[d]) ** (1 / d), *ROWS))


def _with_images(x: FloatArray, reach: float, axes: tuple[Axis, ...]) -> tuple[FloatArray, Array]:
    """The points and their images within the range of the box; labels i of points, −1 − i of images."""
    points, label = x, np.arange(len(x))
    for place, axis in enumerate(axes):
        if axis.periodic:
            left = points[:, place] < axis.lower + reach
            right = points[:, place] >= axis.upper - reach
            shift = np.zeros(len(axes))
            shift[place] = axis.length
            points = np.concatenate([points, points[left] + shift, points[right] - shift])
            images = np.concatenate([label[left], label[right]])
            label = np.concatenate([label, np.where(images < 0, images, -1 - images)])
    return points, label


def _rows(points: FloatArray, side: float) -> tuple[Array, tuple[int, int]]:
    """The row that each point lies in, and the number of rows along y and z."""
    rows, shape = np.zeros(len(points)), [1, 1]
    for place in range(1, points.shape[1]):
        number = np.floor((points[:, place] - points[:, place].min()) / side)
        shape[place - 1] = int(number.max()) + 1
        rows = rows * shape[place - 1] + number
    return rows, (shape[0], shape[1])


def _stencil(dim: int, reach: float, across: int) -> tuple[Array, FloatArray]:
    """Steps to the rows within the range, shape (n, 2), and the half-widths in x that are needed there."""
    steps = [range(-across, across + 1) if place < dim else (0,) for place in (1, 2)]
    stencil, widths = [], []
    for step in product(*steps):
        apart = sum(max(abs(n) - 1, 0) ** 2 for n in step) / across**2
        if apart < 1:
            stencil.append(step)
            widths.append(reach * np.sqrt(1 - apart))
    return np.array(stencil), np.array(widths)


@compiled
def _visit(
    x: FloatArray,
    mass: FloatArray,
    label: Array,
    starts: Array,
    shape: tuple[int, int],
    stencil: Array,
    widths: FloatArray,
    part: Any,
    across: int,
    out: FloatArray,
) -> None:
    """Row by row, block by block: collect the sources within reach of the block, then sum for each target."""
    d = x.shape[0]
    sources, work = np.empty((d + 1, CAPACITY)), np.empty((3, CAPACITY))
    lows, highs, ends = stencil[:, 0].copy(), stencil[:, 0].copy(), stencil[:, 0].copy()
    length, home = part[2] / across, len(stencil) // 2
    for row in range(starts.size - 1):
        reached = _strips(row, starts, shape, stencil, lows, highs, ends)
        first, stop = starts[row], starts[row + 1]
        while first < stop:
            last, targets = first, False
            while last < stop and x[0, last] - x[0, first] <= length:
                targets |= label[last] >= 0
                last += 1
            n, own = 0, (0, 0, 0)
            for b in range(len(stencil)):
                if not (reached[b] and targets):
                    continue
                left, right = x[0, first] - widths[b], x[0, last - 1] + widths[b]
                low, high = _advance(x[0], lows[b], highs[b], ends[b], left, right)
                lows[b], highs[b] = low, high
                while low < high:
                    until = min(high, low + CAPACITY - n)
                    _collect(x, mass, low, until, sources, n)
                    own = (low, until, n) if b == home else own
                    n, low = n + until - low, until
                    if n == CAPACITY:
                        _add_block(x, label, first, last, sources, n, own, work, part, out)
                        n, own = 0, (0, 0, 0)
            _add_block(x, label, first, last, sources, n, own, work, part, out)
            first = last


@compiled
def _strips(
    row: int, starts: Array, shape: tuple[int, int], stencil: Array, lows: Array, highs: Array, ends: Array
) -> Array:
    """Set the strips of the rows around ``row`` to their beginnings; which of these rows exist."""
    exist = np.zeros(len(stencil), np.bool_)
    for b in range(len(stencil)):
        y, z = row // shape[1] + stencil[b, 0], row % shape[1] + stencil[b, 1]
        if 0 <= y < shape[0] and 0 <= z < shape[1]:
            exist[b] = True
            lows[b] = highs[b] = starts[y * shape[1] + z]
            ends[b] = starts[y * shape[1] + z + 1]
    return exist


@compiled
def _advance(x: FloatArray, low: int, high: int, end: int, left: float, right: float) -> tuple[int, int]:
    """Move the ends of a strip on to left ≤ x ≤ right."""
    while low < end and x[low] < left:
        low += 1
    high = max(low, high)
    while high < end and x[high] <= right:
        high += 1
    return low, high


@compiled
def _collect(x: FloatArray, mass: FloatArray, low: int, until: int, sources: FloatArray, n: int) -> None:
    """Copy positions and masses of consecutive sources."""
    d, size = x.shape[0], until - low
    for a in range(d):
        source, target = x[a, low:until], sources[a, n : n + size]
        for j in range(size):
            target[j] = source[j]
    source, target = mass[low:until], sources[d, n : n + size]
    for j in range(size):
        target[j] = source[j]


@compiled
def _add_block(
    x: FloatArray,
    label: Array,
    first: int,
    last: int,
    sources: FloatArray,
    n: int,
    own: tuple[int, int, int],
    work: FloatArray,
    part: Any,
    out: FloatArray,
) -> None:
    """Add the sums over n sources to the targets of a block, which from own[0] to own[1] are among them."""
    d = x.shape[0]
    for i in range(first, last if n > 0 else first):
        if label[i] >= 0:
            centre = (x[0, i], x[min(1, d - 1), i], x[d - 1, i])
            place = own[2] + i - own[0] if own[0] <= i < own[1] else -1
            add_sums(centre, place, sources, n, work, part, out[label[i]])

"""Compiled Laguerre cells in the plane, clipped one by one and integrated against a bilinear density.

The Laguerre cell of yᵢ holds the x with |x − yᵢ|² − ψᵢ ≤ |x − yⱼ|² − ψⱼ for every j. All lengths are relative
to yᵢ: a cell is a convex polygon around (or near) the origin, each of whose edges knows the point beyond it
(−1 at the end of an open axis). Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["integrate_cells"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

VERTICES = 256
"""Room for the vertices of one cell, to begin with."""

# Dunavant's six points of a triangle, exact to degree 4 (Int. J. Numer. Methods Eng. 21, 1985).
NEAR, FAR = 0.091576213509770743, 0.445948490915964886
NEAR_WEIGHT, FAR_WEIGHT = 0.109951743655321868, 0.223381589678011466


@njit(cache=True)
def _clip(
    x: FloatArray, y: FloatArray, beyond: IntArray, size: int, nx: float, ny: float, level: float, label: int,
    out_x: FloatArray, out_y: FloatArray, out_beyond: IntArray,
) -> int:  # fmt: skip
    """The part of a polygon with n·z ≤ level; edge k goes from vertex k to k + 1. Returns its vertices."""
    count = 0
    for k in range(size):
        after = k + 1 if k + 1 < size else 0
        here = nx * x[k] + ny * y[k] - level
        there = nx * x[after] + ny * y[after] - level
        if here <= 0.0:
            out_x[count], out_y[count] = x[k], y[k]
            out_beyond[count] = beyond[k]
            count += 1
        if (here <= 0.0) != (there <= 0.0):
            s = here / (here - there)
            out_x[count], out_y[count] = x[k] + s * (x[after] - x[k]), y[k] + s * (y[after] - y[k])
            out_beyond[count] = label if here <= 0.0 else beyond[k]
            count += 1
    return count


@njit(cache=True)
def _bilinear(
    x: float, y: float, i: int, j: int, left: float, low: float, hx: float, hy: float, density: FloatArray
) -> float:
    """The density at (x, y) in the cell (i, j) of the knots, whose lower corner is (left, low)."""
    m, n = density.shape
    s, t = (x - left) / hx, (y - low) / hy
    i, j = i % m, j % n
    after_i, after_j = (i + 1) % m, (j + 1) % n
    below = density[i, j] * (1 - s) + density[after_i, j] * s
    above = density[i, after_j] * (1 - s) + density[after_i, after_j] * s
    return float(below * (1 - t) + above * t)


@njit(cache=True)
def _fan(
    x: FloatArray, y: FloatArray, size: int, i: int, j: int, left: float, low: float, hx: float, hy: float,
    density: FloatArray,
) -> tuple[float, float]:  # fmt: skip
    """∫ρ and ∫|z|²ρ over a convex polygon inside one cell of the knots, exact, triangle by triangle."""
    mass = cost = 0.0
    for k in range(1, size - 1):
        ax, ay = x[k] - x[0], y[k] - y[0]
        bx, by = x[k + 1] - x[0], y[k + 1] - y[0]
        area = 0.5 * abs(ax * by - ay * bx)
        if area == 0.0:
            continue
        for q in range(6):
            near = q < 3
            u = NEAR if near else FAR
            weight = (NEAR_WEIGHT if near else FAR_WEIGHT) * area
            first = 1.0 - 2.0 * u if q % 3 == 1 else u
            second = 1.0 - 2.0 * u if q % 3 == 2 else u
            px, py = x[0] + first * ax + second * bx, y[0] + first * ay + second * by
            value = weight * _bilinear(px, py, i, j, left, low, hx, hy, density)
            mass += value
            cost += value * (px * px + py * py)
    return mass, cost


@njit(cache=True)
def _edge(
    ax: float, ay: float, bx: float, by: float, left: float, low: float, hx: float, hy: float,
    density: FloatArray,
) -> float:  # fmt: skip
    """∫ρ along the segment from a to b: Simpson's rule between the knots, exact for a bilinear density."""
    length = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    total, s = 0.0, 0.0
    while s < 1.0:
        # The next crossing of a knot line, seen from just beyond s.
        end = 1.0
        for direction in range(2):
            start = ax if direction == 0 else ay
            way = (bx - ax) if direction == 0 else (by - ay)
            origin, h = (left, hx) if direction == 0 else (low, hy)
            if way == 0.0:
                continue
            place = (start + s * way - origin) / h
            knot = np.floor(place + 1e-9) + 1.0 if way > 0 else np.ceil(place - 1e-9) - 1.0
            end = min(end, (origin + knot * h - start) / way)
        end = min(max(end, s + 1e-12), 1.0)
        middle = 0.5 * (s + end)
        i = int(np.floor((ax + middle * (bx - ax) - left) / hx))
        j = int(np.floor((ay + middle * (by - ay) - low) / hy))
        value = 0.0
        for place, weight in ((s, 1.0), (middle, 4.0), (end, 1.0)):
            px, py = ax + place * (bx - ax), ay + place * (by - ay)
            value += weight * _bilinear(px, py, i, j, left + i * hx, low + j * hy, hx, hy, density)
        total += (end - s) * length * value / 6.0
        s = end
    return total


@njit(cache=True)
def _polygon_integrals(
    x: FloatArray, y: FloatArray, size: int, left: float, low: float, hx: float, hy: float,
    density: FloatArray, room: FloatArray, labels: IntArray,
) -> tuple[float, float]:  # fmt: skip
    """∫ρ and ∫|z|²ρ over a convex polygon, cut into strips and cells of the knots."""
    mass = cost = 0.0
    for i in range(int(np.floor((x[:size].min() - left) / hx)), int(np.ceil((x[:size].max() - left) / hx))):
        edge = left + i * hx
        m = _clip(x, y, labels[0], size, -1.0, 0.0, -edge, 0, room[0], room[1], labels[1])
        m = _clip(room[0], room[1], labels[1], m, 1.0, 0.0, edge + hx, 0, room[2], room[3], labels[0])
        if m < 3:
            continue
        strip = room[3][:m]
        for j in range(int(np.floor((strip.min() - low) / hy)), int(np.ceil((strip.max() - low) / hy))):
            base = low + j * hy
            k = _clip(room[2], room[3], labels[0], m, 0.0, -1.0, -base, 0, room[0], room[1], labels[1])
            k = _clip(room[0], room[1], labels[1], k, 0.0, 1.0, base + hy, 0, room[4], room[5], labels[2])
            if k < 3:
                continue
            part = _fan(room[4], room[5], k, i, j, edge, base, hx, hy, density)
            mass += part[0]
            cost += part[1]
    return mass, cost


@njit(cache=True)
def integrate_cells(
    points: FloatArray, images: FloatArray, owners: IntArray, offsets: IntArray, neighbours: IntArray,
    potential: FloatArray, box: FloatArray, start: FloatArray, spacing: FloatArray, density: FloatArray,
) -> tuple[FloatArray, FloatArray, IntArray, FloatArray]:  # fmt: skip
    """Masses and costs of all Laguerre cells, and ∫ρ over the interfaces.

    ``images`` are the points and their periodic copies, ``owners`` whose copy each is; the cell of point i
    touches at most the images ``neighbours[offsets[i]:offsets[i + 1]]`` and is empty if there are none. Row i
    of ``box`` is the rectangle (left, right, lower, upper) relative to the point that holds its cell.
    ``density`` has its knots at ``start`` and every ``spacing`` from there, and is continued periodically.

    Returns masses (N,), costs (N,) = ∫|x − yᵢ|²ρ over the cells, the pairs (m, 2) of neighbours with an
    interface, and ∫ρ / 2|yᵢ − yⱼ| over each.
    """
    count = len(points)
    masses, costs = np.zeros(count), np.zeros(count)
    pairs, weights = np.zeros((len(neighbours), 2), np.int64), np.zeros(len(neighbours))
    found = 0
    room = np.empty((6, VERTICES))
    labels = np.empty((3, VERTICES), np.int64)
    for i in range(count):
        around = neighbours[offsets[i] : offsets[i + 1]]
        if around.size == 0:
            continue
        polygon, spare = np.empty((2, around.size + 8)), np.empty((2, around.size + 8))
        beyond, other = np.empty(around.size + 8, np.int64), np.empty(around.size + 8, np.int64)
        size = 4
        polygon[0, :4] = box[i, 0], box[i, 1], box[i, 1], box[i, 0]
        polygon[1, :4] = box[i, 2], box[i, 2], box[i, 3], box[i, 3]
        beyond[:4] = -1
        for image in around:
            j = owners[image]
            if j == i or j < 0:
                continue
            dx, dy = images[image, 0] - points[i, 0], images[image, 1] - points[i, 1]
            level = 0.5 * (dx * dx + dy * dy + potential[i] - potential[j])
            size = _clip(
                polygon[0], polygon[1], beyond, size, dx, dy, level, image, spare[0], spare[1], other
            )
            polygon, spare, beyond, other = spare, polygon, other, beyond
            if size < 3:
                break
        if size < 3:
            continue
        if room.shape[1] < size + 8:
            room, labels = np.empty((6, 2 * size + 8)), np.empty((3, 2 * size + 8), np.int64)
        left, low = start[0] - points[i, 0], start[1] - points[i, 1]
        labels[0, :size] = 0
        masses[i], costs[i] = _polygon_integrals(
            polygon[0], polygon[1], size, left, low, spacing[0], spacing[1], density, room, labels
        )
        for k in range(size):
            image = beyond[k]
            if image < 0:
                continue
            after = k + 1 if k + 1 < size else 0
            line = _edge(
                polygon[0, k], polygon[1, k], polygon[0, after], polygon[1, after],
                left, low, spacing[0], spacing[1], density,
            )  # fmt: skip
            dx, dy = images[image, 0] - points[i, 0], images[image, 1] - points[i, 1]
            pairs[found, 0], pairs[found, 1] = i, owners[image]
            weights[found] = line / (2.0 * np.sqrt(dx * dx + dy * dy))
            found += 1
    return masses, costs, pairs[:found], weights[:found]

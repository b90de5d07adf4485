"""Compiled optimal matching of sorted points with a piecewise-linear density on a line or a circle.

Every function takes sorted ``points`` and the density in coordinates that start at the first knot: its values
``density`` at the knots ``j·spacing``, the probability ``cumulative`` to the left of each, and the shift θ of
the quantiles: point i is matched with the mass between the quantiles (i − 1)/N − θ and i/N − θ. The quantile
function is continued by Q(u + 1) = Q(u) + length. Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["cheapest_shift", "matching_cost"]

FloatArray = NDArray[np.float64]


@njit(cache=True)
def _inside(remainder: float, left: float, right: float, spacing: float) -> float:
    """Where, from the left end of a cell, the mass ``remainder`` is reached; the density goes linearly."""
    slope = (right - left) / spacing
    root = np.sqrt(max(left * left + 2.0 * slope * remainder, 0.0))
    if left + root <= 0.0:
        return 0.0
    return float(min(2.0 * remainder / (left + root), spacing))


@njit(cache=True)
def _one_sided(near: float, width: float, first: float, last: float, power: int) -> float:
    """∫ s^p ρ(s) ds from ``near`` to ``near + width``, with ρ going linearly from ``first`` to ``last``."""
    if power == 1:
        return width * (first * (near / 2 + width / 6) + last * (near / 2 + width / 3))
    a, b, c = near * near / 2, near * width / 3, width * width / 12
    return width * (first * (a + b + c) + last * (a + 2 * b + 3 * c))


@njit(cache=True)
def _piece(point: float, start: float, width: float, first: float, last: float, power: int) -> float:
    """∫ |point − y|^p ρ(y) dy over y from ``start`` to ``start + width``, in terms that are all positive."""
    ahead = point - start
    if ahead <= 0.0:
        return _one_sided(-ahead, width, first, last, power)
    if ahead >= width:
        return _one_sided(ahead - width, width, last, first, power)
    middle = first + (last - first) * (ahead / width)
    before = _one_sided(0.0, ahead, middle, first, power)
    return before + _one_sided(0.0, width - ahead, middle, last, power)


@njit(cache=True)
def matching_cost(
    points: FloatArray, density: FloatArray, cumulative: FloatArray, spacing: float, shift: float, power: int
) -> float:
    """Cost of the shifted matching, Σᵢ ∫ |xᵢ − y|^p ρ(y) dy over the mass of point i."""
    size, cells = points.size, cumulative.size - 1
    length = cells * spacing
    lap = np.floor(-shift)
    level = -shift - lap
    j = 0
    while j < cells - 1 and cumulative[j + 1] <= level:
        j += 1
    s = _inside(level - cumulative[j], density[j], density[j + 1], spacing)
    total = 0.0
    for i in range(size):
        target = (i + 1) / size - shift
        last_lap = np.floor(target)
        level = target - last_lap
        cost = 0.0
        while lap < last_lap or (j < cells - 1 and cumulative[j + 1] <= level):
            here = density[j] + (density[j + 1] - density[j]) * (s / spacing)
            start = lap * length + j * spacing + s
            cost += _piece(points[i], start, spacing - s, here, density[j + 1], power)
            s = 0.0
            j += 1
            if j == cells:
                j = 0
                lap += 1.0
        end = max(_inside(level - cumulative[j], density[j], density[j + 1], spacing), s)
        slope = (density[j + 1] - density[j]) / spacing
        start = lap * length + j * spacing + s
        cost += _piece(points[i], start, end - s, density[j] + slope * s, density[j] + slope * end, power)
        s = end
        total += cost
    return total


@njit(cache=True)
def _cost_slope(
    points: FloatArray, density: FloatArray, cumulative: FloatArray, spacing: float, shift: float, power: int
) -> float:
    """Derivative of the cost in the shift, Σᵢ |xᵢ₊₁ − yᵢ|^p − |xᵢ − yᵢ|^p, yᵢ between masses i and i + 1."""
    size, cells = points.size, cumulative.size - 1
    length = cells * spacing
    total, j, lap = 0.0, 0, np.floor(1 / size - shift)
    for i in range(size):
        level = (i + 1) / size - shift
        if level >= lap + 1.0:
            lap, j = np.floor(level), 0
        level -= lap
        while j < cells - 1 and cumulative[j + 1] <= level:
            j += 1
        y = lap * length + j * spacing + _inside(level - cumulative[j], density[j], density[j + 1], spacing)
        here = points[i]
        after = points[i + 1] if i + 1 < size else points[0] + length
        if power == 1:
            total += abs(after - y) - abs(here - y)
        else:
            total += (after - here) * ((after - y) + (here - y))
    return total


@njit(cache=True)
def cheapest_shift(
    points: FloatArray, density: FloatArray, cumulative: FloatArray, spacing: float, power: int
) -> float:
    """The shift that minimises the cost on the circle of length ``spacing · (number of cells)``.

    The cost is convex in the shift (Delon, Salomon and Sobolevskii, SIAM J. Appl. Math. 70, 2010), so the
    root of its slope is bracketed and refined by the Illinois rule, with a bisection where three steps did
    not halve the bracket. By convexity the cost exceeds its minimum by at most |slope| × bracket, which ends
    below 1e-14 length^p.
    """
    tolerance = 1e-14 * (spacing * (cumulative.size - 1)) ** power
    low = high = 0.0
    at_low = at_high = _cost_slope(points, density, cumulative, spacing, 0.0, power)
    step = 0.5 / np.sqrt(points.size)
    while at_low > 0.0:
        high, at_high = low, at_low
        low -= step
        step *= 2.0
        at_low = _cost_slope(points, density, cumulative, spacing, low, power)
    while at_high < 0.0:
        low, at_low = high, at_high
        high += step
        step *= 2.0
        at_high = _cost_slope(points, density, cumulative, spacing, high, power)
    best, slope = (low, at_low) if -at_low < at_high else (high, at_high)
    side, weight_low, weight_high, width = 0, at_low, at_high, high - low
    for k in range(200):
        if abs(slope) * (high - low) <= tolerance or high - low <= 1e-16:
            break
        stuck = k % 3 == 2 and high - low > width / 2
        if k % 3 == 2:
            width = high - low
        if stuck or weight_high == weight_low:
            best = 0.5 * (low + high)
        else:
            best = (low * weight_high - high * weight_low) / (weight_high - weight_low)
        slope = _cost_slope(points, density, cumulative, spacing, best, power)
        if slope > 0.0:
            high, weight_high = best, slope
            weight_low *= 0.5 if side == 1 else 1.0
            side = 1
        else:
            low, weight_low = best, slope
            weight_high *= 0.5 if side == -1 else 1.0
            side = -1
    return best

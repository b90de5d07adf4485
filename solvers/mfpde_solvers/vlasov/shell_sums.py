"""Exact fields of concentric spherical shells with the Coulomb kernel of Lazarovici and Pickl in 3D.

A shell of radius s and unit mass, seen through a kernel that is linear within the cut-off ε, is a shell
swept by a uniform ball of radius ε. With d = r − s, the mass that it puts within r is

    Q(r, s) = 0                                                                  r ≤ s − ε
              (s − 3ε/8 − 3d²/4ε + d⁴/8ε³ + 3rd/2ε − rd³/2ε³) / 2s              |r − ε| < s < r + ε
              1, or r³/ε³ where r < ε                                           s ≤ |r − ε|

and its field is Q/r². Without a cut-off Q is a step, ½ on the shell itself. The polynomial is summed over a
window of sorted shells by prefix sums of (w/s)(s − s_b)ᵏ in buckets not wider than ε, so that every term is
of the size of the result. Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["bucket_moments", "drift", "sharp_fields", "smooth_fields"]

Array = NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])

POWERS = 5  # the polynomial of the window has degree 4
SMALLEST = 1e-8  # radius, in cut-offs, below which a shell counts as one of that radius
DIRECT = 1 / 64  # radius, in cut-offs, below which the window is thin and summed shell by shell


def compiled(function: Function) -> Function:
    """Compile with numba; nothing may be reordered, so that results are the same on every run."""
    return cast(Function, njit(cache=True, error_model="numpy")(function))


@compiled
def drift(r: Array, v: Array, L: Array, τ: float) -> None:
    """Free motion for the time τ, in place: a straight line in space, on which L is constant."""
    for i in range(r.size):
        if r[i] > 0:
            along, across = r[i] + v[i] * τ, L[i] / r[i] * τ
            tangential = L[i] / r[i]
        else:
            along, across, tangential = v[i] * τ, 0.0, 0.0
        new = np.sqrt(along * along + across * across)
        if new > 0:
            v[i] = (v[i] * along + tangential * across) / new
        r[i] = new


@compiled
def sharp_fields(q: Array, s: Array, w: Array) -> tuple[Array, Array]:
    """Mass within the sorted radii q of shells (s sorted, mass w), and their potential Σ w/max(q, s)."""
    inside, potential = np.empty(q.size), np.empty(q.size)
    outer = np.zeros(s.size + 1)
    for j in range(s.size - 1, -1, -1):
        outer[j] = outer[j + 1] + w[j] / s[j]
    lo = hi = 0
    below = level = 0.0  # masses of the shells with s < q and s ≤ q
    for i in range(q.size):
        while lo < s.size and s[lo] < q[i]:
            below += w[lo]
            lo += 1
        while hi < s.size and s[hi] <= q[i]:
            level += w[hi]
            hi += 1
        inside[i] = (below + level) / 2
        potential[i] = outer[hi] + (level / q[i] if level > 0 else 0.0)
    return inside, potential


@compiled
def bucket_moments(s: Array, w: Array, ε: float) -> tuple[Array, Array]:
    """Buckets of sorted shells no wider than ε: first shell of each one's bucket, and prefix sums in it.

    Row j of the second holds Σ (w/s)(s − s_b)ᵏ, k = 0 … 4, over the bucket up to and with shell j.
    """
    first = np.empty(s.size, np.int64)
    sums = np.empty((s.size, POWERS))
    start = 0
    for j in range(s.size):
        if s[j] > s[start] + ε:
            start = j
        first[j] = start
        t = s[j] - s[start]
        term = w[j] / max(s[j], SMALLEST * ε)
        for k in range(POWERS):
            sums[j, k] = term + (sums[j - 1, k] if j > start else 0.0)
            term *= t
    return first, sums


@compiled
def window_sums(
    r: float, lo: int, hi: int, s: Array, first: Array, sums: Array
) -> tuple[float, float, float, float, float]:
    """Σ (w/s) dᵏ over the shells lo … hi − 1, with d = r − s and k = 0 … 4."""
    d0 = d1 = d2 = d3 = d4 = 0.0
    end = hi
    while end > lo:
        start = first[end - 1]
        a = r - s[start]
        m0, m1, m2, m3, m4 = sums[end - 1]
        if start < lo:
            n0, n1, n2, n3, n4 = sums[lo - 1]
            m0, m1, m2, m3, m4 = m0 - n0, m1 - n1, m2 - n2, m3 - n3, m4 - n4
        d0 += m0
        d1 += a * m0 - m1
        d2 += a * (a * m0 - 2 * m1) + m2
        d3 += a * (a * (a * m0 - 3 * m1) + 3 * m2) - m3
        d4 += a * (a * (a * (a * m0 - 4 * m1) + 6 * m2) - 4 * m3) + m4
        end = start
    return d0, d1, d2, d3, d4


@compiled
def thin_window(r: float, lo: int, hi: int, s: Array, w: Array, ε: float) -> float:
    """Σ w Q over the shells lo … hi − 1 by the volume that two balls share; exact also where r ≪ ε."""
    total = 0.0
    for j in range(lo, hi):
        y = ε + r - s[j]
        total += w[j] * y * y * (12 * ε * r - 4 * y * (ε + r) + y * y) / (16 * s[j] * ε**3)
    return total


@compiled
def smooth_fields(q: Array, s: Array, w: Array, ε: float, first: Array, sums: Array) -> tuple[Array, Array]:
    """Σ w Q(q, s) and the potential at the sorted radii q of sorted shells, with a cut-off ε > 0."""
    inside, potential = np.empty(q.size), np.empty(q.size)
    mass, square, outer = np.zeros(s.size + 1), np.zeros(s.size + 1), np.zeros(s.size + 1)
    for j in range(s.size):
        mass[j + 1] = mass[j] + w[j]
        square[j + 1] = square[j] + w[j] * s[j] ** 2
    for j in range(s.size - 1, -1, -1):
        outer[j] = outer[j + 1] + w[j] / max(s[j], SMALLEST * ε)
    lo = hi = 0
    for i in range(q.size):
        r = q[i]
        inner = abs(r - ε)
        while lo < s.size and s[lo] <= inner:
            lo += 1
        while lo > 0 and s[lo - 1] > inner:
            lo -= 1
        while hi < s.size and s[hi] < r + ε:
            hi += 1
        hi = max(lo, hi)  # at r = 0 the window is empty
        d0, d1, d2, d3, d4 = window_sums(r, lo, hi, s, first, sums)
        even = -3 * ε / 8 * d0 - 3 * d2 / (4 * ε) + d4 / (8 * ε**3)
        if r < ε:
            inside[i] = mass[lo] * (r / ε) ** 3
            potential[i] = ((3 * ε**2 - r**2) * mass[lo] - square[lo]) / (2 * ε**3) + outer[hi]
        else:
            inside[i] = mass[lo]
            potential[i] = mass[lo] / r + outer[hi]
        if r < DIRECT * ε:
            inside[i] += thin_window(r, lo, hi, s, w, ε)
        else:
            inside[i] += (r * d0 - d1 + even + 1.5 * r * d1 / ε - r * d3 / (2 * ε**3)) / 2
        if hi > lo:
            potential[i] += (2 * r * d0 - d1 + even) / (2 * r)
    return inside, potential

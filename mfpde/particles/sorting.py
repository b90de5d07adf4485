"""One-dimensional pair sums by sorting: points to the left of each point less points to the right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["rank_balance"]

FloatArray = NDArray[np.float64]
Labels = NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])

CROWDING = 16.0  # mean number of points met in a bucket beyond which a comparison sort is faster


def _compiled(function: Function) -> Function:
    return cast(Function, njit(cache=True)(function))


@_compiled
def _sort_buckets(keys: FloatArray, order: Labels, ends: Labels) -> None:
    """Insertion sort, with their labels, of keys that are already in the right bucket."""
    start = 0
    for end in ends:
        for k in range(start + 1, end):
            key, label = keys[k], order[k]
            j = k
            while j > start and keys[j - 1] > key:
                keys[j], order[j] = keys[j - 1], order[j - 1]
                j -= 1
            keys[j], order[j] = key, label
        start = end


@_compiled
def _balance(keys: FloatArray, order: Labels, out: FloatArray) -> None:
    """``first + last - N`` for the points that share the sorted places ``first`` to ``last - 1``."""
    N, first = keys.size, 0
    while first < N:
        last = first + 1
        while last < N and keys[last] == keys[first]:
            last += 1
        for k in range(first, last):
            out[order[k]] = first + last - N
        first = last


@_compiled
def _by_buckets(x: FloatArray, lower: float, upper: float, out: FloatArray) -> bool:
    """Counting sort into as many buckets as points; False, with nothing done, where they are too crowded."""
    N = x.size
    scale, top = N / (upper - lower), N - 1.0
    bucket = np.empty(N, np.int32)
    ends = np.zeros(N, np.int32)
    for i in range(N):
        # clamped before the conversion, NaN to 0, so that no input can point outside the buckets
        place = (x[i] - lower) * scale
        place = place if place > 0.0 else 0.0
        bucket[i] = np.int32(place if place < top else top)
        ends[bucket[i]] += 1
    crowd, total = 0.0, 0
    for b in range(N):
        size = ends[b]
        crowd += float(size) * size
        ends[b] = total
        total += size
    if crowd > CROWDING * N:
        return False
    keys, order = np.empty(N), np.empty(N, np.int32)
    for i in range(N):
        k = ends[bucket[i]]
        keys[k], order[k] = x[i], i
        ends[bucket[i]] += 1
    _sort_buckets(keys, order, ends)
    _balance(keys, order, out)
    return True


def rank_balance(x: FloatArray, lower: float, upper: float, out: FloatArray | None = None) -> FloatArray:
    """Number of points to the left of each point, less the number to the right.

    ``out_i = #{j : x_j < x_i} - #{j : x_j > x_i} = Σ_j sign(x_i - x_j)``, exact, ties counting for
    nothing: up to a factor, the forces of the one-dimensional Coulomb kernel ``sign(x) / 2``.

    Points spread over ``[lower, upper]`` take O(N) operations (a counting sort); crowded ones O(N log N).

    Parameters
    ----------
    x : ndarray of float64, shape (N,)
        Finite points; infinite ones are not supported, NaN gives unspecified numbers.
    lower, upper : float
        The interval that holds most points. It sets the speed, never the result.
    out : ndarray of float64, shape (N,), optional
        C-contiguous array for the result, not overlapping ``x``.

    Returns
    -------
    ndarray of float64, shape (N,)
        ``out``, or a new array.

    Raises
    ------
    TypeError
        If ``x`` or ``out`` is not an array of float64.
    ValueError
        If the shapes do not match, ``out`` is not contiguous, or the interval is empty or not finite.

    Examples
    --------
    >>> rank_balance(np.array([0.3, 0.1, 0.9, 0.3]), 0.0, 1.0)
    array([ 0., -3.,  3.,  0.])
    """
    for name, array in (("x", x), ("out", x if out is None else out)):
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            raise TypeError(
                f"{name} must be an array of float64, got {getattr(array, 'dtype', type(array).__name__)}"
            )
    if x.ndim != 1:
        raise ValueError(f"x must have shape (N,), got {x.shape}; pass one coordinate of the points")
    if not 0.0 < upper - lower < np.inf:
        raise ValueError(f"the interval needs finite lower < upper, got lower={lower}, upper={upper}")
    if out is None:
        out = np.empty(x.size)
    elif out.shape != x.shape or not out.flags.c_contiguous:
        raise ValueError(f"out must be contiguous and of shape {x.shape}, got shape {out.shape}")
    x = np.ascontiguousarray(x)
    if not _by_buckets(x, float(lower), float(upper), out):
        order = np.argsort(x)
        _balance(x[order], order, out)
    return out

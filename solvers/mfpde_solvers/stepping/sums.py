"""Compiled sums of the exponential Runge–Kutta schemes, each one pass over the arrays.

Arrays are flat; E = e^{Lh/2}. Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

__all__ = [
    "end_stage",
    "first_stage",
    "last_sum",
    "middle_stage",
    "square",
    "squared_distance",
    "stage",
    "weighted_sum",
]

Array = NDArray[Any]

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
reduction = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


@compiled
def first_stage(u: Array, k: Array, E: Array, h: float, out: Array) -> None:
    """E (u + h/2 k)."""
    for i in range(u.size):
        out[i] = E[i] * (u[i] + (0.5 * h) * k[i])


@compiled
def middle_stage(u: Array, k: Array, E: Array, h: float, out: Array) -> None:
    """E u + h/2 k."""
    for i in range(u.size):
        out[i] = E[i] * u[i] + (0.5 * h) * k[i]


@compiled
def end_stage(u: Array, k: Array, E: Array, h: float, out: Array) -> None:
    """E² u + h E k."""
    for i in range(u.size):
        out[i] = E[i] * (E[i] * u[i] + h * k[i])


@compiled
def last_sum(u: Array, k: tuple[Array, Array, Array, Array], E: Array, h: float, out: Array) -> None:
    """E² u + h/6 (E² k₁ + 2 E (k₂ + k₃) + k₄)."""
    k1, k2, k3, k4 = k
    for i in range(u.size):
        inner = E[i] * (u[i] + (h / 6) * k1[i]) + (h / 3) * (k2[i] + k3[i])
        out[i] = E[i] * inner + (h / 6) * k4[i]


@compiled
def stage(E: Array, u: Array, P: Array, a: float, k: Array, b: float, l: Array, out: Array) -> None:
    """E u + P (a k + b l)."""
    for i in range(u.size):
        out[i] = E[i] * u[i] + P[i] * (a * k[i] + b * l[i])


@compiled
def weighted_sum(
    E: Array, u: Array, weights: tuple[Array, Array, Array], k: tuple[Array, Array, Array, Array], out: Array
) -> None:
    """E u + f₁ k₁ + f₂ (k₂ + k₃) + f₃ k₄."""
    f1, f2, f3 = weights
    k1, k2, k3, k4 = k
    for i in range(u.size):
        out[i] = E[i] * u[i] + f1[i] * k1[i] + f2[i] * (k2[i] + k3[i]) + f3[i] * k4[i]


@reduction
def square(u: Array, weights: Array) -> float:
    """Σ w |u|² of an array of shape (rows, length), one weight for each row."""
    total = 0.0
    for row in range(u.shape[0]):
        here = 0.0
        for i in range(u.shape[1]):
            here += u[row, i].real ** 2 + u[row, i].imag ** 2
        total += weights[row] * here
    return total


@reduction
def squared_distance(u: Array, v: Array, weights: Array) -> float:
    """Σ w |u − v|²."""
    total = 0.0
    for row in range(u.shape[0]):
        here = 0.0
        for i in range(u.shape[1]):
            here += (u[row, i].real - v[row, i].real) ** 2 + (u[row, i].imag - v[row, i].imag) ** 2
        total += weights[row] * here
    return total

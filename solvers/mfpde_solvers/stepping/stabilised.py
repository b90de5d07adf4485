"""Explicit steps for stiff diffusion: the Runge–Kutta–Chebyshev method, and the classical one beside it.

A stabilised step needs a bound of the spectral radius of the right-hand side and nothing else; its cost grows
with the square root of the step times that bound, that of a classical method with the product itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "chebyshev_stages",
    "rkc_step",
    "runge_kutta_step",
    "spectral_radius",
]

Array = NDArray[np.float64]
Rate = Callable[[Array], Array]
"""The right-hand side F(u) of u′ = F(u), a new array."""

DAMPING = 2 / 13
GOLDEN = 0.6180339887498949
ROUND_OFF = 1e-12


def spectral_radius(derivative: Rate, shape: tuple[int, ...], iterations: int = 30) -> float:
    """Spectral radius of a nearly self-adjoint linear map, estimated from above by a Lanczos iteration.

    The same start, a fixed irregular pattern, and the same sums in every call. After m iterations the largest
    Ritz value lies below the radius by (log n / 2m)² of it or less (J. Kuczyński and H. Woźniakowski, SIAM J.
    Matrix Anal. Appl. 13 (1992) 1094), n the number of cells; the margin covers that.

    Parameters
    ----------
    derivative : callable
        v ↦ J v, a new array.
    shape : tuple of int
        Shape of v.
    iterations : int
        Applications of the map.

    Examples
    --------
    >>> rates = np.linspace(-100.0, 0.0, 1000)
    >>> 100.0 < spectral_radius(lambda v: rates * v, rates.shape) < 115.0
    True
    """
    count = int(np.prod(shape))
    v = np.modf(GOLDEN * np.arange(1.0, count + 1) ** 2)[0].reshape(shape) - 0.5
    v /= _norm(v)
    before, b = np.zeros(shape), 0.0
    diagonal, beside = [], []
    for _ in range(min(iterations, count)):
        w = derivative(v)
        a = float(np.sum(v * w))
        w = w - a * v - b * before
        b = _norm(w)
        diagonal.append(a)
        beside.append(b)
        if b <= ROUND_OFF * abs(a):
            break
        before, v = v, w / b
    size = len(diagonal)
    side = np.diag(beside[: size - 1], 1)
    ritz = np.linalg.eigvalsh(np.diag(diagonal) + side + side.T)
    margin = 1 + min(0.1, (np.log(count) / (2 * size)) ** 2)
    return float(margin * np.abs(ritz).max())


def chebyshev_stages(step: float, radius: float) -> int:
    """Number s of stages for which the step is stable: 0.653 (s² − 1) ≥ step · radius, and s ≥ 2.

    Examples
    --------
    >>> chebyshev_stages(0.01, 10_000.0)
    13
    """
    return max(2, ceil(sqrt(1 + 1.54 * step * radius)))


def rkc_step(rate: Rate, u: Array, step: float, radius: float, first: Array) -> tuple[Array, Array, Array]:
    """One step of the second-order Runge–Kutta–Chebyshev method of :func:`chebyshev_stages` stages.

    Parameters
    ----------
    rate : callable
        F, whose Jacobian has eigenvalues near the interval [−radius, 0].
    u : array
    step, radius : float
    first : array
        F(u).

    Returns
    -------
    tuple of arrays
        The new value u₁, F(u₁), and the estimated error 0.8 (u − u₁) + 0.4 h (F(u) + F(u₁)), which is O(h³).

    Source: B. P. Sommeijer, L. F. Shampine and J. G. Verwer, J. Comput. Appl. Math. 88 (1998) 315, section 2.
    """
    s = chebyshev_stages(step, radius)
    μ1, table = _rkc_coefficients(s)
    before, y = u, u + (μ1 * step) * first
    for μ, ν, μ_rate, γ in table:
        F = rate(y)
        F *= μ_rate * step
        F += (1 - μ - ν) * u
        F += μ * y
        F += ν * before
        F += (γ * step) * first
        before, y = y, F
    last = rate(y)
    error = 0.8 * (u - y) + (0.4 * step) * (first + last)
    return y, last, error


@lru_cache(maxsize=256)
def _rkc_coefficients(s: int) -> tuple[float, tuple[tuple[float, float, float, float], ...]]:
    """μ̃₁ and (μ_j, ν_j, μ̃_j, γ̃_j) for j = 2 … s."""
    w0 = 1 + DAMPING / s**2
    T, dT, ddT = np.zeros((3, s + 1))
    T[0], T[1], dT[1] = 1.0, w0, 1.0
    for j in range(2, s + 1):
        T[j] = 2 * w0 * T[j - 1] - T[j - 2]
        dT[j] = 2 * T[j - 1] + 2 * w0 * dT[j - 1] - dT[j - 2]
        ddT[j] = 4 * dT[j - 1] + 2 * w0 * ddT[j - 1] - ddT[j - 2]
    w1 = dT[s] / ddT[s]
    b = np.empty(s + 1)
    b[2:] = ddT[2:] / dT[2:] ** 2
    b[:2] = b[2]
    rows = []
    for j in range(2, s + 1):
        ratio = b[j] / b[j - 1]
        μ_rate = 2 * ratio * w1
        γ = -(1 - b[j - 1] * T[j - 1]) * μ_rate
        rows.append((float(2 * ratio * w0), float(-b[j] / b[j - 2]), float(μ_rate), float(γ)))
    return float(b[1] * w1), tuple(rows)


def runge_kutta_step(rate: Rate, u: Array, step: float, first: Array) -> tuple[Array, Array, Array]:
    """One step of the classical fourth-order Runge–Kutta method, stable for step · radius < 2.78.

    Arguments and results are those of :func:`rkc_step`; the estimated error h (F(u₄) − F(u₁))/6, with u₄ the
    last stage, is that of the embedded formula of order 3.
    """
    second = rate(u + step / 2 * first)
    third = rate(u + step / 2 * second)
    fourth = rate(u + step * third)
    y = u + step / 6 * (first + 2 * (second + third) + fourth)
    last = rate(y)
    return y, last, step / 6 * (fourth - last)


def _norm(v: Any) -> float:
    return float(np.sqrt(np.sum(v * v)))

"""Forced linear equations by the Chebyshev series of an exponential."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, log, sqrt
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["forced_exponential"]

FloatArray = NDArray[np.float64]

LOOSEST = 0.1


def forced_exponential(
    linear: Callable[[FloatArray, FloatArray], None],
    forcings: FloatArray,
    step: float,
    radius: float,
    tolerance: float,
) -> FloatArray:
    """The solution at t = h of w′ = L w + Σ_k p_k (t/h)^k / k!, w(0) = 0, that is h Σ_k φ_{k+1}(hL) p_k.

    By the Chebyshev series of the exponential of hL bordered by the forcing (A. H. Al-Mohy and N. J. Higham,
    SIAM J. Sci. Comput. 33 (2011) 488, Theorem 2.1), which takes about √(h·radius·log(1/tolerance))
    applications of L.

    Parameters
    ----------
    linear : callable
        ``linear(w, out)`` fills ``out`` with L w; the eigenvalues lie near the interval [−radius, 0].
    forcings : array (p, …)
        p₀, p₁, …
    step, radius : float
        h and a bound of the spectral radius of L.
    tolerance : float
        Error relative to h max|p|.

    Examples
    --------
    >>> def decay(w, out):
    ...     np.multiply(w, -2.0, out=out)
    >>> w = forced_exponential(decay, np.ones((1, 1)), 1.0, 2.0, 1e-12)
    >>> round(float(w[0]), 12) == round((1 - float(np.exp(-2))) / 2, 12)
    True
    """
    # With T_k the Chebyshev polynomials and the centre c = h·radius/2, e^{c(x−1)} = Σ c_k T_k(x) is taken at
    # the matrix x = 1 + A/c, where A (w, y) = (hLw + h Σ p_k y_k, Jy) and (Jy)_k = y_{k−1}; y(0) = (1, 0, …).
    centre = max(step * radius / 2, 1.0)
    c = _series(centre, len(forcings), min(tolerance, LOOSEST))
    y_before = np.zeros(len(forcings))
    y_before[0] = 1.0
    y = y_before + _shifted(y_before) / centre
    w_before = np.zeros_like(forcings[0])
    w = (step / centre) * forcings[0]
    total, image = c[1] * w, np.empty_like(w)
    flat = forcings.reshape(len(forcings), -1)
    for coefficient in c[2:]:
        linear(w, image)
        _recur(image, w, w_before, total, flat, y, 2 * step / centre, coefficient)
        w_before, w, image = w, image, w_before
        y_before, y = y, 2 * (y + _shifted(y) / centre) - y_before
    return np.asarray(total)


def _shifted(y: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros(1), y[:-1]])


def _series(centre: float, forcings: int, tolerance: float) -> FloatArray:
    """Coefficients 2 e^{−c} I_k(c) of e^{c(x−1)} in T_k(x) (half for k = 0), until the rest is small.

    The response of T_k to the forcing p_j is its divided difference of order j + 1, which is at most
    T_k^{(j+1)}(1) / (j+1)! c^{j+1} ≤ (k²/c)^{j+1} 2^{j+1} / (2j+2)!.
    """
    from scipy.special import ive

    digits = log(1 / tolerance)
    k = np.arange(30 + int(2 * sqrt(2 * centre * digits) + 2 * digits))
    c = np.asarray(ive(k, centre), dtype=float)
    c[1:] *= 2
    x = 2 * k**2 / centre
    response = sum(x**j / factorial(2 * j) for j in range(1, forcings + 1))
    tails = np.cumsum((c * response)[::-1])[::-1]
    return np.asarray(c[: max(3, int(np.count_nonzero(tails > tolerance)))])


@njit(cache=True)
def _recur(image: Any, w: Any, before: Any, total: Any, p: Any, y: Any, scale: float, c: float) -> None:
    """Image ← scale (image + Σ p_k y_k) + 2 w − before, and total ← total + c · image."""
    n = w.size
    image, w, before, total = image.reshape(n), w.reshape(n), before.reshape(n), total.reshape(n)
    if y.size == 1:
        for i in range(n):
            image[i] = scale * (image[i] + y[0] * p[0, i]) + 2 * w[i] - before[i]
            total[i] += c * image[i]
    elif y.size == 2:
        for i in range(n):
            forcing = y[0] * p[0, i] + y[1] * p[1, i]
            image[i] = scale * (image[i] + forcing) + 2 * w[i] - before[i]
            total[i] += c * image[i]
    else:
        for i in range(n):
            forcing = y[0] * p[0, i] + y[1] * p[1, i] + y[2] * p[2, i]
            image[i] = scale * (image[i] + forcing) + 2 * w[i] - before[i]
            total[i] += c * image[i]

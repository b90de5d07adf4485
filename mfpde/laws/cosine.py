"""Exact samples of the density (1 + a cos θ)/2π on the circle."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray

__all__ = ["cosine_quantile"]


def cosine_quantile(u: ArrayLike, amplitude: ArrayLike) -> FloatArray:
    """Inverse of the distribution function (θ + a sin θ)/2π of the density (1 + a cos θ)/2π on [0, 2π).

    Centred where the density is smallest and by symmetry, it is Kepler's equation E − e sin E = M with
    e = \\|a\\| ≤ 1 and M in [0, π]. Its left side is increasing and convex there, so Newton's method
    descends to the root from any upper bound. ``u`` in [0, 1) and ``amplitude`` in [−1, 1] broadcast.
    """
    u, a = np.broadcast_arrays(np.asarray(u, dtype=float), np.asarray(amplitude, dtype=float))
    centre = np.where(a > 0, pi, 0.0)
    M = 2 * pi * u - centre
    M -= np.where(pi < M, 2 * pi, 0.0)
    E = _kepler(np.abs(M), np.abs(a))
    θ = centre + np.copysign(E, M)
    θ += np.where(θ < 0, 2 * pi, 0.0)
    return np.where(θ >= 2 * pi, 0.0, θ)


def _kepler(M: FloatArray, e: FloatArray, iterations: int = 8) -> FloatArray:
    # Upper bounds of the root: sin ≤ 1; (E − sin E)/E³ falls from 1/6 to 1/π² on [0, π]; sin E ≤ E.
    # The number of iterations is fixed so that a sample does not depend on those drawn beside it.
    E = np.minimum(np.minimum(M + e, pi), np.cbrt(pi**2 * M))
    E = np.minimum(E, M / np.maximum(1 - e, 1e-300))
    for _ in range(iterations):
        slope = 1 - e * np.cos(E)
        E = E - (E - e * np.sin(E) - M) / np.where(slope > 0, slope, 1.0)
    return np.clip(E, 0.0, pi)

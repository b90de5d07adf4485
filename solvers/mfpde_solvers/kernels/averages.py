"""Fourier transforms of radial functions: averages of plane waves, and their moments against powers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["SPHERE_AREA", "flux_moment", "sphere_average"]

SPHERE_AREA = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}  # |S^{d−1}|
STEP = 0.1  # of the table of flux moments: (STEP/π)^10, the error of splines of degree nine, is 1e-15
SERIES = 4.0  # up to here the power series is used


def sphere_average(dim: int, κ: Any) -> Any:
    """Average A_m of e^{ik·z} over the unit sphere of R^m, at |k| = κ, m = 1 … 7.

    A_m(κ) = ₀F₁(; m/2; −κ²/4). The average over the unit *ball* of R^m is A_{m+2}, and
    A_m − A_{m+2} = −κ² A_{m+4}/(m(m+2)).
    """
    from scipy import special

    κ = np.asarray(κ, dtype=float)
    if dim == 1:
        return np.cos(κ)
    if dim == 2:
        return special.j0(κ)
    if dim == 3:
        return np.sinc(κ / np.pi)
    small = np.abs(κ) < 1e-2
    s = np.where(small, 1.0, κ)
    formulas: dict[int, Callable[[], Any]] = {
        4: lambda: 2 * special.j1(s) / s,
        5: lambda: 3 * special.spherical_jn(1, s) / s,
        6: lambda: 8 * special.jv(2, s) / s**2,
        7: lambda: 15 * special.spherical_jn(2, s) / s**2,
    }
    exact = formulas[dim]()
    return np.where(small, 1 - κ**2 / (2 * dim) * (1 - κ**2 / (4 * (dim + 2))), exact)


def flux_moment(dim: int, order: float, κ: Any) -> Any:
    """H(κ) = ∫₀¹ t^{d−s−1} A_{d+2}(κt) dt for the order s < d.

    The radial force F(r) = r^{−s−1} on |z| < R has the potential ∫_r^R F, whose Fourier transform is
    |S^{d−1}|/d · R^{d−s} H(|k|R). Interpolated from a table, absolute error below 1e-14.
    """
    κ = np.abs(np.asarray(κ, dtype=float))
    cells = max(κ.max(initial=0.0), 2 * SERIES) / STEP + 16
    return _table(dim, float(order), 2 ** int(np.ceil(np.log2(cells))))(κ)


@lru_cache(maxsize=16)
def _table(dim: int, order: float, size: int) -> Any:
    """Spline of degree nine through H at 0, STEP, …, continued as an even function."""
    from scipy.interpolate import make_interp_spline

    κ = STEP * np.arange(size + 1)
    H = np.empty_like(κ)
    first = int(np.ceil(SERIES / STEP))
    H[: first + 1] = _series(dim, order, κ[: first + 1])
    # beyond, κ^{d−s} H(κ) = ∫₀^κ t^{d−s−1} A_{d+2}(t) dt, cell by cell
    nodes, weights = np.polynomial.legendre.leggauss(8)
    t = κ[first:-1, None] + STEP / 2 * (1 + nodes)
    cells = (t ** (dim - order - 1) * sphere_average(dim + 2, t)) @ weights * STEP / 2
    start = κ[first] ** (dim - order) * H[first]
    H[first + 1 :] = (start + np.cumsum(cells)) * κ[first + 1 :] ** (order - dim)
    mirrored = 16
    return make_interp_spline(
        np.concatenate([-κ[mirrored:0:-1], κ]), np.concatenate([H[mirrored:0:-1], H]), k=9
    )


def _series(dim: int, order: float, κ: Any) -> Any:
    """Σ_j (−κ²/4)^j / (j! (d/2+1)_j (2j + d − s))."""
    term, total = np.ones_like(κ), np.zeros_like(κ)
    for j in range(30):
        total += term / (2 * j + dim - order)
        term = term * (-(κ**2) / 4) / ((j + 1) * (dim / 2 + 1 + j))
    return total

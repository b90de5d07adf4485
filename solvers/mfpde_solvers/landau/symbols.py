"""Fourier transforms of the collision kernels, truncated at a radius R.

â(k) = α(|k|) I + β(|k|) k̂k̂ᵀ for a(z) = |z|^{γ+2} (I − zzᵀ/|z|²), |z| < R. With x = |k|r and p = γ + d + 1

    d = 2:  α = 2π ∫₀ᴿ r^p (J₀ − J₁/x)(x) dr,   β = 2π ∫₀ᴿ r^p J₂(x) dr,
    d = 3:  α = 4π ∫₀ᴿ r^p (j₀ − j₁/x)(x) dr,   β = 4π ∫₀ᴿ r^p j₂(x) dr.

As a(z) z = 0, truncation adds nothing at |z| = R to the divergence: b̂(k) = i k·â(k) = i k (α + β)(|k|).
"""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["truncated_symbol"]

FloatArray = NDArray[np.float64]
Series = tuple[Any, Any]

DIGITS = 13  # in which squares of wavenumbers that are equal agree
MARGIN = 40  # terms and nodes beyond those that oscillations need


def truncated_symbol(exponent: float, radius: float, k: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """α(|k|) and β(|k|)/|k|² at wavenumbers that broadcast against each other, one array for each dimension.

    Both are entire functions of |k|, evaluated by Chebyshev series of Gauss–Jacobi sums over r; accurate to
    about 1e-13 of their maximum, for every exponent.
    """
    k2 = np.asarray(sum(component**2 for component in k))
    largest = float(k2.max())
    _, representatives, places = np.unique(
        np.round(k2.reshape(-1) / largest, DIGITS), return_index=True, return_inverse=True
    )
    modulus = np.sqrt(k2.reshape(-1)[representatives])
    α, β = _series(len(k), exponent, radius, float(np.sqrt(largest)))
    diagonal, along = α(modulus), β(modulus) / np.where(modulus == 0, 1.0, modulus**2)
    return diagonal[places].reshape(k2.shape), along[places].reshape(k2.shape)


@lru_cache(maxsize=8)
def _series(dim: int, exponent: float, radius: float, largest: float) -> Series:
    """Chebyshev series of α and β on 0 ≤ |k| ≤ ``largest``."""
    from numpy.polynomial import Chebyshev
    from scipy.special import roots_jacobi

    count = int(largest * radius / 2) + MARGIN
    p = exponent + dim + 1
    nodes, weights = roots_jacobi(count, 0.0, p)
    r = radius * (1 + nodes) / 2
    weights = weights * (radius / 2) ** (p + 1) * (2 * pi if dim == 2 else 4 * pi)

    def integral(part: int) -> Any:
        return Chebyshev.interpolate(
            lambda k: _averages(dim, k[:, None] * r)[part] @ weights, count, domain=[0.0, largest]
        )

    return integral(0), integral(1)


def _averages(dim: int, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Averages over directions σ of e^{−ixσ₁}(1 − σ₂²) and of e^{−ixσ₁}(σ₂² − σ₁²), the parts of α and β."""
    from scipy.special import jv, spherical_jn

    safe = np.where(x == 0, 1.0, x)
    if dim == 2:
        return jv(0, x) - np.where(x == 0, 0.5, jv(1, safe) / safe), jv(2, x)
    return (
        spherical_jn(0, x) - np.where(x == 0, 1 / 3, spherical_jn(1, safe) / safe),
        spherical_jn(2, x),
    )

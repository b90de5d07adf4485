"""Sums over pairs of colliding particles, and square roots of their matrices in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["collision_sums", "noise_of"]

Array = NDArray[np.float64]


def collision_sums(v: Array, exponent: float) -> tuple[Array, Array]:
    """(2/N) Σⱼ b(vᵢ−vⱼ), shape (N, d), and (1/N) Σⱼ a(vᵢ−vⱼ), shape (N, d, d), for d = 2, 3.

    a(z) = |z|^γ (|z|² I − zzᵀ), b(z) = −(d−1)|z|^γ z, both 0 at z = 0; O(N²).
    """
    n, d = v.shape
    drift, A = np.empty((n, d)), np.empty((n, d, d))
    loop = _plane if d == 2 else _space
    loop(np.ascontiguousarray(v.T), float(exponent) / 2, drift, A)
    return drift, A


def noise_of(A: Array, increment: Array) -> Array:
    """A^{1/2} ΔB with the symmetric roots of positive semidefinite matrices A (N, d, d) and ΔB (N, d)."""
    out = np.empty_like(increment)
    roots = _plane_roots if increment.shape[1] == 2 else _space_roots
    roots(A, increment, out)
    return out


_fast: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"})


@_fast
def _plane(v, half, drift, A):  # type: ignore[no-untyped-def]
    x, y = v[0], v[1]
    n = x.size
    for i in range(n):
        p, q = x[i], y[i]
        b0 = b1 = a00 = a01 = a11 = 0.0
        for j in range(n):
            z0, z1 = p - x[j], q - y[j]
            s = z0 * z0 + z1 * z1
            w = np.maximum(s, 1e-200) ** half * (s > 0.0)
            b0 += w * z0
            b1 += w * z1
            a00 += w * z1 * z1
            a01 -= w * z0 * z1
            a11 += w * z0 * z0
        drift[i, 0], drift[i, 1] = -2.0 * b0 / n, -2.0 * b1 / n
        A[i, 0, 0], A[i, 0, 1], A[i, 1, 0], A[i, 1, 1] = a00 / n, a01 / n, a01 / n, a11 / n


@_fast
def _space(v, half, drift, A):  # type: ignore[no-untyped-def]
    x, y, z = v[0], v[1], v[2]
    n = x.size
    for i in range(n):
        p, q, r = x[i], y[i], z[i]
        b0 = b1 = b2 = a00 = a11 = a22 = a01 = a02 = a12 = 0.0
        for j in range(n):
            z0, z1, z2 = p - x[j], q - y[j], r - z[j]
            s = z0 * z0 + z1 * z1 + z2 * z2
            w = np.maximum(s, 1e-200) ** half * (s > 0.0)
            b0 += w * z0
            b1 += w * z1
            b2 += w * z2
            a00 += w * (z1 * z1 + z2 * z2)
            a11 += w * (z0 * z0 + z2 * z2)
            a22 += w * (z0 * z0 + z1 * z1)
            a01 -= w * z0 * z1
            a02 -= w * z0 * z2
            a12 -= w * z1 * z2
        drift[i, 0], drift[i, 1], drift[i, 2] = -4.0 * b0 / n, -4.0 * b1 / n, -4.0 * b2 / n
        A[i, 0, 0], A[i, 1, 1], A[i, 2, 2] = a00 / n, a11 / n, a22 / n
        A[i, 0, 1], A[i, 0, 2], A[i, 1, 2] = a01 / n, a02 / n, a12 / n
        A[i, 1, 0], A[i, 2, 0], A[i, 2, 1] = a01 / n, a02 / n, a12 / n


@njit(cache=True, error_model="numpy")
def _plane_roots(A, increment, out):  # type: ignore[no-untyped-def]
    """√A = (A + √det A I)/√(tr A + 2√det A)."""
    for i in range(A.shape[0]):
        a, b, c = A[i, 0, 0], A[i, 0, 1], A[i, 1, 1]
        s = np.sqrt(max(a * c - b * b, 0.0))
        t = np.sqrt(max(a + c + 2 * s, 1e-300))
        x, y = increment[i, 0], increment[i, 1]
        out[i, 0] = ((a + s) * x + b * y) / t
        out[i, 1] = (b * x + (c + s) * y) / t


@njit(cache=True, error_model="numpy")
def _space_roots(A, increment, out):  # type: ignore[no-untyped-def]
    """√A = (i₁i₃ I + (i₁² − i₂) A − A²)/(i₁i₂ − i₃), i the invariants of √A (Hoger & Carlson, 1984).

    The eigenvalues come from the trigonometric solution of the characteristic equation.
    """
    for i in range(A.shape[0]):
        M = A[i]
        mean = (M[0, 0] + M[1, 1] + M[2, 2]) / 3
        off = M[0, 1] ** 2 + M[0, 2] ** 2 + M[1, 2] ** 2
        spread = (M[0, 0] - mean) ** 2 + (M[1, 1] - mean) ** 2 + (M[2, 2] - mean) ** 2 + 2 * off
        p = np.sqrt(spread / 6)
        B00, B11, B22 = M[0, 0] - mean, M[1, 1] - mean, M[2, 2] - mean
        det = (
            B00 * (B11 * B22 - M[1, 2] ** 2)
            - M[0, 1] * (M[0, 1] * B22 - M[1, 2] * M[0, 2])
            + M[0, 2] * (M[0, 1] * M[1, 2] - B11 * M[0, 2])
        )
        ratio = det / (2 * max(p, 1e-100) ** 3)
        φ = np.arccos(min(1.0, max(-1.0, ratio))) / 3
        l0 = np.sqrt(max(mean + 2 * p * np.cos(φ), 0.0))
        l2 = np.sqrt(max(mean + 2 * p * np.cos(φ + 2 * np.pi / 3), 0.0))
        l1 = np.sqrt(max(3 * mean - l0 * l0 - l2 * l2, 0.0))
        i1, i2, i3 = l0 + l1 + l2, l0 * l1 + l0 * l2 + l1 * l2, l0 * l1 * l2
        below = max(i1 * i2 - i3, 1e-300)
        x = increment[i]
        Mx = M @ x
        MMx = M @ Mx
        for k in range(3):
            out[i, k] = (i1 * i3 * x[k] + (i1 * i1 - i2) * Mx[k] - MMx[k]) / below

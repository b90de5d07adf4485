"""Periodised power laws by Ewald summation: incomplete Gamma functions in space, a Fourier series beyond.

For V(z) = c/(s|z|^s) (−c log|z| for s = 0) in dimension d, −2 < s < d, with c = 1 here. From
|z|^{−s} = ∫₀^∞ t^{s/2−1} e^{−t|z|²} dt / Γ(s/2), cut at t = a² (Ewald 1921; Borwein, Glasser, McPhedran,
Wan & Zucker, "Lattice Sums Then and Now", 2013, ch. 1), both parts converge like e^{−x²}. All sums have zero
mean over the cell; the Fourier series alone defines them where the sum over images diverges.
"""

from __future__ import annotations

from itertools import product
from math import ceil, pi, prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["force", "force_gradient", "images", "potential", "symbol_constant"]

Array = NDArray[np.float64]
Periods = tuple[float, ...]
REACH = 6.2  # e^{−REACH²} is below the rounding error


def symbol_constant(dim: int, order: float) -> float:
    """C with V̂(k) = C |k|^{s−d} on the whole space: C = π^{d/2} 2^{d−s−1} Γ((d−s)/2)/Γ(1+s/2)."""
    from scipy.special import gamma

    ratio = gamma((dim - order) / 2) / gamma(1 + order / 2)
    return float(pi ** (dim / 2) * 2 ** (dim - order - 1) * ratio)


def images(counts: tuple[int, ...], periods: Periods) -> Array:
    """Lattice vectors with |nᵢ| ≤ countsᵢ, shape (n, d)."""
    multiples = product(*(range(-count, count + 1) for count in counts))
    return np.asarray(np.array(list(multiples), dtype=float) * np.array(periods))


def potential(z: Array, periods: Periods, order: float, near: Array, splitting: float | None = None) -> Array:
    """Periodised V less its terms at the lattice vectors ``near``, at z of shape (n, d) in the cell."""
    from scipy.special import gamma

    d, s = z.shape[1], order
    a = _splitting(periods, splitting)
    total = np.full(len(z), -(pi ** (d / 2)) * a ** (s - d) / (d - s) / gamma(1 + s / 2) / prod(periods))
    for vector, is_near in _vectors(periods, a, near):
        r = np.sqrt(((z - vector) ** 2).sum(axis=1))
        total += _near_potential(s, a, r) if is_near else _far_potential(s, a, r)
    k, weights = _modes(periods, s, a)
    return total + np.cos(z @ k.T) @ weights


def _far_potential(s: float, a: float, r: Array) -> Array:
    """r^{−s} Γ(s/2, a²r²) / (2Γ(1+s/2))."""
    from scipy.special import exp1, gamma, gammaincc

    x, b = (a * r) ** 2, s / 2
    if s == 0:
        return np.asarray(exp1(x) / 2)
    if s > 0:
        return np.asarray(gammaincc(b, x) / (s * r**s))
    upper = (gamma(b + 1) * gammaincc(b + 1, x) - x**b * np.exp(-x)) / b
    return np.asarray(upper / (2 * gamma(1 + b) * r**s))


def _near_potential(s: float, a: float, r: Array) -> Array:
    """The same less V(r)."""
    from scipy.special import gammainc

    if s > 0:
        return np.asarray(-gammainc(s / 2, (a * r) ** 2) / (s * r**s))
    return _far_potential(s, a, r) - (-np.log(r) if s == 0 else 1 / (s * r**s))


def force(z: Array, periods: Periods, order: float, near: Array, splitting: float | None = None) -> Array:
    """Periodised K = −∇V = z/|z|^{s+2} less its terms at ``near``, (n, d) → (n, d)."""
    from scipy.special import gammainc, gammaincc

    s, a = order, _splitting(periods, splitting)
    total = np.zeros_like(z)
    for vector, is_near in _vectors(periods, a, near):
        w = z - vector
        r2 = (w**2).sum(axis=1)
        x = a**2 * r2
        share = -gammainc(1 + s / 2, x) if is_near else gammaincc(1 + s / 2, x)
        total += w * (share * r2 ** (-(s + 2) / 2))[:, None]
    k, weights = _modes(periods, s, a)
    return total + (np.sin(z @ k.T) * weights) @ k


def force_gradient(
    z: Array, periods: Periods, order: float, near: Array, splitting: float | None = None
) -> Array:
    """∂ⱼKᵢ of the periodised K less its terms at ``near``, (n, d) → (n, d, d)."""
    from scipy.special import gammainc, gammaincc

    d, s, a = z.shape[1], order, _splitting(periods, splitting)
    total = np.zeros((len(z), d, d))
    for vector, is_near in _vectors(periods, a, near):
        w = z - vector
        r2 = (w**2).sum(axis=1)
        x = a**2 * r2
        first, second = ((-gammainc(b, x) if is_near else gammaincc(b, x)) for b in (1 + s / 2, 2 + s / 2))
        total += (first * r2 ** (-(s + 2) / 2))[:, None, None] * np.eye(d)
        total -= ((s + 2) * second * r2 ** (-(s + 4) / 2))[:, None, None] * w[:, :, None] * w[:, None, :]
    k, weights = _modes(periods, s, a)
    return np.asarray(total + np.einsum("nm,mi,mj->nij", np.cos(z @ k.T) * weights, k, k))


def _splitting(periods: Periods, splitting: float | None) -> float:
    return 3.0 / min(periods) if splitting is None else splitting


def _vectors(periods: Periods, a: float, near: Array) -> list[tuple[Array, bool]]:
    """Lattice vectors that matter for points of the cell, and whether each is one of ``near``."""
    # a point of the cell is at least (n + 1/2) L away from the images left out
    counts = tuple(ceil(max(REACH / (a * L) - 0.5, 0.0)) for L in periods)
    counts = tuple(
        max(n, round(float(np.abs(near[:, i]).max(initial=0.0)) / L))
        for i, (n, L) in enumerate(zip(counts, periods, strict=True))
    )
    known = {tuple(np.round(vector / periods).astype(int)) for vector in near}
    return [(v, tuple(np.round(v / periods).astype(int)) in known) for v in images(counts, periods)]


def _modes(periods: Periods, s: float, a: float) -> tuple[Array, Array]:
    """Wavevectors k ≠ 0 and the Fourier coefficients of the smooth part of V there."""
    from scipy.special import gammaincc

    d = len(periods)
    counts = tuple(ceil(2 * a * REACH * L / (2 * pi)) for L in periods)
    k = images(counts, tuple(2 * pi / L for L in periods))
    k2 = (k**2).sum(axis=1)
    k, k2 = k[k2 > 0], k2[k2 > 0]
    decay = gammaincc((d - s) / 2, k2 / (4 * a**2))
    kept = decay > 0
    weights = symbol_constant(d, s) / prod(periods) * decay * k2 ** ((s - d) / 2)
    return k[kept], weights[kept]

"""The collision operator of isotropic densities, by polynomials in the energy on a ball of velocities."""

from __future__ import annotations

from functools import lru_cache
from math import gamma, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ball", "lagrange", "sphere"]

Array = NDArray[Any]


class Ball:
    """The weak form ∫φ ∂ₜf dμ = −∬ C(r, ρ) φ′(r) [f′(r) f(ρ) − f(r) f′(ρ)] for |v| < R, ′ = ∂/∂s."""

    def __init__(self, nodes: int, dim: int, exponent: float, R: float) -> None:
        s, w, D, C = _unit_ball(nodes, dim, exponent)
        self.s, self.r, self.w = s * R**2, R * np.sqrt(2 * s), sphere(dim) * w * R**dim
        self._D, self._C = D / R**2, C * R ** (2 * dim + 4 + exponent)
        self._CD, self._divergence = self._C @ self._D, -self._D.T / (w * R**dim)[:, None]

    def rate(self, f: Array) -> Array:
        """∂ₜf at the nodes, (n, m) → (n, m)."""
        g = self._D @ f
        return np.asarray(self._divergence @ (g * (self._C @ f) - f * (self._CD @ f)))

    def jacobian(self, f: Array) -> Array:
        """Derivative of :meth:`rate`, (n, n)."""
        g, A, B = self._D @ f, self._C @ f, self._CD @ f
        flux = A[:, None] * self._D + g[:, None] * self._C - np.diag(B) - f[:, None] * self._CD
        return np.asarray(self._divergence @ flux)


@lru_cache(maxsize=8)
def _unit_ball(nodes: int, dim: int, exponent: float) -> tuple[Array, Array, Array, Array]:
    """Nodes and weights of ∫ds (2s)^{d/2−1} on [0, ½], ∂/∂s, and Cᵢⱼ = ∬(rρ)^{d+1} κ lᵢ lⱼ dr dρ for R = 1.

    κ(r, ρ) = r^γ κ(1, τ) for τ = ρ/r < 1, and C is that half and its transpose. The substitution τ = 1 − u³
    smooths the branch point (1 − τ)^{d+1+γ} of κ.
    """
    from scipy.special import roots_jacobi, roots_legendre

    x, w = roots_jacobi(nodes, 0.0, dim / 2 - 1)
    s, w = (1 + x) / 4, w / 2 ** (dim / 2 + 1)
    power = 2 * dim + 3 + exponent
    x, weight = roots_jacobi(2 * nodes + 4, 0.0, power)
    r, weight = (1 + x) / 2, weight / 2 ** (power + 1)
    x, dτ = roots_legendre(3 * nodes + 100)
    u = (1 + x) / 2
    τ, dτ = 1 - u**3, 1.5 * u**2 * dτ
    dτ *= τ ** (dim + 1) * _angular(u**3, dim, exponent)
    outer = weight[:, None] * lagrange(s, r**2 / 2)
    half = outer.T @ np.array([dτ @ lagrange(s, (rᵢ * τ) ** 2 / 2) for rᵢ in r])
    b = _barycentric(s)
    D = b / b[:, None] / (s[:, None] - s + np.eye(nodes))
    D -= np.diag(D.sum(axis=1))  # rows of a derivative add up to 0
    return s, w, D, half + half.T


def _angular(δ: Array, dim: int, exponent: float) -> Array:
    """κ(1, 1 − δ) = \\|S^{d−2}\\| ∫ q^γ sin^d θ dθ, q² = δ² + 4(1 − δ) sin²(θ/2), by sin(θ/2) = c sinh y."""
    from scipy.special import roots_legendre

    x, dx = roots_legendre(400)
    c = δ[:, None] / (2 * np.sqrt(1 - δ[:, None]))
    longest = np.arcsinh(1 / c)
    y, dy = longest * (1 - (1 - x) ** 2 / 4), longest * (1 - x) / 2 * dx  # quadratic at the end θ = π
    sine, q = c * np.sinh(y), δ[:, None] * np.cosh(y)
    cosine = np.sqrt(np.maximum(1 - sine**2, 0.0))
    weight = 2 * sphere(dim - 1) * c * np.cosh(y) * dy
    return np.asarray(np.sum(q**exponent * (2 * sine) ** dim * cosine ** (dim - 1) * weight, axis=1))


def _barycentric(s: Array) -> Array:
    return np.asarray(1 / np.prod((s[:, None] - s) * (4 / np.ptp(s)) + np.eye(s.size), axis=1))


def lagrange(s: Array, points: Array) -> Array:
    """Values of the Lagrange polynomials of nodes (n,) at points (m,), shape (m, n)."""
    distance = points[:, None] - s
    q = _barycentric(s) / np.where(distance == 0, 1e-200, distance)
    return np.asarray(q / q.sum(axis=1, keepdims=True))


def sphere(dim: int) -> float:
    """Area of the unit sphere in ``dim`` dimensions."""
    return float(2 * pi ** (dim / 2) / gamma(dim / 2))

"""Rational Chebyshev collocation on the half line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

__all__ = ["HalfLine", "half_line"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HalfLine:
    """Functions of y in [0, ∞] as polynomials of degree n in x = (y − 1)/(y + 1) in [−1, 1].

    They are given by their values at the n + 1 Chebyshev points xⱼ = −cos(πj/n), the ends included. The
    points lie between y ≈ 2.5/n² and 0.4 n²: functions with structure on several scales are resolved, smooth
    ones that decay like a power of 1/y with geometric convergence, like an exponential nearly so.

    Source: J. P. Boyd, J. Comput. Phys. 70 (1987) 63–88.
    """

    degree: int

    @property
    def _angle(self) -> Array:
        return np.pi * np.arange(self.degree + 1) / self.degree

    @cached_property
    def below(self) -> Array:
        """1 + x at the points, to full relative accuracy."""
        return np.asarray(2 * np.sin(self._angle / 2) ** 2)

    @cached_property
    def above(self) -> Array:
        """1 − x at the points, to full relative accuracy."""
        return self.below[::-1].copy()

    @cached_property
    def points(self) -> Array:
        """The values of x at the points."""
        return np.asarray(-np.cos(self._angle))

    @cached_property
    def derivative(self) -> Array:
        """The matrix of d/dx; its rows sum to zero (Baltensperger & Trummer 2003)."""
        θ = self._angle
        c = np.where(np.arange(θ.size) % self.degree == 0, 2.0, 1.0) * (-1.0) ** np.arange(θ.size)
        gaps = 2 * np.sin((θ[:, None] + θ) / 2) * np.sin((θ[:, None] - θ) / 2)  # xᵢ − xⱼ
        np.fill_diagonal(gaps, 1.0)
        D = np.asarray(c[:, None] / c / gaps)
        np.fill_diagonal(D, 0.0)
        np.fill_diagonal(D, -D.sum(axis=1))
        return D

    @cached_property
    def slope(self) -> Array:
        """The matrix of d/dy = ½(1 − x)² d/dx."""
        return np.asarray(self.above[:, None] ** 2 / 2 * self.derivative)

    @cached_property
    def dilation(self) -> Array:
        """The matrix of y d/dy = ½(1 − x²) d/dx."""
        return np.asarray((self.below * self.above / 2)[:, None] * self.derivative)

    @cached_property
    def curvature(self) -> Array:
        """The matrix of y d²/dy² = ¼(1 + x)(1 − x)² [(1 − x) d²/dx² − 2 d/dx]."""
        D = self.derivative
        D2 = D @ D
        np.fill_diagonal(D2, 0.0)
        np.fill_diagonal(D2, -D2.sum(axis=1))
        scale = self.below * self.above**2 / 4
        return np.asarray(scale[:, None] * (self.above[:, None] * D2 - 2 * D))

    @cached_property
    def analysis(self) -> Array:
        """The matrix from values at the points to Chebyshev coefficients."""
        n = self.degree
        weights = np.where(np.arange(n + 1) % n == 0, 0.5, 1.0)
        signs = (-1.0) ** np.arange(n + 1)  # T_k(−cos θ) = (−1)ᵏ cos kθ
        waves = np.cos(np.outer(np.arange(n + 1), self._angle))
        return np.asarray(2 / n * (signs * weights)[:, None] * waves * weights)

    @cached_property
    def weights(self) -> Array:
        """Weights of the points in ∫₋₁¹ dx: Clenshaw's and Curtis's."""
        k = np.arange(0, self.degree + 1, 2)
        return np.asarray((2 / (1 - k**2)) @ (self.analysis[k]))

    def at(self, values: Array, y: ArrayLike) -> Array:
        """The function with these values at the points, at y ≥ 0 of any shape."""
        y = np.asarray(y, dtype=float)
        return np.asarray(chebyshev.chebval((y - 1) / (y + 1), self.analysis @ values))

    def integral(self, values: Array) -> Array:
        """∫ₓ¹ of the polynomial with these values at the points, again at the points."""
        primitive = chebyshev.chebint(self.analysis @ values)
        return np.asarray(chebyshev.chebval(1.0, primitive) - chebyshev.chebval(self.points, primitive))


@lru_cache(maxsize=4)
def half_line(degree: int) -> HalfLine:
    """The collocation of a degree; its matrices are kept."""
    return HalfLine(degree)

"""The Lane–Emden function of index 3: the potential of a polytropic star."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray

__all__ = ["LaneEmden", "lane_emden"]

DEGREE = 48  # the coefficients fall to rounding at about 40: the poles nearest to [0, ξ₁] are imaginary
ITERATIONS = 8


@dataclass(frozen=True, eq=False)
class LaneEmden:
    """θ″ + 2θ′/ξ + θ³ = 0, θ(0) = 1, on the radius r = ξ/ξ₁ from the centre to the first zero θ(ξ₁) = 0.

    θ is a Chebyshev series in 2r² − 1, accurate to 1e-13.
    """

    coefficients: FloatArray
    zero: float
    """ξ₁ = 6.896848619…"""

    @property
    def mass(self) -> float:
        """−ξ₁²θ′(ξ₁) = 2.018235951…"""
        return float(-4 * self.zero * self._slope(np.ones(())))

    def __call__(self, r: ArrayLike) -> FloatArray:
        """θ at radii in [0, 1], the zero being 1."""
        u = 2 * np.asarray(r, dtype=float) ** 2 - 1
        return np.asarray(chebyshev.chebval(u, self.coefficients), dtype=float)

    def mass_within(self, r: ArrayLike) -> FloatArray:
        """ξ²θ′(ξ)/(ξ₁²θ′(ξ₁)) at radii in [0, 1]: from 0 to 1."""
        r = np.asarray(r, dtype=float)
        return np.asarray(r**3 * self._slope(2 * r**2 - 1) / self._slope(np.ones(())))

    def _slope(self, u: FloatArray) -> FloatArray:
        return np.asarray(chebyshev.chebval(u, chebyshev.chebder(self.coefficients)), dtype=float)


@cache
def lane_emden() -> LaneEmden:
    """The solution, by collocation in u = 2r² − 1 and Newton's method.

    In u the equation is 8(1 + u)θ″ + 12θ′ + λθ³ = 0 with λ = ξ₁², and has no singular solution that
    polynomials could follow: the conditions θ(−1) = 1 and θ(1) = 0 determine θ and λ.

    Source: S. Chandrasekhar, An Introduction to the Study of Stellar Structure (1939), chapter IV.
    """
    u = -np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)
    values, first, second = (_basis(u, order) for order in range(3))
    Δ = 8 * (1 + u[:, None]) * second + 12 * first
    c = chebyshev.chebfit(u, (1 - u) / (2 + 7 * (1 + u)), DEGREE)  # θ ≈ (1 − r²)/(1 + 7r²)
    λ = 47.0
    for _ in range(ITERATIONS):
        θ = values @ c
        residual = np.concatenate([Δ @ c + λ * θ**3, [θ[0] - 1]])
        slopes = np.vstack([Δ + 3 * λ * (θ**2)[:, None] * values, values[0]])
        jacobian = np.column_stack([slopes, np.append(θ**3, 0.0)])
        residual[DEGREE], jacobian[DEGREE] = θ[-1], np.append(values[-1], 0.0)  # the zero at u = 1
        change = np.linalg.solve(jacobian, residual)
        c, λ = c - change[:-1], λ - change[-1]
    return LaneEmden(c, float(np.sqrt(λ)))


def _basis(u: FloatArray, order: int) -> FloatArray:
    """Derivatives of the Chebyshev polynomials at ``u``, one column for each."""
    return np.column_stack(
        [chebyshev.chebval(u, chebyshev.chebder(row, order)) for row in np.eye(DEGREE + 1)]
    )

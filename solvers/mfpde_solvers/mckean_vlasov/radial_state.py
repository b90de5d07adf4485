"""A radial density of the plane, held by its mass within a radius, and its functionals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.mckean_vlasov.half_line import HalfLine

__all__ = ["RadialState"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RadialState:
    """M(s) = ∫_{|x|² < s} ρ by its values at s = ℓ y, y the points of the half line; ρ = M′/π.

    In x, with y = (1 + x)/(1 − x), M₀ = (1 + x)/2 has the density ℓ/(π(ℓ + r²)²). Integrals that are
    singular or infinite in x are those of M₀, exactly, and of M − M₀.

    Parameters
    ----------
    line : HalfLine
    values : array (n + 1,)
        M, from 0 to 1.
    scale : float
        ℓ, an area over π.
    """

    line: HalfLine
    values: Array
    scale: float

    def mass_within(self, r: ArrayLike) -> Array:
        """Mass of the discs of radii ``r``, (1 + x) · M/(1 + x) so that small masses keep their digits."""
        y = self._y(r)
        quotient = np.empty_like(self.values)
        quotient[1:] = self.values[1:] / self.line.below[1:]
        quotient[0] = self.slopes[0]
        return np.asarray(2 * y / (1 + y) * self.line.at(quotient, y))

    def density(self, r: ArrayLike) -> Array:
        """ρ at radii of any shape: M_x (1 − x)²/(2πℓ)."""
        y = self._y(r)
        return np.asarray(self.line.at(self.slopes, y) * (2 / (1 + y)) ** 2 / (2 * np.pi * self.scale))

    def field(self, r: ArrayLike) -> Array:
        """∫ (x − y)/|x − y|² ρ(y) dy along the radius: M/r."""
        r = np.asarray(r, dtype=float)
        field = np.divide(self.mass_within(r), r, out=np.zeros_like(r), where=r > 0)
        return np.asarray(field)

    def logarithmic_potential(self, r: ArrayLike) -> Array:
        """∫ log|x − y| ρ(y) dy = ½ [log(s + ℓ) + ∫ₛ^∞ (M₀ − M)/s′ ds′]."""
        y = self._y(r)
        return (np.log(self.scale * (1 + y)) + self.line.at(self._excess, y)) / 2

    @property
    def slopes(self) -> Array:
        """M_x at the points."""
        return np.asarray(self.line.derivative @ self.values)

    @property
    def _excess(self) -> Array:
        """∫ₓ¹ 2(M₀ − M)/(1 − x²) dx at the points."""
        line, M_x = self.line, self.slopes
        inside = slice(1, -1)
        quotient = np.empty_like(self.values)
        quotient[inside] = (line.below - 2 * self.values)[inside] / (line.below * line.above)[inside]
        quotient[0], quotient[-1] = 0.5 - M_x[0], M_x[-1] - 0.5
        return line.integral(quotient)

    @property
    def second_moment(self) -> float:
        """∫ |x|² ρ = ∫ (1 − M) ds; of no meaning where the density decays like |x|⁻⁴ or slower."""
        line = self.line
        quotient = np.empty_like(self.values)
        quotient[:-1] = (1 - self.values[:-1]) / line.above[:-1] ** 2
        quotient[-1] = quotient[-2]
        return 2 * self.scale * float(line.integral(quotient)[0])

    @property
    def entropy(self) -> float:
        """∫ ρ log ρ."""
        M_x = np.maximum(self.slopes, 1e-300)  # p log p → 0, and undershoots do not count
        own = float(self.line.weights @ (M_x * np.log(M_x)))
        return own + 2 * self._logarithm - float(np.log(2 * np.pi * self.scale))

    @property
    def logarithmic_energy(self) -> float:
        """½ ∬ log|x − y| ρ(x) ρ(y)."""
        excess = float(self.line.weights @ (self._excess * self.slopes))
        return (float(np.log(2 * self.scale)) - self._logarithm + excess) / 4

    @property
    def l2_norm(self) -> float:
        """(∫ρ²)^{1/2}, with π∫ρ² = ∫M_s² ds."""
        squares = self.line.weights @ (self.slopes * self.line.above) ** 2
        return float(np.sqrt(squares / (2 * self.scale) / np.pi))

    @property
    def peak_area(self) -> float:
        """1/(π∫ρ²), over π the area of a disc that carries the mass with the mean density ∫ρ²."""
        return 1 / (np.pi * self.l2_norm**2)

    @property
    def last_coefficients(self) -> float:
        """The largest of the last sixteenth of the Chebyshev coefficients of M."""
        c = self.line.analysis @ self.values
        return float(np.abs(c[-(c.size // 16) :]).max())

    @property
    def maximum(self) -> float:
        """Largest value of ρ at the points, the centre included."""
        return float((self.slopes * self.line.above**2).max() / (2 * np.pi * self.scale))

    @property
    def half_mass_radius(self) -> float:
        """The radius of the disc with half of the mass, by bisection in x."""
        low, high = -1.0, 1.0
        for _ in range(60):
            x = (low + high) / 2
            low, high = (x, high) if self.line.at(self.values, (1 + x) / (1 - x)) < 0.5 else (low, x)
        return float(np.sqrt(self.scale * (1 + low) / (1 - low)))

    @property
    def _logarithm(self) -> float:
        """∫ log(1 − x) M_x dx = log 2 − 1 + ∫ (M − M₀)/(1 − x) dx."""
        line = self.line
        quotient = np.empty_like(self.values)
        quotient[:-1] = (self.values - line.below / 2)[:-1] / line.above[:-1]
        quotient[-1] = 0.5 - self.slopes[-1]
        return float(np.log(2) - 1 + line.integral(quotient)[0])

    def _y(self, r: ArrayLike) -> Array:
        return np.asarray(r, dtype=float) ** 2 / self.scale

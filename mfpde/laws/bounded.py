"""Laws of compact support and of algebraic decay that are known from exact solutions of mean-field limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma, pi

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, as_points
from mfpde.laws.spherical import check_positive

__all__ = ["CriticalAggregation", "Semicircle", "UniformBall"]


@dataclass(frozen=True)
class UniformBall(Law):
    """The uniform law of the ball |x| < R in d dimensions: an interval, a disc, a ball.

    Raises
    ------
    ValueError
        If the dimension is not an integer >= 1 or the radius not positive.

    Examples
    --------
    >>> float(UniformBall(1, 2.0).pdf([0.5]).round(6))
    0.25
    """

    dimension: int = 2
    radius: float = 1.0

    def __post_init__(self) -> None:
        if int(self.dimension) != self.dimension or self.dimension < 1:
            raise ValueError(f"dimension must be an integer >= 1, got {self.dimension!r}")
        check_positive("radius", self.radius)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.dimension

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        d = self.dimension
        volume = pi ** (d / 2) / gamma(d / 2 + 1) * self.radius**d
        return np.where((as_points(x, d) ** 2).sum(axis=-1) < self.radius**2, 1 / volume, 0.0)

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d): uniform directions, and (|x|/R)ᵈ uniform."""
        direction = rng.standard_normal((size, self.dimension))
        direction /= np.sqrt((direction**2).sum(axis=1, keepdims=True))
        return np.asarray(self.radius * rng.random((size, 1)) ** (1 / self.dimension) * direction)


@dataclass(frozen=True)
class Semicircle(Law):
    """Wigner's semicircle 2√(R² − x²)/(πR²) on the line; its variance is R²/4.

    Raises
    ------
    ValueError
        If the radius is not positive.

    Examples
    --------
    >>> float(Semicircle(2.0).pdf([0.0]).round(6))
    0.31831
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        check_positive("radius", self.radius)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 1

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 1), shape (...)."""
        s = as_points(x, 1)[..., 0] / self.radius
        return np.asarray(2 * np.sqrt(np.maximum(1 - s**2, 0.0)) / (pi * self.radius))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 1): a coordinate of uniform points of a disc."""
        u = rng.random((size, 2))
        return np.asarray(self.radius * np.sqrt(u[:, :1]) * np.cos(2 * pi * u[:, 1:]))


@dataclass(frozen=True)
class CriticalAggregation(Law):
    """λ/(π(λ + |x|²)²) in the plane: steady for the equation of Keller and Segel with χ = 8πσ.

    The disc of radius r holds the mass r²/(λ + r²); the second moment is infinite.

    Parameters
    ----------
    scale : float
        λ > 0, the square of the radius that holds half of the mass.

    Raises
    ------
    ValueError
        If the scale is not positive.

    Source: A. Blanchet, E. A. Carlen & J. A. Carrillo, J. Funct. Anal. 262 (2012) 2142–2230.

    Examples
    --------
    >>> float(CriticalAggregation().pdf([0.0, 0.0]).round(6))
    0.31831
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 2

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 2), shape (...)."""
        s = (as_points(x, 2) ** 2).sum(axis=-1)
        return np.asarray(self.scale / (pi * (self.scale + s) ** 2))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 2): r² = λu/(1 − u) with u uniform."""
        u = rng.random((size, 2))
        r = np.sqrt(self.scale * u[:, 0] / (1 - u[:, 0]))
        angle = 2 * pi * u[:, 1]
        return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=-1)

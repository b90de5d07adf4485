"""Spherically symmetric laws of position and velocity: the Gaussian cloud, and functions of the energy."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import gamma, inf, pi
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, as_points
from mfpde.laws.catalogue import Maxwellian

__all__ = ["GaussianCloud", "Isotropic", "check_positive"]


@dataclass(frozen=True)
class GaussianCloud(Law):
    """Position N(0, s²) and velocity N(0, θ²) in d dimensions each, independent: (x, v) in ℝ²ᵈ.

    Parameters
    ----------
    dimension : int
        d, the number of positions.
    spread, thermal_speed : float
        s and θ, both positive.

    Raises
    ------
    ValueError
        If the dimension is not an integer >= 1, or the spread or the thermal speed is not positive.

    Examples
    --------
    >>> GaussianCloud(dimension=3).dim
    6
    """

    dimension: int = 1
    spread: float = 1.0
    thermal_speed: float = 1.0

    def __post_init__(self) -> None:
        if int(self.dimension) != self.dimension or self.dimension < 1:
            raise ValueError(f"dimension must be an integer >= 1, got {self.dimension!r}")
        for name in ("spread", "thermal_speed"):
            check_positive(name, getattr(self, name))

    @property
    def dim(self) -> int:
        """Number of coordinates, 2d."""
        return 2 * self.dimension

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 2d), shape (...)."""
        return np.asarray(self._standard.pdf(as_points(x, self.dim) / self._scales) / self._scales.prod())

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 2d)."""
        return self._standard.rvs(size, rng) * self._scales

    @property
    def _standard(self) -> Maxwellian:
        return Maxwellian(dimension=self.dim)

    @property
    def _scales(self) -> FloatArray:
        return np.repeat([self.spread, self.thermal_speed], self.dimension).astype(float)


class Isotropic(Law):
    """f(x, v) ∝ (E₀ − E)₊ᵏ of the energy E = Φ(|x|) + |v|²/2 in ℝ⁶, with mass 1.

    By Jeans' theorem it is a steady state of Vlasov–Poisson with K = −x/|x|³ where Φ is the potential of
    its own density. At a radius where ψ = E₀ − Φ the speed has |v|²/(2ψ) ~ Beta(3/2, k + 1), and
    ρ = (2π)^{3/2} Γ(k + 1)/Γ(k + 5/2) A ψ^{k + 3/2} for f = A (E₀ − E)ᵏ.
    """

    exponent: ClassVar[float]
    """k"""

    @property
    def dim(self) -> int:
        """Number of coordinates, three positions and three velocities."""
        return 6

    @abstractmethod
    def potential(self, r: ArrayLike) -> FloatArray:
        """Φ at radii of any shape; −1/r far away."""

    @abstractmethod
    def of_energy(self, energy: ArrayLike) -> FloatArray:
        """Density at points of the given energy, of any shape."""

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 6), shape (...)."""
        squares = as_points(x, 6) ** 2
        r = np.sqrt(squares[..., :3].sum(axis=-1))
        return self.of_energy(self.potential(r) + squares[..., 3:].sum(axis=-1) / 2)

    def _amplitude(self, density: float, depth: float) -> float:
        """A, where ψ = ``depth`` and ρ = ``density``."""
        k = self.exponent
        return float(density * depth ** -(k + 1.5) * gamma(k + 2.5) / gamma(k + 1) / (2 * pi) ** 1.5)

    def _at(self, r: FloatArray, depth: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Points at radii ``r`` where ψ = ``depth``: directions uniform, speeds by their Beta law."""
        speed = np.sqrt(2 * depth * rng.beta(1.5, self.exponent + 1, r.size))
        return np.hstack([r[:, None] * _directions(r.size, rng), speed[:, None] * _directions(r.size, rng)])


def _directions(size: int, rng: np.random.Generator) -> FloatArray:
    normal = rng.standard_normal((size, 3))
    return np.asarray(normal / np.sqrt((normal**2).sum(axis=1, keepdims=True)))


def check_positive(name: str, value: float) -> None:
    """``ValueError`` unless a parameter of a law is a finite number > 0."""
    if not 0 < value < inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")

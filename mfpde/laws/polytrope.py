"""The polytropic star of index 3."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import pi
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray
from mfpde.laws.lane_emden import lane_emden
from mfpde.laws.spherical import Isotropic, check_positive

__all__ = ["Polytrope"]

TABLE = 4096
REFINEMENTS = 6


@dataclass(frozen=True)
class Polytrope(Isotropic):
    """f = A (E₀ − E)₊^{3/2}: the polytropic star of index 3, a steady state of compact support.

    ρ ∝ (E₀ − Φ)³ solves ΔΦ = 4πρ: E₀ − Φ is the Lane–Emden function of index 3. E₀ = −1/R, kinetic energy
    3/(4R), potential energy −3/(2R); the largest speed is 2.614/√R.

    Parameters
    ----------
    radius : float
        R > 0, beyond which there is nobody.

    Raises
    ------
    ValueError
        If the radius is not positive.

    Source: S. Chandrasekhar, An Introduction to the Study of Stellar Structure (1939), chapter IV.

    Examples
    --------
    >>> float(Polytrope().position_density(0.0).round(6))
    12.935115
    """

    radius: float = 1.0

    exponent: ClassVar[float] = 1.5

    def __post_init__(self) -> None:
        check_positive("radius", self.radius)

    def depth(self, r: ArrayLike) -> FloatArray:
        """ψ = E₀ − Φ at radii of any shape: negative beyond R."""
        s = np.asarray(r, dtype=float) / self.radius
        star = lane_emden()
        inside = star.zero / star.mass * star(np.minimum(s, 1.0))
        # where ψ < 0 there is nobody; the outer field of a unit mass continues ψ smoothly
        return np.where(s < 1, inside, 1 / np.maximum(s, 1.0) - 1) / self.radius

    def potential(self, r: ArrayLike) -> FloatArray:
        """Φ at radii of any shape."""
        return -1 / self.radius - self.depth(r)

    def of_energy(self, energy: ArrayLike) -> FloatArray:
        """Density at points of the given energy, of any shape."""
        return self._A * np.maximum(-1 / self.radius - np.asarray(energy), 0.0) ** self.exponent

    def position_density(self, r: ArrayLike) -> FloatArray:
        """ρ at radii of any shape."""
        star, s = lane_emden(), np.asarray(r, dtype=float) / self.radius
        θ = np.where(s < 1, star(np.minimum(s, 1.0)), 0.0)
        return star.zero**3 / (4 * pi * star.mass) * np.maximum(θ, 0.0) ** 3 / self.radius**3

    def mass_within(self, r: ArrayLike) -> FloatArray:
        """Mass of the ball of radius r."""
        return lane_emden().mass_within(np.clip(np.asarray(r, dtype=float) / self.radius, 0.0, 1.0))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 6)."""
        r = self._radius_of_mass(rng.random(size))
        return self._at(r, np.maximum(self.depth(r), 0.0), rng)

    @cached_property
    def _A(self) -> float:
        return self._amplitude(float(self.position_density(0.0)), float(self.depth(0.0)))

    def _radius_of_mass(self, mass: FloatArray) -> FloatArray:
        """The radius that contains a mass: bracketed by a table, then by Newton's method and bisection."""
        table = np.linspace(0.0, self.radius, TABLE + 1)
        upper = np.clip(np.searchsorted(self.mass_within(table), mass, side="right"), 1, TABLE)
        low, high = table[upper - 1], table[upper]
        r = (low + high) / 2
        for _ in range(REFINEMENTS):
            excess = self.mass_within(r) - mass
            low, high = np.where(excess < 0, r, low), np.where(excess < 0, high, r)
            slope = 4 * pi * r**2 * self.position_density(r)
            newton = r - excess / np.where(slope > 0, slope, 1.0)
            r = np.where((low <= newton) & (newton <= high), newton, (low + high) / 2)
        return r

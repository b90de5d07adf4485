"""Spherically symmetric laws of position and velocity: stars in equilibrium, and the Gaussian cloud."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import gamma, pi, sqrt
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, as_points
from mfpde.laws.catalogue import Maxwellian
from mfpde.laws.lane_emden import lane_emden

__all__ = ["GaussianCloud", "Isotropic", "Plummer", "Polytrope"]

TABLE = 4096
REFINEMENTS = 6


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
        If the spread or the thermal speed is not positive.

    Examples
    --------
    >>> GaussianCloud(dimension=3).dim
    6
    """

    dimension: int = 1
    spread: float = 1.0
    thermal_speed: float = 1.0

    def __post_init__(self) -> None:
        for name in ("spread", "thermal_speed"):
            _check_positive(name, getattr(self, name))

    @property
    def dim(self) -> int:
        """Number of coordinates, 2d."""
        return 2 * self.dimension

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 2d), shape (...)."""
        return self._standard.pdf(as_points(x, self.dim) / self._scales) / self._scales.prod()

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
        """f as a function of the energy."""

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


@dataclass(frozen=True)
class Polytrope(Isotropic):
    """f = A (E₀ − E)₊^{3/2}: the polytropic star of index 3, a steady state of compact support.

    ρ ∝ (E₀ − Φ)³ solves ΔΦ = 4πρ: E₀ − Φ is the Lane–Emden function of index 3. E₀ = −1/R, kinetic energy
    3/(4R), potential energy −3/(2R); the escape speed from the centre is 2.614/√R.

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
    >>> float(Polytrope().position_density(0.0).round(9))
    12.934700379
    """

    radius: float = 1.0

    exponent: ClassVar[float] = 1.5

    def __post_init__(self) -> None:
        _check_positive("radius", self.radius)

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
        """f as a function of the energy."""
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


@dataclass(frozen=True)
class Plummer(Isotropic):
    """f = A (−E)^{7/2} in the potential Φ = −1/√(a² + r²), for energies E < Eₜ only, with mass 1.

    Without truncation ρ = (3/4πa³)(1 + r²/a²)^{−5/2} is a steady state of infinite extent. Here f is cut at
    Eₜ and divided by the mass that is left, and Φ stays that of the whole model, so that the law is exact
    but not exactly steady: the field of its own density differs by about the tail that was cut, and the
    energies drift by as much.

    Parameters
    ----------
    scale : float
        a > 0; half of the whole model lies within 1.305 a.
    cutoff_energy : float
        a·Eₜ in (−1, 0], the energy in units of the central depth 1/a. Orbits end where Φ = Eₜ.

    Raises
    ------
    ValueError
        If the scale is not positive, or the energy not in (−1, 0].

    Source: J. Binney and S. Tremaine, Galactic Dynamics, 2nd ed., Princeton (2008), section 4.3.3.

    Examples
    --------
    >>> Plummer(cutoff_energy=-0.2).tail_mass < 0.03
    True
    """

    scale: float = 1.0
    cutoff_energy: float = -0.2

    exponent: ClassVar[float] = 3.5

    def __post_init__(self) -> None:
        _check_positive("scale", self.scale)
        if not -1 < self.cutoff_energy <= 0:
            raise ValueError(
                f"cutoff_energy must lie in (-1, 0], in units of the central depth, got {self.cutoff_energy!r}"
            )

    @property
    def radius(self) -> float:
        """Largest radius that a star can reach; infinite without truncation."""
        e = self.cutoff_energy
        return self.scale * sqrt(1 / e**2 - 1) if e else np.inf

    def potential(self, r: ArrayLike) -> FloatArray:
        """Φ of the whole model at radii of any shape."""
        return np.asarray(-1 / np.sqrt(self.scale**2 + np.asarray(r, dtype=float) ** 2))

    def of_energy(self, energy: ArrayLike) -> FloatArray:
        """f as a function of the energy."""
        E = np.asarray(energy)
        below = self.scale * E < self.cutoff_energy
        return np.where(below, self._A * np.maximum(-E, 0.0) ** self.exponent, 0.0)

    def position_density(self, r: ArrayLike) -> FloatArray:
        """ρ at radii of any shape: that of the whole model times the bound share, a Beta distribution."""
        from scipy.special import betainc

        ψ = -self.potential(r) * self.scale
        bound = betainc(1.5, self.exponent + 1, np.clip(1 + self.cutoff_energy / ψ, 0.0, 1.0))
        return np.asarray(3 / (4 * pi * self.scale**3) * ψ**5 * bound / (1 - self.tail_mass))

    @cached_property
    def tail_mass(self) -> float:
        """Mass of the whole model at energies above the truncation.

        1 − ∫ P(|v|²/2 < ψ + Eₜ) dM over sin φ = r/√(a² + r²), in which M = sin³φ and ψ = cos φ/a.
        """
        from scipy.special import betainc

        if not self.cutoff_energy:
            return 0.0
        y, weights = np.polynomial.legendre.leggauss(64)
        end = np.arccos(-self.cutoff_energy)
        t = (y + 1) / 2
        φ = end * (1 - t**2)  # even in t, as the share falls like the power 3/2 at the end
        dM = 3 * np.sin(φ) ** 2 * np.cos(φ) * end * t * weights
        share = betainc(1.5, self.exponent + 1, np.clip(1 + self.cutoff_energy / np.cos(φ), 0.0, 1.0))
        return float(1 - share @ dM)

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 6): of the whole model, those with too much energy drawn again."""
        kept = np.empty((0, 6))
        while len(kept) < size:
            r = self.scale / np.sqrt(rng.random(size) ** (-2 / 3) - 1)
            points = self._at(r, -self.potential(r), rng)
            kept = np.concatenate([kept, points[self.pdf(points) > 0]])
        return kept[:size]

    @cached_property
    def _A(self) -> float:
        whole = self._amplitude(3 / (4 * pi * self.scale**3), 1 / self.scale)
        return whole / (1 - self.tail_mass)


def _directions(size: int, rng: np.random.Generator) -> FloatArray:
    normal = rng.standard_normal((size, 3))
    return np.asarray(normal / np.sqrt((normal**2).sum(axis=1, keepdims=True)))


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")

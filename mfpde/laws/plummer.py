"""Plummer's sphere, truncated in energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, pi, sqrt
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray
from mfpde.laws.spherical import Isotropic, check_positive

__all__ = ["Plummer"]


@dataclass(frozen=True)
class Plummer(Isotropic):
    """f = A (−E)^{7/2} in the potential Φ = −M/√(a² + r²), for energies E < Eₜ only, with mass 1.

    The whole model, of infinite extent, has ρ = (3M/4πa³)(1 + r²/a²)^{−5/2} and is a steady state. Here its
    tail of energies above Eₜ is cut off, a share τ of its mass, and M = 1/(1 − τ). Φ stays that of the whole
    model, so that the law is exact but not exactly steady: it misses the field of the part of the tail
    that stood further in, which is much less than τ. Over 8 times √(a³) kinetic energies change by 0.2, 0.8
    and 2.7 % for a·Eₜ/M = −0.1, −0.15 and −0.2 (τ = 0.034, 0.074 and 0.129).

    Parameters
    ----------
    scale : float
        a > 0; half of the whole model lies within 1.305 a.
    cutoff_energy : float
        a·Eₜ/M in (−1, 0], the energy in units of the central depth M/a. Orbits end where Φ = Eₜ.

    Raises
    ------
    ValueError
        If the scale is not positive, or the energy not in (−1, 0].

    Source: J. Binney and S. Tremaine, Galactic Dynamics, 2nd ed., Princeton (2008), section 4.3.3.

    Examples
    --------
    >>> round(Plummer(cutoff_energy=-0.2).tail_mass, 6)
    0.128943
    """

    scale: float = 1.0
    cutoff_energy: float = -0.2

    exponent: ClassVar[float] = 3.5

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)
        if not -1 < self.cutoff_energy <= 0:
            raise ValueError(
                "cutoff_energy must lie in (-1, 0], in units of the central depth of the potential, got "
                f"{self.cutoff_energy!r}"
            )

    @property
    def radius(self) -> float:
        """Largest radius that a star can reach; infinite without truncation."""
        e = self.cutoff_energy
        return self.scale * sqrt(1 / e**2 - 1) if e else inf

    def potential(self, r: ArrayLike) -> FloatArray:
        """Φ of the whole model at radii of any shape."""
        return np.asarray(-self._M / np.sqrt(self.scale**2 + np.asarray(r, dtype=float) ** 2))

    def of_energy(self, energy: ArrayLike) -> FloatArray:
        """Density at points of the given energy, of any shape."""
        E = np.asarray(energy)
        kept = -self.cutoff_energy * self._M / self.scale < -E
        return np.where(kept, self._A * np.maximum(-E, 0.0) ** self.exponent, 0.0)

    def position_density(self, r: ArrayLike) -> FloatArray:
        """ρ at radii of any shape: that of the whole model times the share that is kept there."""
        cosine = 1 / np.sqrt(1 + (np.asarray(r, dtype=float) / self.scale) ** 2)
        return 3 * self._M / (4 * pi * self.scale**3) * cosine**5 * self._share(cosine)

    @cached_property
    def tail_mass(self) -> float:
        """τ, the share of the mass of the whole model at energies above the truncation.

        With r = a tan φ the mass within r is M sin³φ, and ψ = (M/a) cos φ.
        """
        if not self.cutoff_energy:
            return 0.0
        nodes, weights = np.polynomial.legendre.leggauss(64)
        y, end = (nodes + 1) / 2, np.arccos(-self.cutoff_energy)
        φ = end * (1 - y**2)  # in y the share, which vanishes like the power 3/2 of end − φ, is smooth
        mass = 3 * np.sin(φ) ** 2 * np.cos(φ) * end * y * weights
        return float(1 - self._share(np.cos(φ)) @ mass)

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 6): of the whole model, those with too much energy drawn again."""
        kept = np.empty((0, 6))
        while len(kept) < size:
            r = self.scale / np.sqrt((1 - rng.random(size)) ** (-2 / 3) - 1 + 1e-300)
            points = self._at(r, -self.potential(r), rng)
            kept = np.concatenate([kept, points[self.pdf(points) > 0]])
        return kept[:size]

    def _share(self, cosine: FloatArray) -> FloatArray:
        """P(|v|²/2 < ψ + Eₜ) for the Beta law of |v|²/(2ψ), where ψ = (M/a) · cosine."""
        from scipy.special import betainc

        return np.asarray(betainc(1.5, self.exponent + 1, np.maximum(1 + self.cutoff_energy / cosine, 0.0)))

    @cached_property
    def _M(self) -> float:
        return 1 / (1 - self.tail_mass)

    @cached_property
    def _A(self) -> float:
        return self._amplitude(3 * self._M / (4 * pi * self.scale**3), self._M / self.scale)

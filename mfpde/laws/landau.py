"""Laws of velocities whose relaxation by the Landau equation is known: BKW states, Gaussians, shells."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, as_points
from mfpde.laws.spherical import check_positive

__all__ = ["BKW", "Anisotropic", "Ring"]


@dataclass(frozen=True)
class BKW(Law):
    """The Bobylev–Krook–Wu state (2πK)^{−d/2} e^{−|v|²/2K} [((d+2)K − d)/(2K) + (1 − K)|v|²/(2K²)].

    Its mean is 0, ∫|v|²f = d and ∫|v|⁴f = d(d+2)K(2 − K). Under the Landau equation of Maxwell molecules,
    γ = 0, it stays a BKW state with K = 1 − (1 − K₀) e^{−2(d−1)t}; K = 1 is the Maxwellian. It is a mixture:
    \\|v\\|²/(2K) has a Gamma law of shape d/2 or, with probability d(1 − K)/(2K), of shape d/2 + 1.

    Parameters
    ----------
    dimension : int
        d ≥ 2.
    k : float
        K in [d/(d+2), 1], where the density is not negative.

    Raises
    ------
    ValueError
        If the dimension is not an integer >= 2 or K is outside its range.

    Source: M. Krook and T. T. Wu, Phys. Fluids 20 (1977) 1589; A. V. Bobylev, Sov. Phys. Dokl. 20 (1975) 820.

    Examples
    --------
    >>> float(BKW(2, 0.5).pdf([0.0, 0.0]))
    0.0
    """

    dimension: int = 2
    k: float = 0.5

    def __post_init__(self) -> None:
        d = self.dimension
        if int(d) != d or d < 2:
            raise ValueError(f"dimension must be an integer >= 2, got {d!r}")
        if not d / (d + 2) - 1e-15 <= self.k <= 1:
            raise ValueError(f"k must lie in [{d}/{d + 2}, 1], where the density is >= 0, got {self.k!r}")

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.dimension

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        e = (as_points(x, self.dim) ** 2).sum(axis=-1) / (2 * self.k)
        share = 2 / self.dim * self._excited
        return np.asarray((1 - self._excited + share * e) * np.exp(-e) / (2 * pi * self.k) ** (self.dim / 2))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        excited = rng.random((size, 1)) < self._excited
        z, more = np.split(rng.standard_normal((size, self.dim + 2)), [self.dim], axis=1)
        # Two more squares raise the shape of the Gamma law by 1; the direction z/|z| is independent of |z|.
        e, added = (z**2).sum(axis=1, keepdims=True), (more**2).sum(axis=1, keepdims=True)
        return np.asarray(z * np.sqrt(self.k * (1 + excited * added / e)))

    @property
    def _excited(self) -> float:
        """d(1 − K)/(2K), the weight of the part ∝ |v|² e^{−|v|²/2K}."""
        return min(self.dim * (1 - self.k) / (2 * self.k), 1.0)


@dataclass(frozen=True)
class Anisotropic(Law):
    """The centred Gaussian with a temperature Tᵢ for each coordinate: independent vᵢ ~ N(0, Tᵢ).

    Under the Landau equation of Maxwell molecules ∫vᵢ²f − T decays like e^{−4dt}, T the mean of the Tᵢ.

    Parameters
    ----------
    temperatures : tuple of float
        Tᵢ > 0, one for each of the d coordinates.

    Raises
    ------
    ValueError
        If a temperature is not positive, or there is none.

    Examples
    --------
    >>> Anisotropic((1.8, 0.6, 0.6)).dim
    3
    """

    temperatures: tuple[float, ...]

    def __post_init__(self) -> None:
        given = np.atleast_1d(np.asarray(self.temperatures, dtype=float))
        if given.ndim != 1 or not given.size or not ((given > 0) & np.isfinite(given)).all():
            raise ValueError(
                f"temperatures are finite numbers > 0, one for each coordinate, got {self.temperatures!r}"
            )
        object.__setattr__(self, "temperatures", tuple(given.tolist()))

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.temperatures)

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        T = np.array(self.temperatures)
        return np.asarray(np.exp(-0.5 * (as_points(x, self.dim) ** 2 / T).sum(axis=-1) - self._norm))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        return np.asarray(np.sqrt(self.temperatures) * rng.standard_normal((size, self.dim)))

    @property
    def _norm(self) -> float:
        return float(0.5 * np.sum(np.log(2 * pi * np.array(self.temperatures))))


@dataclass(frozen=True)
class Ring(Law):
    """A spherical shell, f ∝ e^{−S(|v|/R − 1)²} + e^{−S(|v|/R + 1)²} in three dimensions.

    The second term makes f an even, so a smooth function of \\|v\\|; at the origin, where it counts most, f
    is 2e^{−S} of its maximum. With ε = 1/(2S), ∫|v|²f = R² (1 + 6ε + 3ε²)/(1 + ε).

    Parameters
    ----------
    radius : float
        R > 0.
    sharpness : float
        S > 0; the shell is about R/√(2S) thick.

    Raises
    ------
    ValueError
        If a parameter is not positive.

    Source: M. N. Rosenbluth, W. M. MacDonald and D. L. Judd, Phys. Rev. 107 (1957) 1; here made even.

    Examples
    --------
    >>> round(Ring.normalised().radius, 5)
    1.55215
    """

    radius: float = 1.0
    sharpness: float = 10.0

    def __post_init__(self) -> None:
        check_positive("radius", self.radius)
        check_positive("sharpness", self.sharpness)

    @classmethod
    def normalised(cls, sharpness: float = 10.0) -> Ring:
        """The shell with ∫|v|²f = 3."""
        check_positive("sharpness", sharpness)
        ε = 1 / (2 * sharpness)
        return cls(sqrt(3 * (1 + ε) / (1 + 6 * ε + 3 * ε**2)), sharpness)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 3

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 3), shape (...)."""
        u = np.sqrt((as_points(x, 3) ** 2).sum(axis=-1)) / self.radius
        S = self.sharpness
        shell = np.exp(-S * (u - 1) ** 2) + np.exp(-S * (u + 1) ** 2)
        return np.asarray(shell / (4 * pi * self.radius**3 * sqrt(pi / S) * (1 + 1 / (2 * S))))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 3).

        The speed is R|1 + σy| with σ² = ε and y of density ∝ (1 + σy)² e^{−y²/2}. Its even part,
        1 + σ²y², is that of a normal variable or, with probability σ²/(1 + σ²), of a chi variable with
        three degrees of freedom; the sign is + with probability (1 + σ|y|)²/(2 + 2σ²y²).
        """
        σ = 1 / sqrt(2 * self.sharpness)
        z, direction = rng.standard_normal((size, 3)), rng.standard_normal((size, 3))
        fair = rng.random((size, 2))
        chi = fair[:, 0] < σ**2 / (1 + σ**2)
        y = np.where(chi, np.sqrt((z**2).sum(axis=1)), np.abs(z[:, 0]))
        positive = 2 * fair[:, 1] * (1 + σ**2 * y**2) < (1 + σ * y) ** 2
        speed = self.radius * np.abs(1 + σ * np.where(positive, y, -y))
        return np.asarray(direction * (speed / np.sqrt((direction**2).sum(axis=1)))[:, None])

"""The initial laws of the problem catalogue, each with an exact sampler."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, prod, sqrt

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, Wrapped, as_points
from mfpde.laws.cosine import cosine_quantile
from mfpde_solvers.grid import Grid

__all__ = ["HollowMaxwellian", "Maxwellian", "Perturbed"]


@dataclass(frozen=True)
class Maxwellian(Law):
    """(2πθ²)^{−d/2} exp(−|v − u|²/(2θ²)) with mean u and thermal speed θ, in d dimensions.

    Parameters
    ----------
    mean : float or tuple of float
        u, the same in every dimension if it is a number.
    thermal_speed : float
        θ > 0.
    dimension : int
        d.

    Raises
    ------
    ValueError
        If the thermal speed is not positive, or the mean is not a number or a tuple of ``dimension`` numbers.

    Examples
    --------
    >>> float(Maxwellian().pdf([0.0]).round(6))
    0.398942
    """

    mean: float | tuple[float, ...] = 0.0
    thermal_speed: float = 1.0
    dimension: int = 1

    def __post_init__(self) -> None:
        _check_speed(self.thermal_speed)
        if np.shape(self.mean) not in ((), (self.dimension,)):
            raise ValueError(f"mean must be a number or {self.dimension} numbers, got {self.mean!r}")

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.dimension

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        w = (as_points(x, self.dim) - np.asarray(self.mean)) / self.thermal_speed
        return np.asarray(
            np.exp(-0.5 * (w**2).sum(axis=-1)) / (sqrt(2 * pi) * self.thermal_speed) ** self.dim
        )

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        return self.mean + self.thermal_speed * rng.standard_normal((size, self.dim))

    def __repr__(self) -> str:
        dimension = "" if self.dimension == 1 else f", dimension={self.dimension}"
        return f"Maxwellian(mean={self.mean}, thermal_speed={self.thermal_speed}{dimension})"


@dataclass(frozen=True)
class HollowMaxwellian(Law):
    """v² exp(−v²/(2θ²)) / (√(2π) θ³) with thermal speed θ: two streams, and nobody at rest.

    \\|v\\|/θ has the chi law with three degrees of freedom, the sign is that of a fair coin.

    Parameters
    ----------
    thermal_speed : float
        θ > 0.

    Raises
    ------
    ValueError
        If the thermal speed is not positive.
    """

    thermal_speed: float = 1.0

    def __post_init__(self) -> None:
        _check_speed(self.thermal_speed)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 1

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        w2 = (as_points(x, 1)[..., 0] / self.thermal_speed) ** 2
        return w2 * np.exp(-0.5 * w2) / (sqrt(2 * pi) * self.thermal_speed)

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        normal = rng.standard_normal((size, 4))
        speed = self.thermal_speed * np.sqrt((normal[:, :3] ** 2).sum(axis=1, keepdims=True))
        return np.asarray(np.copysign(speed, normal[:, 3:]))


@dataclass(frozen=True)
class Perturbed(Law):
    """f(x, v) = (1 + a Πᵢ cos(kᵢxᵢ)) g(v) / |T| on the torus T = Πᵢ [0, 2π/kᵢ).

    Parameters
    ----------
    wavenumber : float or tuple of float
        kᵢ > 0, one for each position.
    amplitude : float
        a in [−1, 1], so that the density is not negative.
    velocity : Law, optional
        g; without it the law is that of the positions alone.

    Raises
    ------
    ValueError
        If a wavenumber is not positive or the amplitude is outside [−1, 1].
    """

    wavenumber: float | tuple[float, ...]
    amplitude: float
    velocity: Law | None = None

    def __post_init__(self) -> None:
        if not all(0 < k < np.inf for k in self.wavenumbers) or not self.wavenumbers:
            raise ValueError(
                f"wavenumber must be positive, or a tuple of such numbers, got {self.wavenumber!r}"
            )
        if not abs(self.amplitude) <= 1:
            raise ValueError(f"amplitude must lie in [-1, 1] for a density >= 0, got {self.amplitude!r}")

    @property
    def wavenumbers(self) -> tuple[float, ...]:
        """The wavenumbers as a tuple, one for each position."""
        return tuple(np.atleast_1d(self.wavenumber).tolist())

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.wavenumbers) + (self.velocity.dim if self.velocity else 0)

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        x = as_points(x, self.dim)
        k = np.array(self.wavenumbers)
        volume = prod(2 * pi / k)
        density = (1 + self.amplitude * np.cos(k * x[..., : k.size]).prod(axis=-1)) / volume
        return np.asarray(density * self.velocity.pdf(x[..., k.size :]) if self.velocity else density)

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        k = np.array(self.wavenumbers)
        u = rng.random((size, k.size))
        # The angles but the first are independent and uniform; given them the first has a cosine density.
        θ = 2 * pi * u
        θ[:, 0] = cosine_quantile(u[:, 0], self.amplitude * np.cos(θ[:, 1:]).prod(axis=1))
        x = θ / k
        return np.hstack([x, self.velocity.rvs(size, rng)]) if self.velocity else x

    def on(self, grid: Grid) -> Law:
        """The law on the domain of ``grid``, which has to be this torus up to its origin."""
        for axis, k in zip(grid.axes, self.wavenumbers, strict=False):
            if not axis.periodic or abs(k * axis.length - 2 * pi) > 1e-9:
                raise ValueError(
                    f"{self!r} lives on a periodic axis {axis.name!r} of length 2π/k = {2 * pi / k:.12g}, "
                    f"got {axis.boundary} and length {axis.length:.12g}"
                )
        return Wrapped.around(self, grid)

    def __repr__(self) -> str:
        velocity = f", velocity={self.velocity!r}" if self.velocity else ""
        return f"Perturbed(wavenumber={self.wavenumber}, amplitude={self.amplitude}{velocity})"


def _check_speed(thermal_speed: float) -> None:
    if not 0 < thermal_speed < np.inf:
        raise ValueError(f"thermal_speed must be positive, got {thermal_speed!r}")

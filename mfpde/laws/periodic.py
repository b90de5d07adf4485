"""Laws of a torus: cells of waves, layers of shear, and the law of synchronised phases."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, Wrapped, as_points
from mfpde.laws.catalogue import Perturbed
from mfpde.laws.spherical import check_positive
from mfpde_solvers.grid import Grid

__all__ = ["Cells", "ShearLayer", "VonMises"]


@dataclass(frozen=True)
class Cells(Law):
    """(1 + a cos kx cos ky)/4π² on the torus [0, 2π)², with k waves along each axis.

    Parameters
    ----------
    waves : int
        k ≥ 1.
    amplitude : float
        a in [−1, 1].

    Raises
    ------
    ValueError
        If k is not an integer >= 1, or the amplitude is outside [−1, 1].
    """

    waves: int = 1
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        if int(self.waves) != self.waves or self.waves < 1:
            raise ValueError(f"waves must be an integer >= 1, got {self.waves!r}")
        self._cell  # noqa: B018 - checks the amplitude

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 2

    @property
    def _cell(self) -> Perturbed:
        return Perturbed((float(self.waves), float(self.waves)), self.amplitude)

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 2), shape (...)."""
        return self._cell.pdf(x) / self.waves**2

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 2): of one cell, moved to any of them."""
        shift = rng.integers(0, self.waves, (size, 2))
        return np.asarray(self._cell.rvs(size, rng) + 2 * pi / self.waves * shift)

    def on(self, grid: Grid) -> Law:
        """The law on the domain of ``grid``, whose axes have to be periodic of length 2π."""
        _check_circles(self, grid)
        return Wrapped.around(self, grid)


@dataclass(frozen=True)
class ShearLayer(Law):
    """sech²((y − c − a cos kx)/δ)/(4πδ) on the torus [0, 2π)², wrapped in y: a layer of vorticity.

    x is uniform, and y − c − a cos kx has the logistic law of scale δ/2.

    Parameters
    ----------
    centre : float
        c.
    thickness : float
        δ > 0.
    displacement : float
        a.
    waves : int
        k ≥ 1.

    Raises
    ------
    ValueError
        If the thickness is not positive, or k is not an integer >= 1.
    """

    centre: float = pi
    thickness: float = 0.25
    displacement: float = 0.0
    waves: int = 1

    def __post_init__(self) -> None:
        check_positive("thickness", self.thickness)
        if int(self.waves) != self.waves or self.waves < 1:
            raise ValueError(f"waves must be an integer >= 1, got {self.waves!r}")

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 2

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 2) of a period in x and the whole line in y, shape (...)."""
        points = as_points(x, 2)
        z = np.abs(points[..., 1] - self._line(points[..., 0])) / self.thickness
        decay = np.exp(-2 * z)  # sech² z = 4 e^{−2z}/(1 + e^{−2z})², without overflow
        return np.asarray(decay / (1 + decay) ** 2 / (pi * self.thickness))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 2)."""
        u = rng.random((size, 2))
        x, v = 2 * pi * u[:, 0], np.maximum(u[:, 1], 2.0**-60)
        y = self._line(x) + self.thickness / 2 * np.log(v / (1 - u[:, 1]))
        return np.stack([x, y], axis=-1)

    def _line(self, x: FloatArray) -> FloatArray:
        return np.asarray(self.centre + self.displacement * np.cos(self.waves * x))

    def on(self, grid: Grid) -> Law:
        """The law on the domain of ``grid``, whose axes have to be periodic of length 2π."""
        _check_circles(self, grid)
        return Wrapped.around(self, grid)


@dataclass(frozen=True)
class VonMises(Law):
    """e^{b cos(x − c)}/(2π I₀(b)) on the circle of length 2π: phases that interact like Kuramoto's, at rest.

    With b = κr/σ and r = I₁(b)/I₀(b) it is a steady state of ∂ₜρ + ∂ₓ(ρ K∗ρ) = σ∂ₓₓρ, K(z) = −κ sin z.

    Parameters
    ----------
    concentration : float
        b ≥ 0.
    centre : float
        c.

    Raises
    ------
    ValueError
        If the concentration is negative or not finite.

    Examples
    --------
    >>> float(VonMises(0.0).pdf([1.0]).round(6))
    0.159155
    """

    concentration: float
    centre: float = pi

    def __post_init__(self) -> None:
        if not 0 <= self.concentration < np.inf:
            raise ValueError(f"concentration must be finite and >= 0, got {self.concentration!r}")

    @classmethod
    def synchronised(cls, coupling: float, diffusion: float, centre: float = pi) -> VonMises:
        """The steady state for coupling κ and diffusion σ: b = (κ/σ) I₁(b)/I₀(b), and b > 0 if κ > 2σ."""
        from scipy.optimize import brentq
        from scipy.special import ive

        ratio = coupling / diffusion
        if ratio <= 2:
            return cls(0.0, centre)
        # b/2 − b³/16 ≤ I₁/I₀ ≤ 1, so that the root lies between √(8 − 16σ/κ) and κ/σ
        lowest = np.sqrt(8 - 16 / ratio) / 2
        b = brentq(lambda b: b - ratio * ive(1, b) / ive(0, b), lowest, ratio, xtol=1e-15, rtol=1e-15)
        return cls(float(b), centre)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return 1

    @property
    def order(self) -> float:
        """Modulus of the order parameter, r = |E e^{ix}| = I₁(b)/I₀(b)."""
        from scipy.special import ive

        return float(ive(1, self.concentration) / ive(0, self.concentration))

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., 1), shape (...)."""
        from scipy.special import ive

        b = self.concentration
        cosine = np.cos(as_points(x, 1)[..., 0] - self.centre)
        return np.asarray(np.exp(b * (cosine - 1)) / (2 * pi * ive(0, b)))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, 1)."""
        return rng.vonmises(0.0, self.concentration, (size, 1)) + self.centre

    def on(self, grid: Grid) -> Law:
        """The law on the domain of ``grid``, whose axis has to be periodic of length 2π."""
        _check_circles(self, grid)
        return Wrapped.around(self, grid)


def _check_circles(law: Law, grid: Grid) -> None:
    for axis in grid.axes:
        if not axis.periodic or abs(axis.length - 2 * pi) > 1e-9:
            raise ValueError(
                f"{law!r} lives on periodic axes of length 2π, got {axis.boundary} and length "
                f"{axis.length:.12g} along {axis.name!r}"
            )

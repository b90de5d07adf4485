"""Exact solutions of first-order equations, as functions of time and points."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.laws import Maxwellian
from mfpde.laws.bounded import Semicircle
from mfpde.laws.periodic import Cells

__all__ = ["DecayingCells", "RelaxingGaussian", "SpreadingGaussian", "SpreadingSemicircle"]


@dataclass(frozen=True)
class DecayingCells:
    """½(1 ± e^{−2νk²t} cos kx cos ky)/4π²: the two densities of the vortices of Taylor and Green."""

    waves: int
    viscosity: float

    def __call__(self, t: float, x: Any) -> NDArray[np.float64]:
        """Densities at points (..., 2), shape (2, ...)."""
        a = exp(-2 * self.viscosity * self.waves**2 * t)
        return np.stack([Cells(self.waves, sign * a).pdf(x) / 2 for sign in (1, -1)])


@dataclass(frozen=True)
class SpreadingGaussian:
    """N(0, s² + 2σt) in d dimensions."""

    dimension: int
    variance: float
    diffusion: float

    def __call__(self, t: float, x: Any) -> NDArray[np.float64]:
        """Density at points (..., d), shape (...)."""
        spread = sqrt(self.variance + 2 * self.diffusion * t)
        return Maxwellian(0.0, spread, self.dimension).pdf(x)


@dataclass(frozen=True)
class RelaxingGaussian:
    """N(0, v) with v = s²e^{−2at} + (σ/a)(1 − e^{−2at}) in d dimensions."""

    dimension: int
    rate: float
    diffusion: float
    variance: float

    def at(self, t: float) -> float:
        """The variance v."""
        decay = exp(-2 * self.rate * t)
        return self.variance * decay + self.diffusion / self.rate * (1 - decay)

    def __call__(self, t: float, x: Any) -> NDArray[np.float64]:
        """Density at points (..., d), shape (...)."""
        return Maxwellian(0.0, sqrt(self.at(t)), self.dimension).pdf(x)


@dataclass(frozen=True)
class SpreadingSemicircle:
    """A semicircle of R² = 2/λ + (R₀² − 2/λ)e^{−2λt}, R² = R₀² + 4t for λ = 0."""

    radius: float
    confinement: float

    def at(self, t: float) -> float:
        """The radius R."""
        λ = self.confinement
        if λ == 0:
            return sqrt(self.radius**2 + 4 * t)
        return sqrt(2 / λ + (self.radius**2 - 2 / λ) * exp(-2 * λ * t))

    def __call__(self, t: float, x: Any) -> NDArray[np.float64]:
        """Density at points (..., 1), shape (...)."""
        return Semicircle(self.at(t)).pdf(x)

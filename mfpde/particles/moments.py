"""Pair sums that are functions of a few moments of the particles: exact, and O(N)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.kernels import DomainKernel, Harmonic, Kuramoto

__all__ = ["HarmonicForces", "KuramotoForces"]

FloatArray = NDArray[np.float64]


class KuramotoForces:
    """−κ Σⱼ mⱼ sin(xᵢ − xⱼ) = κ (S cos xᵢ − C sin xᵢ) with C + iS = Σⱼ mⱼ e^{ixⱼ}."""

    def __init__(self, kernel: DomainKernel) -> None:
        if not isinstance(kernel.kernel, Kuramoto):
            raise ValueError(f"these sums are those of Kuramoto, not of {kernel.kernel!r}")
        self._coupling = float(kernel.kernel.coupling)

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """O(N)."""
        cos, sin = np.cos(x[:, 0]), np.sin(x[:, 0])
        mass = _masses(x, circulation)
        C, S = mass @ cos, mass @ sin
        return np.asarray(weight * self._coupling * (S * cos - C * sin))[:, None]

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """−(κ/2) (C² + S² − Σᵢ mᵢ²)."""
        mass = _masses(x, circulation)
        C, S = mass @ np.cos(x[:, 0]), mass @ np.sin(x[:, 0])
        return float(-weight * self._coupling / 2 * (C**2 + S**2 - mass @ mass))


class HarmonicForces:
    """−a Σⱼ mⱼ (xᵢ − xⱼ) = a (Σⱼ mⱼ xⱼ − M xᵢ) with M = Σⱼ mⱼ, positions taken from their centre."""

    def __init__(self, kernel: DomainKernel) -> None:
        if not isinstance(kernel.kernel, Harmonic):
            raise ValueError(f"these sums are those of Harmonic, not of {kernel.kernel!r}")
        self._rate = float(kernel.kernel.rate)

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """O(N)."""
        y, mass = x - x.mean(axis=0), _masses(x, circulation)
        return np.asarray(weight * self._rate * (mass @ y - mass.sum() * y))

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """(a/2) (M Σᵢ mᵢ |xᵢ|² − |Σᵢ mᵢ xᵢ|²)."""
        y, mass = x - x.mean(axis=0), _masses(x, circulation)
        first, second = mass @ y, mass @ (y**2).sum(axis=1)
        return float(weight * self._rate / 2 * (mass.sum() * second - first @ first))


def _masses(x: FloatArray, circulation: FloatArray | None) -> FloatArray:
    return np.ones(len(x)) if circulation is None else np.asarray(circulation, dtype=float)

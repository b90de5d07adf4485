"""Sums and extremes over densities, in one pass and in a fixed order. Imported on first use only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.mckean_vlasov.fluxes import compiled

__all__ = ["departure", "entropy"]

Array = NDArray[np.float64]


@compiled
def entropy(density: Array) -> float:
    """Σ ρ log ρ over a flat array, 0 log 0 = 0."""
    total = 0.0
    for i in range(density.size):
        ρ = density[i]
        if ρ > 0.0:
            total += ρ * np.log(ρ)
    return total


@compiled
def departure(new: Array, weights: Array, first: Array, second: Array, third: Array) -> tuple[float, float]:
    """Largest |new − w₀·first − w₁·second − w₂·third| over flat arrays, and the largest |new|."""
    w0, w1, w2 = weights
    largest, scale, missing = 0.0, 0.0, False
    for i in range(new.size):
        gap = abs(new[i] - w0 * first[i] - w1 * second[i] - w2 * third[i])
        missing = missing or np.isnan(gap)
        largest = gap if gap > largest else largest
        scale = new[i] if new[i] > scale else scale
    return (np.nan if missing else largest), scale

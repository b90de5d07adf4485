"""Entropic transport between weighted points: Sinkhorn's iteration in the logarithmic domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Potentials", "potentials", "self_potential"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Potentials:
    """Dual potentials of entropic transport.

    Attributes
    ----------
    first, second : array (N,), (M,)
    cost : float
        The dual value ⟨f, a⟩ + ⟨g, b⟩ + ε(1 − mass of the plan): a lower bound, off by the square of the
        violation.
    violation : float
        Σ|marginal of the plan − given mass|.
    """

    first: FloatArray
    second: FloatArray
    cost: float
    violation: float


def potentials(
    cost: FloatArray, first: FloatArray, second: FloatArray, ε: float, tolerance: float, iterations: int
) -> Potentials:
    """Maximise ⟨f, a⟩ + ⟨g, b⟩ − ε∬(e^{(f + g − c)/ε} − 1) for masses a (N,), b (M,) and a cost (N, M).

    f ← −ε log ∫e^{(g − c)/ε} db and the same for g, in turn, while ε falls from the largest cost to its value
    by halves, then until the violation of the first marginal is below ``tolerance``.
    """
    log_a, log_b = np.log(first), np.log(second)
    transposed = np.ascontiguousarray(cost.T)
    g = np.zeros(second.size)
    temperature = max(float(cost.max()), ε)
    while temperature > ε:
        f = _soft_minimum(cost, g, log_b, temperature)
        g = _soft_minimum(transposed, f, log_a, temperature)
        temperature /= 2
    f = _soft_minimum(cost, g, log_b, ε)
    violation = np.inf
    for _ in range(iterations):
        g = _soft_minimum(transposed, f, log_a, ε)
        new = _soft_minimum(cost, g, log_b, ε)
        # The plan of (f, g) has the first marginal a·e^{(f − new)/ε} and the second one exactly.
        violation = float(np.sum(first * np.abs(np.expm1(np.minimum((f - new) / ε, 700.0)))))
        f = new
        if violation <= tolerance:
            break
    # With (new, g) the first marginal is exact, so the plan has mass 1.
    return Potentials(f, g, float(f @ first + g @ second), violation)


def self_potential(
    cost: FloatArray, masses: FloatArray, ε: float, tolerance: float, iterations: int
) -> Potentials:
    """The same between masses and themselves, where f = g: averaged updates converge in a few steps.

    J. Feydy et al., AISTATS 2019, Section 3.1.
    """
    logs = np.log(masses)
    f = np.zeros(masses.size)
    violation, value = np.inf, 0.0
    for _ in range(iterations):
        new = _soft_minimum(cost, f, logs, ε)
        marginal = masses * np.exp(np.minimum((f - new) / ε, 700.0))
        violation = float(np.sum(np.abs(marginal - masses)))
        # Twice the potential, less ε times the excess mass of the plan.
        value = float(2 * f @ masses - ε * (marginal.sum() - 1.0))
        if violation <= tolerance:
            break
        f = (f + new) / 2
    return Potentials(f, f, value, violation)


def _soft_minimum(cost: FloatArray, other: FloatArray, logs: FloatArray, ε: float) -> FloatArray:
    """−ε log Σⱼ e^{(gⱼ − cᵢⱼ)/ε + log bⱼ} for every i."""
    exponent = cost * (-1 / ε)
    exponent += other / ε + logs
    largest = exponent.max(axis=1)
    exponent -= largest[:, np.newaxis]
    np.exp(exponent, out=exponent)
    return np.asarray(-ε * (largest + np.log(exponent.sum(axis=1))))

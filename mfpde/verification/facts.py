"""What a check finds: a number beside the one it must be, and how far apart the two may lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "Fact",
    "constant",
    "decreasing",
    "equal",
    "failed",
    "kept",
    "ks_distance",
    "mean",
    "slope_of_mean",
]

SIGMAS = 4.0  # standard errors that a mean over replicas may be off: one in 16 000 by chance
KS_QUANTILE = 2.28  # of √R times a Kolmogorov–Smirnov distance, with the same probability


@dataclass(frozen=True)
class Fact:
    """A quantity, what it is expected and measured to be, the tolerance of the difference and its reason.

    A bound of unspecified constant has neither an expected value nor a tolerance: NaN.
    """

    quantity: str
    expected: float
    measured: float
    tolerance: float
    reason: str

    @property
    def error(self) -> float:
        """|measured − expected|."""
        return abs(self.measured - self.expected)

    @property
    def verdict(self) -> str:
        """``holds``, ``falls short`` (also if anything measured is NaN), or ``measured`` for a bound."""
        if isnan(self.tolerance):
            return "measured"
        return "holds" if self.error <= self.tolerance else "falls short"


def equal(quantity: str, expected: float, measured: float, tolerance: float, reason: str) -> Fact:
    """A number against its formula."""
    return Fact(quantity, float(expected), float(measured), tolerance, reason)


def kept(quantity: str, values: ArrayLike, tolerance: float, reason: str) -> Fact:
    """A conserved quantity: its value farthest from the first, which the tolerance is relative to."""
    course = np.asarray(values, dtype=float)
    gap = np.abs(course - course[0])
    farthest = nan if np.isnan(gap).any() else course[gap.argmax()]
    scale = abs(course[0]) if abs(course[0]) > 1e-6 else 1.0  # what is 0 at first has no relative change
    return Fact(quantity, float(course[0]), float(farthest), tolerance * scale, reason)


def decreasing(quantity: str, values: ArrayLike, round_off: float) -> Fact:
    """A quantity that never rises: its largest rise, 0 if it always falls."""
    rise = max(float(np.diff(np.asarray(values, dtype=float)).max()), 0.0)
    return Fact(f"largest rise of {quantity}", 0.0, rise, round_off, "round-off")


def constant(quantity: str, measured: float) -> Fact:
    """The constant with which a bound holds."""
    return Fact(quantity, nan, float(measured), nan, "a bound with an unspecified constant")


def mean(quantity: str, samples: ArrayLike, expected: float) -> Fact:
    """The mean over independent replicas."""
    values = np.asarray(samples, dtype=float)
    error = values.std(ddof=1) / sqrt(values.size)
    reason = f"{SIGMAS:g} standard errors, {values.size} replicas"
    return Fact(quantity, float(expected), float(values.mean()), SIGMAS * float(error), reason)


def slope_of_mean(quantity: str, gains: ArrayLike, time: float, expected: float) -> Fact:
    """The mean rate of what replicas gained in a time."""
    return mean(quantity, np.asarray(gains) / time, expected)


def ks_distance(quantity: str, samples: ArrayLike, cumulative: object) -> Fact:
    """Kolmogorov–Smirnov distance of replicas to a law given by its distribution function."""
    from scipy.stats import kstest

    values = np.asarray(samples)
    distance = float(kstest(values, cumulative).statistic)
    return Fact(
        quantity, 0.0, distance, KS_QUANTILE / sqrt(values.size), f"Kolmogorov, {values.size} replicas"
    )


def failed(quantity: str, error: Exception) -> Fact:
    """A check that could not be carried out."""
    return Fact(quantity, nan, nan, 0.0, f"{type(error).__name__}: {' '.join(str(error).split())}")

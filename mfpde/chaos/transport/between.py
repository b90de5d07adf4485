"""Transport between two laws with piecewise-linear densities on a line or a circle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mfpde.chaos.transport.line import Line

__all__ = ["cost_between"]

FloatArray = NDArray[np.float64]
NODES = 12


def cost_between(first: Line, second: Line, power: int) -> float:
    """W_p^p, p = 1 or 2, between two laws on the same line or circle.

    W₁ = ∫|F₁ − F₂ − α| dx, minimised over α on a circle, is exact: |a quadratic| between knots.
    W₂² = ∫|Q₁(u) − Q₂(u + θ)|² du, minimised over θ on a circle, is Gauss quadrature between the knots of
    both: relative error 1e-14 for smooth densities, 1e-9 for rough ones. Both are convex in the parameter.
    """
    cost = _cost_of_levels if power == 1 else _cost_of_quantiles
    if not first.periodic:
        return cost(first, second, 0.0)
    found = _minimum(lambda shift: cost(first, second, shift))
    return min(found, cost(first, second, 0.0))


def _minimum(cost: Callable[[float], float]) -> float:
    """Least value of a convex function; no optimal plan turns by a full lap."""
    from scipy.optimize import minimize_scalar

    return float(minimize_scalar(cost, bounds=(-1.0, 1.0), method="bounded", options={"xatol": 1e-11}).fun)


def _cost_of_levels(first: Line, second: Line, level: float) -> float:
    """∫|F₁ − F₂ − α| dx over one period or over both supports."""
    inner = second.knots
    if first.periodic:
        inner = first.start + np.mod(inner - first.start, first.length)
    x = np.unique(np.concatenate([first.knots, inner]))
    width = np.diff(x)

    def gap(y: FloatArray) -> FloatArray:
        return first.probability(y) - second.probability(y) - level

    # The quadratic a + b t + c t² through both ends and the middle of each interval, t in [0, 1].
    a, middle, end = gap(x[:-1]), gap(x[:-1] + width / 2), gap(x[1:])
    b, c = 4 * middle - 3 * a - end, 2 * (a + end) - 4 * middle
    t = np.stack([np.zeros_like(a), *_roots(a, b, c), np.ones_like(a)])
    integral = t * (a + t * (b / 2 + t * c / 3))
    return float(np.sum(width * np.abs(np.diff(integral, axis=0))))


def _roots(a: FloatArray, b: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Roots of a + b t + c t² cut to [0, 1], the smaller first; 0 where there are none."""
    discriminant = b * b - 4 * a * c
    q = -(b + np.copysign(np.sqrt(np.maximum(discriminant, 0.0)), b)) / 2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        both = np.stack([q / c, a / q])
    inside = np.where((discriminant > 0) & np.isfinite(both), np.clip(both, 0.0, 1.0), 0.0)
    return inside.min(0), inside.max(0)


def _cost_of_quantiles(first: Line, second: Line, shift: float) -> float:
    inner = np.mod(second.cumulative - shift, 1.0) if first.periodic else second.cumulative
    knots = np.unique(np.concatenate([first.cumulative, inner]))
    t, weights = np.polynomial.legendre.leggauss(NODES)
    t, weights = (t + 1) / 2, weights / 2
    # Quantiles start like a square root where the density vanishes; u = 3t² − 2t³ makes that smooth.
    width = np.diff(knots)[:, np.newaxis]
    u = knots[:-1, np.newaxis] + width * (t * t * (3 - 2 * t))
    gap = first.quantile(u) - second.quantile(u + shift)
    return float(np.sum(width * (weights * 6 * t * (1 - t)) * gap**2))

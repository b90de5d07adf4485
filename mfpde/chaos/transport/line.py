"""A law with piecewise-linear density on a line or a circle: quantiles and exact transport to points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Axis

__all__ = ["Line", "line_of"]

FloatArray = NDArray[np.float64]
NODES = 6


@dataclass(frozen=True, eq=False)
class Line:
    """Probability on a line, or on a circle if ``periodic``, whose density is linear between uniform knots.

    Attributes
    ----------
    start, spacing : float
        Knots ``start + j·spacing``.
    density, cumulative : array (m + 1,)
        Density at the knots and probability to the left of each; on a circle the last knot is the first.
    """

    start: float
    spacing: float
    density: FloatArray
    cumulative: FloatArray
    periodic: bool

    @property
    def knots(self) -> FloatArray:
        """Places of the knots, shape (m + 1,)."""
        return np.asarray(self.start + self.spacing * np.arange(self.cumulative.size), dtype=float)

    @property
    def length(self) -> float:
        """Length of the support, or of the circle."""
        return self.spacing * (self.cumulative.size - 1)

    def quantile(self, level: FloatArray) -> FloatArray:
        """Smallest y with probability ``level`` to its left, continued by Q(u + 1) = Q(u) + length."""
        lap = np.floor(level)
        u = level - lap
        j = np.clip(np.searchsorted(self.cumulative, u, side="right") - 1, 0, self.cumulative.size - 2)
        left, right = self.density[j], self.density[j + 1]
        remainder = np.maximum(u - self.cumulative[j], 0.0)
        root = np.sqrt(np.maximum(left**2 + 2 * (right - left) / self.spacing * remainder, 0.0))
        offset = 2 * remainder / np.maximum(left + root, np.finfo(float).tiny)
        return self.start + lap * self.length + j * self.spacing + np.minimum(offset, self.spacing)

    def probability(self, y: FloatArray) -> FloatArray:
        """Probability to the left of ``y``; on a circle continued by F(y + length) = F(y) + 1."""
        s = (y - self.start) / self.spacing
        cells = self.cumulative.size - 1
        lap = np.floor(s / cells) if self.periodic else 0.0
        s = np.clip(s - lap * cells, 0.0, cells)
        j = np.minimum(s.astype(int), cells - 1)
        s, left, right = s - j, self.density[j], self.density[j + 1]
        return np.asarray(lap + self.cumulative[j] + self.spacing * s * (left + (right - left) * s / 2))

    def cost(self, points: FloatArray, power: int) -> float:
        """W_p^p to the empirical measure of points (N,), exact: a closed form for each piece."""
        from mfpde.chaos.transport.matching import cheapest_shift, matching_cost

        x = np.sort(points - self.start)
        law = (self.density, self.cumulative, self.spacing)
        shift = cheapest_shift(x, *law, power) if self.periodic else 0.0
        return float(matching_cost(x, *law, shift, power))

    def mean_absolute_floor(self, size: int) -> float:
        """E W₁ of ``size`` i.i.d. samples on the line, ∫ E|F_N − F| dx.

        N F_N(x) is binomial, so E|F_N − F| = (2/N) k C(N, k) F^k (1 − F)^(N−k+1) with k = ⌊N F⌋ + 1
        (de Moivre); Gauss quadrature between the knots and the quantiles i/N, where k jumps.
        """
        from scipy.special import gammaln, xlog1py, xlogy

        inner = self.quantile(np.arange(1, size) / size)
        y = np.unique(np.concatenate([self.knots, inner]))
        t, weights = np.polynomial.legendre.leggauss(NODES)
        width = np.diff(y)[:, np.newaxis] / 2
        F = np.clip(self.probability(y[:-1, np.newaxis] + width * (t + 1)), 0.0, 1.0)
        k = np.minimum(np.floor(size * F) + 1, size)
        log_binomial = gammaln(size + 1) - gammaln(k + 1) - gammaln(size - k + 1)
        deviation = k * np.exp(log_binomial + xlogy(k, F) + xlog1py(size - k + 1, -F))
        return float(2 / size * np.sum(width * weights * deviation))


def line_of(weights: FloatArray, axis: Axis) -> Line:
    """The mixture of tents with the given weights (sum 1) at the cell centres of an axis.

    On an open axis the outermost tents reach half a cell beyond the ends.
    """
    h = axis.spacing
    values = weights / h
    if axis.periodic:
        density, start = np.append(values, values[0]), axis.lower + h / 2
    else:
        density, start = np.pad(values, 1), axis.lower - h / 2
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) * (h / 2))])
    return Line(start, h, density, cumulative / cumulative[-1], axis.periodic)

"""A power law split into a near part of finite range and a far part of finite bandwidth.

For V(r) = 1/(s r^s) (−log r for s = 0) in dimension d, and any even profile h on [−1, 1],

    r^{−s−2} = C ∫₀^∞ u^{s+1} h(ur) du,  1/C = ∫₀¹ v^{s+1} h(v) dv.

The integral over u > 1 vanishes for r ≥ 1, the one over u < 1 is smooth. A Gaussian h gives Ewald's
summation; the profile of Kaiser and Bessel, nearly the best concentrated one, needs about half the
wavenumbers for the same range (Liang, Lu, Barnett, Greengard & Jiang, arXiv:2505.09727).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import log, log2, pi

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.kernels.averages import SPHERE_AREA, flux_moment
from mfpde_solvers.kernels.ewald import symbol_constant

__all__ = ["BALL", "PowerSplit"]

Array = NDArray[np.float64]
BALL = {1: 2.0, 2: pi, 3: 4 * pi / 3}
"""Volume of the unit ball."""
NODES = 64  # of quadratures over the profile, which is smooth on the scale 1/√c, c < 40
PASS = 4  # coefficients of a polynomial used at a time, see near_sums


class PowerSplit:
    """The parts of V and of K = −∇V = z f(|z|), f(r) = r^{−s−2}, for the range 1.

    Other ranges follow by scaling: lengths with the range R, f with R^{−s−2}, transforms with R^{d−s}.

    Parameters
    ----------
    dim : {1, 2, 3}
    order : float
        −2 < s < d.
    tolerance : float
        Size of the force left out, relative to the force at the range, between 1e-11 and 0.1.

    Attributes
    ----------
    bandwidth : float
        c: wavenumbers above c/R are left out.
    force, potential : array
        Far parts f and V − V(1) at r ≤ 1 as polynomials in y = 2r² − 1, highest power first, their number of
        coefficients a multiple of four.
    """

    def __init__(self, dim: int, order: float, tolerance: float) -> None:
        self.dim, self.order = dim, float(order)
        # measured: the tail of the far part falls like e^{−c}, with a factor that grows with d and s
        self.bandwidth = log(1 / tolerance) + 1.5 + max(dim, 2) + max(order, 0.0) / 2
        size = int(self.bandwidth / 2) + 10
        y = np.cos(pi * (np.arange(size) + 0.5) / size)
        far = np.polynomial.chebyshev.Chebyshev.fit(y, self._far(np.sqrt((1 + y) / 2)), size - 1)
        far = far.truncate(_needed(np.asarray(far.coef, dtype=float), tolerance / 30))
        antiderivative = far.integ() / -4  # V − V(1) = ½ ∫_{r²}^1 f dq with q = (1 + y)/2
        self.force = _padded(far)
        self.potential = _padded(antiderivative - antiderivative(1.0))

    def profile(self, r: Array) -> Array:
        """h(r) = I₀(β√(1−r²))/I₀(β), β = c − 1."""
        from scipy.special import ive

        β = self.bandwidth - 1
        root = np.sqrt(np.maximum(1 - r**2, 0.0))
        return np.asarray(ive(0, β * root) / ive(0, β) * np.exp(β * (root - 1)))

    @cached_property
    def window(self) -> tuple[Array, Array]:
        """Nodes on [0, 1] and weights of ∫₀¹ h(t) … dt."""
        t, w = np.polynomial.legendre.leggauss(NODES)
        t = (1 + t) / 2
        return t, w / 2 * self.profile(t)

    @cached_property
    def _normalisation(self) -> float:
        """C."""
        u, w = self._weighted
        return float(1 / (w @ self.profile(u)))

    @cached_property
    def _weighted(self) -> tuple[Array, Array]:
        """Nodes and weights of ∫₀¹ u^{s+1} … du, by the rule of Gauss and Jacobi."""
        from scipy.special import roots_jacobi

        u, w = roots_jacobi(NODES, 0.0, self.order + 1)
        return (1 + u) / 2, w / 2 ** (self.order + 2)

    def _far(self, r: Array) -> Array:
        """C ∫₀¹ u^{s+1} h(ur) du at r ≤ 1."""
        u, w = self._weighted
        return np.asarray(self._normalisation * (self.profile(r[..., None] * u) @ w))

    def far_potential(self, r: Array, reach: float) -> Array:
        """The far part of V for the range ``reach``; V itself beyond."""
        s = self.order
        beyond = np.maximum(r, reach)
        V = -np.log(beyond) if s == 0 else beyond**-s / s
        y = 2 * (np.minimum(r, reach) / reach) ** 2 - 1
        return np.asarray(V + reach**-s * np.polyval(self.potential, y))

    @property
    def near_mean(self) -> float:
        """Integral of the near part of V over the whole space."""
        return float(self.near_transform(np.zeros(1))[0])

    def near_transform(self, κ: Array) -> Array:
        """Transform of the near part of V, C |S^{d−1}|/d ∫₀¹ h(t) t^{d+1} H(κt) dt, H the flux moment."""
        t, w = self.window
        d = self.dim
        H = flux_moment(d, self.order, κ[..., None] * t)
        return np.asarray(self._normalisation * SPHERE_AREA[d] / d * (H @ (w * t ** (d + 1))))

    def far_transform(self, κ: Array) -> Array:
        """Transform of the far part of V at κ > 0, from a spline through that of the near part."""
        d, s = self.dim, self.order
        return np.asarray(symbol_constant(d, s) * κ ** (s - d) - self._tabulated(float(κ.max()))(κ))

    def middle_transform(self, κ: Array, outer: float) -> Array:
        """Transform of the far part of V less that for the range ``outer`` > 1, which is 0 from there on.

        The latter has nothing at κ·outer > c.
        """
        d, s = self.dim, self.order
        near = self._tabulated(max(float(κ.max()), self.bandwidth))
        low = κ * outer <= self.bandwidth
        total = np.empty_like(κ)
        total[low] = outer ** (d - s) * near(κ[low] * outer)
        total[~low] = symbol_constant(d, s) * κ[~low] ** (s - d)
        return np.asarray(total - near(κ))

    def _tabulated(self, top: float) -> Callable[[Array], Array]:
        """A spline through the transform of the near part, for κ up to ``top``."""
        from scipy.interpolate import make_interp_spline

        table = np.linspace(-1.0, top + 1.0, 2 ** int(log2(top + 2) + 5))
        spline: Callable[[Array], Array] = make_interp_spline(table, self.near_transform(table), k=9)
        return spline

    def step(self, t: Array) -> Array:
        """A function of bandwidth c that falls from 1 at t ≤ −1 to 0 at t ≥ 1."""
        total = 2 * self.window[1].sum()
        ends = np.clip(t, -1.0, 1.0)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        half = (1 - ends)[..., None] / 2
        return np.asarray((self.profile(1 - half * (1 + nodes)) * half) @ weights / total)


def _needed(coefficients: Array, tolerance: float) -> int:
    """How many Chebyshev coefficients leave out less than the tolerance."""
    remainder = np.cumsum(np.abs(coefficients[::-1]))[::-1]
    return max(int(np.count_nonzero(remainder > tolerance)), 1)


def _padded(series: np.polynomial.chebyshev.Chebyshev) -> Array:
    powers = series.convert(kind=np.polynomial.Polynomial).coef[::-1]
    return np.concatenate([np.zeros(-len(powers) % PASS), powers])

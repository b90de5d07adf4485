"""The resolvent of a repulsion on the line or the circle: implicit steps that keep particles in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from mfpde.particles.forces import DirectForces
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.kernels import DomainKernel
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["Repulsion"]

Array = NDArray[np.float64]

TOLERANCE = 1e-10  # of the equation that a step solves, relative to the longest way of a particle
FORCING = 1e-2  # of the linear equation for a Newton direction
BOUNDARY = 0.9  # of the way along a direction to where two particles meet
MOST = 100  # Newton directions; about ten are taken
APART = 0.1  # of the distance at which a pair balances: the least at which Newton's method starts


class Repulsion:
    """b(x)ᵢ = w Σ_{j≠i} K(xᵢ − xⱼ) with K(z) = c z/|z|^{s+2}, wc > 0, s ≥ 0, or its periodisation.

    It is −∇U for a U that is convex on x₁ < … < x_N (on a circle also x_N < x₁ + L), so that
    x − τ b(x) = y has exactly one solution there, the minimum of |x − y|²/2 + τU.
    """

    def __init__(self, kernel: DomainKernel, weight: float) -> None:
        power = kernel.kernel
        assert isinstance(power, RadialPower)
        axis = kernel.axes[0]
        self._sums, self._weight = DirectForces(kernel), weight
        self._strength, self._order = weight * float(power.strength), float(power.order)
        self._period = axis.length if axis.periodic else 0.0

    def resolvent(self, y: Array, start: Array, τ: float, time: float = 0.0) -> Array:
        """The solution x of x − τ b(x) = y, in the order of ``start``, which is not decreasing.

        Newton's method for the minimum; its linear equations by conjugate gradients, with the part of the
        matrix of neighbours as the preconditioner. O(N²) for every matrix-vector product.

        Raises
        ------
        ResolutionLost
            With ``time``, if y is not finite or the method does not converge.
        """
        if not np.isfinite(y).all():
            raise ResolutionLost(time, "the position of a particle is not finite")
        x = self._apart(np.maximum.accumulate(isotonic_regression(y).x), τ)
        scale = np.abs(y - start).max() + np.abs(x - start).max()
        r = self._residual(x, y, τ)
        for _ in range(MOST):
            if np.abs(r).max() <= TOLERANCE * max(scale, np.abs(x - y).max()):
                return x
            p = np.zeros_like(x)
            _direction(x, r, τ * self._strength * (self._order + 1), self._order / 2 + 1, self._period, p)
            x, r = self._along(x, r, p, y, τ)
        raise ResolutionLost(time, "the implicit equation of a step was not solved; use a smaller dt")

    def _along(self, x: Array, r: Array, p: Array, y: Array, τ: float) -> tuple[Array, Array]:
        """The next point: as far as particles keep their order and the slope is less than half the first."""
        closing, gaps = -self._gaps(p, 0.0), self._gaps(x, self._period)
        α = min(1.0, BOUNDARY / max(float((closing / gaps).max()), 1e-300))
        slope = abs(float(r @ p))
        for _ in range(60):
            trial = x + α * p
            residual = self._residual(trial, y, τ)
            if float(residual @ p) <= slope / 2:
                break
            α /= 2
        return trial, residual

    def _residual(self, x: Array, y: Array, τ: float) -> Array:
        return np.asarray(x - y - τ * self._sums(x[:, None], self._weight)[:, 0])

    def _gaps(self, x: Array, period: float) -> Array:
        around = [x[0] + period - x[-1]] if self._period else []
        return np.append(np.diff(x), around)

    def _apart(self, x: Array, τ: float) -> Array:
        """Points in the same order with no two in one place."""
        least = APART * (τ * self._strength) ** (1 / (self._order + 2))
        if self._period:
            least = min(least, self._period / (4 * len(x)))
        if self._gaps(x, self._period).min() >= least:
            return x.copy()
        steps = least * np.arange(len(x))
        x = np.maximum.accumulate(x - steps) + steps
        if self._period:
            end = x[0] + self._period - least
            x = np.minimum(x, end + steps - steps[-1])
        return np.asarray(x)


_fast: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"})


@_fast
def _stiffness(z, c, half, period):  # type: ignore[no-untyped-def]
    """Second derivative c |z|^{−2·half} of U, at the nearest image; finite at z = 0."""
    inverse = 1.0 / period if period > 0 else 0.0
    z -= period * np.rint(z * inverse)
    return c * np.maximum(z * z, 1e-200) ** -half


@_fast
def _multiplied(x, p, c, half, period, out):  # type: ignore[no-untyped-def]
    """H p with H = I − τ∇b, as pᵢ + Σⱼ k(xᵢ − xⱼ) (pᵢ − pⱼ)."""
    inverse = 1.0 / period if period > 0 else 0.0  # no branch in loops that are to be vectorised
    for i in range(x.size):
        a, q, total = x[i], p[i], 0.0
        if half == 1.0:
            for j in range(x.size):
                z = a - x[j]
                z -= period * np.rint(z * inverse)
                total += (q - p[j]) / np.maximum(z * z, 1e-200)
            total *= c
        else:
            for j in range(x.size):
                total += (q - p[j]) * _stiffness(a - x[j], c, half, period)
        out[i] = q + total


@_fast
def _direction(x, r, c, half, period, p):  # type: ignore[no-untyped-def]
    """Newton's p, H p = −r, by conjugate gradients; the preconditioner has the links of neighbours only."""
    n = x.size
    link, pivot = np.zeros(n), np.ones(n)
    for i in range(n - 1):
        link[i] = _stiffness(x[i + 1] - x[i], c, half, period)
    for i in range(n):
        pivot[i] = 1.0 + link[i] + (link[i - 1] if i > 0 else 0.0)
        if i > 0:
            pivot[i] -= link[i - 1] ** 2 / pivot[i - 1]
    residual, moved = -r, np.empty(n)
    z = _solved(link, pivot, residual)
    q = z.copy()
    now = first = np.dot(residual, z)
    for _ in range(10 * n + 50):
        _multiplied(x, q, c, half, period, moved)
        α = now / np.dot(q, moved)
        for i in range(n):
            p[i] += α * q[i]
            residual[i] -= α * moved[i]
        z = _solved(link, pivot, residual)
        then, now = now, np.dot(residual, z)
        if not now > FORCING**2 * first:
            break
        for i in range(n):
            q[i] = z[i] + now / then * q[i]


@_fast
def _solved(link, pivot, right):  # type: ignore[no-untyped-def]
    """Thomas's algorithm for the tridiagonal matrix with off-diagonal −link, eliminated to ``pivot``."""
    n = right.size
    z = right.copy()
    for i in range(1, n):
        z[i] += link[i - 1] / pivot[i - 1] * z[i - 1]
    z[n - 1] /= pivot[n - 1]
    for i in range(n - 2, -1, -1):
        z[i] = (z[i] + link[i] * z[i + 1]) / pivot[i]
    return z

"""Exponential Runge–Kutta schemes for u′ = L u + N(u) with a diagonal L: Lawson's and ETDRK4.

Both are exact where N = 0, so that a stiff L sets no bound for the step. They know arrays only; the state and
the slopes are complex arrays of shape (rows, length).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from math import factorial, sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["ETDRK4", "LawsonRK4", "etd_weights"]

Array = NDArray[Any]
Nonlinear = Callable[[Array, Array], None]
"""``nonlinear(u, out)`` writes N(u) to ``out`` and leaves ``u`` as it is."""

DIGITS = 14  # of the steps for which coefficients are made: equal steps differ in the last digits
KEPT = 2  # steps whose coefficients are kept
SERIES = 2.0  # up to here the weights are power series; beyond, the closed forms cancel less than 20-fold
TERMS = 32


class _Exponential(ABC):
    """A state u, its slope N(u), and a candidate for the next one with the slope there."""

    states: ClassVar[int] = 7
    tables: ClassVar[int]
    """Complex arrays and kinds of real coefficients of the size of the state."""

    def __init__(self, state: Array, linear: Array, nonlinear: Nonlinear, weights: Array) -> None:
        self.state = state
        self.nonlinear = nonlinear
        self._coefficients = lru_cache(maxsize=KEPT)(self._make)
        self._L = np.ascontiguousarray(np.broadcast_to(linear, state.shape), dtype=float).reshape(-1)
        self._weights = weights
        self.slope, self.candidate, self._next_slope = (np.empty_like(state) for _ in range(3))
        self._inner = [np.empty_like(state) for _ in range(3)]  # slopes of the three inner stages
        nonlinear(state, self.slope)

    @property
    def memory(self) -> int:
        """Bytes of the state, the slopes and the coefficients."""
        return self.states * int(self.state.nbytes) + (1 + KEPT * self.tables) * int(self._L.nbytes)

    def advance(self, step: float) -> None:
        """Compute the candidate at the end of a step, and the slope there."""
        self._combine(float(step), self._coefficients(float(f"{step:.{DIGITS}g}")))
        self.nonlinear(self.candidate, self._next_slope)

    def accept(self) -> None:
        """Make the candidate the state."""
        self.state, self.candidate = self.candidate, self.state
        self.slope, self._next_slope = self._next_slope, self.slope

    def norm(self) -> float:
        """Weighted ℓ² norm of the candidate; not finite if an entry is not."""
        from mfpde_solvers.stepping.sums import square

        return sqrt(square(self.candidate, self._weights))

    @abstractmethod
    def _make(self, step: float) -> tuple[Array, ...]:
        """The coefficients of a step of that length."""

    @abstractmethod
    def _combine(self, h: float, coefficients: tuple[Array, ...]) -> None:
        """Compute the candidate from the state."""


class LawsonRK4(_Exponential):
    """The classical Runge–Kutta scheme for e^{−Lt}u (integrating factor), with an error estimate.

    With E = e^{Lh/2}: k₁ = N(u), k₂ = N(E(u + h/2 k₁)), k₃ = N(Eu + h/2 k₂), k₄ = N(E²u + hE k₃),
    u⁺ = E²u + h/6 (E²k₁ + 2E(k₂ + k₃) + k₄). The slope k₅ = N(u⁺) is the k₁ of the next step and gives a
    solution of third order with the weights 1/6, 1/3, 1/3, 1/15, 1/10, hence the estimate (h/10)‖k₄ − k₅‖.

    Parameters
    ----------
    state : complex array (rows, length)
        u; used, and overwritten by later steps.
    linear : real array, broadcastable to it
        L.
    nonlinear : callable
        ``nonlinear(u, out)`` writes N(u).
    weights : array (rows,)
        Weight of each row in norms.

    Notes
    -----
    Order 4. The constant of the error grows with L (stiff order 1 where N does not decay with L), unlike that
    of ETDRK4; for smooth solutions whose stiff modes are tiny it does not show.
    Source: J. D. Lawson, SIAM J. Numer. Anal. 4 (1967) 372; the estimate, S. Balac and F. Mahé, Comput.
    Phys. Commun. 184 (2013) 1211.
    """

    order = 4
    tables = 1
    estimate_order = 4  # the estimated error of one step is O(h⁴)

    def error(self, step: float) -> float:
        """(h/10)‖k₄ − k₅‖, weighted ℓ² norm; not a number if the step failed."""
        from mfpde_solvers.stepping.sums import squared_distance

        return step / 10 * sqrt(squared_distance(self._inner[2], self._next_slope, self._weights))

    def _make(self, step: float) -> tuple[Array, ...]:
        return (np.exp(self._L * (step / 2)),)

    def _combine(self, h: float, coefficients: tuple[Array, ...]) -> None:
        from mfpde_solvers.stepping import sums

        (E,) = coefficients
        u, out = self.state.reshape(-1), self.candidate.reshape(-1)
        k1, (k2, k3, k4) = self.slope.reshape(-1), (k.reshape(-1) for k in self._inner)
        sums.first_stage(u, k1, E, h, out)
        self.nonlinear(self.candidate, self._inner[0])
        sums.middle_stage(u, k2, E, h, out)
        self.nonlinear(self.candidate, self._inner[1])
        sums.end_stage(u, k3, E, h, out)
        self.nonlinear(self.candidate, self._inner[2])
        sums.last_sum(u, (k1, k2, k3, k4), E, h, out)


class ETDRK4(_Exponential):
    """The fourth-order exponential time differencing scheme of Cox and Matthews, for equal steps.

    With z = Lh, E = e^{z/2} and P = h/2 φ₁(z/2): a = Eu + P N(u), b = Eu + P N(a), c = Ea + P(2N(b) − N(u)),
    u⁺ = E²u + f₁N(u) + f₂(N(a) + N(b)) + f₃N(c) with the weights of :func:`etd_weights`. Parameters as in
    :class:`LawsonRK4`.

    Notes
    -----
    The error constant does not grow with L. Coefficients are kept for the last two lengths of the step.
    Source: S. M. Cox and P. C. Matthews, J. Comput. Phys. 176 (2002) 430, eqs 26–29; A.-K. Kassam and
    L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214 (on the cancellation in the weights).
    """

    order = 4
    states = 8
    tables = 6

    def __init__(self, state: Array, linear: Array, nonlinear: Nonlinear, weights: Array) -> None:
        super().__init__(state, linear, nonlinear, weights)
        self._a = np.empty_like(state)

    def _make(self, step: float) -> tuple[Array, ...]:
        z = self._L * step
        half, f1, f2, f3 = etd_weights(z)
        return np.exp(z / 2), np.exp(z), step * half, step * f1, step * f2, step * f3

    def _combine(self, h: float, coefficients: tuple[Array, ...]) -> None:
        from mfpde_solvers.stepping import sums

        E, E2, P, f1, f2, f3 = coefficients
        u, out, a = self.state.reshape(-1), self.candidate.reshape(-1), self._a.reshape(-1)
        k1, (k2, k3, k4) = self.slope.reshape(-1), (k.reshape(-1) for k in self._inner)
        sums.stage(E, u, P, 1.0, k1, 0.0, k1, a)
        self.nonlinear(self._a, self._inner[0])
        sums.stage(E, u, P, 1.0, k2, 0.0, k2, out)
        self.nonlinear(self.candidate, self._inner[1])
        sums.stage(E, a, P, 2.0, k3, -1.0, k1, out)
        self.nonlinear(self.candidate, self._inner[2])
        sums.weighted_sum(E2, u, (f1, f2, f3), (k1, k2, k3, k4), out)


def etd_weights(z: Array) -> tuple[Array, Array, Array, Array]:
    """½φ₁(z/2) and the weights f₁, f₂, f₃ of ETDRK4 without the factor h, accurate to round-off.

    φ₁(z) = (e^z − 1)/z, f₁ = (−4 − z + e^z(4 − 3z + z²))/z³, f₂ = 2(2 + z + e^z(z − 2))/z³,
    f₃ = (−4 − 3z − z² + e^z(4 − z))/z³, which cancel for small z: there, power series.

    Parameters
    ----------
    z : real array

    Examples
    --------
    >>> [round(float(f[0]), 6) for f in etd_weights(np.zeros(1))]
    [0.5, 0.166667, 0.333333, 0.166667]
    """
    z = np.asarray(z, dtype=float)
    small = np.abs(z) < SERIES
    t, s = np.where(small, z, 0.0), np.where(small, 1.0, z)
    e = np.exp(s)
    closed = (
        (-4 - s + e * (4 - 3 * s + s * s)) / s**3,
        2 * (2 + s + e * (s - 2)) / s**3,
        (-4 - 3 * s - s * s + e * (4 - s)) / s**3,
    )
    series = tuple(_series(numerator, t) for numerator in NUMERATORS)
    half = np.where(z == 0, 0.5, np.expm1(z / 2) / np.where(z == 0, 1.0, z))
    f1, f2, f3 = (np.where(small, near, far) for near, far in zip(series, closed, strict=True))
    return half, f1, f2, f3


def _series(numerator: Callable[[int], int], z: Array) -> Array:
    """Σ_n numerator(n) zⁿ/(n + 3)! by Horner's scheme."""
    total = np.zeros_like(z)
    for n in range(TERMS, -1, -1):
        total = total * z + numerator(n) / factorial(n + 3)
    return total


NUMERATORS: tuple[Callable[[int], int], ...] = (
    lambda n: (n + 1) ** 2,
    lambda n: 2 * (n + 1),
    lambda n: 1 - n,
)
"""Of the power series of f₁, f₂, f₃."""

"""Steps in time of the collision operator: exponential, stabilised and classical Runge–Kutta methods."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.landau.exponential import forced_exponential
from mfpde_solvers.landau.moments import Invariants
from mfpde_solvers.landau.operators import Coefficients, CollisionOperator
from mfpde_solvers.stepping.stabilised import rkc_step, runge_kutta_step

__all__ = ["SCHEMES", "Chebyshev", "Classical", "Exponential", "Scheme", "scheme_from"]

FloatArray = NDArray[np.float64]

SHARE = 0.1  # of the tolerance, for the exponential that ends a step
LOOSER = 10.0  # tolerance of those of the stages, whose errors the short step reduces


class Scheme(Protocol):
    """One step of ∂ₜf = Q(f) and an estimate of its error.

    Attributes
    ----------
    order : int
        The estimated error of a step h is O(h^order).
    """

    order: int

    def __init__(
        self, operator: CollisionOperator, tolerance: float, invariants: Invariants | None
    ) -> None: ...

    @property
    def memory(self) -> int:
        """Bytes of the arrays that are kept."""
        ...

    def start(self, f: FloatArray) -> FloatArray:
        """Take note of the density that the next step begins with; its rate of change Q(f)."""
        ...

    def attempt(self, f: FloatArray, step: float) -> tuple[FloatArray, FloatArray]:
        """The density after a step, and the estimated error."""
        ...

    def accept(self) -> FloatArray:
        """Begin the next step where the last attempt ended; the rate of change there."""
        ...


class _Kept:
    """What the schemes share: Q and the coefficients of the present density, and of the last attempt."""

    def __init__(
        self, operator: CollisionOperator, tolerance: float, invariants: Invariants | None = None
    ) -> None:
        self._operator, self._tolerance, self._invariants = operator, tolerance, invariants
        shape = operator.grid.shape
        self._frozen, self._other = Coefficients(shape), Coefficients(shape)
        self._first = self._last = np.zeros(shape)
        self._radius: float | None = None

    @property
    def memory(self) -> int:
        """Bytes of the arrays that are kept, and of the stages."""
        return 2 * self._frozen.memory + 10 * self._first.nbytes

    def start(self, f: FloatArray) -> FloatArray:
        """Take note of the density that the next step begins with; its rate of change Q(f)."""
        self._first = self._operator.rate(f, self._frozen)
        self._radius = None
        return self._first

    def accept(self) -> FloatArray:
        """Begin the next step where the last attempt ended; the rate of change there."""
        self._first = self._last
        self._frozen, self._other = self._other, self._frozen
        self._radius = None
        return self._first

    def _conserve(self, f: FloatArray, new: FloatArray) -> None:
        """Remove from ``new`` what the step changed of mass, momentum and energy, if that is asked for."""
        if self._invariants is not None:
            new -= f
            self._invariants.project(new, f)
            new += f

    def _ended(self, f: FloatArray, new: FloatArray, last: FloatArray) -> FloatArray:
        """Take note of the end of a Runge–Kutta step, where the rate is ``last``."""
        self._last = last
        if self._invariants is not None:
            self._conserve(f, new)
            self._last = self._rate(new)
        return new

    def _radius_at(self, f: FloatArray) -> float:
        """Spectral radius at the density that the step begins with."""
        if self._radius is None:
            self._radius = self._operator.radius(self._frozen, f)
        return self._radius

    def _linear(self, w: FloatArray, out: FloatArray) -> None:
        self._operator.linear(self._frozen, w, out)

    def _image(self, w: FloatArray) -> FloatArray:
        out = np.empty_like(w)
        self._linear(w, out)
        return out

    def _rate(self, f: FloatArray) -> FloatArray:
        return self._operator.rate(f, self._other)


class Exponential(_Kept):
    """The exponential Runge–Kutta method ETDRK4 of Krogstad, with L the operator of frozen coefficients.

    L is local, so that its many applications cost little beside the four of Q; N = Q − L holds what the
    coefficients change during the step, and is not stiff. The error is that of the embedded formula of
    order 3 that has N at the end of the step in place of N at the last stage.

    Source: S. Krogstad, J. Comput. Phys. 203 (2005) 72, eq. 51; any L gives the order 4.
    """

    order = 4

    def attempt(self, f: FloatArray, step: float) -> tuple[FloatArray, FloatArray]:
        """The density after a step, and the estimated error."""
        h, final = step, SHARE * self._tolerance * float(np.abs(f).max())
        stage = LOOSER * final
        F, N1 = self._first, self._remainder(f)
        N2 = self._remainder(self._advanced(f, h / 2, stage, F)) - N1
        N3 = self._remainder(self._advanced(f, h / 2, stage, F, 2 * N2)) - N1
        N4 = self._remainder(self._advanced(f, h, stage, F, 2 * N3)) - N1
        new = self._advanced(f, h, final, F, 2 * (N2 + N3) - N4, 4 * (N4 - N2 - N3))
        self._conserve(f, new)
        self._last = self._rate(new)
        error = h / 6 * (N4 + N1 - self._last + self._image(new))
        return new, error

    def _advanced(self, f: FloatArray, h: float, tolerance: float, *forcings: FloatArray) -> FloatArray:
        """F + h Σ φ_{k+1}(hL) p_k."""
        p = np.stack(forcings)
        size = h * float(np.abs(p).sum(axis=0).max())
        share = tolerance / size if size > tolerance else 1.0
        return f + forced_exponential(self._linear, p, h, self._radius_at(f), share)

    def _remainder(self, f: FloatArray) -> FloatArray:
        """N(f) = Q(f) − L f."""
        rate = self._rate(f)
        return np.subtract(rate, self._image(f), out=rate)


class Chebyshev(_Kept):
    """The second-order Runge–Kutta–Chebyshev method, :func:`mfpde_solvers.stepping.stabilised.rkc_step`."""

    order = 3

    def attempt(self, f: FloatArray, step: float) -> tuple[FloatArray, FloatArray]:
        """The density after a step, and the estimated error."""
        new, last, error = rkc_step(self._rate, f, step, self._radius_at(f), self._first)
        return self._ended(f, new, last), error


class Classical(_Kept):
    """The classical fourth-order Runge–Kutta method, limited by stability."""

    order = 4

    def attempt(self, f: FloatArray, step: float) -> tuple[FloatArray, FloatArray]:
        """The density after a step, and the estimated error."""
        new, last, error = runge_kutta_step(self._rate, f, step, self._first)
        return self._ended(f, new, last), error


SCHEMES: dict[str, type[Scheme]] = {
    "exponential": Exponential,
    "chebyshev": Chebyshev,
    "classical": Classical,
}


def scheme_from(name: str) -> type[Scheme]:
    """The scheme of that name; a ``ValueError`` lists the names."""
    if name not in SCHEMES:
        raise ValueError(f"scheme {name!r} is unknown; use one of {', '.join(SCHEMES)}")
    return SCHEMES[name]

"""The Liouville equation of a few particles on the circle and its dual, by Fourier series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.fourier import RealTransform, half_wavenumbers
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.stepping.controllers import AdaptiveStep
from mfpde_solvers.stepping.exponential import LawsonRK4

__all__ = ["BackwardKolmogorov", "Liouville", "marginal", "product_density", "relative_entropy"]

Array = NDArray[Any]

TOLERANCE = 1e-10
STABLE = 2.0  # frequency times step; the scheme is stable up to 2.8
REJECTIONS = 30
UPPER, TAIL = 2 / 3, 1e-4  # of the wavenumbers; of the squares without the mean
MOST_VALUES = 2**24


class _JointRun(ABC):
    """State of a computation in N variables; see :class:`mfpde_solvers.evolve.Run`."""

    observed: ClassVar[str]

    def __init__(self, equation: FirstOrder, axis: Axis, values: Array, tolerance: float = TOLERANCE) -> None:
        _check(equation, axis, values, tolerance)
        size = values.ndim
        equation = equation.for_size(size)
        self.time, self._tolerance = 0.0, tolerance
        self._velocities = _velocities(equation, axis, size)
        self._transform = RealTransform(values.shape)
        k = half_wavenumbers((axis.wavenumbers,) * size)
        # the unpaired highest mode of a real function has no derivative on the grid
        kept = [np.where(np.abs(κ) < np.pi / axis.spacing * (1 - 1e-9), κ, 0.0) for κ in k]
        self._derivatives = [1j * κ for κ in kept]
        self._upper = np.maximum.reduce(np.broadcast_arrays(*map(np.abs, k))) > UPPER * np.pi / axis.spacing
        state = np.array(self._transform.forward(values))
        self._spectrum = state.shape
        σ = float(equation.diffusion)  # type: ignore[arg-type]
        linear = -σ * np.asarray(sum(κ**2 for κ in k))
        self._scheme = LawsonRK4(state.reshape(1, -1), linear.reshape(1, -1), self._slope, np.ones(1))
        rate = sum(float(np.abs(b).max()) for b in self._velocities) * np.pi / axis.spacing
        self._bound = STABLE / rate if rate > 0 else inf
        self._controller = AdaptiveStep(LawsonRK4.estimate_order, min(0.1 * self._bound, 1.0))

    @property
    def memory(self) -> int:
        """Bytes of the state, slopes, coefficients, velocities and transforms."""
        return self._scheme.memory + self._velocities.nbytes + self._transform.memory

    @property
    def values(self) -> Array:
        """The solution on the grid, shape (n, …, n)."""
        return self._transform.backward(self._scheme.state.reshape(self._spectrum))

    @property
    def tail(self) -> float:
        """Share of the squared coefficients, without the mean, in the upper third of the wavenumbers."""
        squares = np.abs(self._scheme.state.reshape(self._spectrum)) ** 2
        total = float(squares.sum() - squares.flat[0])
        return float(squares[self._upper].sum()) / total if total > 0 else 0.0

    def step(self, limit: float) -> float:
        """One accepted step."""
        for _ in range(REJECTIONS):
            h, time = self._controller.next(self.time, limit, self._bound)
            self._scheme.advance(h)
            norm = self._scheme.norm()
            error = self._scheme.error(h) / (self._tolerance * norm) if isfinite(norm) else inf
            if self._controller.accepts(error, h):
                break
        else:
            raise ResolutionLost(self.time, f"{REJECTIONS} steps in a row were rejected; use a finer axis")
        self._scheme.accept()
        self.time = time
        if not self.tail <= TAIL:
            reason = f"{self.tail:.1e} of the squares are in the upper third of the wavenumbers"
            raise ResolutionLost(time, f"{reason}; use an axis of at least {2 * self._spectrum[0]} cells")
        return time

    def _slope(self, u: Array, out: Array) -> None:
        self._transport(u.reshape(self._spectrum), out.reshape(self._spectrum))

    @abstractmethod
    def _transport(self, u: Array, out: Array) -> None:
        """Write the coefficients of the transport of the function with coefficients ``u``."""

    def observe(self) -> dict[str, Array]:
        """The solution under its name."""
        return {self.observed: self.values}

    def diagnostics(self) -> dict[str, float]:
        """The tail of the spectrum, the extremes and the number of rejected steps."""
        values = self.values
        return {
            "tail": self.tail,
            "minimum": float(values.min()),
            "maximum": float(values.max()),
            "rejected_steps": float(self._controller.rejected),
        }

    def state(self) -> dict[str, Array]:
        """Time, coefficients and the memory of the controller."""
        return {"time": np.array(self.time), "coefficients": self._scheme.state} | self._controller.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self.time = float(state["time"])
        self._scheme.state[...] = state["coefficients"]
        self._slope(self._scheme.state, self._scheme.slope)
        self._controller.restore(state)


class Liouville(_JointRun):
    r"""The law F(t, x₁, …, x_N) of N interacting particles on a circle.

    .. math:: ∂_tF + Σ_i ∂_i\Big(F\,\big(w Σ_{j≠i} K(x_i − x_j) + S(x_i)\big)\Big) = σ Σ_i ∂_i²F

    with w = 1/N or 1/(N − 1), as the equation scales. Collocation at the n^N points of the product grid;
    exact in the diffusion; fourth order in time with adaptive steps
    (:class:`mfpde_solvers.stepping.exponential.LawsonRK4`).

    Parameters
    ----------
    equation : FirstOrder
        In one dimension, with the circulation 1.
    axis : Axis
        Periodic.
    values : array (n, …, n)
        F at time 0 at the cell centres; it has as many dimensions as there are particles. It need not be
        symmetric.
    tolerance : float
        Estimated error of one step relative to the L² norm; the estimate is one of third order, and the error
        of the step much smaller.

    Raises
    ------
    ValueError
        If the equation is not one on a circle, the shape is not (n, …, n), values are not finite, or there
        are more than 2²⁴ of them.
    ResolutionLost
        From a step after which the upper third of the wavenumbers holds more than 1e-4 of the squares.

    Notes
    -----
    Good values: smooth kernels and data, 64 cells, N = 2 or 3; where the coefficients have decayed to
    round-off (``tail`` below 1e-20) the error is that of the time steps, about 1e-11 after unit time.
    When it fails: kernels with a jump or a pole converge like a power of n, and without diffusion F forms
    filaments. Memory and time grow like n^N.
    """

    observed = "density"

    def _transport(self, u: Array, out: Array) -> None:
        F = self._transform.backward(u)
        out[...] = 0.0
        for velocity, derivative in zip(self._velocities, self._derivatives, strict=True):
            out -= derivative * self._transform.forward(velocity * F)


class BackwardKolmogorov(_JointRun):
    r"""The expectation Φ(x) = E[Φ(X_T) | X_t = x], as a function of the time to go s = T − t.

    .. math:: ∂_sΦ = Σ_i \big(w Σ_{j≠i} K(x_i − x_j) + S(x_i)\big) ∂_iΦ + σ Σ_i ∂_i²Φ

    The dual of :class:`Liouville`: ∫ F_T Φ = ∫ F_t Φ(T − t). Parameters and errors are the same, ``values``
    being the observable Φ at the time T.
    """

    observed = "observable"

    def _transport(self, u: Array, out: Array) -> None:
        total = np.zeros(self._velocities.shape[1:])
        for velocity, derivative in zip(self._velocities, self._derivatives, strict=True):
            total += velocity * self._transform.backward(derivative * u)
        out[...] = self._transform.forward(total)


def _check(equation: FirstOrder, axis: Axis, values: Array, tolerance: float) -> None:
    if not isinstance(equation, FirstOrder) or equation.kernel.dim != 1:
        raise ValueError(
            f"the Liouville equation is solved for first-order equations on a circle, not {equation!r}"
        )
    if not axis.periodic:
        raise ValueError(f"axis {axis.name!r} is open; the Liouville equation is solved on a circle")
    if equation.circulations != (1.0,):
        raise ValueError(f"particles have the circulation 1 here, got circulations {equation.circulations!r}")
    if values.ndim < 2 or values.shape != (axis.size,) * values.ndim or values.size > MOST_VALUES:
        raise ValueError(
            f"values of shape {values.shape} given; N >= 2 particles take shape (n, …, n) with "
            f"n = {axis.size} and at most 2^24 values"
        )
    if not np.isfinite(values).all():
        raise ValueError("values must be finite")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie between 0 and 1, got {tolerance!r}")


def _velocities(equation: FirstOrder, axis: Axis, size: int) -> Array:
    """Velocities w Σ_{j≠i} K(xᵢ − xⱼ) + S(xᵢ) at the points of the product grid, shape (N, n, …, n)."""
    n, w = axis.size, 1.0 / (size if equation.scaling == "1/N" else size - 1)
    offsets = np.arange(n) * axis.spacing
    table = w * equation.kernel.on(Grid((axis,)))(offsets[:, None])[:, 0]
    places = np.arange(n)
    pairs = table[(places[:, None] - places) % n]
    out = np.zeros((size, *(n,) * size))
    for i in range(size):
        for j in range(size):
            if j != i:
                shape = tuple(n if place in (i, j) else 1 for place in range(size))
                out[i] += (pairs if i < j else pairs.T).reshape(shape)
    if equation.drift is not None:
        drift = np.asarray(equation.drift(axis.points[:, None]))[:, 0]
        for i in range(size):
            out[i] += drift.reshape(tuple(n if place == i else 1 for place in range(size)))
    return out


def product_density(density: Array, size: int) -> Array:
    """ρ^{⊗N}(x₁, …, x_N) = ρ(x₁) ⋯ ρ(x_N), shape (n, …, n)."""
    out = np.asarray(density, dtype=float)
    for _ in range(size - 1):
        out = np.multiply.outer(out, density)
    return out


def marginal(joint: Array, kept: int, spacing: float) -> Array:
    """The law of the first ``kept`` particles: the integral over all others."""
    others = tuple(range(kept, joint.ndim))
    return np.asarray(joint.sum(axis=others) * spacing ** len(others))


def relative_entropy(joint: Array, density: Array, spacing: float) -> float:
    """∫ F log(F/ρ^{⊗N}), not divided by N; spectrally accurate where F and ρ are smooth and positive.

    Values of F that are not positive, which round-off makes where F vanishes, count as 0.

    Examples
    --------
    >>> uniform = np.full(8, 1 / 8)
    >>> relative_entropy(product_density(uniform, 2), uniform, 1.0)
    0.0
    """
    reference = product_density(density, joint.ndim)
    positive = joint > 0
    F = joint[positive]
    return float((F * np.log(F / reference[positive])).sum() * spacing**joint.ndim)

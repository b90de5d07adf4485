"""The BBGKY hierarchy tested weakly, on Fourier modes, with the replicas of a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.dataset import attributes
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import DomainKernel

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["bbgky_residual"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

BLOCK = 2**18  # components of pairs at a time
TERMS = ("external", "diffusion", "inside", "outside")


def bbgky_residual(particles: xr.Dataset, problem: Problem, modes: ArrayLike) -> xr.Dataset:
    r"""Weak residual of the equation of the k-th marginal, along the replicas of a simulation.

    For the test function φ(x₁, …, x_k) = cos(κ₁·x₁ + … + κ_k·x_k), k = 1 or 2, and the weight w of a pair the
    BBGKY hierarchy says

    .. math:: \frac{d}{dt} E\,φ = E\Big[Σ_{i≤k} S(X_i)·∇_iφ + σ Σ_{i≤k} Δ_iφ
              + w Σ_{i≠j≤k} M_j K(X_i − X_j)·∇_iφ\Big]
              + (N − k)\, w\, E\Big[Σ_{i≤k} M_{k+1} K(X_i − X_{k+1})·∇_iφ\Big],

    the last expectation being one over the marginal of order k + 1. Its integral from the first time on,
    E φ(t) − E φ(t₀) − ∫ E[…], vanishes. The expectations are means over all k- or (k+1)-tuples of different
    particles of a replica, then over replicas, whose scatter gives the standard error.

    Parameters
    ----------
    particles : Dataset
        As :func:`mfpde.simulate` returns it, with at least two replicas and times.
    problem : Problem
        A first-order problem; its equation, for the number of particles, is what is tested.
    modes : array (d,) or (k, d)
        Whole numbers m of waves along the axes of each of the k particles: κ = 2πm/L with the lengths L of
        the grid, on open axes too. One row is k = 1, two rows are k = 2.

    Returns
    -------
    Dataset
        Over ``time``: ``residual``, its standard error ``stderr``, and their quotient ``score``, which is
        of order 1 where the equation holds; ``change`` E φ(t) − E φ(t₀) and the integrals of the four terms,
        ``external``, ``diffusion``, ``inside`` (pairs among the k particles) and ``outside`` (the
        marginal of order k + 1), so that residual = change − their sum; ``quadrature``, a third of the
        difference between the trapezoidal rules with all and with every other time, an estimate of the
        error of the integral in time (at even places; those between have the larger of their neighbours').

    Raises
    ------
    ValueError
        If the equation is not of first order, modes are not whole or have another shape, or the
        dataset does not fit.

    Notes
    -----
    A score counts only where ``quadrature`` is below the standard error; save more times otherwise. The time
    steps of the simulation add an error O(dt²) with noise. Without noise each replica satisfies the
    equation, so the residual is that of the quadrature and the standard error no measure of it.
    When it fails: kernels whose pair term has no finite variance (Biot–Savart, Keller–Segel without cut-off)
    have no reliable standard error.
    Source: E. Hess-Childs and K. Rowan, Higher-order propagation of chaos in L² for interacting diffusions,
    arXiv:2310.09654, eq. (1.3), with M = 1.

    Examples
    --------
    >>> import mfpde as mf
    >>> problem = mf.problems.kuramoto(amplitude=0.5)
    >>> found = mf.simulate(problem, 3, np.arange(5) * 0.05, replicas=4, dt=0.05)
    >>> bbgky_residual(found, problem, [1]).sizes["time"]
    5
    """
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    budget = _Budget.of(problem, modes, int(particles.sizes.get("particle", 0)))
    x, circulation, times = _points(particles, problem.grid)
    values = np.array([budget.along(path, m) for path, m in zip(x, circulation, strict=True)])
    return _integrated(values, times, len(budget.waves))


def _points(particles: xr.Dataset, grid: Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points (replica, time, particle, d), circulations (replica, particle) and times."""
    missing = [name for name in (*grid.names, "circulation") if name not in particles]
    if missing:
        raise ValueError(f"the particles have no variable {missing[0]}; make them with simulate")
    dims = ("replica", "time", "particle")
    x = np.stack([particles[name].transpose(*dims).values for name in grid.names], axis=-1)
    if x.shape[0] < 2 or x.shape[1] < 2:
        raise ValueError(f"two replicas and two times are needed at least, got {x.shape[0]} and {x.shape[1]}")
    times = np.asarray(particles["time"].values, dtype=float)
    circulation = particles["circulation"].transpose("replica", "particle").values
    return np.asarray(x, dtype=float), np.asarray(circulation, dtype=float), times


@dataclass(frozen=True)
class _Budget:
    """Both sides of the equation of one marginal for a mode, averaged over the tuples of one replica."""

    kernel: DomainKernel
    drift: Any
    diffusion: float
    weight: float
    waves: FloatArray

    @classmethod
    def of(cls, problem: Problem, modes: ArrayLike, size: int) -> _Budget:
        """The budget of the equation of ``size`` particles."""
        equation = problem.equation.for_size(size)
        if not isinstance(equation, FirstOrder):
            raise ValueError(f"the hierarchy is tested for first-order equations, not for {equation!r}")
        numbers, d = np.atleast_2d(np.asarray(modes, dtype=float)), problem.grid.dim
        if numbers.shape not in ((1, d), (2, d)) or (numbers != np.round(numbers)).any():
            raise ValueError(f"modes are whole numbers of shape ({d},), (1, {d}) or (2, {d}), got {modes!r}")
        if not numbers.any() or size <= len(numbers):
            raise ValueError(f"a mode must not vanish, and k < N; got {modes!r} for {size} particles")
        waves = 2 * np.pi * numbers / np.array([axis.length for axis in problem.grid.axes])
        w = 1.0 / (size if equation.scaling == "1/N" else size - 1)
        σ = float(equation.diffusion)  # type: ignore[arg-type]
        return cls(equation.kernel.on(problem.grid), equation.drift, σ, w, waves)

    def along(self, path: FloatArray, circulation: FloatArray) -> FloatArray:
        """φ and the four terms along the path (time, particle, d) of a replica, shape (time, 5)."""
        together = max(1, BLOCK // (path.shape[1] ** 2 * path.shape[2]))
        blocks = [path[i : i + together] for i in range(0, len(path), together)]
        return np.concatenate([self._terms(block, circulation) for block in blocks])

    def _terms(self, x: FloatArray, circulation: FloatArray) -> FloatArray:
        K = self.weight * circulation[:, None] * self.kernel(x[:, :, None, :] - x[:, None, :, :])
        total = K.sum(axis=2)
        S = np.zeros_like(x) if self.drift is None else np.asarray(self.drift(x))
        e = [np.exp(1j * (x @ κ)) for κ in self.waves]
        φ = _mean(e)
        external, inside, outside = (np.zeros_like(φ) for _ in range(3))
        for i, κ in enumerate(self.waves):
            own, others = 1j * e[i], e[i + 1 :] + e[:i]
            external += _mean([(S @ κ) * own, *others])
            if others:
                inside += _among(own, K @ κ, others[0])
            # the sum over all but the k particles is (N − k) times the mean over them
            outside += _mean([(total @ κ) * own, *others])
        outside -= inside
        diffusion = -self.diffusion * float((self.waves**2).sum()) * φ
        return np.stack([φ, external, diffusion, inside, outside], axis=-1).real


def _mean(factors: Sequence[ComplexArray]) -> ComplexArray:
    """Mean of aᵢ, or of aᵢ bⱼ over i ≠ j, particles being the last dimension."""
    a, *rest = factors
    if not rest:
        return np.asarray(a.mean(axis=-1))
    b, N = rest[0], a.shape[-1]
    return np.asarray((a.sum(axis=-1) * b.sum(axis=-1) - (a * b).sum(axis=-1)) / (N * (N - 1)))


def _among(a: ComplexArray, K: FloatArray, b: ComplexArray) -> ComplexArray:
    """Mean of aᵢ Kᵢⱼ bⱼ over i ≠ j; K(0) = 0 takes care of j = i."""
    N = a.shape[-1]
    return np.asarray((a * (K @ b[..., None])[..., 0]).sum(axis=-1) / (N * (N - 1)))


def _integrated(values: FloatArray, times: FloatArray, order: int) -> xr.Dataset:
    """The budget of each replica in time, and its mean; ``values`` has shape (replica, time, 5)."""
    change = values[..., 0] - values[:, :1, 0]
    integrals = _trapezoid(values[..., 1:], times)
    residual = change - integrals.sum(axis=-1)
    R = len(values)
    mean, stderr = residual.mean(axis=0), residual.std(axis=0, ddof=1) / np.sqrt(R)
    score = np.divide(mean, stderr, out=np.zeros_like(mean), where=stderr > 0)
    terms = integrals.mean(axis=0)
    found = {
        "residual": mean,
        "stderr": stderr,
        "score": score,
        "change": change.mean(axis=0),
        **{name: terms[:, i] for i, name in enumerate(TERMS)},
        "quadrature": _quadrature_error(values[..., 1:].sum(axis=-1).mean(axis=0), times),
    }
    described = {
        name: ("time", value, attributes(name, long_name=_LONG_NAMES[name])) for name, value in found.items()
    }
    coords = {"time": ("time", times, attributes("time"))}
    return xr.Dataset(described, coords, {"order": order, "replicas": R})


def _trapezoid(values: FloatArray, times: FloatArray) -> FloatArray:
    """Integrals from the first time to each, along the second dimension."""
    steps = np.diff(times)[None, :, None] * (values[:, 1:] + values[:, :-1]) / 2
    return np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(steps, axis=1)], axis=1)


def _quadrature_error(values: FloatArray, times: FloatArray) -> FloatArray:
    """A third of what doubling the intervals changes: the error of the finer rule where h² dominates."""
    fine = _trapezoid(values[None, :, None], times)[0, ::2, 0]
    coarse = _trapezoid(values[None, ::2, None], times[::2])[0, :, 0]
    even = np.abs(fine - coarse) / 3
    out = np.empty_like(values)
    out[::2] = even
    between: Sequence[float] = list(_larger_neighbours(even))
    out[1::2] = between[: len(out[1::2])]
    return out


def _larger_neighbours(values: FloatArray) -> Iterator[float]:
    for i, value in enumerate(values):
        yield float(max(value, values[min(i + 1, len(values) - 1)]))


_LONG_NAMES = {
    "residual": "weak residual of the hierarchy",
    "stderr": "standard error of the weak residual",
    "score": "weak residual over its standard error",
    "change": "change of the mean of the test function",
    "external": "contribution of the external drift",
    "diffusion": "contribution of the diffusion",
    "inside": "contribution of pairs among the particles of the marginal",
    "outside": "contribution of the marginal of the next order",
    "quadrature": "estimated error of the integral in time",
}

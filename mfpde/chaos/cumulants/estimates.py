"""Dual cumulants: how far the expectation of an observable is from a sum over single particles."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from math import comb
from typing import TYPE_CHECKING, ClassVar, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.cumulants.cube import Cube, cube_estimates, estimates, first_mode
from mfpde.chaos.cumulants.summary import CITATION, summary
from mfpde.chaos.weak import Observable
from mfpde.checks import whole
from mfpde.dataset import attributes
from mfpde.particles.ensemble import System
from mfpde.particles.simulation import system_for
from mfpde.recording import checked_times
from mfpde.tasks import completed
from mfpde_solvers.grid import Grid

if TYPE_CHECKING:
    from mfpde.chaos.metric import Followed
    from mfpde.problems import Problem

__all__ = ["DualCumulant", "dual_cumulants"]

FloatArray = NDArray[np.float64]

CHUNK = 2**16  # particles of all corners in one task
LARGEST_ORDER = 8
DEFAULT_ORDERS = (1, 2, 3)


def dual_cumulants(
    problem: Problem,
    size: int | Sequence[int],
    observable: Observable | None = None,
    times: ArrayLike | None = None,
    *,
    orders: Sequence[int] = DEFAULT_ORDERS,
    samples: int = 256,
    seed: int = 0,
    dt: float | None = None,
    forces: str = "auto",
    executor: Executor | None = None,
) -> xr.Dataset:
    r"""Squared norms of the dual cumulants of an averaged observable, without bias at finite N.

    Let Φ = N⁻¹ Σφ(xᵢ) and Φ_N(x) = E[Φ(X_t) \| X_0 = x], the solution of the backward equation at time 0.
    Under the law f₀^{⊗N} of the initial points it is a sum of uncorrelated parts,

    .. math:: Φ_N(x) = Σ_{n=0}^N Σ_{|A|=n} C_{N,n}(x_A), \qquad ∫ C_{N,n}(x_1,…,x_n) f_0(x_j)\,dx_j = 0,

    so that Σ_n binom(N,n)‖C_{N,n}‖² = ‖Φ_N‖² and ‖C_{N,n}‖ ≤ binom(N,n)^{−1/2} sup\|φ\|. The mean-field limit
    holds when the rescaled cumulants binom(N,n)^{1/2} C_{N,n} of every order n ≥ 1 vanish. For smooth kernels
    ‖C_{N,n}‖² is of order N^{−2n}, and the orders n ≥ 2 have a share O(1/N) of the variance of Φ_N.

    Each norm is the mean of products of mixed differences D_AΦ_N, A = {1, …, n}, at two points that have the
    coordinates of A in common and no others: E[D_AΦ_N(x_A, z) D_AΦ_N(x_A, z′)] = 2ⁿ‖C_{N,n}‖². Large norms of
    lower orders do not enter. With noise, two independent sets of Brownian paths stand for the two factors,
    and the corners of a mixed difference share one. The same differences give the superset importance
    E(D_AΦ_N)²/2ⁿ = Σ_{B⊇A} ‖C_{N,\|B\|}‖², which has less spread and is ‖C_{N,n}‖²(1 + O(1/N)).

    Parameters
    ----------
    problem : Problem
        The law at time 0 is f₀; circulations are drawn and exchanged with the points.
    size : int or sequence of int
        Number of particles N ≥ 2; several give a dimension ``size``.
    observable : callable, optional
        φ: (..., d) → (...), bounded or of finite variance, of the coordinates in the order of the axes of the
        grid; by default cos(2π(x − lower)/L) of the first one.
    times : increasing floats, optional
        Times t; the problem's horizon by default.
    orders : sequence of int
        Orders n from 1 to the smallest size, at most 8. One sample takes 2^{n+1} systems for the largest
        of them, with noise twice as many.
    samples : int
        Independent samples, at least 2; sample r starts from the points of replica r of ``simulate``.
    seed, dt, forces, executor
        As in :func:`mfpde.simulate`.

    Returns
    -------
    Dataset
        Dimensions (size, time, order), dimensionless, each with a coordinate ``<name>_stderr``:
        ``squared_norm`` ‖C_{N,n}‖²; ``superset`` Σ_{B⊇A} ‖C_{N,\|B\|}‖²; ``rescaled`` binom(N,n)‖C_{N,n}‖²;
        ``share`` of the variance, rescaled over ``variance``; ``share_bound``, binom(N,n) superset over
        variance, which bounds the share of all orders ≥ n together. Besides ``mean_square``, the square of
        C_{N,0} = EΦ_N, ``variance`` and ``second_moment`` ‖Φ_N‖². The coordinate ``exponent`` is that
        of N in ``squared_norm``, −2n. Estimates are unbiased and may be negative where the norm is below the
        standard error.

    Raises
    ------
    ValueError, TypeError
        For input that does not fit, before any work is done.

    Notes
    -----
    When it fails: where trajectories part so fast that few samples make most of E(D_AΦ)² (collisions of
    attracting singular kernels) the standard error is of the order of the norm; use more samples or a
    cut-off. Source: the definition and the bounds are those of Bresch, Duerinckx and Jabin (2024); superset
    importance by differences, R. Liu and A. B. Owen, J. Amer. Statist. Assoc. 101 (2006) 712.

    Examples
    --------
    >>> import mfpde as mf
    >>> found = dual_cumulants(mf.problems.harmonic(), 4, times=[0.0], samples=8)
    >>> [round(float(norm), 12) for norm in found.squared_norm.sel(time=0.0, order=[2, 3])]
    [0.0, 0.0]
    """
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    sizes = np.atleast_1d(np.asarray(size)).tolist()
    instants = checked_times(problem.horizon if times is None else times, problem.horizon)
    systems = [system_for(problem, N, seed, dt, forces, instants) for N in sizes]
    orders = _checked_orders(orders, min(system.size for system in systems))
    samples = whole(samples, 2, "the number of samples")
    φ = first_mode(problem.grid) if observable is None else observable
    if not callable(φ):
        raise TypeError(f"observable must be a function (..., d) -> (...), got {observable!r}")
    parts = [_sampled(system, φ, instants, orders, samples, executor) for system in systems]
    found = xr.concat(parts, xr.Variable("size", sizes, attributes("size")), combine_attrs="override")
    return found.isel(size=0) if np.ndim(size) == 0 else found


def _checked_orders(orders: Sequence[int], size: int) -> list[int]:
    numbers = sorted({whole(n, 1, "an order") for n in np.atleast_1d(np.asarray(orders)).tolist()})
    if not numbers or numbers[-1] > min(size, LARGEST_ORDER):
        raise ValueError(
            f"orders are numbers from 1 to {LARGEST_ORDER} and at most the number of particles, "
            f"got {list(orders)} for {size} particles"
        )
    return numbers


def _sampled(
    system: System,
    observable: Observable,
    times: FloatArray,
    orders: list[int],
    samples: int,
    executor: Executor | None,
) -> xr.Dataset:
    together = max(1, CHUNK // (2 ** (orders[-1] + 1) * system.size))
    chunks = [(range(r, min(r + together, samples)),) for r in range(0, samples, together)]
    work = partial(_chunk, system, observable, times, orders[-1])
    done = dict(completed(work, chunks, executor))
    squared, superset, variance, second = (
        np.concatenate([done[i][part] for i in range(len(chunks))]) for part in range(4)
    )
    return summary(system.size, orders, times, squared, superset, variance, second)


def _chunk(
    system: System, observable: Observable, times: FloatArray, order: int, replicas: range
) -> tuple[FloatArray, ...]:
    """Arrays (replica, time[, order]) of the estimates of some samples."""
    found = [list(cube_estimates(system, r, order, observable, times)) for r in replicas]
    return tuple(np.array([[one[part] for one in sample] for sample in found]) for part in range(4))


@dataclass(frozen=True, repr=False)
class DualCumulant:
    r"""Squared norm of a rescaled dual cumulant, binom(N,n)‖C_{N,n}‖², by mixed differences; in a study.

    The flow goes from time 0 to the time of the study and the law of the initial points is the problem's; see
    :func:`dual_cumulants`. One replica gives an unbiased estimate, which may be negative; their mean counts.
    For smooth kernels it decreases like N^{−n}.

    Parameters
    ----------
    order : int
        1 ≤ n ≤ 8. Each replica advances 2^{n+1} copies of the system of its own, with noise twice as many.
    observable : callable, optional
        φ: (..., d) → (...); by default cos(2π(x − lower)/L) of the first axis.
    label : str
        How the observable is called in descriptions.
    """

    order: int = 2
    observable: Observable | None = None
    label: str = ""
    axes: ClassVar[tuple[str, ...] | None] = None
    name: ClassVar[str] = "dual_cumulant"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = CITATION

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", _checked_orders([self.order], LARGEST_ORDER)[0])
        if self.observable is not None and not callable(self.observable):
            raise TypeError(f"observable must be a function (..., d) -> (...), got {self.observable!r}")

    def __repr__(self) -> str:
        # without the address that functions print: the text identifies the metric in files
        function = getattr(self.observable, "__qualname__", self.observable)
        return f"DualCumulant(order={self.order}, observable={function}, label={self.label!r})"

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        default = "the first Fourier mode" if self.observable is None else "the observable"
        return f"squared rescaled dual cumulant of order {self.order} of {self.label or default}"

    def theory(self, grid: Grid) -> float:
        """Exponent −n of N, for smooth kernels."""
        return -float(self.order)

    def target(self, density: xr.DataArray) -> CumulantTarget:
        """Nothing of the density matters."""
        return CumulantTarget()

    def follow(self, followed: Followed) -> CumulantObserver:
        """Copies of the system that start from mixtures of its points with those of a second sample."""
        size = followed.system.size
        _checked_orders([self.order], size)
        grid = followed.system.problem.grid
        φ = first_mode(grid) if self.observable is None else self.observable
        return CumulantObserver(
            followed, Cube(followed.system, followed.replica, self.order, φ), comb(size, self.order)
        )


@dataclass(frozen=True)
class CumulantObserver:
    """The copies of one replica; they are advanced when a value is asked for."""

    followed: Followed
    cube: Cube
    weight: int

    def see(self) -> None:
        """Nothing: the copies take their own steps."""

    def value(self) -> float:
        """The estimate of one sample at the present time."""
        self.cube.advance(self.followed.run.time)
        squared, *_ = estimates(self.cube.values(), self.cube.order)
        return float(self.weight * squared[-1])


@dataclass(frozen=True)
class CumulantTarget:
    """A dual cumulant is no distance to a density."""

    def distance(self, points: ArrayLike) -> NoReturn:
        """Always a ``ValueError``."""
        raise ValueError(
            "dual_cumulant compares systems started from different points, not particles with a density; "
            "use converge(..., mean_field=True), or mfpde.chaos.dual_cumulants of a problem"
        )

    def floor(self, size: int) -> None:
        """There is none: without interaction the orders above 1 vanish."""

    def difference(self, other: CumulantTarget) -> float:
        """0: it does not depend on a density."""
        return 0.0

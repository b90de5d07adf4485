"""Distances in phase space between interacting and mean-field particles, after Lazarovici and Pickl."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, nan, sqrt
from typing import Any, ClassVar, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.metric import Followed
from mfpde.particles.coupling import CoupledRun
from mfpde_solvers.grid import Grid
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["LazaroviciPickl", "PhaseSpaceDistance", "refuse_density"]

FloatArray = NDArray[np.float64]

LAZAROVICI_PICKL = "D. Lazarovici and P. Pickl, Arch. Ration. Mech. Anal. 225 (2017) 1201-1231"


def refuse_density(name: str) -> NoReturn:
    """A ``ValueError``: what is measured along the paths cannot be had from one instant."""
    raise ValueError(
        f"{name} is measured along the paths of particles, it is no distance to a density; use "
        "converge(..., mean_field=True)"
    )


@dataclass(frozen=True)
class PhaseSpaceDistance:
    r"""Largest :math:`Δ^N_s = \sqrt{\log N}\,|X_s − X̄_s|_∞ + |V_s − V̄_s|_∞` over the steps s ≤ t.

    X, V are the N interacting particles, X̄, V̄ their partners in the mean field with the same points;
    :math:`|·|_∞` is the maximum over all coordinates of all particles, on the circle along periodic axes.
    Theorem 4.2 of Lazarovici and Pickl: for the Coulomb kernel with cut-off N^−δ, δ < 1/3, the probability
    that it exceeds N^−δ is at most T C_β N^−β for every β, once N ≥ exp(((C₀T + 1)/(1 − 3δ))²).

    Parameters
    ----------
    running : bool
        Keep the largest value so far (default); off, the value at the time itself.

    Notes
    -----
    It needs the dynamics, ``converge(..., mean_field=True)``, and a kinetic equation. The maximum is taken
    over the steps, so it is a lower bound of the supremum over all times, with an error of order dt.
    """

    running: bool = True
    axes: ClassVar[None] = None
    name: ClassVar[str] = "phase_space_distance"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = f"{LAZAROVICI_PICKL}, Definition 5.1 and Theorem 4.2"

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return "largest distance in phase space" + (", up to the time" if self.running else "")

    def theory(self, grid: Grid) -> float:
        """Exponent −1/2, that of the fluctuations of a bounded force, up to logarithms."""
        _check_kinetic(self.name, grid)
        return -0.5

    def target(self, density: xr.DataArray) -> NoReturn:
        """It is not compared with a density: always a ``ValueError``."""
        refuse_density(self.name)

    def follow(self, followed: Followed) -> PhaseSpaceObserver:
        """Observer of one replica."""
        return PhaseSpaceObserver(followed.run, followed.system.problem.grid, self.running)


@dataclass(frozen=True)
class LazaroviciPickl:
    r"""The process :math:`J^{N,Λ}_t = \min\{1, \sup_{s≤t} e^{Λ\sqrt{\log N}(T−s)}(N^δ Δ^N_s + r_N)\}`.

    Δ^N is that of :class:`PhaseSpaceDistance`. J < 1 up to time T implies Δ^N < N^−δ, and the proof of
    Theorem 4.2 shows that E J is small by a Gronwall inequality.

    Parameters
    ----------
    rate : float
        Λ > 0.
    delta : float, optional
        δ in (0, 1/3); by default from the cut-off of the kernel, a ``PowerOfN`` of exponent −δ.
    eta : float, optional
        Without it r_N = N^{3δ−1}, as printed. With η > 0, r_N = N^{(3δ−1)/2+η}: the law of large numbers of
        Proposition 7.2 gives force fluctuations below N^−β for δ < 1 − 2β, that is 2β < 1 − δ, while the
        printed r_N takes β = 1 − 2δ, which meets that condition for no δ < 1/3.
    horizon : float, optional
        T; the horizon of the problem by default.

    Notes
    -----
    It needs the dynamics, ``converge(..., mean_field=True)``. For the N of a computer the exponential is
    large: J is 1 from the beginning unless Λ√(log N) T < (1 − 3δ) log N (as printed). Take Λ or T small.
    """

    rate: float = 1.0
    delta: float | None = None
    eta: float | None = None
    horizon: float | None = None
    axes: ClassVar[None] = None
    name: ClassVar[str] = "lazarovici_pickl"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = f"{LAZAROVICI_PICKL}, equation (40)"

    def __post_init__(self) -> None:
        if not 0 < self.rate < inf:
            raise ValueError(f"the rate Λ must be a finite number > 0, got {self.rate!r}")
        if self.delta is not None and not 0 < self.delta < 1 / 3:
            raise ValueError(f"δ must lie between 0 and 1/3, got delta={self.delta!r}")
        if self.eta is not None and not 0 < self.eta < inf:
            raise ValueError(f"η must be a finite number > 0, or None for r_N as printed, got {self.eta!r}")

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return "process J of Lazarovici and Pickl" + ("" if self.eta is None else f", eta = {self.eta:g}")

    def theory(self, grid: Grid) -> float:
        """NaN: the theorem gives any power of N, but for N beyond any computer."""
        _check_kinetic(self.name, grid)
        return nan

    def target(self, density: xr.DataArray) -> NoReturn:
        """It is not compared with a density: always a ``ValueError``."""
        refuse_density(self.name)

    def follow(self, followed: Followed) -> LazaroviciPicklObserver:
        """Observer of one replica; a ``ValueError`` where δ is neither given nor in the kernel."""
        system = followed.system
        δ = _exponent(system.problem.equation) if self.delta is None else self.delta
        exponent = 3 * δ - 1 if self.eta is None else (3 * δ - 1) / 2 + self.eta
        T = system.problem.horizon if self.horizon is None else self.horizon
        distance = PhaseSpaceObserver(followed.run, system.problem.grid, running=False)
        return LazaroviciPicklObserver(distance, self.rate, system.size**δ, system.size**exponent, T)


def _exponent(equation: Any) -> float:
    """δ of the cut-off c N^−δ."""
    kernel = equation.kernel
    cutoff = getattr(kernel, "cutoff", None)
    if not isinstance(cutoff, PowerOfN) or not 0 < -cutoff.exponent < 1 / 3:
        raise ValueError(
            f"δ is the exponent of a cut-off PowerOfN(c, -δ) with δ < 1/3, but the kernel is {kernel!r}; "
            "give it: LazaroviciPickl(delta=0.3)"
        )
    return -cutoff.exponent


def _check_kinetic(name: str, grid: Grid) -> None:
    positions = sum(axis in ("x", "y", "z") for axis in grid.names)
    if not 0 < positions < grid.dim:
        raise ValueError(
            f"{name} weighs positions against velocities, but the axes are {', '.join(grid.names)}; use "
            "CouplingDistance"
        )


class PhaseSpaceObserver:
    """Δ^N of one replica, or the largest so far."""

    def __init__(self, run: CoupledRun, grid: Grid, running: bool) -> None:
        _check_kinetic("the distance in phase space", grid)
        self.run, self._names, self._running = run, grid.names, running
        self._positions = grid.positions.dim
        self._periods = {i: axis.length for i, axis in enumerate(grid.axes) if axis.periodic}
        self._largest = 0.0

    def now(self) -> float:
        """Δ^N at the present time."""
        found = self.run.observe()
        gap = np.stack([found[name] - found[f"{name}_coupled"] for name in self._names], axis=1)
        for i, period in self._periods.items():
            gap[:, i] -= period * np.round(gap[:, i] / period)
        largest: FloatArray = np.abs(gap).max(axis=0)
        d = self._positions
        return float(sqrt(log(len(gap))) * largest[:d].max() + largest[d:].max())

    def see(self) -> None:
        """Take the present time into account."""
        if self._running:
            self._largest = max(self._largest, self.now())

    def value(self) -> float:
        """The largest so far, or that of the present time."""
        return self._largest if self._running else self.now()


class LazaroviciPicklObserver:
    """J of one replica."""

    def __init__(
        self, distance: PhaseSpaceObserver, rate: float, scale: float, remainder: float, horizon: float
    ) -> None:
        self._distance, self._scale, self._remainder, self._horizon = distance, scale, remainder, horizon
        self._rate, self._largest = rate, 0.0

    def see(self) -> None:
        """Take the present time into account."""
        Δ, run = self._distance.now(), self._distance.run
        N = len(next(iter(run.observe().values())))
        weight = exp(min(self._rate * sqrt(log(N)) * (self._horizon - run.time), 700.0))
        self._largest = max(self._largest, weight * (self._scale * Δ + self._remainder))

    def value(self) -> float:
        """The least of 1 and the largest so far."""
        return min(1.0, self._largest)

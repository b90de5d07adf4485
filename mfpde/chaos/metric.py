"""What a measure of chaos is: a metric says what it measures, its target holds the limit density ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.grid import VELOCITIES, Grid

if TYPE_CHECKING:
    from mfpde.particles.coupling import CoupledRun
    from mfpde.particles.ensemble import System

__all__ = [
    "EnsembleTarget",
    "Followed",
    "Metric",
    "Observer",
    "Target",
    "axis_names",
    "default_axes",
    "fitted",
    "named_metric",
]

FloatArray = NDArray[np.float64]


class Target(Protocol):
    """A limit density made ready for a metric of one replica, so that particles cost nothing twice."""

    def distance(self, points: ArrayLike) -> float:
        """Distance of the empirical measure of ``points``, shape ``(N, n)``, to the density.

        The columns are the axes of the density in its order, all of them; the target picks those it needs.
        Positions on periodic axes may lie anywhere.
        """

    def floor(self, size: int) -> float | None:
        """Exact mean (or root mean square, as the metric reduces) over ``size`` i.i.d. samples.

        ``None`` where only sampling gives it.
        """

    def difference(self, other: Self) -> float:
        """The same distance between two densities on the same box, of any resolutions; never negative."""


class EnsembleTarget(Protocol):
    """A limit density made ready for a metric of the ensemble: a law that one replica does not show.

    Each replica is summed up in a few numbers, its statistic, and all of them give the value. Statistics are
    what a study keeps, so that replicas can be added later.
    """

    def statistic(self, points: ArrayLike) -> FloatArray:
        """What is kept of one replica with points ``(N, n)``: a vector whose length never changes."""

    def combine(self, statistics: FloatArray, size: int) -> tuple[float, float]:
        """Value and standard error from the statistics ``(R, m)`` of R independent replicas of N particles.

        The value is NaN, with a warning that says why, where the replicas do not suffice for it.
        """

    def floor(self, size: int) -> float | None:
        """Exact expectation for ``size`` i.i.d. samples; ``None`` where only sampling gives it."""

    def difference(self, other: Self) -> float:
        """How much the value depends on which of two densities is the limit; never negative."""


class Observer(Protocol):
    """What a metric of the dynamics keeps of one replica on its way. It must not disturb the run."""

    def see(self) -> None:
        """Called at time 0 and after every step of the run, whose ``time`` tells when."""

    def value(self) -> float:
        """The value at the present time; asked at the times of the study."""


@dataclass(frozen=True)
class Followed:
    """One replica on its way, with its partners in the mean field.

    Attributes
    ----------
    system : System
    replica : int
    run : CoupledRun
        The particles and their partners: ``particles``, ``coupled``, ``time``, ``observe()``.
    field : callable or None
        F(t, x), (N, d) → (N, d), the mean field K∗ρ_t at the present time t of the run; ``None`` for
        collisions.
    density : tuple of DataArray
        The limit density at the times of the study.
    """

    system: System
    replica: int
    run: CoupledRun
    field: Callable[[float, NDArray[Any]], NDArray[Any]] | None
    density: tuple[xr.DataArray, ...]


@runtime_checkable
class Metric(Protocol):
    """A measure of chaos as frozen data.

    Attributes
    ----------
    name, long_name, citation : str
        Default name of the variable, its description, and the source of the theoretical exponent.
    needs : {"replica", "ensemble", "dynamics"}
        What one value is computed from: one copy of the system, all of them, or the paths.
    reduction : {"mean", "rms"}
        How replicas are averaged before a rate is fitted.

    Notes
    -----
    ``target`` gives a :class:`Target`, for the ensemble an :class:`EnsembleTarget`. A metric of the dynamics
    has also ``follow(followed)``, which takes a :class:`Followed` and gives an :class:`Observer`. A metric
    that needs the kernel or a coefficient has ``for_equation(equation)``, which gives the metric that a study
    of this limit equation uses. The ``repr`` identifies a metric in files.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def long_name(self) -> str: ...  # noqa: D102

    @property
    def needs(self) -> str: ...  # noqa: D102

    @property
    def reduction(self) -> str: ...  # noqa: D102

    @property
    def citation(self) -> str: ...  # noqa: D102

    def theory(self, grid: Grid) -> float:
        """Exponent of N in the fluctuation of i.i.d. samples on ``grid``; NaN where none is known."""

    def target(self, density: xr.DataArray) -> Any:
        """The density at one time, ready to be compared with particles."""


def fitted(metric: Metric, equation: Any) -> Metric:
    """The metric for a limit equation: itself, unless it has a method ``for_equation``."""
    fit: Callable[[Any], Metric] | None = getattr(metric, "for_equation", None)
    return metric if fit is None else fit(equation)


def axis_names(axes: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """Names as a tuple, so that a metric is hashable and prints alike whatever it was given."""
    if axes is None:
        return None
    return (axes,) if isinstance(axes, str) else tuple(axes)


def default_axes(axes: Iterable[str] | str | None, grid: Grid) -> tuple[str, ...]:
    """The named axes, checked against the grid; by default its positions, or its velocities if it has none.

    Raises
    ------
    ValueError
        If an axis is unknown or named twice, or the tuple is empty; the message lists the names there are.
    """
    names = axis_names(axes)
    if names is None:
        positions = tuple(name for name in grid.names if name not in VELOCITIES)
        return positions or grid.names
    if not names or len(set(names)) < len(names):
        raise ValueError(f"axes={names!r} must name each axis once; choose among {', '.join(grid.names)}")
    for name in names:
        grid.index(name)
    return names


def named_metric(metric: str | Metric, known: Mapping[str, Metric]) -> Metric:
    """The metric itself, or the one registered in ``known`` under that name.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the closest one and lists all.
    TypeError
        If ``metric`` is neither a name nor a metric.
    """
    if isinstance(metric, str):
        if metric in known:
            return known[metric]
        close = get_close_matches(metric, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"unknown metric {metric!r}{hint} The names are {', '.join(known)}")
    if isinstance(metric, Metric) and not isinstance(metric, type):
        return metric
    raise TypeError(
        f"a metric is one of the names {', '.join(known)} or an object such as Wasserstein(axes=('v',)), "
        f"got {metric!r}"
    )

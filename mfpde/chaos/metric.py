"""What a measure of chaos is: a metric says what it measures, its target holds the limit density ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Protocol, Self, runtime_checkable

import xarray as xr
from numpy.typing import ArrayLike

from mfpde_solvers.grid import VELOCITIES, Grid

__all__ = ["Metric", "Target", "axis_names", "default_axes", "named_metric"]


class Target(Protocol):
    """A limit density made ready for a metric: whatever does not depend on the particles is computed once."""

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


@runtime_checkable
class Metric(Protocol):
    """A measure of chaos as frozen data.

    Attributes
    ----------
    axes : tuple of str or None
        The axes it looks at; ``None`` leaves the choice to the metric.
    name, long_name, citation : str
        Default name of the variable, its description, and the source of the theoretical exponent.
    needs : {"replica", "ensemble", "dynamics"}
        What one value is computed from: one copy of the system, all of them, or the paths.
    reduction : {"mean", "rms"}
        How replicas are averaged before a rate is fitted.
    """

    @property
    def axes(self) -> tuple[str, ...] | None: ...  # noqa: D102

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

    def target(self, density: xr.DataArray) -> Target:
        """The density at one time, ready to be compared with particles."""


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

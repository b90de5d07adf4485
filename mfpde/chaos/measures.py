"""The measures as functions, the names that stand for metrics, and their i.i.d. floors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mfpde.chaos.marginals import evaluate, marginal
from mfpde.chaos.metric import Metric, named_metric
from mfpde.chaos.negative_sobolev import Sobolev
from mfpde.chaos.transport.exact import Wasserstein
from mfpde.chaos.transport.sliced import SlicedWasserstein
from mfpde.chaos.weak import Observable, WeakError
from mfpde.dataset import attributes, grid_of
from mfpde.laws import from_density

__all__ = [
    "METRICS",
    "iid_floor",
    "metric_from",
    "sliced_wasserstein",
    "sobolev",
    "wasserstein",
    "weak_error",
]

Points = ArrayLike | xr.Dataset
Density = xr.DataArray | xr.Dataset
Axes = tuple[str, ...] | None
FLOOR_STREAM = 2


class Registry(Mapping[str, Metric]):
    """Metrics by name, each with its default arguments; its module is imported when it is first asked for."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)

    def __getitem__(self, name: str) -> Metric:
        module, _, kind = self._places[name].partition(":")
        metric: Metric = getattr(import_module(f"mfpde.chaos.{module}"), kind)()
        return metric

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


METRICS: Mapping[str, Metric] = Registry(
    {
        "wasserstein": "transport.exact:Wasserstein",
        "sliced_wasserstein": "transport.sliced:SlicedWasserstein",
        "max_sliced_wasserstein": "transport.sliced:MaxSlicedWasserstein",
        "semi_discrete": "transport.semi_discrete:SemiDiscrete",
        "sinkhorn": "transport.sinkhorn:Sinkhorn",
        "sobolev": "negative_sobolev:Sobolev",
        "weak_error": "weak:WeakError",
        "modulated_energy": "energy:ModulatedEnergy",
        "exponential_moment": "exponential:ExponentialMoment",
        "pair_correlation": "correlations:PairCorrelation",
        "marginal_l1": "marginal_laws:MarginalL1",
        "relative_entropy": "marginal_laws:RelativeEntropy",
        "dual_cumulant": "cumulants.estimates:DualCumulant",
        "coupling_distance": "coupling:CouplingDistance",
        "path_entropy": "entropy:PathEntropy",
        "phase_space_distance": "phase_space:PhaseSpaceDistance",
        "lazarovici_pickl": "phase_space:LazaroviciPickl",
        "force_fluctuation": "fluctuations:ForceFluctuation",
    }
)
"""The metrics that stand for their names."""


def metric_from(metric: str | Metric) -> Metric:
    """The metric registered in :data:`METRICS` under a name, or the metric itself.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the closest one.
    TypeError
        If ``metric`` is neither a name nor a metric.

    Examples
    --------
    >>> metric_from("sobolev")
    Sobolev(s=None, axes=None, modes=32)
    """
    return named_metric(metric, METRICS)


def wasserstein(points: Points, density: Density, p: int = 1, axes: Axes = None) -> Any:
    """W_p between particles and a density, exact along one axis, see :class:`Wasserstein`.

    Parameters
    ----------
    points, density
        As for :func:`evaluate`.
    p, axes
        As for :class:`Wasserstein`.

    Examples
    --------
    One point against the uniform law of a circle of length 1 lies 1/4 away on average.

    >>> from mfpde.dataset import field
    >>> from mfpde_solvers.grid import Axis, Grid
    >>> uniform = field(np.ones(16), Grid((Axis("x", 0.0, 1.0, 16),)), "density")
    >>> round(wasserstein(np.array([0.7]), uniform), 12)
    0.25
    """
    return evaluate(Wasserstein(p, axes), points, density)


def sliced_wasserstein(
    points: Points, density: Density, p: int = 1, directions: int = 32, axes: Axes = None
) -> Any:
    """Sliced W_p between particles and a density, see :class:`SlicedWasserstein`.

    Parameters
    ----------
    points, density
        As for :func:`evaluate`.
    p, directions, axes
        As for :class:`SlicedWasserstein`.
    """
    return evaluate(SlicedWasserstein(p, directions, axes), points, density)


def sobolev(
    points: Points, density: Density, s: float | None = None, axes: Axes = None, modes: int = 32
) -> Any:
    """H^{-s} norm of the difference of particles and a density, see :class:`Sobolev`.

    Parameters
    ----------
    points, density
        As for :func:`evaluate`.
    s, axes, modes
        As for :class:`Sobolev`.
    """
    return evaluate(Sobolev(s, axes, modes), points, density)


def weak_error(
    points: Points, density: Density, observable: Observable | None = None, axes: Axes = None
) -> Any:
    """Signed error of an observable's mean, see :class:`WeakError`.

    Parameters
    ----------
    points, density
        As for :func:`evaluate`.
    observable, axes
        As for :class:`WeakError`.
    """
    return evaluate(WeakError(observable, axes=axes), points, density)


def iid_floor(
    metric: str | Metric, density: xr.DataArray, size: int, samples: int = 32, seed: int = 0
) -> xr.Dataset:
    """What a metric gives for ``size`` independent samples of the density: the least that particles can show.

    Parameters
    ----------
    metric : str or Metric
    density : DataArray
        At one time.
    size : int
        Number of particles N.
    samples : int
        Fresh samples, at least 2, where the floor is not known exactly; sample r is seeded by
        ``SeedSequence(seed, spawn_key=(size, r, 2))``.
    seed : int

    Returns
    -------
    Dataset
        ``floor`` (mean or root mean square, as the metric reduces) and its standard error ``stderr``, 0 where
        the floor is exact; the attribute ``method`` is ``exact`` or ``sampled``.

    Raises
    ------
    ValueError
        If ``size < 1`` or ``samples < 2``.
    """
    if size < 1 or samples < 2:
        raise ValueError(f"a floor needs size >= 1 and samples >= 2, got size={size}, samples={samples}")
    metric = metric_from(metric)
    if metric.needs == "dynamics":
        raise ValueError(f"{metric.name} compares paths, not samples of a density: it has no i.i.d. floor")
    reduced = marginal(density, getattr(metric, "axes", None) or grid_of(density).names)
    target = metric.target(reduced)
    exact = target.floor(size)
    if exact is not None:
        return _floor(metric, exact, 0.0, "exact")
    law = from_density(reduced)
    seeds = (np.random.SeedSequence(seed, spawn_key=(size, r, FLOOR_STREAM)) for r in range(samples))
    draws = (law.rvs(size, np.random.default_rng(one)) for one in seeds)
    if metric.needs == "ensemble":
        statistics = np.array([target.statistic(points) for points in draws])
        value, error = target.combine(statistics, size)
        return _floor(metric, value, error, "sampled")
    values = np.array([target.distance(points) for points in draws])
    if metric.reduction != "rms":
        return _floor(metric, values.mean(), values.std(ddof=1) / np.sqrt(samples), "sampled")
    mean_square, spread = np.mean(values**2), np.std(values**2, ddof=1) / np.sqrt(samples)
    return _floor(metric, np.sqrt(mean_square), spread / (2 * np.sqrt(mean_square)), "sampled")


def _floor(metric: Metric, value: float, stderr: float, method: str) -> xr.Dataset:
    floor = attributes(
        "floor", long_name=f"i.i.d. floor of the {metric.long_name}", reduction=metric.reduction
    )
    error = attributes("stderr", long_name="standard error of the floor")
    return xr.Dataset({"floor": ((), value, floor), "stderr": ((), stderr, error)}, attrs={"method": method})

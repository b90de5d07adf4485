"""What is asked of a study, and what of it is already there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.layout import STATISTICS, computed_variables, error_variables, variables_of
from mfpde.chaos.measures import METRICS
from mfpde.chaos.metric import Metric, fitted, named_metric
from mfpde.chaos.reduction import complete
from mfpde.checks import whole
from mfpde.dataset import CONVENTIONS, attributes
from mfpde.particles.ensemble import System
from mfpde.particles.mean_field import MeanField
from mfpde.particles.simulation import mean_field_for, system_for
from mfpde.recording.layout import FORMAT, check_format
from mfpde.solution import study_times
from mfpde_solvers.equations import Landau

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["Metrics", "Plan", "Task", "forget", "plan_study", "stored_study"]

Array = NDArray[Any]
Metrics = Sequence[str | Metric] | Mapping[str, str | Metric]

CHUNK = 2**16  # particles in one task


class Task(NamedTuple):
    """Replicas of one size, and the names of the metrics to be measured on them."""

    size: int
    replicas: tuple[int, ...]
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is asked of a study."""

    problem: Problem
    systems: Mapping[int, System]
    replicas: int
    metrics: Mapping[str, Metric]
    times: Array
    seed: int
    identity: Mapping[str, Any]
    mean_fields: Mapping[int, MeanField]
    """By size, the limit equations of the coupled particles; empty if there are none."""

    @property
    def sizes(self) -> Array:
        """Numbers of particles."""
        return np.array(list(self.systems), dtype=np.int64)

    def empty(self) -> xr.Dataset:
        """The study before anything is computed: NaN everywhere."""
        leading = {"size": self.sizes, "replica": np.arange(self.replicas), "time": self.times}
        coords = {name: xr.Variable(name, values, attributes(name)) for name, values in leading.items()}
        attrs = {
            "Conventions": CONVENTIONS,
            "format": FORMAT,
            **self.identity,
            "wall_time": 0.0,
            "status": "running",
        }
        study = xr.Dataset(coords=coords, attrs=attrs)
        for name in self.metrics:
            for variable, (dims, described) in self._described[name].items():
                unknown = np.full([study.sizes[dim] for dim in dims], np.nan)
                study[variable] = xr.Variable(dims, unknown, described)
        return study

    @cached_property
    def _described(self) -> dict[str, dict[str, Any]]:
        """By metric, dimensions and attributes of its variables."""
        problem, coupled = self.problem, bool(self.mean_fields)
        return {n: variables_of(n, m, problem, self.seed, coupled) for n, m in self.metrics.items()}

    def variables(self, name: str, study: xr.Dataset) -> list[str]:
        """The variables of a metric in the study."""
        statistics = [f"{name}{suffix}" for suffix in STATISTICS]
        if not self.mean_fields:
            statistics.remove(f"{name}_coupled_statistic")
        return [*self._described[name], *(v for v in statistics if v in study)]

    @property
    def of_ensemble(self) -> list[str]:
        """Names of the metrics whose values come from all replicas together."""
        return [name for name, metric in self.metrics.items() if metric.needs == "ensemble"]

    @property
    def of_density(self) -> list[str]:
        """Names of the metrics that compare particles with the limit density."""
        return [name for name, metric in self.metrics.items() if metric.needs != "dynamics"]

    @property
    def needs_density(self) -> bool:
        """Whether the limit density is looked at: the field of collisions is made from it."""
        return bool(self.of_density) or isinstance(self.problem.equation, Landau)

    def merged(self, stored: xr.Dataset) -> xr.Dataset:
        """What is stored, with room for what is asked."""
        fresh = self.empty()
        study = stored.combine_first(fresh)
        for name, variable in fresh.variables.items():
            study[name].attrs = dict(variable.attrs)
        for name, variable in stored.variables.items():
            study[name].attrs = dict(variable.attrs)
        study.attrs = dict(stored.attrs)
        if self.mean_fields:
            study.attrs["mean_field"] = self.identity["mean_field"]
        return study.transpose("size", "replica", "time", ...)

    def missing(self, study: xr.Dataset) -> list[Task]:
        """Tasks whose results the study lacks, the largest sizes first."""
        asked = study.sel(size=self.sizes, replica=np.arange(self.replicas))
        lacks = {name: self._lacks(asked, name) for name in self.metrics}
        tasks = []
        for place in reversed(range(len(self.sizes))):
            size = int(self.sizes[place])
            most = max(1, CHUNK // size)
            groups: dict[tuple[str, ...], list[int]] = {}
            for replica in range(self.replicas):
                names = tuple(name for name in self.metrics if lacks[name][place, replica])
                if names:
                    groups.setdefault(names, []).append(replica)
            for names, replicas in groups.items():
                parts = (replicas[i : i + most] for i in range(0, len(replicas), most))
                tasks += [Task(size, tuple(part), names) for part in parts]
        return tasks

    def _lacks(self, asked: xr.Dataset, name: str) -> Array:
        """Where a metric is not known, (size, replica); sampled floors come with it."""
        computed = computed_variables(name, self.metrics[name], bool(self.mean_fields))
        if any(variable not in asked for variable in computed):
            return np.ones((asked.sizes["size"], asked.sizes["replica"]), dtype=bool)
        others = (set(asked[variable].dims) - {"size", "replica"} for variable in computed)
        unknown = [asked[v].isnull().any(list(dims)).values for v, dims in zip(computed, others, strict=True)]
        return np.asarray(np.any(unknown, axis=0))

    def has_reference_errors(self, study: xr.Dataset) -> bool:
        """Whether the error of the reference is known for every metric."""
        return all(not bool(study[f"{name}_reference_error"].isnull().any()) for name in self.of_density)

    def selected(self, study: xr.Dataset) -> xr.Dataset:
        """The part of the study that was asked for; values over other replicas than these are unknown."""
        names = [variable for name in self.metrics for variable in self.variables(name, study)]
        asked: xr.Dataset = (
            study[names].sel(size=self.sizes, replica=np.arange(self.replicas)).copy(deep=True)
        )
        for name in self.of_ensemble:
            sampled = [v for v in self.variables(name, study) if v.endswith("_statistic")]
            for size in self.sizes:
                counts = [complete(study[v].sel(size=size)).sum() for v in sampled]
                if any(count != self.replicas for count in counts):
                    forget(asked, name, int(size))
        return asked

    def finished(self, asked: xr.Dataset) -> xr.Dataset:
        """What a user gets: standard errors are coordinates."""
        coupled = bool(self.mean_fields)
        return asked.set_coords(
            [v for name, metric in self.metrics.items() for v in error_variables(name, metric, coupled)]
        )


def forget(study: xr.Dataset, name: str, size: int) -> None:
    """Make the values of one size of a metric of the ensemble unknown, since its replicas are others now."""
    sampled = {"": "_statistic", "_iid": "_iid_statistic", "_excess": "_coupled_statistic"}
    for part, kind in sampled.items():
        if f"{name}{kind}" in study and f"{name}{part}" in study:
            study[f"{name}{part}"].loc[{"size": size}] = np.nan


def plan_study(
    problem: Problem,
    sizes: ArrayLike,
    replicas: int,
    metrics: Metrics,
    times: ArrayLike | None,
    seed: int,
    dt: float | None,
    forces: str,
    mean_field: bool | xr.Dataset | None = None,
) -> Plan:
    """Check what is asked of a study; takes the arguments of :func:`converge`."""
    from mfpde.problems.problem import check_problem
    from mfpde.provenance import case_attributes

    check_problem(problem)
    counts = _counts(sizes)
    replicas = whole(replicas, 2, "the number of replicas")
    named = {name: fitted(metric, problem.equation.limit) for name, metric in _named(metrics).items()}
    _check_needs(named, mean_field)
    for metric in named.values():
        metric.theory(problem.grid)
    instants = study_times(problem, times)
    seed = whole(seed, 0, "the seed")
    systems = {int(n): system_for(problem, int(n), seed, dt, forces, instants) for n in counts}
    found = {size: mean_field_for(system, mean_field) for size, system in systems.items()}
    fields = {size: field for size, field in found.items() if field is not None}
    problem.law.rvs(1, np.random.default_rng(0))  # a law without a sampler is refused here
    case = case_attributes(problem)
    shared = {
        "seed": seed,
        "dt": "default" if dt is None else float(dt),
        "forces": forces,
        "times": json.dumps(list(map(float, instants))),
    }
    shared["mean_field"] = str(next(iter(fields.values()))) if fields else "none"
    return Plan(problem, systems, replicas, named, instants, seed, case | shared, fields)


def _check_needs(named: Mapping[str, Metric], mean_field: Any) -> None:
    for name, metric in named.items():
        if metric.needs == "dynamics" and (mean_field is None or mean_field is False):
            raise ValueError(
                f"the metric {name!r} compares particles with their partners in the mean field, and there "
                "are none; pass mean_field=True"
            )


def _counts(sizes: ArrayLike) -> Array:
    counts = np.atleast_1d(np.asarray(sizes))
    numbers = counts.ndim == 1 and counts.size > 0 and np.issubdtype(counts.dtype, np.number)
    if not numbers or not np.isfinite(counts).all() or (counts != np.floor(counts)).any():
        raise ValueError(f"sizes must be increasing integers of at least 2, got {sizes!r}")
    if (np.diff(counts) <= 0).any():
        raise ValueError(f"sizes must be increasing integers of at least 2, got {sizes!r}")
    return counts


def _named(metrics: Metrics) -> dict[str, Metric]:
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(
            f"metrics must be a sequence of names or metrics, got {metrics!r}; use ('wasserstein',)"
        )
    if isinstance(metrics, Mapping):
        named = {name: named_metric(metric, METRICS) for name, metric in metrics.items()}
    else:
        listed = [named_metric(metric, METRICS) for metric in metrics]
        named = {metric.name: metric for metric in listed}
        if len(named) < len(listed):
            raise ValueError("two metrics share a name; pass a mapping of names of your choice to metrics")
    if not named:
        raise ValueError("at least one metric is needed, e.g. 'wasserstein'")
    return named


def stored_study(path: Path, plan: Plan) -> xr.Dataset | None:
    """The study at ``path``, checked to be of the same thing; ``None`` if there is no file."""
    if not path.exists():
        return None
    try:
        stored = xr.load_dataset(path, engine="netcdf4")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} is not a study that can be continued ({error}); use overwrite=True"
        ) from error
    errors = [str(name) for name in stored.coords if str(name).endswith("_stderr")]
    stored = stored.reset_coords(errors)
    check_format(path, stored.attrs)
    if "fingerprint" not in stored.attrs or not {"size", "replica", "time"} <= set(stored.dims):
        raise ValueError(f"{path} is not a study of mfpde; use another path, or overwrite=True to replace it")
    differing = [
        name
        for name in ("fingerprint", "seed", "dt", "forces", "times")
        if stored.attrs.get(name) != plan.identity[name]
    ]
    differing += [
        f"the metric called {name}"
        for name, metric in plan.metrics.items()
        if name in stored and stored[name].attrs.get("metric") != repr(metric)
    ]
    coupled = {stored.attrs.get("mean_field", "none"), plan.identity["mean_field"]} - {"none"}
    differing += ["mean_field"] if len(coupled) > 1 else []
    if differing:
        raise ValueError(
            f"{path} is the study of something else; different: {', '.join(differing)}. Choose another path, "
            "or overwrite=True to replace it"
        )
    return stored

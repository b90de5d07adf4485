"""converge: distances of N-particle systems to their limit over sizes, replicas and times."""

from __future__ import annotations

import json
import time as clock
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.measures import metric_from
from mfpde.chaos.metric import Metric, Target
from mfpde.dataset import CONVENTIONS, attributes, grid_of
from mfpde.particles.simulation import FLOOR, System, check_no_mean_field, random_stream, system_for
from mfpde.recording import check_path, checked_times, progress_bar, replace_file
from mfpde.tasks import completed

if TYPE_CHECKING:
    from mfpde.laws import Law
    from mfpde.problems import Problem

__all__ = ["converge", "plan_study"]

Array = NDArray[Any]
Metrics = Sequence[str | Metric] | Mapping[str, str | Metric]

CHUNK = 2**16  # particles in one task
SECONDS_BETWEEN_WRITES = 1.0
TOLERABLE = 0.1  # error of the reference, as a fraction of the floor at the largest N


def converge(
    problem: Problem,
    sizes: ArrayLike,
    replicas: int,
    metrics: Metrics = ("wasserstein", "sobolev"),
    *,
    times: ArrayLike | None = None,
    reference: xr.Dataset | None = None,
    seed: int = 0,
    dt: float | None = None,
    forces: str = "auto",
    mean_field: None = None,
    executor: Executor | None = None,
    path: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = True,
    progress: bool | None = None,
) -> xr.Dataset:
    """Measure how the empirical measures of N-particle systems converge to the limit density.

    Parameters
    ----------
    problem : Problem
    sizes : increasing integers ≥ 2
        Numbers of particles N.
    replicas : int
        Independent copies of each system, at least 2.
    metrics : names or metrics, or a mapping of variable names to them
        Any of ``mfpde.chaos``: ``wasserstein``, ``sliced_wasserstein``, ``sobolev``, ``weak_error``, or
        objects such as ``{"w1_v": Wasserstein(axes=("v",))}``.
    times : increasing floats, optional
        0, T/4, T/2, 3T/4 and T by default, with T the problem's horizon.
    reference : Dataset, optional
        The limit density at these times, as :func:`mfpde.solve` returns it; solved here if not given.
    seed : int
        Replica r of size N depends on (seed, N, r) only: results are the same for every executor and order.
    dt, forces, mean_field
        As in :func:`mfpde.simulate`.
    executor : concurrent.futures.Executor, optional
        Where systems are simulated and measured; this process by default.
    path : path, optional
        NetCDF file of the study, brought up to date as results come in.
    overwrite, resume : bool
        Whether a file that exists is replaced or (default) continued: what it holds is not computed again,
        and other sizes, replicas and metrics are added to it.
    progress : bool, optional
        Show a progress bar; by default on a terminal, for work of over a second.

    Returns
    -------
    Dataset
        For each metric ``<metric>`` (size, replica, time), its floor ``<metric>_iid``: the same for fresh
        i.i.d. samples of the limit, (size, replica, time) or, where it is known exactly, (size, time), and
        ``<metric>_reference_error`` (time): the change of the limit itself under half the resolution and
        half the step.

    Raises
    ------
    ValueError, TypeError, FileExistsError
        For input that does not fit, before any work is done.
    """
    check_no_mean_field(mean_field)
    plan = plan_study(problem, sizes, replicas, metrics, times, seed, dt, forces)
    target = check_path(path, overwrite, resume)
    if reference is not None:
        _check_reference(reference, plan.times, problem)
    stored = _stored(target, plan) if target is not None and resume and not overwrite else None
    study = plan.empty() if stored is None else plan.merged(stored)
    todo = plan.missing(study)
    if todo or not plan.has_reference_errors(study):
        study = _compute(study, plan, todo, reference, executor, target, progress)
    _warn_of_reference(study, plan)
    return plan.selected(study)


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

    @property
    def sizes(self) -> Array:
        """Numbers of particles."""
        return np.array(list(self.systems), dtype=np.int64)

    def empty(self) -> xr.Dataset:
        """The study before anything is computed: NaN everywhere."""
        leading = {"size": self.sizes, "replica": np.arange(self.replicas), "time": self.times}
        coords = {name: xr.Variable(name, values, attributes(name)) for name, values in leading.items()}
        attrs = {"Conventions": CONVENTIONS, **self.identity, "wall_time": 0.0, "status": "running"}
        study = xr.Dataset(coords=coords, attrs=attrs)
        for name, metric in self.metrics.items():
            study = study.assign(_variables(name, metric, self.problem, study, self.seed))
        return study

    def merged(self, stored: xr.Dataset) -> xr.Dataset:
        """What is stored, with room for what is asked."""
        fresh = self.empty()
        study = stored.combine_first(fresh)
        for name, variable in fresh.variables.items():
            study[name].attrs = dict(variable.attrs)
        for name, variable in stored.variables.items():
            study[name].attrs = dict(variable.attrs)
        study.attrs = dict(stored.attrs)
        order = [dim for dim in ("size", "replica", "time") if dim in study.dims]
        return study.transpose(*order)

    def missing(self, study: xr.Dataset) -> list[tuple[int, tuple[int, ...], tuple[str, ...]]]:
        """Tasks (size, replicas, metrics) whose results the study lacks, the largest sizes first."""
        tasks = []
        for size in sorted(self.systems, reverse=True):
            lacking: dict[tuple[str, ...], list[int]] = {}
            for replica in range(self.replicas):
                cell = study.sel(size=size, replica=replica)
                names = tuple(name for name in self.metrics if bool(cell[name].isnull().any()))
                if names:
                    lacking.setdefault(names, []).append(replica)
            most = max(1, CHUNK // size)
            for names, those in lacking.items():
                tasks += [(size, tuple(those[i : i + most]), names) for i in range(0, len(those), most)]
        return tasks

    def has_reference_errors(self, study: xr.Dataset) -> bool:
        """Whether the error of the reference is known for every metric."""
        return all(not bool(study[f"{name}_reference_error"].isnull().any()) for name in self.metrics)

    def selected(self, study: xr.Dataset) -> xr.Dataset:
        """The part of the study that was asked for."""
        names = [f"{name}{suffix}" for name in self.metrics for suffix in ("", "_iid", "_reference_error")]
        return study[names].sel(size=self.sizes, replica=np.arange(self.replicas))


def _variables(
    name: str, metric: Metric, problem: Problem, study: xr.Dataset, seed: int
) -> dict[str, xr.Variable]:
    theory = metric.theory(problem.grid)
    attrs = attributes(
        name,
        long_name=metric.long_name,
        metric=repr(metric),
        reduction=metric.reduction,
        theory=theory,
        seed=seed,
        references=metric.citation,
    )
    dims = ("size", "replica", "time")
    iid = {**attrs, "long_name": f"{metric.long_name} of independent samples"}
    error = attributes(f"{name}_reference_error", long_name=f"{metric.long_name}: error of the reference")
    exact = _exact_floor(metric, problem)

    def unknown(over: tuple[str, ...], described: dict[str, Any]) -> xr.Variable:
        return xr.Variable(over, np.full([study.sizes[dim] for dim in over], np.nan), described)

    return {
        name: unknown(dims, attrs),
        f"{name}_iid": unknown(("size", "time") if exact else dims, iid),
        f"{name}_reference_error": unknown(("time",), error),
    }


def _exact_floor(metric: Metric, problem: Problem) -> bool:
    from mfpde.dataset import field

    grid = problem.grid.resized(dict.fromkeys(problem.grid.names, 4))
    probe = field(np.ones(grid.shape), grid, "density")
    return metric.target(probe).floor(2) is not None


def plan_study(
    problem: Problem,
    sizes: ArrayLike,
    replicas: int,
    metrics: Metrics,
    times: ArrayLike | None,
    seed: int,
    dt: float | None,
    forces: str,
) -> Plan:
    """Check what is asked of a study; takes the arguments of :func:`converge`."""
    from mfpde.laws import on_grid
    from mfpde.provenance import case_attributes

    counts = np.atleast_1d(np.asarray(sizes))
    if (
        counts.ndim != 1
        or counts.size == 0
        or (counts != counts.astype(np.int64)).any()
        or (np.diff(counts) <= 0).any()
    ):
        raise ValueError(f"sizes must be increasing integers of at least 2, got {sizes!r}")
    if int(replicas) != replicas or replicas < 2:
        raise ValueError(f"a study needs at least 2 replicas to tell an error, got {replicas!r}")
    named = _named(metrics)
    for metric in named.values():
        metric.theory(problem.grid)
    instants = checked_times(times, problem.horizon)[:: 25 if times is None else 1]
    systems = {int(n): system_for(problem, int(n), seed, dt, forces) for n in counts}
    problem.law.rvs(1, np.random.default_rng(0))  # a law without a sampler is refused here
    step = next(iter(systems.values())).dt
    case = case_attributes(problem, on_grid(problem.law, problem.grid))
    shared = {
        "seed": int(seed),
        "dt": step,
        "forces": forces,
        "times": json.dumps(list(map(float, instants))),
    }
    return Plan(problem, systems, int(replicas), named, instants, int(seed), case | shared)


def _named(metrics: Metrics) -> dict[str, Metric]:
    if isinstance(metrics, str):
        raise TypeError(
            f"metrics must be a sequence of names or metrics, got the string {metrics!r}; use ({metrics!r},)"
        )
    if isinstance(metrics, Mapping):
        named = {name: metric_from(metric) for name, metric in metrics.items()}
    else:
        listed = [metric_from(metric) for metric in metrics]
        named = {metric.name: metric for metric in listed}
        if len(named) < len(listed):
            raise ValueError("two metrics share a name; pass a mapping of names of your choice to metrics")
    if not named:
        raise ValueError("at least one metric is needed, e.g. 'wasserstein'")
    return named


def _check_reference(reference: xr.Dataset, times: Array, problem: Problem) -> None:
    if "density" not in reference or "time" not in reference["density"].dims:
        raise ValueError(
            "the reference needs a variable 'density' with a time dimension, as solve returns it"
        )
    absent = [f"{t:g}" for t in times if t not in reference["time"].values]
    if absent:
        raise ValueError(f"the reference has no density at t = {', '.join(absent)}; solve with these times")
    if grid_of(reference).names != problem.grid.names:
        raise ValueError(
            f"the reference lives on axes {', '.join(grid_of(reference).names)}, the problem on "
            f"{', '.join(problem.grid.names)}"
        )


def _stored(path: Path, plan: Plan) -> xr.Dataset | None:
    if not path.exists():
        return None
    try:
        stored = xr.load_dataset(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} is not a study that can be continued ({error}); use overwrite=True"
        ) from error
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
    if differing:
        raise ValueError(
            f"{path} is the study of something else; different: {', '.join(differing)}. Choose another path, "
            "or overwrite=True to replace it"
        )
    return stored


@dataclass
class Measurement:
    """The work of one task, and all it needs: systems, metrics and the limit density at every time."""

    systems: Mapping[int, System]
    metrics: Mapping[str, Metric]
    density: xr.DataArray

    @cached_property
    def instants(self) -> list[xr.DataArray]:
        """The density at each time."""
        return [self.density.isel(time=i) for i in range(self.density.sizes["time"])]

    @cached_property
    def targets(self) -> dict[str, list[Target]]:
        """Each metric made ready at each time."""
        return {name: [metric.target(d) for d in self.instants] for name, metric in self.metrics.items()}

    @cached_property
    def laws(self) -> list[Law]:
        """The law of fresh samples at each time."""
        from mfpde.laws import from_density

        return [from_density(d) for d in self.instants]

    def __call__(self, size: int, replicas: tuple[int, ...], names: tuple[str, ...]) -> dict[str, Array]:
        """Values and sampled floors of the named metrics, arrays (replica, time) by variable name."""
        rows = [self._replica(size, replica, names) for replica in replicas]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def _replica(self, size: int, replica: int, names: tuple[str, ...]) -> dict[str, list[float]]:
        system = self.systems[size]
        run = system.start(replica)
        rng = np.random.default_rng(random_stream(system.seed, size, replica, FLOOR))
        sampled = [name for name in names if self.targets[name][0].floor(size) is None]
        values: dict[str, list[float]] = {name: [] for name in (*names, *(f"{name}_iid" for name in sampled))}
        for place, time in enumerate(self.density["time"].values):
            while run.time < time:
                run.step(float(time))
            observed = run.observe()
            points = np.stack([observed[axis] for axis in system.problem.grid.names], axis=-1)
            fresh = self.laws[place].rvs(size, rng)
            for name in names:
                values[name].append(self.targets[name][place].distance(points))
            for name in sampled:
                values[f"{name}_iid"].append(self.targets[name][place].distance(fresh))
        return values


def _compute(
    study: xr.Dataset,
    plan: Plan,
    todo: list[tuple[int, tuple[int, ...], tuple[str, ...]]],
    reference: xr.Dataset | None,
    executor: Executor | None,
    path: Path | None,
    progress: bool | None,
) -> xr.Dataset:
    begun, before = clock.perf_counter(), float(study.attrs["wall_time"])
    density = _reference_density(reference, plan)
    work = Measurement(plan.systems, plan.metrics, density)
    _fill_exact(study, plan, work, density)
    written = clock.perf_counter()
    study.attrs["status"] = "interrupted"
    try:
        with progress_bar(sum(size * len(r) for size, r, _ in todo), "particles", progress) as bar:
            for place, results in completed(work, todo, executor):
                size, replicas, _ = todo[place]
                for name, values in results.items():
                    study[name].loc[{"size": size, "replica": list(replicas)}] = values
                bar.update(size * len(replicas))
                if path is not None and clock.perf_counter() - written > SECONDS_BETWEEN_WRITES:
                    _write(study, path)
                    written = clock.perf_counter()
        study.attrs["status"] = "completed"
    finally:
        study.attrs["wall_time"] = before + clock.perf_counter() - begun
        if path is not None:
            _write(study, path)
    return study


def _write(study: xr.Dataset, path: Path) -> None:
    encoding = {name: {"_FillValue": None} for name in study.coords}
    replace_file(path, lambda temporary: study.to_netcdf(temporary, engine="netcdf4", encoding=encoding))


def _reference_density(reference: xr.Dataset | None, plan: Plan) -> xr.DataArray:
    from mfpde.solution import solve

    if reference is None:
        reference = solve(plan.problem, plan.times, save=("density",), progress=False)
    return reference["density"].sel(time=plan.times)


def _fill_exact(study: xr.Dataset, plan: Plan, work: Measurement, density: xr.DataArray) -> None:
    """What needs no particles: exact floors and the error of the reference."""
    others = _other_references(plan, density)
    for name, metric in plan.metrics.items():
        targets: list[Target] = work.targets[name]
        if "replica" not in study[f"{name}_iid"].dims:
            for size in plan.sizes:
                study[f"{name}_iid"].loc[{"size": size}] = [target.floor(int(size)) for target in targets]
        errors = np.zeros(len(targets))
        for other in others:
            errors += [t.difference(metric.target(other.isel(time=i))) for i, t in enumerate(targets)]
        study[f"{name}_reference_error"][...] = errors


def _other_references(plan: Plan, density: xr.DataArray) -> list[xr.DataArray]:
    """The limit density at half the resolution, and with half the step."""
    from mfpde.solution import default_step, solve

    grid = grid_of(density)
    problem = plan.problem.replace(grid=grid)
    step = default_step(problem)
    half = problem.replace(grid=grid.resized({axis.name: axis.size // 2 for axis in grid.axes}))
    save = ("density",)
    coarse = solve(half, plan.times, dt=step, save=save, progress=False)
    fine = solve(problem, plan.times, dt=step / 2, save=save, progress=False)
    return [coarse["density"], fine["density"]]


def _warn_of_reference(study: xr.Dataset, plan: Plan) -> None:
    largest = int(plan.sizes[-1])
    for name in plan.metrics:
        floor = study[f"{name}_iid"].sel(size=largest)
        floor = np.sqrt((floor**2).mean("replica")) if "replica" in floor.dims else floor
        ratio = float((study[f"{name}_reference_error"] / floor).max())
        if ratio > TOLERABLE:
            warnings.warn(
                f"the error of the reference is {ratio:.0%} of the i.i.d. floor of {name} at N = {largest}; "
                "solve the reference at a higher resolution",
                stacklevel=3,
            )

"""converge: distances of N-particle systems to their limit over sizes, replicas and times."""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.layout import new_statistic
from mfpde.chaos.measurement import Measurement
from mfpde.chaos.plan import Metrics, Plan, Task, forget, plan_study, stored_study
from mfpde.chaos.reduction import reduce_ensemble
from mfpde.choice import default_solver
from mfpde.dataset import field, grid_of
from mfpde.particles.coupling import FieldSource
from mfpde.particles.ensemble import record_field
from mfpde.provenance import digest
from mfpde.recording import check_path, progress_bar, replace_file
from mfpde.solution import default_step, solve
from mfpde.tasks import completed
from mfpde_solvers.evolve import RunError
from mfpde_solvers.grid import Grid

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["converge"]

Array = NDArray[Any]

SECONDS_BETWEEN_WRITES = 1.0
FINER = 32.0  # ratio of tolerances where steps are adaptive: about half the step of a scheme of order 4
COARSER = (0.5, 0.75)  # shares of the cells for the estimate of the error of a reference
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
    mean_field: bool | xr.Dataset | None = None,
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
        Any of ``mfpde.chaos.METRICS`` by name, or objects such as ``{"w1_v": Wasserstein(axes=("v",))}``.
        Those of the dynamics, such as ``coupling_distance``, need ``mean_field``.
    times : increasing floats, optional
        0, T/4, T/2, 3T/4 and T by default, with T the problem's horizon.
    reference : Dataset, optional
        The limit density at these times, as :func:`mfpde.solve` returns it; solved here if not given.
    seed : int
        Replica r of size N depends on (seed, N, r) only: results are the same for every executor and order.
    dt, forces
        As in :func:`mfpde.simulate`.
    mean_field : True or Dataset, optional
        Simulate also the particles in the mean field that have the same points and Brownian paths, as in
        :func:`mfpde.simulate`. The limit equation is solved once for all replicas, and for all sizes that
        have the same equation and step, while its field at all times takes less than 64 MB; else in each
        task.
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
        half the step. With ``mean_field`` also ``<metric>_excess``: the metric of each replica minus that of
        its coupled particles, which are i.i.d. samples of the limit, (size, replica, time). Of a metric of
        the dynamics only the metric itself. A metric of the ensemble, such as ``pair_correlation``, has one
        value for all replicas: ``<metric>``, ``<metric>_iid`` and ``<metric>_excess`` are (size, time), with
        their standard errors as coordinates ``<metric>_stderr``, …, by which :func:`mfpde.fit_rate` weights
        sizes, and ``<metric>_statistic`` (size, replica, time, component) is what they are made from.

    Raises
    ------
    ValueError, TypeError, FileExistsError
        For input that does not fit, before any work is done.
    """
    plan = plan_study(problem, sizes, replicas, metrics, times, seed, dt, forces, mean_field)
    target = check_path(path, overwrite, resume)
    density = None if reference is None else _limit_density(reference, plan.times, problem.grid)
    stored = stored_study(target, plan) if target is not None and resume and not overwrite else None
    study = plan.empty() if stored is None else plan.merged(stored)
    _check_same_reference(study, density, new=stored is None)
    todo, work = plan.missing(study), None
    if todo or not plan.has_reference_errors(study):
        work = _work(plan, density, todo, executor)
        _compute(study, plan, todo, work, executor, target, progress)
    asked = plan.selected(study)
    if any(bool(asked[name].isnull().any()) for name in plan.of_ensemble):
        _reduce(asked, plan, _work(plan, density, [], None) if work is None else work)
    _warn_of_reference(asked, plan)
    return plan.finished(asked).assign_attrs(status="completed")


def _limit_density(reference: xr.Dataset, times: Array, grid: Grid) -> xr.DataArray:
    """The reference at the times of the study, on the problem's axes at the reference's resolution."""
    if not isinstance(reference, xr.Dataset):
        raise TypeError(
            f"the reference must be a Dataset, got {reference!r}; open a file with xr.open_dataset"
        )
    if "density" not in reference or "time" not in reference["density"].dims:
        raise ValueError(
            "the reference needs a variable 'density' with a time dimension, as solve returns it"
        )
    absent = [f"{t:g}" for t in times if t not in reference["time"].values]
    if absent:
        raise ValueError(f"the reference has no density at t = {', '.join(absent)}; solve with these times")
    density, found = reference["density"].sel(time=times), grid_of(reference)
    if set(found.names) != set(grid.names):
        raise ValueError(
            f"the reference lives on axes {', '.join(found.names)}, the problem on {', '.join(grid.names)}"
        )
    resized = grid.resized(dict(zip(found.names, found.shape, strict=True)))
    for axis in resized.axes:
        if np.abs(found[axis.name].points - axis.points).max() > 1e-6 * axis.spacing:
            raise ValueError(
                f"axis {axis.name!r} of the reference spans {found[axis.name].lower:g} … "
                f"{found[axis.name].upper:g}, that of the problem {axis.lower:g} … {axis.upper:g}; "
                "solve the reference on the problem's box"
            )
    density = _without_circulations(density)
    values = density.transpose("time", *grid.names).values
    return field(values, resized, "density", {"time": times})


def _check_same_reference(study: xr.Dataset, density: xr.DataArray | None, new: bool) -> None:
    """Entries of one study are distances to one limit density."""
    source = "solved with the default settings" if density is None else digest(density.values)
    if new:
        study.attrs["reference"] = source
    elif study.attrs.get("reference") != source:
        raise ValueError(
            f"the study was made with another reference ({study.attrs.get('reference')}, now {source}); "
            "pass the same one, choose another path, or overwrite=True"
        )


def _work(
    plan: Plan, density: xr.DataArray | None, todo: list[Task], executor: Executor | None
) -> Measurement:
    if density is None and plan.needs_density:
        solved = solve(plan.problem, plan.times, save=("density",), progress=False)
        density = _limit_density(solved, plan.times, plan.problem.grid)
    if density is None:  # the partners in the mean field are all that is asked for
        density = xr.DataArray(np.full(len(plan.times), np.nan), {"time": plan.times}, ("time",))
    fields = _fields(plan, sorted({task.size for task in todo}), executor)
    return Measurement(plan.systems, plan.metrics, density, fields)


def _compute(
    study: xr.Dataset,
    plan: Plan,
    todo: list[Task],
    work: Measurement,
    executor: Executor | None,
    path: Path | None,
    progress: bool | None,
) -> None:
    begun, before = clock.perf_counter(), float(study.attrs["wall_time"])
    _fill_exact(study, plan, work)
    study.attrs["status"] = "running"
    written = 0.0
    try:
        with progress_bar(sum(size * len(r) for size, r, _ in todo), "particles", progress) as bar:
            for place, results in completed(work, todo, executor):
                size, replicas, _ = todo[place]
                _store(study, plan, todo[place], results)
                bar.update(size * len(replicas))
                if path is not None and clock.perf_counter() - written > SECONDS_BETWEEN_WRITES:
                    _write(study, path)
                    written = clock.perf_counter()
        _reduce(study, plan, work)
        study.attrs["status"] = "completed"
    except BaseException:
        study.attrs["status"] = "interrupted"
        raise
    finally:
        study.attrs["wall_time"] = before + clock.perf_counter() - begun
        if path is not None:
            _write(study, path)


def _store(study: xr.Dataset, plan: Plan, task: Task, results: Mapping[str, Array]) -> None:
    """Put the results of a task where they belong."""
    for name, values in results.items():
        if name not in study:
            study[name] = new_statistic(name, study, values)
        study[name].loc[{"size": task.size, "replica": list(task.replicas)}] = values
    for name in set(task.metrics) & set(plan.of_ensemble):
        forget(study, name, task.size)


def _reduce(study: xr.Dataset, plan: Plan, work: Measurement) -> None:
    """The values of the metrics of the ensemble, where they are unknown."""
    for name in plan.of_ensemble:
        reduce_ensemble(study, name, [int(size) for size in plan.sizes], work.targets[name])


def _fields(plan: Plan, sizes: list[int], executor: Executor | None) -> dict[int, FieldSource]:
    """The fields of the coupled particles of some sizes, one computation for all sizes that share it."""
    if not plan.mean_fields:
        return {}
    if plan.times[-1] == 0:  # no step is taken, so nothing would be recorded
        return {size: plan.mean_fields[size] for size in sizes}
    groups: list[list[int]] = []
    for size in sizes:
        mine = plan.mean_fields[size], plan.systems[size].dt
        known = (group for group in groups if (plan.mean_fields[group[0]], plan.systems[group[0]].dt) == mine)
        group = next(known, None)
        if group is None:
            groups.append([size])
        else:
            group.append(size)
    work = partial(record_field, times=plan.times)
    arguments = [(plan.mean_fields[group[0]], plan.systems[group[0]]) for group in groups]
    found = dict(completed(work, arguments, executor))
    return {size: found[place] for place, group in enumerate(groups) for size in group}


def _write(study: xr.Dataset, path: Path) -> None:
    study = study.set_coords([name for name in study.data_vars if str(name).endswith("_stderr")])
    encoding = {name: {"_FillValue": None} for name in study.coords}
    replace_file(path, lambda temporary: study.to_netcdf(temporary, engine="netcdf4", encoding=encoding))


def _fill_exact(study: xr.Dataset, plan: Plan, work: Measurement) -> None:
    """What needs no particles: exact floors and the error of the reference."""
    others = _other_references(plan, work.density) if plan.of_density else []
    for name in plan.of_density:
        metric, targets = plan.metrics[name], work.targets[name]
        for size in map(int, plan.sizes):
            floors = [target.floor(size) for target in targets]
            if "replica" not in study[f"{name}_iid"].dims and None not in floors:
                study[f"{name}_iid"].loc[{"size": size}] = floors
                if metric.needs == "ensemble":
                    study[f"{name}_iid_stderr"].loc[{"size": size}] = 0.0
        errors = np.zeros(len(targets))
        for other in others:
            errors += [t.difference(metric.target(other.isel(time=i))) for i, t in enumerate(targets)]
        study[f"{name}_reference_error"][...] = errors


def _other_references(plan: Plan, density: xr.DataArray) -> list[xr.DataArray]:
    """The limit density at half the resolution, and with half the step or a smaller tolerance."""
    problem = plan.problem.replace(grid=grid_of(density))
    (solver, _), step = default_solver(problem), default_step(problem)
    save = ("density",)
    if step is None:
        finer: Any = replace(solver, tolerance=solver.tolerance / FINER)  # type: ignore[type-var, attr-defined]
        fine = solve(problem, plan.times, solver=finer, save=save, progress=False)
    else:
        fine = solve(problem, plan.times, solver=solver, dt=step / 2, save=save, progress=False)
    coarse = _on_a_coarser_grid(problem, plan.times, solver, step)
    return [_without_circulations(other) for other in (coarse, fine["density"])]


def _on_a_coarser_grid(problem: Problem, times: Any, solver: Any, step: float | None) -> xr.DataArray:
    """The density with half the cells along every axis; with three quarters where half cannot resolve it."""
    reason = ""
    for share in COARSER:
        sizes = {axis.name: int(axis.size * share) for axis in problem.grid.axes}
        coarser = problem.replace(resolution=sizes)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the outermost cells of the coarse grid are wider
                found = solve(coarser, times, solver=solver, dt=step, save=("density",), progress=False)
        except (ValueError, RunError) as error:
            reason = str(error)
            continue
        if found.attrs["status"] == "completed":
            return found["density"]
        reason = str(found.attrs.get("reason", ""))
    raise ValueError(
        f"the error of the reference cannot be estimated from a coarser grid ({reason}); refine the grid of "
        "the problem: problem.replace(resolution={...})"
    )


def _without_circulations(density: xr.DataArray) -> xr.DataArray:
    """The law of a point, whatever its circulation."""
    return density.sum("circulation") if "circulation" in density.dims else density


def _warn_of_reference(study: xr.Dataset, plan: Plan) -> None:
    largest = int(plan.sizes[-1])
    for name in plan.of_density:
        floor, error = study[f"{name}_iid"].sel(size=largest), study[f"{name}_reference_error"]
        square = floor**2
        square = square.mean("replica") if "replica" in floor.dims else square
        if f"{name}_stderr" in study:  # of the ensemble: what it can tell apart, where the floor is 0
            square = square + study[f"{name}_stderr"].sel(size=largest) ** 2
        ratio = float((error / np.sqrt(square.values)).where(error > 0, 0.0).max())
        if ratio > TOLERABLE:
            warnings.warn(
                f"the error of the reference is {ratio:.0%} of the i.i.d. floor of {name} at N = {largest}; "
                "solve the reference at a higher resolution",
                stacklevel=3,
            )

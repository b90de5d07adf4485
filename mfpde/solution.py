"""solve: from a problem to its reference density."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.checks import time_step
from mfpde.choice import Solver, default_solver
from mfpde.dataset import attributes, coordinate
from mfpde.recording import Layout, check_memory, check_path, checked_times, record
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Axis, Grid

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["Solver", "default_solver", "default_step", "reference_times", "solve", "study_times"]

Array = NDArray[Any]
Save = Iterable[str] | Mapping[str, int]

NEGLIGIBLE, TOO_MUCH = 1e-6, 1e-2  # mass at the ends of an open axis: a warning, an error


def solve(
    problem: Problem,
    times: ArrayLike | None = None,
    *,
    grid: Grid | None = None,
    solver: Solver | None = None,
    dt: float | None = None,
    save: Save | None = None,
    path: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Solve the limit equation of a problem on a grid.

    Parameters
    ----------
    problem : Problem
    times : increasing floats, optional
        When the fields are saved; 101 instants from 0 to the problem's horizon by default.
    grid : Grid, optional
        In place of the problem's grid.
    solver : Solver, optional
        One of ``mfpde.solvers``; chosen by the equation if not given, and recorded with the reason.
    dt : float, optional
        Largest time step; chosen by the solver if not given.
    save : names, or mapping of names to cadences, optional
        Variables to save: ``density``, ``mean_field_x`` … and ``potential`` (all, by default, while they take
        less than 2 GB); marginals ``density(x, vx)``, slices ``density[y=0]``, moments ``flux_x`` … and
        ``energy_density``. A cadence m saves a variable at every m-th time, on its own dimension.
    path : path, optional
        NetCDF file to write. Every saved time is on disk before the next begins.
    overwrite, resume : bool
        What to do with a file that exists: replace it, or continue it (with later times: extend it).
    progress : bool, optional
        Show a progress bar; by default on a terminal, for work of over a second.

    Returns
    -------
    Dataset
        ``density`` (time, axes…) of total mass 1, ``mean_field_x`` … = K∗ρ and ``potential`` = V∗ρ
        (time, positions…), and the solver's diagnostics on ``diagnostic_time``; dimensionless. Its
        attributes tell the case, solver, step, versions and ``status``.

    Raises
    ------
    ValueError, TypeError, FileExistsError
        For input that does not fit, before any work is done.
    """
    _check_arguments(problem, grid, solver, save)
    step = None if dt is None else time_step(dt)
    target = check_path(path, overwrite, resume)
    instants = checked_times(times, problem.horizon)
    if grid is not None and not hasattr(solver, "for_equation"):
        problem = problem.replace(grid=grid)
    equation = problem.equation.limit
    solver, reason = default_solver(problem) if solver is None else (solver, "given by the user")
    scheme = solver.for_equation(equation) if hasattr(solver, "for_equation") else solver
    grid, density, shown = _discretised(problem, scheme, grid)
    step = scheme.default_step(equation, grid, density) if step is None else step
    about = {"solver": repr(solver), "solver_reason": reason, "dt": "adaptive" if step is None else step}
    layout = _layout(problem, shown, save, instants.size, about)
    horizon = float(max(instants[-1], problem.horizon))
    return record(
        lambda: scheme.prepare(equation, grid, density, step, copy=False),
        instants,
        layout,
        path=target,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        description=f"solving {problem.name}".strip(),
        watch=_edge_watch(grid),
        on_blow_up=_on_two_grids(scheme, equation, density, horizon),
    )


def _on_two_grids(
    scheme: Any, equation: Any, density: Any, horizon: float
) -> Callable[[Any], tuple[float, float] | None] | None:
    """The estimate of a blow-up that a second run on half the cells gives, for finite volumes."""
    from mfpde.solvers import FiniteVolume

    if not isinstance(scheme, FiniteVolume):
        return None
    initial = np.array(density)

    def estimate(run: Any) -> tuple[float, float] | None:
        from mfpde_solvers.mckean_vlasov.blow_up import estimate_from

        try:
            return estimate_from(run, equation, initial, 2 * horizon, scheme)
        except (ResolutionLost, ValueError):  # the coarse grid cannot tell
            return None

    return estimate


def _check_arguments(problem: Any, grid: Any, solver: Any, save: Any) -> None:
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    if grid is not None and not isinstance(grid, Grid):
        raise TypeError(f"grid must be a Grid, got {grid!r}; or use problem.replace(resolution={{'x': 64}})")
    if solver is not None and not hasattr(solver, "prepare"):
        raise TypeError(
            f"solver must be one of mfpde.solvers, got {solver!r}; e.g. mfpde.solvers.SemiLagrangian()"
        )
    if isinstance(save, str):
        raise TypeError(f"save takes names of variables, got the string {save!r}; use ({save!r},)")


def default_step(problem: Problem) -> float | None:
    """The time step that :func:`solve` takes if none is given; ``None`` where the solver adapts it."""
    solver, _ = default_solver(problem)
    return solver.default_step(problem.equation.limit, problem.grid, _initial_density(problem))


def reference_times(problem: Problem, times: ArrayLike | None, study: ArrayLike | None) -> Array:
    """Times at which a reference serves both for looking at (``times`` of solve) and for a study."""
    own = checked_times(times, problem.horizon)
    return own if study is None and times is None else np.union1d(own, study_times(problem, study))


def study_times(problem: Problem, times: ArrayLike | None) -> Array:
    """Times of a study: 0, T/4, T/2, 3T/4 and the horizon T by default."""
    return checked_times(times, problem.horizon)[:: 25 if times is None else 1]


def _discretised(problem: Problem, solver: Any, grid: Grid | None) -> tuple[Grid, Any, Grid]:
    """The solver's grid, the initial density on it, and the axes on which the density is shown."""
    if hasattr(solver, "discretise"):
        grid, density = solver.discretise(problem.law.pdf, problem.grid if grid is None else grid)
        return grid, density, grid.select(("r",))
    dtype = getattr(solver, "dtype", "float64")
    count = len(getattr(problem.equation, "circulations", (1.0,)))
    check_memory(count * prod(problem.grid.shape) * np.dtype(dtype).itemsize, "for the initial density alone")
    return problem.grid, _initial_density(problem, dtype), problem.grid


def _initial_density(problem: Problem, dtype: str = "float64") -> Array:
    from mfpde.laws import densities_on_grid, on_grid

    count = len(getattr(problem.equation, "circulations", (1.0,)))
    if count > 1:
        density = densities_on_grid(problem.law, count, problem.grid)
    else:
        density = on_grid(problem.law, problem.grid, dtype)
    for name, mass in problem.grid.edge_mass(density.sum(axis=0) if count > 1 else density).items():
        _judge_edge(mass, problem.grid[name], ValueError)
    return density


def _wider(axis: Axis) -> str:
    centre, half = (axis.lower + axis.upper) / 2, axis.length
    return f"Axis({axis.name!r}, {centre - half:g}, {centre + half:g}, {2 * axis.size}, 'open')"


def _judge_edge(mass: float, axis: Axis, error: Callable[[str], Exception]) -> None:
    if mass > TOO_MUCH:
        raise error(
            f"mass {mass:.2g} lies at the ends of axis {axis.name!r}; use a wider one, {_wider(axis)}"
        )
    if mass > NEGLIGIBLE:
        warnings.warn(
            f"mass {mass:.2g} lies at the ends of axis {axis.name!r}, the density is cut there; "
            f"a wider axis would be {_wider(axis)}",
            stacklevel=4,
        )


def _edge_watch(grid: Grid) -> Callable[[float, Mapping[str, float]], None]:
    """Stop a run when its box has become too small; warn once when it begins to matter."""
    open_axes = [axis for axis in grid.axes if not axis.periodic]
    warned = False

    def watch(time: float, values: Mapping[str, float]) -> None:
        nonlocal warned
        lost = values.get("edge_mass", 0.0) + abs(values.get("outflow", 0.0))
        wider = ", ".join(_wider(axis) for axis in open_axes)
        if not all(np.isfinite(value) for value in values.values()):
            raise ResolutionLost(time, "a diagnostic is not finite")
        if lost > TOO_MUCH:
            raise ResolutionLost(
                time, f"mass {lost:.2g} reached the ends of the open axes; wider ones: {wider}"
            )
        if lost > NEGLIGIBLE and not warned:
            warned = True
            warnings.warn(
                f"at t = {time:.3g} mass {lost:.2g} has reached the ends of the open axes; "
                f"wider ones: {wider}",
                stacklevel=6,
            )

    return watch


def _layout(problem: Problem, grid: Grid, save: Save | None, times: int, attrs: Mapping[str, Any]) -> Layout:
    from mfpde.outputs import default_outputs, observed_fields, outputs_of
    from mfpde.provenance import case_attributes

    observed = observed_fields(problem.equation, grid)
    coords = {axis.name: coordinate(axis) for axis in grid.axes}
    circulations = getattr(problem.equation, "circulations", (1.0,))
    if "circulation" in observed["density"]:
        labels = xr.Variable("circulation", np.array(circulations), attributes("circulation"))
        coords["circulation"] = labels
    chosen = default_outputs(grid, observed, times, len(circulations)) if save is None else save
    saved = json.dumps(dict(chosen) if isinstance(chosen, Mapping) else list(chosen))
    return Layout(
        coords=coords,
        fields=outputs_of(chosen, grid, observed),
        attrs=case_attributes(problem, grid) | dict(attrs) | {"saved": saved},
        identity=("fingerprint", "solver", "dt", "saved"),
    )

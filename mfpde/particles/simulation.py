"""simulate: N-particle systems from i.i.d. samples of the initial law."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.checks import time_step, whole
from mfpde.choice import default_solver
from mfpde.dataset import attributes, grid_of
from mfpde.particles.ensemble import Ensemble, Start, System
from mfpde.particles.mean_field import MeanField
from mfpde.particles.radial_field import RadialMeanField, is_radial
from mfpde.provenance import case_attributes, digest, fingerprint
from mfpde.recording import Field, Layout, check_memory, check_path, checked_times, record
from mfpde_solvers.equations import Landau, Vlasov
from mfpde_solvers.grid import VELOCITIES, Grid
from mfpde_solvers.vlasov import RadialVlasov

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["mean_field_for", "simulate", "system_for"]

Array = NDArray[Any]

CELLS = 2**18  # at which the initial density is evaluated to choose a step


def system_for(
    problem: Problem,
    size: int,
    seed: int,
    dt: float | None,
    forces: str,
    times: Array,
    splitting: str | None = None,
    coupled: bool = False,
) -> System:
    """A system with its step chosen and everything checked that can be checked without particles.

    Raises
    ------
    ValueError
        If the size, seed, step, forces or splitting are not acceptable, or with noise a time is no multiple
        of the step.
    """
    from mfpde.particles.dynamics import check_equation, check_splitting, default_step, is_stochastic
    from mfpde.particles.noise import check_multiples, common_step

    size, seed = whole(size, 2, "the size of a particle system"), whole(seed, 0, "the seed")
    equation = problem.equation.for_size(size)
    check_equation(equation, problem.grid, forces)
    check_splitting(equation, splitting, coupled)
    given = dt is not None
    dt = time_step(dt) if given else default_step(equation, *_position_density(problem), splitting)
    if is_stochastic(equation):
        dt = dt if given else common_step(times, dt)
        check_multiples(times, dt)
    return System(problem, size, seed, time_step(dt), forces, splitting)


def _position_density(problem: Problem) -> tuple[Grid, Array]:
    """The initial density of positions (of velocities, where there are no positions), on a thinned grid."""
    most = max(8, int(CELLS ** (1 / problem.grid.dim)))
    grid = problem.grid.resized({axis.name: min(axis.size, most) for axis in problem.grid.axes})
    values = problem.law.pdf(grid.points)
    velocities = [name for name in grid.names if name in VELOCITIES]
    velocities = velocities if len(velocities) < grid.dim else []
    return grid, np.asarray(grid.integrate(values, velocities) / grid.integrate(values))


def mean_field_for(system: System, mean_field: bool | xr.Dataset | None) -> MeanField | None:
    """The limit equation of a system whose field is asked for; ``None`` if none is.

    Raises
    ------
    TypeError, ValueError
        If it is neither ``True`` nor a reference of the equation that the system has in the limit, or the
        equation has no mean field.
    """
    if mean_field is None or mean_field is False:
        return None
    if mean_field is not True and not isinstance(mean_field, xr.Dataset):
        raise TypeError(
            f"mean_field must be True, a Dataset made by solve, or None, got {mean_field!r}; open a file "
            "with xr.open_dataset"
        )
    equation = system.problem.equation.for_size(system.size)
    if isinstance(equation, Landau) and equation.exponent < -equation.dim:
        raise ValueError(
            f"a∗f is infinite for the exponent {equation.exponent:g} in dimension {equation.dim}, so there "
            "is no mean field; use mean_field=None"
        )
    problem = system.problem.replace(equation=equation)
    if isinstance(mean_field, xr.Dataset):
        _check_reference(mean_field)
        if "r" in mean_field["density"].dims:
            return _radial_reference(mean_field, problem, system.size)
        problem = problem.replace(grid=_grid_of_reference(mean_field, problem, system.size))
    elif is_radial(problem):
        return RadialMeanField(problem.equation, problem.law, problem.grid, RadialVlasov())
    solver, _ = default_solver(problem)
    return MeanField(problem.equation, problem.law, problem.grid, solver)


def _check_reference(reference: xr.Dataset) -> None:
    if "fingerprint" not in reference.attrs or "density" not in reference:
        raise ValueError("mean_field must be a Dataset made by solve, with its density, or True")


def _radial_reference(reference: xr.Dataset, problem: Problem, size: int) -> MeanField:
    """The field of as many shells as a reference was solved with."""
    if not isinstance(problem.equation, Vlasov):
        raise ValueError(
            f"radial mean fields are those of Vlasov equations in 3D, not of {problem.equation!r}; use "
            "mean_field=True, or solve on the problem's grid"
        )
    _check_fingerprint(reference, fingerprint(problem, grid_of(reference)), size)
    given = re.search(r"shells=(\d+)", reference.attrs["solver"])
    solver = RadialVlasov(shells=int(given[1])) if given else RadialVlasov()
    return RadialMeanField(problem.equation, problem.law, problem.grid, solver)


def _grid_of_reference(reference: xr.Dataset, problem: Problem, size: int) -> Grid:
    """The grid of a reference, once it is certain that it solves the problem."""
    grid = grid_of(reference)
    mine, theirs = ([axis for axis in g.axes if axis.periodic] for g in (problem.grid, grid))
    circles = [[(axis.name, axis.lower, axis.upper) for axis in axes] for axes in (mine, theirs)]
    if grid.names != problem.grid.names or circles[0] != circles[1]:
        raise ValueError(f"the mean field lives on {grid!r}, the problem on {problem.grid!r}; solve it there")
    _check_fingerprint(reference, fingerprint(problem.replace(grid=grid)), size)
    return grid


def _check_fingerprint(reference: xr.Dataset, expected: Mapping[str, str], size: int) -> None:
    found = json.loads(reference.attrs["fingerprint"])
    differing = [part for part in expected if found.get(part) != expected[part]]
    if differing:
        raise ValueError(
            f"the mean field is that of another equation than the one of {size} particles; different: "
            f"{', '.join(differing)}. Use mean_field=True, or solve "
            f"problem.replace(equation=problem.equation.for_size({size}))"
        )


def simulate(
    problem: Problem,
    size: int,
    times: ArrayLike | None = None,
    *,
    replicas: int = 1,
    seed: int = 0,
    dt: float | None = None,
    forces: str = "auto",
    mean_field: bool | xr.Dataset | None = None,
    initial: ArrayLike | xr.Dataset | None = None,
    executor: Executor | None = None,
    path: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | None = None,
    splitting: str | None = None,
) -> xr.Dataset:
    """Simulate independent copies of the N-particle system of a problem.

    Parameters
    ----------
    problem : Problem
    size : int
        Number of particles N ≥ 2.
    times : increasing floats, optional
        When the particles are saved; 101 instants from 0 to the problem's horizon by default.
    replicas : int
        Number of independent copies, each from its own i.i.d. sample of the initial law.
    seed : int
        Replica r of size N depends on (seed, N, r) only, whatever the executor and the other replicas.
    dt : float, optional
        Largest time step; a tenth of the shortest linear time scale by default. With noise it is the step,
        and all times are multiples of it.
    forces : {"auto", "direct", "single", "sorted", "fast"}
        How pair sums are computed; ``sorted`` is exact in O(N) for the 1D Coulomb kernel, ``single`` sums
        pairs on the whole space in single precision, about twice as fast as ``direct``.
    mean_field : True or Dataset, optional
        Add particles in the mean field of ``equation.for_size(size)``, which start from the same points and
        have the same Brownian paths. Its limit equation is solved in step with them, on the problem's grid,
        or on that of a Dataset made by :func:`mfpde.solve` for that very equation; of the Dataset nothing
        but the resolution is used, and it is refused if it solves anything else. Where law and equation are
        known to be spherically symmetric in three dimensions (Coulomb kernels, with or without a cut-off)
        the limit is solved by shells instead of a grid of six dimensions.
    initial : array (replica, particle, axis) or Dataset, optional
        Initial points in place of samples; of a Dataset made by ``simulate``, those of its last time.
    executor : concurrent.futures.Executor, optional
        Where replicas are advanced; this process by default.
    path, overwrite, resume, progress
        As in :func:`mfpde.solve`.
    splitting : {"strang", "blanes_moan"}, optional
        For Newton's equations: velocity Verlet (``strang``, the default), or the scheme of order 4 of Blanes
        and Moan, which takes six forces in a step and by default steps six times as long; not with
        ``mean_field``, since it goes back in time within a step.

    Returns
    -------
    Dataset
        Dimensions (time, replica, particle); one variable for each axis of the problem's grid,
        ``x_coupled`` … likewise for the particles in the mean field, and ``circulation`` (replica, particle);
        dimensionless.

    Raises
    ------
    ValueError, TypeError, FileExistsError
        For input that does not fit, before any work is done.

    Notes
    -----
    Memory: all replicas are held, with about 5 numbers for each coordinate of each particle (10 with a mean
    field): state, forces, and the copies that are written. So is what is returned: all saved times, with a
    ``path`` read back at the end. Fast sums keep their Fourier series for every replica. For more replicas
    than fit use :func:`mfpde.converge`, which holds only those of the tasks that run.
    """
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    replicas = whole(replicas, 1, "the number of replicas")
    target = check_path(path, overwrite, resume)
    instants = checked_times(times, problem.horizon)
    with_field = mean_field is not None and mean_field is not False
    system = system_for(problem, size, seed, dt, forces, instants, splitting, with_field)
    coupled = mean_field_for(system, mean_field)
    check_memory(3 * 8 * replicas * size * problem.grid.dim, "for the particles alone")
    if initial is None:
        circulation, origin = _circulations(system, replicas), "sampled from the initial law"
    else:
        points, circulation = _initial_points(initial, problem, size, replicas)
        origin = f"given points {digest(points)}"

    def starts() -> Iterator[Start]:
        """One after the other, so that they are not held beside the particles."""
        sampled = (system.draw(r) for r in range(replicas))
        return sampled if initial is None else zip(points, circulation, strict=True)

    layout = _layout(system, circulation, origin, coupled)
    return record(
        lambda: Ensemble(system, starts(), executor, coupled),
        instants,
        layout,
        path=target,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        description=f"{replicas} × {size} particles",
    )


def _circulations(system: System, replicas: int) -> Array:
    """Circulations (replica, particle) of the samples."""
    known = getattr(system.problem.equation, "circulations", (1.0,))
    if len(known) > 1:
        return np.stack([system.draw(r)[1] for r in range(replicas)])
    system.problem.law.rvs(1, np.random.default_rng(0))  # a law without a sampler is refused here
    return np.full((replicas, system.size), known[0])


def _initial_points(
    initial: ArrayLike | xr.Dataset, problem: Problem, size: int, replicas: int
) -> tuple[Array, Array]:
    """Points (replica, particle, axis) and circulations (replica, particle)."""
    names: Sequence[str] = problem.grid.names
    if isinstance(initial, xr.Dataset):
        missing = [name for name in names if name not in initial]
        if missing:
            raise ValueError(
                f"the initial dataset has no variable {', '.join(missing)}; make it with simulate"
            )
        last = initial.isel(time=-1) if "time" in initial.dims else initial
        values = np.stack([last[name].transpose("replica", "particle").values for name in names], axis=-1)
    else:
        values = np.asarray(initial, dtype=float)
    if values.shape != (replicas, size, len(names)):
        raise ValueError(
            f"initial points of shape {values.shape} given; {replicas} replicas of {size} particles on axes "
            f"{', '.join(names)} take shape {(replicas, size, len(names))}"
        )
    if not np.isfinite(values).all():
        raise ValueError("initial points must be finite")
    circulations = getattr(problem.equation, "circulations", (1.0,))
    if isinstance(initial, xr.Dataset) and "circulation" in initial:
        return values, initial["circulation"].transpose("replica", "particle").values
    if len(circulations) > 1:
        raise ValueError(
            f"the equation has {len(circulations)} circulations; give the initial points as a Dataset with a "
            "variable circulation (replica, particle), as simulate returns it"
        )
    return values, np.full((replicas, size), circulations[0])


def _layout(system: System, circulation: Array, origin: str, mean_field: MeanField | None) -> Layout:
    problem, size, replicas = system.problem, system.size, len(circulation)
    shared = {
        "size": size,
        "replicas": replicas,
        "seed": system.seed,
        "dt": system.dt,
        "forces": system.forces,
        "splitting": system.splitting or "default",
        "mean_field": "none" if mean_field is None else str(mean_field),
    }
    names = problem.grid.names if mean_field is None else _with_coupled(problem.grid.names)
    return Layout(
        coords={
            "replica": xr.Variable("replica", np.arange(replicas), attributes("replica")),
            "particle": xr.Variable("particle", np.arange(size), attributes("particle")),
        },
        fields=dict.fromkeys(names, Field(("replica", "particle"))),
        static={"circulation": xr.Variable(("replica", "particle"), circulation, attributes("circulation"))},
        attrs=case_attributes(problem) | shared | {"initial": origin},
        identity=("fingerprint", "initial", *shared),
        every=None,
    )


def _with_coupled(names: Sequence[str]) -> list[str]:
    return [*names, *(f"{name}_coupled" for name in names)]

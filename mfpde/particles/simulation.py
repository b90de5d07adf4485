"""simulate: N-particle systems from i.i.d. samples of the initial law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.checks import time_step, whole
from mfpde.dataset import attributes
from mfpde.recording import Field, Layout, check_path, checked_times, record
from mfpde.tasks import completed
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import Grid

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["System", "check_no_mean_field", "random_stream", "simulate", "system_for"]

Array = NDArray[Any]

CELLS = 2**18  # at which the initial density is evaluated to choose a step
INITIAL, NOISE, FLOOR, BOOTSTRAP = range(4)  # streams of random numbers


def random_stream(seed: int, size: int, replica: int, stream: int) -> np.random.SeedSequence:
    """The seed of one stream of one replica: it depends on nothing else, so neither does the result."""
    return np.random.SeedSequence(seed, spawn_key=(size, replica, stream))


@dataclass(frozen=True)
class System:
    """All that determines a particle system but the replica."""

    problem: Problem
    size: int
    seed: int
    dt: float
    forces: str

    def start(self, replica: int, initial: Array | None = None) -> Run:
        """Replica number ``replica`` at time 0, from a fresh sample or from given points."""
        from mfpde.laws import draw
        from mfpde.particles.dynamics import prepare

        equation, grid = self.problem.equation.for_size(self.size), self.problem.grid
        if initial is None:
            rng = np.random.default_rng(random_stream(self.seed, self.size, replica, INITIAL))
            points, circulation = draw(self.problem.law, equation, self.size, rng)
        else:
            points, circulation = initial, np.ones(len(initial))
        noise = random_stream(self.seed, self.size, replica, NOISE)
        return prepare(equation, grid, points, circulation, noise, self.dt, forces=self.forces)


def system_for(problem: Problem, size: int, seed: int, dt: float | None, forces: str) -> System:
    """A system with its step chosen and everything checked that can be checked without particles.

    Raises
    ------
    ValueError
        If the size, seed, step or forces are not acceptable.
    """
    from mfpde.particles.dynamics.second_order import check_equation, default_step
    from mfpde.particles.forces import forces_for

    size, seed = whole(size, 2, "the size of a particle system"), whole(seed, 0, "the seed")
    equation = problem.equation.for_size(size)
    check_equation(equation, problem.grid)
    forces_for(equation.kernel.on(problem.grid), forces)
    if dt is None:
        dt = default_step(equation, *_position_density(problem))
    return System(problem, size, seed, time_step(dt), forces)


def _position_density(problem: Problem) -> tuple[Grid, Array]:
    """The initial density of positions, on a grid thinned so that six dimensions cost little."""
    most = max(8, int(CELLS ** (1 / problem.grid.dim)))
    grid = problem.grid.resized({axis.name: min(axis.size, most) for axis in problem.grid.axes})
    values = problem.law.pdf(grid.points)
    return grid, np.asarray(grid.integrate(values, grid.velocities.names) / grid.integrate(values))


def check_no_mean_field(mean_field: Any) -> None:
    """Refuse a request for coupled mean-field particles."""
    if mean_field is not None:
        raise ValueError(
            "mean_field must be None: particles coupled to the mean field are not part of this version; "
            "compare the distances with their i.i.d. floors instead"
        )


class Ensemble:
    """Replicas of one system as a single run, each step of which leads all of them to the next limit."""

    def __init__(
        self, system: System, replicas: int, initial: Array | None, executor: Executor | None
    ) -> None:
        self._system, self._executor = system, executor
        self._runs = [system.start(r, None if initial is None else initial[r]) for r in range(replicas)]

    @property
    def time(self) -> float:
        """Time that every replica has reached."""
        return self._runs[0].time

    @property
    def memory(self) -> int:
        """Bytes of all replicas."""
        return sum(run.memory for run in self._runs)

    def step(self, limit: float) -> float:
        """Advance every replica to ``limit``, over the executor if there is one."""
        if self._executor is None:
            for run in self._runs:
                _advance(run, limit)
        else:
            arguments = [(self._system, dict(run.state()), limit) for run in self._runs]
            for place, state in completed(_advanced, arguments, self._executor):
                self._runs[place].restore(state)
        return limit

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, each of shape (replica, particle)."""
        observed = [run.observe() for run in self._runs]
        return {name: np.stack([values[name] for values in observed]) for name in observed[0]}

    def diagnostics(self) -> dict[str, float]:
        """Means over the replicas."""
        values = [run.diagnostics() for run in self._runs]
        return {name: float(np.mean([value[name] for value in values])) for name in values[0]}

    def state(self) -> dict[str, Array]:
        """States of the replicas, stacked."""
        states = [run.state() for run in self._runs]
        return {name: np.stack([state[name] for state in states]) for name in states[0]}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        for place, run in enumerate(self._runs):
            run.restore({name: values[place] for name, values in state.items()})


def _advance(run: Run, limit: float) -> None:
    while run.time < limit:
        run.step(limit)


def _advanced(system: System, state: Mapping[str, Array], limit: float) -> dict[str, Array]:
    """In a worker: the state of a replica at ``limit``."""
    run = system.start(0, np.zeros((system.size, system.problem.grid.dim)))
    run.restore(state)
    _advance(run, limit)
    return run.state()


def simulate(
    problem: Problem,
    size: int,
    times: ArrayLike | None = None,
    *,
    replicas: int = 1,
    seed: int = 0,
    dt: float | None = None,
    forces: str = "auto",
    mean_field: None = None,
    initial: ArrayLike | xr.Dataset | None = None,
    executor: Executor | None = None,
    path: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool | None = None,
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
        Largest time step; a tenth of the shortest linear time scale by default.
    forces : {"auto", "direct", "sorted"}
        How pair sums are computed; ``sorted`` is exact in O(N) for the 1D Coulomb kernel.
    mean_field : None
        Reserved for particles coupled to the mean field.
    initial : array (replica, particle, axis) or Dataset, optional
        Initial points in place of samples; of a Dataset made by ``simulate``, those of its last time.
    executor : concurrent.futures.Executor, optional
        Where replicas are advanced; this process by default.
    path, overwrite, resume, progress
        As in :func:`mfpde.solve`.

    Returns
    -------
    Dataset
        Dimensions (time, replica, particle); one variable for each axis of the problem's grid and
        ``circulation`` (replica, particle); dimensionless.

    Raises
    ------
    ValueError, TypeError, FileExistsError
        For input that does not fit, before any work is done.
    """
    check_no_mean_field(mean_field)
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    replicas = whole(replicas, 1, "the number of replicas")
    target = check_path(path, overwrite, resume)
    instants = checked_times(times, problem.horizon)
    system = system_for(problem, size, seed, dt, forces)
    points = None if initial is None else _initial_points(initial, problem, size, replicas)
    if points is None:
        problem.law.rvs(1, np.random.default_rng(0))  # a law without a sampler is refused here
    layout = _layout(system, replicas, points)
    return record(
        lambda: Ensemble(system, replicas, points, executor),
        instants,
        layout,
        path=target,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        description=f"{replicas} × {size} particles",
    )


def _initial_points(initial: ArrayLike | xr.Dataset, problem: Problem, size: int, replicas: int) -> Array:
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
    return values


def _layout(system: System, replicas: int, points: Array | None) -> Layout:
    from mfpde.provenance import case_attributes, digest

    problem, size = system.problem, system.size
    shared = {
        "size": size,
        "replicas": replicas,
        "seed": system.seed,
        "dt": system.dt,
        "forces": system.forces,
    }
    start = "sampled from the initial law" if points is None else f"given points {digest(points)}"
    return Layout(
        coords={
            "replica": xr.Variable("replica", np.arange(replicas), attributes("replica")),
            "particle": xr.Variable("particle", np.arange(size), attributes("particle")),
        },
        fields=dict.fromkeys(problem.grid.names, Field(("replica", "particle"))),
        static={
            "circulation": xr.Variable(
                ("replica", "particle"), np.ones((replicas, size)), attributes("circulation")
            )
        },
        attrs=case_attributes(problem) | shared | {"initial": start},
        identity=("fingerprint", "initial", *shared),
        every=None,
    )

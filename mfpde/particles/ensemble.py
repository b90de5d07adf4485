"""A particle system with its random numbers, and its replicas as one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.coupling import CoupledRun, FieldSource, LimitField, RecordedField, Recorder
from mfpde.particles.mean_field import MeanField
from mfpde.tasks import completed
from mfpde_solvers.evolve import Run

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["FLOOR", "Ensemble", "System", "advance", "random_stream", "record_field"]

Array = NDArray[Any]
Start = tuple[Array, Array]
"""Points (N, d) and circulations (N,)."""

INITIAL, NOISE, FLOOR, BOOTSTRAP = range(4)  # streams of random numbers
LUGGAGE = 2**24  # bytes of recorded fields that travel with one task
LIBRARY = 2**26  # bytes of a field at all times of a study, beyond which every task solves for it


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
    splitting: str | None = None

    def draw(self, replica: int) -> Start:
        """Initial points (N, d) and circulations (N,) of a replica: independent samples of the law."""
        from mfpde.laws import draw

        rng = np.random.default_rng(random_stream(self.seed, self.size, replica, INITIAL))
        return draw(self.problem.law, self.problem.equation, self.size, rng)

    @property
    def placeholder(self) -> Start:
        """Points and circulations for a run whose state is going to be restored."""
        return np.zeros((self.size, self.problem.grid.dim)), np.ones(self.size)

    def start(
        self, replica: int, initial: Start | None = None, field: LimitField | RecordedField | None = None
    ) -> Run:
        """Replica number ``replica`` at time 0, from a fresh sample or from given points and circulations.

        With a field, also the particles in it that have the same points and paths: a :class:`CoupledRun`.
        """
        initial = self.draw(replica) if initial is None else initial
        particles = self._prepared(replica, initial, None)
        return particles if field is None else CoupledRun(particles, self._prepared(replica, initial, field))

    def pilot(self, replica: int, initial: Start, field: Recorder) -> Run:
        """The particles in the field alone."""
        return self._prepared(replica, initial, field)

    def _prepared(self, replica: int, initial: Start, field: Any) -> Run:
        from mfpde.particles.dynamics import prepare

        equation, grid = self.problem.equation.for_size(self.size), self.problem.grid
        noise = random_stream(self.seed, self.size, replica, NOISE)
        options: Any = {"forces": self.forces, "field": field, "splitting": self.splitting}
        return prepare(equation, grid, *initial, noise, self.dt, **options)


def advance(runs: Sequence[Run], limit: float) -> None:
    """Lead all runs to ``limit`` step by step, so that they see each instant of a field together."""
    while runs[0].time < limit:
        for run in runs:
            run.step(limit)


def record_field(mean_field: MeanField, system: System, times: Array) -> FieldSource:
    """The field at all times that the particles ask for on their way through ``times``.

    Where it takes too much memory the mean field itself is returned, to be solved for again.
    """
    most = 2 * (float(times[-1]) / system.dt + len(times)) + 1
    if most * 8 * mean_field.numbers > LIBRARY:
        return mean_field
    field = mean_field.start()
    recorder = Recorder(field)
    pilot = system.pilot(0, system.draw(0), recorder)
    for time in times:
        advance([pilot], float(time))
        field.check()
    return recorder.recorded(pilot.time)


class Ensemble:
    """Replicas of one system as a single run, each step of which leads all of them to the next limit.

    With a mean field its equation is solved once, here, for all replicas.
    """

    def __init__(
        self,
        system: System,
        starts: Iterable[Start],
        executor: Executor | None,
        mean_field: MeanField | None = None,
    ) -> None:
        self._system, self._executor = system, executor
        self._field = None if mean_field is None else mean_field.start()
        self._runs = [system.start(replica, start, self._field) for replica, start in enumerate(starts)]

    @property
    def time(self) -> float:
        """Time that every replica has reached."""
        return self._runs[0].time

    @property
    def memory(self) -> int:
        """Bytes of all replicas, of the copy that is saved, and of the solver of the mean field."""
        runs = sum(run.memory for run in self._runs)
        copies = sum(np.asarray(a).nbytes for run in self._runs for a in run.state().values())
        return runs + copies + (self._field.memory if self._field else 0)

    def step(self, limit: float) -> float:
        """Advance every replica to ``limit``, over the executor if there is one."""
        if self._executor is None and self._field is None:
            for run in self._runs:  # one after the other: the field of none is shared
                advance([run], limit)
        elif self._executor is None:
            advance(self._runs, limit)
        while self.time < limit:
            self._distribute(limit, self._recorded(limit))
        if self._field is not None:
            self._field.check()
        return limit

    def _recorded(self, limit: float) -> RecordedField | None:
        """The field from now to ``limit``, or as much of it as may travel, on the way of one replica."""
        if self._field is None:
            return None
        recorder, run = Recorder(self._field), self._runs[0]
        assert isinstance(run, CoupledRun)
        pilot = self._system.pilot(0, self._system.placeholder, recorder)
        pilot.restore(run.coupled.state())
        while pilot.time < limit and recorder.memory < LUGGAGE:
            pilot.step(limit)
        return recorder.recorded(pilot.time)

    def _distribute(self, limit: float, field: RecordedField | None) -> None:
        """Advance every replica in a worker, as far as the field is known."""
        assert self._executor is not None
        work = partial(_advanced, self._system, field)
        arguments = [(replica, dict(run.state()), limit) for replica, run in enumerate(self._runs)]
        for place, state in completed(work, arguments, self._executor):
            self._runs[place].restore(state)

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, each of shape (replica, particle)."""
        observed = [run.observe() for run in self._runs]
        return {name: np.stack([values[name] for values in observed]) for name in observed[0]}

    def diagnostics(self) -> dict[str, float]:
        """Means over the replicas."""
        values = [run.diagnostics() for run in self._runs]
        return {name: float(np.mean([value[name] for value in values])) for name in values[0]}

    def state(self) -> dict[str, Array]:
        """States of the replicas, stacked, and of the solver of the mean field."""
        states = [run.state() for run in self._runs]
        stacked = {name: np.stack([state[name] for state in states]) for name in states[0]}
        return stacked | (self._field.state() if self._field else {})

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        if self._field is not None:
            self._field.restore(state)
        names = self._runs[0].state()
        for place, run in enumerate(self._runs):
            run.restore({name: state[name][place] for name in names})


def _advanced(
    system: System, field: RecordedField | None, replica: int, state: Mapping[str, Array], limit: float
) -> dict[str, Array]:
    """In a worker: the state of a replica at ``limit``, or where its field ends."""
    run = system.start(replica, system.placeholder, None if field is None else field.start())
    run.restore(state)
    end = limit if field is None else field.end
    while run.time < end:
        run.step(limit)
    return run.state()

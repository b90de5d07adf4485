"""Particles in the mean field of the limit equation, with the points and paths of interacting ones."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from mfpde_solvers.evolve import ResolutionLost, Run, RunError

__all__ = ["CoupledRun", "Evaluator", "FieldSource", "LimitField", "RecordedField", "Recorder", "Snapshot"]

Array = NDArray[Any]
Snapshot = tuple[Array, Array | None]
"""F on a grid or at radii, and what else it takes to know it anywhere: its source ω on open axes."""
Evaluator = Callable[[Array, Array | None], Callable[[Array], Array]]
"""From a snapshot to F as a function of points, (N, d) → (N, c)."""

KEPT = 4  # instants: a step of the Runge–Kutta method asks for three
NEGLIGIBLE, TOO_MUCH = 1e-6, 1e-2  # mass at the ends of open axes or beyond: a warning, an error
STATE = "field."


class FieldSource(Protocol):
    """Where the field of some replicas comes from."""

    def start(self) -> LimitField | RecordedField:
        """The field from time 0 on."""
        ...


class _Field(ABC):
    """F(t, x), ready at the last few times it was asked for."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._recent: dict[float, tuple[Snapshot, Callable[[Array], Array]]] = {}

    def __call__(self, time: float, x: Array) -> Array:
        """F at the points x, (N, d) → (N, c)."""
        return self._at(time)[1](x)

    def snapshot(self, time: float) -> Snapshot:
        """What the field is made of at a time."""
        return self._at(time)[0]

    def _at(self, time: float) -> tuple[Snapshot, Callable[[Array], Array]]:
        if time not in self._recent:
            values = self._computed(time)
            if len(self._recent) == KEPT:
                del self._recent[next(iter(self._recent))]
            self._recent[time] = values, self.evaluator(*values)
        return self._recent[time]

    @abstractmethod
    def _computed(self, time: float) -> Snapshot:
        """The snapshot at a time that was not asked for lately."""


class LimitField(_Field):
    """The field of the limit equation, which is solved in step with the particles.

    Times are asked for in increasing order, each as often as one likes while it is among the last ones.

    Parameters
    ----------
    run : Run
        Of the limit equation.
    evaluator : callable
        Makes a function of points of a snapshot.
    outputs : callable
        The snapshot of the run at its present time.
    numbers : int
        How many numbers a snapshot holds.
    """

    def __init__(
        self, run: Run, evaluator: Evaluator, outputs: Callable[[Any], Snapshot], numbers: int
    ) -> None:
        super().__init__(evaluator)
        self._run, self._outputs, self._numbers, self._warned = run, outputs, numbers, False

    @property
    def memory(self) -> int:
        """Bytes of the solver and of the fields that are kept."""
        return self._run.memory + 8 * KEPT * 3 * self._numbers

    def _computed(self, time: float) -> Snapshot:
        if time < self._run.time:
            raise ValueError(f"the limit has reached t = {self._run.time:g}; its field at {time:g} is gone")
        try:
            while self._run.time < time:
                self._run.step(time)
        except RunError as error:
            reason = f"the limit equation, which gives the mean field: {error.reason}"
            raise type(error)(error.time, reason) from error
        return self._outputs(self._run)

    def check(self) -> None:
        """Warn, or raise ``ResolutionLost``, where the grid has become too small for the density."""
        values = self._run.diagnostics()
        lost = abs(values.get("outflow", 0.0))
        lost += sum(values.get(name, 0.0) for name in ("edge_mass", "mass_outside"))
        reason = f"mass {lost:.2g} of the limit density has reached the ends of the open axes"
        if not lost <= TOO_MUCH:
            raise ResolutionLost(self._run.time, f"{reason}; use a problem with a wider grid")
        if lost > NEGLIGIBLE and not self._warned:
            self._warned = True
            warnings.warn(f"at t = {self._run.time:.3g} {reason}; wider ones are better", stacklevel=4)

    def state(self) -> dict[str, Array]:
        """State of the solver."""
        return {f"{STATE}{name}": value for name, value in self._run.state().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        own = {name.removeprefix(STATE): value for name, value in state.items() if name.startswith(STATE)}
        self._run.restore(own)
        self._recent.clear()


class RecordedField(_Field):
    """A field at the times it was recorded at, up to ``end``, which workers get in place of a solver."""

    def __init__(self, evaluator: Evaluator, snapshots: Mapping[float, Snapshot], end: float) -> None:
        super().__init__(evaluator)
        self._snapshots, self.end = snapshots, end

    def start(self) -> RecordedField:
        """The same record, to be used by one thread."""
        return RecordedField(self.evaluator, self._snapshots, self.end)

    def check(self) -> None:
        """Nothing: the solver was checked when the field was recorded."""

    def _computed(self, time: float) -> Snapshot:
        return self._snapshots[time]


class Recorder:
    """Hands a field on and keeps what it was asked for."""

    def __init__(self, field: LimitField) -> None:
        self._field = field
        self._snapshots: dict[float, Snapshot] = {}
        self.memory = 0

    def __call__(self, time: float, x: Array) -> Array:
        """F at the points x, (N, d) → (N, c)."""
        if time not in self._snapshots:
            self._snapshots[time] = self._field.snapshot(time)
            self.memory += sum(array.nbytes for array in self._snapshots[time] if array is not None)
        return self._field(time, x)

    def recorded(self, end: float) -> RecordedField:
        """The field at all times so far, which leads particles to the time ``end``."""
        return RecordedField(self._field.evaluator, self._snapshots, end)


class CoupledRun:
    """Interacting particles, and those in the mean field that share their points and paths.

    Both take the same steps; the interacting ones are what they are without the others.
    """

    def __init__(self, particles: Run, coupled: Run) -> None:
        self.particles, self.coupled = particles, coupled

    @property
    def time(self) -> float:
        """Time that both have reached."""
        return self.particles.time

    @property
    def memory(self) -> int:
        """Bytes of both."""
        return self.particles.memory + self.coupled.memory

    def step(self, limit: float) -> float:
        """One step of both."""
        time = self.particles.step(limit)
        if self.coupled.step(limit) != time:
            raise RuntimeError(f"the coupled particles took another step than the others at t = {time:g}")
        return time

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, and those of the coupled particles with ``_coupled``."""
        coupled = {f"{name}_coupled": values for name, values in self.coupled.observe().items()}
        return self.particles.observe() | coupled

    def diagnostics(self) -> dict[str, float]:
        """Those of the interacting particles."""
        return self.particles.diagnostics()

    def state(self) -> dict[str, Array]:
        """States of both."""
        parts = {"particles.": self.particles.state(), "coupled.": self.coupled.state()}
        return {part + name: value for part, state in parts.items() for name, value in state.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        for part, run in (("particles.", self.particles), ("coupled.", self.coupled)):
            own = {name.removeprefix(part): v for name, v in state.items() if name.startswith(part)}
            run.restore(own)

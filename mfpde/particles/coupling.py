"""Particles in the mean field of the limit equation, with the points and paths of interacting ones."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.fields import GridField
from mfpde_solvers.evolve import ResolutionLost, Run, RunError
from mfpde_solvers.grid import Grid

__all__ = ["CoupledRun", "FieldSource", "Kernel", "LimitField", "RecordedField", "Recorder"]

Array = NDArray[Any]
Snapshot = tuple[Array, Array | None]
"""F at the cell centres, and its source ω where an axis is open."""
Kernel = Callable[[Array], Array]
"""K of the fields K∗ω, offsets (..., d) → (..., c)."""

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

    def __init__(self, kernel: Kernel, grid: Grid) -> None:
        self.kernel, self.grid = kernel, grid
        self._recent: dict[float, tuple[Snapshot, GridField]] = {}

    def __call__(self, time: float, x: Array) -> Array:
        """F at the points x, (N, d) → (N, c)."""
        return self._at(time)[1](x)

    def snapshot(self, time: float) -> Snapshot:
        """F and ω on the grid."""
        return self._at(time)[0]

    def _at(self, time: float) -> tuple[Snapshot, GridField]:
        if time not in self._recent:
            values = self._computed(time)
            if len(self._recent) == KEPT:
                del self._recent[next(iter(self._recent))]
            self._recent[time] = values, GridField(self.kernel, self.grid, *values)
        return self._recent[time]

    @abstractmethod
    def _computed(self, time: float) -> Snapshot:
        """F and ω on the grid at a time that was not asked for lately."""


class LimitField(_Field):
    """The field of the limit equation, which is solved in step with the particles.

    Times are asked for in increasing order, each as often as one likes while it is among the last ones.
    """

    def __init__(
        self, run: Run, kernel: Kernel, grid: Grid, outputs: Callable[[Mapping[str, Array]], Snapshot]
    ) -> None:
        super().__init__(kernel, grid)
        self._run, self._outputs, self._warned = run, outputs, False

    @property
    def memory(self) -> int:
        """Bytes of the solver and of the fields that are kept."""
        return self._run.memory + 8 * KEPT * 3 * self.grid.dim * int(np.prod(self.grid.shape))

    def _computed(self, time: float) -> Snapshot:
        if time < self._run.time:
            raise ValueError(f"the limit has reached t = {self._run.time:g}; its field at {time:g} is gone")
        try:
            while self._run.time < time:
                self._run.step(time)
        except RunError as error:
            reason = f"the limit equation, which gives the mean field: {error.reason}"
            raise type(error)(error.time, reason) from error
        return self._outputs(self._run.observe())

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

    def __init__(self, kernel: Kernel, grid: Grid, snapshots: Mapping[float, Snapshot], end: float) -> None:
        super().__init__(kernel, grid)
        self._snapshots, self.end = snapshots, end

    def start(self) -> RecordedField:
        """The same record, to be used by one thread."""
        return RecordedField(self.kernel, self.grid, self._snapshots, self.end)

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
        return RecordedField(self._field.kernel, self._field.grid, self._snapshots, end)


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

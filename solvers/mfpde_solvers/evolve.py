"""The one interface between a scheme and everything that drives it, and the only time loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlowUp", "Instant", "ResolutionLost", "Run", "RunError", "evolve"]

Array = NDArray[Any]


class RunError(RuntimeError):
    """A step could not be taken; ``time`` is where the run stands, ``reason`` says why."""

    def __init__(self, time: float, reason: str) -> None:
        super().__init__(f"at t = {time:.6g}: {reason}")
        self.time = time
        self.reason = reason

    def __reduce__(self) -> tuple[type[RunError], tuple[float, str]]:
        return type(self), (self.time, self.reason)


class BlowUp(RunError):
    """The solution leaves every bounded set at about ``time``, up to ``uncertainty`` where that is known."""

    def __init__(self, time: float, reason: str, uncertainty: float | None = None) -> None:
        super().__init__(time, reason)
        self.uncertainty = uncertainty

    def __reduce__(self) -> tuple[type[BlowUp], tuple[float, str, float | None]]:  # type: ignore[override]
        return type(self), (self.time, self.reason, self.uncertainty)


class ResolutionLost(RunError):
    """The discretisation no longer represents the solution after ``time``."""


class Run(Protocol):
    """A prepared computation: a scheme and its state, or a particle system and its state."""

    @property
    def time(self) -> float:
        """Time the run has reached."""
        ...

    @property
    def memory(self) -> int:
        """Bytes the run needs, known before the first step."""
        ...

    def step(self, limit: float) -> float:
        """Take one accepted step, landing exactly on ``limit`` when it is reached; return the new time."""
        ...

    def observe(self) -> dict[str, Array]:
        """Fields at the present, synchronised time."""
        ...

    def diagnostics(self) -> dict[str, float]:
        """Scalars at the present, synchronised time."""
        ...

    def state(self) -> dict[str, Array]:
        """All that the next step reads, controller memory included."""
        ...

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from what :meth:`state` returned."""
        ...


@dataclass(frozen=True)
class Instant:
    """A moment at which the loop pauses: ``index`` counts the requested times, ``None`` in between."""

    time: float
    index: int | None


def evolve(
    run: Run, times: Sequence[float] | NDArray[np.float64], every: int | None = None
) -> Iterator[Instant]:
    """Advance ``run`` through increasing ``times``, pausing at each and after ``every`` accepted steps.

    Steps are counted from the last requested time, so that a run restored there pauses at the same
    moments as one that was never stopped.

    Parameters
    ----------
    run : Run
        Its time must not lie beyond ``times[0]``.
    times : increasing floats
        Each is reached exactly.
    every : int, optional
        Pause also after this many accepted steps.

    Raises
    ------
    BlowUp, ResolutionLost
        From the step that failed.
    """
    for index, time in enumerate(times):
        taken = 0
        while run.time < time:
            before = run.time
            if run.step(float(time)) <= before:
                raise ResolutionLost(before, "the time step is smaller than the spacing of numbers there")
            taken += 1
            if every is not None and taken % every == 0 and run.time < time:
                yield Instant(run.time, None)
        yield Instant(run.time, index)

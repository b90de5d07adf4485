"""The loop that drives a run and keeps what it produces."""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import NDArray

from mfpde.recording.layout import Layout
from mfpde.recording.memory import check_memory
from mfpde.recording.restart import Progress, open_existing, restart_path, write_restart
from mfpde.recording.stores import FileStore, MemoryStore, Store
from mfpde_solvers.evolve import BlowUp, Instant, Run, RunError, evolve

__all__ = ["progress_bar", "record"]

Array = NDArray[Any]

WORTH_TELLING = 2**28  # bytes of memory and disk that are announced before the work begins


def progress_bar(total: float, description: str, progress: bool | None) -> Any:
    """A tqdm bar; by default only on a terminal or in a notebook, and only for work of over a second."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # a text bar serves as well
        from tqdm.auto import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
    disable = None if progress is None else not progress
    return tqdm(
        total=total, desc=description, disable=disable, delay=1 if progress is None else 0, bar_format=layout
    )


def record(
    prepare: Callable[[], Run],
    times: Array,
    layout: Layout,
    *,
    path: Path | None,
    overwrite: bool,
    resume: bool,
    progress: bool | None,
    description: str,
    watch: Callable[[float, Mapping[str, float]], None] | None = None,
    on_blow_up: Callable[[Run], tuple[float, float] | None] | None = None,
) -> xr.Dataset:
    """Drive a run through ``times`` and keep what ``layout`` says.

    With a path every record is on disk before the next begins, and the restart state follows it. A run
    that blows up or loses resolution ends with a warning and a dataset up to then; one that is interrupted
    is marked so and can be resumed.

    Parameters
    ----------
    prepare : callable
        Makes the run; called after the file has been checked and the planner's wisdom restored. What is at
        ``path`` is touched only once the run is known to fit into the memory.
    watch : callable, optional
        Looks at (time, diagnostics) and may raise ResolutionLost.
    on_blow_up : callable, optional
        A better estimate of (blow-up time, uncertainty) than that of the run that stopped, or ``None``.

    Raises
    ------
    ValueError
        If the run does not fit into the memory, or the file at ``path`` is that of something else.
    OSError
        If the disk is full; what was saved before is whole and can be continued.
    """
    found = open_existing(path, layout, times) if path is not None and resume and not overwrite else None
    if found is not None and found.restart is None:
        return found.dataset
    restart = None if found is None else found.restart
    if restart is not None:
        from mfpde_solvers.fourier import import_wisdom

        import_wisdom(restart.wisdom)
    run = _prepared(prepare, 0 if path is not None else layout.size(times.size))
    reached = Progress()
    if restart is not None:
        run.restore(restart.state)
        reached = restart.progress
    if path is not None and restart is None:
        restart_path(path).unlink(missing_ok=True)
    store: Store = MemoryStore(layout) if path is None else FileStore(path, layout, create=restart is None)
    recording = _Recording(run, times, layout, store, path, reached, watch, on_blow_up)
    return recording.drive(progress, description)


def _prepared(prepare: Callable[[], Run], kept: int) -> Run:
    """The run, once it is certain that it fits into the memory beside the ``kept`` bytes of its records."""
    check_memory(kept, "to keep what is saved")
    try:
        run = prepare()
    except MemoryError as error:
        raise ValueError(
            f"the memory is too small ({error}); use a coarser grid, or fewer particles and replicas"
        ) from error
    check_memory(run.memory + kept, f"({run.memory / 1e9:.3g} GB to compute, {kept / 1e9:.3g} GB to keep)")
    return run


class _Recording:
    """One run on its way into a store."""

    def __init__(
        self,
        run: Run,
        times: Array,
        layout: Layout,
        store: Store,
        path: Path | None,
        reached: Progress,
        watch: Callable[[float, Mapping[str, float]], None] | None,
        on_blow_up: Callable[[Run], tuple[float, float] | None] | None,
    ) -> None:
        self._run, self._times, self._layout, self._store = run, times, layout, store
        self._path, self._reached, self._watch, self._on_blow_up = path, reached, watch, on_blow_up
        self._start = clock.perf_counter() - reached.seconds

    def drive(self, progress: bool | None, description: str) -> xr.Dataset:
        status = "interrupted"
        outcome: dict[str, Any] = {}
        first = self._reached.saved
        try:
            with progress_bar(float(self._times[-1]), description, progress) as bar:
                self._announce(bar)
                for instant in evolve(self._run, self._times[first:], self._layout.every):
                    self._keep(instant, first)
                    bar.update(instant.time - bar.n)
            status = "completed"
        except RunError as error:
            status, outcome = self._failure(error)
        except BaseException:
            with suppress(OSError):  # what ended the run is told; a full disk leaves the file as it is
                self._close(status, outcome)
            raise
        self._close(status, outcome)
        return self._store.dataset()

    def _announce(self, bar: Any) -> None:
        """Say before long work what it will take."""
        saved, needed = self._layout.size(self._times.size), self._run.memory
        if not bar.disable and saved + needed > WORTH_TELLING:
            place = "in memory" if self._path is None else "on disk, before compression"
            bar.write(f"{bar.desc}: {needed / 1e9:.2g} GB to compute, {saved / 1e9:.2g} GB saved {place}")

    def _keep(self, instant: Instant, first: int) -> None:
        if self._layout.every is not None:
            values = self._run.diagnostics()
            if self._watch is not None:
                self._watch(instant.time, values)
            self._store.append("diagnostic_time", self._reached.diagnosed, instant.time, values)
            self._reached.diagnosed += 1
        if instant.index is None:
            return
        self._save(first + instant.index, instant.time)
        self._store.sync()
        self._reached.saved = first + instant.index + 1
        self._reached.seconds = clock.perf_counter() - self._start
        if self._path is not None:
            write_restart(self._path, self._run, self._reached)

    def _save(self, index: int, time: float) -> None:
        observed = self._run.observe()
        fields = self._layout.fields
        for dim, names in self._layout.due(index).items():
            every = fields[names[0]].every if names else 1
            computed = {
                name: observed[name] if (values := fields[name].values) is None else values(observed)
                for name in names
            }
            self._store.append(dim, index // every, time, computed)

    def _failure(self, error: RunError) -> tuple[str, dict[str, Any]]:
        status = "blow-up" if isinstance(error, BlowUp) else "failed"
        warnings.warn(f"the run stopped {error}; the dataset ends before that", stacklevel=5)
        outcome: dict[str, Any] = {"reason": error.reason, "stopped_at": self._run.time}
        if isinstance(error, BlowUp):
            better = None if self._on_blow_up is None else self._on_blow_up(self._run)
            time, uncertainty = (error.time, error.uncertainty) if better is None else better
            outcome["blow_up_time"] = time
            outcome |= {} if uncertainty is None else {"blow_up_uncertainty": uncertainty}
        return status, outcome

    def _close(self, status: str, outcome: Mapping[str, Any]) -> None:
        seconds = clock.perf_counter() - self._start
        self._store.close({**outcome, "status": status, "wall_time": seconds})

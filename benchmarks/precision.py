"""Work and precision: methods on one problem, timed in turns on one core, each with the error it reaches."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from scipy import fft
from timing import Row

__all__ = ["Case", "Point", "Timed", "measured", "on_one_core", "peers", "rows"]

FLOOR_CELLS = 512
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}


@dataclass(frozen=True)
class Case:
    """One method at one resolution.

    ``prepare`` compiles and sets up, which is not timed, and gives the work; ``error`` judges its result.
    Work in another process returns a :class:`Timed`.
    """

    method: str
    resolution: str
    prepare: Callable[[], Callable[[], Any]]
    error: Callable[[Any], float]
    note: Callable[[Any], str] = lambda _: ""


class Timed(NamedTuple):
    """A result with the processor seconds it took elsewhere."""

    result: Any
    seconds: float


class Point(NamedTuple):
    """One mark of a work–precision diagram: processor seconds, also in units of a transform, and error."""

    problem: str
    method: str
    resolution: str
    seconds: float
    transforms: float
    error: float
    note: str = ""


def on_one_core() -> None:
    """Keep this process to one core and one thread; to be called before JAX, OpenMP or KeOps start."""
    os.environ.update(ONE_THREAD)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def peers(*makers: Callable[[], list[Case]]) -> list[Case]:
    """The cases of the peers that are installed; the others are named on the standard error."""
    found: list[Case] = []
    for make in makers:
        try:
            found += make()
        except ImportError as reason:
            name = make.__name__.strip("_")
            print(f"{name} is not installed: skipped ({str(reason).splitlines()[0]})", file=sys.stderr)
    return found


def _transform() -> Callable[[], object]:
    a = np.random.default_rng(0).random((FLOOR_CELLS, FLOOR_CELLS))
    return lambda: fft.irfft2(fft.rfft2(a))


def measured(problem: str, cases: list[Case], rounds: int = 3) -> Iterator[Point]:
    """The least processor time of each over the rounds, in which all methods and the floor take turns."""
    best = [float("inf")] * (len(cases) + 1)
    results: list[Any] = [None] * len(cases)
    for _ in range(rounds):
        for i, prepare in enumerate([*(case.prepare for case in cases), _transform]):
            work = prepare()
            start = process_time()
            result = work()
            seconds = process_time() - start
            if isinstance(result, Timed):
                result, seconds = result
            best[i] = min(best[i], seconds)
            if i < len(cases):
                results[i] = result
    floor = best.pop()
    for case, seconds, result in zip(cases, best, results, strict=True):
        error, note = float(case.error(result)), case.note(result)
        yield Point(problem, case.method, case.resolution, seconds, seconds / floor, error, note)


def rows(points: list[Point]) -> list[Row]:
    """Table rows; the unit of work is a real transform of 512² cells, there and back, by SciPy."""
    return [
        Row(
            f"{point.problem}: {point.method}, {point.resolution}",
            1e3 * point.seconds,
            "ms",
            f"{point.transforms:.3g} x FFT, error {point.error:.1e}{point.note}",
        )
        for point in points
    ]

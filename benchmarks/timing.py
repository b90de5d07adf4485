"""How the benchmarks time: the least of many repeats, and the floors that memory sets."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Row", "copy_floor", "fastest", "pass_floor"]

Array = NDArray[Any]


class Row(NamedTuple):
    """One measurement: what, how much, in which unit, and as a ratio to what."""

    name: str
    value: float
    unit: str
    ratio: str = ""


def fastest(work: Callable[[], object], repeats: int = 5) -> float:
    """Least seconds over the repeats, after one call to compile and warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


@njit(cache=True)
def _read_and_write(flat: Array) -> None:
    for i in range(flat.size):
        flat[i] *= 1.0000001


def pass_floor(f: Array, repeats: int = 15) -> float:
    """Seconds to read and write an array once, in place."""
    return fastest(lambda: _read_and_write(f.reshape(-1)), repeats)


def copy_floor(f: Array, repeats: int = 15) -> float:
    """Seconds to copy an array."""
    target = np.empty_like(f)
    return fastest(lambda: np.copyto(target, f), repeats)

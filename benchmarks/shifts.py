"""Cost of the shifts, beside the floors that memory sets, in one run: ``python benchmarks/shifts.py``."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mfpde_solvers.advection import DEGREES, Shift

Array = NDArray[Any]
Row = tuple[str, float, str]


def nanoseconds(work: Callable[[], object], cells: int, repeats: int) -> float:
    """Least time per cell over the repeats, after one call to compile and warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return 1e9 * min(times) / cells


@njit(cache=True)
def read_and_write(flat: Array) -> None:
    for i in range(flat.size):
        flat[i] *= 1.0000001


def copying(f: Array, repeats: int) -> float:
    target = np.empty_like(f)
    return nanoseconds(lambda: np.copyto(target, f), f.size, repeats)


def displacements(shape: tuple[int, ...]) -> Iterator[tuple[str, int, Array]]:
    """The sweeps of a Vlasov solver: positions move by velocities, velocities by a field of the positions."""
    half = len(shape) // 2
    for axis in (len(shape) - 1, *range(len(shape) - 1)):
        given = [1] * len(shape)
        if axis < half:
            given[axis + half] = shape[axis + half]
        else:
            given[:half] = shape[:half]
        kind = "contiguous" if axis == len(shape) - 1 else f"strided, axis {axis}"
        yield kind, axis, np.random.default_rng(axis).uniform(-4.0, 4.0, given)


def rows(shape: tuple[int, ...], degrees: tuple[int, ...], repeats: int) -> Iterator[Row]:
    label = " x ".join(map(str, shape))
    f = np.random.default_rng(0).random(shape)
    copy = copying(f, repeats)
    floor = nanoseconds(lambda: read_and_write(f.reshape(-1)), f.size, repeats)
    yield f"{label}, copy", copy, "ns/cell"
    yield f"{label}, read and write in place", floor, "ns/cell"
    schemes = [(degree, False) for degree in degrees] + [(9, True)]
    for degree, positive in schemes:
        for kind, axis, s in displacements(shape):
            shift = Shift(shape, axis, periodic=axis < len(shape) // 2, degree=degree, positive=positive)
            cost = nanoseconds(lambda: shift(f, s), f.size, repeats)  # noqa: B023  (called at once)
            name = f"{label}, degree {degree}{', limiter' if positive else ''}, {kind}"
            yield name, cost, f"ns/cell/sweep = {cost / floor:.1f} x read+write, {cost / copy:.1f} x copy"


def run() -> list[Row]:
    """Name, value and unit of every measurement: 1024 x 1024 and 64 to the fourth, double precision."""
    return [*rows((1024,) * 2, DEGREES, 15), *rows((64,) * 4, (9,), 3)]


if __name__ == "__main__":
    for name, value, unit in run():
        print(f"{name:52s} {value:8.3f} {unit}")

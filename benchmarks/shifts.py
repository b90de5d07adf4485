"""Shifts and splitting steps beside the floors that memory sets, and beside SciPy's spline shift."""

from collections.abc import Iterator

import numpy as np
from timing import Array, Row, copy_floor, fastest, pass_floor

from mfpde_solvers.advection import DEGREES, Shift
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import SemiLagrangian


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


def sweeps(shape: tuple[int, ...], degrees: tuple[int, ...], repeats: int) -> Iterator[Row]:
    label = " x ".join(map(str, shape))
    f = np.random.default_rng(0).random(shape)
    copy, floor = copy_floor(f, repeats), pass_floor(f, repeats)
    yield Row(f"{label}, copy", 1e9 * copy / f.size, "ns/cell")
    yield Row(f"{label}, read and write in place", 1e9 * floor / f.size, "ns/cell")
    for degree, positive in [(degree, False) for degree in degrees] + [(9, True)]:
        for kind, axis, s in displacements(shape):
            shift = Shift(shape, axis, periodic=axis < len(shape) // 2, degree=degree, positive=positive)
            cost = fastest(lambda: shift(f, s), repeats)  # noqa: B023  (called at once)
            name = f"{label}, degree {degree}{', limiter' if positive else ''}, {kind}"
            yield Row(name, 1e9 * cost / f.size, "ns/cell/sweep", f"{cost / copy:.1f} x copy")


def peer(n: int = 1024) -> Iterator[Row]:
    """A cubic spline shift of contiguous lines with SciPy, and ours of the same degree."""
    from scipy.ndimage import shift as spline_shift

    f = np.random.default_rng(0).random((n, n))
    s = np.full((n, 1), 0.4)
    ours = Shift(f.shape, 1, periodic=True, degree=3)
    cost = fastest(lambda: ours(f, s))
    spline = fastest(lambda: spline_shift(f, (0.0, 0.4), order=3, mode="grid-wrap"), 2)
    yield Row(
        f"scipy.ndimage.shift, cubic, {n} x {n}",
        1e9 * spline / f.size,
        "ns/cell",
        f"{spline / cost:.0f} x ours",
    )


def steps(n: int = 1024, count: int = 20) -> Iterator[Row]:
    """Whole steps on n x n cells, half-kicks merged, diagnostics and output excluded."""
    L = 4 * np.pi
    grid = Grid((Axis("x", 0.0, L, n), Axis("v", -8.0, 8.0, n, "open")))
    x, v = np.moveaxis(grid.points, -1, 0)
    f = (1 + 0.05 * np.cos(x / 2)) * np.exp(-(v**2) / 2) / (L * np.sqrt(2 * np.pi))
    copy = copy_floor(f)
    for splitting in ("strang", "blanes_moan"):
        solver = SemiLagrangian(splitting=splitting)
        run = solver.prepare(Vlasov(Coulomb(1, L / 2)), grid, f, dt=0.05)
        cost = fastest(lambda: [run.step(run.time + 0.05) for _ in range(count)], 5) / count  # noqa: B023
        ns = 1e9 * cost / f.size
        yield Row(f"{splitting} step, {n} x {n}, degree 9", ns, "ns/cell", f"{cost / copy:.1f} x copy")


def run() -> list[Row]:
    """Every measurement of this file."""
    return [*sweeps((1024,) * 2, DEGREES, 15), *sweeps((64,) * 4, (9,), 3), *peer(), *steps()]

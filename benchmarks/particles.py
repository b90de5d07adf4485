"""Pair sums, sampling and distances, beside floors and peers."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from numba import njit
from timing import Array, Row, fastest

import mfpde as mf
from mfpde.particles.fast_sums import FastForces
from mfpde.particles.forces import CROSSOVER, DirectForces, SortedForces
from mfpde_solvers.kernels import BiotSavart, Coulomb, Custom, Kuramoto, LogGas, Stokeslet


@njit(fastmath=True)
def _by_hand(x: Array, c: float, L: float, out: Array) -> None:
    for i in range(x.size):
        total = 0.0
        for j in range(x.size):
            z = x[i] - x[j]
            z -= L * np.floor(z / L + 0.5)
            total += c * (np.sign(z) - 2 * z / L)
        out[i] = total


@njit(fastmath=True, error_model="numpy")
def _plane_by_hand(x: Array, y: Array, out: Array) -> None:
    for i in range(x.size):
        u, v = 0.0, 0.0
        for j in range(x.size):
            a, b = x[i] - x[j], y[i] - y[j]
            f = 1 / (a * a + b * b + 1e-100)
            u += f * a
            v += f * b
        out[i, 0], out[i, 1] = u, v


@njit(fastmath=True, error_model="numpy")
def _space_by_hand(x: Array, y: Array, z: Array, out: Array) -> None:
    for i in range(x.size):
        u, v, w = 0.0, 0.0, 0.0
        for j in range(x.size):
            a, b, c = x[i] - x[j], y[i] - y[j], z[i] - z[j]
            q = a * a + b * b + c * c + 1e-100
            f = 1 / (q * np.sqrt(q))
            u += f * a
            v += f * b
            w += f * c
        out[i, 0], out[i, 1], out[i, 2] = u, v, w


@njit
def _gaussian(z: float) -> float:
    return z * np.exp(-z * z)


def pair_sums(size: int = 8192) -> Iterator[Row]:
    L = 2 * np.pi
    grid = mf.Grid((mf.Axis("x", 0.0, L, 8),))
    x = np.random.default_rng(0).uniform(0, L, (size, 1))
    out = np.empty(size)
    floor = fastest(lambda: _by_hand(x[:, 0].copy(), 1.0, L, out), 3)
    yield Row(f"1D Coulomb torus by hand, N = {size}", 1e9 * floor / size**2, "ns/pair")
    for kernel in (Coulomb(1), Coulomb(1, cutoff=0.1), Kuramoto(1.0), Custom(_gaussian, 1)):
        forces = DirectForces(kernel.on(grid))
        cost = fastest(lambda: forces(x, 1.0), 3)  # noqa: B023
        name = f"direct, {type(kernel).__name__}{' with cut-off' if getattr(kernel, 'cutoff', 0) else ''}"
        yield Row(name, 1e9 * cost / size**2, "ns/pair", f"{cost / floor:.2f} x the loop by hand")
    forces = SortedForces(Coulomb(1).on(grid))
    for n in (64, 16384, 10**6):
        x = np.random.default_rng(0).uniform(0, L, (n, 1))
        cost, sort = fastest(lambda: forces(x, 1.0), 5), fastest(lambda: np.argsort(x[:, 0]), 5)  # noqa: B023
        yield Row(f"sorted, N = {n}", 1e9 * cost / n, "ns/particle", f"{cost / sort:.2f} x numpy.argsort")


def _box(dim: int, boundary: Any) -> mf.Grid:
    return mf.Grid(tuple(mf.Axis(name, 0.0, 1.0, 8, boundary) for name in "xyz"[:dim]))


def pair_sums_in_space(size: int = 8192) -> Iterator[Row]:
    """Direct sums in two and three dimensions, beside loops written by hand."""
    kernels = {2: (LogGas(2), BiotSavart()), 3: (Coulomb(3), Stokeslet((0.0, 0.0, 1.0)))}
    for dim, by_hand in ((2, _plane_by_hand), (3, _space_by_hand)):
        x = np.random.default_rng(0).random((size, dim))
        columns, out = np.ascontiguousarray(x.T), np.empty_like(x)
        floor = fastest(lambda: by_hand(*columns, out), 5)  # noqa: B023
        yield Row(f"{dim}D Coulomb by hand, N = {size}", 1e9 * floor / size**2, "ns/pair")
        for kernel in kernels[dim]:
            forces = DirectForces(kernel.on(_box(dim, "open")))
            for masses in (None, np.linspace(1.0, 2.0, size)):
                cost = fastest(lambda: forces(x, 1.0, masses), 5)  # noqa: B023
                name = f"direct, {type(kernel).__name__}{'' if masses is None else ', circulations'}"
                yield Row(name, 1e9 * cost / size**2, "ns/pair", f"{cost / floor:.2f} x the loop by hand")


def fast_sums(sizes: tuple[int, ...] = (10**5, 10**6)) -> Iterator[Row]:
    """Fast sums at 1e-6; and, at the sizes where ``auto`` changes over, beside direct ones."""
    for (dim, periodic), crossover in CROSSOVER.items():
        domain = LogGas(dim).on(_box(dim, "periodic" if periodic else "open"))
        forces, direct = FastForces(domain), DirectForces(domain)
        where = "torus" if periodic else "open"
        for size in (crossover, *(sizes if periodic else sizes[:1])):
            x = np.random.default_rng(0).random((size, dim))
            cost = fastest(lambda: forces(x, 1.0), 2)  # noqa: B023
            ratio = ""
            if size == crossover:
                slow = fastest(lambda: direct(x, 1.0), 1)  # noqa: B023
                ratio = f"{slow / cost:.2f} x faster than direct"
            yield Row(f"fast, {dim}D {where}, N = {size}", cost, "s", ratio)


def sampling(size: int = 10**6) -> Iterator[Row]:
    problem = mf.problems.landau_damping(amplitude=0.5)
    density = mf.solve(problem, [0.0], save=("density",), progress=False).density.isel(time=0)
    generator = np.random.default_rng(0)
    normal = fastest(lambda: generator.normal(size=(size, 2)), 3)
    for name, law in (("catalogue law", problem.law), ("gridded law", mf.laws.from_density(density))):
        cost = fastest(lambda: law.rvs(size, generator), 3)  # noqa: B023
        yield Row(f"sampling a {name}", 1e9 * cost / size, "ns/point", f"{cost / normal:.1f} x two normals")


def distances() -> Iterator[Row]:
    problem = mf.problems.landau_damping()
    density = mf.solve(problem, [0.0], save=("density",), progress=False).density.isel(time=0)
    for size in (16384, 10**6):
        points = problem.law.rvs(size, np.random.default_rng(0))
        sort = fastest(lambda: np.sort(points[:, 0]), 5)  # noqa: B023
        for name in ("wasserstein", "sobolev", "weak_error", "sliced_wasserstein"):
            target = mf.chaos.metric_from(name).target(density)
            cost = fastest(lambda: target.distance(points), 3)  # noqa: B023
            yield Row(f"{name}, N = {size}", 1e3 * cost, "ms", f"{cost / sort:.1f} x numpy.sort")
    yield from _peers(problem, density)


def _peers(problem: Any, density: Any) -> Iterator[Row]:
    """W1 on the circle of 16 384 points against as many others by POT, if it is installed."""
    if find_spec("ot") is None:
        return
    import ot

    size = 16384
    points = problem.law.rvs(size, np.random.default_rng(0))
    L = density.x.attrs["upper"]
    other = problem.law.rvs(size, np.random.default_rng(1))[:, 0] / L
    ours = fastest(lambda: mf.chaos.metric_from("wasserstein").target(density).distance(points), 5)
    theirs = fastest(lambda: ot.wasserstein_circle(points[:, 0] / L, other, p=1), 2)
    yield Row(
        f"POT wasserstein_circle, N = {size}",
        1e3 * theirs,
        "ms",
        f"{theirs / ours:.0f} x ours, set-up included",
    )


def crowded(size: int = 10**6) -> Iterator[Row]:
    """Fast sums at 1e-6 of points on the whole space that crowd in the middle of it."""
    x = np.random.default_rng(0).normal(size=(size, 3))
    forces = FastForces(Coulomb(3).on(_box(3, "open")))
    yield Row(f"fast, 3D open, normal points, N = {size}", fastest(lambda: forces(x, 1.0), 1), "s")


def a_million(size: int = 10**6) -> Iterator[Row]:
    """Whole calls of simulate, sampling and two to five steps included, and the memory of the process."""
    from resource import RUSAGE_SELF, getrusage

    cases = {
        "1D Landau damping, sorted": (mf.problems.landau_damping(amplitude=0.3), 0.1, 5),
        "2D Taylor-Green vortices, fast": (mf.problems.taylor_green(), 0.01, 2),
    }
    for name, (problem, dt, steps) in cases.items():
        times = [0.0, steps * dt]
        mf.simulate(problem, 100, times, dt=dt, progress=False)
        cost = fastest(lambda: mf.simulate(problem, size, times, dt=dt, progress=False), 1)  # noqa: B023
        peak = getrusage(RUSAGE_SELF).ru_maxrss / 1e6
        yield Row(f"simulate, {name}, {steps} steps, N = {size}", cost, "s", f"{peak:.2g} GB at most so far")


def run(large: bool = False) -> list[Row]:
    """Every measurement of this file; with ``large`` also those that take minutes or gigabytes."""
    rows = [*pair_sums(), *pair_sums_in_space(), *fast_sums(), *sampling(), *distances()]
    return [*rows, *a_million(), *crowded()] if large else rows

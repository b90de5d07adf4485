"""Pair sums, sampling and distances, beside floors and peers."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from numba import njit
from timing import Array, Row, fastest

import mfpde as mf
from mfpde.particles.forces import DirectForces, SortedForces
from mfpde_solvers.kernels import Coulomb, Custom, Kuramoto


@njit(fastmath=True)
def _by_hand(x: Array, c: float, L: float, out: Array) -> None:
    for i in range(x.size):
        total = 0.0
        for j in range(x.size):
            z = x[i] - x[j]
            z -= L * np.floor(z / L + 0.5)
            total += c * (np.sign(z) - 2 * z / L)
        out[i] = total


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


def run() -> list[Row]:
    """Every measurement of this file."""
    return [*pair_sums(), *sampling(), *distances()]

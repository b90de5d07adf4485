"""Distances between points and a Gaussian density: error and time, beside POT and, for Sobolev's, plain sums.

The true values: along a line the sum over the points of ∫|z − xᵢ|ᵖ φ(z) dz between quantiles, in closed form;
the sliced distance is its mean over very many directions, as every projection is Gaussian; and where the
points are a product of monotone images of quantiles, optimal transport of the plane is that of the two axes.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from precision import Case, Point, measured, peers
from scipy.special import ndtr, ndtri
from timing import Array

import mfpde as mf
from mfpde.chaos.transport.semi_discrete import SemiDiscrete
from mfpde.problems import harmonic

HALF = 8.0


def normal_cost(x: Array, p: int) -> float:
    """W_pᵖ of equal masses at points of a line and the normal law."""
    x, n = np.sort(x), len(x)
    z = ndtri(np.arange(n + 1) / n)

    def below(a: Array) -> tuple[Array, Array, Array]:
        """∫φ, ∫zφ and ∫z²φ up to a."""
        φ = np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi)
        return ndtr(a), -φ, ndtr(a) - np.where(np.isfinite(a), a, 0.0) * φ

    m0, m1, m2 = (np.array(below(z)[i]) for i in range(3))
    if p == 2:
        return float((np.diff(m2) - 2 * x * np.diff(m1) + x**2 * np.diff(m0)).sum())
    middle = below(np.clip(x, z[:-1], z[1:]))
    under = x * (middle[0] - m0[:-1]) - (middle[1] - m1[:-1])
    over = (m1[1:] - middle[1]) - x * (m0[1:] - middle[0])
    return float((under + over).sum())


def gaussian(dim: int, cells: int) -> xr.DataArray:
    """The normal density at the centres of a grid, as the library's datasets have it."""
    axes = tuple(mf.Axis(name, -HALF, HALF, cells, "open") for name in "xy"[:dim])
    problem = harmonic(dim).replace(grid=mf.Grid(axes))
    return mf.solve(problem, [0.0], save=("density",), progress=False).density.isel(time=0)


def cloud(density: xr.DataArray) -> tuple[Array, Array]:
    """Cell centres and their masses."""
    ρ = density.values.reshape(-1)
    axes = [density[name].values for name in density.dims]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(len(ρ), -1), ρ / ρ.sum()


def case(method: str, resolution: str, work: Callable[[], Any], exact: float) -> Case:
    return Case(method, resolution, lambda: work, lambda value: abs(value / exact - 1))


def on_a_line(size: int = 10**5) -> tuple[str, list[Case]]:
    x = np.random.default_rng(0).normal(size=(size, 1)) * 1.1
    exact = normal_cost(x[:, 0], 1)

    def ours(cells: int) -> Case:
        density = gaussian(1, cells)
        measure = mf.chaos.metric_from("wasserstein")
        return case("mfpde", f"{cells} cells", lambda: measure.target(density).distance(x), exact)

    def pot() -> list[Case]:
        import ot

        def make(cells: int) -> Case:
            z, mass = cloud(gaussian(1, cells))
            clouds = (x[:, 0], z[:, 0], np.full(size, 1 / size), mass)
            name = "POT, wasserstein_1d"
            return case(name, f"{cells} cells", lambda: float(ot.wasserstein_1d(*clouds, p=1)), exact)

        return [make(cells) for cells in (64, 256, 1024)]

    return f"W1 on a line, N = {size}", [*map(ours, (64, 256, 1024)), *peers(pot)]


def sliced(size: int = 10**4, cells: int = 256) -> tuple[str, list[Case]]:
    x = np.random.default_rng(0).normal(size=(size, 2)) * (1.2, 0.9)
    angles = np.pi * np.arange(720) / 720
    directions = np.stack([np.cos(angles), np.sin(angles)])
    exact = float(np.sqrt(np.mean([normal_cost(y, 2) for y in (x @ directions).T])))
    density = gaussian(2, cells)

    def ours(count: int) -> Case:
        measure = mf.chaos.SlicedWasserstein(2, count)
        return case("mfpde", f"{count} directions", lambda: measure.target(density).distance(x), exact)

    def pot() -> list[Case]:
        import ot

        z, mass = cloud(density)

        def make(count: int) -> Case:
            def work() -> float:
                return float(ot.sliced_wasserstein_distance(x, z, b=mass, n_projections=count, p=2, seed=1))

            return case("POT, sliced", f"{count} directions", work, exact)

        return [make(count) for count in (8, 32, 128)]

    return f"Sliced W2, N = {size}", [*map(ours, (8, 16, 32)), *peers(pot)]


def in_the_plane(side: int = 24) -> tuple[str, list[Case]]:
    quantiles = ndtri((np.arange(side) + 0.5) / side)
    moved = 1.1 * quantiles + 0.1 * np.sin(quantiles)
    x = np.stack(np.meshgrid(moved, moved, indexing="ij"), axis=-1).reshape(-1, 2)
    exact = float(np.sqrt(2 * normal_cost(moved, 2)))

    def ours(cells: int) -> Case:
        density = gaussian(2, cells)
        name = "mfpde, semi-discrete"
        return case(name, f"{cells}² cells", lambda: SemiDiscrete().target(density).distance(x), exact)

    def pot() -> list[Case]:
        import ot

        def make(cells: int) -> Case:
            z, mass = cloud(gaussian(2, cells))
            z, mass = z[mass > 1e-12], mass[mass > 1e-12]
            mass = mass / mass.sum()
            equal = np.full(len(x), 1 / len(x))

            def work() -> float:
                return float(np.sqrt(ot.emd2(equal, mass, ot.dist(x, z), numItermax=10**7)))

            return case("POT, emd2", f"{cells}² cells", work, exact)

        return [make(cells) for cells in (32, 64, 96)]

    return f"W2 in the plane, N = {side**2}", [*map(ours, (32, 64, 128)), *peers(pot)]


def sobolev(size: int = 10**4, modes: int = 32) -> tuple[str, list[Case]]:
    """No package is known for it; the plain sum over points and modes is exact for the same density."""
    x = np.random.default_rng(0).normal(size=(size, 2)) * 1.1
    k = np.pi / HALF * np.arange(-modes, modes + 1)
    factor = (1 + k[:, None] ** 2 + k**2) ** -2.0
    transform = np.exp(-(k[:, None] ** 2 + k**2) / 2)

    def plain() -> float:
        waves = [np.exp(-1j * np.outer(k, y)) for y in x.T]
        gap = waves[0] @ waves[1].T / size - transform
        return float(np.sqrt((factor * np.abs(gap) ** 2).sum()))

    exact = plain()

    def ours(cells: int) -> Case:
        density = gaussian(2, cells)
        measure = mf.chaos.metric_from("sobolev")
        return case("mfpde", f"{cells}² cells", lambda: measure.target(density).distance(x), exact)

    return f"H^-2 norm, N = {size}", [
        *map(ours, (32, 64, 128)),
        case("plain sums", "the reference", plain, exact),
    ]


def run() -> Iterator[Point]:
    """Relative errors of the value."""
    for problem in (on_a_line, sliced, in_the_plane, sobolev):
        yield from measured(*problem())

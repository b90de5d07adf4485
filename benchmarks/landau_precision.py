"""Maxwell molecules along the solution of Bobylev, Krook and Wu: error and time, beside a plain FFT operator.

No Python package with the Landau operator is known; the peer is the operator as a paper writes it, with
padded NumPy transforms and the classical Runge–Kutta method, steps of the order of the cell squared.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from landau import cube
from precision import Case, Point, measured
from timing import Array

from mfpde.problems import bkw
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau import ConservativeLandau, SpectralLandau

HORIZON, HALF = 0.1, 7.0
EXACT = bkw(2).exact


def start(cells: int) -> tuple[Grid, Array]:
    grid = cube(2, cells, HALF)
    return grid, EXACT(0.0, grid.points)


def ours(solver: SpectralLandau | ConservativeLandau, cells: int, steps: int) -> Callable[[], Array]:
    grid, f = start(cells)
    with warnings.catch_warnings():  # of cells too wide, as some are here on purpose
        warnings.simplefilter("ignore")
        run = solver.prepare(Landau(2, 0.0), grid, f, HORIZON / steps)

    def work() -> Array:
        list(evolve(run, [HORIZON]))
        return run.observe()["density"]

    return work


def operator(grid: Grid) -> Callable[[Array], Array]:
    """Q(f) = (a∗f):∇²f − (c∗f) f with a = |z|² I − z⊗z and c = ∇·∇·a = −2, by NumPy."""
    n, h = grid.shape[0], grid.spacing[0]
    z = h * np.fft.fftfreq(2 * n, 1 / (2 * n))
    x, y = np.meshgrid(z, z, indexing="ij")
    kernels = [np.fft.rfft2(a * h**2) for a in (y * y, -x * y, x * x)]
    k, q = np.fft.fftfreq(n, h / (2 * np.pi)), np.fft.rfftfreq(n, h / (2 * np.pi))
    second = (-(k[:, None] ** 2) + 0 * q, -k[:, None] * q, -(q**2) + 0 * k[:, None])

    def Q(f: Array) -> Array:
        padded, spectrum = np.fft.rfft2(f, s=(2 * n, 2 * n)), np.fft.rfft2(f)
        a, b, c = (np.fft.irfft2(kernel * padded)[:n, :n] for kernel in kernels)
        fxx, fxy, fyy = (np.fft.irfft2(D * spectrum, s=f.shape) for D in second)
        return a * fxx + 2 * b * fxy + c * fyy + 2 * f.sum() * h**2 * f

    return Q


def plain(cells: int, steps: int) -> Callable[[], Array]:
    grid, first = start(cells)
    Q, dt = operator(grid), HORIZON / steps

    def work() -> Array:
        f = first
        for _ in range(steps):
            k1 = Q(f)
            k2 = Q(f + dt / 2 * k1)
            k3 = Q(f + dt / 2 * k2)
            f = f + dt / 6 * (k1 + 2 * k2 + 2 * k3 + Q(f + dt * k3))
        return f

    return work


def run() -> Iterator[Point]:
    """Largest error at time 0.1, relative to the largest density."""

    def error(f: Array) -> float:
        exact = EXACT(HORIZON, cube(2, len(f), HALF).points)
        return float(np.abs(f - exact).max() / exact.max())

    def cases(
        name: str, make: Callable[[int, int], Callable[[], Array]], *ladder: tuple[int, int]
    ) -> list[Case]:
        return [Case(name, f"{n}², {m} steps", partial(make, n, m), error) for n, m in ladder]

    spectral = partial(ours, SpectralLandau(tolerance=1e-9))
    conservative = partial(ours, ConservativeLandau(tolerance=1e-9))
    yield from measured(
        "Landau",
        [
            *cases("mfpde, spectral", spectral, (24, 2), (32, 2), (40, 4), (48, 8)),
            *cases("mfpde, conservative", conservative, (32, 2), (48, 4), (64, 8)),
            *cases("plain FFT operator, NumPy", plain, (24, 80), (32, 180), (40, 300)),
        ],
    )

"""Nonlinear Landau damping: error of the field energy and time, beside solvers written plainly.

No solver of this equation is known in the package index (VlaPy and ADEPT are installed from their
repositories), so the peers stand in this file: cubic splines by SciPy, and leapfrog with Fourier shifts by
NumPy and by JAX.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from precision import Case, Point, measured, peers
from timing import Array

from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import SemiLagrangian

L, V = 4 * np.pi, 8.0
HORIZON, RECORDS = 20.0, 10
AMPLITUDE = 0.5


def start(cells: int) -> tuple[Grid, Array]:
    """Density of mass L on cells x 2 cells."""
    grid = Grid((Axis("x", 0.0, L, cells), Axis("v", -V, V, 2 * cells, "open")))
    x, v = np.moveaxis(grid.points, -1, 0)
    return grid, (1 + AMPLITUDE * np.cos(x / 2)) * np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi)


def field(f: Array, xp: Any = np) -> Array:
    """E with ∂ₓE = ∫f dv − 1 and mean 0."""
    n = f.shape[0]
    k = 2 * np.pi / L * np.arange(n // 2 + 1)
    ρ = xp.fft.rfft(f.sum(axis=1) * (2 * V / f.shape[1]))
    return xp.fft.irfft(ρ * np.where(k > 0, -1j / np.where(k > 0, k, 1.0), 0.0), n)


def energy(f: Array) -> float:
    """½∫E² dx."""
    return float((np.asarray(field(f)) ** 2).sum() * L / len(f) / 2)


def ours(solver: SemiLagrangian, cells: int, steps: int) -> Callable[[], list[float]]:
    grid, f = start(cells)
    run = solver.prepare(Vlasov(Coulomb(1, L / 2)), grid, f / L, HORIZON / steps)
    times = np.linspace(0, HORIZON, RECORDS + 1)[1:]
    return lambda: [energy(L * run.observe()["density"]) for _ in evolve(run, times)]


def _shifted(f: Array, cells: Array, axis: int) -> Array:
    """Values moved by so many cells along an axis, a cubic spline on a circle."""
    from scipy.ndimage import spline_filter1d

    c = np.moveaxis(spline_filter1d(f, 3, axis, mode="grid-wrap"), axis, 1)
    whole = np.floor(-cells).astype(int)
    t = -cells - whole
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3)
    place = np.arange(c.shape[1]) + whole[:, None]
    total = sum(
        w[:, None] / 6 * np.take_along_axis(c, (place + j - 1) % c.shape[1], axis=1)
        for j, w in enumerate(weights)
    )
    return np.moveaxis(total, 1, axis)


def splines(cells: int, steps: int) -> Callable[[], list[float]]:
    """Cheng and Knorr's splitting with SciPy's cubic splines."""
    grid, f = start(cells)
    v, (hx, hv), dt = grid.coordinates[1], grid.spacing, HORIZON / steps

    def work(f: Array = f) -> list[float]:
        energies = []
        for n in range(steps):
            f = _shifted(f, v * dt / 2 / hx, 0)
            f = _shifted(f, field(f) * dt / hv, 1)
            f = _shifted(f, v * dt / 2 / hx, 0)
            if (n + 1) % (steps // RECORDS) == 0:
                energies.append(energy(f))
        return energies

    return work


def leapfrog(xp: Any, cells: int, steps: int) -> tuple[Callable[[Array], Array], Array]:
    """One step by Fourier shifts in both directions, written for NumPy and JAX alike."""
    grid, f = start(cells)
    v, dt, n = grid.coordinates[1], HORIZON / steps, 2 * cells
    kx = 2 * np.pi / L * np.arange(cells // 2 + 1)
    kv = np.pi / V * np.arange(n // 2 + 1)
    half = np.exp(-0.5j * dt * kx[:, None] * v)

    def step(f: Array) -> Array:
        f = xp.fft.irfft(half * xp.fft.rfft(f, axis=0), cells, axis=0)
        f = xp.fft.irfft(xp.exp(-1j * dt * kv * field(f, xp)[:, None]) * xp.fft.rfft(f, axis=1), n, axis=1)
        return xp.fft.irfft(half * xp.fft.rfft(f, axis=0), cells, axis=0)

    return step, f


def by_numpy(cells: int, steps: int) -> Callable[[], list[float]]:
    step, first = leapfrog(np, cells, steps)

    def work() -> list[float]:
        f, energies = first, []
        for _ in range(RECORDS):
            for _ in range(steps // RECORDS):
                f = step(f)
            energies.append(energy(f))
        return energies

    return work


@cache
def by_jax(cells: int, steps: int) -> Callable[[], list[float]]:
    import jax

    jax.config.update("jax_enable_x64", True)
    step, first = leapfrog(jax.numpy, cells, steps)
    advance = jax.jit(lambda f: jax.lax.fori_loop(0, steps // RECORDS, lambda _, f: step(f), f))

    def work() -> list[float]:
        f, energies = first, []
        for _ in range(RECORDS):
            f = advance(f)
            energies.append(energy(np.asarray(f)))
        return energies

    advance(first)
    return work


def run() -> Iterator[Point]:
    """Largest error of the field energy at ten times, relative to its first value."""
    exact = np.array(ours(SemiLagrangian("fourier", "force_gradient"), 256, 200)())
    scale = energy(start(64)[1])

    def error(energies: list[float]) -> float:
        return float(np.abs(energies - exact).max() / scale)

    def cases(method: str, make: Callable[[int, int], Any], ladder: Any) -> list[Case]:
        return [
            Case(method, f"{n} x {2 * n}, {m} steps", lambda n=n, m=m: make(n, m), error) for n, m in ladder
        ]

    def jax() -> list[Case]:
        import jax  # noqa: F401

        return cases("leapfrog, JAX", by_jax, plain)

    plain = ((32, 100), (64, 400), (128, 800))
    default, fourier = SemiLagrangian(), SemiLagrangian("fourier", "force_gradient")
    strang = SemiLagrangian(splitting="strang")
    yield from measured(
        "Vlasov–Poisson",
        [
            *cases("mfpde, default", lambda n, m: ours(default, n, m), ((32, 30), (64, 50), (128, 100))),
            *cases("mfpde, Strang", lambda n, m: ours(strang, n, m), plain),
            *cases("mfpde, Fourier", lambda n, m: ours(fourier, n, m), ((32, 20), (64, 30), (128, 60))),
            *cases("cubic splines, SciPy", splines, plain),
            *cases("leapfrog, NumPy", by_numpy, plain),
            *peers(jax),
        ],
    )

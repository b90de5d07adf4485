"""Unstable layers of shear on a torus: error of the vorticity and time, beside fluidsim, exponax, jax-cfd."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from navier_stokes import PEERS, Stepper, ours
from precision import Case, Point, measured, peers
from timing import Array

from mfpde_solvers.grid import Axis, Grid

VISCOSITY, HORIZON = 1e-3, 8.0
LADDER = ((64, 80), (128, 160), (192, 320))
FINE = (384, 800)


def start(cells: int) -> tuple[Grid, Array]:
    """Two opposite layers of thickness ½, and a wave that wakes the instability."""
    grid = Grid(tuple(Axis(name, 0.0, 2 * np.pi, cells) for name in "xy"))
    x, y = np.moveaxis(grid.points, -1, 0)
    return grid, np.sin(y) / 0.5 / np.cosh(np.cos(y) / 0.5) ** 2 + 0.1 * np.cos(x)


def work(make: Callable[..., Stepper], cells: int, steps: int) -> Callable[[], Array]:
    """All steps, of a stepper that is compiled."""
    grid, ω = start(cells)
    stepper = make(grid, ω, HORIZON / steps, VISCOSITY)

    def advance() -> Array:
        for _ in range(steps):
            stepper.step()
        return stepper.vorticity()

    return advance


def resampled(ω: Array, cells: int) -> Array:
    """The trigonometric interpolant at the centres of fewer cells."""
    n, m = len(ω), (cells - 1) // 2
    k = np.fft.fftfreq(cells, 1 / cells)
    kept = (np.abs(k) <= m)[:, None] & (np.abs(k[: cells // 2 + 1]) <= m)
    phase = np.exp(1j * k * np.pi * (1 / cells - 1 / n))
    ω_hat = np.fft.rfft2(ω)[k.astype(int)][:, : cells // 2 + 1]
    return (
        np.fft.irfft2(kept * phase[:, None] * phase[: cells // 2 + 1] * ω_hat, (cells, cells))
        * (cells / n) ** 2
    )


def run() -> Iterator[Point]:
    """Largest error relative to the largest vorticity; all methods take the same steps, of four stages."""
    exact = work(ours, *FINE)()

    def error(ω: Array) -> float:
        expected = resampled(exact, len(ω))
        return float(np.abs(ω - expected).max() / np.abs(expected).max())

    def cases(method: str, make: Callable[..., Stepper]) -> list[Case]:
        grid, ω = start(8)
        make(grid, ω, 0.1, VISCOSITY)  # fails here if it is not installed
        return [Case(method, f"{n}², {m} steps", partial(work, make, n, m), error) for n, m in LADDER]

    def named(peer: Any) -> Callable[[], list[Case]]:
        def maker() -> list[Case]:
            return cases(peer.__name__.replace("_", "-"), peer)

        maker.__name__ = peer.__name__
        return maker

    yield from measured("Navier–Stokes", [*cases("mfpde", ours), *peers(*map(named, PEERS))])

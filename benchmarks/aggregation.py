"""Finite volumes for the equation of Keller and Segel: a step, and the error that a second of it buys."""

from collections.abc import Iterator

import numpy as np
from timing import Array, Row, copy_floor, fastest

from mfpde_solvers.equations import KellerSegel
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume

EQUATION = KellerSegel(4 * np.pi)
HORIZON, CENTRE = 1.0, 0.10149733907  # ρ(0, 1) of the radial equation


def start(cells: int, boundary: str = "open") -> tuple[Grid, Array]:
    """A Gaussian in the plane, or on a torus."""
    grid = Grid(tuple(Axis(name, -10.0, 10.0, cells, boundary) for name in "xy"))
    return grid, np.exp(-(grid.points**2).sum(axis=-1) / 2) / (2 * np.pi)


def steps() -> Iterator[Row]:
    """Accepted steps of both schemes, with their one or two fields, error estimate and energy."""
    for cells in (128, 256, 512):
        for scheme in ("implicit", "explicit"):
            for boundary in ("open", "periodic"):
                grid, ρ = start(cells, boundary)
                run = FiniteVolume(scheme).prepare(EQUATION, grid, ρ)
                for _ in range(10):
                    run.step(HORIZON)
                seconds = fastest(lambda run=run: run.step(100.0), 2**22 // cells**2)
                floor = copy_floor(ρ)
                label = f"{scheme} step, {boundary}, {cells}²"
                nanoseconds = 1e9 * seconds / cells**2
                yield Row(
                    label, 1e3 * seconds, "ms", f"{nanoseconds:.0f} ns/cell, {seconds / floor:.0f} × copy"
                )


def centre(ρ: Array) -> float:
    """ρ at the corner in the middle, by trigonometric interpolation."""
    n = len(ρ)
    θ = 2 * np.pi * (np.arange(n) + 0.5 - n / 2) / n
    w = np.sin(n * θ / 2) / (n * np.tan(θ / 2))
    return float(w @ ρ @ w)


def errors() -> Iterator[Row]:
    """Whole runs to t = 1 at half the critical mass."""
    for cells in (64, 128, 256):
        for scheme in ("implicit", "explicit"):
            grid, ρ = start(cells)

            def work(scheme: str = scheme, grid: Grid = grid, ρ: Array = ρ) -> float:
                run = FiniteVolume(scheme).prepare(EQUATION, grid, ρ)
                list(evolve(run, [HORIZON]))
                return abs(centre(run.observe()["density"]) / CENTRE - 1)

            error = work()
            yield Row(f"{scheme} to t = 1, {cells}²", 1e3 * fastest(work, 1), "ms", f"error {error:.1e}")


def run() -> list[Row]:
    """Every measurement of this file."""
    return [*steps(), *errors()]


if __name__ == "__main__":
    for row in run():
        print(f"{row.name:40} {row.value:9.3g} {row.unit:4} {row.ratio}")

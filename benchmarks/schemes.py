"""Work and precision of the splittings and of the interpolations: the error reached, and what it costs."""

from collections.abc import Iterator

import numpy as np
from timing import Array, Row, fastest

from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.stepping import SPLITTINGS
from mfpde_solvers.vlasov import SemiLagrangian

L = 4 * np.pi
EQUATION = Vlasov(Coulomb(1, L / 2))
HORIZON = 6.0


def wave(cells: int) -> tuple[Grid, Array]:
    """Nonlinear Landau damping, amplitude 0.3, on cells x 2 cells."""
    grid = Grid((Axis("x", 0.0, L, cells), Axis("v", -8.0, 8.0, 2 * cells, "open")))
    x, v = np.moveaxis(grid.points, -1, 0)
    return grid, (1 + 0.3 * np.cos(x / 2)) * np.exp(-(v**2) / 2) / (L * np.sqrt(2 * np.pi))


def end(solver: SemiLagrangian, cells: int, steps: int) -> Array:
    grid, f = wave(cells)
    run = solver.prepare(EQUATION, grid, f, HORIZON / steps)
    list(evolve(run, [HORIZON]))
    return run.observe()["density"]


def measured(name: str, solver: SemiLagrangian, cells: int, steps: int, exact: Array) -> Row:
    error = np.abs(end(solver, cells, steps) - exact).max() / exact.max()
    seconds = fastest(lambda: end(solver, cells, steps), 2)
    return Row(name, 1e3 * seconds, "ms", f"error {error:.1e}")


def splittings(cells: int = 128) -> Iterator[Row]:
    """Errors of the step alone, on one grid with shifts that are exact on it."""
    exact = end(SemiLagrangian("fourier", "force_gradient"), cells, 120)
    for name, splitting in SPLITTINGS.items():
        for stages in (60, 120, 240, 480):
            steps = stages // len(splitting.drifts)
            label = f"{name}, {steps} steps of {len(splitting.drifts)} stages"
            yield measured(label, SemiLagrangian("fourier", splitting), cells, steps, exact)


def interpolations() -> Iterator[Row]:
    """Errors of the cells alone: one time step for all grids, every third cell of the finest one."""
    steps = 12
    for cells in (32, 64, 96):
        exact = end(SemiLagrangian("fourier", "force_gradient"), 3 * cells, steps)[1::3, 1::3]
        for degree in (3, 5, 7, 9, "fourier"):
            label = f"degree {degree}, {cells} x {2 * cells}"
            yield measured(label, SemiLagrangian(degree, "force_gradient"), cells, steps, exact)


def run() -> list[Row]:
    """Every measurement of this file."""
    return [*splittings(), *interpolations()]

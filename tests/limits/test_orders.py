"""Measured orders of the whole solver, in the step and in the cells, on the torus and on the line.

The order in the cells is that at a fixed step, long enough for a shift to cross several cells: below one
cell per shift the error of a shift is proportional to the shift, and the order measured one less.
"""

import numpy as np
import pytest

from mfpde import laws
from mfpde.problems import Problem
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Harmonic
from mfpde_solvers.stepping import SPLITTINGS
from mfpde_solvers.vlasov import SemiLagrangian

T = 2.0


def torus(sign, cells):
    """A drifting perturbed plasma (+) or star cloud (−)."""
    L = 4 * np.pi
    grid = Grid((Axis("x", 0.0, L, cells), Axis("v", -6.0, 6.0, 2 * cells, "open")))
    law = laws.Perturbed(0.5, 0.3, laws.Maxwellian(0.3, 0.7))
    return Problem(Vlasov(Coulomb(1, sign * L / 2)), law, grid, T)


def line(sign, cells):
    """A moving Gaussian that spreads (+) or falls together (−)."""
    grid = Grid((Axis("x", -10.0, 10.0, 2 * cells, "open"), Axis("v", -8.0, 8.0, cells, "open")))
    law = laws.Product((laws.Maxwellian(0.2, 1.0), laws.Maxwellian(0.3, 1.0)))
    return Problem(Vlasov(Coulomb(1, 0.6 * sign)), law, grid, T / 2)


def density_at_the_end(problem, dt, solver):
    run = solver.prepare(problem.equation, problem.grid, laws.on_grid(problem.law, problem.grid), dt)
    assert [instant.time for instant in evolve(run, [problem.horizon])] == [problem.horizon]
    return run.observe()["density"]


def norm(error):
    """Root mean square over the cells."""
    return np.sqrt(np.mean(error**2))


def slopes(errors, sizes):
    """Order between neighbouring sizes (cells, or steps per unit of time)."""
    return -np.diff(np.log(errors)) / np.diff(np.log(sizes))


both_domains = pytest.mark.parametrize("domain", [torus, line])
both_signs = pytest.mark.parametrize("sign", [1, -1], ids=["electrostatic", "gravitational"])


@both_domains
@both_signs
@pytest.mark.parametrize("name", ["strang", "blanes_moan"])  # test_force_gradient.py has the sixth order
def test_order_in_the_step(domain, sign, name):
    problem, solver = domain(sign, 256), SemiLagrangian(splitting=name)
    exact = density_at_the_end(problem, problem.horizon / 128, SemiLagrangian())
    steps = np.array([6, 12, 24])
    errors = [norm(density_at_the_end(problem, problem.horizon / n, solver) - exact) for n in steps]
    assert np.abs(slopes(errors, steps) - SPLITTINGS[name].order).max() < 0.25


CELLS = {3: (128, 200), 5: (128, 200), 7: (128, 200), 9: (120, 150)}


@both_domains
@both_signs
@pytest.mark.parametrize("degree", CELLS)
def test_order_in_the_cells(domain, sign, degree):
    """Against a run of the highest degree on three times as many cells, whose centres include the coarse."""
    solver, best = SemiLagrangian(degree, "strang"), SemiLagrangian(9, "strang")
    errors, sizes = [], CELLS[degree]
    dt = domain(sign, 8).horizon / 2
    for n in sizes:
        fine = density_at_the_end(domain(sign, 3 * n), dt, best)
        errors.append(norm(density_at_the_end(domain(sign, n), dt, solver) - fine[1::3, 1::3]))
    assert slopes(errors, sizes) == pytest.approx(degree + 1, abs=0.25)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("degree", CELLS)
def test_order_against_the_exact_composition_on_the_line(degree, positive):
    """A harmonic kernel makes each kick and drift linear: f after n steps is f₀ ∘ M⁻ⁿ, M a known matrix."""
    solver = SemiLagrangian(degree, "strang", positive)
    law = laws.Product((laws.Maxwellian(0.0, 0.9), laws.Maxwellian(0.0, 1.1)))
    back = np.linalg.matrix_power(composition(solver.splitting, 1.0, 1.0), -2)
    errors, sizes = [], CELLS[degree]
    for n in sizes:
        axes = (Axis("x", -9.0, 9.0, n, "open"), Axis("v", -9.0, 9.0, n, "open"))
        problem = Problem(Vlasov(Harmonic(1, 1.0)), law, Grid(axes), T)
        f = density_at_the_end(problem, 1.0, solver)
        errors.append(norm(f - law.pdf(problem.grid.points @ back.T)))
    assert slopes(errors, sizes) == pytest.approx(degree + 1, abs=0.25)


def composition(splitting, a, h):
    """The matrix of one step on (x, v) with the force −a x."""
    M = np.eye(2)
    for stage, kick in enumerate(splitting.kicks):
        M = np.array([[1, 0], [-a * h * kick, 1]]) @ M
        if stage < len(splitting.drifts):
            M = np.array([[1, h * splitting.drifts[stage]], [0, 1]]) @ M
    return M


@pytest.mark.parametrize("degree", CELLS)
def test_order_of_free_streaming_on_the_torus(degree):
    """Without a force f(t, x, v) = f₀(x − vt, v), whatever the step."""
    errors, sizes = [], {3: (64, 80), 5: (32, 40), 7: (32, 40), 9: (24, 32)}[degree]
    law = laws.Perturbed(0.5, 0.5, laws.Maxwellian())
    for n in sizes:
        grid = Grid((Axis("x", 0.0, 4 * np.pi, n), Axis("v", -8.5, 8.5, 400, "open")))
        f = density_at_the_end(Problem(Vlasov(Coulomb(1, 0.0)), law, grid, T), T, SemiLagrangian(degree))
        origins = grid.points - T * np.stack([grid.points[..., 1], np.zeros(grid.shape)], axis=-1)
        errors.append(norm(f - law.pdf(origins)))
    assert slopes(errors, sizes) == pytest.approx(degree + 1, abs=0.25)

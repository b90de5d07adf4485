"""Measured orders of the whole solver, in the step and in the cells, on the torus and on the line."""

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
    grid = Grid((Axis("x", -11.0, 11.0, cells, "open"), Axis("v", -7.0, 7.0, cells, "open")))
    law = laws.Product((laws.Maxwellian(0.2, 1.0), laws.Maxwellian(0.3, 0.7)))
    return Problem(Vlasov(Coulomb(1, 0.6 * sign)), law, grid, T)


def density_modes(problem, dt, solver):
    """Three Fourier coefficients of ρ(T): functionals that every grid computes to spectral accuracy."""
    run = solver.prepare(problem.equation, problem.grid, laws.on_grid(problem.law, problem.grid), dt)
    assert [instant.time for instant in evolve(run, [T])] == [T]
    grid, axis = problem.grid, problem.grid["x"]
    ρ = grid.integrate(run.observe()["density"], ["v"])
    waves = np.exp(-2j * np.pi / axis.length * np.outer([1, 2, 3], axis.points))
    return waves @ ρ * axis.spacing


def slopes(errors, sizes):
    """Order between neighbouring sizes (cells, or steps per unit of time)."""
    return -np.diff(np.log(errors)) / np.diff(np.log(sizes))


both_domains = pytest.mark.parametrize("domain", [torus, line])
both_signs = pytest.mark.parametrize("sign", [1, -1], ids=["electrostatic", "gravitational"])


@both_domains
@both_signs
@pytest.mark.parametrize("name", SPLITTINGS)
def test_order_in_the_step(domain, sign, name):
    problem = domain(sign, 144)
    exact = density_modes(problem, 1 / 64, SemiLagrangian())
    steps = np.array([4, 8, 16])
    solver = SemiLagrangian(splitting=name)
    errors = [np.abs(density_modes(problem, 1 / n, solver) - exact).max() for n in steps]
    assert np.abs(slopes(errors, steps) - SPLITTINGS[name].order).max() < 0.25


CELLS = {3: (128, 160, 200), 5: (112, 140, 176), 7: (96, 120, 150), 9: (80, 100, 124)}


@both_domains
@both_signs
@pytest.mark.parametrize("degree", CELLS)
def test_order_in_the_cells(domain, sign, degree):
    """At a fixed step, which cancels against a run on a finer grid with the highest degree."""
    exact = density_modes(domain(sign, 320), 0.25, SemiLagrangian())
    sizes = CELLS[degree]
    solver = SemiLagrangian(degree=degree)
    errors = [np.abs(density_modes(domain(sign, n), 0.25, solver) - exact).max() for n in sizes]
    order = slopes([errors[0], errors[-1]], [sizes[0], sizes[-1]])
    assert order == pytest.approx(degree + 1, abs=0.25)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("degree", CELLS)
def test_order_against_the_exact_composition_on_the_line(degree, positive):
    """A harmonic kernel makes each kick and drift linear: f after n steps is f₀ ∘ M⁻ⁿ, M a known matrix."""
    dt, steps, a = 0.2, 10, 1.0
    solver = SemiLagrangian(degree=degree, positive=positive)
    law = laws.Product((laws.Maxwellian(0.0, 0.9), laws.Maxwellian(0.0, 1.1)))
    errors, sizes = [], CELLS[degree]
    for n in sizes:
        axes = (Axis("x", -9.0, 9.0, n, "open"), Axis("v", -9.0, 9.0, n, "open"))
        grid = Grid(axes)
        run = solver.prepare(Vlasov(Harmonic(1, a)), grid, laws.on_grid(law, grid), dt)
        assert [instant.time for instant in evolve(run, [steps * dt])] == [steps * dt]
        f = run.observe()["density"]
        back = np.linalg.matrix_power(composition(solver.splitting, a, dt), -steps)
        errors.append(np.abs(f - law.pdf(grid.points @ back.T)).max())
    order = slopes([errors[0], errors[-1]], [sizes[0], sizes[-1]])
    assert order == pytest.approx(degree + 1, abs=0.25)


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
    sizes, L = (40, 50, 64), 4 * np.pi
    law = laws.Perturbed(0.5, 0.5, laws.Maxwellian())
    errors = []
    for n in sizes:
        grid = Grid((Axis("x", 0.0, L, n), Axis("v", -6.5, 6.5, 101, "open")))
        run = SemiLagrangian(degree=degree).prepare(
            Vlasov(Coulomb(1, 0.0)), grid, laws.on_grid(law, grid), 0.23
        )
        assert [instant.time for instant in evolve(run, [2.3])] == [2.3]
        points = grid.points - 2.3 * np.stack([grid.points[..., 1], np.zeros(grid.shape)], axis=-1)
        errors.append(np.abs(run.observe()["density"] - law.pdf(points)).max())
    order = slopes([errors[0], errors[-1]], [sizes[0], sizes[-1]])
    assert order == pytest.approx(degree + 1, abs=0.25)

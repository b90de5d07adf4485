"""Two and three dimensions: damping rates, order, invariants and single precision."""

import numpy as np
import pytest

from mfpde import laws
from mfpde.problems import Problem, landau_damping
from mfpde.solution import solve
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import SemiLagrangian


def torus(cells=12, amplitude=0.3):
    axes = (Axis("x", 0.0, 4 * np.pi, cells), Axis("y", 0.0, 4 * np.pi, cells))
    speeds = tuple(Axis(name, -5.0, 5.0, 3 * cells, "open") for name in ("vx", "vy"))
    law = laws.Perturbed(
        (0.5, 0.5), amplitude, laws.Product((laws.Maxwellian(0.3, 0.7), laws.Maxwellian(0.0, 0.8)))
    )
    return Problem(Vlasov(Coulomb(2, 8 * np.pi)), law, Grid((*axes, *speeds)), 1.0)


def plane(cells=48):
    axes = tuple(Axis(name, -7.0, 7.0, cells, "open") for name in ("x", "y"))
    speeds = tuple(Axis(name, -6.0, 6.0, cells, "open") for name in ("vx", "vy"))
    spread = laws.Product(
        tuple(laws.Maxwellian(m, s) for m, s in ((0.2, 0.9), (0.0, 0.8), (0.3, 0.8), (-0.2, 0.9)))
    )
    return Problem(Vlasov(Coulomb(2, 2.0)), spread, Grid((*axes, *speeds)), 0.5)


def trap(cells=32):
    """A cloud that spreads against a harmonic field from outside, strong enough to make the step visible."""
    axes = tuple(Axis(name, -5.0, 5.0, cells, "open") for name in ("x", "y"))
    speeds = tuple(Axis(name, -7.5, 7.5, cells, "open") for name in ("vx", "vy"))
    law = laws.Product(
        tuple(laws.Maxwellian(m, s) for m, s in ((0.2, 0.7), (0, 0.7), (0.3, 1.05), (-0.2, 1.05)))
    )
    equation = Vlasov(Coulomb(2, 1.0), drift=lambda x: -2.25 * x)
    return Problem(equation, law, Grid((*axes, *speeds)), 1.5)


both_domains = pytest.mark.parametrize("domain", [torus, plane])


def wave_of(grid):
    """The wave sin kx · cos ky · cos kz on the positions, k the lowest wavenumber of each axis."""
    waves = [np.sin(2 * np.pi * grid["x"].points / grid["x"].length)]
    waves += [np.cos(2 * np.pi * axis.points / axis.length) for axis in grid.positions.axes[1:]]
    return np.prod(np.meshgrid(*waves, indexing="ij"), axis=0)


def test_rate_and_frequency_in_two_dimensions(follow, reference, damped_wave):
    problem = landau_damping((0.5, 0.5), 1e-4).replace(resolution={"x": 32, "y": 32, "vx": 64, "vy": 64})
    wave, times = wave_of(problem.grid), np.linspace(0.0, 12.0, 41)
    solver = SemiLagrangian(splitting="force_gradient")
    E = follow(problem, times, lambda run: (run.observe()["mean_field_x"] * wave).mean(), solver, 0.3)
    root = reference["A.landau2d.kx=ky=0.5 (|k|=0.70711)"]["value"]
    γ, ω = damped_wave(times[18:], E[18:], -0.4, 1.7)
    assert γ == pytest.approx(root["im"], abs=1e-3)
    assert ω == pytest.approx(root["re"], abs=1e-3)


def perturbed_maxwellian(problem, amplitude, dtype):
    """The density of the problem without an array of coordinates or of double precision."""
    d = problem.grid.positions.dim
    waves = np.meshgrid(
        *(2 * np.pi / a.length * a.points for a in problem.grid.positions.axes), indexing="ij"
    )
    ρ = (1 + amplitude * np.prod(np.cos(waves), axis=0)) / np.prod(
        [a.length for a in problem.grid.positions.axes]
    )
    f = ρ.astype(dtype).reshape(*ρ.shape, *(1,) * d)
    for i, axis in enumerate(problem.grid.velocities.axes):
        M = np.exp(-(axis.points**2) / 2) / np.sqrt(2 * np.pi)
        f = f * M.astype(dtype).reshape([-1 if j == d + i else 1 for j in range(2 * d)])
    return f


@pytest.mark.slow
def test_rate_and_frequency_in_three_dimensions(reference, damped_wave):
    """16³ × 32³ in single precision: the wave (k, k, k), |k| = 0.5, obeys the relation of one dimension."""
    k = 0.5 / np.sqrt(3)
    sizes = dict.fromkeys(("x", "y", "z"), 16) | dict.fromkeys(("vx", "vy", "vz"), 32)
    problem = landau_damping((k, k, k), 1e-3).replace(resolution=sizes)
    f = perturbed_maxwellian(problem, 1e-3, np.float32)
    wave, times, E = wave_of(problem.grid), np.linspace(0.0, 16.0, 81), []
    solver = SemiLagrangian(splitting="strang", dtype="float32")
    run = solver.prepare(problem.equation, problem.grid, f, 0.1, copy=False)
    for _ in evolve(run, times):
        E.append((run.observe()["mean_field_x"] * wave).mean())
    γ, ω = damped_wave(times[30:], np.array(E)[30:], -0.15, 1.4)
    root = reference["A.landau.omega.k0.5"]["value"]
    assert γ == pytest.approx(root["im"], abs=1e-2)
    assert ω == pytest.approx(root["re"], abs=1e-2)


@pytest.mark.parametrize("domain", [torus, trap])
@pytest.mark.parametrize(("splitting", "order", "steps"), [("strang", 2, (4, 8)), ("blanes_moan", 4, (2, 4))])
def test_order_in_the_step(follow, domain, splitting, order, steps):
    """With Fourier shifts, whose error does not grow with the number of steps."""
    problem, solver = domain(), SemiLagrangian("fourier", splitting)

    def end(n, solver):
        dt = problem.horizon / n
        return follow(problem, [problem.horizon], lambda run: run.observe()["density"].copy(), solver, dt)[0]

    exact = end(6, SemiLagrangian("fourier", "force_gradient"))
    errors = [np.sqrt(np.mean((end(n, solver) - exact) ** 2)) for n in steps]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@both_domains
def test_invariants(follow, domain):
    problem = domain()
    rows = follow(problem, np.linspace(0, problem.horizon, 3), lambda run: run.diagnostics(), dt=0.1)
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    assert np.abs(values["mass"] + values["outflow"] - values["mass"][0]).max() < 1e-12
    for name, mean in (("momentum_x", 0.3), ("momentum_y", 0.0 if domain is torus else -0.2)):
        assert np.abs(values[name] - mean).max() < 1e-6
    for name, tolerance in (("total_energy", 1e-5), ("l2_norm", 1e-5), ("entropy", 1e-4)):
        drift = np.abs(values[name] - values[name][0]).max()
        scale = "kinetic_energy" if name == "total_energy" else name  # energies of both signs cancel
        assert drift < tolerance * np.abs(values[scale][0])


@both_domains
def test_single_precision(follow, domain):
    """Field and sums in double precision: ρ is as exact as the values of f; a few units after the shifts."""
    problem = domain()
    f = laws.on_grid(problem.law, problem.grid)
    double, single = (
        SemiLagrangian(dtype=dtype).prepare(problem.equation, problem.grid, f, 0.1)
        for dtype in ("float64", "float32")
    )
    unit = float(np.finfo(np.float32).eps)
    for limit, tolerance in ((0.0, unit), (0.3, 20 * unit)):
        for run in (double, single):
            while run.time < limit:
                run.step(limit)
        assert single.observe()["density"].dtype == np.float32
        assert double.diagnostics()["mass"] == pytest.approx(single.diagnostics()["mass"], rel=tolerance)
        for name in ("density", "mean_field_x", "mean_field_y"):
            exact, given = double.observe()[name], single.observe()[name]
            assert np.abs(given - exact).max() < tolerance * np.abs(exact).max()


def test_the_run_may_take_the_density_over():
    """Without a copy the given array is that of the run; with one it stays as it was."""
    problem = torus(8)
    given = laws.on_grid(problem.law, problem.grid)
    before = given.copy()
    runs = [
        SemiLagrangian().prepare(problem.equation, problem.grid, given, 0.1, copy=copy)
        for copy in (True, False)
    ]
    assert runs[0].memory < 1.4 * given.nbytes + 2**21
    runs[0].step(0.1)
    np.testing.assert_array_equal(given, before)
    runs[1].step(0.1)
    assert runs[1].observe()["density"] is given
    np.testing.assert_array_equal(given, runs[0].observe()["density"])


@pytest.mark.parametrize("circle", ["x", "y"])
def test_a_domain_that_is_periodic_in_one_direction_only(circle):
    """Mass in the box and outflow make 1, and the energy is kept: the field is that of the mixed domain."""
    axes = (Axis(n, -7.0, 7.0, 32, "periodic" if n == circle else "open") for n in ("x", "y"))
    speeds = (Axis(n, -6.0, 6.0, 36, "open") for n in ("vx", "vy"))
    problem = plane().replace(grid=Grid((*axes, *speeds)))
    found = solve(problem, [0.0, 0.4], save=("density(x, y)",))
    assert float(abs(found.mass + found.outflow - 1).max()) < 1e-10
    assert float(abs(found.total_energy / found.total_energy[0] - 1).max()) < 1e-3


def test_single_precision_through_solve():
    problem = torus(8)
    solver = SemiLagrangian(dtype="float32")
    found, exact = (solve(problem, [0.0, 0.3], solver=s) for s in (solver, SemiLagrangian()))
    assert found.density.dtype == np.float32
    assert float(abs(found.density - exact.density).max()) < 1e-5 * float(exact.density.max())
    assert repr(solver).endswith("dtype='float32')")

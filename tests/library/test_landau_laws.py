"""Laws and problems of the Landau equation: densities, exact samplers, exact solutions, relaxation rates."""

import json
import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from mfpde.laws import on_grid
from mfpde.laws.landau import BKW, Anisotropic, Ring
from mfpde.problems import from_case
from mfpde.problems.landau import anisotropic_landau, bkw, coulomb_ring, relaxation_rate
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau.radial import RadialLandau

ISOTROPIC = [BKW(2, 0.5), BKW(2, 0.8), BKW(3, 0.6), BKW(3, 1.0), BKW(5, 0.9), Ring(), Ring(2.0, 0.7)]
ISOTROPIC += [Ring.normalised(), Ring.normalised(3.0)]
LAWS = [*ISOTROPIC, Anisotropic((1.5, 0.5)), Anisotropic((1.8, 0.6, 0.6))]
each_isotropic = pytest.mark.parametrize("law", ISOTROPIC, ids=repr)
each_law = pytest.mark.parametrize("law", LAWS, ids=repr)
SPHERES = {2: 2 * np.pi, 3: 4 * np.pi, 5: 8 * np.pi**2 / 3}
PROBLEMS = [bkw(), bkw(3), anisotropic_landau(), anisotropic_landau(3, -3.0), coulomb_ring()]
each_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{p.name}-{p.law.dim}")


def moment(law, power, end=np.inf):
    """∫|v|^p f over |v| < end, of an isotropic law."""

    def integrand(r):
        return r ** (law.dim - 1 + power) * law.pdf(r * np.eye(law.dim)[0])

    ends = [0.0, *np.arange(0.5, min(end, 20.0), 0.5), min(end, 20.0)]
    pieces = [quad(integrand, a, b, epsabs=1e-14)[0] for a, b in pairwise(ends)]
    return SPHERES[law.dim] * sum(pieces)


@each_isotropic
def test_isotropic_laws_have_mass_one_and_depend_on_the_speed(law):
    assert moment(law, 0) == pytest.approx(1.0, abs=1e-12)
    directions = np.random.default_rng(1).standard_normal((20, law.dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    r = np.linspace(0, 4, 20)[:, None]
    np.testing.assert_allclose(law.pdf(r * directions), law.pdf(r * np.eye(law.dim)[0]), rtol=1e-12)
    assert law.pdf(np.zeros((4, 5, law.dim))).shape == (4, 5)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("time", [0.0, 0.25])
def test_bkw_moments(reference, dim, time):
    """∫|v|²f = d always; ∫|v|⁴f and f(0) at t = 0.25 from the reference."""
    C, rate = {2: 0.5, 3: 0.4}[dim], reference[f"E.bkw.lambda.d{dim}"]["value"]
    law = BKW(dim, 1 - C * np.exp(-rate * time))
    assert moment(law, 2) == pytest.approx(dim, rel=1e-11)
    assert moment(law, 4) == pytest.approx(dim * (dim + 2) * law.k * (2 - law.k), rel=1e-11)
    if time:
        case = reference[f"E.bkw.d{dim}.M4(C={C},t=0.25)"]
        assert law.k == pytest.approx(case["params"]["K"], rel=1e-14)
        assert moment(law, 4) == pytest.approx(case["value"], rel=1e-11)
        assert law.pdf(np.zeros(dim)) == pytest.approx(case["params"]["f0_t"], rel=1e-12)
    else:
        assert law.pdf(np.zeros(dim)) == pytest.approx(0.0, abs=1e-15)


def test_ring_is_the_even_shell_of_the_reference(reference):
    case = reference["E.coulomb3d.rosenbluth_sym"]
    mass, law = case["params"]["mass"], Ring(0.3)
    assert mass * law.pdf(np.zeros(3)) == pytest.approx(case["value"]["f_at_0"][0], rel=1e-9)
    assert mass * moment(law, 2) == pytest.approx(case["params"]["energy"], rel=1e-11)
    assert mass * moment(law, 4) == pytest.approx(case["value"]["M4"][0], rel=1e-9)
    one_sided = reference["E.rosenbluth.moments"]["value"]
    assert mass * moment(law, 2) == pytest.approx(one_sided["energy"], rel=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 40.0))
def test_normalised_rings_have_unit_temperature(sharpness):
    law = Ring.normalised(sharpness)
    assert moment(law, 2) == pytest.approx(3.0, rel=1e-9)
    assert moment(law, 0) == pytest.approx(1.0, rel=1e-9)


@each_law
def test_samples_follow_the_law(law):
    """Speeds (coordinates where the temperatures differ) by Kolmogorov–Smirnov, and directions."""
    points = law.rvs(20_000, np.random.default_rng(5))
    assert points.shape == (20_000, law.dim)
    assert points.dtype == np.float64
    if isinstance(law, Anisotropic):
        for column, T in zip(points.T, law.temperatures, strict=True):
            assert stats.kstest(column, "norm", (0, np.sqrt(T))).pvalue > 1e-3
        assert np.abs(np.corrcoef(points.T) - np.eye(law.dim)).max() < 4 / np.sqrt(20_000)
        return
    speed = np.linalg.norm(points, axis=1)
    knots = np.linspace(0, 1.01 * speed.max(), 400)
    h = np.diff(knots)[:, None]
    x, w = np.polynomial.legendre.leggauss(8)
    r = knots[:-1, None] + h * (x + 1) / 2
    pieces = h[:, 0] / 2 * np.sum(w * r ** (law.dim - 1) * law.pdf(r[..., None] * np.eye(law.dim)[0]), axis=1)
    mass = SPHERES[law.dim] * np.concatenate([[0.0], np.cumsum(pieces)])
    assert stats.kstest(np.interp(speed, knots, mass), "uniform").pvalue > 1e-3
    for i in range(law.dim):  # (1 + n₁)/2 of a uniform direction is Beta((d − 1)/2, (d − 1)/2)
        half = (law.dim - 1) / 2
        assert stats.kstest((1 + points[:, i] / speed) / 2, "beta", (half, half)).pvalue > 1e-3
        assert abs(stats.spearmanr(points[:, i] / speed, speed).statistic) < 4 / np.sqrt(20_000)


@each_law
def test_laws_travel_by_pickle(law):
    copy = pickle.loads(pickle.dumps(law))
    assert copy == law
    assert repr(copy) == repr(law)
    np.testing.assert_array_equal(copy.rvs(7, np.random.default_rng(2)), law.rvs(7, np.random.default_rng(2)))


def test_anisotropic_is_a_normal_law():
    law = Anisotropic((1.8, 0.6, 0.7))
    points = law.rvs(50, np.random.default_rng(3))
    normal = stats.multivariate_normal(np.zeros(3), np.diag([1.8, 0.6, 0.7]))
    np.testing.assert_allclose(law.pdf(points), normal.pdf(points), rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "arguments", "message"),
    [
        (BKW, (2, 0.4), r"k must lie in \[2/4, 1\], where the density is >= 0, got 0\.4"),
        (BKW, (3, 1.1), r"k must lie in \[3/5, 1\]"),
        (BKW, (3, float("nan")), "k must lie"),
        (BKW, (1, 1.0), "dimension must be an integer >= 2, got 1"),
        (Anisotropic, ((1.0, 0.0),), r"finite numbers > 0, one for each coordinate, got \(1\.0, 0\.0\)"),
        (Anisotropic, ((),), "one for each coordinate"),
        (Anisotropic, (((1.0, 2.0),),), "one for each coordinate"),
        (Ring, (-1.0,), "radius must be a finite number > 0, got -1.0"),
        (Ring, (1.0, 0.0), "sharpness must be a finite number > 0"),
        (Ring.normalised, (0.0,), "sharpness must be a finite number > 0"),
    ],
)
def test_parameters_out_of_range_are_refused(law, arguments, message):
    with pytest.raises(ValueError, match=message):
        law(*arguments)


@each_problem
def test_problems_are_normalised_on_their_grids(problem):
    """Mass 1, momentum 0, ∫|v|²f = d, and nothing at the edges, also of the Maxwellian they tend to."""
    grid, d = problem.grid, problem.law.dim
    assert problem.equation.dim == d
    assert grid.names == ("vx", "vy", "vz")[:d]
    f = on_grid(problem.law, grid)
    v = np.moveaxis(grid.points, -1, 0)
    assert grid.integrate(f) == pytest.approx(1.0, abs=1e-10)
    assert [grid.integrate(f * u) for u in v] == pytest.approx([0.0] * d, abs=1e-10)
    assert grid.integrate(f * np.sum(v**2, axis=0)) == pytest.approx(d, rel=1e-6)
    end = np.exp(-np.sum(v**2, axis=0) / 2) / (2 * np.pi) ** (d / 2)
    for density in (f, end):
        assert sum(grid.edge_mass(density).values()) < 2e-7


@each_problem
def test_cases_invert(problem):
    small = problem.replace(resolution={"vx": 8}, horizon=0.1)
    again = from_case(json.loads(json.dumps(small.case)))
    assert again == small
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert problem.description
    assert problem.citation


@pytest.mark.parametrize("dim", [2, 3])
def test_exact_solution_against_the_radial_solver(dim):
    problem, solver = bkw(dim), RadialLandau()
    axes = (replace(axis, lower=-8.0, upper=8.0) for axis in problem.grid.axes)
    grid, profile = solver.discretise(problem.law.pdf, Grid(tuple(axes)))
    run = solver.prepare(problem.equation, grid, profile)
    v = np.multiply.outer(grid["r"].points, np.eye(dim)[0])
    for instant in evolve(run, [0.0, 0.2, problem.horizon]):
        exact = problem.exact(instant.time, v)
        assert np.abs(run.observe()["density"] - exact).max() < 1e-11 * exact.max()


def test_values_stated_for_the_ring():
    problem, solver = coulomb_ring(), RadialLandau()
    grid, profile = solver.discretise(problem.law.pdf, problem.grid.resized({"vx": 2000}))
    run = solver.prepare(problem.equation, grid, profile)
    times = [0.5, 1.0, problem.horizon]
    for _, centre in zip(evolve(run, times), (0.0183, 0.0352, 0.0497), strict=True):
        assert run.observe()["density"][0] == pytest.approx(centre, abs=5e-5)
    assert run.time == 2.0
    assert run.diagnostics()["fourth_moment"] == pytest.approx(13.3984, abs=5e-5)
    assert abs((2 * np.pi) ** -1.5 - 0.0635) < 5e-5


def test_ring_has_the_time_scale_of_the_reference(reference):
    """The normalised shell becomes that of radius 0.3 and mass 0.002 by n θ^{−3} f(v/θ, n θ^{−3} t)."""
    case = reference["E.coulomb3d.rosenbluth_sym"]
    problem, solver, mass = coulomb_ring(), RadialLandau(), case["params"]["mass"]
    scale = 0.3 / problem.law.radius
    grid, profile = solver.discretise(problem.law.pdf, problem.grid)
    run = solver.prepare(problem.equation, grid, profile)
    times = np.array(case["value"]["t"]) * mass / scale**3
    for _, M4 in zip(evolve(run, times), case["value"]["M4"], strict=True):
        assert mass * scale**4 * run.diagnostics()["fourth_moment"] == pytest.approx(M4, rel=1e-7)


def heating(T, exponent, dim):
    """dT₁/dt = 2⟨|z|^γ (|z|² − d z₁²)⟩ for a Gaussian z of variances 2Tᵢ, T₂ = … = T_d, by angles."""
    T = np.asarray(T)
    x, w = np.polynomial.legendre.leggauss(60)
    if dim == 2:
        φ = np.pi * (1 + x)
        n, dn = np.cos(φ) ** 2, np.pi * w
    else:
        n, dn = x**2, 2 * np.pi * w
    q = n / (4 * T[0]) + (1 - n) / (4 * T[1])  # exp(−q|z|²)
    p = dim + 2 + exponent
    radial = quad(lambda r: 2 * r ** (p - 1) * np.exp(-(r**2)), 0, 12)[0] / 2
    norm = np.prod(np.sqrt(4 * np.pi * T))
    return 2 * np.sum(dn * (1 - dim * n) * radial * q ** (-p / 2)) / norm


@pytest.mark.parametrize("exponent", [-3.0, -2.0, -0.5, 0.0, 1.0])
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_relaxation_rate_is_the_derivative_of_the_heating(exponent, dim, temperature):
    ε = 1e-4
    sign = np.array([1.0, *[-1 / (dim - 1)] * (dim - 1)])
    hot, cold = (heating(temperature + s * ε * sign, exponent, dim) for s in (1, -1))
    assert -(hot - cold) / (2 * ε) == pytest.approx(relaxation_rate(dim, exponent, temperature), rel=1e-6)


def test_heating_agrees_with_the_reference(reference):
    for T_parallel, T_perpendicular in ((0.6, 1.2), (1.0, 2.0), (1.8, 0.6)):
        case = reference[f"E.coulomb3d.bimax.dTpar_dt(Tpar={T_parallel},Tper={T_perpendicular})"]
        found = heating([T_parallel, T_perpendicular, T_perpendicular], -3.0, 3)
        assert found == pytest.approx(case["value"], rel=1e-11)


@pytest.mark.parametrize("dim", [2, 3])
def test_maxwell_molecules_relax_at_four_times_the_dimension(reference, dim):
    assert relaxation_rate(dim, 0.0) == reference[f"E.maxwell.temperature_rate.d{dim}"]["value"]
    assert anisotropic_landau(dim).horizon == pytest.approx(1 / dim)


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (bkw, {"dim": 1}, "dim must be 2 or 3, got 1"),
        (anisotropic_landau, {"dim": 4}, "dim must be 2 or 3, got 4"),
        (anisotropic_landau, {"temperatures": (1.0, 1.0, 1.0)}, "temperatures must be 2 numbers for dim=2"),
        (anisotropic_landau, {"temperatures": (1.0, -1.0)}, "finite numbers > 0"),
        (anisotropic_landau, {"temperatures": "hot"}, "a tuple of numbers > 0, got 'hot'"),
        (anisotropic_landau, {"temperatures": 1.0}, "a tuple of numbers > 0, got 1.0"),
        (anisotropic_landau, {"exponent": 2.0}, "exponent must lie in"),
        (coulomb_ring, {"sharpness": 0.0}, "sharpness must be a finite number > 0"),
    ],
)
def test_arguments_out_of_range_are_refused(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)


def test_other_temperatures_get_their_box():
    """Six deviations of the hottest coordinate, and the horizon of their mean temperature."""
    problem = anisotropic_landau(3, -3.0, (9.0, 2.0, 1.0))
    assert problem.grid["vy"].upper == pytest.approx(18.0)
    assert problem.horizon == pytest.approx(4 / relaxation_rate(3, -3.0, 4.0))
    assert problem.equation == Landau(3, -3.0)

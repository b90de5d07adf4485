"""Friction and diffusion: the semigroup in closed form, decay rates, energy and free energy, relaxation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from mfpde import laws
from mfpde.problems import Problem, landau_damping, vlasov_fokker_planck
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import SemiLagrangian
from mfpde_solvers.vlasov.fokker_planck import OrnsteinUhlenbeck, exact_semigroup, positive_semigroup

AXIS = Axis("v", -10.0, 10.0, 128, "open")
TIMES = np.linspace(0.0, 30.0, 301)


def strong(cells=32, amplitude=0.5):
    """A large wave on a shifted and cooler plasma, which relaxes to rest and temperature 1."""
    L = 4 * np.pi
    grid = Grid((Axis("x", 0.0, L, cells), Axis("v", -9.0, 9.0, 3 * cells, "open")))
    law = laws.Perturbed(0.5, amplitude, laws.Maxwellian(0.8, 0.8))
    return Problem(Vlasov(Coulomb(1, L / 2), friction=0.5, diffusion=0.5), law, grid, 2.0)


@pytest.mark.parametrize(("ζ", "σ"), [(0.3, 0.5), (0.0, 0.4), (0.3, 0.0), (2.0, 2.0)])
@given(τ=st.floats(1e-9, 3.0), mean=st.floats(-1.5, 1.5))
@settings(max_examples=15, deadline=None)
def test_gaussians_stay_gaussians(ζ, σ, τ, mean):
    """N(m, s²) becomes N(a m, a² s² + (σ/ζ)(1 − a²)), with σ = 0 as long as its width is resolved."""
    τ = min(τ, 1.0) if σ == 0 else τ
    a = np.exp(-ζ * τ)
    variance = a**2 + (2 * σ * τ if ζ == 0 else σ / ζ * (1 - a**2))
    f = norm.pdf(AXIS.points, mean, 1.0)
    expected = norm.pdf(AXIS.points, a * mean, np.sqrt(variance))
    assert np.abs(exact_semigroup(AXIS, ζ, σ, τ) @ f - expected).max() < 1e-11


def test_a_long_time_leads_to_the_maxwellian():
    f = norm.pdf(AXIS.points, 2.0, 0.7)
    rest = norm.pdf(AXIS.points, 0.0, np.sqrt(0.5))
    for semigroup, tolerance in ((exact_semigroup, 1e-12), (positive_semigroup, 1e-4)):
        assert np.abs(semigroup(AXIS, 1.0, 0.5, 40.0) @ f - rest).max() < tolerance


def test_the_positive_semigroup():
    """Elements ≥ 0, columns of sum 1, the discrete Maxwellian at rest, and the semigroup law."""
    ζ, σ = 0.7, 0.4
    P = positive_semigroup(AXIS, ζ, σ, 0.3)
    assert P.min() >= 0
    assert np.abs(P.sum(axis=0) - 1).max() < 1e-13
    rest = np.exp(-ζ * AXIS.points**2 / (2 * σ))
    assert np.abs(P @ rest - rest).max() < 1e-13
    assert np.abs(P @ P - positive_semigroup(AXIS, ζ, σ, 0.6)).max() < 1e-13


def test_the_positive_semigroup_is_of_second_order():
    errors = []
    for n in (64, 128, 256):
        axis = Axis("v", -10.0, 10.0, n, "open")
        f = norm.pdf(axis.points, 0.5, 1.0)
        errors.append(
            np.abs((positive_semigroup(axis, 0.7, 0.4, 0.3) - exact_semigroup(axis, 0.7, 0.4, 0.3)) @ f)
        )
    slopes = np.log2([errors[i].max() / errors[i + 1].max() for i in range(2)])
    assert slopes == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_axis_and_precision(place, dtype):
    """Against the matrix product; blocks, lines and columns, and what leaves the axis."""
    shape = [700, 70, 50]
    axis = Axis("v", -3.0, 4.0, shape[place], "open")
    f = np.random.default_rng(place).random(shape).astype(dtype)
    P = exact_semigroup(axis, 0.5, 0.5, 0.2)
    expected = np.moveaxis(np.tensordot(P, f.astype(float), (1, place)), 0, place)
    before = f.sum(dtype=float)
    lost = OrnsteinUhlenbeck(tuple(shape), place, axis, 0.5, 0.5, dtype=dtype)(f, 0.2)
    assert np.abs(f - expected).max() < 200 * np.finfo(dtype).eps
    assert before == pytest.approx(f.sum(dtype=float) + lost, rel=1e-12)
    assert lost > 1e-3 * before  # a density that does not vanish at the ends


@pytest.fixture(scope="module")
def collisional(follow, field_mode):
    """Field and diagnostics of the problem of the catalogue, by whether the positive semigroup is used."""
    histories = {}
    for positive in (False, True):
        problem = vlasov_fokker_planck().replace(resolution={"x": 16, "v": 128})
        mode = field_mode(problem)

        def both(run, mode=mode):
            return {"field": mode(run).imag} | run.diagnostics()

        rows = follow(problem, TIMES, both, SemiLagrangian(positive=positive))
        histories[positive] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return histories


def test_rate_and_frequency(collisional, reference, damped_wave):
    """From t = 12 on, where the next root is far below; the default step alone gives 8e-5."""
    root = reference["A.vpfp.omega.k0.5.nu0.1"]["value"]
    γ, ω = damped_wave(TIMES[120:], collisional[False]["field"][120:], -0.2, 1.4)
    assert γ == pytest.approx(root["im"], abs=1e-4)
    assert ω == pytest.approx(root["re"], abs=1e-4)


def test_rate_and_frequency_of_the_positive_semigroup(collisional, reference, damped_wave):
    """Second order in the cells: h² = 1/64 times the rate 0.1 of what is approximated, at most."""
    root = reference["A.vpfp.omega.k0.5.nu0.1"]["value"]
    γ, ω = damped_wave(TIMES[120:], collisional[True]["field"][120:], -0.2, 1.4)
    assert γ == pytest.approx(root["im"], abs=1e-3)
    assert ω == pytest.approx(root["re"], abs=1e-3)


@pytest.mark.parametrize("positive", [False, True])
def test_free_energy_falls_and_mass_stays(collisional, positive):
    values = collisional[positive]
    assert np.diff(values["free_energy"]).max() < 0
    assert np.abs(values["mass"] + values["outflow"] - 1).max() < 1e-12
    assert np.abs(values["outflow"]).max() < 1e-10
    if positive:
        assert values["minimum"].min() >= 0


def test_free_energy_falls_far_from_rest(follow):
    """At every step of a strong wave, until round-off."""
    problem = strong()
    free = follow(problem, np.linspace(0, 10, 201), lambda run: run.diagnostics()["free_energy"])
    assert np.diff(free).max() < 1e-12
    assert free[0] - free[-1] > 0.1


@pytest.mark.parametrize("positive", [False, True])
def test_relaxation_to_the_maxwellian(follow, positive):
    problem = strong()
    grid = problem.grid
    rest = np.broadcast_to(norm.pdf(grid["v"].points) / grid["x"].length, grid.shape)
    solver = SemiLagrangian(positive=positive)
    f = follow(problem, [40.0], lambda run: run.observe()["density"].copy(), solver, 0.1)[0]
    assert np.abs(f - rest).max() < (1e-4 if positive else 1e-7) * rest.max()


def test_positivity_from_data_that_touch_zero(follow):
    """A density with jumps to zero stays non-negative and keeps its mass."""
    problem = strong()
    x, v = np.moveaxis(problem.grid.points, -1, 0)
    f = ((np.abs(v) < 2) & (np.abs(x - 6) < 3)).astype(float)
    f /= problem.grid.integrate(f)
    for dtype, tolerance in (("float64", 1e-13), ("float32", 1e-5)):
        run = SemiLagrangian(positive=True, dtype=dtype).prepare(problem.equation, problem.grid, f)
        while run.time < 1.0:
            run.step(1.0)
            values = run.diagnostics()
            assert values["minimum"] >= 0
            assert values["mass"] + values["outflow"] == pytest.approx(1.0, abs=tolerance)


def test_second_order_in_the_step(follow):
    problem = strong()
    steps = np.array([8, 16, 32])
    exact, *coarse = (
        follow(problem, [2.0], lambda run: run.observe()["density"].copy(), dt=2.0 / n)[0]
        for n in (512, *steps)
    )
    errors = [np.sqrt(np.mean((f - exact) ** 2)) for f in coarse]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2.0, abs=0.1)


def test_energy_law(follow):
    """d/dt energy = −2ζ KE + dσ; the defect of its integral falls with the square of the step."""
    problem = strong()
    ζ, σ = problem.equation.friction, problem.equation.diffusion
    defects, names = [], ("total_energy", "kinetic_energy")
    for n in (20, 40, 80):
        times = np.linspace(0.0, 2.0, n + 1)
        energy, kinetic = follow(
            problem, times, lambda run: [run.diagnostics()[name] for name in names], dt=2.0 / n
        ).T
        power = -2 * ζ * kinetic + σ
        gained = (power[0] + power[-1] + 4 * power[1::2].sum() + 2 * power[2:-1:2].sum()) * 2.0 / n / 3
        defects.append(abs(energy[-1] - energy[0] - gained))
        assert abs(gained) > 0.05
    assert np.log2(np.divide(defects[:-1], defects[1:])) == pytest.approx(2.0, abs=0.25)


def test_momentum_decays_at_the_rate_of_the_friction(follow):
    times = np.linspace(0.0, 2.0, 5)
    momentum = follow(strong(), times, lambda run: run.diagnostics()["momentum_x"])
    assert momentum == pytest.approx(0.8 * np.exp(-0.5 * times), abs=1e-10)


def test_friction_alone_and_diffusion_alone(follow):
    """KE′ = −2ζ KE without a force, and KE′ = σ."""
    for ζ, σ in ((0.3, 0.0), (0.0, 0.05)):
        base = landau_damping().replace(resolution={"x": 8, "v": 256})
        problem = base.replace(equation=Vlasov(Coulomb(1, 0.0), friction=ζ, diffusion=σ))
        kinetic = follow(problem, [0.0, 1.0], lambda run: run.diagnostics()["kinetic_energy"])
        expected = 0.5 * np.exp(-2 * ζ) + σ
        assert kinetic[1] == pytest.approx(expected, abs=1e-10)


def test_in_two_dimensions(follow, reference, damped_wave):
    """The wave (0.4, 0.3) obeys the relation of |k| = 0.5."""
    problem = vlasov_fokker_planck((0.4, 0.3), 0.1, 1e-4)
    problem = problem.replace(resolution={"x": 8, "y": 8, "vx": 40, "vy": 40})
    grid, times = problem.grid, np.linspace(0.0, 18.0, 91)
    x, y = np.meshgrid(*grid.positions.coordinates, indexing="ij")
    wave = np.sin(0.4 * x) * np.cos(0.3 * y)
    E = follow(problem, times, lambda run: (run.observe()["mean_field_x"] * wave).mean(), dt=0.1)
    root = reference["A.vpfp.omega.k0.5.nu0.1"]["value"]
    γ, ω = damped_wave(times[50:], E[50:], -0.2, 1.4)
    assert γ == pytest.approx(root["im"], abs=1e-3)
    assert ω == pytest.approx(root["re"], abs=1e-3)


def test_splittings_that_do_not_fit_are_refused():
    problem = strong()
    f = laws.on_grid(problem.law, problem.grid)
    for name, reason in (("blanes_moan", "backward in time"), ("force_gradient", "force gradient")):
        with pytest.raises(ValueError, match=reason):
            SemiLagrangian(splitting=name).prepare(problem.equation, problem.grid, f)


def test_the_default_splitting_is_chosen_by_the_equation():
    solver = SemiLagrangian()
    assert repr(solver) == "SemiLagrangian(degree=9, splitting=None, positive=False)"
    assert solver.splitting_for(strong().equation).name == "strang"
    assert solver.splitting_for(landau_damping().equation).name == "blanes_moan"


def test_a_restored_run_gives_the_same_bits():
    problem = strong()
    f = laws.on_grid(problem.law, problem.grid)
    there, again = (SemiLagrangian().prepare(problem.equation, problem.grid, f, 0.03) for _ in range(2))
    for limit in (0.2, 0.5):
        while there.time < limit:
            there.step(limit)
        if limit == 0.2:
            again.restore({name: np.copy(value) for name, value in there.state().items()})
    while again.time < 0.5:
        again.step(0.5)
    np.testing.assert_array_equal(there.observe()["density"], again.observe()["density"])

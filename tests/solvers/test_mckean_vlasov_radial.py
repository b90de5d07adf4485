"""Radial aggregation: reference values, exact states and laws, symmetries, orders, collapse, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import exp1, i0e

from mfpde_solvers.equations import KellerSegel, LogGas, McKeanVlasov, NavierStokes
from mfpde_solvers.evolve import BlowUp, ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Riesz
from mfpde_solvers.kernels import KellerSegel as KellerSegelKernel
from mfpde_solvers.mckean_vlasov.half_line import half_line
from mfpde_solvers.mckean_vlasov.radial import RadialAggregation
from mfpde_solvers.mckean_vlasov.radial_profile import cumulative_mass
from mfpde_solvers.mckean_vlasov.radial_state import RadialState
from mfpde_solvers.power_of_n import PowerOfN
from mfpde_solvers.stepping.linearly_implicit import extrapolated_euler

LINE = Grid((Axis("r", 0.0, 8.0, 160, "open"),))
CRITICAL = 8 * np.pi


def gaussian(variance=1.0):
    return lambda r: np.exp(-(r**2) / (2 * variance)) / (2 * np.pi * variance)


def steady(r):
    return 1 / (np.pi * (1 + r**2) ** 2)


def ring(r):
    return r**4 * np.exp(-(r**2)) / (2 * np.pi)


def disc(r):
    return (r < 1) / np.pi


def prepared(chi, profile=None, diffusion=1.0, **options):
    equation = KellerSegel(chi, diffusion)
    return RadialAggregation(**options).prepare(equation, LINE, profile or gaussian())


def followed(run, times, what):
    return np.array([what(run) for _ in evolve(run, times)])


@pytest.mark.parametrize("chi", ["4pi", "2pi", "7pi", "-4pi(repulsive)"])
def test_reference_values(reference, chi):
    """ρ(0, t) to 1e-9 (measured: 4e-10), and the law M₂ = 2 + (4 − χ/2π)t."""
    case = reference[f"C.ks.radial.rho(0,t)[chi={chi}]"]
    run = prepared(case["params"]["chi"])
    centre, second = followed(
        run,
        case["value"]["t"],
        lambda run: (run.diagnostics()["central_density"], run.diagnostics()["second_moment"]),
    ).T
    np.testing.assert_allclose(centre, case["value"]["rho0"], rtol=1e-9)
    np.testing.assert_allclose(second, case["value"]["M2"], rtol=1e-8)


def test_reference_values_before_a_collapse(reference):
    """To the nine digits of the reference."""
    case = reference["C.ks.supercritical.rho(0,t)[chi=12pi]"]
    run = prepared(case["params"]["chi"])
    centre = followed(run, case["value"]["t"], lambda run: run.radial.density(0.0))
    np.testing.assert_allclose(centre, case["value"]["rho0"], rtol=3e-9)


@pytest.mark.parametrize("chi", ["2pi", "4pi", "6pi", "-4pi(repulsive)"])
def test_spreading_becomes_self_similar(reference, chi):
    """2tρ(0, t) → U(0), from a Gaussian and over ten decades of time; the difference is O(1/t)."""
    case = reference[f"C.ks.selfsim.U0(chi={chi})"]
    t = 1e10
    run = prepared(case["params"]["chi"])
    for _ in evolve(run, [t]):
        state = run.radial
    assert 2 * t * state.density(0.0) == pytest.approx(case["value"], rel=1e-8)
    assert state.second_moment / (2 * t) == pytest.approx(case["params"]["M2_U"], rel=1e-7)


def test_steady_state_at_the_critical_attraction(reference):
    """λ/(π(λ + r²)²), of infinite second moment, stays on the axis and far beyond it."""
    run = prepared(CRITICAL, steady)
    r = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 60)])
    for instant in evolve(run, [1.0, 10.0, 100.0]):
        error = np.abs(run.radial.density(r) / steady(r) - 1)
        assert error.max() < 1e-8, instant
        assert "second_moment" not in run.diagnostics()
    assert run.radial.density(0.0) == pytest.approx(
        reference["C.ks.critical_steady.rho0(lam=1)"]["value"], rel=5e-9
    )


def test_critical_data_of_finite_second_moment_concentrate():
    """At χ = 8πσ the second moment does not change, and ρ(0, t) grows without bound, slowly."""
    run = prepared(CRITICAL)
    centre, second = followed(
        run, [0.0, 1.0, 10.0, 50.0], lambda run: (run.radial.density(0.0), run.radial.second_moment)
    ).T
    np.testing.assert_allclose(second, 2.0, rtol=1e-7)
    assert (np.diff(centre) > 0.1).all()


def test_the_critical_attraction_is_that_of_the_virial_law(reference):
    assert reference["C.ks.critical_chi(sigma=1)"]["value"] == pytest.approx(CRITICAL, rel=1e-13)


@pytest.mark.parametrize("profile", [gaussian(), ring], ids=["gaussian", "ring"])
def test_collapse(reference, profile):
    """Before the virial bound, at a time that other degrees confirm, with 8πσ/χ of the mass in the peak.

    There the density tends to the steady one of the critical attraction, but slowly.
    """
    times = {}
    for degree in (112, 128):
        run = prepared(12 * np.pi, profile, degree=degree)
        second = run.radial.second_moment
        with pytest.raises(BlowUp, match="collapses into a point") as told:
            followed(run, [5.0], lambda run: None)
        times[degree] = told.value.time, told.value.uncertainty
        assert run.time < told.value.time < second / 2
        λ, c = 2 / 3 / (np.pi * run.radial.maximum), np.array([0.5, 1.0, 2.0, 3.0])
        np.testing.assert_allclose(run.radial.mass_within(c * λ**0.5), 2 / 3 * c**2 / (1 + c**2), rtol=0.05)
    assert abs(times[112][0] - times[128][0]) < times[128][1]
    if profile is not ring:
        assert times[128][0] < reference["C.ks.blowup_bound(chi=12pi,Gaussian N(0,I))"]["value"]


def test_collapse_is_followed_closer_with_a_higher_degree():
    """At degrees that lose the peak earlier the estimate is farther off, and its uncertainty says so."""
    told = []
    for degree in (96, 128):
        run = prepared(10 * np.pi, degree=degree)
        with pytest.raises(BlowUp) as error:
            followed(run, [4.0], lambda run: None)
        told.append((error.value.time, error.value.uncertainty))
    (coarse, wide), (fine, narrow) = told
    assert narrow < wide
    assert abs(coarse - fine) < wide


def test_lost_resolution_is_told():
    run = prepared(12 * np.pi, degree=48)
    with pytest.raises(ResolutionLost, match=r"degree=96"):
        followed(run, [1.0], lambda run: None)


@pytest.mark.parametrize("chi", [4 * np.pi, CRITICAL, -4 * np.pi])
def test_free_energy_falls_by_its_dissipation(chi):
    """dF/dt = −∫ρ|σ∇log ρ − K∗ρ|², the derivative in time by differences of order 4."""
    run, h = prepared(chi), 1e-2
    r, dr = np.linspace(0, 12, 12001, retstep=True)
    F, dissipation = [], 0.0
    for i, _ in enumerate(evolve(run, 0.5 + h * np.arange(-2, 3))):
        F.append(run.diagnostics()["free_energy"])
        if i == 2:
            ρ = run.radial.density(r)
            slope = np.gradient(np.log(np.maximum(ρ, 1e-300)), dr, edge_order=2)
            dissipation = np.sum(2 * np.pi * r * ρ * (slope - run.force(r)) ** 2) * dr
    change = (F[0] - 8 * F[1] + 8 * F[3] - F[4]) / (12 * h)
    assert change < 0
    assert change == pytest.approx(-dissipation, rel=1e-5)  # np.gradient: dr² of third derivatives


def test_heat_equation():
    """χ = 0: N(0, 1 + 2σt) for a Gaussian."""
    run = prepared(0.0, diffusion=0.7)
    r = np.linspace(0, 8, 30)
    for instant in evolve(run, [0.1, 1.0, 30.0]):
        exact = gaussian(1 + 1.4 * instant.time)(r)
        np.testing.assert_allclose(run.radial.density(r), exact, atol=1e-9 * exact[0])


def test_heat_equation_from_a_jump():
    """A disc that spreads: ρ(r, t) = ∫₀¹ e^{−(r−q)²/4t} I₀(rq/2t) e^{−rq/2t} q dq/(2πt).

    The Legendre coefficients of the jump are exact, and those that are missing have decayed.
    """
    run, t = prepared(0.0, disc), 0.1
    for _ in evolve(run, [t]):
        found = run.radial.density(np.array([0.0, 0.5, 1.0, 1.5]))

    def exact(r):
        return quad(lambda q: np.exp(-((r - q) ** 2) / (4 * t)) * i0e(r * q / (2 * t)) * q, 0, 1)[0]

    expected = np.array([exact(r) for r in (0.0, 0.5, 1.0, 1.5)]) / (2 * np.pi * t)
    np.testing.assert_allclose(found, expected, atol=3e-8 * expected[0])


@pytest.mark.parametrize("chi", [6 * np.pi, -6 * np.pi])
@pytest.mark.parametrize(("length", "speed"), [(1e-3, 1.0), (1.0, 50.0), (40.0, 0.01)])
def test_units_do_not_matter(chi, length, speed):
    """ρ(x/a, ct)/a² solves the equation with σ and χ multiplied by c a²."""
    t, r = 0.7, np.linspace(0, 4, 20)
    plain = prepared(chi)
    c = speed * length**2
    axis = Grid((Axis("r", 0.0, 5 * length, 128, "open"),))
    scaled = RadialAggregation().prepare(KellerSegel(chi * c, c), axis, gaussian(length**2))
    for _ in evolve(plain, [t]):
        expected = plain.radial.density(r)
    for _ in evolve(scaled, [t / speed]):
        found = scaled.radial.density(r * length) * length**2
    np.testing.assert_allclose(found, expected, atol=1e-8 * expected[0])


@pytest.mark.parametrize(
    "equation",
    [
        LogGas(2, -2.0, 1.0),
        McKeanVlasov(KellerSegelKernel(4 * np.pi), 1.0),
        McKeanVlasov(Coulomb(2, -2.0), 1.0),
        McKeanVlasov(Riesz(2, 0.0, -2.0), 1.0),
    ],
    ids=lambda equation: type(equation.kernel).__name__,
)
def test_every_logarithmic_kernel_of_the_plane(equation):
    run, known = RadialAggregation().prepare(equation, LINE, gaussian()), prepared(4 * np.pi)
    for one in (run, known):
        for _ in evolve(one, [0.5]):
            pass
    for name, values in known.observe().items():
        np.testing.assert_allclose(run.observe()[name], values, rtol=1e-12, atol=1e-14)


def test_error_falls_geometrically_with_the_degree():
    """Against degree 128: thirtyfold for every eight degrees, down to the error of the time steps."""
    r = np.linspace(0, 6, 50)

    def at(degree):
        run = prepared(6 * np.pi, degree=degree, tolerance=1e-11)
        for _ in evolve(run, [0.5]):
            ρ = run.radial.density(r)
        return ρ

    exact = at(128)
    errors = [np.abs(at(n) - exact).max() / exact[0] for n in (32, 40, 48, 56)]
    assert (np.diff(np.log(errors)) < -3).all()
    assert errors[-1] < 1e-9


def test_error_follows_the_tolerance(reference):
    case = reference["C.ks.radial.rho(0,t)[chi=7pi]"]
    errors, steps = [], []
    for tolerance in (1e-5, 1e-7, 1e-9):
        run = prepared(case["params"]["chi"], tolerance=tolerance)
        centre = followed(run, case["value"]["t"], lambda run: run.radial.density(0.0))
        errors.append(np.abs(centre / case["value"]["rho0"] - 1).max())
        steps.append(sum(1 for _ in evolve(prepared(case["params"]["chi"], tolerance=tolerance), [2.0], 1)))
    assert (np.array(errors) < 50 * np.array([1e-5, 1e-7, 1e-9])).all()
    assert steps[0] < steps[1] < steps[2] < 40


@pytest.mark.parametrize("order", [2, 4, 7])
def test_extrapolated_steps_have_their_order(order):
    """On u′ = u(1 − u) and a stiff companion that follows it, over one unit of time."""

    def rate(u):
        return np.array([u[0] * (1 - u[0]), 1e4 * (u[0] - u[1]) + u[0] * (1 - u[0])])

    def jacobian(u):
        return np.array([[1 - 2 * u[0], 0.0], [1e4 + 1 - 2 * u[0], -1e4]])

    errors = []
    steps = [8, 16] if order < 7 else [2, 4]
    for n in steps:
        u = np.full(2, 0.1)
        for _ in range(n):
            u = u + extrapolated_euler(rate, jacobian(u), u, 1 / n, order)[0]
        errors.append(np.abs(u - np.e / (np.e + 9)).max())
    assert np.log2(errors[0] / errors[1]) > order - 0.25


def test_functionals_of_a_gaussian():
    """Field, potential, entropy, interaction energy, norm and half-mass radius in closed form."""
    state = prepared(1.0).radial
    r = np.array([1e-6, 0.1, 1.0, 3.0, 20.0])
    s = r**2
    np.testing.assert_allclose(state.field(r), -np.expm1(-s / 2) / r, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(
        state.logarithmic_potential(r[1:]), (np.log(s[1:]) + exp1(s[1:] / 2)) / 2, rtol=1e-10
    )
    assert state.entropy == pytest.approx(-1 - np.log(2 * np.pi), abs=1e-10)
    assert state.logarithmic_energy == pytest.approx((np.log(4) - np.euler_gamma) / 4, abs=1e-11)
    assert state.l2_norm == pytest.approx(1 / np.sqrt(4 * np.pi), abs=1e-12)
    assert state.half_mass_radius == pytest.approx(np.sqrt(2 * np.log(2)), abs=1e-11)
    assert state.second_moment == pytest.approx(2.0, abs=1e-9)
    assert state.maximum == pytest.approx(1 / (2 * np.pi), abs=1e-11)


def test_functionals_of_a_heavy_tail():
    """λ = 4: ∫ρ log ρ = log(1/4π) − 2, and ½∬log|x − y|ρρ = ¼(log 4 + 1), by ∫ log s dM² = log λ + 1."""
    line = half_line(96)
    state = RadialState(line, cumulative_mass(lambda r: 4 / (np.pi * (4 + r**2) ** 2), line, 30.0), 30.0)
    assert state.entropy == pytest.approx(-np.log(4 * np.pi) - 2, abs=1e-9)
    assert state.logarithmic_energy == pytest.approx((np.log(4) + 1) / 4, abs=1e-9)


def test_the_half_line_differentiates_and_integrates():
    """1/(1 + 2y)², and its derivatives."""
    line = half_line(40)
    y = line.below[:-1] / line.above[:-1]
    f, first, second = (1 + 2 * y) ** -2, -4 * (1 + 2 * y) ** -3, 24 * (1 + 2 * y) ** -4
    values = np.append(f, 0.0)
    np.testing.assert_allclose((line.slope @ values)[:-1], first, atol=1e-11)
    np.testing.assert_allclose((line.dilation @ values)[:-1], y * first, atol=1e-11)
    np.testing.assert_allclose((line.curvature @ values)[:-1], y * second, atol=1e-9)
    np.testing.assert_allclose(line.at(values, 3 * y), (1 + 6 * y) ** -2, atol=1e-13)
    x = line.points
    np.testing.assert_allclose(line.integral(np.exp(x)), np.e - np.exp(x), atol=1e-14)


def test_observed_fields_are_those_of_the_density():
    run = prepared(4 * np.pi)
    for _ in evolve(run, [0.3]):
        fields = run.observe()
    r = LINE["r"]
    assert 2 * np.pi * r.spacing * r.points @ fields["density"] == pytest.approx(
        1 - run.diagnostics()["mass_beyond"], abs=1e-4
    )
    np.testing.assert_array_equal(fields["mean_field_r"], run.force(r.points))
    δ = 1e-4
    V = run._χ / (2 * np.pi) * np.array([run.radial.logarithmic_potential(r.points + d) for d in (δ, -δ)])
    np.testing.assert_allclose(fields["mean_field_r"], -(V[0] - V[1]) / (2 * δ), atol=1e-6)
    assert fields["density"].min() > -1e-14


@pytest.mark.parametrize("chi", [7 * np.pi, 12 * np.pi])
def test_resumed_run_is_bitwise_the_same(chi):
    whole, part, resumed = (prepared(chi) for _ in range(3))
    for _ in evolve(whole, [0.2, 0.5]):
        final = whole.observe() | whole.diagnostics()
    for _ in evolve(part, [0.2]):
        saved = {name: np.array(value) for name, value in part.state().items()}
    resumed.restore(saved)
    for _ in evolve(resumed, [0.2, 0.5]):
        again = resumed.observe() | resumed.diagnostics()
    for name, values in final.items():
        assert np.array_equal(values, again[name]), name


def test_a_largest_step_is_kept():
    run = prepared(4 * np.pi)
    bounded = RadialAggregation().prepare(KellerSegel(4 * np.pi), LINE, gaussian(), 0.01)
    assert bounded.step(1.0) <= 0.01 * (1 + 1e-9)
    times = [instant.time for instant in evolve(bounded, [0.5], every=1)]
    assert np.diff(times).max() <= 0.01 * (1 + 1e-9)
    for _ in evolve(run, [0.5]):
        assert run.radial.density(0.0) == pytest.approx(bounded.radial.density(0.0), rel=1e-9)


def test_values_on_the_axis_make_a_density():
    """A spline of degree 5: differences of order 6 from the function itself."""
    errors = []
    for cells in (40, 80):
        grid = Grid((Axis("r", 0.0, 9.0, cells, "open"),))
        run = RadialAggregation().prepare(KellerSegel(0.0), grid, gaussian()(grid["r"].points))
        errors.append(abs(run.radial.density(0.5) - gaussian()(0.5)))
    assert errors[1] < 1e-6
    assert np.log2(errors[0] / errors[1]) > 4


def plane(pdf=None, **changes):
    axes = {"lower": -6.0, "upper": 6.0, "size": 32, "boundary": "open"} | changes
    grid = Grid((Axis("x", **axes), Axis("y", **axes)))
    return RadialAggregation().discretise(
        pdf or (lambda x: gaussian()(np.hypot(*np.moveaxis(x, -1, 0)))), grid
    )


def test_discretise_finds_the_radial_density():
    grid, profile = plane()
    assert grid.names == ("r",)
    assert (grid["r"].upper, grid["r"].size) == (6.0, 128)
    r = np.linspace(0, 5, 9)
    np.testing.assert_allclose(profile(r), gaussian()(r), rtol=1e-14)
    assert RadialAggregation().default_step(KellerSegel(1.0), grid, profile) is None
    assert RadialAggregation().discretise(lambda x: gaussian()((x**2).sum(-1) ** 0.5), LINE)[0] == LINE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pdf": lambda x: np.exp(-(x[..., 0] ** 2) - 1.01 * x[..., 1] ** 2)}, "not radial"),
        ({"pdf": lambda x: np.exp(-((x[..., 0] - 0.1) ** 2) - x[..., 1] ** 2)}, "not radial"),
        ({"boundary": "periodic"}, "open axes x, y"),
        ({"lower": -5.0}, "centred at the origin"),
    ],
)
def test_what_is_not_radial_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        plane(**changes)


@pytest.mark.parametrize(
    ("equation", "density", "message"),
    [
        (McKeanVlasov(Coulomb(3), 1.0), gaussian(), "logarithmic kernel of the plane"),
        (McKeanVlasov(Riesz(2, 0.5), 1.0), gaussian(), "logarithmic kernel of the plane"),
        (NavierStokes(0.1), gaussian(), "logarithmic kernel of the plane"),
        (KellerSegel(1.0, 0.0), gaussian(), "diffusion > 0"),
        (KellerSegel(1.0, PowerOfN(1.0, -1.0)), gaussian(), "for_size"),
        (McKeanVlasov(KellerSegelKernel(1.0, 0.1), 1.0), gaussian(), "without cut-off"),
        (McKeanVlasov(KellerSegelKernel(1.0), 1.0, lambda x: -x), gaussian(), "without cut-off, drift"),
        (McKeanVlasov(KellerSegelKernel(1.0), 1.0, circulations=(2.0,)), gaussian(), "circulations"),
        (KellerSegel(1.0), lambda r: 2 * gaussian()(r), "mass .* must be 1"),
        (KellerSegel(1.0), lambda r: -gaussian()(r), ">= 0"),
        (KellerSegel(1.0), lambda r: np.full_like(r, np.nan), "finite"),
        (KellerSegel(1.0), np.ones(3), "160 cells"),
    ],
)
def test_refusals(equation, density, message):
    with pytest.raises(ValueError, match=message):
        RadialAggregation().prepare(equation, LINE, density)


def test_configurations_are_checked():
    for wrong in ({"degree": 8}, {"degree": 20.5}, {"tolerance": 0.0}, {"tolerance": 2.0}):
        with pytest.raises(ValueError, match="must"):
            RadialAggregation(**wrong)
    for grid in (Grid((Axis("r", 1.0, 2.0, 4, "open"),)), Grid((Axis("x", 0.0, 2.0, 4, "open"),))):
        with pytest.raises(ValueError, match="axis r from 0"):
            RadialAggregation().prepare(KellerSegel(1.0), grid, gaussian())
    with pytest.raises(ValueError, match="dt=-1"):
        RadialAggregation().prepare(KellerSegel(1.0), LINE, gaussian(), -1.0)
    assert repr(RadialAggregation()) == "RadialAggregation(degree=128, tolerance=1e-10)"

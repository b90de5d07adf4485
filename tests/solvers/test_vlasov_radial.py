"""Shells: their field against quadrature, exact cold clouds, equilibria, order, invariants, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Harmonic
from mfpde_solvers.power_of_n import PowerOfN
from mfpde_solvers.stepping import BLANES_MOAN, FORCE_GRADIENT, STRANG
from mfpde_solvers.vlasov.radial import RadialVlasov
from mfpde_solvers.vlasov.shell_field import ShellField
from mfpde_solvers.vlasov.shells import Shells, gridded, radial_density

each_splitting = pytest.mark.parametrize("splitting", [STRANG, BLANES_MOAN], ids=["strang", "blanes_moan"])
LINE = Grid((Axis("r", 0.0, 7.0, 70, "open"),))
BALL = Shells.cold(np.cbrt, 500)
LANE_EMDEN_RADIUS, LANE_EMDEN_MASS = 6.896848619374, 2.018235950963  # ξ₁ and −ξ₁²θ′(ξ₁) for n = 3


def phase_space(R, V, cells=24):
    return Grid(
        (
            Axis("r", 0.0, R, cells, "open"),
            Axis("vr", -V, V, cells, "open"),
            Axis("L", 0.0, R * V, cells, "open"),
        )
    )


def tangential(r, L):
    return np.divide(L, r, out=np.zeros_like(L), where=r > 0)


def gaussian(s, u):
    """Positions N(0, s²), velocities N(0, u²)."""

    def f(r, vr, L):
        squares = r**2 / s**2 + (vr**2 + tangential(r, L) ** 2) / u**2
        return np.exp(-squares / 2) / (2 * np.pi * s * u) ** 3

    return f


def plummer(r, vr, L):
    E = (vr**2 + tangential(r, L) ** 2) / 2 - 1 / np.sqrt(1 + r**2)
    return 24 * np.sqrt(2) / (7 * np.pi**3) * np.maximum(-E, 0) ** 3.5


@pytest.fixture(scope="module")
def polytrope():
    """Steady state f ∝ (E₀ − E)^{3/2} of radius and mass 1, c = −1, and its M(r): Lane–Emden with n = 3."""
    ξ1, μ = LANE_EMDEN_RADIUS, LANE_EMDEN_MASS
    θ = solve_ivp(
        lambda ξ, y: [y[1], -(max(y[0], 0) ** 3) - 2 * y[1] / ξ],
        (1e-4, ξ1),
        [1 - 1e-8 / 6, -1e-4 / 3],
        "DOP853",
        rtol=1e-12,
        atol=1e-13,
        dense_output=True,
    ).sol
    ψ0 = ξ1 / μ
    # ρ = 4π ∫ f v² dv = F (2π)^{3/2} Γ(5/2)/Γ(4) ψ³, and ρ = ψ³/(4π a² ψ0²) with a = 1/ξ₁
    F = ξ1**2 / (4 * np.pi * ψ0**2) / ((2 * np.pi) ** 1.5 * np.sqrt(np.pi) / 8)

    def f(r, vr, L):
        ψ = ψ0 * θ(np.clip(r * ξ1, 1e-4, ξ1))[0]
        return np.where(r < 1, F * np.maximum(ψ - (vr**2 + tangential(r, L) ** 2) / 2, 0) ** 1.5, 0.0)

    def mass(r):
        ξ = np.clip(r * ξ1, 1e-4, ξ1)
        return -(ξ**2) * θ(ξ)[1] / μ

    return f, mass, phase_space(1.0, 2.65)


def sphere_average(function, r, s, ε):
    """Average of function(x − y) over |y| = s, |x| = r, as ∫ … q dq/(2rs) over the distance q = |x − y|."""
    t, weight = np.polynomial.legendre.leggauss(40)
    nearest, farthest = abs(r - s), r + s
    kink = np.clip(ε, nearest, farthest)
    inner = nearest + (kink - nearest) * (t + 1) / 2
    outer = kink * (farthest / kink) ** ((t + 1) / 2)  # even in log q, where the kernel is a power
    q = np.concatenate([inner, outer])
    dq = np.concatenate([weight * (kink - nearest), weight * outer * np.log(farthest / kink)]) / 2
    μ = np.clip((r**2 + s**2 - q**2) / (2 * r * s), -1, 1)
    z = np.stack([r - s * μ, -s * np.sqrt(1 - μ**2), 0 * μ], axis=-1)
    return np.sum(function(z) * q * dq) / (2 * r * s)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 3.0), st.floats(0.02, 2.0), st.integers(0, 2**32 - 1))
def test_field_is_the_kernel_averaged_over_spheres(r, ε, seed):
    """Against quadrature of the three-dimensional kernel itself."""
    s = np.random.default_rng(seed).uniform(0.05, 3.0, 12)
    w = np.arange(1.0, 13.0) / 78
    kernel = Coulomb(3, -1.3, ε)
    field = ShellField(kernel, s, w)
    force = sum(m * sphere_average(lambda z: kernel(z)[:, 0], r, a, ε) for a, m in zip(s, w))
    potential = sum(m * sphere_average(kernel.potential, r, a, ε) for a, m in zip(s, w))
    scale = 1.3 / ε**2
    assert field.force(r) == pytest.approx(force, abs=1e-9 * scale)
    assert field.potential(r) == pytest.approx(potential, abs=1e-9 * scale)


@pytest.mark.parametrize("ε", [0.0, 1e-6, 1e-3, 0.3, 50.0])
def test_force_is_the_gradient_of_the_energy(ε):
    """On a shell w F = −∂(½ Σ w Φ)/∂r, its own field included."""
    rng = np.random.default_rng(3)
    r, w = rng.uniform(0.2, 2.0, 40), rng.uniform(0.5, 1.5, 40) / 40
    kernel = Coulomb(3, 1.0, ε)

    def energy(r):
        return np.sum(w * ShellField(kernel, r, w).on_shells[1]) / 2

    gaps = np.diff(np.sort(r))
    h = min(1e-4, 0.3 * gaps.min(), max(ε / 10, 1e-4 * (ε == 0)))
    force = ShellField(kernel, r, w).on_shells[0]
    for i in range(0, 40, 8):
        step = h * (np.arange(40) == i)
        slope = (energy(r + step) - energy(r - step)) / (2 * h)
        # differences: h² of the third derivative, which is 1/ε³ at most, and rounding 1e-16/h
        assert -slope == pytest.approx(w[i] * force[i], abs=1e-13 / h + h**2 * 0.1)


def test_sharp_field_of_shells_that_coincide():
    field = ShellField(Coulomb(3, 2.0), np.array([1.0, 0.5, 1.0, 2.0]), np.array([0.1, 0.2, 0.3, 0.4]))
    assert field.on_shells[0] == pytest.approx(2 * np.array([0.4, 0.1 / 0.25, 0.4, 0.8 / 4]))
    assert field.force([0.0, 0.7, 1.0, 4.0]) == pytest.approx(2 * np.array([0, 0.2 / 0.49, 0.4, 1 / 16]))
    assert field.potential([0.0, 3.0]) == pytest.approx([2 * (0.4 + 0.4 + 0.2), 2 / 3])
    assert field.mass_within([0.5, 1.5]) == pytest.approx([0.1, 0.6])


@pytest.mark.parametrize("ε", [1e-9, 1e-4, 1.0, 3.0])
def test_small_radii_and_small_cutoffs_keep_their_digits(ε):
    """F r² = Q grows from 0 to 1; at r ≪ ε it is (r/ε)³ times the mass within ε of a ball of shells."""
    field = ShellField(Coulomb(3, 1.0, ε), BALL.radius, BALL.mass)
    r = np.sort(np.concatenate([np.geomspace(1e-8, 3.0 + ε, 4000), BALL.radius]))
    Q = field.force(r) * r**2
    assert np.diff(Q).min() > -1e-15
    assert 0 <= Q[0] <= Q[-1] <= 1 + 1e-14
    if ε >= 1:
        inner = r < 1e-3
        assert Q[inner] == pytest.approx((r[inner] / ε) ** 3, rel=2e-3)  # all within ε, but for a skin


@pytest.mark.parametrize("r", [1e-6, 3e-3, 0.0157, 0.0162, 0.3, 1.2])
def test_window_in_exact_arithmetic(r):
    """Shells partly within the cut-off ε = 1 of the radius, and two others: Q, also where it is tiny."""
    s = np.concatenate([[0.4, 0.6], np.linspace(abs(1 - r), 1 + r, 13)[1:-1]])
    w = np.arange(1.0, 14.0) / 91

    def Q(r, s):
        if s <= abs(1 - r):
            return r**3
        d = r - s
        return (s - Fraction(3, 8) - 3 * d**2 / 4 + d**4 / 8 + 3 * r * d / 2 - r * d**3 / 2) / (2 * s)

    exact = sum(Fraction(m) * Q(Fraction(r), Fraction(a)) for a, m in zip(s, w))
    found = ShellField(Coulomb(3, 1.0, 1.0), s, w).force(r) * r**2
    assert found == pytest.approx(float(exact), rel=1e-9, abs=0)  # 1 + r − s is rounded to 1e-16/r


def test_gaussian_with_cutoff(reference):
    """Lazarovici and Pickl: to the accuracy of the lattice, whose errors fall faster than 1/n."""
    cases = [case for name, case in reference.items() if name.startswith("A.lazarovici_pickl.F")]
    worst = []
    for shells in (2**13, 2**17):
        points = Shells.sample(gaussian(1.0, 1.0), phase_space(9.0, 9.0), shells)
        errors = []
        for case in cases:
            field = ShellField(Coulomb(3, 1.0, case["params"]["eps"]), points.radius, points.mass)
            errors.append(abs(field.force(case["params"]["r"]) - case["value"]))
        worst.append(max(errors))
    assert len(cases) == 4
    assert worst[1] < 1e-7
    assert worst[1] < worst[0] / 16


def test_gaussian_without_cutoff(reference):
    points = Shells.sample(gaussian(1.0, 1.0), phase_space(9.0, 9.0), 2**17)
    field = ShellField(Coulomb(3), points.radius, points.mass)
    for r in (0.1, 1.0, 3.0):
        exact = reference[f"A.gauss3d.E(r={r},s=1.0)"]["value"]
        assert field.force(r) == pytest.approx(exact, rel=4e-3)  # the mass within r is a count of points


def test_lattice_integrates_smooth_densities():
    """Moments of a Gaussian: mass 1, ⟨r²⟩ = 3, ⟨L²⟩ = 2⟨r²⟩u²; second order or better."""
    sizes = 2 ** np.array([10, 13, 16])
    errors = []
    for n in sizes:
        s = Shells.sample(gaussian(1.0, 0.5), phase_space(8.0, 4.0), int(n))
        L2 = np.sum(s.mass * s.angular_momentum**2)
        errors.append([abs(s.mass.sum() - 1), abs(np.sum(s.mass * s.radius**2) / 3 - 1), abs(L2 / 1.5 - 1)])
    total = np.max(errors, axis=1)
    assert total[-1] < 5e-7
    assert np.log(total[0] / total[-1]) / np.log(sizes[-1] / sizes[0]) > 1.5


@pytest.mark.parametrize("name", ["1", "1/4pi"])
def test_coulomb_explosion(reference, name):
    """A uniform cold ball stays one; every shell keeps its place in it."""
    case = reference[f"A.coulomb_explosion.R0=1.0.c={name}"]
    run = RadialVlasov().prepare(Vlasov(Coulomb(3, case["params"]["c"])), LINE, BALL)
    for _, R in zip(evolve(run, case["value"]["t"]), case["value"]["R"], strict=True):
        assert run.shells.radius == pytest.approx(BALL.radius * R, rel=1e-8)


@each_splitting
def test_order_on_a_cold_collapse(reference, splitting):
    exact = reference["A.cold_collapse.R(t=1.0)"]["value"]
    errors = []
    for n in (40, 80, 160):
        run = RadialVlasov(splitting=splitting).prepare(Vlasov(Coulomb(3, -1.0)), LINE, BALL, 1 / n)
        assert [instant.time for instant in evolve(run, [1.0])] == [1.0]
        errors.append(np.abs(run.shells.radius / BALL.radius - exact).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(orders - splitting.order).max() < 0.3
    if splitting.order == 4:
        assert errors[-1] < 1e-9
        assert run.shells.radius[-1] < 0.36


def test_kepler_orbit():
    """A light shell around a mass at the centre returns after the period 2π a^{3/2}."""
    e, a = 0.3, 1.2
    shells = Shells([0.0, a * (1 - e)], [0.0, 0.0], [0.0, np.sqrt(a * (1 - e**2))], [1.0, 1e-14])
    run = RadialVlasov().prepare(Vlasov(Coulomb(3, -1.0)), LINE, shells, 0.01)
    half, full = np.pi * a**1.5, 2 * np.pi * a**1.5
    radii = [run.shells.radius[1] for _ in evolve(run, [half, full])]
    assert radii == pytest.approx([a * (1 + e), a * (1 - e)], abs=1e-7)


def test_free_motion_passes_through_the_centre():
    """Without a force r² = |x + vt|², for every L, also on a line through the centre."""
    shells = Shells([1.0, 1.0, 2.0], [-1.0, -0.5, 0.3], [0.0, 0.4, 1.0], [0.2, 0.3, 0.5])
    run = RadialVlasov().prepare(Vlasov(Coulomb(3, 0.0)), LINE, shells, 0.1)
    for instant in evolve(run, [0.5, 1.7, 3.0]):
        t = instant.time
        expected = [
            abs(1 - t),
            np.hypot(1 - 0.5 * t, 0.4 * t),
            np.hypot(2 + 0.3 * t, 0.5 * t),
        ]
        assert run.shells.radius == pytest.approx(expected, rel=1e-13)
    assert run.shells.radial_velocity[0] == pytest.approx(1.0)


@pytest.mark.parametrize("c", [1.0, -1.0], ids=["electrostatic", "gravitational"])
@each_splitting
def test_energy_error_is_of_the_order(c, splitting):
    """With a cut-off the field is smooth, and steps that are not too small show the order."""
    errors = []
    for n in (8, 16, 32) if splitting.order == 2 else (2, 4, 8, 16):
        solver = RadialVlasov(2**14, splitting)
        run = solver.prepare(Vlasov(Coulomb(3, c, 0.8)), phase_space(7.0, 4.0), gaussian(1.0, 0.6), 1 / n)
        energies = [run.diagnostics()["total_energy"] for _ in evolve(run, np.arange(5))]
        errors.append(np.ptp(energies))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(orders - splitting.order).max() < 0.5


def test_sharp_shells_conserve_energy():
    """The field jumps where shells cross, by one shell in thousands: noise, and no drift."""
    deviations = []
    for n in (2**11, 2**14):
        run = RadialVlasov(n).prepare(
            Vlasov(Coulomb(3, 1.0)), phase_space(7.0, 4.0), gaussian(1.0, 0.6), 0.05
        )
        energies = [run.diagnostics()["total_energy"] for _ in evolve(run, np.linspace(0.0, 4.0, 9))]
        deviations.append(np.ptp(energies) / energies[0])
    assert deviations[1] < 1e-5
    assert deviations[1] < deviations[0] / 2


def test_virial_identity():
    """d²/dt² ∫r²ρ = 4 KE + 2 PE, since Σ w r F is the potential energy of a 1/r interaction."""
    run = RadialVlasov(2**12).prepare(
        Vlasov(Coulomb(3, -1.0)), phase_space(7.0, 4.0), gaussian(1.0, 0.6), 0.01
    )
    shells = run.shells
    values = run.diagnostics()
    assert np.sum(shells.mass * shells.radius * run.force(shells.radius)) == pytest.approx(
        values["potential_energy"], rel=1e-12
    )
    moments, powers = [], []
    for _ in evolve(run, np.arange(9) * 0.05):
        values = run.diagnostics()
        moments.append(values["second_moment"])
        powers.append(4 * values["kinetic_energy"] + 2 * values["potential_energy"])
    second = np.diff(moments, 2) / 0.05**2
    averaged = (np.array(powers)[:-2] + 10 * np.array(powers)[1:-1] + np.array(powers)[2:]) / 12  # Numerov
    assert second == pytest.approx(averaged, abs=1e-3)


def test_reversible():
    equation, grid = Vlasov(Coulomb(3, -1.0, 0.3)), phase_space(7.0, 4.0)
    forth = RadialVlasov(2**11).prepare(equation, grid, gaussian(1.0, 0.6), 0.05)
    start = forth.shells
    forth.step(0.05)
    for _ in evolve(forth, [2.0]):
        end = forth.shells
    turned = Shells(end.radius, -end.radial_velocity, end.angular_momentum, end.mass)
    back = RadialVlasov().prepare(equation, grid, turned, 0.05)
    for _ in evolve(back, [1.95, 2.0]):
        pass
    assert np.abs(back.shells.radius - start.radius).max() < 1e-10
    assert np.abs(back.shells.radial_velocity + start.radial_velocity).max() < 1e-8  # nearly radial orbits


def test_polytrope_stays(polytrope):
    """Energies and the mass profile over two dynamical times √(R³/|c|M), converging in the shells."""
    f, mass, grid = polytrope
    edges = grid["r"].edges
    changes, profiles = [], []
    for n in (2**11, 2**15):
        run = RadialVlasov(n).prepare(Vlasov(Coulomb(3, -1.0)), grid, f, 0.02)
        values = [run.diagnostics() for _ in evolve(run, [0.0, 0.7, 1.4, 2.0])]
        assert values[0]["kinetic_energy"] == pytest.approx(0.75, rel=1e-4)  # 3/(5 − n) c M²/R = −PE = 2 KE
        assert values[0]["potential_energy"] == pytest.approx(-1.5, rel=1e-4)
        names = ("kinetic_energy", "potential_energy")
        changes.append(max(abs(v[name] - values[0][name]) for v in values for name in names))
        cells = run.observe()["density"] * 4 / 3 * np.pi * np.diff(edges**3)
        profiles.append(np.abs(cells - np.diff(mass(edges))).sum())
    assert changes[1] < 5e-4
    assert changes[1] < changes[0] / 8
    assert profiles[1] < 0.04
    assert profiles[1] < profiles[0] / 2  # counts of points in cells gain n^{1/3}, sums over shells more


def test_plummer_stays(reference):
    """Cut at R = 25, where the tail 1 − M(R) = 0.0024 exerts no force inside."""
    R = 25.0
    run = RadialVlasov(2**17).prepare(Vlasov(Coulomb(3, -1.0)), phase_space(R, 1.4143, 50), plummer, 0.06)
    inner = 4 * np.pi * quad(lambda r: r**2 * 3 / (4 * np.pi) * (1 + r * r) ** -3 / 4, 0, R)[0]
    half = reference["A.plummer.halfmass_radius"]["value"]
    for instant in evolve(run, [0.0, 2.0, 2 * np.pi]):
        values = run.diagnostics()
        assert values["mass"] == pytest.approx(R**3 / (1 + R**2) ** 1.5, abs=1e-5)
        assert values["kinetic_energy"] == pytest.approx(inner, abs=1e-5)
        assert run.field.mass_within(half) == pytest.approx(0.5, abs=1e-3 if instant.time == 0 else 8e-3)
    assert inner == pytest.approx(reference["A.plummer.kinetic"]["value"], abs=2e-4)
    core = (
        4 * np.pi / 3 * np.array([0.75, 1.25]) ** 3
    )  # the cell whose centre is r = 1 is no cell of the axis
    mean = np.diff(run.field.mass_within([0.75, 1.25])) / np.diff(core)
    assert mean == pytest.approx(reference["A.plummer.rho(r=1)"]["value"], rel=0.05)


def test_values_on_a_grid_are_the_function():
    """Cubic splines of a density that is smooth in L², up to its first cell: fourth order."""

    def f(r, vr, L):
        return np.exp(-((r - 2) ** 2) / 0.18 - vr**2 / 0.32 - L**2 / 2)

    rng = np.random.default_rng(5)
    points = rng.uniform([0, -3, 0], [4, 3, 6], (20000, 3)).T
    errors = []
    for cells in (40, 80):
        grid = Grid(
            (
                Axis("r", 0.0, 4.0, cells, "open"),
                Axis("vr", -3.0, 3.0, cells, "open"),
                Axis("L", 0.0, 6.0, cells, "open"),
            )
        )
        values = f(*np.moveaxis(grid.points, -1, 0))
        errors.append(np.abs(gridded(values, grid)(*points) - f(*points)).max())
    assert errors[1] < 1e-4
    assert np.log2(errors[0] / errors[1]) > 3.5
    mass = 8 * np.pi**2 * np.pi * np.sqrt(0.18 * 0.32)  # ∫ L e^{−L²/2} dL = 1
    run = RadialVlasov(2**14).prepare(Vlasov(Coulomb(3)), grid, values / mass, 0.1)
    assert run.diagnostics()["mass"] == pytest.approx(1, abs=1e-4)


def test_observed_fields():
    grid = phase_space(7.0, 4.0, 20)
    run = RadialVlasov(2**13).prepare(Vlasov(Coulomb(3, 1.0, 0.2)), grid, gaussian(1.0, 0.6), 0.1)
    run.step(0.1)
    fields, r = run.observe(), grid["r"]
    volume = 4 / 3 * np.pi * np.diff(r.edges**3)
    values = run.diagnostics()
    assert np.sum(fields["density"] * volume) == pytest.approx(values["mass"] - values["mass_beyond"])
    assert fields["mean_field_r"] == pytest.approx(run.force(r.points))
    δ = 1e-4
    slope = (run.field.potential(r.points + δ) - run.field.potential(r.points - δ)) / (2 * δ)
    assert fields["mean_field_r"] == pytest.approx(-slope, abs=1e-5)
    f = run.phase_space_density()
    measure = 4 * np.pi**2 * np.diff(grid["L"].edges ** 2) * r.spacing * grid["vr"].spacing
    assert np.sum(f * measure) == pytest.approx(values["mass"], abs=1e-9)


def test_resumed_run_is_bitwise_the_same():
    equation, grid = Vlasov(Coulomb(3, -1.0, 0.1)), phase_space(7.0, 4.0)

    def prepared():
        return RadialVlasov(2**11).prepare(equation, grid, gaussian(1.0, 0.6), 0.07)

    whole, part, resumed = prepared(), prepared(), prepared()
    for _ in evolve(whole, [0.5, 1.0]):
        final = whole.observe()
    for _ in evolve(part, [0.5]):
        part.observe()
        saved = {name: np.array(value) for name, value in part.state().items()}
    resumed.restore(saved)
    for _ in evolve(resumed, [0.5, 1.0]):
        again = resumed.observe()
    for name, values in final.items():
        assert np.array_equal(values, again[name])


def test_lost_resolution_is_told():
    run = RadialVlasov().prepare(Vlasov(Coulomb(3)), LINE, BALL, 0.1)
    run.restore({"radius": np.full(500, np.nan), "radial_velocity": np.zeros(500), "time": np.float64(0)})
    with pytest.raises(ResolutionLost, match="not finite"):
        run.step(0.1)


@pytest.mark.parametrize("turned", [False, True])
def test_symmetry_is_checked(turned):
    """A Gaussian is radial; one that is stretched, or whose velocities swirl, is not."""
    f = gaussian(1.0, 0.5)

    def pdf(z):
        return np.exp(-(z[..., :3] ** 2).sum(-1) / 2 - 2 * (z[..., 3:] ** 2).sum(-1)) / np.pi**3

    def swirling(z):
        return pdf(z) * (1 + np.tanh(z[..., 0] * z[..., 4] - z[..., 1] * z[..., 3]))

    r, vr, L = np.random.default_rng(0).uniform(0.1, 2.0, (3, 50))
    assert radial_density(pdf)(r, vr, L) == pytest.approx(f(r, vr, L), rel=1e-12)
    with pytest.raises(ValueError, match="not spherically symmetric"):
        radial_density(swirling if turned else lambda z: pdf(z * [1, 1, 1.1, 1, 1, 1]))


GRID = phase_space(7.0, 4.0)
SPACE = Vlasov(Coulomb(3))


@pytest.mark.parametrize(
    ("equation", "grid", "density", "message"),
    [
        (Vlasov(Coulomb(2)), GRID, gaussian(1, 0.6), r"Coulomb\(3"),
        (Vlasov(Harmonic(3, 1.0)), GRID, gaussian(1, 0.6), r"Coulomb\(3"),
        (Vlasov(Coulomb(3, 1.0, PowerOfN(1.0, -0.3))), GRID, gaussian(1, 0.6), "for_size"),
        (Vlasov(Coulomb(3), friction=0.1), GRID, gaussian(1, 0.6), "without drift"),
        (SPACE, LINE, gaussian(1, 0.6), "r, vr, L"),
        (SPACE, Grid((Axis("x", 0.0, 1.0, 4), Axis("v", -1.0, 1.0, 4, "open"))), BALL, "r, vr, L"),
        (SPACE, Grid((Axis("r", 1.0, 2.0, 4, "open"),)), BALL, "begin at 0"),
        (SPACE, Grid((Axis("r", 0.0, 2.0, 4),)), BALL, "open"),
        (SPACE, GRID, np.ones((3, 3, 3)), "shape"),
        (SPACE, GRID, lambda r, vr, L: 2 * gaussian(1, 0.6)(r, vr, L), "mass .* must be 1"),
        (SPACE, GRID, lambda r, vr, L: -gaussian(1, 0.6)(r, vr, L), ">= 0"),
        (SPACE, GRID, lambda r, vr, L: np.full_like(r, np.nan), "finite"),
    ],
)
def test_refusals(equation, grid, density, message):
    with pytest.raises(ValueError, match=message):
        RadialVlasov(2**10).prepare(equation, grid, density)


def test_shells_and_configurations_are_checked():
    with pytest.raises(ValueError, match="power of 2"):
        RadialVlasov(1000).prepare(SPACE, GRID, gaussian(1, 0.6))
    with pytest.raises(ValueError, match="unknown"):
        RadialVlasov(splitting="euler")
    with pytest.raises(ValueError, match="force gradient"):
        RadialVlasov(splitting=FORCE_GRADIENT)
    for bad in (
        ([1.0], [0.0], [0.0], [1.0, 2.0]),
        ([-1.0], [0.0], [0.0], [1.0]),
        ([1.0], [np.inf], [0.0], [1.0]),
        ([0.0], [0.0], [1.0], [1.0]),
        ([], [], [], []),
    ):
        with pytest.raises(ValueError, match=r"shell|radius"):
            Shells(*bad)

"""Newton's equations by splittings: exact few-body motions, orders, invariants, the circle, bad input."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from mfpde.particles.dynamics import prepare
from mfpde.particles.dynamics.second_order import VERLET_PHASE
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Custom, Harmonic, Kuramoto

LINE = Grid((Axis("x", -10.0, 10.0, 64, "open"), Axis("v", -5.0, 5.0, 16, "open")))
L = 2 * np.pi
TORUS = Grid((Axis("x", 0.0, L, 64), Axis("v", -5.0, 5.0, 16, "open")))
SPACE = Grid(
    tuple(Axis(n, -5.0, 5.0, 8, "open") for n in "xyz")
    + tuple(Axis("v" + n, -5.0, 5.0, 8, "open") for n in "xyz")
)
STREAM = np.random.SeedSequence(0)


def start(equation, grid, points, dt=None, **options):
    points = np.asarray(points, dtype=float)
    return prepare(equation, grid, points, np.ones(len(points)), STREAM, dt, **options)


def positions_and_velocities(run, time, names=("x", "v")):
    assert [i.time for i in evolve(run, [time])] == [time]
    observed = run.observe()
    return np.stack([observed[name] for name in names], axis=1)


def test_two_repelling_sheets_move_on_parabolas():
    """K = c sign: until they meet, each has the acceleration ±c/N, which Verlet integrates exactly."""
    c, T = 1.7, 2.3
    run = start(Vlasov(Coulomb(1, c)), LINE, [[-0.5, 0.2], [0.5, -0.1]], 0.37)
    x, v = np.array([-0.5, 0.5]), np.array([0.2, -0.1])
    a = np.array([-c / 2, c / 2])
    expected = np.stack([x + v * T + a * T**2 / 2, v + a * T], axis=1)
    assert np.abs(positions_and_velocities(run, T) - expected).max() < 1e-13


def test_two_attracting_sheets_swing_through_each_other():
    """With c < 0 the distance has the period 4√(2r₀/|c|): parabolas joined at each crossing."""
    c, r0 = 1.0, 0.5
    quarter = np.sqrt(2 * r0 / c)  # from rest at distance r₀ to the crossing, at acceleration c
    points = [[-r0 / 2, 0.0], [r0 / 2, 0.0]]
    errors = []
    for steps in (101, 201, 401):  # odd: no step ends at a crossing, where every order but the first is lost
        run = start(Vlasov(Coulomb(1, -c)), LINE, points, 4 * quarter / steps)
        errors.append(np.abs(positions_and_velocities(run, 4 * quarter) - points).max())
    assert errors[0] < 0.05
    assert errors[2] < 0.5 * errors[0]


def test_three_sheets_exactly_between_crossings():
    """The middle one feels nothing, the outer ones ±2c/3, with the weight 1/(N − 1) ±c."""
    T, c = 1.1, 0.9
    points = np.array([[0.1, 0.0], [-1.0, 0.3], [1.4, -0.2]])
    for scaling, weight in (("1/N", 1 / 3), ("1/(N-1)", 1 / 2)):
        run = start(Vlasov(Coulomb(1, c), scaling=scaling), LINE, points, 0.2)
        a = weight * c * np.array([0.0, -2.0, 2.0])
        expected = points + np.stack([points[:, 1] * T + a * T**2 / 2, a * T], axis=1)
        assert np.abs(positions_and_velocities(run, T) - expected).max() < 1e-13


def test_two_sheets_on_the_circle_swing_harmonically():
    """Where K = c(1 − 2z/L) the distance swings about L/2, with ω² = 2c/L for two of them."""
    c, T = 1.3, 3.0
    run = start(Vlasov(Coulomb(1, c)), TORUS, [[1.0, 0.0], [1.0 + 0.3 * L, 0.0]], 1e-3)
    x = positions_and_velocities(run, T)[:, 0]
    ω = np.sqrt(2 * c / L)  # relative acceleration 2·(c/2)(1 − 2z/L)
    assert (x[1] - x[0]) % L == pytest.approx(L / 2 - 0.2 * L * np.cos(ω * T), abs=1e-6)


@pytest.mark.parametrize("scaling", ["1/N", "1/(N-1)"])
def test_harmonic_kernel_turns_about_the_centre_of_mass(scaling):
    """Frequency √a with 1/N, √(aN/(N − 1)) with 1/(N − 1): exact at every N."""
    a, T, N = 1.4, 4.0, 6
    points = np.random.default_rng(3).normal(size=(N, 2))
    run = start(Vlasov(Harmonic(1, a), scaling=scaling), LINE, points, 1e-3)
    ω = np.sqrt(a if scaling == "1/N" else a * N / (N - 1))
    centre = points.mean(axis=0)
    turn = np.array([[np.cos(ω * T), np.sin(ω * T) / ω], [-ω * np.sin(ω * T), np.cos(ω * T)]])
    expected = (points - centre) @ turn.T + centre + [centre[1] * T, 0.0]
    assert np.abs(positions_and_velocities(run, T) - expected).max() < 2e-6


def pendulums(dt, splitting=None):
    """Three rotators of the Hamiltonian mean-field model."""
    points = [[0.3, 0.1], [2.0, -0.4], [4.4, 0.6]]
    return start(Vlasov(Kuramoto(2.0)), TORUS, points, dt, splitting=splitting)


def test_second_order_of_trajectory_and_energy():
    κ, T = 2.0, 3.0

    def newton(t, y):
        x = y[:3]
        return np.concatenate([y[3:], -κ / 3 * np.sin(x[:, None] - x).sum(axis=1)])

    y = solve_ivp(newton, (0, T), [0.3, 2.0, 4.4, 0.1, -0.4, 0.6], "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    exact = np.stack([y[:3] % L, y[3:]], axis=1)
    energy = pendulums(0.1).diagnostics()["total_energy"]
    errors, drifts = [], []
    for dt in (0.1, 0.05, 0.025):
        run = pendulums(dt)
        errors.append(np.abs(positions_and_velocities(run, T) - exact).max())
        drifts.append(abs(run.diagnostics()["total_energy"] - energy))
    for values in (errors, drifts):
        assert np.log2(np.divide(values[:-1], values[1:])) == pytest.approx([2, 2], abs=0.25)


def test_energy_and_momentum_over_a_long_time():
    """Momentum to round-off; the energy of a symplectic scheme swings but does not drift."""
    run = pendulums(0.05)
    before = run.diagnostics()
    history = [run.diagnostics() for _ in evolve(run, np.arange(1.0, 200.0))]
    energy = np.array([values["total_energy"] for values in history]) - before["total_energy"]
    assert max(abs(values["momentum_x"] - before["momentum_x"]) for values in history) < 1e-13
    assert np.abs(energy[100:]).max() < 1.5 * np.abs(energy[:100]).max() < 1e-2


@pytest.mark.parametrize("grid", [LINE, TORUS], ids=["line", "torus"])
def test_many_sheets_conserve_momentum_and_nearly_energy(grid):
    rng = np.random.default_rng(11)
    points = np.stack([L * rng.random(400), rng.normal(size=400)], axis=1)
    run = start(Vlasov(Coulomb(1, L / 2 if grid is TORUS else 1.0)), grid, points, 0.02)
    before = run.diagnostics()
    positions_and_velocities(run, 3.0)
    after = run.diagnostics()
    assert after["momentum_x"] == pytest.approx(before["momentum_x"], abs=1e-13)
    # every crossing of two sheets costs the scheme its order: 400 × many crossings of size (dt/N)
    assert after["total_energy"] == pytest.approx(before["total_energy"], abs=1e-3)


def test_energies_by_definition():
    """½N⁻¹Σ|V|² and (w/2N) Σ_{i≠j} V(Xᵢ − Xⱼ), for both weights."""
    points = np.random.default_rng(2).normal(size=(5, 6))
    kernel = Coulomb(3, 0.8)
    for scaling, weight in (("1/N", 1 / 5), ("1/(N-1)", 1 / 4)):
        values = start(Vlasov(kernel, scaling=scaling), SPACE, points, 0.1).diagnostics()
        pairs = sum(kernel.potential(points[i, :3] - points[j, :3]) for i in range(5) for j in range(i))
        assert values["kinetic_energy"] == pytest.approx((points[:, 3:] ** 2).sum() / 10)
        assert values["potential_energy"] == pytest.approx(weight * pairs / 5)
        assert values["momentum_y"] == pytest.approx(points[:, 4].mean())


def test_kepler_orbit_in_space():
    """Two attracting bodies on a circle: r ω² = 2·|c|/(2 r²) for the relative motion, one full turn."""
    r, c = 1.0, 1.0
    speed = np.sqrt(c / r)  # relative acceleration (1/2 + 1/2) c/r² = v²/r
    points = [[r / 2, 0, 0, 0, speed / 2, 0], [-r / 2, 0, 0, 0, -speed / 2, 0]]
    names = SPACE.names
    errors = []
    for dt in (0.02, 0.01):
        run = start(Vlasov(Coulomb(3, -c)), SPACE, points, dt)
        errors.append(np.abs(positions_and_velocities(run, 2 * np.pi * r / speed, names) - points).max())
    assert errors[1] < 1e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.25)


def orbit(time, e, c):
    """Position and velocity at a time from the pericentre on Kepler's ellipse with r″ = −c r/|r|³, axis 1."""
    n = np.sqrt(c)
    E = brentq(lambda E: E - e * np.sin(E) - n * time, n * time - 1, n * time + 1, xtol=1e-15)
    rate, b = n / (1 - e * np.cos(E)), np.sqrt(1 - e**2)
    return np.array([np.cos(E) - e, b * np.sin(E), 0, -rate * np.sin(E), rate * b * np.cos(E), 0])


def kepler_errors(splitting, steps, e=0.5, c=1.0):
    """Error of the relative position after 1¼ turns of two bodies, and largest error of the energy."""
    T = 2.5 * np.pi
    run = start(
        Vlasov(Coulomb(3, -c)),
        SPACE,
        [orbit(0.0, e, c) / 2, -orbit(0.0, e, c) / 2],
        T / steps,
        splitting=splitting,
    )
    energy, drift = run.diagnostics()["total_energy"], 0.0
    while run.time < T:
        run.step(T)
        drift = max(drift, abs(run.diagnostics()["total_energy"] - energy))
    found = np.stack([run.observe()[name] for name in SPACE.names], axis=1)
    return np.abs((found[0] - found[1] - orbit(T, e, c))[:3]).max(), drift


@pytest.mark.parametrize(("splitting", "order", "steps"), [("strang", 2, 400), ("blanes_moan", 4, 66)])
def test_orders_of_the_splittings_on_a_coulomb_orbit(splitting, order, steps):
    """Eccentricity ½, against the exact orbit: order of position and energy over two halvings."""
    errors = np.array([kepler_errors(splitting, steps * 2**k) for k in range(3)])
    assert np.log2(errors[:-1] / errors[1:]) == pytest.approx(order, abs=0.2)


def test_order_four_is_cheaper_than_order_two():
    """With the same 1600 forces position and energy are more than a hundred times closer."""
    coarse, fine = kepler_errors("strang", 1596), kepler_errors("blanes_moan", 266)
    assert fine[0] < coarse[0] / 100
    assert fine[1] < coarse[1] / 100


def test_default_steps_cost_the_same_for_every_splitting():
    """Six forces in a step six times as long: the frequency of a plasma is then 200 times closer."""
    points = np.stack([(np.arange(64) + 0.5) * L / 64, np.zeros(64)], axis=1)
    steps = []
    for splitting in ("strang", "blanes_moan"):
        run = start(Vlasov(Coulomb(1, L / 2)), TORUS, points, splitting=splitting)
        run.step(100.0)
        steps.append(run.time)
    assert steps[1] / steps[0] == pytest.approx(6, rel=0.02)  # both divide 100


def test_order_four_is_symplectic_and_reversible():
    """The Jacobian M of three pendulums keeps Ω; with the velocities turned round the way leads back."""
    points = np.array([[0.3, 0.1], [2.0, -0.4], [4.4, 0.6]])

    def flow(y):
        run = start(Vlasov(Kuramoto(2.0)), TORUS, y.reshape(2, 3).T, 0.4, splitting="blanes_moan")
        return positions_and_velocities(run, 2.0).T.ravel()

    y, δ = points.T.ravel(), 1e-5
    J = np.stack([(flow(y + δ * e) - flow(y - δ * e)) / (2 * δ) for e in np.eye(6)], axis=1)
    Ω = np.block([[np.zeros((3, 3)), np.eye(3)], [-np.eye(3), np.zeros((3, 3))]])
    assert np.abs(J.T @ Ω @ J - Ω).max() < 1e-8  # differences are accurate to δ²
    turn = np.r_[np.ones(3), -np.ones(3)]
    assert np.abs(turn * flow(turn * flow(y)) - y).max() < 1e-12


def test_an_external_force_with_order_four():
    errors = []
    for dt in (0.5, 0.25):
        trap = Vlasov(Coulomb(1, 0.0), drift=lambda x: -x)
        run = start(trap, LINE, [[1.0, 0.0]] * 2, dt, splitting="blanes_moan")
        errors.append(abs(positions_and_velocities(run, 2.0)[0, 0] - np.cos(2.0)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.1)


def test_a_given_field_is_seen_at_the_ends_of_the_steps():
    """The error of Verlet for dV = cos t dt is that of the trapezoidal rule, of order 2."""
    errors = []
    for dt in (0.5, 0.25, 0.125):
        free = Vlasov(Coulomb(1, 0.0))
        run = start(free, LINE, [[0.0, 0.0]] * 2, dt, field=lambda t, x: np.cos(t) + 0 * x)
        errors.append(abs(positions_and_velocities(run, 2.0)[0, 0] - (1 - np.cos(2.0))))
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2, abs=0.1)


def test_given_points_are_not_changed():
    points = np.asfortranarray([[0.3, 0.1], [2.0, -0.4]])  # columns that need no copy to be contiguous
    run = start(Vlasov(Kuramoto(2.0)), TORUS, points, 0.1)
    run.step(1.0)
    assert points.tolist() == [[0.3, 0.1], [2.0, -0.4]]


def test_positions_stay_on_the_circle_and_velocities_do_not_wrap():
    run = start(Vlasov(Coulomb(1, 0.0)), TORUS, [[0.1, 40.0], [L - 0.1, -40.0]], 0.1)
    x, v = positions_and_velocities(run, 10.0).T
    assert ((x >= 0) & (x < L)).all()
    assert np.abs(np.exp(1j * x) - np.exp(1j * np.array([400.1, -400.1]))).max() < 1e-11
    assert (v == [40.0, -40.0]).all()


def test_points_off_the_box_are_wrapped_at_the_start():
    inside = start(Vlasov(Coulomb(1, 1.0)), TORUS, [[0.5, 0.0], [2.0, 0.0]], 0.1)
    outside = start(Vlasov(Coulomb(1, 1.0)), TORUS, [[0.5 + 3 * L, 0.0], [2.0 - L, 0.0]], 0.1)
    a, b = (positions_and_velocities(run, 1.0) for run in (inside, outside))
    assert np.abs(a - b).max() < 1e-13


def test_an_external_field_acts_on_each_particle():
    ω, T = 1.2, 2.0
    run = start(Vlasov(Coulomb(1, 0.0), drift=lambda x: -(ω**2) * x), LINE, [[1.0, 0.0], [-0.5, 0.3]], 1e-3)
    x = positions_and_velocities(run, T)[:, 0]
    assert x == pytest.approx([np.cos(ω * T), -0.5 * np.cos(ω * T) + 0.3 / ω * np.sin(ω * T)], abs=1e-6)


@pytest.mark.parametrize("splitting", ["strang", "blanes_moan"])
def test_restored_runs_continue_bitwise(splitting):
    whole, first, second = (pendulums(0.1, splitting) for _ in range(3))
    end = positions_and_velocities(whole, 1.0), positions_and_velocities(whole, 2.0)
    positions_and_velocities(first, 1.0)
    second.restore(first.state())
    assert second.time == 1.0
    assert np.array_equal(positions_and_velocities(second, 2.0), end[1])


def test_default_step_resolves_the_plasma_frequency():
    """ω_p = 1 for a uniform plasma: the step is a tenth of it, a little less for the densest place."""
    x = (np.arange(640) + 0.5) * L / 640
    points = np.stack([x, np.zeros(640)], axis=1)
    run = start(Vlasov(Coulomb(1, L / 2)), TORUS, points)
    run.step(100.0)
    assert run.time == pytest.approx(VERLET_PHASE, rel=1e-2)


def test_a_force_that_is_not_finite_stops_the_run():
    run = start(Vlasov(Custom(lambda z: 1 / (z - 2.0), 1)), LINE, [[0.0, 0.0], [2.0, 0.0]], 0.1)
    with np.errstate(divide="ignore", invalid="ignore"), pytest.raises(ResolutionLost, match="not finite"):
        run.step(1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: start(Vlasov(Coulomb(1)), LINE, [[0.0, 0.0, 0.0]] * 2), r"takes \(N, 2\)"),
        (lambda: start(Vlasov(Coulomb(1)), LINE, [[0.0, 0.0]]), "at least two finite points"),
        (lambda: start(Vlasov(Coulomb(1)), LINE, [[0.0, 0.0], [np.nan, 0.0]]), "at least two finite points"),
        (lambda: start(Vlasov(Coulomb(1)), LINE, [[0.0, 0.0]] * 2, -0.1), "positive and finite"),
        (lambda: start(Vlasov(Coulomb(2)), LINE, [[0.0, 0.0]] * 2), "lives on axes x, y, vx, vy"),
        (
            lambda: prepare(Vlasov(Coulomb(1)), LINE, np.zeros((2, 2)), np.array([1.0, -1.0]), STREAM),
            "one circulation per particle",
        ),
        (lambda: start(Vlasov(Coulomb(1)), LINE, [[0.0, 0.0]] * 2, splitting="order4"), "is unknown"),
        (
            lambda: start(Vlasov(Coulomb(1)), LINE, [[0.0, 0.0]] * 2, splitting="force_gradient"),
            "no force gradient",
        ),
        (
            lambda: start(Vlasov(Coulomb(1), 1.0), LINE, [[0.0, 0.0]] * 2, splitting="strang"),
            "friction or noise",
        ),
        (
            lambda: start(
                Vlasov(Coulomb(1)),
                LINE,
                [[0.0, 0.0]] * 2,
                field=lambda t, x: 0 * x,
                splitting="blanes_moan",
            ),
            "goes back in time",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Isotropic Landau: exact solutions, reference values, the operator by another route, orders, invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.equations import Vlasov
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.landau.radial import RadialLandau
from mfpde_solvers.stepping import radau

EQUATIONS = [Landau(2, -3), Landau(2, -2), Landau(2, -0.7), Landau(2, 0), Landau(2, 1)]
EQUATIONS += [Landau(3, -3), Landau(3, -2.5), Landau(3, -1), Landau(3, 0), Landau(3, 0.5), Landau(3, 1)]
each_equation = pytest.mark.parametrize("equation", EQUATIONS, ids=repr)
each_dim = pytest.mark.parametrize("dim", [2, 3])
SPHERES = {2: 2 * np.pi, 3: 4 * np.pi}


def line(R=8.0, cells=200):
    return Grid((Axis("r", 0.0, R, cells, "open"),))


def box(dim, R=8.0, cells=64):
    return Grid(tuple(Axis(name, -R, R, cells, "open") for name in ("vx", "vy", "vz")[:dim]))


def bkw(dim, K):
    """The state of Bobylev, Krook and Wu, of mass 1 and ∫|v|²f = d."""
    excited = dim * (1 - K) / (2 * K)

    def f(r):
        e = np.asarray(r) ** 2 / (2 * K)
        return (1 - excited + 2 * excited / dim * e) * np.exp(-e) / (2 * np.pi * K) ** (dim / 2)

    return f


def shell(r):
    """Datum of the reference: a thin shell of mass 0.002, made even."""
    return 0.01 * (np.exp(-10 * ((r - 0.3) / 0.3) ** 2) + np.exp(-10 * ((r + 0.3) / 0.3) ** 2))


def at_origin(run):
    """f(0) from the first two cells of an even function, to the fourth power of their width."""
    f = run.observe()["density"]
    return (9 * f[0] - f[1]) / 8


@each_dim
def test_bkw(reference, dim):
    """γ = 0: the whole density, at several times; and ∫|v|⁴f."""
    C, rate = {2: 0.5, 3: 0.4}[dim], reference[f"E.bkw.lambda.d{dim}"]["value"]
    case = reference[f"E.bkw.d{dim}.M4(C={C},t=0.25)"]
    run = RadialLandau().prepare(Landau(dim, 0), line(), bkw(dim, 1 - C))
    r = line()["r"].points
    for instant in evolve(run, [0.0, 0.1, 0.25, 1.0]):
        exact = bkw(dim, 1 - C * np.exp(-rate * instant.time))(r)
        assert np.abs(run.observe()["density"] - exact).max() < 1e-11 * exact.max()
        if instant.time == case["params"]["t"]:
            assert run.diagnostics()["fourth_moment"] == pytest.approx(case["value"], rel=1e-11)


@pytest.mark.parametrize(
    ("name", "density", "R"),
    [("bkw_datum(K=0.6)", bkw(3, 0.6), 8.0), ("rosenbluth_sym", shell, 1.2)],
    ids=["bkw", "shell"],
)
def test_coulomb(reference, name, density, R):
    """γ = −3, d = 3: f(0, t) and ∫|v|⁴f against collocation by another code, of 10 printed digits."""
    case = reference[f"E.coulomb3d.{name}"]
    times, value = case["value"]["t"], case["value"]
    run = RadialLandau().prepare(Landau(3, -3), line(R, 4000), density)
    for instant, centre, M4 in zip(evolve(run, times), value["f_at_0"], value["M4"], strict=True):
        assert run.diagnostics()["fourth_moment"] == pytest.approx(M4, rel=1e-9)
        if instant.time > 0:
            assert at_origin(run) == pytest.approx(centre, rel=1e-9)
    assert run.diagnostics()["mass"] == pytest.approx(case["params"]["mass"], rel=1e-10)


def polar_flux(equation, density, slope, r):
    """Radial flux ∫ a(z) (f(v−z) ∇f(v) − f(v) ∇f(v−z)) dz at |v| = r, in polar coordinates of z around v."""
    d = equation.dim
    x, w = np.polynomial.legendre.leggauss(80)
    u = (1 + x) / 2
    q, dq = 16 * u**3, 24 * u**2 * w  # graded: a is a power of |z| that need not be an integer
    if d == 2:
        φ = 2 * np.pi * np.arange(96) / 96
        n, dn = np.stack([np.cos(φ), np.sin(φ)], axis=-1), np.full(96, 2 * np.pi / 96)
    else:
        n, dn = np.stack([x, np.sqrt(1 - x**2), 0 * x], axis=-1), 2 * np.pi * w
    z = q[:, None, None] * n
    v = r * np.eye(d)[0]
    speed = np.sqrt(np.sum((v - z) ** 2, axis=-1))
    gradient = slope(speed)[..., None] * (v - z) / speed[..., None]
    change = density(speed)[..., None] * slope(r) * np.eye(d)[0] - density(r) * gradient
    flux = np.sum(equation.matrix(z)[..., 0, :] * change, axis=-1)
    return np.sum(dq[:, None] * dn * q[:, None] ** (d - 1) * flux)


@each_equation
def test_operator_against_the_collision_integral(equation):
    """d/dt of ∫|v|⁴f and ∫e^{−|v|²}f, by quadrature of the kernel a itself, for every exponent."""
    d = equation.dim
    f = bkw(d, 0.7)
    excited = d * 0.3 / 1.4

    def slope(r):
        e = r**2 / 1.4
        bracket = 2 * excited / d - (1 - excited + 2 * excited / d * e)
        return r / 0.7 * bracket * np.exp(-e) / (1.4 * np.pi) ** (d / 2)

    x, w = np.polynomial.legendre.leggauss(40)
    r, dr = 4 * (1 + x), 4 * w
    J = np.array([polar_flux(equation, f, slope, s) for s in r])
    run = RadialLandau().prepare(equation, line(), f)
    ball = run._ball
    rate = ball.rate(run._f)
    for φ, gradient in ((lambda r: r**4, 4 * r**3), (lambda r: np.exp(-(r**2)), -2 * r * np.exp(-(r**2)))):
        expected = -SPHERES[d] * np.sum(dr * r ** (d - 1) * J * gradient)
        assert ball.w @ (φ(ball.r) * rate) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([2, 3]), st.floats(0, 1), st.lists(st.floats(0.1, 1), min_size=3, max_size=3))
def test_mass_and_energy_of_any_step(dim, share, weights):
    """Kept to round-off for every exponent, step and mixture of shells, well resolved or not."""

    def density(r):
        return sum(w * np.exp(-(r**2 + i**2)) * np.cosh(2 * i * r) for i, w in enumerate(weights))

    equation = Landau(dim, -dim + share * (dim + 1))
    run = RadialLandau(40, 1e-6).prepare(equation, line(7.0), density, 0.01)
    before = run.diagnostics()
    for _ in evolve(run, [0.02]):
        after = run.diagnostics()
    for name in ("mass", "kinetic_energy"):
        assert after[name] == pytest.approx(before[name], rel=1e-13)


@pytest.mark.parametrize("equation", [Landau(2, -3), Landau(3, -3), Landau(3, -1.5)], ids=repr)
def test_errors_fall_geometrically_in_the_nodes(equation):
    density = bkw(equation.dim, 0.65)
    found = []
    for nodes in (30, 40, 50, 80):
        run = RadialLandau(nodes, 1e-11).prepare(equation, line(), density)
        for _ in evolve(run, [0.1]):
            found.append(run.observe()["density"])
    errors = [np.abs(f - found[-1]).max() / found[-1].max() for f in found[:-1]]
    assert errors[0] < 1e-4
    assert errors[1] < errors[0] / 30
    assert errors[2] < errors[1] / 30


@pytest.mark.parametrize("equation", [Landau(2, 0), Landau(3, -3)], ids=repr)
def test_order_of_the_steps(equation):
    """Radau IIA of five stages: order 9."""
    density = bkw(equation.dim, 0.6)
    times = []
    for steps in (2, 3, 4, 64):
        run = RadialLandau(40, 1e-13).prepare(equation, line(6.5), density, 0.4 / steps)
        for _ in evolve(run, [0.4]):
            times.append(run.observe()["density"])
    errors = [np.abs(f - times[-1]).max() / times[-1].max() for f in times[:-1]]
    orders = np.log(np.divide(errors[:-1], errors[1:])) / np.log([3 / 2, 4 / 3])
    assert np.all(np.abs(orders - 9) < 0.5)


def test_adaptive_steps_follow_the_tolerance():
    exact = bkw(3, 1 - 0.4 * np.exp(-2.0))(line()["r"].points)
    errors, counts = [], []
    for tolerance in (1e-4, 1e-6, 1e-8):
        run = RadialLandau(64, tolerance).prepare(Landau(3, 0), line(), bkw(3, 0.6))
        steps = 0
        while run.time < 0.5:
            run.step(0.5)
            steps += 1
        assert run.time == 0.5
        errors.append(np.abs(run.observe()["density"] - exact).max() / exact.max())
        counts.append(steps)
    assert np.all(np.array(errors) < [1e-4, 1e-6, 1e-8])
    assert counts[0] < counts[1] < counts[2] < 60


@each_equation
def test_entropy_decreases_to_that_of_the_maxwellian(equation):
    d = equation.dim
    run = RadialLandau(64).prepare(equation, line(), bkw(d, 0.65))
    entropies = [run.diagnostics()["entropy"]]
    for _ in evolve(run, [0.5], every=1):
        entropies.append(run.diagnostics()["entropy"])
    assert np.diff(entropies).max() < 0
    assert entropies[-1] > -d / 2 * np.log(2 * np.pi * np.e)  # the least at ∫|v|²f = d


@each_equation
def test_maxwellian_stays(equation):
    d = equation.dim
    run = RadialLandau().prepare(equation, line(9.0), bkw(d, 1.0))
    before = run.observe()["density"]
    for _ in evolve(run, [1.0]):
        change = run.observe()["density"] - before
    assert np.abs(change).max() < 1e-12 * before.max()


@settings(max_examples=8, deadline=None)
@given(st.floats(0.3, 3.0), st.floats(0.2, 5.0), st.sampled_from(EQUATIONS))
def test_scaling(speed, mass, equation):
    """With f also n θ^{−d} f(v/θ, n θ^γ t) solves the equation."""
    d = equation.dim
    f = bkw(d, 0.7)
    one = RadialLandau(48).prepare(equation, line(), f)
    other = RadialLandau(48).prepare(
        equation, line(8.0 * speed), lambda r: mass * speed**-d * f(np.asarray(r) / speed)
    )
    for _ in evolve(one, [0.1]):
        expected = mass * speed**-d * one.observe()["density"]
    for _ in evolve(other, [0.1 / (mass * speed**equation.exponent)]):
        found = other.observe()["density"]
    assert np.abs(found - expected).max() < 1e-9 * expected.max()


@pytest.mark.parametrize("dt", [None, 0.03])
def test_a_restored_run_continues_bit_for_bit(dt):
    def prepared():
        return RadialLandau(40).prepare(Landau(3, -3), line(), bkw(3, 0.65), dt)

    whole = prepared()
    for _ in evolve(whole, [0.1]):
        state = {name: np.array(value) for name, value in whole.state().items()}
    for _ in evolve(whole, [0.2, 0.3]):
        pass
    part = prepared()
    part.restore(state)
    assert part.time == 0.1
    for _ in evolve(part, [0.2, 0.3]):
        pass
    np.testing.assert_array_equal(part.observe()["density"], whole.observe()["density"])
    assert part.diagnostics() == whole.diagnostics()
    assert part.state().keys() == state.keys()


@each_dim
def test_densities_of_velocities_become_profiles(dim):
    f = bkw(dim, 0.6)
    grid, profile = RadialLandau().discretise(lambda v: f(np.sqrt(np.sum(v**2, axis=-1))), box(dim))
    assert grid.names == ("r",)
    assert (grid["r"].lower, grid["r"].upper, grid["r"].size) == (0.0, 8.0, 128)
    r = np.linspace(0, 8, 50)
    np.testing.assert_allclose(profile(r), f(r), rtol=1e-14)
    run = RadialLandau().prepare(Landau(dim, -1), grid, profile)
    assert RadialLandau().default_step(Landau(dim, -1), grid, profile) is None
    values = run.diagnostics()
    assert values["mass"] == pytest.approx(1.0, abs=1e-13)
    assert values["kinetic_energy"] == pytest.approx(dim / 2, rel=1e-13)
    assert values["fourth_moment"] == pytest.approx(dim * (dim + 2) * 0.84, rel=1e-13)
    assert values["edge_mass"] < 1e-12
    assert run.memory > run.state()["values"].nbytes


@pytest.mark.parametrize(
    ("pdf", "grid", "message"),
    [
        (lambda v: np.exp(-(v[..., 0] ** 2) - v[..., 1] ** 2 / 2), box(2), "differs between directions"),
        (lambda v: np.exp(-np.sum((v - 0.1) ** 2, axis=-1)) / np.pi, box(2), "differs between directions"),
        (lambda v: np.exp(-np.sum(v**2, axis=-1)), box(3), r"mass 5\.568\d* for \|v\| < 8, it must be 1"),
        (lambda v: v[..., 0], Grid((Axis("vx", -1.0, 2.0, 8, "open"),) * 1), "centred at the origin"),
        (lambda v: v[..., 0], Grid((Axis("v", -1.0, 1.0, 8, "open"),)), "centred at the origin"),
    ],
)
def test_densities_that_are_not_isotropic_laws_are_refused(pdf, grid, message):
    with pytest.raises(ValueError, match=message):
        RadialLandau().discretise(pdf, grid)


@pytest.mark.parametrize(
    ("equation", "grid", "density", "error", "message"),
    [
        (Vlasov(Coulomb(3)), line(), bkw(3, 0.7), TypeError, "needs equations.Landau"),
        (Landau(3, -3), line(), np.ones(200), TypeError, "a function"),
        (Landau(3, -3), box(3), bkw(3, 0.7), ValueError, "one open axis r that begins at 0"),
        (Landau(3, -3), Grid((Axis("r", 1.0, 2.0, 8, "open"),)), bkw(3, 0.7), ValueError, "begins at 0"),
        (Landau(3, -3), line(), np.cos, ValueError, "finite, >= 0"),
        (Landau(3, -3), line(), lambda r: 0 * r, ValueError, "finite, >= 0"),
        (Landau(3, -3), line(), lambda r: 1.0 * (r < 1), ValueError, "smoother data"),
        (Landau(3, -3), line(60.0), bkw(3, 0.7), ValueError, r"96 nodes .* use RadialLandau\(nodes=192\)"),
    ],
)
def test_what_does_not_fit_together_is_refused(equation, grid, density, error, message):
    with pytest.raises(error, match=message):
        RadialLandau().prepare(equation, grid, density)


@pytest.mark.parametrize("bad", [{"nodes": 4}, {"nodes": 20.5}, {"tolerance": 0.0}, {"tolerance": 1.0}])
def test_configurations_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must"):
        RadialLandau(**bad)


@pytest.mark.parametrize("dt", [None, 0.01])
def test_steps_that_fail_end_the_run(monkeypatch, dt):
    run = RadialLandau(40).prepare(Landau(3, -3), line(), bkw(3, 0.7), dt)
    monkeypatch.setattr(radau, "ITERATIONS", 0)
    with pytest.raises(ResolutionLost, match=r"at t = 0: a step of .* failed") as failure:
        run.step(1.0)
    assert failure.value.time == run.time == 0.0

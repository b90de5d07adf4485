"""Runs of the Landau equation: restarts, controllers, refusals, diagnostics and what they cost in memory."""

from dataclasses import replace

import numpy as np
import pytest

from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.landau import ConservativeLandau, SpectralLandau

SOLVERS = {
    "spectral": SpectralLandau(tolerance=1e-5),
    "projected": SpectralLandau(tolerance=1e-5, project=True),
    "torus": SpectralLandau(tolerance=1e-5, radius=0.9),
    "conservative": ConservativeLandau(tolerance=1e-5),
    "entropic": ConservativeLandau(4, entropic=True, tolerance=1e-4),
    "classical": ConservativeLandau(scheme="classical", tolerance=1e-5),
}
each_solver = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def cube(cells, half, dim=2):
    return Grid(tuple(Axis(v, -half, half, cells, "open") for v in ("vx", "vy", "vz")[:dim]))


def gaussian(grid, temperatures, mean=0.0):
    exponent = sum((grid.points[..., i] - mean) ** 2 / (2 * T) for i, T in enumerate(temperatures))
    return np.exp(-exponent) / np.sqrt(np.prod(2 * np.pi * np.array(temperatures)))


def prepared(solver, exponent=-1.0, dt=None, cells=48):
    grid = cube(cells, 6.5)
    return solver.prepare(Landau(2, exponent), grid, gaussian(grid, (1.3, 0.7), 0.1), dt)


def advance(run, limit):
    while run.time < limit:
        run.step(limit)


@each_solver
@pytest.mark.parametrize("dt", [None, 1e-3])
def test_a_restored_run_gives_the_same_bits(solver, dt):
    first, second, third = (prepared(solver, -2.0, dt) for _ in range(3))
    limits = (0.02, 0.05) if dt is None else (0.003, 0.005)
    advance(first, limits[0])
    state = {name: np.array(value) for name, value in first.state().items()}
    advance(first, limits[1])
    second.restore(state)
    advance(second, limits[1])
    np.testing.assert_array_equal(first.observe()["density"], second.observe()["density"])
    assert first.diagnostics() == second.diagnostics()
    assert first.time == second.time == limits[1]
    for limit in limits:
        advance(third, limit)
    np.testing.assert_array_equal(first.observe()["density"], third.observe()["density"])


@each_solver
def test_order_in_the_step(solver):
    """Of fixed steps, against the fourth-order method on steps much smaller."""
    order = 2 if solver == SOLVERS["entropic"] else 4
    solver = replace(solver, tolerance=1e-12)
    horizon, counts = (0.3, (2, 4, 8)) if solver.scheme != "classical" else (0.08, (64, 128, 256))
    exact, *ends = (density(solver, horizon, n) for n in (512 if order == 2 else 16 * counts[0], *counts))
    errors = [np.abs(f - exact).max() for f in ends]
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert slopes[-1] == pytest.approx(order, abs=0.4)


def density(solver, horizon, count):
    run = prepared(solver, -1.0, horizon / count, cells=40)
    advance(run, horizon)
    return run.observe()["density"].copy()


@pytest.mark.parametrize("name", ["spectral", "conservative", "entropic"])
def test_the_tolerance_bounds_the_error(name):
    """Errors at the end fall with the tolerance and stay below ten of it."""
    errors = []
    exact = density(replace(SOLVERS[name], tolerance=1e-10, scheme="classical"), 0.1, 400)
    for tolerance in (1e-4, 1e-6):
        run = prepared(replace(SOLVERS[name], tolerance=tolerance), cells=40)
        advance(run, 0.1)
        errors.append(np.abs(run.observe()["density"] - exact).max() / exact.max())
        assert errors[-1] < 10 * tolerance
    assert errors[1] < 0.3 * errors[0]


def test_chebyshev_and_exponential_agree():
    ends = []
    for scheme in ("chebyshev", "exponential"):
        run = prepared(ConservativeLandau(scheme=scheme, tolerance=1e-7), 0.0, cells=40)
        advance(run, 0.02)
        ends.append(run.observe()["density"])
    assert np.abs(ends[0] - ends[1]).max() < 1e-5 * ends[0].max()


def test_rejected_steps_are_counted_and_taken_again():
    run = prepared(SpectralLandau(tolerance=1e-6), 0.0)
    state = run.state()
    state["controller"] = np.array([0.5, 1.0, 0.0])  # a first step far too long
    run.restore(state)
    run.step(1.0)
    assert run.diagnostics()["rejected_steps"] >= 1
    assert 0 < run.time < 0.2


def test_a_run_that_cannot_go_on_says_so():
    """An unstable fixed step overflows; a density that is not finite leaves no step to accept."""
    run = prepared(ConservativeLandau(scheme="classical"), 1.0, 0.05)
    with pytest.raises(ResolutionLost, match="smaller dt"):
        advance(run, 10.0)
    run = prepared(ConservativeLandau(scheme="classical"), 0.0)
    state = {name: np.array(value) for name, value in run.state().items()}
    state["density"][20, 20] = np.nan
    run.restore(state)
    with pytest.raises(ResolutionLost, match="rejected"):
        run.step(1.0)


def test_equilibrium_takes_long_steps():
    """A Maxwellian does not change, and the controller notices."""
    grid = cube(48, 7.0)
    f = gaussian(grid, (1.0, 1.0))
    run = SpectralLandau().prepare(Landau(2, 0.0), grid, f)
    taken = 0
    while run.time < 5.0:
        run.step(5.0)
        taken += 1
    assert taken < 10
    assert np.abs(run.observe()["density"] - f).max() < 1e-7 * f.max()


@each_solver
def test_diagnostics(solver):
    """Of a shifted Gaussian, in closed form."""
    run = prepared(solver)
    values = run.diagnostics()
    T = np.array([1.3, 0.7])
    m = 0.1
    expected = {
        "mass": 1.0,
        "momentum_x": m,
        "momentum_y": m,
        "kinetic_energy": (T.sum() + 2 * m**2) / 2,
        "temperature_xx": 1.3,
        "temperature_xy": 0.0,
        "temperature_yy": 0.7,
        "fourth_moment": T.sum() ** 2 + 2 * (T**2).sum() + 4 * m**2 * T.sum() + 4 * m**2 * T.sum() + 4 * m**4,
        "entropy": -1 - np.log(2 * np.pi) - np.log(T).sum() / 2,
        "l2_norm": (4 * np.pi * np.sqrt(T.prod())) ** -0.5,
    }
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, abs=2e-6, rel=1e-5), name
    assert values["entropy_dissipation"] > 0
    assert set(values) == {
        *expected, "entropy_dissipation", "maximum", "minimum", "edge_mass", "rejected_steps",
    }  # fmt: skip
    assert all(isinstance(value, float) for value in values.values())


def test_three_dimensional_diagnostics():
    grid = cube(24, 6.0, 3)
    f = gaussian(grid, (1.0, 0.8, 1.2))
    run = SpectralLandau(bounds=True).prepare(Landau(3, -3), grid, f)
    values = run.diagnostics()
    for name, T in (("xx", 1.0), ("yy", 0.8), ("zz", 1.2), ("xy", 0.0), ("xz", 0.0), ("yz", 0.0)):
        assert values[f"temperature_{name}"] == pytest.approx(T, abs=1e-5)
    assert values["log_gradient_quotient"] > 0
    innermost = 3 * (grid.spacing[0] / 2) ** 2
    hessian = np.sqrt(1 + 1 / 0.8**2 + 1 / 1.2**2) / (1 + innermost)
    assert values["log_hessian_quotient"] == pytest.approx(hessian, rel=1e-6)


def test_the_density_is_copied_unless_told_otherwise():
    grid = cube(48, 6.5)
    f = gaussian(grid, (1.3, 0.7))
    kept = f.copy()
    for copy in (True, False):
        run = SpectralLandau().prepare(Landau(2, 0.0), grid, f, copy=copy)
        run.step(0.01)
        assert np.array_equal(f, kept) == copy


def test_memory_is_that_of_the_arrays():
    """Within a factor of two of what is allocated, and about the cube of the resolution."""
    import tracemalloc

    grid = cube(32, 6.0, 3)
    f = gaussian(grid, (1.0, 0.9, 1.1))
    solver = ConservativeLandau(tolerance=1e-3)
    solver.prepare(Landau(3, -3), grid, f).step(1e-3)  # compiled, and tables of quadrature cached
    tracemalloc.start()
    run = solver.prepare(Landau(3, -3), grid, f)
    run.step(1e-3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 * peak < run.memory < 2 * peak


def test_bad_input_is_refused():
    grid, equation = cube(48, 6.5), Landau(2, 0.0)
    f = gaussian(grid, (1.0, 1.0))
    solver = ConservativeLandau()
    assert solver.default_step(equation, grid, f) is None
    for arguments, reason in (
        ((equation, cube(48, 6.5, 3), f), "vx, vy"),
        ((equation, grid, f[1:]), "shape"),
        ((equation, grid, 0 * f), "positive mass"),
        ((equation, grid, np.where(f > 0.1, np.nan, f)), "positive mass"),
        ((equation, grid, f, 0.0), "time step"),
    ):
        with pytest.raises(ValueError, match=reason):
            solver.prepare(*arguments)
    for make, reason in (
        (lambda: ConservativeLandau(3), "order"),
        (lambda: ConservativeLandau(tolerance=0.0), "tolerance"),
        (lambda: ConservativeLandau(scheme="euler"), "exponential, chebyshev, classical"),
        (lambda: ConservativeLandau(entropic=True, scheme="exponential"), "chebyshev"),
        (lambda: SpectralLandau(radius=1.5), "half-box"),
        (lambda: SpectralLandau(tolerance=2.0), "tolerance"),
        (lambda: SpectralLandau(scheme="rkc"), "unknown"),
    ):
        with pytest.raises(ValueError, match=reason):
            make()


@pytest.mark.parametrize("solver", [SpectralLandau(), ConservativeLandau()], ids=["spectral", "conservative"])
def test_grids_that_do_not_fit_are_named(solver):
    """A warning, and an error where nothing could come of it; none with the grid that a message names."""

    def prepare(lower, upper, cells):
        square = tuple(Axis(v, lower, upper, cells, "open") for v in ("vx", "vy"))
        on(Grid(square), (1.0, 1.0))

    def on(grid, temperatures):
        solver.prepare(Landau(2, 0.0), grid, gaussian(grid, temperatures))

    with pytest.warns(UserWarning, match=r"4 thermal speeds.*use Axis\('vx', -6, 6, 48"):
        prepare(-4.0, 4.0, 32)
    prepare(-6.0, 6.0, 48)
    with pytest.raises(ValueError, match=r"thermal speeds.*use Axis\('vx', -5"):
        prepare(-2.0, 2.0, 32)
    tall = Grid((Axis("vx", -4.9, 4.9, 64, "open"), Axis("vy", -9.0, 9.0, 64, "open")))
    with pytest.warns(UserWarning, match=r"4.9 thermal speeds"):  # along vx, of the temperature at the end
        on(tall, (0.4, 1.6))
    with pytest.warns(UserWarning, match="cells are too wide"):
        prepare(-9.0, 9.0, 20)
    with pytest.raises(ValueError, match="cells are too wide"):
        prepare(-18.0, 18.0, 20)


def test_equal_times_give_equal_bits_through_the_loop():
    """Intermediate times are landed on exactly."""
    times = [0.0, 0.01, 0.05]
    run = prepared(SpectralLandau(tolerance=1e-5))
    assert [instant.time for instant in evolve(run, times)] == times


def test_printable():
    assert repr(SpectralLandau()) == (
        "SpectralLandau(radius=None, project=False, tolerance=1e-07, scheme='exponential', bounds=False)"
    )
    assert repr(ConservativeLandau(4)) == (
        "ConservativeLandau(order=4, entropic=False, tolerance=1e-07, scheme=None, bounds=False)"
    )

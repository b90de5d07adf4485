"""The pseudospectral solver as an engine: transforms, boxes, restarts, refusals, diagnostics."""

import numpy as np
import pytest

from mfpde_solvers.dealiased import DealiasedTransform, kept_modes
from mfpde_solvers.equations import KellerSegel, Kuramoto, McKeanVlasov, NavierStokes
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import BiotSavart, Coulomb
from mfpde_solvers.mckean_vlasov.bounds import pointwise_bounds
from mfpde_solvers.mckean_vlasov.box import Box
from mfpde_solvers.mckean_vlasov.discretisation import Discretisation
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral
from mfpde_solvers.mckean_vlasov.transport import Transport
from mfpde_solvers.navier_stokes import VorticityTransport
from mfpde_solvers.power_of_n import PowerOfN
from mfpde_solvers.stepping.exponential import LawsonRK4

SHAPES = [(8,), (9,), (12, 9), (16, 15), (40, 96), (7, 8, 9), (12, 10, 6)]


def torus(*sizes):
    return Grid(
        tuple(Axis(name, -1.0, 2.0 + i, n) for i, (name, n) in enumerate(zip("xyz", sizes, strict=False)))
    )


def plane(size, reach):
    return Grid(tuple(Axis(name, -reach, reach, size, "open") for name in "xy"))


def gaussian(grid, variance=1.0, centre=0.0):
    z = grid.points - np.asarray(centre)
    return np.exp(-(z**2).sum(-1) / (2 * variance)) / (2 * np.pi * variance) ** (grid.dim / 2)


def random_waves(grid, seed=0):
    """A real field of the modes |m| ≤ 2 on a torus in the plane."""
    rng = np.random.default_rng(seed)
    phases = [
        2 * np.pi * x / axis.length
        for x, axis in zip(np.moveaxis(grid.points, -1, 0), grid.axes, strict=True)
    ]
    waves = [(i, j) for i in range(-2, 3) for j in range(3) if (j, i) > (0, 0)]
    return sum(np.cos(i * phases[0] + j * phases[1] + rng.uniform(0, 7)) for i, j in waves)


@pytest.mark.parametrize("engine", ["fftw", "ducc"])
@pytest.mark.parametrize("shape", SHAPES)
def test_dealiased_transform_is_the_transform_cut_off(shape, engine):
    if engine == "ducc":
        pytest.importorskip("ducc0")
    transform = DealiasedTransform(shape, engine=engine)
    values = np.random.default_rng(0).normal(size=shape)
    full = np.fft.fftn(values) / values.size
    spectrum = transform.to_spectrum(values, np.empty(transform.spectral_shape, complex))
    modes = np.broadcast_arrays(*transform.modes())
    assert all(np.abs(m).max() == kept_modes(n) < n / 3 for m, n in zip(modes, shape, strict=True))
    np.testing.assert_allclose(spectrum, full[tuple(modes)], rtol=0, atol=1e-15)
    inside = np.ones(shape, bool)
    for place, n in enumerate(shape):
        m = np.abs(np.fft.fftfreq(n, 1 / n))
        inside &= (m < n / 3).reshape([-1 if i == place else 1 for i in range(len(shape))])
    kept = spectrum.copy()
    back = transform.to_real(spectrum, np.empty(shape))
    np.testing.assert_allclose(back, np.fft.ifftn(full * inside).real * values.size, rtol=0, atol=1e-14)
    assert np.array_equal(spectrum, kept)
    weights = transform.weights.reshape(-1, *[1] * (len(shape) - 1))
    assert (weights * np.abs(spectrum) ** 2).sum() == pytest.approx((back**2).mean(), rel=1e-13)


def test_products_are_free_of_aliasing():
    """On 3K + 1 cells the kept coefficients of a product are those of the exact product."""
    coarse, fine = DealiasedTransform((16, 13)), DealiasedTransform((48, 39))
    rng = np.random.default_rng(1)
    fields = [coarse.to_spectrum(rng.normal(size=coarse.shape), np.empty((5, 11), complex)) for _ in range(2)]

    def product(transform, parts):
        values = [transform.to_real(part, np.empty(transform.shape)) for part in parts]
        return transform.to_spectrum(values[0] * values[1], np.empty(transform.spectral_shape, complex))

    padded = []
    for field in fields:
        large = np.zeros(fine.spectral_shape, complex)
        large[np.ix_(range(5), np.r_[0:6, -5:0])] = field
        padded.append(large)
    exact = product(fine, padded)[np.ix_(range(5), np.r_[0:6, -5:0])]
    np.testing.assert_allclose(product(coarse, fields), exact, rtol=0, atol=1e-15)


@pytest.mark.parametrize("engine", ["fftw", "ducc"])
@pytest.mark.parametrize("threads", [1, 2])
def test_two_transforms_of_the_vorticity_against_the_flux_form(threads, engine):
    if engine == "ducc":
        pytest.importorskip("ducc0")
    grid = torus(24, 31)
    discretisation = Discretisation(NavierStokes(0.1, (0.7,)), grid)
    fast = VorticityTransport(grid, 0.7, threads, engine=engine)
    general = Transport(
        NavierStokes(0.1, (0.7,)),
        grid,
        discretisation.transform,
        discretisation.wavenumbers,
        discretisation.field,
    )
    assert isinstance(discretisation.transport, VorticityTransport)
    state = discretisation.rows(
        discretisation.to_coefficients(np.random.default_rng(0).normal(size=(1, 24, 31)))
    )
    ours, theirs = np.empty_like(state), np.empty_like(state)
    fast(state, ours)
    general(state, theirs)
    assert np.abs(ours - theirs).max() < 1e-14 * np.abs(theirs).max()
    assert fast.rate == pytest.approx(general.rate, rel=1e-12)


def test_threads_do_not_change_a_bit():
    grid = torus(96, 80)
    state = Discretisation(NavierStokes(0.1), grid).to_coefficients(random_waves(grid)[None])[0]
    results = np.empty((2, *state.shape), complex)
    for threads, result in zip((1, 2), results, strict=True):
        VorticityTransport(grid, 1.0, threads)(state, result)
    assert np.abs(results).max() > 0
    assert np.array_equal(*results)


CASES = {
    "torus, adaptive": (PseudoSpectral(), NavierStokes(0.05), torus(32, 36), None),
    "torus, ETDRK4": (PseudoSpectral("etdrk4"), KellerSegel(3.0), torus(24, 24), 0.01),
    "plane that grows": (PseudoSpectral(), NavierStokes(0.2), plane(40, 3.0), None),
    "line, coarsened": (
        PseudoSpectral(),
        McKeanVlasov(Coulomb(1, 0.5), 0.3),
        Grid((Axis("x", -6, 6, 320, "open"),)),
        None,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_restored_run_continues_bit_for_bit(case):
    solver, equation, grid, dt = case
    z = grid.points - 0.3
    ρ = np.exp(-(z**2).sum(-1) / 0.4)
    ρ /= grid.integrate(ρ)
    whole = solver.prepare(equation, grid, ρ, dt)
    list(evolve(whole, [0.2, 0.5]))
    kept = {name: np.array(value) for name, value in whole.state().items()}
    again = solver.prepare(equation, grid, ρ, dt)
    list(evolve(again, [0.03]))
    again.restore(kept)
    assert again.time == 0.5
    for run in (whole, again):
        list(evolve(run, [0.6, 0.9]))
    for name, value in whole.state().items():
        assert np.array_equal(value, again.state()[name]), name
    for name, value in whole.observe().items():
        assert np.array_equal(value, again.observe()[name]), name
    assert whole.diagnostics() == again.diagnostics()


def test_the_density_given_is_not_touched():
    grid = plane(32, 4.0)
    ρ = gaussian(grid, 0.5)
    kept = ρ.copy()
    run = PseudoSpectral().prepare(NavierStokes(0.1), grid, ρ, copy=False)
    run.step(0.1)
    assert np.array_equal(ρ, kept)


def test_boxes_enclose_the_grid_and_keep_its_cells():
    grid = Grid((Axis("x", 0.0, 1.0, 10), Axis("y", -2.0, 2.0, 24, "open")))
    box = Box.of(grid)
    assert box.domain == grid
    for sides in [((False, False), (True, False)), ((False, False), (True, True))]:
        grown = box.grown(sides)
        y = grown.domain.axes[1]
        assert grown.domain.axes[0] == grid.axes[0]
        assert y.size % 8 == 0
        assert y.size >= 30
        np.testing.assert_allclose(y.points[grown.inside[1]], grid.axes[1].points, rtol=0, atol=1e-14)
        assert (y.upper > 2.0) == sides[1][1]
        values = np.random.default_rng(0).random((2, 10, 24))
        inside = grown.enclosed(values, box)
        assert np.array_equal(inside[:, :, grown.inside[1]], values)
        assert inside.sum() == pytest.approx(values.sum(), rel=1e-14)


def test_lattices_of_a_halved_box_are_the_cells():
    grid = Grid((Axis("x", 0.0, 1.0, 10), Axis("y", -2.0, 2.0, 24, "open")))
    box = Box.of(grid).halved(1, 1)
    box = box.halved(1, 1)
    assert box.domain.shape == (10, 6)
    assert box.halved(0, 1) is None
    assert box.halved(1, 1).domain.shape == (10, 3)
    cells = np.empty(24)
    for places, shift in box.lattices:
        cells[places[1]] = box.domain.axes[1].points + shift[1]
        assert shift[0] == 0.0
    np.testing.assert_allclose(cells, grid.axes[1].points, rtol=0, atol=1e-14)


def test_wider_cells_give_the_same_fields():
    """A smooth density on a fine line: the box is halved, and the fields on the fine cells stay exact."""
    σ, v, T = 0.2, 0.8, 0.5
    grid = Grid((Axis("x", -7.5, 8.5, 512, "open"),))
    equation = McKeanVlasov(Coulomb(1, 1e-30), σ)
    run = PseudoSpectral().prepare(equation, grid, gaussian(grid, v))
    list(evolve(run, [0.1, T]))
    assert run.memory < PseudoSpectral().prepare(equation, grid, gaussian(grid, v)).memory / 2
    fields, exact = run.observe(), gaussian(grid, v + 2 * σ * T)
    assert fields["density"].shape == (512,)
    assert np.abs(fields["density"] - exact).max() < 1e-13
    from scipy.special import erf

    x = grid.points[:, 0]
    expected = 1e-30 * erf(x / np.sqrt(2 * (v + 2 * σ * T)))
    np.testing.assert_allclose(fields["mean_field_x"], expected, rtol=0, atol=1e-43)
    inside = np.abs(x) < 4
    assert np.abs(fields["potential"][inside]).max() < 1e-29


def test_a_fixed_step_is_respected_and_adaptive_steps_are_the_default():
    grid = torus(24, 24)
    equation, ρ = (
        KellerSegel(2.0),
        np.full((24, 24), 1 / 9.0) * (1 + 0.1 * np.cos(2 * np.pi * grid.points[..., 0] / 3)),
    )
    assert PseudoSpectral().default_step(equation, grid, ρ) is None
    step = PseudoSpectral("etdrk4").default_step(equation, grid, ρ)
    run = PseudoSpectral().prepare(equation, grid, ρ)
    assert step == pytest.approx(0.5 / run._discretisation.transport.rate)
    run = PseudoSpectral().prepare(equation, grid, ρ, 0.03)
    assert run.step(0.1) == pytest.approx(0.025)
    assert run.step(0.1) == pytest.approx(0.05)
    free = PseudoSpectral().prepare(equation, grid, ρ)
    taken = 0
    while free.time < 0.1:
        free.step(0.1)
        taken += 1
    assert free.time == 0.1
    assert free.diagnostics()["rejected_steps"] <= taken


def test_parameters_that_depend_on_the_number_of_particles_have_their_limit():
    grid = torus(24, 24)
    equation = McKeanVlasov(BiotSavart(PowerOfN(1.0, -0.5)), PowerOfN(1.0, -1.0))
    run = PseudoSpectral().prepare(equation, grid, np.cos(2 * np.pi * grid.points[..., 0] / 3), 0.1)
    assert isinstance(run._discretisation.transport, VorticityTransport)
    assert np.abs(run._discretisation.linear).max() == 0.0


def test_no_field_and_no_drift_is_the_heat_equation():
    grid = plane(72, 6.0)
    run = PseudoSpectral().prepare(KellerSegel(0.0, 0.5), grid, gaussian(grid, 0.5))
    run.step(3.0)
    list(evolve(run, [3.0]))
    assert np.abs(run.observe()["density"] - gaussian(grid, 3.5)).max() < 1e-14


def test_external_drift_is_taken_on_the_whole_box():
    """A rigid rotation about the origin turns a cloud; a wind carries one out of its grid."""
    grid = plane(72, 4.0)
    equation = McKeanVlasov(BiotSavart(), 0.05, lambda x: np.stack([-x[..., 1], x[..., 0]], axis=-1))
    none = NavierStokes(0.05)
    ring = gaussian(grid, 0.15, (1.0, 0.0))
    turned, still = (PseudoSpectral(tolerance=1e-10).prepare(each, grid, ring) for each in (equation, none))
    for run in (turned, still):
        list(evolve(run, [np.pi / 2]))
    quarter = still.observe()["density"].T[::-1]  # the value at (x, y) goes to (−y, x)
    assert np.abs(turned.observe()["density"] - quarter).max() < 1e-9
    assert np.abs(turned.observe()["density"] - ring).max() > 0.5


def test_a_wind_carries_a_cloud_out_of_its_grid():
    line = Grid((Axis("x", -4.0, 4.0, 72, "open"),))
    wind = McKeanVlasov(Coulomb(1, 1e-300), 0.05, drift=lambda x: np.full_like(x, 2.0))
    run = PseudoSpectral(tolerance=1e-10).prepare(wind, line, gaussian(line, 0.15))
    list(evolve(run, [4.0]))
    values = run.diagnostics()
    assert values["mean_x"] == pytest.approx(8.0, abs=1e-9)
    assert values["mass_outside"] == pytest.approx(1.0, abs=1e-6)
    assert values["mass"] == pytest.approx(1.0, abs=1e-13)
    assert values["box_size"] > 12
    np.testing.assert_allclose(run.observe()["density"], gaussian(line, 0.55, 8.0), rtol=0, atol=1e-9)


def test_what_is_observed_and_measured():
    grid = plane(80, 4.0)
    clouds = np.stack([0.25 * gaussian(grid, 0.2, (1.0, 0.0)), 0.75 * gaussian(grid, 0.3)])
    run = PseudoSpectral().prepare(NavierStokes(0.1, (2.0, -1.0)), grid, clouds)
    fields = run.observe()
    assert set(fields) == {"density", "mean_field_x", "mean_field_y", "vorticity"}
    assert fields["density"].shape == (2, 80, 80)
    np.testing.assert_allclose(fields["vorticity"], 2 * clouds[0] - clouds[1], rtol=0, atol=1e-9)
    values = run.diagnostics()
    assert values["total_circulation"] == pytest.approx(-0.25, abs=1e-10)
    assert values["mean_x"] == pytest.approx(0.25, abs=1e-10)
    assert {"entropy", "fisher_information", "entropy_production", "palinstrophy_production"} <= set(values)
    assert not {"potential_energy", "free_energy", "order_parameter"} & set(values)
    assert {"mass_outside", "box_size", "edge_mass", "rejected_steps"} <= set(values)
    gas = PseudoSpectral().prepare(KellerSegel(2.0), grid, gaussian(grid, 0.3))
    assert set(gas.observe()) == {"density", "mean_field_x", "mean_field_y", "potential"}
    assert {"free_energy", "free_energy_dissipation", "potential_energy"} <= set(gas.diagnostics())
    circle = Grid((Axis("x", 0.0, 2 * np.pi, 24),))
    wave = PseudoSpectral().prepare(
        Kuramoto(1.0, 1.0), circle, (1 + np.cos(circle.points[:, 0])) / (2 * np.pi)
    )
    assert wave.diagnostics()["order_parameter"] == pytest.approx(0.5, abs=1e-14)
    assert "box_size" not in wave.diagnostics()


@pytest.mark.parametrize("age", [0.0, 3.0])
def test_bounds_of_a_gaussian(age):
    """ρ of variance s² + 2σt: |∇log ρ| = |x|/v and |∇²log ρ| = √2/v, and the Gaussian bound."""
    σ, s2 = 0.4, 0.5
    grid = plane(81, 9.0)
    v = s2 + 2 * σ * age
    values = pointwise_bounds(gaussian(grid, v)[None], grid, age, σ)
    x2 = (grid.points**2).sum(-1)
    ρ = gaussian(grid, v)
    inside = ρ > 3e-10 * ρ.max()
    weight = (1 + np.log1p(age)) / (1 + age) + x2 / (1 + age) ** 2
    expected = (x2 / v**2 / weight)[inside].max()
    assert values["log_gradient_quotient"] == pytest.approx(expected, rel=0.1)
    assert values["log_gradient_quotient"] < (x2 / v**2 / weight).max()
    assert values["log_hessian_quotient"] == pytest.approx(np.sqrt(2) / v / weight.min(), rel=1e-6)
    C = values["gaussian_bound"]
    bound = C / (1 + age) * np.exp(-x2 / (8 * σ * age + C))
    above = ρ > 1e-10 * ρ.max()
    assert np.max((ρ / bound)[above]) == pytest.approx(1.0, abs=1e-9)


def test_bounds_are_diagnostics_on_request():
    grid = plane(64, 6.0)
    run = PseudoSpectral(bounds=True).prepare(NavierStokes(0.5), grid, gaussian(grid))
    list(evolve(run, [0.5]))
    names = {"log_gradient_quotient", "log_hessian_quotient", "gaussian_bound"}
    values = run.diagnostics()
    assert all(0 < values[name] < 20 for name in names)
    with pytest.raises(ValueError, match="bounds are those of the whole space"):
        PseudoSpectral(bounds=True).prepare(NavierStokes(0.5), torus(16, 16), np.ones((16, 16)))


def test_lost_resolution_is_told_and_not_hidden():
    grid = torus(32, 32)
    rough = np.random.default_rng(0).random(grid.shape)
    with pytest.raises(
        ResolutionLost, match=r"upper third of the wavenumbers; use a grid of at least \{x: 64"
    ):
        PseudoSpectral().prepare(NavierStokes(0.1), grid, rough).step(0.1)
    edge = plane(48, 2.0)
    disc = np.where((edge.points**2).sum(-1) < 1, 1 / np.pi, 0.0)
    with pytest.raises(ResolutionLost, match="the density is negative by"):
        PseudoSpectral(tail=1.0).prepare(KellerSegel(-1.0, 0.0), edge, disc).step(0.1)
    smooth = 1 + 0.5 * np.cos(2 * np.pi * grid.points[..., 0] / 3)
    run = PseudoSpectral().prepare(KellerSegel(2.0), grid, smooth * 1e3, 1.0)
    with pytest.raises(ResolutionLost):
        list(evolve(run, [50.0]))


def test_steps_that_cannot_be_taken_are_reported(monkeypatch):
    grid = torus(32, 32)
    ω = 1e100 * (np.cos(2 * np.pi * grid.points[..., 0] / 3) + np.cos(np.pi * grid.points[..., 1] / 2))
    fixed = PseudoSpectral().prepare(NavierStokes(0.1), grid, ω, 1.0)
    with pytest.raises(ResolutionLost, match="a step of 1 is unstable; use steps below"):
        fixed.step(1.0)
    adaptive = PseudoSpectral().prepare(NavierStokes(0.1), grid, random_waves(grid))
    monkeypatch.setattr(LawsonRK4, "error", lambda self, step: np.nan)
    with pytest.raises(ResolutionLost, match="31 steps in a row were rejected"):
        adaptive.step(1.0)
    assert adaptive.time == 0.0
    assert adaptive.diagnostics()["rejected_steps"] == 31


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "euler"}, "scheme 'euler' is unknown; use one of lawson_rk4, etdrk4"),
        ({"tolerance": 0.0}, "tolerance must lie between 0 and 1"),
        ({"tail": 2.0}, "tail is a share"),
        ({"hyperviscosity": -1.0}, "hyperviscosity must be finite and >= 0"),
        ({"threads": 3}, "threads must be 1 or 2"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(ValueError, match=message):
        PseudoSpectral(**options)


def test_refusals_come_before_any_work():
    grid = torus(16, 16)
    with pytest.raises(ValueError, match="1 circulations on a grid of shape"):
        PseudoSpectral().prepare(NavierStokes(0.1), grid, np.ones((3, 16, 16)))
    with pytest.raises(ValueError, match="lives on axes x, y"):
        PseudoSpectral().prepare(NavierStokes(0.1), torus(16), np.ones(16))
    with pytest.raises(ValueError, match="time step must be positive"):
        PseudoSpectral().prepare(NavierStokes(0.1), grid, np.ones((16, 16)), -1.0)


def test_repr_is_the_configuration():
    solver = PseudoSpectral(tolerance=1e-7, threads=2)
    assert eval(repr(solver)) == solver


def test_memory_is_known_before_the_first_step():
    small, large = (
        PseudoSpectral().prepare(NavierStokes(0.1), torus(n, n), np.ones((n, n))).memory for n in (32, 64)
    )
    assert 3 < large / small < 5
    assert small > 7 * 11 * 21 * 16

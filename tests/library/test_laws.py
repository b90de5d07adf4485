"""Laws: densities that integrate to 1, samplers that follow them, and every object that describes a law."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mfpde import laws
from mfpde.dataset import field
from mfpde.laws.cosine import cosine_quantile
from mfpde_solvers.grid import Axis, Grid

CIRCLE = Grid((Axis("x", -1.0, 4 * np.pi - 1.0, 128),))
LINE = Grid((Axis("v", -9.0, 9.0, 256, "open"),))
PHASE = Grid((Axis("x", 0.0, 4 * np.pi, 96), Axis("v", -9.0, 9.0, 128, "open")))
PLANE = Grid((Axis("x", -8.0, 8.0, 80, "open"), Axis("y", -8.0, 8.0, 80, "open")))
COVARIANCE = [[1.0, 0.3], [0.3, 0.5]]

STREAMS = laws.Mixture((laws.Maxwellian(-2.0, 0.5), laws.Maxwellian(1.0, 0.8)), (0.3, 0.7))
LAWS = {
    "Maxwellian": (laws.Maxwellian(0.5, 1.3), LINE),
    "HollowMaxwellian": (laws.HollowMaxwellian(0.9), LINE),
    "Mixture": (STREAMS, LINE),
    "positions": (laws.Perturbed(0.5, -1.0), CIRCLE),
    "Perturbed": (laws.Perturbed(0.5, 0.9, STREAMS), PHASE),
    "Product": (laws.Product((laws.Perturbed(0.5, 0.4), stats.norm(0.3, 0.7))), PHASE),
    "wrapped normal": (stats.norm(3.0, 4.0), CIRCLE),
    "narrow and far away": (stats.norm(200.0, 0.5), CIRCLE),
    "circular": (stats.vonmises(2.0), Grid((Axis("x", 0.0, 2 * np.pi, 64),))),
    "correlated": (stats.multivariate_normal([0.4, -0.5], COVARIANCE), PLANE),
    "correlated and wrapped": (stats.multivariate_normal([9.0, 0.0], [[4.0, 0.6], [0.6, 1.0]]), PHASE),
    "new-style": (stats.Normal(mu=0.2, sigma=0.9), LINE),
}


@pytest.fixture(params=LAWS)
def adapted(request: pytest.FixtureRequest) -> tuple[laws.Law, Grid]:
    law, grid = LAWS[request.param]
    return laws.as_law(law, grid), grid


def distribution_function(density: np.ndarray, axis: Axis):
    """The distribution function of a smooth density given at the cell centres, by cubic splines."""
    from scipy.interpolate import CubicSpline

    cumulative = np.concatenate([[0.0], np.cumsum(density)]) * axis.spacing
    return CubicSpline(axis.edges, cumulative / cumulative[-1])


def test_density_has_mass_one(adapted):
    law, grid = adapted
    density, mass = laws.density_and_mass(law, grid)
    assert mass == pytest.approx(1.0, abs=1e-9)
    assert grid.integrate(density) == pytest.approx(1.0, abs=1e-14)


def test_samples_follow_the_marginals(adapted):
    law, grid = adapted
    points = law.rvs(20_000, np.random.default_rng(1))
    density = laws.on_grid(law, grid)
    assert points.shape == (20_000, grid.dim)
    assert points.dtype == np.float64
    for i, axis in enumerate(grid.axes):
        others = [name for name in grid.names if name != axis.name]
        marginal = grid.integrate(density, others)
        if axis.periodic:
            assert axis.lower <= points[:, i].min()
            assert points[:, i].max() < axis.upper
        assert stats.kstest(points[:, i], distribution_function(marginal, axis)).pvalue > 1e-3


def test_samples_follow_the_joint_law(adapted):
    """The mean of a function of all coordinates, against its integral, within four standard errors."""
    law, grid = adapted
    periods = np.array([axis.length for axis in grid.axes])

    def observable(x):
        return np.cos(2 * np.pi * (x / periods) @ np.arange(1, grid.dim + 1))

    values = observable(law.rvs(40_000, np.random.default_rng(2)))
    expected = grid.integrate(laws.on_grid(law, grid) * observable(grid.points))
    assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(values.size)


def test_density_of_a_torus_is_periodic(adapted):
    law, grid = adapted
    x = law.rvs(50, np.random.default_rng(3))
    shift = np.array([3 * axis.length if axis.periodic else 0.0 for axis in grid.axes])
    np.testing.assert_allclose(law.pdf(x + shift), law.pdf(x), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(law.pdf(x.reshape(5, 10, -1)), law.pdf(x).reshape(5, 10), rtol=1e-14)


def test_laws_travel_by_pickle_and_adapt_once(adapted):
    law, grid = adapted
    copy = laws.as_law(pickle.loads(pickle.dumps(law)), grid)
    np.testing.assert_array_equal(laws.on_grid(copy, grid), laws.on_grid(law, grid))
    np.testing.assert_array_equal(*(one.rvs(9, np.random.default_rng(4)) for one in (copy, law)))


def test_a_law_that_does_not_survive_pickling_is_refused():
    """Distributions built on scipy's Normal come back as those of N(0, 1)."""
    law = laws.as_law(stats.truncate(stats.Normal(mu=1.0, sigma=0.5), lb=0.0, ub=2.0), LINE)
    with pytest.raises(ValueError, match="became another law when it was pickled"):
        pickle.loads(pickle.dumps(law))


def test_wrapped_normal_is_its_fourier_series():
    """The wrapped normal law has the Fourier coefficients exp(−σ²k²/2)."""
    axis = CIRCLE.axes[0]
    law = laws.as_law(stats.norm(3.0, 4.0), CIRCLE)
    k = 2 * np.pi / axis.length * np.arange(1, 40)
    terms = 2 * np.exp(-8 * k**2) * np.cos(np.multiply.outer(axis.points - 3.0, k))
    np.testing.assert_allclose(law.pdf(CIRCLE.points), (1 + terms.sum(-1)) / axis.length, atol=1e-15)


@given(st.floats(-1, 1), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20))
@settings(deadline=None, max_examples=300)
def test_cosine_quantile_inverts_the_distribution_function(amplitude, u):
    u = np.array(u)
    θ = cosine_quantile(u, amplitude)
    assert ((θ >= 0) & (θ < 2 * np.pi)).all()
    residual = θ + amplitude * np.sin(θ) - 2 * np.pi * u
    residual -= 2 * np.pi * np.round(residual / (2 * np.pi))  # u → 1 may round to θ = 0
    assert np.abs(residual).max() <= 8 * np.finfo(float).eps * np.pi
    np.testing.assert_array_equal(θ[-1:], cosine_quantile(u[-1:], amplitude))


@given(st.floats(0.01, 100), st.floats(-1, 1))
@settings(deadline=None, max_examples=50)
def test_perturbed_positions_at_any_wavenumber(wavenumber, amplitude):
    """Their distribution function (kx + a sin kx)/2π takes them to uniform numbers."""
    x = laws.Perturbed(wavenumber, amplitude).rvs(200, np.random.default_rng(5))[:, 0]
    u = np.random.default_rng(5).random((200, 1))[:, 0]
    θ = wavenumber * x
    np.testing.assert_allclose((θ + amplitude * np.sin(θ)) / (2 * np.pi), u, atol=1e-14)


def test_perturbed_torus_in_three_dimensions():
    """E Π cos kᵢxᵢ = a/8, E cos kᵢxᵢ = 0; the variances are 1/8 and 1/2 to order a²."""
    law = laws.Perturbed((0.5, 1.0, 2.0), 0.8, laws.Maxwellian((1.0, 0.0, -1.0), dimension=3))
    points = law.rvs(100_000, np.random.default_rng(6))
    cosines = np.cos(points[:, :3] * [0.5, 1.0, 2.0])
    product = cosines.prod(axis=1)
    assert abs(product.mean() - 0.1) < 4 * product.std() / np.sqrt(1e5)
    assert (np.abs(cosines.mean(axis=0)) < 4 * np.sqrt(0.5 / 1e5)).all()
    assert (np.abs(points[:, 3:].mean(axis=0) - [1, 0, -1]) < 4 / np.sqrt(1e5)).all()


def smooth_density(grid: Grid) -> xr.DataArray:
    values = laws.on_grid(laws.as_law(laws.Perturbed(0.5, 0.7, STREAMS), grid), grid)
    return field(values, grid, "density")


COARSE = Grid((Axis("x", 0.0, 4 * np.pi, 12), Axis("v", -9.0, 9.0, 36, "open")))


def test_reconstruction_interpolates_and_has_mass_one():
    density = smooth_density(COARSE)
    law = laws.from_density(density)
    np.testing.assert_allclose(law.pdf(COARSE.points), density.values, rtol=1e-12, atol=1e-17)
    wider = Grid((Axis("x", 0.0, 4 * np.pi, 24), Axis("v", -10.0, 10.0, 80, "open")))
    # Midpoints of half cells integrate a piecewise linear function exactly.
    assert wider.integrate(law.pdf(wider.points)) == pytest.approx(1.0, abs=1e-12)


def test_reconstruction_on_open_axes_ends_half_a_cell_outside():
    grid = Grid((Axis("x", 0.0, 1.0, 2, "open"),))
    law = laws.Gridded(np.array([1.0, 1.0]), grid)
    np.testing.assert_allclose(
        law.pdf([[-0.26], [-0.25], [0.0], [0.5], [1.125], [1.3]]), [0, 0, 0.5, 1, 0.25, 0]
    )
    samples = law.rvs(5000, np.random.default_rng(7))[:, 0]
    knots, cdf = np.array([-0.25, 0.25, 0.75, 1.25]), np.array([0, 0.25, 0.75, 1.0])
    bent = np.where(samples < 0.25, (samples + 0.25) ** 2, np.interp(samples, knots, cdf))
    bent = np.where(samples > 0.75, 1 - (1.25 - samples) ** 2, bent)
    assert stats.kstest(bent, "uniform").pvalue > 1e-3


def test_reconstruction_has_the_moments_of_tents():
    """Mean Σ wᵢxᵢ and variance Σ wᵢ(xᵢ − mean)² + h²/6, by sampling and by four standard errors."""
    density = smooth_density(COARSE)
    v = laws.from_density(density).rvs(200_000, np.random.default_rng(8))[:, 1]
    axis = COARSE["v"]
    weights = COARSE.integrate(density.values, ["x"]) * axis.spacing
    mean = weights @ axis.points
    variance = weights @ (axis.points - mean) ** 2 + axis.spacing**2 / 6
    assert abs(v.mean() - mean) < 4 * np.sqrt(variance / v.size)
    spread = (v - mean) ** 2
    error = 4 * spread.std() / np.sqrt(v.size)
    assert abs(spread.mean() - variance) < error
    assert error < axis.spacing**2 / 6  # the test sees the width of the tents


def test_reconstruction_samples_follow_its_density():
    law = laws.from_density(smooth_density(COARSE))
    points = law.rvs(40_000, np.random.default_rng(9))
    fine = Grid((Axis("x", 0.0, 4 * np.pi, 1200), Axis("v", -9.25, 9.25, 740, "open")))
    for axis, column in zip(fine.axes, points.T):
        single = Grid((axis,))
        values = smooth_density(COARSE)
        other = "v" if axis.name == "x" else "x"
        marginal = laws.from_density(values.sum(other) * COARSE[other].spacing)
        cdf = distribution_function(marginal.pdf(single.points), axis)
        assert stats.kstest(column, cdf).pvalue > 1e-3
    cells = np.floor(points[:, 0] / (np.pi / 2)).astype(int) * 2 + (points[:, 1] > 0)
    density = law.pdf(fine.points)
    halves = density.reshape(8, 150, 2, 370).sum(axis=(1, 3)).ravel() * fine.cell_volume
    assert stats.chisquare(np.bincount(cells, minlength=16), 40_000 * halves / halves.sum()).pvalue > 1e-3


@given(st.lists(st.sampled_from([0.0, 1e-300, 1e-12, 1.0, 3.0]), min_size=2, max_size=70), st.integers(0, 99))
@settings(deadline=None, max_examples=100)
def test_reconstruction_draws_the_cell_of_the_inverse_distribution_function(values, seed):
    grid = Grid((Axis("x", 0.0, 1.0, len(values)),))
    if not sum(values) > 0:
        with pytest.raises(ValueError, match="no positive value"):
            laws.Gridded(np.array(values), grid)
        return
    law = laws.Gridded(np.array(values), grid)
    u = np.append(np.random.default_rng(seed).random(50), [0.0, 1 - 2.0**-53])
    cells = law._cells(u)
    cumulative = np.cumsum(law.values) / np.cumsum(law.values)[-1]
    np.testing.assert_array_equal(cells, np.searchsorted(cumulative, u, side="right"))
    assert (law.values[cells] > 0).all()


def test_undershoots_are_clipped_and_real_negatives_refused():
    grid = Grid((Axis("x", 0.0, 1.0, 4),))
    law = laws.Gridded(np.array([1.0, 3.0, -1e-3, 0.0]), grid)
    np.testing.assert_allclose(law.values, [1.0, 3.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="negative part"):
        laws.Gridded(np.array([1.0, 3.0, -0.5, 0.0]), grid)
    with pytest.raises(ValueError, match="not finite"):
        laws.Gridded(np.array([1.0, np.nan, 0.0, 0.0]), grid)
    with pytest.raises(ValueError, match=r"shape \(4,\), got \(3,\)"):
        laws.Gridded(np.ones(3), grid)


def test_samples_do_not_depend_on_chunks():
    law = laws.from_density(smooth_density(COARSE))
    rng = np.random.default_rng(10)
    parts = np.concatenate([law.rvs(7, rng), law.rvs(5, rng)])
    np.testing.assert_array_equal(parts, law.rvs(12, np.random.default_rng(10)))


@dataclass
class Triangle:
    """An object of somebody else with a density 1 − |x| and a sampler of our signature."""

    def pdf(self, x):
        return np.maximum(0, 1 - np.abs(x[..., 0]))

    def rvs(self, size, rng):
        return rng.random((size, 1)) + rng.random((size, 1)) - 1


@pytest.mark.parametrize(
    "obj",
    [
        stats.norm(0, 1),
        stats.norm,
        stats.Normal(),
        stats.multivariate_normal([0.0]),
        stats.gaussian_kde(np.random.default_rng(0).standard_normal(300)),
        Triangle(),
        lambda x: np.exp(-np.abs(x[..., 0])) / 2,
        laws.Maxwellian(),
    ],
    ids=lambda obj: type(obj).__name__,
)
@pytest.mark.parametrize("lower", [-12.0, 0.0])
def test_objects_on_one_axis(obj, lower):
    """On the line, and on a circle where half of the law has to be wrapped."""
    boundary = "open" if lower else "periodic"
    grid = Grid((Axis("x", lower, lower + 24.0, 1200, boundary),))
    law = laws.as_law(obj, grid)
    density, mass = laws.density_and_mass(law, grid)
    assert mass == pytest.approx(1.0, abs=2e-4)  # the midpoint rule at a kink
    if law.has_sampler:
        for size in (1, 500):
            assert law.rvs(size, np.random.default_rng(11)).shape == (size, 1)
        values = np.cos(law.rvs(5000, np.random.default_rng(12))[:, 0])
        expected = grid.integrate(density * np.cos(grid["x"].points))
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(values.size)


@pytest.mark.parametrize(
    "obj",
    [
        stats.multivariate_normal([0.1, 0.2], COVARIANCE),
        stats.multivariate_t([0.1, 0.2], COVARIANCE, df=30),
        stats.gaussian_kde(stats.multivariate_normal([0.1, 0.2], COVARIANCE).rvs(400, random_state=0).T),
        lambda x: stats.multivariate_normal([0.1, 0.2], COVARIANCE).pdf(x),
    ],
    ids=["normal", "t", "kde", "function"],
)
def test_objects_on_two_axes(obj):
    law = laws.as_law(obj, PLANE)
    density = laws.on_grid(law, PLANE)
    x, y = np.moveaxis(PLANE.points, -1, 0)
    assert PLANE.integrate(density * x * y) == pytest.approx(0.32, abs=0.1)
    if law.has_sampler:
        values = law.rvs(20_000, np.random.default_rng(13)).prod(axis=1)
        assert abs(values.mean() - PLANE.integrate(density * x * y)) < 4 * values.std() / np.sqrt(20_000)


def test_data_is_matched_by_name_and_takes_the_last_time():
    density = smooth_density(PHASE)
    series = xr.concat([0 * density, density], xr.Variable("time", [0.0, 1.0])).transpose("v", "time", "x")
    law = laws.as_law(series, PHASE)
    np.testing.assert_allclose(laws.on_grid(law, PHASE), density.values, rtol=1e-12)


@pytest.mark.parametrize("name", ["density", "f"])
def test_file_of_another_code(tmp_path, name):
    """No attributes, other order of the axes, points on the left ends of the cells: still a torus in x."""
    x, v = np.arange(64) * 4 * np.pi / 64, np.linspace(-9, 9, 121)
    points = np.stack(np.meshgrid(x, v, indexing="ij"), axis=-1)
    truth = laws.Perturbed(0.5, 0.7, laws.Maxwellian())
    data = xr.DataArray(truth.pdf(points).T, {"v": v, "x": x}, ("v", "x"))
    path = tmp_path / "elsewhere.nc"
    xr.Dataset({name: data, "unrelated": ("x", x)}).to_netcdf(path)
    for given_path in (path, str(path)):
        law = laws.as_law(given_path, PHASE)
        ends = np.array([[-1e-9, 0.0], [4 * np.pi - 1e-9, 0.0], [4 * np.pi + 1e-9, 0.0]])
        np.testing.assert_allclose(law.pdf(ends), truth.pdf(ends), rtol=1e-6)
        x_samples = law.rvs(2000, np.random.default_rng(14))[:, 0]
        assert 0 <= x_samples.min() < 0.3
        assert 4 * np.pi - 0.3 < x_samples.max() < 4 * np.pi


def test_data_with_the_first_point_repeated_is_refused():
    x = np.linspace(0, 4 * np.pi, 65)
    data = xr.DataArray((1 + 0.1 * np.cos(x / 2)) / (4 * np.pi + x[1]), {"x": x}, ("x",))
    grid = Grid((Axis("x", 0.0, 4 * np.pi, 64),))
    with pytest.raises(ValueError, match=r"repeats the first point.*isel\(x=slice\(None, -1\)\)"):
        laws.as_law(data, grid)


def without_sampler(x):
    return np.exp(-(x[..., 0] ** 2) / 2) / np.sqrt(2 * np.pi)


def test_density_without_sampler_says_the_next_step():
    law = laws.as_law(without_sampler, LINE)
    assert not law.has_sampler
    with pytest.raises(TypeError, match=r"without_sampler.*without a sampler.*from_density"):
        law.rvs(3, np.random.default_rng(0))
    gridded = laws.Gridded(laws.on_grid(law, LINE), LINE)
    assert stats.kstest(gridded.rvs(5000, np.random.default_rng(15))[:, 0], "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    ("obj", "grid", "error", "message"),
    [
        (3.0, LINE, TypeError, "float is not a law; use a scipy.stats"),
        (stats.norm(), PHASE, ValueError, r"norm\(\) has 1 coordinate, the grid has 2 \(x, v\).*Product"),
        (stats.multivariate_normal([0, 0, 0]), PHASE, ValueError, "has 3 coordinates, the grid has 2"),
        (stats.norm([0.0, 1.0]), LINE, ValueError, "cannot be evaluated"),
        (lambda x: np.exp(-(x**2)), LINE, ValueError, r"to \(256, 1\).*x\[\.\.\., 0\]"),
        (lambda x: x[..., 1], LINE, ValueError, "cannot be evaluated at points of shape"),
        (lambda x: x[..., 0], LINE, ValueError, "finite and >= 0"),
        (lambda x: np.full(len(x), np.nan), LINE, ValueError, "finite and >= 0"),
        (stats.cauchy(), CIRCLE, ValueError, "neither has the period 12.5664 of axis 'x' nor decays"),
        (SimpleNamespace(pdf=without_sampler, rvs=lambda size, rng: rng.random((size, 2)), dim=1), LINE,
         ValueError, r"gave shape \(2, 2\), expected \(2, 1\)"),
        (SimpleNamespace(pdf=without_sampler, rvs=lambda size, rng: np.full((size, 1), np.nan), dim=1), LINE,
         ValueError, "sampler of .* not finite"),
        ("missing.nc", LINE, ValueError, "no file 'missing.nc'"),
        (smooth_density(COARSE).rename(v="y"), PHASE, ValueError, "dimensions x, y, the grid has axes x, v"),
        (2 * smooth_density(COARSE), PHASE, ValueError, "mass 2, a law has 1; divide"),
        (laws.Perturbed(0.3, 0.1), CIRCLE, ValueError, "length 2π/k = 20.94.*got periodic and length 12.56"),
        (laws.Perturbed(0.5, 0.1), LINE, ValueError, r"got open and length 18"),
    ],
)  # fmt: skip
def test_what_is_no_law_is_refused(obj, grid, error, message):
    with pytest.raises(error, match=message):
        laws.as_law(obj, grid)


def test_mass_outside_the_box_is_refused():
    small = Grid((Axis("v", -1.0, 1.0, 64, "open"),))
    law = laws.as_law(stats.norm(), small)
    with pytest.raises(ValueError, match=r"norm\(\) has mass 0.68.*enlarge the box"):
        laws.on_grid(law, small)
    with pytest.raises(ValueError, match="1 coordinates, the grid has 2"):
        laws.on_grid(law, PHASE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: laws.Perturbed(0.5, 1.01), r"amplitude must lie in \[-1, 1\]"),
        (lambda: laws.Perturbed(0.5, np.nan), "amplitude must lie"),
        (lambda: laws.Perturbed((0.5, -1.0), 0.1), "wavenumber must be positive"),
        (lambda: laws.Maxwellian(thermal_speed=0.0), "thermal_speed must be positive"),
        (lambda: laws.HollowMaxwellian(-1.0), "thermal_speed must be positive"),
        (lambda: laws.Maxwellian((0.0, 1.0), dimension=3), "a number or 3 numbers"),
        (lambda: laws.Mixture((laws.Maxwellian(),), (0.5,)), "sum to 1"),
        (lambda: laws.Mixture((laws.Maxwellian(),), (0.5, 0.5)), "one weight for each"),
        (
            lambda: laws.Mixture((laws.Maxwellian(), laws.Perturbed(0.5, 0, laws.Maxwellian())), (0.5, 0.5)),
            "share",
        ),
        (lambda: laws.Product(()), "at least one law"),
        (lambda: laws.Maxwellian().pdf(np.zeros((4, 2))), r"shape \(\.\.\., 1\), got \(4, 2\)"),
        (lambda: laws.from_density(smooth_density(COARSE).expand_dims("replica")), "dimension replica"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_products_need_factors_of_known_dimension():
    with pytest.raises(TypeError, match="number of coordinates of without_sampler cannot be told"):
        laws.Product((laws.Perturbed(0.5, 0.1), without_sampler))
    with pytest.raises(TypeError, match=r"xarray\.DataArray, got Dataset"):
        laws.from_density(smooth_density(COARSE).to_dataset())


def test_draw_gives_ones_or_the_circulation_of_the_component():
    rng = np.random.default_rng(16)
    points, circulation = laws.draw(laws.Maxwellian(), SimpleNamespace(), 5, rng)
    assert points.shape == (5, 1)
    np.testing.assert_array_equal(circulation, np.ones(5))
    vortices = SimpleNamespace(circulations=(1.0, -2.0))
    pair = laws.Mixture((laws.Maxwellian(-50.0), laws.Maxwellian(50.0)), (0.25, 0.75))
    points, circulation = laws.draw(
        laws.as_law(pair, Grid((Axis("v", -60, 60, 600, "open"),))), vortices, 4000, rng
    )
    np.testing.assert_array_equal(circulation, np.where(points[:, 0] < 0, 1.0, -2.0))
    assert abs((circulation == 1).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 4000)
    with pytest.raises(ValueError, match=r"2 circulations.*Mixture"):
        laws.draw(laws.Maxwellian(), vortices, 4, rng)


def test_reprs_are_short():
    for law, grid in LAWS.values():
        assert len(repr(laws.as_law(law, grid))) < 200
    assert repr(laws.as_law(stats.norm(3.0, scale=4.0), CIRCLE)) == "norm(3.0, scale=4.0)"
    assert repr(STREAMS) == (
        "Mixture(0.3 Maxwellian(mean=-2.0, thermal_speed=0.5) + 0.7 Maxwellian(mean=1.0, thermal_speed=0.8))"
    )

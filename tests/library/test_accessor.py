"""The accessor .mf against the functions that it wraps, and against closed forms."""

from __future__ import annotations

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.dataset import field, grid_of
from mfpde.laws import from_density

GRID = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 16), mf.Axis("v", -8.0, 8.0, 96, "open")))


@pytest.fixture(scope="module")
def density():
    """(1 + ½ cos x)/2π · N(0.3, 1.2²) at two times, the second without the wave."""
    x, v = np.moveaxis(GRID.points, -1, 0)
    maxwellian = np.exp(-((v - 0.3) ** 2) / (2 * 1.44)) / np.sqrt(2 * np.pi * 1.44)
    values = [(1 + a * np.cos(x)) / (2 * np.pi) * maxwellian for a in (0.5, 0.0)]
    return field(np.array(values), GRID, "density", {"time": [0.0, 1.0]})


@pytest.fixture(scope="module")
def particles():
    problem = mf.Problem(
        mf.equations.Kuramoto(1.0, 0.5), mf.laws.Perturbed(1.0, 0.5), GRID.select(("x",)), 1.0
    )
    return mf.simulate(problem, 50, [0.0, 1.0], replicas=3)


def test_marginals(density):
    xr.testing.assert_identical(density.mf.marginal("v"), mf.chaos.marginal(density, ("v",)))
    xr.testing.assert_identical(density.mf.marginal(), mf.chaos.marginal(density))
    dataset = density.to_dataset()
    xr.testing.assert_identical(dataset.mf.marginal("x"), density.mf.marginal("x"))


def test_moments(density):
    """Closed forms; sums over a Gaussian that the cells resolve have no error beyond its tail, 1e-9."""
    assert density.mf.moment().values == pytest.approx([1.0, 1.0], abs=1e-9)
    assert density.mf.moment(v=1).values == pytest.approx([0.3, 0.3], abs=1e-8)
    assert density.mf.moment(v=2).values == pytest.approx([1.53, 1.53], abs=1e-7)
    xv = density.mf.moment(x=1, v=1)
    assert xv.values == pytest.approx([0.3 * np.pi] * 2, abs=1e-8)
    assert xv.dims == ("time",)
    assert xv.attrs["long_name"] == "moment of x v"
    byhand = GRID.integrate(density[0].values * GRID.points[..., 1] ** 2)
    assert float(density.to_dataset().mf.moment(v=2)[0]) == pytest.approx(byhand, rel=1e-14)
    with pytest.raises(ValueError, match="'y'"):
        density.mf.moment(y=1)


def test_circulations_are_added_up():
    run = mf.solve(mf.problems.taylor_green(), [0.0, 1.0])
    assert run.mf.moment().values == pytest.approx([1.0, 1.0], abs=1e-13)
    entropy = run["entropy"].sel(diagnostic_time=[0.0, 1.0]).values
    assert run.mf.entropy().values == pytest.approx(entropy, rel=1e-12)
    assert dict(run.isel(time=0).mf.sample(10, seed=1).sizes) == {"particle": 10}


def test_entropy(density):
    """Uniform times Gaussian: −log 2π − ½ log(2πe s²); and that of the solver."""
    exact = -np.log(2 * np.pi) - 0.5 * np.log(2 * np.pi * np.e * 1.44)
    assert float(density.mf.entropy()[1]) == pytest.approx(exact, abs=1e-8)
    run = mf.solve(mf.problems.kuramoto(), [0.0, 1.0])
    theirs = run["entropy"].sel(diagnostic_time=[0.0, 1.0]).values
    assert run.mf.entropy().values == pytest.approx(theirs, rel=1e-12)
    touching_zero = density[0].where(density["v"] > 0, 0.0)
    assert np.isfinite(touching_zero.mf.entropy())


def test_samples(density):
    points = density[0].mf.sample(1000, seed=3)
    expected = from_density(density[0]).rvs(1000, np.random.default_rng(3))
    np.testing.assert_array_equal(np.stack([points["x"], points["v"]], axis=1), expected)
    assert points["v"].attrs["long_name"] == "velocity"
    assert float(points["time"]) == 0.0
    with pytest.raises(ValueError, match="time"):
        density.mf.sample(10)
    with pytest.raises(ValueError, match="the number of points"):
        density[0].mf.sample(0)


def test_moments_of_particles(particles):
    xr.testing.assert_allclose(
        particles.mf.moment(x=2), (particles["x"] ** 2).mean("particle").rename("moment")
    )
    with pytest.raises(ValueError, match="'y'"):
        particles.mf.moment(y=1)


@pytest.mark.parametrize("metric", ["wasserstein", "sobolev"])
def test_distances(density, particles, metric):
    on_circle = density.mf.marginal("x")
    expected = mf.chaos.evaluate(mf.chaos.metric_from(metric), particles, on_circle)
    xr.testing.assert_identical(particles.mf.distance(on_circle, metric), expected)
    xr.testing.assert_identical(on_circle.mf.distance(particles, metric), expected)
    dataset = on_circle.to_dataset(name="density")
    xr.testing.assert_identical(dataset.mf.distance(particles, metric), expected)
    points = np.array([1.0, 2.0, 4.0])
    one = mf.chaos.evaluate(mf.chaos.metric_from(metric), points, on_circle[0])
    assert on_circle[0].mf.distance(points, metric) == one


def test_distance_of_two_densities(density):
    """W₁ of (1 + ½ cos x)/2π to the uniform law of the circle is ∫|sin x|/4π dx = 1/π."""
    first, second = density.mf.marginal("x")
    exact = 1 / np.pi
    assert first.mf.distance(second) == pytest.approx(exact, rel=2e-2)  # tents of 16 cells: (h²/12) relative
    back = second.to_dataset(name="density").mf.distance(first)
    assert back == pytest.approx(first.mf.distance(second), rel=1e-12)
    fine = mf.solve(mf.problems.kuramoto(1.0, 1.0, 0.5).replace(resolution={"x": 256}), [0.0, 1e-9])
    flat = fine["density"][0] * 0 + 1 / (2 * np.pi)
    assert fine["density"][0].mf.distance(flat) == pytest.approx(exact, rel=1e-4)


def test_pictures(density, particles):
    for drawn in (density.mf.plot(), density[0].mf.plot(), particles.mf.plot()):
        assert isinstance(drawn, plt.Figure)
        assert drawn.axes or drawn.subfigs
        plt.close(drawn)


def test_what_does_not_fit_is_told(particles):
    with pytest.raises(ValueError, match="no variable 'density'; there are circulation, x"):
        particles.mf.entropy()
    with pytest.raises(TypeError, match="particles are compared with a density"):
        particles.mf.distance(particles)


@pytest.mark.parametrize(
    "imports",
    [
        "import xarray as xr, mfpde",
        "import mfpde, mfpde.accessor, xarray as xr",
        "import mfpde; mfpde.solve; import xarray as xr",
    ],
)
def test_registration(imports):
    """At once after xarray; with whatever of mfpde knows xarray; or alone."""
    program = f"{imports}; print(hasattr(xr.Dataset(), 'mf'), hasattr(xr.DataArray(0.0), 'mf'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_the_grid_is_that_of_the_coordinates(density):
    assert grid_of(density) == GRID

"""Marginals, samples of the tents, and labelled particles."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mfpde.chaos.correlations import PairCorrelation
from mfpde.chaos.marginals import evaluate, marginal, tents
from mfpde.chaos.negative_sobolev import Sobolev
from mfpde.chaos.transport.exact import Wasserstein
from mfpde.dataset import field
from mfpde_solvers.grid import Axis, Grid


def particles(times=(0.0, 1.0), replicas=3, size=20):
    rng = np.random.default_rng(0)
    dims = ("time", "replica", "particle")
    shape = (len(times), replicas, size)
    variables = {"x": (dims, rng.uniform(-9, 9, shape)), "v": (dims, rng.standard_normal(shape))}
    return xr.Dataset(variables, {"time": list(times)})


def test_marginals_keep_mass_and_compose(phase_density):
    grid_of_v = marginal(phase_density, ("v",))
    assert float(grid_of_v.sum() * 12 / 48) == pytest.approx(1.0)
    expected = np.exp(-(phase_density["v"] ** 2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(grid_of_v, expected, atol=1e-8)
    assert marginal(phase_density).dims == ("x",)
    assert marginal(phase_density, ("v", "x")).dims == ("v", "x")


def test_circulations_are_added(phase_density):
    parts = xr.concat([0.3 * phase_density, 0.7 * phase_density], dim="circulation")
    xr.testing.assert_allclose(marginal(parts, ("x", "v")), phase_density)


def test_undershoots_are_cut_and_mass_is_one(phase_density):
    phase_density[0, :] -= 0.5
    weights, grid = tents(phase_density, ("x",))
    assert weights.min() == 0
    assert weights.sum() == pytest.approx(1.0, rel=1e-14)
    assert grid.names == ("x",)


def test_dataset_of_particles_equals_loops_over_arrays(phase_density):
    data = particles()
    values = evaluate(Wasserstein(), data, phase_density)
    assert values.dims == ("time", "replica")
    target = Wasserstein().target(phase_density)
    for t in range(2):
        for r in range(3):
            one = data.isel(time=t, replica=r)
            assert values[t, r] == target.distance(np.stack([one["x"], one["v"]], axis=-1))
    assert values.attrs["reduction"] == "mean"
    assert values.attrs["theory"] == -0.5


def test_times_are_matched_exactly(phase_density):
    grid = Grid((Axis("x", 0.0, 4 * np.pi, 32), Axis("v", -6.0, 6.0, 48, "open")))
    later = phase_density.roll(x=7, roll_coords=False)
    series = field(np.stack([phase_density, later, later]), grid, "density", {"time": [0.0, 0.5, 1.0]})
    data = particles()
    values = evaluate(Sobolev(), data, series.to_dataset())
    for t, density in enumerate((phase_density, later)):
        expected = evaluate(Sobolev(), data.isel(time=t), density)
        xr.testing.assert_allclose(values.isel(time=t).drop_vars("time"), expected.drop_vars("time"))
    xr.testing.assert_allclose(evaluate(Sobolev(), data.isel(time=1), series), values.isel(time=1))
    with pytest.raises(ValueError, match=r"not saved at time 0\.25"):
        evaluate(Sobolev(), particles(times=(0.0, 0.25)), series)
    with pytest.raises(ValueError, match="choose one"):
        evaluate(Sobolev(), data.isel(time=0).drop_vars("time"), series)


def test_one_column_is_enough_for_one_axis(phase_density):
    points = np.random.default_rng(2).standard_normal((30, 2))
    full = evaluate(Wasserstein(axes=("v",)), points, phase_density)
    assert evaluate(Wasserstein(axes=("v",)), points[:, 1], phase_density) == pytest.approx(full, rel=1e-12)


def test_bad_input_is_named(phase_density):
    with pytest.raises(ValueError, match="no variable v"):
        evaluate(Wasserstein(), particles().drop_vars("v"), phase_density)
    series = phase_density.expand_dims(time=[0.0])
    with pytest.raises(ValueError, match="dimension time"):
        evaluate(Wasserstein(), np.zeros((4, 2)), series)
    with pytest.raises(ValueError, match="positive mass"):
        tents(0 * phase_density, ("x",))
    with pytest.raises(ValueError, match=r"\(N, 1\)"):
        evaluate(Wasserstein(), np.zeros(0), phase_density)


def test_metrics_of_the_ensemble_lose_the_replicas(phase_density):
    """One value for each time, the same as from arrays of replicas; its error is a coordinate."""
    moving = particles(replicas=6)
    density = xr.concat([phase_density, phase_density], "time").assign_coords(time=[0.0, 1.0])
    found = evaluate(PairCorrelation(), moving, density)
    assert found.dims == ("time",)
    assert found.coords["pair_correlation_stderr"].dims == ("time",)
    points = np.stack([moving["x"].values[1], moving["v"].values[1]], axis=-1)
    one = evaluate(PairCorrelation(), points, phase_density)
    assert float(one) == float(found[1])
    assert float(one["pair_correlation_stderr"]) == float(found["pair_correlation_stderr"][1])
    along = evaluate(PairCorrelation(), points[..., 0], phase_density)
    assert float(along) == float(one)
    with pytest.raises(ValueError, match="several replicas"):
        evaluate(PairCorrelation(), moving.isel(replica=0), density)

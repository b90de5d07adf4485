"""Distances between partners: on lines and circles, of arrays and of datasets."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mfpde as mf
from mfpde.chaos import Metric, Wasserstein, evaluate
from mfpde.chaos.coupling import CouplingDistance, coupling_distance

PHASE = mf.Grid((mf.Axis("x", 0.0, 4.0, 8), mf.Axis("v", -6.0, 6.0, 12, "open")))


def test_it_is_a_metric_as_data() -> None:
    metric = CouplingDistance()
    assert isinstance(metric, Metric)
    assert repr(metric) == "CouplingDistance(p=2.0, axes=None)"
    assert hash(metric) == hash(CouplingDistance(2))
    assert metric.needs == "dynamics"
    assert metric.theory(PHASE) == -0.5
    assert metric.on(PHASE).columns.names == ("x",)


def test_known_separations() -> None:
    # 3.9 and 0.1 are 0.2 apart on the circle of length 4, not 3.8
    x = np.array([[3.9, 0.0], [1.0, 3.0]])
    y = np.array([[0.1, 0.5], [1.3, -1.0]])
    assert CouplingDistance().on(PHASE).between(x, y) == pytest.approx(np.sqrt((0.04 + 0.09) / 2))
    assert CouplingDistance(inf).on(PHASE).between(x, y) == pytest.approx(0.3)
    both = CouplingDistance(axes=("x", "v")).on(PHASE).between(x, y)
    assert both == pytest.approx(np.sqrt((0.04 + 0.25 + 0.09 + 16.0) / 2))
    assert CouplingDistance(inf, ("v",)).on(PHASE).between(x, y) == pytest.approx(4.0)


@given(st.floats(-20, 20), st.integers(0, 2**32 - 1))
def test_it_is_a_distance_on_the_circle(shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = rng.uniform(-8, 8, (3, 7, 2))
    target = CouplingDistance().on(PHASE)
    assert target.between(x, x) == 0
    assert target.between(x, y) == target.between(y, x)
    assert target.between(x, z) <= target.between(x, y) + target.between(y, z) + 1e-12
    moved = np.array([shift, 0.0])
    assert target.between(x + moved, y + moved) == pytest.approx(target.between(x, y), abs=1e-12)
    assert target.between(x, y + np.array([4.0, 0.0])) == pytest.approx(target.between(x, y), abs=1e-12)
    assert target.between(x, y) <= CouplingDistance(inf).on(PHASE).between(x, y) <= 2.0


def test_it_bounds_the_distance_of_the_empirical_measures() -> None:
    """|W₁(μ_N, ρ) − W₁(μ̄_N, ρ)| ≤ W₁(μ_N, μ̄_N) ≤ (N⁻¹ Σ |X − X̄|²)^{1/2}."""
    problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})
    metrics = ("wasserstein", "coupling_distance")
    study = mf.converge(problem, (16, 64), 6, metrics, times=[0.0, 2.0], mean_field=True)
    assert bool((abs(study["wasserstein_excess"]) <= study["coupling_distance"] + 1e-12).all())
    assert bool((study["coupling_distance"].isel(time=0) == 0).all())
    assert bool((study["coupling_distance"].isel(time=1) > 0).all())


def test_of_a_dataset() -> None:
    problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})
    found = mf.simulate(problem, 16, [0.0, 1.0], replicas=3, mean_field=True)
    distance = coupling_distance(found, problem.grid)
    assert distance.dims == ("time", "replica")
    assert distance.attrs["reduction"] == "rms"
    assert distance.name == "coupling_distance"
    study = mf.converge(problem, (8, 16), 3, ("coupling_distance",), times=[0.0, 1.0], mean_field=True)
    np.testing.assert_array_equal(study["coupling_distance"].sel(size=16).T, distance)
    np.testing.assert_array_equal(distance["time"], [0.0, 1.0])


def test_refusals(phase_density: xr.DataArray) -> None:
    with pytest.raises(ValueError, match="p must be 2"):
        CouplingDistance(1)
    with pytest.raises(ValueError, match="'y'"):
        CouplingDistance(axes=("y",)).on(PHASE)
    with pytest.raises(ValueError, match="cannot be paired"):
        CouplingDistance().on(PHASE).between(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="not with a density"):
        evaluate(CouplingDistance(), np.zeros((3, 2)), phase_density)
    problem = mf.problems.landau_damping().replace(resolution={"x": 32, "v": 64})
    with pytest.raises(ValueError, match=r"x_coupled; make them with simulate\(\.\.\., mean_field=True\)"):
        coupling_distance(mf.simulate(problem, 4, [0.0]), problem.grid)
    with pytest.raises(ValueError, match="partners in the mean field"):
        mf.converge(problem, (4, 8), 2, {"apart": CouplingDistance(inf), "w": Wasserstein()})

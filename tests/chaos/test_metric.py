"""Names, defaults and refusals of metrics."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos import METRICS, Metric, SlicedWasserstein, Sobolev, Wasserstein, WeakError, metric_from
from mfpde.chaos.metric import default_axes
from mfpde_solvers.grid import Axis, Grid


def grid(*names):
    return Grid(tuple(Axis(name, 0.0, 1.0, 4) for name in names))


def test_default_axes_are_positions_or_else_velocities():
    assert default_axes(None, grid("x", "y", "vx", "vy")) == ("x", "y")
    assert default_axes(None, grid("vx", "vy")) == ("vx", "vy")
    assert default_axes("vx", grid("x", "vx")) == ("vx",)


@pytest.mark.parametrize("axes", [(), ("x", "x"), ("q",)])
def test_wrong_axes_list_the_names_there_are(axes):
    with pytest.raises(ValueError, match="x, v"):
        default_axes(axes, grid("x", "v"))


@pytest.mark.parametrize("name", METRICS)
def test_registered_metrics_keep_the_protocol(name, phase_density):
    metric = metric_from(name)
    assert isinstance(metric, Metric)
    assert metric.name == name
    assert metric.needs == "replica"
    assert metric.reduction in {"mean", "rms"}
    assert metric.theory(grid("x")) == -0.5
    assert metric.citation
    assert metric.long_name
    assert metric_from(metric) is metric
    target = metric.target(phase_density)
    points = np.random.default_rng(0).standard_normal((10, 2))
    assert np.isfinite(target.distance(points))
    assert target.difference(metric.target(phase_density)) < 1e-8


@pytest.mark.parametrize("metric", [Wasserstein, Sobolev, SlicedWasserstein, WeakError])
def test_one_axis_may_be_given_by_its_name(metric):
    assert metric(axes="vx") == metric(axes=["vx"]) == metric(axes=("vx",))
    assert hash(metric(axes="vx")) == hash(metric(axes=["vx"]))


def test_unknown_names_get_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'wasserstein'"):
        metric_from("waserstein")
    with pytest.raises(ValueError, match="sobolev, weak_error"):
        metric_from("zzz")
    for wrong in (3, Wasserstein):
        with pytest.raises(TypeError, match="Wasserstein"):
            metric_from(wrong)  # type: ignore[arg-type]

"""Names, defaults and refusals of metrics."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos import METRICS, Metric, SlicedWasserstein, Sobolev, Wasserstein, WeakError, metric_from
from mfpde.chaos.metric import default_axes, fitted
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
def test_registered_metrics_keep_the_protocol(name):
    metric = metric_from(name)
    assert isinstance(metric, Metric)
    assert metric.name == name
    assert metric.needs in {"replica", "ensemble", "dynamics"}
    assert hasattr(metric, "follow") == (metric.needs == "dynamics")
    assert metric.reduction in {"mean", "rms"}
    assert metric.citation
    assert metric.long_name
    assert " at 0x" not in repr(metric)  # the text identifies the metric in files
    assert metric_from(metric) is metric
    assert metric_from(name) == metric


@pytest.mark.parametrize("name", ["wasserstein", "sliced_wasserstein", "sobolev", "weak_error"])
def test_metrics_of_a_replica(name, phase_density):
    metric = metric_from(name)
    assert metric.needs == "replica"
    assert metric.theory(grid("x")) == -0.5
    target = metric.target(phase_density)
    points = np.random.default_rng(0).standard_normal((10, 2))
    assert np.isfinite(target.distance(points))
    assert target.difference(metric.target(phase_density)) < 1e-8


@pytest.mark.parametrize("name", ["pair_correlation", "marginal_l1", "relative_entropy"])
def test_metrics_of_the_ensemble(name, phase_density):
    metric = metric_from(name)
    assert metric.needs == "ensemble"
    assert metric.theory(grid("x")) in {-1.0, -2.0}
    target = metric.target(phase_density)
    points = np.random.default_rng(0).standard_normal((8, 10, 2)) + 3
    statistics = np.array([target.statistic(one) for one in points])
    assert statistics.ndim == 2
    value, error = target.combine(statistics, 10)
    assert np.isfinite(value)
    assert error > 0
    assert target.floor(10) == 0.0
    assert target.difference(metric.target(phase_density)) < 1e-8


def test_a_metric_may_be_made_for_an_equation():
    class Plain:
        pass

    class Fitted(Plain):
        def for_equation(self, equation):
            return equation

    plain = Plain()
    assert fitted(plain, "equation") is plain
    assert fitted(Fitted(), "equation") == "equation"


@pytest.mark.parametrize("metric", [Wasserstein, Sobolev, SlicedWasserstein, WeakError])
def test_one_axis_may_be_given_by_its_name(metric):
    assert metric(axes="vx") == metric(axes=["vx"]) == metric(axes=("vx",))
    assert hash(metric(axes="vx")) == hash(metric(axes=["vx"]))


def test_unknown_names_get_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'wasserstein'"):
        metric_from("waserstein")
    with pytest.raises(ValueError, match=r"sobolev, weak_error, .*pair_correlation"):
        metric_from("zzz")
    for wrong in (3, Wasserstein):
        with pytest.raises(TypeError, match="Wasserstein"):
            metric_from(wrong)  # type: ignore[arg-type]

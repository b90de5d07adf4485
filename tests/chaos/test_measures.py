"""The measures as functions and their i.i.d. floors."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos import (
    CouplingDistance,
    SlicedWasserstein,
    Sobolev,
    Wasserstein,
    WeakError,
    evaluate,
    iid_floor,
    sliced_wasserstein,
    sobolev,
    wasserstein,
    weak_error,
)
from mfpde.chaos.correlations import PairCorrelation


def test_functions_are_the_metrics(phase_density):
    points = np.random.default_rng(0).standard_normal((25, 2))

    def value(metric):
        return metric.target(phase_density).distance(points)

    assert wasserstein(points, phase_density, p=2, axes=("v",)) == value(Wasserstein(2, ("v",)))
    assert sliced_wasserstein(points, phase_density, directions=4) == value(SlicedWasserstein(1, 4))
    assert sobolev(points, phase_density, s=1.5) == value(Sobolev(1.5))
    assert weak_error(points, phase_density) == value(WeakError())


def test_exact_floor_has_no_error(phase_density):
    floor = iid_floor("sobolev", phase_density, 64)
    assert float(floor["floor"]) == Sobolev().target(phase_density).floor(64)
    assert float(floor["stderr"]) == 0
    assert floor.attrs["method"] == "exact"


def test_sampled_floor_is_reproducible_and_seeds_agree(phase_density):
    first = iid_floor("wasserstein", phase_density, 64, samples=64, seed=1)
    again = iid_floor("wasserstein", phase_density, 64, samples=64, seed=1)
    other = iid_floor("wasserstein", phase_density, 64, samples=64, seed=2)
    assert first.identical(again)
    assert first.attrs["method"] == "sampled"
    gap = float(first["floor"] - other["floor"])
    assert gap != 0
    assert abs(gap) / np.hypot(first["stderr"], other["stderr"]) < 4


def test_sampled_root_mean_square_against_the_uniform_circle(phase_density):
    """E W₂² = L²/(12 N): the interval's L²/(6N) less the L²/(12N) that the best shift takes away.

    By quantiles W₂² is ∫D² − (∫D)² with D the displacement; the mean point of uniform samples has the
    variance L²/(12N), and rotations to other lifts are negligible at this size.
    """
    uniform = phase_density.sum("v") * 0 + 1 / (4 * np.pi)
    uniform["x"].attrs = phase_density["x"].attrs
    floor = iid_floor(Wasserstein(2), uniform, 2000, samples=400, seed=3)
    expected = 4 * np.pi / np.sqrt(12 * 2000)
    z = float((floor["floor"] - expected) / floor["stderr"])
    assert abs(z) < 4


def test_too_few_samples_are_refused(phase_density):
    with pytest.raises(ValueError, match="samples=1"):
        iid_floor("wasserstein", phase_density, 10, samples=1)


def test_floors_of_an_ensemble(phase_density):
    exact = iid_floor("pair_correlation", phase_density, 16)
    assert float(exact["floor"]) == 0.0
    assert exact.attrs["method"] == "exact"
    sampled = iid_floor(Scatter(), phase_density, 16, samples=400, seed=2)
    assert sampled.attrs["method"] == "sampled"
    # N Var of the mean of v is that of v, 1 up to the cut at 6
    assert abs(float((sampled["floor"] - 1) / sampled["stderr"])) < 4


def test_paths_have_no_floor(phase_density):
    with pytest.raises(ValueError, match="coupling_distance compares paths"):
        iid_floor("coupling_distance", phase_density, 16)
    with pytest.raises(ValueError, match="not with a density"):
        evaluate(CouplingDistance(), np.zeros((4, 2)), phase_density)


class Scatter(PairCorrelation):
    """N times the variance over replicas of the mean velocity."""

    def target(self, density):
        return ScatterTarget()


class ScatterTarget:
    def statistic(self, points):
        return points[:, 1].mean(keepdims=True)

    def combine(self, statistics, size):
        value = size * statistics.var(ddof=1)
        return value, value * np.sqrt(2 / len(statistics))

    def floor(self, size):
        return None

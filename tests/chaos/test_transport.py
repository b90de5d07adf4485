"""Wasserstein distances as metrics: axes, floors, refinement, errors."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.sliced import SlicedWasserstein
from mfpde.chaos.transport import Wasserstein
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid


def draw(density, size, seed):
    return from_density(density).rvs(size, np.random.default_rng(seed))


def test_default_axis_is_the_first_position(phase_density):
    points = draw(phase_density, 50, 0)
    along_x = Wasserstein(axes=("x",)).target(phase_density).distance(points)
    assert Wasserstein().target(phase_density).distance(points) == along_x
    assert Wasserstein(axes=("v",)).target(phase_density).distance(points) != along_x


def test_positions_may_lie_anywhere_on_the_circle(phase_density):
    target = Wasserstein().target(phase_density)
    points = draw(phase_density, 50, 1)
    laps = np.random.default_rng(2).integers(-3, 4, 50) * 4 * np.pi
    assert target.distance(points + laps[:, np.newaxis] * [1, 0]) == pytest.approx(
        target.distance(points), rel=1e-10
    )


def test_wasserstein_one_is_below_two(phase_density):
    points = draw(phase_density, 200, 3)
    for axes in (("x",), ("v",)):
        one, two = (Wasserstein(p, axes).target(phase_density).distance(points) for p in (1, 2))
        assert one <= two


@pytest.mark.parametrize("metric", [Wasserstein(axes=("v",)), SlicedWasserstein(directions=8)])
def test_exact_floor_against_samples(phase_density, metric):
    target = metric.target(phase_density)
    values = np.array([target.distance(draw(phase_density, 40, seed)) for seed in range(1500)])
    z = (values.mean() - target.floor(40)) / (values.std() / np.sqrt(values.size))
    assert abs(z) < 4


def test_floor_is_unknown_where_only_sampling_gives_it(phase_density):
    assert Wasserstein().target(phase_density).floor(10) is None
    assert Wasserstein(2, ("v",)).target(phase_density).floor(10) is None
    assert SlicedWasserstein(2).target(phase_density).floor(10) is None


def test_difference_of_resolutions_falls_at_second_order():
    def density(size):
        axis = Axis("x", 0.0, 2 * np.pi, size)
        return field((1 + 0.5 * np.cos(axis.points)) / (2 * np.pi), Grid((axis,)), "density")

    metric = Wasserstein()
    fine = metric.target(density(512))
    errors = [metric.target(density(size)).difference(fine) for size in (16, 32, 64)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


def test_what_cannot_be_computed_is_refused(phase_density):
    with pytest.raises(ValueError, match="p=3"):
        Wasserstein(3)
    with pytest.raises(ValueError, match="SlicedWasserstein"):
        Wasserstein(axes=("x", "v")).target(phase_density)
    with pytest.raises(ValueError, match="has x, v"):
        Wasserstein(axes=("y",)).target(phase_density)
    with pytest.raises(ValueError, match="directions"):
        SlicedWasserstein(directions=0)
    target = Wasserstein().target(phase_density)
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        target.distance(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="finite"):
        target.distance(np.full((5, 2), np.nan))

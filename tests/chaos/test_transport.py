"""Wasserstein distances as metrics: axes, floors, refinement, errors."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.transport.exact import Wasserstein
from mfpde.chaos.transport.line import Line
from mfpde.chaos.transport.sliced import SlicedWasserstein
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
    with pytest.raises(ValueError, match="cells=2"):
        Wasserstein(axes=("x", "v"), cells=2)
    with pytest.raises(ValueError, match="has x, v"):
        Wasserstein(axes=("y",)).target(phase_density)
    with pytest.raises(ValueError, match="directions"):
        SlicedWasserstein(directions=0)
    target = Wasserstein().target(phase_density)
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        target.distance(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="finite"):
        target.distance(np.full((5, 2), np.nan))


UNIT = Line(0.0, 1.0, np.ones(2), np.array([0.0, 1.0]), periodic=False)


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_exact_floor_of_the_uniform_law(reference, size):
    expected = reference[f"F.EW1.uniform[0,1].N{size}"]["value"]
    assert UNIT.mean_absolute_floor(size) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("p", [1, 2])
def test_translated_and_scaled_gaussians_along_an_axis(p):
    """W_p of N(m, s²) and N(0, 1): |m| for s = 1; for m = 0 |s − 1| times 1 (p = 2) or √(2/π) (p = 1)."""

    def target(mean, scale):
        axis = Axis("v", -12.0, 12.0, 1200, "open")
        values = np.exp(-((axis.points - mean) ** 2) / (2 * scale**2))
        return Wasserstein(p).target(field(values / values.sum() / axis.spacing, Grid((axis,)), "density"))

    # The tents add h²/6 = 7e-5 to every variance.
    assert target(0.0, 1.0).difference(target(0.7, 1.0)) == pytest.approx(0.7, rel=1e-8)
    expected = 0.5 * (1.0 if p == 2 else np.sqrt(2 / np.pi))
    assert target(0.0, 1.0).difference(target(0.0, 1.5)) == pytest.approx(expected, rel=1e-4)

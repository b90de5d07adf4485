"""Sliced Wasserstein: closed forms, accuracy of the projected density, invariances."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.marginals import tents
from mfpde.chaos.transport.assignment import wasserstein_between
from mfpde.chaos.transport.sliced import (
    MaxSlicedWasserstein,
    SlicedWasserstein,
    embed,
    half_sphere,
    max_sliced_wasserstein,
)
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid


def gaussian(size, lower=-8.0, upper=8.0, mean=(0.0, 0.0)):
    grid = Grid((Axis("x", lower, upper, size, "open"), Axis("y", lower, upper, size, "open")))
    values = np.exp(-((grid.points - mean) ** 2).sum(-1) / 2)
    return field(values / grid.integrate(values), grid, "density")


@pytest.mark.parametrize("p", [1, 2])
def test_sliced_distance_of_shifted_gaussians(p):
    """Along θ the shift is m·θ: SW_p = |m| (mean |cos|^p)^{1/p}, with 32 equal angles exact for p = 2."""
    shift = np.array([0.6, -0.8])
    targets = [SlicedWasserstein(p).target(gaussian(96, mean=mean)) for mean in ((0.0, 0.0), shift)]
    angles = np.pi * (np.arange(32) + 0.5) / 32
    projections = np.abs(np.cos(angles) * shift[0] + np.sin(angles) * shift[1])
    expected = np.mean(projections**p) ** (1 / p)
    assert targets[0].difference(targets[1]) == pytest.approx(expected, rel=1e-4)
    assert expected == pytest.approx({1: 2 / np.pi, 2: np.sqrt(0.5)}[p], rel=2e-3)


def test_projection_of_the_tents_is_of_fourth_order():
    """Atoms with the mass, mean and variance of each tent: characteristic functions agree up to h⁴."""
    errors = []
    for size in (16, 32):
        density = gaussian(size)
        target = SlicedWasserstein(directions=1).target(density)
        direction = target.directions[0]
        weights, grid = tents(density, ("x", "y"))
        h = grid.spacing[0]
        k = np.linspace(0.2, 2.0, 7)
        centres = grid.points @ direction
        tent = np.prod(np.sinc(np.outer(k, direction) * h / (2 * np.pi)) ** 2, axis=1)
        exact = (np.exp(-1j * np.multiply.outer(k, centres)) * weights).sum((1, 2)) * tent
        law = target.laws[0]
        bins = np.arange(law.density.size) * law.spacing + law.start
        fine = np.exp(-1j * np.outer(k, bins)) @ law.density * law.spacing
        errors.append(np.abs(fine * np.sinc(k * law.spacing / (2 * np.pi)) ** 2 - exact).max())
    assert np.log2(errors[0] / errors[1]) > 3.5
    assert errors[1] < 1e-3


def test_sliced_distance_is_blind_to_laps_and_order(phase_density):
    target = SlicedWasserstein(directions=5).target(phase_density)
    points = from_density(phase_density).rvs(60, np.random.default_rng(4))
    moved = points[::-1] + np.array([4 * np.pi, 0.0])
    assert target.distance(moved) == pytest.approx(target.distance(points), rel=1e-10)


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_directions_are_even(dim):
    """The mean of θθᵀ over the sphere is I/dim."""
    vectors = half_sphere(dim, 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0)
    np.testing.assert_allclose(vectors.T @ vectors / 256, np.eye(dim) / dim, atol=0.02)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("shift", [(0.6, -0.8), (0.3, 0.05)])
def test_max_sliced_distance_of_shifted_gaussians(p, shift):
    """The largest projection of a shift m is |m|, along m; flat there, so the search costs nothing.

    The projections are known to the second order in the width 22.7/4096 of their bins.
    """
    targets = [MaxSlicedWasserstein(p).target(gaussian(96, mean=mean)) for mean in ((0.0, 0.0), shift)]
    assert targets[0].difference(targets[1]) == pytest.approx(np.hypot(*shift), abs=2 * (22.7 / 4096) ** 2)
    assert targets[0].difference(targets[0]) < 1e-6


def test_max_sliced_direction_of_stretched_points():
    """Points of N(0, diag(4, 1)) turned by 0.5: W₂ to N(0, I) is largest along the long axis, about 2 − 1."""
    turn = np.array([[np.cos(0.5), np.sin(0.5)], [-np.sin(0.5), np.cos(0.5)]])
    points = np.random.default_rng(0).normal(size=(4000, 2)) * [2.0, 1.0] @ turn
    value, direction = MaxSlicedWasserstein(2).target(gaussian(64)).maximum(points)
    # Sampling moves the standard deviation by 2/√(2·4000) = 0.02 and the axis by about as much.
    assert value == pytest.approx(1.0, abs=0.1)
    assert abs(direction @ turn[0]) == pytest.approx(1.0, abs=5e-3)
    assert np.linalg.norm(direction) == pytest.approx(1.0)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axes", [("x", "v"), ("x",), ("v",)])
def test_max_sliced_lies_between_sliced_and_a_dense_search(phase_density, axes, p):
    """The search misses at most 0.5 % of the best of 500 directions of a landscape with many maxima."""
    points = from_density(phase_density).rvs(50, np.random.default_rng(1)) * [1.0, 1.1]
    target = MaxSlicedWasserstein(p, axes=axes).target(phase_density)
    value, direction = target.maximum(points)
    sliced = SlicedWasserstein(p, axes=axes).target(phase_density).distance(points)
    dense = SlicedWasserstein(p, 500, axes).target(phase_density)
    x = embed(dense.columns.of(points), dense.columns.axes)
    each = [law.cost(x @ θ, p) ** (1 / p) for law, θ in zip(dense.laws, dense.directions, strict=True)]
    assert sliced <= value
    assert value >= 0.995 * max(each)
    assert abs(direction @ direction - 1) < 1e-12


def test_sliced_distances_are_below_transport():
    """Projections and chords contract: sliced ≤ max-sliced ≤ W to a sample of the density."""
    density = gaussian(48)
    rng = np.random.default_rng(2)
    points, sample = rng.normal((0.5, 0.0), size=(200, 2)), from_density(density).rvs(200, rng)
    bound = wasserstein_between(points, sample, 1)
    target = MaxSlicedWasserstein().target(density)
    assert SlicedWasserstein().target(density).distance(points) <= target.distance(points)
    # The sample itself is away from the density by its own distance.
    assert target.distance(points) <= bound + target.distance(sample)


def test_max_sliced_is_blind_to_laps_and_order(phase_density):
    target = MaxSlicedWasserstein(directions=16).target(phase_density)
    points = from_density(phase_density).rvs(40, np.random.default_rng(4))
    moved = points[::-1] + np.array([-8 * np.pi, 0.0])
    assert target.distance(moved) == pytest.approx(target.distance(points), rel=1e-6)


def test_max_sliced_function_and_names(phase_density):
    points = from_density(phase_density).rvs(20, np.random.default_rng(5))
    metric = MaxSlicedWasserstein(2, 8, ("x", "v"))
    value = max_sliced_wasserstein(points, phase_density, 2, 8, ("x", "v"))
    assert value == metric.target(phase_density).distance(points)
    assert metric.name == "max_sliced_wasserstein"
    assert metric.reduction == "rms"
    assert metric.target(phase_density).floor(5) is None
    assert metric.long_name.startswith("max-sliced")

"""Sliced Wasserstein: closed forms, accuracy of the projected density, invariances."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.marginals import tents
from mfpde.chaos.sliced import SlicedWasserstein, half_sphere
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

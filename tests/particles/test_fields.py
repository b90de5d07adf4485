"""A field on a grid is accurate between the points, beyond them, and on tori."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import mfpde as mf
from mfpde.particles.fields import GridField
from mfpde.particles.interpolation import POINTS, interpolate
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.kernels import Coulomb, Harmonic, Kuramoto

KERNELS = {1: Kuramoto(1.0), 2: Coulomb(2), 3: Coulomb(3)}  # what is periodic does not use them


def torus(dim, size):
    return mf.Grid(tuple(mf.Axis(name, -1.0, 2 * np.pi - 1.0, size) for name in "xyz"[:dim]))


def square(size, half=8.0):
    return mf.Grid(tuple(mf.Axis(name, -half, half, size, "open") for name in "xy"))


@pytest.mark.parametrize(("dim", "size"), [(1, 32), (1, 33), (2, 32), (3, 32)])
def test_trigonometric_polynomials_to_the_accuracy_of_their_resolution(dim, size):
    # amplitudes fall from 1 to 1e-8 at two thirds of the highest wavenumber, where degree 9 on half the cells
    # errs by 2.4e-4 (π/3)^10 = 4e-4; between, the product is below 1e-9
    rng = np.random.default_rng(3)
    grid, highest = torus(dim, size), size // 3
    modes = [m for m in product(range(-highest, highest + 1), repeat=dim) if rng.random() < 60 / highest**dim]
    k = np.array(modes, dtype=float)
    amplitudes = 1e-8 ** (np.abs(k).max(axis=1) / highest)
    phases = 2 * np.pi * rng.random(len(k))

    def wave(x):
        return np.cos(x @ k.T + phases) @ amplitudes

    x = rng.uniform(-5.0, 20.0, (300, dim))
    field = GridField(KERNELS[dim].on(grid), grid, np.stack([wave(grid.points)] * dim), None)
    np.testing.assert_allclose(field(x), np.stack([wave(x)] * dim, axis=1), rtol=0, atol=2e-9)


def test_points_of_the_grid_and_both_ends_of_a_period():
    grid = torus(1, 16)
    values = np.random.default_rng(0).normal(size=16)
    field = GridField(KERNELS[1].on(grid), grid, values[None], None)
    np.testing.assert_allclose(field(grid.points), values[:, None], atol=1e-13)
    ends = np.array([[grid["x"].lower], [grid["x"].upper], [np.nextafter(grid["x"].upper, 0)]])
    np.testing.assert_allclose(field(ends), field(ends)[0, 0], atol=1e-13)


def gaussian_field(size):
    """The field of a standard Gaussian in the plane, and its grid."""
    grid, kernel = square(size), Coulomb(2)
    density = np.exp(-(grid.points**2).sum(-1) / 2) / (2 * np.pi)
    field = Convolution(kernel.on(grid), grid).field(density)
    return GridField(kernel.on(grid), grid, field, density)


def exact(x):
    r2 = (x**2).sum(axis=1, keepdims=True)
    return x / r2 * (1 - np.exp(-r2 / 2))


def test_the_field_of_a_gaussian_inside_and_outside_the_box():
    rng = np.random.default_rng(1)
    inside, outside = rng.uniform(-7.8, 7.8, (500, 2)), rng.uniform(8.0, 30.0, (50, 2))
    outside[::2, 1] = rng.uniform(-7.0, 7.0, 25)
    beside = np.array([[7.999, 0.3], [-7.95, 7.95], [8.0, -8.0]])  # between the last centres and the ends
    errors = [np.abs(gaussian_field(n)(inside) - exact(inside)).max() for n in (32, 48, 64)]
    # of order 10, less what the smoothness of the Gaussian leaves: 1.5^10 = 58, (4/3)^10 = 18
    assert errors[0] > 20 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-7
    field = gaussian_field(64)
    for points in (outside, beside):
        np.testing.assert_allclose(field(points), exact(points), rtol=1e-10)
    both = np.concatenate([inside, outside])
    np.testing.assert_array_equal(field(both), np.concatenate([field(inside), field(outside)]))


def test_a_linear_field_is_exact_everywhere():
    grid, kernel = square(48), Harmonic(2, 0.7)
    density = np.exp(-(((grid.points - [0.4, -0.3]) ** 2).sum(-1)) / 2) / (2 * np.pi)
    field = GridField(kernel.on(grid), grid, Convolution(kernel.on(grid), grid).field(density), density)
    x = np.random.default_rng(2).uniform(-20.0, 20.0, (200, 2))
    np.testing.assert_allclose(field(x), -0.7 * (x - [0.4, -0.3]), atol=1e-10)


def test_what_is_not_finite_spreads():
    grid = torus(1, 16)
    field = GridField(KERNELS[1].on(grid), grid, np.ones((1, 16)), None)
    assert np.isnan(field(np.array([[0.0], [np.inf]]))).all()


@pytest.mark.parametrize("size", [2, 5, POINTS, 23])
def test_polynomials_up_to_the_degree_are_exact(size):
    rng = np.random.default_rng(size)
    coefficients = rng.normal(size=min(size, POINTS))
    t = rng.uniform(0.0, size - 1.0, (200, 1))
    s = 2 / (size - 1)  # the points lie in [−1, 1]
    values = np.polyval(coefficients, s * np.arange(size) - 1)
    found = interpolate(values[None], t)
    np.testing.assert_allclose(found, np.polyval(coefficients, s * t - 1), atol=1e-12)

"""Distances between two point sets: brute force, sorting, properties, errors."""

from __future__ import annotations

from itertools import permutations
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde.chaos.transport.assignment import wasserstein_between
from mfpde.chaos.transport.exact import Wasserstein
from mfpde.dataset import field
from mfpde_solvers.grid import Axis, Grid

TORUS = Grid((Axis("x", 0.0, 1.0, 2), Axis("y", -1.0, 2.0, 2)))
MIXED = Grid((Axis("x", 0.0, 1.0, 2), Axis("v", -1.0, 1.0, 2, "open")))
CIRCLE = Grid((Axis("x", 0.0, 1.0, 2),))


def two_sets(seed, size, other=None, dim=2):
    rng = np.random.default_rng(seed)
    return rng.random((size, dim)), rng.random((other or size, dim))


def brute_force(x, y, p, grid):
    """The least over all permutations."""
    z = x[:, np.newaxis] - y
    for i, axis in enumerate(grid.axes):
        if axis.periodic:
            laps = np.arange(-4, 5) * axis.length
            z[..., i] = np.abs(z[..., i, np.newaxis] + laps).min(-1)
    distances = np.linalg.norm(z, axis=-1)
    rows = np.arange(len(x))
    matched = [distances[rows, list(order)] for order in permutations(range(len(x)))]
    costs = [d.max() if p == inf else np.mean(d**p) ** (1 / p) for d in matched]
    return min(costs)


@pytest.mark.parametrize("grid", [TORUS, MIXED])
@pytest.mark.parametrize("p", [1, 2, 3.5, inf])
@pytest.mark.parametrize("seed", range(4))
def test_against_all_permutations(grid, p, seed):
    x, y = two_sets(seed, 6)
    assert wasserstein_between(x, y, p, grid) == pytest.approx(brute_force(x, y, p, grid), rel=1e-12)


@pytest.mark.parametrize("p", [1, 2, 4, inf])
def test_sorting_on_a_line_equals_the_assignment(p):
    """With a second coordinate that is constant the assignment does what sorting does."""
    x, y = two_sets(5, 80, dim=1)
    flat = [np.column_stack([each, np.zeros(80)]) for each in (x, y)]
    assert wasserstein_between(x[:, 0], y[:, 0], p) == pytest.approx(wasserstein_between(*flat, p), rel=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_unequal_sizes_equal_repeated_points(p):
    """6 and 4 points are the measures of 12 and 12, each repeated."""
    x, y = two_sets(6, 6, 4)
    repeated = wasserstein_between(np.repeat(x, 2, axis=0), np.repeat(y, 3, axis=0), p, TORUS)
    assert wasserstein_between(x, y, p, TORUS) == pytest.approx(repeated, rel=1e-10)


def test_bottleneck_of_a_moved_lattice_is_the_shift():
    """Points 0.1 apart on a circle, turned by 0.03: every point finds a partner at 0.03 but none nearer."""
    x = np.arange(10) / 10
    assert wasserstein_between(x, x + 0.03, inf, CIRCLE) == pytest.approx(0.03, rel=1e-9)
    assert wasserstein_between(x, x + 0.93, inf, CIRCLE) == pytest.approx(0.03, rel=1e-9)


def test_bottleneck_differs_from_the_assignment():
    """One far pair is cheap on average and dear in the maximum: the two plans differ."""
    x, y = np.array([0.0, 1.0]), np.array([1.0, 2.2])
    assert wasserstein_between(x, y, inf) == pytest.approx(1.2)
    points = [np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.6]])]
    # Keeping (1,0): ways 0 and 1.6; exchanging: 1 and √3.56 > 1.6.
    assert wasserstein_between(*points, inf) == pytest.approx(1.6)


@given(seed=st.integers(0, 10**6), p=st.sampled_from([1, 2, inf]), lap=st.integers(-3, 3))
@settings(max_examples=40, deadline=None)
def test_symmetry_permutation_translation_and_triangle(seed, p, lap):
    x, y = two_sets(seed, 9)
    z, shift = two_sets(seed + 1, 9)
    there = wasserstein_between(x, y, p, TORUS)
    rng = np.random.default_rng(seed)
    assert wasserstein_between(y, x, p, TORUS) == pytest.approx(there, rel=1e-9)
    assert wasserstein_between(rng.permutation(x), y, p, TORUS) == pytest.approx(there, rel=1e-9)
    assert wasserstein_between(x + shift[0], y + shift[0], p, TORUS) == pytest.approx(there, rel=1e-9)
    assert wasserstein_between(x + np.array([lap, -3 * lap]), y, p, TORUS) == pytest.approx(there, rel=1e-9)
    assert there <= wasserstein_between(x, z, p, TORUS) + wasserstein_between(z, y, p, TORUS) + 1e-12
    assert wasserstein_between(x, x[::-1], p, TORUS) == 0.0


def test_powers_increase_to_the_bottleneck():
    x, y = two_sets(8, 40)
    values = [wasserstein_between(x, y, p, TORUS) for p in (1, 2, 8, 64, inf)]
    assert values == sorted(values)
    # W_p ≥ N^{−1/p} W_∞ of the p-optimal matching, whose maximum is at least W_∞.
    assert values[3] >= 40 ** (-1 / 64) * values[4]


@pytest.mark.parametrize("p", [1, 2])
def test_lattice_of_the_circle_stands_for_the_uniform_density(p):
    """M points at distance 1/M represent the uniform law up to W_p ≤ 1/2M."""
    uniform = field(np.ones(8), Grid((Axis("x", 0.0, 1.0, 8),)), "density")
    x = np.random.default_rng(3).random((20, 1))
    exact = Wasserstein(p).target(uniform).distance(x)
    assert abs(wasserstein_between(x, np.arange(200) / 200, p, CIRCLE) - exact) <= 1 / 400


def test_axes_choose_columns():
    x, y = two_sets(9, 7)
    chosen = wasserstein_between(x, y, 1, MIXED, axes="v")
    assert chosen == pytest.approx(wasserstein_between(x[:, 1], y[:, 1], 1), rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 2)), np.zeros((2, 2)), 0.5), "at least 1"),
        ((np.zeros((2, 2)), np.zeros((3, 2)), inf), "equal size"),
        ((np.zeros((2, 2)), np.zeros((2, 3))), "shapes"),
        ((np.zeros((0, 2)), np.zeros((2, 2))), "shapes"),
        ((np.full((2, 2), np.nan), np.zeros((2, 2))), "finite"),
        ((np.zeros((2, 3)), np.zeros((2, 3)), 2, TORUS), r"\(N, 2\)"),
        ((np.zeros((2, 2)), np.zeros((2, 2)), 2, None, "x"), "grid"),
        ((np.zeros((5000, 2)), np.zeros((5000, 2))), "exceed the limit"),
    ],
)
def test_what_cannot_be_computed_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        wasserstein_between(*arguments)

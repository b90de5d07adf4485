"""Exact transport on a line and a circle: brute force, closed forms, invariances."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.optimize import linprog, minimize_scalar

from mfpde.chaos.transport.line import Line, line_of
from mfpde_solvers.grid import Axis

# Section F of the reference values: E W₁ and E W₂² of N uniform samples on [0, 1].
EXPECTED_W1 = {10: 0.099838725333333, 100: 0.031358234908873, 1000: 0.0099091365648779}
UNIFORM = Line(0.0, 1.0, np.ones(2), np.array([0.0, 1.0]), periodic=False)


def random_law(seed: int, cells: int, boundary: str, gaps: bool = False) -> Line:
    rng = np.random.default_rng(seed)
    weights = rng.random(cells)
    if gaps:
        weights[rng.random(cells) < 0.5] = 0.0
        weights[0] = 0.5
    return line_of(weights / weights.sum(), Axis("x", -1.0, 2.0, cells, boundary))


def cost_by_quadrature(law: Line, points: np.ndarray, shift: float, power: int) -> float:
    """Adaptive quadrature of |x_i − Q(u − θ)|^p, one integral for each point and cell."""
    x = np.sort(points)
    total = 0.0
    for i, point in enumerate(x):
        low, high = i / x.size - shift, (i + 1) / x.size - shift
        laps = np.concatenate([law.cumulative + lap for lap in (-2, -1, 0, 1, 2)])
        ends = np.unique(np.concatenate([[low], laps[(laps > low) & (laps < high)], [high]]))
        for a, b in pairwise(ends):
            total += quad(lambda u, p=point: abs(p - law.quantile(u)) ** power, a, b, epsabs=1e-13)[0]
    return total


def transport_cost(x: np.ndarray, y: np.ndarray, cost: np.ndarray) -> float:
    """Linear programme for two uniform point sets."""
    n, m = cost.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    right = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    return float(linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=right).fun)


@pytest.mark.parametrize("power", [1, 2])
def test_line_cost_equals_adaptive_quadrature(power):
    law = random_law(0, 6, "open")
    points = np.random.default_rng(1).uniform(-2.0, 3.0, 5)  # some outside the support
    assert law.cost(points, power) == pytest.approx(cost_by_quadrature(law, points, 0.0, power), rel=1e-8)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_circle_cost_is_the_minimum_over_shifts(power, seed):
    law = random_law(seed, 4, "periodic")
    points = np.random.default_rng(seed).uniform(-1.0, 2.0, 3)
    lifted = (points - law.start) % law.length + law.start
    brute = minimize_scalar(
        lambda shift: cost_by_quadrature(law, lifted, shift, power), bounds=(-1, 1), options={"xatol": 1e-6}
    )
    assert law.cost(lifted, power) == pytest.approx(brute.fun, rel=1e-7)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("gaps", [False, True])
def test_circle_cost_agrees_with_a_linear_programme(power, gaps):
    law = random_law(3, 7, "periodic", gaps)
    points = np.random.default_rng(4).uniform(-1.0, 2.0, 4)
    lifted = (points - law.start) % law.length + law.start
    atoms = law.quantile((np.arange(400) + 0.5) / 400)
    arc = np.abs(lifted[:, np.newaxis] - atoms) % law.length
    arc = np.minimum(arc, law.length - arc)
    # The triangle inequality: atoms at the middle quantiles change W_p by at most their own distance.
    spread = law.cost(atoms, power) ** (1 / power)
    exact = law.cost(lifted, power) ** (1 / power)
    assert abs(exact - transport_cost(lifted, atoms, arc**power) ** (1 / power)) <= spread
    assert spread < 0.02 * exact


def test_circle_is_never_dearer_than_the_line():
    law = random_law(5, 16, "periodic")
    line = Line(law.start, law.spacing, law.density, law.cumulative, periodic=False)
    points = law.quantile(np.random.default_rng(6).random(200)) - law.start
    rotated = np.sort((points + 0.3 * law.length) % law.length) + law.start
    assert law.cost(rotated, 1) < 0.9 * line.cost(rotated, 1)


def test_median_formula_of_the_circle():
    law = random_law(7, 9, "periodic")
    points = np.sort(law.quantile(np.random.default_rng(8).random(12)))
    y = law.start + (np.arange(400_000) + 0.5) * law.length / 400_000
    gap = np.searchsorted(points, y) / points.size - law.probability(y)
    midpoint_rule = np.abs(gap - np.median(gap)).mean() * law.length
    assert law.cost(points, 1) == pytest.approx(midpoint_rule, rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(arrays(float, 9, elements=st.floats(-1.0, 1.999)), st.floats(-5, 5), st.sampled_from([1, 2]))
def test_translation_reflection_and_permutation_on_the_circle(points, shift, power):
    axis = Axis("x", -1.0, 2.0, 8)
    weights = np.random.default_rng(9).random(8)
    law = line_of(weights / weights.sum(), axis)
    cost = law.cost(axis.wrap(points), power)
    assert law.cost(axis.wrap(points[::-1]), power) == cost
    moved = line_of(weights / weights.sum(), Axis("x", -1.0 + shift, 2.0 + shift, 8))
    there = Axis("x", -1.0 + shift, 2.0 + shift, 8).wrap(points + shift)
    assert moved.cost(there, power) == pytest.approx(cost, rel=1e-8, abs=1e-12)
    mirrored = line_of(weights[::-1] / weights.sum(), axis)
    assert mirrored.cost(axis.wrap(1.0 - points), power) == pytest.approx(cost, rel=1e-8, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100.0), st.sampled_from([1, 2]), st.sampled_from(["open", "periodic"]))
def test_scaling(factor, power, boundary):
    weights = np.random.default_rng(10).random(8)
    weights /= weights.sum()
    points = np.random.default_rng(11).random(7)
    unit = line_of(weights, Axis("x", 0.0, 1.0, 8, boundary)).cost(points, power)
    large = line_of(weights, Axis("x", 0.0, factor, 8, boundary)).cost(factor * points, power)
    assert large == pytest.approx(unit * factor**power, rel=1e-9)


def test_precision_at_many_points():
    """Points at the middle quantiles of a uniform law: W₁ = 1/(4N) and W₂² = 1/(12 N²), far below the box."""
    size = 16384
    points = (np.arange(size) + 0.5) / size
    circle = line_of(np.full(256, 1 / 256), Axis("x", 0.0, 1.0, 256))
    for law in (UNIFORM, circle):
        assert law.cost(points, 1) == pytest.approx(1 / (4 * size), rel=1e-9)
        assert law.cost(points, 2) == pytest.approx(1 / (12 * size**2), rel=1e-8)


@pytest.mark.parametrize("size", EXPECTED_W1)
def test_exact_floor_of_uniform_samples(size):
    assert UNIFORM.mean_absolute_floor(size) == pytest.approx(EXPECTED_W1[size], rel=1e-11)


@pytest.mark.parametrize("size", [10, 100])
def test_uniform_samples_have_the_expected_costs(size):
    rng = np.random.default_rng(14)
    samples = rng.random((4000, size))
    for power, expected in ((1, EXPECTED_W1[size]), (2, 1 / (6 * size))):
        costs = np.array([UNIFORM.cost(x, power) for x in samples])
        z = (costs.mean() - expected) / (costs.std() / np.sqrt(costs.size))
        assert abs(z) < 4


def test_quantile_inverts_probability():
    law = random_law(15, 12, "open")
    u = np.random.default_rng(16).random(1000)
    np.testing.assert_allclose(law.probability(law.quantile(u)), u, atol=1e-14)

"""Sinkhorn divergences: both limits, positivity, the exact bias, what is announced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde.chaos.marginals import evaluate
from mfpde.chaos.transport.entropic import potentials, self_potential
from mfpde.chaos.transport.point_clouds import cheapest_plan, squared_distances
from mfpde.chaos.transport.sinkhorn import Sinkhorn, entropic_cost, sinkhorn_divergence
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid


def gaussian(size=40, mean=(0.0, 0.0)):
    grid = Grid((Axis("x", -6.0, 6.0, size, "open"), Axis("y", -6.0, 6.0, size, "open")))
    values = np.exp(-((grid.points - mean) ** 2).sum(-1) / 2)
    return field(values / grid.integrate(values), grid, "density")


def wavy(size=16):
    grid = Grid((Axis("x", 0.0, 1.0, size), Axis("y", 0.0, 1.0, size)))
    x, y = np.moveaxis(grid.points, -1, 0)
    return field(1 + 0.5 * np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y), grid, "density")


def draw(density, size, seed):
    return from_density(density).rvs(size, np.random.default_rng(seed))


def random_problem(seed, n=7, m=9):
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, m)), a / a.sum(), b / b.sum()


@pytest.mark.parametrize("ε", [0.03, 0.3, 3.0])
def test_the_dual_value_is_the_primal_one(ε):
    """⟨c, π⟩ + ε KL(π | a ⊗ b) of the plan, whose marginals are the given ones."""
    cost, a, b = random_problem(0)
    found = potentials(cost, a, b, ε, 1e-12, 100_000)
    product = np.outer(a, b)
    ratio = np.exp((found.first[:, np.newaxis] + found.second - cost) / ε)
    plan = product * ratio
    np.testing.assert_allclose(plan.sum(1), a, rtol=1e-9)
    np.testing.assert_allclose(plan.sum(0), b, rtol=1e-9)
    assert found.cost == pytest.approx((plan * cost).sum() + ε * (plan * np.log(ratio)).sum(), rel=1e-9)


def test_the_error_of_the_value_is_of_second_order_in_the_violation():
    cost, a, b = random_problem(1)
    exact = potentials(cost, a, b, 0.05, 1e-13, 100_000).cost
    for tolerance in (1e-2, 1e-3, 1e-4):
        found = potentials(cost, a, b, 0.05, tolerance, 100_000)
        assert -1e-12 <= exact - found.cost <= 10 * tolerance**2


def test_against_the_package_pot():
    import ot

    cost, a, b = random_problem(2)
    ε = 0.1
    plan = ot.sinkhorn(a, b, cost, ε, stopThr=1e-13, numItermax=100_000)
    value = (plan * cost).sum() + ε * (plan * np.log(plan / np.outer(a, b))).sum()
    assert potentials(cost, a, b, ε, 1e-12, 100_000).cost == pytest.approx(value, rel=1e-9)


def test_transport_to_itself_is_the_symmetric_problem():
    rng = np.random.default_rng(3)
    x, a = rng.random((12, 2)), np.full(12, 1 / 12)
    cost = ((x[:, np.newaxis] - x) ** 2).sum(-1)
    both = potentials(cost, a, a, 0.05, 1e-12, 100_000)
    assert self_potential(cost, a, 0.05, 1e-12, 10_000).cost == pytest.approx(both.cost, rel=1e-10)


@pytest.mark.parametrize(("density", "scale"), [(gaussian(), 1.0), (wavy(), 0.03)])
def test_small_regularisation_is_transport(density, scale):
    """S_ε → W₂² between the same atoms as ε → 0: a fourth of ε leaves less than half of the error."""
    points = draw(density, 12, 4) + np.array([0.3, 0.1])
    errors = []
    for ε in (0.4 * scale, 0.1 * scale, 0.025 * scale):
        target = Sinkhorn(ε, cells=256, iterations=20_000).target(density)
        cost = squared_distances(target.columns.of(points), target.atoms.positions, target.grid.axes)
        exact, _ = cheapest_plan(cost, np.full(12, 1 / 12), target.atoms.masses)
        errors.append(abs(target.distance(points) - exact) / exact)
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[1]
    assert errors[2] < 0.1


@pytest.mark.parametrize("p", [1, 2])
def test_large_regularisation_is_a_kernel_distance(p):
    """S_ε → ½(2 E c(X, Y) − E c(X, X′) − E c(Y, Y′)), up to O(1/ε): for p = 2 the gap of the means."""
    density = gaussian()
    points = draw(density, 20, 5) * 1.2 + np.array([0.4, 0.0])
    limits = []
    for ε in (100.0, 1000.0):
        target = Sinkhorn(ε, p, cells=256).target(density)
        atoms, axes = target.atoms, target.grid.axes
        a = np.full(20, 1 / 20)
        cross, first, second = (
            squared_distances(x, y, axes) ** (p / 2)
            for x, y in ((points, atoms.positions), (points, points), (atoms.positions, atoms.positions))
        )
        limit = a @ cross @ atoms.masses - (a @ first @ a + atoms.masses @ second @ atoms.masses) / 2
        limits.append(abs(target.distance(points) - limit) / limit)
    assert limits[1] < 0.02
    assert limits[0] / limits[1] == pytest.approx(10, rel=0.3)
    if p == 2:
        assert limit == pytest.approx(
            ((points.mean(0) - atoms.masses @ atoms.positions) ** 2).sum(), rel=1e-9
        )


def test_bias_of_the_kernel_limit_over_samples():
    """E S_∞ = ½(E c(X, X′))/N over i.i.d. samples: for p = 2 the variance over N (z-score over 400 seeds)."""
    density, size = gaussian(24), 10
    target = Sinkhorn(1e5, cells=256).target(density)
    atoms = target.atoms
    rng = np.random.default_rng(6)
    values = []
    for _ in range(400):
        chosen = rng.choice(len(atoms.masses), size, p=atoms.masses)
        values.append(target.distance(atoms.positions[chosen]))
    mean = atoms.masses @ atoms.positions
    variance = atoms.masses @ ((atoms.positions - mean) ** 2).sum(1)
    z = (np.mean(values) - variance / size) / (np.std(values) / np.sqrt(400))
    assert abs(z) < 4


def test_floor_falls_like_one_over_n():
    """E S_ε ~ 1/N for fixed ε, in the plane as anywhere; corrections of order 1/N move the slope by 0.1."""
    density = gaussian(24)
    target = Sinkhorn(3.0, cells=256).target(density)
    means, errors = [], []
    for size in (20, 80):
        values = np.array([target.distance(draw(density, size, 100 + r)) for r in range(100)])
        means.append(values.mean())
        errors.append(values.std() / 10 / values.mean())
    slope = np.log(means[1] / means[0]) / np.log(4)
    assert abs(slope + 1) < 0.1 + 3 * np.hypot(*errors) / np.log(4)
    assert np.hypot(*errors) / np.log(4) < 0.06


@pytest.mark.parametrize("length", [1.0, 3.0])
def test_the_periodic_cost_is_a_heat_kernel(length):
    """e^{−c/ε} on a circle has the Fourier coefficients e^{−ε k²/4}; some of e^{−d²/ε} are negative."""
    axis, ε = Axis("x", 0.0, length, 2), 0.3 * length**2
    x = np.arange(64)[:, np.newaxis] * length / 64
    kernel = np.exp(-entropic_cost(x, x[:1], (axis,), 2, ε)[:, 0] / ε)
    coefficients = np.fft.fft(kernel).real
    k = 2 * np.pi / length * np.arange(6)
    np.testing.assert_allclose(coefficients[:6] / coefficients[0], np.exp(-ε * k**2 / 4), atol=1e-13)
    plain = np.fft.fft(np.exp(-squared_distances(x, x[:1], (axis,))[:, 0] / ε)).real
    assert plain.min() < -1e-3


@given(seed=st.integers(0, 10**6), factor=st.floats(0.01, 10.0))
@settings(max_examples=15, deadline=None)
def test_never_negative_on_a_torus(seed, factor):
    """Whatever the points and ε, without a warning (warnings are errors here)."""
    points = np.random.default_rng(seed).random((6, 2)) * np.random.default_rng(seed + 1).random(2)
    assert Sinkhorn(0.5 * factor, cells=64).target(wavy(8)).distance(points) >= 0.0


def test_translations_laps_and_order_change_nothing():
    density, points = wavy(), draw(wavy(), 15, 8)
    metric = Sinkhorn(cells=256)
    value = metric.target(density).distance(points)
    rng = np.random.default_rng(9)
    moved = rng.permutation(points + rng.integers(-3, 4, points.shape))
    assert metric.target(density).distance(moved) == pytest.approx(value, rel=1e-6)
    rolled = density.roll(x=5, y=-7, roll_coords=False)
    shifted = points + np.array([5 / 16, -7 / 16])
    assert metric.target(rolled).distance(shifted) == pytest.approx(value, rel=1e-6)


def test_equal_measures_have_divergence_zero():
    target = Sinkhorn(cells=100).target(wavy())
    assert target.difference(target) < 1e-9
    other = Sinkhorn(cells=100).target(gaussian(mean=(1.0, 0.0)))
    own = Sinkhorn(cells=100).target(gaussian())
    # Between Gaussians that differ by a shift the divergence is that of the means: |m|² for every ε.
    assert own.difference(other) == pytest.approx(1.0, abs=0.05)


def test_it_says_when_it_has_not_converged():
    points = draw(wavy(), 10, 10)
    with pytest.warns(UserWarning, match=r"has not converged.*marginals are violated by"):
        Sinkhorn(1e-3, cells=100, iterations=2).target(wavy()).distance(points)


def test_negative_values_are_announced():
    """A target whose own cost was tampered with must not pass in silence."""
    from dataclasses import replace

    target = Sinkhorn(cells=100).target(wavy())
    wrong = replace(target, itself=replace(target.itself, cost=target.itself.cost + 1.0))
    with pytest.warns(UserWarning, match="is negative"):
        assert wrong.distance(draw(wavy(), 10, 11)) < 0


def test_function_and_metric_agree():
    points = draw(wavy(), 10, 12)
    value = sinkhorn_divergence(points, wavy(), 0.05, cells=100)
    assert value == evaluate(Sinkhorn(0.05, cells=100), points, wavy()) > 0
    assert Sinkhorn().theory(Grid((Axis("x", 0.0, 1.0, 4),))) == -1.0
    assert Sinkhorn(cells=100).target(wavy()).floor(3) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"regularisation": 0.0}, "regularisation"),
        ({"regularisation": np.inf}, "regularisation"),
        ({"p": 3}, "p=3"),
        ({"cells": 1}, "cells"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_wrong_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sinkhorn(**arguments)


def test_what_is_too_large_is_refused():
    target = Sinkhorn(cells=64).target(wavy())
    with pytest.raises(ValueError, match="exceed the limit"):
        target.distance(np.zeros((3000, 2)))
    with pytest.raises(ValueError, match="too large for a circle"):
        Sinkhorn(1e6, cells=64).target(wavy())

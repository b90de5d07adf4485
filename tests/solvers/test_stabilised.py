"""Stabilised steps: order, stability on the whole negative interval, the estimate of the spectral radius."""

import numpy as np
import pytest

from mfpde_solvers.landau.exponential import forced_exponential
from mfpde_solvers.stepping.stabilised import (
    chebyshev_stages,
    rkc_step,
    runge_kutta_step,
    spectral_radius,
)

START = np.array([1.0, 0.5, -0.3])


def rate(u):
    """A nonlinear, mildly stiff system."""
    return np.array([-3 * u[0] + u[1] * u[2], -10 * u[1] + u[0] ** 2, -u[2] - u[0] * u[1]])


def advanced(step_of, count, horizon=0.5):
    u, first = START, rate(START)
    for _ in range(count):
        u, first, _ = step_of(u, first, horizon / count)
    return u


def chebyshev(u, first, h):
    """Eight stages whatever the step."""
    return rkc_step(rate, u, h, 40.0 / h, first)


def classical(u, first, h):
    return runge_kutta_step(rate, u, h, first)


def slopes(values):
    return np.log2(np.divide(values[:-1], values[1:]))


@pytest.mark.parametrize(("method", "order"), [(chebyshev, 2), (classical, 4)])
def test_order(method, order):
    exact = advanced(classical, 2000)
    errors = [np.abs(advanced(method, n) - exact).max() for n in (40, 80, 160)]
    assert slopes(errors) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize(("method", "order"), [(chebyshev, 3), (classical, 4)])
def test_order_of_the_estimated_error(method, order):
    """Of one step, whose true error is O(h³) and O(h⁵)."""
    errors = [np.abs(method(START, rate(START), 0.1 / 2**n)[2]).max() for n in range(3)]
    assert slopes(errors) == pytest.approx(order, abs=0.4)


@pytest.mark.parametrize("radius", [1.0, 30.0, 1e3, 1e5])
def test_stability_on_the_whole_interval(radius):
    """The stability polynomial of one step: |R(z)| ≤ 1 for −radius ≤ z ≤ 0, and e^z + O(z³) near 0."""
    z = -np.concatenate([[0.05, 0.1], np.linspace(0.0, radius, 20_001)])
    R, _, _ = rkc_step(lambda u: z * u, np.ones_like(z), 1.0, radius, z)
    assert np.abs(R).max() <= 1 + 1e-12
    assert np.abs(R[z <= -1]).max() < 0.97  # damped but at the origin
    errors = np.abs(R - np.exp(z))[:2]
    assert errors[1] / errors[0] == pytest.approx(8.0, rel=0.15)
    assert errors[1] < 0.17 * 0.1**3  # 1/6 for two stages, about 1/15 for many


def test_number_of_stages():
    """0.653 (s² − 1) reaches the radius, and one stage fewer does not."""
    for radius in (10.0, 500.0, 4e4):
        s = chebyshev_stages(1.0, radius)
        assert 0.6493 * (s**2 - 1) >= radius
        assert 0.6493 * ((s - 1) ** 2 - 1) < radius
    assert chebyshev_stages(1e-9, 1.0) == 2


@pytest.mark.parametrize("count", [50, 2000, 100_000])
def test_spectral_radius_is_estimated_from_above(count):
    """Of diagonal maps with evenly spread, clustered and few eigenvalues."""
    grid = np.linspace(0.0, 1.0, count)
    for eigenvalues in (-7.0 * grid, -7.0 * grid**4, -7.0 * np.round(grid)):
        estimate = spectral_radius(lambda v, e=eigenvalues: e * v, (count,), 20)
        assert 7.0 * (1 - 1e-9) < estimate < 7.0 * 1.11


def test_spectral_radius_of_a_laplacian():
    """4/h² sin² of the highest mode, on a two-dimensional array."""

    def laplacian(v):
        return sum(np.roll(v, 1, i) + np.roll(v, -1, i) - 2 * v for i in (0, 1))

    assert 8.0 <= spectral_radius(laplacian, (64, 64), 20) <= 8.9


@pytest.mark.parametrize("stiffness", [0.5, 40.0, 3000.0])
def test_forced_exponentials(stiffness):
    """w′ = λw + 1 + 2(t/h) + 3 (t/h)²/2 in closed form, for λ from −stiffness to 0; hardest near 0."""
    λ = -stiffness * np.linspace(1e-6, 1.0, 200) ** 2
    h = 0.7
    z = λ * h
    φ = [np.exp(z)]
    for k in range(3):
        factorial = (1.0, 1.0, 2.0)[k]
        φ.append((φ[-1] - 1 / factorial) / z)
    series = [sum(z**n / np.prod(np.arange(1.0, n + k + 1)) for n in range(12)) for k in (1, 2, 3)]
    φ = [np.where(np.abs(z) < 0.3, s, p) for s, p in zip(series, φ[1:], strict=True)]
    exact = h * sum(weight * p for weight, p in zip((1.0, 2.0, 3.0), φ, strict=True))
    forcings = np.array([[1.0], [2.0], [3.0]]) * np.ones(λ.size)

    def linear(w, out):
        np.multiply(λ, w, out=out)

    for tolerance in (1e-4, 1e-8, 1e-12):
        found = forced_exponential(linear, forcings, h, stiffness, tolerance)
        assert np.abs(found - exact).max() < 6 * tolerance * h + 1e-13


def test_forced_exponentials_of_matrices_that_are_not_normal():
    """A Jordan block, against the exponential of the bordered matrix."""
    from scipy.linalg import expm

    A = np.diag([-5.0] * 4) + np.diag([3.0] * 3, 1)
    p = np.arange(4.0) + 1
    bordered = np.zeros((5, 5))
    bordered[:4, :4], bordered[:4, 4] = A, p
    exact = expm(0.8 * bordered)[:4, 4]
    found = forced_exponential(lambda w, out: np.matmul(A, w, out=out), p[None], 0.8, 8.0, 1e-12)
    assert np.abs(found - exact).max() < 1e-10

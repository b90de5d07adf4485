"""Exponential Runge–Kutta schemes: coefficients to round-off, order, exactness, and the error estimate."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mfpde_solvers.stepping.exponential import ETDRK4, LawsonRK4, etd_weights

each_scheme = pytest.mark.parametrize("scheme", [LawsonRK4, ETDRK4])
LINEAR = np.array([[-0.5, -40.0, 0.0]])
START = np.array([[1.0 + 0.5j, 0.3 - 0.2j, -0.4j]])


def coupled(u, out):
    """Quadratic and not diagonal: every entry feels the others."""
    a, b, c = u[0]
    out[0] = b * c - 1j * a, a * a + 0.5 * np.conj(c), -a * np.conj(b) + 0.3


def exact(T):
    def slope(t, u):
        out = np.empty_like(START)
        coupled(u[None, :], out)
        return LINEAR[0] * u + out[0]

    return solve_ivp(slope, (0, T), START[0], "DOP853", rtol=1e-13, atol=1e-14).y[:, -1]


def end(scheme, T, steps, nonlinear=coupled):
    run = scheme(START.copy(), LINEAR, nonlinear, np.ones(1))
    for _ in range(steps):
        run.advance(T / steps)
        run.accept()
    return run.state[0]


@each_scheme
def test_order_four_on_a_stiff_system(scheme):
    T, counts = 2.0, [80, 160, 320]
    errors = [np.abs(end(scheme, T, n) - exact(T)).max() for n in counts]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(orders - 4).max() < 0.3


@each_scheme
def test_exact_without_the_nonlinear_term(scheme):
    """One step of any length is e^{LT}."""
    state = end(scheme, 3.0, 1, lambda u, out: out.fill(0.0))
    np.testing.assert_allclose(state, np.exp(3 * LINEAR[0]) * START[0], rtol=1e-14, atol=1e-30)


def test_etdrk4_is_exact_for_constant_forces():
    """u′ = Lu + c keeps the fixed point −c/L; Lawson's scheme moves it, by an amount of order h⁴."""

    def constant(u, out):
        out[...] = 1.0

    L, h = np.array([[-3.0]]), 0.5
    fixed = np.array([[1 / 3 + 0j]])
    etd, lawson = (scheme(fixed.copy(), L, constant, np.ones(1)) for scheme in (ETDRK4, LawsonRK4))
    for run in (etd, lawson):
        run.advance(h)
    assert abs(etd.candidate[0, 0] - 1 / 3) < 1e-15
    assert 1e-6 < abs(lawson.candidate[0, 0] - 1 / 3) < 1e-2


def test_weights_are_accurate_to_round_off():
    """Against the closed forms with sixty digits, over twelve decades of Lh."""
    getcontext().prec = 60
    z = -np.concatenate([np.geomspace(1e-8, 1e4, 200), np.linspace(1.5, 4.0, 60)])
    weights = etd_weights(z)
    for i, x in enumerate(z):
        d = Decimal(float(x))
        e, half = d.exp(), (d / 2).exp()
        expected = [
            (half - 1) / d,
            (-4 - d + e * (4 - 3 * d + d * d)) / d**3,
            2 * (2 + d + e * (d - 2)) / d**3,
            (-4 - 3 * d - d * d + e * (4 - d)) / d**3,
        ]
        for weight, value in zip(weights, expected, strict=True):
            # f₁ changes sign near z = −2.4, so that errors are judged by the size of f₂ as well
            error = abs(Decimal(float(weight[i])) - value)
            assert error < Decimal("1e-15") * max(abs(value), abs(expected[2]))


def test_estimate_is_of_fourth_order_and_above_the_error():
    """(h/10)‖k₄ − k₅‖ of one step falls as h⁴, and the error of the step, as h⁵, below it."""
    estimates, errors = [], []
    steps = [0.05, 0.025, 0.0125]
    for h in steps:
        run = LawsonRK4(START.copy(), LINEAR / 10, coupled, np.ones(1))
        run.advance(h)
        size = np.linalg.norm(run.candidate)
        fine = LawsonRK4(START.copy(), LINEAR / 10, coupled, np.ones(1))
        for _ in range(16):
            fine.advance(h / 16)
            fine.accept()
        estimates.append(run.error(h) / size)
        errors.append(np.linalg.norm(run.candidate - fine.state) / size)
    assert np.log2(np.divide(estimates[:-1], estimates[1:])) == pytest.approx([4, 4], abs=0.3)
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([5, 5], abs=0.5)
    assert np.all(np.array(errors) < estimates)


def test_weights_count_in_norms():
    rng = np.random.default_rng(0)
    state = rng.normal(size=(3, 5)) + 1j * rng.normal(size=(3, 5))
    weights = np.array([1.0, 2.0, 2.0])
    run = LawsonRK4(state, np.zeros((1, 1)), lambda u, out: out.fill(0.0), weights)
    run.advance(1.0)
    assert run.norm() == pytest.approx(np.sqrt((weights[:, None] * np.abs(state) ** 2).sum()), rel=1e-14)
    assert run.error(1.0) == 0.0


@each_scheme
def test_a_failed_step_is_not_a_number(scheme):
    run = scheme(START.copy(), LINEAR, lambda u, out: out.fill(np.nan), np.ones(1))
    run.advance(0.1)
    assert np.isnan(run.norm())
    if scheme is LawsonRK4:
        assert np.isnan(run.error(0.1))


@each_scheme
def test_memory_counts_states_and_coefficients(scheme):
    run = scheme(np.zeros((4, 10), complex), np.zeros((4, 10)), lambda u, out: out.fill(0.0), np.ones(4))
    states = 7 if scheme is LawsonRK4 else 8
    assert run.memory == states * 640 + (1 + 2 * scheme.tables) * 320

"""Splittings: order, symmetry and exactness where they promise it; the controller that lands on its limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from mfpde_solvers.stepping import BLANES_MOAN, SPLITTINGS, STRANG, FixedStep

each_splitting = pytest.mark.parametrize("splitting", SPLITTINGS.values(), ids=SPLITTINGS)
START = np.array([1.2, 0.4])


def step(splitting, z, h):
    """One step of the pendulum q″ = −sin q, whose force gradient F F′ is sin q cos q."""
    q, p = z
    for kick, gradient, drift in splitting.stages:
        p = p - kick * h * np.sin(q) + gradient * h**3 * np.sin(q) * np.cos(q)
        q = q + drift * h * p
    return np.array([q, p])


def advance(splitting, z, h, count):
    for _ in range(count):
        z = step(splitting, z, h)
    return z


def energy(z):
    return z[1] ** 2 / 2 - np.cos(z[0])


@each_splitting
def test_order_on_the_pendulum(splitting):
    T = 5.0
    exact = solve_ivp(lambda t, z: [z[1], -np.sin(z[0])], (0, T), START, "DOP853", rtol=1e-13, atol=1e-13)
    counts = [20, 40, 80]
    errors = [np.abs(advance(splitting, START, T / n, n) - exact.y[:, -1]).max() for n in counts]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(orders - splitting.order).max() < 0.25


@each_splitting
def test_energy_error_is_bounded_and_of_the_order(splitting):
    """A symplectic composition follows a nearby energy: its error does not grow over 100 periods."""

    def worst(h, time):
        z, deviation = START, 0.0
        for _ in range(round(time / h)):
            z = step(splitting, z, h)
            deviation = max(deviation, abs(energy(z) - energy(START)))
        return deviation

    period = 8.0
    short, long = worst(0.25, 2 * period), worst(0.25, 100 * period)
    assert long < 1.1 * short
    assert np.log2(short / worst(0.125, 2 * period)) == pytest.approx(splitting.order, abs=0.25)


@each_splitting
def test_symmetric_and_consistent(splitting):
    """Palindromes whose fractions add up to 1; a step back undoes a step."""
    assert splitting.kicks == splitting.kicks[::-1]
    assert splitting.drifts == splitting.drifts[::-1]
    assert sum(splitting.kicks) == pytest.approx(1.0, abs=1e-15)
    assert sum(splitting.drifts) == pytest.approx(1.0, abs=1e-15)
    assert np.abs(step(splitting, step(splitting, START, 0.3), -0.3) - START).max() < 1e-15


@given(q=st.floats(-3, 3), p=st.floats(-3, 3), h=st.floats(-0.5, 0.5))
@settings(max_examples=50, deadline=None)
def test_area_is_preserved(q, p, h):
    """The Jacobian has determinant 1: by complex steps, free of cancellation."""
    for splitting in SPLITTINGS.values():
        ε = 1e-30
        columns = [step(splitting, np.array([q, p]) + 1j * ε * e, h).imag / ε for e in np.eye(2)]
        assert np.linalg.det(columns) == pytest.approx(1.0, abs=1e-12)


def test_fourth_order_wins_at_equal_cost():
    """Six stages of Strang against one step of Blanes–Moan; the published error constant is a small one."""
    T = 5.0
    exact = solve_ivp(lambda t, z: [z[1], -np.sin(z[0])], (0, T), START, "DOP853", rtol=1e-13, atol=1e-13)
    fourth = np.abs(advance(BLANES_MOAN, START, T / 20, 20) - exact.y[:, -1]).max()
    second = np.abs(advance(STRANG, START, T / 120, 120) - exact.y[:, -1]).max()
    assert fourth < 0.02 * second


@given(
    time=st.floats(0, 100),
    duration=st.floats(1e-3, 10),
    fraction=st.floats(1e-2, 3),
)
@settings(max_examples=200, deadline=None)
def test_fixed_steps_are_equal_and_land_exactly(time, duration, fraction):
    dt, limit = fraction * duration, time + duration
    controller = FixedStep(dt)
    steps = []
    while time < limit:
        h, time = controller.next(time, limit)
        steps.append(h)
    assert time == limit
    assert max(steps) <= dt * (1 + 2e-9)
    assert len(steps) == max(1, np.ceil(duration / dt * (1 - 1e-9))) or duration / dt % 1 < 1e-6
    assert np.ptp(steps) <= 1e-10 * max(steps) + 1e-13


def test_a_step_that_divides_the_interval_is_taken_as_given():
    for count in (1, 3, 10, 700):
        h, _ = FixedStep(0.1).next(0.0, 0.1 * count)
        assert h == pytest.approx(0.1, rel=1e-15)


@pytest.mark.parametrize("dt", [0.0, -0.1, np.inf, np.nan])
def test_steps_that_are_not_positive_are_refused(dt):
    with pytest.raises(ValueError, match="positive and finite, got dt="):
        FixedStep(dt)


def test_splittings_print_their_name():
    assert repr(BLANES_MOAN) == "<blanes_moan, order 4, 6 stages>"
    assert repr(STRANG) == "<strang, order 2, 1 stages>"

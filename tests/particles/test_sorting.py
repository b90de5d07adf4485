"""The sorted pair sum against its definition, and the symmetries it must have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mfpde.particles.sorting import rank_balance


def by_definition(x):
    return np.sign(x[:, None] - x[None, :]).sum(axis=1)


POINTS = {
    "uniform": lambda rng, N: rng.random(N),
    "outside": lambda rng, N: rng.normal(0.5, 3.0, N),
    "ties": lambda rng, N: rng.integers(0, max(N // 5, 1), N) / N,
    "cluster": lambda rng, N: 0.37 + 1e-9 * rng.random(N),
    "two clusters": lambda rng, N: rng.choice([0.25, 0.75], N) + 1e-6 * rng.random(N),
    "one place": lambda rng, N: np.full(N, 0.5),
    "decreasing": lambda rng, N: np.linspace(1.0, 0.0, N),
    "heavy tails": lambda rng, N: rng.standard_cauchy(N),
}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 64, 1000])
@pytest.mark.parametrize("kind", POINTS)
def test_definition(kind, size):
    x = POINTS[kind](np.random.default_rng(size), size)
    np.testing.assert_array_equal(rank_balance(x, 0.0, 1.0), by_definition(x))


@settings(max_examples=150, deadline=None)
@given(
    x=arrays(np.float64, st.integers(0, 60), elements=st.floats(allow_nan=False, allow_infinity=False))
    | arrays(np.float64, st.integers(0, 60), elements=st.sampled_from([0.0, -0.0, 0.5, 1.0, 5e-324, 1e308])),
    lower=st.floats(-2.0, 0.5),
    length=st.sampled_from([1e-300, 1e-9, 1.0, 1e300]),
)
def test_definition_for_any_finite_points_and_interval(x, lower, length):
    if not lower + length > lower:
        lower = 0.0
    less, more = x[:, None] > x[None, :], x[:, None] < x[None, :]
    expected = less.sum(axis=1) - more.sum(axis=1)
    np.testing.assert_array_equal(rank_balance(x, lower, lower + length), expected)


@settings(max_examples=50, deadline=None)
@given(
    x=arrays(np.float64, st.integers(1, 200), elements=st.integers(-40, 40).map(float)),
    seed=st.integers(0, 2**32 - 1),
)
def test_symmetries(x, seed):
    balance = rank_balance(x, -40.0, 40.0)
    order = np.random.default_rng(seed).permutation(x.size)
    np.testing.assert_array_equal(rank_balance(x[order], -40.0, 40.0), balance[order])
    np.testing.assert_array_equal(rank_balance(-x, -40.0, 40.0), -balance)
    np.testing.assert_array_equal(rank_balance(x**3, -40.0, 40.0), balance)
    assert balance.sum() == 0


@pytest.mark.parametrize("kind", POINTS)
def test_many_points_by_searching_the_sorted_list(kind):
    N = 200_000
    x = POINTS[kind](np.random.default_rng(7), N)
    ordered = np.sort(x)
    expected = np.searchsorted(ordered, x, "left") - (N - np.searchsorted(ordered, x, "right"))
    np.testing.assert_array_equal(rank_balance(x, 0.0, 1.0), expected)


def test_result_goes_to_out_and_points_stay():
    x = np.random.default_rng(0).random(100)
    before, out = x.copy(), np.empty(100)
    assert rank_balance(x, 0.0, 1.0, out) is out
    np.testing.assert_array_equal(out, by_definition(before))
    np.testing.assert_array_equal(x, before)


def test_strided_points():
    x = np.random.default_rng(0).random((50, 2))
    np.testing.assert_array_equal(rank_balance(x[:, 1], 0.0, 1.0), by_definition(x[:, 1]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.1, 0.2], 0.0, 1.0), TypeError, "float64"),
        ((np.zeros(3, np.float32), 0.0, 1.0), TypeError, "float32"),
        ((np.zeros((3, 1)), 0.0, 1.0), ValueError, "shape"),
        ((np.zeros(3), 1.0, 1.0), ValueError, "lower"),
        ((np.zeros(3), 0.0, np.inf), ValueError, "finite"),
        ((np.zeros(3), np.nan, 1.0), ValueError, "finite"),
        ((np.zeros(3), 0.0, 1.0, np.zeros(4)), ValueError, "out"),
        ((np.zeros(3), 0.0, 1.0, np.zeros(6)[::2]), ValueError, "contiguous"),
        ((np.zeros(3), 0.0, 1.0, np.zeros(3, int)), TypeError, "out"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        rank_balance(*arguments)

"""Shifts: order, exactness, conservation and positivity, against plain NumPy and the FFT."""

from itertools import pairwise
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.advection import DEGREES, Shift

EPSILON = np.finfo(float).eps


def by_definition(line, s, degree, *, periodic):
    """Lagrange interpolation of one line at the feet ``i - s``, and its values beyond both ends."""
    n, r = line.size, (degree + 1) // 2
    m = int(np.floor(s))
    nodes = np.arange(-r, r)
    weights = [
        prod((m - s - j) / (k - j) for j in nodes if j != k)  # at the point m - s of the nodes
        for k in nodes
    ]
    margin = 0 if periodic else abs(m) + degree + 1
    padded = np.pad(line, margin)
    shifted = sum(w * np.roll(padded, m - k) for w, k in zip(weights, nodes))
    inside = shifted[margin : margin + n]
    return inside, shifted.sum() - inside.sum() if periodic else shifted[:margin].sum() + shifted[
        margin + n :
    ].sum()


def by_fourier(f, s, axis):
    """Shift of a band-limited periodic function, exact."""
    n = f.shape[axis]
    k = np.arange(n // 2 + 1).reshape([-1 if a == axis else 1 for a in range(f.ndim)])
    return np.fft.irfft(np.fft.rfft(f, axis=axis) * np.exp(-2j * np.pi * k * s / n), n, axis)


def wave(n):
    """Values of a smooth positive function of one wavelength on ``n`` cells."""
    return 2 + np.sin(2 * np.pi * (np.arange(n) + 0.5) / n)


def orders(errors):
    return [np.log2(coarse / fine) for coarse, fine in pairwise(errors)]


# (shape, axis, shape of the displacement): contiguous and strided, constant and varying along the inner axes,
# lines longer than one block of rows, tiles that do not divide the columns, merged and unmerged axes
CASES = [
    ((50,), 0, (1,)),
    ((7, 33), 1, (7, 1)),
    ((7, 33), 1, ()),
    ((150, 45), 0, (45,)),
    ((150, 45), 0, (1, 1)),
    ((5, 12, 9), 1, (5, 1, 9)),
    ((5, 12, 9), 1, (5, 1, 1)),
    ((12, 5, 40), 0, (1, 5, 1)),
    ((3, 11, 1), 1, (3, 1, 1)),
    ((4, 6, 13, 5), 2, (4, 1, 1, 5)),
    ((4, 13, 6, 5), 1, (1, 1, 6, 1)),
    ((13, 4, 6, 5), 0, (4, 6, 5)),
    ((4, 6, 5, 13), 3, (4, 1, 5, 1)),
    ((2, 3), 0, (3,)),
]


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize(("shape", "axis", "given_shape"), CASES)
def test_definition(shape, axis, given_shape, degree, periodic):
    rng = np.random.default_rng(prod(shape) + degree)
    f = rng.random(shape)
    s = rng.uniform(-2.5, 2.5, given_shape) * rng.choice([0.3, 1.0, shape[axis]], given_shape)
    whole = np.broadcast_to(s, (*shape[:axis], 1, *shape[axis + 1 :]))
    lines, expected, outflow = np.moveaxis(f, axis, -1), np.empty(shape), 0.0
    for index in np.ndindex(lines.shape[:-1]):
        values, lost = by_definition(
            lines[index], np.moveaxis(whole, axis, -1)[index][0], degree, periodic=periodic
        )
        np.moveaxis(expected, axis, -1)[index] = values
        outflow += lost
    left = Shift(shape, axis, periodic=periodic, degree=degree)(f, s)
    # the weights add up to less than 4 in modulus and each is right to a few units of round-off
    np.testing.assert_allclose(f, expected, rtol=0, atol=100 * EPSILON)
    assert left == (0.0 if periodic else pytest.approx(outflow, abs=100 * EPSILON * f.size))


@pytest.mark.parametrize("degree", DEGREES)
def test_exact_on_polynomials_of_the_degree(degree):
    i = np.arange(40) / 20 - 1
    for power in range(degree + 2):
        for s in (0.37, -1.81):
            f = i**power
            Shift(f.shape, 0, periodic=False, degree=degree)(f, s)
            inner = slice(degree, 40 - degree)
            error = np.abs(f - (i - s / 20) ** power)[inner].max()
            assert error < 20 * EPSILON if power <= degree else error > 1e3 * EPSILON


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("degree", DEGREES)
def test_order_of_one_shift(degree, positive, axis):
    errors = []
    for n in (16, 32):
        line = wave(n)
        f = np.ascontiguousarray(np.moveaxis(np.tile(line, (3, 1)), 1, axis))
        Shift(f.shape, axis, periodic=True, degree=degree, positive=positive)(f, 0.5)
        errors.append(np.abs(np.moveaxis(f, axis, 1) - by_fourier(line, 0.5, 0)).max())
    np.testing.assert_allclose(orders(errors)[-1], degree + 1, atol=0.25)


@pytest.mark.parametrize("degree", DEGREES)
def test_order_of_many_shifts(degree):
    # once round the circle in 3n/2 steps: as many errors of order degree + 1 as there are steps
    errors = []
    for n in (16, 32):
        f = wave(n)
        shift = Shift(f.shape, 0, periodic=True, degree=degree)
        for _ in range(3 * n // 2):
            shift(f, 2 / 3)
        errors.append(np.abs(f - wave(n)).max())
    np.testing.assert_allclose(orders(errors)[-1], degree, atol=0.25)


@pytest.mark.parametrize(
    ("degree", "n", "s", "expected"),
    [
        (3, 64, 0.47, 1e-1),
        (7, 64, 0.47, 4e-3),
        (9, 64, 0.47, 1e-3),
        (9, 128, 0.94, 3e-7),
        (9, 128, 0.5, 1.5e-6),
    ],
)
def test_known_errors_after_137_shifts(degree, n, s, expected):
    # a Gaussian of width L/24; the figures are rounded, half a cell is the worst displacement
    x = (np.arange(n) + 0.5) / n - 0.5
    f = np.exp(-(x**2) / (2 / 24**2))
    exact = by_fourier(f, 137 * s, 0)
    shift = Shift(f.shape, 0, periodic=True, degree=degree)
    for _ in range(137):
        shift(f, s)
    assert np.abs(f - exact).max() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("degree", "dtype"), [*((p, np.float64) for p in DEGREES), (9, np.float32)])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_whole_cells_move_exactly(degree, axis, positive, dtype):
    f = np.random.default_rng(1).random((6, 37, 5)).astype(dtype)
    n = f.shape[axis]
    for s in (0, 1, -3, n, 5 * n + 2, -(2**40) * n - 1):
        moved = f.copy()
        Shift(f.shape, axis, periodic=True, degree=degree, positive=positive, dtype=dtype)(moved, s)
        np.testing.assert_array_equal(moved, np.roll(f, s % n, axis))


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("s", [30, -30, 36, 37, 37.5, 41.5, -42, -60.25, 1e9, -1e300])
def test_far_shifts_empty_an_open_line(s, axis, positive):
    f = np.random.default_rng(2).random((37, 37))
    before, expected = f.sum(), np.zeros_like(f)
    left = Shift(f.shape, axis, periodic=False, positive=positive)(f, s)
    if s in (30, -30):
        kept = np.moveaxis(expected, axis, 0)
        source = np.moveaxis(np.random.default_rng(2).random((37, 37)), axis, 0)
        kept[30:], kept[:7] = (source[:7], 0) if s > 0 else (0, source[30:])
        np.testing.assert_array_equal(f, expected)
    if abs(s) > 42:
        np.testing.assert_array_equal(f, 0)
    np.testing.assert_allclose(f.sum() + left, before, rtol=1e-14)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("periodic", [True, False])
def test_mass(periodic, axis, positive):
    rng = np.random.default_rng(3)
    f = rng.random((80, 70))
    mass, outflow = f.sum(), 0.0
    shift = Shift(f.shape, axis, periodic=periodic, positive=positive)
    varying = (1, 70) if axis == 0 else (80, 1)
    for s in (0.3, -0.6, rng.normal(size=varying), 3 * rng.normal(size=varying)):
        lost = shift(f, s)
        outflow += lost
        assert not periodic or lost == 0.0
    np.testing.assert_allclose(f.sum() + outflow, mass, rtol=20 * EPSILON)
    assert periodic or abs(outflow) > 0.01 * mass


def test_outflow_counts_both_ends():
    # nothing moves far, but half a cell of either end is spread beyond it, as the definition has it
    f = np.r_[1.0, np.zeros(20), 2.0]
    left = Shift(f.shape, 0, periodic=False, degree=3)(f, 0.5)
    # weights of the midpoint: -1/16, 9/16, 9/16, -1/16; from the first cell one leaves, from the last three
    np.testing.assert_allclose(left, 1 * (-1 / 16) + 2 * (9 / 16 - 1 / 16), rtol=10 * EPSILON)


def test_there_and_back():
    f = wave(128)
    shift = Shift(f.shape, 0, periodic=True)
    shift(f, 5.37)
    assert np.abs(f - wave(128)).max() > 0.1
    shift(f, -5.37)
    np.testing.assert_allclose(f, wave(128), atol=1e-12)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("n", [130, 75, 7])
def test_columns_lines_and_tiles_agree_bitwise(n, periodic, positive):
    rng = np.random.default_rng(4)
    f, s = rng.random((n, 75)), rng.choice([0.37, -1.2, 6.1], 75)
    columns, lines, alone = f.copy(), f.T.copy(), f.copy()
    Shift(f.shape, 0, periodic=periodic, positive=positive)(columns, s)
    Shift(lines.shape, 1, periodic=periodic, positive=positive)(lines, s[:, None])
    single = Shift((n, 1), 0, periodic=periodic, positive=positive)
    tiles = Shift(f.shape, 0, periodic=periodic, positive=positive)
    for j in range(75):
        column = f[:, j : j + 1].copy()
        single(column, s[j])
        alone[:, j : j + 1] = column
    np.testing.assert_array_equal(columns, lines.T)
    np.testing.assert_array_equal(columns, alone)
    for value in np.unique(s):
        whole = f.copy()
        tiles(whole, value)
        np.testing.assert_array_equal(whole[:, s == value], columns[:, s == value])


@pytest.mark.parametrize(("degree", "dtype"), [*((p, np.float64) for p in DEGREES), (9, np.float32)])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("size", [0.4, 3.0, 40.0])
@pytest.mark.parametrize(
    ("shape", "axis", "varying"),
    [((2, 9, 3, 4, 6, 10), 1, 5), ((2, 9, 3, 4, 6, 10), 1, 3), ((66, 3, 70), 0, 2), ((31, 70, 7), 0, 1)],
)
def test_columns_that_move_differently_agree_with_lines(shape, axis, varying, degree, size, periodic, dtype):
    # the displacements of a drift, sorted: together if whole cells spread little, else one by one
    f = np.random.default_rng(5).random(shape).astype(dtype)
    s = np.linspace(-size, 0.7 * size, shape[varying])
    given = s.reshape([-1 if k == varying else 1 for k in range(f.ndim)])
    lines = np.moveaxis(f, axis, -1).copy()
    scheme = {"periodic": periodic, "degree": degree, "dtype": dtype}
    expected = Shift(lines.shape, f.ndim - 1, **scheme)(lines, np.moveaxis(given, axis, -1))
    left = Shift(shape, axis, **scheme)(f, given)
    np.testing.assert_array_equal(np.moveaxis(f, axis, -1), lines)
    # two orders of summation in double precision: round-off of as many partial sums as there are cells
    np.testing.assert_allclose(left, expected, rtol=EPSILON * f.size**0.5, atol=EPSILON * f.size)


def pulses(n):
    """A square pulse, a single cell, and half the line."""
    i = np.arange(n)
    return np.stack([1.0 * (abs(i - n / 2) < n / 8), 1.0 * (i == 5), 1.0 * (i < n / 2)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("periodic", [True, False])
def test_limited_pulses_stay_nonnegative(periodic, dtype):
    f = pulses(64).astype(dtype)
    plain, mass, outflow = f.copy(), f.sum(dtype=float), 0.0
    shift = Shift(f.shape, 1, periodic=periodic, positive=True, dtype=dtype)
    for _ in range(100):
        outflow += shift(f, 0.1)
        Shift(f.shape, 1, periodic=periodic, dtype=dtype)(plain, 0.1)
        assert f.min() >= 0
    assert plain.min() < -0.01
    np.testing.assert_allclose(f.sum(dtype=float) + outflow, mass, rtol=50 * np.finfo(dtype).eps)
    if periodic:
        # first-order upwind, by contrast, is off by 0.17 on average here
        assert np.abs(f[0] - np.roll(pulses(64)[0], 10)).mean() < 0.03


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    s=st.floats(-100.0, 100.0),
    n=st.integers(1, 40),
    periodic=st.booleans(),
    axis=st.integers(0, 1),
    exponent=st.floats(0.0, 60.0),
)
def test_limiter_on_any_nonnegative_data(seed, s, n, periodic, axis, exponent):
    rng = np.random.default_rng(seed)
    shape = (n, 3) if axis == 0 else (3, n)
    f = rng.random(shape) ** exponent * (rng.random(shape) < 0.7)
    mass = f.sum()
    left = Shift(shape, axis, periodic=periodic, positive=True)(f, s)
    assert f.min() >= 0
    assert left >= -4 * EPSILON * mass
    np.testing.assert_allclose(f.sum() + left, mass, rtol=20 * EPSILON)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    s=st.floats(-100.0, 100.0),
    move=st.integers(-50, 50),
    degree=st.sampled_from(DEGREES),
    n=st.integers(2, 40),
)
def test_translation_reflection_and_linearity(seed, s, move, degree, n):
    f, g = np.random.default_rng(seed).random((2, n))
    shift = Shift((n,), 0, periodic=True, degree=degree)

    def shifted(f, s):
        f = f.copy()
        shift(f, s)
        return f

    tolerance = {"rtol": 0, "atol": 200 * EPSILON * (1 + abs(s))}
    np.testing.assert_array_equal(shifted(np.roll(f, move), s), np.roll(shifted(f, s), move))
    np.testing.assert_allclose(shifted(f[::-1], -s), shifted(f, s)[::-1], **tolerance)
    np.testing.assert_allclose(shifted(2 * f - g, s), 2 * shifted(f, s) - shifted(g, s), **tolerance)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("positive", [False, True])
def test_single_precision_follows_double(positive, axis):
    f = np.outer(wave(48), 1 + wave(40))
    single = f.astype(np.float32)
    for _ in range(10):
        Shift(f.shape, axis, periodic=True, positive=positive)(f, -1.3)
        Shift(f.shape, axis, periodic=True, positive=positive, dtype=np.float32)(single, -1.3)
    # ten sums of ten rounded products
    np.testing.assert_allclose(single, f, rtol=100 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_nan_stays_visible_and_local(axis, positive):
    f = np.ones((50, 60))
    f[20, 30] = np.nan
    Shift(f.shape, axis, periodic=True, positive=positive)(f, 0.5)
    lost = np.isnan(f)
    assert lost[20, 30]
    assert lost.sum() <= 14
    assert lost.any(axis=axis).sum() == 1


def test_buffers_are_small():
    for n, d in ((64, 4), (32, 6)):
        for axis in range(d):
            shift = Shift((n,) * d, axis, periodic=True, positive=True)
            assert shift.memory < 0.01 * 8 * n**d


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"degree": 4}, "3, 5, 7, 9"),
        ({"axis": 2}, "axis 2"),
        ({"dtype": np.complex128}, "float64 or float32"),
        ({"shape": ()}, "at least 1"),
        ({"shape": (4, 0)}, "at least 1"),
    ],
)
def test_bad_schemes(change, message):
    arguments = {"shape": (8, 9), "axis": 0, "periodic": True} | change
    with pytest.raises(ValueError, match=message):
        Shift(**arguments)


@pytest.mark.parametrize(
    ("f", "s", "error", "message"),
    [
        (np.zeros((8, 9), np.float32), 1.0, TypeError, "float32"),
        ([[0.0] * 9] * 8, 1.0, TypeError, "list"),
        (np.zeros((9, 8)), 1.0, ValueError, r"\(9, 8\)"),
        (np.zeros((9, 8)).T, 1.0, ValueError, "contiguous"),
        (np.broadcast_to(1.0, (8, 9)), 1.0, ValueError, "contiguous"),
        (np.zeros((8, 9)), np.zeros((8, 1)), ValueError, r"\(1, 9\)"),
        (np.zeros((8, 9)), np.zeros(8), ValueError, r"\(1, 9\)"),
        (np.zeros((8, 9)), np.zeros((1, 1, 9)), ValueError, r"\(1, 9\)"),
        (np.zeros((8, 9)), np.nan, ValueError, "finite"),
        (np.zeros((8, 9)), np.r_[np.zeros(8), np.inf], ValueError, "finite"),
    ],
)
def test_bad_calls(f, s, error, message):
    with pytest.raises(error, match=message):
        Shift((8, 9), 0, periodic=True)(f, s)

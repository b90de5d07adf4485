"""Fourier shifts: exact for band-limited data, conservative, the same for every axis and batch."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.advection import Shift
from mfpde_solvers.fourier_shift import FourierShift

# contiguous and strided, more lines than a batch, even and odd sizes, displacements varying on either side
CASES = [
    ((50,), 0, (1,)),
    ((7, 33), 1, (7, 1)),
    ((700, 48), 1, (700, 1)),
    ((48, 700), 0, (1, 700)),
    ((5, 12, 9), 1, (5, 1, 9)),
    ((12, 5, 40), 0, (1, 5, 1)),
    ((4, 6, 13, 5), 2, (4, 1, 1, 5)),
    ((40, 10, 16, 9), 1, (1, 1, 16, 1)),
    ((4, 6, 5, 13), 3, (4, 1, 5, 1)),
]


def trigonometric(line, s):
    """The interpolant at i − s, its highest mode halved between ±n/2."""
    n = line.size
    k = np.fft.fftfreq(n, 1 / n)
    phases = np.exp(-2j * np.pi * k * s / n)
    if n % 2 == 0:
        phases[n // 2] = np.cos(np.pi * s)
    return np.fft.ifft(np.fft.fft(line) * phases).real


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shape", "axis", "given_shape"), CASES)
def test_definition(shape, axis, given_shape, dtype):
    rng = np.random.default_rng(prod(shape))
    f, s = rng.random(shape).astype(dtype), rng.uniform(-30, 30, given_shape)
    lines = np.moveaxis(f.astype(float), axis, -1)
    whole = np.moveaxis(np.broadcast_to(s, (*shape[:axis], 1, *shape[axis + 1 :])), axis, -1)[..., 0]
    expected = np.empty(lines.shape)
    for index in np.ndindex(lines.shape[:-1]):
        expected[index] = trigonometric(lines[index], whole[index])
    assert FourierShift(shape, axis, periodic=True, dtype=dtype)(f, s) == 0.0
    assert np.abs(f - np.moveaxis(expected, -1, axis)).max() < 100 * np.finfo(dtype).eps


def test_a_band_limited_function_moves_exactly():
    """After 137 shifts, where Lagrange interpolation of degree 9 is off by 1e-3 on as many cells."""
    n, s = 64, 0.4371

    def f(x):
        return np.exp(-(((x / n - 0.5 + 0.5) % 1 - 0.5) ** 2) * 2 * 12**2)

    spectral, lagrange = f(np.arange(n) - 32.0), f(np.arange(n) - 32.0)
    expected = f(np.arange(n) - 32.0 - 137 * s)
    shift, other = FourierShift((n,), 0, periodic=True), Shift((n,), 0, periodic=True)
    for _ in range(137):
        shift(spectral, s)
        other(lagrange, s)
    assert np.abs(spectral - expected).max() < 1e-12
    assert np.abs(lagrange - expected).max() > 1e-6


@given(s=st.floats(-200, 200), n=st.integers(4, 40), seed=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_mass_is_kept_or_counted(s, n, seed):
    f = np.random.default_rng(seed).random((3, n))
    for periodic in (True, False):
        g = f.copy()
        lost = FourierShift(g.shape, 1, periodic=periodic)(g, s)
        assert g.sum() + lost == pytest.approx(f.sum(), abs=1e-11)
        assert lost == 0.0 or not periodic


def test_an_open_axis_loses_what_leaves():
    x = np.linspace(-8, 8, 128)
    f = np.exp(-(x**2))
    inside, whole = f.copy(), f.sum()
    assert FourierShift(f.shape, 0, periodic=False)(inside, 20.3) == pytest.approx(0.0, abs=1e-12)
    h = x[1] - x[0]
    assert np.abs(inside - np.exp(-((x - 20.3 * h) ** 2))).max() < 1e-13
    for far in (400.0, -1e9):
        gone = f.copy()
        assert FourierShift(f.shape, 0, periodic=False)(gone, far) == pytest.approx(whole)
        assert np.abs(gone).max() < 1e-14


def test_whole_cells_and_back():
    f = np.random.default_rng(0).random((6, 30))
    g, shift = f.copy(), FourierShift(f.shape, 1, periodic=True)
    shift(g, 7.0)
    assert np.abs(g - np.roll(f, 7, axis=1)).max() < 1e-14
    shift(g, -7.0)
    assert np.abs(g - f).max() < 1e-14


def test_arrays_that_do_not_fit_are_refused():
    shift = FourierShift((4, 8), 1, periodic=True)
    with pytest.raises(TypeError, match="float64 arrays, got float32"):
        shift(np.zeros((4, 8), np.float32), 0.1)
    with pytest.raises(ValueError, match="works on shape"):
        shift(np.zeros((8, 4)), 0.1)
    with pytest.raises(ValueError, match="does not broadcast"):
        shift(np.zeros((4, 8)), np.zeros(3))
    with pytest.raises(ValueError, match="axis 2 does not exist"):
        FourierShift((4, 8), 2, periodic=True)

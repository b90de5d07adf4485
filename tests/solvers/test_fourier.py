"""Transforms: the discrete Fourier transform of the textbook, and wisdom that reproduces bits."""

import numpy as np
import pytest

from mfpde_solvers.fourier import RealTransform, export_wisdom, half_wavenumbers, import_wisdom
from mfpde_solvers.grid import Axis, Grid

SHAPES = [(8,), (15,), (6, 10), (7, 9), (4, 6, 10), (5, 4, 7)]


def by_definition(values):
    """Σ_j f_j e^{−2πi j·m/n}, one axis after the other, the non-negative half of the last."""
    spectrum = values.astype(complex)
    for axis, n in enumerate(values.shape):
        j = np.arange(n)
        matrix = np.exp(-2j * np.pi * np.outer(j, j) / n)
        spectrum = np.moveaxis(np.tensordot(matrix, spectrum, axes=(1, axis)), 0, axis)
    return spectrum[..., : values.shape[-1] // 2 + 1]


@pytest.mark.parametrize("shape", SHAPES)
def test_definition_and_inverse(shape):
    values = np.random.default_rng(0).normal(size=shape)
    transform = RealTransform(shape)
    spectrum = transform.forward(values).copy()
    np.testing.assert_allclose(spectrum, by_definition(values), rtol=0, atol=1e-13 * values.size)
    kept = spectrum.copy()
    np.testing.assert_allclose(transform.backward(spectrum), values, rtol=0, atol=1e-14)
    assert np.array_equal(spectrum, kept)  # the caller's spectrum survives a plan that destroys its input


@pytest.mark.parametrize("shape", SHAPES)
def test_wavenumbers_differentiate(shape):
    """Multiplication by i k_a is the derivative along axis a, here of a wave on a box that is not 2π."""
    grid = Grid(tuple(Axis(name, -0.3, 1.1 + i, n) for i, (name, n) in enumerate(zip("xyz", shape))))
    x = grid.points
    waves = np.array([2 * np.pi / axis.length for axis in grid.axes])
    phase = x @ waves
    transform = RealTransform(shape)
    spectrum = transform.forward(np.sin(phase)).copy()
    for k, wave in zip(half_wavenumbers(grid.wavenumbers), waves, strict=True):
        slope = transform.backward(1j * k * spectrum)
        np.testing.assert_allclose(slope, wave * np.cos(phase), rtol=0, atol=1e-12)


def test_two_transforms_of_one_shape_do_not_share_buffers():
    first, second = RealTransform((16,)), RealTransform((16,))
    kept = first.forward(np.ones(16))
    second.forward(np.arange(16.0))
    assert kept[0] == 16.0
    assert np.abs(kept[1:]).max() == 0.0


def test_imported_wisdom_gives_the_same_bits():
    values = np.random.default_rng(1).normal(size=(12, 20))
    planned = RealTransform((12, 20), effort="FFTW_MEASURE").forward(values).copy()
    wisdom = export_wisdom()
    RealTransform((30, 7), effort="FFTW_MEASURE")  # knowledge that the import replaces
    import_wisdom(wisdom)
    again = RealTransform((12, 20), effort="FFTW_MEASURE").forward(values)
    assert np.array_equal(planned, again)


def test_memory_counts_both_buffers():
    assert RealTransform((6, 10)).memory == 6 * 10 * 8 + 6 * 6 * 16

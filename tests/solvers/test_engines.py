"""Transform engines: the same numbers from both, over all axes or the last ones, and what is refused."""

import sys

import numpy as np
import pytest

from mfpde_solvers.fourier import RealTransform


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shape", "dim"), [((30,), None), ((12, 15), None), ((12, 16), 1), ((4, 5, 6), 2)])
@pytest.mark.parametrize("engine", ["fftw", "ducc"])
def test_against_numpy(engine, shape, dim, dtype):
    if engine == "ducc":
        pytest.importorskip("ducc0")
    transform = RealTransform(shape, dim=dim, dtype=dtype, engine=engine)
    values = np.random.default_rng(0).random(shape).astype(dtype)
    axes = tuple(range(-(dim or len(shape)), 0))
    expected = np.fft.rfftn(values.astype(float), axes=axes)
    spectrum = transform.forward(values).copy()
    eps = 50 * np.finfo(dtype).eps
    assert spectrum.dtype == (np.complex64 if dtype == np.float32 else np.complex128)
    assert np.abs(spectrum - expected).max() < eps * np.abs(expected).max()
    assert np.abs(transform.backward(spectrum) - values).max() < eps
    assert transform.memory == values.nbytes + spectrum.nbytes


def test_an_engine_that_is_unknown_or_missing(monkeypatch):
    with pytest.raises(ValueError, match="no transform engine 'mkl'; use one of fftw, ducc"):
        RealTransform((8,), engine="mkl")
    monkeypatch.setitem(sys.modules, "ducc0", None)
    with pytest.raises(ModuleNotFoundError, match=r"install mfpde\[fast\]"):
        RealTransform((8,), engine="ducc")

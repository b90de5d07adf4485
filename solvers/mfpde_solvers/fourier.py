"""Planned real Fourier transforms: the one place that talks to an FFT library.

Every transform owns its plan and its aligned buffers and must stay in the thread that made it. One thread
per transform: with a busy second core, two are slower than one.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["RealTransform", "export_wisdom", "import_wisdom"]

ENGINE = "fftw"  # may be set to "ducc" before the first solver is prepared
EFFORT = "FFTW_ESTIMATE"  # MEASURE repays its planning only on large arrays, and picks by the clock


class RealTransform:
    """Unnormalised forward and normalised backward transform of a real array of fixed shape.

    Parameters
    ----------
    shape : tuple of int
    effort : str
        Planning effort of FFTW; ducc needs none.
    dim : int, optional
        How many of the last axes are transformed; all by default.
    dtype : float64 or float32
    engine : {"fftw", "ducc"}, optional
        Library that transforms, :data:`ENGINE` by default. ducc0 is up to twice as fast where FFTW was built
        without the instructions of the processor; results differ by round-off.

    Attributes
    ----------
    real, spectrum : array
        The buffers, to be filled and read in place around :meth:`to_spectrum` and :meth:`to_real`.

    Raises
    ------
    ValueError, ModuleNotFoundError
        If the engine is unknown, or not installed.

    Examples
    --------
    >>> import numpy as np
    >>> transform = RealTransform((8,))
    >>> spectrum = transform.forward(np.ones(8))
    >>> spectrum.shape, float(spectrum[0].real)
    ((5,), 8.0)
    >>> np.allclose(transform.backward(spectrum), 1.0)
    True
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        effort: str = EFFORT,
        *,
        dim: int | None = None,
        dtype: DTypeLike = np.float64,
        engine: str | None = None,
    ) -> None:
        engine = ENGINE if engine is None else engine
        if engine not in ENGINES:
            raise ValueError(f"there is no transform engine {engine!r}; use one of {', '.join(ENGINES)}")
        dim = len(shape) if dim is None else dim
        axes = tuple(range(len(shape) - dim, len(shape)))
        self._engine = ENGINES[engine](shape, axes, np.dtype(dtype), effort)
        self.real, self.spectrum = self._engine.real, self._engine.spectrum
        self.scale = 1.0 / float(np.prod([shape[axis] for axis in axes]))

    @property
    def memory(self) -> int:
        """Bytes of the buffers."""
        return int(self.real.nbytes + self.spectrum.nbytes)

    def to_spectrum(self) -> None:
        """Transform ``real`` to ``spectrum``; ``real`` is lost."""
        self._engine.forward()

    def to_real(self) -> None:
        """Transform ``spectrum`` to ``real``, without the factor ``scale``; ``spectrum`` is lost."""
        self._engine.backward()

    def forward(self, values: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Transform (half spectrum on the last axis); the result lives until the next call."""
        self.real[...] = values
        self.to_spectrum()
        spectrum: NDArray[np.complex128] = self.spectrum
        return spectrum

    def backward(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Inverse transform, a new array."""
        self.spectrum[...] = spectrum
        self.to_real()
        return np.asarray(self.real * self.scale)


class _Fftw:
    """FFTW, by plans that own aligned buffers."""

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], dtype: Any, effort: str) -> None:
        import pyfftw

        self.real = pyfftw.empty_aligned(shape, dtype)
        self.spectrum = pyfftw.empty_aligned(_half(shape), np.result_type(dtype, np.complex64))
        flags = (effort, "FFTW_DESTROY_INPUT")
        there, back = (self.real, self.spectrum), (self.spectrum, self.real)
        self.forward = pyfftw.FFTW(*there, axes=axes, flags=flags, threads=1).execute
        self.backward = pyfftw.FFTW(
            *back, axes=axes, direction="FFTW_BACKWARD", flags=flags, threads=1
        ).execute


class _Ducc:
    """ducc0, which plans by itself."""

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], dtype: Any, effort: str) -> None:
        try:
            from ducc0 import fft
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "the transform engine 'ducc' needs ducc0; install mfpde[fast], or use 'fftw'"
            ) from error
        self._fft, self._axes, self._last = fft, axes, shape[-1]
        self.real = np.empty(shape, dtype)
        self.spectrum = np.empty(_half(shape), np.result_type(dtype, np.complex64))

    def forward(self) -> None:
        self._fft.r2c(self.real, axes=self._axes, out=self.spectrum)

    def backward(self) -> None:
        self._fft.c2r(
            self.spectrum,
            axes=self._axes,
            lastsize=self._last,
            forward=False,
            out=self.real,
            allow_overwriting_input=True,
        )


def _half(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-1], shape[-1] // 2 + 1)


ENGINES: dict[str, Any] = {"fftw": _Fftw, "ducc": _Ducc}


def half_wavenumbers(wavenumbers: tuple[NDArray[np.float64], ...]) -> list[NDArray[np.float64]]:
    """Broadcastable wavenumbers of the half spectrum: the last axis keeps its non-negative half."""
    *full, last = wavenumbers
    parts = [*full, np.abs(last[: last.size // 2 + 1])]
    return list(np.meshgrid(*parts, indexing="ij", sparse=True))


def export_wisdom() -> bytes:
    """What the planner knows, to be imported before the same plans are made again."""
    import pyfftw

    return pickle.dumps(pyfftw.export_wisdom())


def import_wisdom(wisdom: bytes) -> None:
    """Replace the planner's knowledge, so that it makes the plans it made when ``wisdom`` was exported."""
    import pyfftw

    known: Any = pickle.loads(wisdom)
    pyfftw.forget_wisdom()
    pyfftw.import_wisdom(known)

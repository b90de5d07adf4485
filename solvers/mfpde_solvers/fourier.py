"""Planned real Fourier transforms: the one place that talks to an FFT library.

Every transform owns its plan and its aligned buffers and must stay in the thread that made it. One thread
per transform: with a busy second core, two are slower than one.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["ComplexTransform", "RealTransform", "export_wisdom", "import_wisdom"]

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


class ComplexTransform:
    """Unnormalised transforms between two given complex arrays, along their last axes.

    Parameters
    ----------
    coefficients, values : complex arrays
        Of one shape; may be views. Planning with an effort above ESTIMATE overwrites them.
    dim : int
        How many of the last axes are transformed.
    effort, engine : str
        As for :class:`RealTransform`.

    Attributes
    ----------
    forward, backward : callable
        From values to coefficients, and from coefficients to values; what is read stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> coefficients, values = np.empty((2, 3, 4), complex)
    >>> transform = ComplexTransform(coefficients, values)
    >>> values[...] = [0.0, 1.0, 2.0, 3.0]
    >>> transform.forward()
    >>> coefficients[0].tolist()
    [(6+0j), (-2+2j), (-2+0j), (-2-2j)]
    """

    def __init__(
        self,
        coefficients: NDArray[Any],
        values: NDArray[Any],
        dim: int = 1,
        effort: str = EFFORT,
        *,
        engine: str | None = None,
    ) -> None:
        axes = tuple(range(values.ndim - dim, values.ndim))
        plan = COMPLEX_ENGINES[ENGINE if engine is None else engine]
        self.forward: Callable[[], object] = plan(values, coefficients, axes, True, effort)
        self.backward: Callable[[], object] = plan(coefficients, values, axes, False, effort)


def aligned(shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """A complex array of zeros, aligned as transforms like it."""
    import pyfftw

    zeros: NDArray[np.complex128] = pyfftw.zeros_aligned(shape, np.complex128)
    return zeros


def _fftw_plan(
    source: NDArray[Any], target: NDArray[Any], axes: tuple[int, ...], forward: bool, effort: str
) -> Any:
    import pyfftw

    direction = "FFTW_FORWARD" if forward else "FFTW_BACKWARD"
    return pyfftw.FFTW(source, target, axes=axes, direction=direction, flags=(effort,), threads=1).execute


def _ducc_plan(
    source: NDArray[Any], target: NDArray[Any], axes: tuple[int, ...], forward: bool, effort: str
) -> Any:
    return partial(_ducc().c2c, source, axes=axes, forward=forward, out=target)


def _ducc() -> Any:
    try:
        from ducc0 import fft
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the transform engine 'ducc' needs ducc0; install mfpde[fast], or use 'fftw'"
        ) from error
    return fft


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
        self._fft, self._axes, self._last = _ducc(), axes, shape[-1]
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
COMPLEX_ENGINES: dict[str, Any] = {"fftw": _fftw_plan, "ducc": _ducc_plan}


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

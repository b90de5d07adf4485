"""Planned real Fourier transforms: the one place that talks to an FFT library.

Every transform owns its plan and its aligned buffers and must stay in the thread that made it. One thread
per transform: with a busy second core, two are slower than one.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RealTransform", "export_wisdom", "import_wisdom"]

EFFORT = "FFTW_ESTIMATE"  # MEASURE repays its planning only on large arrays, and picks by the clock


class RealTransform:
    """Unnormalised forward and normalised backward transform of a real array of fixed shape.

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

    def __init__(self, shape: tuple[int, ...], effort: str = EFFORT) -> None:
        import pyfftw

        half = (*shape[:-1], shape[-1] // 2 + 1)
        axes = tuple(range(len(shape)))
        self._real = pyfftw.empty_aligned(shape, dtype="float64")
        self._spectrum = pyfftw.empty_aligned(half, dtype="complex128")
        flags = (effort, "FFTW_DESTROY_INPUT")
        self._forward = pyfftw.FFTW(self._real, self._spectrum, axes=axes, flags=flags, threads=1)
        self._backward = pyfftw.FFTW(
            self._spectrum, self._real, axes=axes, direction="FFTW_BACKWARD", flags=flags, threads=1
        )
        self._scale = 1.0 / np.prod(shape)

    @property
    def memory(self) -> int:
        """Bytes of the buffers."""
        return int(self._real.nbytes + self._spectrum.nbytes)

    def forward(self, values: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Transform over all axes (half spectrum on the last); the result lives until the next call."""
        self._real[...] = values
        self._forward.execute()
        spectrum: NDArray[np.complex128] = self._spectrum
        return spectrum

    def backward(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Inverse transform, a new array."""
        self._spectrum[...] = spectrum
        self._backward.execute()
        return np.asarray(self._real * self._scale)


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

"""Shifts of band-limited data along one axis, exact: by the phases of their Fourier coefficients.

The trigonometric interpolant of n values, f(x) = Σ_k f̂_k e^{2πi k x/nh}, is moved by s cells when f̂_k is
multiplied by e^{−2πi k s/n}; the highest mode of an even n, which has no partner, by cos(πs). Nothing is
damped: the scheme does not smooth filaments, it returns what they hold when they are no longer resolved.

Lines of an open axis are continued by zero to twice their length, so that nothing comes back at the other
end and what leaves can be counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mfpde_solvers.advection import AxisShift
from mfpde_solvers.fourier import RealTransform
from mfpde_solvers.lagrange import Integers, compiled
from mfpde_solvers.sweeps import offset

__all__ = ["FourierShift"]

Array = NDArray[Any]

BATCH = 2**14  # values transformed together: the lines and their spectra stay in cache
EXACT = 16  # modes between two phases computed afresh, so that errors of the recurrence stay at round-off


@compiled
def _rotate(
    spectrum: Array,
    s: Array,
    n: int,
    cells: int,
    first: tuple[int, int],
    count: tuple[int, int],
    walks: tuple[Integers, Integers, Integers, Integers],
) -> None:
    """Multiply the spectra of the lines by the phases of their displacements, and by 1/n.

    Lines are those of the block ``first … first + count`` of (outer, inner) indices; ``cells ≥ 0`` bounds the
    displacement of an open axis.
    """
    for line in range(count[0] * count[1]):
        o, i = first[0] + line // count[1], first[1] + line % count[1]
        shift = s[offset(o, walks[0], walks[1]) + offset(i, walks[2], walks[3])]
        if cells > 0:
            shift = min(max(shift, -cells), cells)
        angle = -2 * np.pi * (shift / n - np.floor(shift / n))
        step = np.exp(1j * angle)
        factor = step
        row = spectrum[line]
        for k in range(row.size):
            factor = np.exp(1j * (angle * k)) / n if k % EXACT == 0 else factor * step
            row[k] *= factor
        if n % 2 == 0:
            # undo the last phase: its mode is real
            row[n // 2] *= np.conj(factor) * n * np.cos(np.pi * shift)


class FourierShift(AxisShift):
    """Shift arrays of one shape along one axis by trigonometric interpolation, in place, on one thread.

    The interface is that of :class:`mfpde_solvers.advection.Shift`. Lines are gathered, transformed and put
    back in batches, so that no transform is strided.

    Parameters
    ----------
    shape : sequence of int
        Shape of the arrays.
    axis : int
        The axis to shift along.
    periodic : bool
        Whether the axis is a circle; an open one is continued by zero.
    dtype : float64 or float32
        Precision of the arrays.

    Raises
    ------
    ValueError
        If the shape, axis or dtype is not one of these.

    Examples
    --------
    >>> x = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    >>> f = np.sin(x)
    >>> lost = FourierShift(f.shape, 0, periodic=True)(f, 0.3)
    >>> bool(np.allclose(f, np.sin(x - 0.3 * np.pi / 4), atol=1e-15))
    True
    """

    def __init__(
        self, shape: Sequence[int], axis: int, *, periodic: bool, dtype: DTypeLike = np.float64
    ) -> None:
        from scipy.fft import next_fast_len

        super().__init__(shape, axis, periodic, dtype)
        n = self.shape[self.axis]
        self._n = n if self.periodic else next_fast_len(2 * n, real=True)
        outer, inner = prod(self.shape[: self.axis]), prod(self.shape[self.axis + 1 :])
        lines = max(1, BATCH // self._n)
        columns = min(inner, lines)
        self._block = min(outer, max(1, lines // columns)), columns
        self._transform = RealTransform((prod(self._block), self._n), dim=1, dtype=self.dtype)

    @property
    def memory(self) -> int:
        """Bytes of the buffers."""
        return self._transform.memory

    def __call__(self, f: Array, displacement: ArrayLike) -> float:
        """Replace ``f(x)`` by ``f(x - s h)`` and return the sum of the values that left the axis.

        Parameters, result and errors are those of :meth:`mfpde_solvers.advection.Shift.__call__`.
        """
        self._check(f)
        s = self._displacement(displacement)
        walks = self._walks(s.shape)
        n = self.shape[self.axis]
        lines = np.moveaxis(f.reshape(prod(self.shape[: self.axis]), n, -1), 1, 2)
        lost = 0.0
        for o in range(0, lines.shape[0], self._block[0]):
            for i in range(0, lines.shape[1], self._block[1]):
                block = lines[o : o + self._block[0], i : i + self._block[1]]
                lost += self._shift(block, s.ravel(), (o, i), walks)
        return lost

    def _shift(self, block: Array, s: Array, first: tuple[int, int], walks: Any) -> float:
        *count, n = block.shape
        real = self._transform.real[: prod(count)].reshape(*count, self._n)
        real[..., :n] = block
        real[..., n:] = 0.0
        self._transform.to_spectrum()
        _rotate(self._transform.spectrum, s, self._n, 0 if self.periodic else n, first, tuple(count), walks)
        self._transform.to_real()
        block[...] = real[..., :n]
        return float(real[..., n:].sum(dtype=float))

"""Transforms that keep two thirds of the wavenumbers, so that products of two fields are free of aliasing."""

from __future__ import annotations

from itertools import product
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.fourier import EFFORT, ComplexTransform, RealTransform, aligned

__all__ = ["DealiasedTransform", "block_size", "kept_modes"]

Array = NDArray[Any]

CACHE = 2**19  # bytes of the rows that are transformed together


def kept_modes(size: int) -> int:
    """The largest K < size/3: modes |m| ≤ K of a product of two such sums are not aliased.

    Examples
    --------
    >>> kept_modes(12), kept_modes(13)
    (3, 4)
    """
    return (size - 1) // 3


def block_size(rows: int, bytes_of_a_row: int) -> int:
    """Rows in each of the equal blocks that fit the cache."""
    blocks = ceil(rows * bytes_of_a_row / CACHE)
    return ceil(rows / blocks)


class DealiasedTransform:
    """Between a real array and its Fourier coefficients ρ̂(m) = n⁻¹ Σ_j ρ_j e^{−2πi m·j/n}, |mᵢ| < nᵢ/3.

    Coefficients stand in an array of shape (K_d + 1, 2K₁ + 1, …, 2K_{d−1} + 1): the last axis comes first,
    with its half m ≥ 0, the others have the order 0 … K, −K … −1. Only kept wavenumbers of the last axis take
    part in the transforms along the other axes.

    Parameters
    ----------
    shape : tuple of int
    effort, engine : str
        As for :class:`mfpde_solvers.fourier.RealTransform`.

    Attributes
    ----------
    kept : tuple of int
        K of each axis.
    weights : array (K_d + 1,)
        1 for m_d = 0 and 2 for m_d > 0: the mean of ρ² is Σ weight |ρ̂|².

    Examples
    --------
    >>> transform = DealiasedTransform((12, 9))
    >>> transform.spectral_shape
    (3, 7)
    """

    def __init__(self, shape: tuple[int, ...], effort: str = EFFORT, *, engine: str | None = None) -> None:
        *others, last = shape
        self.shape, self.kept = shape, tuple(kept_modes(n) for n in shape)
        self.spectral_shape = (self.kept[-1] + 1, *(2 * K + 1 for K in self.kept[:-1]))
        self.weights = np.where(np.arange(self.kept[-1] + 1) == 0, 1.0, 2.0)
        self._count = prod(others)
        self._coefficients, planes = aligned((2, self.kept[-1] + 1, *others))
        self._inner = None
        if others:
            self._inner = ComplexTransform(self._coefficients, planes, len(others), effort, engine=engine)
        else:
            planes = self._coefficients
        self._columns = planes.reshape(1, self.kept[-1] + 1, self._count)
        self._block = block_size(self._count, 24 * last)
        self._rows = RealTransform((1, self._block, last), effort, dim=1, engine=engine)
        self._corners = list(product(*(((0, K + 1, 0), (-K, None, K + 1)) for K in self.kept[:-1])))

    @property
    def memory(self) -> int:
        """Bytes of the buffers."""
        return int(2 * self._coefficients.nbytes) + self._rows.memory

    def modes(self) -> tuple[Array, ...]:
        """The integers m of each axis of the real array, broadcastable to the coefficients."""
        dim = len(self.shape)
        modes = []
        for axis, K in enumerate(self.kept):
            last = axis == dim - 1
            m = np.arange(K + 1) if last else np.concatenate([np.arange(K + 1), np.arange(-K, 0)])
            modes.append(m.reshape([-1 if place == (0 if last else axis + 1) else 1 for place in range(dim)]))
        return tuple(modes)

    def to_real(self, spectrum: Array, out: Array) -> Array:
        """The real array of these coefficients, written to ``out`` (C-contiguous) and returned."""
        from mfpde_solvers.transposition import gather

        self._spread(spectrum)
        if self._inner is not None:
            self._inner.backward()
        flat, rows = out.reshape(self._count, self.shape[-1]), self._rows
        for first in range(0, self._count, self._block):
            count = min(self._block, self._count - first)
            gather(self._columns, first, count, rows.spectrum)
            rows.to_real()
            flat[first : first + count] = rows.real[0, :count]
        return out

    def to_spectrum(self, real: Array, out: Array) -> Array:
        """The coefficients of a real array, written to ``out`` and returned."""
        from mfpde_solvers.transposition import scatter

        flat, rows = real.reshape(self._count, self.shape[-1]), self._rows
        for first in range(0, self._count, self._block):
            count = min(self._block, self._count - first)
            rows.real[0, :count] = flat[first : first + count]
            rows.to_spectrum()
            scatter(rows.spectrum, first, count, self._columns)
        if self._inner is not None:
            self._inner.forward()
        self._pick(out)
        return out

    def _spread(self, spectrum: Array) -> None:
        from mfpde_solvers.transposition import spread

        if len(self.shape) == 2:
            spread(spectrum, self._coefficients)
            return
        self._coefficients[...] = 0.0
        for there, here in self._places():
            self._coefficients[there] = spectrum[here]

    def _pick(self, out: Array) -> None:
        from mfpde_solvers.transposition import pick

        scale = 1 / prod(self.shape)
        if len(self.shape) == 2:
            pick(self._coefficients, scale, out)
            return
        for there, here in self._places():
            np.multiply(self._coefficients[there], scale, out=out[here])

    def _places(self) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """Where blocks of non-negative and negative wavenumbers stand, with and without those left out."""
        everything = slice(None)
        return [
            (
                (everything, *(slice(first, last) for first, last, _ in corner)),
                (everything, *(slice(0, last) if last else slice(here, None) for _, last, here in corner)),
            )
            for corner in self._corners
        ]

"""Convolutions of densities with the matrix a(z) and the vector b(z), by real tables of one octant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mfpde_solvers import convolution as field
from mfpde_solvers.fourier import RealTransform
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau.lattice import collision_lattice
from mfpde_solvers.landau.symbols import truncated_symbol

__all__ = ["CollisionConvolution", "lattice_convolution", "periodic_convolution", "spectral_convolution"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class CollisionConvolution:
    """The maps f ↦ a ∗ f, g ↦ a ∗ g = Σ_l a_jl ∗ g_l and f ↦ b ∗ f on the cells of a box.

    Parameters
    ----------
    box : tuple of int
        Cells of the box.
    shape : tuple of int
        Size of the transforms: twice that of the box for the whole space, that of the box for a torus.
    matrix : list of arrays
        Transforms of a_xx, a_xy, … (upper triangle, row by row) at the wavenumbers k ≥ 0 of ``shape``.
    vector : list of arrays, optional
        i b̂ at the same wavenumbers.
    """

    def __init__(
        self,
        box: tuple[int, ...],
        shape: tuple[int, ...],
        matrix: Sequence[FloatArray],
        vector: Sequence[FloatArray] = (),
    ) -> None:
        d = self._dim = len(box)
        self._box = tuple(slice(0, n) for n in box)
        self._padded = shape != box
        upper = [(i, j) for i in range(d) for j in range(i, d)]
        self._places = {pair: place for place, (i, j) in enumerate(upper) for pair in ((i, j), (j, i))}
        self._matrix = [_Table(table, {i, j} if i != j else set(), d) for table, (i, j) in zip(matrix, upper)]
        self._vector = [_Table(table, {i}, d) for i, table in enumerate(vector)]
        self._transform = RealTransform(shape)
        kept = 1 if vector else d
        self._spectra = np.empty((kept, *self._transform.spectrum.shape), dtype=complex)

    @property
    def memory(self) -> int:
        """Bytes of tables and buffers."""
        tables = sum(table.values.nbytes for table in (*self._matrix, *self._vector))
        return tables + self._spectra.nbytes + self._transform.memory

    @property
    def has_vector(self) -> bool:
        """Whether b ∗ f is known."""
        return bool(self._vector)

    @property
    def transforms(self) -> tuple[RealTransform, int]:
        """The transform, and how many of them a matrix and a vector field take."""
        d = self._dim
        return self._transform, (1 + d if self._vector else 1 + 2 * d) + len(self._matrix)

    def matrix(self, f: FloatArray, out: FloatArray) -> None:
        """Fill ``out`` (d(d+1)/2, …) with a ∗ f, and keep the transform of f."""
        self._keep(0, f)
        for table, target in zip(self._matrix, out, strict=True):
            table.scale(self._spectra[0], self._transform.spectrum)
            self._extract(target)

    def vector(self, out: FloatArray) -> None:
        """Fill ``out`` (d, …) with b ∗ f for the f of the last :meth:`matrix`."""
        for table, target in zip(self._vector, out, strict=True):
            table.scale(self._spectra[0], self._transform.spectrum)
            self._extract(target)

    def contraction(self, g: FloatArray, out: FloatArray) -> None:
        """Fill ``out`` (d, …) with a ∗ g for a vector field g of the same shape."""
        for place, component in enumerate(g):
            self._keep(place, component)
        for i, target in enumerate(out):
            self._matrix[self._places[i, 0]].scale(self._spectra[0], self._transform.spectrum)
            for j in range(1, self._dim):
                self._matrix[self._places[i, j]].add(self._spectra[j], self._transform.spectrum)
            self._extract(target)

    def _keep(self, place: int, f: FloatArray) -> None:
        if self._padded:
            self._transform.real[...] = 0.0
        self._transform.real[self._box] = f
        self._transform.to_spectrum()
        self._spectra[place] = self._transform.spectrum

    def _extract(self, target: FloatArray) -> None:
        self._transform.to_real()
        np.multiply(self._transform.real[self._box], self._transform.scale, out=target)


class _Table:
    """A real or imaginary transform (−i)^s B(k) with s odd axes, kept for k ≥ 0."""

    def __init__(self, values: FloatArray, odd: set[int], dim: int) -> None:
        self.values = np.ascontiguousarray(values).reshape((1,) * (3 - dim) + values.shape)
        self._signs = tuple(-1.0 if axis - 3 + dim in odd else 1.0 for axis in range(2))
        self._phase = (1.0, -1j, -1.0)[len(odd)]

    def scale(self, spectrum: ComplexArray, out: ComplexArray) -> None:
        """``out`` = transform of the kernel times ``spectrum``."""
        _scale(self.values, self._signs, complex(self._phase), _three(spectrum), _three(out))

    def add(self, spectrum: ComplexArray, out: ComplexArray) -> None:
        """Add the transform of the kernel, a real one, times ``spectrum``."""
        _add(self.values, self._signs, float(np.real(self._phase)), _three(spectrum), _three(out))


def _three(spectrum: ComplexArray) -> ComplexArray:
    return spectrum.reshape((1,) * (3 - spectrum.ndim) + spectrum.shape)


@njit(cache=True)
def _mirrored(i: int, n: int, sign: float) -> tuple[int, float]:
    """Place of a wavenumber in the octant, and the sign there."""
    return (i, 1.0) if 2 * i <= n else (n - i, sign)


@njit(cache=True)
def _scale(table: Any, signs: Any, phase: complex, f: Any, out: Any) -> None:
    for i in range(f.shape[0]):
        a, sign_a = _mirrored(i, f.shape[0], signs[0])
        for j in range(f.shape[1]):
            b, sign_b = _mirrored(j, f.shape[1], signs[1])
            factor, row, source, target = phase * (sign_a * sign_b), table[a, b], f[i, j], out[i, j]
            if factor.imag == 0.0:
                for k in range(row.size):
                    target[k] = (factor.real * row[k]) * source[k]
            else:
                for k in range(row.size):
                    t = factor.imag * row[k]
                    target[k] = complex(-t * source[k].imag, t * source[k].real)


@njit(cache=True)
def _add(table: Any, signs: Any, phase: float, f: Any, out: Any) -> None:
    for i in range(f.shape[0]):
        a, sign_a = _mirrored(i, f.shape[0], signs[0])
        for j in range(f.shape[1]):
            b, sign_b = _mirrored(j, f.shape[1], signs[1])
            factor, row, source, target = phase * sign_a * sign_b, table[a, b], f[i, j], out[i, j]
            for k in range(row.size):
                target[k] += (factor * row[k]) * source[k]


def lattice_convolution(exponent: float, grid: Grid, order: int) -> CollisionConvolution:
    """Sums over the cells with the corrected kernel of :mod:`mfpde_solvers.landau.lattice`, exactly."""
    from scipy.fft import dct, dst

    tables = []
    for component, odd in zip(
        collision_lattice(exponent, grid.shape, grid.spacing, order), _odd_axes(grid.dim), strict=True
    ):
        table = component
        for place in range(grid.dim):
            along = np.moveaxis(table, place, -1)
            if place in odd:
                transformed = np.zeros_like(along)
                transformed[..., 1:-1] = dst(along[..., 1:-1], type=1)
            else:
                transformed = dct(along, type=1)
            table = np.moveaxis(transformed, -1, place)
        tables.append(table)
    return CollisionConvolution(grid.shape, tuple(2 * n for n in grid.shape), tables)


def spectral_convolution(exponent: float, grid: Grid) -> CollisionConvolution:
    """Convolutions on the whole space, spectrally accurate for densities resolved by the grid.

    The kernel is truncated at the diameter of the ellipsoid inscribed in the box, beyond which the collision
    operator has no pairs, and its transform is known (F. Vico, L. Greengard and M. Ferrando, J. Comput. Phys.
    323 (2016) 191).
    """
    radius = max(axis.length for axis in grid.axes)
    half = [field._enlarged(axis, radius) for axis in grid.axes]
    k = [
        np.asarray(np.pi / (m * axis.spacing) * np.arange(m + 1), dtype=float)
        for m, axis in zip(half, grid.axes, strict=True)
    ]
    matrix, vector = _symbols(exponent, radius, k)

    def run_time(table: FloatArray, odd: set[int]) -> FloatArray:
        for place, axis in enumerate(grid.axes):
            table = field._to_run_time(table, place, axis, int(place in odd))
        return table

    matrix = [run_time(table, odd) for table, odd in zip(matrix, _odd_axes(grid.dim), strict=True)]
    vector = [run_time(table, {i}) for i, table in enumerate(vector)]
    return CollisionConvolution(grid.shape, tuple(2 * n for n in grid.shape), matrix, vector)


def periodic_convolution(exponent: float, grid: Grid, radius: float) -> CollisionConvolution:
    """Convolutions on the torus of the box with the kernel truncated at a radius (dimensionless)."""
    k = [
        np.asarray(2 * np.pi / axis.length * np.arange(axis.size // 2 + 1), dtype=float) for axis in grid.axes
    ]
    matrix, vector = _symbols(exponent, radius, k)
    for odd, table in [*zip(_odd_axes(grid.dim), matrix), *(({i}, t) for i, t in enumerate(vector))]:
        for place in odd:
            if grid.shape[place] % 2 == 0:
                np.moveaxis(table, place, 0)[-1] = 0.0
    return CollisionConvolution(grid.shape, grid.shape, matrix, vector)


def _symbols(
    exponent: float, radius: float, k: list[FloatArray]
) -> tuple[list[FloatArray], list[FloatArray]]:
    """The tables of â = α I + β k̂k̂ᵀ and of i b̂ = −k (α + β) at the octant of wavenumbers."""
    d = len(k)
    K = np.meshgrid(*k, indexing="ij", sparse=True)
    α, β = truncated_symbol(exponent, radius, list(K))
    k2 = sum(component**2 for component in K)
    upper = [(i, j) for i in range(d) for j in range(i, d)]
    matrix = [α + β * K[i] ** 2 if i == j else -β * K[i] * K[j] for i, j in upper]
    return matrix, [-component * (α + β * k2) for component in K]


def _odd_axes(dim: int) -> list[set[int]]:
    """Axes in which each component of the upper triangle is odd."""
    return [{i, j} if i != j else set() for i in range(dim) for j in range(i, dim)]

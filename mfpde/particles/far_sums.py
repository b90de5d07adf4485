"""Sums of a kernel of finite bandwidth over all pairs, by non-uniform fast Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mfpde.particles.ewald_split import PowerSplit

__all__ = [
    "Box",
    "FarSums",
    "free_coefficients",
    "middle_coefficients",
    "potential_at_origin",
    "power",
    "stokeslet_at_origin",
    "torus_coefficients",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Function = TypeVar("Function", bound=Callable[..., Any])


class Box(NamedTuple):
    """Periods of the Fourier series of the far part, and the highest mode along each axis.

    If ``outer`` is not 0, the series holds only what is within that range of the particles.
    """

    periods: tuple[float, ...]
    modes: tuple[int, ...]
    outer: float = 0.0

    @property
    def total(self) -> int:
        """Number of modes."""
        return prod(2 * m + 1 for m in self.modes)


def torus_coefficients(split: PowerSplit, reach: float, box: Box) -> FloatArray:
    """Fourier coefficients of the far part of V, periodised with zero mean, for modes 0 … m of each axis."""
    κ2 = _wavenumbers_squared(reach, box)
    κ2.flat[0] = 1.0
    coefficients = split.far_transform(np.sqrt(κ2)) * (reach ** (split.dim - split.order) / prod(box.periods))
    coefficients.flat[0] = 0.0
    return np.asarray(coefficients)


def middle_coefficients(split: PowerSplit, reach: float, box: Box) -> FloatArray:
    """The same of the far part of V less that for the range ``box.outer``, on the whole space.

    Periods are as long as the particles' extent and that range: no image is met.
    """
    transform = split.middle_transform(np.sqrt(_wavenumbers_squared(reach, box)), box.outer / reach)
    return np.asarray(transform * (reach ** (split.dim - split.order) / prod(box.periods)))


def _wavenumbers_squared(reach: float, box: Box) -> FloatArray:
    """(k·reach)² of the modes 0 … m of each axis."""
    pairs = zip(box.periods, box.modes, strict=True)
    return _squares([np.asarray(2 * np.pi * reach / L * np.arange(m + 1)) for L, m in pairs])


def free_coefficients(split: PowerSplit, reach: float, box: Box) -> FloatArray:
    """Fourier coefficients, for modes 0 … m of each axis, of the far part of V times a window.

    With the range R and the periods Pᵢ the window is 1 where |zᵢ| ≤ Pᵢ/2 − R and 0 where |zᵢ| ≥ Pᵢ/2 + R.
    Offsets up to Pᵢ/2 − R thus meet neither the window nor an image. The window has the bandwidth of the
    far part itself.
    """
    from scipy.fft import dctn, next_fast_len

    # a third more samples than modes: products with the window have some wavenumbers beyond
    sizes = [next_fast_len(m + m // 3 + 8, real=True) for m in box.modes]
    steps = [P / (2 * n) for P, n in zip(box.periods, sizes, strict=True)]
    overlaps = [min(int(reach / h), n) for h, n in zip(steps, sizes, strict=True)]
    offsets = [h * np.arange(n + e + 1) for h, n, e in zip(steps, sizes, overlaps, strict=True)]
    values = split.far_potential(np.sqrt(_squares(offsets)), reach)
    for axis, (z, n, e) in enumerate(zip(offsets, sizes, overlaps, strict=True)):
        values = np.moveaxis(values, axis, -1)
        values = values * split.step((z - z[n]) / reach)
        folded = values[..., : n + 1].copy()
        folded[..., n - e :] += values[..., n:][..., ::-1]
        values = np.moveaxis(folded, -1, axis)
    coefficients = dctn(values, type=1) / prod(2 * n for n in sizes)
    return np.ascontiguousarray(coefficients[tuple(slice(0, m + 1) for m in box.modes)])


def _squares(components: list[FloatArray]) -> FloatArray:
    return np.asarray(sum(c**2 for c in np.meshgrid(*components, indexing="ij", sparse=True)))


class FarSums:
    """Transforms between points and Fourier coefficients, planned once for a number of points.

    One thread: with two, sums would depend on the order in which threads finish.
    """

    def __init__(self, box: Box, size: int, tolerance: float) -> None:
        import finufft

        self.box, self.size = box, size
        shape = tuple(2 * m + 1 for m in box.modes)
        kinds = ((1, -1), (2, 1))
        self._to_modes, self._to_points = (
            finufft.Plan(kind, shape, eps=tolerance, isign=sign, nthreads=1) for kind, sign in kinds
        )
        pairs = zip(box.periods, box.modes, strict=True)
        self._wavenumbers = [2 * np.pi / L * np.arange(-m, m + 1) for L, m in pairs]

    def spectrum(self, x: FloatArray, mass: FloatArray) -> ComplexArray:
        """S(k) = Σⱼ mⱼ e^{−ik·xⱼ} for modes −m … m, with axes of length 1 in front up to three."""
        angles = [np.ascontiguousarray(2 * np.pi / L * x[:, i]) for i, L in enumerate(self.box.periods)]
        self._to_modes.setpts(*angles)
        self._to_points.setpts(*angles)
        return np.asarray(_padded(self._to_modes.execute(mass.astype(complex))))

    def forces(
        self, spectrum: ComplexArray, coefficients: FloatArray, vector: FloatArray | None = None
    ) -> FloatArray:
        """−∇ Σ_k V̂ S e^{ik·x} at the points of the spectrum, (N, d); (IΔ − ∇∇) of it applied to a vector.

        Two real components at a time, as real and imaginary part of one transform.
        """
        d = coefficients.ndim
        shape, pad, V = spectrum.shape[3 - d :], 3 - d, _padded(coefficients)
        k = tuple([np.zeros(1)] * pad + self._wavenumbers)
        out = np.empty((self.size, d))
        product = np.empty_like(spectrum)
        for a in range(0, d, 2):
            places = pad + a, (pad + a + 1 if a + 1 < d else -1)
            if vector is None:
                _gradients(spectrum, V, k, *places, product)
            else:
                _stokeslets(spectrum, V, k, vector, *places, product)
            values = np.asarray(self._to_points.execute(product.reshape(shape)))
            out[:, a] = values.real
            if a + 1 < d:
                out[:, a + 1] = values.imag
        return out


def power(spectrum: ComplexArray, coefficients: FloatArray) -> float:
    """Σ_k V̂(k) |S(k)|²."""
    return float(_power(spectrum, _padded(coefficients)))


def potential_at_origin(coefficients: FloatArray) -> float:
    """Σ_k V̂(k)."""
    return float((coefficients * _multiplicity(coefficients)).sum())


def stokeslet_at_origin(box: Box, coefficients: FloatArray, vector: FloatArray) -> FloatArray:
    """−Σ_k V̂(k) (|k|²I − kkᵀ) g, where only the diagonal of the matrix is left."""
    weights = coefficients * _multiplicity(coefficients)
    axes = range(coefficients.ndim)
    squares = [
        float(((2 * np.pi / L * np.arange(m + 1)) ** 2) @ weights.sum(axis=tuple(set(axes) - {a})))
        for a, (L, m) in enumerate(zip(box.periods, box.modes, strict=True))
    ]
    return -(sum(squares) - np.array(squares)) * vector


def _multiplicity(coefficients: FloatArray) -> FloatArray:
    """How many modes −m … m share each coefficient."""
    counts = [np.where(np.arange(n) == 0, 1.0, 2.0) for n in coefficients.shape]
    return cast(FloatArray, prod(np.meshgrid(*counts, indexing="ij", sparse=True)))


def _padded(array: Any) -> Any:
    return array.reshape((1,) * (3 - array.ndim) + array.shape)


def _compiled(function: Function) -> Function:
    return cast(Function, njit(cache=True)(function))


@_compiled
def _power(S: ComplexArray, V: FloatArray) -> float:
    n0, n1, n2 = S.shape
    total = 0.0
    for i in range(n0):
        for j in range(n1):
            row = V[abs(i - n0 // 2), abs(j - n1 // 2)]
            part = 0.0
            for l in range(n2):
                part += row[abs(l - n2 // 2)] * (S[i, j, l].real ** 2 + S[i, j, l].imag ** 2)
            total += part
    return total


@_compiled
def _gradients(S: ComplexArray, V: FloatArray, k: Any, a: int, b: int, out: ComplexArray) -> None:
    """−i (k_a + i k_b) V̂ S; no second component for b < 0."""
    n0, n1, n2 = S.shape
    for i in range(n0):
        for j in range(n1):
            row = V[abs(i - n0 // 2), abs(j - n1 // 2)]
            for l in range(n2):
                κ = (k[0][i], k[1][j], k[2][l])
                second = κ[b] if b >= 0 else 0.0
                out[i, j, l] = (second - 1j * κ[a]) * row[abs(l - n2 // 2)] * S[i, j, l]


@_compiled
def _stokeslets(
    S: ComplexArray, V: FloatArray, k: Any, g: FloatArray, a: int, b: int, out: ComplexArray
) -> None:
    """−(M_a + i M_b) V̂ S with M = (|k|²I − kkᵀ) g."""
    n0, n1, n2 = S.shape
    for i in range(n0):
        for j in range(n1):
            row = V[abs(i - n0 // 2), abs(j - n1 // 2)]
            for l in range(n2):
                κ = (k[0][i], k[1][j], k[2][l])
                k2 = κ[0] ** 2 + κ[1] ** 2 + κ[2] ** 2
                along = κ[0] * g[0] + κ[1] * g[1] + κ[2] * g[2]
                second = k2 * g[b] - κ[b] * along if b >= 0 else 0.0
                factor = k2 * g[a] - κ[a] * along + 1j * second
                out[i, j, l] = -factor * row[abs(l - n2 // 2)] * S[i, j, l]

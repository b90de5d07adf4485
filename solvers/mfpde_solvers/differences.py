"""First derivatives along an axis as matrices, and their adjoints: central differences and Fourier series."""

from __future__ import annotations

from functools import lru_cache
from math import factorial, pi, prod
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["ORDERS", "CentralDifference", "Derivative", "FourierDerivative", "central_weights"]

FloatArray = NDArray[np.float64]

ORDERS = (2, 4, 6, 8)


class Derivative(Protocol):
    """A derivative D along one axis of an array."""

    @property
    def bound(self) -> float:
        """The norm of the matrix D, or more."""
        ...

    def apply(self, values: FloatArray, place: int, out: FloatArray) -> None:
        """Fill ``out`` with D along the axis at that place."""
        ...

    def adjoint(self, values: FloatArray, place: int, out: FloatArray) -> None:
        """Fill ``out`` with Dᵀ along the axis at that place."""
        ...


def central_weights(order: int) -> tuple[float, ...]:
    """Weights w₁, …, w_m of (D f)ᵢ = Σ_k w_k (f_{i+k} − f_{i−k}) / h, m = order/2.

    w_k = (−1)^{k+1} (m!)² / (k (m−k)! (m+k)!)  (B. Fornberg, Math. Comp. 51 (1988) 699).

    Examples
    --------
    >>> central_weights(4)
    (0.6666666666666666, -0.08333333333333333)
    """
    m = order // 2
    return tuple(
        (-1.0) ** (k + 1) * factorial(m) ** 2 / (k * factorial(m - k) * factorial(m + k))
        for k in range(1, m + 1)
    )


class CentralDifference:
    """Central differences of even order, whose order falls to 2 near the ends so that no value lies outside.

    The outermost cells have the derivative 0. In all others D1 = 0, Dv = 1 and D(v²/2) = v exactly: for
    fluxes J that vanish in the outermost cells, −DᵀJ keeps the sum, and sums of v and v²/2 change by those of
    J and vJ (summation by parts). Away from the ends the matrix is skew.

    Parameters
    ----------
    size : int
        Number of cells.
    spacing : float
        Width of a cell.
    order : {2, 4, 6, 8}

    Raises
    ------
    ValueError
        If the order is not one of these, or the axis too short.

    Examples
    --------
    >>> x = np.arange(9.0)
    >>> derivative, out = CentralDifference(9, 1.0, 4), np.empty(9)
    >>> derivative.apply(x**2, 0, out)
    >>> np.allclose(out[1:-1], 2 * x[1:-1])
    True
    """

    def __init__(self, size: int, spacing: float, order: int) -> None:
        if order not in ORDERS:
            raise ValueError(f"the order must be one of {', '.join(map(str, ORDERS))}, got {order!r}")
        if size <= 2 * order:
            raise ValueError(
                f"differences of order {order} need {2 * order + 1} cells or more along an axis, got {size}"
            )
        D = _central_matrix(size, order) / spacing
        self._rows, self._columns = ((M, _bands(M, order // 2)) for M in (D, np.ascontiguousarray(D.T)))
        angles = np.outer(np.linspace(0.0, pi, 500), np.arange(1, order // 2 + 1))
        symbol = np.abs(2 * np.sin(angles) @ np.array(central_weights(order))).max()
        self.bound = float(symbol) / spacing

    def apply(self, values: FloatArray, place: int, out: FloatArray) -> None:
        """Fill ``out`` with D along the axis at that place."""
        _banded(*self._rows, _cut(values, place), _cut(out, place))

    def adjoint(self, values: FloatArray, place: int, out: FloatArray) -> None:
        """Fill ``out`` with Dᵀ along the axis at that place."""
        _banded(*self._columns, _cut(values, place), _cut(out, place))


class FourierDerivative:
    """The derivative of the trigonometric interpolant of n cells, a skew matrix.

    Spectrally accurate for densities that are resolved and negligible at the ends. The unpaired highest mode
    of an even number of cells has the derivative 0.

    Examples
    --------
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> derivative, out = FourierDerivative(8, x[1]), np.empty(8)
    >>> derivative.apply(np.sin(3 * x), 0, out)
    >>> np.allclose(out, 3 * np.cos(3 * x))
    True
    """

    def __init__(self, size: int, spacing: float) -> None:
        self._matrix = _fourier_matrix(size) / spacing
        self._adjoint = np.ascontiguousarray(self._matrix.T)
        self.bound = pi / spacing

    def apply(self, values: FloatArray, place: int, out: FloatArray) -> None:
        """Fill ``out`` with D along the axis at that place."""
        _dense(self._matrix, _cut(values, place), _cut(out, place))

    def adjoint(self, values: FloatArray, place: int, out: FloatArray) -> None:
        """Fill ``out`` with Dᵀ along the axis at that place."""
        _dense(self._adjoint, _cut(values, place), _cut(out, place))


def _central_matrix(size: int, order: int) -> FloatArray:
    """The central differences of cells of width 1."""
    D = np.zeros((size, size))
    for i in range(1, size - 1):
        m = min(i, size - 1 - i, order // 2)
        for k, weight in enumerate(central_weights(2 * m), start=1):
            D[i, i + k], D[i, i - k] = weight, -weight
    return D


@lru_cache(maxsize=32)
def _fourier_matrix(size: int) -> FloatArray:
    """D[i, j] = (−1)^{i−j} (π/n) cot(π(i−j)/n), with 1/sin in place of cot for odd n; cells of width 1."""
    m = np.arange(1, size)
    angles = pi * m / size
    column = np.zeros(size)
    column[1:] = (-1.0) ** m * pi / size / (np.tan(angles) if size % 2 == 0 else np.sin(angles))
    offsets = np.arange(size)[:, None] - np.arange(size)
    D: FloatArray = np.where(offsets >= 0, 1.0, -1.0) * column[np.abs(offsets)]
    D.flags.writeable = False
    return D


def _bands(matrix: FloatArray, half: int) -> FloatArray:
    """Elements (i, i + k − half) of a matrix at [i, k]; those outside are 0."""
    padded = np.pad(matrix, ((0, 0), (half, half)))
    return np.array([row[i : i + 2 * half + 1] for i, row in enumerate(padded)])


def _cut(values: FloatArray, place: int) -> FloatArray:
    """The array as (before, along, after) the axis."""
    shape = values.shape
    cut: FloatArray = values.reshape(prod(shape[:place]), shape[place], -1)
    return cut


def _banded(matrix: FloatArray, bands: FloatArray, values: FloatArray, out: FloatArray) -> None:
    """By bands where whole rows are combined; along contiguous memory a dense product is faster."""
    if values.shape[2] == 1:
        _dense(matrix, values, out)
    else:
        _multiply(bands, values, out)


def _dense(matrix: FloatArray, values: FloatArray, out: FloatArray) -> None:
    if values.shape[2] == 1:
        np.matmul(values[..., 0], matrix.T, out=out[..., 0])
    else:
        np.matmul(matrix, values, out=out)


@njit(cache=True)
def _multiply(bands: Any, f: Any, out: Any) -> None:
    """out[o, i, :] = Σ_k bands[i, k] f[o, i + k − half, :]."""
    n, width = bands.shape
    half = width // 2
    for o in range(f.shape[0]):
        for i in range(n):
            target = out[o, i]
            target[:] = 0.0
            for k in range(width):
                weight = bands[i, k]
                if weight != 0.0:
                    source = f[o, i + k - half]
                    for m in range(target.size):
                        target[m] += weight * source[m]

"""A compiled sum over coefficients by parts of the spectrum. Imported on first use only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["sums_by_part"]

Array = NDArray[Any]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def sums_by_part(coefficients: Array, weights: Array, parts: Array) -> Array:
    """Σ w |ρ̂|² of each part of the spectrum, for an array (densities, rows, length).

    ``weights`` is one for each row, ``parts`` (rows, length) the number 0 … 8 of the part of each mode.
    """
    sums = np.zeros((coefficients.shape[0], 9))
    for m in range(coefficients.shape[0]):
        for row in range(coefficients.shape[1]):
            for i in range(coefficients.shape[2]):
                z = coefficients[m, row, i]
                sums[m, parts[row, i]] += weights[row] * (z.real * z.real + z.imag * z.imag)
    return sums

"""Compiled passes between the two stages of the pruned transforms of :mod:`mfpde_solvers.dealiased`.

Columns are arrays (fields, kept, rows): for each wavenumber of the last axis all the rows of the others. Rows
are arrays (fields, block, half): the half spectra of a block of rows. Imported on first use only: numba is
slow to load.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

__all__ = ["gather", "pick", "scatter", "spread"]

Array = NDArray[Any]

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@compiled
def gather(columns: Array, first: int, count: int, rows: Array) -> None:
    """Rows ``first, …`` of the columns, continued by zero beyond the kept wavenumbers."""
    kept = columns.shape[1]
    for field in range(columns.shape[0]):
        for k in range(kept):
            for b in range(count):
                rows[field, b, k] = columns[field, k, first + b]
        for b in range(rows.shape[1]):
            rows[field, b, kept:] = 0.0


@compiled
def scatter(rows: Array, first: int, count: int, columns: Array) -> None:
    """The kept wavenumbers of rows, put in their place in the columns."""
    for field in range(columns.shape[0]):
        for k in range(columns.shape[1]):
            for b in range(count):
                columns[field, k, first + b] = rows[field, b, k]


@compiled
def spread(spectrum: Array, columns: Array) -> None:
    """Compact modes 0 … K, −K … −1 of each column in their places, zero between."""
    K = spectrum.shape[1] // 2
    n = columns.shape[1]
    for k in range(spectrum.shape[0]):
        for j in range(K + 1):
            columns[k, j] = spectrum[k, j]
        columns[k, K + 1 : n - K] = 0.0
        for j in range(K):
            columns[k, n - K + j] = spectrum[k, K + 1 + j]


@compiled
def pick(columns: Array, scale: float, spectrum: Array) -> None:
    """The inverse of ``spread``, times a factor."""
    K = spectrum.shape[1] // 2
    n = columns.shape[1]
    for k in range(spectrum.shape[0]):
        for j in range(K + 1):
            spectrum[k, j] = scale * columns[k, j]
        for j in range(K):
            spectrum[k, K + 1 + j] = scale * columns[k, n - K + j]

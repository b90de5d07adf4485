"""Compiled passes of :mod:`mfpde_solvers.navier_stokes`. Imported on first use only: numba is slow to load.

Columns are arrays (K_y + 1, 2, n_x): for each k_y ≥ 0 the coefficients of k_y and of −k_y, along x. Rows are
blocks (block, n_y) of the complex field z = u + iv.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

__all__ = ["advection", "gather", "scatter", "square", "velocities"]

Array = NDArray[Any]

compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
vectorised = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


@compiled
def velocities(spectrum: Array, kx: Array, ky: Array, columns: Array) -> None:
    """ẑ(k) = (k_x + i k_y) ω̂(k)/|k|², for k_y and −k_y: there ω̂(−k) is the conjugate."""
    K, n = kx.size // 2, columns.shape[2]
    for k in range(ky.size):
        there, mirrored = columns[k, 0], columns[k, 1]
        for j in range(2 * K + 1):
            ω = spectrum[k, j]
            ψ = 1.0 / (kx[j] * kx[j] + ky[k] * ky[k])
            place = j if j <= K else n - 2 * K - 1 + j
            there[place] = complex(
                ψ * (kx[j] * ω.real - ky[k] * ω.imag), ψ * (kx[j] * ω.imag + ky[k] * ω.real)
            )
            mirrored[(n - place) % n] = complex(
                -ψ * (kx[j] * ω.real + ky[k] * ω.imag), ψ * (kx[j] * ω.imag - ky[k] * ω.real)
            )
        there[K + 1 : n - K] = 0.0
        mirrored[K + 1 : n - K] = 0.0
        if ky[k] == 0:
            there[0] = 0.0
            mirrored[:] = 0.0


@compiled
def gather(columns: Array, first: int, count: int, rows: Array) -> None:
    """Rows ``first, …`` of the columns; wavenumbers that are not kept stay zero."""
    n = rows.shape[1]
    for b in range(count):
        rows[b, 0] = columns[0, 0, first + b]
    for k in range(1, columns.shape[0]):
        for b in range(count):
            rows[b, k] = columns[k, 0, first + b]
        for b in range(count):
            rows[b, n - k] = columns[k, 1, first + b]


@compiled
def scatter(rows: Array, first: int, count: int, columns: Array) -> None:
    """The kept wavenumbers of rows, put in their place in the columns."""
    n = rows.shape[1]
    for b in range(count):
        columns[0, 0, first + b] = rows[b, 0]
    for k in range(1, columns.shape[0]):
        for b in range(count):
            columns[k, 0, first + b] = rows[b, k]
        for b in range(count):
            columns[k, 1, first + b] = rows[b, n - k]


@vectorised
def square(z: Array, count: int) -> tuple[float, float]:
    """Replace z by z² = u² − v² + 2i uv; the largest u² and v²."""
    fastest_u, fastest_v = 0.0, 0.0
    for b in range(count):
        row = z[b]
        for i in range(row.size):
            u, v = row[i].real, row[i].imag
            uu, vv = u * u, v * v
            fastest_u, fastest_v = max(fastest_u, uu), max(fastest_v, vv)
            row[i] = complex(uu - vv, 2 * (u * v))
    return fastest_u, fastest_v


@compiled
def advection(columns: Array, kx: Array, ky: Array, scale: float, out: Array) -> None:
    """(k_x² − k_y²) (uv)^ − k_x k_y (u² − v²)^ from w = (z²)^ in the columns, times a factor.

    (u² − v²)^ = (w(k) + w(−k)*)/2 and (uv)^ = (w(k) − w(−k)*)/4i.
    """
    K, n = kx.size // 2, columns.shape[2]
    for k in range(ky.size):
        there = columns[k, 0]
        mirrored = columns[k, 0] if ky[k] == 0 else columns[k, 1]
        for j in range(2 * K + 1):
            place = j if j <= K else n - 2 * K - 1 + j
            w, m = there[place], mirrored[(n - place) % n]
            a = 0.25 * scale * (kx[j] * kx[j] - ky[k] * ky[k])
            b = 0.5 * scale * kx[j] * ky[k]
            out[k, j] = complex(
                a * (w.imag + m.imag) - b * (w.real + m.real), a * (m.real - w.real) - b * (w.imag - m.imag)
            )

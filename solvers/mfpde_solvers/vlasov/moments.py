"""Marginals of a phase-space density in one pass over it, accumulated in double precision."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid
from mfpde_solvers.lagrange import Function, compiled

__all__ = ["position_density", "velocity_density"]

Array = NDArray[Any]


def reordered(function: Function) -> Function:
    """As ``compiled``; a sum may become several partial ones, the same in every call."""
    return cast(Function, njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})(function))


@reordered
def _row_sums(f: Array, out: Array) -> None:
    for i in range(f.shape[0]):
        total = 0.0
        for j in range(f.shape[1]):
            total += f[i, j]
        out[i] = total


@compiled
def _column_sums(f: Array, out: Array) -> None:
    out[:] = 0.0
    for i in range(f.shape[0]):
        row = f[i]
        for j in range(out.size):
            out[j] += row[j]


def position_density(f: Array, grid: Grid) -> NDArray[np.float64]:
    """ρ = ∫ f dv, of the shape of ``grid.positions``; ``f`` is C-contiguous, float64 or float32."""
    positions, velocities = grid.positions, grid.velocities
    ρ = np.empty(positions.shape)
    _row_sums(f.reshape(ρ.size, -1), ρ.reshape(-1))
    ρ *= velocities.cell_volume
    return ρ


def velocity_density(f: Array, grid: Grid) -> NDArray[np.float64]:
    """∫ f dx, of the shape of ``grid.velocities``; ``f`` is C-contiguous, float64 or float32."""
    positions, velocities = grid.positions, grid.velocities
    g = np.empty(velocities.shape)
    _column_sums(f.reshape(-1, g.size), g.reshape(-1))
    g *= positions.cell_volume
    return g

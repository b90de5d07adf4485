"""Implicit sweeps along the lines of one axis: positive, conservative, dissipative, second order in time.

dρ/dt = Lρ with the rates of :mod:`mfpde_solvers.mckean_vlasov.fluxes` is advanced from a to b by b = a + τ
L c with the arithmetic mean c = (a + b)/2 where b ≥ a, the harmonic mean c = 2ab/(a + b) where b < a.
Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.mckean_vlasov.elimination import LANES, advance
from mfpde_solvers.mckean_vlasov.fluxes import compiled

__all__ = ["sweep"]

Array = NDArray[Any]


@compiled
def sweep(density: Array, up: Array, down: Array, duration: float, periodic: bool) -> bool:
    """Advance ``density`` in place; ``False``, with part of the lines done, if Newton's iteration fails.

    Parameters
    ----------
    density, up, down : arrays (outer, n, inner)
        Densities along the axis in the middle, and the rates at the face after each cell.
    duration : float
        τ.
    periodic : bool
        Whether the last face joins the ends.
    """
    outer, n, inner = density.shape
    lines = np.zeros((4, n, LANES))
    a, U, D, b = lines[0], lines[1], lines[2], lines[3]
    work, lane = np.empty((4, n, LANES)), np.empty((9, LANES))
    count, planes = (outer, 1) if inner == 1 else (inner, outer)
    for o in range(planes):
        for first in range(0, count, LANES):
            width = min(LANES, count - first)
            if width < LANES:
                lines[:] = 0.0
            _load(density, o, first, width, 1.0, a)
            _load(up, o, first, width, duration, U)
            _load(down, o, first, width, duration, D)
            if not advance(a, U, D, periodic, work, lane, b):
                return False
            _store(b, o, first, width, density)
    return True


@compiled
def _load(array: Array, o: int, first: int, width: int, factor: float, lines: Array) -> None:
    """Neighbouring lines of an array side by side, times a factor."""
    _, n, inner = array.shape
    if inner == 1:
        for l in range(width):
            for i in range(n):
                lines[i, l] = factor * array[first + l, i, 0]
    else:
        for i in range(n):
            for l in range(width):
                lines[i, l] = factor * array[o, i, first + l]


@compiled
def _store(lines: Array, o: int, first: int, width: int, array: Array) -> None:
    """The opposite of ``_load``."""
    _, n, inner = array.shape
    if inner == 1:
        for l in range(width):
            for i in range(n):
                array[first + l, i, 0] = lines[i, l]
    else:
        for i in range(n):
            for l in range(width):
                array[o, i, first + l] = lines[i, l]

"""Distances between weighted points on lines, circles and their products, and exact plans between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Axis

__all__ = ["MAX_PAIRS", "cheapest_plan", "check_pairs", "squared_distances"]

FloatArray = NDArray[np.float64]

MAX_PAIRS = 2**23
"""Entries of a matrix of distances that are accepted: 64 MB, and seconds for the network simplex."""

ITERATIONS = 10_000_000


def squared_distances(x: FloatArray, y: FloatArray, axes: Sequence[Axis]) -> FloatArray:
    """Matrix (N, M) of |xᵢ − yⱼ|² of points (N, n) and (M, n), by the nearest images on periodic axes."""
    total = np.zeros((len(x), len(y)))
    for i, axis in enumerate(axes):
        z = x[:, i, np.newaxis] - y[:, i]
        if axis.periodic:
            z -= axis.length * np.round(z / axis.length)
        total += np.square(z, out=z)
    return total


def check_pairs(first: int, second: int, what: str, advice: str, limit: int = MAX_PAIRS) -> None:
    """Refuse a matrix of distances that is too large.

    Raises
    ------
    ValueError
        If ``first · second`` exceeds the limit; ``what`` names the two sizes, ``advice`` the way out.
    """
    if first * second > limit:
        raise ValueError(
            f"{first} × {second} distances ({what}) exceed the limit of {limit}, beyond which memory and "
            f"time grow out of hand; {advice}"
        )


def cheapest_plan(
    cost: FloatArray, first: FloatArray, second: FloatArray
) -> tuple[float, tuple[FloatArray, FloatArray]]:
    """Least transport cost between masses (N,) and (M,) for a cost matrix (N, M), and the dual potentials.

    The network simplex of the package POT, exact up to rounding.

    Raises
    ------
    ImportError
        If POT is not installed.
    RuntimeError
        If the simplex stops before the optimum.
    """
    try:
        import ot
    except ImportError as error:
        raise ImportError(
            "transport in several dimensions needs the package POT: pip install 'mfpde[transport]'; or use "
            "SlicedWasserstein"
        ) from error
    _, log = ot.emd(first, second, cost, numItermax=ITERATIONS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"the network simplex stopped before the optimum: {log['warning']}")
    return float(max(log["cost"], 0.0)), (np.asarray(log["u"]), np.asarray(log["v"]))

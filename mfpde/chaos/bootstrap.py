"""Bias and standard error of an estimate from replicas, by resampling them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["bootstrap"]

FloatArray = NDArray[np.float64]

RESAMPLES = 400
BLOCK = 2**22  # numbers at a time
STREAM = 3


def bootstrap(
    estimate: Callable[[FloatArray], FloatArray], statistics: FloatArray, size: int
) -> tuple[float, float, float]:
    """Estimate from the mean statistics of replicas, corrected for its bias; its standard error; the bias.

    With T the estimate and T* those from 400 samples of the replicas with replacement, the bias is the mean
    of T* − T, and the error the standard deviation of T*. Both are scaled by R/(R − 1), √ of it: R resampled
    replicas vary by that much less than R new ones. The resamples depend on R and ``size`` alone.

    Parameters
    ----------
    estimate : callable
        From mean statistics, (..., m) → (...).
    statistics : array (R, m)
        Of R ≥ 2 replicas.
    size : int
        Number of particles.

    Notes
    -----
    B. Efron and R. Tibshirani, An introduction to the bootstrap, 1993, sections 6.2 and 10.2.
    """
    R = len(statistics)
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(size, R, STREAM)))
    rows = max(1, BLOCK // max(R, statistics.shape[1]))
    parts = []
    for start in range(0, RESAMPLES, rows):
        shape = min(rows, RESAMPLES - start)
        counts = rng.multinomial(R, np.full(R, 1 / R), size=shape)
        parts.append(estimate(counts @ statistics / R))
    again, found = np.concatenate(parts), float(estimate(statistics.mean(axis=0)))
    bias = (float(again.mean()) - found) * R / (R - 1)
    return found - bias, float(again.std(ddof=1) * np.sqrt(R / (R - 1))), bias

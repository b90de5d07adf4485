"""Estimates of dual cumulants, sample by sample, as a labelled dataset."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.dataset import attributes

__all__ = ["CITATION", "summary"]

FloatArray = NDArray[np.float64]

CITATION = (
    "D. Bresch, M. Duerinckx and P.-E. Jabin, A duality method for mean-field limits with singular "
    "interactions, arXiv:2402.04695 (2024)"
)


def summary(
    size: int,
    orders: list[int],
    times: FloatArray,
    squared: FloatArray,
    superset: FloatArray,
    variance: FloatArray,
    second: FloatArray,
) -> xr.Dataset:
    """Means over the samples, the first dimension, and their standard errors."""
    weights = np.array([comb(size, n) for n in orders], dtype=float)
    own, above = squared[..., orders], superset[..., orders]
    values: dict[str, tuple[FloatArray, FloatArray]] = {
        "squared_norm": _mean(own),
        "superset": _mean(above),
        "rescaled": _mean(weights * own),
        "share": _ratio(weights * own, variance[..., None]),
        "share_bound": _ratio(weights * above, variance[..., None]),
        "mean_square": _mean(squared[..., 0]),
        "variance": _mean(variance),
        "second_moment": _mean(second),
    }
    dims = ("time", "order")
    coords: dict[str, Any] = {
        "time": ("time", times, attributes("time")),
        "order": ("order", orders, attributes("order", long_name="order n of the dual cumulant")),
        "exponent": ("order", [-2.0 * n for n in orders], attributes("exponent", long_name=_EXPONENT)),
    }
    variables = {}
    for name, (value, stderr) in values.items():
        named = attributes(name, long_name=_LONG_NAMES[name])
        variables[name] = (dims[: value.ndim], value, named)
        error = attributes(f"{name}_stderr", long_name=f"standard error of the {_LONG_NAMES[name]}")
        coords[f"{name}_stderr"] = (dims[: value.ndim], stderr, error)
    return xr.Dataset(variables, coords, {"samples": len(squared), "citation": CITATION})


_EXPONENT = "exponent of N in the squared norm for smooth kernels"
_LONG_NAMES = {
    "squared_norm": "squared norm of the dual cumulant",
    "superset": "superset importance of n particles",
    "rescaled": "squared norm of the rescaled dual cumulant",
    "share": "share of the order in the variance",
    "share_bound": "bound of the share of this order and all above",
    "mean_square": "square of the expectation",
    "variance": "variance of the expected observable given the initial points",
    "second_moment": "second moment of the expected observable given the initial points",
}


def _mean(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _ratio(above: FloatArray, below: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ratio of two means, and its standard error by the delta method; NaN where the lower mean is 0."""
    a, b = above.mean(axis=0), below.mean(axis=0)
    b = np.where(b == 0, np.nan, b)
    deviations = (above - a - (a / b) * (below - b)) / b
    return a / b, deviations.std(axis=0, ddof=1) / np.sqrt(len(above))

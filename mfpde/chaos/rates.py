"""Rates of convergence in the number of particles, with bootstrap intervals over replicas."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.dataset import attributes

__all__ = ["fit_rate"]

FloatArray = NDArray[np.float64]
RESAMPLES = 999
BOOTSTRAP_STREAM = (0, 0, 3)


@dataclass(frozen=True)
class _Fit:
    """Weighted least squares fits, arrays over the trailing dimensions of the data."""

    slope: FloatArray
    intercept: FloatArray
    stderr: FloatArray


def fit_rate(measure: xr.DataArray, dim: str = "size", confidence: float = 0.95) -> xr.Dataset:
    """Exponent of N: the slope of log(mean over replicas) against log N by weighted least squares.

    The root mean square replaces the mean where ``measure.attrs["reduction"] == "rms"``. Sizes are weighted
    by 1/variance of the logarithm, estimated from the replicas. The interval is a bootstrap-t over replicas,
    drawn afresh for each size: the studentised slopes of 999 resamples give the quantiles, since plain
    resampling of few replicas gives intervals that are too short.

    Parameters
    ----------
    measure : DataArray
        Values with the dimension ``dim`` (its coordinate is N), usually ``replica``, and any others, which
        are kept. Without ``replica``, a coordinate ``<name>_stderr`` gives weights and a normal interval;
        without that the fit is ordinary and its interval NaN. ``attrs["seed"]`` seeds the bootstrap (default
        0), ``attrs["theory"]`` is the expected exponent (default NaN).
    dim : str
        The dimension of sizes.
    confidence : float
        Level of the interval, between 0 and 1.

    Returns
    -------
    Dataset
        ``rate, lower, upper, intercept`` (of the natural logarithm) and ``theory``. NaN where a mean is not
        positive; a warning names the sizes.

    Raises
    ------
    ValueError
        If there are fewer than two different positive sizes, or ``confidence`` is not in (0, 1).

    Notes
    -----
    P. Hall, The Bootstrap and Edgeworth Expansion, Springer 1992, section 3.
    """
    sizes = _sizes(measure, dim)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} must lie between 0 and 1, e.g. 0.95")
    kept = [str(d) for d in measure.dims if d not in (dim, "replica")]
    rms = measure.attrs.get("reduction") == "rms"
    with warnings.catch_warnings():
        # Logarithms of means that are not positive become NaN and are reported below in one warning.
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        if measure.sizes.get("replica", 1) > 1:
            values = np.asarray(measure.transpose(dim, "replica", *kept).values, dtype=float)
            seed = np.random.SeedSequence(int(measure.attrs.get("seed", 0)), spawn_key=BOOTSTRAP_STREAM)
            fit, lower, upper = _bootstrap(
                values, np.log(sizes), rms, confidence, np.random.default_rng(seed)
            )
        else:
            single = measure.isel(replica=0) if "replica" in measure.dims else measure
            fit, lower, upper = _without_replicas(single.transpose(dim, *kept), np.log(sizes), confidence)
    _warn_if_not_positive(measure, dim, rms)
    coords = {name: c for name, c in measure.coords.items() if set(c.dims) <= set(kept)}
    theory = np.full_like(fit.slope, float(measure.attrs.get("theory", np.nan)))
    results = {
        "rate": fit.slope,
        "lower": lower,
        "upper": upper,
        "intercept": fit.intercept,
        "theory": theory,
    }
    described = {
        name: (kept, array, attributes(name, long_name=_LONG_NAMES[name])) for name, array in results.items()
    }
    return xr.Dataset(described, coords, {"measure": str(measure.name or ""), "confidence": confidence})


_LONG_NAMES = {
    "rate": "fitted exponent of N",
    "lower": "lower end of the interval of the exponent",
    "upper": "upper end of the interval of the exponent",
    "intercept": "natural logarithm of the fitted measure at N = 1",
    "theory": "theoretical exponent of N",
}


def _sizes(measure: xr.DataArray, dim: str) -> FloatArray:
    if dim not in measure.dims:
        raise ValueError(
            f"the measure has no dimension {dim!r}; it has {', '.join(map(str, measure.dims)) or 'none'}"
        )
    sizes = np.asarray(measure[dim].values, dtype=float)
    if np.unique(sizes).size < 2 or not (sizes > 0).all():
        raise ValueError(
            f"a rate needs at least two different positive sizes, got {sizes.tolist()}; add sizes"
        )
    return sizes


def _least_squares(log_size: FloatArray, y: FloatArray, variance: FloatArray) -> _Fit:
    """Straight line through (log N, y) with weights 1/variance; the sizes stand on the last axis."""
    weight = 1 / variance
    total = weight.sum(-1)
    centred = log_size - ((weight * log_size).sum(-1) / total)[..., np.newaxis]
    spread = (weight * centred**2).sum(-1)
    slope = (weight * centred * y).sum(-1) / spread
    mean_x, mean_y = (weight * log_size).sum(-1) / total, (weight * y).sum(-1) / total
    return _Fit(slope, mean_y - slope * mean_x, 1 / np.sqrt(spread))


def _log_mean(
    first: FloatArray, second: FloatArray, replicas: int, power: float
) -> tuple[FloatArray, FloatArray]:
    """``power``·log(mean) and its variance by the delta method, from the means of z and of z²."""
    relative = np.maximum(second / first**2 - 1, 0.0) / (replicas - 1)
    y = power * np.log(np.where(first > 0, first, np.nan))
    # Values without any spread, and resamples of one value, get the smallest variance that can be inverted.
    return y, power**2 * np.maximum(relative, 1e-24)


def _bootstrap(
    values: FloatArray, log_size: FloatArray, rms: bool, confidence: float, rng: np.random.Generator
) -> tuple[_Fit, FloatArray, FloatArray]:
    """Fit and bootstrap-t interval; ``values`` has shape (sizes, replicas, ...)."""
    sizes, replicas, *rest = values.shape
    z = values.reshape(sizes, replicas, -1)
    z = z**2 if rms else z
    power = 0.5 if rms else 1.0
    y, variance = _log_mean(z.mean(1).T, (z**2).mean(1).T, replicas, power)
    fit = _least_squares(log_size, y, variance)
    counts = rng.multinomial(replicas, np.full(replicas, 1 / replicas), size=(sizes, RESAMPLES)) / replicas
    first, second = (np.moveaxis(counts @ moment, 0, -1) for moment in (z, z**2))
    again = _least_squares(log_size, *_log_mean(first, second, replicas, power))
    t = (again.slope - fit.slope) / again.stderr
    low, high = np.quantile(t, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    lower, upper = fit.slope - high * fit.stderr, fit.slope - low * fit.stderr
    shaped = _Fit(*(array.reshape(rest) for array in (fit.slope, fit.intercept, fit.stderr)))
    return shaped, lower.reshape(rest), upper.reshape(rest)


def _without_replicas(
    measure: xr.DataArray, log_size: FloatArray, confidence: float
) -> tuple[_Fit, FloatArray, FloatArray]:
    values = np.moveaxis(np.asarray(measure.values, dtype=float), 0, -1)
    y = np.log(np.where(values > 0, values, np.nan))
    error = measure.coords.get(f"{measure.name}_stderr")
    if error is None:
        fit = _least_squares(log_size, y, np.ones_like(y))
        return fit, np.full_like(fit.slope, np.nan), np.full_like(fit.slope, np.nan)
    from scipy.special import ndtri

    spread = np.moveaxis(np.asarray(error.broadcast_like(measure).transpose(*measure.dims).values), 0, -1)
    fit = _least_squares(log_size, y, np.maximum((spread / values) ** 2, 1e-24))
    half = float(ndtri((1 + confidence) / 2)) * fit.stderr
    return fit, fit.slope - half, fit.slope + half


def _warn_if_not_positive(measure: xr.DataArray, dim: str, rms: bool) -> None:
    mean = measure**2 if rms else measure
    mean = mean.mean("replica", skipna=False) if "replica" in measure.dims else mean
    bad = (~(mean > 0)).any([d for d in mean.dims if d != dim])
    if bool(bad.any()):
        sizes = ", ".join(f"{size:g}" for size in measure[dim].values[bad.values])
        name = measure.name or "the measure"
        warnings.warn(
            f"the mean of {name} is not positive at {dim} {sizes}: no rate is fitted there", stacklevel=3
        )

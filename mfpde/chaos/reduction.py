"""From the statistics of the replicas to the values of a metric of the ensemble."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.metric import EnsembleTarget

__all__ = ["complete", "paired_excess", "reduce_ensemble"]

FloatArray = NDArray[np.float64]
GROUPS = 64  # of replicas left out in turn; one by one where there are no more


def complete(statistics: xr.DataArray) -> NDArray[np.bool_]:
    """Which replicas of one size have all their statistics."""
    others = [dim for dim in statistics.dims if dim != "replica"]
    return np.asarray(statistics.notnull().all(others).values)


def reduce_ensemble(
    study: xr.Dataset, name: str, sizes: Sequence[int], targets: Sequence[EnsembleTarget]
) -> None:
    """Fill in the values of a metric and their standard errors where they are unknown.

    All replicas count whose statistics are there. Exact floors are known already.
    """
    parts = {"": "_statistic", "_iid": "_iid_statistic"}
    for size in sizes:
        for part, kind in parts.items():
            if f"{name}{kind}" in study and bool(study[f"{name}{part}"].sel(size=size).isnull().any()):
                of_size = study[f"{name}{kind}"].sel(size=size).transpose("replica", "time", ...)
                kept = of_size.values[complete(of_size)]
                found = [target.combine(kept[:, place], size) for place, target in enumerate(targets)]
                _put(study, f"{name}{part}", size, found)
        if f"{name}_excess" in study and bool(study[f"{name}_excess"].sel(size=size).isnull().any()):
            pair = [study[f"{name}{kind}"].sel(size=size) for kind in ("_statistic", "_coupled_statistic")]
            both = np.logical_and(*(complete(one) for one in pair))
            own, partners = (one.transpose("replica", "time", ...).values[both] for one in pair)
            places = enumerate(targets)
            found = [paired_excess(target, own[:, i], partners[:, i], size) for i, target in places]
            _put(study, f"{name}_excess", size, found)


def _put(study: xr.Dataset, variable: str, size: int, found: Sequence[tuple[float, float]]) -> None:
    values, errors = np.array(found, dtype=float).T
    study[variable].loc[{"size": size}] = values
    study[f"{variable}_stderr"].loc[{"size": size}] = errors


def paired_excess(
    target: EnsembleTarget, particles: FloatArray, coupled: FloatArray, size: int
) -> tuple[float, float]:
    """Value of the particles less that of their partners, and its standard error by the jackknife.

    Leaving out the same replicas on both sides keeps what the two have in common from counting as noise
    (B. Efron and C. Stein, Ann. Statist. 9, 1981, 586-596). With fewer than three replicas there is no error,
    and where either value is refused no difference.

    Parameters
    ----------
    particles, coupled : array (R, m)
        Statistics of R replicas of ``size`` particles, and of their partners.
    """

    def difference(kept: NDArray[np.int64]) -> float:
        return target.combine(particles[kept], size)[0] - target.combine(coupled[kept], size)[0]

    everyone = np.arange(len(particles))
    groups = np.array_split(everyone, min(len(particles), GROUPS))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of the particles all was said, and partners show no more than floors
        excess = difference(everyone)
        if len(particles) < 3 or not np.isfinite(excess):
            return excess, np.nan
        values = np.array([difference(np.delete(everyone, group)) for group in groups])
    n = len(groups)
    return excess, float(np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2)))

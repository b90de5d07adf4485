"""Metrics of paths, measured on particles that were saved."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["measured_along"]

Array = NDArray[Any]


@dataclass
class _Replay:
    """One replica as a run that can be observed at the saved times."""

    times: Array
    coordinates: dict[str, Array]
    place: int = 0

    @property
    def time(self) -> float:
        return float(self.times[self.place])

    def observe(self) -> dict[str, Array]:
        return {name: values[self.place] for name, values in self.coordinates.items()}


def measured_along(metric: Any, found: xr.Dataset, problem: Problem, size: int) -> Array:
    """A metric that needs the dynamics, at the last saved time of each replica.

    Suprema over time run over the saved times. It must not ask for the mean field.

    Parameters
    ----------
    metric : Metric
        With ``follow``.
    found : Dataset
        As ``simulate(..., mean_field=True)`` returns it.
    """
    names = [str(name) for name in found.data_vars if "time" in found[name].dims]
    arrays = {name: found[name].transpose("replica", "time", "particle").values for name in names}
    values = []
    for replica in range(found.sizes["replica"]):
        run = _Replay(found["time"].values, {name: array[replica] for name, array in arrays.items()})
        system = SimpleNamespace(problem=problem, size=size)
        observer = metric.follow(SimpleNamespace(system=system, replica=replica, run=run))
        for place in range(len(run.times)):
            run.place = place
            observer.see()
        values.append(observer.value())
    return np.array(values)

"""The work of one task of a study: simulate replicas and measure them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.metric import Metric, Target
from mfpde.particles.simulation import FLOOR, System, random_stream

if TYPE_CHECKING:
    from mfpde.laws import Law

__all__ = ["Measurement"]

Array = NDArray[Any]


@dataclass
class Measurement:
    """The work of one task, and all it needs: systems, metrics and the limit density at every time."""

    systems: Mapping[int, System]
    metrics: Mapping[str, Metric]
    density: xr.DataArray

    @cached_property
    def instants(self) -> list[xr.DataArray]:
        """The density at each time."""
        return [self.density.isel(time=i) for i in range(self.density.sizes["time"])]

    @cached_property
    def targets(self) -> dict[str, list[Target]]:
        """Each metric made ready at each time."""
        return {name: [metric.target(d) for d in self.instants] for name, metric in self.metrics.items()}

    @cached_property
    def laws(self) -> list[Law]:
        """The law of fresh samples at each time."""
        from mfpde.laws import from_density

        return [from_density(d) for d in self.instants]

    def __call__(self, size: int, replicas: tuple[int, ...], names: tuple[str, ...]) -> dict[str, Array]:
        """Values and sampled floors of the named metrics, arrays (replica, time) by variable name."""
        rows = [self._replica(size, replica, names) for replica in replicas]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def _replica(self, size: int, replica: int, names: tuple[str, ...]) -> dict[str, list[float]]:
        system = self.systems[size]
        run = system.start(replica)
        rng = np.random.default_rng(random_stream(system.seed, size, replica, FLOOR))
        sampled = [name for name in names if self.targets[name][0].floor(size) is None]
        values: dict[str, list[float]] = {name: [] for name in (*names, *(f"{name}_iid" for name in sampled))}
        for place, time in enumerate(self.density["time"].values):
            while run.time < time:
                run.step(float(time))
            observed = run.observe()
            points = np.stack([observed[axis] for axis in system.problem.grid.names], axis=-1)
            fresh = self.laws[place].rvs(size, rng)
            for name in names:
                values[name].append(self.targets[name][place].distance(points))
            for name in sampled:
                values[f"{name}_iid"].append(self.targets[name][place].distance(fresh))
        return values

"""The work of one task of a study: simulate replicas and measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.metric import Metric, Target
from mfpde.particles.coupling import FieldSource
from mfpde.particles.ensemble import FLOOR, System, advance, random_stream
from mfpde_solvers.evolve import Run

if TYPE_CHECKING:
    from mfpde.laws import Law

__all__ = ["Measurement"]

Array = NDArray[Any]
Points = tuple[Array, Array | None]
"""Points (N, n) of the particles, and those in the mean field if there are any."""


@dataclass
class Measurement:
    """The work of one task, and all it needs.

    Attributes
    ----------
    systems : mapping
        By size.
    metrics : mapping
        By name.
    density : DataArray
        The limit density at every time.
    fields : mapping
        By size, where the field of the coupled particles comes from; empty if there are none.
    """

    systems: Mapping[int, System]
    metrics: Mapping[str, Metric]
    density: xr.DataArray
    fields: Mapping[int, FieldSource] = field(default_factory=dict)

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
        """Values, excesses and sampled floors of the named metrics, arrays (replica, time) by variable name.

        The replicas advance together, so that the field of the coupled particles is made ready once.
        """
        system = self.systems[size]
        mean_field = self.fields[size].start() if self.fields else None
        runs = [system.start(replica, field=mean_field) for replica in replicas]
        generators = [np.random.default_rng(random_stream(system.seed, size, r, FLOOR)) for r in replicas]
        rows = []
        for place, time in enumerate(self.density["time"].values):
            advance(runs, float(time))
            if mean_field is not None:
                mean_field.check()
            rows.append(self._instant(place, size, runs, generators, names))
        return {name: np.array([row[name] for row in rows]).T for name in rows[0]}

    def _instant(
        self,
        place: int,
        size: int,
        runs: Sequence[Run],
        generators: Sequence[np.random.Generator],
        names: tuple[str, ...],
    ) -> dict[str, list[float]]:
        """What is measured at one time, a value for each replica."""
        axes = self.systems[size].problem.grid.names
        found = [_points(run.observe(), axes) for run in runs]
        values: dict[str, list[float]] = {}
        for name in names:
            values |= self._measured(name, place, found)
        of_density = [name for name in names if self.metrics[name].needs != "dynamics"]
        sampled = [name for name in of_density if self.targets[name][0].floor(size) is None]
        fresh = [self.laws[place].rvs(size, rng) for rng in generators]
        for name in sampled:
            target = self.targets[name][place]
            values[f"{name}_iid"] = [target.distance(points) for points in fresh]
        return values

    def _measured(self, name: str, place: int, found: Sequence[Points]) -> dict[str, list[float]]:
        """A metric of each replica, and what it is above that of the coupled particles."""
        target: Any = self.targets[name][place]
        if self.metrics[name].needs == "dynamics":
            return {name: [target.between(*pair) for pair in found]}
        values = {name: [target.distance(points) for points, _ in found]}
        if self.fields:
            coupled = [target.distance(points) for _, points in found]
            values[f"{name}_excess"] = [x - y for x, y in zip(values[name], coupled, strict=True)]
        return values


def _points(observed: Mapping[str, Array], axes: Sequence[str]) -> Points:
    points = np.stack([observed[axis] for axis in axes], axis=-1)
    if f"{axes[0]}_coupled" not in observed:
        return points, None
    return points, np.stack([observed[f"{axis}_coupled"] for axis in axes], axis=-1)

"""The work of one task of a study: simulate replicas and measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.metric import Followed, Metric, Observer
from mfpde.particles.coupling import FieldSource
from mfpde.particles.ensemble import FLOOR, System, random_stream
from mfpde_solvers.equations import Landau
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
    def targets(self) -> dict[str, list[Any]]:
        """Each metric that compares particles with the density, made ready at each time."""
        of_density = {n: metric for n, metric in self.metrics.items() if metric.needs != "dynamics"}
        return {name: [metric.target(d) for d in self.instants] for name, metric in of_density.items()}

    @cached_property
    def laws(self) -> list[Law]:
        """The law of fresh samples at each time."""
        from mfpde.laws import from_density

        return [from_density(d) for d in self.instants]

    def __call__(self, size: int, replicas: tuple[int, ...], names: tuple[str, ...]) -> dict[str, Array]:
        """What the named metrics give for the replicas, by variable name.

        Arrays (replica, time), of the ensemble (replica, time, component): values, excesses, statistics, and
        the same of fresh samples where a floor is not exact. The replicas advance together, so that the field
        of the coupled particles is made ready once.
        """
        system = self.systems[size]
        mean_field = self.fields[size].start() if self.fields else None
        runs = [system.start(replica, field=mean_field) for replica in replicas]
        generators = [np.random.default_rng(random_stream(system.seed, size, r, FLOOR)) for r in replicas]
        pairs = zip(replicas, runs, strict=True)
        watching = [self._observers(system, r, run, mean_field, names) for r, run in pairs]
        _see(watching)
        rows = []
        for place, time in enumerate(self.density["time"].values):
            _advance(runs, watching, float(time))
            if mean_field is not None:
                mean_field.check()
            row = self._instant(place, size, runs, generators, names)
            for name in watching[0]:
                row[name] = [observers[name].value() for observers in watching]
            rows.append(row)
        return {name: np.array([row[name] for row in rows]).swapaxes(0, 1) for name in rows[0]}

    def _observers(
        self, system: System, replica: int, run: Any, mean_field: Any, names: tuple[str, ...]
    ) -> dict[str, Observer]:
        """An observer of one replica for each metric of the dynamics."""
        field = None if isinstance(system.problem.equation, Landau) else mean_field
        followed = Followed(system, replica, run, field, tuple(self.instants))
        dynamic: dict[str, Any] = {n: self.metrics[n] for n in names if self.metrics[n].needs == "dynamics"}
        return {name: metric.follow(followed) for name, metric in dynamic.items()}

    def _instant(
        self,
        place: int,
        size: int,
        runs: Sequence[Run],
        generators: Sequence[np.random.Generator],
        names: tuple[str, ...],
    ) -> dict[str, list[Any]]:
        """What is measured at one time, an entry for each replica."""
        axes = self.systems[size].problem.grid.names
        found = [_points(run.observe(), axes) for run in runs]
        of_density = [name for name in names if name in self.targets]
        values: dict[str, list[Any]] = {}
        for name in of_density:
            values |= self._measured(name, place, found)
        sampled = [name for name in of_density if self.targets[name][0].floor(size) is None]
        fresh = [self.laws[place].rvs(size, rng) for rng in generators] if sampled else []
        for name in sampled:
            target = self.targets[name][place]
            if self.metrics[name].needs == "ensemble":
                values[f"{name}_iid_statistic"] = [target.statistic(points) for points in fresh]
            else:
                values[f"{name}_iid"] = [target.distance(points) for points in fresh]
        return values

    def _measured(self, name: str, place: int, found: Sequence[Points]) -> dict[str, list[Any]]:
        """A metric of each replica, and what it is above that of the coupled particles."""
        target = self.targets[name][place]
        if self.metrics[name].needs == "ensemble":
            values = {f"{name}_statistic": [target.statistic(points) for points, _ in found]}
            if self.fields:
                values[f"{name}_coupled_statistic"] = [target.statistic(points) for _, points in found]
            return values
        values = {name: [target.distance(points) for points, _ in found]}
        if self.fields:
            coupled = [target.distance(points) for _, points in found]
            values[f"{name}_excess"] = [x - y for x, y in zip(values[name], coupled, strict=True)]
        return values


def _see(watching: Sequence[Mapping[str, Observer]]) -> None:
    for observers in watching:
        for observer in observers.values():
            observer.see()


def _advance(runs: Sequence[Run], watching: Sequence[Mapping[str, Observer]], limit: float) -> None:
    """Lead all runs to ``limit`` step by step under the eyes of their observers.

    All take a step before any takes the next, so that they see each instant of a field together.
    """
    while runs[0].time < limit:
        for run, observers in zip(runs, watching, strict=True):
            run.step(limit)
            _see([observers])


def _points(observed: Mapping[str, Array], axes: Sequence[str]) -> Points:
    points = np.stack([observed[axis] for axis in axes], axis=-1)
    if f"{axes[0]}_coupled" not in observed:
        return points, None
    return points, np.stack([observed[f"{axis}_coupled"] for axis in axes], axis=-1)

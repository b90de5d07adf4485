"""Marginals of densities and of particles, and the way from labelled data to a metric's plain arrays.

A gridded density stands for its multilinear interpolation: the mixture of tents centred at the cell centres,
of half-width one cell along each axis. Its marginals are again such mixtures, with the summed weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.metric import Metric, default_axes
from mfpde.dataset import attributes, grid_of
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Columns", "evaluate", "marginal", "tents"]

FloatArray = NDArray[np.float64]


def marginal(density: xr.DataArray | xr.Dataset, axes: Iterable[str] | None = None) -> xr.DataArray:
    """Marginal of a density on the named axes: the sum over the other ones times their spacing.

    Parameters
    ----------
    density : DataArray or Dataset
        Density on a uniform grid, or a Dataset with a variable ``density``; a ``time`` dimension is kept, the
        parts that belong to different circulations are added.
    axes : iterable of str, optional
        Default: the positions, or the velocities if there are no positions.
    """
    array = density["density"] if isinstance(density, xr.Dataset) else density
    if "circulation" in array.dims:
        array = array.sum("circulation")
    grid = grid_of(array)
    names = default_axes(axes, grid)
    others = [name for name in grid.names if name not in names]
    volume = grid.select(others).cell_volume if others else 1.0
    summed = array.sum(others) * volume if others else array
    return summed.transpose(*(dim for dim in summed.dims if dim not in names), *names)


def tents(density: xr.DataArray, axes: tuple[str, ...]) -> tuple[FloatArray, Grid]:
    """Weights of the tents of the marginal on ``axes``, non-negative and of sum 1, and their grid.

    Undershoots of the scheme are cut at 0 before normalising.

    Raises
    ------
    ValueError
        If the density has more than its grid's dimensions, is not finite, or has no mass.
    """
    reduced = marginal(density, axes)
    if reduced.ndim != len(axes):
        extra = ", ".join(str(dim) for dim in reduced.dims if dim not in axes)
        raise ValueError(
            f"the density has the dimension {extra} besides its axes; choose one value, e.g. .isel(time=-1)"
        )
    weights = np.maximum(np.asarray(reduced.values, dtype=float), 0.0)
    total = weights.sum()
    if not (np.isfinite(total) and total > 0):
        raise ValueError(f"the density must be finite and have positive mass, its values sum to {total}")
    return weights / total, grid_of(reduced)


@dataclass(frozen=True)
class Columns:
    """The columns of a point array that belong to some axes of a grid."""

    grid: Grid
    names: tuple[str, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The chosen axes."""
        return tuple(self.grid[name] for name in self.names)

    def of(self, points: ArrayLike) -> FloatArray:
        """Coordinates along the chosen axes, shape ``(N, len(names))``, wrapped on periodic ones.

        Raises
        ------
        ValueError
            If the shape is not ``(N, grid.dim)`` with N ≥ 1, or a coordinate is not finite.
        """
        array = np.asarray(points, dtype=float)
        if array.ndim != 2 or array.shape[1] != self.grid.dim or len(array) == 0:
            axes = ", ".join(self.grid.names)
            raise ValueError(f"points need shape (N, {self.grid.dim}) with columns {axes}, got {array.shape}")
        chosen = [axis.wrap(array[:, self.grid.index(axis.name)]) for axis in self.axes]
        columns = np.stack(chosen, axis=-1)
        if not np.isfinite(columns).all():
            raise ValueError("points must be finite; drop the particles that left the domain or blew up")
        return columns


def evaluate(metric: Metric, points: ArrayLike | xr.Dataset, density: xr.DataArray | xr.Dataset) -> Any:
    """Value of a metric for particles given as an array or as the Dataset of ``simulate``.

    Parameters
    ----------
    points : array (N, n), array (N,) when the metric looks at one axis, or Dataset
        A Dataset has one variable per axis with a dimension ``particle`` and any others. For a metric of the
        ensemble an array (R, N, n), or (R, N), of R replicas, or a Dataset with a dimension ``replica``.
    density : DataArray or Dataset
        Limit density; with a ``time`` dimension it is matched to the particles' times exactly.

    Returns
    -------
    float or DataArray
        A float for an array; for a Dataset a DataArray over the dimensions other than ``particle``. For a
        metric of the ensemble always a DataArray, without the dimension ``replica``, whose standard error is
        the coordinate ``<name>_stderr``.

    Raises
    ------
    ValueError
        If a coordinate, a time or a dimension is missing, or the shapes do not fit; or for a metric of the
        dynamics, which needs more than points.
    """
    if metric.needs == "dynamics":
        raise ValueError(
            f"{metric.name} compares particles with their partners in the mean field, not with a density; "
            f"use converge(..., mean_field=True), or mfpde.chaos.{metric.name} of what "
            "simulate(..., mean_field=True) returns"
        )
    array = density["density"] if isinstance(density, xr.Dataset) else density
    if isinstance(points, xr.Dataset):
        return _evaluate_dataset(metric, points, array)
    coordinates = np.asarray(points, dtype=float)
    ensemble = metric.needs == "ensemble"
    if coordinates.ndim == 1 + ensemble:
        grid = grid_of(array)
        array = marginal(array, default_axes(getattr(metric, "axes", None), grid))
        coordinates = coordinates[..., np.newaxis]
    if not ensemble:
        return metric.target(array).distance(coordinates)
    if coordinates.ndim != 3:
        raise ValueError(
            f"{metric.name} needs several replicas, an array (R, N, n), got shape {coordinates.shape}"
        )
    value, error = _distances(metric, coordinates, array)
    return _labelled(metric, grid_of(array), value, error, {}, [])


def _evaluate_dataset(metric: Metric, particles: xr.Dataset, density: xr.DataArray) -> xr.DataArray:
    grid = grid_of(density)
    missing = [name for name in grid.names if name not in particles]
    if missing:
        raise ValueError(f"the particles have no variable {', '.join(missing)}, an axis of the density")
    stacked = xr.concat(
        [particles[name] for name in grid.names], dim="axis", coords="minimal", compat="override"
    )
    last: tuple[str, ...] = ("particle", "axis")
    if metric.needs == "ensemble":
        if "replica" not in stacked.dims:
            raise ValueError(
                f"{metric.name} needs several replicas, and the particles have no such dimension"
            )
        last = ("replica", *last)
    stacked = stacked.transpose("time", ..., *last, missing_dims="ignore")
    if "time" in density.dims and "time" not in stacked.dims:
        density = _at(density, particles)
    if "time" in density.dims:
        parts = [
            _distances(metric, np.asarray(part.values, dtype=float), _at(density, part)) for part in stacked
        ]
        values, errors = (np.stack(found) for found in zip(*parts, strict=True))
    else:
        values, errors = _distances(metric, np.asarray(stacked.values, dtype=float), density)
    dims = [str(dim) for dim in stacked.dims if dim not in last]
    coords = {name: c for name, c in stacked.coords.items() if set(c.dims) <= set(dims)}
    return _labelled(metric, grid, values, errors, coords, dims)


def _labelled(
    metric: Metric, grid: Grid, values: FloatArray, errors: FloatArray, coords: Any, dims: list[str]
) -> xr.DataArray:
    attrs = attributes(
        metric.name,
        long_name=metric.long_name,
        reduction=metric.reduction,
        theory=metric.theory(grid),
        citation=metric.citation,
    )
    found = xr.DataArray(values, coords, dims, metric.name, attrs)
    if metric.needs != "ensemble":
        return found
    name = f"{metric.name}_stderr"
    described = attributes(name, long_name=f"standard error of {metric.long_name}")
    return found.assign_coords({name: xr.Variable(dims, errors, described)})


def _at(density: xr.DataArray, particles: xr.DataArray | xr.Dataset) -> xr.DataArray:
    if "time" not in particles.coords:
        raise ValueError(
            "the density depends on time and the particles have no time; choose one, e.g. .isel(time=-1)"
        )
    time = float(particles["time"])
    matches = np.flatnonzero(density["time"].values == time)
    if matches.size == 0:
        raise ValueError(f"the density is not saved at time {time}; solve with that time among `times`")
    return density.isel(time=int(matches[0]))


def _distances(metric: Metric, points: FloatArray, density: xr.DataArray) -> tuple[FloatArray, FloatArray]:
    """Values and standard errors (0 but for the ensemble) over the leading dimensions of the points."""
    target = metric.target(density)
    kept = 3 if metric.needs == "ensemble" else 2
    lead, flat = points.shape[:-kept], points.reshape(-1, *points.shape[-kept:])
    if metric.needs != "ensemble":
        return np.array([target.distance(one) for one in flat]).reshape(lead), np.zeros(lead)
    size = points.shape[-2]
    found = [target.combine(np.array([target.statistic(one) for one in r]), size) for r in flat]
    values, errors = np.array(found, dtype=float).reshape(-1, 2).T
    return values.reshape(lead), errors.reshape(lead)

"""Names, units and attributes of everything that is saved, and the way between arrays and xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mfpde_solvers.grid import Axis, Grid

__all__ = ["LONG_NAMES", "attributes", "axes_of", "coordinate", "field", "grid_of", "is_time"]

CONVENTIONS = "CF-1.11"

LONG_NAMES: dict[str, str] = {
    # coordinates
    "time": "time",
    "diagnostic_time": "time of the diagnostics",
    "replica": "independent copy of the particle system",
    "particle": "label of the particle",
    "size": "number of particles N",
    "circulation": "circulation",
    "x": "position",
    "y": "second position",
    "z": "third position",
    "v": "velocity",
    "vx": "first velocity",
    "vy": "second velocity",
    "vz": "third velocity",
    "r": "distance from the centre",
    "vr": "radial velocity",
    "L": "angular momentum",
    "x_coupled": "position of the particle in the mean field",
    "y_coupled": "second position of the particle in the mean field",
    "z_coupled": "third position of the particle in the mean field",
    "v_coupled": "velocity of the particle in the mean field",
    "vx_coupled": "first velocity of the particle in the mean field",
    "vy_coupled": "second velocity of the particle in the mean field",
    "vz_coupled": "third velocity of the particle in the mean field",
    # fields
    "density": "probability density",
    "potential": "mean-field potential",
    "mean_field_x": "mean field, first component",
    "mean_field_y": "mean field, second component",
    "mean_field_z": "mean field, third component",
    "mean_field_r": "mean field, radial component",
    "flux_x": "momentum density, first component",
    "flux_y": "momentum density, second component",
    "flux_z": "momentum density, third component",
    "energy_density": "kinetic energy density",
    "vorticity": "vorticity",
    # diagnostics
    "mass": "total mass",
    "momentum_x": "momentum, first component",
    "momentum_y": "momentum, second component",
    "momentum_z": "momentum, third component",
    "kinetic_energy": "kinetic energy",
    "potential_energy": "interaction energy",
    "total_energy": "total energy",
    "entropy": "integral of f log f",
    "l2_norm": "L2 norm of the density",
    "maximum": "largest value of the density",
    "free_energy": "free energy",
    "minimum": "smallest value of the density",
    "edge_mass": "mass in the outermost cells of the open axes",
    "outflow": "mass that left through the open axes",
    "mass_beyond": "mass beyond the last radius",
    "second_moment": "second moment of the positions",
    "mean_x": "centre of mass, first component",
    "mean_y": "centre of mass, second component",
    "mean_z": "centre of mass, third component",
    "fisher_information": "Fisher information",
    "rejected_steps": "steps rejected so far",
    "total_circulation": "circulation of the whole",
    "enstrophy": "enstrophy",
    "palinstrophy": "palinstrophy",
    "cell_mass": "largest mass of one cell",
    "virial_departure": "second moment less that of the virial law",
    "central_density": "density at the centre",
    "half_mass_radius": "radius that holds half of the mass",
    "palinstrophy_production": "production of palinstrophy by strain",
    "palinstrophy_dissipation": "dissipation of palinstrophy",
    "enstrophy_loss": "rate at which hyperviscosity takes enstrophy",
    "entropy_production": "production of entropy by compression",
    "free_energy_dissipation": "dissipation of free energy",
    "entropy_dissipation": "dissipation of entropy",
    "log_gradient_quotient": "constant of the bound of the logarithmic gradient",
    "log_hessian_quotient": "constant of the bound of the logarithmic Hessian",
    "gaussian_bound": "constant of the Gaussian upper bound",
    "fourth_moment": "fourth moment of the velocities",
    "temperature_xx": "temperature tensor, component xx",
    "temperature_xy": "temperature tensor, component xy",
    "temperature_xz": "temperature tensor, component xz",
    "temperature_yy": "temperature tensor, component yy",
    "temperature_yz": "temperature tensor, component yz",
    "temperature_zz": "temperature tensor, component zz",
    "order_parameter": "modulus of the order parameter",
    "mass_outside": "mass outside the grid of the problem",
    "box_size": "length of the longest side of the solver's box",
}
"""The one table of names: what each saved variable is. Everything is dimensionless (units 1)."""


def attributes(name: str, **extra: Any) -> dict[str, Any]:
    """CF attributes of the variable ``name``: units, long name and whatever is added."""
    return {"units": "1", "long_name": LONG_NAMES.get(name, _described(name)), **extra}


def _described(name: str) -> str:
    """Long names of the marginals, slices and sparse times that ``solve(save=...)`` makes."""
    if name.startswith("time_every_"):
        return f"every {name.rpartition('_')[2]}th saved time"
    kind, _, rest = name.partition("density_")
    if kind == "" and rest:
        where = rest.replace("_", ", ")
        return f"probability density {where}" if rest.startswith("at_") else f"marginal density of {where}"
    return name.replace("_", " ")


def coordinate(axis: Axis) -> xr.Variable:
    """Cell centres of an axis as an xarray variable that remembers the interval and its boundary."""
    extra = {"boundary": axis.boundary, "lower": axis.lower, "upper": axis.upper}
    return xr.Variable(axis.name, axis.points, attributes(axis.name, **extra))


def field(values: Any, grid: Grid, name: str, leading: Mapping[str, Any] | None = None) -> xr.DataArray:
    """Array of grid values as a labelled DataArray.

    Parameters
    ----------
    values : array
        Shape ``(*leading sizes, *grid.shape)``.
    grid : Grid
    name : str
        Name of the variable, looked up in :data:`LONG_NAMES`.
    leading : mapping, optional
        Coordinates of the dimensions that stand before the grid's, e.g. ``{"time": times}``.
    """
    leading = dict(leading or {})
    coords: dict[str, Any] = {
        dim: xr.Variable(dim, np.asarray(c), attributes(dim)) for dim, c in leading.items()
    }
    coords |= {axis.name: coordinate(axis) for axis in grid.axes}
    return xr.DataArray(values, coords, (*leading, *grid.names), name=name, attrs=attributes(name))


def _axis_of(points: xr.DataArray) -> Axis:
    name = str(points.name)
    values = np.asarray(points.values, dtype=float)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"coordinate {name!r} needs at least two points in one dimension")
    steps = np.diff(values)
    spacing = (values[-1] - values[0]) / (values.size - 1)
    if not spacing > 0 or np.abs(steps - spacing).max() > 1e-6 * spacing:
        raise ValueError(
            f"coordinate {name!r} is not an increasing uniform grid; interpolate the density to one"
        )
    lower = float(points.attrs.get("lower", values[0] - spacing / 2))
    upper = float(points.attrs.get("upper", values[-1] + spacing / 2))
    return Axis(name, lower, upper, values.size, points.attrs.get("boundary", "open"))


def axes_of(array: xr.DataArray) -> list[str]:
    """Dimensions of an array that are axes of a grid: not times, circulations, replicas or sizes."""
    others = ("circulation", "replica", "size")
    return [str(dim) for dim in array.dims if dim not in others and not is_time(str(dim))]


def is_time(dim: str) -> bool:
    """Whether a dimension is a time: ``time``, or ``time_every_10`` of a variable saved less often."""
    return dim == "time" or dim.startswith("time_every_")


def grid_of(data: xr.DataArray | xr.Dataset) -> Grid:
    """Grid on which ``data`` lives, from its coordinates named like axes, in the order of its dimensions.

    Files written elsewhere have no ``boundary`` attribute: their axes count as open, and their points as
    cell centres.

    Raises
    ------
    ValueError
        If a coordinate is missing or not uniform, or no dimension is named like an axis.
    """
    array = data["density"] if isinstance(data, xr.Dataset) else data
    dims = axes_of(array)
    missing = [dim for dim in dims if dim not in array.coords]
    if missing:
        raise ValueError(
            f"the density has no coordinate for dimension {', '.join(missing)}; assign its cell centres"
        )
    return Grid(tuple(_axis_of(array[dim]) for dim in dims))

"""Densities in DataArrays and netCDF files, matched to a grid by the names of their axes."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from mfpde.laws.evaluation import MASS_TOLERANCE
from mfpde.laws.gridded import Gridded, from_density
from mfpde_solvers.grid import Grid

__all__ = ["from_data", "read_density"]


def from_data(data: xr.DataArray, grid: Grid) -> Gridded:
    """The law of a density whose dimensions are named like the axes of ``grid``, in any order.

    Of several times it takes the last.

    Raises
    ------
    ValueError
        If the dimensions are not the axes, the values are not those of a density, or the mass differs
        from 1 by more than 1 %.
    """
    if "time" in data.dims:
        data = data.isel(time=-1)
    if set(map(str, data.dims)) != set(grid.names):
        raise ValueError(
            f"the density has dimensions {', '.join(map(str, data.dims))}, the grid has axes "
            f"{', '.join(grid.names)}; rename or select until they agree"
        )
    data = data.transpose(*grid.names)
    law = from_density(data)
    mass = float(law.grid.integrate(data.values))
    if not abs(mass - 1) <= MASS_TOLERANCE:
        raise ValueError(f"the density has mass {mass:.6g}, a law has 1; divide it by its mass")
    return law


def read_density(path: Path, grid: Grid) -> xr.DataArray:
    """The density in a netCDF file: ``density``, or the only variable with all the axes of ``grid``.

    Raises
    ------
    ValueError
        If there is no such file, or no such variable or several.
    """
    if not path.is_file():
        raise ValueError(f"no file {str(path)!r}; give the path of a netCDF file with a density")
    with xr.open_dataset(path) as dataset:
        return _density_of(dataset, repr(str(path)), grid).load()


def _density_of(dataset: xr.Dataset, source: str, grid: Grid) -> xr.DataArray:
    if "density" in dataset:
        return dataset["density"]
    found = [name for name, data in dataset.items() if set(grid.names) <= set(data.dims)]
    if len(found) != 1:
        raise ValueError(
            f"{source} has no variable 'density' and {len(found)} with dimensions {', '.join(grid.names)} "
            f"(it has {', '.join(map(str, dataset.data_vars)) or 'none'}); rename one to 'density'"
        )
    return dataset[found[0]]

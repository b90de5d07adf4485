"""Where records go: into memory, or one by one into a netCDF file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr

from mfpde.dataset import CONVENTIONS, attributes
from mfpde.recording.layout import Layout

__all__ = ["FileStore", "MemoryStore", "Store", "read_dataset", "replace_file"]

LARGEST_CHUNK = 2**28  # bytes; HDF5 allows less than 4 GiB, and a chunk is compressed in memory
IN_MEMORY = 2**31  # files up to this size are read whole when a run ends, larger ones are left on disk


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that at every moment either the old or the new one is there, whole and on disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    write(temporary)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


class Store(Protocol):
    """Where records go."""

    def append(self, dim: str, place: int, time: float, values: Mapping[str, Any]) -> None:
        """Keep the ``values`` at ``time`` as record number ``place`` of ``dim``."""
        ...

    def sync(self) -> None:
        """Return once every record is safe."""
        ...

    def finish(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """Add attributes and give everything back."""
        ...


class MemoryStore:
    """Records kept in lists."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._records: dict[str, list[tuple[float, dict[str, Any]]]] = {"time": []}

    def append(self, dim: str, place: int, time: float, values: Mapping[str, Any]) -> None:
        """Keep copies of the values."""
        self._records.setdefault(dim, []).append(
            (time, {name: np.array(value) for name, value in values.items()})
        )

    def sync(self) -> None:
        """Nothing to do: memory is as safe as it will be."""

    def finish(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """The records as a dataset."""
        variables: dict[str, xr.Variable] = dict(self._layout.static)
        for dim, records in self._records.items():
            times = np.array([time for time, _ in records], dtype=float)
            variables[dim] = xr.Variable(dim, times, attributes(dim))
            for name in records[0][1] if records else ():
                values = np.stack([record[name] for _, record in records])
                variables[name] = xr.Variable(
                    (dim, *_dims(self._layout, dim, name)), values, attributes(name)
                )
        return xr.Dataset(variables | dict(self._layout.coords), attrs=_heading(self._layout) | dict(attrs))


class FileStore:
    """Records appended to a netCDF file and flushed one by one, so that a killed run leaves them readable."""

    def __init__(self, path: Path, layout: Layout, create: bool) -> None:
        import netCDF4

        self._path, self._layout = path, layout
        if create:
            replace_file(path, self._create)
        self._file = netCDF4.Dataset(path, "a")
        self._file.setncattr("status", "running")  # also while a completed file is extended

    def _create(self, path: Path) -> None:
        import netCDF4

        self._file = netCDF4.Dataset(path, "w")
        self._file.setncatts(_heading(self._layout))
        self._file.createDimension("time", None)
        self._variable("time", ("time",), np.float64, attributes("time"))
        for name, variable in {**self._layout.coords, **self._layout.static}.items():
            for dim, size in variable.sizes.items():
                if dim not in self._file.dimensions:
                    self._file.createDimension(str(dim), size)
            self._variable(name, variable.dims, variable.dtype, variable.attrs)[...] = variable.values
        self._file.close()

    def _variable(self, name: str, dims: tuple[Any, ...], dtype: Any, attrs: Mapping[str, Any]) -> Any:
        options: dict[str, Any] = {}
        if len(dims) > 1:  # one compressed chunk for each record
            sizes = [self._file.dimensions[dim].size for dim in dims[1:]]
            options = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (1, *_chunk(sizes))}
        elif self._file.dimensions[dims[0]].isunlimited():
            options = {"chunksizes": (1024,)}
        variable = self._file.createVariable(name, dtype, dims, fill_value=False, **options)
        variable.setncatts(dict(attrs))
        return variable

    def append(self, dim: str, place: int, time: float, values: Mapping[str, Any]) -> None:
        """Write one record; its variables are created with the first one."""
        if dim not in self._file.dimensions:
            self._file.createDimension(dim, None)
            self._variable(dim, (dim,), np.float64, attributes(dim))
        for name, value in values.items():
            array = np.asarray(value)
            if name not in self._file.variables:
                self._variable(name, (dim, *_dims(self._layout, dim, name)), array.dtype, attributes(name))
            self._file.variables[name][place] = array
        self._file.variables[dim][place] = time

    def sync(self) -> None:
        """Bring every record to the disk."""
        self._file.sync()

    def finish(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """Close the file and read it back."""
        self._file.setncatts(dict(attrs))
        self._file.close()
        return read_dataset(self._path)


def _chunk(sizes: list[int]) -> list[int]:
    """A record, cut along its first axes where it would exceed the largest chunk."""
    chunk = list(sizes)
    for place in range(len(chunk)):
        while 8 * prod(chunk) > LARGEST_CHUNK and chunk[place] > 1:
            chunk[place] = -(-chunk[place] // 2)
    return chunk


def _heading(layout: Layout) -> dict[str, Any]:
    return {"Conventions": CONVENTIONS, **layout.attrs, "status": "running"}


def _dims(layout: Layout, dim: str, name: str) -> tuple[str, ...]:
    return () if dim == "diagnostic_time" else layout.fields[name].dims


def read_dataset(path: Path) -> xr.Dataset:
    """The file's contents, in memory unless they are large."""
    if path.stat().st_size < IN_MEMORY:
        return xr.load_dataset(path, engine="netcdf4")
    return xr.open_dataset(path, engine="netcdf4")

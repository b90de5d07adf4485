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
from mfpde.recording.layout import FORMAT, Layout, check_format
from mfpde.recording.room import Room, told

__all__ = ["FileStore", "MemoryStore", "Store", "read_dataset", "replace_file"]

LARGEST_CHUNK = 2**28  # bytes; HDF5 allows less than 4 GiB, and a chunk is compressed in memory
IN_MEMORY = 2**31  # files up to this size are read whole when a run ends, larger ones are left on disk
TIMES_PER_CHUNK = 1024
HEADER = 2**14  # bytes that attributes and dimensions may add


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that at every moment either the old or the new one is there, whole and on disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with told(path):
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Store(Protocol):
    """Where records go."""

    def append(self, dim: str, place: int, time: float, values: Mapping[str, Any]) -> None:
        """Keep the ``values`` at ``time`` as record number ``place`` of ``dim``."""
        ...

    def sync(self) -> None:
        """Return once every record is safe."""
        ...

    def close(self, attrs: Mapping[str, Any]) -> None:
        """Add attributes; nothing more will come."""
        ...

    def dataset(self) -> xr.Dataset:
        """Everything, once the store is closed."""
        ...


class MemoryStore:
    """Records kept in lists."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._attrs = layout, _heading(layout)
        self._records: dict[str, list[tuple[float, dict[str, Any]]]] = {"time": []}

    def append(self, dim: str, place: int, time: float, values: Mapping[str, Any]) -> None:
        """Keep copies of the values."""
        self._records.setdefault(dim, []).append(
            (time, {name: np.array(value) for name, value in values.items()})
        )

    def sync(self) -> None:
        """Nothing to do: memory is as safe as it will be."""

    def close(self, attrs: Mapping[str, Any]) -> None:
        """Keep the attributes."""
        self._attrs |= attrs

    def dataset(self) -> xr.Dataset:
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
        return xr.Dataset(variables | dict(self._layout.coords), attrs=self._attrs)


class FileStore:
    """Records appended to a netCDF file and flushed one by one, so that a killed run leaves them readable.

    Raises
    ------
    OSError
        Before HDF5 is touched, if the disk has no room for what comes next; the file stays whole.
    """

    def __init__(self, path: Path, layout: Layout, create: bool) -> None:
        import netCDF4

        self._path, self._layout = path, layout
        if create:
            replace_file(path, self._create)
        self._file = netCDF4.Dataset(path, "a")
        self._room = Room(path)
        try:
            with told(path):
                self._room.reserve(HEADER)
                self._file.setncattr("status", "running")  # also while a completed file is extended
        except OSError:
            self._release()
            raise

    def _create(self, path: Path) -> None:
        import netCDF4

        given = {**self._layout.coords, **self._layout.static}
        self._file = netCDF4.Dataset(path, "w")
        self._room = Room(path)
        try:
            self._room.reserve(sum(v.nbytes + HEADER for v in given.values()) + 4 * HEADER)
            self._file.setncatts(_heading(self._layout))
            self._file.createDimension("time", None)
            self._variable("time", ("time",), np.float64, attributes("time"))
            for name, variable in given.items():
                for dim, size in variable.sizes.items():
                    if dim not in self._file.dimensions:
                        self._file.createDimension(str(dim), size)
                self._variable(name, variable.dims, variable.dtype, variable.attrs)[...] = variable.values
        finally:
            self._release()

    def _release(self) -> None:
        """Close the file and give back the room that it did not need."""
        try:
            self._file.close()
            self._room.give_back()
        finally:
            self._room.close()

    def _variable(self, name: str, dims: tuple[Any, ...], dtype: Any, attrs: Mapping[str, Any]) -> Any:
        options: dict[str, Any] = {}
        if len(dims) > 1:  # one compressed chunk for each record
            sizes = [self._file.dimensions[dim].size for dim in dims[1:]]
            options = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (1, *_chunk(sizes))}
        elif self._file.dimensions[dims[0]].isunlimited():
            options = {"chunksizes": (TIMES_PER_CHUNK,)}
        variable = self._file.createVariable(name, dtype, dims, fill_value=False, **options)
        variable.setncatts(dict(attrs))
        return variable

    def append(self, dim: str, place: int, time: float, values: Mapping[str, Any]) -> None:
        """Write one record; its variables are created with the first one."""
        arrays = {name: np.asarray(value) for name, value in values.items()}
        with told(self._path):
            self._room.reserve(self._needed(dim, place, arrays))
            if dim not in self._file.dimensions:
                self._file.createDimension(dim, None)
                self._variable(dim, (dim,), np.float64, attributes(dim))
            for name, array in arrays.items():
                if name not in self._file.variables:
                    dims = (dim, *_dims(self._layout, dim, name))
                    self._variable(name, dims, array.dtype, attributes(name))
                self._file.variables[name][place] = array
            self._file.variables[dim][place] = time

    def _needed(self, dim: str, place: int, arrays: Mapping[str, Any]) -> int:
        """The most that a record may add to the file: nothing may compress, and chunks are whole."""
        needed = 0
        for name, array in ((dim, np.zeros(())), *arrays.items()):
            new = name not in self._file.variables
            if array.ndim:
                whole = [-(-n // c) * c for n, c in zip(array.shape, _chunk(list(array.shape)), strict=True)]
                needed += prod(whole) * array.itemsize + _overhead(array.ndim) * (1 + new)
            elif new or place % TIMES_PER_CHUNK == 0:
                needed += TIMES_PER_CHUNK * array.itemsize + _overhead(0)
        return needed

    def sync(self) -> None:
        """Bring every record to the disk."""
        with told(self._path):
            self._file.sync()
        self._room.written()

    def close(self, attrs: Mapping[str, Any]) -> None:
        """Close the file; without room for the attributes it stays marked as running."""
        with told(self._path):
            try:
                self._room.reserve(HEADER)
                self._file.setncatts(dict(attrs))
            finally:
                self._release()

    def dataset(self) -> xr.Dataset:
        """The file read back."""
        return read_dataset(self._path)


def _chunk(sizes: list[int]) -> list[int]:
    """A record, cut along its first axes where it would exceed the largest chunk."""
    chunk = list(sizes)
    for place in range(len(chunk)):
        while 8 * prod(chunk) > LARGEST_CHUNK and chunk[place] > 1:
            chunk[place] = -(-chunk[place] // 2)
    return chunk


def _overhead(dim: int) -> int:
    """Bytes for the three B-tree nodes that a chunk may add, and as much serves for a variable's header."""
    return 2**11 * (3 + dim)


def _heading(layout: Layout) -> dict[str, Any]:
    return {"Conventions": CONVENTIONS, "format": FORMAT, **layout.attrs, "status": "running"}


def _dims(layout: Layout, dim: str, name: str) -> tuple[str, ...]:
    return () if dim == "diagnostic_time" else layout.fields[name].dims


def read_dataset(path: Path) -> xr.Dataset:
    """The file's contents, in memory unless they are large.

    Raises
    ------
    ValueError
        If a later version of mfpde laid it out in another way.
    """
    small = path.stat().st_size < IN_MEMORY
    dataset = (xr.load_dataset if small else xr.open_dataset)(path, engine="netcdf4")
    check_format(path, dataset.attrs)
    return dataset

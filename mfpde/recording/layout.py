"""What a run saves, and the checks made before anything is computed or touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["FORMAT", "Field", "Layout", "check_format", "check_path", "checked_times"]

FORMAT = 1  # of the files; to be raised when older versions would misread them


@dataclass(frozen=True)
class Field:
    """One variable to be saved.

    Attributes
    ----------
    dims : tuple of str
        Dimensions besides time.
    every : int
        It is saved at every ``every``-th requested time, the first included.
    values : callable, optional
        Computes it from what the run observes; by default the variable of its own name is taken.
    """

    dims: tuple[str, ...]
    every: int = 1
    values: Callable[[Mapping[str, Any]], Any] | None = None

    @property
    def time(self) -> str:
        """Name of its time dimension."""
        return "time" if self.every == 1 else f"time_every_{self.every}"


@dataclass(frozen=True)
class Layout:
    """What a run saves.

    Attributes
    ----------
    coords : mapping
        Coordinate variables of the dimensions besides time.
    fields : mapping
        The variables to be saved, by name.
    attrs : mapping
        Attributes of the file: strings, integers and floats. Those in ``identity`` must agree for a file
        to be continued.
    identity : tuple of str
    static : mapping
        Variables that do not change with time.
    every : int or None
        Diagnostics are recorded after this many steps, and at every saved time; ``None`` for none at all.
    """

    coords: Mapping[str, xr.Variable]
    fields: Mapping[str, Field]
    attrs: Mapping[str, Any]
    identity: tuple[str, ...]
    static: Mapping[str, xr.Variable] = field(default_factory=dict)
    every: int | None = 10

    def due(self, index: int) -> dict[str, list[str]]:
        """Names of the variables to be saved at requested time number ``index``, by time dimension."""
        groups: dict[str, list[str]] = {"time": []}
        for name, saved in self.fields.items():
            if index % saved.every == 0:
                groups.setdefault(saved.time, []).append(name)
        return groups

    def size(self, times: int) -> int:
        """Bytes of all that is saved at ``times`` times, uncompressed."""
        given = (*self.coords.values(), *self.static.values())
        lengths = {dim: size for variable in given for dim, size in variable.sizes.items()}
        records = (prod(lengths[d] for d in f.dims) * -(-times // f.every) for f in self.fields.values())
        return 8 * sum(records)


def checked_times(times: Any, horizon: float) -> NDArray[np.float64]:
    """The requested times as an increasing array from 0 on; 101 instants up to the horizon by default."""
    if times is None:
        return np.linspace(0.0, horizon, 101)
    try:
        values = np.atleast_1d(np.asarray(times, dtype=float))
    except (TypeError, ValueError):
        raise TypeError(f"times must be increasing numbers, e.g. [0.0, 0.5, 1.0], got {times!r}") from None
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"times must be a non-empty list of finite numbers, got {times!r}")
    if values[0] < 0 or (np.diff(values) <= 0).any():
        raise ValueError("times must be increasing and start at 0 or later; sort them and drop repetitions")
    return values


def check_path(path: Any, overwrite: bool, resume: bool) -> Path | None:
    """The path as a Path, once it is certain that writing there loses nothing."""
    if path is None:
        return None
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"the folder {target.parent} does not exist; create it or choose another path"
        )
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; give the name of a file in it")
    if target.exists() and not (overwrite or resume):
        raise FileExistsError(
            f"{target} exists; pass resume=True to continue it or overwrite=True to replace it"
        )
    for place in (target.parent, target):
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(f"{place} is read-only; choose another path or change its permissions")
    return target


def check_format(path: Path, attrs: Mapping[str, Any]) -> None:
    """Refuse a file of a later format; files without a number are older and have the first one."""
    found = attrs.get("format", 1)
    if not isinstance(found, int | np.integer) or not 1 <= found <= FORMAT:
        raise ValueError(
            f"{path} has format {found}, this version of mfpde reads up to format {FORMAT}; update mfpde, or "
            "choose another path"
        )

"""What a run saves, and the checks made before anything is computed or touched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["Layout", "check_path", "checked_times"]


@dataclass(frozen=True)
class Layout:
    """What a run saves.

    Attributes
    ----------
    coords : mapping
        Coordinate variables of the dimensions besides time.
    fields : mapping
        Dimensions (without time) of every variable to be saved at the requested times.
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
    fields: Mapping[str, tuple[str, ...]]
    attrs: Mapping[str, Any]
    identity: tuple[str, ...]
    static: Mapping[str, xr.Variable] = field(default_factory=dict)
    every: int | None = 10


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

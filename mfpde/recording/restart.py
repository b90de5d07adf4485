"""The restart state beside a file, and whether a file may be continued from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.recording.layout import Layout, check_format
from mfpde.recording.stores import read_dataset, replace_file
from mfpde_solvers.evolve import Run

__all__ = ["Progress", "Restart", "open_existing", "restart_path", "write_restart"]

Array = NDArray[Any]


@dataclass
class Progress:
    """How many records are safely on disk, and the time they took."""

    saved: int = 0
    diagnosed: int = 0
    seconds: float = 0.0


def restart_path(path: Path) -> Path:
    """Where the restart state of a file lies."""
    return path.with_name(path.name + ".restart")


def write_restart(path: Path, run: Run, reached: Progress) -> None:
    """Replace the restart state of ``path`` by the present state of ``run``, in one stroke."""
    from mfpde_solvers.fourier import export_wisdom

    contents: dict[str, Any] = {f"state.{name}": value for name, value in run.state().items()}
    contents["progress"] = np.array([reached.saved, reached.diagnosed], dtype=np.int64)
    contents["seconds"] = np.float64(reached.seconds)
    contents["wisdom"] = np.frombuffer(export_wisdom(), dtype=np.uint8)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **contents)

    replace_file(restart_path(path), write)


class Restart:
    """The restart state that lies beside a file.

    Raises
    ------
    ValueError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._load(restart_path(path))
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ValueError(
                f"{restart_path(path)} is damaged ({error}), so {path} cannot be continued; "
                "use overwrite=True"
            ) from error

    def _load(self, path: Path) -> None:
        with path.open("rb") as file, np.load(file) as contents:  # np.load leaves a damaged file open
            self.state = {
                name.removeprefix("state."): contents[name] for name in contents if name.startswith("state.")
            }
            saved, diagnosed = (int(count) for count in contents["progress"])
            self.progress = Progress(saved, diagnosed, float(contents["seconds"]))
            self.wisdom = contents["wisdom"].tobytes()


def _check_identity(path: Path, attrs: Mapping[str, Any], layout: Layout) -> None:
    """Refuse to continue a file that was made from something else, saying what differs."""
    if not attrs.keys() & set(layout.identity):
        raise ValueError(f"{path} is not a file of mfpde that can be continued; use overwrite=True")
    differing = []
    for name in layout.identity:
        old, new = attrs.get(name), layout.attrs[name]
        old = old.item() if isinstance(old, np.generic) else old
        if old == new:
            continue
        if name == "fingerprint" and isinstance(old, str):
            before, now = json.loads(old), json.loads(new)
            differing += [f"{part}" for part in now if before.get(part) != now[part]]
        else:
            differing.append(f"{name} (in the file {old!r}, now {new!r})")
    if differing:
        raise ValueError(
            f"{path} was made from another computation; different: {', '.join(differing)}. "
            "Choose another path, or overwrite=True to replace it"
        )


def _check_prefix(path: Path, recorded: Array, times: Array) -> None:
    common = min(recorded.size, times.size)
    if not np.array_equal(recorded[:common], times[:common]):
        raise ValueError(
            f"{path} holds the times {recorded[0]:g} … {recorded[-1]:g} ({recorded.size} of them), which "
            "are not those asked for; pass the same times (later ones may be added), or overwrite=True"
        )


@dataclass(frozen=True)
class Opened:
    """An existing file that may be continued."""

    dataset: xr.Dataset
    restart: Restart | None


def open_existing(path: Path, layout: Layout, times: Array) -> Opened | None:
    """What lies at ``path``, checked against what is asked; ``None`` if there is nothing to continue."""
    if not path.exists():
        return None
    attrs, recorded = _read_heading(path)
    check_format(path, attrs)
    _check_identity(path, attrs, layout)
    over = attrs.get("status") in ("blow-up", "failed")
    restart = Restart(path) if restart_path(path).exists() else None
    if restart is None:
        _check_prefix(path, recorded, times)
        if recorded.size <= 1 < times.size and not over:
            return None  # stopped before the first record was acknowledged
        if recorded.size < times.size and not over:
            raise ValueError(
                f"{restart_path(path)} is missing, so {path} cannot be continued; use overwrite=True"
            )
    else:
        _check_prefix(path, _acknowledged(path, recorded, restart), times)
        if restart.progress.saved < times.size and not over:
            return Opened(xr.Dataset(), restart)
    return Opened(_up_to(times, read_dataset(path)), None)


def _read_heading(path: Path) -> tuple[dict[str, Any], Array]:
    """Attributes and times of a file."""
    try:
        with xr.open_dataset(path, engine="netcdf4") as file:
            return dict(file.attrs), file["time"].values
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not a file of mfpde that can be continued ({error}); use overwrite=True"
        ) from error


def _acknowledged(path: Path, recorded: Array, restart: Restart) -> Array:
    """Times of the records that the restart state knows; what comes after them may be torn."""
    saved = restart.progress.saved
    if recorded.size < saved:
        raise ValueError(
            f"{path} has {recorded.size} records but {restart_path(path)} counts {saved}: one of the two was "
            "replaced; use overwrite=True"
        )
    return recorded[:saved]


def _up_to(times: Array, dataset: xr.Dataset) -> xr.Dataset:
    """The part of a dataset that a run through ``times`` alone would have given."""
    found = dataset.isel(time=slice(0, times.size))
    for dim in [str(dim) for dim in found.dims if dim == "diagnostic_time" or str(dim).startswith("time_")]:
        found = found.isel({dim: np.flatnonzero(found[dim].values <= times[-1])})
    if found.sizes["time"] == times.size:
        found.attrs["status"] = "completed"
    return found

"""Where two datasets differ by more than they may, and a picture of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["Difference", "differences", "draw"]

COORDINATES = 1e-12  # relative difference of coordinates that count as the same

Tolerances = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Difference:
    """A variable that is not as stored, and where it differs most."""

    name: str
    message: str
    place: Mapping[str, int] | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def differences(found: xr.Dataset, stored: xr.Dataset, tolerances: Tolerances) -> list[Difference]:
    """The variables for which |found − stored| ≤ atol + rtol |stored| fails somewhere.

    Parameters
    ----------
    found, stored : Dataset
    tolerances : mapping of names to (rtol, atol)
        The variables to compare. NaN equals NaN and nothing else.
    """
    compared = (_difference(name, found, stored, *pair) for name, pair in tolerances.items())
    return [one for one in compared if one is not None]


def _difference(
    name: str, found: xr.Dataset, stored: xr.Dataset, rtol: float, atol: float
) -> Difference | None:
    if name not in stored:
        return Difference(name, "the reference does not have it; make the reference again")
    new, old = found[name], stored[name]
    if new.dims != old.dims or new.shape != old.shape:
        return Difference(name, f"dimensions {dict(new.sizes)} in place of {dict(old.sizes)}")
    for dim in old.dims:
        if dim in old.coords and not _same(new.coords.get(dim), old[dim]):
            return Difference(name, f"the coordinate {dim} has other values")
    a, b = (np.asarray(array.values, dtype=float) for array in (new, old))
    with np.errstate(invalid="ignore"):
        gap = np.where((np.isnan(a) & np.isnan(b)) | (a == b), 0.0, np.abs(a - b))
        limit = atol + rtol * np.abs(b)
        excess = np.where(np.isfinite(gap), gap - limit, np.inf)
    wrong = excess > 0
    if not wrong.any():
        return None
    index = np.unravel_index(int(np.argmax(excess)), a.shape)
    place = {str(dim): int(i) for dim, i in zip(old.dims, index, strict=True)}
    where = ", ".join(f"{dim} = {_label(old, dim, i)}" for dim, i in place.items()) or "its only value"
    return Difference(
        name,
        f"{int(wrong.sum())} of {a.size} values differ, most at {where}: {a[index]:.10g} in place of "
        f"{b[index]:.10g}, apart by {gap[index]:.3g} where {limit[index]:.3g} is allowed",
        place,
    )


def _same(new: xr.DataArray | None, old: xr.DataArray) -> bool:
    if new is None:
        return False
    if old.dtype.kind not in "fiu":
        return bool((new.values == old.values).all())
    scale = max(float(np.abs(old.values).max(initial=0.0)), 1e-300)
    return bool(np.abs(new.values - old.values).max(initial=0.0) <= COORDINATES * scale)


def _label(array: xr.DataArray, dim: str, index: int) -> str:
    if dim not in array.coords:
        return f"number {index}"
    value = array[dim].values[index]
    return f"{value:.6g}" if isinstance(value, int | float | np.number) else str(value)


def draw(found: xr.Dataset, stored: xr.Dataset, difference: Difference, path: Path) -> Path | None:
    """Save a picture of the stored values, the new ones and their difference through the worst point.

    Lines along one dimension; maps of the last two of more. ``None`` where there is nothing to draw.
    """
    if difference.place is None or not difference.place:
        return None
    from matplotlib.figure import Figure

    shown = [str(dim) for dim in stored[difference.name].dims][-2:]
    kept = [dim for dim in shown if stored[difference.name].sizes[dim] > 1] or shown[-1:]
    at = {dim: index for dim, index in difference.place.items() if dim not in kept}
    old, new = (data[difference.name].isel(at).astype(float) for data in (stored, found))
    gap = (new - old.values).rename(difference.name)
    figure = Figure(figsize=(13, 4), layout="constrained")
    panels = figure.subplots(1, 3)
    for panel, array, title in zip(panels, (old, new, gap), ("stored", "found", "difference"), strict=True):
        _panel(panel, array, kept)
        panel.set_title(title)
    where = ", ".join(f"{dim} = {_label(stored[difference.name], dim, i)}" for dim, i in at.items())
    figure.suptitle(f"{difference.name} {f'at {where}' if where else ''}".strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


def _panel(panel: Any, array: xr.DataArray, dims: list[str]) -> None:
    x = [array[dim].values if dim in array.coords else np.arange(array.sizes[dim]) for dim in dims]
    if len(dims) == 1:
        panel.plot(x[0], array.values, ".-")
        panel.set_xlabel(dims[0])
        return
    image = panel.pcolormesh(x[1], x[0], array.values, shading="nearest")
    panel.set(xlabel=dims[1], ylabel=dims[0])
    panel.figure.colorbar(image, ax=panel)

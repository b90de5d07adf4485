"""Tables for the terminal."""

from __future__ import annotations

import inspect
import math
import warnings
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["convergence_rows", "convergence_table", "floor_of", "measures_of", "problem_table"]

WIDTH = 120


def measures_of(study: xr.Dataset) -> list[str]:
    """Names of the measures of a study, without their floors, errors, excesses and statistics."""
    parts = ("_iid", "_excess", "_reference_error", "_statistic", "_stderr")
    return [
        str(name)
        for name in study.data_vars
        if not str(name).endswith(parts) and (f"{name}_iid" in study or "metric" in study[name].attrs)
    ]


def floor_of(study: xr.Dataset, name: str) -> xr.DataArray | None:
    """The i.i.d. floor of a measure, ``None`` for one that has none, such as the coupling distance."""
    return study.get(f"{name}_iid")


def averaged(values: xr.DataArray) -> xr.DataArray:
    """Mean over replicas, or root mean square where the measure says so; exact floors as they are."""
    if "replica" not in values.dims:
        return values
    if values.attrs.get("reduction") == "rms":
        return (values**2).mean("replica") ** 0.5
    return values.mean("replica")


def standard_error(values: xr.DataArray) -> xr.DataArray:
    """Standard error of :func:`averaged`: of a measure of the ensemble its own, 0 for exact floors."""
    if "replica" not in values.dims:
        own = values.coords.get(f"{values.name}_stderr")
        return xr.zeros_like(values) if own is None else own.transpose(*values.dims).reset_coords(drop=True)
    count = values.sizes["replica"]
    if values.attrs.get("reduction") == "rms":
        spread: xr.DataArray = (values**2).std("replica", ddof=1) / (2 * averaged(values))
    else:
        spread = values.std("replica", ddof=1)
    error: xr.DataArray = spread / count**0.5
    return error


def convergence_rows(study: xr.Dataset) -> list[dict[str, float | str]]:
    """One row for each measure and time: rate, interval, theory, excess over the floor, reference error.

    The excess is mean − floor at the largest N, relative to the floor, with its standard error; NaN for
    measures without a floor, or whose floor is 0.
    """
    from mfpde.chaos.rates import fit_rate

    rows: list[dict[str, float | str]] = []
    for name in measures_of(study):
        measure, excesses = study[name], _excesses(study, name)
        positive = averaged(measure).min("size") > 0  # a coupling distance begins with 0
        with warnings.catch_warnings():  # a rate that is not there is a dash in the table
            warnings.filterwarnings("ignore", f"the mean of {name} is not positive")
            fits = fit_rate(measure.where(positive)) if study.sizes["size"] > 1 else None
        for place, time in enumerate(study["time"].values):
            fit = (
                {}
                if fits is None
                else {part: float(fits[part][place]) for part in ("rate", "lower", "upper")}
            )
            rows.append(
                {
                    "measure": name,
                    "time": float(time),
                    "theory": float(measure.attrs.get("theory", math.nan)),
                    **{part: float(values[place]) for part, values in excesses.items()},
                    **(fit or dict.fromkeys(("rate", "lower", "upper"), math.nan)),
                }
            )
    return rows


def _excesses(study: xr.Dataset, name: str) -> dict[str, Any]:
    """Excess over the floor, its standard error and the error of the reference at the largest N."""
    measure, floor = study[name].isel(size=[-1]), floor_of(study, name)
    if floor is None:
        nothing = np.full(study.sizes["time"], np.nan)
        return dict.fromkeys(("excess", "excess_error", "reference_error"), nothing)
    floor = floor.isel(size=[-1])
    iid = averaged(floor)[0].values
    scale = np.where(iid == 0, np.nan, abs(iid))  # nothing is relative to a floor of 0
    error = np.hypot(standard_error(measure)[0].values, standard_error(floor)[0].values)
    return {
        "excess": (averaged(measure)[0].values - iid) / scale,
        "excess_error": error / scale,
        "reference_error": np.abs(study[f"{name}_reference_error"].values / scale),
    }


def convergence_table(study: xr.Dataset) -> None:
    """Print the rows of a study."""
    largest = int(study["size"][-1])
    table = _table(f"{study.attrs['title']}: convergence in N, {study.sizes['replica']} replicas")
    for column in ("measure", "t", "rate", "95 % interval", "theory", "excess over floor", "reference error"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for row in convergence_rows(study):
        table.add_row(
            str(row["measure"]),
            f"{row['time']:g}",
            *_cells(row),
        )
    table.caption = f"excess and reference error relative to the i.i.d. floor at N = {largest}"
    _print(table)


def _cells(row: dict[str, float | str]) -> list[str]:
    """Rate, interval, theory, excess and reference error; a dash for what a measure does not have."""
    excess, error = 100 * float(row["excess"]), 100 * float(row["reference_error"])
    rated = not math.isnan(float(row["rate"]))
    return [
        f"{row['rate']:.3f}" if rated else "–",
        f"[{row['lower']:.3f}, {row['upper']:.3f}]" if rated else "–",
        f"{row['theory']:.2f}",
        "–" if math.isnan(excess) else f"{excess:+.1f} ± {100 * float(row['excess_error']):.1f} %",
        "–" if math.isnan(error) else f"{error:.2g} %",
    ]


def problem_table() -> None:
    """Print the catalogue of problems."""
    from mfpde.problems import catalogue

    table = _table("problems")
    table.add_column("name and defaults")
    table.add_column("description")
    for name, make in catalogue().items():
        defaults = ", ".join(f"{p.name}={p.default!r}" for p in inspect.signature(make).parameters.values())
        table.add_row(f"{name}({defaults})", make().description)
    _print(table)


def _table(title: str) -> Any:
    from rich import box
    from rich.table import Table

    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left")


def _print(table: Any) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = WIDTH  # a table in a file or a pipe is not folded
    console.print(table)

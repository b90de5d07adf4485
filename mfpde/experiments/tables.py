"""Tables of experiments for the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

__all__ = ["experiment_table", "result_table"]

WIDTH = 120


def experiment_table() -> None:
    """Print the names, titles and sources of all experiments."""
    from mfpde.experiments import catalogue

    table = _table("experiments")
    for column in ("name", "what it shows", "source"):
        table.add_column(column)
    for name, one in catalogue().items():
        table.add_row(name, one.title, one.source)
    _print(table)


def result_table(result: xr.Dataset) -> None:
    """Print the predictions of an experiment beside what was measured, and the verdict."""
    table = _table(str(result.attrs["title"]))
    table.add_column("quantity", justify="left")
    for column in ("predicted", "measured", "95 % interval", "detectable", "p"):
        table.add_column(column, justify="right")
    for place in range(result.sizes["quantity"]):
        table.add_row(*_cells(result.isel(quantity=place)))
    _print(table, result.attrs["verdict"])


def _cells(row: xr.Dataset) -> list[str]:
    sign = {"=": "", "<=": "≤ ", ">=": "≥ ", "none": ""}[str(row["relation"].values)]
    numbers = {
        name: float(row[name])
        for name in ("predicted", "measured", "lower", "upper", "detectable", "p_value")
    }
    interval = f"[{numbers['lower']:.4g}, {numbers['upper']:.4g}]" if float(row["stderr"]) else "–"
    return [
        str(row["quantity"].values),
        "–" if np.isnan(numbers["predicted"]) else f"{sign}{numbers['predicted']:.4g}",
        f"{numbers['measured']:.4g}",
        interval,
        "–" if np.isnan(numbers["detectable"]) else f"{numbers['detectable']:.2g}",
        "–" if np.isnan(numbers["p_value"]) else f"{numbers['p_value']:.2g}",
    ]


def _table(title: str) -> Any:
    from rich import box
    from rich.table import Table

    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left")


def _print(*parts: Any) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = WIDTH  # a table in a file or a pipe is not folded
    for part in parts:
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)

"""The table of a verification: a dataset, and its picture in the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
import xarray as xr

from mfpde.dataset import attributes
from mfpde.report import _print, _table
from mfpde.verification.facts import Fact

__all__ = ["falls_short", "print_table", "records", "table"]

NUMBERS = {
    "expected": "value that the mathematics gives; NaN for a bound",
    "measured": "value computed",
    "error": "difference of measured and expected",
    "tolerance": "largest error that holds; NaN for a bound",
    "seconds": "wall time, that of one run shared by its facts",
}
DIGITS = {"expected": 7, "measured": 7, "error": 2, "tolerance": 2}
TEXTS = {
    "equation": "family of the limit equation",
    "verdict": "verdict",
    "reason": "where the tolerance is from",
}


def table(rows: Sequence[tuple[str, Fact, float]]) -> xr.Dataset:
    """Rows (equation, fact, seconds) as a dataset along ``quantity``."""
    numbers = {
        name: [seconds if name == "seconds" else getattr(fact, name) for _, fact, seconds in rows]
        for name in NUMBERS
    }
    texts = {
        name: [equation if name == "equation" else getattr(fact, name) for equation, fact, _ in rows]
        for name in TEXTS
    }
    variables = {
        name: ("quantity", np.array(values, dtype=float), _described(name))
        for name, values in numbers.items()
    } | {
        name: ("quantity", np.array(values, dtype=str), {"long_name": TEXTS[name]})
        for name, values in texts.items()
    }
    quantity = np.array([fact.quantity for _, fact, _ in rows], dtype=str)
    order = ("equation", "expected", "measured", "error", "tolerance", "verdict", "seconds", "reason")
    return xr.Dataset({name: variables[name] for name in order}, {"quantity": ("quantity", quantity)})


def _described(name: str) -> dict[str, Any]:
    return attributes(name, long_name=NUMBERS[name]) | ({"units": "s"} if name == "seconds" else {})


def falls_short(found: xr.Dataset) -> list[str]:
    """The quantities that are not what they must be."""
    return [str(name) for name in found["quantity"].values[found["verdict"].values == "falls short"]]


def records(found: xr.Dataset) -> str:
    """The rows as JSON, a list of objects; NaN becomes null."""
    names = ("quantity", *map(str, found.data_vars))
    columns = [found[name].values.tolist() for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    plain = [
        {key: None if isinstance(v, float) and isnan(v) else v for key, v in row.items()} for row in rows
    ]
    return json.dumps(plain, ensure_ascii=False, indent=1)


def print_table(found: xr.Dataset) -> None:
    """Print the rows, and how many hold."""
    shown = _table("verification of the exact facts")
    for column in ("quantity", "expected", "measured", "error", "tolerance", "verdict", "seconds"):
        shown.add_column(column, justify="left" if column in ("quantity", "verdict") else "right")
    family = None
    for row in json.loads(records(found)):
        if row["equation"] != family:
            family = row["equation"]
            shown.add_row(family, style="bold")
        cells = [_number(row[name], digits) for name, digits in DIGITS.items()]
        style = "bold red" if row["verdict"] == "falls short" else None
        shown.add_row(f"  {row['quantity']}", *cells, row["verdict"], f"{row['seconds']:.1f}", style=style)
    verdicts = found["verdict"].values.tolist()
    counted = ", ".join(
        f"{verdicts.count(v)} {v}" for v in ("holds", "falls short", "measured") if v in verdicts
    )
    shown.caption = f"{counted}; {float(found['seconds'].sum()):.0f} s"
    _print(shown)
    for name, reason in zip(found["quantity"].values, found["reason"].values, strict=True):
        if name in falls_short(found):
            print(f"falls short: {name} ({reason})")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}g}"

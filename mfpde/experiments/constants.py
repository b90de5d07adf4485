"""Constants that a bound leaves open, measured along a solution of the limit equation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.experiments.findings import Curve, Finding, Row

__all__ = ["constants_finding"]

Array = NDArray[Any]


def constants_finding(problem: Any, times: Array, names: tuple[str, ...], solver: Any = None) -> Finding:
    """Largest values over time of diagnostics of the limit."""
    from mfpde.dataset import LONG_NAMES
    from mfpde.solution import solve

    found = solve(problem, times, solver=solver, progress=False)
    t = found["diagnostic_time"].values
    rows = [Row(LONG_NAMES[name], np.nan, float(found[name].max()), relation="none") for name in names]
    curves = [Curve(LONG_NAMES[name], t, found[name].values) for name in names]
    return Finding(rows, curves, x_label="t", y_label="smallest constant", scale="linear")

"""What an experiment finds: rows that compare a measurement with a prediction, and the verdict on them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.dataset import attributes

__all__ = ["LEVEL", "Curve", "Finding", "Row", "dataset_of", "fitted", "rate_row", "verdict"]

Array = NDArray[Any]
Relation = Literal["=", "<=", ">=", "none"]

LEVEL = 1e-3
"""Probability that an experiment on a right system is refuted by chance; its rows share it (Bonferroni)."""
POWER = 0.9
"""Probability with which a deviation of the size ``detectable`` is found."""


@dataclass(frozen=True)
class Row:
    """One quantity, its prediction, and its measurement with a standard error.

    Parameters
    ----------
    quantity : str
    predicted, measured : float
    stderr : float
        Of the measurement; 0 for what is computed without chance.
    relation : {"=", "<=", ">=", "none"}
        How the measurement stands to the prediction if the theorem holds. ``"none"`` is reported, not judged.
    allowance : float
        Known deviation that is no chance: a higher order in 1/N, the step. The row is refuted only beyond it.
    degrees : float
        Degrees of freedom of Student's law of (measured − expected)/stderr; infinite for the normal one.
    """

    quantity: str
    predicted: float
    measured: float
    stderr: float = 0.0
    relation: Relation = "="
    allowance: float = 0.0
    degrees: float = inf

    @property
    def p_value(self) -> float:
        """Probability of a deviation as large, if the prediction is right; NaN where none is judged."""
        excess = self.measured - self.predicted
        if self.relation == "none":
            return nan
        if not isfinite(excess) or isnan(self.stderr):
            return 0.0  # a measurement that failed confirms nothing
        excess = {"=": abs(excess), "<=": excess, ">=": -excess}[self.relation] - self.allowance
        if excess <= 0:
            return 1.0
        if self.stderr == 0:
            return 0.0
        sides = 2 if self.relation == "=" else 1
        return min(1.0, sides * _upper_tail(excess / self.stderr, self.degrees))

    def quantile(self, probability: float) -> float:
        """Of Student's law, or the normal one."""
        from scipy.special import ndtri, stdtrit

        return float(ndtri(probability) if self.degrees == inf else stdtrit(self.degrees, probability))


def _upper_tail(z: float, degrees: float) -> float:
    from scipy.special import ndtr, stdtr

    return float(ndtr(-z) if degrees == inf else stdtr(degrees, -z))


@dataclass(frozen=True)
class Curve:
    """Measured points with standard errors, to be drawn beside their prediction and floor.

    Parameters
    ----------
    label : str
    x, y, stderr : array_like
        Abscissae, measured values, and standard errors (None: none).
    theory, floor : array_like or None
        Values at the same x.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    stderr: ArrayLike | None = None
    theory: ArrayLike | None = None
    floor: ArrayLike | None = None


@dataclass(frozen=True)
class Finding:
    """What the function of an experiment returns.

    Parameters
    ----------
    rows : sequence of Row
        What is judged.
    curves : sequence of Curve
        What the figure draws.
    x_label, y_label : str
        Of the figure.
    scale : {"log", "linear"}
        Of both of its axes.
    notes : str
        A sentence on what was seen besides, computed from the data; it closes the verdict.
    attrs : dict
        Further attributes of the Dataset.
    """

    rows: Sequence[Row]
    curves: Sequence[Curve] = ()
    x_label: str = "N"
    y_label: str = ""
    scale: str = "log"
    notes: str = ""
    attrs: dict[str, Any] = field(default_factory=dict)


def fitted(values: ArrayLike, sizes: ArrayLike, seed: int, reduction: str = "mean") -> xr.Dataset:
    """The rate of values (size, replica) by :func:`mfpde.fit_rate`."""
    from mfpde.chaos.rates import fit_rate

    coords = {"size": np.asarray(sizes)}
    attrs = {"seed": seed, "reduction": reduction}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the mean of measure is not positive")  # its row is refuted
        return fit_rate(xr.DataArray(np.asarray(values), coords, ("size", "replica"), "measure", attrs))


def rate_row(fit: xr.Dataset, quantity: str, predicted: float, **changes: Any) -> Row:
    """The rate of a :func:`mfpde.fit_rate` at one time as a row; half its 95 % interval is 1.96 errors."""
    half = float(fit["upper"] - fit["lower"]) / 2
    return Row(quantity, predicted, float(fit["rate"]), half / 1.96, **changes)


def threshold(rows: Sequence[Row]) -> float:
    """Level of a single row: LEVEL shared among those that are judged."""
    return LEVEL / max(1, sum(row.relation != "none" for row in rows))


def verdict(rows: Sequence[Row], notes: str = "") -> tuple[int, str]:
    """Whether the rows confirm the theorem, and a paragraph that says so.

    A row is refuted if its p-value is below LEVEL over the number of judged rows (Bonferroni): a right
    system is refuted with probability at most LEVEL, however many rows there are and however they depend
    on each other. The ``notes`` close the paragraph.

    Returns
    -------
    confirmed : int
        1; 0 if a row is refuted; −1 if no row is judged.
    text : str
    """
    judged = [row for row in rows if row.relation != "none"]
    level = threshold(rows)
    refuted = [row for row in judged if row.p_value < level]
    if not judged:
        text = "No verdict: the theorem leaves its constants open, and those measured are " + "; ".join(
            f"{row.quantity} {row.measured:.4g}" for row in rows
        )
        return -1, f"{text}. {notes}".strip()
    if refuted:
        found = "; ".join(f"{_told(row)}, p = {row.p_value:.1g}" for row in refuted)
        head = f"Refuted: {len(refuted)} of {len(judged)} predictions fail at the level {level:.1g}: {found}"
    else:
        worst = min(judged, key=lambda row: row.p_value)
        head = (
            f"Confirmed: all {len(judged)} predictions hold at the level {level:.1g}; the least likely is "
            f"{_told(worst)}, p = {worst.p_value:.2g}"
        )
    return int(not refuted), f"{head}. {notes}".strip()


def _told(row: Row) -> str:
    sign = {"=": "", "<=": "at most ", ">=": "at least "}[row.relation] if row.relation != "none" else ""
    error = f" ± {row.stderr:.2g}" if row.stderr else ""
    return f"{row.quantity} = {row.measured:.4g}{error} where {sign}{row.predicted:.4g} is predicted"


def _detectable(row: Row, level: float) -> float:
    """Deviation found with probability POWER, from the standard error that was reached."""
    if row.relation == "none":
        return nan
    one = level / 2 if row.relation == "=" else level
    return row.allowance + (row.quantile(1 - one) + row.quantile(POWER)) * row.stderr


def dataset_of(finding: Finding) -> xr.Dataset:
    """Rows, curves and verdict as variables and attributes that netCDF holds."""
    rows, level = finding.rows, threshold(finding.rows)
    half = [row.quantile(0.975) * row.stderr for row in rows]
    columns: dict[str, list[Any]] = {
        "predicted": [row.predicted for row in rows],
        "measured": [row.measured for row in rows],
        "stderr": [row.stderr for row in rows],
        "lower": [row.measured - h for row, h in zip(rows, half, strict=True)],
        "upper": [row.measured + h for row, h in zip(rows, half, strict=True)],
        "allowance": [row.allowance for row in rows],
        "p_value": [row.p_value for row in rows],
        "detectable": [_detectable(row, level) for row in rows],
        "refuted": [np.int8(row.relation != "none" and row.p_value < level) for row in rows],
        "relation": [row.relation for row in rows],
    }
    variables = {
        name: xr.Variable("quantity", values, {"long_name": DESCRIBED[name]} if isinstance(values[0], str)
                          else attributes(name, long_name=DESCRIBED[name]))
        for name, values in columns.items()
    }  # fmt: skip
    variables |= _curves(finding.curves)
    coords: dict[str, Any] = {"quantity": [row.quantity for row in rows]}
    if finding.curves:
        coords["curve"] = [curve.label for curve in finding.curves]
    confirmed, text = verdict(rows, finding.notes)
    labels = {"x_label": finding.x_label, "y_label": finding.y_label, "scale": finding.scale}
    return xr.Dataset(
        variables,
        coords,
        {"verdict": text, "confirmed": confirmed, "level": LEVEL, **labels, **finding.attrs},
    )


DESCRIBED = {
    "predicted": "what the theorem predicts",
    "measured": "what was measured",
    "stderr": "standard error of the measurement",
    "lower": "lower end of the 95 % interval",
    "upper": "upper end of the 95 % interval",
    "allowance": "known deviation that is no chance",
    "p_value": "probability of such a deviation if the prediction is right",
    "detectable": f"deviation found with probability {POWER:g}",
    "refuted": "1 where the prediction fails",
    "relation": "how the measurement stands to the prediction",
    "curve_x": "abscissa",
    "curve_y": "measured",
    "curve_stderr": "standard error",
    "curve_theory": "theory",
    "curve_floor": "i.i.d. floor",
}


def _curves(curves: Sequence[Curve]) -> dict[str, xr.Variable]:
    """Curves of any lengths as arrays (curve, point), NaN where there is nothing."""
    if not curves:
        return {}
    longest = max(np.size(curve.x) for curve in curves)
    variables = {}
    for part in ("x", "y", "stderr", "theory", "floor"):
        values = np.full((len(curves), longest), np.nan)
        for place, curve in enumerate(curves):
            given = getattr(curve, part)
            if given is not None:
                values[place, : np.size(curve.x)] = np.asarray(given, dtype=float)
        name = f"curve_{part}"
        variables[name] = xr.Variable(("curve", "point"), values, attributes(name, long_name=DESCRIBED[name]))
    return variables

"""The figure of an experiment: what was measured beside what is predicted, readable without the text."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

FAR = 12.0  # standard errors at which a row is drawn at the edge


def draw(result: xr.Dataset) -> Figure:
    """Curves with their errors, theory and floor on the left; every prediction and its interval on the right.

    Parameters
    ----------
    result : Dataset
        As an experiment returns it.
    """
    import matplotlib.pyplot as plt

    curves = "curve" in result.dims
    size = 6.2 * (1 + curves), max(5.4, 2.2 + 0.45 * result.sizes["quantity"])  # room for three lines a row
    figure, axes = plt.subplots(1, 1 + curves, figsize=size, squeeze=False, layout="constrained")
    if curves:
        _draw_curves(axes[0, 0], result)
    _draw_rows(axes[0, -1], result)
    words = {1: "confirmed", 0: "refuted", -1: "no verdict"}[int(result.attrs["confirmed"])]
    planted = "" if result.attrs["system"] == "right" else f", with a planted error: {result.attrs['system']}"
    heading = f"{result.attrs['title']} ({words}{planted})"
    statement = fill(result.attrs["statement"], 110 if curves else 62)
    source = fill(result.attrs["source"], 110 if curves else 62)
    figure.suptitle(f"{fill(heading, 95 if curves else 52)}\n{statement}\n{source}", fontsize=9)
    return figure


def _draw_curves(panel: Any, result: xr.Dataset) -> None:
    import matplotlib as mpl

    count = result.sizes["curve"]
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, count))
    for place, colour in enumerate(colours):
        part = {
            name: result[f"curve_{name}"][place].values for name in ("x", "y", "stderr", "theory", "floor")
        }
        error = np.where(np.isnan(part["stderr"]), 0.0, part["stderr"])
        label = str(result["curve"].values[place])
        panel.errorbar(
            part["x"], part["y"], 1.96 * error, fmt="o", ms=4, capsize=2, color=colour, label=label
        )
        panel.plot(part["x"], part["theory"], "-", lw=1, color=colour)
        panel.plot(part["x"], part["floor"], ":", lw=1, color=colour)
    if np.isfinite(result["curve_theory"]).any():
        panel.plot([], [], "k-", lw=1, label="theory")
    if np.isfinite(result["curve_floor"]).any():
        panel.plot([], [], "k:", lw=1, label="i.i.d. floor")
    scale = result.attrs["scale"]
    sizes = result.attrs["x_label"] == "N"
    panel.set(xlabel=result.attrs["x_label"], ylabel=result.attrs["y_label"], xscale=scale, yscale=scale)
    if sizes:
        ticks = np.unique(result["curve_x"].values)
        panel.set_xticks(ticks[np.isfinite(ticks)], minor=False)
        panel.set_xticks([], minor=True)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.tick_params(axis="x", labelsize=7, rotation=45)
    panel.set_title("points with 95 % intervals", fontsize=9)
    panel.legend(fontsize=7)


def _draw_rows(panel: Any, result: xr.Dataset) -> None:
    """(measured − predicted)/stderr with the 95 % interval; beyond FAR an arrow tells that it goes on."""
    stderr = result["stderr"].values
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (result["measured"] - result["predicted"]).values / np.where(stderr > 0, stderr, np.nan)
    rows = np.arange(len(z))
    judged = [row for row in rows if str(result["relation"].values[row]) != "none"]
    for row in judged:
        colour = "tab:red" if result["refuted"].values[row] else "tab:blue"
        shown = 0.0 if np.isnan(z[row]) else float(np.clip(z[row], -FAR, FAR))
        marker = "o" if shown == z[row] else ">" if shown > 0 else "<" if shown < 0 else "s"
        panel.errorbar(
            shown, row, xerr=1.96 if stderr[row] > 0 else 0, fmt=marker, ms=5, capsize=2, color=colour
        )
    panel.axvline(0.0, color="k", lw=1)
    panel.axvspan(-1.96, 1.96, color="0.93", lw=0)
    labels = [_row_label(result.isel(quantity=int(row))) for row in rows]
    panel.set_yticks(rows, labels, fontsize=7)
    panel.set(
        ylim=(len(z) - 0.5, -0.5), xlabel="(measured − predicted) / standard error", xlim=(-FAR - 2, FAR + 2)
    )
    panel.set_title("predictions, with 95 % intervals; red: refuted", fontsize=9)


def _row_label(row: xr.Dataset) -> str:
    sign = {"=": "", "<=": "≤ ", ">=": "≥ ", "none": ""}[str(row["relation"].values)]
    error = f" ± {float(row['stderr']):.2g}" if float(row["stderr"]) else ""
    predicted = float(row["predicted"])
    beside = "" if np.isnan(predicted) else f" (predicted {sign}{predicted:.4g})"
    return f"{fill(str(row['quantity'].values), 34)}\n{float(row['measured']):.4g}{error}{beside}"

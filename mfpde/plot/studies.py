"""Pictures of studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfpde.plot.panels import colours, some, subplots
from mfpde.report import averaged, convergence_rows, floor_of, measures_of, standard_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["convergence"]


def convergence(study: xr.Dataset) -> Figure:
    """Every measure of a study against N, one panel each.

    Points with their standard errors at up to five times, the i.i.d. floor (band of one standard error),
    the slope of the theory and the error of the reference.
    """
    names = measures_of(study)
    figure, axes = subplots(1, len(names), width=5.0, height=4.8)
    places = some(study["time"])
    rates = {(row["measure"], row["time"]): row for row in convergence_rows(study)}
    for name, panel in zip(names, axes[0], strict=True):
        measure, floor = study[name], floor_of(study, name)
        if floor is not None and not bool((abs(averaged(floor)) > 0).all()):
            floor = None  # 0 has no place on logarithmic axes
        sizes = study["size"].values
        mean, error = averaged(measure), standard_error(measure)
        for place, colour in zip(places, colours(len(places)), strict=True):
            time = float(study["time"][place])
            row = rates[name, time]
            if not (abs(mean[:, place]) > 0).all():
                continue  # a coupling distance begins with 0; an estimate may be refused
            rate = f"rate {row['rate']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]"
            label = f"t = {time:g}: {rate if np.isfinite(row['rate']) else 'no rate'}"
            spread = 1.06 ** (places.index(place) - len(places) / 2)  # keeps error bars apart
            panel.errorbar(
                sizes * spread, abs(mean[:, place]), error[:, place], fmt="o", ms=4, color=colour, label=label
            )
        if floor is not None:
            _floor(panel, sizes, floor)
        theory = float(measure.attrs.get("theory", np.nan))
        if np.isfinite(theory):
            start = float(abs(averaged(measure if floor is None else floor)[0, -1])) * 1.6
            label = f"slope {theory:g} (theory)"
            panel.plot(sizes, start * (sizes / sizes[0]) ** theory, "k--", lw=1, label=label)
        panel.set(xscale="log", yscale="log", xlabel="N", ylabel=measure.attrs["long_name"], title=name)
        panel.set(ylim=panel.get_ylim())  # the line below may lie far under the data
        if floor is not None:
            reference = float(abs(study[f"{name}_reference_error"]).max())
            label = f"error of the reference, {reference:.1g}"
            panel.axhline(reference, color="tab:red", lw=1, ls=":", label=label)
        _name_sizes(panel, sizes)
        panel.legend(
            fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16)
        )  # clear of the data
    figure.suptitle(f"{study.attrs.get('title', '')}: convergence to the mean-field limit")
    return figure


def _floor(panel: Any, sizes: Any, floor: xr.DataArray) -> None:
    mean, error = abs(averaged(floor)).mean("time"), standard_error(floor).mean("time")
    panel.fill_between(sizes, mean - error, mean + error, color="0.75", lw=0)
    panel.plot(sizes, mean, color="0.45", lw=1, label="i.i.d. floor (mean over t)")


def _name_sizes(panel: Any, sizes: Any) -> None:
    """The sizes themselves as marks, about five of them, since powers of ten may not lie among them."""
    from matplotlib.ticker import NullLocator

    shown = sizes[:: max(1, -(-len(sizes) // 5))]
    panel.set_xticks(shown, [f"{size:g}" if size < 1e5 else f"{size:.0e}" for size in shown])
    panel.xaxis.set_minor_locator(NullLocator())

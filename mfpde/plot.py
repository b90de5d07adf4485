"""Pictures of what solve, simulate and converge return; every function gives the matplotlib Figure back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfpde.dataset import axes_of, is_time
from mfpde.report import averaged, convergence_rows, floor_of, measures_of, standard_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["convergence", "density", "diagnostics", "overview", "particles"]

MOST_TIMES = 5  # drawn in one panel
ZERO = 1e-10  # a momentum below it has no relative change
COURSES = ("potential_energy", "free_energy", "enstrophy", "order_parameter", "maximum")


def _subplots(rows: int, columns: int, width: float = 4.4, height: float = 3.6) -> tuple[Figure, Any]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    return figure, axes


def _colours(count: int) -> Any:
    import matplotlib as mpl

    return mpl.colormaps["viridis"](np.linspace(0.0, 0.85, count))


def _some(times: Any) -> list[int]:
    """At most MOST_TIMES places spread over the times, ends included."""
    return sorted({int(i) for i in np.linspace(0, len(times) - 1, MOST_TIMES).round()})


def overview(dataset: xr.Dataset) -> Figure:
    """The picture that suits a dataset: of a study, a solution or a particle system.

    Raises
    ------
    ValueError
        If it is none of them, or holds no record.
    """
    if dataset.sizes.get("time") == 0:
        raise ValueError("the dataset holds no record: the run stopped before its first time, see its status")
    if "size" in dataset.dims and measures_of(dataset):
        return convergence(dataset)
    if "particle" in dataset.dims:
        return particles(dataset)
    if _densities(dataset):
        return density(dataset)
    if "diagnostic_time" in dataset.dims:
        return diagnostics(dataset)
    raise ValueError(
        f"nothing to draw in a dataset of {', '.join(map(str, dataset.data_vars)) or 'no variables'}; "
        "give what solve, simulate or converge wrote"
    )


def convergence(study: xr.Dataset) -> Figure:
    """Every measure of a study against N, one panel each.

    Points with their standard errors at up to five times, the i.i.d. floor (band of one standard error),
    the slope of the theory and the error of the reference.
    """
    names = measures_of(study)
    figure, axes = _subplots(1, len(names), width=5.0, height=4.8)
    places = _some(study["time"])
    rates = {(row["measure"], row["time"]): row for row in convergence_rows(study)}
    for name, panel in zip(names, axes[0], strict=True):
        measure, floor = study[name], floor_of(study, name)
        if floor is not None and not bool((abs(averaged(floor)) > 0).all()):
            floor = None  # 0 has no place on logarithmic axes
        sizes = study["size"].values
        mean, error = averaged(measure), standard_error(measure)
        for place, colour in zip(places, _colours(len(places)), strict=True):
            time = float(study["time"][place])
            row = rates[name, time]
            if not (abs(mean[:, place]) > 0).all():
                continue  # a coupling distance begins with 0; an estimate may be refused
            label = f"t = {time:g}: rate {row['rate']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]"
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
        panel.legend(
            fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16)
        )  # clear of the data
    figure.suptitle(f"{study.attrs.get('title', '')}: convergence to the mean-field limit")
    return figure


def _floor(panel: Any, sizes: Any, floor: xr.DataArray) -> None:
    mean, error = abs(averaged(floor)).mean("time"), standard_error(floor).mean("time")
    panel.fill_between(sizes, mean - error, mean + error, color="0.75", lw=0)
    panel.plot(sizes, mean, color="0.45", lw=1, label="i.i.d. floor (mean over t)")


def _densities(dataset: xr.Dataset) -> list[xr.DataArray]:
    """What can be drawn: vorticity, density, marginals and slices over ``time``, circulations added up.

    Those with most axes and several times come first, the vorticity before the density.
    """
    names = [str(name) for name in dataset.data_vars]
    found = [dataset[name] for name in names if name == "vorticity" or name.startswith("density")]
    timed = [(array, next((str(d) for d in array.dims if is_time(str(d))), None)) for array in found]
    arrays = [array.rename({dim: "time"}) if dim != "time" else array for array, dim in timed if dim]
    arrays = [a.sum("circulation", keep_attrs=True) if "circulation" in a.dims else a for a in arrays]

    def rank(array: xr.DataArray) -> tuple[int, bool]:
        return -len(axes_of(array)) if array.sizes["time"] > 1 else 0, array.name != "vorticity"

    return sorted(arrays, key=rank)


def density(dataset: xr.Dataset) -> Figure:
    """The density (or vorticity) at up to five times, its change since the first, and the diagnostics.

    One axis gives lines, two give maps; of more, the marginal on the first position and velocity is shown.
    Where the density itself was not saved, its first marginal or slice is drawn.
    """
    import matplotlib.pyplot as plt

    array = _densities(dataset)[0]
    names = axes_of(array)
    if len(names) > 2:
        from mfpde.chaos import marginal

        names = [names[0], names[len(names) // 2]]
        array = marginal(array, names)
    chosen = array.isel(time=_some(array["time"]))
    figure = plt.figure(figsize=(14, 9), layout="constrained")
    parts: Any = figure.subfigures(3, 1, height_ratios=(1, 1, 1.1))
    top, middle, bottom = parts
    if len(names) == 1:
        _lines(top, chosen, array.attrs["long_name"])
        _lines(middle, chosen - chosen[0], "change since the first time")
    else:
        highest = float(chosen.max())
        if float(chosen.min()) < -0.01 * highest:  # a vorticity of both signs
            highest = float(abs(chosen).max())
            _maps(top, chosen, array.attrs["long_name"], "RdBu_r", (-highest, highest))
        else:
            _maps(top, chosen, array.attrs["long_name"], "viridis", (0.0, highest))
        change = chosen - chosen[0]
        bound = max(float(abs(change).max()), 1e-300)
        _maps(middle, change, "change since the first time", "RdBu_r", (-bound, bound))
    _budgets(bottom, dataset)
    figure.suptitle(str(dataset.attrs.get("title", "")))
    return figure


def _label(array: xr.DataArray | xr.Dataset, name: str) -> str:
    return f"{array[name].attrs.get('long_name', '')} {name}".strip()


def _lines(figure: Any, values: xr.DataArray, label: str) -> None:
    panel = figure.subplots()
    name = str(values.dims[-1])
    for instant, colour in zip(values, _colours(len(values)), strict=True):
        panel.plot(values[name], instant, color=colour, label=f"t = {float(instant['time']):g}")
    panel.set(xlabel=_label(values, name), ylabel=label)
    panel.legend(fontsize=7)


def _maps(figure: Any, values: xr.DataArray, label: str, colours: str, limits: tuple[float, float]) -> None:
    panels = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    _, first, second = (str(dim) for dim in values.dims)
    for instant, panel in zip(values, panels, strict=True):
        image = panel.pcolormesh(
            values[first],
            values[second],
            instant.T,
            cmap=colours,
            vmin=limits[0],
            vmax=limits[1],
            rasterized=True,
        )
        panel.set(xlabel=_label(values, first), title=f"t = {float(instant['time']):g}")
    panels[0].set_ylabel(_label(values, second))
    figure.colorbar(image, ax=panels.tolist(), label=label, pad=0.01)


def diagnostics(dataset: xr.Dataset) -> Figure:
    """Energies and entropies, and the relative change of mass, energy and norms, against time."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(14, 4), layout="constrained")
    _budgets(figure, dataset)
    return figure


def _budgets(figure: Any, dataset: xr.Dataset) -> None:
    if "diagnostic_time" not in dataset.dims:
        return
    left, right = figure.subplots(1, 2)
    time = dataset["diagnostic_time"]
    for name in [name for name in COURSES if name in dataset][:3]:
        left.semilogy(time, np.maximum(abs(dataset[name]), 1e-300), label=dataset[name].attrs["long_name"])
    left.set(xlabel="t", ylabel="absolute value")
    if left.lines:
        left.legend(fontsize=7)
    for name in json.loads(dataset.attrs.get("invariants", '["mass", "total_energy", "l2_norm", "entropy"]')):
        if name in dataset and float(abs(dataset[name][0])) > ZERO:
            drift = abs(dataset[name] / dataset[name][0] - 1)
            right.semilogy(time, np.maximum(drift, 1e-17), label=name)
    right.set(xlabel="t", ylabel="relative change of invariants")
    if right.lines:
        right.legend(fontsize=7)


def particles(dataset: xr.Dataset, replica: int = 0) -> Figure:
    """The particles of one replica at up to five times, in the plane of the first two coordinates."""
    names = [
        str(name)
        for name in dataset.data_vars
        if "particle" in dataset[name].dims and "time" in dataset[name].dims
    ]
    first, second = names[0], names[len(names) // 2]
    places = _some(dataset["time"])
    figure, axes = _subplots(1, len(places), width=3.2, height=3.2)
    chosen = dataset.isel(replica=replica)
    for place, panel in zip(places, axes[0], strict=False):
        instant = chosen.isel(time=place)
        panel.plot(
            instant[first],
            instant[second],
            ".",
            ms=max(0.5, 40 / np.sqrt(instant.sizes["particle"])),
            alpha=0.6,
        )
        panel.set(
            xlabel=_label(dataset, first),
            ylabel=_label(dataset, second),
            title=f"t = {float(instant['time']):g}",
        )
        panel.set(
            xlim=(float(chosen[first].min()), float(chosen[first].max())),
            ylim=(float(chosen[second].min()), float(chosen[second].max())),
        )
    figure.suptitle(f"{dataset.attrs.get('title', '')}: {chosen.sizes['particle']} particles")
    return figure

"""Pictures of densities, fields and diagnostics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfpde.dataset import axes_of, is_time
from mfpde.plot.panels import colours, label_of, some, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["density", "diagnostics", "drawable", "field", "signed_limits"]

ZERO = 1e-10  # a momentum below it has no relative change
COURSES = ("potential_energy", "free_energy", "enstrophy", "order_parameter", "maximum")
ARROWS = 16  # along each axis


def drawable(dataset: xr.Dataset) -> list[xr.DataArray]:
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
    Where the density itself was not saved, its first marginal or slice is drawn. The ``dataset`` is that of
    :func:`mfpde.solve`.
    """
    import matplotlib.pyplot as plt

    array = drawable(dataset)[0]
    names = axes_of(array)
    if len(names) > 2:
        from mfpde.chaos import marginal

        names = [names[0], names[len(names) // 2]]
        array = marginal(array, names)
    chosen = array.isel(time=some(array["time"]))
    figure = plt.figure(figsize=(14, 9), layout="constrained")
    parts: Any = figure.subfigures(3, 1, height_ratios=(1, 1, 1.1))
    top, middle, bottom = parts
    if len(names) == 1:
        _lines(top, chosen, array.attrs["long_name"])
        _lines(middle, chosen - chosen[0], "change since the first time")
    else:
        _maps(top, chosen, array.attrs["long_name"], *signed_limits(chosen))
        change = chosen - chosen[0]
        bound = max(float(abs(change).max()), 1e-300)
        _maps(middle, change, "change since the first time", "RdBu_r", (-bound, bound))
    _budgets(bottom, dataset)
    figure.suptitle(str(dataset.attrs.get("title", "")))
    return figure


def _lines(figure: Any, values: xr.DataArray, label: str) -> None:
    panel = figure.subplots()
    name = str(values.dims[-1])
    for instant, colour in zip(values, colours(len(values)), strict=True):
        panel.plot(values[name], instant, color=colour, label=f"t = {float(instant['time']):g}")
    panel.set(xlabel=label_of(values, name), ylabel=label)
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
        panel.set(xlabel=label_of(values, first), title=f"t = {float(instant['time']):g}")
    panels[0].set_ylabel(label_of(values, second))
    figure.colorbar(image, ax=panels.tolist(), label=label, pad=0.01)


def diagnostics(dataset: xr.Dataset) -> Figure:
    """Energies and entropies of a ``dataset`` against time, and the relative change of its invariants."""
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


def signed_limits(values: xr.DataArray) -> tuple[str, tuple[float, float]]:
    """Colour map and limits: symmetric about 0 for what has both signs, such as a vorticity, else from 0."""
    highest = float(values.max())
    if float(values.min()) < -0.01 * highest:
        highest = float(abs(values).max())
        return "RdBu_r", (-highest, highest)
    return "viridis", (0.0, highest)


def field(dataset: xr.Dataset) -> Figure:
    """The mean field K∗ρ at up to five times: a line along one axis, arrows over the potential in the plane.

    In three dimensions the plane through the middle of the third axis is shown. Where there is no potential
    the arrows stand over the size of the field.

    Parameters
    ----------
    dataset : Dataset
        Of :func:`mfpde.solve`, with ``mean_field_x`` …

    Raises
    ------
    ValueError
        If it holds no mean field.
    """
    components = [name for name in ("x", "y", "z") if f"mean_field_{name}" in dataset]
    if not components:
        raise ValueError(
            "the dataset holds no mean field; solve with save=('mean_field_x', …), or draw the density"
        )
    chosen = dataset.isel(time=some(dataset["time"]))
    if len(components) == 1:
        figure, panels = subplots(1, 1, width=7.0)
        array = chosen["mean_field_x"]
        for instant, colour in zip(array, colours(array.sizes["time"]), strict=True):
            panels[0, 0].plot(array["x"], instant, color=colour, label=f"t = {float(instant['time']):g}")
        panels[0, 0].set(xlabel=label_of(array, "x"), ylabel=array.attrs["long_name"])
        panels[0, 0].legend(fontsize=7)
    else:
        if len(components) == 3:
            chosen = chosen.isel(z=chosen.sizes["z"] // 2)
        figure = _arrows(chosen)
    figure.suptitle(str(dataset.attrs.get("title", "")))
    return figure


def _arrows(chosen: xr.Dataset) -> Figure:
    u, v = chosen["mean_field_x"], chosen["mean_field_y"]
    size: xr.DataArray = (u**2 + v**2) ** 0.5
    ground = chosen.get("potential", size)
    label = ground.attrs.get("long_name", "size of the mean field")
    figure, panels = subplots(1, chosen.sizes["time"], width=3.4, height=3.4)
    limits = (float(ground.min()), float(ground.max()))
    every = {name: slice(None, None, max(1, chosen.sizes[name] // ARROWS)) for name in ("x", "y")}
    longest = float(size.max()) or 1.0
    for place, panel in enumerate(panels[0]):
        now = {"time": place}
        image = panel.pcolormesh(
            chosen["x"], chosen["y"], ground.isel(now).transpose("y", "x"), cmap="cividis",
            vmin=limits[0], vmax=limits[1], rasterized=True,
        )  # fmt: skip
        arrows = [array.isel(now | every).transpose("y", "x") for array in (u, v)]
        panel.quiver(
            arrows[0]["x"], arrows[0]["y"], *arrows, color="white", scale=longest * ARROWS, width=0.006
        )
        panel.set(xlabel=label_of(chosen, "x"), ylabel=label_of(chosen, "y"), aspect="equal")
        panel.set_title(f"t = {float(chosen['time'][place]):g}")
    figure.colorbar(image, ax=panels.ravel().tolist(), label=label, pad=0.01)
    return figure

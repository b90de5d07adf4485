"""Pictures of particles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfpde.plot.panels import label_of, some, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["particles"]


def particles(
    dataset: xr.Dataset, replica: int = 0, density: xr.DataArray | xr.Dataset | None = None
) -> Figure:
    """The particles of one replica at up to five times, in the plane of two coordinates, or over a density.

    Parameters
    ----------
    dataset : Dataset
        Of :func:`mfpde.simulate`.
    replica : int
        Which copy is shown.
    density : DataArray or Dataset, optional
        Of :func:`mfpde.solve`, drawn beneath: its marginal on the two coordinates at the last of its times
        that is not later.
    """
    names = [
        str(name)
        for name in dataset.data_vars
        if "particle" in dataset[name].dims and "time" in dataset[name].dims
    ]
    first, second = names[0], names[len(names) // 2]
    places = some(dataset["time"])
    figure, axes = subplots(1, len(places), width=3.2, height=3.2)
    chosen = dataset.isel(replica=replica)
    for place, panel in zip(places, axes[0], strict=False):
        instant = chosen.isel(time=place)
        if density is not None:
            _beneath(panel, density, (first, second), float(instant["time"]))
        panel.plot(
            instant[first],
            instant[second],
            ".",
            ms=max(0.5, 40 / np.sqrt(instant.sizes["particle"])),
            alpha=0.6,
            color="tab:blue" if density is None else "tab:red",
        )
        panel.set(
            xlabel=label_of(dataset, first),
            ylabel=label_of(dataset, second),
            title=f"t = {float(instant['time']):g}",
        )
        panel.set(
            xlim=(float(chosen[first].min()), float(chosen[first].max())),
            ylim=(float(chosen[second].min()), float(chosen[second].max())),
        )
    figure.suptitle(f"{dataset.attrs.get('title', '')}: {chosen.sizes['particle']} particles")
    return figure


def _beneath(panel: Any, density: xr.DataArray | xr.Dataset, names: tuple[str, str], time: float) -> None:
    """The marginal density on two axes at a time, as a map."""
    from mfpde.chaos.marginals import marginal

    now = density.sel(time=time, method="ffill") if "time" in density.dims else density
    ρ = marginal(now, names).transpose(names[1], names[0])
    panel.pcolormesh(ρ[names[0]], ρ[names[1]], ρ, cmap="Blues", vmin=0.0, rasterized=True)

"""Moving pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfpde.dataset import axes_of
from mfpde.plot.maps import drawable, signed_limits
from mfpde.plot.panels import label_of, subplots

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation

__all__ = ["animation"]


def animation(
    dataset: xr.Dataset, particles: xr.Dataset | None = None, replica: int = 0, interval: float = 80.0
) -> FuncAnimation:
    """The density (or vorticity) as it moves, one frame for each saved time, with particles on top.

    One axis gives a line, two a map; of more the marginal on the first position and velocity is shown. Save
    it with ``animation(...).save("run.gif")``; a notebook shows ``HTML(animation(...).to_jshtml())``.

    Parameters
    ----------
    dataset : Dataset
        Of :func:`mfpde.solve`, with at least two saved times.
    particles : Dataset, optional
        Of :func:`mfpde.simulate`; at each frame those of the last of their times that is not later. They are
        drawn over maps.
    replica : int
        Which copy of the particles.
    interval : float
        Milliseconds from frame to frame.

    Raises
    ------
    ValueError
        If there is no density over time.
    """
    from matplotlib.animation import FuncAnimation

    arrays = drawable(dataset)
    if not arrays or arrays[0].sizes["time"] < 2:
        raise ValueError("nothing moves: the dataset needs a density at two times or more; solve with times")
    array, names = _plane(arrays[0])
    figure, panels = subplots(1, 1, width=6.0, height=4.2)
    panel = panels[0, 0]
    draw = _line(panel, array) if len(names) == 1 else _map(figure, panel, array, particles, replica)

    def frame(place: int) -> list[Any]:
        panel.set_title(f"{dataset.attrs.get('title', '')}  t = {float(array['time'][place]):g}")
        drawn: list[Any] = draw(place)
        return drawn

    return FuncAnimation(figure, frame, frames=array.sizes["time"], interval=interval, blit=False)


def _plane(array: xr.DataArray) -> tuple[xr.DataArray, list[str]]:
    """The array, or its marginal on two axes if it has more."""
    from mfpde.chaos.marginals import marginal

    names = axes_of(array)
    if len(names) > 2:
        names = [names[0], names[len(names) // 2]]
        array = marginal(array, names)
    return array.transpose("time", *names), names


def _line(panel: Any, array: xr.DataArray) -> Any:
    name = str(array.dims[-1])
    (line,) = panel.plot(array[name], array[0])
    highest = float(array.max())
    panel.set(xlabel=label_of(array, name), ylabel=array.attrs["long_name"])
    panel.set_ylim(min(0.0, float(array.min())), 1.05 * highest)

    def draw(place: int) -> list[Any]:
        line.set_ydata(array[place])
        return [line]

    return draw


def _map(figure: Any, panel: Any, array: xr.DataArray, particles: xr.Dataset | None, replica: int) -> Any:
    _, first, second = (str(dim) for dim in array.dims)
    cmap, (low, high) = signed_limits(array)
    image = panel.pcolormesh(array[first], array[second], array[0].T, cmap=cmap, vmin=low, vmax=high)
    panel.set(xlabel=label_of(array, first), ylabel=label_of(array, second))
    figure.colorbar(image, ax=panel, label=array.attrs["long_name"])
    panel.set(xlim=panel.get_xlim(), ylim=panel.get_ylim())
    size = 1.0 if particles is None else max(0.8, 60 / np.sqrt(particles.sizes["particle"]))
    (points,) = panel.plot([], [], ".", ms=size, color="tab:red")

    def draw(place: int) -> list[Any]:
        image.set_array(np.asarray(array[place].T))
        if particles is not None:
            now = particles.isel(replica=replica).sel(time=float(array["time"][place]), method="ffill")
            points.set_data(now[first], now[second])
        return [image, points]

    return draw

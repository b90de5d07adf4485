"""What all pictures share: panels, colours, labels, and which times are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MOST_TIMES", "colours", "label_of", "some", "subplots"]

MOST_TIMES = 5  # drawn in one panel


def subplots(rows: int, columns: int, width: float = 4.4, height: float = 3.6) -> tuple[Figure, Any]:
    """Figure and its panels (rows, columns)."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    return figure, axes


def colours(count: int) -> Any:
    """That many colours of one scale."""
    import matplotlib as mpl

    return mpl.colormaps["viridis"](np.linspace(0.0, 0.85, count))


def some(times: Any) -> list[int]:
    """At most MOST_TIMES places spread over the times, ends included."""
    return sorted({int(i) for i in np.linspace(0, len(times) - 1, MOST_TIMES).round()})


def label_of(array: xr.DataArray | xr.Dataset, name: str) -> str:
    """What an axis is called: its description and name."""
    return f"{array[name].attrs.get('long_name', '')} {name}".strip()

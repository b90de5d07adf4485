"""The picture that suits a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mfpde.plot.clouds import particles
from mfpde.plot.maps import density, diagnostics, drawable
from mfpde.plot.studies import convergence
from mfpde.report import measures_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["overview"]


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
    if drawable(dataset):
        return density(dataset)
    if "diagnostic_time" in dataset.dims:
        return diagnostics(dataset)
    raise ValueError(
        f"nothing to draw in a dataset of {', '.join(map(str, dataset.data_vars)) or 'no variables'}; "
        "give what solve, simulate or converge wrote"
    )

"""The correlation of two particles as a function of where they are, for looking at."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.correlations import as_grid, stacked_replicas
from mfpde.chaos.marginals import Columns
from mfpde.chaos.metric import default_axes
from mfpde.chaos.negative_sobolev import empirical_coefficients, wavenumbers
from mfpde.checks import whole as whole_number
from mfpde.dataset import attributes, field
from mfpde_solvers.grid import Axis, Grid

__all__ = ["pair_correlation_function"]

ComplexArray = NDArray[np.complex128]


def pair_correlation_function(
    particles: xr.Dataset, grid: Grid | xr.DataArray | xr.Dataset, axis: str | None = None, modes: int = 8
) -> xr.DataArray:
    r"""N times the correlation of two particles along one axis, N G₂(x, y), as a Fourier series.

    .. math:: N G_2(x, y) ≈ N L^{-2} Σ_{|k|,|l| ≤ modes} \hat G_2(k, −l) e^{ikx − ily},

    each coefficient estimated without bias from Z_k Z̄_l and Z_{k−l}. For looking at: on an open axis the
    series is that of the box, and close pairs need many modes.

    Parameters
    ----------
    particles, grid
        As for :func:`pair_correlation`.
    axis : str, optional
        The first position (or velocity) by default.
    modes : int
        Highest mode; the series is evaluated at 4·modes cells of the axis.

    Returns
    -------
    DataArray
        (time, x, x_other) or (x, x_other).
    """
    modes = whole_number(modes, 1, "modes")
    whole = as_grid(grid)
    names = default_axes(None if axis is None else (axis,), whole)[:1]
    columns, stacked = Columns(whole, names), stacked_replicas(particles, whole)
    N, lead = stacked.sizes["particle"], stacked.dims[:-3]
    (along,) = columns.axes
    fine = Axis(along.name, along.lower, along.upper, 4 * modes, along.boundary)
    waves = np.exp(1j * np.outer(fine.points - fine.lower, wavenumbers(along, modes)))
    flat = stacked.values.reshape(-1, *stacked.shape[-3:])
    found = []
    for replicas in flat:
        Z = [empirical_coefficients(columns.of(one), columns.axes, 2 * modes) for one in replicas]
        found.append((waves @ _matrix(np.array(Z), N, modes) @ waves.conj().T).real * N / along.length**2)
    shape = (*stacked.shape[:-3], fine.size, fine.size)
    other = f"{along.name}_other"
    coords: dict[str, Any] = {str(name): stacked[name] for name in lead if name in stacked.coords}
    points = field(fine.points, Grid((fine,)), along.name)[along.name]
    coords |= {along.name: points, other: (other, fine.points, points.attrs)}
    attrs = attributes("pair_correlation_function", long_name="N times the pair correlation", size=N)
    dims = (*lead, along.name, other)
    return xr.DataArray(np.reshape(found, shape), coords, dims, "pair_correlation_function", attrs)


def _matrix(Z: ComplexArray, size: int, modes: int) -> ComplexArray:
    """Ĝ₂(k, −l) for |k|, |l| ≤ modes from the coefficients up to 2·modes, (R, 4·modes + 1)."""
    R, m = len(Z), np.arange(-modes, modes + 1)
    differences = Z.mean(axis=0)[m[:, None] - m[None, :] + 2 * modes]
    low = Z[:, modes : 3 * modes + 1]
    products, total = low.T @ low.conj() / R, low.sum(axis=0)
    pairs = (size * products - differences) / (size - 1)
    return np.asarray(pairs - (np.outer(total, total.conj()) - R * products) / (R * (R - 1)))

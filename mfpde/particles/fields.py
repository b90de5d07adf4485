"""Fields of a density that are known on a grid, anywhere in space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Axis, Grid

__all__ = ["GridField"]

Array = NDArray[np.float64]

FINER = 2  # cells along periodic axes for each cell of the grid
BLOCK = 2**20  # pairs of points and cells at a time
NOTHING = 1e-16  # of the largest mass of a cell


class GridField:
    """F = K∗ω, of c components, at any points, from its values at the cell centres.

    Inside, polynomials of degree 9 through the ten nearest points of each axis; along periodic axes the
    trigonometric polynomial is first evaluated on cells of half the width, so that all waves that the grid
    resolves are accurate (to 3e-10 where the coefficients fall to 1e-8 at two thirds of the highest). Beyond
    the outermost centres of an open axis nothing is extrapolated: F = Σ K(x − y) ω(y) hᵈ over the cells y, as
    accurate as the midpoint rule for a density that is negligible there.

    Parameters
    ----------
    kernel : callable
        K on the domain, offsets (..., d) → (..., c).
    grid : Grid
        The axes that F depends on.
    field : array (c, *grid.shape)
        F at the cell centres.
    source : array (*grid.shape) or None
        ω there; needed where an axis is open.
    """

    def __init__(
        self, kernel: Callable[[Array], Array], grid: Grid, field: Array, source: Array | None
    ) -> None:
        self._kernel, self._axes, self._source = kernel, grid.axes, source
        self._grid = grid
        self._far: tuple[Array, Array] | None = None  # cells with mass, and their masses
        self._values, self._scales = np.asarray(field, dtype=float), []
        for place, axis in enumerate(grid.axes):
            if axis.periodic:
                self._values = _refined(self._values, place + 1)
            self._scales.append((FINER if axis.periodic else 1) / axis.spacing)

    def __call__(self, x: Array) -> Array:
        """F at the points x, (N, d) → (N, c); NaN everywhere if one of them is not finite."""
        if not np.isfinite(x).all():
            return np.full((len(x), len(self._values)), np.nan)
        from mfpde.particles.interpolation import interpolate

        columns = zip(x.T, self._axes, self._scales, strict=True)
        places = np.stack([_place(column, axis, scale) for column, axis, scale in columns], axis=1)
        last = np.array([axis.size - 1.0 for axis in self._axes])
        outside = ((places < 0) | (places > last)) & [not axis.periodic for axis in self._axes]
        far = outside.any(axis=1)
        if not far.any():
            return interpolate(self._values, places)
        out = np.empty((len(x), len(self._values)))
        out[~far] = interpolate(self._values, places[~far])
        out[far] = self._summed(x[far])
        return out

    def _summed(self, x: Array) -> Array:
        """Σ K(x − y) ω(y) hᵈ over the cells."""
        if self._far is None:
            assert self._source is not None
            mass = self._source.ravel() * self._grid.cell_volume
            kept = np.abs(mass) > NOTHING * np.abs(mass).max()
            self._far = self._grid.points.reshape(-1, len(self._axes))[kept], mass[kept]
        cells, mass = self._far
        rows = max(1, BLOCK // max(1, mass.size))
        blocks = (x[start : start + rows] for start in range(0, len(x), rows))
        sums = [(self._kernel(block[:, None, :] - cells) * mass[:, None]).sum(axis=1) for block in blocks]
        return np.concatenate(sums)


def _place(x: Array, axis: Axis, scale: float) -> Array:
    """Coordinates in cells from the first known point; periodic axes begin with copies of the last ones."""
    if not axis.periodic:
        return np.asarray((x - axis.lower) * scale - 0.5)
    from mfpde.particles.interpolation import POINTS

    return np.asarray((axis.wrap(x) - axis.lower) * scale - FINER / 2 + POINTS)


def _refined(values: Array, place: int) -> Array:
    """The trigonometric polynomial through the values along an axis on finer cells, with copies at both ends.

    The first point stays where it is.
    """
    from scipy.fft import irfft, rfft

    from mfpde.particles.interpolation import POINTS

    n = values.shape[place]
    coefficients = np.moveaxis(rfft(values, axis=place), place, -1)
    if n % 2 == 0:
        coefficients[..., -1] *= 0.5  # the highest mode is its own mirror image, on finer cells it is not
    finer = FINER * irfft(coefficients, FINER * n, axis=-1)
    padded = np.pad(finer, [(0, 0)] * (finer.ndim - 1) + [(POINTS, POINTS)], mode="wrap")
    return np.asarray(np.moveaxis(padded, -1, place))

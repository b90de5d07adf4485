"""A law on a grid: checked values at the cell centres, with mass 1."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mfpde.laws.base import Law, check_values
from mfpde.laws.combined import Mixture
from mfpde_solvers.grid import Grid

__all__ = ["densities_on_grid", "density_and_mass", "on_grid"]

MASS_TOLERANCE = 1e-2
BLOCK = 1 << 16


def on_grid(law: Law, grid: Grid, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Density at the cell centres, shape ``grid.shape``, scaled so that its sum times the cell volume is 1.

    ``dtype`` is the precision of the result; the law is evaluated in double precision, block by block.

    Raises
    ------
    ValueError
        If a value is negative or not finite, or the mass on the grid differs from 1 by more than 1 %.
    """
    return density_and_mass(law, grid, dtype)[0]


def densities_on_grid(law: Law, circulations: int, grid: Grid) -> NDArray[Any]:
    """Densities of the components of a mixture at the cell centres, shape ``(circulations, *grid.shape)``.

    ``law`` is the mixture. That of component m is scaled to its weight P(M = m). One circulation has no
    leading dimension.

    Raises
    ------
    ValueError
        As :func:`on_grid`.
    """
    if circulations == 1:
        return on_grid(law, grid)
    assert isinstance(law, Mixture)
    return np.stack([w * on_grid(part, grid) for w, part in zip(law.weights, law.laws, strict=True)])


def density_and_mass(law: Law, grid: Grid, dtype: DTypeLike = np.float64) -> tuple[NDArray[Any], float]:
    """What :func:`on_grid` gives for a ``law``, and the mass that the values had before they were scaled.

    ``grid`` and ``dtype`` are its arguments too.
    """
    if law.dim != grid.dim:
        raise ValueError(
            f"{law!r} has {law.dim} coordinates, the grid has {grid.dim} ({', '.join(grid.names)})"
        )
    density = np.empty(prod(grid.shape), dtype)
    # In blocks, because the points of a grid need dim times the memory of a density on it.
    for start in range(0, density.size, BLOCK):
        flat = np.arange(start, min(start + BLOCK, density.size))
        indices = np.unravel_index(flat, grid.shape)
        points = np.stack([c[i] for c, i in zip(grid.coordinates, indices)], axis=-1)
        values = law.pdf(points)
        check_values(law, values)
        density[flat[0] : flat[-1] + 1] = values
    mass = float(density.sum(dtype=np.float64) * grid.cell_volume)
    if not abs(mass - 1) <= MASS_TOLERANCE:
        raise ValueError(
            f"{law!r} has mass {mass:.6g} on the grid, a law has 1; enlarge the box of the open axes or "
            "refine the grid if the law is a density, else divide it by its mass"
        )
    density /= mass
    return density.reshape(grid.shape), mass

"""Whether a grid fits a density and the Maxwellian it relaxes to: both failures are silent otherwise."""

from __future__ import annotations

import warnings
from math import ceil, erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Axis, Grid

__all__ = ["check_box", "check_resolution", "unresolved"]

FloatArray = NDArray[np.float64]

HALF_BOX = 6.0  # thermal speeds that a half-box should have
LEAST_HALF_BOX = 5.0  # below, a warning: 6e-7 of a Maxwellian lie outside
UNUSABLE_HALF_BOX = 2.6  # below, an error: 1 % lies outside


def check_box(f: FloatArray, grid: Grid) -> None:
    """Warn if the Maxwellian that f relaxes to does not fit the box; ``ValueError`` if 1 % lies outside.

    Raises
    ------
    ValueError
        With the box to use; also if the density is not finite or has no mass or temperature.
    """
    mass, means, variances = _moments(f, grid)
    if not (np.isfinite(mass) and mass > 0 and min(variances) > 0):
        raise ValueError(f"the density must be finite with a positive mass and temperature, got mass {mass}")
    equilibrium = sum(variances) / grid.dim
    speeds = [sqrt(max(variance, equilibrium)) for variance in variances]
    reach = [
        min(axis.upper - u, u - axis.lower) / speed
        for axis, u, speed in zip(grid.axes, means, speeds, strict=True)
    ]
    if min(reach) < LEAST_HALF_BOX:
        boxes = ", ".join(_box(a, u, s) for a, u, s in zip(grid.axes, means, speeds, strict=True))
        message = (
            f"the box ends {min(reach):.2g} thermal speeds from the mean velocity, with "
            f"{erfc(min(reach) / sqrt(2)):.1e} of the mass of a Maxwellian outside; use {boxes}"
        )
        if min(reach) < UNUSABLE_HALF_BOX:
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)


def check_resolution(defect: float, factor: float, grid: Grid, tolerable: float, unusable: float) -> None:
    """Warn if a scheme's own measure of unresolved structure exceeds what is tolerable; raise if unusable.

    Parameters
    ----------
    defect : float
        Relative size of what the grid does not resolve.
    factor : float
        By how much more cells would resolve it.
    tolerable, unusable : float
        Bounds of the defect.

    Raises
    ------
    ValueError
        With the grid to use.
    """
    if not defect > tolerable:
        return
    sizes = ", ".join(f"{axis.name}: {2 * ceil(axis.size * factor / 2)}" for axis in grid.axes)
    message = (
        f"the cells are too wide for the density: {defect:.1e} of its gradient is not resolved; use the "
        f"sizes {sizes}, or a box with less empty space"
    )
    if defect > unusable:
        raise ValueError(message)
    warnings.warn(message, stacklevel=4)


def unresolved(f: FloatArray) -> float:
    """Largest transform of f in the upper third of the wavenumbers of an axis, over its mass."""
    transform = np.abs(np.fft.rfftn(f))
    high = np.zeros(transform.shape, dtype=bool)
    for place, n in enumerate(f.shape):
        k = np.abs(np.fft.fftfreq(n, 1 / n))[: transform.shape[place]]
        shape = [1] * f.ndim
        shape[place] = k.size
        high |= (k > n / 3).reshape(shape)
    return float(transform.max(where=high, initial=0.0) / transform.reshape(-1)[0])


def _moments(f: FloatArray, grid: Grid) -> tuple[float, list[float], list[float]]:
    """Mass, and mean and variance along each axis."""
    v = np.meshgrid(*grid.coordinates, indexing="ij", sparse=True)
    mass = float(grid.integrate(f))
    if not mass > 0:
        return mass, [0.0] * grid.dim, [0.0] * grid.dim
    means = [float(grid.integrate(x * f)) / mass for x in v]
    return (
        mass,
        means,
        [float(grid.integrate((x - u) ** 2 * f)) / mass for x, u in zip(v, means, strict=True)],
    )


def _box(axis: Axis, mean: float, speed: float) -> str:
    lower, upper = mean - HALF_BOX * speed, mean + HALF_BOX * speed
    size = 2 * ceil((upper - lower) / axis.spacing / 2 - 1e-9)
    return f"Axis({axis.name!r}, {lower:.3g}, {upper:.3g}, {size}, 'open')"

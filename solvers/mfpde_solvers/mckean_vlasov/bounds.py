"""Constants of the pointwise bounds of densities that spread on the whole space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid

__all__ = ["pointwise_bounds"]

Array = NDArray[Any]

ACCURACY = 8  # of the finite differences
ABOVE = 1e-10  # of the maximum: where logarithms of densities are differentiated
LARGEST = 1e12  # of the Gaussian constant


def pointwise_bounds(densities: Array, grid: Grid, time: float, diffusion: float) -> dict[str, float]:
    """The smallest constants with which bounds of the logarithmic derivatives and a Gaussian bound hold.

    ``log_gradient_quotient`` is the largest |∇log ρ|²/w and ``log_hessian_quotient`` the largest |∇²log ρ|/w
    (Frobenius norm) with w = (1 + log(1+t))/(1+t) + |x|²/(1+t)²; ``gaussian_bound`` the smallest C with
    ρ ≤ C/(1+t) exp(−|x|²/(8σt + C)). Derivatives by differences of order 8 where ρ and the cells they reach
    are above 1e-10 of the maximum; the largest value over the densities ρ_m.

    Source: X. Feng and Z. Wang (2023), Proposition 1, for the vorticity equation in the plane.
    """
    x2 = sum(x**2 for x in np.meshgrid(*grid.coordinates, indexing="ij", sparse=True))
    w = (1 + np.log1p(time)) / (1 + time) + x2 / (1 + time) ** 2
    slopes, curvatures, gaussians = [], [], []
    for ρ in densities:
        above = ρ > ABOVE * ρ.max()
        log = np.log(np.where(above, ρ, 1.0))
        inner = _interior(above)
        gradient, hessian = _derivatives(log, grid)
        slopes.append(float((gradient / w)[inner].max(initial=0.0)))
        curvatures.append(float((hessian / w)[inner].max(initial=0.0)))
        gaussians.append(_gaussian_constant(log[above], np.broadcast_to(x2, ρ.shape)[above], time, diffusion))
    return {
        "log_gradient_quotient": max(slopes),
        "log_hessian_quotient": max(curvatures),
        "gaussian_bound": max(gaussians),
    }


def _interior(mask: Array) -> Array:
    """The cells whose differences use cells of the mask only."""
    from scipy.ndimage import binary_erosion

    reach = ACCURACY // 2 + 1
    return np.asarray(binary_erosion(mask, np.ones((2 * reach + 1,) * mask.ndim, bool)))


def _derivatives(values: Array, grid: Grid) -> tuple[Array, Array]:
    """|∇f|² and the Frobenius norm of ∇²f."""
    from findiff import Diff

    D = [Diff(place, h, acc=ACCURACY) for place, h in enumerate(grid.spacing)]
    slopes = [first(values) for first in D]
    squares = sum(slope**2 for slope in slopes)
    second = sum((first**2)(values) ** 2 for first in D)
    mixed = sum(2 * D[i](slopes[j]) ** 2 for i in range(grid.dim) for j in range(i))
    return np.asarray(squares), np.sqrt(second + mixed)


def _gaussian_constant(log: Array, x2: Array, time: float, diffusion: float) -> float:
    """The smallest C: the excess log ρ − log C + log(1+t) + |x|²/(8σt + C) decreases in C."""
    from scipy.optimize import brentq

    def excess(log_constant: float) -> float:
        C = np.exp(log_constant)
        return float(np.max(log - log_constant + np.log1p(time) + x2 / (8 * diffusion * time + C)))

    low, high = np.log(1 / LARGEST), np.log(LARGEST)
    return float(np.exp(brentq(excess, low, high, xtol=1e-12))) if excess(high) < 0 else np.inf

"""Scalars of a density of velocities that show whether a computation can be trusted."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid

__all__ = ["collision_diagnostics", "logarithmic_bounds"]

FloatArray = NDArray[np.float64]

ROUND_OFF = 1e-13  # relative to the maximum: below, the logarithm is noise
RESOLVED = 1e-9  # relative to the maximum: above, derivatives of the logarithm can be trusted
ACCURACY = 6  # order of the differences of the logarithm


def collision_diagnostics(f: FloatArray, rate: FloatArray, grid: Grid) -> dict[str, float]:
    """Moments, entropy ∫f log f and its dissipation, norms, extremes and edge mass.

    ``temperature_xx`` … are ∫ f (v−u)(v−u)ᵀ with the mean velocity u, ``fourth_moment`` is ∫ |v|⁴ f.

    Parameters
    ----------
    f, rate : array
        Density and Q(f) at the cell centres of ``grid``. The dissipation is −∫ Q log f where f is above
        round-off, so that d/dt entropy = −entropy_dissipation up to the error of the step.
    """
    v = np.meshgrid(*grid.coordinates, indexing="ij", sparse=True)
    names, r2 = "xyz"[: grid.dim], sum(component**2 for component in v)
    mass = float(grid.integrate(f))
    momentum = [float(grid.integrate(component * f)) for component in v]
    values = {"mass": mass}
    values |= {f"momentum_{name}": p for name, p in zip(names, momentum, strict=True)}
    values["kinetic_energy"] = float(grid.integrate(r2 * f)) / 2
    w = [component - p / mass for component, p in zip(v, momentum, strict=True)]
    for i, j in combinations_with_replacement(range(grid.dim), 2):
        values[f"temperature_{names[i]}{names[j]}"] = float(grid.integrate(w[i] * w[j] * f))
    values["fourth_moment"] = float(grid.integrate(r2**2 * f))
    return values | _pointwise(f, rate, grid)


def _pointwise(f: FloatArray, rate: FloatArray, grid: Grid) -> dict[str, float]:
    maximum = float(f.max())
    logarithm = np.log(np.maximum(f, 1e-300))
    trusted = f > ROUND_OFF * maximum
    return {
        "entropy": float(grid.integrate(np.where(f > 0, f * logarithm, 0.0))),
        "entropy_dissipation": -float(grid.integrate(np.where(trusted, rate * logarithm, 0.0))),
        "l2_norm": float(np.sqrt(grid.integrate(f * f))),
        "maximum": maximum,
        "minimum": float(f.min()),
        "edge_mass": sum(grid.edge_mass(f).values()),
    }


def logarithmic_bounds(f: FloatArray, grid: Grid, time: float) -> dict[str, float]:
    """Sup |∇log f| / (1 + √t + |v|) and sup |∇²log f| / (1 + t + |v|²) (Frobenius norm) where f is resolved.

    The quotients of Proposition 3 of Carrillo, Feng, Guo, Jabin and Wang (2024), which stay bounded in time.
    """
    from findiff import Diff
    from scipy.ndimage import minimum_filter

    region = minimum_filter(f, size=ACCURACY + 1, mode="constant") > RESOLVED * f.max()
    logarithm = np.log(np.maximum(f, 1e-300))
    axes = range(grid.dim)

    def derivative(*places: int) -> FloatArray:
        operator: Any = None
        for place in sorted(set(places)):
            factor = Diff(place, grid.spacing[place], acc=ACCURACY) ** places.count(place)
            operator = factor if operator is None else operator * factor
        return np.asarray(operator(logarithm))

    gradient = np.sqrt(sum(derivative(i) ** 2 for i in axes))
    hessian = np.sqrt(sum(derivative(i, j) ** 2 for i in axes for j in axes))
    r = np.sqrt(sum(np.meshgrid(*(x**2 for x in grid.coordinates), indexing="ij", sparse=True)))
    return {
        "log_gradient_quotient": float((gradient / (1 + np.sqrt(time) + r)).max(where=region, initial=0.0)),
        "log_hessian_quotient": float((hessian / (1 + time + r**2)).max(where=region, initial=0.0)),
    }

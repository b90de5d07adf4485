"""The densities of a first-order equation on a grid: one for each circulation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid

__all__ = ["density_diagnostics", "external_drift", "stacked", "vorticity"]

Array = NDArray[np.float64]

ROUND_OFF = 1e-14  # of the maximum: below this a density is noise and its logarithm means nothing


def stacked(density: NDArray[Any], equation: FirstOrder, grid: Grid, *, copy: bool = True) -> Array:
    """The densities ρ_m as one float64 array of shape (circulations, *grid.shape).

    Raises
    ------
    ValueError
        If there is not one density of the grid's shape for each circulation; one alone may do without the
        leading dimension.
    """
    shape = (len(equation.circulations), *grid.shape)
    if density.shape != shape and not (shape[0] == 1 and density.shape == grid.shape):
        raise ValueError(
            f"density of shape {density.shape} given; {shape[0]} circulations on a grid of shape "
            f"{grid.shape} take shape {shape if shape[0] > 1 else grid.shape}"
        )
    make = np.array if copy else np.asarray
    return np.asarray(make(density, dtype=float, order="C").reshape(shape))


def vorticity(ρ: Array, equation: FirstOrder) -> Array:
    """ω = Σ m ρ_m, shape ``grid.shape``."""
    m = equation.circulations
    return ρ[0] if m == (1.0,) else np.asarray(sum(c * ρ_m for c, ρ_m in zip(m, ρ, strict=True)))


def external_drift(equation: FirstOrder, grid: Grid) -> Array | None:
    """S at the cell centres, shape (d, *grid.shape); ``None`` if there is none.

    Raises
    ------
    ValueError
        If the values are not finite vectors.
    """
    if equation.drift is None:
        return None
    S = np.asarray(equation.drift(grid.points), dtype=float)
    if S.shape != (*grid.shape, grid.dim) or not np.isfinite(S).all():
        raise ValueError(
            f"the drift maps points of shape {(*grid.shape, grid.dim)} to shape {S.shape}; it must return "
            "finite vectors of the same shape"
        )
    return np.ascontiguousarray(np.moveaxis(S, -1, 0))


def density_diagnostics(
    ρ: Array, equation: FirstOrder, grid: Grid, potential: Array | None, gradient: Array | None = None
) -> dict[str, float]:
    """Mass, centre and second moment, energies, entropy, Fisher information, norms, extremes, edge mass.

    With n = Σ ρ_m: ∫n, ∫xn … and ∫|x|²n over the open axes, Σ∫ρ_m log ρ_m, Σ∫|∇ρ_m|²/ρ_m where ρ_m is above
    round-off, ½∫ω V∗ω, and for one density without external drift the free energy σ∫ρ log ρ + ½∫ρ V∗ρ.

    Parameters
    ----------
    ρ : array (circulations, *grid.shape)
    potential : array or None
        V ∗ ω at the cell centres; without it there are no energies.
    gradient : array (circulations, d, *grid.shape), optional
        ∇ρ_m; adds the Fisher information.
    """
    n, ω = ρ.sum(axis=0), vorticity(ρ, equation)
    values = {"mass": float(grid.integrate(n))} | _moments(n, grid)
    entropy = float(sum(grid.integrate(_entropy(ρ_m)) for ρ_m in ρ))
    if potential is not None:
        values["potential_energy"] = float(grid.integrate(ω * potential)) / 2
    values["entropy"] = entropy
    if potential is not None and equation.drift is None and equation.circulations == (1.0,):
        values["free_energy"] = float(equation.diffusion) * entropy + values["potential_energy"]  # type: ignore[arg-type]
    if gradient is not None:
        values["fisher_information"] = float(
            sum(grid.integrate(_fisher(ρ_m, g)) for ρ_m, g in zip(ρ, gradient, strict=True))
        )
    values["l2_norm"] = float(np.sqrt(grid.integrate(n * n)))
    values |= {"maximum": float(ρ.max()), "minimum": float(ρ.min())}
    return values | {"edge_mass": sum(grid.edge_mass(n).values())}


def _moments(n: Array, grid: Grid) -> dict[str, float]:
    """First moments along the open axes, and the second moment if all are open."""
    values, second = {}, 0.0
    for axis in grid.axes:
        if not axis.periodic:
            marginal = grid.integrate(n, [name for name in grid.names if name != axis.name])
            values[f"mean_{axis.name}"] = float(np.sum(axis.points * marginal)) * axis.spacing
            second += float(np.sum(axis.points**2 * marginal)) * axis.spacing
    return values if any(axis.periodic for axis in grid.axes) else values | {"second_moment": second}


def _entropy(p: Array) -> Array:
    positive = np.maximum(p, 1e-300)  # p log p → 0, and undershoots do not count
    return np.asarray(positive * np.log(positive))


def _fisher(p: Array, gradient: Array) -> Array:
    above = p > ROUND_OFF * p.max()
    return np.where(above, (gradient**2).sum(axis=0) / np.where(above, p, 1.0), 0.0)

"""Scalars of a phase-space density that show whether a computation can be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid
from mfpde_solvers.vlasov.moments import position_density, velocity_density

__all__ = ["phase_space_diagnostics"]

SLAB = 2**18  # cells per block, so that temporaries stay in cache and small beside a large density


def phase_space_diagnostics(
    f: NDArray[Any],
    grid: Grid,
    potential: NDArray[np.float64] | None,
    temperature: float | None = None,
) -> dict[str, float]:
    """Mass ∫f, momentum ∫vf, energies ½∫|v|²f and ½∫ρ V∗ρ, ∫f log f, ‖f‖₂, extremes and edge mass.

    No copy of the density is made, and sums are in double precision.

    Parameters
    ----------
    f : array
        Density at the cell centres of ``grid``.
    potential : array or None
        V ∗ ρ at the positions; without it there are no energies.
    temperature : float, optional
        σ/ζ: adds the free energy, the total energy + (σ/ζ) ∫f log f.
    """
    positions, velocities = grid.positions, grid.velocities
    ρ, g = position_density(f, grid), velocity_density(f, grid)
    values = {"mass": float(positions.integrate(ρ))}
    speeds = np.meshgrid(*velocities.coordinates, indexing="ij", sparse=True)
    for name, v in zip(positions.names, speeds, strict=True):
        values[f"momentum_{name}"] = float(velocities.integrate(v * g))
    values["kinetic_energy"] = float(velocities.integrate(sum(v**2 for v in speeds) * g)) / 2
    if potential is not None:
        values["potential_energy"] = float(positions.integrate(potential * ρ)) / 2
        values["total_energy"] = values["kinetic_energy"] + values["potential_energy"]
    values |= _pointwise(f, grid.cell_volume)
    if temperature is not None and potential is not None:
        values["free_energy"] = values["total_energy"] + temperature * values["entropy"]
    values["edge_mass"] = sum(grid.edge_mass(f).values())
    return values


def _pointwise(f: NDArray[Any], volume: float) -> dict[str, float]:
    entropy = square = 0.0
    flat = f.reshape(-1)
    for start in range(0, flat.size, SLAB):
        slab = flat[start : start + SLAB].astype(float, copy=False)
        square += float(np.sum(slab * slab))  # not a dot product, whose threads may change the last bits
        positive = np.maximum(slab, 1e-300)  # p log p → 0, and undershoots do not count
        entropy += float(np.sum(positive * np.log(positive)))
    return {
        "entropy": entropy * volume,
        "l2_norm": float(np.sqrt(square * volume)),
        "maximum": float(f.max()),
        "minimum": float(f.min()),
    }

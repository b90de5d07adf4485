"""Fields and integrals of a pseudospectral computation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import NavierStokes
from mfpde_solvers.kernels import BiotSavart, Kuramoto
from mfpde_solvers.mckean_vlasov.bounds import pointwise_bounds
from mfpde_solvers.mckean_vlasov.box import Box
from mfpde_solvers.mckean_vlasov.budgets import dissipation, order_parameter, vortex_diagnostics
from mfpde_solvers.mckean_vlasov.densities import density_diagnostics, vorticity
from mfpde_solvers.mckean_vlasov.discretisation import Discretisation

__all__ = ["bounds", "box_integrals", "fields", "integrals"]

Array = NDArray[Any]

OF_POSITIVE = ("entropy", "free_energy", "fisher_information")  # which mean nothing for signed densities


def fields(box: Box, discretisation: Discretisation, coefficients: Array) -> dict[str, Array]:
    """``density`` (circulations, *grid.shape), ``mean_field_x`` …, ``potential``, ``vorticity`` on the grid.

    Where the box has wider cells, its field solver is applied to the densities on shifted lattices that
    together are the cells of the grid.
    """
    grid, equation = box.grid, discretisation.equation
    density = np.empty((len(coefficients), *box.sizes))
    mean_field, potential = np.empty((grid.dim, *box.sizes)), np.empty(box.sizes)
    gradient = True
    for cells, shift in box.lattices:
        moved = discretisation.shifted(coefficients, shift)
        values = discretisation.to_values(moved)
        density[(slice(None), *cells)] = values
        mean_field[(slice(None), *cells)] = discretisation.mean_field(moved, values)
        V = discretisation.potential(moved, values)
        gradient = V is not None
        if V is not None:
            potential[cells] = V
    result = {"density": _cut(density, box)}
    for name, component in zip(grid.names, mean_field, strict=True):
        result[f"mean_field_{name}"] = _cut(component, box)
    if gradient:
        result["potential"] = _cut(potential, box)
    if isinstance(equation, NavierStokes):
        result["vorticity"] = np.array(vorticity(result["density"], equation))
    return result


def _cut(values: Array, box: Box) -> Array:
    inside: tuple[Any, ...] = (..., *box.inside)
    return np.ascontiguousarray(values[inside])


def integrals(
    discretisation: Discretisation, coefficients: Array, slope: Array, signed: bool
) -> dict[str, float]:
    """Integrals of the densities, and the terms of the balances of entropy, energy and enstrophy.

    ``slope`` are the coefficients of −div(ρ_m u). See
    :func:`mfpde_solvers.mckean_vlasov.densities.density_diagnostics`, and
    :mod:`mfpde_solvers.mckean_vlasov.budgets`.
    """
    equation, grid = discretisation.equation, discretisation.grid
    ρ = discretisation.to_values(coefficients)
    gradient = discretisation.gradient(coefficients)
    potential = discretisation.potential(coefficients, ρ)
    values = density_diagnostics(ρ, equation, grid, potential, gradient)
    if signed:
        values = {name: value for name, value in values.items() if name not in OF_POSITIVE}
    else:
        u = discretisation.velocity(coefficients, ρ)
        values |= dissipation(ρ, gradient, u, discretisation, values["fisher_information"])
    if isinstance(equation.kernel, BiotSavart):
        ω, ω_slope = (np.asarray(vorticity(part, equation)) for part in (coefficients, slope))
        values |= vortex_diagnostics(ω, ω_slope, discretisation)
    if isinstance(equation.kernel, Kuramoto):
        values["order_parameter"] = order_parameter(ρ, discretisation)
    return values


def box_integrals(box: Box, discretisation: Discretisation, coefficients: Array) -> dict[str, float]:
    """Mass outside the problem's grid and the longest open side of the box; nothing on a torus."""
    sides = [axis.length for axis in box.domain.axes if not axis.periodic]
    if not sides:
        return {}
    density = np.empty((len(coefficients), *box.sizes))
    for cells, shift in box.lattices:
        density[(slice(None), *cells)] = discretisation.to_values(discretisation.shifted(coefficients, shift))
    inside = _cut(density, box).sum() if box.sizes != box.grid.shape else density.sum()
    outside = float(density.sum() - inside) * box.grid.cell_volume
    return {"mass_outside": outside, "box_size": max(sides)}


def bounds(discretisation: Discretisation, coefficients: Array, time: float) -> dict[str, float]:
    """The constants of :func:`mfpde_solvers.mckean_vlasov.bounds.pointwise_bounds`."""
    σ = float(discretisation.equation.diffusion)  # type: ignore[arg-type]
    return pointwise_bounds(discretisation.to_values(coefficients), discretisation.grid, time, σ)

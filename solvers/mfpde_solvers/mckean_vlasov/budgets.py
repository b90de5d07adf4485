"""Quantities that a first-order equation conserves or dissipates, and the terms of their balances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.kernels import BiotSavart
from mfpde_solvers.mckean_vlasov.densities import vorticity
from mfpde_solvers.mckean_vlasov.discretisation import Discretisation

__all__ = ["dissipation", "order_parameter", "vortex_diagnostics"]

Array = NDArray[Any]


def dissipation(
    ρ: Array, gradient: Array, u: Array, discretisation: Discretisation, fisher: float
) -> dict[str, float]:
    """Rates of change of entropy and free energy.

    ``entropy_production`` is Σ∫∇ρ_m·u = −∫n div u, so that d/dt Σ∫ρ_m log ρ_m = entropy_production −
    σ·fisher_information; ``free_energy_dissipation`` is D = ∫ρ|u − σ∇log ρ|² with dF/dt = −D, for one density
    of circulation 1 without external drift and a kernel that is a gradient.
    """
    equation, grid = discretisation.equation, discretisation.grid
    σ = float(equation.diffusion)  # type: ignore[arg-type]
    production = float(grid.integrate(np.einsum("mi...,i...->...", gradient, u)))
    values = {"entropy_production": production}
    if "free_energy" in equation.decreasing:
        kinetic = float(grid.integrate(ρ[0] * np.einsum("i...,i...->...", u, u)))
        values["free_energy_dissipation"] = kinetic - 2 * σ * production + σ * σ * fisher
    return values


def vortex_diagnostics(ω: Array, slope: Array, discretisation: Discretisation) -> dict[str, float]:
    """Circulation, energy, enstrophy and palinstrophy of a vorticity, and the terms of their balances.

    Γ = ∫ω, E = ½∫ψω with ψ = −Δ⁻¹ω (on the plane with the kernel −log|x|/2π, elsewhere of zero mean),
    Z = ½∫ω², P = ∫|∇ω|². Without an external drift dE/dt = −2νZ (with ω less its mean on a torus),
    dZ/dt = −νP − ε and dP/dt = p − d: ``palinstrophy_production`` p = 2∫Δω u·∇ω and
    ``palinstrophy_dissipation`` d = 2ν∫(Δω)² + the part of the hyperviscosity, whose ε is ``enstrophy_loss``.

    Parameters
    ----------
    ω, slope : arrays
        Coefficients of ω and of −div(ωu).
    """
    k2 = discretisation.square
    squares = ω.real**2 + ω.imag**2
    integral = discretisation.integral
    ν = float(discretisation.equation.diffusion)  # type: ignore[arg-type]
    extra = 0.0 if discretisation.damping is None else discretisation.damping
    values = {
        "total_circulation": integral(np.where(k2 == 0, ω, 0.0)),
        "kinetic_energy": _energy(ω, discretisation),
        "enstrophy": integral(squares) / 2,
        "palinstrophy": integral(k2 * squares),
        "palinstrophy_production": 2 * integral(k2 * slope * ω.conj()),
        "palinstrophy_dissipation": 2 * integral(k2 * (ν * k2 + extra) * squares),
    }
    loss = {} if discretisation.damping is None else {"enstrophy_loss": integral(extra * squares)}
    return values | loss


def _energy(ω: Array, discretisation: Discretisation) -> float:
    """½∫ψω with the potential ψ of the Coulomb kernel that Biot and Savart's is turned from."""
    kernel, grid = discretisation.equation.kernel, discretisation.grid
    assert isinstance(kernel, BiotSavart)
    domain = kernel.coulomb.on(grid)
    if domain.periodic:
        k2 = np.where(discretisation.square == 0, np.inf, discretisation.square)
        K = domain.symbol(*discretisation.wavenumbers)
        flux = sum(k * K[..., i] for i, k in enumerate(discretisation.wavenumbers))
        return discretisation.integral((1j * flux).real / k2 * (ω.real**2 + ω.imag**2)) / 2
    values = discretisation.to_values(ω[None])[0]
    return float(grid.integrate(values * discretisation.stream_field.potential(ω, values))) / 2


def order_parameter(ρ: Array, discretisation: Discretisation) -> float:
    """|∫e^{ix}ω dx| on the circle."""
    grid = discretisation.grid
    ω = vorticity(ρ, discretisation.equation)
    return float(np.abs(np.sum(np.exp(1j * grid.coordinates[0]) * ω))) * grid.cell_volume

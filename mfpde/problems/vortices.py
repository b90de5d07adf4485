"""Vortices in two dimensions: exact decays, a merger, an unstable layer, and random circulations.

The velocity is that of ω = Σ m ρ_m by Biot and Savart; ρ_m is the density of the vortices of circulation m.
An exact solution of several circulations has them first, exact(t, x) of shape (circulations, ...).
"""

from __future__ import annotations

from math import inf, pi, sqrt

import numpy as np

from mfpde.laws import Maxwellian, Mixture
from mfpde.laws.periodic import Cells, ShearLayer
from mfpde.problems.cases import catalogued
from mfpde.problems.problem import Problem
from mfpde.problems.solutions import DecayingCells, SpreadingGaussian
from mfpde_solvers.equations import NavierStokes
from mfpde_solvers.grid import Axis, Grid

__all__ = ["lamb_oseen", "random_circulations", "shear_layer", "taylor_green", "vortex_merger"]

DEVIATIONS = 8.4  # of a Gaussian that a box holds; beyond, it is less than 1e-15 of its maximum


@catalogued
def taylor_green(wavenumber: int = 1, viscosity: float = 0.1) -> Problem:
    """Taylor and Green's cells: ω = 2k cos kx cos ky e^{−2νk²t} on [0, 2π)², an exact solution.

    Vortices of two circulations ±8π²k with the densities ½(1 ± cos kx cos ky)/4π².

    Parameters
    ----------
    wavenumber : int
        k ≥ 1.
    viscosity : float
        ν > 0.
    """
    k, ν = _count("wavenumber", wavenumber), _positive("viscosity", viscosity)
    m = 8 * pi**2 * k
    return Problem(
        NavierStokes(ν, (m, -m)),
        Mixture((Cells(k, 1.0), Cells(k, -1.0)), (0.5, 0.5)),
        _torus(64 * k),
        5.0,
        description="cells of vorticity that decay without changing their form",
        exact=DecayingCells(k, ν),
        citation="G. I. Taylor and A. E. Green, Mechanism of the production of small eddies from large ones, "
        "Proc. R. Soc. Lond. A 158 (1937) 499-521",
    )


@catalogued
def lamb_oseen(viscosity: float = 0.1, circulation: float = 1.0, age: float = 1.0) -> Problem:
    """Lamb and Oseen's vortex: ω = Γ e^{−r²/4ν(t+t₀)}/(4πν(t + t₀)), an exact solution in the plane.

    ρ is the normal law of variance 2ν(t + t₀) along each axis, whatever Γ is.

    Parameters
    ----------
    viscosity : float
        ν > 0.
    circulation : float
        Γ, not 0.
    age : float
        t₀ > 0 since all the vorticity was at the origin.
    """
    ν, t0 = _positive("viscosity", viscosity), _positive("age", age)
    s = sqrt(2 * ν * t0)
    return Problem(
        NavierStokes(ν, (_circulation(circulation),)),
        Maxwellian(0.0, s, 2),
        _plane(DEVIATIONS * s, 128),
        4.0 * t0,
        description="a vortex that spreads by viscosity",
        exact=SpreadingGaussian(2, s**2, ν),
        citation="C. W. Oseen, Uber Wirbelbewegung in einer reibenden Fluessigkeit, Ark. Mat. Astron. Fys. 7 "
        "(1912) 1-13",
    )


@catalogued
def vortex_merger(
    separation: float = 2.0, variance: float = 0.1, viscosity: float = 0.002, circulation: float = 1.0
) -> Problem:
    """Two equal Gaussian vortices that turn about each other and merge.

    The plane second moment of ω grows by 4νΓ, and its centre stays. In the long run the vortex of Lamb and
    Oseen is left.

    Parameters
    ----------
    separation : float
        Distance of the centres > 0, on the axis x.
    variance : float
        s² > 0 of each along either axis.
    viscosity : float
        ν > 0.
    circulation : float
        Γ of both together, not 0.
    """
    d, s = _positive("separation", separation), sqrt(_positive("variance", variance))
    Γ = _circulation(circulation)
    vortices = [Maxwellian((x, 0.0), s, 2) for x in (-d / 2, d / 2)]
    return Problem(
        NavierStokes(_positive("viscosity", viscosity), (Γ,)),
        Mixture(vortices, (0.5, 0.5)),
        _plane(d / 2 + DEVIATIONS * s, 128),
        10 * d**2 / abs(Γ),
        description="two like-signed vortices on their way to one",
        citation="M. V. Melander, N. J. Zabusky and J. C. McWilliams, Symmetric vortex merger in two "
        "dimensions, J. Fluid Mech. 195 (1988) 303-340",
    )


@catalogued
def shear_layer(thickness: float = 0.25, displacement: float = 0.1, viscosity: float = 0.002) -> Problem:
    """Two opposite layers of shear on [0, 2π)², unstable and rolling up: u = ± tanh across them.

    ω = ±sech²((y − c ∓ a cos x)/δ)/δ with c = 3π/2 and π/2, of vortices of circulations ±8π.

    Parameters
    ----------
    thickness : float
        δ > 0; the fastest instability grows by 0.19/δ.
    displacement : float
        a of both layers, in opposite directions.
    viscosity : float
        ν > 0.
    """
    δ = _positive("thickness", thickness)
    layers = [ShearLayer(c, δ, a) for c, a in ((1.5 * pi, displacement), (0.5 * pi, -displacement))]
    return Problem(
        NavierStokes(_positive("viscosity", viscosity), (8 * pi, -8 * pi)),
        Mixture(layers, (0.5, 0.5)),
        _torus(256),
        10.0,
        description="two layers of opposite vorticity, unstable, rolling up into vortices",
        citation="J. B. Bell, P. Colella and H. M. Glaz, A second-order projection method for the "
        "incompressible Navier-Stokes equations, J. Comput. Phys. 85 (1989) 257-283",
    )


@catalogued
def random_circulations(
    circulations: tuple[float, ...] = (-1.0, 0.5, 2.0),
    correlated: bool = True,
    viscosity: float = 0.05,
    variance: float = 0.25,
) -> Problem:
    """Vortices in the plane of random circulations, equally likely, that may depend on where they are.

    Those of one circulation are normal; if ``correlated``, about centres of their own on the unit circle.
    If not, all have the mixture of these laws, and the circulation is independent of the position.

    Parameters
    ----------
    circulations : tuple of float
        At least 2 different numbers.
    correlated : bool
    viscosity : float
        ν > 0.
    variance : float
        s² > 0 along either axis.
    """
    values = tuple(float(m) for m in circulations)
    n, s = len(values), sqrt(_positive("variance", variance))
    if n < 2:
        raise ValueError(f"random circulations need at least 2 values, got {circulations!r}")
    angles = 2 * pi * np.arange(n) / n
    spots = [Maxwellian((float(np.cos(φ)), float(np.sin(φ))), s, 2) for φ in angles]
    equal = (1 / n,) * n
    return Problem(
        NavierStokes(_positive("viscosity", viscosity), values),
        Mixture(spots if correlated else [Mixture(spots, equal)] * n, equal),
        _plane(1 + DEVIATIONS * s, 128),
        4.0,
        description="vortices of random circulations and signs",
        citation="P.-E. Jabin and Z. Wang, Quantitative estimates of propagation of chaos for stochastic "
        "systems with W^{-1,inf} kernels, Invent. Math. 214 (2018) 523-591",
    )


def _torus(cells: int) -> Grid:
    return Grid(tuple(Axis(name, 0.0, 2 * pi, cells) for name in ("x", "y")))


def _plane(half: float, cells: int) -> Grid:
    return Grid(tuple(Axis(name, -half, half, cells, "open") for name in ("x", "y")))


def _positive(name: str, value: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)


def _circulation(value: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < abs(value) < inf:
        raise ValueError(f"circulation must be a finite number other than 0, got {value!r}")
    return float(value)


def _count(name: str, value: int) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    return int(value)

"""The spatially homogeneous Landau equation: an exact solution, unequal temperatures, a Coulomb shell."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, gamma, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.laws.landau import BKW, Anisotropic, Ring
from mfpde.problems.cases import catalogued
from mfpde.problems.problem import Problem
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.grid import Axis, Grid

__all__ = ["BKWSolution", "anisotropic_landau", "bkw", "coulomb_ring", "relaxation_rate"]

CELLS = {2: 64, 3: 48}
"""Cells of a velocity axis by dimension."""

BOX = {2: 7.0, 3: 6.5}
"""Half the length of an axis over the thermal speed, by dimension: a cut there moves f by less than 1e-7."""

BKW_STATES = {2: (0.5, 1.0), 3: (0.6, 0.5)}
"""K₀, where the density vanishes at the origin, and horizon by dimension; the rates are 2 and 4."""

TEMPERATURES = {2: (1.5, 0.5), 3: (1.8, 0.6, 0.6)}
DEVIATIONS = 6.0  # of the hottest coordinate that a box holds at least; fewer spoil the temperatures by 1e-6
RELAXATION_TIMES = 4.0  # until the horizon of unequal temperatures
RING_CELLS, RING_BOX = 64, 5.5


@dataclass(frozen=True)
class BKWSolution:
    """The solution f(t, v) of Maxwell molecules from a BKW state: K = 1 − (1 − K₀) e^{−2(d−1)t}."""

    dimension: int
    k: float

    def at(self, time: float) -> BKW:
        """The state at a time."""
        d = self.dimension
        return BKW(d, 1 - (1 - self.k) * exp(-2 * (d - 1) * time))

    def __call__(self, t: float, x: Any) -> NDArray[np.float64]:
        """Density at velocities (..., d), shape (...)."""
        return self.at(t).pdf(x)


@catalogued
def bkw(dim: int = 2) -> Problem:
    """Maxwell molecules from the BKW state that vanishes at the origin, with its exact solution.

    ∫|v|⁴f = d(d+2)(1 − (1 − K₀)² e^{−4(d−1)t}), K₀ = d/(d+2).

    Parameters
    ----------
    dim : {2, 3}
        Number of velocities d.
    """
    k, horizon = BKW_STATES[_dimension(dim)]
    return Problem(
        Landau(dim, 0.0),
        BKW(dim, k),
        _box(dim, CELLS[dim], BOX[dim]),
        horizon,
        description="Maxwell molecules relaxing along the exact solution of Bobylev, Krook and Wu",
        exact=BKWSolution(dim, k),
        citation="M. Krook and T. T. Wu, Exact solutions of the Boltzmann equation, Phys. Fluids 20 (1977) "
        "1589-1595",
    )


@catalogued
def anisotropic_landau(
    dim: int = 2, exponent: float = 0.0, temperatures: tuple[float, ...] | None = None
) -> Problem:
    """Gaussian velocities of unequal temperatures Tᵢ, which collisions make equal.

    For Maxwell molecules, exponent 0, Tᵢ − T decays like e^{−4dt}; for others at first order in the
    differences, at T = 1, like :func:`relaxation_rate`. The horizon is four relaxation times.

    Parameters
    ----------
    dim : {2, 3}
        Number of velocities d.
    exponent : float
        γ in [−d, 1], or −3: Coulomb collisions in three dimensions.
    temperatures : tuple of d floats, optional
        Tᵢ > 0, by default (1.5, 0.5) or (1.8, 0.6, 0.6); their mean is 1 in the normalisation ∫|v|²f = d.
    """
    T = TEMPERATURES[_dimension(dim)] if temperatures is None else temperatures
    law = Anisotropic(_as_tuple(T))
    if law.dim != dim:
        raise ValueError(f"temperatures must be {dim} numbers for dim={dim}, got {temperatures!r}")
    mean = sum(law.temperatures) / dim
    equation = Landau(dim, float(exponent))
    return Problem(
        equation,
        law,
        _box(dim, CELLS[dim], max(BOX[dim] * sqrt(mean), DEVIATIONS * sqrt(max(law.temperatures)))),
        RELAXATION_TIMES / relaxation_rate(dim, equation.exponent, mean),
        description="temperatures made equal by collisions",
        citation="C. Villani, On the spatially homogeneous Landau equation for Maxwellian molecules, Math. "
        "Models Methods Appl. Sci. 8 (1998) 957-983",
    )


@catalogued
def coulomb_ring(sharpness: float = 10.0) -> Problem:
    """Coulomb collisions, d = 3 and γ = −3, from a spherical shell of mass 1 and ∫|v|²f = 3.

    The hole at the origin fills: with the default argument f(0) is 0.0183 at t = 0.5, 0.0352 at 1 and 0.0497
    at 2, where ∫|v|⁴f is 13.3984; at equilibrium they are 0.0635 and 15.

    Parameters
    ----------
    sharpness : float
        S > 0; the shell is 1/√(2S) of its radius thick.
    """
    return Problem(
        Landau(3, -3.0),
        Ring.normalised(sharpness),
        _box(3, RING_CELLS, RING_BOX),
        2.0,
        description="a shell of velocities filled by Coulomb collisions",
        citation="M. N. Rosenbluth, W. M. MacDonald and D. L. Judd, Fokker-Planck equation for an "
        "inverse-square force, Phys. Rev. 107 (1957) 1-6",
    )


def relaxation_rate(dim: int, exponent: float, temperature: float = 1.0) -> float:
    """Rate 4d 2^γ Γ((d+γ)/2 + 2)/Γ(d/2 + 2) T^{γ/2} at which small differences of temperatures decay.

    The temperatures of a Gaussian obey dTᵢ/dt = 2⟨|z|^γ (|z|² − d zᵢ²)⟩, z the difference of two independent
    velocities; the rate is its derivative at equal temperatures T. For γ = 0 it is 4d, at all times exactly.

    Examples
    --------
    >>> relaxation_rate(3, 0.0)
    12.0
    """
    d, γ = dim, exponent
    return float(4 * d * 2.0**γ * gamma((d + γ) / 2 + 2) / gamma(d / 2 + 2) * temperature ** (γ / 2))


def _box(dim: int, cells: int, half: float) -> Grid:
    names = ("vx", "vy", "vz")[:dim]
    return Grid(tuple(Axis(name, -half, half, cells, "open") for name in names))


def _dimension(dim: int) -> int:
    if isinstance(dim, bool) or dim not in CELLS:
        raise ValueError(f"dim must be 2 or 3, got {dim!r}")
    return int(dim)


def _as_tuple(temperatures: Any) -> tuple[float, ...]:
    if isinstance(temperatures, str) or np.ndim(temperatures) != 1:
        raise ValueError(f"temperatures must be a tuple of numbers > 0, got {temperatures!r}")
    return tuple(temperatures)

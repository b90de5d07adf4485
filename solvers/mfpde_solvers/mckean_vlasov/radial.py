"""Radial aggregation and diffusion in the plane by the mass within a radius: spectral, up to the blow-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi
from typing import Any

from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.mckean_vlasov.half_line import half_line
from mfpde_solvers.mckean_vlasov.radial_profile import (
    RadialProfile,
    cumulative_mass,
    gridded_profile,
    has_second_moment,
    peak_area,
    radial_profile,
)
from mfpde_solvers.mckean_vlasov.radial_run import RadialAggregationRun
from mfpde_solvers.mckean_vlasov.radial_state import RadialState
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["RadialAggregation"]

Array = NDArray[Any]

CELLS = 128  # least number of cells on the axis r of a reduced grid
WIDTH = 10.0  # ℓ over the area of the peak: room for a peak within a cloud on either side


@dataclass(frozen=True)
class RadialAggregation:
    """∂ₜM = 4σ s ∂ₛₛM + (χ/π) M ∂ₛM for the mass M(s) within the radius √s: K(z) = −χ z/(2π|z|²), ρ = M′/π.

    Integrating ∂ₜρ + div(ρ K∗ρ) = σ Δρ over discs leaves this local equation for radial ρ. M is a polynomial
    in x = (s − ℓ)/(s + ℓ) on [0, ∞], so that there is no box; the scale ℓ(t) follows the peak of the
    solution: wholly where it spreads, less where it contracts, so as to lie between the peak and its
    surroundings. Steps are those of the linearly implicit Euler method extrapolated to order 7, with the
    exact Jacobian, as long as the tolerance allows.

    Parameters
    ----------
    degree : int
        Of the polynomial, at least 16.
    tolerance : float
        Estimated error of M in one step.

    Notes
    -----
    Good values: the defaults give ρ(0, t) of a Gaussian to 5e-10 up to t = 5 for χ from −4π to 7πσ, and a
    steady state at χ = 8πσ that stays to 1e-8 until t = 100, in 20 to 60 steps of 2 ms. Up to the degree
    128 BLAS uses one thread; beyond, with two on a busy machine, a step may take a hundred times longer.
    Jumps of the density ring at first; what has smoothed out is accurate (a disc, χ = 0, to 1e-8 at t = 0.1).
    When it fails: a repulsion
    much stronger than the diffusion keeps a sharp edge, and needs a higher degree. A collapse is told
    (``BlowUp``) when the area of the peak, 1/π∫ρ², is 1e-4 of the initial one, or from 1e-2 on when the
    polynomial no longer resolves it; its time is extrapolated from the growth of ρ(0), and is uncertain by
    about the time that was left. A supercritical mass that the degree cannot follow so far ends with
    ``ResolutionLost``.

    Source: P. Biler, G. Karch, P. Laurençot & T. Nadzieja, Math. Methods Appl. Sci. 29 (2006) 1563–1583 (the
    equation for M).
    """

    degree: int = 128
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        if int(self.degree) != self.degree or self.degree < 16:
            raise ValueError(f"degree must be an integer >= 16, got {self.degree!r}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance must lie between 0 and 1, got {self.tolerance!r}")

    def discretise(self, pdf: Callable[[Array], ArrayLike], grid: Grid) -> tuple[Grid, RadialProfile]:
        """An axis ``r`` within the box of a plane grid, and the density as a function of r.

        Parameters
        ----------
        pdf : callable
            Density of the plane, (..., 2) → (...), radial.
        grid : Grid
            Open axes ``x, y``, centred at the origin, or ``r``, which is taken as it is. Fields are shown
            on it; the density itself is followed to infinity.

        Raises
        ------
        ValueError
            If the density is not radial, or the box not open and centred at the origin.
        """
        if grid.names != ("r",):
            if grid.names != ("x", "y") or any(axis.periodic for axis in grid.axes):
                raise ValueError(f"a radial problem of the plane has open axes x, y, got {grid.axes}")
            if any(abs(axis.lower + axis.upper) > 1e-9 * axis.upper for axis in grid.axes):
                raise ValueError("the box of a radial problem is centred at the origin on every axis")
            cells = max(*grid.shape, CELLS)
            grid = Grid((Axis("r", 0.0, min(axis.upper for axis in grid.axes), cells, "open"),))
        return grid, radial_profile(pdf, grid["r"].upper / 2)

    def default_step(self, equation: FirstOrder, grid: Grid, density: Array | RadialProfile) -> None:
        """Steps adapt to the tolerance."""

    def prepare(
        self,
        equation: FirstOrder,
        grid: Grid,
        density: Array | RadialProfile,
        dt: float | None = None,
        *,
        copy: bool = True,
    ) -> RadialAggregationRun:
        """A run of this scheme.

        Parameters
        ----------
        equation : FirstOrder
            With a logarithmic kernel of the plane, one circulation 1 and diffusion, without drift.
        grid : Grid
            One axis ``r`` from 0, on which fields are shown.
        density : callable or array
            ρ(r), with ∫ 2πr ρ dr = 1, or its values at the cell centres of ``grid``.
        dt : float, optional
            Largest step; the tolerance alone decides if not given.
        copy : bool
            Of no effect: the density is always copied.

        Raises
        ------
        ValueError
            If the equation, grid and density do not fit together.
        """
        if grid.names != ("r",) or grid["r"].periodic or grid["r"].lower != 0:
            raise ValueError(f"radial data of the plane live on one open axis r from 0, got {grid.axes}")
        if dt is not None and not 0 < dt < inf:
            raise ValueError(f"the time step must be positive and finite, got dt={dt!r}")
        χ, σ = _attraction(equation)
        profile = density if callable(density) else gridded_profile(density, grid["r"])
        line, scale = half_line(self.degree), WIDTH * peak_area(profile, grid["r"].upper)
        state = RadialState(line, cumulative_mass(profile, line, scale), scale)
        light = has_second_moment(profile, scale)
        return RadialAggregationRun(χ, σ, grid, state, self.tolerance, inf if dt is None else dt, light)


def _attraction(equation: FirstOrder) -> tuple[float, float]:
    """χ and σ."""
    kernel = equation.kernel
    if not isinstance(kernel, RadialPower) or kernel.dim != 2 or kernel.order != 0:
        raise ValueError(
            "RadialAggregation solves equations with a logarithmic kernel of the plane: KellerSegel, "
            f"LogGas(2, …) or Coulomb(2, …), got {kernel!r}"
        )
    if isinstance(kernel.cutoff, PowerOfN) or isinstance(equation.diffusion, PowerOfN):
        raise ValueError("a coefficient depends on N; use equation.for_size(N) or equation.limit first")
    if kernel.cutoff or equation.drift is not None or equation.circulations != (1.0,):
        raise ValueError("RadialAggregation solves equations without cut-off, drift and circulations")
    if not equation.diffusion > 0:
        raise ValueError("RadialAggregation needs diffusion > 0, which keeps the density smooth; got 0")
    return -2 * pi * kernel.strength, float(equation.diffusion)

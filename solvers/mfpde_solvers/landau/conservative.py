"""The conservative scheme for the Landau equation: antisymmetric sums over pairs of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.differences import ORDERS, CentralDifference, FourierDerivative
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau.checks import check_box, check_resolution, unresolved
from mfpde_solvers.landau.convolution import lattice_convolution
from mfpde_solvers.landau.moments import Invariants
from mfpde_solvers.landau.operators import CollisionOperator, EntropicOperator
from mfpde_solvers.landau.run import LandauRun
from mfpde_solvers.landau.schemes import scheme_from

__all__ = ["ConservativeLandau"]

Array = NDArray[Any]

FLOOR = 1e-10  # of the entropic form, relative to the largest value of the initial density
TOLERABLE, UNUSABLE = 2e-2, 0.3  # parts of the gradient that differences may miss
AIM = 2e-3  # part that they miss on the grid that is recommended


@dataclass(frozen=True)
class ConservativeLandau:
    """Q(f)ᵢ = D·Σⱼ a(vᵢ − vⱼ) (fⱼ Dfᵢ − fᵢ Dfⱼ) hᵈ with central differences D, by Fourier convolutions.

    Mass, momentum and energy are conserved to round-off for every exponent and order, by antisymmetry:
    Σ φᵢ Qᵢ = −½ ΣΣ (Dφᵢ − Dφⱼ)·a(vᵢ − vⱼ) (fⱼ Dfᵢ − fᵢ Dfⱼ) h²ᵈ vanishes for φ = 1, v, |v|²/2, on which D is
    exact. The sums have the order of D for singular kernels too, see :mod:`mfpde_solvers.landau.lattice`.

    Parameters
    ----------
    order : {2, 4, 6, 8}
        Order of the differences.
    entropic : bool
        The form fᵢ fⱼ (D log fᵢ − D log fⱼ), whose entropy never rises.
    tolerance : float
        Of the estimated error of an adaptive step, relative to the largest value of the density.
    scheme : str, optional
        ``"exponential"`` (order 4), ``"chebyshev"`` (order 2) or ``"classical"`` (order 4, limited by
        stability); see :mod:`mfpde_solvers.landau.schemes`. If not given exponential, or Chebyshev for the
        entropic form.
    bounds : bool
        Add the quotients of the logarithmic derivatives to the diagnostics, which takes longer than a step.

    Notes
    -----
    Good values: half-boxes of six thermal speeds; five cells per thermal speed of the narrowest structure,
    where order 8 has an error of 1e-4.
    When it fails: a box too small or cells too wide, which nothing else shows; both are checked at the start.
    The density may undershoot zero where it is negligible; the entropic form replaces it there by 1e-10 of
    its maximum, so that its theorem holds up to that.

    References
    ----------
    P. Degond and B. Lucquin-Desreux, Numer. Math. 68 (1994) 239-262
    """

    order: int = 8
    entropic: bool = False
    tolerance: float = 1e-7
    scheme: str | None = None
    bounds: bool = False

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"the order must be one of {', '.join(map(str, ORDERS))}, got {self.order!r}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"the tolerance must lie between 0 and 1, got {self.tolerance!r}")
        if self.scheme is not None:
            scheme_from(self.scheme)
        if self.entropic and self.scheme == "exponential":
            raise ValueError("the entropic form has no exponential scheme; use 'chebyshev' or 'classical'")

    def default_step(self, equation: Landau, grid: Grid, density: Array) -> None:
        """Steps are adaptive unless one is given."""

    def prepare(
        self, equation: Landau, grid: Grid, density: Array, dt: float | None = None, *, copy: bool = True
    ) -> LandauRun:
        """A run of this scheme.

        Parameters
        ----------
        equation : Landau
        grid : Grid
            Open axes ``vx, vy`` and in three dimensions ``vz``.
        density : array
            f₀ at the cell centres.
        dt : float, optional
            Largest step; adaptive if not given.
        copy : bool
            Whether the run works on a copy of the density.

        Raises
        ------
        ValueError
            If equation, grid and density do not fit together, or the box or the cells are unusable.
        """
        f = prepared_density(equation, grid, density, copy=copy)
        D = [CentralDifference(axis.size, axis.spacing, self.order) for axis in grid.axes]
        self._check(f, grid, D)
        convolution = lattice_convolution(equation.exponent, grid, self.order)
        if self.entropic:
            operator: CollisionOperator = EntropicOperator(grid, convolution, D)
            operator.restore({"floor": FLOOR * f.max()})
        else:
            operator = CollisionOperator(grid, convolution, D)
        name = self.scheme or ("chebyshev" if self.entropic else "exponential")
        # sums of Q are those of round-off; an exponential step conserves to its tolerance before projection
        invariants = Invariants(grid) if name == "exponential" else None
        scheme = scheme_from(name)(operator, self.tolerance, invariants)
        return LandauRun(operator, scheme, f, dt, tolerance=self.tolerance, bounds=self.bounds)

    def _check(self, f: Array, grid: Grid, differences: list[CentralDifference]) -> None:
        check_box(f, grid)
        defect, found, exact = unresolved(f), np.empty_like(f), np.empty_like(f)
        for place, (axis, D) in enumerate(zip(grid.axes, differences, strict=True)):
            D.apply(f, place, found)
            FourierDerivative(axis.size, axis.spacing).apply(f, place, exact)
            defect = max(defect, float(np.abs(found - exact).max() / np.abs(exact).max()))
        check_resolution(defect, (defect / AIM) ** (1 / self.order), grid, TOLERABLE, UNUSABLE)


def prepared_density(equation: Landau, grid: Grid, density: Array, *, copy: bool) -> Array:
    """The density as a C-contiguous array of double precision; ``ValueError`` if it does not fit."""
    equation.check_grid(grid)
    if density.shape != grid.shape:
        raise ValueError(f"density of shape {density.shape} given for a grid of shape {grid.shape}")
    make = np.array if copy else np.asarray
    return make(density, dtype=float, order="C")

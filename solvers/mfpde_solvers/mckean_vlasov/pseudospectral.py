"""Fourier pseudospectral solver of first-order equations on tori, whole spaces and mixed domains."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid
from mfpde_solvers.mckean_vlasov.densities import stacked
from mfpde_solvers.mckean_vlasov.discretisation import Discretisation
from mfpde_solvers.mckean_vlasov.spectral_run import SCHEMES, PseudoSpectralRun

__all__ = ["PseudoSpectral"]

Array = NDArray[Any]

DEFAULT_PHASE = 0.5  # of the default fixed step
STATIC = 1e-2  # fixed step where nothing moves


@dataclass(frozen=True)
class PseudoSpectral:
    """∂ₜρ_m + div(ρ_m (S + K∗ω)) = σ Δρ_m by Fourier series, exact in the diffusion, of order 4 in time.

    Products are free of aliasing (2/3 rule). Along open axes the field is that of the whole space; the box on
    which the densities are periodic is enlarged when they reach its ends, and gets wider cells when the
    smooth density no longer needs the fine ones, while all fields are still given on the problem's grid.
    The vorticity equation on a torus takes two transforms a stage, see
    :class:`mfpde_solvers.navier_stokes.VorticityTransport`.

    Parameters
    ----------
    scheme : {"lawson_rk4", "etdrk4"}
        With an integrating factor, for adaptive or fixed steps, or ETDRK4, for fixed steps: see
        :mod:`mfpde_solvers.stepping.exponential`.
    tolerance : float
        Estimated error of one adaptive step, L² norm relative to that of the densities less their means; the
        estimate is one of third order, and the error of the step much smaller.
    tail : float
        Largest share of Σ∫ρ_m² (without the means) in the upper third of the wavenumbers kept.
    hyperviscosity : float
        η ≥ 0: damps the mode k by the rate η (|k|/k_*)^16, k_* the largest wavenumber kept. For Euler's
        equation, whose enstrophy otherwise gathers at the largest wavenumbers; good values are a few times
        max|u| k_*. The enstrophy it takes is the diagnostic ``enstrophy_loss``, a rate.
    bounds : bool
        Add the constants of :func:`mfpde_solvers.mckean_vlasov.bounds.pointwise_bounds` to the diagnostics.
    threads : {1, 2}
        For the vorticity equation on a torus of 2^17 cells or more; results do not depend on it.

    Notes
    -----
    Good values: a density that has decayed to 1e-8 of its largest coefficient at a third of the cells (ten
    cells to the width of a Gaussian reach round-off), and to 1e-14 at the ends of open axes.
    When it fails: concentrations, shocks and filaments reach the cell size; the run then ends with
    ``ResolutionLost`` and says how many cells to use. Discontinuous densities undershoot; use finite volumes.
    Densities that decay slowly in space are cut at the ends of the grid (``edge_mass``).

    References
    ----------
    J. D. Lawson, SIAM J. Numer. Anal. 4 (1967) 372-380; A.-K. Kassam and L. N. Trefethen, SIAM J. Sci.
    Comput. 26 (2005) 1214-1233
    """

    scheme: Literal["lawson_rk4", "etdrk4"] = "lawson_rk4"
    tolerance: float = 1e-9
    tail: float = 1e-4
    hyperviscosity: float = 0.0
    bounds: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"scheme {self.scheme!r} is unknown; use one of {', '.join(SCHEMES)}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance must lie between 0 and 1, got {self.tolerance!r}")
        if not 0 < self.tail <= 1:
            raise ValueError(f"tail is a share, 0 < tail <= 1, got {self.tail!r}")
        if not 0 <= self.hyperviscosity < inf:
            raise ValueError(f"hyperviscosity must be finite and >= 0, got {self.hyperviscosity!r}")
        if self.threads not in (1, 2):
            raise ValueError(f"threads must be 1 or 2, got {self.threads!r}")

    def default_step(self, equation: FirstOrder, grid: Grid, density: Array) -> float | None:
        """``None``, which stands for adaptive steps; for ETDRK4 half the inverse of the fastest frequency."""
        if self.scheme == "lawson_rk4":
            return None
        equation = equation.limit
        equation.check_grid(grid)
        discretisation = Discretisation(equation, grid)
        state = discretisation.rows(discretisation.to_coefficients(stacked(density, equation, grid)))
        discretisation.transport(state, np.empty_like(state))
        rate = discretisation.transport.rate
        return DEFAULT_PHASE / rate if rate > 0 else STATIC

    def prepare(
        self, equation: FirstOrder, grid: Grid, density: Array, dt: float | None = None, *, copy: bool = True
    ) -> PseudoSpectralRun:
        """A run of this scheme.

        Parameters
        ----------
        equation : FirstOrder
        grid : Grid
            Positions in the dimension of the kernel.
        density : array
            Of shape ``grid.shape``, or ``(circulations, *grid.shape)``; one for each circulation.
        dt : float, optional
            Largest of fixed steps; without it steps are adaptive (or, with ETDRK4, :meth:`default_step`).
        copy : bool
            The density is never overwritten.

        Raises
        ------
        ValueError
            If equation, grid and density do not fit together, or bounds are asked for on periodic axes.
        """
        equation = equation.limit
        equation.check_grid(grid)
        if self.bounds and any(axis.periodic for axis in grid.axes):
            raise ValueError("bounds are those of the whole space; give open axes, or bounds=False")
        step = self.default_step(equation, grid, density) if dt is None else dt
        return PseudoSpectralRun(self, equation, grid, density, step)

"""The spectral scheme for the Landau equation: Fourier derivatives and exact convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mfpde_solvers.differences import FourierDerivative
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau.checks import check_box, check_resolution, unresolved
from mfpde_solvers.landau.conservative import prepared_density
from mfpde_solvers.landau.convolution import periodic_convolution, spectral_convolution
from mfpde_solvers.landau.moments import Invariants
from mfpde_solvers.landau.operators import CollisionOperator
from mfpde_solvers.landau.run import LandauRun
from mfpde_solvers.landau.schemes import scheme_from

__all__ = ["SpectralLandau"]

Array = NDArray[Any]

TOLERABLE, UNUSABLE = (
    1e-3,
    0.2,
)  # transforms of the density beyond 2/3 of the wavenumbers, relative to its mass
FACTOR = 1.5  # more cells, so that what was there lies within 2/3


@dataclass(frozen=True)
class SpectralLandau:
    """Q(f) = ∇·[(a∗f) ∇f − (b∗f) f] with Fourier derivatives and convolutions by transforms known exactly.

    Spectrally accurate for densities that the cells resolve and the box holds, for every exponent: the kernel
    is truncated at the diameter of the box, where no pairs are left, and convolved on twice the box. Mass is
    conserved to round-off, momentum and energy to the accuracy of the solution.

    Parameters
    ----------
    radius : float, optional
        Truncate the kernel at this many half-boxes and convolve on the torus of the box: the classical
        method, whose convolutions cost an eighth in three dimensions. Pairs farther apart do not collide.
    project : bool
        Remove from every step what it changes of momentum and energy, by the smallest change in the norm
        ∫ w²/f.
    tolerance : float
        Of the estimated error of an adaptive step, relative to the largest value of the density.
    scheme : {"exponential", "chebyshev", "classical"}
        See :mod:`mfpde_solvers.landau.schemes`.
    bounds : bool
        Add the quotients of the logarithmic derivatives to the diagnostics, which takes longer than a step.

    Notes
    -----
    Good values: half-boxes of six thermal speeds and 2.5 cells per thermal speed give 1e-6, seven and four
    1e-9. With ``radius``: 0.9 and a half-box of eight thermal speeds.
    When it fails: structures narrower than two cells alias; a small box acts as a torus. Both are checked at
    the start. The density undershoots zero by its error.

    Source: L. Pareschi, G. Russo and G. Toscani, J. Comput. Phys. 165 (2000) 216 (the torus); F. Vico,
    L. Greengard and M. Ferrando, J. Comput. Phys. 323 (2016) 191 (truncated kernels on the whole space).
    """

    radius: float | None = None
    project: bool = False
    tolerance: float = 1e-7
    scheme: str = "exponential"
    bounds: bool = False

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 < self.radius <= 1:
            raise ValueError(
                f"the radius is a part of the half-box, in (0, 1] (good: 0.9), got {self.radius!r}; leave it "
                "out for the whole space"
            )
        if not 0 < self.tolerance < 1:
            raise ValueError(f"the tolerance must lie between 0 and 1, got {self.tolerance!r}")
        scheme_from(self.scheme)

    def default_step(self, equation: Landau, grid: Grid, density: Array) -> None:
        """Steps are adaptive unless one is given."""

    def prepare(
        self, equation: Landau, grid: Grid, density: Array, dt: float | None = None, *, copy: bool = True
    ) -> LandauRun:
        """A run of this scheme; parameters and errors are those of :meth:`ConservativeLandau.prepare`."""
        f = prepared_density(equation, grid, density, copy=copy)
        check_box(f, grid)
        check_resolution(unresolved(f), FACTOR, grid, TOLERABLE, UNUSABLE)
        if self.radius is None:
            convolution = spectral_convolution(equation.exponent, grid)
        else:
            radius = self.radius * min(axis.length for axis in grid.axes) / 2
            convolution = periodic_convolution(equation.exponent, grid, radius)
        D = [FourierDerivative(axis.size, axis.spacing) for axis in grid.axes]
        operator = CollisionOperator(grid, convolution, D)
        invariants = Invariants(grid) if self.project else None
        scheme = scheme_from(self.scheme)(operator, self.tolerance, invariants)
        return LandauRun(operator, scheme, f, dt, tolerance=self.tolerance, bounds=self.bounds)

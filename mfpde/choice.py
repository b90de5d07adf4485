"""The solver that suits a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder, Vlasov
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import Kernel
from mfpde_solvers.kernels.radial import RadialPower

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["Solver", "concentrates", "default_solver", "spectral_tail"]

Array = NDArray[Any]

ROUGH = 1e-5  # Fourier coefficients of the shortest resolved waves, relative to the largest


class Solver(Protocol):
    """A frozen configuration of a scheme."""

    def default_step(self, equation: Any, grid: Grid, density: Array) -> float | None:
        """The largest step if none is given; ``None`` where the scheme adapts its steps."""
        ...

    def prepare(
        self, equation: Any, grid: Grid, density: Array, dt: float | None = None, *, copy: bool = True
    ) -> Run:
        """A run from the initial density, which it may overwrite if it need not ``copy`` it."""
        ...


def default_solver(problem: Problem) -> tuple[Solver, str]:
    """The solver that suits a problem, and why.

    Semi-Lagrangian splitting for Vlasov equations and the conservative scheme for Landau's. First-order
    equations are solved by the spectral method, unless the density is going to concentrate, nothing smooths
    it along a gradient flow, or the grid does not resolve the initial density: then by finite volumes.
    """
    from mfpde import solvers

    equation = problem.equation.limit
    if isinstance(equation, Vlasov):
        splitting = solvers.SemiLagrangian().splitting_for(equation)
        return solvers.SemiLagrangian(splitting=splitting), "a Vlasov equation on a phase-space grid"
    if not isinstance(equation, FirstOrder):
        return solvers.ConservativeLandau(), "a Landau equation: mass, momentum and energy are conserved"
    obstacle = _obstacle(equation, problem)
    if obstacle:
        return solvers.FiniteVolume(), obstacle
    return solvers.PseudoSpectral(), "a first-order equation with smooth data that the grid resolves"


def _obstacle(equation: FirstOrder, problem: Problem) -> str:
    """What speaks against a spectral method; nothing, if it is empty."""
    σ, kernel = float(equation.diffusion), equation.kernel  # type: ignore[arg-type]
    gradient = kernel.potential_formula((None,) * kernel.dim) is not None
    if gradient and σ == 0:
        return "a gradient flow without diffusion: the density loses its smoothness"
    if concentrates(kernel, σ, sum(map(abs, equation.circulations)) / len(equation.circulations)):
        return "the attraction is as strong as the diffusion, or stronger: the density may concentrate"
    from mfpde.laws import densities_on_grid

    density = densities_on_grid(problem.law, len(equation.circulations), problem.grid)
    tail = spectral_tail(density, problem.grid.dim)
    if tail > ROUGH:
        return f"the grid does not resolve the initial density, whose shortest waves have {tail:.1g} of it"
    return ""


def concentrates(kernel: Kernel, diffusion: float, circulation: float = 1.0) -> bool:
    """Whether an attractive singular kernel can win against the diffusion.

    For V = λ log|z| in dimension d that is λ ≥ 2dσ (χ ≥ 8πσ in the plane); for V = −c/|z|^s with s > 0 it
    always can, and for bounded kernels and s < 0 never.
    """
    if not isinstance(kernel, RadialPower) or kernel.strength >= 0 or kernel.order < 0:
        return False
    return kernel.order > 0 or -kernel.strength * circulation >= 2 * kernel.dim * diffusion * (1 - 1e-9)


def spectral_tail(density: Array, dim: int) -> float:
    """Largest Fourier coefficient beyond 2/3 of the highest wavenumber of an axis, relative to the largest.

    Parameters
    ----------
    density : array
        The last ``dim`` axes are those of the grid.
    """
    from scipy.fft import fftn

    axes = tuple(range(density.ndim - dim, density.ndim))
    coefficients = np.abs(fftn(density, axes=axes))
    tails = []
    for axis in axes:
        wave = np.abs(np.fft.fftfreq(density.shape[axis])) > 1 / 3
        tails.append(float(coefficients.compress(wave, axis=axis).max(initial=0.0)))
    return max(tails) / float(coefficients.max())

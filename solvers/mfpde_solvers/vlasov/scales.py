"""Time scales of a Vlasov equation, from which default steps are chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Grid

__all__ = ["fastest_frequency"]


def fastest_frequency(equation: Vlasov, grid: Grid, density: NDArray[np.float64]) -> float:
    """Fastest linear frequency ω: ω² = max|k·K̂(k)| max ρ + max|∂S|.

    For Coulomb kernels it is the plasma frequency of the densest point.

    Parameters
    ----------
    density : array
        Density of positions, of the shape of ``grid.positions``.
    """
    positions = grid.positions
    stiffness = Convolution(equation.kernel.on(grid), grid).stiffness * float(density.max())
    if equation.drift is not None:
        S = np.asarray(equation.drift(positions.points))
        slopes = [np.gradient(S, h, axis=i) for i, h in enumerate(positions.spacing)]
        stiffness += max(float(np.abs(slope).max()) for slope in slopes)
    return float(np.sqrt(stiffness))

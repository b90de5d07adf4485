"""The time of blow-up, from two grids."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.evolve import BlowUp
from mfpde_solvers.grid import Grid
from mfpde_solvers.mckean_vlasov.concentration import Estimate, extrapolated
from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume, FiniteVolumeRun

__all__ = ["estimate_blow_up", "estimate_from"]

Array = NDArray[np.float64]


def estimate_blow_up(
    equation: FirstOrder, grid: Grid, density: Array, horizon: float, solver: FiniteVolume | None = None
) -> Estimate | None:
    """The blow-up time and its uncertainty from a run on ``grid`` and one with half the cells each way.

    With a critical mass, the times t at which it lies within the same number of cells on both grids are
    extrapolated, T − t ~ hᵖ with the exponents of :mod:`mfpde_solvers.mckean_vlasov.concentration`; the
    uncertainty is theirs, or the distance from the estimate of the finer grid alone if that is larger. With
    little or no diffusion the estimates T(h) of both grids are extrapolated, T − T(h) ~ h², with an
    uncertainty of at least |T(h) − T(2h)|.

    Parameters
    ----------
    equation : FirstOrder
        One circulation, an attractive kernel without cut-off.
    grid : Grid
        Even numbers of cells.
    density : array
        ρ₀ on ``grid``; the coarse grid has its means over neighbouring cells.
    horizon : float
        Time up to which a blow-up is looked for.
    solver : FiniteVolume, optional

    Returns
    -------
    Estimate or None
        ``(time, uncertainty)``; ``None`` if one of the runs reaches the horizon.

    Raises
    ------
    ResolutionLost
        If the coarse grid cannot tell.
    ValueError
        If an axis has an odd number of cells, or the equation cannot blow up in a way that is recognised.
    """
    solver = FiniteVolume() if solver is None else solver
    coarse = _coarse_run(equation, grid, density, solver)
    fine = solver.prepare(equation, grid, density)
    both = _blows_up(coarse, horizon) and _blows_up(fine, horizon)
    return _from_both(coarse, fine) if both else None


def estimate_from(
    fine: FiniteVolumeRun, equation: FirstOrder, density: Array, horizon: float, solver: FiniteVolume
) -> Estimate | None:
    """The estimate of :func:`estimate_blow_up` when the run on the finer grid has been made.

    Parameters
    ----------
    fine : FiniteVolumeRun
        Stopped by its ``BlowUp``.
    density : array
        The one it began with.
    """
    coarse = _coarse_run(equation, fine.grid, density, solver)
    return _from_both(coarse, fine) if _blows_up(coarse, horizon) else None


def _coarse_run(equation: FirstOrder, grid: Grid, density: Array, solver: FiniteVolume) -> FiniteVolumeRun:
    odd = [axis.name for axis in grid.axes if axis.size % 2]
    if odd:
        raise ValueError(
            f"a blow-up is sought on two grids; give axis {', '.join(odd)} an even number of cells"
        )
    half = grid.resized({axis.name: axis.size // 2 for axis in grid.axes})
    cuts = product((0, 1), repeat=grid.dim)
    means = np.mean([density[tuple(slice(first, None, 2) for first in cut)] for cut in cuts], axis=0)
    return solver.prepare(equation, half, means)


def _from_both(coarse: FiniteVolumeRun, fine: FiniteVolumeRun) -> Estimate:
    rough, own = coarse.concentration.estimate(), fine.concentration.estimate()
    difference = own.time - rough.time
    if not coarse.concentration.critical:
        share = 0.0 if fine.concentration.critical else 1 / 3
        return Estimate(own.time + share * difference, max(abs(difference), own.uncertainty))
    both = extrapolated(coarse.concentration.reached[1], fine.concentration.reached[1], 2.0)
    return Estimate(both.time, max(both.uncertainty, abs(both.time - own.time)))


def _blows_up(run: FiniteVolumeRun, horizon: float) -> bool:
    if not run.concentration.possible:
        raise ValueError(
            "only an attractive kernel without cut-off, a power of the distance, is known to blow up; it "
            "needs one circulation, and with diffusion a potential as singular as the logarithm"
        )
    try:
        while run.time < horizon:
            run.step(horizon)
    except BlowUp:
        return True
    return False

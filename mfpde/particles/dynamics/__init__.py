"""From an equation to the increments of its particle system, one file per order."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.dynamics import first_order, landau, second_order
from mfpde_solvers.equations import FirstOrder, Landau, Vlasov
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import VELOCITIES, Grid
from mfpde_solvers.stepping import Splitting

__all__ = ["check_equation", "check_splitting", "default_step", "is_stochastic", "prepare", "strong_order"]

Array = NDArray[Any]

_SYSTEMS: dict[type, ModuleType] = {FirstOrder: first_order, Vlasov: second_order, Landau: landau}


def _module(equation: Any) -> ModuleType:
    for kind, module in _SYSTEMS.items():
        if isinstance(equation, kind):
            return module
    raise TypeError(f"there is no particle system for {equation!r}; use one of mfpde.equations")


def prepare(
    equation: Any,
    grid: Grid,
    points: Array,
    circulation: Array,
    stream: np.random.SeedSequence,
    dt: float | None = None,
    *,
    forces: str = "auto",
    field: Callable[[float, Array], Array] | None = None,
    splitting: Splitting | str | None = None,
) -> Run:
    """The particle system of ``equation``, started from given points.

    Parameters
    ----------
    equation : FirstOrder, Vlasov or Landau
        Every parameter a number (``equation.for_size(N)``).
    grid : Grid
        The domain: positions, then velocities.
    points : array (N, grid.dim)
        Positions, then velocities.
    circulation : array (N,)
        All ones but for first-order systems.
    stream : SeedSequence
        Source of the Brownian paths.
    dt : float, optional
        Largest step, with noise the step; from the histogram of the points if not given.
    forces : {"auto", "direct", "single", "sorted", "fast"}
    field : callable, optional
        F(t, x), (N, d) → (N, d), in place of the pair sums: independent particles in a given field.
    splitting : Splitting or {"strang", "blanes_moan"}, optional
        For Newton's equations: velocity Verlet (``strang``, the default) of order 2, or order 4 with six
        forces in a step.

    Raises
    ------
    ValueError
        If shapes do not fit, points are not finite, or there is no such system.
    """
    check_equation(equation, grid, forces)
    options = check_splitting(equation, splitting, field is not None)
    points, circulation = np.asarray(points, dtype=float), np.asarray(circulation, dtype=float)
    if points.ndim != 2 or points.shape[1] != grid.dim:
        raise ValueError(
            f"points of shape {points.shape} given; a grid with {grid.dim} axes takes (N, {grid.dim})"
        )
    if len(points) < 2 or not np.isfinite(points).all():
        raise ValueError(f"at least two finite points are needed, got {len(points)} (or some are not finite)")
    if circulation.shape != (len(points),):
        raise ValueError(f"{len(points)} points take as many circulations, got shape {circulation.shape}")
    dt = default_step(equation, grid, _histogram(grid, points), splitting) if dt is None else dt
    run: Run = _module(equation).prepare(
        equation, grid, points, circulation, stream, dt, forces, field, **options
    )
    return run


def check_equation(equation: Any, grid: Grid, forces: str = "auto") -> None:
    """Raise ``ValueError`` unless the equation has a particle system on this grid, with these pair sums."""
    _module(equation).check_equation(equation, grid, forces)


def check_splitting(
    equation: Any, splitting: Splitting | str | None, coupled: bool = False
) -> dict[str, Splitting]:
    """What a system takes for its splitting: nothing where none is given.

    Raises
    ------
    ValueError
        If one is given and the equation is not Newton's, or it is not one of particles, or (``coupled``) not
        one of particles in a mean field.
    """
    if splitting is None:
        return {}
    if not isinstance(equation, Vlasov):
        raise ValueError(
            f"splittings of kicks and drifts are those of second-order systems, not of {equation!r}; use "
            "splitting=None"
        )
    return {"splitting": second_order.chosen(equation, splitting, coupled)}


def default_step(
    equation: Any, grid: Grid, density: Array, splitting: Splitting | str | None = None
) -> float:
    """The largest step that is taken if none is given, from the density of positions (or velocities)."""
    options = check_splitting(equation, splitting)
    return float(_module(equation).default_step(equation, grid, density, **options))


def strong_order(equation: Any) -> float:
    """Order in the default step of the particles' paths, for given Brownian paths."""
    return float(_module(equation).strong_order(equation))


def is_stochastic(equation: Any) -> bool:
    """Whether there is noise, so that all times are multiples of the step."""
    return bool(equation.friction or equation.diffusion != 0 or isinstance(equation, Landau))


def _histogram(grid: Grid, points: Array) -> Array:
    names = [name for name in grid.names if name not in VELOCITIES] or list(grid.names)
    space = grid.select(names)
    wrapped = [axis.wrap(points[:, i]) for i, axis in enumerate(space.axes)]
    counts, _ = np.histogramdd(wrapped, bins=[axis.edges for axis in space.axes])
    return np.asarray(counts / (len(points) * space.cell_volume))

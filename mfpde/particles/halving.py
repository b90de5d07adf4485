"""The error of the time step of a particle system, from the same system with half the step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.checks import whole
from mfpde.dataset import attributes
from mfpde.particles.ensemble import System
from mfpde.particles.simulation import system_for
from mfpde.recording import checked_times
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Grid

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["step_error"]

Array = NDArray[Any]


def step_error(
    problem: Problem,
    size: int,
    times: ArrayLike | None = None,
    *,
    replicas: int = 4,
    seed: int = 0,
    dt: float | None = None,
    forces: str = "auto",
) -> xr.Dataset:
    """How far the particles of ``simulate`` are from those that take half the step.

    Both start from the same points and follow the same Brownian paths, which half the step refines. With
    Dᵢ = X̃ᵢ − Xᵢ in all coordinates, on the circle along periodic axes, the distances are (N⁻¹ Σ|Dᵢ|²)^{1/2}
    and maxᵢ|Dᵢ|. A scheme of strong order q has errors C hᵠ, so that D is 1 − 2^{−q} of the error of the
    step, and ``estimate`` is D/(1 − 2^{−q}), Richardson's estimate, with the order q of the scheme.

    The estimate holds only where D does fall like hᵠ: call it again with half the ``dt`` to see whether D
    falls by 2ᵠ. It does not where particles come close to each other under a singular force, and where the
    motion is chaotic D grows exponentially in time and saturates. It is then no statement about means over
    particles, whose errors are those of the weak order and often far smaller.

    Parameters
    ----------
    problem : Problem
    size : int
        Number of particles N ≥ 2.
    times : increasing floats, optional
        When the particles are compared; 101 instants from 0 to the problem's horizon by default.
    replicas : int
        Number of independent copies, those of ``simulate``.
    seed, dt, forces
        As in ``simulate``; the default ``dt`` is the one that ``simulate`` takes.

    Returns
    -------
    Dataset
        ``rms``, ``largest`` and ``estimate`` (that of ``rms``), each (time, replica), dimensionless;
        attributes ``dt`` and ``strong_order``.

    Raises
    ------
    ValueError, TypeError
        For input that does not fit, before any work is done.

    Examples
    --------
    >>> import mfpde as mf
    >>> problem = mf.problems.harmonic(dim=1)
    >>> coarse, fine = (step_error(problem, 8, [1.0], dt=dt)["rms"].mean() for dt in (0.1, 0.05))
    >>> round(float(coarse / fine))
    2
    """
    from mfpde.particles.dynamics import strong_order
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    replicas = whole(replicas, 1, "the number of replicas")
    instants = checked_times(times, problem.horizon)
    system = system_for(problem, size, seed, dt, forces, instants)
    q = strong_order(problem.equation.for_size(system.size))
    found = np.array([list(_distances(system, replica, instants)) for replica in range(replicas)])
    rms, largest = np.moveaxis(found, 2, 0).transpose(0, 2, 1)
    values = {"rms": rms, "largest": largest, "estimate": rms / (1 - 2.0**-q)}
    names = {
        "rms": "root-mean-square distance from the particles that take half the step",
        "largest": "largest distance from the particles that take half the step",
        "estimate": "estimated root-mean-square error of the step",
    }
    return xr.Dataset(
        {
            name: (("time", "replica"), value, attributes(name, long_name=names[name]))
            for name, value in values.items()
        },
        {
            "time": ("time", instants, attributes("time")),
            "replica": ("replica", np.arange(replicas), attributes("replica")),
        },
        {"dt": system.dt, "strong_order": q, "size": system.size, "seed": system.seed, "forces": forces},
    )


def _distances(system: System, replica: int, times: Array) -> Iterator[tuple[float, float]]:
    """Root-mean-square and largest distance at every time."""
    start, grid = system.draw(replica), system.problem.grid
    whole_step = system.start(replica, start)
    half_step = replace(system, dt=system.dt / 2).start(replica, start)
    pairs = zip(evolve(whole_step, times), evolve(half_step, times), strict=True)
    for _ in pairs:
        squares = _squares(grid, whole_step.observe(), half_step.observe())
        yield float(np.sqrt(squares.mean())), float(np.sqrt(squares.max()))


def _squares(grid: Grid, one: dict[str, Array], other: dict[str, Array]) -> Array:
    """Squared distance of every particle from its partner, the shorter way round along periodic axes."""
    total: Array = np.zeros(len(one[grid.names[0]]))
    for axis in grid.axes:
        apart = other[axis.name] - one[axis.name]
        if axis.periodic:
            apart = apart - axis.length * np.round(apart / axis.length)
        total += apart**2
    return total

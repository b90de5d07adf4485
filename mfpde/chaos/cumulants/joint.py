"""The joint law of two or three particles on a circle beside the limit, with exact relative entropies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.checks import whole
from mfpde.dataset import attributes, coordinate, field
from mfpde.recording import checked_times
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.evolve import evolve
from mfpde_solvers.liouville import Liouville, marginal, product_density, relative_entropy
from mfpde_solvers.mckean_vlasov import PseudoSpectral

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["few_particles", "joint_law", "limit_densities"]

FloatArray = NDArray[np.float64]

LARGEST = 3
TOLERANCE = 1e-10


def joint_law(
    problem: Problem, size: int = 2, times: ArrayLike | None = None, *, tolerance: float = TOLERANCE
) -> xr.Dataset:
    r"""Law F_N of N = 2 or 3 particles by the Liouville equation, and H_k = ∫ F_{N,k} log(F_{N,k}/ρ^{⊗k}).

    The particles start independent with the law of the problem; ρ solves the limit equation with the
    parameters of N particles. Entropies are not divided by k or N; H_k ≤ (k/N) H_N.

    Parameters
    ----------
    problem : Problem
        Of first order on a circle, with the circulation 1; its axis is the resolution.
    size : {2, 3}
        N.
    times : increasing floats, optional
        The horizon by default.
    tolerance : float
        Of the steps; see :class:`mfpde_solvers.liouville.Liouville`.

    Returns
    -------
    Dataset
        ``joint_density`` (time, x1, …, xN), ``density`` (time, x) of the limit, and ``relative_entropy``
        (time, order) for k = 1, …, N; dimensionless.

    Raises
    ------
    ValueError, TypeError
        If the problem is not one on a circle or the numbers are not acceptable.
    ResolutionLost
        If F_N or ρ needs more cells.

    Notes
    -----
    Good values and when it fails: as for :class:`mfpde_solvers.liouville.Liouville`. An entropy below 1e-12
    is round-off.
    """
    equation, N = few_particles(problem, size)
    instants = checked_times(problem.horizon if times is None else times, problem.horizon)
    axis, h = problem.grid.axes[0], problem.grid.axes[0].spacing
    start = np.asarray(problem.law.pdf(axis.points[:, None]), dtype=float)
    run = Liouville(equation, axis, product_density(start, N), tolerance)
    densities = limit_densities(problem, equation.for_size(N), instants, tolerance)
    joint = [run.values for _ in evolve(run, instants)]
    entropies = [
        [relative_entropy(marginal(F, k, h), ρ, h) for k in range(1, N + 1)]
        for F, ρ in zip(joint, densities, strict=True)
    ]
    return _described(problem, instants, np.array(joint), np.array(densities), np.array(entropies))


def few_particles(problem: Problem, size: int) -> tuple[FirstOrder, int]:
    """The equation of a problem on a circle and a number of particles, checked.

    Raises
    ------
    TypeError, ValueError
        If it is no problem, not of first order on a circle, or there are other than 2 or 3 particles.
    """
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    N = whole(size, 2, "the size of a particle system")
    if N > LARGEST:
        raise ValueError(f"size must be 2 or {LARGEST}: memory and time grow like cells^N; got {size!r}")
    if not isinstance(problem.equation, FirstOrder) or problem.grid.dim != 1:
        raise ValueError(f"an equation of first order on a circle is needed, got {problem.equation!r}")
    if not problem.grid.axes[0].periodic:
        raise ValueError(f"axis {problem.grid.axes[0].name!r} is open; joint laws are computed on a circle")
    return problem.equation, N


def limit_densities(
    problem: Problem, equation: FirstOrder, times: ArrayLike, tolerance: float
) -> list[FloatArray]:
    """The density of a problem at given times, with an equation all of whose parameters are numbers."""
    from mfpde.laws import on_grid

    density = on_grid(problem.law, problem.grid)
    run = PseudoSpectral(tolerance=tolerance).prepare(equation, problem.grid, density)
    return [run.observe()["density"] for _ in evolve(run, np.asarray(times))]


def _described(
    problem: Problem, times: FloatArray, joint: FloatArray, densities: FloatArray, entropies: FloatArray
) -> xr.Dataset:
    axis, N = problem.grid.axes[0], joint.ndim - 1
    names = [f"{axis.name}{i}" for i in range(1, N + 1)]
    points = coordinate(axis)
    coords = {name: (name, points.values, points.attrs) for name in names}
    found = xr.Dataset(coords=coords, attrs={"size": N})
    found["density"] = field(densities, problem.grid, "density", {"time": times})
    described = attributes("joint_density", long_name="joint probability density of the particles")
    found["joint_density"] = (("time", *names), joint, described)
    order = attributes("order", long_name="number of particles k of the marginal")
    found = found.assign_coords(order=("order", np.arange(1, N + 1), order))
    described = attributes("relative_entropy", long_name="relative entropy of the marginal of k particles")
    found["relative_entropy"] = (("time", "order"), entropies, described)
    return found

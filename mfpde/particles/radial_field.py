"""The mean field of spherically symmetric clouds in three dimensions, from shells instead of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mfpde.laws.spherical import GaussianCloud, Isotropic
from mfpde.particles.coupling import LimitField, Snapshot
from mfpde.particles.mean_field import MeanField
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import RadialVlasov
from mfpde_solvers.vlasov.radial import RadialRun
from mfpde_solvers.vlasov.shell_field import ShellField

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["RadialField", "RadialMeanField", "is_radial"]

Array = NDArray[Any]

INTERVALS = 4096  # of the table of F, from the centre to the outermost shell
SMOOTHED = 4  # intervals: a cut-off below that is raised to it, which smooths the staircase of the shells


def is_radial(problem: Problem) -> bool:
    """Whether the limit is known to be spherically symmetric and can be solved by shells.

    The law must be symmetric by its construction (:class:`mfpde.laws.GaussianCloud` of three dimensions,
    :class:`mfpde.laws.Plummer`, :class:`mfpde.laws.Polytrope`), the box centred at the origin, and the
    equation Vlasov's with the 3D Coulomb kernel and nothing else.
    """
    equation, law = problem.equation, problem.law
    if not isinstance(equation, Vlasov) or not isinstance(equation.kernel, Coulomb) or problem.grid.dim != 6:
        return False
    if equation.drift is not None or equation.friction or equation.diffusion != 0:
        return False
    if any(axis.periodic or abs(axis.lower + axis.upper) > 1e-9 * axis.length for axis in problem.grid.axes):
        return False
    return isinstance(law, Isotropic) or (isinstance(law, GaussianCloud) and law.dimension == 3)


@dataclass(frozen=True)
class RadialMeanField(MeanField):
    """F(t, x) = F_r(t, |x|) x/|x| for radial data of a Vlasov equation, with the cut-off of its kernel.

    The limit equation is solved by :class:`mfpde_solvers.vlasov.RadialVlasov`, whose shells feel the same
    cut-off. F_r is tabulated from the exact field of the shells.

    Raises
    ------
    ValueError
        From :meth:`start`, if the law is not spherically symmetric.
    """

    @property
    def numbers(self) -> int:
        """How many numbers a snapshot of the field holds."""
        return INTERVALS + 3

    def start(self) -> LimitField:
        """The field from time 0 on."""
        solver: RadialVlasov = self.solver
        grid, density = solver.discretise(self.law.pdf, self.grid)
        run = solver.prepare(self.equation, grid, density)
        kernel = self.equation.kernel
        evaluator = partial(RadialField, float(kernel.strength))
        return LimitField(run, evaluator, partial(_table, kernel), self.numbers)


def _table(kernel: Coulomb, run: RadialRun) -> Snapshot:
    """F_r at equidistant radii from 0 to R, beyond which there is nothing; R and the mass."""
    shells = run.shells
    R = float(shells.radius.max()) + kernel.ε
    h = R / INTERVALS
    smoothed = kernel.with_cutoff(max(kernel.ε, SMOOTHED * h))
    field = run.field if smoothed == kernel else ShellField(smoothed, shells.radius, shells.mass)
    return field.force(h * np.arange(INTERVALS + 1)), np.array([R, shells.mass.sum()])


class RadialField:
    """F(x) = F_r(|x|) x/|x| at any points from a table, and c M x/|x|³ beyond it.

    Between the radii of the table a polynomial of degree 9 through the ten nearest ones; F_r is odd.

    Parameters
    ----------
    strength : float
        c.
    values : array (n + 1,)
        F_r at n + 1 equidistant radii from 0 to R.
    whole : array (2,)
        R and the total mass M.

    Examples
    --------
    >>> field = RadialField(2.0, np.linspace(0.0, 2.0, 21), np.array([1.0, 1.0]))
    >>> field(np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])).round(12).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [-0.5, 0.0, 0.0]]
    """

    def __init__(self, strength: float, values: Array, whole: Array | None) -> None:
        from mfpde.particles.interpolation import POINTS

        assert whole is not None
        R, mass = map(float, whole)
        self._mirrored = POINTS
        self._charge, self._radius, self._scale = strength * mass, R, (len(values) - 1) / R
        self._values = np.concatenate([-values[POINTS:0:-1], values])[None]

    def __call__(self, x: Array) -> Array:
        """F at the points x, (N, 3) → (N, 3); NaN everywhere if one of them is not finite."""
        if not np.isfinite(x).all():
            return np.full(x.shape, np.nan)
        from mfpde.particles.interpolation import interpolate

        r = np.sqrt((x**2).sum(axis=1))
        F = np.empty(len(r))
        inside = r < self._radius
        F[inside] = interpolate(self._values, self._mirrored + r[inside, None] * self._scale)[:, 0]
        F[~inside] = self._charge / r[~inside] ** 2
        return np.asarray(x * np.divide(F, r, out=np.zeros_like(F), where=r > 0)[:, None])

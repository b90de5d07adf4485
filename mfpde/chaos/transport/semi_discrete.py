"""W₂ between particles in the plane and the density itself: semi-discrete transport by Newton's method."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, tents
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.chaos.transport.discrete import AtomsTarget, atoms_target
from mfpde.chaos.transport.power_diagram import Integers, LaguerreCells, State
from mfpde.dataset import attributes, grid_of
from mfpde_solvers.grid import Grid

__all__ = ["SemiDiscrete", "SemiDiscreteTarget", "Solution", "semi_discrete_transport"]

FloatArray = NDArray[np.float64]
SHORTEST_STEP = 2.0**-10
DECREASE = 0.1
TRACES = (1e-11, 1e-7, 1e-4, 1e-2, 1.0)
CELLS = 1024
STARVED = 1e-4
"""Share of its mass below which a Voronoi cell is no start for Newton's method."""


@dataclass(frozen=True)
class SemiDiscrete:
    r"""W₂ in the plane between N particles and the piecewise-bilinear density itself, without quantisation.

    The dual :math:`\max_ψ \; N^{-1} Σ_i ψ_i + ∫ \min_i (|x − X_i|² − ψ_i) ρ(dx)` is concave; its gradient is
    1/N minus the mass of each Laguerre cell, its Hessian the density along their interfaces. Cells are
    convex polygons, cut by the grid and integrated exactly; on periodic axes they are cut by all nearest
    images. Newton's method is damped so that no cell loses its mass. The value is that of the dual, so one
    that has not converged is a lower bound.

    Parameters
    ----------
    axes : (str, str), optional
        Two axes, by default the two positions.
    tolerance : float
        The mass on the wrong side, ½Σ|mᵢ − 1/N|, at which the iteration ends.
    iterations : int
        Most Newton steps.

    Raises
    ------
    ValueError
        If there are not two axes (along one :class:`Wasserstein` is exact), or a parameter is not positive.

    Warns
    -----
    UserWarning
        If the iteration ends early, with the mass that is still on the wrong side.

    Notes
    -----
    *Good values.* The defaults; 10 to 20 steps. *When it fails.* Where the density vanishes on regions that
    separate particles the Hessian is singular and the iteration may stop early; it says so.

    Sources: J. Kitagawa, Q. Mérigot and B. Thibert, J. Eur. Math. Soc. 21 (2019), Algorithm 1 and Theorem
    1.5; the rate of i.i.d. samples, E W₂² ~ log N/N for the uniform law: L. Ambrosio, F. Stra and
    D. Trevisan, Probab. Theory Relat. Fields 173 (2019), Theorem 1.1.
    """

    axes: tuple[str, ...] | None = None
    tolerance: float = 1e-9
    iterations: int = 100
    name: ClassVar[str] = "semi_discrete"
    needs: ClassVar[str] = "replica"
    reduction: ClassVar[str] = "rms"
    citation: ClassVar[str] = (
        "L. Ambrosio, F. Stra, D. Trevisan, Probab. Theory Relat. Fields 173 (2019) 433-477"
    )

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or int(self.iterations) != self.iterations or self.iterations < 1:
            raise ValueError(
                f"tolerance={self.tolerance!r} must be positive and iterations={self.iterations!r} a "
                "positive integer"
            )
        object.__setattr__(self, "axes", axis_names(self.axes))

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        where = f" in {', '.join(self.axes)}" if self.axes else ""
        return f"semi-discrete Wasserstein distance W2{where}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1/2 of N, up to √log N."""
        return -0.5

    def target(self, density: xr.DataArray) -> SemiDiscreteTarget:
        """The marginal of ``density`` on the two axes."""
        grid = grid_of(density)
        names = default_axes(self.axes, grid)
        if len(names) != 2:
            raise ValueError(
                f"SemiDiscrete is for two axes, got {', '.join(names)}; choose two by axes=(...), along one "
                "axis use Wasserstein(p=2), beyond two SlicedWasserstein"
            )
        weights, reduced = tents(density, names)
        coarse = atoms_target(density, names, 2, CELLS)
        return SemiDiscreteTarget(
            weights, reduced, Columns(grid, names), coarse, self.tolerance, self.iterations
        )


@dataclass(frozen=True, eq=False)
class Solution:
    """What the iteration found for the distinct particles.

    Attributes
    ----------
    distance : float
        W₂, from the dual; a lower bound if not converged.
    potential, masses : array (N,)
        ψ, of mean 0, and the masses of the Laguerre cells.
    residual : float
        ½Σ|masses − weights of the particles|.
    converged : bool
    steps : int
    """

    distance: float
    potential: FloatArray
    masses: FloatArray
    residual: float
    converged: bool
    steps: int


@dataclass(frozen=True, eq=False)
class SemiDiscreteTarget:
    """A density in the plane, ready for Laguerre cells."""

    weights: FloatArray
    grid: Grid
    columns: Columns
    coarse: AtomsTarget
    tolerance: float
    iterations: int

    def distance(self, points: ArrayLike) -> float:
        """W₂ of the empirical measure; warns if the iteration ends early."""
        return self.solve(points).distance

    def floor(self, size: int) -> float | None:
        """``None``: only sampling gives it."""
        return None

    def difference(self, other: SemiDiscreteTarget) -> float:
        """W₂ between two densities moved to the same 1024 cells at most."""
        return self.coarse.difference(other.coarse)

    def solve(self, points: ArrayLike) -> Solution:
        """The optimal Laguerre cells of points (N, n); equal points share one cell.

        Warns
        -----
        UserWarning
            If the iteration ends with more than ``tolerance`` of the mass on the wrong side.
        """
        x, counts = np.unique(self.columns.of(points), axis=0, return_counts=True)
        found = _solve(LaguerreCells(x, self.grid, self.weights), counts / counts.sum(), self)
        if not found.converged:
            warnings.warn(
                f"semi-discrete transport has not converged in {found.steps} steps: {found.residual:.3g} of "
                f"the mass is on the wrong side, more than {self.tolerance:g}; the value is a lower bound. "
                "Raise `iterations`, or use Wasserstein, whose density is made of atoms",
                stacklevel=3,
            )
        return found


def _solve(cells: LaguerreCells, shares: FloatArray, target: SemiDiscreteTarget) -> Solution:
    """Newton's method from the Voronoi cells; from entropic transport where these starve or it stalls."""
    ψ = np.zeros(cells.count)
    state = cells.of(ψ)
    if state[0].min() > STARVED * shares.min():
        found = _ascend(cells, shares, ψ, state, target)
        if found.converged:
            return found
    ψ = _entropic_start(cells.points, shares, target)
    return _ascend(cells, shares, ψ, cells.of(ψ), target)


def _ascend(
    cells: LaguerreCells, shares: FloatArray, ψ: FloatArray, state: State, target: SemiDiscreteTarget
) -> Solution:
    """Damped Newton ascent of the dual, after Kitagawa, Mérigot and Thibert."""
    least = 0.5 * min(state[0].min(), shares.min())
    steps = 0
    while (
        residual := 0.5 * np.abs(shares - state[0]).sum()
    ) > target.tolerance and steps < target.iterations:
        found = _step(cells, shares, ψ, state, least)
        if found is None:
            break
        ψ, state = found
        steps += 1
    square = state[1].sum() + ψ @ (shares - state[0])
    return Solution(
        float(np.sqrt(max(square, 0.0))),
        ψ - ψ.mean(),
        state[0],
        float(residual),
        bool(residual <= target.tolerance),
        steps,
    )


def _step(
    cells: LaguerreCells, shares: FloatArray, ψ: FloatArray, state: State, least: float
) -> tuple[FloatArray, State] | None:
    """One Newton step, halved until the masses improve and no cell falls below ``least``.

    Where the Hessian is nearly singular, as where the density vanishes along interfaces, a growing multiple
    of the identity is added to it.
    """
    gap = shares - state[0]
    for trace in TRACES:
        direction = _newton(gap, state[2], state[3], trace)
        length = 1.0
        while length >= SHORTEST_STEP:
            trial = ψ + length * direction
            new = cells.of(trial)
            closer = np.linalg.norm(shares - new[0]) <= (1 - DECREASE * length) * np.linalg.norm(gap)
            if closer and new[0].min() >= least:
                return trial, new
            length /= 2
    return None


def _newton(gap: FloatArray, pairs: Integers, weights: FloatArray, trace: float) -> FloatArray:
    """Solution of the graph Laplacian's system, with ``trace`` times its mean degree on the diagonal."""
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.linalg import spsolve

    count = gap.size
    adjacency = coo_array((weights, (pairs[:, 0], pairs[:, 1])), shape=(count, count)).tocsr()
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    shift = trace * degree.mean() + np.finfo(float).tiny
    return np.asarray(spsolve((diags_array(degree + shift) - adjacency).tocsc(), gap - gap.mean()))


def _entropic_start(points: FloatArray, shares: FloatArray, target: SemiDiscreteTarget) -> FloatArray:
    """Potential of entropic transport to the coarse atoms, for points whose Voronoi cells hold no mass."""
    from mfpde.chaos.transport.entropic import potentials
    from mfpde.chaos.transport.point_clouds import squared_distances

    atoms = target.coarse.atoms
    cost = squared_distances(points, atoms.positions, target.grid.axes)
    ε = atoms.quantisation**2
    return potentials(cost, shares, atoms.masses, ε, 0.2, 30).first


def semi_discrete_transport(
    points: ArrayLike,
    density: xr.DataArray,
    axes: tuple[str, ...] | None = None,
    tolerance: float = 1e-9,
    iterations: int = 100,
) -> xr.Dataset:
    """W₂ between particles and a density in the plane with all that the iteration found.

    Parameters
    ----------
    points : array (N, n)
    density : DataArray
        At one time.
    axes, tolerance, iterations
        As for :class:`SemiDiscrete`.

    Returns
    -------
    Dataset
        ``wasserstein``, ``residual`` (mass on the wrong side), ``converged``, ``steps``; over the dimension
        ``particle`` of the distinct particles, in lexicographic order, ``potential`` and ``cell_mass``.
    """
    found = SemiDiscrete(axes, tolerance, iterations).target(density).solve(points)

    def scalar(name: str, value: float, long_name: str) -> tuple[tuple[()], float, dict[str, str]]:
        return (), value, attributes(name, long_name=long_name)

    return xr.Dataset(
        {
            "wasserstein": scalar("wasserstein", found.distance, "Wasserstein distance W2"),
            "residual": scalar("residual", found.residual, "mass on the wrong side"),
            "converged": scalar("converged", found.converged, "whether the iteration converged"),
            "steps": scalar("steps", found.steps, "Newton steps"),
            "potential": ("particle", found.potential, attributes("potential", long_name="dual potential")),
            "cell_mass": ("particle", found.masses, attributes("cell_mass", long_name="mass of the cell")),
        }
    )

"""Fluctuations of the force: the sum over particles against the mean field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any, ClassVar, Literal, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import marginal
from mfpde.chaos.metric import Followed
from mfpde.chaos.phase_space import LAZAROVICI_PICKL, refuse_density
from mfpde.checks import whole
from mfpde.dataset import attributes, grid_of
from mfpde.laws import as_law, from_density, on_grid
from mfpde.particles.ensemble import FLOOR, random_stream
from mfpde.particles.fields import GridField
from mfpde.particles.forces import forces_for
from mfpde.particles.mean_field import CollisionKernel
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import Landau
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import Kernel

__all__ = ["ForceFluctuation", "PairField", "coordinates", "force_fluctuation", "sampled_law"]

FloatArray = NDArray[np.float64]
Field = Callable[[FloatArray], FloatArray]
"""Points (N, d) to values (N, c)."""


class PairField:
    """(1/N) Σ_{j≠i} Mⱼ K(xᵢ − xⱼ) at every particle, weighted as in the particle system of an equation.

    Of a Landau equation, the components a₁₁, a₁₂, …, a_dd of (1/N) Σⱼ a(vᵢ − vⱼ), row by row.
    """

    def __init__(self, equation: Any, grid: Grid, size: int, forces: str = "auto") -> None:
        self._equation, self._dim = equation, grid.dim
        if not isinstance(equation, Landau):
            self._forces = forces_for(equation.kernel.on(grid), forces, size)
            self._weight = 1.0 / (size if equation.scaling == "1/N" else size - 1)

    def __call__(self, x: FloatArray, circulation: FloatArray | None = None) -> FloatArray:
        """(N, d) → (N, c); on a torus x lies in the box."""
        if not isinstance(self._equation, Landau):
            return self._forces(x, self._weight, circulation)
        from mfpde.particles.collisions import collision_sums

        A = collision_sums(x, self._equation.exponent)[1]
        upper = np.triu_indices(self._dim)
        return np.ascontiguousarray(A[:, upper[0], upper[1]])


@dataclass(frozen=True)
class ForceFluctuation:
    r"""Force on the particles against the mean field, :math:`|\frac1N Σ_j K(x_i − x_j) − K∗ρ(x_i)|`.

    The points are the mean-field particles X̄, which are i.i.d. with the law ρ_t, or the interacting ones.
    For i.i.d. points its mean square is ((N−1)/N²)(E|K(X−Y)|² − E|K∗ρ|²) + E|K∗ρ|²/N²: of order N^−1/2
    where K is square integrable near 0. With the Coulomb kernel in three dimensions and the cut-off N^−δ,
    E|K|² grows like N^δ, and the root mean square falls like N^{−(1−δ)/2}.
    Of a Landau equation it is the matrix a in the place of K, in the Frobenius norm.

    Parameters
    ----------
    p : {2, inf}
        Root mean square over the particles, or the largest of all components.
    along : {"coupled", "particles"}
        The mean-field particles (law of large numbers, Proposition 7.2 of Lazarovici and Pickl), or the
        interacting ones (for the Landau equation with γ = 0 the mean square is at most C (1 + T)/N: Carrillo,
        Feng, Guo, Jabin and Wang, arXiv:2408.15035).
    delta : float
        δ of a cut-off N^−δ of the Coulomb kernel in three dimensions; it enters the exponent only.

    Notes
    -----
    It needs the dynamics, ``converge(..., mean_field=True)``; :func:`force_fluctuation` takes i.i.d. points.
    """

    p: float = 2.0
    along: Literal["coupled", "particles"] = "coupled"
    delta: float = 0.0
    axes: ClassVar[None] = None
    name: ClassVar[str] = "force_fluctuation"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "rms"
    citation: ClassVar[str] = f"{LAZAROVICI_PICKL}, Proposition 7.2"

    def __post_init__(self) -> None:
        _check_power(self.p)
        object.__setattr__(self, "p", float(self.p))
        if self.along not in ("coupled", "particles"):
            raise ValueError(f"along must be 'coupled' or 'particles', got {self.along!r}")
        if not 0 <= self.delta < 1:
            raise ValueError(f"δ must lie in [0, 1), got delta={self.delta!r}")

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return f"fluctuation of the force, {'root mean square' if self.p == 2 else 'largest'}"

    def theory(self, grid: Grid) -> float:
        """Exponent −(1−δ)/2 of N."""
        return -(1 - self.delta) / 2

    def target(self, density: xr.DataArray) -> NoReturn:
        """It is not compared with a density: always a ``ValueError``."""
        refuse_density(self.name)

    def follow(self, followed: Followed) -> ForceObserver:
        """Observer of one replica."""
        return ForceObserver(followed, self.p, self.along)


def _check_power(p: float) -> None:
    if p not in (2, inf):
        raise ValueError(f"p must be 2 (root mean square) or inf (the largest), got {p!r}")


class ForceObserver:
    """The fluctuation of the force on one replica, at the times it is asked for."""

    def __init__(self, followed: Followed, p: float, along: str) -> None:
        system, run = followed.system, followed.run
        self._equation = system.problem.equation.for_size(system.size)
        self._p, self._followed = p, followed
        self._run = run.coupled if along == "coupled" else run.particles
        self._names = system.problem.grid.names
        if not isinstance(self._equation, Landau):
            self._names = system.problem.grid.positions.names
        self._sums = PairField(self._equation, system.problem.grid, system.size, system.forces)
        self._circulation = run.particles.state().get("circulation")

    def see(self) -> None:
        """Nothing: the past does not matter."""

    def value(self) -> float:
        """The fluctuation at the present time."""
        x = coordinates(self._run, self._names)
        return _reduced(self._sums(x, self._circulation) - self._field()(x), self._equation, self._p)

    def _field(self) -> Field:
        time, field = self._run.time, self._followed.field
        if not isinstance(self._equation, Landau):
            assert field is not None
            return lambda x: field(time, x)
        for density in self._followed.density:
            if float(density["time"]) == time:
                return _field(self._equation, grid_of(density), np.asarray(density.values, dtype=float))
        raise ValueError(f"there is no density at t = {time:g}; ask at the times of the study")


def coordinates(run: Any, names: tuple[str, ...]) -> FloatArray:
    """The named coordinates of a run, shape (N, d)."""
    found = run.observe()
    return np.stack([found[name] for name in names], axis=1)


def _reduced(gap: FloatArray, equation: Any, p: float) -> float:
    if p == inf:
        return float(np.abs(gap).max())
    weight = np.ones(gap.shape[1])
    if isinstance(equation, Landau):
        row, column = np.triu_indices(equation.dim)
        weight = np.where(row == column, 1.0, 2.0)
    return float(np.sqrt((gap**2 @ weight).mean()))


def _field(equation: Any, grid: Grid, ρ: FloatArray) -> GridField:
    """K∗ρ, or a∗f, anywhere, from the density at the cell centres."""
    source = None if all(axis.periodic for axis in grid.axes) else ρ
    if not isinstance(equation, Landau):
        kernel = equation.kernel.on(grid)
        return GridField(kernel, grid, Convolution(kernel, grid).field(ρ), source)
    from mfpde_solvers.landau.convolution import spectral_convolution

    matrices = grid.dim * (grid.dim + 1) // 2
    values, kernel = np.empty((matrices, *grid.shape)), CollisionKernel(equation)
    spectral_convolution(equation.exponent, grid).matrix(ρ, values)
    return GridField(lambda z: kernel(z)[..., :matrices], grid, values, source)


@dataclass(frozen=True)
class _Interaction:
    """What a pair field reads of an equation, where there is a kernel only."""

    kernel: Kernel
    scaling: ClassVar[str] = "1/N"

    def for_size(self, size: int) -> _Interaction:
        return _Interaction(self.kernel.for_size(size))


def force_fluctuation(
    law: Any,
    interaction: Kernel | Landau,
    sizes: ArrayLike,
    *,
    grid: Grid | None = None,
    replicas: int = 32,
    seed: int = 0,
    p: float = 2.0,
) -> xr.DataArray:
    """Fluctuation of the force on i.i.d. points, see :class:`ForceFluctuation`.

    Parameters
    ----------
    law : DataArray, or anything :func:`mfpde.laws.as_law` accepts
        Of the positions (of the velocities for a Landau equation). Of a DataArray with velocities besides,
        the marginal of the positions; its samples have the law of the multilinear interpolation.
    interaction : Kernel or Landau
        K, whose cut-off may be a ``PowerOfN``, or the equation whose a takes its place.
    sizes : int or integers ≥ 2
        Numbers of points N.
    grid : Grid
        Where the density and its field are evaluated; needed for a law, and only then.
    replicas, seed
        Sample r of size N is seeded by ``SeedSequence(seed, spawn_key=(N, r, 2))``.
    p : {2, inf}
        Root mean square over the points, or the largest of all components.

    Returns
    -------
    DataArray
        Dimensions (size, replica), ready for :func:`mfpde.chaos.fit_rate`.

    Raises
    ------
    ValueError, TypeError
        For input that does not fit.

    Examples
    --------
    Maxwell molecules at equilibrium in the plane: the mean square is 18/N − 4/N².

    >>> from mfpde.laws import Maxwellian
    >>> from mfpde_solvers.grid import Axis
    >>> plane = Grid(tuple(Axis(name, -9.0, 9.0, 48, "open") for name in ("vx", "vy")))
    >>> found = force_fluctuation(Maxwellian(0.0, 1.0, 2), Landau(2, 0.0), 100, grid=plane, replicas=64)
    >>> square, exact = found**2, 18 / 100 - 4 / 100**2
    >>> bool(abs(square.mean() - exact) < 3 * square.std() / 8)
    True
    """
    _check_power(p)
    counts = [whole(n, 2, "a number of points") for n in np.atleast_1d(np.asarray(sizes)).tolist()]
    replicas = whole(replicas, 2, "the number of replicas")
    sampled, space, ρ = sampled_law(law, grid)
    sampled.rvs(1, np.random.default_rng(0))  # a law without a sampler is refused here
    equation: Any = interaction if isinstance(interaction, Landau) else _Interaction(interaction)
    values = np.empty((len(counts), replicas))
    for row, size in enumerate(counts):
        own = equation.for_size(size)
        field, sums = _field(own, space, ρ), PairField(own, space, size)
        for replica in range(replicas):
            rng = np.random.default_rng(random_stream(seed, size, replica, FLOOR))
            x = np.stack([a.wrap(c) for a, c in zip(space.axes, sampled.rvs(size, rng).T)], axis=1)
            values[row, replica] = _reduced(sums(x) - field(x), own, p)
    return _described(values, counts, replicas, p, seed)


def _described(values: FloatArray, counts: list[int], replicas: int, p: float, seed: int) -> xr.DataArray:
    metric = ForceFluctuation(p)
    extra = {"long_name": f"{metric.long_name}, i.i.d. points", "reduction": metric.reduction}
    coords = {"size": counts, "replica": np.arange(replicas)}
    variables = {name: xr.Variable(name, values_, attributes(name)) for name, values_ in coords.items()}
    attrs = attributes(metric.name, **extra, theory=nan, seed=seed, references=metric.citation)
    return xr.DataArray(values, variables, ("size", "replica"), metric.name, attrs)


def sampled_law(law: Any, grid: Grid | None) -> tuple[Any, Grid, FloatArray]:
    """A law with its grid and its density there, from a DataArray or from a law and a grid.

    Raises
    ------
    ValueError
        If a law comes without a grid, or a DataArray with one.
    """
    if isinstance(law, xr.DataArray):
        if grid is not None:
            raise ValueError("a DataArray has its own grid; leave grid out")
        density = marginal(law)
        return from_density(density), grid_of(density), np.asarray(density.values, dtype=float)
    if grid is None:
        raise ValueError("a law needs the grid on which its density and field are evaluated; pass grid=...")
    adapted = as_law(law, grid)
    return adapted, grid, np.asarray(on_grid(adapted, grid))

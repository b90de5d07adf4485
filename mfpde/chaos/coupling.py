"""The distance between interacting particles and those in the mean field with the same points and paths."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns
from mfpde.chaos.metric import Followed, axis_names, default_axes
from mfpde.dataset import attributes, grid_of
from mfpde.particles.coupling import CoupledRun
from mfpde_solvers.grid import Axis, Grid

__all__ = ["CouplingDistance", "CouplingTarget", "coupling_distance"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CouplingDistance:
    r"""Distance of every particle to its partner in the mean field, :math:`(N^{-1}Σ_i |X_i − X̄_i|^p)^{1/p}`.

    On periodic axes |·| is the distance on the circle. The coupled particles X̄ᵢ are independent with the law
    ρ_t; so W_p(μ_N, ρ) is at most this distance and the i.i.d. floor of W_p together. For smooth kernels
    N E|Xᵢ − X̄ᵢ|² is bounded in N (A.-S. Sznitman, Topics in propagation of chaos, 1991, Theorem I.1.4).

    Parameters
    ----------
    p : {2, inf}
        Root mean square, or the largest over the particles, for which logarithms of N may enter.
    axes : tuple of str, optional
        The positions by default (the velocities where there are none).

    Notes
    -----
    It needs the dynamics: ``converge(..., mean_field=True)``, or :func:`coupling_distance` of what
    ``simulate(..., mean_field=True)`` returns. It has no i.i.d. floor: without interaction it is 0.
    """

    p: float = 2.0
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "coupling_distance"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "rms"
    citation: ClassVar[str] = "Sznitman, Topics in propagation of chaos (1991), Theorem I.1.4"

    def __post_init__(self) -> None:
        if self.p not in (2, inf):
            raise ValueError(f"p must be 2 (root mean square) or inf (the largest), got {self.p!r}")
        object.__setattr__(self, "p", float(self.p))
        object.__setattr__(self, "axes", axis_names(self.axes))

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return f"coupling distance, {'root mean square' if self.p == 2 else 'largest'}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1/2 of N."""
        default_axes(self.axes, grid)
        return -0.5

    def target(self, density: xr.DataArray) -> CouplingTarget:
        """The axes of the density; its values do not matter."""
        return self.on(grid_of(density))

    def on(self, grid: Grid) -> CouplingTarget:
        """Ready to compare particles on a grid."""
        return CouplingTarget(self.p, Columns(grid, default_axes(self.axes, grid)))

    def follow(self, followed: Followed) -> CouplingObserver:
        """The distance of the particles of one replica to their partners."""
        return CouplingObserver(self.on(followed.system.problem.grid), followed.run)


@dataclass(frozen=True)
class CouplingTarget:
    """The axes along which particles are compared."""

    p: float
    columns: Columns

    def between(self, points: ArrayLike, coupled: ArrayLike) -> float:
        """Distance of two arrays of points (N, n), row by row."""
        x, y = self.columns.of(points), self.columns.of(coupled)
        if x.shape != y.shape:
            raise ValueError(f"{len(x)} particles cannot be paired with {len(y)}")
        squares = sum(_separation(x[:, i], y[:, i], axis) ** 2 for i, axis in enumerate(self.columns.axes))
        return float(np.sqrt(np.mean(squares) if self.p == 2 else np.max(squares)))


@dataclass(frozen=True, eq=False)
class CouplingObserver:
    """The present distance; the way there does not matter."""

    target: CouplingTarget
    run: CoupledRun

    def see(self) -> None:
        """Nothing is kept."""

    def value(self) -> float:
        """Distance at the present time."""
        pair = (self.run.particles.observe(), self.run.coupled.observe())
        names = self.target.columns.grid.names
        return self.target.between(*(np.stack([found[name] for name in names], axis=-1) for found in pair))


def _separation(x: FloatArray, y: FloatArray, axis: Axis) -> FloatArray:
    z = x - y
    return z - axis.length * np.round(z / axis.length) if axis.periodic else z


def coupling_distance(
    particles: xr.Dataset, grid: Grid, p: float = 2.0, axes: tuple[str, ...] | None = None
) -> xr.DataArray:
    """Distance between interacting and mean-field particles, see :class:`CouplingDistance`.

    Parameters
    ----------
    particles : Dataset
        As ``simulate(..., mean_field=True)`` returns it.
    grid : Grid
        That of the problem, whose axes tell which coordinates are periodic.
    p, axes
        As for :class:`CouplingDistance`.

    Returns
    -------
    DataArray
        Dimensions of the particles without ``particle``: (time, replica).

    Raises
    ------
    ValueError
        If the particles have no partners, or there is no such axis.
    """
    metric = CouplingDistance(p, axes)
    target = metric.on(grid)
    missing = [name for name in grid.names if f"{name}_coupled" not in particles]
    if missing:
        raise ValueError(
            f"the particles have no variable {missing[0]}_coupled; make them with "
            "simulate(..., mean_field=True)"
        )

    def stacked(suffix: str) -> xr.DataArray:
        parts = [particles[name + suffix] for name in grid.names]
        return xr.concat(parts, "axis", coords="minimal", compat="override").transpose(
            ..., "particle", "axis"
        )

    x, y = stacked(""), stacked("_coupled")
    flat = (array.values.reshape(-1, *array.shape[-2:]) for array in (x, y))
    values = np.array([target.between(one, other) for one, other in zip(*flat, strict=True)])
    described = attributes(
        metric.name, long_name=metric.long_name, reduction=metric.reduction, theory=metric.theory(grid)
    )
    coords = {name: c for name, c in x.coords.items() if "particle" not in c.dims and "axis" not in c.dims}
    return xr.DataArray(values.reshape(x.shape[:-2]), coords, x.dims[:-2], metric.name, described)

"""Pair correlations: what the law of two particles has beyond the product of the laws of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.dataset import attributes, grid_of
from mfpde_solvers.grid import Grid

__all__ = ["PairCorrelation", "pair_correlation"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Modes = int | Iterable[Sequence[int]]

FEW = 4  # modes of each axis
LACKER = "D. Lacker, Probab. Math. Phys. 4 (2023) 377-432"


@dataclass(frozen=True)
class PairCorrelation:
    r"""Correlation of two particles, :math:`Σ_k \hat G_2(k, −k)`, :math:`G_2 = F_{N,2} − F_{N,1}⊗F_{N,1}`.

    With :math:`Z_k = N^{-1} Σ_j e^{−ik·X_j}` the mean of (N|Z_k|² − 1)/(N − 1) over replicas is
    E e^{−ik·(X₁ − X₂)} without bias, and the product of two different replicas, averaged, is |E Z_k|² without
    bias; their difference is Ĝ₂(k, −k) = Cov(e^{−ik·X₁}, e^{−ik·X₂}), which is of order 1/N. It is 0 for
    independent particles, so the value may have either sign and its floor is 0: what can be told apart is the
    standard error (jackknife over replicas).

    Parameters
    ----------
    modes : int or sequence of tuples of int
        The lowest modes of each axis, m = 1 … ``modes``, k = 2πm/L with L the axis length; or the modes
        themselves, tuples with one number for each axis.
    axes : tuple of str, optional
        By default the positions (the velocities if there are no positions).

    Raises
    ------
    ValueError
        If there is no mode, or one is 0 or has the wrong length.
    """

    modes: Modes = FEW
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "pair_correlation"
    needs: ClassVar[str] = "ensemble"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = LACKER

    def __post_init__(self) -> None:
        if not isinstance(self.modes, int):
            object.__setattr__(self, "modes", tuple(tuple(int(m) for m in mode) for mode in self.modes))
        object.__setattr__(self, "axes", axis_names(self.axes))

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        where = f" along {', '.join(self.axes)}" if self.axes else ""
        return f"pair correlation{where}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1 of N."""
        self.on(grid)
        return -1.0

    def target(self, density: xr.DataArray) -> PairTarget:
        """The wavenumbers on the axes of the density; its values do not matter."""
        return self.on(grid_of(density))

    def on(self, grid: Grid) -> PairTarget:
        """Ready for particles on a grid."""
        names = default_axes(self.axes, grid)
        modes = mode_vectors(self.modes, len(names))
        columns = Columns(grid, names)
        return PairTarget(columns, modes, modes * [2 * np.pi / axis.length for axis in columns.axes])


def mode_vectors(modes: Modes, dim: int) -> NDArray[np.int64]:
    """Mode numbers, shape (modes, dim): those given, or the lowest of each axis."""
    if isinstance(modes, int):
        count, given = modes, [m * one for one in np.eye(dim, dtype=np.int64) for m in range(1, modes + 1)]
    else:
        given = [np.asarray(mode, dtype=np.int64) for mode in modes]
        count = len(given)
    if count < 1 or any(mode.shape != (dim,) or not mode.any() for mode in given):
        raise ValueError(
            f"modes={modes!r} must be a positive integer, or tuples of {dim} integers that are not all 0, "
            f"one integer for each axis"
        )
    return np.array(given)


@dataclass(frozen=True, eq=False)
class PairTarget:
    """Wavenumbers (modes, n) at which the correlation is measured."""

    columns: Columns
    modes: NDArray[np.int64]
    wavenumbers: FloatArray

    def statistic(self, points: ArrayLike) -> FloatArray:
        """Real and imaginary parts of Z_k, shape (2·modes,)."""
        x = self.columns.of(points)
        if len(x) < 2:
            raise ValueError("a pair correlation needs at least two particles")
        angles = (x @ k for k in self.wavenumbers)
        Z = [(np.cos(angle).mean(), -np.sin(angle).mean()) for angle in angles]
        return np.array(Z).T.ravel()

    def combine(self, statistics: FloatArray, size: int) -> tuple[float, float]:
        """Sum over the modes of Ĝ₂(k, −k), and its standard error."""
        values, left = _by_mode(_complex(statistics), size)
        return float(values.sum()), float(_jackknife(left.sum(axis=-1)))

    def floor(self, size: int) -> float | None:
        """0: independent particles are not correlated."""
        return 0.0

    def difference(self, other: PairTarget) -> float:
        """0: it does not depend on a density."""
        return 0.0


def _complex(statistics: FloatArray) -> ComplexArray:
    real, imaginary = np.split(np.asarray(statistics, dtype=float), 2, axis=-1)
    return np.asarray(real + 1j * imaginary)


def _by_mode(Z: ComplexArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Ĝ₂(k, −k) from Z (R, modes), and what it is without each replica in turn."""
    squares, total = np.abs(Z) ** 2, Z.sum(axis=0)
    pairs = (size * squares - 1) / (size - 1)

    def correlation(R: int, pairs: FloatArray, total: ComplexArray, squares: FloatArray) -> FloatArray:
        if R < 2:
            return np.full(pairs.shape, np.nan)
        return np.asarray(pairs / R - (np.abs(total) ** 2 - squares) / (R * (R - 1)))

    sums = pairs.sum(axis=0), squares.sum(axis=0)
    whole = correlation(len(Z), sums[0], total, sums[1])
    left = correlation(len(Z) - 1, sums[0] - pairs, total - Z, sums[1] - squares)
    return whole, left


def _jackknife(left: FloatArray) -> FloatArray:
    """Standard error from the values without each replica, along the first axis; NaN for less than three."""
    R = len(left)
    return np.asarray(np.sqrt((R - 1) / R * ((left - left.mean(axis=0)) ** 2).sum(axis=0)))


def pair_correlation(
    particles: xr.Dataset,
    grid: Grid | xr.DataArray | xr.Dataset,
    modes: Modes = FEW,
    axes: tuple[str, ...] | None = None,
) -> xr.DataArray:
    r"""N times the pair correlation of each mode, :math:`N \hat G_2(k, −k)`, see :class:`PairCorrelation`.

    For a law that does not change under translations it is (N E|Z_k|² − 1)·N/(N − 1): the fluctuations beyond
    those of independent particles, of order 1.

    Parameters
    ----------
    particles : Dataset
        As ``simulate(..., replicas=...)`` returns it, with at least two replicas, better hundreds.
    grid : Grid, DataArray or Dataset
        That of the problem, or a density on it; its values do not matter.
    modes, axes
        As for :class:`PairCorrelation`.

    Returns
    -------
    DataArray
        (time, mode), or (mode,), with the standard error as coordinate ``pair_correlation_stderr`` and the
        mode numbers along each axis as ``mode_x``, ….

    Raises
    ------
    ValueError
        If a coordinate is missing, or there are fewer than two replicas or particles.
    """
    target = PairCorrelation(modes, axes).on(as_grid(grid))
    stacked = stacked_replicas(particles, target.columns.grid)
    N, lead = stacked.sizes["particle"], stacked.dims[:-3]
    flat = stacked.values.reshape(-1, *stacked.shape[-3:])
    Z = (_complex(np.array([target.statistic(one) for one in replicas])) for replicas in flat)
    found = [_by_mode(one, N) for one in Z]
    shape = (*stacked.shape[:-3], len(target.modes))
    values = np.array([N * whole for whole, _ in found]).reshape(shape)
    errors = np.array([N * _jackknife(left) for _, left in found]).reshape(shape)
    attrs = attributes(
        "pair_correlation", long_name="N times the pair correlation", size=N, references=LACKER
    )
    error = attributes("pair_correlation_stderr", long_name="standard error of N times the pair correlation")
    coords: dict[str, Any] = {str(name): stacked[name] for name in lead if name in stacked.coords}
    modes_of = {
        f"mode_{name}": ("mode", column) for name, column in zip(target.columns.names, target.modes.T)
    }
    given: Any = coords | modes_of | {"pair_correlation_stderr": ((*lead, "mode"), errors, error)}
    return xr.DataArray(values, given, (*lead, "mode"), "pair_correlation", attrs)


def as_grid(grid: Grid | xr.DataArray | xr.Dataset) -> Grid:
    """The grid itself, or that of a density."""
    return grid if isinstance(grid, Grid) else grid_of(grid)


def stacked_replicas(particles: xr.Dataset, grid: Grid) -> xr.DataArray:
    """Points with the dimensions (…, replica, particle, axis)."""
    missing = [name for name in grid.names if name not in particles]
    if missing:
        raise ValueError(f"the particles have no variable {', '.join(missing)}, an axis of the grid")
    parts = [particles[name] for name in grid.names]
    stacked = xr.concat(parts, "axis", coords="minimal", compat="override")
    if "replica" not in stacked.dims or stacked.sizes["replica"] < 2:
        raise ValueError("correlations are over replicas; simulate(..., replicas=100) or more")
    return stacked.transpose(..., "replica", "particle", "axis")

"""The Sinkhorn divergence between particles and a gridded density."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, evaluate, tents
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.chaos.transport.atoms import Atoms, atoms_of, cell_counts, extents_of
from mfpde.chaos.transport.entropic import Potentials, potentials, self_potential
from mfpde.chaos.transport.point_clouds import check_pairs, squared_distances
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Sinkhorn", "SinkhornTarget", "entropic_cost", "sinkhorn_divergence"]

FloatArray = NDArray[np.float64]
SHARE_OF_MEAN_COST = 0.05
ROUNDING = 1e-13
MOST_IMAGES = 100


@dataclass(frozen=True)
class Sinkhorn:
    r"""Sinkhorn divergence, entropic transport without its bias.

    :math:`S_ε(μ, ρ) = \mathrm{OT}_ε(μ, ρ) − ½\mathrm{OT}_ε(μ, μ) − ½\mathrm{OT}_ε(ρ, ρ)` with
    :math:`\mathrm{OT}_ε = \min_π ∫ c\,dπ + ε\,\mathrm{KL}(π | μ ⊗ ρ)`. It is not a distance but like the p-th
    power of one: :math:`W_p^p` as ε → 0, and as ε → ∞ half of :math:`−∬ c\,(μ−ρ)(μ−ρ)`: for p = 2 the square
    of the distance of the means, for p = 1 half of the energy distance.

    For p = 2 the cost is |x − y|² on open axes; on periodic ones −ε log Σ_k e^{−|x − y + kL|²/ε}, the smooth
    minimum over the images. So e^{−c/ε} is a heat kernel, hence positive definite, which makes S_ε ≥ 0
    (J. Feydy et al., AISTATS 2019, Theorem 1). For p = 1, c is the distance itself.

    Parameters
    ----------
    regularisation : float, optional
        ε > 0, in units of the cost (lengthᵖ); by default 5 % of the mean cost between two independent samples
        of the density.
    p : {1, 2}
    axes : tuple of str, optional
        By default the positions (the velocities if there are no positions).
    cells : int
        Largest number of atoms that stand for the density, at least 4.
    tolerance : float
        Σ|marginal − mass| at which Sinkhorn's iteration ends; the error of the value is of second order.
    iterations : int
        Most steps of the iteration.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the distances to be computed, N² or N·M, exceed 2²³.

    Warns
    -----
    UserWarning
        If the iteration ends early, or the value is negative, with the violation of the marginals.

    Notes
    -----
    *Good values.* The default; a thousand particles take about a second. *When it fails.* For ε below the
    square of a cell the iteration is slow and sees the atoms; with p = 1 on several periodic axes e^{−c/ε} is
    not known to be positive definite.

    For fixed ε, N S_ε over i.i.d. samples of a law on a compact set has a limit in law, in every dimension
    (A. González-Sanz, J.-M. Loubes and J. Niles-Weed, arXiv:2207.07427); so E S_ε ~ 1/N.
    """

    regularisation: float | None = None
    p: int = 2
    axes: tuple[str, ...] | None = None
    cells: int = 1024
    tolerance: float = 1e-5
    iterations: int = 2000
    name: ClassVar[str] = "sinkhorn"
    needs: ClassVar[str] = "replica"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = "A. González-Sanz, J.-M. Loubes and J. Niles-Weed, arXiv:2207.07427 (2022)"

    def __post_init__(self) -> None:
        if self.regularisation is not None and not 0 < self.regularisation < np.inf:
            raise ValueError(f"regularisation={self.regularisation!r} must be positive and finite, or None")
        if self.p not in (1, 2):
            raise ValueError(f"p={self.p!r}: the divergence is computed for p=1 and p=2")
        if int(self.cells) != self.cells or self.cells < 4:
            raise ValueError(f"cells={self.cells!r} must be an integer of at least 4")
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
        return f"Sinkhorn divergence{where}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1 of N: the divergence is like a square."""
        return -1.0

    def target(self, density: xr.DataArray) -> SinkhornTarget:
        """Atoms of the marginal of ``density`` and their own entropic cost."""
        grid = grid_of(density)
        names = default_axes(self.axes, grid)
        weights, reduced = tents(density, names)
        extents = extents_of(weights, reduced)
        atoms = atoms_of(weights, reduced, extents, cell_counts(extents, self.cells))
        ε = self.regularisation
        if ε is None:
            plain = squared_distances(atoms.positions, atoms.positions, reduced.axes) ** (self.p / 2)
            ε = SHARE_OF_MEAN_COST * float(atoms.masses @ plain @ atoms.masses)
        own = entropic_cost(atoms.positions, atoms.positions, reduced.axes, self.p, ε)
        itself = self_potential(own, atoms.masses, ε, self.tolerance, self.iterations)
        return SinkhornTarget(atoms, itself, reduced, Columns(grid, names), ε, self)


@dataclass(frozen=True, eq=False)
class SinkhornTarget:
    """Atoms of a density with their own entropic cost."""

    atoms: Atoms
    itself: Potentials
    grid: Grid
    columns: Columns
    regularisation: float
    metric: Sinkhorn

    def distance(self, points: ArrayLike) -> float:
        """S_ε of the empirical measure and the density; see :class:`Sinkhorn` for what it warns of."""
        x = self.columns.of(points)
        advice = "use SlicedWasserstein or Sobolev"
        check_pairs(len(x), max(len(x), len(self.atoms.masses)), "particles × particles or cells", advice)
        masses = np.full(len(x), 1 / len(x))
        metric, ε = self.metric, self.regularisation
        own = entropic_cost(x, x, self.grid.axes, metric.p, ε)
        itself = self_potential(own, masses, ε, metric.tolerance, metric.iterations)
        return self._divergence(x, masses, itself)

    def floor(self, size: int) -> float | None:
        """``None``: only sampling gives it."""
        return None

    def difference(self, other: SinkhornTarget) -> float:
        """S_ε between two densities on the same box, each by its own atoms, with the ε of this one."""
        metric, ε = self.metric, self.regularisation
        atoms = other.atoms
        own = entropic_cost(atoms.positions, atoms.positions, self.grid.axes, metric.p, ε)
        itself = self_potential(own, atoms.masses, ε, metric.tolerance, metric.iterations)
        return max(self._divergence(atoms.positions, atoms.masses, itself), 0.0)

    def _divergence(self, x: FloatArray, masses: FloatArray, itself: Potentials) -> float:
        metric, ε = self.metric, self.regularisation
        cost = entropic_cost(x, self.atoms.positions, self.grid.axes, metric.p, ε)
        found = potentials(cost, masses, self.atoms.masses, ε, metric.tolerance, metric.iterations)
        value = found.cost - (itself.cost + self.itself.cost) / 2
        violation = max(found.violation, itself.violation, self.itself.violation)
        # The dual values are exact to rounding and to second order in the violation.
        error = ROUNDING * float(np.abs(cost).max()) + 10 * ε * min(violation, metric.tolerance) ** 2
        negative = value < -error
        if negative or violation > metric.tolerance:
            state = "is negative" if negative else "has not converged"
            warnings.warn(
                f"the Sinkhorn divergence {state}: {value:.6g} with regularisation {ε:.3g}, where the "
                f"marginals are violated by {violation:.3g}; raise `regularisation` or `iterations`",
                stacklevel=3,
            )
        return value if negative else max(value, 0.0)


def entropic_cost(x: FloatArray, y: FloatArray, axes: Sequence[Axis], p: int, ε: float) -> FloatArray:
    """Cost (N, M) between points (N, n) and (M, n), see :class:`Sinkhorn`.

    Raises
    ------
    ValueError
        If ε is so large that hundreds of images of a periodic axis would count.
    """
    cost = squared_distances(x, y, axes)
    if p == 1:
        return np.asarray(np.sqrt(cost))
    for i, axis in enumerate(axes):
        if axis.periodic:
            cost += _image_term(x[:, i, np.newaxis] - y[:, i], axis.length, ε)
    return cost


def _image_term(z: FloatArray, length: float, ε: float) -> FloatArray:
    """−ε log Σ_k e^{−(|z + kL|² − |z|²)/ε} with z the nearest image."""
    # Beyond (kL)² = 40 ε an image counts for less than rounding.
    images = int(np.ceil(np.sqrt(40 * ε) / length))
    if images > MOST_IMAGES:
        raise ValueError(
            f"regularisation={ε:.3g} is too large for a circle of length {length:.3g}, where the divergence "
            f"vanishes; choose one of at most length², {length**2:.3g}"
        )
    z = z - length * np.round(z / length)
    total = np.ones_like(z)
    for k in range(1, images + 1):
        shift = k * length
        total += np.exp((-shift * shift - 2 * shift * z) / ε) + np.exp((-shift * shift + 2 * shift * z) / ε)
    return np.asarray(-ε * np.log(total))


def sinkhorn_divergence(
    points: ArrayLike | xr.Dataset,
    density: xr.DataArray | xr.Dataset,
    regularisation: float | None = None,
    p: int = 2,
    axes: tuple[str, ...] | None = None,
    cells: int = 1024,
) -> Any:
    """Sinkhorn divergence between particles and a density, see :class:`Sinkhorn`.

    Parameters
    ----------
    points : array (N, n), (N,) for one axis, or Dataset of ``simulate``
    density : DataArray or Dataset
    regularisation, p, axes, cells
        As for :class:`Sinkhorn`.

    Returns
    -------
    float or DataArray
        A float for an array; for a Dataset a DataArray over the dimensions other than ``particle``.
    """
    return evaluate(Sinkhorn(regularisation, p, axes, cells), points, density)

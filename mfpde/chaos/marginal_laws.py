"""The laws of one and of two particles against the limit density, from replicas: L¹ distance and entropy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.bins import Bins, bins_of
from mfpde.chaos.bootstrap import bootstrap
from mfpde.chaos.gaussian_law import GaussianLaw, gaussian_law
from mfpde.chaos.marginals import evaluate
from mfpde.chaos.metric import Metric, axis_names, default_axes
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Grid

__all__ = ["MarginalL1", "RelativeEntropy", "marginal_l1", "relative_entropy"]

FloatArray = NDArray[np.float64]

MOST_BINS, MOST_INTERVALS = 64, 16
LACKER = "D. Lacker, Probab. Math. Phys. 4 (2023) 377-432, Theorem 2.2"
ESTIMATORS = ("histogram", "gaussian")


@dataclass(frozen=True)
class _MarginalLaw:
    """What the two measures share: k, the bins, the axes."""

    k: int = 1
    bins: int | None = None
    axes: tuple[str, ...] | None = None
    needs: ClassVar[str] = "ensemble"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = LACKER

    def __post_init__(self) -> None:
        if self.k not in (1, 2):
            raise ValueError(f"k must be 1 or 2 (the law of one particle, or of two), got {self.k!r}")
        if self.bins is not None and (int(self.bins) != self.bins or self.bins < 2):
            raise ValueError(
                f"bins must be an integer of at least 2, intervals along an axis, got {self.bins!r}"
            )
        object.__setattr__(self, "axes", axis_names(self.axes))

    def _binned(self, density: xr.DataArray) -> Bins:
        names = default_axes(self.axes, grid_of(density))
        fitting = int(MOST_BINS ** (1 / (len(names) * self.k)) + 1e-9)
        return bins_of(density, names, self.bins or max(2, min(MOST_INTERVALS, fitting)))

    @property
    def _whose(self) -> str:
        where = f" along {', '.join(self.axes)}" if self.axes else ""
        return f"the law of {'one particle' if self.k == 1 else 'two particles'}{where}"


@dataclass(frozen=True)
class MarginalL1(_MarginalLaw):
    r"""L¹ distance of the law of k particles to the limit, :math:`‖F_{N,k} − ρ^{⊗k}‖_1`, by histograms.

    Bins have nearly equal mass under ρ, so the value is a lower bound, :math:`Σ_b |\hat p_b − q_b|`. All
    particles of all replicas count, for k = 2 the pairs (1, 2), (3, 4), …; they are exchangeable, and the
    replicas are resampled as a whole for the bias and the error. Without any distance n independent points
    in B bins would show √(2B/πn): a value below what noise alone would give is refused, as NaN with a
    warning.

    Parameters
    ----------
    k : {1, 2}
    bins : int, optional
        Intervals along each axis; by default 64 bins in all, at most 16 along an axis.
    axes : tuple of str, optional
        By default the positions (the velocities if there are no positions).

    Notes
    -----
    It is of order k/N (Lacker), so that at N = 100 some 10⁶ points are needed to see it: for pairs
    :class:`~mfpde.chaos.PairCorrelation` sees more.
    """

    name: ClassVar[str] = "marginal_l1"

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return f"L1 distance of {self._whose}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1 of N."""
        default_axes(self.axes, grid)
        return -1.0

    def target(self, density: xr.DataArray) -> HistogramTarget:
        """Bins and the masses of the density in them."""
        return HistogramTarget(
            "L1 distance", self.k, density, self._binned(density), _distance, _distance_noise
        )


@dataclass(frozen=True)
class RelativeEntropy(_MarginalLaw):
    r"""Relative entropy of the law of k particles, :math:`H_k = ∫ F_{N,k} \log (F_{N,k}/ρ^{⊗k})`, not over k.

    With ``estimator="histogram"`` it is that of the masses in bins of nearly equal mass under ρ, a lower
    bound, whose bias of (B − 1)/2n for n independent points in B bins is taken off by resampling replicas; a
    value below the bias is refused, as NaN with a warning. With ``estimator="gaussian"`` it is that of the
    Gaussian laws with the same means and covariances: right if both laws are Gaussian, on open axes only, and
    far more precise, since a few moments take the place of the bins.

    Parameters
    ----------
    k, bins, axes
        As for :class:`MarginalL1`.
    estimator : {"histogram", "gaussian"}

    Notes
    -----
    Of order (k/N)² (Lacker): histograms see it at small N only.
    """

    estimator: str = "histogram"
    name: ClassVar[str] = "relative_entropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.estimator not in ESTIMATORS:
            raise ValueError(f"estimator must be one of {', '.join(ESTIMATORS)}, got {self.estimator!r}")

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return f"relative entropy of {self._whose}"

    def theory(self, grid: Grid) -> float:
        """Exponent −2 of N."""
        default_axes(self.axes, grid)
        return -2.0

    def target(self, density: xr.DataArray) -> HistogramTarget | GaussianTarget:
        """Bins and masses, or mean and covariance of the density."""
        if self.estimator == "gaussian":
            return GaussianTarget(self.k, gaussian_law(density, default_axes(self.axes, grid_of(density))))
        return HistogramTarget(
            "relative entropy", self.k, density, self._binned(density), _entropy, _entropy_noise
        )


Functional = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class HistogramTarget:
    """A density, bins, and a functional of the masses of two laws in them.

    ``noise`` is what the functional would show without any difference, from the variances of the masses of
    the one law and the masses of the other.
    """

    what: str
    k: int
    density: xr.DataArray
    bins: Bins
    functional: Functional
    noise: Functional

    @cached_property
    def masses(self) -> FloatArray:
        """Masses of ρ^{⊗k}."""
        return self.of(self.density)

    def of(self, density: xr.DataArray) -> FloatArray:
        """Masses of k independent particles of a density."""
        q = self.bins.masses(density)
        return q if self.k == 1 else np.outer(q, q).ravel()

    def statistic(self, points: ArrayLike) -> FloatArray:
        """Shares of the particles, or of the pairs, in each bin."""
        place, count = self.bins.place(points), self.bins.count
        if self.k == 2:
            if len(place) < 2:
                raise ValueError("the law of two particles needs at least two")
            half = len(place) // 2
            place, count = place[: 2 * half : 2] * count + place[1 : 2 * half : 2], count**2
        return np.asarray(np.bincount(place, minlength=count) / len(place), dtype=float)

    def combine(self, statistics: FloatArray, size: int) -> tuple[float, float]:
        """Value with its bias taken off, and standard error; NaN where noise alone would give as much."""
        q = self.masses
        if len(statistics) < 2:
            return _refused(f"the {self.what} cannot be told from one replica; simulate more")
        value, error, _ = bootstrap(lambda p: self.functional(p, q), statistics, size)
        noise = float(self.noise(statistics.var(axis=0, ddof=1) / len(statistics), q))
        if not value > noise:
            return _refused(
                f"the {self.what} of the law of {self.k} of {size} particles is below its noise: "
                f"{value:.2g} is left where {len(q)} bins of {len(statistics)} replicas show {noise:.2g} "
                "without any; use more replicas or fewer bins"
            )
        return value, error

    def floor(self, size: int) -> float | None:
        """0: the law of independent particles is ρ^{⊗k}."""
        return 0.0

    def difference(self, other: HistogramTarget) -> float:
        """The functional of another density, in the same bins."""
        return float(self.functional(self.of(other.density), self.masses))


@dataclass(frozen=True, eq=False)
class GaussianTarget:
    """Mean and covariance of a density, with which those of the particles are compared."""

    k: int
    law: GaussianLaw

    def statistic(self, points: ArrayLike) -> FloatArray:
        """Moments of the particles, and of their pairs, in coordinates in which ρ is standard."""
        return self.law.moments(points, self.k)

    def combine(self, statistics: FloatArray, size: int) -> tuple[float, float]:
        """Value with its bias taken off, and standard error; NaN where the bias is as large."""
        if len(statistics) < 2:
            return _refused("the relative entropy cannot be told from one replica; simulate more")
        value, error, bias = bootstrap(lambda m: self.law.entropy(m, self.k), statistics, size)
        if not value > bias:
            return _refused(
                f"the relative entropy of the law of {self.k} of {size} particles is below its bias: "
                f"{value:.2g} is left where {len(statistics)} replicas have a bias of {bias:.2g}; use more "
                "replicas"
            )
        return value, error

    def floor(self, size: int) -> float | None:
        """0: the law of independent particles is ρ^{⊗k}."""
        return 0.0

    def difference(self, other: GaussianTarget) -> float:
        """Relative entropy of k independent particles of another density."""
        return max(0.0, float(self.law.entropy(other.law.seen_by(self.law, self.k), self.k)))


def marginal_l1(
    points: ArrayLike | xr.Dataset,
    density: xr.DataArray | xr.Dataset,
    k: int = 1,
    bins: int | None = None,
    axes: tuple[str, ...] | None = None,
) -> xr.DataArray:
    """L¹ distance of the law of k particles to the limit, see :class:`MarginalL1`.

    Parameters
    ----------
    points : array (R, N, n) or (R, N), or Dataset
        Replicas of the particles, as ``simulate(..., replicas=R)`` returns them.
    density : DataArray or Dataset
        Limit density, matched to the times of the particles.
    k, bins, axes
        As for :class:`MarginalL1`.

    Returns
    -------
    DataArray
        Over the dimensions without ``replica`` and ``particle``, with the coordinate ``marginal_l1_stderr``;
        NaN, with a warning, at times when noise alone would give as much.

    Raises
    ------
    ValueError
        If that is so at every time, or the shapes do not fit.
    """
    return _unless_refused(MarginalL1(k, bins, axes), points, density)


def relative_entropy(
    points: ArrayLike | xr.Dataset,
    density: xr.DataArray | xr.Dataset,
    k: int = 1,
    estimator: str = "histogram",
    bins: int | None = None,
    axes: tuple[str, ...] | None = None,
) -> xr.DataArray:
    """Relative entropy H_k of the law of k particles, see :class:`RelativeEntropy`.

    Parameters
    ----------
    points, density
        As for :func:`marginal_l1`.
    k, estimator, bins, axes
        As for :class:`RelativeEntropy`.

    Returns
    -------
    DataArray
        As for :func:`marginal_l1`, with the coordinate ``relative_entropy_stderr``.

    Raises
    ------
    ValueError
        If the value is below its bias at every time, or the shapes do not fit.
    """
    return _unless_refused(RelativeEntropy(k, bins, axes, estimator), points, density)


def _unless_refused(metric: Metric, points: Any, density: Any) -> xr.DataArray:
    """The values of a metric; an error in place of warnings where all of them are refused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found: xr.DataArray = evaluate(metric, points, density)
    if caught and bool(found.isnull().all()):
        raise ValueError(str(caught[-1].message))
    for one in caught:
        warnings.warn(str(one.message), one.category, stacklevel=3)
    return found


def _distance(p: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(np.abs(p - q).sum(axis=-1))


def _distance_noise(variance: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(2 / np.pi * variance).sum(axis=-1))


def _entropy(p: FloatArray, q: FloatArray) -> FloatArray:
    ratio = np.divide(p, q, out=np.full(np.broadcast_shapes(p.shape, q.shape), np.inf), where=q > 0)
    logs = np.log(ratio, out=np.zeros_like(ratio), where=p > 0)
    return np.asarray(np.where(p > 0, p * logs, 0.0).sum(axis=-1))


def _entropy_noise(variance: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(np.divide(variance, 2 * q, out=np.zeros_like(q), where=q > 0).sum(axis=-1))


def _refused(reason: str) -> tuple[float, float]:
    warnings.warn(reason, stacklevel=3)
    return np.nan, np.nan

"""The exponential moment that bounds the growth of relative entropy, and its limit from a spectrum."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, nan
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.fluctuations import sampled_law
from mfpde.chaos.marginals import Columns
from mfpde.chaos.pair_function import PairFunction, pair_function
from mfpde.checks import whole
from mfpde.dataset import attributes, grid_of
from mfpde.particles.ensemble import FLOOR, random_stream
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import Kernel

__all__ = ["ExponentialMoment", "Spectrum", "exponential_moment", "log_mean_exp", "spectrum_of"]

FloatArray = NDArray[np.float64]

NODES = {1: 400, 2: 28, 3: 9}  # most cells of an axis for the spectrum, by dimension
CENTRED = 1e-2  # largest norm of the means of φ, relative to φ, that counts as rounding and quadrature
JABIN_WANG = "P.-E. Jabin and Z. Wang, Invent. Math. 214 (2018) 523-591"


@dataclass(frozen=True)
class Spectrum:
    r"""Eigenvalues of the operator g ↦ ∫φ(x, y) g(y) ρ(y) dy, φ centred in both arguments.

    S_N = (1/N) Σ_{ij} φ(xᵢ, xⱼ) tends in law to Σ λ Z², Z independent and normal, whose exponential moment is
    ∏ (1 − 2λ)^{−1/2}. From finitely many nodes, for kernels in one to three dimensions.

    Attributes
    ----------
    eigenvalues : array
        In increasing order; their sum is ∫φ(x, x) ρ(x) dx.
    residual : float
        L² norm of the means ∫φ(x, y) ρ(y) dy relative to that of φ: 0 up to quadrature where φ has the two
        cancellations of the theory.
    """

    eigenvalues: FloatArray
    residual: float

    @property
    def largest(self) -> float:
        """The largest eigenvalue λ."""
        return float(self.eigenvalues[-1])

    @property
    def limit(self) -> float:
        """−½ Σ log(1 − 2λ), the limit of log E e^S: infinite from λ = ½ on; NaN if φ is not centred."""
        if self.residual > CENTRED:
            return nan
        if 2 * self.largest >= 1:
            return inf
        return float(-np.log1p(-2 * self.eigenvalues).sum() / 2)

    def warn(self) -> None:
        """Warn where samples do not tell the moment."""
        if self.residual > CENTRED:
            warnings.warn(
                f"φ is not centred: ∫φ(x, y) ρ(y) dy is {self.residual:.2g} of φ, so that the moment grows "
                "exponentially in N and its logarithm has no limit",
                stacklevel=3,
            )
        elif 2 * self.largest >= 1:
            warnings.warn(
                f"the largest eigenvalue of φ is {self.largest:.3g} ≥ 1/2: the moment is unbounded in N, and "
                "what samples give is not it; make φ smaller",
                stacklevel=3,
            )
        elif 4 * self.largest >= 1:
            warnings.warn(
                f"the largest eigenvalue of φ is {self.largest:.3g} ≥ 1/4: E e^(2S) is infinite in the limit "
                "and the estimate from samples has infinite variance: its standard error means "
                "nothing; trust the limit from the spectrum",
                stacklevel=3,
            )


def spectrum_of(function: PairFunction, law: Any, grid: Grid, factor: float = 1.0) -> Spectrum:
    """Eigenvalues of the factor times φ by Nyström's method at the cell centres of a coarser grid."""
    most = NODES.get(grid.dim)
    if most is None:
        raise ValueError(f"the spectrum takes one to three axes, got {', '.join(grid.names)}")
    coarse = grid.resized({axis.name: min(axis.size, most) for axis in grid.axes})
    points = coarse.points.reshape(-1, grid.dim)
    weights = np.maximum(np.asarray(law.pdf(points), dtype=float), 0.0)
    kept = weights > 1e-14 * weights.max()
    points, weights = points[kept], weights[kept] / weights[kept].sum()
    φ = function.matrix(points)
    means = φ @ weights, weights @ φ
    mean = weights @ means[0]
    size = np.sqrt(weights @ φ**2 @ weights)
    residual = max(float(np.sqrt(weights @ one**2)) for one in means) / max(float(size), 1e-300)
    centred = φ - means[0][:, None] - means[1][None, :] + mean
    roots = np.sqrt(weights)
    eigenvalues = np.linalg.eigvalsh(roots[:, None] * (centred + centred.T) / 2 * roots)
    return Spectrum(factor * eigenvalues, residual if function.checked else 0.0)


def log_mean_exp(sums: FloatArray) -> tuple[float, float]:
    """The logarithm of the mean of e^S, its bias removed by the jackknife, and its standard error.

    Parameters
    ----------
    sums : array (R,)
        S for each of R ≥ 2 replicas.
    """
    R, top = len(sums), float(sums.max())
    e = np.exp(sums - top)
    without = np.log(np.maximum(e.sum() - e, np.finfo(float).tiny) / (R - 1))
    mean = without.mean()
    variance = (R - 1) / R * float(((without - mean) ** 2).sum())
    return float(top + R * np.log(e.mean()) - (R - 1) * mean), float(np.sqrt(variance))


@dataclass(frozen=True, repr=False)
class ExponentialMoment:
    r"""log E exp((1/N) Σ_{ij} φ(x_i, x_j)), the diagonal included, over the replicas.

    Of i.i.d. samples it is the moment of the large-deviation theorem of Jabin and Wang, bounded in N, with

    .. math:: φ(x, y) = -\tfrac12\big[K(x−y)·(∇\log ρ(x) − ∇\log ρ(y)) − K∗ρ(x)·∇\log ρ(x)
        − K∗ρ(y)·∇\log ρ(y)\big] + \tfrac12\big[∇·K∗ρ(x) + ∇·K∗ρ(y)\big] − ∇·K(x−y)

    for odd K, the integrand of the growth of the entropy of N particles relative to ρ^{⊗N}. Of interacting
    particles it is the same under their law.

    Parameters
    ----------
    interaction : Kernel or callable, optional
        K, or φ itself: arrays (..., d), (..., d) → (...); in a study the kernel of the equation.
    divergence : callable, optional
        ∇·K, (..., d) → (...); by default 0 for kernels without divergence, else by differences of K.
    factor : float
        η, by which φ is multiplied: the entropy inequality holds for every η > 0,
        E Φ ≤ (H_N + log E exp(ηΦ))/η, and a small one makes the moment finite.

    Notes
    -----
    φ is that of ρ_t at each time, and positions only count. The estimate from R replicas is corrected by the
    jackknife. It fails where the largest eigenvalue of φ is 1/4 or more, as the variance of e^S is then
    infinite: the value of such a time is NaN, and a warning says so.
    """

    interaction: Kernel | Callable[..., Any] | None = None
    divergence: Callable[..., Any] | None = None
    factor: float = 1.0
    axes: ClassVar[None] = None
    name: ClassVar[str] = "exponential_moment"
    needs: ClassVar[str] = "ensemble"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = JABIN_WANG

    def __post_init__(self) -> None:
        _check_factor(self.factor)

    def __repr__(self) -> str:
        # Without the addresses that functions print: the text identifies the metric in files.
        names = [getattr(f, "__qualname__", f) for f in (self.interaction, self.divergence)]
        return f"ExponentialMoment(interaction={names[0]}, divergence={names[1]}, factor={self.factor!r})"

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return "logarithm of the exponential moment"

    def for_equation(self, equation: Any) -> ExponentialMoment:
        """The same with the kernel of the equation, unless there is one already."""
        if self.interaction is not None:
            return self
        if not hasattr(equation, "kernel"):
            raise ValueError(f"{equation!r} has no interaction kernel; give φ: ExponentialMoment(φ)")
        return replace(self, interaction=equation.kernel)

    def theory(self, grid: Grid) -> float:
        """Exponent 0: bounded in N."""
        return 0.0

    def target(self, density: xr.DataArray) -> ExponentialTarget:
        """φ and its spectrum, from the marginal of ``density`` on the positions."""
        law, space, ρ = sampled_law(density, None)
        function = pair_function(self.interaction, space, ρ, self.divergence)
        columns = Columns(grid_of(density), space.names)
        return ExponentialTarget(function, law, space, columns, self.factor)


def _check_factor(factor: float) -> None:
    if not 0 < factor < inf:
        raise ValueError(f"the factor of φ must be a finite number > 0, got {factor!r}")


@dataclass(frozen=True, eq=False)
class ExponentialTarget:
    """φ of a density, with its spectrum."""

    function: PairFunction
    law: Any
    grid: Grid
    columns: Columns
    factor: float

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues of φ."""
        return spectrum_of(self.function, self.law, self.grid, self.factor)

    def statistic(self, points: ArrayLike) -> FloatArray:
        """S of one replica, shape (1,)."""
        return np.array([self.factor * self.function.sum(self.columns.of(points))])

    def combine(self, statistics: ArrayLike, size: int) -> tuple[float, float]:
        """The logarithm of the moment and its standard error; NaN where samples do not tell it."""
        self.spectrum.warn()
        if 4 * self.spectrum.largest >= 1:
            return nan, nan
        return log_mean_exp(np.asarray(statistics, dtype=float)[:, 0])

    def floor(self, size: int) -> None:
        """Known for N → ∞ only, see the spectrum; for finite N it is sampled."""

    def difference(self, other: ExponentialTarget) -> float:
        """Difference of the limits from the spectra."""
        mine, theirs = self.spectrum.limit, other.spectrum.limit
        return 0.0 if mine == theirs else abs(mine - theirs)


def exponential_moment(
    law: Any,
    interaction: Kernel | Callable[..., Any],
    sizes: ArrayLike,
    *,
    grid: Grid | None = None,
    replicas: int = 1000,
    seed: int = 0,
    divergence: Callable[..., Any] | None = None,
    factor: float = 1.0,
) -> xr.Dataset:
    """The moment log E exp((1/N) Σ_{ij} φ(xᵢ, xⱼ)) of i.i.d. samples, see :class:`ExponentialMoment`.

    Parameters
    ----------
    law : DataArray, or anything :func:`mfpde.laws.as_law` accepts
        ρ, of positions. A DataArray is sampled as its multilinear interpolation; as φ is centred, that
        changes S by O(N h⁴) for the cell size h.
    interaction : Kernel or callable
        K, or φ itself: arrays (..., d), (..., d) → (...).
    sizes : int or integers ≥ 2
        Numbers of points N.
    grid : Grid
        Where ρ, its gradient and K∗ρ are evaluated; needed for a law, and only then.
    replicas, seed
        Sample r of size N is seeded by ``SeedSequence(seed, spawn_key=(N, r, 2))``.
    divergence : callable, optional
        ∇·K, (..., d) → (...).
    factor : float
        By which φ is multiplied.

    Returns
    -------
    Dataset
        ``exponential_moment`` and ``stderr`` (size); ``limit`` as N → ∞ and ``largest_eigenvalue``, both from
        the spectrum of φ.

    Raises
    ------
    ValueError, TypeError
        For input that does not fit; for a kernel whose divergence is not bounded.

    Warns
    -----
    UserWarning
        Where the largest eigenvalue is 1/4 or more, and the estimate has infinite variance.

    Examples
    --------
    φ = c e(x) e(y) with E e = 0, E e² = 1 has the one eigenvalue c, and the limit −½ log(1 − 2c).

    >>> from mfpde_solvers.grid import Axis
    >>> circle = Grid((Axis("x", 0.0, 2 * np.pi, 32),))
    >>> def wave(x, y):
    ...     return 0.2 * np.cos(x[..., 0]) * np.cos(y[..., 0])
    >>> from scipy.stats import uniform
    >>> found = exponential_moment(uniform(0, 2 * np.pi), wave, 50, grid=circle, replicas=50)
    >>> bool(abs(found.limit + np.log(1 - 0.2) / 2) < 1e-12)
    True
    """
    _check_factor(factor)
    counts = [whole(n, 2, "a number of points") for n in np.atleast_1d(np.asarray(sizes)).tolist()]
    replicas = whole(replicas, 2, "the number of replicas")
    sampled, space, ρ = sampled_law(law, grid)
    sampled.rvs(1, np.random.default_rng(0))  # a law without a sampler is refused here
    function = pair_function(interaction, space, ρ, divergence)
    spectrum = spectrum_of(function, sampled, space, factor)
    spectrum.warn()
    found = []
    for size in counts:
        sums = np.empty(replicas)
        for replica in range(replicas):
            rng = np.random.default_rng(random_stream(seed, size, replica, FLOOR))
            columns = zip(space.axes, sampled.rvs(size, rng).T, strict=True)
            sums[replica] = function.sum(np.stack([axis.wrap(column) for axis, column in columns], axis=1))
        found.append(log_mean_exp(factor * sums))
    return _described(counts, np.array(found), spectrum, replicas, seed)


def _described(
    counts: list[int], found: FloatArray, spectrum: Spectrum, replicas: int, seed: int
) -> xr.Dataset:
    metric = ExponentialMoment()
    described = attributes(metric.name, long_name=metric.long_name, references=metric.citation, theory=0.0)
    described |= {"reduction": metric.reduction, "replicas": replicas, "seed": seed}
    error = attributes("stderr", long_name="standard error of the logarithm of the exponential moment")
    limit = attributes("limit", long_name="its limit as N tends to infinity, from the spectrum")
    largest = attributes("largest_eigenvalue", long_name="largest eigenvalue of the pair function")
    return xr.Dataset(
        {
            metric.name: (("size",), found[:, 0], described),
            "stderr": (("size",), found[:, 1], error),
            "limit": ((), spectrum.limit, limit),
            "largest_eigenvalue": ((), spectrum.largest, largest),
        },
        {"size": xr.Variable("size", counts, attributes("size"))},
    )

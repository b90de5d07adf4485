"""Wasserstein distances between particles and a gridded density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mfpde.chaos.marginals import Columns, evaluate, tents
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.chaos.transport.between import cost_between
from mfpde.chaos.transport.discrete import AtomsTarget, atoms_target
from mfpde.chaos.transport.line import Line, line_of
from mfpde.dataset import attributes, grid_of
from mfpde_solvers.grid import Grid

__all__ = ["Transport", "Wasserstein", "fournier_guillin", "root_of_mean", "wasserstein_with_bias"]

FOURNIER_GUILLIN = "N. Fournier and A. Guillin, Probab. Theory Relat. Fields 162 (2015) 707-738, Theorem 1"
AMBROSIO_STRA_TREVISAN = (
    "L. Ambrosio, F. Stra and D. Trevisan, Probab. Theory Relat. Fields 173 (2019) 433-477 (n = 2); "
    "M. Goldman and D. Trevisan, Probab. Math. Phys. 2 (2021) 341-362 (n >= 3)"
)
BOBKOV_LEDOUX = "S. Bobkov and M. Ledoux, Mem. Amer. Math. Soc. 261 (2019) no. 1259"


class Transport:
    """What the distances of transport share: the power, how replicas are averaged, the rate along one axis.

    E W₁ ~ N^{−1/2} along one axis (Fournier and Guillin). They bound E W₂² by N^{−1/2} in general; for a
    density bounded below on its support, such as most on a torus, E W₂² ~ 1/N (Bobkov and Ledoux), up to
    logarithms for Gaussian tails. The exponent given is the one of the distance itself, −1/2 for both.
    """

    p: int
    axes: tuple[str, ...] | None
    needs: ClassVar[str] = "replica"

    def __post_init__(self) -> None:
        if self.p not in (1, 2):
            raise ValueError(f"p={self.p!r}: the exact formulas exist here for p=1 and p=2")
        object.__setattr__(self, "axes", axis_names(self.axes))

    @property
    def reduction(self) -> str:
        """The mean of W₁, the root mean square of W₂: the quantities the theory speaks of."""
        return "mean" if self.p == 1 else "rms"

    @property
    def citation(self) -> str:
        """Source of the exponent."""
        return FOURNIER_GUILLIN if self.p == 1 else BOBKOV_LEDOUX

    def theory(self, grid: Grid) -> float:
        """Exponent −1/2 of N, see the class."""
        return -0.5


@dataclass(frozen=True, repr=False)
class Wasserstein(Transport):
    r"""Wasserstein distance, :math:`W_p^p = \inf_π ∫ |x − y|^p π(dx, dy)`, with the distance of the torus.

    Along one axis it is exact for the piecewise-linear density. On a circle the matching of quantiles is
    minimised over its shift (Delon, Salomon and Sobolevskii, SIAM J. Appl. Math. 70, 2010; for p = 1 this is
    the minimum over α of ∫|F_N − F − α|). Along several axes the density ρ is replaced by atoms ρ_h at the
    centres of at most ``cells`` equal cells and W_p(μ_N, ρ_h) is computed exactly by the network simplex.
    |W_p(μ_N, ρ_h) − W_p(μ_N, ρ)| ≤ W₂(ρ_h, ρ), which is known exactly: it is the attribute ``bias`` of the
    target, and :func:`wasserstein_with_bias` returns it beside the distance.

    Parameters
    ----------
    p : {1, 2}
    axes : tuple of str, optional
        By default the first position (the first velocity if there are no positions).
    cells : int
        Largest number of atoms where there are several axes, at least 4.

    Raises
    ------
    ValueError
        If ``p`` is neither 1 nor 2, or ``cells < 4``; if particles × cells exceed 2²³ where there are several
        axes (2048 particles at the default; ``cells=512`` allows 16384).

    Warns
    -----
    UserWarning
        If the quantisation bias may exceed half of the distance.

    Notes
    -----
    *Good values.* With 4096 cells and 1000 particles in the plane the simplex takes about a second and the
    bias is at most a quarter to a third of W₂, with 100 particles a tenth; what it really adds is of second
    order, a hundredth. *When it fails.* In three dimensions 16 cells along each axis resolve few densities:
    then :class:`SlicedWasserstein`; in the plane
    :class:`~mfpde.chaos.transport.semi_discrete.SemiDiscrete` has no bias.

    The exponent of i.i.d. samples along n axes is −1/max(n, 2), times √log N for n = 2: for p = 1 from
    Fournier and Guillin; for p = 2 it is proved for the uniform law (L. Ambrosio, F. Stra and D. Trevisan,
    Probab. Theory Relat. Fields 173, 2019, for n = 2; M. Goldman and D. Trevisan, Probab. Math. Phys. 2,
    2021, for n ≥ 3), and slower where the support has separate parts. What holds for every law is
    :func:`fournier_guillin`.
    """

    p: int = 1
    axes: tuple[str, ...] | None = None
    cells: int = 4096
    name: ClassVar[str] = "wasserstein"

    def __post_init__(self) -> None:
        super().__post_init__()
        if int(self.cells) != self.cells or self.cells < 4:
            raise ValueError(f"cells={self.cells!r} must be an integer of at least 4")

    def __repr__(self) -> str:
        # Along one axis cells do not matter, and the text identifies the metric in files.
        cells = f", cells={self.cells}" if self.axes is not None and len(self.axes) > 1 else ""
        return f"Wasserstein(p={self.p}, axes={self.axes!r}{cells})"

    @property
    def citation(self) -> str:
        """Source of the exponent."""
        several = self.axes is not None and len(self.axes) > 1
        return AMBROSIO_STRA_TREVISAN if several and self.p == 2 else super().citation

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        where = f" along {', '.join(self.axes)}" if self.axes else ""
        return f"Wasserstein distance W{self.p}{where}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1/max(n, 2) of N for n axes, see the class."""
        return -1 / max(len(self._names(grid)), 2)

    def target(self, density: xr.DataArray) -> WassersteinTarget | AtomsTarget:
        """Quantiles of the marginal of ``density`` along one axis, or its atoms where there are several."""
        grid = grid_of(density)
        names = self._names(grid)
        if len(names) > 1:
            return atoms_target(density, names, self.p, self.cells)
        weights, reduced = tents(density, names)
        return WassersteinTarget(line_of(weights, reduced.axes[0]), Columns(grid, names), self.p)

    def _names(self, grid: Grid) -> tuple[str, ...]:
        names = default_axes(self.axes, grid)
        return names[:1] if self.axes is None else names


@dataclass(frozen=True, eq=False)
class WassersteinTarget:
    """Marginal along one axis, ready to be matched with points."""

    law: Line
    columns: Columns
    p: int
    bias: ClassVar[float] = 0.0

    def distance(self, points: ArrayLike) -> float:
        """W_p of the empirical measure, exact for the piecewise-linear density; O(N log N)."""
        return root_of_mean([self.law.cost(self.columns.of(points)[:, 0], self.p)], self.p)

    def floor(self, size: int) -> float | None:
        """E W₁ of i.i.d. samples on an open axis (quadrature to about 1e-13); ``None`` otherwise."""
        return None if self.law.periodic or self.p == 2 else self.law.mean_absolute_floor(size)

    def difference(self, other: WassersteinTarget) -> float:
        """W_p between two densities along the axis."""
        return root_of_mean([cost_between(self.law, other.law, self.p)], self.p)


def wasserstein_with_bias(
    points: ArrayLike | xr.Dataset,
    density: xr.DataArray | xr.Dataset,
    p: int = 1,
    axes: tuple[str, ...] | None = None,
    cells: int = 4096,
) -> xr.Dataset:
    """W_p between particles and a density with a bound of its error, see :class:`Wasserstein`.

    Parameters
    ----------
    points : array (N, n), (N,) for one axis, or Dataset of ``simulate``
    density : DataArray or Dataset
    p, axes, cells
        As for :class:`Wasserstein`.

    Returns
    -------
    Dataset
        ``wasserstein`` and ``bias`` over the dimensions other than ``particle``: the distance to the density
        itself lies within ``wasserstein`` ± ``bias``. The bias is 0 along one axis.
    """
    metric = Wasserstein(p, axes, cells)
    value = xr.DataArray(evaluate(metric, points, density))
    bias = xr.DataArray(evaluate(_Bias(p, metric.axes, cells), points, density))
    value.attrs.setdefault("long_name", metric.long_name)
    bias.attrs = attributes("bias", long_name="largest error from replacing the density by atoms")
    return xr.Dataset({"wasserstein": value, "bias": bias.rename(None)})


def fournier_guillin(p: float, dim: int) -> float:
    """Exponent of N in the bound of E W_p^p over i.i.d. samples of a law with all moments: −min(1/2, p/n).

    For p = n/2 the bound carries the factor log(1 + N). With q > p moments only, N^{−(q−p)/q} is added.
    Fournier and Guillin, Probab. Theory Relat. Fields 162 (2015), Theorem 1.

    Parameters
    ----------
    p : float
        The power, > 0.
    dim : int
        n, the dimension of the points.

    Examples
    --------
    >>> fournier_guillin(1, 1), fournier_guillin(1, 4), fournier_guillin(2, 3)
    (-0.5, -0.25, -0.5)
    """
    if not (p > 0 and dim >= 1):
        raise ValueError(f"the bound is for p > 0 and dim >= 1, got p={p}, dim={dim}")
    return -min(0.5, p / dim)


@dataclass(frozen=True)
class _Bias(Wasserstein):
    """The quantisation bias in place of the distance."""

    def target(self, density: xr.DataArray) -> Any:
        return _BiasTarget(super().target(density))


@dataclass(frozen=True, eq=False)
class _BiasTarget:
    target: WassersteinTarget | AtomsTarget

    def distance(self, points: ArrayLike) -> float:
        return float(self.target.bias)


def root_of_mean(costs: list[float], power: int) -> float:
    """W_p from costs W_p^p: the p-th root of their mean."""
    return float(np.mean(costs) ** (1 / power))

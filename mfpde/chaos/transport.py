"""Wasserstein distances between particles and a gridded density, exact along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mfpde.chaos.between import cost_between
from mfpde.chaos.line import Line, line_of
from mfpde.chaos.marginals import Columns, tents
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Grid

__all__ = ["Transport", "Wasserstein", "root_of_mean"]

FOURNIER_GUILLIN = "N. Fournier and A. Guillin, Probab. Theory Relat. Fields 162 (2015) 707-738, Theorem 1"
BOBKOV_LEDOUX = "S. Bobkov and M. Ledoux, Mem. Amer. Math. Soc. 261 (2019) no. 1259"


class Transport:
    """What the two distances share: the power, how replicas are averaged, and the rate along one axis.

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


@dataclass(frozen=True)
class Wasserstein(Transport):
    r"""Wasserstein distance along one axis, :math:`W_p^p = \inf_π ∫ |x − y|^p π(dx, dy)`, computed exactly.

    On a periodic axis ``|x − y|`` is the distance of the circle: the matching of quantiles is minimised over
    its shift (Delon, Salomon and Sobolevskii, SIAM J. Appl. Math. 70, 2010; for p = 1 this is the minimum
    over α of ∫|F_N − F − α|).

    Parameters
    ----------
    p : {1, 2}
    axes : (str,), optional
        One axis; by default the first position (the first velocity if there are no positions).

    Raises
    ------
    ValueError
        If ``p`` is neither 1 nor 2, or ``axes`` names more than one axis.
    """

    p: int = 1
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "wasserstein"

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        where = f" along {', '.join(self.axes)}" if self.axes else ""
        return f"Wasserstein distance W{self.p}{where}"

    def target(self, density: xr.DataArray) -> WassersteinTarget:
        """Quantiles of the marginal of ``density`` along the axis."""
        grid = grid_of(density)
        names = default_axes(self.axes, grid)
        if self.axes is not None and len(names) > 1:
            raise ValueError(
                f"Wasserstein is exact along one axis, got {', '.join(names)}; use SlicedWasserstein"
            )
        weights, reduced = tents(density, names[:1])
        return WassersteinTarget(line_of(weights, reduced.axes[0]), Columns(grid, names[:1]), self.p)


@dataclass(frozen=True, eq=False)
class WassersteinTarget:
    """Marginal along one axis, ready to be matched with points."""

    law: Line
    columns: Columns
    p: int

    def distance(self, points: ArrayLike) -> float:
        """W_p of the empirical measure, exact for the piecewise-linear density; O(N log N)."""
        return root_of_mean([self.law.cost(self.columns.of(points)[:, 0], self.p)], self.p)

    def floor(self, size: int) -> float | None:
        """E W₁ of i.i.d. samples on an open axis (quadrature to about 1e-13); ``None`` otherwise."""
        return None if self.law.periodic or self.p == 2 else self.law.mean_absolute_floor(size)

    def difference(self, other: WassersteinTarget) -> float:
        """W_p between two densities along the axis."""
        return root_of_mean([cost_between(self.law, other.law, self.p)], self.p)


def root_of_mean(costs: list[float], power: int) -> float:
    """W_p from costs W_p^p: the p-th root of their mean."""
    return float(np.mean(costs) ** (1 / power))

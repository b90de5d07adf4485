"""The kernel of Biot and Savart: the velocity around a point vortex in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from mfpde_solvers.grid import Axis
from mfpde_solvers.kernels import ewald, formulas
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths
from mfpde_solvers.kernels.coulomb import Coulomb
from mfpde_solvers.kernels.radial import TOLERANCE
from mfpde_solvers.kernels.torus import explicit_images, periodic_formula
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["BiotSavart"]


@dataclass(frozen=True)
class BiotSavart(Kernel):
    """K(z) = z^⊥/(2π|z|²) with z^⊥ = (−z₂, z₁) in dimension 2: divergence free, no potential.

    It is the Coulomb kernel of strength 1/2π, turned by a right angle; curl K = δ, on a torus T δ − 1/|T|.

    Parameters
    ----------
    cutoff : float or PowerOfN
        ε: a vortex that turns like a rigid body inside, z^⊥/(2πε²).

    References
    ----------
    A. J. Chorin, J. Fluid Mech. 57 (1973) 785-796

    Examples
    --------
    >>> (2 * np.pi * BiotSavart()([[2.0, 0.0]])).tolist()
    [[-0.0, 0.5]]
    """

    cutoff: float | PowerOfN = 0.0
    dim: ClassVar[int] = 2  # type: ignore[misc]
    divergence_free: ClassVar[bool] = True
    mixed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _ = self.coulomb  # which checks the cut-off

    @property
    def coulomb(self) -> Coulomb:
        """The Coulomb kernel that is turned."""
        return Coulomb(2, 1 / (2 * np.pi), self.cutoff)

    @property
    def parities(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """The first component is odd in z₂, the second in z₁."""
        return (((0, 1),), ((1, 0),))

    def check_domain(self, axes: tuple[Axis, ...]) -> None:
        """Refuse a cut-off that reaches around a periodic axis."""
        self.coulomb.check_domain(axes)

    def force_formula(self, lengths: Lengths) -> Formula:
        """K; on a torus the nearest image and a polynomial."""
        return _force(self, lengths)

    def force_source(self, offset: Any) -> tuple[list[str], list[str]]:
        """K on the whole space."""
        lines, (first, second) = self.coulomb.force_source(offset)
        return lines, [f"-({second})", first]

    def potential_formula(self, lengths: Lengths) -> None:
        """There is none."""
        return

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """That of the Coulomb kernel, turned."""
        return _turned(self.coulomb.symbol_formula(lengths))

    def truncated_formula(self, radius: float) -> Formula:
        """That of the Coulomb kernel, turned."""
        return _turned(self.coulomb.truncated_formula(radius))

    def truncated_potential_formula(self, radius: float) -> None:
        """There is none."""
        return

    def mixed_formula(self, radius: float, lengths: Lengths) -> Formula:
        """That of the Coulomb kernel, turned."""
        return _turned(self.coulomb.mixed_formula(radius, lengths))

    def mixed_reach(self, radius: float) -> float:
        """That of the Coulomb kernel."""
        return self.coulomb.mixed_reach(radius)


def _turned(formula: Formula) -> Formula:
    """The vector of the formula turned by a right angle, anticlockwise."""

    def turned(*z: Any) -> Any:
        first, second = formula(*z)
        return -second, first

    return turned


@lru_cache(maxsize=64)
def _force(kernel: BiotSavart, lengths: Lengths) -> Formula:
    periods = tuple(L for L in lengths if L is not None)
    if not periods:
        lines, results = kernel.force_source(formulas.NAMES[:2])
        return formulas.formula(2, lines, results)
    near, c = explicit_images(periods), kernel.coulomb.strength

    def remainder(z: Any) -> Any:
        return c * ewald.force(z, periods, 0.0, near)[:, ::-1] * np.array([-1.0, 1.0])

    tolerance = TOLERANCE * c / max(periods)
    return periodic_formula(
        kernel.force_source, remainder, kernel.parities, periods, tolerance, zero_at_origin=True
    )

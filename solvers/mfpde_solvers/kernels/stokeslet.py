"""The Stokeslet: the flow around sedimenting point particles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from mfpde_solvers.kernels import ewald, formulas
from mfpde_solvers.kernels.averages import flux_moment
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths
from mfpde_solvers.kernels.torus import explicit_images, periodic_formula

__all__ = ["Stokeslet"]

TINY = 1e-60
TOLERANCE = 1e-11  # of the polynomials on a torus, relative to |g|/L


@dataclass(frozen=True)
class Stokeslet(Kernel):
    """K(z) = −(I/|z| + zzᵀ/|z|³) g with a fixed vector g, in dimension 3; divergence free, no potential.

    I/|z| + zzᵀ/|z|³ = 2I/|z| − ∇∇|z|, K̂(k) = −8π (g − k(k·g)/|k|²)/|k|². On a torus the mean flow is zero
    (Hasimoto, J. Fluid Mech. 5, 1959).

    Parameters
    ----------
    gravity : three numbers
        g.

    Examples
    --------
    >>> Stokeslet((0.0, 0.0, -1.0))([[0.0, 0.0, 2.0], [2.0, 0.0, 0.0]])[:, 2]
    array([1. , 0.5])
    """

    gravity: tuple[float, float, float]
    dim: ClassVar[int] = 3  # type: ignore[misc]
    divergence_free: ClassVar[bool] = True

    def __post_init__(self) -> None:
        g = np.asarray(self.gravity, dtype=float)
        if g.shape != (3,) or not np.isfinite(g).all():
            raise ValueError(f"gravity is a vector of three finite numbers, got {self.gravity!r}")
        object.__setattr__(self, "gravity", tuple(float(component) for component in g))

    @property
    def parities(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Component i is Σⱼ Sᵢⱼ gⱼ, and Sᵢⱼ is odd in zᵢ and zⱼ unless i = j."""
        driven = [j for j, g in enumerate(self.gravity) if g != 0] or [0]
        return tuple(
            tuple(tuple(int((a == i) != (a == j)) for a in range(3)) for j in driven) for i in range(3)
        )

    def force_formula(self, lengths: Lengths) -> Formula:
        """K; on a torus the nearest image and a polynomial."""
        return _force(self, lengths)

    def potential_formula(self, lengths: Lengths) -> None:
        """There is none."""
        return

    def source(self, offset: Any) -> tuple[list[str], list[str]]:
        """K on the whole space."""
        g = self.gravity
        along = " + ".join(f"{component!r} * {x}" for component, x in zip(g, offset, strict=True))
        lines = [
            f"r2 = {formulas.distance2(offset)}",
            f"q = maximum(r2, {TINY**2!r})",
            "f = -1.0 / sqrt(q)",
            f"h = ({along}) / q",
            "e = r2 > 0",
        ]
        return lines, [f"f * ({component!r} * e + {x} * h)" for component, x in zip(g, offset, strict=True)]

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """−8π (g − k(k·g)/|k|²)/|k|²."""

        def symbol(*k: Any) -> Any:
            k2 = sum(component**2 for component in k)
            along = sum(c * g for c, g in zip(k, self.gravity, strict=True)) / k2
            return tuple(-8 * np.pi / k2 * (g - c * along) for c, g in zip(k, self.gravity, strict=True))

        return symbol

    def truncated_formula(self, radius: float) -> Formula:
        """(|k|²I − kkᵀ) g times the transform of |z| − R on |z| < R, the negative of a flux moment."""
        R = radius

        def symbol(*k: Any) -> Any:
            k2 = sum(component**2 for component in k)
            moment = -4 * np.pi / 3 * R**4 * flux_moment(3, -1.0, np.sqrt(k2) * R)
            along = sum(c * g for c, g in zip(k, self.gravity, strict=True))
            return tuple(moment * (k2 * g - c * along) for c, g in zip(k, self.gravity, strict=True))

        return symbol

    def truncated_potential_formula(self, radius: float) -> None:
        """There is none."""
        return


@lru_cache(maxsize=64)
def _force(kernel: Stokeslet, lengths: Lengths) -> Formula:
    periods = tuple(L for L in lengths if L is not None)
    if not periods or not any(kernel.gravity):
        lines, results = kernel.source(formulas.NAMES)
        return formulas.formula(3, lines, results)
    near = explicit_images(periods)
    g = np.array(kernel.gravity)

    def remainder(z: Any) -> Any:
        """−(2/|z| − ∇∇|z|) g, where ∇|z| = z/|z| is the force of order −1."""
        monopole = ewald.potential(z, periods, 1.0, near)
        return ewald.force_gradient(z, periods, -1.0, near) @ g - 2 * monopole[:, None] * g

    tolerance = TOLERANCE * float(np.linalg.norm(g)) / max(periods)
    return periodic_formula(
        kernel.source, remainder, kernel.parities, periods, tolerance, zero_at_origin=True
    )

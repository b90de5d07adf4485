"""The Kuramoto kernel on the circle."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import ClassVar

import numpy as np

from mfpde_solvers.grid import Axis
from mfpde_solvers.kernels import formulas
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths

__all__ = ["Kuramoto"]


@dataclass(frozen=True)
class Kuramoto(Kernel):
    """K(z) = −κ sin z on the circle of length 2π, with V(z) = −κ cos z; κ > 0 synchronises.

    In a second-order equation this is the Hamiltonian mean-field model.

    Parameters
    ----------
    coupling : float
        κ.

    References
    ----------
    H. Sakaguchi, Prog. Theor. Phys. 79 (1988) 39-46
    """

    coupling: float
    dim: ClassVar[int] = 1  # type: ignore[misc]

    def check_domain(self, axes: tuple[Axis, ...]) -> None:
        """Refuse everything but a circle of length 2π."""
        axis = axes[0]
        if not axis.periodic or abs(axis.length - 2 * np.pi) > 1e-12:
            raise ValueError(
                f"the Kuramoto kernel lives on a circle of length 2π; axis {axis.name!r} is {axis.boundary} "
                f"of length {axis.length:.6g}; use Axis({axis.name!r}, 0, 2 * np.pi, size)"
            )

    def force_formula(self, lengths: Lengths) -> Formula:
        """−κ sin z."""
        κ = float(self.coupling)
        return lambda z: -κ * np.sin(z)

    def pair_formula(self, lengths: Lengths) -> Formula:
        """−κ sin z to 1e-15 κ, by the series to z²¹ after reduction to |z| ≤ π/2.

        A call of ``sin`` would keep the compiler from vectorising sums over pairs.
        """
        π, κ = np.pi, float(self.coupling)
        series = np.array([(-1) ** j / factorial(2 * j + 1) for j in range(11)])
        lines = [
            f"x = x - {2 * π!r} * floor(x * {1 / (2 * π)!r} + 0.5)",
            f"x = maximum(minimum(x, {π!r} - x), {-π!r} - x)",
            "w = x * x",
        ]
        return formulas.formula(1, lines, [f"{-κ!r} * x * {formulas.horner(series, ['w'])}"])

    def potential_formula(self, lengths: Lengths) -> Formula:
        """−κ cos z."""
        κ = float(self.coupling)
        return lambda z: -κ * np.cos(z)

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """iπκ k at k = ±1, 0 elsewhere."""
        return lambda k: np.where(np.abs(np.abs(k) - 1) < 1e-9, 1j * np.pi * self.coupling * np.sign(k), 0)

    def truncated_formula(self, radius: float) -> Formula:
        """There is no Kuramoto kernel on the line."""
        raise ValueError("the Kuramoto kernel lives on a circle; it has no free-space transform")

    truncated_potential_formula = truncated_formula

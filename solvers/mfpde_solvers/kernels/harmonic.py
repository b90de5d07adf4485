"""The harmonic (mean-reverting) kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfpde_solvers.grid import Axis
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths

__all__ = ["Harmonic"]


@dataclass(frozen=True)
class Harmonic(Kernel):
    """K(z) = −a z, V(z) = a|z|²/2 on the whole space: everything Gaussian stays Gaussian.

    Its transform is concentrated at k = 0, so :meth:`DomainKernel.symbol` is zero; fields come from the
    truncated kernel.

    Parameters
    ----------
    dim : {1, 2, 3}
        Dimension d.
    rate : float
        a; attracts where positive.

    References
    ----------
    S. Benachour, B. Roynette, D. Talay and P. Vallois, Stochastic Process. Appl. 75 (1998) 173-201
    """

    dim: int
    rate: float

    def __post_init__(self) -> None:
        if self.dim not in (1, 2, 3):
            raise ValueError(f"Harmonic has dimension 1, 2 or 3, got dim={self.dim!r}")

    def check_domain(self, axes: tuple[Axis, ...]) -> None:
        """Refuse a torus."""
        if any(axis.periodic for axis in axes):
            raise ValueError(
                "the harmonic kernel has no meaning on a torus; use open axes, or Kuramoto on a circle"
            )

    def force_formula(self, lengths: Lengths) -> Formula:
        """−a z."""
        a = float(self.rate)
        formulas: dict[int, Formula] = {
            1: lambda x: -a * x,
            2: lambda x, y: (-a * x, -a * y),
            3: lambda x, y, z: (-a * x, -a * y, -a * z),
        }
        return formulas[self.dim]

    def potential_formula(self, lengths: Lengths) -> Formula:
        """a|z|²/2."""
        return lambda *z: self.rate / 2 * sum(component**2 for component in z)

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """0 for k ≠ 0."""
        return lambda *k: np.zeros_like(k[0]) if self.dim == 1 else tuple(np.zeros_like(c) for c in k)

    def truncated_formula(self, radius: float) -> Formula:
        """Transform of −a z on the cube |zᵢ| ≤ R, a product of one-dimensional ones."""

        def symbol(*k: Any) -> Any:
            flat = [_moment(0, component, radius) for component in k]
            odd = [-1j * _moment(1, component, radius) for component in k]
            parts = tuple(-self.rate * _product(odd[i], flat, i) for i in range(self.dim))
            return parts[0] if self.dim == 1 else parts

        return symbol

    def truncated_potential_formula(self, radius: float) -> Formula:
        """Transform of a|z|²/2 on the cube |zᵢ| ≤ R."""

        def transform(*k: Any) -> Any:
            flat = [_moment(0, component, radius) for component in k]
            squares = [_moment(2, component, radius) for component in k]
            return self.rate / 2 * sum(_product(squares[i], flat, i) for i in range(self.dim))

        return transform


def _product(factor: Any, others: list[Any], skip: int) -> Any:
    for place, other in enumerate(others):
        if place != skip:
            factor = factor * other
    return factor


def _moment(power: int, k: Any, R: float) -> Any:
    """∫ zᵖ cos kz (p even) or zᵖ sin kz (p odd) over |z| ≤ R; Taylor series where kR is small."""
    kR = np.asarray(k * R, dtype=float)
    small = np.abs(kR) < 0.1
    s = np.where(small, 1.0, kR)
    sin, cos = np.sin(s), np.cos(s)
    exact = {0: sin / s, 1: (sin - s * cos) / s**2, 2: (2 * s * cos + (s**2 - 2) * sin) / s**3}[power]
    # ∫₀¹ uᵖ e^{isu} du by its power series, eight terms for s < 0.1
    orders = np.arange(power % 2, 16, 2)
    signs = (-1.0) ** (orders // 2)
    factorials = np.cumprod(np.concatenate([[1.0], np.arange(1.0, 16.0)]))[orders]
    series = sum(c * kR**m for m, c in zip(orders, signs / factorials / (orders + power + 1), strict=True))
    return 2 * R ** (power + 1) * np.where(small, series, exact)

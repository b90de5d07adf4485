"""The Coulomb and Newton kernel, with the cut-off of Lazarovici and Pickl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfpde_solvers.grid import Axis
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["Coulomb"]

TINY = 1e-100  # its cube is still a normal number, and 0 / TINY^d makes K(0) = 0
SPHERE_AREA = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}  # |S^{d−1}|


def sphere_average(dim: int, kr: Any) -> Any:
    """Average of e^{ik·z} over the sphere |z| = r, at |k| r."""
    from scipy import special

    average: dict[int, Formula] = {1: np.cos, 2: special.j0, 3: lambda s: np.sinc(s / np.pi)}
    return average[dim](kr)


def ball_average(dim: int, kr: Any) -> Any:
    """Average of e^{ik·z} over the ball |z| ≤ r, at |k| r."""
    from scipy import special

    small = np.abs(kr) < 1e-4
    s = np.where(small, 1.0, kr)
    exact = {
        1: lambda: np.sin(s) / s,
        2: lambda: 2 * special.j1(s) / s,
        3: lambda: 3 * special.spherical_jn(1, s) / s,
    }[dim]()
    return np.where(small, 1 - kr**2 / (2 * (dim + 2)), exact)


@dataclass(frozen=True)
class Coulomb(Kernel):
    """K(z) = c z/|z|^d; with a cut-off ε, c z/ε^d where |z| < ε: the field of a uniform ball.

    ``strength`` c > 0 repels (Coulomb), c < 0 attracts (Newton). −ΔV = c|S^{d−1}| δ, on a torus T
    c|S^{d−1}|(δ − 1/|T|). In the plasma convention (mean density 1, ∂ₓE = ρ − 1) a unit mass on a torus
    has c = |T|/|S^{d−1}|.

    Parameters
    ----------
    dim : {1, 2, 3}
    strength : float
    cutoff : float or PowerOfN
        ε ≥ 0 (Lazarovici & Pickl, eq. 4: ε = N^{−δ}).

    Examples
    --------
    >>> Coulomb(1, strength=2.0)([[-0.5], [0.0], [3.0]]).ravel()
    array([-2.,  0.,  2.])
    """

    dim: int
    strength: float = 1.0
    cutoff: float | PowerOfN = 0.0

    def __post_init__(self) -> None:
        if self.dim not in (1, 2, 3):
            raise ValueError(f"Coulomb has dimension 1, 2 or 3, got dim={self.dim!r}")
        if not np.isfinite(self.strength):
            raise ValueError(f"the strength of a kernel must be finite, got {self.strength!r}")
        if not isinstance(self.cutoff, PowerOfN) and not 0 <= self.cutoff < np.inf:
            raise ValueError(f"a cut-off is a finite length >= 0 or a PowerOfN, got {self.cutoff!r}")

    @property
    def ε(self) -> float:
        """The cut-off as a number."""
        assert not isinstance(self.cutoff, PowerOfN)
        return float(self.cutoff)

    def check_domain(self, axes: tuple[Axis, ...]) -> None:
        """Refuse a cut-off that reaches around the torus."""
        shortest = min(axis.length for axis in axes)
        if axes[0].periodic and 2 * self.ε > shortest:
            raise ValueError(f"cut-off {self.ε} is more than half the period {shortest}; use a smaller one")

    def force_formula(self, lengths: Lengths) -> Formula:
        """K; on a circle of length L, c(z/max(|z|, ε) − 2z/L) with z the nearest image."""
        c, ε = float(self.strength), max(self.ε, TINY)
        if lengths[0] is not None:
            L = _circumference(self.dim, lengths)

            def circle(z: Any) -> Any:
                z = z - L * np.floor(z / L + 0.5)
                return c * (z / np.maximum(np.abs(z), ε) - 2 * z / L)

            return circle

        def line(z: Any) -> Any:
            return c * z / np.maximum(np.abs(z), ε)

        def plane(x: Any, y: Any) -> Any:
            factor = c / np.maximum(x * x + y * y, ε * ε)
            return factor * x, factor * y

        def space(x: Any, y: Any, z: Any) -> Any:
            r = np.maximum(np.sqrt(x * x + y * y + z * z), ε)
            factor = c / (r * r * r)
            return factor * x, factor * y, factor * z

        formulas: dict[int, Formula] = {1: line, 2: plane, 3: space}
        return formulas[self.dim]

    def potential_formula(self, lengths: Lengths) -> Formula:
        """−c|z|, −c log|z|, c/|z|; inside the cut-off V(ε) + c(ε² − |z|²)/(2ε^d)."""
        c, ε, d = float(self.strength), self.ε, self.dim

        def regularised(*z: Any) -> Any:
            r = np.sqrt(sum(component**2 for component in z))
            inside = 0.0 if ε == 0 else c * np.maximum(ε**2 - r**2, 0) / (2 * ε**d)
            return self._unregularised(np.maximum(r, ε)) + inside

        if lengths[0] is None:
            return regularised
        L = _circumference(d, lengths)

        def circle(z: Any) -> Any:
            z = z - L * np.floor(z / L + 0.5)
            return regularised(z) + c * (z**2 / L + L / 6 + ε**2 / (3 * L))

        return circle

    def _unregularised(self, r: Any) -> Any:
        c = float(self.strength)
        return {1: lambda: -c * r, 2: lambda: -c * np.log(r), 3: lambda: c / r}[self.dim]()

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """−i k c|S^{d−1}|/|k|², times the average of e^{ik·z} over the ball of radius ε."""
        c = self.strength * SPHERE_AREA[self.dim]

        def symbol(*k: Any) -> Any:
            k2 = sum(component**2 for component in k)
            factor = -1j * c / k2 * ball_average(self.dim, np.sqrt(k2) * self.ε)
            components = tuple(factor * component for component in k)
            return components[0] if self.dim == 1 else components

        return symbol

    def truncated_formula(self, radius: float) -> Formula:
        """Transform of K cut at R = √d · radius + ε: the symbol times 1 − average over |z| = R."""
        potential = self._truncated_charge(radius)

        def symbol(*k: Any) -> Any:
            factor = -1j * potential(sum(component**2 for component in k))
            components = tuple(factor * component for component in k)
            return components[0] if self.dim == 1 else components

        return symbol

    def truncated_potential_formula(self, radius: float) -> Formula:
        """Transform of V cut at R: that of (V − V(R))₊ and that of the constant V(R) on the ball."""
        potential, d, R = self._truncated_charge(radius), self.dim, self._cut(radius)
        constant = self._unregularised(R) * SPHERE_AREA[d] * R**d / d

        def transform(*k: Any) -> Any:
            k2 = sum(component**2 for component in k)
            s = np.sqrt(k2)
            return potential(k2) + constant * ball_average(d, s * R) * ball_average(d, s * self.ε)

        return transform

    def reach(self, radius: float) -> float:
        """R + ε."""
        return self._cut(radius) + self.ε

    def _cut(self, radius: float) -> float:
        return float(np.sqrt(self.dim) * radius + self.ε)

    def _truncated_charge(self, radius: float) -> Formula:
        c, d, R = self.strength * SPHERE_AREA[self.dim], self.dim, self._cut(radius)

        def transform(k2: Any) -> Any:
            s = np.sqrt(k2)
            zero = s * R < 1e-4
            safe = np.where(zero, 1.0, k2)
            ratio = np.where(zero, R**2 / (2 * d), (1 - sphere_average(d, s * R)) / safe)
            return c * ratio * ball_average(d, s * self.ε)

        return transform


def _circumference(dim: int, lengths: Lengths) -> float:
    if dim > 1:
        raise ValueError(
            f"offsets on a torus of dimension {dim} have no closed form here; its Fourier symbol is available"
        )
    assert lengths[0] is not None
    return float(lengths[0])

"""The Coulomb and Newton kernel, with the cut-off of Lazarovici and Pickl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mfpde_solvers.kernels.averages import SPHERE_AREA, sphere_average
from mfpde_solvers.kernels.base import Formula, Lengths
from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["Coulomb", "CoulombField"]


class CoulombField(RadialPower):
    """Everything but the names of the parameters of a kernel c z/|z|^d; the order is s = d − 2."""

    mixed: ClassVar[bool] = True

    @property
    def order(self) -> float:
        """The potential is homogeneous of degree −s, s = d − 2."""
        return self.dim - 2.0

    def force_formula(self, lengths: Lengths) -> Formula:
        """K; on a circle of length L, c(z/max(|z|, ε) − 2z/L) with z the nearest image."""
        if self.dim > 1 or lengths[0] is None:
            return super().force_formula(lengths)
        c, ε, L = float(self.strength), max(self.ε, 1e-100), float(lengths[0])

        def circle(z: Any) -> Any:
            z = z - L * np.floor(z / L + 0.5)
            return c * (z / np.maximum(np.abs(z), ε) - 2 * z / L)

        return circle

    def potential_formula(self, lengths: Lengths) -> Formula:
        """−c|z|, −c log|z|, c/|z|; inside the cut-off V(ε) + c(ε² − |z|²)/(2ε^d)."""
        if self.dim > 1 or lengths[0] is None:
            return super().potential_formula(lengths)
        c, ε, L = float(self.strength), self.ε, float(lengths[0])
        line = super().potential_formula((None,))

        def circle(z: Any) -> Any:
            z = z - L * np.floor(z / L + 0.5)
            return line(z) + c * (z**2 / L + L / 6 + ε**2 / (3 * L))

        return circle

    def _transform(self, κ: Any) -> Any:
        """c|S^{d−1}|/|k|², times the average of e^{ik·z} over the ball of radius ε."""
        d = self.dim
        return self.strength * SPHERE_AREA[d] * sphere_average(d + 2, κ * self.ε) / κ**2

    def mixed_formula(self, radius: float, lengths: Lengths) -> Formula:
        """−i k times the transform below; along open axes each mode less its value at R.

        Without it K would have a layer at |z| = R. Along periodic axes it would shift K by a constant.
        """
        continuous = self._modes(radius, lengths, continuous=True)
        whole = self._modes(radius, lengths, continuous=False)

        def symbol(*k: Any) -> Any:
            V, W = continuous(*k), whole(*k)
            parts = zip(k, lengths, strict=True)
            return tuple(-1j * component * (V if L is None else W) for component, L in parts)

        return symbol

    def mixed_potential_formula(self, radius: float, lengths: Lengths) -> Formula:
        """Each mode κ along the periodic axes is a screened kernel of the open ones, cut at R = radius + ε.

        κ = 0 is the Coulomb kernel of the open dimensions. All times the average over the ball of radius ε.
        """
        return self._modes(radius, lengths, continuous=False)

    def mixed_reach(self, radius: float) -> float:
        """R + ε."""
        return radius + 2 * self.ε

    def _modes(self, radius: float, lengths: Lengths, continuous: bool) -> Formula:
        d, R = self.dim, radius + self.ε
        m = lengths.count(None)
        charge = self.strength * SPHERE_AREA[d]
        lower = Coulomb(m, charge / SPHERE_AREA[m])
        volume = SPHERE_AREA[m] * R**m / m

        def transform(*k: Any) -> Any:
            κ = _norm([x for x, L in zip(k, lengths, strict=True) if L is not None])
            q = _norm([x for x, L in zip(k, lengths, strict=True) if L is None])
            ball = volume * sphere_average(m + 2, q * R)
            constant = lower._truncated(q, R)
            screening = np.where(κ == 0, 1.0, κ)
            modes = charge * _screened(m, screening, q, R)
            if continuous:
                modes = modes - charge * _screened_at(m, screening, R) * ball
            else:
                constant = constant + float(lower.potential(np.eye(m)[0] * R)) * ball
            return np.where(κ == 0, constant, modes) * sphere_average(d + 2, np.hypot(κ, q) * self.ε)

        return transform


@dataclass(frozen=True)
class Coulomb(CoulombField):
    """K(z) = c z/|z|^d; with a cut-off ε, c z/ε^d where |z| < ε: the field of a uniform ball.

    ``strength`` c > 0 repels (Coulomb), c < 0 attracts (Newton). −ΔV = c|S^{d−1}| δ, on a torus T
    c|S^{d−1}|(δ − 1/|T|). In the plasma convention (mean density 1, ∂ₓE = ρ − 1) a unit mass on a torus
    has c = |T|/|S^{d−1}|. Where some axes are periodic and some open, the mode that is constant along the
    periodic ones is the Coulomb kernel of the open dimensions.

    Parameters
    ----------
    dim : {1, 2, 3}
    strength : float
    cutoff : float or PowerOfN
        ε ≥ 0 (Lazarovici & Pickl, eq. 4: ε = N^{−δ}).

    References
    ----------
    D. Lazarovici and P. Pickl, Arch. Ration. Mech. Anal. 225 (2017) 1201-1231, for the cut-off

    Examples
    --------
    >>> Coulomb(1, strength=2.0)([[-0.5], [0.0], [3.0]]).ravel()
    array([-2.,  0.,  2.])
    """

    dim: int
    strength: float = 1.0
    cutoff: float | PowerOfN = 0.0


def _norm(components: Sequence[Any]) -> Any:
    return np.sqrt(sum(component**2 for component in components))


def _screened(m: int, κ: Any, q: Any, R: float) -> Any:
    """Transform in R^m of the kernel of (κ² − Δ)^{−1}, cut at |z| = R."""
    from scipy import special

    if m == 1:
        cut = -np.exp(-κ * R) * (np.cos(q * R) - q / κ * np.sin(q * R))
    else:
        waves = q * special.j1(q * R) * special.k0(κ * R) - κ * special.j0(q * R) * special.k1(κ * R)
        cut = R * waves
    return (1 + cut) / (κ**2 + q**2)


def _screened_at(m: int, κ: Any, r: float) -> Any:
    """The kernel of (κ² − Δ)^{−1} in R^m at distance r."""
    from scipy import special

    return np.exp(-κ * r) / (2 * κ) if m == 1 else special.k0(κ * r) / (2 * np.pi)

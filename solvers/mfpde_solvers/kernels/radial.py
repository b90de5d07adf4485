"""Kernels that are a power of the distance: values, potentials and transforms on every domain."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from mfpde_solvers.grid import Axis
from mfpde_solvers.kernels import ewald, formulas
from mfpde_solvers.kernels.averages import SPHERE_AREA, flux_moment, sphere_average
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths
from mfpde_solvers.kernels.torus import explicit_images, periodic_formula
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["RadialPower"]

TINY = 1e-60  # its fifth power is still a normal number, and 0 / TINY^n makes K(0) = 0
TOLERANCE = 1e-11  # of the polynomials on a torus, relative to c L^{−s−1}


class RadialPower(Kernel):
    """K(z) = c z/max(|z|, ε)^{s+2} of order s, −2 < s < d, with V(z) = c/(s|z|^s), −c log|z| for s = 0.

    Coulomb has s = d − 2. On a torus the zero-mean periodisation. Kernels of order s ≥ d − 1 are not
    integrable at the origin; their fields are principal values.
    """

    strength: float
    cutoff: float | PowerOfN

    @property
    @abstractmethod
    def order(self) -> float:
        """The potential is homogeneous of degree −s."""

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.dim not in (1, 2, 3):
            raise ValueError(f"{name} has dimension 1, 2 or 3, got dim={self.dim!r}")
        if not -2 < self.order < self.dim:
            raise ValueError(
                f"{name} takes -2 < s < {self.dim} in dimension {self.dim} for a potential like |z|^-s, "
                f"got s = {self.order!r}; use Custom for other kernels"
            )
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
        """Refuse a cut-off that reaches around a periodic axis."""
        shortest = min((axis.length for axis in axes if axis.periodic), default=np.inf)
        if 2 * self.ε > shortest:
            raise ValueError(f"cut-off {self.ε} is more than half the period {shortest}; use a smaller one")

    def force_formula(self, lengths: Lengths) -> Formula:
        """K; on a torus the nearest image and a polynomial."""
        return _force(self, lengths)

    def potential_formula(self, lengths: Lengths) -> Formula:
        """V; inside the cut-off V(ε) + c(ε² − |z|²)/(2ε^{s+2})."""
        return _potential(self, lengths)

    def force_source(self, offset: Any) -> tuple[list[str], list[str]]:
        """K on the whole space."""
        c, ε = float(self.strength), max(self.ε, TINY)
        lines = [
            f"q = maximum({formulas.distance2(offset)}, {ε * ε!r})",
            f"f = {c!r} * ({formulas.inverse_power('q', self.order + 2)})",
        ]
        return lines, [f"f * {x}" for x in offset]

    def potential_source(self, offset: Any) -> tuple[list[str], list[str]]:
        """V on the whole space."""
        c, ε, s = float(self.strength), self.ε, self.order
        lines = [f"q = {formulas.distance2(offset)}"]
        inside = ""
        if ε > 0:
            inside = f" + {c / (2 * ε ** (s + 2))!r} * maximum({ε * ε!r} - q, 0.0)"
            lines = [*lines, f"p = {inside[3:]}", f"q = maximum(q, {ε * ε!r})"]
            inside = " + p"
        outside = f"{-c / 2!r} * log(q)" if s == 0 else f"{c / s!r} * ({formulas.inverse_power('q', s)})"
        return lines, [outside + inside]

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """−i k V̂(k), V̂ = C|k|^{s−d} less the part taken away by the cut-off."""
        return self._gradient(self._transform)

    def truncated_formula(self, radius: float) -> Formula:
        """−i k times the transform of V − V(R) on |z| < R, R = ``radius``."""
        return self._gradient(lambda k: self._truncated(k, radius))

    def truncated_potential_formula(self, radius: float) -> Formula:
        """The transform of V on |z| < R: that of V − V(R) and that of the constant V(R)."""
        V_R = float(self.potential(np.eye(self.dim)[0] * radius))
        volume = SPHERE_AREA[self.dim] * radius**self.dim / self.dim

        def transform(*k: Any) -> Any:
            κ = _norm(k)
            return self._truncated(κ, radius) + V_R * volume * sphere_average(self.dim + 2, κ * radius)

        return transform

    def _gradient(self, potential: Formula) -> Formula:
        def symbol(*k: Any) -> Any:
            factor = -1j * potential(_norm(k))
            components = tuple(factor * component for component in k)
            return components[0] if self.dim == 1 else components

        return symbol

    def _transform(self, κ: Any) -> Any:
        c, d, s = float(self.strength), self.dim, self.order
        return c * ewald.symbol_constant(d, s) * κ ** (s - d) - self._taken_away(κ)

    def _truncated(self, κ: Any, R: float) -> Any:
        c, d, s = float(self.strength), self.dim, self.order
        flux = c * SPHERE_AREA[d] / d * R ** (d - s)
        return flux * flux_moment(d, s, κ * R) - self._taken_away(κ)

    def _taken_away(self, κ: Any) -> Any:
        """Transform of V without cut-off less V with it, from the forces r^{−s−1} − r/ε^{s+2}."""
        c, d, s, ε = float(self.strength), self.dim, self.order, self.ε
        if ε == 0:
            return 0.0
        flux = c * SPHERE_AREA[d] / d * ε ** (d - s)
        return flux * (flux_moment(d, s, κ * ε) - sphere_average(d + 4, κ * ε) / (d + 2))


def _norm(k: tuple[Any, ...]) -> Any:
    return np.sqrt(sum(component**2 for component in k))


def _tolerance(kernel: RadialPower, periods: tuple[float, ...], power: float) -> float:
    return float(TOLERANCE * abs(kernel.strength) * max(periods) ** -power)


@lru_cache(maxsize=64)
def _force(kernel: RadialPower, lengths: Lengths) -> Formula:
    d = kernel.dim
    periods = tuple(L for L in lengths if L is not None)
    if not periods or kernel.strength == 0:
        lines, results = kernel.force_source(formulas.NAMES[:d])
        return formulas.formula(d, lines, results)
    near = explicit_images(periods)

    def remainder(z: Any) -> Any:
        return kernel.strength * ewald.force(z, periods, kernel.order, near)

    tolerance = _tolerance(kernel, periods, kernel.order + 1)
    return periodic_formula(
        kernel.force_source, remainder, kernel.parities, periods, tolerance, zero_at_origin=True
    )


@lru_cache(maxsize=64)
def _potential(kernel: RadialPower, lengths: Lengths) -> Formula:
    d = kernel.dim
    periods = tuple(L for L in lengths if L is not None)
    if not periods or kernel.strength == 0:
        lines, results = kernel.potential_source(formulas.NAMES[:d])
        return formulas.formula(d, lines, results)
    near = explicit_images(periods)
    mean = float(kernel._taken_away(np.zeros(1))[0]) / prod(periods) if kernel.ε > 0 else 0.0

    def remainder(z: Any) -> Any:
        return (kernel.strength * ewald.potential(z, periods, kernel.order, near) + mean)[:, None]

    tolerance = _tolerance(kernel, periods, kernel.order)
    parities = (((0,) * d,),)
    return periodic_formula(kernel.potential_source, remainder, parities, periods, tolerance)

"""Radial densities of the plane: as functions of the radius, and their mass within a radius."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.grid import Axis
from mfpde_solvers.mckean_vlasov.half_line import HalfLine

__all__ = [
    "RadialProfile",
    "cumulative_mass",
    "gridded_profile",
    "has_second_moment",
    "peak_area",
    "radial_profile",
]

Array = NDArray[np.float64]
RadialProfile = Callable[[Array], ArrayLike]
"""ρ(r) of a radial density of the plane; array to array."""

MASS_TOLERANCE = 1e-2
SYMMETRY = 1e-8  # difference of rotated points over the largest density seen
PANEL = 12  # quadrature points between two collocation points
HALVINGS = 40
SMOOTH = 1e-14  # difference of the mass by halves of an interval
SAMPLES = 4096
LIGHT = 1e-6


def radial_profile(pdf: Callable[[Array], ArrayLike], scale: float) -> RadialProfile:
    """ρ(r) of a density of the plane, (..., 2) → (...), that is symmetric about the origin.

    Parameters
    ----------
    pdf : callable
    scale : float
        Radius up to which the symmetry is tested.

    Raises
    ------
    ValueError
        If the density changes under rotations or reflections.
    """

    def profile(r: Array) -> Array:
        return np.asarray(pdf(np.stack([r, np.zeros_like(r)], axis=-1)), dtype=float)

    u = np.modf(np.outer(np.arange(1, 65), [0.7548777, 0.5698403]))[0]  # spread over the square
    r, φ = scale * u[:, 0], 2 * np.pi * u[:, 1]
    expected = profile(r)
    found = np.asarray(pdf(r[:, None] * np.stack([np.cos(φ), np.sin(φ)], axis=-1)))
    if not np.abs(found - expected).max() <= SYMMETRY * np.abs(expected).max():
        raise ValueError(
            "the density is not radial: it changes under rotations about the origin; use a solver on x, y, "
            "or centre the density"
        )
    return profile


def gridded_profile(values: Any, axis: Axis) -> RadialProfile:
    """The spline of degree 5 in r, even, through values at the cell centres; 0 beyond the last edge.

    Raises
    ------
    ValueError
        If there is not one value for each cell.
    """
    from scipy.interpolate import make_interp_spline

    values, r = np.asarray(values, dtype=float), axis.points
    if values.shape != r.shape:
        raise ValueError(f"density of shape {values.shape} given for an axis r of {r.size} cells")
    spline = make_interp_spline(np.concatenate([-r[::-1], r]), np.concatenate([values[::-1], values]), k=5)
    return lambda r: np.where(r <= axis.upper, np.maximum(spline(np.minimum(r, axis.upper)), 0.0), 0.0)


def peak_area(profile: RadialProfile, radius: float) -> float:
    """(∫ρ)²/(π∫ρ²) by the trapezoidal rule in log r over twelve decades around ``radius``."""
    r = radius * np.logspace(-8, 4, SAMPLES)
    ρ = _checked(profile, r)
    square = float(r**2 @ ρ**2)
    if square == 0:
        raise ValueError(
            f"the density vanishes near every radius from {r[0]:.3g} to {r[-1]:.3g}; move the axis r"
        )
    return float(2 * (r**2 @ ρ) ** 2 / square * np.log(r[1] / r[0]))


def has_second_moment(profile: RadialProfile, scale: float) -> bool:
    """Whether s(1 − M) → 0 as s → ∞, judged by π s²ρ/ℓ at s = 10⁶ ℓ, ℓ = ``scale``."""
    s = 1e6 * scale
    return float(np.pi * s**2 * _checked(profile, np.array([np.sqrt(s)]))[0] / scale) < LIGHT


def cumulative_mass(profile: RadialProfile, line: HalfLine, scale: float) -> Array:
    """M(s) = π ∫₀ˢ ρ(√s) ds at s = ``scale`` · y, y the points of the half line, scaled to M(∞) = 1.

    M_x is cut after the degree n − 1 of its Legendre series, whose coefficients are integrals over the mass:
    where ρ jumps, they are exact nevertheless, and so is what is left when diffusion has smoothed the jump.

    Raises
    ------
    ValueError
        If a value is negative or not finite, or the mass differs from 1 by more than 1 %.
    """
    x, mass = _masses(profile, line, scale)
    total = mass.sum()
    if not abs(total - 1) <= MASS_TOLERANCE:
        raise ValueError(
            f"the density has mass ∫ 2πr ρ dr = {total:.6g}, it must be 1; divide ρ by its mass, or enlarge "
            "the axis r if values on it are given"
        )
    k = np.arange(line.degree)
    coefficients = (k + 0.5) * (legendre.legvander(x, line.degree - 1).T @ mass) / total
    values = legendre.legval(line.points, legendre.legint(coefficients, lbnd=-1))
    values[0], values[-1] = 0.0, 1.0
    return np.asarray(values)


def _masses(profile: RadialProfile, line: HalfLine, scale: float) -> tuple[Array, Array]:
    """Points x and masses of a quadrature: Gauss's rule on intervals halved until ρ is smooth there."""
    ends = np.stack([line.below, line.above])  # 1 + x and 1 − x, each to full relative accuracy
    left, right, parts = ends[:, :-1], ends[:, 1:], []
    x, mass = _gauss(profile, scale, left, right)
    for level in range(HALVINGS, -1, -1):
        middle = (left + right) / 2
        halves = np.hstack([left, middle]), np.hstack([middle, right])
        x, finer = _gauss(profile, scale, *halves)
        change = np.abs(finer.sum(axis=1).reshape(2, -1).sum(axis=0) - mass.sum(axis=1))
        open_ones = np.tile((change > SMOOTH) & (level > 0), 2)
        parts.append((x[~open_ones].ravel(), finer[~open_ones].ravel()))
        left, right, mass = halves[0][:, open_ones], halves[1][:, open_ones], finer[open_ones]
    x, mass = (np.concatenate(part) for part in zip(*parts, strict=True))
    return x, mass


def _gauss(profile: RadialProfile, scale: float, left: Array, right: Array) -> tuple[Array, Array]:
    """Points and masses π ρ ds of intervals, given by the 1 ± x of their ends; ds = 2ℓ/(1 − x)² dx."""
    t, weight = legendre.leggauss(PANEL)
    below, above = left[..., None] * (1 - t) / 2 + right[..., None] * (1 + t) / 2
    ρ = _checked(profile, np.sqrt(scale * below / above))
    return below - 1, np.pi * scale * ρ / above**2 * weight * (right - left)[0][:, None]


def _checked(profile: RadialProfile, r: Array) -> Array:
    ρ = np.array(np.broadcast_to(np.asarray(profile(r), dtype=float), r.shape))
    if not (np.isfinite(ρ).all() and (ρ >= 0).all()):
        raise ValueError("a radial density ρ(r) must be finite and >= 0 at every radius")
    return ρ

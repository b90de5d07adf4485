"""Spherical shells: the characteristics that carry a radial phase-space density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.grid import RADIAL, Grid

__all__ = ["RadialDensity", "Shells", "radial_density"]

Array = NDArray[Any]
RadialDensity = Callable[[Array, Array, Array], ArrayLike]
"""f(r, v_r, L), the density for d³x d³v of a spherically symmetric f; arrays to an array."""

MASS_TOLERANCE = 1e-2

LATTICES: dict[int, tuple[int, int]] = {
    8: (169, 37),
    9: (177, 269),
    10: (353, 893),
    11: (427, 1419),
    12: (2279, 2537),
    13: (441, 3243),
    14: (3741, 1083),
    15: (20349, 29823),
    16: (5721, 26369),
    17: (71359, 86525),
    18: (252651, 106221),
    19: (466985, 198793),
    20: (707967, 450375),
    21: (2047511, 339675),
}
"""Generators z of the lattice rules {i (1, z)/2ᵐ} by m, of the least P₂ (Sloan & Joe 1994) among many."""


@dataclass(frozen=True, eq=False)
class Shells:
    """Spherical shells of radius r, radial velocity v_r, angular momentum L = r|v_t| and mass w.

    The velocities of a shell have all tangential directions in equal parts: it has no spin.

    Parameters
    ----------
    radius, radial_velocity, angular_momentum, mass : arrays (n,)

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or a radius, angular momentum or mass is negative; if a
        shell at the centre has an angular momentum.
    """

    radius: Array
    radial_velocity: Array
    angular_momentum: Array
    mass: Array

    def __post_init__(self) -> None:
        names = ("radius", "radial_velocity", "angular_momentum", "mass")
        arrays = [np.array(getattr(self, name), dtype=float, ndmin=1) for name in names]
        if arrays[0].ndim != 1 or arrays[0].size == 0 or any(a.shape != arrays[0].shape for a in arrays):
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ValueError(f"shells need four arrays of one shape (n,), n >= 1, got {shapes}")
        for name, a in zip(names, arrays):
            if not np.isfinite(a).all() or (name != "radial_velocity" and (a < 0).any()):
                raise ValueError(f"{name} of shells must be finite, and only velocities may be negative")
            object.__setattr__(self, name, a)
        if ((self.radius == 0) & (self.angular_momentum > 0)).any():
            raise ValueError("a shell of radius 0 has angular momentum 0; move it or set L to 0")

    def __len__(self) -> int:
        return self.radius.size

    @classmethod
    def cold(cls, radius_of_mass: Callable[[Array], ArrayLike], count: int) -> Shells:
        """Shells at rest of equal mass: the k-th of n lies at the radius that contains the mass (k − ½)/n.

        With it a shell feels exactly the mass that it should: the motion of a cold cloud is exact, up to
        the time step, until shells cross.

        Parameters
        ----------
        radius_of_mass : callable
            Increasing function (0, 1) → radii, ``lambda m: R * np.cbrt(m)`` for a uniform ball.
        count : int
            Number of shells n.
        """
        r = np.asarray(radius_of_mass((np.arange(count) + 0.5) / count), dtype=float)
        return cls(r, np.zeros(count), np.zeros(count), np.full(count, 1 / count))

    @classmethod
    def sample(cls, density: RadialDensity, grid: Grid, count: int) -> Shells:
        """Shells of mass f · 8π² r² v² dr dv dμ at the points of a lattice rule.

        With v_r = vμ and |v_t| = v√(1 − μ²) the measure is d³x d³v = 8π² L dL dv_r dr, in coordinates that
        are smooth at the centre. A polynomial map makes the integrand vanish at the ends of r and v, so that
        moments of a smooth f converge nearly as n⁻².

        Parameters
        ----------
        density : callable
            f(r, v_r, L).
        grid : Grid
            Its axes ``r``, ``vr``, ``L`` say where f may be positive. Speeds, too, are at most max|v_r|.
        count : int
            Number of points n, a power of 2; shells without mass are left out.

        Raises
        ------
        ValueError
            If f is negative or not finite somewhere, or its mass differs from 1 by more than 1 %.
        """
        r, v, μ, volume = _lattice(count, grid["r"].upper, max(abs(grid["vr"].lower), grid["vr"].upper))
        vr, L = v * μ, r * v * np.sqrt(1 - μ**2)
        f = np.array(np.broadcast_to(np.asarray(density(r, vr, L), dtype=float), r.shape))
        if not (np.isfinite(f).all() and (f >= 0).all()):
            raise ValueError("a radial density f(r, v_r, L) must be finite and >= 0 on the whole grid")
        f[_outside(grid, r, vr, L)] = 0.0
        w = f * 8 * np.pi**2 * (r * v) ** 2 * volume
        if not abs(w.sum() - 1) <= MASS_TOLERANCE:
            raise ValueError(
                f"the density has mass ∫f 8π² L dL dvr dr = {w.sum():.6g} on the grid, it must be 1; divide "
                "f by its mass, or enlarge the axes r, vr (which bounds all speeds) and L"
            )
        kept = w > 0
        return cls(r[kept], vr[kept], L[kept], w[kept])


def _lattice(count: int, R: float, V: float) -> tuple[Array, Array, Array, Array]:
    """Points (r, v, μ) of [0, R] × [0, V] × [−1, 1] and their volumes dr dv dμ."""
    generators = {2**m: z for m, z in LATTICES.items()}
    if count not in generators:
        raise ValueError(
            f"the number of shells must be a power of 2 from {min(generators)} to "
            f"{max(generators)}, got {count!r}"
        )
    i = np.arange(count)
    u = np.stack([i * z % count for z in (1, *generators[count])]) / count
    x, dx = u**2 * (3 - 2 * u), 6 * u * (1 - u)
    return R * x[0], V * x[1], 2 * x[2] - 1, 2 * R * V * dx.prod(axis=0) / count


def _outside(grid: Grid, r: Array, vr: Array, L: Array) -> NDArray[np.bool_]:
    beyond = [(x < grid[name].lower) | (x > grid[name].upper) for name, x in zip(RADIAL, (r, vr, L))]
    return np.asarray(np.any(beyond, axis=0))


def gridded(values: Array, grid: Grid) -> RadialDensity:
    """Cubic splines through the values of f at the cell centres; f even in r and L, and not negative."""
    from scipy.ndimage import map_coordinates, spline_filter

    coefficients = spline_filter(np.asarray(values, dtype=float), order=3, mode="reflect")

    def density(*point: Array) -> Array:
        places = [(x - a.lower) / a.spacing - 0.5 for x, a in zip(point, grid.axes)]
        f = map_coordinates(coefficients, places, order=3, mode="reflect", prefilter=False)
        return np.asarray(np.maximum(f, 0.0))

    return density


def radial_density(
    pdf: Callable[[Array], ArrayLike], scale: float = 1.0, tolerance: float = 1e-8
) -> RadialDensity:
    """The function f(r, v_r, L) of a density of (x, v) in six dimensions that is spherically symmetric.

    Parameters
    ----------
    pdf : callable
        Density of positions and velocities, (..., 6) → (...).
    scale : float
        Length and speed up to which the symmetry is tested.
    tolerance : float
        Largest admissible difference between rotated points, relative to the largest value seen.

    Raises
    ------
    ValueError
        If the density changes under rotations or reflections.
    """

    def density(r: Array, vr: Array, L: Array) -> Array:
        vt = np.divide(L, r, out=np.zeros(np.shape(r)), where=np.asarray(r) > 0)
        zero = np.zeros_like(vt)
        return np.asarray(pdf(np.stack([r + zero, zero, zero, vr + zero, vt, zero], axis=-1)))

    from scipy.spatial.transform import Rotation

    u = np.modf(np.outer(np.arange(1, 65), [0.8191725, 0.6710436, 0.5497005]))[0]  # spread over the cube
    r, vr, vt = scale * u[:, 0], scale * (2 * u[:, 1] - 1), scale * u[:, 2]
    x = np.stack([r, 0 * r, 0 * r], axis=-1)
    v = np.stack([vr, vt, 0 * r], axis=-1)
    turn = Rotation.from_euler("zyz", 2 * np.pi * u[:, [2, 0, 1]])
    expected = density(r, vr, r * vt)
    for sign in (1.0, -1.0):
        found = np.asarray(pdf(np.concatenate([turn.apply(sign * x), turn.apply(sign * v)], axis=-1)))
        if not np.abs(found - expected).max() <= tolerance * np.abs(expected).max():
            raise ValueError(
                "the density is not spherically symmetric: it changes under rotations about the origin; use "
                "a solver on x, y, z, vx, vy, vz, or centre the density"
            )
    return density

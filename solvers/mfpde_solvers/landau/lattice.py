"""Collision kernels on a lattice: high order for singular exponents, and a(z) z = 0 exactly.

The rectangle rule without the origin, Σ_{z≠0} |z|^γ q(z) hᵈ with a homogeneous polynomial q times a
smooth cut-off, differs from the integral by Z[q] ~ h^{d+γ+deg q} and terms smaller than every power of h. The
flux of the collision operator is a sum of a(z) (f(v−z) ∇f(v) − f(v) ∇f(v−z)): there q has the even degrees
from 4 on, 2 from |z|² I − zzᵀ and 2 or more from the bracket, which vanishes at z = 0. The factors |z|^γ at a
few small offsets are changed so that Z[q] = 0 for all q of the lowest degrees. The matrices remain multiples
of |z|² I − zzᵀ, so that energy is conserved.

Reference: the idea of corrected trapezoidal rules is that of S. Kapur and V. Rokhlin, SIAM J. Numer. Anal. 34
(1997) 1331.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import gamma, pi, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["collision_factors", "collision_lattice"]

FloatArray = NDArray[np.float64]

WIDTH, RADIUS = 2.0, 12.0  # of the cut-off, in cells: aliases below e^{−(π·2)²}, flat to 1e-17 at the origin


def collision_lattice(
    exponent: float, shape: tuple[int, ...], spacing: tuple[float, ...], order: int
) -> list[FloatArray]:
    """The components a_xx, a_xy, … (upper triangle, row by row) times hᵈ at the offsets 0 … n of each axis.

    Parameters
    ----------
    exponent : float
        γ.
    shape, spacing : tuple
        Cells along each axis and their widths.
    order : int
        The quadrature is of this order at least.

    Returns
    -------
    list of d(d+1)/2 arrays of the shape (n + 1, …); components off the diagonal are odd in their two offsets.
    The last offset of each axis, which no two cells have, is 0.
    """
    dim, volume = len(shape), prod(spacing)
    z = np.meshgrid(
        *(np.arange(n + 1) * h for n, h in zip(shape, spacing, strict=True)), indexing="ij", sparse=True
    )
    factors = collision_factors(exponent, shape, spacing, order) * volume
    r2 = sum(component**2 for component in z)
    upper = [(i, j) for i in range(dim) for j in range(i, dim)]
    return [factors * ((r2 if i == j else 0.0) - z[i] * z[j]) for i, j in upper]


def collision_factors(
    exponent: float, shape: tuple[int, ...], spacing: tuple[float, ...], order: int
) -> FloatArray:
    """|z|^γ at the offsets 0 … n of each axis, corrected near 0 to the order asked for; 0 at 0 and at n."""
    z = np.meshgrid(
        *(np.arange(n + 1) * h for n, h in zip(shape, spacing, strict=True)), indexing="ij", sparse=True
    )
    r = np.sqrt(sum(component**2 for component in z))
    r[(0,) * r.ndim] = 1.0
    factors = r**exponent
    corrections = _corrections(exponent, spacing, order)
    factors[tuple(slice(0, n) for n in corrections.shape)] += corrections
    factors[(0,) * r.ndim] = 0.0
    for place in range(r.ndim):
        np.moveaxis(factors, place, 0)[-1] = 0.0
    return np.asarray(factors)


@lru_cache(maxsize=32)
def _corrections(exponent: float, spacing: tuple[float, ...], order: int) -> FloatArray:
    """Changes of |z|^γ at the smallest offsets, those of least norm relative to |z|^γ."""
    dim = len(spacing)
    smooth = exponent >= 0 and exponent % 2 == 0
    degrees = [] if smooth else [s for s in (4, 6, 8) if dim + exponent + s < order]
    reach = len(degrees)
    changes = np.zeros((reach + 1,) * dim)
    if not degrees:
        return changes
    offsets = [m for m in product(range(reach + 1), repeat=dim) if any(m)]
    z = np.array(offsets) * np.array(spacing) / max(spacing)
    copies = 2.0 ** np.count_nonzero(np.array(offsets), axis=1)
    size = np.sqrt((z**2).sum(axis=1)) ** exponent
    monomials = [p for s in degrees for p in _even_monomials(s, dim)]
    q = np.array([np.prod(z ** np.array(p), axis=1) for p in monomials])
    scaled = tuple(h / max(spacing) for h in spacing)
    defects = np.array([_defect(exponent, scaled, p) for p in monomials])
    change = np.linalg.lstsq(q * copies * size, -defects, rcond=None)[0] * size * max(spacing) ** exponent
    for m, value in zip(offsets, change, strict=True):
        changes[m] = value
    return changes


def _even_monomials(degree: int, dim: int) -> list[tuple[int, ...]]:
    return [p for p in product(range(0, degree + 1, 2), repeat=dim) if sum(p) == degree]


def _defect(exponent: float, spacing: tuple[float, ...], powers: tuple[int, ...]) -> float:
    """Z[q] / hᵈ for the monomial q of these even powers: the sum without the origin minus the integral.

    Both with the cut-off G(r) = ½ erfc((r − R)/w); ∫ r^{s−1} G dr = ∫ r^s e^{−((r−R)/w)²} dr / (s w √π).
    """
    from scipy.special import erfc

    n = [int(np.ceil((RADIUS + 6 * WIDTH) / h)) for h in spacing]
    z = np.meshgrid(
        *(np.arange(-m, m + 1) * h for m, h in zip(n, spacing, strict=True)), indexing="ij", sparse=True
    )
    r = np.sqrt(sum(component**2 for component in z))
    origin = tuple(n)
    r[origin] = 1.0
    terms: Any = r**exponent * erfc((r - RADIUS) / WIDTH) / 2
    for component, power in zip(z, powers, strict=True):
        terms = terms * component**power
    terms[origin] = 0.0
    s, step = exponent + sum(powers) + len(powers), 1 / 16
    radii = np.arange(step / 2, 2 * RADIUS, step)
    radial = np.sum(radii**s * np.exp(-(((radii - RADIUS) / WIDTH) ** 2))) * step / (s * WIDTH * np.sqrt(pi))
    return float(terms.sum() - _sphere_integral(powers) * radial / prod(spacing))


def _sphere_integral(powers: tuple[int, ...]) -> float:
    """∫ σ₁^{p₁} σ₂^{p₂} … dσ over the unit sphere, for even powers."""
    halves = [(p + 1) / 2 for p in powers]
    return 2 * prod(gamma(a) for a in halves) / gamma(sum(halves))

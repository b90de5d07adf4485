"""Kernels on a torus: the nearest image in closed form, and a polynomial for all the others.

Within the cell |zᵢ| ≤ Lᵢ/2 the sum over the other images is analytic, with its singularities at those
images. Interpolated at Chebyshev points in every coordinate it converges like (2 + √3)^{−n} for equal
periods. Along short periods more images are added in closed form, so that this hardly worsens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.kernels import formulas
from mfpde_solvers.kernels.ewald import images

__all__ = ["Parity", "explicit_images", "periodic_formula"]

Array = NDArray[np.float64]
Parity = tuple[int, ...]
"""For each coordinate 0 if the function is even, 1 if it is odd in it."""
Remainder = Callable[[Array], Array]
Sampler = Callable[[int, tuple[int, ...]], Array]

SIZES = (8, 12, 16, 24, 32)  # even and odd terms along a coordinate, tried in turn
MOST_IMAGES = 50


def explicit_images(periods: tuple[float, ...]) -> Array:
    """Lattice vectors of the images in closed form: those nearer than about the longest period.

    Raises
    ------
    ValueError
        If the periods differ so much that there would be more than 50.
    """
    # in dimension 3 twenty-six more images cost less than the polynomial without them
    least = 1 if len(periods) == 3 else 0
    counts = tuple(max(int(max(periods) / L + 0.7) - 1, least) for L in periods)
    vectors = images(counts, periods)
    if len(vectors) > MOST_IMAGES:
        raise ValueError(
            f"periods {periods} differ too much for sums over pairs ({len(vectors)} images in closed form, "
            f"at most {MOST_IMAGES}); use periods of closer lengths"
        )
    return vectors


def periodic_formula(
    near: formulas.Source,
    remainder: Remainder,
    parities: tuple[tuple[Parity, ...], ...],
    periods: tuple[float, ...],
    tolerance: float,
    *,
    zero_at_origin: bool = False,
) -> Callable[..., Any]:
    """``near`` at the nearest images plus the polynomial of ``remainder``, as one straight-line formula.

    Parameters
    ----------
    near : Source
        The kernel on the whole space.
    remainder : callable
        Its periodisation less ``near`` at :func:`explicit_images`, (n, d) → (n, values).
    parities : tuple
        For each value the parities of the parts that it has.
    tolerance : float
        Bound of the sum of the coefficients left out, for each value.
    zero_at_origin : bool
        Whether the result at z = 0 is 0, images of the point itself included (forces).
    """
    dim = len(periods)
    names = formulas.NAMES[:dim]
    lines = [f"{x} = {x} - {L!r} * floor({x} / {L!r} + 0.5)" for x, L in zip(names, periods, strict=True)]
    totals = [f"a{i}" for i in range(len(parities))]
    for count, vector in enumerate(explicit_images(periods)):
        shifted = [f"s{x}" for x in names]
        lines += [f"{s} = {x} - {float(v)!r}" for s, x, v in zip(shifted, names, vector, strict=True)]
        first, results = near(shifted)
        lines += first
        lines += [
            f"{a} = {r}" if count == 0 else f"{a} = {a} + {r}" for a, r in zip(totals, results, strict=True)
        ]
    if zero_at_origin:
        lines.append(f"away = ({formulas.distance2(names)}) > 0")
    lines += [f"{x} = {x} * {2 / L!r}" for x, L in zip(names, periods, strict=True)]
    lines += [f"{x}2 = {x} * {x}" for x in names]
    sample = _sampler(remainder, periods)
    for i, (a, value_parities) in enumerate(zip(totals, parities, strict=True)):
        for parity in value_parities:
            coefficients = _fit(sample, i, parity, value_parities, tolerance)
            odd = [x for x, p in zip(names, parity, strict=True) if p]
            terms = [*odd, formulas.horner(coefficients, [f"{x}2" for x in names])]
            lines.append(f"{a} = {a} + {' * '.join(terms)}")
    results = [f"{a} * away" for a in totals] if zero_at_origin else totals
    return formulas.formula(dim, lines, results)


def _nodes(size: int) -> Array:
    """The positive half of 2·size Chebyshev points."""
    return np.asarray(np.cos(np.pi * (np.arange(size) + 0.5) / (2 * size)))


def _sampler(remainder: Remainder, periods: tuple[float, ...]) -> Sampler:
    """The remainder at the tensor grid of nodes of a size, reflected by signs; every call made once."""

    @cache
    def sample(size: int, flip: tuple[int, ...]) -> Array:
        dim = len(periods)
        t = np.stack(np.meshgrid(*[_nodes(size)] * dim, indexing="ij"), axis=-1)
        values = remainder((t * np.array(periods) / 2 * np.array(flip)).reshape(-1, dim))
        return values.reshape(*[size] * dim, -1)

    return sample


def _fit(
    sample: Sampler, value: int, parity: Parity, parities: tuple[Parity, ...], tolerance: float
) -> Array:
    """Coefficients, in the squares of the scaled coordinates 2zᵢ/Lᵢ, of the part with the given parity."""
    for size in SIZES:
        C = _part(sample, size, parity, parities)[..., value]
        for axis, odd in enumerate(parity):
            basis = np.polynomial.chebyshev.chebvander(_nodes(size), 2 * size)[:, odd : 2 * size : 2]
            C = _along(np.asarray(np.linalg.inv(basis), dtype=float), C, axis)
        if max(np.abs(C.take([-1], axis)).sum() for axis in range(C.ndim)) < tolerance:
            break
    else:
        raise ValueError("the periods differ too much for sums over pairs; use periods of closer lengths")
    ascending = np.sort(np.abs(C), axis=None)
    smallest = ascending[np.searchsorted(np.cumsum(ascending), tolerance)]
    C = np.where(np.abs(C) < smallest, 0.0, C)
    for axis, odd in enumerate(parity):
        C = _along(_to_powers(size, odd), C, axis)
    return C


def _part(sample: Sampler, size: int, parity: Parity, parities: tuple[Parity, ...]) -> Array:
    """The part of that parity: the function itself if it has no other, else its mean over reflections."""
    flips = list(product((1, -1), repeat=len(parity))) if len(parities) > 1 else [(1,) * len(parity)]
    signs = [prod(f for f, odd in zip(flip, parity, strict=True) if odd) for flip in flips]
    terms = [sign * sample(size, flip) for sign, flip in zip(signs, flips, strict=True)]
    return np.asarray(np.mean(terms, axis=0))


def _along(matrix: Array, values: Array, axis: int) -> Array:
    return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)


def _to_powers(size: int, odd: int) -> Array:
    """Columns: T_{2i+odd}(t) as a polynomial in t², times t if odd."""
    matrix = np.zeros((size, size))
    for i in range(size):
        powers = np.polynomial.chebyshev.cheb2poly(np.eye(2 * size)[2 * i + odd])[odd::2]
        matrix[: len(powers), i] = powers
    return matrix

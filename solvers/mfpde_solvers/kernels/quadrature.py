"""Fourier transforms over a box of functions that are smooth but for a singularity at the origin.

A window of radius δ splits the function. Outside it is smooth and is integrated by Gauss–Legendre points in
every coordinate; inside it is integrated in polar coordinates, along the radius by double-exponential points
(Takahasi & Mori, Publ. RIMS 9, 1974), to which no power at the origin matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from math import ceil, hypot, pi, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Function", "octant_transforms", "transform_error", "transforms_at"]

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
"""Offsets (d, n) → values (components, n)."""
Rule = tuple[Array, Array]
"""Points and weights."""

BANDWIDTH = 34.0  # of the window, times δ/2: beyond, its transform is below 1e-13
REACH = {1: 64.0, 2: 40.0, 3: 12.0}  # δ in half-periods of the highest wavenumber; balances the two parts
HARMONICS = {1: 0.0, 2: 160.0, 3: 56.0}  # of the function on circles around the origin
LOWEST, HIGHEST = -4.7, 0.5671432904097838  # of t in r = δ exp(t − e^{−t}), from 1e-50 δ to δ
COARSE = 0.85  # resolution of the second computation, by which the error is estimated
BLOCK = 2**16  # points at a time
WAVES = 2**20  # and values of plane waves


def octant_transforms(function: Function, halves: Sequence[float], wavenumbers: Sequence[Array]) -> Array:
    """∫ f(z) ∏ c(kᵢzᵢ) dz over the box |zᵢ| ≤ aᵢ, where each c is the cosine or the sine.

    Parameters
    ----------
    function : callable
        f, (d, n) → (components, n). It may grow like |z|^{−α} at the origin, α < d; an odd one α < d + 1.
    halves : sequence of float
        aᵢ.
    wavenumbers : sequence of arrays
        kᵢ ≥ 0 along each axis, ascending.

    Returns
    -------
    array
        Shape ``(components,) + (2,) * d + (size of each axis)``; the index along one of the d axes of length
        2 is 1 for the sine. The transform at k ≥ 0 is their sum, each times (−i)^{number of sines}.
    """
    return _Box(function, halves, wavenumbers, 1.0).transforms()


def transform_error(
    function: Function, halves: Sequence[float], wavenumbers: Sequence[Array], transforms: Array
) -> float:
    """Estimated error of the transforms, relative to the largest of them.

    At eight wavenumbers along every axis, denser near 0, they are computed again with fewer points and a
    smaller window.
    """
    places = [np.unique(np.rint(np.geomspace(1, k.size, 8)).astype(int) - 1) for k in wavenumbers]
    few = [k[place] for k, place in zip(wavenumbers, places, strict=True)]
    coarse = _Box(function, halves, few, COARSE).transforms()
    fine = transforms[(slice(None),) * (len(places) + 1) + np.ix_(*places)]
    return float(np.abs(coarse - fine).max() / (np.abs(transforms).max() or 1.0))


def transforms_at(function: Function, halves: Sequence[float], k: Sequence[Array]) -> NDArray[np.complex128]:
    """∫ f(z) e^{−ik·z} dz over the box |zᵢ| ≤ aᵢ, for wavenumber components of one shape anywhere.

    Fast if the components take few values, as on a grid. Shape ``(components,) + shape of k``.
    """
    shape, flat = np.shape(k[0]), [np.ravel(component) for component in k]
    count = flat[0].size
    values, places = zip(*(np.unique(np.abs(c), return_inverse=True) for c in flat), strict=True)
    if prod(v.size for v in values) > max(4096, 4 * count):
        halved = [[c[: count // 2] for c in flat], [c[count // 2 :] for c in flat]]
        results = [transforms_at(function, halves, part) for part in halved]
        return np.concatenate(results, axis=1).reshape(-1, *shape)
    components = octant_transforms(function, halves, values)
    total: Any = 0.0
    for parity in product((0, 1), repeat=len(flat)):
        sign = prod(np.sign(c) ** odd for c, odd in zip(flat, parity, strict=True))
        parts = np.stack([component[parity][places] for component in components])
        total = total + (-1j) ** sum(parity) * sign * parts
    return np.asarray(total).reshape(-1, *shape)


class _Box:
    """The two parts of the integrals; ``resolution`` scales the window and the numbers of points.

    All points lie in the octant zᵢ > 0; the function is taken at their reflections too, so that the parts
    that a symmetric function has not are exactly zero.
    """

    def __init__(
        self, function: Function, halves: Sequence[float], wavenumbers: Sequence[Array], resolution: float
    ) -> None:
        self.function, self.halves, self.resolution = function, halves, resolution
        self.wavenumbers, self.dim = wavenumbers, len(halves)
        # functions are resolved like densities of 32 cells even if no wavenumber asks for it
        self.highest = [max(float(k[-1]), 16 * pi / a) for k, a in zip(wavenumbers, halves, strict=True)]
        self.δ = resolution * min(*halves, REACH[self.dim] * pi / max(self.highest))
        self.parities = list(product((0, 1), repeat=self.dim))

    def transforms(self) -> Array:
        values = self.function(np.full((self.dim, 1), self.halves[0] / 2))
        sizes = [k.size for k in self.wavenumbers]
        out = np.zeros((2,) * self.dim + (len(values), *sizes))
        self._add_far(out)
        for points, weights in self._near_blocks():
            self._add_near(out, points, weights)
        return np.moveaxis(out, self.dim, 0)

    def _folded(self, points: Array, weights: Array) -> Array:
        """Weighted sums over the reflections of points with zᵢ > 0, one for each parity."""
        folded = np.stack(
            [self.function(np.array(flip)[:, None] * points) for flip in product((1, -1), repeat=self.dim)]
        )
        folded = folded.reshape((2,) * self.dim + folded.shape[1:])
        for axis in range(self.dim):
            plus, minus = folded.take(0, axis), folded.take(1, axis)
            folded = np.stack([plus + minus, plus - minus], axis)
        return folded * weights

    def _add_far(self, out: Array) -> None:
        """Slabs of the last axis, contracted with the waves one axis after the other."""
        rules = [
            _panels(a, (k + 2 * BANDWIDTH / self.δ) * a, self.resolution)
            for a, k in zip(self.halves, self.highest, strict=True)
        ]
        *others, (last, last_weights) = rules
        waves = [w[:, None] * _waves(z, k) for (z, w), k in zip(others, self.wavenumbers, strict=False)]
        across = prod(z.size for z, _ in others)
        rows = max(1, min(BLOCK // across, WAVES // self.wavenumbers[-1].size))
        for start in range(0, last.size, rows):
            slab = slice(start, start + rows)
            grid = np.meshgrid(*(z for z, _ in others), last[slab], indexing="ij")
            points = np.stack([z.ravel() for z in grid])
            folded = self._folded(points, 1 - _window(np.linalg.norm(points, axis=0) / self.δ))
            along = last_weights[slab, None] * _waves(last[slab], self.wavenumbers[-1])
            for parity in self.parities:
                block = folded[parity].reshape(-1, *grid[0].shape)
                if block.any():
                    for axis, odd in enumerate(parity[:-1]):
                        block = np.tensordot(block, waves[axis][odd], axes=(1, 0))
                    out[parity] += np.tensordot(block, along[parity[-1]], axes=(1, 0))

    def _near_blocks(self) -> Iterator[Rule]:
        """Polar coordinates around the origin: spheres of more points the larger they are."""
        d, δ, κ = self.dim, self.δ, hypot(*self.highest)
        rate = 1.57 * (κ * δ + 2 * BANDWIDTH) + 40
        count = ceil(self.resolution * (HIGHEST - LOWEST) * rate / (2 * pi))
        step = (HIGHEST - LOWEST) / count
        blocks: list[Rule] = []
        for t in LOWEST + step * (np.arange(count) + 0.5):
            r = δ * np.exp(t - np.exp(-t))
            directions, shares = _sphere(d, ceil(self.resolution * (κ * r + HARMONICS[d]) / 4))
            weight = r**d * (1 + np.exp(-t)) * step * _window(np.array([r / δ]))
            blocks.append((r * directions, weight * shares))
            if sum(w.size for _, w in blocks) > BLOCK // 8:
                yield _joined(blocks)
                blocks = []
        if blocks:
            yield _joined(blocks)

    def _add_near(self, out: Array, points: Array, weights: Array) -> None:
        """Scattered points: products of the waves along all axes but the last, times those along the last."""
        folded = self._folded(points, weights)
        sizes = [k.size for k in self.wavenumbers]
        rows = max(1, WAVES // max(*sizes, prod(sizes[:-1])))
        for start in range(0, weights.size, rows):
            chunk = slice(start, start + rows)
            waves = [_waves(z, k) for z, k in zip(points[:, chunk], self.wavenumbers, strict=True)]
            for first in product((0, 1), repeat=self.dim - 1):
                left = np.ones((weights[chunk].size, 1))
                for axis, odd in enumerate(first):
                    left = (left[:, :, None] * waves[axis][odd][:, None, :]).reshape(len(left), -1)
                for odd in (0, 1):
                    part = folded[(*first, odd)][:, chunk]
                    if part.any():
                        right = part[:, :, None] * waves[-1][odd]
                        block = np.matmul(left.T, right)
                        out[(*first, odd)] += block.reshape(-1, *sizes)


def _waves(z: Array, k: Array) -> Array:
    """Cos kz and sin kz, shape (2, points, wavenumbers)."""
    phase = np.outer(z, k)
    return np.stack([np.cos(phase), np.sin(phase)])


def _joined(blocks: list[Rule]) -> Rule:
    return np.concatenate([z for z, _ in blocks], axis=1), np.concatenate([w for _, w in blocks])


def _panels(length: float, phase: float, resolution: float) -> Rule:
    """Gauss–Legendre points on [0, length] for waves up to ``phase`` radians long, at most 64 in a panel."""
    panels = max(1, ceil(phase / 192))
    nodes, weights = np.polynomial.legendre.leggauss(ceil(resolution * (phase / (4 * panels) + 18)))
    half = length / (2 * panels)
    centres = half * (2 * np.arange(panels) + 1)
    return (centres[:, None] + half * nodes).ravel(), np.tile(half * weights, panels)


@cache
def _sphere(dim: int, quarter: int) -> Rule:
    """Points of the unit sphere with positive coordinates, for harmonics up to 4 · ``quarter``."""
    if dim == 1:
        return np.ones((1, 1)), np.ones(1)
    φ = pi / (2 * quarter) * (np.arange(quarter) + 0.5)
    circle, share = np.stack([np.cos(φ), np.sin(φ)]), np.full(quarter, pi / (2 * quarter))
    if dim == 2:
        return circle, share
    u, weights = (half[quarter + 1 :] for half in np.polynomial.legendre.leggauss(2 * quarter + 2))
    level = np.sqrt(1 - u**2)
    directions = np.stack([*(level[:, None] * circle[:, None]), np.repeat(u[:, None], quarter, axis=1)])
    return directions.reshape(3, -1), np.outer(weights, share).ravel()


def _window(s: Array) -> Array:
    """1 at the origin, 0 from s = 1 on: the integral of the Kaiser–Bessel bump."""
    return np.asarray(np.where(s < 1, 1 - _step()(2 * np.minimum(s, 1.0) - 1), 0.0))


@cache
def _step() -> Any:
    from scipy.special import i0e

    def bump(u: Array) -> Any:
        q = np.sqrt(1 - u * u)
        return i0e(BANDWIDTH * q) * np.exp(BANDWIDTH * (q - 1))

    total = np.polynomial.Chebyshev.interpolate(bump, 90).integ(lbnd=-1)
    return total / total(1.0)

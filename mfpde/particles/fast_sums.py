"""Pair sums in O(N log N) to a given tolerance, for kernels that are powers of the distance."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, log2, pi, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mfpde.particles import far_sums
from mfpde.particles.ewald_split import BALL, PowerSplit
from mfpde.particles.far_sums import Box, FarSums
from mfpde.particles.near_kernels import FORCE, POTENTIAL, STOKESLET, NearPart
from mfpde.particles.near_sums import near_sums
from mfpde_solvers.kernels import BiotSavart, DomainKernel, Kernel, Stokeslet
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["FastForces"]

FloatArray = NDArray[np.float64]

PAIR_COST = {1: 2.0, 2: 3.0, 3: 7.0}  # ns for each pair within the range, see benchmarks/particles.py
MODE_COST = {1: 100.0, 2: 100.0, 3: 200.0}  # ns for each Fourier mode
POINT_COST = {1: 100.0, 2: 300.0, 3: 1500.0}  # ns for each point in a second Fourier series
MOST_MODES = {1: 2**23, 2: 2**23, 3: 2**25}  # all modes together: a few GB
FEWEST = 8  # points in a cell, on average, where their crowding is measured


class _Source(NamedTuple):
    """What is known of a kernel: c V of order s, the cut-off ε, and how K comes from V."""

    order: float
    strength: float
    cutoff: float
    turned: bool = False
    vector: FloatArray | None = None


def _source(kernel: Kernel) -> _Source:
    if isinstance(kernel, RadialPower):
        return _Source(kernel.order, float(kernel.strength), kernel.ε)
    if isinstance(kernel, BiotSavart):
        return _source(kernel.coulomb)._replace(turned=True)
    if isinstance(kernel, Stokeslet):
        return _Source(-1.0, 1.0, 0.0, vector=np.array(kernel.gravity))
    raise ValueError(
        f"fast forces exist for powers of the distance, BiotSavart and Stokeslet, not for {kernel!r}; "
        "use forces='direct'"
    )


class FastForces:
    """Pair sums in O(N log N), as the sum of a near and of a far part (Ewald's summation).

    The near part is summed over the pairs within a range, the far part by non-uniform Fourier transforms: a
    Fourier series on a torus, on the whole space one over a box of twice the extent of the particles, or,
    where that takes fewer modes, one of short waves over a box hardly larger than that extent and one of
    long waves. The range balances the two costs. It depends on the positions alone, so that the same
    positions give the same bits, whatever came before; permuting the particles changes round-off only.

    Parameters
    ----------
    kernel : DomainKernel
        A power of the distance (Coulomb, KellerSegel, LogGas, Riesz, PowerLaw), BiotSavart or Stokeslet.
    tolerance : float
        Root mean square of the error relative to that of the forces, from 1e-10 to 1e-2. Where
        forces of many independent particles nearly cancel, relative to what they would be otherwise.

    Raises
    ------
    ValueError
        For other kernels and tolerances, and where some axes are periodic and others open.

    Notes
    -----
    Good values: 1e-6 is far below the fluctuations, of order N^(-1/2), of the force of N particles.

    When it fails: within the tolerance still, but no longer fast, where most particles are in a small part of
    the box (tight clusters, or a few particles very far away on the whole space), as the number of modes has
    a bound, and where the cut-off reaches many particles: near pairs are then up to N².
    """

    def __init__(self, kernel: DomainKernel, tolerance: float = 1e-6) -> None:
        if not 1e-10 <= tolerance <= 1e-2:
            raise ValueError(f"the tolerance of fast forces is from 1e-10 to 1e-2, got {tolerance!r}")
        if kernel.mixed:
            raise ValueError("there are no sums over pairs with both periodic and open axes; use one kind")
        self._kernel, self._source = kernel, _source(kernel.kernel)
        self._tolerance = tolerance
        # a Stokeslet takes one derivative more, which lifts the tail of the far part
        finer = tolerance if self._source.vector is None else tolerance / 10
        self._split = PowerSplit(kernel.dim, self._source.order, finer)
        self._coefficients = lru_cache(maxsize=4)(self._new_coefficients)
        self._far_sums = lru_cache(maxsize=2)(self._new_far_sums)

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """O(N log N)."""
        source = self._source
        mass = weight * source.strength * (np.ones(len(x)) if circulation is None else circulation)
        reach, box = self._geometry(x)
        levels = self._levels(reach, box)
        force = near_sums(x, mass, self._force_part(reach, levels), self._kernel.axes)
        for far, S, V in self._far(x, mass, levels):
            force += far.forces(S, V, source.vector)
        if source.turned:
            force = np.stack([-force[:, 1], force[:, 0]], axis=1)
        return force

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """O(N log N); a ``ValueError`` for kernels without potential."""
        if not self._kernel.has_potential:
            raise ValueError(f"{type(self._kernel.kernel).__name__} is not the gradient of a potential")
        mass = np.ones(len(x)) if circulation is None else np.asarray(circulation, dtype=float)
        reach, box = self._geometry(x)
        near = near_sums(x, mass, self._potential_part(reach), self._kernel.axes)
        squares = float(mass @ mass)
        total = float(mass @ near[:, 0])
        for _, S, V in self._far(x, mass, self._levels(reach, box)):
            total += far_sums.power(S, V) - far_sums.potential_at_origin(V) * squares
        if self._kernel.periodic:
            total -= self._near_mean(reach) * (float(mass.sum()) ** 2 - squares)
        return weight * self._source.strength * total / 2

    def _far(
        self, x: FloatArray, mass: FloatArray, levels: list[tuple[Box, FloatArray]]
    ) -> Iterator[tuple[FarSums, NDArray[np.complex128], FloatArray]]:
        """For each level the transforms, the Fourier coefficients of the points and of the potential."""
        centre = (x.min(axis=0) + x.max(axis=0)) / 2
        for box, V in levels:
            far: FarSums = self._far_sums(box, len(x))
            yield far, far.spectrum(x - centre, mass), V

    def _levels(self, reach: float, box: Box) -> list[tuple[Box, FloatArray]]:
        """Fourier series with the coefficients of the far part, or of its short and its long waves."""
        levels = [(box, self._coefficients(reach, box))]
        if box.outer > 0:
            sides = tuple(period - box.outer for period in box.periods)
            whole = self._whole(sides, box.outer)
            levels.append((whole, self._coefficients(box.outer, whole)))
        return levels

    def _new_coefficients(self, reach: float, box: Box) -> FloatArray:
        if self._kernel.periodic:
            return far_sums.torus_coefficients(self._split, reach, box)
        make = far_sums.middle_coefficients if box.outer > 0 else far_sums.free_coefficients
        return make(self._split, reach, box)

    def _new_far_sums(self, box: Box, size: int) -> FarSums:
        return FarSums(box, size, self._tolerance / 10)

    def _force_part(self, reach: float, levels: list[tuple[Box, FloatArray]]) -> NearPart:
        source, power = self._source, self._source.order + 2
        P = self._split.force * reach**-power
        if source.vector is None:
            return NearPart(FORCE, power, reach, source.cutoff, P[None], np.zeros((1, 1)))
        slope = np.polyder(P) * 2 / reach**2
        polynomials = np.stack([P, np.concatenate([np.zeros(len(P) - len(slope)), slope])])
        # K(0) = 0: what the far part has there, images included, is taken off
        own = np.sum([far_sums.stokeslet_at_origin(*level, source.vector) for level in levels], axis=0)
        vectors = np.stack([source.vector, -own])
        return NearPart(STOKESLET, power, reach, 0.0, polynomials, vectors)

    def _potential_part(self, reach: float) -> NearPart:
        split, source, s = self._split, self._source, self._source.order
        P = split.potential * reach**-s
        P[-1] += split.far_potential(np.array([reach]), reach)[0]
        return NearPart(POTENTIAL, s, reach, source.cutoff, P[None], np.zeros((1, 1)))

    def _near_mean(self, reach: float) -> float:
        """Mean of the near part of V over the torus."""
        d, s, ε = self._kernel.dim, self._source.order, self._source.cutoff
        taken_away = BALL[d] * ε ** (d - s) * (1 / (d - s) - 1 / (d + 2)) if ε > 0 else 0.0
        volume = prod(axis.length for axis in self._kernel.axes)
        return float((self._split.near_mean * reach ** (d - s) - taken_away) / volume)

    def _geometry(self, x: FloatArray) -> tuple[float, Box]:
        """The range that costs least and the Fourier series that goes with it, from the positions alone."""
        d, N, ε = x.shape[1], len(x), self._source.cutoff
        periodic = self._kernel.periodic
        sides = tuple(axis.length for axis in self._kernel.axes) if periodic else _enclosing(x)
        pairs = _crowding(x, sides) * N**2 * BALL[d] / prod(sides)
        longest = max(min(sides) / 2 if periodic else max(sides) / 4, ε)
        best, least = None, np.inf
        for step in range(80):
            reach = longest * 2 ** (-step / 4)
            box = self._box(sides, reach, N)
            cost = min(pairs * reach**d, N**2) * PAIR_COST[d] + box.total * MODE_COST[d]
            cost += N * POINT_COST[d] if box.outer > 0 else 0.0
            if best is not None and (box.total > MOST_MODES[d] or reach < ε):
                break
            if cost < least:
                best, least = (reach, box), cost
        assert best is not None
        return best

    def _box(self, sides: tuple[float, ...], reach: float, size: int = 0) -> Box:
        """The Fourier series for a range: on the whole space one level, or the upper one of two."""
        if self._kernel.periodic:
            return Box(sides, self._modes(sides, reach))
        d, best = len(sides), self._whole(sides, reach)
        least = best.total - size * POINT_COST[d] / MODE_COST[d]
        for step in range(2, 9):
            outer = max(sides) * 2 ** (-step / 2)
            if outer < 1.5 * reach:
                break
            periods = tuple(side + outer for side in sides)
            box = Box(periods, self._modes(periods, reach), outer)
            modes = box.total + self._whole(sides, outer).total
            if modes < least:
                best, least = box, modes
        return best

    def _whole(self, sides: tuple[float, ...], reach: float) -> Box:
        """One Fourier series for all of the far part on the whole space."""
        periods = tuple(2 * max(side, 2 * reach) + 2 * reach for side in sides)
        return Box(periods, self._modes(periods, reach))

    def _modes(self, periods: tuple[float, ...], reach: float) -> tuple[int, ...]:
        return tuple(ceil(self._split.bandwidth * P / (2 * pi * reach)) for P in periods)


def _enclosing(x: FloatArray) -> tuple[float, ...]:
    """Sides of a box that holds the points, in steps of 9 percent so that it seldom changes."""
    extents = x.max(axis=0) - x.min(axis=0)
    least = max(float(extents.max()) / 1000, 1e-100)
    return tuple(2.0 ** (ceil(8 * log2(max(extent, least))) / 8) for extent in extents.tolist())


def _crowding(x: FloatArray, sides: tuple[float, ...]) -> float:
    """How many more pairs are close to each other than if the points were spread evenly."""
    N, d = x.shape
    h = (prod(sides) * FEWEST / N) ** (1 / d)
    shape = tuple(ceil(side / h) for side in sides)
    lower = x.min(axis=0)
    cells = np.zeros(N, dtype=np.int64)
    for place, (side, size) in enumerate(zip(sides, shape, strict=True)):
        number = (x[:, place] - lower[place]) * (size / side)
        cells = cells * size + np.minimum(number.astype(np.int64), size - 1)
    counts = np.bincount(cells).astype(float)
    return float((counts * (counts - 1)).sum() * prod(shape) / N**2)

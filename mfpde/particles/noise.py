"""Brownian paths that do not depend on how they are walked."""

from __future__ import annotations

from math import frexp, ldexp, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIGNIFICANT", "BrownianPath", "check_multiples", "common_step"]

Array = NDArray[np.float64]

SIGNIFICANT = 1e-9  # relative distance of a time from a multiple of the step that is still round-off


class BrownianPath:
    """Increments of N independent d-dimensional Brownian motions over steps of length ``dt``.

    The path is drawn on intervals of length Δ = dt·2^ℓ in [1/2, 1), the first level; each is halved ℓ times
    by Brownian bridges: over the first half of an interval of length h with increment W the increment is
    W/2 + √h Z/2. Every Z comes from Philox at a counter made of the number of the first interval, the level
    and the place in it. So a path depends on its stream alone: not on where one starts, and half the step
    refines the same path.

    Parameters
    ----------
    stream : SeedSequence
    shape : tuple of int
        (N, d).
    dt : float
        Length of a step.

    Examples
    --------
    >>> stream = np.random.SeedSequence(7)
    >>> coarse, fine = (BrownianPath(stream, (3, 1), dt) for dt in (0.1, 0.05))
    >>> bool(np.allclose(coarse.increment(4), fine.increment(8) + fine.increment(9), rtol=1e-12))
    True
    """

    def __init__(self, stream: np.random.SeedSequence, shape: tuple[int, int], dt: float) -> None:
        mantissa, exponent = frexp(dt)
        self._key = stream.generate_state(2, np.uint64)
        self._shape, self._first = shape, mantissa
        self._levels = max(0, -exponent)
        self._together = 1 << max(0, exponent)  # first intervals in a step longer than one of them
        self._philox = np.random.Philox(key=self._key)
        self._generator, self._state = np.random.Generator(self._philox), self._philox.state
        self._known: list[tuple[int, Array]] = []  # the interval of each level that was used last

    @property
    def memory(self) -> int:
        """Bytes of the increments that are kept."""
        return 8 * self._shape[0] * self._shape[1] * (self._levels + 2)

    def increment(self, step: int) -> Array:
        """W(step·dt + dt) − W(step·dt), shape (N, d), of variance dt."""
        if self._together > 1:
            first = range(step * self._together, (step + 1) * self._together)
            return np.asarray(sum(self._interval(number, 0, 0) for number in first))
        return self._known_to(step)[-1][1]

    def _known_to(self, step: int) -> list[tuple[int, Array]]:
        """The intervals of every level that contain a step; those that were known are not drawn again."""
        known: list[tuple[int, Array]] = []
        for level in range(self._levels + 1):
            place = step >> (self._levels - level)
            if level < len(self._known) and self._known[level][0] == place:
                known.append(self._known[level])
            elif level == 0:
                known.append((place, self._interval(place, 0, 0)))
            else:
                known.append((place, self._half(place, level, known[-1][1])))
        self._known = known
        return known

    def _half(self, place: int, level: int, whole: Array) -> Array:
        """Increment over interval ``place`` of a level, half of one with the increment ``whole``."""
        number, index = divmod(place >> 1, 1 << (level - 1))
        length = ldexp(self._first, 1 - level)
        spread = sqrt(length) / 2 * self._normal(number, level, index)
        return whole / 2 - spread if place & 1 else whole / 2 + spread

    def _interval(self, number: int, level: int, index: int) -> Array:
        return sqrt(self._first) * self._normal(number, level, index)

    def _normal(self, number: int, level: int, index: int) -> Array:
        # The state of Philox(key, counter): to make one anew would ask the system for entropy each time.
        self._state["state"]["counter"] = np.array([0, number, level, index], dtype=np.uint64)
        self._philox.state = self._state
        return self._generator.standard_normal(self._shape)


def check_multiples(times: Any, dt: float) -> None:
    """Raise ``ValueError`` unless every time is a multiple of the step, up to round-off."""
    for time in times:
        steps = float(time) / dt
        if not abs(steps - round(steps)) <= SIGNIFICANT * max(1.0, steps):
            raise ValueError(
                f"t = {time:g} is no multiple of the step {dt:g}; a system with noise takes times that are, "
                "or no dt, and chooses one"
            )


def common_step(times: Any, largest: float) -> float:
    """The longest step up to ``largest`` of which all times are multiples.

    Raises
    ------
    ValueError
        If the times have no common divisor above a thousandth of the smallest gap between them.
    """
    positive = np.asarray(times, dtype=float)
    positive = positive[positive > 0]
    if positive.size == 0:
        return largest
    divisor = _common_divisor(positive)
    return float(divisor / np.ceil(divisor / largest * (1 - SIGNIFICANT)))


def _common_divisor(times: Array) -> float:
    """The greatest number of which all times are multiples, by Euclid's algorithm up to round-off."""
    divisor = float(times[0])
    gap = float(np.diff(times, prepend=0.0).min())
    for time in times[1:]:
        a, b = float(time), divisor
        while b > 1e-3 * gap:
            a, b = b, abs(a - b * round(a / b))
        divisor = a
        if divisor < 1e-2 * gap:
            raise ValueError(
                f"the times {times[0]:g}, … {times[-1]:g} are not multiples of one step, as a system with "
                "noise needs; choose evenly spaced times"
            )
    return divisor

"""The controllers that choose the length of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf, isfinite
from typing import Any

import numpy as np

__all__ = ["AdaptiveStep", "FixedStep"]

SAFETY = 0.9
FASTEST, SLOWEST = 4.0, 0.2  # change of the step from one to the next


@dataclass(frozen=True)
class FixedStep:
    """Equal steps of at most ``dt`` to the next limit.

    Examples
    --------
    >>> FixedStep(0.4).next(0.0, 1.0)
    (0.3333333333333333, 0.3333333333333333)
    """

    dt: float

    def __post_init__(self) -> None:
        if not 0 < self.dt < float("inf"):
            raise ValueError(f"the time step must be positive and finite, got dt={self.dt!r}")

    def next(self, time: float, limit: float) -> tuple[float, float]:
        """Length of the next step and the time it leads to, exactly ``limit`` for the last one."""
        count = max(1, ceil((limit - time) / self.dt * (1 - 1e-9)))
        step = (limit - time) / count
        return step, limit if count == 1 else time + step


class AdaptiveStep:
    """Steps whose estimated error stays at a tolerance, by a proportional–integral controller.

    A step is proposed by :meth:`next`, taken by the scheme and judged by :meth:`accepts` from its error over
    the tolerance; a rejected one is to be taken again with the next proposal. The next step is
    h·0.9·e^{−0.7/q} e′^{0.4/q} with the errors e and e′ of this step and the one before
    (Hairer & Wanner, Solving Ordinary Differential Equations II, IV.2).

    Parameters
    ----------
    order : float
        q: the estimated error of one step is O(h^q).
    first : float
        First step to be tried.
    largest : float
        Bound of every step.

    Attributes
    ----------
    rejected : int
        Steps that were rejected so far.

    Examples
    --------
    >>> controller = AdaptiveStep(order=4, first=0.1)
    >>> controller.next(0.0, 1.0)
    (0.1, 0.1)
    >>> controller.accepts(16.0, 0.1), controller.rejected, round(controller.next(0.0, 1.0)[0], 3)
    (False, 1, 0.045)
    """

    def __init__(self, order: float, first: float, largest: float = inf) -> None:
        if not (0 < first < inf and largest > 0):
            raise ValueError(f"steps must be positive, got first={first!r}, largest={largest!r}")
        self._order, self._largest = order, largest
        self._step, self._before = min(first, largest), 1.0
        self.rejected = 0

    def next(self, time: float, limit: float, bound: float = inf) -> tuple[float, float]:
        """Length of the next step, at most ``bound``, and the time it leads to, exactly ``limit`` at last.

        The remainder is halved rather than left over for a tiny step.
        """
        step, remainder = min(self._step, self._largest, bound), limit - time
        if remainder <= step * (1 + 1e-9):
            return remainder, limit
        step = min(step, remainder / 2)
        return step, time + step

    def accepts(self, error: float, taken: float) -> bool:
        """Judge a step of length ``taken`` by its error over the tolerance, and choose the next."""
        if not (isfinite(error) and error <= 1):
            shrink = SAFETY * error ** (-1 / self._order) if isfinite(error) else SLOWEST
            self._step = taken * max(shrink, SLOWEST)
            self.rejected += 1
            return False
        e = max(error, 1e-10)
        growth = SAFETY * e ** (-0.7 / self._order) * self._before ** (0.4 / self._order)
        proposed = taken * min(max(growth, SLOWEST), FASTEST)
        cut = taken < self._step * (1 - 1e-9)  # to land on a time: that tells nothing against longer steps
        self._step = max(proposed, self._step) if cut else proposed
        self._before = e
        return True

    def state(self) -> dict[str, Any]:
        """All that the next proposal depends on."""
        return {"controller": np.array([self._step, self._before, float(self.rejected)])}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self._step, self._before, rejected = np.asarray(state["controller"]).tolist()
        self.rejected = int(rejected)

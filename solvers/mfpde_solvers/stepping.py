"""Time steps: splittings and the controllers that choose the step."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

__all__ = ["BLANES_MOAN", "SPLITTINGS", "STRANG", "FixedStep", "Splitting"]


@dataclass(frozen=True)
class Splitting:
    """A symmetric composition of kicks and drifts, kick first: b₁ a₁ b₂ a₂ … aₛ b₁.

    Attributes
    ----------
    order : int
        Order of the composition in the step.
    kicks, drifts : tuple of float
        Fractions of the step; one kick more than drifts. The last kick of a step and the first of the next
        see the same field and are applied as one.
    phase : float
        Good value of ω·dt for the fastest frequency ω: the default step.
    """

    name: str
    order: int
    kicks: tuple[float, ...]
    drifts: tuple[float, ...]
    phase: float

    def __repr__(self) -> str:
        return f"<{self.name}, order {self.order}, {len(self.drifts)} stages>"


STRANG = Splitting("strang", 2, kicks=(0.5, 0.5), drifts=(1.0,), phase=0.05)


def _blanes_moan() -> Splitting:
    """The six-stage fourth-order splitting S6 of Blanes & Moan, J. Comput. Appl. Math. 142, 2002, Table 2."""
    a1, a2, a3 = 0.0792036964311957, 0.353172906049774, -0.0420650803577195
    b1, b2 = 0.209515106613362, -0.143851773179818
    a4, b3 = 1 - 2 * (a1 + a2 + a3), 0.5 - (b1 + b2)
    return Splitting("blanes_moan", 4, (a1, a2, a3, a4, a3, a2, a1), (b1, b2, b3, b3, b2, b1), phase=0.1)


BLANES_MOAN = _blanes_moan()

SPLITTINGS = {splitting.name: splitting for splitting in (STRANG, BLANES_MOAN)}


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

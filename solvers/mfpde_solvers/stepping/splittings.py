"""Splittings: compositions of kicks and drifts."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BLANES_MOAN",
    "FORCE_GRADIENT",
    "SPLITTINGS",
    "STRANG",
    "Splitting",
    "splitting_from",
]


@dataclass(frozen=True)
class Splitting:
    """A symmetric composition of kicks and drifts, kick first: b₁ a₁ b₂ a₂ … aₛ b₁.

    Attributes
    ----------
    name : str
        What it is called in files.
    order : int
        Order of the composition in the step.
    kicks, drifts : tuple of float
        Fractions of the step; one kick more than drifts. The last kick of a step and the first of the next
        see the same field and are applied as one.
    phase : float
        Good value of ω·dt for the fastest frequency ω: the default step.
    gradients : tuple of float
        Empty, or for each kick the factor γ of the force gradient g: a kick changes v by h b F + h³ γ g,
        where for a force F(x) of one particle g = (F·∇)F.

    References
    ----------
    E. Hairer, C. Lubich and G. Wanner, Geometric Numerical Integration, Springer 2006, chapter II
    """

    name: str
    order: int
    kicks: tuple[float, ...]
    drifts: tuple[float, ...]
    phase: float
    gradients: tuple[float, ...] = ()

    @property
    def stages(self) -> list[tuple[float, float, float]]:
        """Kick, gradient and drift of each stage, the last with a drift of 0."""
        gradients = self.gradients or (0.0,) * len(self.kicks)
        return list(zip(self.kicks, gradients, (*self.drifts, 0.0), strict=True))

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


def _force_gradient() -> Splitting:
    """A sixth-order splitting of five stages with forces that are gradients of {V, {T, V}} beside V.

    The class is that of I. P. Omelyan, I. M. Mryglod & R. Folk, Comput. Phys. Commun. 151, 2003. The two
    conditions of order 3 and the four of order 5 (those of T quadratic in v, where [V,[V,[V,T]]] = 0) leave
    one coefficient free; the first drift is chosen where the terms of order 7 are small and every kick is
    positive.
    """
    a1, a2 = 0.164, 0.38306260470506283
    b1, b2 = 0.046471319869337684, 0.26241443366143281
    c1, c2, c3 = -0.0035631530925611623, 0.0095059484167745803, 0.00011464281430143053
    a3, b3 = 1 - 2 * (a1 + a2), 0.5 - (b1 + b2)
    kicks, drifts = (b1, b2, b3, b3, b2, b1), (a1, a2, a3, a2, a1)
    return Splitting("force_gradient", 6, kicks, drifts, phase=0.2, gradients=(c1, c2, c3, c3, c2, c1))


FORCE_GRADIENT = _force_gradient()

SPLITTINGS = {splitting.name: splitting for splitting in (STRANG, BLANES_MOAN, FORCE_GRADIENT)}


def splitting_from(splitting: Splitting | str) -> Splitting:
    """The splitting itself, or the one of that name; a ``ValueError`` lists the names."""
    if not isinstance(splitting, str):
        return splitting
    if splitting not in SPLITTINGS:
        raise ValueError(f"splitting {splitting!r} is unknown; use one of {', '.join(SPLITTINGS)}")
    return SPLITTINGS[splitting]

"""One step of a finite-volume scheme: implicit sweeps in turn along the axes, or explicit stages."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.mckean_vlasov.faces import Faces

__all__ = ["SCHEMES", "ExplicitStages", "ImplicitSweeps", "Scheme", "derivative"]

Array = NDArray[np.float64]
Values = Callable[[Array], Array]
"""ρ ↦ values of the interaction; see :meth:`Faces.values`."""

SAFETY = 0.9  # share of the longest positive explicit step that is taken


class Scheme(Protocol):
    """What a run needs of a scheme; densities have shape (circulations, *grid.shape)."""

    name: str

    @property
    def memory(self) -> int:
        """Bytes of the rates."""
        ...

    def longest(self, ρ: Array, values: Array) -> float:
        """Bound of the next step from ρ."""
        ...

    def advance(self, ρ: Array, ρ_mid: Array, mid_values: Array, duration: float) -> Array | None:
        """The densities after one step, ``None`` if they would not be positive."""
        ...


class ImplicitSweeps:
    """Strang's splitting into implicit sweeps x½ y½ z y½ x½ at the rates of the middle of the step."""

    name = "implicit"

    def __init__(self, faces: Faces, values: Values) -> None:
        self._faces = faces
        shape, last = faces.grid.shape, faces.grid.dim - 1
        self._rates = [(np.empty(shape), np.empty(shape)) for _ in shape]
        halves = [(place, 0.5) for place in range(last)]
        self._plan = [*halves, (last, 1.0), *reversed(halves)]

    @property
    def memory(self) -> int:
        """Bytes of the rates."""
        return sum(up.nbytes + down.nbytes for up, down in self._rates)

    def longest(self, ρ: Array, values: Array) -> float:
        """No bound."""
        return inf

    def advance(self, ρ: Array, ρ_mid: Array, mid_values: Array, duration: float) -> Array | None:
        """The densities after one step; ``None`` if Newton's iteration fails."""
        from mfpde_solvers.mckean_vlasov.sweeps import sweep

        new, faces = ρ.copy(), self._faces
        for ρ_m, middle in zip(new, ρ_mid, strict=True):
            for place, (up, down) in enumerate(self._rates):
                faces.rates(place, mid_values, middle, up, down)
            for place, share in self._plan:
                cut, periodic = faces.cut(place), faces.grid.axes[place].periodic
                up, down = (rate.reshape(cut) for rate in self._rates[place])
                if not sweep(ρ_m.reshape(cut), up, down, share * duration, periodic):
                    return None
        return new


class ExplicitStages:
    """Heun's method, the strong-stability-preserving Runge–Kutta method of order 2 (Shu & Osher 1988)."""

    name = "explicit"

    def __init__(self, faces: Faces, values: Values) -> None:
        self._faces, self._values = faces, values
        self._flows: tuple[Array, Array] | None = None

    @property
    def memory(self) -> int:
        """Bytes of gains and losses."""
        return 4 * 8 * int(np.prod(self._faces.grid.shape))

    def longest(self, ρ: Array, values: Array) -> float:
        """A share of the step in which the fastest cell would be emptied: positivity of the first stage."""
        self._flows = derivative(self._faces, ρ, values)
        fastest = float(self._flows[1].max())
        return SAFETY / fastest if fastest > 0 else inf

    def advance(self, ρ: Array, ρ_mid: Array, mid_values: Array, duration: float) -> Array | None:
        """The densities after one step; ``None`` if a stage would empty a cell. After :meth:`longest`."""
        assert self._flows is not None
        first = _euler(ρ, self._flows, duration)
        if first is None:
            return None
        second = _euler(first, derivative(self._faces, first, self._values(first)), duration)
        return None if second is None else 0.5 * (ρ + second)


SCHEMES: dict[str, Any] = {scheme.name: scheme for scheme in (ImplicitSweeps, ExplicitStages)}


def derivative(faces: Faces, ρ: Array, values: Array) -> tuple[Array, Array]:
    """What enters each cell per unit of time, and the rate at which it is left: dρ/dt = gain − loss·ρ."""
    from mfpde_solvers.mckean_vlasov.fluxes import exchange

    gain, loss = np.zeros_like(ρ), np.zeros_like(ρ)
    up, down = np.empty(faces.grid.shape), np.empty(faces.grid.shape)
    for ρ_m, g, l in zip(ρ, gain, loss, strict=True):
        for place in range(faces.grid.dim):
            faces.rates(place, values, ρ_m, up, down)
            exchange(*(array.reshape(faces.cut(place)) for array in (ρ_m, up, down, g, l)))
    return gain, loss


def _euler(ρ: Array, flows: tuple[Array, Array], duration: float) -> Array | None:
    """An explicit step in terms without subtraction but 1 − h·loss, which must not be negative."""
    gain, loss = flows
    kept = 1.0 - duration * loss
    return None if kept.min() < 0 else np.asarray(ρ * kept + duration * gain)

"""State of a computation of the Landau equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.landau.diagnostics import collision_diagnostics, logarithmic_bounds
from mfpde_solvers.landau.operators import CollisionOperator
from mfpde_solvers.landau.schemes import Scheme
from mfpde_solvers.stepping.controllers import AdaptiveStep, FixedStep

__all__ = ["LandauRun"]

Array = NDArray[Any]

REJECTIONS = 30  # in a row, after which the run gives up


class LandauRun:
    """A density that collides, and the scheme that advances it; see :class:`mfpde_solvers.evolve.Run`.

    Parameters
    ----------
    operator : CollisionOperator
    scheme : Scheme
    density : array
        Is overwritten.
    dt : float or None
        Largest step; ``None`` for steps whose estimated error stays at the tolerance.
    tolerance : float
        Of the error of a step, relative to the largest value of the density.
    bounds : bool
        Whether the diagnostics hold the quotients of :func:`logarithmic_bounds`.
    """

    def __init__(
        self,
        operator: CollisionOperator,
        scheme: Scheme,
        density: Array,
        dt: float | None,
        *,
        tolerance: float,
        bounds: bool,
    ) -> None:
        self.grid, self.time = operator.grid, 0.0
        self._operator, self._scheme, self._f = operator, scheme, density
        self._tolerance, self._bounds = tolerance, bounds
        self._rate = scheme.start(density)
        self._controller: FixedStep | AdaptiveStep
        if dt is None:
            self._controller = AdaptiveStep(scheme.order, self._first_step())
        else:
            self._controller = FixedStep(dt)

    def _first_step(self) -> float:
        """A step during which f changes by about tolerance^{1/order} of its maximum."""
        fastest = float(np.abs(self._rate).max())
        scale = float(np.abs(self._f).max())
        return scale / fastest * self._tolerance ** (1 / self._scheme.order) if fastest > 0 else 1.0

    @property
    def memory(self) -> int:
        """Bytes of tables, buffers and stages."""
        return int(self._f.nbytes + self._operator.memory + self._scheme.memory)

    def step(self, limit: float) -> float:
        """One accepted step; rejected ones are taken again with a smaller step.

        Raises
        ------
        ResolutionLost
            If the density is no longer finite, or no step is accepted.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # of attempts that are rejected or reported
            for _ in range(REJECTIONS):
                h, time = self._controller.next(self.time, limit)
                new, error = self._scheme.attempt(self._f, h)
                if self._accepts(new, error, h):
                    self._f[...] = new
                    self._rate, self.time = self._scheme.accept(), time
                    return time
        raise ResolutionLost(self.time, f"{REJECTIONS} steps in a row were rejected, the last of {h:.1e}")

    def _accepts(self, new: Array, error: Array, h: float) -> bool:
        if isinstance(self._controller, AdaptiveStep):
            ratio = float(np.abs(error).max()) / (self._tolerance * float(np.abs(self._f).max()))
            return self._controller.accepts(ratio, h)
        if not np.isfinite(new).all():
            raise ResolutionLost(self.time, f"the density overflows in a step of {h:.3g}; give a smaller dt")
        return True

    def observe(self) -> dict[str, Array]:
        """``density``, a view that is valid until the next step."""
        return {"density": self._f}

    def diagnostics(self) -> dict[str, float]:
        """Moments, entropy and its dissipation, norms and losses; see :func:`collision_diagnostics`."""
        values = collision_diagnostics(self._f, self._rate, self.grid)
        values["rejected_steps"] = float(getattr(self._controller, "rejected", 0))
        return values | (logarithmic_bounds(self._f, self.grid, self.time) if self._bounds else {})

    def state(self) -> dict[str, Array]:
        """Density, time, and the memory of the controller."""
        state: dict[str, Any] = {"density": self._f, "time": np.float64(self.time)}
        state |= self._operator.state()
        return state | (self._controller.state() if isinstance(self._controller, AdaptiveStep) else {})

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self._f[...] = state["density"]
        self.time = float(state["time"])
        self._operator.restore(state)
        if isinstance(self._controller, AdaptiveStep):
            self._controller.restore(state)
        self._rate = self._scheme.start(self._f)

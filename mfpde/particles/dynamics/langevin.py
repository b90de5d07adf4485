"""Kinetic Langevin equations for N particles: Newton's with friction and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, expm1, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.forces import Forces
from mfpde.particles.noise import BrownianPath, check_multiples
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid

__all__ = ["LangevinRun"]

Array = NDArray[Any]


class LangevinRun:
    """dX = V dt, dV = (w Σ_{j≠i} K(Xᵢ − Xⱼ) + S(Xᵢ)) dt − ζ V dt + √(2σ) dB by a symmetric splitting.

    Half a kick, half a drift, friction and noise exactly, half a drift, half a kick (the order BAOAB of
    Leimkuhler & Matthews, Appl. Math. Res. Express 2013): weak order 2, one force per step. Friction and
    noise over a step h are V ← e^{−ζh} V + √(2σ) √((1 − e^{−2ζh})/(2ζh)) ΔB, exact in law, where ΔB is the
    increment of a :class:`BrownianPath`. A given field F(t, x) takes the place of the sum.
    """

    def __init__(
        self,
        equation: Vlasov,
        grid: Grid,
        points: Array,
        stream: np.random.SeedSequence,
        dt: float,
        forces: Forces,
        field: Callable[[float, Array], Array] | None = None,
    ) -> None:
        d = grid.positions.dim
        self.time, self._taken, self._dt = 0.0, 0, dt
        self._axes, self._names = grid.positions.axes, grid.names
        self._drift, self._forces, self._field = equation.drift, forces, field
        self._weight = 1.0 / (len(points) if equation.scaling == "1/N" else len(points) - 1)
        ζ, σ = equation.friction, float(equation.diffusion)  # type: ignore[arg-type]
        self._decay = exp(-ζ * dt)
        self._noise = sqrt(2 * σ * (-expm1(-2 * ζ * dt) / (2 * ζ * dt) if ζ else 1.0))
        self._v = np.array(points[:, d:])
        self._x = self._wrapped(points[:, :d])
        self._path = BrownianPath(stream, (len(points), d), dt)
        self._acceleration: Array | None = None

    @property
    def memory(self) -> int:
        """Bytes of positions, velocities, accelerations, temporaries and increments."""
        return 6 * self._x.nbytes + self._path.memory

    def step(self, limit: float) -> float:
        """One step of length dt; ``limit`` is a multiple of it."""
        check_multiples([limit], self._dt)
        h, taken = self._dt, self._taken + 1
        time = limit if taken >= round(limit / h) else taken * h
        a = self._accelerate(self.time) if self._acceleration is None else self._acceleration
        v = self._v + h / 2 * a
        x = self._x + h / 2 * v
        v = self._decay * v + self._noise * self._path.increment(self._taken)
        x = self._wrapped(x + h / 2 * v)
        self._x = x
        a = self._acceleration = self._accelerate(time)
        self._v = v + h / 2 * a
        if not np.isfinite(self._v).all():
            raise ResolutionLost(self.time, "the velocity of a particle is not finite")
        self._taken, self.time = taken, time
        return time

    def _accelerate(self, time: float) -> Array:
        a = self._forces(self._x, self._weight) if self._field is None else self._field(time, self._x)
        return a if self._drift is None else a + self._drift(self._x)

    def _wrapped(self, x: Array) -> Array:
        return np.stack([axis.wrap(x[:, i]) for i, axis in enumerate(self._axes)], axis=1)

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, each of shape (N,)."""
        return dict(zip(self._names, [*self._x.T, *self._v.T], strict=True))

    def diagnostics(self) -> dict[str, float]:
        """Momentum N⁻¹ΣV and kinetic energy ½N⁻¹Σ|V|²."""
        values = {
            f"momentum_{a.name}": float(p) for a, p in zip(self._axes, self._v.mean(axis=0), strict=True)
        }
        return values | {"kinetic_energy": float((self._v**2).sum() / len(self._v) / 2)}

    def state(self) -> dict[str, Array]:
        """Time, number of steps taken, positions and velocities; accelerations follow from them."""
        taken = np.asarray(self._taken)
        return {"time": np.asarray(self.time), "taken": taken, "x": self._x, "v": self._v}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self.time, self._taken = float(state["time"]), int(state["taken"])
        self._x, self._v = np.array(state["x"]), np.array(state["v"])
        self._acceleration = None

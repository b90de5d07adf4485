"""Particles on a line or a circle that repel each other so strongly that they keep their order."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.dynamics.first_order import FirstOrderRun
from mfpde.particles.repulsion import Repulsion
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid

__all__ = ["OrderedRun"]

Array = NDArray[Any]


class OrderedRun(FirstOrderRun):
    """dXᵢ = (w Σ_{j≠i} K(Xᵢ − Xⱼ) + S(Xᵢ)) dt + √(2σ) dBᵢ with K(z) = c z/|z|^{s+2}, c > 0, 0 ≤ s < 1.

    The repulsion b = −∇U is that of a convex U on ordered positions, infinite where two of them meet. A
    step is the trapezoidal rule for b about the noise: Y = X + (h/2) b(X) + √(2σ) ΔB, and the new X solves
    X − (h/2) b(X) = Y among the positions in the same order (:class:`~mfpde.particles.repulsion.Repulsion`);
    S acts with the noise, by Heun's method. Y ↦ 2X − Y does not expand, whatever h, and |2X − Y|² is
    |Y|² + h X·b, where X·b is constant for s = 0 on the line: second moments have their exact slope but for
    (h²/4) times the change of |b|². The first step is implicit Euler's, since |b|² is not integrable at
    independent points. Order 2 without noise; with it weak order 2 and strong order 1 while particles do
    not meet.

    For s = 0 two particles meet if their distance, near 0 a Bessel process of dimension δ = 1 + wc/σ, has
    δ < 2. The solution that keeps the order is still unique (Cépa & Lépingle, Probab. Theory Relat. Fields
    107, 1997), and is what the scheme converges to; distances below √(σh) are then not resolved.
    """

    def __init__(self, equation: FirstOrder, grid: Grid, points: Array, *rest: Any) -> None:
        super().__init__(equation, grid, points, *rest)
        mass = 1.0 if self._circulation is None else float(self._circulation[0])
        self._repulsion = Repulsion(equation.kernel.on(grid), mass * self._weight)
        self._order = np.argsort(self._x[:, 0], kind="stable")
        self._push = np.zeros_like(self._x)

    @property
    def memory(self) -> int:
        """Bytes of positions, repulsion, Newton's method and increments."""
        return 16 * self._x.nbytes + (self._path.memory if self._path else 0)

    def step(self, limit: float) -> float:
        """One step; with noise ``limit`` is a multiple of dt."""
        if self._path is None:
            h, time = self._controller.next(self.time, limit)
            noise: Array = np.zeros_like(self._x)
        else:
            h, time = self._dt, self._next(limit)
            noise = sqrt(2 * self._σ) * self._path.increment(self._taken)
        first = self._taken == 0
        y = self._driven(self._x if first else self._x + h / 2 * self._push, h, noise)
        implicit = h if first else h / 2
        rank = self._order
        x = np.empty_like(y)
        x[rank, 0] = self._repulsion.resolvent(y[rank, 0], self._x[rank, 0], implicit, self.time)
        self._x, self._push = x, (x - y) / implicit
        self.time = time
        self._taken += 1
        return time

    def _driven(self, z: Array, h: float, noise: Array) -> Array:
        """Heun's method for the external drift and the noise."""
        if self._drift is None:
            return z + noise
        u = self._drift(self._wrapped(z))
        return np.asarray(z + noise + h / 2 * (u + self._drift(self._wrapped(z + h * u + noise))))

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, each of shape (N,)."""
        return {self._axes[0].name: self._wrapped(self._x)[:, 0]}

    def state(self) -> dict[str, Array]:
        """Time, number of steps taken, positions without wrapping, repulsion and circulations."""
        return super().state() | {"push": self._push}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        super().restore(state)
        self._push = np.array(state["push"])
        self._order = np.argsort(self._x[:, 0], kind="stable")

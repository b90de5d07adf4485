"""Particles of the Landau equation: Nanbu's system of colliding velocities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, expm1, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.noise import BrownianPath, check_multiples
from mfpde_solvers.equations import Landau
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid

__all__ = ["LandauRun", "check_equation", "default_step", "prepare", "strong_order"]

Array = NDArray[Any]
Coefficients = Callable[[Array], tuple[Array, Array]]

PHASE = 0.02  # good value of dt times the rate 4d at which temperatures of Maxwell molecules relax


def check_equation(equation: Landau, grid: Grid, forces: str) -> None:
    """Raise ``ValueError`` unless the grid is one of velocities and the sums are ``auto`` or ``direct``."""
    equation.check_grid(grid)
    if forces not in ("auto", "direct"):
        raise ValueError(f"collisions are summed with forces='auto' or 'direct', got {forces!r}")


def default_step(equation: Landau, grid: Grid, density: Array) -> float:
    """A fiftieth of the relaxation time 1/(4d) of Maxwell molecules at the temperature of the density.

    Other exponents change the rate by |v|^γ with the thermal speed v.
    """
    d = equation.dim
    speeds = np.meshgrid(*grid.coordinates, indexing="ij", sparse=True)
    temperature = float(grid.integrate(sum(v**2 for v in speeds) * density)) / d
    return float(PHASE / (4 * d * temperature ** (equation.exponent / 2)))


def strong_order(equation: Landau) -> float:
    """½: the noise is multiplicative, and Euler and Maruyama's scheme has no correction for it."""
    return 0.5


def prepare(
    equation: Landau,
    grid: Grid,
    points: Array,
    circulation: Array,
    stream: np.random.SeedSequence,
    dt: float,
    forces: str,
    field: Callable[[float, Array], Array] | None = None,
) -> LandauRun:
    """The particle system of a Landau equation; see :func:`mfpde.particles.dynamics.prepare`."""
    if (circulation != 1).any():
        raise ValueError("the particles of a Landau equation all have the circulation 1")
    return LandauRun(equation, grid, points, stream, dt, field)


class LandauRun:
    """dVᵢ = (2/N) Σⱼ b(Vᵢ−Vⱼ) dt + √2 ((1/N) Σⱼ a(Vᵢ−Vⱼ))^{1/2} dBᵢ, of weak order 1.

    For Maxwell molecules (γ = 0) the sums are moments, O(N): with the mean m and covariance Q of the N
    velocities and u = Vᵢ − m, the drift is −λu, λ = 2(d−1), and the matrix A = (|u|² + tr Q) I − uuᵀ − Q. A
    step is then u ← e^{−λh} u + √((1 − e^{−2λh})/λ) A^{1/2} ΔB/√h with the moments at its beginning: the
    energy is kept in the mean by every step. Otherwise the sums run over all pairs, and the step is
    Euler and Maruyama's. The square roots are the symmetric ones, in closed form. Given coefficients, the
    d(d+1)/2 components of a∗f and the d of b∗f, take the place of the sums.
    """

    def __init__(
        self,
        equation: Landau,
        grid: Grid,
        points: Array,
        stream: np.random.SeedSequence,
        dt: float,
        field: Callable[[float, Array], Array] | None = None,
    ) -> None:
        self.time, self._taken, self._dt = 0.0, 0, dt
        self._equation, self._names, self._field = equation, grid.names, field
        self._v = np.array(points, dtype=float)
        self._path = BrownianPath(stream, self._v.shape, dt)

    @property
    def memory(self) -> int:
        """Bytes of velocities, matrices, temporaries and increments."""
        return int((4 + self._v.shape[1]) * self._v.nbytes + self._path.memory)

    def step(self, limit: float) -> float:
        """One step of length dt; ``limit`` is a multiple of it."""
        check_multiples([limit], self._dt)
        increment = self._path.increment(self._taken)
        if self._field is not None:
            v = self._given_step(self._field(self.time, self._v), increment)
        else:
            maxwell = self._equation.exponent == 0
            v = self._maxwell_step(increment) if maxwell else self._step(increment)
        if not np.isfinite(v).all():
            raise ResolutionLost(self.time, "the velocity of a particle is not finite")
        self._v = v
        self._taken += 1
        self.time = limit if self._taken >= round(limit / self._dt) else self._taken * self._dt
        return self.time

    def _maxwell_step(self, increment: Array) -> Array:
        from mfpde.particles.collisions import noise_of

        h, λ = self._dt, 2.0 * (self._equation.dim - 1)
        m = self._v.mean(axis=0)
        u = self._v - m
        Q = u.T @ u / len(u)
        A = -u[:, :, None] * u[:, None, :] - Q
        A += ((u**2).sum(axis=1) + np.trace(Q))[:, None, None] * np.eye(len(m))
        gain = sqrt(-expm1(-2 * λ * h) / (λ * h))
        return np.asarray(m + exp(-λ * h) * u + gain * noise_of(A, increment))

    def _step(self, increment: Array) -> Array:
        from mfpde.particles.collisions import collision_sums, noise_of

        drift, A = collision_sums(self._v, self._equation.exponent)
        return self._v + self._dt * drift + sqrt(2.0) * noise_of(A, increment)

    def _given_step(self, coefficients: Array, increment: Array) -> Array:
        """The step with a∗f and b∗f, by the same scheme: for Maxwell molecules 2 b∗f = −λ(v − m)."""
        from mfpde.particles.collisions import noise_of

        h, λ, d = self._dt, 2.0 * (self._equation.dim - 1), self._equation.dim
        A = np.empty((len(increment), d, d))
        for place, (i, j) in enumerate(zip(*np.triu_indices(d), strict=True)):
            A[:, i, j] = A[:, j, i] = coefficients[:, place]
        b = coefficients[:, -d:]
        if self._equation.exponent == 0:
            gain = sqrt(-expm1(-2 * λ * h) / (λ * h))
            return np.asarray(self._v - expm1(-λ * h) / λ * 2 * b + gain * noise_of(A, increment))
        return np.asarray(self._v + 2 * h * b + sqrt(2.0) * noise_of(A, increment))

    def observe(self) -> dict[str, Array]:
        """Velocities under the names of the axes, each of shape (N,)."""
        return {name: self._v[:, i] for i, name in enumerate(self._names)}

    def diagnostics(self) -> dict[str, float]:
        """Momentum N⁻¹ΣV and kinetic energy ½N⁻¹Σ|V|²."""
        momenta = self._v.mean(axis=0)
        values = {f"momentum_{name[1:]}": float(p) for name, p in zip(self._names, momenta, strict=True)}
        return values | {"kinetic_energy": float((self._v**2).sum() / len(self._v) / 2)}

    def state(self) -> dict[str, Array]:
        """Time, number of steps taken and velocities."""
        return {"time": np.asarray(self.time), "taken": np.asarray(self._taken), "v": self._v}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self.time, self._taken = float(state["time"]), int(state["taken"])
        self._v = np.array(state["v"])

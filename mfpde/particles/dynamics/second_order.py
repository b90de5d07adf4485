"""Second-order particle systems: Newton's equations by velocity Verlet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mfpde.particles.dynamics.langevin import LangevinRun
from mfpde.particles.forces import Forces, forces_for
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.stepping import FixedStep
from mfpde_solvers.vlasov.scales import fastest_frequency

__all__ = ["VERLET_PHASE", "NewtonRun", "check_equation", "default_step", "prepare"]

Array = NDArray[Any]

VERLET_PHASE = 0.1  # good value of ω·dt: a frequency error of (ω dt)²/24 = 4e-4
STATIC = 1e-2  # step where nothing acts on the particles


def prepare(
    equation: Vlasov,
    grid: Grid,
    points: Array,
    circulation: Array,
    stream: np.random.SeedSequence,
    dt: float,
    forces: str,
    field: Callable[[float, Array], Array] | None = None,
) -> NewtonRun | LangevinRun:
    """The particle system of a Vlasov equation; see :func:`mfpde.particles.dynamics.prepare`."""
    if (circulation != 1).any():
        raise ValueError("second-order systems have one circulation per particle, equal to 1")
    pairs = forces_for(equation.kernel.on(grid), forces, size=len(points))
    if equation.friction or equation.diffusion != 0:
        return LangevinRun(equation, grid, points, stream, dt, pairs, field)
    return NewtonRun(equation, grid, points, pairs, FixedStep(dt), field)


def check_equation(equation: Vlasov, grid: Grid, forces: str) -> None:
    """Raise ``ValueError`` unless the equation has a particle system on this grid, with these pair sums."""
    equation.check_grid(grid)
    forces_for(equation.kernel.on(grid), forces)


def default_step(equation: Vlasov, grid: Grid, density: Array) -> float:
    """A tenth of the shortest linear time scale, or of 1/ζ where the friction ζ is faster.

    Parameters
    ----------
    density : array
        Density of positions.
    """
    rate = max(fastest_frequency(equation, grid, density), equation.friction)
    return VERLET_PHASE / rate if rate > 0 else STATIC


@numba.njit(cache=True, error_model="numpy")
def _kick_and_drift(x, v, a, h, box):  # type: ignore[no-untyped-def]
    """Half a kick and a drift in one pass; x returns into its box on axes whose period is not 0."""
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            v[i, k] += 0.5 * h * a[i, k]
            moved = x[i, k] + h * v[i, k]
            lower, period = box[k, 0], box[k, 1]
            if period > 0:
                moved -= period * np.floor((moved - lower) / period)
                if moved >= lower + period:  # a tiny negative offset rounds up to the period
                    moved = lower
            x[i, k] = moved


@numba.njit(cache=True, error_model="numpy")
def _kick(v, a, τ):  # type: ignore[no-untyped-def]
    """A kick v += a τ; the sum of the accelerations tells whether all are finite."""
    total = 0.0
    for i in range(v.shape[0]):
        for k in range(v.shape[1]):
            v[i, k] += a[i, k] * τ
            total += a[i, k]
    return total


class NewtonRun:
    """dX = V dt, dV = (w Σ_{j≠i} K(Xᵢ − Xⱼ) + S(Xᵢ)) dt by velocity Verlet, second order, symplectic.

    The weight w is 1/N or 1/(N − 1); positions on periodic axes stay in their box. A given field F(t, x)
    takes the place of the sum.
    """

    def __init__(
        self,
        equation: Vlasov,
        grid: Grid,
        points: Array,
        forces: Forces,
        controller: FixedStep,
        field: Callable[[float, Array], Array] | None = None,
    ) -> None:
        d = grid.positions.dim
        self.time = 0.0
        self._axes = grid.positions.axes
        self._names = grid.names
        self._drift = equation.drift
        self._forces, self._field, self._controller = forces, field, controller
        self._weight = 1.0 / (len(points) if equation.scaling == "1/N" else len(points) - 1)
        self._x = np.ascontiguousarray(points[:, :d])
        self._v = np.ascontiguousarray(points[:, d:])
        self._box = np.array([[axis.lower, axis.length if axis.periodic else 0.0] for axis in self._axes])
        _kick_and_drift(self._x, self._v, np.zeros_like(self._v), 0.0, self._box)
        self._acceleration: Array | None = None

    @property
    def memory(self) -> int:
        """Bytes of positions, velocities, accelerations and two temporaries."""
        return 5 * self._x.nbytes

    def step(self, limit: float) -> float:
        """Half a kick, a drift, half a kick."""
        h, time = self._controller.next(self.time, limit)
        if self._acceleration is None:
            self._acceleration = self._accelerate(self.time)
        _kick_and_drift(self._x, self._v, self._acceleration, h, self._box)
        self._acceleration = self._accelerate(time)
        if not np.isfinite(_kick(self._v, self._acceleration, h / 2)):
            raise ResolutionLost(self.time, "the force on a particle is not finite")
        self.time = time
        return time

    def _accelerate(self, time: float) -> Array:
        a = self._forces(self._x, self._weight) if self._field is None else self._field(time, self._x)
        if self._drift is not None:
            a += self._drift(self._x)
        return a

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, each of shape (N,)."""
        return dict(zip(self._names, [*self._x.T, *self._v.T], strict=True))

    def diagnostics(self) -> dict[str, float]:
        """Momentum N⁻¹ΣV and the energies ½N⁻¹Σ|V|², (w/2N) Σ_{i≠j} V(Xᵢ − Xⱼ)."""
        values = {
            f"momentum_{a.name}": float(p) for a, p in zip(self._axes, self._v.mean(axis=0), strict=True)
        }
        values["kinetic_energy"] = float((self._v**2).sum() / len(self._v) / 2)
        values["potential_energy"] = self._forces.energy(self._x, self._weight / len(self._x))
        values["total_energy"] = values["kinetic_energy"] + values["potential_energy"]
        return values

    def state(self) -> dict[str, Array]:
        """Time, positions and velocities; accelerations follow from them."""
        return {"time": np.asarray(self.time), "x": self._x, "v": self._v}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self.time = float(state["time"])
        self._x, self._v = np.array(state["x"]), np.array(state["v"])
        self._acceleration = None

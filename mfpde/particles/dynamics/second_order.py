"""Second-order particle systems: Newton's equations by symplectic splittings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mfpde.particles.dynamics.langevin import LangevinRun
from mfpde.particles.forces import Forces, forces_for
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.stepping import STRANG, FixedStep, Splitting, splitting_from
from mfpde_solvers.vlasov.scales import fastest_frequency

__all__ = ["VERLET_PHASE", "NewtonRun", "check_equation", "chosen", "default_step", "prepare", "strong_order"]

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
    splitting: Splitting | str | None = None,
) -> NewtonRun | LangevinRun:
    """The particle system of a Vlasov equation; see :func:`mfpde.particles.dynamics.prepare`."""
    if (circulation != 1).any():
        raise ValueError("second-order systems have one circulation per particle, equal to 1")
    composition = chosen(equation, splitting, field is not None)
    pairs = forces_for(equation.kernel.on(grid), forces, size=len(points))
    if equation.friction or equation.diffusion != 0:
        return LangevinRun(equation, grid, points, stream, dt, pairs, field)
    return NewtonRun(equation, grid, points, pairs, FixedStep(dt), field, composition)


def chosen(equation: Vlasov, splitting: Splitting | str | None, coupled: bool = False) -> Splitting:
    """The splitting that is meant, Verlet's if none is.

    Raises
    ------
    ValueError
        If one is given that is unknown, needs gradients of the force, or is not for this system: there is
        friction or noise, or, when ``coupled`` to a field, some of its drifts go back in time.
    """
    if splitting is None:
        return STRANG
    composition = splitting_from(splitting)
    if equation.friction or equation.diffusion != 0:
        raise ValueError(
            f"the splitting {composition.name!r} is one of kicks and drifts; with friction or noise there is "
            "the one scheme, use splitting=None"
        )
    if composition.gradients:
        raise ValueError(
            f"particles have no force gradient for {composition.name!r}; use 'blanes_moan' or 'strang'"
        )
    if coupled and min(composition.drifts) < 0:
        raise ValueError(
            f"{composition.name!r} goes back in time within a step, where the mean field is gone; use "
            "splitting='strang' with a mean field"
        )
    return composition


def check_equation(equation: Vlasov, grid: Grid, forces: str) -> None:
    """Raise ``ValueError`` unless the equation has a particle system on this grid, with these pair sums."""
    equation.check_grid(grid)
    forces_for(equation.kernel.on(grid), forces)


def default_step(
    equation: Vlasov, grid: Grid, density: Array, splitting: Splitting | str | None = None
) -> float:
    """A tenth of the shortest linear time scale, or of 1/ζ where the friction ζ is faster.

    It is longer by their number for splittings with several forces in a step, which then cost as much.

    Parameters
    ----------
    density : array
        Density of positions.
    """
    rate = max(fastest_frequency(equation, grid, density), equation.friction)
    phase = VERLET_PHASE * len(chosen(equation, splitting).drifts)
    return phase / rate if rate > 0 else STATIC


def strong_order(equation: Vlasov) -> float:
    """1 with noise, else that of velocity Verlet."""
    return 1.0 if equation.diffusion != 0 else float(STRANG.order)


@numba.njit(cache=True, error_model="numpy")
def _kick_and_drift(x, v, a, kick, drift, box):  # type: ignore[no-untyped-def]
    """A kick and a drift in one pass; x returns into its box on axes whose period is not 0."""
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            v[i, k] += kick * a[i, k]
            moved = x[i, k] + drift * v[i, k]
            lower, period = box[k, 0], box[k, 1]
            if period > 0:
                moved -= period * np.floor((moved - lower) / period)
                if moved >= lower + period:  # a tiny negative offset rounds up to the period
                    moved = lower
            x[i, k] = moved


@numba.njit(cache=True, error_model="numpy")
def _kick(v, a, τ):  # type: ignore[no-untyped-def]
    """A kick v += a τ; the sum of the velocities tells whether all forces of the step were finite."""
    total = 0.0
    for i in range(v.shape[0]):
        for k in range(v.shape[1]):
            v[i, k] += a[i, k] * τ
            total += v[i, k]
    return total


class NewtonRun:
    """dX = V dt, dV = (w Σ_{j≠i} K(Xᵢ − Xⱼ) + S(Xᵢ)) dt by a symplectic, symmetric splitting.

    Kicks and drifts in turn. Strang's splitting, half a kick, a drift, half a kick, is velocity Verlet, of
    order 2 with one force in a step; that of Blanes and Moan has order 4 and six. The weight w is 1/N or
    1/(N − 1); positions on periodic axes stay in their box. A given field F(t, x) takes the place of the sum.
    """

    def __init__(
        self,
        equation: Vlasov,
        grid: Grid,
        points: Array,
        forces: Forces,
        controller: FixedStep,
        field: Callable[[float, Array], Array] | None = None,
        splitting: Splitting = STRANG,
    ) -> None:
        d = grid.positions.dim
        self.time = 0.0
        self._axes = grid.positions.axes
        self._names = grid.names
        self._drift, self._splitting = equation.drift, splitting
        self._forces, self._field, self._controller = forces, field, controller
        self._weight = 1.0 / (len(points) if equation.scaling == "1/N" else len(points) - 1)
        self._x = np.array(points[:, :d], order="C")  # copies, even of columns: steps are taken in place
        self._v = np.array(points[:, d:], order="C")
        self._box = np.array([[axis.lower, axis.length if axis.periodic else 0.0] for axis in self._axes])
        _kick_and_drift(self._x, self._v, np.zeros_like(self._v), 0.0, 0.0, self._box)
        self._acceleration: Array | None = None

    @property
    def memory(self) -> int:
        """Bytes of positions, velocities, accelerations and two temporaries."""
        return 5 * self._x.nbytes

    def step(self, limit: float) -> float:
        """Kicks and drifts in turn; the last force is the first of the next step."""
        h, time = self._controller.next(self.time, limit)
        if self._acceleration is None:
            self._acceleration = self._accelerate(self.time)
        *kicks, last = self._splitting.kicks
        for kick, drift, moment in zip(kicks, self._splitting.drifts, self._moments(h, time), strict=True):
            _kick_and_drift(self._x, self._v, self._acceleration, kick * h, drift * h, self._box)
            self._acceleration = self._accelerate(moment)
        if not np.isfinite(_kick(self._v, self._acceleration, last * h)):
            raise ResolutionLost(self.time, "the force on a particle is not finite")
        self.time = time
        return time

    def _moments(self, h: float, end: float) -> list[float]:
        """Times after each drift of a step, the last exactly its end."""
        passed = accumulate(self._splitting.drifts[:-1])
        return [*(self.time + share * h for share in passed), end]

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

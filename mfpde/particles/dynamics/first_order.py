"""First-order particle systems: stochastic Heun with noise, Runge–Kutta without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.forces import Forces, forces_for
from mfpde.particles.noise import BrownianPath, check_multiples
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import BiotSavart, Harmonic
from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.stepping import FixedStep

__all__ = ["FirstOrderRun", "check_equation", "default_step", "prepare", "strong_order"]

Array = NDArray[Any]

PHASE = 0.05  # good value of L·dt for the Lipschitz constant L of the mean velocity
STATIC = 1e-2  # step where nothing moves but by the noise, whose law is exact


def check_equation(equation: FirstOrder, grid: Grid, forces: str) -> None:
    """Raise ``ValueError`` unless the equation has a particle system on this grid, with these pair sums."""
    equation.check_grid(grid)
    forces_for(equation.kernel.on(grid), forces)
    kernel = equation.kernel
    if not _meets_infinity(kernel):
        return
    if len(equation.circulations) > 1 or kernel.strength * equation.circulations[0] < 0:
        raise ValueError(
            f"particles on a line with {kernel!r} and circulations {equation.circulations} fall into places "
            "where the force is infinite: only equal ones that repel are kept apart; cut the kernel off: "
            "McKeanVlasov(kernel.with_cutoff(0.01), …)"
        )
    if forces not in ("auto", "direct"):
        raise ValueError(
            f"the implicit steps of {kernel!r} on a line take forces='auto' or 'direct', got {forces!r}"
        )


def _meets_infinity(kernel: Any) -> TypeGuard[RadialPower]:
    """Whether the force is infinite where two particles on a line meet."""
    singular = isinstance(kernel, RadialPower) and kernel.dim == 1 and kernel.order >= 0 and kernel.ε == 0
    return singular and kernel.strength != 0


def default_step(equation: FirstOrder, grid: Grid, density: Array) -> float:
    """A twentieth of 1/L, L the largest slope of K∗ρ + S and at least the rate of :func:`_local_rate`.

    Parameters
    ----------
    density : array
        Law of the initial points, whatever their circulations; the largest circulation counts.
    """
    m = float(np.abs(equation.circulations).max())
    convolution = Convolution(equation.kernel.on(grid), grid)
    u = m * convolution.field(density)
    L = max(_steepest(u, grid), m * _local_rate(equation, convolution) * float(density.max()))
    if equation.drift is not None:
        L += _steepest(np.moveaxis(np.asarray(equation.drift(grid.points)), -1, 0), grid)
    return PHASE / L if L > 0 else STATIC


def _local_rate(equation: FirstOrder, convolution: Convolution) -> float:
    """max|k·K̂|, the rate per density at which a kernel like Coulomb's acts on what is next to a particle.

    Vortices of both signs have a velocity where their density has none: theirs is max|k||K̂|. Kernels smoother
    than Coulomb's have none, nor do those that are met by implicit steps.
    """
    kernel = equation.kernel
    if isinstance(kernel, BiotSavart):
        return 1.0
    smooth = isinstance(kernel, RadialPower) and kernel.order < kernel.dim - 2
    if smooth or isinstance(kernel, Harmonic) or _meets_infinity(kernel):
        return 0.0
    return float(convolution.stiffness)


def strong_order(equation: FirstOrder) -> float:
    """1 with noise, which is additive; 4 without, 2 by implicit steps."""
    if equation.diffusion != 0:
        return 1.0
    return 2.0 if _meets_infinity(equation.kernel) else 4.0


def _steepest(u: Array, grid: Grid) -> float:
    slopes = [np.gradient(u, h, axis=place + 1) for place, h in enumerate(grid.spacing)]
    return max(float(np.abs(slope).max()) for slope in slopes)


def prepare(
    equation: FirstOrder,
    grid: Grid,
    points: Array,
    circulation: Array,
    stream: np.random.SeedSequence,
    dt: float,
    forces: str,
    field: Callable[[float, Array], Array] | None = None,
) -> FirstOrderRun:
    """The particle system of a first-order equation; see :func:`mfpde.particles.dynamics.prepare`."""
    if field is None and _meets_infinity(equation.kernel):
        from mfpde.particles.dynamics.ordered import OrderedRun

        direct = forces_for(equation.kernel.on(grid), "direct")
        return OrderedRun(equation, grid, points, circulation, stream, dt, direct)
    pairs = forces_for(equation.kernel.on(grid), forces, size=len(points))
    return FirstOrderRun(equation, grid, points, circulation, stream, dt, pairs, field)


class FirstOrderRun:
    """dXᵢ = (w Σ_{j≠i} Mⱼ K(Xᵢ − Xⱼ) + S(Xᵢ)) dt + √(2σ) dBᵢ; positions on periodic axes stay in their box.

    With noise the stochastic Heun method: a predictor by Euler and Maruyama, then the mean of both drifts.
    The noise is additive, so it is of weak order 2 and strong order 1. Its steps all have the length dt, and
    the increments are those of a :class:`BrownianPath`. Without noise the classical Runge–Kutta method of
    order 4. The weight w is 1/N or 1/(N − 1). A given field F(t, x) takes the place of the sum.
    """

    def __init__(
        self,
        equation: FirstOrder,
        grid: Grid,
        points: Array,
        circulation: Array,
        stream: np.random.SeedSequence,
        dt: float,
        forces: Forces,
        field: Callable[[float, Array], Array] | None = None,
    ) -> None:
        self.time = 0.0
        self._axes, self._drift, self._dt = grid.axes, equation.drift, dt
        self._forces, self._field = forces, field
        self._σ = float(equation.diffusion)  # type: ignore[arg-type]
        self._weight = 1.0 / (len(points) if equation.scaling == "1/N" else len(points) - 1)
        self._circulation = circulation if (circulation != 1).any() else None
        self._x = self._wrapped(points)
        self._taken = 0
        self._path = BrownianPath(stream, self._x.shape, dt) if self._σ else None
        self._controller = FixedStep(dt)

    @property
    def memory(self) -> int:
        """Bytes of positions, velocities, temporaries and increments."""
        return 6 * self._x.nbytes + (self._path.memory if self._path else 0)

    def step(self, limit: float) -> float:
        """One step; with noise ``limit`` is a multiple of dt."""
        if self._path is None:
            h, time = self._controller.next(self.time, limit)
            x = self._runge_kutta(h, time)
        else:
            time = self._next(limit)
            x = self._heun(self._dt, time, sqrt(2 * self._σ) * self._path.increment(self._taken))
        if not np.isfinite(x).all():
            raise ResolutionLost(self.time, "the position of a particle is not finite")
        self._x, self.time = self._wrapped(x), time
        self._taken += 1
        return time

    def _next(self, limit: float) -> float:
        check_multiples([limit], self._dt)
        last = self._taken + 1 >= round(limit / self._dt)
        return limit if last else (self._taken + 1) * self._dt

    def _heun(self, h: float, end: float, noise: Array) -> Array:
        u = self._velocity(self.time, self._x)
        predicted = self._wrapped(self._x + h * u + noise)
        return self._x + (h / 2) * (u + self._velocity(end, predicted)) + noise

    def _runge_kutta(self, h: float, end: float) -> Array:
        x, middle = self._x, self.time + h / 2
        a = self._velocity(self.time, x)
        b = self._velocity(middle, self._wrapped(x + h / 2 * a))
        c = self._velocity(middle, self._wrapped(x + h / 2 * b))
        d = self._velocity(end, self._wrapped(x + h * c))
        return np.asarray(x + h / 6 * (a + 2 * b + 2 * c + d))

    def _velocity(self, time: float, x: Array) -> Array:
        if self._field is None:
            u = self._forces(x, self._weight, self._circulation)
        else:
            u = self._field(time, x)
        return u if self._drift is None else u + self._drift(x)

    def _wrapped(self, x: Array) -> Array:
        if any(axis.periodic for axis in self._axes):
            return np.stack([axis.wrap(x[:, i]) for i, axis in enumerate(self._axes)], axis=1)
        return np.array(x, dtype=float)

    def observe(self) -> dict[str, Array]:
        """Coordinates under the names of the axes, each of shape (N,)."""
        return {axis.name: self._x[:, i] for i, axis in enumerate(self._axes)}

    def diagnostics(self) -> dict[str, float]:
        """Means N⁻¹ΣX and N⁻¹Σ|X|² over the open axes."""
        x = self._x
        wide = [i for i, axis in enumerate(self._axes) if not axis.periodic]
        values = {f"mean_{self._axes[i].name}": float(x[:, i].mean()) for i in wide}
        return values | ({"second_moment": float((x[:, wide] ** 2).sum() / len(x))} if wide else {})

    def state(self) -> dict[str, Array]:
        """Time, number of steps taken, positions and circulations."""
        m = np.ones(len(self._x)) if self._circulation is None else self._circulation
        return {
            "time": np.asarray(self.time),
            "taken": np.asarray(self._taken),
            "x": self._x,
            "circulation": m,
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self.time, self._taken = float(state["time"]), int(state["taken"])
        self._x, m = np.array(state["x"]), np.array(state["circulation"])
        self._circulation = m if (m != 1).any() else None

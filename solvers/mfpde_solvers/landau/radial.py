"""Isotropic solutions of the Landau equation, as polynomials in the energy |v|²/2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.landau.isotropic import Ball, lagrange, sphere
from mfpde_solvers.stepping import AdaptiveStep, FixedStep
from mfpde_solvers.stepping.radau import STAGES, radau_step

__all__ = ["RadialLandau", "RadialLandauRun"]

Array = NDArray[Any]
Profile = Callable[[Array], ArrayLike]

CELLS = 128  # least number of cells on the axis r
ATTEMPTS = 30


@dataclass(frozen=True)
class RadialLandau:
    """∂ₜf = r^{1−d} ∂_r(r^{d−1} J) for f(|v|, t), the Landau equation of isotropic data, d = 2 or 3.

    With the energy s = r²/2, g = ∂f/∂s and the angular integral κ of |v − w|^γ sin²θ the flux is
    J = r ∫ κ(r, ρ) [g(r) f(ρ) − f(r) g(ρ)] ρ^{d+1} dρ: the Rosenbluth potentials for γ = −3, d = 3.
    f is a polynomial in s that satisfies the weak form, which keeps mass and energy to round-off for every
    γ, as κ is symmetric and 1 and s are among the test functions. Time steps are those of the implicit
    Runge–Kutta method Radau IIA of order 9.

    Parameters
    ----------
    nodes : int
        Number of coefficients, at least 8.
    tolerance : float
        Largest error of one step, relative to the maximum of f.

    Notes
    -----
    Good values: the defaults, with a box of 8 thermal speeds: errors of 1e-10, in less than a second. It
    shares nothing with the solvers in two and three dimensions and serves to check them.
    When it fails: data with jumps or kinks are refused, as are those thinner than the distance of the
    nodes, about πR/(2·nodes). f ≥ 0 is not enforced: tails end in noise of 1e-15 of the maximum.

    Source: M. N. Rosenbluth, W. M. MacDonald and D. L. Judd, Phys. Rev. 107 (1957) 1 (the potentials);
    E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, IV.5 and IV.8 (Radau IIA).
    """

    nodes: int = 96
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        if int(self.nodes) != self.nodes or self.nodes < 8:
            raise ValueError(f"nodes must be an integer >= 8, got {self.nodes!r}; 96 is a good value")
        if not 1e-13 <= self.tolerance <= 1e-2:
            raise ValueError(f"tolerance must lie in [1e-13, 1e-2], got {self.tolerance!r}")

    def discretise(self, pdf: Profile, grid: Grid) -> tuple[Grid, Profile]:
        """The axis ``r`` within a box ``vx, vy[, vz]``, and a density of v, (..., d) → (...), as f(r) on it.

        Raises ``ValueError`` if it is not isotropic, not of mass 1 in the ball, or the box not centred at 0.
        """
        if grid.dim < 2 or any(abs(axis.lower + axis.upper) > 1e-9 * axis.upper for axis in grid.axes):
            raise ValueError(f"isotropic data need a box centred at the origin, on vx, vy[, vz]; got {grid}")
        R = min(axis.upper for axis in grid.axes)
        axis = Axis("r", 0.0, R, max(CELLS, *grid.shape), "open")
        profile = _profile(pdf, grid.dim, R / 2)
        mass = float(_shell(axis, grid.dim) @ profile(axis.points))
        if not abs(mass - 1) <= 1e-2:
            raise ValueError(
                f"the density has mass {mass:.6g} for |v| < {R:g}, it must be 1; enlarge the box"
            )
        return Grid((axis,)), profile

    def default_step(self, equation: Landau, grid: Grid, density: Profile) -> None:
        """None: steps follow the tolerance."""

    def prepare(
        self, equation: Landau, grid: Grid, density: Profile, dt: float | None = None, *, copy: bool = True
    ) -> RadialLandauRun:
        """A run from f₀(r) ≥ 0, (n,) → (n,), the density for dᵈv, of any mass, shown on the open axis ``r``.

        Without ``dt``, the length of fixed steps, they follow the tolerance. ``copy`` has no effect.
        Raises ``TypeError`` for anything but a Landau equation and a function, ``ValueError`` for other
        axes, or if the nodes do not resolve the density.
        """
        if not isinstance(equation, Landau) or not callable(density):
            raise TypeError(f"needs equations.Landau and a function f(r), got {equation!r} and {density!r}")
        if grid.names != ("r",) or grid["r"].periodic or grid["r"].lower != 0:
            raise ValueError(f"isotropic data live on one open axis r that begins at 0, got {grid}")
        return RadialLandauRun(self, equation, grid, density, dt)


class RadialLandauRun:
    """State of an isotropic computation; see :class:`mfpde_solvers.evolve.Run`."""

    def __init__(
        self, solver: RadialLandau, equation: Landau, grid: Grid, density: Profile, dt: float | None
    ) -> None:
        axis = grid["r"]
        self.grid, self.time = grid, 0.0
        self._tolerance = solver.tolerance
        self._ball = ball = Ball(int(solver.nodes), equation.dim, float(equation.exponent), axis.upper)
        self._show, self._shell = lagrange(ball.s, axis.points**2 / 2), _shell(axis, equation.dim)
        self._f = np.asarray(density(ball.r), dtype=float)
        self._check(np.asarray(density(axis.points)))
        change = np.abs(ball.rate(self._f)).max() / np.abs(self._f).max()
        adaptive = AdaptiveStep(STAGES + 1, first=1e-3 / max(change, 1e-6))
        self._controller = adaptive if dt is None else FixedStep(dt)

    def _check(self, given: Array) -> None:
        top = float(np.max(given))
        if not (np.isfinite(given).all() and top > 0 and given.min() >= 0):
            raise ValueError("an isotropic density f(r) must be finite, >= 0 and not 0 everywhere")
        error = np.abs(self._show @ self._f - given).max() / top
        if not error <= 1e-4:
            raise ValueError(
                f"{self._f.size} nodes interpolate the density with an error of {error:.2g} of its maximum; "
                f"use RadialLandau(nodes={2 * self._f.size}), a smaller box, or smoother data"
            )

    @property
    def memory(self) -> int:
        """Bytes of the tables, and of the linear systems of a step."""
        n = self._f.size
        return 8 * ((6 * STAGES + 6) * n**2 + self._show.size)

    def step(self, limit: float) -> float:
        """One accepted step; 30 rejections in a row end the run."""
        control = self._controller
        for _ in range(ATTEMPTS if isinstance(control, AdaptiveStep) else 1):
            h, time = control.next(self.time, limit)
            change, error = radau_step(self._ball.rate, self._ball.jacobian, self._f, h, self._tolerance)
            good = isinstance(control, FixedStep) or control.accepts(error / self._tolerance, h)
            if good and isfinite(error):
                self._f, self.time = self._f + change, time
                return time
        raise ResolutionLost(self.time, f"a step of {h:.3g} failed; use more nodes, or a smaller dt")

    def observe(self) -> dict[str, Array]:
        """``density`` f at \\|v\\| = r, per volume dᵈv, at the cell centres of the axis ``r``."""
        return {"density": self._show @ self._f}

    def diagnostics(self) -> dict[str, float]:
        """Moments ∫f, ½∫|v|²f, ∫|v|⁴f, entropy ∫f log f, maximum, and the mass of the outermost cell."""
        f, s, w = self._f, self._ball.s, self._ball.w
        shown = self._show @ f
        return {
            "mass": float(w @ f),
            "kinetic_energy": float(w @ (s * f)),
            "fourth_moment": float(w @ (4 * s**2 * f)),
            "entropy": float(w @ (f * np.log(np.where(f > 0, f, 1.0)))),
            "maximum": float(max(f.max(), shown.max())),
            "edge_mass": float(self._shell[-1] * abs(shown[-1])),
        }

    def state(self) -> dict[str, Array]:
        """Values at the nodes, time and the controller's memory."""
        memory = self._controller.state() if isinstance(self._controller, AdaptiveStep) else {}
        return {"values": self._f, "time": np.float64(self.time), **memory}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        self._f, self.time = np.array(state["values"], dtype=float), float(state["time"])
        if isinstance(self._controller, AdaptiveStep):
            self._controller.restore(state)


def _profile(pdf: Profile, dim: int, scale: float) -> Profile:
    """f(r) of an isotropic density of v; ``ValueError`` if it differs between directions by 1e-8."""

    def profile(r: Array) -> Array:
        return np.asarray(pdf(np.multiply.outer(r, np.eye(dim)[0])))

    u = 2 * np.modf(np.outer(np.arange(1, 65), [0.8191725, 0.6710436, 0.5497005]))[0] - 1
    r, u = scale * np.arange(1, 65) / 64, u[:, :dim]
    expected = profile(r)
    turned = pdf(r[:, None] * u / np.sqrt(np.sum(u**2, axis=1, keepdims=True)))
    if not np.abs(turned - expected).max() <= 1e-8 * np.abs(expected).max():
        raise ValueError("the density differs between directions; use ConservativeLandau or SpectralLandau")
    return profile


def _shell(axis: Axis, dim: int) -> Array:
    """Volumes of the shells around the points of an axis r, by the midpoint rule."""
    return sphere(dim) * axis.spacing * axis.points ** (dim - 1)

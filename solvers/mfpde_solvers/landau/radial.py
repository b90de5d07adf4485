"""Isotropic solutions of the Landau equation, as polynomials in the energy |v|²/2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import gamma, isfinite, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.stepping import AdaptiveStep, FixedStep

__all__ = ["RadialLandau", "RadialLandauRun"]

Array = NDArray[Any]
Profile = Callable[[Array], ArrayLike]

CELLS = 128  # least number of cells on the axis r
STAGES, ITERATIONS, ATTEMPTS = 5, 12, 30


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
        self._ball = ball = _Ball(int(solver.nodes), equation.dim, float(equation.exponent), axis.upper)
        self._show, self._shell = _lagrange(ball.s, axis.points**2 / 2), _shell(axis, equation.dim)
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
            change, error = _radau_step(self._ball, self._f, h, self._tolerance)
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


class _Ball:
    """The weak form ∫φ ∂ₜf dμ = −∬ C(r, ρ) φ′(r) [f′(r) f(ρ) − f(r) f′(ρ)] for |v| < R, ′ = ∂/∂s."""

    def __init__(self, nodes: int, dim: int, exponent: float, R: float) -> None:
        s, w, D, C = _unit_ball(nodes, dim, exponent)
        self.s, self.r, self.w = s * R**2, R * np.sqrt(2 * s), _sphere(dim) * w * R**dim
        self._D, self._C = D / R**2, C * R ** (2 * dim + 4 + exponent)
        self._CD, self._divergence = self._C @ self._D, -self._D.T / (w * R**dim)[:, None]

    def rate(self, f: Array) -> Array:
        """∂ₜf at the nodes, (n, m) → (n, m)."""
        g = self._D @ f
        return np.asarray(self._divergence @ (g * (self._C @ f) - f * (self._CD @ f)))

    def jacobian(self, f: Array) -> Array:
        """Derivative of :meth:`rate`, (n, n)."""
        g, A, B = self._D @ f, self._C @ f, self._CD @ f
        flux = A[:, None] * self._D + g[:, None] * self._C - np.diag(B) - f[:, None] * self._CD
        return np.asarray(self._divergence @ flux)


@lru_cache(maxsize=8)
def _unit_ball(nodes: int, dim: int, exponent: float) -> tuple[Array, Array, Array, Array]:
    """Nodes and weights of ∫ds (2s)^{d/2−1} on [0, ½], ∂/∂s, and Cᵢⱼ = ∬(rρ)^{d+1} κ lᵢ lⱼ dr dρ for R = 1.

    κ(r, ρ) = r^γ κ(1, τ) for τ = ρ/r < 1, and C is that half and its transpose. The substitution τ = 1 − u³
    smooths the branch point (1 − τ)^{d+1+γ} of κ.
    """
    from scipy.special import roots_jacobi, roots_legendre

    x, w = roots_jacobi(nodes, 0.0, dim / 2 - 1)
    s, w = (1 + x) / 4, w / 2 ** (dim / 2 + 1)
    power = 2 * dim + 3 + exponent
    x, weight = roots_jacobi(2 * nodes + 4, 0.0, power)
    r, weight = (1 + x) / 2, weight / 2 ** (power + 1)
    x, dτ = roots_legendre(3 * nodes + 100)
    u = (1 + x) / 2
    τ, dτ = 1 - u**3, 1.5 * u**2 * dτ
    dτ *= τ ** (dim + 1) * _angular(u**3, dim, exponent)
    outer = weight[:, None] * _lagrange(s, r**2 / 2)
    half = outer.T @ np.array([dτ @ _lagrange(s, (rᵢ * τ) ** 2 / 2) for rᵢ in r])
    b = _barycentric(s)
    D = b / b[:, None] / (s[:, None] - s + np.eye(nodes))
    D -= np.diag(D.sum(axis=1))  # rows of a derivative add up to 0
    return s, w, D, half + half.T


def _angular(δ: Array, dim: int, exponent: float) -> Array:
    """κ(1, 1 − δ) = \\|S^{d−2}\\| ∫ q^γ sin^d θ dθ, q² = δ² + 4(1 − δ) sin²(θ/2), by sin(θ/2) = c sinh y."""
    from scipy.special import roots_legendre

    x, dx = roots_legendre(400)
    c = δ[:, None] / (2 * np.sqrt(1 - δ[:, None]))
    longest = np.arcsinh(1 / c)
    y, dy = longest * (1 - (1 - x) ** 2 / 4), longest * (1 - x) / 2 * dx  # quadratic at the end θ = π
    sine, q = c * np.sinh(y), δ[:, None] * np.cosh(y)
    cosine = np.sqrt(np.maximum(1 - sine**2, 0.0))
    weight = 2 * _sphere(dim - 1) * c * np.cosh(y) * dy
    return np.asarray(np.sum(q**exponent * (2 * sine) ** dim * cosine ** (dim - 1) * weight, axis=1))


def _barycentric(s: Array) -> Array:
    return np.asarray(1 / np.prod((s[:, None] - s) * (4 / np.ptp(s)) + np.eye(s.size), axis=1))


def _lagrange(s: Array, points: Array) -> Array:
    """Values of the Lagrange polynomials of nodes (n,) at points (m,), shape (m, n)."""
    distance = points[:, None] - s
    q = _barycentric(s) / np.where(distance == 0, 1e-200, distance)
    return np.asarray(q / q.sum(axis=1, keepdims=True))


@lru_cache(maxsize=1)
def _radau() -> tuple[Array, ...]:
    """A = T diag(μ) T⁻¹ of Radau IIA, μ₀ real, T⁻¹, and e of an embedded formula: error μ₀hf′ + Σ eᵢZᵢ."""
    k = np.arange(1, STAGES + 1)
    c = (1 + np.sort(np.polynomial.legendre.legroots([*np.zeros(STAGES - 1), -1.0, 1.0]).real)) / 2
    V = c[:, None] ** (k - 1)
    A = (c[:, None] ** k / k) @ np.linalg.inv(V)
    μ, T = np.linalg.eig(A)
    μ, T = μ[np.argsort(np.abs(μ.imag))], T[:, np.argsort(np.abs(μ.imag))]
    e = np.linalg.solve(V.T, -μ[0].real * (k == 1)) @ np.linalg.inv(A)
    return A, μ, T, np.linalg.inv(T), e


def _radau_step(ball: _Ball, f: Array, h: float, tolerance: float) -> tuple[Array, float]:
    """Change of f in a step and its error over the maximum of f; infinite if Newton's iteration fails."""
    A, μ, T, modes, e = _radau()
    top = np.abs(f).max()
    # In the modes of A the system of all stages falls into one for each, a small one.
    inverses = np.linalg.inv(np.eye(f.size) - h * μ[:, None, None] * ball.jacobian(f))
    Z = np.zeros((f.size, STAGES))
    for _ in range(ITERATIONS):
        residual = h * ball.rate(f[:, None] + Z) @ A.T - Z
        change = (np.einsum("kij,jk->ik", inverses, residual @ modes.T) @ T.T).real
        Z += change
        if np.abs(change).max() <= max(1e-3 * tolerance, 1e-14) * top:
            error = inverses[0].real @ (h * μ[0].real * ball.rate(f) + Z @ e)
            return Z[:, -1], float(np.abs(error).max() / top)
    return Z[:, -1], np.inf


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
    return _sphere(dim) * axis.spacing * axis.points ** (dim - 1)


def _sphere(dim: int) -> float:
    return float(2 * pi ** (dim / 2) / gamma(dim / 2))

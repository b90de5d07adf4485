"""The radial Gaussian of Lazarovici and Pickl's system: its fields, force variance and characteristics."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import pi
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["characteristics", "field_of", "fluctuation_square", "marginal", "radial_run", "regularised"]

Array = NDArray[Any]


@lru_cache(maxsize=64)
def _gaussian_shells(count: int = 2**13) -> tuple[Array, Array]:
    """Shells of equal mass of N(0, I) in three dimensions: radii at the quantiles (k − ½)/n, masses."""
    from scipy.special import gammaincinv

    quantiles = (np.arange(count) + 0.5) / count
    return np.sqrt(2 * gammaincinv(1.5, quantiles)), np.full(count, 1 / count)


def field_of(epsilon: float) -> Any:
    """(k_ε∗ρ)(r) along the radius for ρ = N(0, I), k_ε the Coulomb kernel with cut-off."""
    from mfpde_solvers.kernels import Coulomb
    from mfpde_solvers.vlasov.shell_field import ShellField

    return ShellField(Coulomb(3, 1.0, epsilon), *_gaussian_shells()).force


def fluctuation_square(size: int, epsilon: float) -> float:
    """E|N⁻¹Σ_{j≠i} k_ε(qᵢ − qⱼ) − k_ε∗ρ(qᵢ)|² for N independent points of ρ = N(0, I) in three dimensions.

    It is (N−1)/N² (E|k_ε(q₁ − q₂)|² − E|k_ε∗ρ(q)|²) + N⁻² E|k_ε∗ρ(q)|². As q₁ − q₂ ~ N(0, 2I) the first
    mean is an integral over its length; the dominant part is (6/5)·4π(4π)^{−3/2}/ε, so the root is like
    N^{−(1−δ)/2} for ε = N^−δ.
    """
    from scipy.integrate import quad

    ε = epsilon

    def density(r: Any) -> Any:
        return 4 * pi * r**2 * (4 * pi) ** -1.5 * float(np.exp(-(r**2) / 4))

    inside = quad(lambda r: density(r) * r**2 / ε**6, 0, ε)[0]
    outside = quad(lambda r: density(r) / r**4, ε, np.inf)[0]
    radii, masses = _gaussian_shells()
    mean = float(masses @ field_of(ε)(radii) ** 2)
    N = size
    return float((N - 1) / N**2 * (inside + outside - mean) + mean / N**2)


@lru_cache(maxsize=4)
def marginal(time: float, shells: int) -> xr.DataArray:
    """The density along x at a time of Vlasov–Poisson without a cut-off, from spherical shells.

    A shell of radius r is uniform along x on [−r, r].
    """
    from mfpde.dataset import field
    from mfpde_solvers.grid import Axis, Grid

    run = radial_run(0.0, shells)
    while run.time < time:
        run.step(time)
    final = run.shells
    order = np.argsort(final.radius)
    r, w = final.radius[order], final.mass[order]
    grid = Grid((Axis("x", -12.0, 12.0, 2400, "open"),))
    inner = np.concatenate([np.cumsum((w / (2 * r))[::-1])[::-1], [0.0]])
    density = inner[np.searchsorted(r, np.abs(grid["x"].points), "right")]
    return field(density / grid.integrate(density), grid, "density")


def radial_run(epsilon: float, count: int, equation: Any = None, dt: float = 0.05) -> Any:
    """A radial run of the Gaussian by Vlasov–Poisson with the cut-off ε, or by an equation."""
    from mfpde.problems import lazarovici_pickl
    from mfpde_solvers.vlasov import RadialVlasov

    problem, solver = lazarovici_pickl(), RadialVlasov(shells=count)
    equation = regularised(epsilon).equation if equation is None else equation
    return solver.prepare(equation, *solver.discretise(problem.law.pdf, problem.grid), dt=dt)


def regularised(epsilon: float) -> Any:
    """The radial Gaussian with the cut-off ε."""
    from mfpde.problems import lazarovici_pickl

    problem = lazarovici_pickl()
    equation: Any = problem.equation
    return problem.replace(equation=replace(equation, kernel=replace(equation.kernel, cutoff=epsilon)))


def characteristics(run: Any, points: Array, time: float, steps: int) -> Array:
    """Points (n, 6) of phase space led to a time by the field of a radial run, by leapfrog."""
    x, v, h = points[:, :3].copy(), points[:, 3:].copy(), time / steps

    def kick() -> Array:
        r = np.sqrt((x**2).sum(1, keepdims=True))
        return np.asarray(h / 2 * run.force(r) * x / r)

    for step in range(steps):
        v += kick()
        x += h * v
        run.step((step + 1) * h)
        v += kick()
    return np.concatenate([x, v], axis=1)

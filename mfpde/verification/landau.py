"""The Landau equation: invariants, exact solutions of Maxwell molecules, bounds, colliding particles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfpde import problems
from mfpde.laws import Maxwellian, Product
from mfpde.problems import Problem
from mfpde.problems.landau import BKWSolution
from mfpde.solvers import SpectralLandau
from mfpde.verification.checks import FloatArray, check, course, particles, solved
from mfpde.verification.facts import Fact, constant, decreasing, equal, kept, mean
from mfpde_solvers.equations import Landau

__all__: list[str] = []

NAME = "landau"
ORDER_8 = "differences of order 8 on the default cells"


@check(NAME)
def bkw() -> Iterator[Fact]:
    """Maxwell molecules along the exact solution of Bobylev, Krook and Wu, d = 2."""
    yield from _bkw(2, 1e-4)


@check(NAME, full=True)
def bkw_in_space() -> Iterator[Fact]:
    """The same in three dimensions."""
    yield from _bkw(3, 1e-3)


def _bkw(dim: int, tolerance: float) -> Iterator[Fact]:
    problem = problems.bkw(dim)
    exact, T = problem.exact, problem.horizon
    assert isinstance(exact, BKWSolution)
    found = solved(problem, [0.0, T / 4, T])
    yield kept(f"mass, d = {dim}", course(found, "mass"), 1e-12, "round-off")
    yield kept(f"momentum, d = {dim}", course(found, "momentum_x"), 1e-12, "round-off")
    yield kept(f"energy, d = {dim}", course(found, "kinetic_energy"), 1e-12, "round-off")
    yield decreasing(f"the entropy, d = {dim}", course(found, "entropy"), 1e-12)
    for place, t in ((1, T / 4), (2, T)):
        f = exact(t, problem.grid.points)
        error = np.abs(found["density"][place].values - f).max() / f.max()
        yield equal(f"error of BKW, d = {dim}, t = {t:g}", 0.0, error, tolerance, ORDER_8)
    K = exact.at(T).k
    expected = dim * (dim + 2) * K * (2 - K)
    M4 = course(found, "fourth_moment")[-1]
    yield equal(f"∫|v|⁴f of BKW, d = {dim}", expected, M4, tolerance * expected, ORDER_8)


@check(NAME)
def temperatures() -> Iterator[Fact]:
    """The temperature tensor of Maxwell molecules relaxes at the rate 4d, d = 2."""
    found = solved(problems.anisotropic_landau(), np.linspace(0, 0.25, 6))
    T = course(found, "temperature_xx")[[0, -1]] - 1
    measured = -np.log(T[1] / T[0]) / 0.25
    yield equal("relaxation rate of temperatures", 8.0, measured, 1e-3, ORDER_8)


@check(NAME)
def logarithmic_bounds() -> Iterator[Fact]:
    """Bounds of the logarithmic derivatives, d = 2."""
    found = solved(problems.anisotropic_landau(), [0.0, 0.25], solver=SpectralLandau(bounds=True))
    for name, label in (("gradient", "|∇log f| / (1 + √t + |v|)"), ("hessian", "|∇²log f| / (1 + t + |v|²)")):
        yield constant(label, course(found, f"log_{name}_quotient").max())


@check(NAME, full=True)
def coulomb() -> Iterator[Fact]:
    """Coulomb collisions of a shell, d = 3: invariants."""
    found = solved(problems.coulomb_ring(), [0.0, 0.1], save=())
    for name in ("mass", "kinetic_energy"):
        yield kept(
            f"Coulomb: {name.replace('_', ' ')}", course(found, name), 1e-6, "the accuracy of the solution"
        )
    yield decreasing("the entropy, Coulomb", course(found, "entropy"), 1e-10)


@check(NAME)
def colliding_particles() -> Iterator[Fact]:
    """Maxwell molecules at finite N: energy, loss and relaxation of the temperature."""
    for dim, N, t in ((2, 5, 0.25), (3, 20, 0.25)):
        v = _collisions(dim, [1.0] * dim, N, 8000 // N, t, 1 / 200)
        energy = (v**2).sum(axis=-1).mean(axis=-1)
        yield mean(f"particles, d = {dim}, N = {N}: gain of energy", energy[1] - energy[0], 0.0)
        yield mean(f"particles, d = {dim}, N = {N}: momentum", v[1, ..., 0].mean(axis=-1), 0.0)
        trace = np.trace(_covariance(v[1]), axis1=1, axis2=2)
        expected = dim * (1 - 1 / N) * np.exp(-4 * (dim - 1) * t / N)
        yield mean(f"particles, d = {dim}, N = {N}: E tr Q", trace, expected)
    N, t = 6, 0.05
    v = _collisions(2, [1.3, 0.7], N, 1500, t, 1 / 1000)
    before, after = (Q[:, 0, 0] - Q[:, 1, 1] for Q in (_covariance(v[0]), _covariance(v[1])))
    decay = np.exp(-(8 - 4 / N) * t)
    yield mean("particles, d = 2, N = 6: anisotropy of E Q", after - decay * before + decay, decay)


def _collisions(dim: int, speeds: list[float], N: int, replicas: int, t: float, dt: float) -> FloatArray:
    """Velocities (time, replica, particle, axis) at 0 and t."""
    law = Product([Maxwellian(0.0, s) for s in speeds])
    problem = Problem(Landau(dim, 0.0), law, problems.bkw(dim).grid, t)
    return particles(problem, N, [0.0, t], replicas, dt)[0]


def _covariance(v: FloatArray) -> FloatArray:
    u = v - v.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("rni,rnj->rij", u, u) / v.shape[1])

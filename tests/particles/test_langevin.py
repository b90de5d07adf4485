"""Kinetic Langevin particles against Ornstein–Uhlenbeck processes."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.laws import Maxwellian, Product
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.kernels import Coulomb, Harmonic

PHASE = mf.Grid((mf.Axis("x", -8.0, 8.0, 32, "open"), mf.Axis("v", -8.0, 8.0, 32, "open")))


def moments(equation, time, dt, size=200, replicas=100):
    law = Product((Maxwellian(0.0, 0.5), Maxwellian(0.0, 0.5)))
    found = mf.simulate(mf.Problem(equation, law, PHASE, time), size, [time], replicas=replicas, dt=dt)
    return found["x"].values[0], found["v"].values[0]


def z_score(samples, expected):
    return (samples.mean() - expected) / (samples.std(ddof=1) / np.sqrt(samples.size))


@pytest.mark.parametrize("friction", [0.0, 0.8])
def test_free_particles_are_exact_in_velocity(friction):
    """Var V = e^{−2ζt}s² + (σ/ζ)(1 − e^{−2ζt}) for any step."""
    σ, t = 0.6, 1.5
    gain = 2 * σ * t if friction == 0 else σ / friction * (1 - np.exp(-2 * friction * t))
    _, v = moments(Vlasov(Coulomb(1, 1e-9), friction, σ), t, dt=0.5)
    assert abs(z_score(v**2, 0.25 * np.exp(-2 * friction * t) + gain)) < 4
    assert abs(z_score(v**2, 0.25 * np.exp(-2 * friction * t) + gain / 2)) > 8


def covariance(ζ, σ, k, t):
    """Covariance of dX = V dt, dV = −kX dt − ζV dt + √(2σ) dB from the start I/4, by matrix exponentials."""
    from scipy.linalg import expm, solve_continuous_lyapunov

    A = np.array([[0.0, 1.0], [-k, -ζ]])
    stationary = solve_continuous_lyapunov(A, -np.diag([0.0, 2 * σ]))
    e = expm(A * t)
    return stationary + e @ (np.eye(2) / 4 - stationary) @ e.T


def test_a_trap_with_friction_and_noise():
    ζ, σ, t = 0.7, 0.5, 2.0
    C = covariance(ζ, σ, 1.0, t)
    x, v = moments(Vlasov(Coulomb(1, 1e-9), ζ, σ, drift=lambda x: -x), t, dt=0.05)
    assert abs(z_score(x**2, C[0, 0])) < 4
    assert abs(z_score(v**2, C[1, 1])) < 4
    assert abs(z_score(x * v, C[0, 1])) < 4


def test_harmonic_particles_at_finite_size():
    """Deviations from the centre are those in a trap; the centre is free."""
    ζ, σ, t, N = 0.7, 0.5, 1.0, 4
    C, free = covariance(ζ, σ, 1.0, t), covariance(ζ, σ, 0.0 + 1e-9, t)
    x, _ = moments(Vlasov(Harmonic(1, 1.0), ζ, σ), t, dt=0.05, size=N, replicas=3000)
    spread = ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / (N - 1)
    assert abs(z_score(spread, C[0, 0])) < 4
    assert abs(z_score(N * x.mean(axis=1) ** 2, free[0, 0])) < 4


def test_weak_order_two():
    """The exact recursion of covariances of the scheme in a trap approaches the exact one like h²."""
    ζ, σ, t = 0.7, 0.5, 1.0
    exact, errors = covariance(ζ, σ, 1.0, t), []
    for n in (5, 10, 20):
        h = t / n
        kick, drift = np.array([[1, 0], [-h / 2, 1]]), np.array([[1, h / 2], [0, 1]])
        decay = np.diag([1.0, np.exp(-ζ * h)])
        noise = np.diag([0.0, σ / ζ * (1 - np.exp(-2 * ζ * h))])
        C = np.eye(2) / 4
        for _ in range(n):
            C = drift @ kick @ C @ (drift @ kick).T
            C = decay @ C @ decay.T + noise
            C = kick @ drift @ C @ (kick @ drift).T
        errors.append(np.abs(C - exact).max())
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2.0, abs=0.2)
    x, _ = moments(Vlasov(Coulomb(1, 1e-9), ζ, σ, drift=lambda x: -x), t, dt=0.2)
    h, C = 0.2, np.eye(2) / 4
    kick, drift = np.array([[1, 0], [-h / 2, 1]]), np.array([[1, h / 2], [0, 1]])
    for _ in range(5):
        C = drift @ kick @ C @ (drift @ kick).T
        C = np.diag([1.0, np.exp(-ζ * h)]) @ C @ np.diag([1.0, np.exp(-ζ * h)])
        C = kick @ drift @ (C + np.diag([0.0, σ / ζ * (1 - np.exp(-2 * ζ * h))])) @ (kick @ drift).T
    assert abs(z_score(x**2, C[0, 0])) < 4


def test_the_plasma_stays_thermal():
    """Vlasov–Poisson–Fokker–Planck at equilibrium but for a small wave: E V² = σ/ζ at every time."""
    problem = mf.problems.vlasov_fokker_planck().replace(horizon=2.0)
    found = mf.simulate(problem, 1024, [0.0, 2.0], replicas=16)
    expected = problem.equation.diffusion / problem.equation.friction
    assert abs(z_score((found["v"].isel(time=-1).values ** 2).mean(axis=1), expected)) < 4

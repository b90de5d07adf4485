"""Colliding particles against the laws of Maxwell molecules at finite N."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.laws import Maxwellian, Product
from mfpde.particles.collisions import collision_sums, noise_of
from mfpde_solvers.equations import Landau


def velocities(dim):
    return mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 16, "open") for name in ("vx", "vy", "vz")[:dim]))


def ensemble(equation, law, size, replicas, time, dt):
    grid = velocities(equation.dim)
    found = mf.simulate(mf.Problem(equation, law, grid, time), size, [0.0, time], replicas=replicas, dt=dt)
    return np.stack([found[name].values for name in grid.names], axis=-1)


def z_score(samples, expected):
    return (samples.mean() - expected) / (samples.std(ddof=1) / np.sqrt(len(samples)))


def covariances(v):
    u = v - v.mean(axis=1, keepdims=True)
    return np.einsum("rni,rnj->rij", u, u) / v.shape[1]


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("exponent", [-3.0, -1.0, 0.5, 0.0])
def test_sums_over_pairs_are_those_of_the_equation(dim, exponent):
    equation = Landau(dim, max(exponent, -dim))
    v = np.random.default_rng(1).standard_normal((40, dim))
    v[7] = v[3]  # two at the same place do not collide
    drift, A = collision_sums(v, equation.exponent)
    z = v[:, None] - v[None]
    assert np.allclose(drift, 2 * equation.vector(z).mean(axis=1), rtol=1e-12, atol=1e-13)
    assert np.allclose(A, equation.matrix(z).mean(axis=1), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dim", [2, 3])
def test_square_roots_are_the_symmetric_ones(dim):
    rng = np.random.default_rng(2)
    F = rng.standard_normal((50, dim, dim))
    A = F @ F.transpose(0, 2, 1)
    A[0] = 0.0
    A[1] = 2.0 * np.eye(dim)
    A[2] = np.diag([1.0, 0.0, 4.0][:dim])  # singular
    x = rng.standard_normal((50, dim))
    values, vectors = np.linalg.eigh(A)
    roots = np.sqrt(np.maximum(values, 0.0))
    expected = np.einsum("nij,nj,nkj,nk->ni", vectors, roots, vectors, x)
    assert np.allclose(noise_of(A, x), expected, atol=1e-7)
    assert np.allclose(noise_of(A[3:], x[3:]), expected[3:], atol=1e-10)


@pytest.mark.parametrize(("dim", "N"), [(2, 5), (2, 20), (3, 5), (3, 50)])
def test_energy_and_loss_of_temperature_at_finite_size(dim, N):
    """γ = 0: the mean energy is kept, E tr Q = d(1 − 1/N) e^{−4(d−1)t/N}."""
    t, replicas = 0.25, 8000 // N
    v = ensemble(Landau(dim, 0.0), Maxwellian((0.0,) * dim, 1.0, dim), N, replicas, t, dt=1 / 200)
    energy = (v**2).sum(axis=-1).mean(axis=-1)
    assert abs(z_score(energy[1] - energy[0], 0.0)) < 4
    trace = np.trace(covariances(v[1]), axis1=1, axis2=2)
    rate = 4 * (dim - 1) / N
    assert abs(z_score(trace, dim * (1 - 1 / N) * np.exp(-rate * t))) < 4
    if N == 5:
        assert abs(z_score(trace, dim * (1 - 1 / N))) > 5  # as if nothing were lost


@pytest.mark.parametrize(("dim", "N"), [(2, 6), (3, 12)])
def test_decay_of_anisotropy_at_finite_size(dim, N):
    """γ = 0: the traceless part of E Q decays at the rate 4d − 4/N."""
    t = 0.05
    law = Product([Maxwellian(0.0, s) for s in (1.3, 0.7, 0.9)[:dim]])
    v = ensemble(Landau(dim, 0.0), law, N, 1500, t, dt=1 / 1000)
    before, after = (Q[:, 0, 0] - Q[:, 1, 1] for Q in (covariances(v[0]), covariances(v[1])))
    decay = np.exp(-(4 * dim - 4 / N) * t)
    assert abs(z_score(after - decay * before, 0.0)) < 4
    assert abs(z_score(after - np.exp(-4 * dim * t / 2) * before, 0.0)) > 5


def test_coulomb_particles_relax_at_the_initial_rate(reference):
    """dT∥/dt of a bi-Maxwellian, d = 3, γ = −3, over a short time."""
    case = reference["E.coulomb3d.bimax.dTpar_dt(Tpar=0.6,Tper=1.2)"]
    law = Product([Maxwellian(0.0, np.sqrt(T)) for T in (0.6, 1.2, 1.2)])
    t = 0.1
    v = ensemble(Landau(3, -3.0), law, 400, 40, t, dt=1 / 100)
    gain = (v[1, ..., 0] ** 2 - v[0, ..., 0] ** 2).mean(axis=1)
    # the rate falls with the anisotropy, which itself relaxes at about 2 · 0.206/0.6 · 1.5: a few per cent
    relaxing = case["value"] * t * (1 - t / 2 * 1.5 * 2 * case["value"] / 0.6)
    assert abs(z_score(gain, relaxing)) < 4
    assert abs(z_score(gain, 2 * relaxing)) > 5

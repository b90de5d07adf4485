"""The hierarchy holds along replicas; wrong factors (N − k), w and m_j are seen."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import mfpde as mf
from mfpde.chaos.cumulants.bbgky import _Budget, bbgky_residual


def phases(scaling="1/N", diffusion=0.5, coupling=3.0, drift=None):
    equation = mf.equations.McKeanVlasov(mf.kernels.Kuramoto(coupling), diffusion, drift, scaling)
    return mf.problems.kuramoto(amplitude=0.9).replace(equation=equation)


TIMES = np.linspace(0.0, 0.4, 9)


@pytest.fixture(scope="module")
def oscillators():
    return mf.simulate(phases(), 4, TIMES, replicas=1000, dt=0.05, seed=1)


each_mode = pytest.mark.parametrize(("modes", "order"), [([1], 1), ([[1], [-1]], 2), ([[1], [1]], 2)])


@each_mode
def test_the_hierarchy_holds(oscillators, modes, order):
    found = bbgky_residual(oscillators, phases(), modes)
    assert found.attrs["order"] == order
    later = found.isel(time=slice(1, None))
    assert float(abs(later.score).max()) < 3
    # the integral in time is exact enough for the score to mean something
    assert bool((later.quadrature < later.stderr / 10).all())
    total = found.external + found.diffusion + found.inside + found.outside
    np.testing.assert_allclose(found.residual, found.change - total, atol=1e-15)


@each_mode
def test_a_wrong_number_of_others_is_seen(oscillators, modes, order):
    """N in place of N − k: the residual less what the surplus adds."""
    found = bbgky_residual(oscillators, phases(), modes).isel(time=-1)
    surplus = found.outside * (4 / (4 - order) - 1)
    assert abs(float((found.residual - surplus) / found.stderr)) > 5


@pytest.mark.parametrize("modes", [[1], [[1], [-1]]])
def test_a_wrong_weight_is_seen(oscillators, modes):
    """1/(N − 1) in place of 1/N."""
    wrong = bbgky_residual(oscillators, phases("1/(N-1)"), modes)
    assert abs(float(wrong.score[-1])) > 5


def test_missing_pairs_inside_are_seen(oscillators):
    found = bbgky_residual(oscillators, phases(), [[1], [-1]]).isel(time=-1)
    assert abs(float((found.residual + found.inside) / found.stderr)) > 5
    single = bbgky_residual(oscillators, phases(), [1])
    assert float(abs(single.inside).max()) == 0


@pytest.fixture(scope="module")
def charged():
    """Circulations −1 and 3 that depend on the place."""
    law = mf.laws.Mixture((mf.laws.Perturbed(1.0, 0.9), mf.laws.Perturbed(1.0, -0.9)), (0.5, 0.5))
    equation = mf.equations.McKeanVlasov(mf.kernels.Kuramoto(3.0), 0.3, circulations=(-1.0, 3.0))
    problem = mf.problems.kuramoto().replace(equation=equation, law=law)
    return problem, mf.simulate(problem, 5, TIMES, replicas=800, dt=0.05, seed=2)


@pytest.mark.parametrize("modes", [[1], [[1], [-1]]])
def test_wrong_circulations_are_seen(charged, modes):
    """With M = 1, or those of other particles, the residual is far from 0."""
    problem, particles = charged
    right = bbgky_residual(particles, problem, modes)
    assert float(abs(right.score).max()) < 3
    for planted in (1.0 + 0 * particles.circulation, particles.circulation.roll(particle=1)):
        wrong = bbgky_residual(particles.assign(circulation=planted), problem, modes)
        assert abs(float(wrong.score[-1])) > 5


def test_external_drift_in_the_plane():
    """An open domain in two dimensions: harmonic attraction and a shear of one's own."""

    def shear(x):
        return np.stack([0.8 * x[..., 1], np.zeros_like(x[..., 0])], axis=-1)

    equation = mf.equations.McKeanVlasov(mf.kernels.Harmonic(2, 1.0), 0.4, shear)
    problem = mf.problems.harmonic(2).replace(equation=equation)
    particles = mf.simulate(problem, 3, TIMES[:5], replicas=300, dt=0.05, seed=3)
    for modes in ([3, 2], [[3, 2], [-2, 1]]):
        found = bbgky_residual(particles, problem, modes).isel(time=slice(1, None))
        assert float(abs(found.score).max()) < 3
        assert float(abs(found.external[-1])) > 5 * float(found.quadrature[-1])
        assert bool((found.quadrature < found.stderr / 3).all())


def test_without_noise_only_the_quadrature_is_left():
    """Dynkin's formula holds for every replica: the residual is that of the trapezoidal rule, O(h²)."""
    problem = phases(diffusion=0.0)
    residuals = []
    for steps in (8, 16):
        particles = mf.simulate(problem, 5, np.linspace(0, 0.8, steps + 1), replicas=3, dt=0.025, seed=4)
        found = bbgky_residual(particles, problem, [[1], [-1]])
        residuals.append(abs(float(found.residual[-1])))
        assert residuals[-1] == pytest.approx(float(found.quadrature[-1]), rel=0.1)
    assert np.log2(residuals[0] / residuals[1]) == pytest.approx(2, abs=0.1)


def test_means_over_tuples_by_hand():
    """``outside`` is (N − 2) w times the mean over triples of different particles, ``inside`` over pairs."""
    N, κ, λ = 5, 1, -2
    rng = np.random.default_rng(5)
    x, m = rng.uniform(0, 2 * np.pi, (N, 1)), rng.normal(size=N)
    problem = phases(drift=lambda x: 0.3 * np.cos(x))
    budget = _Budget.of(problem, [[κ], [λ]], N)
    φ, external, diffusion, inside, outside = budget.along(x[None], m)[0]

    def K(i, j):
        return -3.0 * np.sin(x[i, 0] - x[j, 0])

    def slope(i, j):  # ∇ of cos(κxᵢ + λxⱼ), without its wavenumber
        return -np.sin(κ * x[i, 0] + λ * x[j, 0])

    pairs, triples = list(permutations(range(N), 2)), list(permutations(range(N), 3))
    assert φ == pytest.approx(np.mean([np.cos(κ * x[i, 0] + λ * x[j, 0]) for i, j in pairs]))
    assert diffusion == pytest.approx(-0.5 * (κ**2 + λ**2) * φ)
    S = 0.3 * np.cos(x[:, 0])
    assert external == pytest.approx(np.mean([slope(i, j) * (κ * S[i] + λ * S[j]) for i, j in pairs]))
    among = [slope(i, j) * (κ * m[j] * K(i, j) + λ * m[i] * K(j, i)) for i, j in pairs]
    assert inside == pytest.approx(np.mean(among) / N)
    beyond = [slope(i, j) * m[l] * (κ * K(i, l) + λ * K(j, l)) for i, j, l in triples]
    assert outside == pytest.approx((N - 2) / N * np.mean(beyond))
    first = _Budget.of(problem, [κ], N).along(x[None], m)[0]
    single = [-np.sin(κ * x[i, 0]) * κ * m[j] * K(i, j) for i, j in pairs]
    assert first[4] == pytest.approx((N - 1) / N * np.mean(single))


def test_refusals(oscillators):
    problem = phases()
    for modes in ([0], [1.5], [1, 2], [[1], [1], [1]], [[[1]]]):
        with pytest.raises(ValueError, match="mode"):
            bbgky_residual(oscillators, problem, modes)
    with pytest.raises(ValueError, match="no variable circulation"):
        bbgky_residual(oscillators.drop_vars("circulation"), problem, [1])
    with pytest.raises(ValueError, match="two replicas"):
        bbgky_residual(oscillators.isel(replica=[0]), problem, [1])
    with pytest.raises(ValueError, match="first-order"):
        bbgky_residual(oscillators, mf.problems.bkw(2), [1])
    with pytest.raises(ValueError, match="k < N"):
        bbgky_residual(oscillators.isel(particle=[0, 1]), problem, [[1], [1]])

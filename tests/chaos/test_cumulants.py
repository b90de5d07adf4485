"""Dual cumulants against Gaussian flows worked out by hand, completeness, orders in N, and determinism."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import comb
from types import SimpleNamespace

import numpy as np
import pytest

import mfpde as mf
from mfpde.chaos.cumulants.cube import Cube, estimates, walsh_coefficients
from mfpde.chaos.cumulants.estimates import DualCumulant, dual_cumulants
from mfpde.chaos.metric import Metric
from mfpde.chaos.rates import fit_rate
from mfpde.particles.simulation import system_for


def first(x):
    return x[..., 0]


def square(x):
    return x[..., 0] ** 2


def harmonic(diffusion):
    return mf.problems.harmonic(1, 1.0, 1.0, 1.0).replace(
        equation=mf.equations.McKeanVlasov(mf.kernels.Harmonic(1, 1.0), diffusion)
    )


def phases(diffusion=0.0, coupling=2.0, amplitude=0.8, scaling="1/N"):
    """Oscillators that are far from uniform, so that few samples show the smooth limit of N^n D_A."""
    equation = mf.equations.McKeanVlasov(mf.kernels.Kuramoto(coupling), diffusion, scaling=scaling)
    return mf.problems.kuramoto(amplitude=amplitude).replace(equation=equation)


def test_walsh_coefficients_are_those_of_the_polynomial():
    rng = np.random.default_rng(1)
    v = rng.normal(size=(2, 2, 2))
    signs = np.array([1.0, -1.0])
    corners = np.zeros((2, 2, 2))
    for i, j, k in np.ndindex(2, 2, 2):
        corners += v[i, j, k] * np.multiply.outer(np.multiply.outer(signs**i, signs**j), signs**k)
    np.testing.assert_allclose(walsh_coefficients(corners), v, atol=1e-15)


def test_estimates_are_products_of_mixed_differences():
    """Against the definition: D_A at opposite positions of the other groups, averaged over all of them."""
    rng = np.random.default_rng(2)
    V, W = rng.normal(size=(2, 2, 2, 2))
    squared, superset, variance, second = estimates(np.array([V, W]), 2)

    def mixed(U):
        return U[0, 0] - U[1, 0] - U[0, 1] + U[1, 1]  # over the rest

    assert superset[2] == pytest.approx(np.mean(mixed(V) * mixed(W)) / 4)
    assert squared[2] == pytest.approx(np.mean(mixed(V) * mixed(W)[::-1]) / 4)
    one = [np.mean((V[0] - V[1]) * (W[0] - W[1])[::-1, ::-1]) / 2]
    V, W = V.swapaxes(0, 1), W.swapaxes(0, 1)
    one.append(np.mean((V[0] - V[1]) * (W[0] - W[1])[::-1, ::-1]) / 2)
    assert squared[1] == pytest.approx(np.mean(one))
    assert squared[0] == pytest.approx(np.mean(V * W[::-1, ::-1, ::-1]))
    assert second == pytest.approx(np.mean(V * W))
    opposite = V[::-1, ::-1, ::-1], W[::-1, ::-1, ::-1]
    assert variance == pytest.approx(np.mean((V - opposite[0]) * (W - opposite[1])) / 2)


@pytest.mark.parametrize("diffusion", [0.0, 0.3])
@pytest.mark.parametrize("size", [2, 3])
def test_the_decomposition_is_complete_sample_by_sample(size, diffusion):
    """Σ binom(N,n) ‖C_{N,n}‖² = ‖Φ_N‖²: where all particles are groups it holds for every cube."""
    found = dual_cumulants(
        phases(diffusion), size, times=[0.5], orders=range(1, size + 1), samples=3, dt=0.25
    )
    total = found.mean_square + found.rescaled.sum("order")
    np.testing.assert_allclose(total, found.second_moment, rtol=1e-12)
    np.testing.assert_allclose(found.rescaled.sel(order=size), found.superset.sel(order=size), rtol=1e-10)


def exact_squares(size, time, steps, diffusion):
    """‖C_{N,n}‖² for φ = x² in the harmonic flow from N(0, 1), n = 0, 1, 2, and Var Φ_N.

    X̄ is a martingale and Xᵢ − X̄ shrinks by the factor e^{−t}, in discrete time by that of the scheme. So
    Φ_N = p N⁻¹Σxᵢ² + q X̄² + c with p = e^{−2t} and q = 1 − p: C₁ = (p/N + q/N²)(x² − 1), C₂ = 2qxy/N².
    """
    h = time / steps
    factor = 1 - h + h**2 / 2 + (0.0 if diffusion else -(h**3) / 6 + h**4 / 24)
    p = factor ** (2 * steps)
    q, N = 1 - p, size
    noise = (
        2 * diffusion * time / N + (1 - 1 / N) * diffusion * q
    )  # σ/a (1 − e^{−2at}), and 2σt of the centre
    C1, C2 = 2 * (p / N + q / N**2) ** 2, 4 * q**2 / N**4
    return (p + q / N + noise) ** 2, C1, C2, N * C1 + comb(N, 2) * C2


@pytest.mark.parametrize(("diffusion", "size", "samples"), [(0.0, 6, 500), (0.3, 4, 120)])
def test_a_polynomial_flow_by_hand(diffusion, size, samples):
    T, steps = 0.5, 4
    found = dual_cumulants(
        harmonic(diffusion), size, square, [T], orders=(1, 2), samples=samples, dt=T / steps, seed=3
    ).sel(time=T)
    C0, C1, C2, variance = exact_squares(size, T, steps, diffusion)
    scores = {
        "order 1": (found.squared_norm.sel(order=1) - C1) / found.squared_norm_stderr.sel(order=1),
        "order 2": (found.squared_norm.sel(order=2) - C2) / found.squared_norm_stderr.sel(order=2),
        "superset 1": (found.superset.sel(order=1) - C1 - (size - 1) * C2)
        / found.superset_stderr.sel(order=1),
        "superset 2": (found.superset.sel(order=2) - C2) / found.superset_stderr.sel(order=2),
        "variance": (found.variance - variance) / found.variance_stderr,
        "mean": (found.mean_square - C0) / found.mean_square_stderr,
        "share": (found.share.sel(order=2) - comb(size, 2) * C2 / variance) / found.share_stderr.sel(order=2),
    }
    # the discrete noise differs from the exact one by O(dt²), 1e-3, far below the error of the mean
    assert all(abs(float(z)) < 3.5 for z in scores.values()), scores
    assert float(found.squared_norm_stderr.sel(order=2)) < 0.3 * C2  # the test has power


def test_a_quadratic_flow_has_no_triples():
    """Round-off of D₁₂₃, about 1e-15, is all that is left."""
    found = dual_cumulants(harmonic(0.3), 5, square, [0.5], samples=4, dt=0.25)
    assert float(np.abs(found.squared_norm.sel(order=3)).max()) < 1e-28
    assert float(found.superset.sel(order=2).max()) > 1e-4


def test_a_linear_observable_stays_a_sum():
    """X̄ is conserved: C₁ = x/N, and no pairs at any time."""
    found = dual_cumulants(harmonic(0.0), 5, first, [0.0, 1.0], orders=(1, 2), samples=200, dt=0.25)
    assert float(np.abs(found.squared_norm.sel(order=2)).max()) < 1e-30
    z = (found.squared_norm.sel(order=1) - 1 / 25) / found.squared_norm_stderr.sel(order=1)
    assert float(np.abs(z).max()) < 3.5
    np.testing.assert_allclose(found.squared_norm[0], found.squared_norm[1], atol=1e-14)


def test_orders_in_the_number_of_particles():
    """E D₁₂²/4 = O(N⁻⁴), E D₁²/2 = O(N⁻²), and the orders ≥ 2 have a share O(1/N) of the variance."""
    sizes = [8, 16, 32, 64]
    found = dual_cumulants(
        phases(coupling=0.5, amplitude=0.5), sizes, times=[1.0], orders=(1, 2), samples=100, dt=0.25, seed=5
    ).sel(time=1.0)
    measures = {
        -2.0: found.superset.sel(order=1),
        -4.0: found.superset.sel(order=2),
        -1.0: found.share_bound.sel(order=2),
    }
    for exponent, measure in measures.items():
        fit = fit_rate(measure)
        half = float(fit.upper - fit.lower) / 2
        assert half < 0.35
        # twice the 95 % half-width, and a tenth for the corrections O(1/N) at N = 8
        assert abs(float(fit.rate) - exponent) < 2 * half + 0.1, (exponent, float(fit.rate), half)
    np.testing.assert_array_equal(found.exponent, [-2, -4])
    # what is above order 2 is a correction O(1/N): both estimates agree at the largest size
    gap = found.superset.sel(order=2, size=64) - found.squared_norm.sel(order=2, size=64)
    assert abs(float(gap)) < 3 * float(found.squared_norm_stderr.sel(order=2, size=64))
    # rescaled cumulants vanish: N ‖C₁‖² falls eightfold over these sizes, N² ‖C₂‖² sixty-fourfold
    vanishing = found.rescaled.sel(size=64) / found.rescaled.sel(size=8)
    assert bool((vanishing < [0.25, 0.1]).all())


def test_norms_are_below_the_law_of_large_numbers():
    """binom(N,n) ‖C_{N,n}‖² ≤ sup φ² = 1, for shares that add up to at most 1."""
    found = dual_cumulants(phases(0.2), 3, times=[0.5], samples=60, dt=0.25, seed=2)
    assert bool((found.rescaled <= 1 + 3 * found.rescaled_stderr).all())
    assert float(found.share.sum("order").item()) == pytest.approx(1, abs=1e-9)


def test_any_executor_and_chunking_gives_the_same():
    args = (phases(0.3), 3)
    kwargs = {"times": [0.25, 0.5], "orders": (2,), "dt": 0.25, "seed": 4}
    alone = dual_cumulants(*args, samples=4, **kwargs)
    with ThreadPoolExecutor(2) as executor:
        shared = dual_cumulants(*args, samples=4, executor=executor, **kwargs)
    assert alone.identical(shared)
    other = dual_cumulants(*args, samples=4, times=[0.25, 0.5], orders=(2,), dt=0.25, seed=5)
    assert float(abs(other.superset - alone.superset).max()) > 0


def test_as_a_metric_of_a_study():
    """One replica of a study is one sample: their mean is that of ``dual_cumulants``."""
    metric = DualCumulant()
    assert isinstance(metric, Metric)
    assert repr(metric) == "DualCumulant(order=2, observable=None, label='')"
    assert "square" in repr(DualCumulant(observable=square))
    assert metric.theory(phases().grid) == -2
    times, common = [0.0, 0.5, 1.0], {"seed": 7, "dt": 0.25}
    study = mf.converge(phases(), (4, 8), 3, (metric,), times=times, mean_field=True, **common)
    found = dual_cumulants(phases(), [4, 8], times=times, orders=(2,), samples=3, **common)
    np.testing.assert_array_equal(study.dual_cumulant.mean("replica"), found.rescaled.sel(order=2))


def test_the_copies_leave_the_run_alone():
    system = system_for(phases(0.3), 4, 7, 0.25, "auto", np.array([1.0]))
    run, alone = system.start(2), system.start(2)
    observer = DualCumulant(1).follow(SimpleNamespace(system=system, replica=2, run=run))
    for time in (0.25, 0.5, 0.75, 1.0):
        run.step(time), alone.step(time)
        observer.see()
        assert observer.value() > 0
    np.testing.assert_array_equal(run.observe()["x"], alone.observe()["x"])


def test_conserved_sums_have_no_pairs_in_any_dynamics():
    """Momentum of charges, exactly; mean energy of collisions, in expectation only."""
    charges = mf.problems.landau_damping(amplitude=0.5)
    momentum = dual_cumulants(charges, 5, lambda z: z[..., 1], [0.5], orders=(1, 2), samples=20, dt=0.25)
    assert float(momentum.superset.sel(order=2).max()) < 1e-28
    z = (momentum.squared_norm.sel(order=1) - 1 / 25) / momentum.squared_norm_stderr.sel(order=1)
    assert abs(float(z.item())) < 3.5  # Maxwellian velocities of variance 1
    collisions = mf.problems.anisotropic_landau(2, 0.0, (1.5, 0.5))
    energy = dual_cumulants(
        collisions, 4, lambda v: (v**2).sum(-1), [0.1], orders=(1, 2), samples=40, dt=0.05, seed=1
    ).isel(time=0)
    z = energy.squared_norm.sel(order=2) / energy.squared_norm_stderr.sel(order=2)
    assert abs(float(z)) < 3.5
    exact = 2 * (1.5**2 + 0.5**2) / 16  # Var |v|² / N²
    z = (energy.squared_norm.sel(order=1) - exact) / energy.squared_norm_stderr.sel(order=1)
    assert abs(float(z)) < 3.5


def test_circulations_are_exchanged_with_their_points():
    """With M = ±1 and no drift of one's own the cube mixes both: corner 0 is what the system draws."""
    law = mf.laws.Mixture((mf.laws.Perturbed(1.0, 0.5), mf.laws.Perturbed(1.0, -0.5)), (0.5, 0.5))
    equation = mf.equations.McKeanVlasov(mf.kernels.Kuramoto(2.0), 0.0, circulations=(-1.0, 3.0))
    problem = mf.problems.kuramoto().replace(equation=equation, law=law)
    system = system_for(problem, 4, 0, 0.25, "auto", np.array([0.5]))
    cube = Cube(system, 1, 2, lambda x: np.cos(x[..., 0]))
    run = system.start(1)
    run.step(0.25), run.step(0.5)
    cube.advance(0.5)
    assert cube.values()[0, 0, 0, 0] == np.mean(np.cos(run.observe()["x"]))
    assert len(np.unique(cube.values())) == 8


def test_refusals():
    problem = phases()
    for kwargs, message in [
        ({"orders": (0,)}, "an order"),
        ({"orders": (5,)}, "at most the number of particles"),
        ({"orders": ()}, "orders are numbers"),
        ({"samples": 1}, "samples"),
        ({"times": [-1.0]}, "start at 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            dual_cumulants(problem, 4, **kwargs)
    with pytest.raises(ValueError, match="at least 2"):
        dual_cumulants(problem, 1)
    with pytest.raises(TypeError, match="observable"):
        dual_cumulants(problem, 4, 3.0)
    with pytest.raises(TypeError, match="observable"):
        DualCumulant(observable=1)
    with pytest.raises(ValueError, match="it returned"):
        dual_cumulants(problem, 4, lambda x: x, [0.0], samples=2, dt=0.5)
    with pytest.raises(ValueError, match="started from different points"):
        DualCumulant().target(None).distance(np.zeros((2, 1)))

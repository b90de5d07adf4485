"""Both sides of the duality identity, and dual cumulants by Fourier series against mixed differences."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.chaos.cumulants.duality import duality_identity
from mfpde.chaos.cumulants.estimates import dual_cumulants
from mfpde.chaos.cumulants.hoeffding import hoeffding_components
from mfpde_solvers.evolve import evolve
from mfpde_solvers.liouville import Liouville, product_density


def phases(scaling="1/(N-1)", coupling=1.5, diffusion=0.5, cells=48, drift=None):
    equation = mf.equations.McKeanVlasov(mf.kernels.Kuramoto(coupling), diffusion, drift, scaling)
    return mf.problems.kuramoto(amplitude=0.5).replace(equation=equation, resolution={"x": cells})


def uneven(z):
    """Neither odd nor even on a circle of length 3; it is 0 at 0 once its mean is taken off."""
    s = 2 * np.pi / 3 * z
    return 0.1 - 0.4 * np.sin(s) + 0.2 * (np.cos(s) - np.cos(2 * s))


def skew(drift=None):
    axis = mf.Axis("x", -1.0, 2.0, 48)
    equation = mf.equations.McKeanVlasov(mf.kernels.Custom(uneven, 1), 0.1, drift, "1/(N-1)")
    law = mf.laws.Perturbed(2 * np.pi / 3, 0.6)
    return mf.Problem(equation, law, mf.Grid((axis,)), 0.4)


def sine(x):
    return np.sin(x[..., 0]) + 0.3 * np.cos(2 * x[..., 0])


# steps of relative error 1e-10 in both equations; the sum over about 500 of them stays below this
SPECTRAL = 1e-10


@pytest.mark.parametrize("size", [2, 3])
def test_both_sides_agree(size):
    found = duality_identity(phases(cells=32 if size == 3 else 48), size, time=0.5)
    assert abs(float(found.residual)) < SPECTRAL
    assert abs(float(found.left)) > 1e-2  # not an identity between zeros
    assert float(found.scaling) == 0
    assert found.attrs["size"] == size


@pytest.mark.parametrize("size", [2, 3])
def test_the_weight_1_over_N_adds_the_first_cumulant(size):
    found = duality_identity(phases("1/N", cells=32), size, sine, 0.5)
    assert abs(float(found.residual)) < SPECTRAL
    assert abs(float(found.scaling)) > 1e-3
    assert abs(float(found.interaction)) > 1e-3


def test_a_kernel_without_parity_and_a_drift():
    """The divergence of K and the direction of K(x − y) count; an external drift drops out."""
    problem = skew(lambda x: 0.2 * np.sin(2 * np.pi / 3 * x))
    # its transforms are accurate to 1e-11 of the largest, the tails of f and Φ at 48 cells about as small
    found = duality_identity(problem, 2, lambda x: np.cos(2 * np.pi / 3 * x[..., 0]))
    assert abs(float(found.residual)) < 10 * SPECTRAL
    assert abs(float(found.left)) > 1e-3


def test_a_wrong_limit_breaks_it():
    """The identity is sharp: the field of another coupling leaves a residual of the order of the change."""
    right = duality_identity(phases(coupling=1.5), 2, time=0.5)
    other = duality_identity(phases(coupling=1.6), 2, time=0.5)
    assert abs(float(right.left - other.left)) > 1e-4
    assert abs(float(right.mean_field - other.expectation - right.right)) > 1e-3


def test_the_expectation_is_that_of_the_joint_law():
    """E Φ(X_T) by the forward equation, the backward one, and particles with noise."""
    problem, T = phases(coupling=3.0), 0.5
    axis = problem.grid.axes[0]
    found = duality_identity(problem, 2, time=T)
    F0 = product_density(problem.law.pdf(axis.points[:, None]), 2)
    run = Liouville(problem.equation, axis, F0)
    for _ in evolve(run, [T]):
        pass
    forward = float((run.values * np.cos(axis.points)[:, None]).sum()) * axis.spacing**2
    assert forward == pytest.approx(float(found.expectation), abs=SPECTRAL)
    particles = mf.simulate(problem, 2, [T], replicas=1500, dt=0.0625, seed=1)
    means = np.cos(particles.x).mean("particle").values.ravel()
    z = (means.mean() - forward) / (means.std(ddof=1) / np.sqrt(means.size))
    assert abs(z) < 3
    gap = abs(float(found.left)) / (means.std(ddof=1) / np.sqrt(means.size))
    assert gap > 4  # the mean field itself would not pass


def test_the_mean_field_is_that_of_solve():
    problem = phases()
    found = duality_identity(problem, 2, time=0.5)
    density = mf.solve(problem, [0.0, 0.5]).density.isel(time=-1).values
    axis = problem.grid.axes[0]
    # solve has the tolerance 1e-9
    assert float(density @ np.cos(axis.points)) * axis.spacing == pytest.approx(
        float(found.mean_field), abs=1e-9
    )


@pytest.mark.parametrize(("size", "diffusion", "samples"), [(2, 0.0, 300), (3, 0.3, 120)])
def test_mixed_differences_estimate_the_exact_cumulants(size, diffusion, samples):
    problem, T = phases(diffusion=diffusion, cells=64 if diffusion == 0 else 24), 0.5
    exact = duality_identity(problem, size, time=T, tolerance=1e-7)
    orders = list(range(1, size + 1))
    found = dual_cumulants(problem, size, times=[T], orders=orders, samples=samples, dt=0.125, seed=6)
    found = found.isel(time=0)
    norms = exact.initial_squared_norm.sel(order=orders).values
    z = (found.squared_norm.values - norms) / found.squared_norm_stderr.values
    assert np.abs(z).max() < 3.5
    relative = found.squared_norm_stderr.values / norms
    assert (relative[:2] < 0.4).all()
    total = (exact.initial_squared_norm * exact.binomial).sum()
    assert abs(float((found.second_moment - total) / found.second_moment_stderr)) < 3.5


def test_completeness_is_exact():
    """Σ binom(N,n)‖C_n‖² = ‖Φ_N‖², components have no mean over any variable, and their sum is Φ_N."""
    rng = np.random.default_rng(0)
    n, h = 6, 0.5
    f = rng.uniform(0.5, 1.5, n)
    f /= f.sum() * h
    Φ = rng.normal(size=(n, n, n))
    Φ = sum(np.transpose(Φ, p) for p in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    C = hoeffding_components(Φ, f, h)
    for part in C[1:]:
        assert np.abs(part @ (f * h)).max() < 1e-13
    pairs = C[2][:, :, None] + C[2][:, None, :] + C[2][None, :, :]
    singles = C[1][:, None, None] + C[1][None, :, None] + C[1][None, None, :]
    np.testing.assert_allclose(C[0] + singles + pairs + C[3], Φ, atol=1e-12)
    weight = product_density(f, 3) * h**3
    squares = [
        float((c**2 * product_density(f, k)).sum() * h**k) if k else float(c**2) for k, c in enumerate(C)
    ]
    assert np.dot([1, 3, 3, 1], squares) == pytest.approx(float((Φ**2 * weight).sum()), rel=1e-12)


def test_at_the_final_time_there_are_no_pairs():
    """Φ_N(T) is a sum over particles: ‖C_2‖ grows from 0 as time goes back."""
    found = duality_identity(phases(), 2, time=0.5)
    pairs = found.squared_norm.sel(order=2)
    assert bool((pairs.diff("node") < 0).all())
    # C_2 is linear in the time to go, up to what the scheme sees of the next order
    quotients = (pairs / (0.5 - found.node) ** 2).values[-3:]
    np.testing.assert_allclose(quotients, quotients[-1], rtol=0.05)
    bound = found.squared_norm * found.binomial
    assert bool((bound.sum("order") <= 1 + 1e-12).all())  # sup φ = 1


def test_refusals():
    for kwargs, message in [
        ({"size": 4}, "2 or 3"),
        ({"size": 1}, "at least 2"),
        ({"time": -1.0}, "positive"),
        ({"nodes": 0}, "nodes"),
        ({"observable": lambda x: x}, "it returned"),
        ({"tolerance": 0.0}, "tolerance"),
    ]:
        with pytest.raises(ValueError, match=message):
            duality_identity(phases(cells=8), **kwargs)
    with pytest.raises(ValueError, match="circle"):
        duality_identity(mf.problems.keller_segel(), 2)
    with pytest.raises(ValueError, match="open"):
        duality_identity(mf.problems.harmonic(), 2)

"""Laws of one and two particles: exact for Gaussians, refused where there is nothing but noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import mfpde as mf
from mfpde.chaos.bins import bins_of
from mfpde.chaos.bootstrap import bootstrap
from mfpde.chaos.gaussian_law import gaussian_law
from mfpde.chaos.marginal_laws import MarginalL1, RelativeEntropy, marginal_l1, relative_entropy
from mfpde.dataset import field

LINE = mf.Grid((mf.Axis("x", -8.0, 8.0, 128, "open"),))
N, V, W = 10, 1.0, 3.0  # harmonic particles with a = σ = s₀ = 1 at t = 1
COVARIANCE = (W - V) / N


def normal(variance: float = V, mean: float = 0.0) -> xr.DataArray:
    x = LINE.points[..., 0]
    return field(stats.norm.pdf(x, mean, np.sqrt(variance)), LINE, "density")


def harmonic(replicas: int, seed: int, common: float = COVARIANCE) -> np.ndarray:
    """Covariance V I + common 11ᵀ: (replica, particle)."""
    rng = np.random.default_rng(seed)
    return np.sqrt(common) * rng.normal(size=(replicas, 1)) + np.sqrt(V) * rng.normal(size=(replicas, N))


def entropy(k: int) -> float:
    c = COVARIANCE / V
    return 0.5 * (k * c - np.log1p(k * c))


def z_score(found: xr.DataArray, expected: float) -> float:
    return float((found - expected) / found[f"{found.name}_stderr"])


@pytest.mark.parametrize("k", [1, 2])
def test_gaussian_entropies_of_harmonic_particles(k: int, reference: dict[str, Any]) -> None:
    if k == 1:
        assert entropy(1) == pytest.approx(reference["F.lacker.H(N=10,k=1,t=1)"]["value"], rel=1e-12)
    found = relative_entropy(harmonic(2000, 1), normal(), k=k, estimator="gaussian")
    assert abs(z_score(found, entropy(k))) < 3
    assert z_score(found, 0.0) > 6
    assert abs(z_score(found, 0.6 * entropy(k))) > 3  # which the test tells apart


def test_entropies_of_simulated_particles() -> None:
    """H₁ and H₂ at N = 10 and t = 1, from the particle system itself."""
    problem = mf.problems.harmonic().replace(resolution={"x": 128})
    particles = mf.simulate(problem, N, [1.0], replicas=1000, dt=0.1, seed=2)
    assert problem.exact is not None
    density = field(problem.exact(1.0, problem.grid.points), problem.grid, "density")
    for k in (1, 2):
        found = relative_entropy(particles, density, k=k, estimator="gaussian").isel(time=0)
        assert abs(z_score(found, entropy(k))) < 3.5
        assert z_score(found, 0.0) > 4


def binned(k: int, metric: Any) -> tuple[np.ndarray, np.ndarray]:
    """Exact masses of k harmonic particles in the bins of a metric, and those of the limit."""
    target = metric.target(normal())
    edges = np.concatenate([[-np.inf], target.bins.edges[0], [np.inf]])
    s = V + COVARIANCE
    if k == 1:
        return np.diff(stats.norm.cdf(edges, scale=np.sqrt(s))), target.masses
    law = stats.multivariate_normal(np.zeros(2), [[s, COVARIANCE], [COVARIANCE, s]])
    inner = np.clip(edges, -30, 30)
    cdf = law.cdf(np.stack(np.meshgrid(inner, inner, indexing="ij"), axis=-1))
    return np.diff(np.diff(cdf, axis=0), axis=1).ravel(), target.masses


@pytest.mark.parametrize("k", [1, 2])
def test_histograms_of_harmonic_particles(k: int) -> None:
    points = harmonic(4000, 3)
    p, q = binned(k, MarginalL1(k, bins=6))
    assert abs(z_score(marginal_l1(points, normal(), k=k, bins=6), np.abs(p - q).sum())) < 3
    found = relative_entropy(points, normal(), k=k, bins=6)
    exact = float((p * np.log(p / q)).sum())
    assert abs(z_score(found, exact)) < 3
    assert exact < entropy(k)  # bins show a part of it
    assert z_score(found, 0.0) > 4


@pytest.mark.parametrize("kind", ["MarginalL1", "RelativeEntropy", "gaussian"])
def test_intervals_cover(kind: str) -> None:
    """± 1.96 standard errors about the corrected value hold the truth in about 95 of 100 cases."""
    rng = np.random.default_rng(4)
    R, n, hits, cases = 60, 40, 0, 400
    if kind == "gaussian":
        target: Any = RelativeEntropy(2, estimator="gaussian").target(normal())
        exact = entropy(2)
        cases = 100

        def draw() -> np.ndarray:
            return np.array([target.statistic(x[:, None]) for x in harmonic(4 * R, int(rng.integers(2**32)))])
    else:
        target = (MarginalL1 if kind == "MarginalL1" else RelativeEntropy)(bins=8).target(normal())
        q = target.masses
        p = q * (1 + 0.25 * np.array([1, -1, 1, 1, -1, -1, 1, -1]))
        p /= p.sum()
        exact = float(target.functional(p, q))

        def draw() -> np.ndarray:
            return rng.multinomial(n, p, size=R) / n

    for _ in range(cases):
        value, error = target.combine(draw(), n)
        hits += abs(value - exact) < 1.96 * error
    # binomial scatter of 400 cases is 1.1 %, of 100 cases 2.2 %
    assert 0.88 < hits / cases < 0.99


def test_the_bias_of_an_entropy_is_that_of_the_bins() -> None:
    """Of independent points (B − 1)/2n, and an L¹ distance shows √(2B/πn)."""
    rng = np.random.default_rng(5)
    metric, R, n, B = RelativeEntropy(bins=8), 100, 50, 8
    target = metric.target(normal())
    q = target.masses
    draws = [rng.multinomial(n, q, size=R) / n for _ in range(100)]
    plain = np.array([target.functional(one.mean(axis=0), q) for one in draws])
    bias = np.array([bootstrap(lambda p: target.functional(p, q), one, n)[2] for one in draws])
    noise = np.array([target.noise(one.var(axis=0, ddof=1) / R, q) for one in draws])
    expected = (B - 1) / (2 * R * n)
    assert plain.mean() == pytest.approx(expected, rel=0.2)  # of 100 χ²-like values: 5 %
    assert bias.mean() == pytest.approx(expected, rel=0.1)
    assert noise.mean() == pytest.approx(expected, rel=0.05)
    distance = MarginalL1(bins=8).target(normal())
    noise = np.array([distance.noise(one.var(axis=0, ddof=1) / R, q) for one in draws])
    plain = np.array([distance.functional(one.mean(axis=0), q) for one in draws])
    # bins of mass 1/B: the variance has the factor 1 − 1/B
    assert noise.mean() == pytest.approx(np.sqrt(2 * B / (np.pi * R * n) * (1 - 1 / B)), rel=0.03)
    assert plain.mean() == pytest.approx(noise.mean(), rel=0.1)


@pytest.mark.parametrize("k", [1, 2])
def test_independent_particles_are_refused(k: int) -> None:
    points = harmonic(200, 6, common=0.0)
    for call in (marginal_l1, relative_entropy):
        with pytest.raises(ValueError, match=r"below its noise.*more replicas or fewer bins"):
            call(points, normal(), k=k)
    target = RelativeEntropy(k).target(normal())
    statistics = np.array([target.statistic(one[:, None]) for one in points])
    with pytest.warns(UserWarning, match="is below its noise"):
        value, error = target.combine(statistics, N)
    assert np.isnan(value)
    assert np.isnan(error)
    with pytest.warns(UserWarning, match="one replica"):
        assert np.isnan(target.combine(statistics[:1], N)[0])


def test_times_without_a_signal_are_nan() -> None:
    rng = np.random.default_rng(7)
    start = rng.normal(size=(400, N))
    x = np.stack([start, 1.3 * start])
    particles = xr.Dataset({"x": (("time", "replica", "particle"), x)}, {"time": [0.0, 1.0]})
    with pytest.warns(UserWarning, match="is below its noise"):
        found = marginal_l1(particles, normal(), bins=8)
    assert found.dims == ("time",)
    assert np.isnan(found[0])
    q = MarginalL1(bins=8).target(normal())
    p = np.diff(stats.norm.cdf([-np.inf, *q.bins.edges[0], np.inf], scale=1.3))
    assert abs(z_score(found[1], np.abs(p - q.masses).sum())) < 3


def test_masses_of_bins_are_exact() -> None:
    """Of the piecewise-linear density: on a line, on a circle across its end, in the plane."""
    rng = np.random.default_rng(8)
    circle = mf.Axis("x", 0.0, 3.0, 12)
    line = mf.Axis("y", -1.0, 1.0, 10, "open")
    grid = mf.Grid((circle, line))
    density = field(rng.uniform(0.5, 1.5, grid.shape), grid, "density")
    bins = bins_of(density, ("x", "y"), 3)
    masses = bins.masses(density)
    assert masses.sum() == pytest.approx(1.0, abs=1e-14)
    # a point of the mixture of tents: a cell by its weight, then the sum of two uniform steps
    weights = density.values.ravel() / density.values.sum()
    cells = grid.points.reshape(-1, 2)[rng.choice(weights.size, 200_000, p=weights)]
    steps = rng.uniform(-0.5, 0.5, (2, 200_000, 2)).sum(axis=0) * grid.spacing
    found = np.bincount(bins.place(cells + steps), minlength=bins.count) / 200_000
    assert (np.abs(found - masses) < 4.5 * np.sqrt(masses / 200_000)).all()
    one = bins_of(density, ("x",), 5)
    np.testing.assert_allclose(one.masses(density), 0.2, atol=0.01)  # equal up to the tents over the edges


def test_differences_of_densities() -> None:
    fine = mf.Grid((mf.Axis("x", -8.0, 8.0, 256, "open"),))
    x = fine.points[..., 0]
    same = field(stats.norm.pdf(x), fine, "density")
    for metric in (MarginalL1(), MarginalL1(2), RelativeEntropy(), RelativeEntropy(2)):
        assert 0 <= metric.target(normal()).difference(metric.target(same)) < 3e-3  # tents of h²/6 = 0.003
    other = normal(1.3, 0.2)
    for k in (1, 2):
        gaussian = RelativeEntropy(k, estimator="gaussian")
        expected = k * 0.5 * (1.3 + 0.04 - 1 - np.log(1.3))
        assert gaussian.target(normal()).difference(gaussian.target(other)) == pytest.approx(
            expected, rel=1e-9
        )
        binned_entropy = RelativeEntropy(k).target(normal()).difference(RelativeEntropy(k).target(other))
        assert 0.7 * expected < binned_entropy < expected
    target = RelativeEntropy().target(normal())
    assert target.difference(target) == pytest.approx(0.0, abs=1e-15)


def test_gaussian_entropies_in_the_plane() -> None:
    """H₁ of correlated normal laws against the textbook formula, and H₂ = H₁ + H₁ of independent ones."""
    grid = mf.Grid(tuple(mf.Axis(name, -9.0, 9.0, 60, "open") for name in "xy"))
    Σ = np.array([[1.0, 0.3], [0.3, 0.8]])
    density = field(stats.multivariate_normal([0.1, -0.2], Σ).pdf(grid.points), grid, "density")
    law = gaussian_law(density, ("x", "y"))
    np.testing.assert_allclose(law.root @ law.root.T, Σ, atol=1e-10)
    S, m = np.array([[1.2, -0.1], [-0.1, 0.5]]), np.array([0.0, 0.3])
    other = gaussian_law(field(stats.multivariate_normal(m, S).pdf(grid.points), grid, "density"), ("x", "y"))
    A, gap = np.linalg.solve(Σ, S), m - [0.1, -0.2]
    expected = 0.5 * (np.trace(A) + gap @ np.linalg.solve(Σ, gap) - 2 - np.log(np.linalg.det(A)))
    assert float(law.entropy(other.seen_by(law, 1), 1)) == pytest.approx(expected, rel=1e-8)
    assert float(law.entropy(other.seen_by(law, 2), 2)) == pytest.approx(2 * expected, rel=1e-8)


def test_moments_of_pairs() -> None:
    points = harmonic(3, 9)[0][:, None]
    law = gaussian_law(normal(1.2, 0.1), ("x",))
    y = (points[:, 0] - 0.1) / np.sqrt(1.2)
    pairs = np.mean([y[i] * y[j] for i in range(N) for j in range(N) if i != j])
    np.testing.assert_allclose(law.moments(points, 2), [y.mean(), (y**2).mean(), pairs], rtol=1e-9)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="k must be 1 or 2"):
        MarginalL1(3)
    with pytest.raises(ValueError, match="bins must be an integer"):
        MarginalL1(bins=1)
    with pytest.raises(ValueError, match="histogram, gaussian"):
        RelativeEntropy(estimator="knn")
    circle = mf.Grid((mf.Axis("x", 0.0, 1.0, 8),))
    uniform = field(np.ones(8), circle, "density")
    with pytest.raises(ValueError, match="estimator='histogram'"):
        relative_entropy(np.zeros((3, 4)), uniform, estimator="gaussian")
    with pytest.raises(ValueError, match="at least two"):
        MarginalL1(2).target(normal()).statistic(np.zeros((1, 1)))
    with pytest.raises(ValueError, match="several replicas"):
        marginal_l1(np.zeros((3, 4))[0], normal())
    assert repr(RelativeEntropy(2)) == "RelativeEntropy(k=2, bins=None, axes=None, estimator='histogram')"

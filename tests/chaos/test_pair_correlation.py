"""Pair correlations: exact at finite N, unbiased, and 0 for independent particles."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, special

import mfpde as mf
from mfpde.chaos.correlation_function import pair_correlation_function
from mfpde.chaos.correlations import PairCorrelation, pair_correlation
from mfpde.chaos.metric import Metric
from mfpde.dataset import field

CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 16),))
LINE = mf.Grid((mf.Axis("x", -8.0, 8.0, 64, "open"),))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 16) for name in "xy"))


def dataset(*columns: np.ndarray) -> xr.Dataset:
    """Particles (replica, particle) for each axis."""
    return xr.Dataset({name: (("replica", "particle"), x) for name, x in zip("xy", columns, strict=False)})


def z_scores(found: xr.DataArray, expected: object) -> np.ndarray:
    return np.asarray((found - expected) / found["pair_correlation_stderr"])


def stationary_mean_square(N: int, coupling: float) -> float:
    """N E|Z|² of noisy oscillators (σ = 1) in equilibrium, by quadrature.

    Their law is proportional to exp(a|S|²/2), a = κ/N, S = Σ e^{ix}; with a Gaussian integral over z it is a
    mixture of independent von Mises laws, and the normalising constant is ∫ r/a e^{−r²/2a} I₀(r)^N dr.
    """
    a = coupling / N

    def moment(power: int) -> float:
        def integrand(r: float) -> float:
            return r**power * np.exp(-(r**2) / (2 * a) + N * (np.log(special.i0e(r)) + r))

        return float(integrate.quad(integrand, 0, 12, limit=200)[0])

    # log ∫ = −log a + …, so its derivative is −1/a + ⟨r²⟩/(2a²), and E|S|² is twice that
    return (moment(3) / moment(1) / a**2 - 2 / a) / N


def oscillators(N: int, replicas: int, coupling: float, rng: np.random.Generator) -> np.ndarray:
    """Exact samples of the equilibrium of N oscillators, (replica, particle)."""
    a = coupling / N
    r = np.linspace(0, 6, 20001)
    weight = r * np.exp(-(r**2) / (2 * a) + N * (np.log(special.i0e(r)) + r))
    cumulated = integrate.cumulative_trapezoid(weight, r, initial=0.0)
    radii = np.interp(rng.uniform(size=replicas), cumulated / cumulated[-1], r)
    centres = rng.uniform(0, 2 * np.pi, replicas)
    return centres[:, None] + rng.vonmises(0.0, radii[:, None], (replicas, N))


@pytest.mark.parametrize(("N", "known"), [(50, 1.926), (200, 1.980)])
def test_oscillators_in_equilibrium(N: int, known: float) -> None:
    expected = stationary_mean_square(N, 1.0)
    assert expected == pytest.approx(known, abs=5e-4)
    x = oscillators(N, 8000, 1.0, np.random.default_rng(1))
    found = pair_correlation(dataset(x), modes=1, grid=CIRCLE)
    assert abs(z_scores(found, (expected - 1) * N / (N - 1))).max() < 4
    assert abs(z_scores(found, 0.8 * (expected - 1))).max() > 5  # a fifth less would be seen


def test_the_correlation_falls_like_one_over_the_size() -> None:
    """The fitted slope holds that of the exact values, −0.98 at these sizes, −1 in the limit."""
    rng, sizes = np.random.default_rng(11), np.array([50, 100, 400])
    target = PairCorrelation(1).on(CIRCLE)
    found = []
    for N in map(int, sizes):
        x = oscillators(N, 2000, 1.0, rng)
        found.append(target.combine(np.array([target.statistic(one[:, None]) for one in x]), N))
    values, errors = np.array(found).T
    exact = np.array([(stationary_mean_square(int(N), 1.0) - 1) / (N - 1) for N in sizes])
    assert (np.abs(values - exact) < 3.5 * errors).all()
    coords = {"size": sizes, "pair_correlation_stderr": ("size", errors)}
    fit = mf.fit_rate(xr.DataArray(values, coords, "size", "pair_correlation"), confidence=0.999)
    slope = np.polyfit(np.log(sizes), np.log(exact), 1)[0]
    assert -1.0 < slope < -0.95
    assert float(fit["lower"]) < slope < float(fit["upper"])
    assert float(fit["upper"]) < -0.75  # a slope of −1/2 is far off


@pytest.mark.parametrize("law", ["circle", "line"])
def test_independent_particles_are_uncorrelated(law: str) -> None:
    """Also where E Z is far from 0, which a plug-in estimate would confuse with a correlation."""
    rng = np.random.default_rng(2)
    grid = CIRCLE if law == "circle" else LINE
    x = rng.vonmises(1.0, 2.0, (2000, 6)) if law == "circle" else rng.normal(0.3, 0.8, (2000, 6))
    found = pair_correlation(dataset(x), modes=4, grid=grid)
    assert abs(z_scores(found, 0.0)).max() < 3.5
    few = [pair_correlation(dataset(x[i : i + 4]), modes=1, grid=grid) for i in range(0, 2000, 4)]
    values = np.array(few)[:, 0]
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(500)  # no bias with four replicas either
    errors = np.array([one["pair_correlation_stderr"][0] for one in few])
    assert 0.9 < np.sqrt((errors**2).mean()) / values.std() < 1.4  # the jackknife errs to the safe side


def gaussian(N: int, replicas: int, v: float, w: float, rng: np.random.Generator) -> np.ndarray:
    """Covariance v I + ((w − v)/N) 11ᵀ, (replica, particle)."""
    common = np.sqrt((w - v) / N) * rng.normal(size=(replicas, 1))
    return common + np.sqrt(v) * rng.normal(size=(replicas, N))


def test_gaussians_with_a_common_part() -> None:
    N, v, w, k = 10, 0.8, 2.5, 2 * np.pi / 16
    x = gaussian(N, 6000, v, w, np.random.default_rng(3))
    c = (w - v) / N
    m = k * np.arange(1, 5)
    exact = np.exp(-(m**2) * (v + c)) * np.expm1(m**2 * c) * N
    found = pair_correlation(dataset(x), grid=LINE)
    assert abs(z_scores(found, exact)).max() < 3.5
    assert (exact > 5 * found["pair_correlation_stderr"].values).all()
    total, error = (
        PairCorrelation()
        .on(LINE)
        .combine(np.array([PairCorrelation().on(LINE).statistic(one[:, None]) for one in x]), N)
    )
    assert abs(total - exact.sum() / N) < 3.5 * error
    assert total == pytest.approx(float(found.sum()) / N, rel=1e-12)


def test_the_function_is_the_series_of_the_density() -> None:
    """N G₂(x, y) of Gaussians, on a grid: their joint density less the product of the marginals."""
    N, v, w = 10, 1.5, 6.0
    x = gaussian(N, 8000, v, w, np.random.default_rng(4))
    parts = [pair_correlation_function(dataset(part), grid=LINE) for part in np.split(x, 10)]
    found = xr.concat(parts, "part").mean("part")
    s, c = v + (w - v) / N, (w - v) / N
    a, b = np.meshgrid(found["x"], found["x_other"], indexing="ij")
    joint = np.exp(-(s * a**2 - 2 * c * a * b + s * b**2) / (2 * (s**2 - c**2)))
    joint /= 2 * np.pi * np.sqrt(s**2 - c**2)
    exact = N * (joint - np.exp(-(a**2 + b**2) / (2 * s)) / (2 * np.pi * s))
    # the squared error is that expected from the scatter of ten parts; modes above 8 carry e^{−2.4² s} < 1e-5
    noise = float(xr.concat(parts, "part").var("part", ddof=1).sum()) / 10
    assert 0.2 < float(((found - exact) ** 2).sum()) / noise < 3
    assert (exact**2).sum() > 50 * noise
    np.testing.assert_allclose(found, found.values.T, atol=1e-12)


def test_oscillators_that_move() -> None:
    """From independent ones: 1/r + (1 − 1/r) e^{−2rt} with r = 1 − κ/2, up to 1/N."""
    problem = mf.problems.kuramoto(coupling=1.0, diffusion=1.0, amplitude=0.0)
    particles = mf.simulate(problem, 64, [0.0, 1.0], replicas=300, seed=5, dt=0.1)
    found = pair_correlation(particles, problem.grid, modes=1)
    r, N = 0.5, 64
    expected = np.array([0.0, (1 / r + (1 - 1 / r) * np.exp(-2 * r) - 1) * N / (N - 1)])
    assert found.dims == ("time", "mode")
    # the law of N = 64 differs by about 1/N from the limit, a fifth of the standard error
    assert abs(z_scores(found[:, 0], expected)).max() < 3.5
    assert z_scores(found[1, 0], 0.0) > 4


@pytest.mark.slow
@pytest.mark.parametrize("chi", [10.0, -10.0])
def test_chemotaxis_on_the_torus(chi: float) -> None:
    """From uniform independent particles 1/r + (1 − 1/r) e^{−2rt} with r = 1 − χ/(4π²σ|k|²), up to 1/N."""
    uniform = mf.laws.from_density(field(np.full(TORUS.shape, (2 * np.pi) ** -2), TORUS, "density"))
    problem = mf.Problem(mf.equations.KellerSegel(chi), uniform, TORUS, 1.5)
    N = 64
    particles = mf.simulate(problem, N, [1.5], replicas=600, seed=7, dt=0.05)
    found = pair_correlation(particles, TORUS, [(1, 0), (0, 1)]).isel(time=0)
    r = 1 - chi / (4 * np.pi**2)
    expected = (1 / r + (1 - 1 / r) * np.exp(-3 * r) - 1) * N / (N - 1)
    # about 0.3 and −0.2, each known to a seventh: the wrong sign or another period would be far off
    assert abs(z_scores(found, expected)).max() < 3.5
    assert (z_scores(found, 0.0) * np.sign(chi) > 3.5).all()


def test_modes_and_translations() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 20, 5))
    target = PairCorrelation(modes=[(1, 0), (1, -2)]).on(TORUS)
    points = np.stack([x[0], y[0]], axis=-1)
    Z = np.exp(-1j * (points @ target.modes.T)).mean(axis=0)
    np.testing.assert_allclose(target.statistic(points), np.concatenate([Z.real, Z.imag]), atol=1e-15)
    assert PairCorrelation(2).on(TORUS).modes.tolist() == [[1, 0], [2, 0], [0, 1], [0, 2]]
    here = pair_correlation(dataset(x, y), TORUS, [(1, 0), (1, -2)])
    there = pair_correlation(dataset(x + 0.7, y - 2.0), TORUS, [(1, 0), (1, -2)])
    np.testing.assert_allclose(here, there, atol=1e-12)
    assert here["mode_y"].values.tolist() == [0, -2]


def test_pairs_are_counted_directly() -> None:
    """The estimate is the mean over pairs of particles less the mean over pairs of replicas."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5, 4))
    R, N = x.shape
    same = [np.cos(x[r, i] - x[r, j]) for r in range(R) for i in range(N) for j in range(N) if i != j]
    others = [np.cos(x[r, :, None] - x[s, None, :]).mean() for r in range(R) for s in range(R) if r != s]
    found = pair_correlation(dataset(x), modes=1, grid=CIRCLE)
    assert float(found[0]) == pytest.approx(N * (np.mean(same) - np.mean(others)), rel=1e-12)


def test_it_is_a_metric_as_data() -> None:
    metric = PairCorrelation()
    assert isinstance(metric, Metric)
    assert repr(PairCorrelation([(1, 2)])) == "PairCorrelation(modes=((1, 2),), axes=None)"
    assert metric.on(CIRCLE).floor(10) == 0.0
    assert metric.theory(CIRCLE) == -1.0


def test_refusals() -> None:
    with pytest.raises(ValueError, match="modes=0"):
        PairCorrelation(0).on(CIRCLE)
    with pytest.raises(ValueError, match="tuples of 2 integers"):
        PairCorrelation([(1,)]).on(TORUS)
    with pytest.raises(ValueError, match="not all 0"):
        PairCorrelation([(0, 0)]).on(TORUS)
    with pytest.raises(ValueError, match="at least two particles"):
        PairCorrelation().on(CIRCLE).statistic(np.zeros((1, 1)))
    with pytest.raises(ValueError, match="replicas=100"):
        pair_correlation(dataset(np.zeros((1, 3))), grid=CIRCLE)
    with pytest.raises(ValueError, match="no variable y"):
        pair_correlation(dataset(np.zeros((2, 3))), grid=TORUS)

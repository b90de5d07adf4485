"""Exponential moments: exact at every N for signs, limits from spectra, bounded in N for kernels."""

from __future__ import annotations

import warnings
from math import comb, inf
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numba import njit

import mfpde as mf
from mfpde.chaos import Metric
from mfpde.chaos.exponential import ExponentialMoment, Spectrum, exponential_moment, log_mean_exp, spectrum_of
from mfpde.chaos.fluctuations import sampled_law
from mfpde.chaos.pair_function import pair_function
from mfpde.dataset import field
from mfpde.laws import Maxwellian, VonMises, from_density
from mfpde_solvers.equations import KellerSegel, Landau
from mfpde_solvers.kernels import BiotSavart, Coulomb, Custom, Harmonic, Kuramoto, LogGas

CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 64),))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 64) for name in "xy"))
LINE = mf.Grid((mf.Axis("x", -9.0, 9.0, 96, "open"),))
UNIFORM = scipy.stats.uniform(0, 2 * np.pi)


def signs(c: float) -> Any:
    """Rank one, c e(x) e(y) with the sign e of the cosine."""
    return lambda x, y: c * np.sign(np.cos(x[..., 0])) * np.sign(np.cos(y[..., 0]))


def waves(c: float) -> Any:
    """Rank one, c e(x) e(y) with e = √2 cos."""
    return lambda x, y: 2 * c * np.cos(x[..., 0]) * np.cos(y[..., 0])


def of_signs(c: float, size: int) -> float:
    """Of N independent signs, log E exp(c (Σ e)²/N)."""
    weights = [comb(size, k) / 2**size for k in range(size + 1)]
    return float(np.log(sum(w * np.exp(c * (2 * k - size) ** 2 / size) for k, w in enumerate(weights))))


@pytest.mark.parametrize("c", [0.1, 0.2])
def test_rank_one(c: float) -> None:
    found = exponential_moment(UNIFORM, signs(c), [4, 20], grid=CIRCLE, replicas=2500, seed=2)
    for size in (4, 20):
        one = found.sel(size=size)
        assert abs(float(one["exponential_moment"]) - of_signs(c, size)) < 4 * float(one["stderr"])
        assert float(one["stderr"]) < 0.02
    assert float(found["limit"]) == pytest.approx(-np.log(1 - 2 * c) / 2, abs=1e-12)
    assert float(found["largest_eigenvalue"]) == pytest.approx(c, abs=1e-12)
    # the limit is that of N → ∞
    assert of_signs(c, 1000) == pytest.approx(float(found["limit"]), rel=2e-3)
    smooth = exponential_moment(UNIFORM, waves(c), 30, grid=CIRCLE, replicas=1000, seed=2)
    assert float(smooth["limit"]) == pytest.approx(-np.log(1 - 2 * c) / 2, abs=1e-12)
    # log E differs from its limit by O(1/N), below 0.02 for N = 30
    assert (
        abs(float(smooth["exponential_moment"][0] - smooth["limit"])) < 4 * float(smooth["stderr"][0]) + 0.02
    )


def test_the_factor() -> None:
    one = exponential_moment(UNIFORM, waves(0.1), 10, grid=CIRCLE, replicas=20)
    same = exponential_moment(UNIFORM, waves(0.4), 10, grid=CIRCLE, replicas=20, factor=0.25)
    for name in one:
        np.testing.assert_allclose(same[name], one[name], rtol=1e-12)


def test_infinite_variance_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"0\.3 ≥ 1/4.*infinite variance"):
        found = exponential_moment(UNIFORM, waves(0.3), 10, grid=CIRCLE, replicas=10)
    assert float(found["limit"]) == pytest.approx(-np.log(0.4) / 2, abs=1e-12)
    with pytest.warns(UserWarning, match=r"0\.6 ≥ 1/2: the moment is unbounded"):
        found = exponential_moment(UNIFORM, waves(0.6), 10, grid=CIRCLE, replicas=10)
    assert float(found["limit"]) == inf
    with pytest.warns(UserWarning, match="not centred"):
        found = exponential_moment(UNIFORM, lambda x, y: waves(0.1)(x, y) + 0.1, 10, grid=CIRCLE, replicas=10)
    assert np.isnan(float(found["limit"]))


@njit
def gyre(x: float, y: float) -> tuple[float, float]:
    """Divergence free, not odd, its mean to be taken away."""
    return 0.1 + 0.2 * np.sin(y), 0.1 + 0.2 * np.cos(x)


def bumps(x: Any) -> Any:
    return (1 + 0.3 * np.cos(x[..., 0]) * np.sin(x[..., 1]) + 0.2 * np.sin(x[..., 1])) / (4 * np.pi**2)


def patches() -> Any:
    return field(bumps(TORUS.points), TORUS, "density")


KERNELS: dict[str, Any] = {
    "Kuramoto": (VonMises(0.8), Kuramoto(0.2), CIRCLE, 1e-11),
    "not odd": (from_density(patches()), Custom(gyre, 2), TORUS, 5e-4),
    "harmonic": (Maxwellian(0.0, 1.0), Harmonic(1, 0.2), LINE, 1e-6),
    "vortices, cut off": (from_density(patches()), BiotSavart(1.0), TORUS, 2e-3),
    "Coulomb, cut off": (from_density(patches()), Coulomb(2, 0.02, 1.5), TORUS, 2e-3),
}


CASES = [
    pytest.param(*case, id=name, marks=[pytest.mark.slow] if "cut off" in name else [])
    for name, case in KERNELS.items()
]


@pytest.mark.parametrize(("law", "kernel", "grid", "accuracy"), CASES)
def test_both_cancellations(law: Any, kernel: Any, grid: mf.Grid, accuracy: float) -> None:
    """∫φ(x, y) ρ(y) dy = 0 and φ(x, y) = φ(y, x).

    Kernels that are smooth and odd meet it to rounding. Of a kernel that is not odd K(0) = 0 differs from its
    values nearby, at one node of 400 of the quadrature. ∇·K of a cut-off jumps by its size at ε, which the
    lattice sees to its spacing; K of the vortices has a kink there.
    """
    sampled, space, ρ = sampled_law(law, grid)
    function = pair_function(kernel, space, ρ)
    coarse = grid if grid.dim == 1 else grid.resized({"x": 20, "y": 20})
    points = coarse.points.reshape(-1, grid.dim)
    weights = np.asarray(sampled.pdf(points)) if grid.dim == 1 else bumps(points)
    weights = weights / weights.sum()
    φ = function.matrix(points)
    np.testing.assert_allclose(φ, φ.T, atol=1e-12 * np.abs(φ).max())
    size = np.sqrt(weights @ φ**2 @ weights)
    assert np.sqrt(weights @ (φ @ weights) ** 2) < accuracy * 10 * size
    # the sum over pairs with the diagonal, by the forces and by the matrix
    x = sampled.rvs(40, np.random.default_rng(1))
    x = np.stack([axis.wrap(column) for axis, column in zip(space.axes, x.T)], axis=1)
    assert function.sum(x) == pytest.approx(function.matrix(x).sum() / 40, rel=1e-8, abs=1e-9)


def test_kuramoto_by_hand() -> None:
    # ρ = e^{b cos}/…, K∗ρ = −κ r sin, ∇log ρ = −b sin, ∇·K = −κ cos, with x, y from the centre
    b, κ = 0.8, 0.2
    r = scipy.special.iv(1, b) / scipy.special.iv(0, b)
    function = pair_function(Kuramoto(κ), CIRCLE, VonMises(b, 0.0).pdf(CIRCLE.points))
    x, y = 0.7, 4.1
    K = -κ * np.sin(x - y)
    expected = -(K * (-b * np.sin(x) + b * np.sin(y)) - κ * r * b * (np.sin(x) ** 2 + np.sin(y) ** 2)) / 2
    expected += κ * np.cos(x - y) - κ * r * (np.cos(x) + np.cos(y)) / 2
    found = function.matrix(np.array([[x], [y]]))
    assert found[0, 1] == pytest.approx(expected, abs=1e-10)
    given = pair_function(
        Kuramoto(κ), CIRCLE, VonMises(b, 0.0).pdf(CIRCLE.points), lambda z: -κ * np.cos(z[..., 0])
    )
    np.testing.assert_allclose(given.matrix(np.array([[x], [y]])), found, atol=1e-11)


def test_kuramoto_is_flat_and_has_its_limit() -> None:
    found = exponential_moment(VonMises(0.8), Kuramoto(0.2), [10, 40, 160], grid=CIRCLE, replicas=400)
    gap = found["exponential_moment"] - found["limit"]
    # O(1/N), below 0.05 for N = 10
    assert bool((abs(gap) < 4 * found["stderr"] + 0.5 / found["size"]).all())
    assert bool((found["stderr"] < 0.03).all())
    assert float(found["limit"]) > 0.1
    # uniform: φ = κ cos(x − y) has the eigenvalue κ/2 twice, and S is exactly κ |Σ e^{ix}|²/N
    uniform = exponential_moment(UNIFORM, Kuramoto(0.2), 10, grid=CIRCLE, replicas=50)
    assert float(uniform["limit"]) == pytest.approx(-np.log(1 - 0.2), abs=1e-9)


def test_vortices_on_the_torus_are_flat() -> None:
    found = exponential_moment(patches(), BiotSavart(), [10, 80], replicas=200)
    assert abs(float(found["largest_eigenvalue"])) < 0.1
    # of Brownian order: all of them within errors of each other, where N grows by 8
    values, errors = found["exponential_moment"].values, found["stderr"].values
    assert np.all(np.abs(values - values[-1])[:-1] < 4 * np.hypot(errors[:-1], errors[-1]) + 0.02)
    # K jumps at the origin, and Nyström's nodes with it: 10 % of the limit at 28² of them
    assert abs(values[-1] - float(found["limit"])) < 4 * errors[-1] + 0.1 * abs(float(found["limit"]))
    assert np.all(errors < 0.02)


def test_log_mean_exp() -> None:
    # normal S of variance s²: log E e^S = s²/2, the jackknife removes the bias −(e^{s²} − 1)/2R
    rng, s, R = np.random.default_rng(0), 0.6, 40
    found = np.array([log_mean_exp(s * rng.normal(size=R)) for _ in range(8000)])
    error = found[:, 0].std() / np.sqrt(8000)
    bias = (np.exp(s**2) - 1) / (2 * R)
    assert abs(found[:, 0].mean() - s**2 / 2) < 4 * error < bias
    # its standard error is that of the estimates: to 10 %, as skewness of order 1/R makes it fluctuate
    assert np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(found[:, 0].std(), rel=0.1)
    assert log_mean_exp(np.array([800.0, 800.0])) == (800.0, 0.0)


def test_the_metric_of_the_ensemble() -> None:
    target = ExponentialMoment(Kuramoto(0.2)).target(
        field(VonMises(0.8).pdf(CIRCLE.points), CIRCLE, "density")
    )
    rng = np.random.default_rng(3)
    statistics = np.array([target.statistic(VonMises(0.8).rvs(20, rng)) for _ in range(400)])
    assert statistics.shape == (400, 1)
    value, error = target.combine(statistics, 20)
    assert abs(value - target.spectrum.limit) < 4 * error + 0.03
    assert target.floor(20) is None
    finer = CIRCLE.resized({"x": 96})
    other = ExponentialMoment(Kuramoto(0.2)).target(field(VonMises(0.8).pdf(finer.points), finer, "density"))
    assert target.difference(other) < 1e-9
    assert target.difference(target) == 0
    strong = ExponentialMoment(waves(0.3)).target(field(np.full(64, 1 / (2 * np.pi)), CIRCLE, "density"))
    with pytest.warns(UserWarning, match="infinite variance"):
        assert np.isnan(strong.combine(statistics, 20)[0])


def test_it_is_a_metric_as_data() -> None:
    metric = ExponentialMoment()
    assert isinstance(metric, Metric)
    assert (metric.needs, metric.theory(CIRCLE)) == ("ensemble", 0.0)
    assert metric.for_equation(KellerSegel(2.0)).interaction == KellerSegel(2.0).kernel
    assert "0x" not in repr(ExponentialMoment(waves(0.1)))


def test_in_a_study() -> None:
    problem = mf.problems.kuramoto(coupling=0.4, diffusion=1.0).replace(resolution={"x": 32})
    study = mf.converge(problem, (8, 32), 40, {"moment": ExponentialMoment()}, times=[0.0, 0.5], dt=0.1)
    assert study["moment"].dims == ("size", "time")
    gap = abs(study["moment"] - study["moment_iid"]).isel(time=0)
    assert bool((gap < 4 * np.hypot(study["moment_stderr"], study["moment_iid_stderr"]).isel(time=0)).all())


def test_refusals() -> None:
    for kernel in (Coulomb(2), LogGas(2, 1.0)):
        with pytest.raises(ValueError, match=r"divergence .* is not bounded"):
            exponential_moment(patches(), kernel, 10)
    with pytest.raises(TypeError, match="kernel or a function"):
        exponential_moment(patches(), 3.0, 10)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="takes none"):
        exponential_moment(UNIFORM, waves(0.1), 10, grid=CIRCLE, divergence=lambda z: z[..., 0])
    with pytest.raises(ValueError, match="φ must map"):
        exponential_moment(UNIFORM, lambda x, y: x, 10, grid=CIRCLE)
    with pytest.raises(ValueError, match="factor of φ"):
        ExponentialMoment(factor=0.0)
    with pytest.raises(ValueError, match="no interaction kernel"):
        ExponentialMoment().for_equation(Landau(2, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Spectrum(np.array([-3.0, 0.2]), 0.0).warn()
    assert spectrum_of(pair_function(waves(0.2), CIRCLE, np.ones(64)), VonMises(0.0), CIRCLE).largest < 0.25

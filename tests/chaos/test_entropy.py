"""Entropy of paths: exact for Gaussian systems and product laws, path by path and in the mean."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.chaos import Metric
from mfpde.chaos.entropy import PathEntropy
from mfpde.chaos.girsanov import path_entropy
from mfpde.chaos.metric import Followed
from mfpde.dataset import field
from mfpde.laws import Maxwellian, Mixture, from_density
from mfpde.particles.coupling import CoupledRun
from mfpde.particles.simulation import mean_field_for, system_for
from mfpde_solvers.equations import KellerSegel, Kuramoto, Landau, McKeanVlasov, NavierStokes, Vlasov
from mfpde_solvers.kernels import BiotSavart, Coulomb, Custom, Harmonic, LogGas
from mfpde_solvers.power_of_n import PowerOfN

LINE = mf.Grid((mf.Axis("x", -12.0, 12.0, 96, "open"),))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 16) for name in "xy"))
PHASE = mf.Grid((mf.Axis("x", -12.0, 12.0, 64, "open"), mf.Axis("v", -9.0, 9.0, 64, "open")))
H = 0.1


def springs(scaling: Any = "1/N", drift: Any = None, circulations: Any = (1.0,)) -> mf.Problem:
    """Rate, diffusion and initial variance 1."""
    law: Any = Maxwellian(0.0, 1.0)
    if len(circulations) > 1:
        law = Mixture((Maxwellian(0.5, 1.0), Maxwellian(-0.5, 1.0)), (0.25, 0.75))
    equation = McKeanVlasov(Harmonic(1, 1.0), 1.0, drift, scaling, circulations)
    return mf.Problem(equation, law, LINE, 1.0)


def trapezoid(values: Any, h: float) -> Any:
    """Integral along the first axis, up to each time."""
    pieces = h * (values[1:] + values[:-1]) / 2
    return np.concatenate([np.zeros_like(values[:1]), np.cumsum(pieces, axis=0)])


@pytest.mark.parametrize("size", [2, 50])
def test_harmonic_in_the_mean(size: int) -> None:
    # the force is −(X − M) and the field −X, so Σ|…|² = N M² with N E M² = s₀² + 2σt = 1 + 2t at every N:
    # (1/4)(t + t²) = 1/2. The trapezoidal rule is exact for its mean, which is linear in time.
    found = path_entropy(springs(), size, [0.0, 0.5, 1.0], replicas=300, dt=H, seed=3)
    expected = np.array([0.0, (0.5 + 0.25) / 4, 0.5])
    assert found.values[0] == 0
    assert np.all(np.abs(found.values - expected)[1:] < 4 * found["stderr"].values[1:])
    # (1/4) ∫M² of a Brownian motion: its standard deviation is below 0.7
    assert 0 < float(found["stderr"][-1]) < 0.7 / 17
    # it bounds the entropy of the marginal, ½ (w/v − 1 − log(w/v)) with w = 3, v = 1
    assert (3 - 1 - np.log(3)) / 2 < 0.5 < found.values[-1] + 4 * float(found["stderr"][-1])


def by_paths(problem: mf.Problem, size: int, replicas: int, mismatch: Any) -> Any:
    """∫ Σᵢ |mismatch|² / 4σ from the very paths of simulate, mean over replicas, at all steps."""
    times = H * np.arange(11)
    found = mf.simulate(problem, size, times, replicas=replicas, dt=H, seed=5)
    squares = (mismatch(found) ** 2).sum(-1)
    σ = problem.equation.diffusion
    return times, trapezoid(squares, H).mean(axis=1) / (4 * float(σ))  # type: ignore[arg-type]


def pushed(found: xr.Dataset) -> Any:
    """M − c t, as the field is that of the centre c t."""
    mean = found["x"].mean("particle").values[..., None] - 0.7 * found["time"].values[:, None, None]
    return np.broadcast_to(mean, found["x"].shape)


def renormalised(found: xr.Dataset) -> Any:
    """With 1/(N−1) the force is −(N/(N−1))(X − M)."""
    x, N = found["x"].values, found.sizes["particle"]
    return -N / (N - 1) * (x - x.mean(-1, keepdims=True)) + x


def signed(found: xr.Dataset) -> Any:
    """Force (1/N) Σ mⱼ (Xⱼ − Xᵢ) and field ∫m x − x∫m; P(m = 1) = ¼, P(m = −½) = ¾.

    T = ∫m = −1/8, and D = ∫m x is conserved, as the centres move by c_k′ = D − T c_k.
    """
    x, m = found["x"].values, found["circulation"].values
    P, M = np.array([0.25, 0.75]), np.array([1.0, -0.5])
    T = (P * M).sum()
    D = (P * M * np.array([0.5, -0.5])).sum()  # constant: c_k′ = D − T c_k gives D′ = T D − T D
    mean = (m[None] * x).mean(-1, keepdims=True) - x * m.mean(-1)[None, :, None]
    return mean - (D - T * x)


@pytest.mark.parametrize(
    ("problem", "mismatch"),
    [
        (springs(drift=lambda x: np.full_like(x, 0.7)), pushed),
        (springs("1/(N-1)"), renormalised),
        (springs(circulations=(1.0, -0.5)), signed),
    ],
    ids=["drift", "1/(N-1)", "circulations"],
)
def test_path_by_path(problem: mf.Problem, mismatch: Any) -> None:
    times, expected = by_paths(problem, 6, 3, mismatch)
    found = path_entropy(problem, 6, times, replicas=3, dt=H, seed=5)
    # the field of the solver is accurate to its tolerance, 1e-9, and F(x) to 1e-9 of |x| ≤ 12
    np.testing.assert_allclose(found.values, expected, rtol=1e-6, atol=1e-8)
    assert found.values[-1] > 0.05


def test_kinetic_path_by_path_and_in_the_mean() -> None:
    # the noise acts on velocities; the centre moves freely: dM = U dt, dU = −U dt + √(2/N) dB
    law = Maxwellian(0.0, 1.0, 2)
    problem = mf.Problem(Vlasov(Harmonic(1, 1.0), friction=1.0, diffusion=1.0), law, PHASE, 1.0)
    times, expected = by_paths(
        problem, 6, 3, lambda d: np.sqrt(6) * d["x"].mean("particle").values[..., None]
    )
    found = path_entropy(problem, 6, times, replicas=3, dt=H, seed=5)
    # the field is that of a finite grid, whose mean is 0 up to the error of the semi-Lagrangian scheme
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)
    # N E M² = 1 + (1−e^{−t})² + (2t − 3 + 4e^{−t} − e^{−2t}), whose integral over [0, 1] by Gauss
    nodes, weights = np.polynomial.legendre.leggauss(12)
    t = (nodes + 1) / 2
    e = np.exp(-t)
    exact = weights @ (1 + (1 - e) ** 2 + 2 * t - 3 + 4 * e - e**2) / 2 / 4
    many = path_entropy(problem, 4, [0.0, 1.0], replicas=300, dt=H)
    # the trapezoidal rule errs by h²/12 (f′(1) − f′(0))/4 < 1e-3, a tenth of the standard error
    assert abs(float(many[-1]) - exact) < 4 * float(many["stderr"][-1]) + 1e-3
    assert float(many["stderr"][-1]) < 0.1 * exact


@numba.njit
def shear(x: float, y: float) -> tuple[float, float]:
    """A divergence-free kernel of zero mean and mean square 1."""
    return np.sin(y), np.sin(x)


def shears(σ: float = 0.5) -> mf.Problem:
    uniform = from_density(field(np.full(TORUS.shape, 1 / (4 * np.pi**2)), TORUS, "density"))
    return mf.Problem(McKeanVlasov(Custom(shear, 2), σ), uniform, TORUS, 1.0)


@pytest.mark.parametrize("size", [2, 16])
def test_a_system_that_stays_a_product(size: int) -> None:
    # the uniform product law is stationary (∇·K = 0), so H_N = 0 at all times, and the bound is exactly
    # (t/4σ) Σᵢ E|(1/N) Σ_{j≠i} K|² = (t/4σ)(1 − 1/N): entropy of paths is more than that of marginals
    found = path_entropy(shears(), size, [0.0, 1.0], replicas=150, dt=0.1, seed=1)
    exact = (1 - 1 / size) / (4 * 0.5)
    assert abs(float(found[-1]) - exact) < 4 * float(found["stderr"][-1])
    assert float(found["stderr"][-1]) < 0.08 * exact


def test_vortices_with_a_small_core() -> None:
    # at first the points are i.i.d. N(0, I): dH/dt = N E|…|²/4σ = ((N−1)(A − B)/N + B/N)/4σ, with
    # |X − Y|²/4 exponential in A = E|K(X − Y)|² and K∗ρ(x) = x^⊥ (1 − e^{−r²/2})/(2πr²) in B = E|K∗ρ|²;
    # A ~ log(1/ε)/(8π²), so that the entropy grows like (1/8πσ) log(1/ε) ∬ρ², ∬ρ² = 1/4π
    from scipy.special import exp1

    σ, N, h = 0.25, 20, 2e-4
    plane = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 48, "open") for name in "xy"))
    s, w = np.polynomial.legendre.leggauss(60)
    r = 4 * (s + 1)
    B = w @ (4 * r * np.exp(-(r**2) / 2) * ((1 - np.exp(-(r**2) / 2)) / (2 * np.pi * r)) ** 2)
    rates = []
    for ε in (0.4, 0.1, 1e-4):
        inside = w @ ((s + 1) ** 3 / 8 * np.exp(-((ε * (s + 1)) ** 2) / 16)) / 4  # ∫₀^ε r³/(2ε⁴) e^{−r²/4} dr
        A = (inside + exp1(ε**2 / 4) / 4) / (4 * np.pi**2)
        rates.append(((N - 1) * (A - B) / N + B / N) / (4 * σ))
        if ε < 0.1:
            continue
        problem = mf.Problem(McKeanVlasov(BiotSavart(ε), σ), Maxwellian(0.0, 1.0, 2), plane, 1.0)
        found = path_entropy(problem, N, [0.0, h], replicas=150, dt=h, seed=1)
        assert abs(float(found[1]) / h - rates[-1]) < 4 * float(found["stderr"][1]) / h
        assert float(found["stderr"][1]) / h < 0.08 * rates[-1]
    growth = (1 - 1 / N) * np.log(1e3) / (8 * np.pi * σ) / (4 * np.pi)
    assert rates[2] - rates[1] == pytest.approx(growth, rel=1e-3)


def followed(problem: mf.Problem, size: int, replica: int, dt: float) -> Any:
    system = system_for(problem, size, 5, dt, "auto", np.array([0.0, 1.0]))
    limit = mean_field_for(system, True)
    assert limit is not None
    source = limit.start()
    run = system.start(replica, field=source)
    assert isinstance(run, CoupledRun)
    return Followed(system, replica, run, source, ())


def test_the_observer_of_a_study_finds_the_same() -> None:
    problem, values = springs(), []
    for replica in range(3):
        subject = followed(problem, 6, replica, H)
        observer = PathEntropy().follow(subject)
        observer.see()
        while subject.run.time < 1.0:
            subject.run.step(1.0)
            observer.see()
        values.append(observer.value())
    found = path_entropy(problem, 6, [0.0, 1.0], replicas=3, dt=H, seed=5)
    assert float(found[-1]) == np.mean(values)
    assert float(path_entropy(problem, 6, [0.0, 1.0], replicas=3, dt=H, seed=5, initial=2.0)[0]) == 2.0


def test_in_a_study() -> None:
    problem, times = springs(), [0.0, 0.5]
    study = mf.converge(problem, (4, 8), 3, {"entropy": PathEntropy()}, times=times, dt=H, mean_field=True)
    assert study["entropy"].dims == ("size", "replica", "time")
    for size in (4, 8):
        alone = path_entropy(problem, size, times, replicas=3, dt=H)
        np.testing.assert_allclose(study["entropy"].sel(size=size).mean("replica"), alone, rtol=1e-12)


def test_the_diffusion_of_finitely_many_particles_counts() -> None:
    # σ_N = 8/N vanishes in the limit; at N = 8 it is 1
    vanishing = McKeanVlasov(Harmonic(1, 1.0), PowerOfN(8.0, -1.0))
    problem = mf.Problem(vanishing, Maxwellian(0.0, 1.0), LINE, 1.0)
    one = path_entropy(problem, 8, [0.0, 0.2], replicas=2, dt=H)
    other = path_entropy(springs(), 8, [0.0, 0.2], replicas=2, dt=H)
    np.testing.assert_array_equal(one.values, other.values)


def test_it_is_a_metric_as_data() -> None:
    metric = PathEntropy()
    assert isinstance(metric, Metric)
    assert repr(metric) == "PathEntropy(initial=0.0)"
    assert (metric.needs, metric.reduction, metric.theory(LINE)) == ("dynamics", "mean", 0.0)
    with pytest.raises(ValueError, match="along the paths"):
        metric.target(xr.DataArray())


@pytest.mark.parametrize(
    ("equation", "grid"),
    [
        (NavierStokes(1.0), TORUS),
        (KellerSegel(1.0), TORUS),
        (Vlasov(Coulomb(3), friction=1.0, diffusion=1.0), None),
    ],
    ids=["vortices", "Keller-Segel", "Coulomb in space"],
)
def test_singular_kernels_are_warned_of(equation: Any, grid: Any) -> None:
    from mfpde.chaos.entropy import check_noise

    with pytest.warns(UserWarning, match="not integrable at 0"):
        check_noise(equation)


def test_kernels_that_are_square_integrable_are_not() -> None:
    from mfpde.chaos.entropy import check_noise

    equations: list[Any] = [
        McKeanVlasov(BiotSavart(0.01), 1.0),
        McKeanVlasov(LogGas(3, 1.0), 1.0),
        Vlasov(Coulomb(1), friction=1.0, diffusion=1.0),
        Kuramoto(1.0, 1.0),
    ]
    for equation in equations:
        check_noise(equation)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"without noise \(diffusion 0\).*coupling_distance"):
        path_entropy(
            mf.Problem(
                Kuramoto(1.0, 0.0), mf.laws.VonMises(1.0), mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 16),)), 1.0
            ),
            4,
        )
    grid = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 16, "open") for name in ("vx", "vy")))
    with pytest.raises(ValueError, match="mutually singular"):
        path_entropy(mf.Problem(Landau(2, 0.0), Maxwellian(0.0, 1.0, 2), grid, 1.0), 4)
    with pytest.raises(ValueError, match="initial entropy"):
        PathEntropy(-1.0)
    with pytest.raises(ValueError, match="replicas"):
        path_entropy(springs(), 4, replicas=1)

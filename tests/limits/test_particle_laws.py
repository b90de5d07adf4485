"""Laws of particle systems that are exact at finite N, or whose limit is: moments, thresholds, equilibria."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import ive

import mfpde as mf
from mfpde.laws import BKW, Maxwellian, Perturbed
from mfpde.particles.dynamics import prepare
from mfpde_solvers.equations import KellerSegel, Kuramoto, Landau, LogGas, McKeanVlasov
from mfpde_solvers.kernels import KellerSegel as Attraction

CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 32),))


def whole_space(dim, names="xyz"):
    return mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 16, "open") for name in names[:dim]))


def positions(found):
    names = [name for name in ("x", "y", "z") if name in found]
    return np.stack([found[name].values for name in names], axis=-1)


def z_score(samples, expected):
    return (samples.mean() - expected) / (samples.std(ddof=1) / np.sqrt(len(samples)))


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("scaling", ["1/N", "1/(N-1)"])
def test_second_moment_of_log_gases(dim, scaling):
    """The slope of E N⁻¹Σ|X|² is 2dσ + λ(1 − 1/N), and 2dσ + λ with 1/(N − 1)."""
    λ, σ, N, t = 3.0, 0.05, 4, 0.1
    gas = LogGas(dim, λ, σ)
    equation = McKeanVlasov(gas.kernel, σ, scaling=scaling)
    problem = mf.Problem(equation, Maxwellian(0.0, 1.0, dim), whole_space(dim), t)
    x = positions(mf.simulate(problem, N, [0.0, t], replicas=500, dt=t / 20))
    gain = (x[1] ** 2 - x[0] ** 2).sum(axis=(1, 2)) / N
    with_share, with_all = t * (2 * dim * σ + λ * (1 - 1 / N)), t * (2 * dim * σ + λ)
    right, wrong = (with_share, with_all) if scaling == "1/N" else (with_all, with_share)
    assert abs(z_score(gain, right)) < 4
    assert abs(z_score(gain, wrong)) > 5


@pytest.mark.parametrize("N", [4, 16, 64])
@pytest.mark.parametrize("χ", [4 * np.pi, 7 * np.pi, 8 * np.pi, 12 * np.pi])
def test_the_threshold_of_aggregation_does_not_depend_on_the_number(χ, N):
    """E N⁻¹Σ|X − X̄|² has slope (1 − 1/N)(4σ − χ/2π), with a sign that changes at χ = 8πσ for every N.

    Within the cut-off ε pairs attract less: that adds (χ/2π) N⁻² E Σ_{i≠j} (1 − |z|²/ε²)₊.
    """
    σ, t, ε = 1.0, 0.05, 0.1
    equation = McKeanVlasov(Attraction(χ, cutoff=ε), σ)
    problem = mf.Problem(equation, Maxwellian(0.0, 1.0, 2), whole_space(2), t)
    times = np.linspace(0, t, 11)
    x = positions(mf.simulate(problem, N, times, replicas=1600 // N, dt=t / 20))
    z2 = ((x[:, :, :, None] - x[:, :, None]) ** 2).sum(axis=-1)
    near = np.maximum(1 - z2 / ε**2, 0.0).sum(axis=(2, 3)) - N
    extra = np.trapezoid(near, times, axis=0) * χ / (2 * np.pi) / N**2
    spread = ((x - x.mean(axis=2, keepdims=True)) ** 2).sum(axis=(2, 3)) / N
    gain = spread[-1] - spread[0] - extra
    assert abs(z_score(gain, t * (1 - 1 / N) * (4 * σ - χ / (2 * np.pi)))) < 4
    if χ != 8 * np.pi:
        assert np.sign(gain.mean()) == np.sign(8 * np.pi * σ - χ)
    if χ == 12 * np.pi:
        assert abs(z_score(gain, t * (1 - 1 / N) * 4 * σ)) > 5  # without attraction


@pytest.mark.parametrize("χ", [-8 * np.pi, 2 * np.pi])
def test_the_spread_is_a_squared_bessel_process(χ):
    """Q = Σ|X − X̄|² from given points: Q/2σ is one of dimension (N − 1)(2 − χ/4πσ) in the plane."""
    σ, t, N, replicas = 0.5, 0.2, 5, 500
    rng = np.random.default_rng(0)
    start = rng.standard_normal((N, 2))
    problem = mf.Problem(KellerSegel(χ, σ), Maxwellian(0.0, 1.0, 2), whole_space(2), t)
    initial = np.broadcast_to(start, (replicas, N, 2))
    x = positions(mf.simulate(problem, N, [t], replicas=replicas, dt=t / 40, initial=initial))[0]
    Q0 = ((start - start.mean(axis=0)) ** 2).sum()
    Q = ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    dimension = (N - 1) * (2 - χ / (4 * np.pi * σ))
    scaled, from_start = Q / (2 * σ * t), Q0 / (2 * σ * t)
    assert stats.kstest(scaled, stats.ncx2(dimension, from_start).cdf).pvalue > 1e-3
    assert stats.kstest(scaled, stats.ncx2(2 * (N - 1), from_start).cdf).pvalue < 1e-4  # independent


@pytest.mark.parametrize(("dim", "k", "t"), [(2, 0.5, 0.25), (3, 0.6, 0.1)])
def test_fourth_moment_of_maxwell_molecules(dim, k, t, reference):
    """E N⁻¹Σ|V|⁴ follows the state of Bobylev, Krook and Wu: d(d + 2) K(2 − K), 1 − K ~ e^{−2(d−1)t}.

    The energy, of mean d for every N, is the control variate: a cloud that is wider by a factor has a fourth
    moment larger by its fourth power. With N = 1000 and steps of 1/800 the bias of O(1/N) + O(h) is below a
    standard error, ½ per cent.
    """

    def moment(time):
        K = 1 - (1 - k) * np.exp(-2 * (dim - 1) * time)
        return dim * (dim + 2) * K * (2 - K)

    assert moment(0.25) == pytest.approx(reference[f"E.bkw.d{dim}.M4(C={1 - k:g},t=0.25)"]["value"])
    grid = whole_space(dim, ("vx", "vy", "vz"))
    problem = mf.Problem(Landau(dim, 0.0), BKW(dim, k), grid, t)
    found = mf.simulate(problem, 1000, [0.0, t], replicas=50, dt=1 / 800)
    v = np.stack([found[name].values for name in grid.names], axis=-1)
    squares = (v**2).sum(axis=-1)
    for place, time in enumerate((0.0, t)):
        excess = squares[place].mean(axis=-1) / dim - 1
        fourth = (squares[place] ** 2).mean(axis=-1) - 2 * moment(time) * excess
        assert abs(z_score(fourth, moment(time))) < 4
    assert abs(z_score(fourth, moment(np.inf))) > 5
    assert abs(z_score(fourth, moment(0.0))) > 5


def order_at_equilibrium(N, κ, σ):
    """N E|Z|² for the law ∝ e^{β|S|²}, S = Σe^{iX}, β = κ/2Nσ: Z(β) = ∫ r e^{−r²/2} I₀(r√(2β))ᴺ dr.

    E|S|² is the derivative of log Z, and β E|S|² the mean of r²/2 less 1.
    """
    a = np.sqrt(κ / (N * σ))

    def weight(r):  # I₀(x) = eˣ ive(0, x)
        return r * np.exp(-(r**2) / 2 + N * (np.log(ive(0, a * r)) + a * r))

    mass, second = quad(weight, 0, 40)[0], quad(lambda r: r**2 * weight(r), 0, 40)[0]
    return (second / mass / 2 - 1) * 2 * σ / κ


def test_the_equilibrium_of_kuramoto_particles_at_finite_size():
    """1.926 for N = 50 and 1.980 for N = 200, towards 1/(1 − κ/2σ) = 2."""
    values = [order_at_equilibrium(N, 1.0, 1.0) for N in (50, 200, 10**5)]
    assert values == pytest.approx([1.926, 1.980, 2.0], abs=5e-4)


def time_averages(N, replicas, time, dt=0.1):
    """Means of N|Z|² over time after relaxation, of independent systems with κ = σ = 1."""
    rng, averages = np.random.default_rng(N), []
    for replica in range(replicas):
        x = 2 * np.pi * rng.random((N, 1))
        stream = np.random.SeedSequence(N, spawn_key=(replica,))
        run = prepare(Kuramoto(1.0, 1.0), CIRCLE, x, np.ones(N), stream, dt)
        seen = []
        while run.time < time - dt / 2:
            run.step(1e6 * dt)
            if run.time > 8.0:  # 1/2r = 1 is the time of relaxation
                seen.append(N * np.abs(np.exp(1j * run.observe()["x"]).mean()) ** 2)
        averages.append(np.mean(seen))
    return np.array(averages)


def test_stationary_kuramoto_particles():
    found = time_averages(50, replicas=16, time=60.0)
    assert abs(z_score(found, order_at_equilibrium(50, 1.0, 1.0))) < 4
    assert abs(z_score(found, 1.0)) > 8  # independent phases


@pytest.mark.slow
@pytest.mark.parametrize("N", [50, 200])
def test_stationary_kuramoto_particles_to_one_per_cent(N):
    """Enough to tell N = 50 from the limit N = ∞ of 2; the scheme adds O(h²), 2e-3 for h = 0.1."""
    found = time_averages(N, replicas=100, time=408.0)
    assert abs(z_score(found, order_at_equilibrium(N, 1.0, 1.0))) < 4
    assert found.std(ddof=1) / 10 < 0.02
    if N == 50:
        assert z_score(found, 2.0) < -4


@pytest.mark.slow
def test_relaxation_of_kuramoto_particles():
    """From uniform phases N E|Z|² passes through 1/r + (1 − 1/r)e^{−2rt}, r = ½, up to O(1/N)."""
    N, times = 200, np.array([0.0, 0.5, 1.0, 2.0])
    problem = mf.Problem(Kuramoto(1.0, 1.0), Perturbed(1.0, 0.0), CIRCLE, 2.0)
    x = mf.simulate(problem, N, times, replicas=1000, dt=0.05)["x"].values
    squares = N * np.abs(np.exp(1j * x).mean(axis=-1)) ** 2
    for found, expected in zip(squares, 2 - np.exp(-times), strict=True):
        assert abs(z_score(found, expected)) < 4

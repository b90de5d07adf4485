"""Ordered particles on the line and the circle: implicit steps against exact laws, colliding or not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.special import gamma, hyp1f1

import mfpde as mf
from mfpde.laws import Maxwellian, Perturbed
from mfpde.particles.dynamics import prepare
from mfpde.particles.dynamics.ordered import OrderedRun
from mfpde.particles.noise import BrownianPath
from mfpde.particles.repulsion import Repulsion
from mfpde_solvers.equations import LogGas, McKeanVlasov
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.kernels import LogGas as LogKernel
from mfpde_solvers.kernels import Riesz

LINE = mf.Grid((mf.Axis("x", -8.0, 8.0, 64, "open"),))
CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 64),))


def start(equation, grid, x, dt, seed=0):
    points = np.asarray(x, dtype=float)[:, None]
    return prepare(equation, grid, points, np.ones(len(points)), np.random.SeedSequence(seed), dt)


def at(run, time):
    while run.time < time:
        run.step(time)
    return run.observe()["x"]


def z_score(samples, expected):
    return (samples.mean() - expected) / (samples.std(ddof=1) / np.sqrt(len(samples)))


def test_the_resolvent_of_two_is_a_quadratic():
    """The distance solves d − 2τλ/d = y₂ − y₁, on either side of 0, and the centre stays."""
    for y in ([0.0, 1.0], [0.3, -2.0], [1.0, 1.0]):
        x = Repulsion(LogKernel(1, 0.7).on(LINE), 0.5).resolvent(np.array(y), np.array([0.0, 0.1]), 0.3)
        d = y[1] - y[0]
        assert x[1] - x[0] == pytest.approx(d / 2 + np.sqrt(d**2 / 4 + 0.3 * 0.7), rel=1e-9)
        assert x.sum() == pytest.approx(sum(y), abs=1e-12)


@pytest.mark.parametrize("grid", [LINE, CIRCLE], ids=["line", "circle"])
@pytest.mark.parametrize("kernel", [LogKernel(1, 1.3), Riesz(1, 0.5, 0.8)], ids=["log", "riesz"])
@pytest.mark.parametrize("τ", [1e-4, 0.3])
def test_the_resolvent_solves_its_equation_in_the_same_order(grid, kernel, τ):
    """The equation x − τ b(x) = y, by the definition of the force.

    J: y ↦ x is firmly non-expansive, so that there is one solution only and 2J − I does not expand.
    """
    rng, domain = np.random.default_rng(4), kernel.on(grid)
    N = 60
    first = np.sort(rng.uniform(0.0, 6.0, N))
    repulsion = Repulsion(domain, 1 / N)
    found = []
    for _ in range(2):
        y = first + 0.2 * rng.standard_normal(N)
        x = repulsion.resolvent(y, first, τ)
        z = x[:, None] - x
        force = domain(z[..., None])[..., 0].sum(axis=1) / N
        assert np.abs(x - τ * force - y).max() < 1e-8  # 1e-10 of the way, and round-off of 1/gap
        assert (np.diff(x) > 0).all()
        assert grid is LINE or x[-1] < x[0] + 2 * np.pi
        found.append((y, x))
    (y, x), (ỹ, x̃) = found
    assert np.sum((x - x̃) ** 2) <= np.sum((x - x̃) * (y - ỹ)) + 1e-9


def test_coincident_points_are_separated():
    """All in one place: the Hermite zeros, where the repulsion balances x/τ."""
    N, τ = 12, 0.4
    x = Repulsion(LogKernel(1).on(LINE), 1 / N).resolvent(np.zeros(N), np.zeros(N), τ)
    zeros = np.polynomial.hermite.hermgauss(N)[0]
    assert np.abs(x - zeros * np.sqrt(τ / N)).max() < 1e-9


def test_second_moments_of_every_step_are_exact():
    """|2X′ − Y|² = |Y|² + h w λ N(N − 1), so that the second moment has its exact slope up to O(h²)."""
    rng, N, τ, λ = np.random.default_rng(0), 9, 0.2, 1.7
    y = rng.standard_normal(N)
    x = Repulsion(LogKernel(1, λ).on(LINE), 1 / N).resolvent(y, np.sort(rng.standard_normal(N)), τ)
    expected = np.sum(y**2) + 2 * τ * λ * (N - 1)
    assert np.sum((2 * x - y) ** 2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dimension", [1.5, 2.0, 3.5])
def test_two_particles_are_a_bessel_process(dimension):
    """Their distance Y has Y²/(4σt) ~ noncentral χ² with δ = 1 + wλ/σ degrees, meeting (δ < 2) or not."""
    λ, t, y0 = 1.0, 0.5, 0.4
    σ = 0.5 * λ / (dimension - 1)
    law = stats.ncx2(dimension, y0**2 / (4 * σ * t))
    runs = (start(LogGas(1, λ, σ), LINE, [0.0, y0], 0.05, seed) for seed in range(500))
    squares = np.array([np.diff(at(run, t))[0] for run in runs]) ** 2 / (4 * σ * t)
    assert stats.kstest(squares, law.cdf).pvalue > 1e-3
    assert abs(z_score(squares, law.mean())) < 4
    independent = stats.ncx2(1, y0**2 / (4 * σ * t))
    assert stats.kstest(squares, independent.cdf).pvalue < 1e-4


def test_weak_order_of_the_mean_distance():
    """Two particles with δ = 5: errors of E Y and E Y² fall like h², by a million paths of the recursion."""
    δ, t, y0, M = 5.0, 0.5, 0.8, 1_000_000
    # 4σ = 1: Y/√t is noncentral χ
    mean = np.sqrt(2 * t) * gamma((δ + 1) / 2) / gamma(δ / 2) * hyp1f1(-0.5, δ / 2, -(y0**2) / (2 * t))
    exact = mean, y0**2 + δ * t
    noise = np.sqrt(t / 8) * np.random.default_rng(0).standard_normal((8, M))
    errors = []
    for n in (4, 8):
        y = bessel_steps(np.full(M, y0), noise.reshape(n, 8 // n, M).sum(axis=1), (δ - 1) / 2, t / n)
        errors.append(np.abs([y.mean() - exact[0], (y**2).mean() - exact[1]]))
    # standard errors 5e-4 and 1e-3 of 5e-3 and 2e-2 at the shorter step, that is 0.15 of the order
    assert np.log2(errors[0] / errors[1]) == pytest.approx([1.8, 1.8], abs=0.4)
    # the recursion is that of the code: wλ = ½ (δ − 1)/2 with 4σ = 1
    run = start(LogGas(1, 2.0, 0.25), LINE, [0.0, y0], t / 4, 3)
    found = np.diff(at(run, t))[0]
    path = BrownianPath(np.random.SeedSequence(3), (2, 1), t / 4)
    pairs = np.array([np.sqrt(0.5) * np.diff(path.increment(i)[:, 0]) for i in range(4)])
    assert found == pytest.approx(bessel_steps(np.array([y0]), pairs, 2.0, t / 4)[0], rel=1e-8)


def bessel_steps(y, noise, k, h):
    """The scheme for the distance of two: dY = (k/Y) dt + dW, with the resolvent in closed form."""
    push = np.zeros_like(y)
    for i, ΔW in enumerate(noise):
        τ = h if i == 0 else h / 2
        z = y + h / 2 * push + ΔW
        y = (z + np.sqrt(z**2 + 4 * τ * k)) / 2
        push = k / y
    return y


@pytest.mark.parametrize(
    ("N", "σ", "scaling"), [(4, 0.1, "1/N"), (4, 0.5, "1/N"), (20, 0.3, "1/N"), (20, 0.3, "1/(N-1)")]
)
def test_slope_of_the_second_moment(N, σ, scaling):
    """E N⁻¹Σ|X|² has slope 2σ + λ(1 − 1/N), or 2σ + λ; pairs meet in all cases but the first."""
    λ, t = 1.0, 0.5
    equation = McKeanVlasov(LogKernel(1, λ), σ, scaling=scaling)
    x = mf.simulate(mf.Problem(equation, Maxwellian(), LINE, t), N, [0.0, t], replicas=1600 // N, dt=0.05)[
        "x"
    ].values
    gain = (x[1] ** 2 - x[0] ** 2).mean(axis=-1)
    share = 1 - 1 / N if scaling == "1/N" else 1.0
    assert abs(z_score(gain, t * (2 * σ + λ * share))) < 4
    assert abs(z_score(gain, t * 2 * σ)) > 8


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
def test_dyson_particles_of_the_catalogue(beta):
    """M′ = 2/(βN) + 1 − 1/N − 2λM for M = E N⁻¹Σ|X|², at finite N."""
    problem, N, t = mf.problems.dyson(confinement=1.0, beta=beta, radius=0.5), 16, 0.5
    x = mf.simulate(problem, N, [0.0, t], replicas=100, dt=0.025)["x"].values
    rest = (2 / (beta * N) + 1 - 1 / N) / 2
    change = (x[1] ** 2).mean(axis=-1) - np.exp(-2 * t) * (x[0] ** 2).mean(axis=-1)
    assert abs(z_score(change, rest * (1 - np.exp(-2 * t)))) < 4
    assert abs(z_score(change, 0.8 * rest * (1 - np.exp(-2 * t)))) > 5


def test_the_stationary_law_on_the_circle():
    """Dyson's circular ensemble: E|Σe^{iX}|² = (2/β) N/(N − 1 + 2/β) with β = wλ/σ, from long steps."""
    N, λ, β = 6, 1.0, 2.0
    σ = λ / (N * β)
    run = start(LogGas(1, λ, σ), CIRCLE, 2 * np.pi * np.arange(N) / N, 0.25)
    squares = []
    for _ in range(120):
        chunk = []
        for _ in range(40):
            run.step(1e9)
            chunk.append(np.abs(np.exp(1j * run.observe()["x"]).sum()) ** 2)
        squares.append(np.mean(chunk))  # 40 steps of ¼ are many relaxation times 1/(σ + λ/2)
    assert abs(z_score(np.array(squares[2:]), 2 / β * N / (N - 1 + 2 / β))) < 4
    assert abs(z_score(np.array(squares[2:]), N)) > 20  # independent ones


@pytest.mark.parametrize("kernel", [LogKernel(1, 1.0), Riesz(1, 0.5, 1.0)], ids=["log", "riesz"])
def test_order_two_without_noise(kernel):
    x0 = np.array([-0.7, 0.1, 0.4, 1.1])
    field = lambda t, x: kernel((x[:, None] - x)[..., None])[..., 0].sum(axis=1) / 4 - x**3  # noqa: E731
    exact = solve_ivp(field, (0, 1), x0, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    equation = McKeanVlasov(kernel, 0.0, drift=lambda x: -(x**3))
    errors = [np.abs(at(start(equation, LINE, x0, 1 / n), 1.0) - exact).max() for n in (40, 80, 160)]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2.0, abs=0.2)


def test_strong_order_one_where_particles_do_not_meet():
    """β = 20: differences of runs with h and h/2 on one path fall like h."""
    N = 8
    equation = McKeanVlasov(LogKernel(1, 1.0), 1 / (20 * N))
    ends = [
        np.array([at(start(equation, LINE, np.arange(N) / 2, dt, seed), 1.0) for seed in range(20)])
        for dt in (0.05, 0.025, 0.0125, 0.00625)
    ]
    errors = [np.sqrt(np.mean((a - b) ** 2)) for a, b in pairwise(ends)]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("σ", [0.0, 0.3])
def test_restored_runs_continue_bitwise(σ):
    equation, x0 = McKeanVlasov(LogKernel(1, 1.0), σ), [0.2, 6.1, 3.0, 3.0]
    whole, second = (start(equation, CIRCLE, x0, 0.1) for _ in range(2))
    at(whole, 0.5)
    second.restore(whole.state())
    assert isinstance(second, OrderedRun)
    assert np.array_equal(at(whole, 1.0), at(second, 1.0))


def test_particles_in_the_mean_field_have_the_same_steps():
    problem = mf.problems.log_gas(1).replace(resolution={"x": 64})
    found = mf.simulate(problem, 16, [0.0, 0.1], dt=0.02, mean_field=True)
    alone = mf.simulate(problem, 16, [0.0, 0.1], dt=0.02)
    assert np.array_equal(found["x"], alone["x"])
    assert np.abs(found["x"] - found["x_coupled"])[1].max() < 1.0


def test_what_cannot_be_kept_apart_is_refused():
    attracting = mf.Problem(LogGas(1, -1.0, 0.1), Maxwellian(), LINE, 1.0)
    with pytest.raises(ValueError, match="cut the kernel off"):
        mf.simulate(attracting, 4)
    with pytest.raises(ValueError, match="take forces='auto' or 'direct'"):
        mf.simulate(mf.problems.log_gas(1), 4, forces="fast")
    uniform = mf.Problem(LogGas(1, 1.0, 0.1), Perturbed(1.0, 0.0), CIRCLE, 0.1)
    assert mf.simulate(uniform, 4, [0.1]).attrs["status"] == "completed"
    run = start(McKeanVlasov(LogKernel(1), 0.0, drift=lambda x: x * np.nan), LINE, [0.0, 1.0], 0.1)
    with pytest.raises(ResolutionLost, match="not finite"):
        run.step(1.0)

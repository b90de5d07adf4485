"""First-order particle systems against what is exact at finite N."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

import mfpde as mf
from mfpde.laws import Maxwellian, Mixture
from mfpde.particles.dynamics import default_step, prepare
from mfpde.particles.noise import BrownianPath, common_step
from mfpde_solvers.equations import KellerSegel, Kuramoto, McKeanVlasov, NavierStokes
from mfpde_solvers.kernels import BiotSavart, Harmonic

PLANE = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 32, "open") for name in "xy"))
LINE = mf.Grid((mf.Axis("x", -8.0, 8.0, 64, "open"),))
CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 32),))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 16) for name in "xy"))


def ensemble(equation, law, grid, size, replicas, time, dt=None, seed=0):
    """Positions (replica, particle, axis) at a time, and the circulations."""
    problem = mf.Problem(equation, law, grid, time)
    found = mf.simulate(problem, size, [0.0, time], replicas=replicas, seed=seed, dt=dt)
    x = np.stack([found[name].values for name in grid.names], axis=-1)
    return x[0], x[1], found["circulation"].values


def z_score(samples, expected):
    return (samples.mean() - expected) / (samples.std(ddof=1) / np.sqrt(len(samples)))


@pytest.mark.parametrize("scaling", ["1/N", "1/(N-1)"])
def test_harmonic_covariance_is_exact_at_finite_size(scaling):
    """Cov(X) = vI + ((w − v)/N)𝟏𝟏ᵀ with v the fluctuations of rate a, or aN/(N − 1)."""
    a, σ, s0, t, N = 1.0, 0.5, 0.7, 1.0, 5
    rate = a if scaling == "1/N" else a * N / (N - 1)
    v = s0**2 * np.exp(-2 * rate * t) + σ / rate * (1 - np.exp(-2 * rate * t))
    w = s0**2 + 2 * σ * t
    equation = McKeanVlasov(Harmonic(1, a), σ, scaling=scaling)
    _, x, _ = ensemble(equation, Maxwellian(0.0, s0), LINE, N, 2000, t, dt=0.05)
    centre = x[..., 0].mean(axis=1)
    spread = ((x[..., 0] - centre[:, None]) ** 2).sum(axis=1) / (N - 1)
    assert abs(z_score(centre**2, w / N)) < 4
    assert abs(z_score(spread, v)) < 4
    assert abs(z_score(spread, v * 1.2)) > 5  # what the test can tell apart


@pytest.mark.parametrize(
    ("vortices", "circulations", "name"),
    [
        ([[0.5, 0.0], [-0.5, 0.0]], [1.0, 1.0], "B.point_vortices.same_sign_rotation(G=1,1,d=1)"),
        (None, [1.0] * 3, "B.point_vortices.polygon(N=3,G=1,R=1)"),
        (None, [1.0] * 5, "B.point_vortices.polygon(N=5,G=1,R=1)"),
    ],
)
def test_rigid_rotation_of_point_vortices(reference, vortices, circulations, name):
    N = len(circulations)
    angles = 2 * np.pi * np.arange(N) / N
    start = np.array(vortices) if vortices else np.stack([np.cos(angles), np.sin(angles)], axis=1)
    m = N * np.array(circulations)  # the sum carries 1/N
    equation = NavierStokes(0.0, circulations=tuple(np.unique(m)))
    run = prepare(equation, PLANE, start, m, np.random.SeedSequence(0), 0.05)
    while run.time < 2.0:
        run.step(2.0)
    z0, z = start @ [1, 1j], np.stack([run.observe()["x"], run.observe()["y"]], axis=1) @ [1, 1j]
    assert np.abs(z - z0 * np.exp(2j * reference[name]["value"])).max() < 2e-8


def test_dipole_travels_and_the_scheme_is_of_order_four(reference):
    speed = reference["B.point_vortices.dipole_speed(G=1,d=1)"]["value"]
    start, m = np.array([[0.0, 0.5], [0.0, -0.5]]), np.array([2.0, -2.0])
    equation = NavierStokes(0.0, circulations=(-2.0, 2.0))
    run = prepare(equation, PLANE, start, m, np.random.SeedSequence(0), 0.1)
    while run.time < 3.0:
        run.step(3.0)
    assert np.abs(np.abs(run.observe()["x"]) - 3.0 * speed).max() < 1e-12
    errors = []
    for dt in (0.1, 0.05, 0.025):
        pair = prepare(
            NavierStokes(0.0, (2.0,)), PLANE, start, np.full(2, 2.0), np.random.SeedSequence(0), dt
        )
        while pair.time < 3.0:
            pair.step(3.0)
        z = pair.observe()["x"] + 1j * pair.observe()["y"]
        errors.append(np.abs(z - 0.5j * np.array([1, -1]) * np.exp(3j * 2 * speed)).max())
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(4.0, abs=0.2)


def test_vortices_of_one_sign_are_spread_like_independent_ones():
    """Σ|Xᵢ|²/(s² + 2νt) has the χ² law with 2N degrees of freedom for every N."""
    ν, s, t, N = 0.2, 0.8, 1.0, 10
    _, x, _ = ensemble(NavierStokes(ν), Maxwellian((0.0, 0.0), s, 2), PLANE, N, 600, t, dt=0.02)
    scaled = (x**2).sum(axis=(1, 2)) / (s**2 + 2 * ν * t)
    assert stats.kstest(scaled, stats.chi2(2 * N).cdf).pvalue > 1e-3


def test_signed_vortices_keep_their_second_moment_up_to_noise():
    """The mean of Σ Mᵢ|Xᵢ|² has the slope 4σ ΣMᵢ for every draw of the circulations."""
    ν, t, N = 0.3, 1.0, 6
    law = Mixture((Maxwellian((1.0, 0.0), 0.5, 2), Maxwellian((-1.0, 0.0), 0.5, 2)), (0.5, 0.5))
    equation = NavierStokes(ν, circulations=(1.0, -1.0))
    x0, x, m = ensemble(equation, law, PLANE, N, 2000, t, dt=0.02)
    gain = (m * ((x**2).sum(axis=2) - (x0**2).sum(axis=2))).sum(axis=1)
    assert set(np.unique(m)) == {-1.0, 1.0}
    assert abs(z_score(gain - 4 * ν * t * m.sum(axis=1), 0.0)) < 4


def test_vortices_on_the_torus_stay_uniform():
    """The uniform law stays a product exactly: every Fourier mode of μ_N has mean square 1/N."""
    law = lambda x: np.full(x.shape[:-1], 1 / (4 * np.pi**2))  # noqa: E731
    uniform = stats.uniform(0, 2 * np.pi)

    class Uniform:
        pdf = staticmethod(law)

        def rvs(self, size, rng):
            return uniform.rvs((size, 2), random_state=rng)

    N = 16
    _, x, _ = ensemble(NavierStokes(0.05, (4.0,)), Uniform(), TORUS, N, 400, 1.0, dt=0.05)
    for k in ([1, 0], [1, 1], [0, 2]):
        squares = N * np.abs(np.exp(1j * x @ k).mean(axis=1)) ** 2
        assert abs(z_score(squares, 1.0)) < 4


@pytest.mark.parametrize("scaling", ["1/N", "1/(N-1)"])
@pytest.mark.parametrize(("χ", "N"), [(4 * np.pi, 8), (12 * np.pi, 24), (-8 * np.pi, 8)])
def test_second_moment_of_logarithmic_systems(χ, N, scaling):
    """Mean slope of N⁻¹Σ|X|²: 4σ − (χ/2π)(1 − 1/N), or without the 1/N; slopes with a cut-off are corrected.

    A cut-off ε adds (χ/2π) w N⁻¹ E Σ_{i≠j} (1 − |z|²/ε²)₊.
    """
    σ, t, ε = 1.0, 0.1, 0.1
    kernel = mf.kernels.KellerSegel(χ, cutoff=ε)
    equation = McKeanVlasov(kernel, σ, scaling=scaling)
    problem = mf.Problem(equation, Maxwellian((0.0, 0.0), 1.0, 2), PLANE, t)
    times = np.linspace(0, t, 13)
    found = mf.simulate(problem, N, times, replicas=600, dt=t / 60)
    x = np.stack([found["x"].values, found["y"].values], axis=-1)
    w = 1 / N if scaling == "1/N" else 1 / (N - 1)
    z2 = ((x[:, :, :, None] - x[:, :, None, :]) ** 2).sum(axis=-1)
    near = np.maximum(1 - z2 / ε**2, 0.0).sum(axis=(2, 3)) - N
    extra = np.trapezoid(near, times, axis=0) * χ / (2 * np.pi) * w / N
    gain = (x[-1] ** 2 - x[0] ** 2).sum(axis=(1, 2)) / N - extra
    expected = t * (4 * σ - χ / (2 * np.pi) * (N - 1) * w)
    assert abs(z_score(gain, expected)) < 4
    wrong = t * (4 * σ + χ / (2 * np.pi) * (N - 1) * w)
    assert abs(z_score(gain, wrong)) > 8


def test_kuramoto_order_parameter_at_finite_size():
    """From uniform phases with κ = σ = 1: N E|Z|² → 1/r + (1 − 1/r) e^{−2rt}, r = 1/2, up to O(1/N)."""
    N, t, r = 100, 1.0, 0.5
    law = mf.laws.Perturbed(1.0, 0.0)
    _, x, _ = ensemble(Kuramoto(1.0, 1.0), law, CIRCLE, N, 400, t, dt=0.05)
    squares = N * np.abs(np.exp(1j * x[..., 0]).mean(axis=1)) ** 2
    assert abs(z_score(squares, 1 / r + (1 - 1 / r) * np.exp(-2 * r * t))) < 4
    assert abs(z_score(squares, 1.0)) > 4  # without interaction


def test_strong_order_with_the_same_brownian_path():
    """Differences of runs with steps h and h/2 on one path fall like h."""
    problem = mf.Problem(Kuramoto(4.0, 0.5), mf.laws.Perturbed(1.0, 0.5), CIRCLE, 1.0)
    ends = [
        mf.simulate(problem, 64, [1.0], replicas=32, dt=dt)["x"].values for dt in (0.1, 0.05, 0.025, 0.0125)
    ]
    apart = [np.angle(np.exp(1j * (a - b))) for a, b in pairwise(ends)]
    errors = [np.sqrt((d**2).mean()) for d in apart]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(1.0, abs=0.2)


def test_weak_order_two():
    """The fluctuations of harmonic particles against their exact variance, by the recursion of the scheme.

    One step multiplies deviations by ρ = 1 − ah + (ah)²/2 and adds the noise (1 − ah/2)√(2σ) ΔB.
    """
    a, σ, t = 1.0, 0.5, 1.0
    exact = np.exp(-2 * a * t) * 0.25 + σ / a * (1 - np.exp(-2 * a * t))
    errors = []
    for n in (5, 10, 20, 40):
        h, v = t / n, 0.25
        for _ in range(n):
            v = v * (1 - a * h + (a * h) ** 2 / 2) ** 2 + 2 * σ * h * (1 - a * h / 2) ** 2
        errors.append(abs(v - exact))
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2.0, abs=0.25)
    # the recursion is that of the code
    run = prepare(
        McKeanVlasov(Harmonic(1, a), σ),
        LINE,
        np.array([[1.0], [-1.0]]),
        np.ones(2),
        np.random.SeedSequence(1),
        0.1,
    )
    noise = np.sqrt(2 * σ) * BrownianPath(np.random.SeedSequence(1), (2, 1), 0.1).increment(0)
    run.step(0.1)
    centred = noise - noise.mean()
    expected = np.array([[1.0], [-1.0]]) * (1 - 0.1 + 0.005) + centred * (1 - 0.05) + noise.mean()
    assert np.abs(run.observe()["x"] - expected[:, 0]).max() < 1e-14


def test_increments_are_normal_independent_and_refined():
    stream = np.random.SeedSequence(5)
    for dt in (0.3, 0.013, 2.0):
        coarse, fine = (BrownianPath(stream, (4000, 1), step) for step in (dt, dt / 2))
        w = np.array([coarse.increment(i)[:, 0] for i in range(6)]) / np.sqrt(dt)
        assert all(stats.kstest(one, "norm").pvalue > 1e-3 for one in w)
        assert np.abs(np.corrcoef(w) - np.eye(6)).max() < 5 / np.sqrt(4000)
        assert np.allclose(fine.increment(6) + fine.increment(7), coarse.increment(3), atol=1e-14)
        assert (BrownianPath(stream, (4000, 1), dt).increment(4)[:, 0] == w[4] * np.sqrt(dt)).mean() > 0.1


@pytest.mark.parametrize(
    ("times", "largest", "step"),
    [([0, 0.1, 0.25, 1.0], 0.03, 0.025), (np.linspace(0, 40, 101), 0.15, 0.4 / 3), ([7.0], 2.0, 1.75)],
)
def test_the_step_divides_the_times(times, largest, step):
    assert common_step(times, largest) == pytest.approx(step, rel=1e-12)


def test_refusals():
    problem = mf.Problem(Kuramoto(1.0, 1.0), mf.laws.Perturbed(1.0, 0.0), CIRCLE, 1.0)
    with pytest.raises(ValueError, match="no multiple of the step"):
        mf.simulate(problem, 4, [0.0, 0.25], dt=0.1)
    with pytest.raises(ValueError, match="not multiples of one step"):
        mf.simulate(problem, 4, [0.0, 1.0, np.sqrt(2)])
    with pytest.raises(ValueError, match="2 circulations"):
        mf.Problem(NavierStokes(0.1, (1.0, -1.0)), Maxwellian((0.0, 0.0), 1.0, 2), PLANE, 1.0)


def test_default_steps():
    """Of vortices of both signs, with no mean flow, by their vorticity; of a harmonic force by its rate."""
    problem = mf.problems.taylor_green()
    density = np.full(problem.grid.shape, 1 / 4 / np.pi**2)
    strongest = np.abs(problem.equation.circulations).max() / 4 / np.pi**2
    assert default_step(problem.equation, problem.grid, density) == pytest.approx(0.05 / strongest)
    spread = mf.problems.harmonic(dim=2, rate=0.7)
    density = spread.law.pdf(spread.grid.points)
    assert default_step(spread.equation, spread.grid, density) == pytest.approx(0.05 / 0.7, rel=1e-6)


@pytest.mark.parametrize("equation", [KellerSegel(2.0), NavierStokes(0.1, (1.0, -2.0))], ids=repr)
def test_a_killed_run_resumes_bit_for_bit(equation, tmp_path):
    gaussian = Maxwellian((0.0, 0.0), 1.0, 2)
    law = Mixture((gaussian, gaussian), (0.5, 0.5)) if len(equation.circulations) > 1 else gaussian
    problem = mf.Problem(equation, law, PLANE, 1.0)
    whole = mf.simulate(problem, 20, np.linspace(0, 1, 11), replicas=2, dt=0.05)
    mf.simulate(problem, 20, np.linspace(0, 0.4, 5), replicas=2, dt=0.05, path=tmp_path / "p.nc")
    rest = mf.simulate(
        problem, 20, np.linspace(0, 1, 11), replicas=2, dt=0.05, path=tmp_path / "p.nc", resume=True
    )
    for name in ("x", "y", "circulation"):
        assert (whole[name].values == rest[name].values).all()
    again = mf.simulate(problem, 20, [0.4, 1.0], replicas=1, dt=0.05)
    assert (again["x"].values[:, 0] == whole["x"].sel(time=[0.4, 1.0]).values[:, 0]).all()


def test_vortices_of_a_kernel_given_twice():
    """A custom kernel and the catalogue's give the same paths."""
    kernel = mf.kernels.Custom(BiotSavart(), 2)
    law, times = Maxwellian((0.0, 0.0), 1.0, 2), [0.0, 0.5]
    first, second = (
        mf.simulate(mf.Problem(e, law, PLANE, 1.0), 12, times, dt=0.1)
        for e in (McKeanVlasov(kernel, 0.1), NavierStokes(0.1))
    )
    assert np.abs(first["x"] - second["x"]).max() < 1e-12

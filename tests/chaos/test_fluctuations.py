"""Distances in phase space by their definition; fluctuations of the force against exact mean squares."""

from __future__ import annotations

from math import inf, log, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import njit

import mfpde as mf
from mfpde.chaos import Metric
from mfpde.chaos.coupling import CouplingDistance
from mfpde.chaos.fluctuations import ForceFluctuation, force_fluctuation
from mfpde.chaos.metric import Followed
from mfpde.chaos.phase_space import LazaroviciPickl, PhaseSpaceDistance
from mfpde.dataset import field
from mfpde.laws import Maxwellian, from_density
from mfpde.particles.coupling import CoupledRun
from mfpde.particles.ensemble import record_field
from mfpde.particles.simulation import mean_field_for, system_for
from mfpde_solvers.equations import Landau, McKeanVlasov, Vlasov
from mfpde_solvers.kernels import Coulomb, Custom
from mfpde_solvers.power_of_n import PowerOfN

PHASE = mf.Grid((mf.Axis("x", 0.0, 4.0, 8), mf.Axis("v", -6.0, 6.0, 8, "open")))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 16) for name in "xy"))
SPACE = mf.Grid(tuple(mf.Axis(name, -7.0, 7.0, 32, "open") for name in "xyz"))


def made_up(gaps: Any, delta: float = 0.25) -> Any:
    """Four particles whose partners lie at given offsets (step, N, 2), at the times 0, 1, 2, …"""
    run = SimpleNamespace(time=0.0, place=0)
    x = np.array([0.1, 3.9, 2.0, 1.0])

    def observe() -> dict[str, Any]:
        gap = gaps[run.place]
        return {"x": x, "v": x, "x_coupled": (x - gap[:, 0]) % 4.0, "v_coupled": x - gap[:, 1]}

    run.observe = observe
    equation = Vlasov(Coulomb(1, cutoff=PowerOfN(1.0, -delta)))
    problem = SimpleNamespace(equation=equation, grid=PHASE, horizon=2.0)
    return SimpleNamespace(run=run, system=SimpleNamespace(problem=problem, size=4))


def watched(metric: Any, subject: Any, steps: int) -> list[float]:
    observer, found = metric.follow(subject), []
    for step in range(steps):
        subject.run.place, subject.run.time = step, float(step)
        observer.see()
        found.append(observer.value())
    return found


GAPS = np.zeros((3, 4, 2))
GAPS[1, 0], GAPS[1, 2] = (0.3, -0.1), (-0.2, 0.5)  # around the circle for the first particle
GAPS[2, 1] = (0.1, 0.2)
DELTAS = [0.0, sqrt(log(4)) * 0.3 + 0.5, sqrt(log(4)) * 0.1 + 0.2]


def test_the_distance_by_its_definition() -> None:
    running = watched(PhaseSpaceDistance(), made_up(GAPS), 3)
    np.testing.assert_allclose(running, [0.0, DELTAS[1], DELTAS[1]], atol=1e-14)
    present = watched(PhaseSpaceDistance(running=False), made_up(GAPS), 3)
    np.testing.assert_allclose(present, DELTAS, atol=1e-14)


@pytest.mark.parametrize("eta", [None, 0.02])
def test_the_process_by_its_definition(eta: float | None) -> None:
    # N = 4, δ = ¼: N^{3δ−1} = 4^{−1/4}, N^{(3δ−1)/2+η} = 4^{−1/8+η}; T = 2
    remainder = 4**-0.25 if eta is None else 4 ** (-0.125 + eta)
    Λ = 0.05
    terms = [np.exp(Λ * sqrt(log(4)) * (2 - s)) * (4**0.25 * Δ + remainder) for s, Δ in enumerate(DELTAS)]
    expected = np.minimum(np.maximum.accumulate(terms), 1.0)
    found = watched(LazaroviciPickl(Λ, eta=eta), made_up(GAPS), 3)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert found[0] < 1 == found[1] == found[2]
    small = watched(LazaroviciPickl(1e-3, eta=eta, horizon=0.0), made_up(GAPS * 0.01), 3)
    assert small[0] < small[1] < 1


def driven(problem: mf.Problem, size: int, replica: int, times: Any, dt: float | None = None) -> Any:
    """A replica with its partners, and the instants of a study with all observers at them."""
    density = mf.solve(problem, times, save=("density",), progress=False)["density"]
    system = system_for(problem, size, 5, dt, "auto", np.asarray(times))
    limit = mean_field_for(system, True)
    assert limit is not None
    source = limit.start()
    run = system.start(replica, field=source)
    assert isinstance(run, CoupledRun)
    given = None if isinstance(problem.equation, Landau) else source
    return Followed(system, replica, run, given, tuple(density.isel(time=i) for i in range(len(times))))


def led(subject: Followed, observers: list[Any], times: Any) -> Any:
    """Values (time, observer)."""
    for observer in observers:
        observer.see()
    found = []
    for time in times:
        while subject.run.time < time:
            subject.run.step(time)
            for observer in observers:
                observer.see()
        found.append([observer.value() for observer in observers])
    return np.array(found)


def test_along_a_plasma() -> None:
    plasma = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64}, horizon=1.0)
    problem = plasma.replace(equation=Vlasov(plasma.equation.kernel.with_cutoff(PowerOfN(1.0, -0.25))))
    times = [0.0, 0.05, 0.1]
    subject = driven(problem, 32, 0, times, 0.01)
    metrics = [PhaseSpaceDistance(), PhaseSpaceDistance(running=False), LazaroviciPickl(0.02)]
    metrics.append(LazaroviciPickl(0.02, eta=0.01))
    far = CouplingDistance(inf).follow(subject)
    found = led(subject, [*(metric.follow(subject) for metric in metrics), far], times)
    running, present, J, J2, apart = found.T
    assert running[0] == present[0] == 0
    assert np.all(present <= running)
    assert np.all(np.diff(running) >= 0)
    # √(log N) |X − X̄|_∞ is one of the two parts
    assert np.all(sqrt(log(32)) * apart <= present + 1e-12)
    assert apart[-1] > 0
    # δ of the kernel; at time 0 the remainder alone
    assert J[0] == pytest.approx(np.exp(0.02 * sqrt(log(32))) * 32**-0.25)
    assert np.all(np.diff(J) >= 0)
    assert np.all(J[:2] < J2[:2])
    assert J[1] > J[0]
    # N^δ Δ ≤ J where J < 1
    assert np.all((32**0.25 * present <= J) | (J == 1))


@njit
def shear(x: float, y: float) -> tuple[float, float]:
    """Zero mean, mean square 1 on the torus."""
    return np.sin(y), np.sin(x)


UNIFORM = field(np.full(TORUS.shape, 1 / (4 * np.pi**2)), TORUS, "density")


def within(squares: Any, exact: float, precision: float) -> None:
    """A z-test of a mean, which must be as precise as said."""
    squares = np.asarray(squares)
    error = squares.std(ddof=1) / np.sqrt(squares.size)
    assert abs(squares.mean() - exact) < 4 * error
    assert error < precision * exact


def test_a_uniform_law() -> None:
    # K∗ρ = 0: E|(1/N) Σ_{j≠i} K|² = (N−1)/N²
    found = force_fluctuation(UNIFORM, Custom(shear, 2), [2, 20], replicas=300)
    assert found.dims == ("size", "replica")
    for size in (2, 20):
        within(found.sel(size=size) ** 2, (size - 1) / size**2, 0.06)


def mean_squares(ε: float) -> tuple[float, float]:
    """E|K(X−Y)|² and E|K∗ρ(X)|² of the Coulomb kernel cut off at ε, X, Y ~ N(0, I) in space.

    By radial quadrature: |X − Y|²/2 is χ² with 3 degrees; K∗ρ = F(r) with F(r) r² = E min(…), that is
    ∫K_ε(x − y)ρ(y)dy for the field of a uniform ball around each point.
    """
    r, weights = np.polynomial.legendre.leggauss(400)

    def over(lower: float, upper: float, f: Any) -> float:
        s = lower + (upper - lower) * (r + 1) / 2
        return float((upper - lower) / 2 * weights @ f(s))

    def density(variance: float) -> Any:
        return lambda s: 4 * np.pi * s**2 * (2 * np.pi * variance) ** -1.5 * np.exp(-(s**2) / (2 * variance))

    g = density(2.0)
    A = over(0.0, ε, lambda s: g(s) * s**2 / ε**6) + over(ε, 14.0, lambda s: g(s) / s**4)
    # the field of N(0, 1), averaged over a ball of radius ε: its transform is multiplied by that of the ball
    k = (r + 1) * 5

    def ball(q: Any) -> Any:
        return 3 * (np.sin(q) - q * np.cos(q)) / q**3

    def F(s: Any) -> Any:
        spectrum = weights * 5 * ball(k * ε) * np.exp(-(k**2) / 2) * 2 / np.pi
        q = np.multiply.outer(s, k)
        return ((np.sin(q) - q * np.cos(q)) / q**2 * k) @ spectrum

    one = density(1.0)
    return A, over(0.0, 9.0, lambda s: one(s) * F(s) ** 2)


@pytest.mark.parametrize(
    "δ", [pytest.param(0.2, marks=pytest.mark.slow), pytest.param(0.25, marks=pytest.mark.slow), 0.3]
)
def test_coulomb_with_a_vanishing_cutoff(δ: float) -> None:
    # ((N−1)/N²)(A − B) + B/N²; its exponent −(1−δ)/2 is approached from above, since A ~ c/ε − c′
    kernel, sizes = Coulomb(3, cutoff=PowerOfN(1.0, -δ)), [256, 2048]
    found = force_fluctuation(Maxwellian(0.0, 1.0, 3), kernel, sizes, grid=SPACE, replicas=16, seed=4)
    exact = []
    for size in sizes:
        A, B = mean_squares(size**-δ)
        exact.append((size - 1) / size**2 * (A - B) + B / size**2)
        within(found.sel(size=size) ** 2, exact[-1], 0.15)
    slope = np.polyfit(np.log(sizes), np.log(exact) / 2, 1)[0]
    fit = mf.fit_rate(found)
    assert float(fit["lower"]) - 0.01 < slope < float(fit["upper"]) + 0.01
    far = [np.log(np.subtract(*mean_squares(n**-δ)) / n) / 2 for n in (1e10, 1e12)]
    assert np.diff(far)[0] / np.log(100) == pytest.approx(-(1 - δ) / 2, abs=0.01)
    assert -(1 - δ) / 2 < slope


def test_landau_at_equilibrium() -> None:
    for d, exact in [(2, lambda n: 18 / n - 4 / n**2), (3, lambda n: 54 / n + 12 / n**2)]:
        names = ("vx", "vy", "vz")[:d]
        grid = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 32, "open") for name in names))
        law = Maxwellian(0.0, 1.0, d)
        found = force_fluctuation(law, Landau(d, 0.0), [5, 40], grid=grid, replicas=1000, seed=1)
        for size in (5, 40):
            within(found.sel(size=size) ** 2, exact(size), 0.08)
        # the largest entry is at most the Frobenius norm of the worst particle, and more than none
        largest = force_fluctuation(law, Landau(d, 0.0), 40, grid=grid, replicas=5, seed=1, p=inf)
        same = found.sel(size=40)[:5].values
        assert np.all((largest.values[0] > same / d) & (largest.values[0] < same * sqrt(40)))


def test_along_the_paths() -> None:
    # the partners stay uniform and independent, and so do the particles, whose uniform product law is
    # stationary: both have the mean square (N−1)/N² at every time
    problem = mf.Problem(McKeanVlasov(Custom(shear, 2), 0.5), from_density(UNIFORM), TORUS, 1.0)
    times, N, values = [0.0, 0.4], 8, []
    system = driven(problem, N, 0, times, 0.2).system
    limit = mean_field_for(system, True)
    assert limit is not None
    recorded = record_field(limit, system, np.array(times))
    for replica in range(150):
        source = recorded.start()
        run: Any = system.start(replica, field=source)
        subject = Followed(system, replica, run, source, ())
        along = [ForceFluctuation(along=kind).follow(subject) for kind in ("coupled", "particles")]
        values.append(led(subject, along, times))
    squares = np.array(values) ** 2
    np.testing.assert_array_equal(squares[:, 0, 0], squares[:, 0, 1])
    assert np.all(squares[:, 1, 0] != squares[:, 1, 1])
    for kind in range(2):
        within(squares[:, 1, kind], (N - 1) / N**2, 0.1)


def test_along_landau_particles() -> None:
    # at equilibrium, along the partners, 18/N − 4/N² at any time
    grid = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 32, "open") for name in ("vx", "vy")))
    problem = mf.Problem(Landau(2, 0.0), Maxwellian(0.0, 1.0, 2), grid, 1.0)
    times = [0.0, 0.02]
    subject = driven(problem, 16, 0, times, 0.01)
    assert subject.field is None
    limit = mean_field_for(subject.system, True)
    assert limit is not None
    values, recorded = [], record_field(limit, subject.system, np.array([*times, 0.03]))
    for replica in range(100):
        run: Any = subject.system.start(replica, field=recorded.start())
        one = Followed(subject.system, replica, run, None, subject.density)
        along = [ForceFluctuation(along=kind).follow(one) for kind in ("coupled", "particles")]
        values.append(led(one, along, times))
    squares = np.array(values) ** 2
    within(squares[:, 1, 0], 18 / 16 - 4 / 16**2, 0.17)
    assert np.all(squares[:, 1, 0] != squares[:, 1, 1])
    observer = ForceFluctuation().follow(one)
    run.step(0.03)
    with pytest.raises(ValueError, match=r"no density at t = 0\.03"):
        observer.value()


def test_they_are_metrics_as_data() -> None:
    for metric in (PhaseSpaceDistance(), LazaroviciPickl(0.5, 0.3), ForceFluctuation()):
        assert isinstance(metric, Metric)
        assert metric.needs == "dynamics"
        assert repr(metric) == repr(eval(repr(metric)))
        with pytest.raises(ValueError, match="along the paths"):
            metric.target(UNIFORM)
    assert ForceFluctuation(delta=0.3).theory(PHASE) == pytest.approx(-0.35)
    assert np.isnan(LazaroviciPickl().theory(PHASE))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="use CouplingDistance"):
        PhaseSpaceDistance().theory(TORUS)
    with pytest.raises(ValueError, match="δ must lie between 0 and 1/3"):
        LazaroviciPickl(delta=0.4)
    with pytest.raises(ValueError, match="rate Λ"):
        LazaroviciPickl(0.0)
    with pytest.raises(ValueError, match="η must be"):
        LazaroviciPickl(eta=0.0)
    with pytest.raises(ValueError, match=r"give it: LazaroviciPickl\(delta=0\.3\)"):
        LazaroviciPickl().follow(made_up(GAPS, 0.5))
    with pytest.raises(ValueError, match="p must be 2"):
        ForceFluctuation(1.0)
    with pytest.raises(ValueError, match="'coupled' or 'particles'"):
        ForceFluctuation(along="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs the grid"):
        force_fluctuation(Maxwellian(0.0, 1.0, 3), Coulomb(3), 10)
    with pytest.raises(ValueError, match="leave grid out"):
        force_fluctuation(UNIFORM, Custom(shear, 2), 10, grid=TORUS)
    with pytest.raises(TypeError, match="sampler"):
        force_fluctuation(lambda x: np.ones(x.shape[:-1]) / (4 * np.pi**2), Custom(shear, 2), 10, grid=TORUS)

"""Particles in the mean field have the points and paths of the interacting ones, at a known distance."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.chaos.coupling import coupling_distance
from mfpde.dataset import field
from mfpde.laws import Anisotropic, Maxwellian, Mixture, from_density
from mfpde.particles import ensemble
from mfpde.particles.dynamics import prepare
from mfpde_solvers.equations import Kuramoto, Landau, McKeanVlasov, NavierStokes, Vlasov
from mfpde_solvers.kernels import Coulomb, Harmonic
from mfpde_solvers.power_of_n import PowerOfN

LINE = mf.Grid((mf.Axis("x", -8.0, 8.0, 64, "open"),))
CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 32),))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 32) for name in "xy"))
TIMES = np.array([0.0, 0.3, 0.6])


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def on_grid(equation: Any, grid: mf.Grid, pdf: Any, horizon: float = 1.0) -> mf.Problem:
    """A problem whose law is the gridded density."""
    values = pdf(grid.points)
    return mf.Problem(
        equation, from_density(field(values / grid.integrate(values), grid, "density")), grid, horizon
    )


def oscillators(diffusion: float = 0.5) -> mf.Problem:
    return on_grid(Kuramoto(1.5, diffusion), CIRCLE, lambda x: 1 + 0.5 * np.cos(x[..., 0]))


def vortices(viscosity: float) -> mf.Problem:
    def density(x: Any) -> Any:
        return 1 + 0.5 * np.cos(x[..., 0]) * np.cos(x[..., 1]) + 0.3 * np.sin(x[..., 1])

    return on_grid(NavierStokes(viscosity), TORUS, density)


def plasma() -> mf.Problem:
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})


def collisional() -> mf.Problem:
    return mf.problems.vlasov_fokker_planck().replace(resolution={"x": 32, "v": 64})


def springs(scaling: Any = "1/N", drift: Any = None) -> mf.Problem:
    return mf.Problem(McKeanVlasov(Harmonic(1, 1.0), 0.5, drift, scaling), Maxwellian(0.0, 1.0), LINE, 1.0)


def collisions(exponent: float) -> mf.Problem:
    grid = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 32, "open") for name in ("vx", "vy")))
    return mf.Problem(Landau(2, exponent), Anisotropic((1.2, 0.8)), grid, 1.0)


PROBLEMS = {
    "stochastic Heun": oscillators,
    "Runge-Kutta": lambda: vortices(0.0),
    "Verlet": plasma,
    "kinetic Langevin": collisional,
    "Maxwell molecules": lambda: collisions(0.0),
    "Landau": lambda: collisions(-1.0),
}


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].values.tobytes() == other[name].values.tobytes(), name


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS)
def test_the_interacting_particles_are_those_without_coupling(make: Any) -> None:
    problem = make()
    alone = mf.simulate(problem, 12, TIMES, replicas=2, dt=0.1)
    coupled = mf.simulate(problem, 12, TIMES, replicas=2, dt=0.1, mean_field=True)
    assert_same(alone, coupled[list(alone.data_vars)])
    for name in problem.grid.names:
        partner = coupled[f"{name}_coupled"]
        assert partner.dims == ("time", "replica", "particle")
        assert "in the mean field" in partner.attrs["long_name"]
        np.testing.assert_array_equal(partner[0], coupled[name][0])
        assert not np.array_equal(partner[-1], coupled[name][-1])
    assert "on Grid" in coupled.attrs["mean_field"]


def harmonic_distances(mean: Any, centre: Any, h: float) -> Any:
    """Xᵢ − X̄ᵢ, the same for all i, from the means of the particles and of the limit: D′ = −D + M − m.

    Both systems take the same Heun steps with the same noise, so D takes Heun steps without any.
    """
    D = np.zeros_like(mean)
    for n in range(len(mean) - 1):
        slope = -D[n] + mean[n] - centre[n]
        predicted = D[n] + h * slope
        D[n + 1] = D[n] + h / 2 * (slope - predicted + mean[n + 1] - centre[n + 1])
    return D


@pytest.mark.parametrize("size", [20, 200, 2000])
def test_harmonic_coupling_path_by_path(size: int) -> None:
    h, c = 0.05, 0.7
    times = h * np.arange(21)
    found = mf.simulate(
        springs(drift=lambda x: np.full_like(x, c)), size, times, replicas=3, dt=h, mean_field=True
    )
    mean = found["x"].mean("particle").values
    # the predictor of the centre of mass, M + h c + noise, is its next value: its velocity is constant
    D = harmonic_distances(mean, np.broadcast_to(c * times[:, None], mean.shape), h)
    gap = (found["x"] - found["x_coupled"]).values
    # 1e-9 is the tolerance of the solver, whose mean the field shows
    np.testing.assert_allclose(gap, np.broadcast_to(D[..., None], gap.shape), rtol=0, atol=1e-8)
    assert np.abs(D[-1]).max() > 1e-3


def harmonic_formula(t: float, size: int, scaling: str) -> float:
    """E|X − X̄|² for a = s₀ = 1, σ = 1/2, d = 1; with 1/(N−1) the fluctuations have another rate b."""
    e = np.exp
    centre = ((1 - e(-t)) ** 2 + t - 2 * (1 - e(-t)) + (1 - e(-2 * t)) / 2) / size
    if scaling == "1/N":
        return float(centre)
    b = size / (size - 1)
    noise = (1 - e(-2 * b * t)) / (2 * b) - 2 * (1 - e(-(1 + b) * t)) / (1 + b) + (1 - e(-2 * t)) / 2
    return float(centre + (1 - 1 / size) * ((e(-b * t) - e(-t)) ** 2 + noise))


@pytest.mark.parametrize(
    ("size", "replicas", "scaling"),
    [(5, 600, "1/N"), (5, 600, "1/(N-1)"), (20, 500, "1/N"), (20, 500, "1/(N-1)"), (200, 200, "1/N")],
)
def test_harmonic_coupling_in_the_mean(size: int, replicas: int, scaling: str) -> None:
    found = mf.simulate(springs(scaling), size, [0.0, 1.0], replicas=replicas, dt=0.1, mean_field=True)
    squares = ((found["x"] - found["x_coupled"]) ** 2).mean("particle").values[-1]
    error = squares.std(ddof=1) / np.sqrt(replicas)
    expected = harmonic_formula(1.0, size, scaling)
    assert abs(squares.mean() - expected) < 4 * error
    assert error < 0.12 * expected


def test_another_brownian_path_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    # planted: partners with paths of their own, which alone would set them apart by (1 − e^{−2}) at t = 1
    def prepared(self: Any, replica: int, initial: Any, given: Any) -> Any:
        stream = ensemble.random_stream(self.seed, self.size, replica, 1 if given is None else 7)
        problem = self.problem
        return prepare(problem.equation, problem.grid, *initial, stream, self.dt, field=given)

    monkeypatch.setattr(ensemble.System, "_prepared", prepared)
    found = mf.simulate(springs(), 20, [0.0, 1.0], replicas=20, dt=0.1, mean_field=True)
    square = float(((found["x"] - found["x_coupled"]) ** 2).isel(time=-1).mean())
    assert square > 20 * harmonic_formula(1.0, 20, "1/N")


def ends(equation: Any, grid: mf.Grid, points: Any, dt: float, time: float = 1.0) -> Any:
    """Where points are led by F(t, x) = cos(3t) sin(x), with steps dt."""
    run = prepare(
        equation,
        grid,
        points,
        np.ones(len(points)),
        np.random.SeedSequence(0),
        dt,
        field=lambda t, x: np.cos(3 * t) * np.sin(x),
    )
    while run.time < time:
        run.step(time)
    return np.stack(list(run.observe().values()))


@pytest.mark.parametrize(
    ("equation", "order"),
    [(Kuramoto(1.0, 0.0), 4), (Vlasov(Coulomb(1)), 2), (Vlasov(Coulomb(1), friction=0.3), 2)],
    ids=["Runge-Kutta", "Verlet", "kinetic Langevin"],
)
def test_schemes_keep_their_order_in_a_field_that_depends_on_time(equation: Any, order: int) -> None:
    velocity = mf.Axis("v", -6.0, 6.0, 32, "open")
    grid = CIRCLE if order == 4 else mf.Grid((*CIRCLE.axes, velocity))
    points = np.random.default_rng(4).uniform(0.5, 2.5, (8, grid.dim))
    exact = ends(equation, grid, points, 1 / 640)
    errors = [np.abs(ends(equation, grid, points, dt) - exact).max() for dt in (1 / 10, 1 / 20)]
    assert np.log2(errors[0] / errors[1]) > order - 0.25


@pytest.mark.parametrize(
    "make", [oscillators, lambda: vortices(0.1), plasma], ids=["oscillators", "vortices", "plasma"]
)
def test_distances_fall_like_the_root_of_the_number(make: Any) -> None:
    metrics = ("coupling_distance",)
    study = mf.converge(make(), (64, 512), 16, metrics, times=[0.0, 1.0], dt=0.1, mean_field=True)
    fit = mf.fit_rate(study["coupling_distance"].isel(time=1))
    # −1/2 up to terms that vanish: for vortices N E|X − X̄|² grows by 30 % from N = 32 to 2048
    assert abs(float(fit["rate"]) + 0.5) < 0.1
    assert float(fit["lower"]) < -0.45
    assert float(fit["upper"]) > -0.55
    assert float(fit["theory"]) == -0.5


def test_circulations_of_both_signs() -> None:
    grid = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 64, "open") for name in "xy"))
    law = Mixture((Maxwellian((-1.0, 0.0), 1.0, 2), Maxwellian((1.0, 0.0), 1.0, 2)), (0.5, 0.5))
    problem = mf.Problem(NavierStokes(0.1, (1.0, -1.0)), law, grid, 1.0)
    mean = []
    for size in (64, 1024):
        found = mf.simulate(problem, size, [0.0, 1.0], replicas=6, dt=0.1, mean_field=True)
        mean.append(float((coupling_distance(found, grid) ** 2).isel(time=1).mean()))
    assert 8 < mean[0] / mean[1] < 32  # 16 for 1/N; six replicas of 64 particles tell it to 30 %


class Here(Executor):
    """Runs at once in this process what has travelled as bytes."""

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("luggage", [ensemble.LUGGAGE, 1, 2000])
def test_however_the_field_travels(make: Any, luggage: int, monkeypatch: pytest.MonkeyPatch) -> None:
    here = mf.simulate(make(), 12, TIMES, replicas=3, mean_field=True)
    monkeypatch.setattr(ensemble, "LUGGAGE", luggage)
    assert_same(mf.simulate(make(), 12, TIMES, replicas=3, mean_field=True, executor=Here()), here)


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS)
def test_processes_and_threads_change_nothing(make: Any, pool: Executor) -> None:
    here = mf.simulate(make(), 12, TIMES, replicas=3, mean_field=True)
    assert_same(mf.simulate(make(), 12, TIMES, replicas=3, mean_field=True, executor=pool), here)
    with ThreadPoolExecutor(3) as threads:
        assert_same(mf.simulate(make(), 12, TIMES, replicas=3, mean_field=True, executor=threads), here)


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS)
def test_resuming_changes_nothing(make: Any, elsewhere: bool, tmp_path: Path) -> None:
    problem, path = make(), tmp_path / "particles.nc"
    options: dict[str, Any] = {"replicas": 2, "mean_field": True, "dt": 0.1, "path": path}
    options["executor"] = Here() if elsewhere else None
    mf.simulate(problem, 12, TIMES[:2], **options)
    resumed = mf.simulate(problem, 12, TIMES, resume=True, **options)
    assert_same(resumed, mf.simulate(problem, 12, TIMES, replicas=2, mean_field=True, dt=0.1))


def test_a_file_without_partners_is_not_continued_with_them(tmp_path: Path) -> None:
    path = tmp_path / "particles.nc"
    mf.simulate(plasma(), 8, TIMES[:2], path=path)
    with pytest.raises(ValueError, match="different: mean_field"):
        mf.simulate(plasma(), 8, TIMES, path=path, resume=True, mean_field=True)


def with_cutoff() -> mf.Problem:
    """A plasma whose cut-off is N^{−1/3}."""
    problem = plasma()
    return problem.replace(equation=Vlasov(problem.equation.kernel.with_cutoff(PowerOfN(1.0, -1 / 3))))


def test_the_field_is_that_of_the_regularised_equation() -> None:
    from mfpde.particles.simulation import mean_field_for, system_for

    system = system_for(with_cutoff(), 64, 0, None, "direct", TIMES)
    mean_field = mean_field_for(system, True)
    assert mean_field is not None
    assert mean_field.equation.kernel.cutoff == pytest.approx(1 / 4)
    other = mean_field_for(system_for(plasma(), 64, 0, None, "direct", TIMES), True)
    assert other is not None
    x = np.linspace(0.0, 12.0, 50)[:, None]
    # the charge is one wave, k = 1/2, of which a uniform ball of radius 1/4 leaves sin(kε)/(kε)
    np.testing.assert_allclose(
        mean_field.start()(0.0, x), np.sin(1 / 8) * 8 * other.start()(0.0, x), rtol=0, atol=1e-12
    )


def test_a_reference_gives_its_grid_and_must_solve_the_same_equation() -> None:
    problem = with_cutoff()
    own = problem.replace(equation=problem.equation.for_size(64))
    fine = own.replace(resolution={"x": 48, "v": 96})
    reference = mf.solve(fine, [0.0, 0.3])
    found = mf.simulate(problem, 64, TIMES, mean_field=reference)
    assert "size=48" in found.attrs["mean_field"]
    plain = mf.simulate(problem, 64, TIMES, mean_field=True)
    np.testing.assert_allclose(found["x_coupled"], plain["x_coupled"], atol=1e-5)
    assert not np.array_equal(found["x_coupled"], plain["x_coupled"])
    with pytest.raises(
        ValueError, match=r"equation than the one of 128 particles.*different: equation.*for_size\(128\)"
    ):
        mf.simulate(problem, 128, TIMES, mean_field=reference)
    with pytest.raises(ValueError, match="different: equation, kernel"):
        mf.simulate(problem, 64, TIMES, mean_field=mf.solve(plasma(), [0.0]))
    with pytest.raises(ValueError, match="different: initial density"):
        mf.simulate(
            plasma(), 64, TIMES, mean_field=mf.solve(mf.problems.landau_damping(amplitude=0.1), [0.0])
        )
    with pytest.raises(ValueError, match="solve it there"):
        mf.simulate(
            plasma(), 64, TIMES, mean_field=mf.solve(mf.problems.landau_damping(wavenumber=0.4), [0.0])
        )
    with pytest.raises(ValueError, match="made by solve"):
        mf.simulate(plasma(), 64, TIMES, mean_field=found)


def test_the_coefficients_of_maxwell_molecules() -> None:
    """a∗f(v) = (|v|² + tr Q) I − vvᵀ − Q and b∗f(v) = −v, inside the box and outside."""
    from mfpde.particles.simulation import mean_field_for, system_for

    problem = collisions(0.0).replace(resolution={"vx": 48, "vy": 48})
    mean_field = mean_field_for(system_for(problem, 8, 0, None, "auto", TIMES), True)
    assert mean_field is not None
    rng = np.random.default_rng(8)
    v = np.concatenate([rng.uniform(-4.0, 4.0, (100, 2)), rng.uniform(8.0, 9.0, (5, 2))])
    x, y = v.T
    exact = np.stack([y**2 + 0.8, -x * y, x**2 + 1.2, -x, -y], axis=1)
    np.testing.assert_allclose(mean_field.start()(0.0, v), exact, rtol=0, atol=1e-9)


def test_landau_particles_approach_their_partners() -> None:
    for exponent in (0.0, -1.0):
        problem = collisions(exponent)
        metrics = ("coupling_distance",)
        study = mf.converge(problem, (32, 256), 24, metrics, times=[0.0, 0.1], mean_field=True)
        mean = (study["coupling_distance"].isel(time=1) ** 2).mean("replica").values
        assert 8 / 1.6 < mean[0] / mean[1] < 8 * 1.6  # 8 for 1/N


def test_coefficients_that_are_infinite_are_refused() -> None:
    problem = collisions(0.0).replace(equation=Landau(2, -3.0))
    with pytest.raises(ValueError, match=r"a∗f is infinite .* mean_field=None"):
        mf.simulate(problem, 8, [0.0, 0.1], mean_field=True)


def test_a_box_that_is_too_small_ends_the_run() -> None:
    # pushed outwards by S = x, the density is e times as wide at t = 1
    grid = mf.Grid((mf.Axis("x", -6.0, 6.0, 48, "open"), mf.Axis("v", -6.0, 6.0, 48, "open")))
    equation = Vlasov(Harmonic(1, 0.1), drift=lambda x: x)
    problem = mf.Problem(equation, Maxwellian(0.0, 1.0, 2), grid, 2.0)
    with (
        pytest.warns(UserWarning, match="has reached the ends of the open axes; wider ones are better"),
        pytest.warns(UserWarning, match="the run stopped"),
    ):
        found = mf.simulate(problem, 8, np.linspace(0, 2, 21), dt=0.1, mean_field=True)
    assert found.attrs["status"] == "failed"
    assert "wider grid" in found.attrs["reason"]
    assert 0.5 < float(found["time"][-1]) < 2


def test_a_limit_that_blows_up_names_itself() -> None:
    from mfpde_solvers.equations import KellerSegel

    grid = mf.Grid(tuple(mf.Axis(name, -9.0, 9.0, 48, "open") for name in "xy"))
    problem = mf.Problem(KellerSegel(12 * np.pi, 1.0), Maxwellian(0.0, 1.0, 2), grid, 1.0)
    with pytest.warns(UserWarning, match="the limit equation, which gives the mean field"):
        found = mf.simulate(problem, 8, np.linspace(0, 1, 11), dt=0.02, mean_field=True)
    assert found.attrs["status"] in ("blow-up", "failed")
    assert 0 < float(found["time"][-1]) < 1

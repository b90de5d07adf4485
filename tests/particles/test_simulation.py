"""What simulate returns, and that nothing but (seed, size, replica) decides it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.particles.ensemble import Ensemble
from mfpde.particles.forces import forces_for
from mfpde.particles.simulation import system_for
from mfpde_solvers.equations import NavierStokes, Vlasov

TIMES = np.array([0.0, 0.3, 0.55])


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].values.tobytes() == other[name].values.tobytes(), name


def test_dimensions_variables_and_attributes(problem: mf.Problem) -> None:
    found = mf.simulate(problem, 24, TIMES, replicas=3, seed=5)
    assert found["x"].dims == found["v"].dims == ("time", "replica", "particle")
    assert dict(found.sizes) == {"time": 3, "replica": 3, "particle": 24}
    assert found["circulation"].dims == ("replica", "particle")
    assert (found["circulation"] == 1).all()
    assert all(found[name].attrs["units"] == "1" for name in found.variables)
    assert all(found[name].attrs["long_name"] for name in found.variables)
    expected = {"status": "completed", "seed": 5, "size": 24, "replicas": 3, "forces": "auto"}
    assert expected.items() <= found.attrs.items()
    assert found.attrs["dt"] > 0
    assert mf.problem_from(found).equation == problem.equation
    box = problem.grid["x"]
    assert float(found["x"].min()) >= box.lower
    assert float(found["x"].max()) < box.upper


def test_default_times_are_101_up_to_the_horizon(problem: mf.Problem) -> None:
    found = mf.simulate(problem.replace(horizon=0.5), 4)
    np.testing.assert_array_equal(found["time"], np.linspace(0, 0.5, 101))


def test_a_replica_does_not_depend_on_how_many_there_are(problem: mf.Problem) -> None:
    few, many = (mf.simulate(problem, 16, TIMES, replicas=n) for n in (2, 5))
    for name in ("x", "v"):
        np.testing.assert_array_equal(few[name], many[name][:, :2])
    assert not np.array_equal(few["x"][0, 0], few["x"][0, 1])


def test_seeds_and_sizes_give_independent_points(problem: mf.Problem) -> None:
    cases = [(16, 0), (16, 1), (32, 0)]
    starts = [mf.simulate(problem, n, [0.0], seed=seed)["x"].values[0, 0, :16] for n, seed in cases]
    assert len({start.tobytes() for start in starts}) == 3


def test_particles_start_as_a_sample_of_the_law(problem: mf.Problem) -> None:
    from scipy.stats import kstest

    found = mf.simulate(problem, 4000, [0.0], seed=11)
    velocity = kstest(found["v"].values.ravel(), "norm")
    k, a = 0.5, 0.3
    position = kstest(found["x"].values.ravel(), lambda x: (x + a / k * np.sin(k * x)) * k / (2 * np.pi))
    assert min(velocity.pvalue, position.pvalue) > 1e-3  # the seed is fixed


def test_an_executor_changes_nothing(problem: mf.Problem, pool: Executor) -> None:
    here = mf.simulate(problem, 16, TIMES, replicas=3)
    assert_same(mf.simulate(problem, 16, TIMES, replicas=3, executor=pool), here)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_extending_changes_nothing(
    elsewhere: bool, problem: mf.Problem, pool: Executor, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"replicas": 2, "executor": pool if elsewhere else None}
    path = tmp_path / "particles.nc"
    mf.simulate(problem, 16, TIMES[:2], path=path, **options)
    extended = mf.simulate(problem, 16, TIMES, path=path, resume=True, **options)
    assert_same(extended, mf.simulate(problem, 16, TIMES, replicas=2))


def test_memory_and_file_agree_in_everything_but_the_clock(problem: mf.Problem, tmp_path: Path) -> None:
    kept = mf.simulate(problem, 16, TIMES, replicas=2)
    filed = mf.simulate(problem, 16, TIMES, replicas=2, path=tmp_path / "particles.nc")
    for found in (kept, filed):
        found.attrs["wall_time"] = 0.0
    xr.testing.assert_identical(kept, filed)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"replicas": 3}, "replicas"),
        ({"seed": 1}, "seed"),
        ({"dt": 0.05}, "dt"),
        ({"forces": "direct"}, "forces"),
        ({"size": 8}, "size"),
        ({"initial": np.zeros((2, 16, 2))}, "initial"),
        ({"problem": mf.problems.landau_damping(amplitude=0.2)}, "initial density"),
        ({"problem": mf.problems.two_stream()}, "grid"),
    ],
)
def test_another_system_in_the_same_file_is_refused(
    changed: dict[str, Any], named: str, problem: mf.Problem, tmp_path: Path
) -> None:
    path = tmp_path / "particles.nc"
    asked = {"problem": problem, "size": 16, "times": TIMES[:2], "replicas": 2, "dt": 0.1}
    mf.simulate(**asked, path=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"different: .*{named}"):
        mf.simulate(**(asked | changed), path=path, resume=True)
    assert path.read_bytes() == before


def test_half_the_step_changes_the_paths_by_a_quarter_of_the_error(problem: mf.Problem) -> None:
    start = mf.simulate(problem, 12, [0.0], seed=2)

    def ends(dt: float) -> Any:
        return mf.simulate(problem, 12, [1.0], initial=start, dt=dt)["v"].values

    # the force jumps where particles cross, so only the size of the difference is certain: it must shrink
    differences = [np.abs(ends(dt) - ends(dt / 2)).mean() for dt in (0.2, 0.05, 0.0125)]
    assert differences[0] > 2 * differences[1] > 4 * differences[2]


def test_initial_points_from_arrays_and_datasets(problem: mf.Problem) -> None:
    whole = mf.simulate(problem, 8, [0.0, 0.2, 0.4], replicas=2, dt=0.1)
    first = mf.simulate(problem, 8, [0.0, 0.2], replicas=2, dt=0.1)
    points = np.stack([first[name].values[-1] for name in ("x", "v")], axis=-1)
    for initial in (first, points):
        again = mf.simulate(problem, 8, [0.0, 0.2], replicas=2, dt=0.1, initial=initial)
        # not bit by bit, since 0.4 - 0.2 is not 0.2
        np.testing.assert_allclose(again["x"], whole["x"][1:], rtol=0, atol=1e-13)
        np.testing.assert_allclose(again["v"], whole["v"][1:], rtol=0, atol=1e-13)


def test_forces_agree(problem: mf.Problem) -> None:
    direct, fast = (mf.simulate(problem, 32, [0.5], forces=method) for method in ("direct", "sorted"))
    # sums of 32 terms of order 1, in another order, over 6 steps
    np.testing.assert_allclose(direct["v"], fast["v"], atol=1e-12)


def lumpy() -> mf.Problem:
    """A problem that is made of closures only."""
    width, centre = 2.0, 0.4

    class Bump:
        def pdf(self, x: Any) -> Any:
            return np.exp(-((x[..., 0] - centre) ** 2 + x[..., 1] ** 2) / 2) / (2 * np.pi)

        def rvs(self, size: int, rng: np.random.Generator) -> Any:
            return rng.normal((centre, 0.0), 1.0, (size, 2))

    kernel = mf.kernels.Custom(lambda z: -z * np.exp(-(z**2) / width), dim=1)
    grid = mf.Grid((mf.Axis("x", -8, 8, 32, "open"), mf.Axis("v", -8, 8, 32, "open")))
    return mf.Problem(Vlasov(kernel, drift=lambda x: -centre * x), Bump(), grid, 1.0)


def test_closures_travel_to_workers(pool: Executor) -> None:
    here = mf.simulate(lumpy(), 16, [0.0, 0.5], replicas=2)
    assert_same(mf.simulate(lumpy(), 16, [0.0, 0.5], replicas=2, executor=pool), here)


def test_compiled_kernels_travel_to_workers(pool: Executor) -> None:
    import numba

    strength = 0.7
    kernel = mf.kernels.Custom(numba.njit(lambda z: -strength * z / (1 + z * z)), dim=1)
    problem = lumpy().replace(equation=Vlasov(kernel))
    here = mf.simulate(problem, 16, [0.0, 0.5], replicas=2)
    assert_same(mf.simulate(problem, 16, [0.0, 0.5], replicas=2, executor=pool), here)


def test_a_density_without_a_sampler_is_refused(problem: mf.Problem, tmp_path: Path) -> None:
    silent = problem.replace(
        law=lambda x: np.exp(-(x[..., 1] ** 2) / 2) / np.sqrt(2 * np.pi) * 0.5 / (2 * np.pi)
    )
    with pytest.raises(TypeError, match="from_density"):
        mf.simulate(silent, 8, path=tmp_path / "particles.nc")
    assert list(tmp_path.iterdir()) == []
    started = mf.simulate(silent, 8, [0.0, 0.1], initial=np.zeros((1, 8, 2)))  # nothing to be sampled
    assert started.attrs["status"] == "completed"


def test_a_failing_force_ends_the_run_with_a_status() -> None:
    def broken(x: Any) -> Any:
        return np.where(x > 0.41, np.nan, 1.0)

    problem = lumpy()
    problem = problem.replace(equation=Vlasov(problem.equation.kernel, drift=broken), law=problem.law)
    initial = np.zeros((1, 4, 2))
    with pytest.warns(UserWarning, match="not finite"):
        found = mf.simulate(problem, 4, np.linspace(0, 1.5, 16), initial=initial, dt=0.01)
    assert found.attrs["status"] == "failed"
    # a unit push from rest reaches x = 0.41 at t = √0.82 ≈ 0.906
    assert float(found["time"][-1]) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("changed", "error", "named"),
    [
        ({"size": 1}, ValueError, "at least 2, got 1"),
        ({"size": 0}, ValueError, "at least 2"),
        ({"size": -8}, ValueError, "at least 2"),
        ({"size": 2.5}, ValueError, r"integer of at least 2, got 2\.5"),
        ({"size": np.nan}, ValueError, "size"),
        ({"size": "many"}, (TypeError, ValueError), "size .*'many'"),
        ({"size": None}, (TypeError, ValueError), "size .*None"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 0.5}, ValueError, "seed"),
        ({"seed": "zero"}, (TypeError, ValueError), "seed"),
        ({"dt": 0.0}, ValueError, "time step"),
        ({"dt": -0.1}, ValueError, "time step"),
        ({"dt": np.nan}, ValueError, "time step"),
        ({"dt": np.inf}, ValueError, "time step"),
        ({"dt": "small"}, (TypeError, ValueError), "time step"),
        ({"replicas": 0}, ValueError, "replicas"),
        ({"replicas": 1.5}, ValueError, "replicas"),
        ({"replicas": "two"}, (TypeError, ValueError), "replicas"),
        ({"forces": "magic"}, ValueError, r"'magic' .*'direct'"),
        ({"mean_field": "reference.nc"}, TypeError, "mean_field must be True"),
        ({"mean_field": xr.Dataset()}, ValueError, "made by solve"),
        ({"times": [1.0, 0.0]}, ValueError, "increasing"),
        ({"initial": np.zeros((1, 8, 3))}, ValueError, r"shape \(1, 8, 2\)"),
        ({"initial": np.full((1, 8, 2), np.nan)}, ValueError, "finite"),
        ({"initial": xr.Dataset({"x": ("time", [0.0])})}, ValueError, "no variable v"),
        ({"problem": "landau_damping"}, TypeError, "Problem"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    changed: dict[str, Any], error: Any, named: str, problem: mf.Problem, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"problem": problem, "size": 8, "times": TIMES}
    with pytest.raises(error, match=named):
        mf.simulate(**(asked | changed), path=tmp_path / "particles.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_singular_kernel_of_another_domain_has_no_sorted_forces() -> None:
    with pytest.raises(ValueError, match="use forces='direct'"):
        mf.simulate(lumpy(), 8, forces="sorted")


def test_memory_is_what_a_run_states() -> None:
    """Replicas are drawn and led one after the other; states and copies of all of them, and nothing else."""
    problem, size = mf.problems.landau_damping(), 20_000
    system = system_for(problem, size, 0, 0.1, "auto", np.array([0.0]))
    tracemalloc.start()
    try:
        run = Ensemble(system, (system.draw(r) for r in range(10)), None)
        for time in (0.5, 1.0, 1.5):
            run.step(time)
            run.observe()
            run.state()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # at least states and forces; half a megabyte is for all that is not an array of particles
    assert 10 * 3 * 8 * size < peak < run.memory + 2**19


@pytest.mark.slow
def test_a_million_particles_on_a_line_keep_their_momentum_and_energy() -> None:
    """Sorted forces: equal and opposite, so momentum to round-off; energy to the order of the step."""
    problem, size = mf.problems.landau_damping(amplitude=0.3), 10**6
    found = mf.simulate(problem, size, [0.0, 0.5], dt=0.05)
    momentum = found["v"].mean("particle").values[:, 0]
    assert abs(momentum[1] - momentum[0]) < 1e-12
    forces = forces_for(problem.equation.kernel.on(problem.grid.positions), "sorted")
    kinetic = (found["v"] ** 2).mean("particle").values[:, 0] / 2
    potential = [forces.energy(x[0][:, None], 1 / size**2) for x in found["x"].values]
    total = kinetic + potential
    # Verlet conserves an energy that differs from this one by (ω dt)² of what is exchanged, with ω = 1
    assert abs(total[1] - total[0]) < 0.05**2 * abs(kinetic[1] - kinetic[0])
    assert abs(kinetic[1] - kinetic[0]) > 1e-3  # some energy is exchanged


@pytest.mark.slow
def test_a_million_vortices_keep_their_centre() -> None:
    """Fast sums on the torus, without viscosity: ΣMᵢuᵢ = 0, so one step leaves ΣMᵢXᵢ to the tolerance."""
    problem = mf.problems.taylor_green()
    problem = problem.replace(equation=NavierStokes(0.0, problem.equation.circulations))
    size, dt = 10**6, 0.01
    found = mf.simulate(problem, size, [0.0, dt], dt=dt)
    masses = found["circulation"].values[0]
    for axis in problem.grid.axes:
        x = found[axis.name].values[:, 0]
        moved = x[1] - x[0]
        moved -= axis.length * np.round(moved / axis.length)
        assert abs((masses * moved).mean()) < 1e-6 * np.sqrt(((masses * moved) ** 2).mean())
        assert np.sqrt((moved**2).mean()) > 1e-4

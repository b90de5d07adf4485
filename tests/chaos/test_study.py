"""A study is the same however it is computed, and i.i.d. particles lie at its i.i.d. floor."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.chaos import Sobolev, Wasserstein
from mfpde.report import averaged, standard_error
from mfpde_solvers.equations import Vlasov

SIZES, REPLICAS, TIMES = (8, 32), 4, (0.0, 0.5)


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})


@pytest.fixture(scope="module")
def whole(problem: mf.Problem) -> xr.Dataset:
    return study(problem)


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def study(problem: mf.Problem, sizes: Any = SIZES, replicas: Any = REPLICAS, **options: Any) -> xr.Dataset:
    return mf.converge(problem, sizes, replicas, **({"times": TIMES} | options))


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].dims == other[name].dims
        assert one[name].values.tobytes() == other[name].values.tobytes(), name


class Backwards(Executor):
    """Runs what was submitted last first, each in a fresh unpickled copy."""

    def __init__(self) -> None:
        self._submitted: list[Any] = []

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._submitted.append((future, function, arguments))
        if len(self._submitted) == len(SIZES):  # one task for each size
            for waiting, call, given in reversed(self._submitted):
                waiting.set_result(call(*given))
        return future


def test_dimensions_variables_and_attributes(whole: xr.Dataset) -> None:
    assert dict(whole.sizes) == {"size": 2, "replica": 4, "time": 2}
    assert whole["wasserstein"].dims == whole["wasserstein_iid"].dims == ("size", "replica", "time")
    assert whole["sobolev"].dims == ("size", "replica", "time")
    assert whole["sobolev_iid"].dims == ("size", "time")
    for name in ("wasserstein", "sobolev"):
        assert whole[f"{name}_reference_error"].dims == ("time",)
        assert whole[name].attrs["theory"] == -0.5
        assert whole[name].attrs["seed"] == 0
    assert whole["wasserstein"].attrs["reduction"] == "mean"
    assert whole["sobolev"].attrs["reduction"] == "rms"
    assert all(whole[name].attrs["units"] == "1" for name in whole.variables)
    assert all(whole[name].attrs["long_name"] for name in whole.variables)
    assert bool(whole.to_array().notnull().all())
    assert whole.attrs["status"] == "completed"


def test_default_times_are_quarters_of_the_horizon(problem: mf.Problem) -> None:
    found = study(problem.replace(horizon=0.4), metrics=("sobolev",), times=None)
    np.testing.assert_allclose(found["time"], [0.0, 0.1, 0.2, 0.3, 0.4], atol=1e-15)


def test_an_executor_changes_nothing(problem: mf.Problem, whole: xr.Dataset, pool: Executor) -> None:
    assert_same(study(problem, executor=pool), whole)


def test_the_order_changes_nothing(problem: mf.Problem, whole: xr.Dataset) -> None:
    assert_same(study(problem, executor=Backwards()), whole)


def test_the_file_holds_what_is_returned(problem: mf.Problem, whole: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    assert_same(study(problem, path=path), whole)
    with xr.open_dataset(path) as found:
        assert_same(found, whole)
        assert found.attrs["Conventions"] == "CF-1.11"
    assert mf.problem_from(path).equation == problem.equation


def test_a_completed_study_is_read_and_not_repeated(
    problem: mf.Problem, whole: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.nc"
    study(problem, path=path)
    before = (path.stat().st_mtime_ns, path.read_bytes())
    monkeypatch.setattr("mfpde.chaos.study._compute", None)
    assert_same(study(problem, path=path), whole)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


@pytest.mark.parametrize(
    "smaller",
    [
        {"sizes": SIZES[:1]},
        {"sizes": SIZES[1:]},
        {"replicas": 2},
        {"metrics": ("sobolev",)},
        {"metrics": ("wasserstein",), "replicas": 3, "sizes": SIZES[1:]},
    ],
)
def test_a_study_can_be_extended(
    smaller: dict[str, Any], problem: mf.Problem, whole: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "study.nc"
    part = study(problem, path=path, **smaller)
    inside = whole[list(part.data_vars)].sel(size=part["size"], replica=part["replica"])
    assert_same(part, inside)
    assert_same(study(problem, path=path), whole)
    assert_same(study(problem, path=path, **smaller), inside)  # and the smaller one is still there


def test_sizes_between_those_that_are_there(problem: mf.Problem, tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    study(problem, path=path)
    assert_same(study(problem, (16,), path=path), study(problem, (16,)))
    with xr.open_dataset(path) as found:
        assert found["size"].values.tolist() == [8, 16, 32]


def test_an_interrupted_study_goes_on(
    problem: mf.Problem, whole: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mfpde.chaos.measurement import Measurement

    path, measure, calls = tmp_path / "study.nc", Measurement.__call__, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:  # the largest size is done
            raise KeyboardInterrupt
        return measure(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Measurement, "__call__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            study(problem, path=path)
    with xr.open_dataset(path) as found:
        assert found.attrs["status"] == "interrupted"
        assert bool(found["wasserstein"].sel(size=32).notnull().all())
        assert bool(found["wasserstein"].sel(size=8).isnull().all())
    again = study(problem, path=path)
    assert_same(again, whole)
    assert again.attrs["status"] == "completed"


def test_the_replicas_are_those_of_simulate(problem: mf.Problem, whole: xr.Dataset) -> None:
    reference = mf.solve(problem, TIMES)
    particles = mf.simulate(problem, 32, TIMES, replicas=REPLICAS)
    for name, metric in (("wasserstein", Wasserstein()), ("sobolev", Sobolev())):
        for place in range(len(TIMES)):
            target = metric.target(reference["density"][place])
            for replica in range(REPLICAS):
                points = np.stack([particles[axis].values[place, replica] for axis in ("x", "v")], axis=-1)
                expected = whole[name].sel(size=32, replica=replica).values[place]
                assert target.distance(points) == expected


def test_particles_at_time_zero_are_independent_samples(problem: mf.Problem) -> None:
    found = study(problem, (64, 256), 40, times=[0.0], metrics=("wasserstein", "sobolev", "weak_error"))
    for name in ("wasserstein", "sobolev", "weak_error"):
        measure, floor = found[name], found[f"{name}_iid"]
        error = np.hypot(standard_error(measure), standard_error(floor))
        z = (averaged(measure) - averaged(floor)) / error
        assert float(abs(z).max()) < 3.0, name


def test_floors_are_samples_of_the_limit_at_each_time(problem: mf.Problem) -> None:
    # the floor of H^{-s} is exact; fresh samples measured as particles must meet it at every time
    from mfpde.laws import from_density

    reference = mf.solve(problem, (0.0, 2.0))
    for density in reference["density"]:
        target = Sobolev().target(density)
        rng = np.random.default_rng(5)
        squares = [target.distance(from_density(density).rvs(64, rng)) ** 2 for _ in range(200)]
        exact = target.floor(64)
        assert exact is not None
        z = (np.mean(squares) - exact**2) / (np.std(squares, ddof=1) / np.sqrt(len(squares)))
        assert abs(z) < 3.0


def test_metrics_may_be_named(problem: mf.Problem) -> None:
    named = study(problem, metrics={"w1_v": Wasserstein(axes=("v",)), "h": "sobolev"})
    plain = study(problem, metrics=(Wasserstein(axes=("v",)), Sobolev()))
    assert set(named.data_vars) == {
        f"{name}{part}" for name in ("w1_v", "h") for part in ("", "_iid", "_reference_error")
    }
    np.testing.assert_array_equal(named["w1_v"], plain["wasserstein"])
    np.testing.assert_array_equal(named["h_iid"], plain["sobolev_iid"])


def test_a_given_reference_serves_like_the_one_that_is_solved(problem: mf.Problem, whole: xr.Dataset) -> None:
    reference = mf.solve(problem, [0.0, 0.25, 0.5], dt=0.1)
    found = study(problem, reference=reference)
    assert not np.array_equal(found["wasserstein"], whole["wasserstein"])  # another step, other rounding
    np.testing.assert_allclose(found["wasserstein"], whole["wasserstein"], atol=1e-6)
    assert_same(study(problem, reference=mf.solve(problem, TIMES)), whole)


def test_the_error_of_the_reference_is_small_beside_the_floor(whole: xr.Dataset) -> None:
    for name in ("wasserstein", "sobolev"):
        floor = averaged(whole[f"{name}_iid"]).isel(size=-1)
        assert float((whole[f"{name}_reference_error"] / floor).max()) < 0.1


def test_a_coarse_reference_is_warned_of(problem: mf.Problem) -> None:
    coarse = problem.replace(resolution={"x": 4})
    with pytest.warns(UserWarning, match=r"error of the reference is .* of wasserstein at N = 4096"):
        study(coarse, (64, 4096), 2, metrics=("wasserstein",), times=[0.0])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"dt": 0.05}, "dt"),
        ({"forces": "direct"}, "forces"),
        ({"times": (0.0, 0.4)}, "times"),
        ({"metrics": {"wasserstein": Wasserstein(p=2)}}, "the metric called wasserstein"),
        ({"problem": mf.problems.landau_damping(amplitude=0.1)}, "fingerprint|initial density"),
    ],
)
def test_another_study_in_the_same_file_is_refused(
    changed: dict[str, Any], named: str, problem: mf.Problem, tmp_path: Path
) -> None:
    path = tmp_path / "study.nc"
    asked: dict[str, Any] = {"problem": problem, "path": path, "metrics": ("wasserstein",)}
    study(**asked)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"different: .*({named})"):
        study(**(asked | changed))
    with pytest.raises(FileExistsError, match="resume=True"):
        study(**asked, resume=False)
    assert path.read_bytes() == before
    replaced = study(**(asked | changed), overwrite=True)
    assert replaced.attrs["status"] == "completed"


def text(path: Path) -> None:
    path.write_text("not a study", encoding="utf-8")


def foreign(path: Path) -> None:
    xr.Dataset({"rain": ("x", [1.0])}).to_netcdf(path)


@pytest.mark.parametrize("make", [text, foreign])
def test_a_foreign_file_is_refused_and_left_alone(make: Any, problem: mf.Problem, tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"study\.nc is .*overwrite=True"):
        study(problem, path=path)
    assert path.read_bytes() == before


def without_times() -> xr.Dataset:
    return mf.solve(mf.problems.landau_damping().replace(resolution={"x": 8, "v": 32}), [0.0])


@pytest.mark.parametrize(
    ("changed", "error", "named"),
    [
        ({"sizes": 1}, ValueError, "at least 2"),
        ({"sizes": ()}, ValueError, "increasing integers"),
        ({"sizes": (1, 8)}, ValueError, "at least 2, got 1"),
        ({"sizes": (8, 4)}, ValueError, "increasing"),
        ({"sizes": (8, 8)}, ValueError, "increasing"),
        ({"sizes": (8.5,)}, ValueError, "integers"),
        ({"sizes": (8, np.nan)}, ValueError, "integers"),
        ({"sizes": (8, np.inf)}, ValueError, "integers"),
        ({"sizes": "64"}, (TypeError, ValueError), "sizes must be"),
        ({"sizes": None}, (TypeError, ValueError), "sizes must be"),
        ({"replicas": 1}, ValueError, "replicas must be an integer of at least 2"),
        ({"replicas": 2.5}, ValueError, "replicas"),
        ({"replicas": "two"}, (TypeError, ValueError), "replicas"),
        ({"metrics": "wasserstein"}, TypeError, r"use \('wasserstein',\)"),
        ({"metrics": ("wasserstien",)}, ValueError, "did you mean 'wasserstein'"),
        ({"metrics": ()}, ValueError, "at least one metric"),
        ({"metrics": (Wasserstein(), Wasserstein(p=2))}, ValueError, "share a name"),
        ({"metrics": (3,)}, TypeError, "got 3"),
        ({"metrics": (Wasserstein(axes=("y",)),)}, ValueError, "'y'"),
        ({"metrics": None}, TypeError, "metrics must be"),
        ({"times": (1.0, 0.5)}, ValueError, "increasing"),
        ({"seed": -1}, ValueError, "seed"),
        ({"dt": -1.0}, ValueError, "time step"),
        ({"forces": "magic"}, ValueError, "'magic'"),
        ({"mean_field": "reference.nc"}, TypeError, "mean_field must be True"),
        ({"metrics": ("coupling_distance",)}, ValueError, "pass mean_field=True"),
        ({"metrics": ("coupling_distanse",)}, ValueError, "did you mean 'coupling_distance'"),
        ({"reference": without_times()}, ValueError, r"no density at t = 0\.5"),
        ({"reference": xr.Dataset()}, ValueError, "'density'"),
        ({"reference": "density.nc"}, TypeError, "reference"),
        ({"problem": "landau_damping"}, TypeError, "Problem"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    changed: dict[str, Any], error: Any, named: str, problem: mf.Problem, tmp_path: Path
) -> None:
    with pytest.raises(error, match=named):
        study(**({"problem": problem} | changed), path=tmp_path / "study.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_reference_of_other_initial_data_shows_in_its_error(problem: mf.Problem) -> None:
    other = mf.problems.landau_damping(amplitude=0.1).replace(resolution={"x": 32, "v": 64})
    with pytest.warns(UserWarning, match="error of the reference is"):
        study(problem, reference=mf.solve(other, TIMES))


def test_a_density_without_a_sampler_is_refused(problem: mf.Problem, tmp_path: Path) -> None:
    silent = problem.replace(law=lambda x: np.exp(-(x[..., 1] ** 2) / 2) / (2 * np.pi) ** 1.5 / 2)
    with pytest.raises(TypeError, match="from_density"):
        study(silent, path=tmp_path / "study.nc")
    assert list(tmp_path.iterdir()) == []


COUPLED: dict[str, Any] = {"metrics": ("wasserstein", "sobolev", "coupling_distance"), "mean_field": True}


@pytest.fixture(scope="module")
def coupled(problem: mf.Problem) -> xr.Dataset:
    return study(problem, **COUPLED)


def noisy() -> mf.Problem:
    return mf.problems.vlasov_fokker_planck().replace(resolution={"x": 32, "v": 64})


def test_coupled_particles_add_excesses_and_change_nothing(whole: xr.Dataset, coupled: xr.Dataset) -> None:
    assert_same(coupled[list(whole.data_vars)], whole)
    added = set(coupled.data_vars) - set(whole.data_vars)
    assert added == {"wasserstein_excess", "sobolev_excess", "coupling_distance"}
    assert coupled["wasserstein_excess"].dims == ("size", "replica", "time")
    assert coupled["sobolev_excess"].attrs["reduction"] == "mean"
    assert np.isnan(coupled["sobolev_excess"].attrs["theory"])
    assert coupled["coupling_distance"].attrs["theory"] == -0.5
    assert all(coupled[name].attrs["long_name"] for name in added)
    assert bool((coupled["wasserstein_excess"].isel(time=0) == 0).all())
    assert "SemiLagrangian" in coupled.attrs["mean_field"]
    assert whole.attrs["mean_field"] == "none"


def test_excesses_are_those_of_the_simulated_partners(problem: mf.Problem, coupled: xr.Dataset) -> None:
    reference = mf.solve(problem, TIMES)
    found = mf.simulate(problem, 32, TIMES, replicas=REPLICAS, mean_field=True)
    target = Sobolev().target(reference["density"][1])
    for replica in range(REPLICAS):
        last = found.isel(time=1, replica=replica)
        own, partners = (np.stack([last[f"{a}{c}"] for a in ("x", "v")], axis=-1) for c in ("", "_coupled"))
        expected = target.distance(own) - target.distance(partners)
        assert coupled["sobolev_excess"].sel(size=32, replica=replica).values[1] == expected


@pytest.mark.parametrize("make", [None, noisy])
def test_however_the_field_is_shared(
    make: Any, problem: mf.Problem, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mfpde.particles import ensemble

    case = problem if make is None else make()
    here = study(case, **COUPLED)
    assert_same(study(case, executor=pool, **COUPLED), here)
    with ThreadPoolExecutor(3) as threads:
        assert_same(study(case, executor=threads, **COUPLED), here)
    monkeypatch.setattr(ensemble, "LIBRARY", 0)  # every task solves for itself
    assert_same(study(case, **COUPLED), here)
    monkeypatch.setattr("mfpde.chaos.plan.CHUNK", 32)  # one replica of the larger system in each
    assert_same(study(case, **COUPLED), here)


@pytest.mark.parametrize(
    "smaller", [{"mean_field": None, "metrics": ("sobolev",)}, {"sizes": SIZES[:1]}, {"replicas": 2}]
)
def test_a_coupled_study_can_be_extended(
    smaller: dict[str, Any], problem: mf.Problem, coupled: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "study.nc"
    part = study(problem, path=path, **(COUPLED | smaller))
    assert_same(part, coupled[list(part.data_vars)].sel(size=part["size"], replica=part["replica"]))
    assert_same(study(problem, path=path, **COUPLED), coupled)
    assert_same(
        study(problem, path=path),
        coupled[[n for n in coupled.data_vars if n[-6:] not in ("excess", "stance")]],
    )
    with xr.open_dataset(path) as found:
        assert found.attrs["mean_field"] == coupled.attrs["mean_field"]
    finer = mf.solve(problem.replace(resolution={"x": 48, "v": 64}), [0.0])
    with pytest.raises(ValueError, match="different: mean_field"):
        study(problem, path=path, **(COUPLED | {"mean_field": finer}))


def test_one_field_serves_all_sizes_that_share_their_equation(
    problem: mf.Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mfpde.particles.mean_field import MeanField
    from mfpde_solvers.power_of_n import PowerOfN

    started: list[Any] = []
    start = MeanField.start
    monkeypatch.setattr(MeanField, "start", lambda self: (started.append(self), start(self))[1])
    study(problem, **COUPLED)
    assert len(started) == 1
    kernel = problem.equation.kernel.with_cutoff(PowerOfN(1.0, -0.3))
    study(problem.replace(equation=Vlasov(kernel)), **COUPLED)
    assert [field.equation.kernel.cutoff for field in started[1:]] == [8**-0.3, 32**-0.3]


def test_pairing_removes_the_noise_of_the_samples(problem: mf.Problem) -> None:
    # while the partners are close: later each system has fluctuations of its own, and pairing gains nothing
    metrics = ("wasserstein", "sobolev")
    found = study(problem, (64, 256), 24, metrics=metrics, mean_field=True).isel(time=1)
    for name in metrics:
        paired = found[f"{name}_excess"].var("replica", ddof=1)
        unpaired = (found[name] - found[f"{name}_iid"]).var("replica", ddof=1)
        assert float((paired / unpaired).max()) < 0.1, name
    difference = found["wasserstein_excess"] - (found["wasserstein"] - found["wasserstein_iid"])
    assert float(abs(difference.mean("replica") / (difference.std("replica", ddof=1) / 24**0.5)).max()) < 4


def test_an_excess_that_is_not_positive_has_no_rate(coupled: xr.Dataset) -> None:
    excess = coupled["wasserstein_excess"].copy()
    excess[...] = np.array([1.0, -1.0])[:, None, None] + 0.1 * np.arange(REPLICAS)[:, None]
    with pytest.warns(
        UserWarning, match="the mean of wasserstein_excess is not positive at size 32: no rate"
    ):
        fit = mf.fit_rate(excess)
    assert np.isnan(fit["rate"]).all()
    assert np.isnan(fit["lower"]).all()
    assert np.isnan(fit["theory"]).all()


def test_the_coupled_study_can_be_shown(coupled: xr.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    from mfpde.report import convergence_table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        convergence_table(coupled)
        mf.plot.convergence(coupled)
    assert "wasserstein" in capsys.readouterr().out

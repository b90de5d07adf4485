"""Studies of measures of the ensemble and of the dynamics: the same however they are computed."""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.chaos import CouplingDistance, WeakError
from mfpde.chaos.correlations import PairCorrelation, pair_correlation
from mfpde.chaos.measurement import Measurement
from mfpde.chaos.reduction import paired_excess
from mfpde.report import convergence_rows, convergence_table, measures_of

SIZES, REPLICAS, TIMES = (8, 32), 5, (0.0, 0.5)
ENSEMBLE: dict[str, Any] = {"metrics": ("pair_correlation", "sobolev"), "mean_field": True}


@dataclass(frozen=True)
class Spread:
    """Variance of a mode over replicas, N Var Re Z: its floor is sampled; refused below 3 replicas."""

    strength: float = 1.0
    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "spread"
    long_name: ClassVar[str] = "spread of the first mode"
    needs: ClassVar[str] = "ensemble"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = "none"

    def for_equation(self, equation: Any) -> Spread:
        return Spread(equation.kernel.coupling)

    def theory(self, grid: Any) -> float:
        return 0.0

    def target(self, density: xr.DataArray) -> Any:
        return SpreadTarget(self.strength, float(density.values[0]))


@dataclass(frozen=True)
class SpreadTarget:
    strength: float
    first: float

    def statistic(self, points: Any) -> np.ndarray:
        return np.array([np.cos(points[:, 0]).mean()])

    def combine(self, statistics: Any, size: int) -> tuple[float, float]:
        if len(statistics) < 3:
            warnings.warn("the spread of two replicas says nothing", stacklevel=2)
            return np.nan, np.nan
        value = self.strength * size * statistics.var(ddof=1)
        return value, value * np.sqrt(2 / (len(statistics) - 1))

    def floor(self, size: int) -> None:
        return None

    def difference(self, other: Any) -> float:
        return abs(self.first - other.first)


@dataclass(frozen=True)
class Sightings:
    """How often a replica was seen, and the mean field there: it must be at hand at each of these times."""

    axes: tuple[str, ...] | None = None
    name: ClassVar[str] = "seen"
    long_name: ClassVar[str] = "sightings"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = "none"

    def theory(self, grid: Any) -> float:
        return 0.0

    def target(self, density: xr.DataArray) -> Any:
        raise AssertionError("no target is asked for")

    def follow(self, followed: Any) -> Any:
        return Witness(followed)


@dataclass
class Witness:
    followed: Any
    times: list[float] = field(default_factory=list)
    drift: float = 0.0

    def see(self) -> None:
        run = self.followed.run
        self.times.append(run.time)
        x = run.coupled.observe()["x"][:, None]
        self.drift += float(np.abs(self.followed.field(run.time, x)).mean())

    def value(self) -> float:
        assert self.times[0] == 0.0
        assert self.times[-1] == self.followed.run.time
        assert (np.diff(self.times) > 0).all()
        return len(self.times) if self.drift > 0 else np.nan


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.problems.kuramoto(coupling=1.0, diffusion=0.5, amplitude=0.3).replace(resolution={"x": 32})


@pytest.fixture(scope="module")
def whole(problem: mf.Problem) -> xr.Dataset:
    return study(problem)


def study(problem: mf.Problem, sizes: Any = SIZES, replicas: Any = REPLICAS, **options: Any) -> xr.Dataset:
    return mf.converge(problem, sizes, replicas, **({"times": TIMES, "dt": 0.1} | ENSEMBLE | options))


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit."""
    assert set(one.variables) == set(other.variables)
    assert set(one.coords) == set(other.coords)
    for name in one.variables:
        assert one[name].dims == other[name].dims
        assert one[name].values.tobytes() == other[name].values.tobytes(), name


def test_variables_and_attributes(whole: xr.Dataset) -> None:
    assert whole["pair_correlation"].dims == ("size", "time")
    assert whole["pair_correlation"].coords["pair_correlation_stderr"].dims == ("size", "time")
    assert whole["pair_correlation_excess"].dims == ("size", "time")
    assert whole["pair_correlation_statistic"].dims == (
        "size",
        "replica",
        "time",
        "pair_correlation_component",
    )
    assert bool((whole["pair_correlation_iid"] == 0).all())
    assert bool((whole["pair_correlation_iid_stderr"] == 0).all())
    assert bool((whole["pair_correlation_reference_error"] == 0).all())
    assert all(whole[name].attrs["long_name"] for name in whole.variables if name[-9:] != "component")
    assert bool(whole.to_array().notnull().all())
    assert measures_of(whole) == ["pair_correlation", "sobolev"]


def test_the_value_is_that_of_the_simulated_replicas(problem: mf.Problem, whole: xr.Dataset) -> None:
    particles = mf.simulate(problem, 32, TIMES, replicas=REPLICAS, dt=0.1)
    found = pair_correlation(particles, problem.grid).sum("mode") / 32
    np.testing.assert_allclose(whole["pair_correlation"].sel(size=32), found, rtol=1e-12)


def test_executors_and_chunks_change_nothing(
    problem: mf.Problem, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert_same(study(problem, executor=executor), whole)
    monkeypatch.setattr("mfpde.chaos.plan.CHUNK", 64)
    assert_same(study(problem), whole)


@pytest.mark.parametrize(
    "smaller",
    [
        {"sizes": SIZES[1:]},
        {"replicas": 3},
        {"metrics": ("sobolev",)},
        {"mean_field": None, "metrics": ("pair_correlation",), "replicas": 4},
    ],
)
def test_a_study_can_be_extended(
    smaller: dict[str, Any], problem: mf.Problem, whole: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "study.nc"
    part = study(problem, path=path, **smaller)
    assert_same(part, study(problem, **smaller))
    assert_same(study(problem, path=path), whole)
    with xr.open_dataset(path) as found:
        assert_same(found, whole)
    assert_same(study(problem, path=path, **smaller), part)  # other replicas, other values
    with xr.open_dataset(path) as found:
        assert_same(found, whole)


def test_values_of_other_metrics_stay(problem: mf.Problem, whole: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    study(problem, path=path)
    study(problem, path=path, metrics={"w": WeakError()}, sizes=(16,))
    with xr.open_dataset(path) as found:
        kept = found["pair_correlation"].sel(size=list(SIZES))
        np.testing.assert_array_equal(kept, whole["pair_correlation"])
        assert bool(found["pair_correlation"].sel(size=16).isnull().all())
    assert_same(study(problem, path=path), whole)


def test_an_interrupted_study_goes_on(
    problem: mf.Problem, whole: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, measure, calls = tmp_path / "study.nc", Measurement.__call__, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return measure(*arguments)

    study(problem, path=path, replicas=3)
    with monkeypatch.context() as patched:
        patched.setattr(Measurement, "__call__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            study(problem, path=path)
    with xr.open_dataset(path) as found:  # the larger size has new replicas, so its old value is gone
        assert bool(found["pair_correlation"].sel(size=32).isnull().all())
        assert bool(found["pair_correlation"].sel(size=8).notnull().all())
        assert bool(found["pair_correlation_statistic"].sel(size=32).notnull().all())
    assert_same(study(problem, path=path), whole)


def test_a_completed_study_is_read(
    problem: mf.Problem, whole: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.nc"
    study(problem, path=path)
    monkeypatch.setattr("mfpde.chaos.study._work", None)
    assert_same(study(problem, path=path), whole)


def test_sampled_floors_and_metrics_of_an_equation(problem: mf.Problem, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"metrics": (Spread(),), "mean_field": None, "path": tmp_path / "study.nc"}
    found = study(problem, replicas=40, **asked)
    assert found["spread"].attrs["metric"] == "Spread(strength=1.0, axes=None)"
    assert found["spread_iid"].dims == found["spread_iid_stderr"].dims == ("size", "time")
    # at time 0 the particles are independent: N Var cos X on both sides
    start = found.isel(time=0)
    gap = start["spread"] - start["spread_iid"]
    assert float(abs(gap / np.hypot(start["spread_stderr"], start["spread_iid_stderr"])).max()) < 3.5
    fewer = study(problem, replicas=12, **asked)
    assert_same(fewer, study(problem, replicas=12, **(asked | {"path": None})))
    with pytest.warns(UserWarning, match="two replicas say|two replicas says nothing"):
        refused = study(problem, replicas=2, **(asked | {"path": None}))
    assert bool(refused["spread"].isnull().all())
    stronger = mf.problems.kuramoto(coupling=2.0, diffusion=0.5, amplitude=0.3).replace(resolution={"x": 32})
    with pytest.raises(ValueError, match="different: "):
        study(stronger, replicas=12, **asked)


def test_observers_see_every_step_and_change_nothing(problem: mf.Problem, whole: xr.Dataset) -> None:
    metrics = {"seen": Sightings(), "pair_correlation": PairCorrelation(), "sobolev": "sobolev"}
    found = study(problem, metrics=metrics)
    assert_same(found.drop_vars("seen"), whole)
    assert found["seen"].dims == ("size", "replica", "time")
    # at time 0, then after each of the five steps of 0.1
    np.testing.assert_array_equal(found["seen"], np.broadcast_to([1.0, 6.0], (2, REPLICAS, 2)))


def test_one_field_for_all_or_one_for_each(problem: mf.Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfpde.particles import ensemble

    asked: dict[str, Any] = {"metrics": {"seen": Sightings(), "p": "pair_correlation"}}
    here = study(problem, **asked)
    monkeypatch.setattr(ensemble, "LIBRARY", 0)
    assert_same(study(problem, **asked), here)


def test_the_field_is_there_at_the_initial_time_alone(problem: mf.Problem) -> None:
    metrics = {"seen": Sightings(), "coupling_distance": CouplingDistance()}
    found = study(problem, metrics=metrics, times=[0.0])
    assert bool((found["seen"] == 1).all())
    assert bool((found["coupling_distance"] == 0).all())


def test_the_paired_error_is_that_of_many_studies() -> None:
    """Values x̄ᵣ + common noise on both sides: the jackknife error of the difference, and its size."""

    class Mean:
        def combine(self, statistics: Any, size: int) -> tuple[float, float]:
            return float(statistics.mean()), np.nan

    rng = np.random.default_rng(8)
    common = rng.normal(size=(400, 20, 1))
    own, partners = common + 0.1 * rng.normal(size=(2, 400, 20, 1))
    target: Any = Mean()
    found = np.array([paired_excess(target, x, y, 2) for x, y in zip(own, partners, strict=True)])
    expected = 0.1 * np.sqrt(2 / 20)
    # 400 studies know their own scatter to 3.5 %
    assert found[:, 0].std() == pytest.approx(expected, rel=0.12)
    assert np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(expected, rel=0.05)
    assert np.isnan(paired_excess(target, own[0, :2], partners[0, :2], 2)[1])


def test_pairing_removes_noise(problem: mf.Problem) -> None:
    found = study(problem, (32,), 60, metrics=("pair_correlation",)).isel(size=0, time=1)
    paired, alone = found["pair_correlation_excess_stderr"], found["pair_correlation_stderr"]
    assert float(paired) < 0.75 * float(alone)


def test_rates_and_tables(problem: mf.Problem, capsys: pytest.CaptureFixture[str]) -> None:
    found = study(problem, (8, 16, 32), 60, metrics=("pair_correlation", "sobolev"), mean_field=None)
    # a measure that is positive and falls like 1/N with an error of 5 %
    attrs = found["pair_correlation"].attrs
    exact = 1.0 / found["size"] * xr.ones_like(found["time"])
    found["pair_correlation"] = exact.transpose("size", "time").assign_attrs(attrs)
    found = found.assign_coords(pair_correlation_stderr=0.05 * exact)
    rows = {(row["measure"], row["time"]): row for row in convergence_rows(found)}
    row = rows["pair_correlation", 0.5]
    assert row["rate"] == pytest.approx(-1.0)
    # weights equal, log N spread over ln 2: the error of the slope is 0.05/(√2 ln 2)
    assert float(row["upper"]) - float(row["rate"]) == pytest.approx(
        1.96 * 0.05 / (2**0.5 * np.log(2)), rel=1e-3
    )
    assert row["theory"] == -1.0
    assert np.isnan(row["excess"])
    convergence_table(found)
    assert "pair_correlation" in capsys.readouterr().out
    figure = mf.plot.convergence(found)
    assert [panel.get_title() for panel in figure.axes] == ["pair_correlation", "sobolev"]


def test_files_written_before_there_were_ensembles(
    problem: mf.Problem, whole: xr.Dataset, tmp_path: Path
) -> None:
    """A file that holds variables by replica only is continued."""
    path = tmp_path / "study.nc"
    old = study(problem, metrics=("sobolev",), path=path)
    with xr.open_dataset(path) as found:
        assert not [name for name in found.variables if "stderr" in str(name) or "statistic" in str(name)]
    assert_same(study(problem, metrics=("sobolev",), path=path), old)
    assert_same(study(problem, path=path), whole)

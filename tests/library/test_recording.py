"""What is recorded, continued and refused, with runs whose exact result is known."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

from mfpde.dataset import attributes
from mfpde.recording import Field, Layout, check_path, checked_times, record
from mfpde.recording.restart import restart_path
from mfpde_solvers.evolve import BlowUp, ResolutionLost

TIMES = np.linspace(0.0, 2.0, 9)
STEP = 0.01


class Doubling:
    """x' = x by explicit Euler, failing in a chosen way at a chosen time."""

    memory = 16

    def __init__(self, fails_at: float = np.inf, error: type[BaseException] | None = None) -> None:
        self.time, self._x = 0.0, np.array([1.0, 2.0])
        self._fails_at, self._error = fails_at, error

    def step(self, limit: float) -> float:
        if self._error is not None and self.time >= self._fails_at:
            given = (self.time, "by design") if issubclass(self._error, RuntimeError) else ()
            raise self._error(*given)
        h = min(STEP, limit - self.time)
        self._x = self._x + h * self._x
        self.time = limit if h < STEP else self.time + h
        return self.time

    def observe(self) -> dict[str, Any]:
        return {"x": self._x, "half": (self._x[:1] / 2).astype(np.float32)}

    def diagnostics(self) -> dict[str, float]:
        return {"total": float(self._x.sum())}

    def state(self) -> dict[str, Any]:
        return {"time": np.float64(self.time), "x": self._x}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.time, self._x = float(state["time"]), np.array(state["x"])


def layout(**changes: Any) -> Layout:
    plain = Layout(
        coords={"particle": xr.Variable("particle", np.arange(2), attributes("particle"))},
        fields={"x": Field(("particle",)), "half": Field(("replica",))},
        attrs={"fingerprint": '{"kernel": "a", "grid": "b"}', "dt": STEP, "seed": 3},
        identity=("fingerprint", "dt", "seed"),
        static={"replica": xr.Variable("replica", np.arange(1), attributes("replica"))},
    )
    return replace(plain, **changes)


def run(
    path: Path | None = None,
    times: Any = TIMES,
    made: Doubling | None = None,
    overwrite: bool = False,
    resume: bool = True,
    progress: bool | None = False,
    watch: Any = None,
    **changes: Any,
) -> xr.Dataset:
    return record(
        lambda: made or Doubling(),
        np.asarray(times),
        layout(**changes),
        path=path,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        description="doubling",
        watch=watch,
    )


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit, and the attributes but for the clock's."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].dims == other[name].dims
        assert one[name].dtype == other[name].dtype, name
        assert one[name].values.tobytes() == other[name].values.tobytes(), name
        assert one[name].attrs == other[name].attrs, name
    assert {**one.attrs, "wall_time": 0} == {**other.attrs, "wall_time": 0}


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_memory_and_file_give_the_same_dataset(tmp_path: Path) -> None:
    assert_same(run(tmp_path / "run.nc"), run())


def test_values_are_those_of_the_run() -> None:
    found = run()
    np.testing.assert_array_equal(found["time"], TIMES)
    steps = np.rint(found["diagnostic_time"].values / STEP)
    # (1 + h)ⁿ after n steps, in floating point up to the rounding of n products
    np.testing.assert_allclose(found["total"], 3 * (1 + STEP) ** steps, rtol=1e-13)
    np.testing.assert_allclose(found["x"], np.outer((1 + STEP) ** (TIMES / STEP), [1, 2]), rtol=1e-13)


def test_the_file_is_cf_compressed_and_unlimited_in_time(tmp_path: Path) -> None:
    run(tmp_path / "run.nc")
    with netCDF4.Dataset(tmp_path / "run.nc") as file:
        assert file.Conventions == "CF-1.11"
        assert file.status == "completed"
        assert [d for d in file.dimensions if file.dimensions[d].isunlimited()] == ["time", "diagnostic_time"]
        for name, variable in file.variables.items():
            assert variable.units == "1", name
            assert variable.long_name, name
            assert "_FillValue" not in variable.ncattrs(), name
        assert file["x"].filters()["zlib"]
        assert file["x"].filters()["shuffle"]
        assert file["x"].chunking() == [1, 2]
        assert file["half"].dtype == np.float32


@pytest.mark.parametrize("every", [1, 7, 10, 25])
def test_diagnostics_come_every_so_many_steps_and_at_every_saved_time(every: int) -> None:
    found = run(every=every)["diagnostic_time"].values
    between = np.arange(0, 25, every)[1:]  # a saved time is 25 steps after the one before
    expected = [0.0, *(t + STEP * n for t in TIMES[:-1] for n in [*between, 25])]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert set(TIMES) <= set(found)


def test_no_diagnostics_on_request(tmp_path: Path) -> None:
    found = run(tmp_path / "run.nc", every=None)
    assert "diagnostic_time" not in found.dims
    assert_same(found, run(every=None))


def test_a_completed_run_is_read_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    first = run(path)
    before = contents(tmp_path)
    assert_same(run(path, made=Doubling(0.0, AssertionError)), first)
    assert contents(tmp_path) == before


def test_later_times_extend_a_completed_run(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    for count in (1, 4, 5):
        run(path, TIMES[:count])
    assert_same(run(path), run())


def test_fewer_times_give_what_a_shorter_run_gives(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    run(path)
    assert_same(run(path, TIMES[:4]), run(times=TIMES[:4]))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_run_says_so_and_goes_on(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    for moment in (0.3, 1.1):  # the second one interrupts the resumed run
        with pytest.raises(error):
            run(path, made=Doubling(moment, error))
        with xr.open_dataset(path) as found:
            assert found.attrs["status"] == "interrupted"
            assert found["time"].values.tolist() == TIMES[moment >= TIMES].tolist()
    assert_same(run(path), run())


def test_interrupted_before_the_first_record(tmp_path: Path) -> None:
    path, later = tmp_path / "run.nc", TIMES[1:]
    with pytest.raises(KeyboardInterrupt):
        run(path, later, Doubling(0.1, KeyboardInterrupt))
    assert_same(run(path, later), run(times=later))


def test_an_interrupted_run_may_be_asked_for_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    with pytest.raises(KeyboardInterrupt):
        run(path, made=Doubling(1.1, KeyboardInterrupt))
    assert_same(run(path, TIMES[:3]), run(times=TIMES[:3]))


@pytest.mark.parametrize(("error", "status"), [(BlowUp, "blow-up"), (ResolutionLost, "failed")])
@pytest.mark.parametrize("kept", ["file", "memory"])
def test_a_run_that_fails_is_kept_up_to_then(
    error: type[BaseException], status: str, kept: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.nc" if kept == "file" else None
    with pytest.warns(UserWarning, match=r"stopped at t = 0\.6.*by design"):
        found = run(path, made=Doubling(0.6, error))
    assert found.attrs["status"] == status
    assert found.attrs["reason"] == "by design"
    assert found.attrs["stopped_at"] == pytest.approx(0.6, abs=STEP)
    np.testing.assert_array_equal(found["time"], [0.0, 0.25, 0.5])
    if path is not None:  # it would fail again: the same call returns it
        assert_same(run(path), found)


@pytest.mark.parametrize("kept", ["file", "memory"])
def test_a_run_that_fails_before_the_first_record(kept: str, tmp_path: Path) -> None:
    path = tmp_path / "run.nc" if kept == "file" else None
    with pytest.warns(UserWarning, match="stopped"):
        found = run(path, TIMES[1:], Doubling(0.1, BlowUp))
    assert found.sizes["time"] == 0
    if path is not None:
        assert_same(run(path, TIMES[1:]), found)


def test_a_watch_can_stop_a_run() -> None:
    def watch(time: float, values: Mapping[str, float]) -> None:
        if values["total"] > 6:  # reached at t = log 2 and a little
            raise ResolutionLost(time, "too large")

    with pytest.warns(UserWarning, match="too large"):
        found = run(watch=watch)
    assert found.attrs["status"] == "failed"
    assert float(found["total"].max()) <= 6
    np.testing.assert_array_equal(found["time"], [0.0, 0.25, 0.5])


def test_overwrite_replaces(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    run(path, TIMES[:3], attrs={**layout().attrs, "seed": 4})
    assert_same(run(path, overwrite=True), run())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"fingerprint": '{"kernel": "c", "grid": "b"}'}, "different: kernel"),
        ({"fingerprint": '{"kernel": "a", "grid": "c"}'}, "different: grid"),
        ({"dt": 0.02}, r"dt \(in the file 0.01, now 0.02\)"),
        ({"seed": 4}, r"seed \(in the file 3, now 4\)"),
    ],
)
def test_another_computation_is_refused_by_what_differs(
    changed: dict[str, Any], named: str, tmp_path: Path
) -> None:
    run(tmp_path / "run.nc")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=named):
        run(tmp_path / "run.nc", attrs={**layout().attrs, **changed})
    assert contents(tmp_path) == before


@pytest.mark.parametrize("with_restart", [True, False])
@pytest.mark.parametrize("status", ["completed", "interrupted"])
def test_other_times_are_refused(with_restart: bool, status: str, tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    if status == "completed":
        run(path)
    else:
        with pytest.raises(KeyboardInterrupt):
            run(path, made=Doubling(1.1, KeyboardInterrupt))
    if not with_restart:
        restart_path(path).unlink()
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"holds the times 0 … .* pass the same times"):
        run(path, [0.0, 0.1, 0.2])
    assert contents(tmp_path) == before


def test_a_missing_restart_state_is_refused_unless_nothing_is_left_to_do(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    with pytest.raises(KeyboardInterrupt):
        run(path, made=Doubling(1.1, KeyboardInterrupt))
    restart_path(path).unlink()
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"run\.nc\.restart is missing.*overwrite=True"):
        run(path)
    assert contents(tmp_path) == before
    assert_same(run(path, TIMES[:3]), run(times=TIMES[:3]))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short"])
def test_a_damaged_restart_state_is_refused(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    run(path)
    restart_path(path).write_bytes(damage)
    with pytest.raises(ValueError, match="damaged"):
        run(path, [*TIMES, 3.0])


def test_a_restart_state_of_another_file_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "run.nc", tmp_path / "other.nc"
    run(path, TIMES[:3])
    run(other)
    restart_path(path).write_bytes(restart_path(other).read_bytes())
    with pytest.raises(ValueError, match=r"3 records .* counts 9"):
        run(path, [*TIMES, 3.0])


def test_a_stale_restart_state_without_its_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    run(path, TIMES[:4])
    path.unlink()
    assert_same(run(path), run())


def foreign(path: Path) -> None:
    xr.Dataset({"rain": ("time", [1.0, 2.0])}, {"time": [0.0, 1.0]}).to_netcdf(path)


def timeless(path: Path) -> None:
    xr.Dataset({"rain": ("x", [1.0, 2.0])}).to_netcdf(path)


def truncated(path: Path) -> None:
    run(path)
    path.write_bytes(path.read_bytes()[:3000])


def text(path: Path) -> None:
    path.write_text("not a netCDF file", encoding="utf-8")


def empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("make", [foreign, timeless, truncated, text, empty])
def test_files_that_are_not_ours_are_refused_and_left_alone(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    make(path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"run\.nc is not a file of mfpde .*overwrite=True"):
        run(path)
    assert contents(tmp_path) == before
    assert_same(run(path, overwrite=True), run())


def test_a_failing_preparation_touches_nothing(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise ValueError("no such scheme")

    run(tmp_path / "run.nc")
    before = contents(tmp_path)
    for path in (tmp_path / "run.nc", tmp_path / "new.nc"):
        with pytest.raises(ValueError, match="no such scheme"):
            record(
                refuse,
                TIMES,
                layout(),
                path=path,
                overwrite=True,
                resume=False,
                progress=False,
                description="",
            )
    assert contents(tmp_path) == before


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "run.nc").touch()
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        check_path(tmp_path / "nowhere" / "run.nc", False, False)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_path(tmp_path, True, True)
    with pytest.raises(FileExistsError, match=r"resume=True .* overwrite=True"):
        check_path(tmp_path / "run.nc", False, False)
    assert check_path(str(tmp_path / "run.nc"), False, True) == tmp_path / "run.nc"
    assert check_path(None, False, False) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_places(tmp_path: Path) -> None:
    run(tmp_path / "run.nc")
    (tmp_path / "run.nc").chmod(0o444)
    with pytest.raises(PermissionError, match=r"run\.nc is read-only"):
        check_path(tmp_path / "run.nc", True, False)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="is read-only"):
            check_path(tmp_path / "new.nc", False, False)
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    ("times", "error", "named"),
    [
        ([], ValueError, "non-empty"),
        ([[0.0, 1.0], [2.0, 3.0]], ValueError, "non-empty list"),
        ([0.0, np.nan], ValueError, "finite"),
        ([0.0, np.inf], ValueError, "finite"),
        ([0.0, None], ValueError, "finite"),
        ([-1.0, 0.0], ValueError, "start at 0"),
        ([0.0, 1.0, 1.0], ValueError, "drop repetitions"),
        ([1.0, 0.0], ValueError, "increasing"),
        ("soon", TypeError, "increasing numbers"),
        ({"a": 1}, TypeError, "increasing numbers"),
    ],
)
def test_times_that_are_refused(times: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        checked_times(times, 1.0)


def test_times_that_are_accepted() -> None:
    np.testing.assert_array_equal(checked_times(None, 2.0), np.linspace(0, 2, 101))
    np.testing.assert_array_equal(checked_times(3, 2.0), [3.0])
    np.testing.assert_array_equal(checked_times(range(3), 2.0), [0.0, 1.0, 2.0])


def test_progress_bars_on_request_only(capsys: pytest.CaptureFixture[str]) -> None:
    run(progress=False)
    run(progress=None)  # not a terminal
    assert capsys.readouterr().err == ""
    run(progress=True)
    shown = capsys.readouterr().err
    assert "doubling: 100%" in shown
    run(times=[0.0], progress=True)


def test_the_bar_of_a_resumed_run_starts_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.nc"
    run(path, TIMES[:7])
    run(path, progress=True)
    assert "100%" in capsys.readouterr().err


def test_the_time_of_all_parts_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    first = run(path, TIMES[:3]).attrs["wall_time"]
    with np.load(restart_path(path)) as state:
        assert 0 < float(state["seconds"]) <= first
        before = float(state["seconds"])
    assert run(path).attrs["wall_time"] > before


def test_nothing_is_warned_of_in_a_plain_run(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path / "run.nc")
        run(tmp_path / "run.nc")

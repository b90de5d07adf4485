"""What is recorded, continued and refused, with runs whose exact result is known."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
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
from mfpde.recording import Field, Layout, check_memory, check_path, checked_times, memory, record, stores
from mfpde.recording.restart import restart_path
from mfpde.recording.room import Room
from mfpde.recording.stores import FileStore
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


def refuse_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk has room for what is asked so many times."""
    asked = itertools.count()

    def reserve(self: Room, size: int, reserve: Any = Room.reserve) -> None:
        if next(asked) >= count:
            raise OSError(errno.ENOSPC, "by design")
        reserve(self, size)

    monkeypatch.setattr(Room, "reserve", reserve)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 13, 21, 34])
def test_a_disk_that_is_full_at_any_record(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was refused, the file holds the records before it, and the same call goes on."""
    path = tmp_path / "run.nc"
    with monkeypatch.context() as small:
        refuse_after(count, small)
        with pytest.raises(
            OSError, match=r"no room to write .*/run\.nc \(by design\).*resume=True"
        ) as raised:
            run(path)
        assert raised.value.errno == errno.ENOSPC
    if path.exists():
        with xr.open_dataset(path) as found:
            kept = found.sizes["time"]
            assert found.attrs["status"] == "running"
            if kept:
                assert found["x"].values.tobytes() == run()["x"].values[:kept].tobytes()
    assert_same(run(path), run())
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["run.nc", "run.nc.restart"]


def test_a_full_disk_without_blocks_in_advance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot take blocks, free space is compared."""
    path = tmp_path / "run.nc"
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    run(path, TIMES[:4])
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as small:
        small.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(OSError, match=r"0\.001 MB free"):
            run(path)
    assert_same(run(path), run())


def test_a_restart_state_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.nc"
    run(path, TIMES[:4])
    before = restart_path(path).read_bytes()

    def savez(file: Any, **contents: Any) -> None:
        file.write(b"PK\x03\x04")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as small:
        small.setattr(np, "savez", savez)
        with pytest.raises(OSError, match=r"no room to write .*run\.nc\.restart .*resume=True"):
            run(path)
    assert restart_path(path).read_bytes() == before
    assert_same(run(path), run())


@pytest.mark.parametrize(
    ("shape", "fields", "diagnostics", "dtype", "records"),
    [
        ((32, 64), 3, 12, np.float64, 150),
        ((7, 5, 3, 3, 3, 3), 1, 3, np.float64, 150),
        ((2,), 2, 4, np.float32, 1030),  # more than a chunk of times
        ((50, 50, 20), 1, 3, np.float64, 5),  # in several chunks
    ],
)
def test_no_record_takes_more_room_than_was_asked_for(
    shape: tuple[int, ...],
    fields: int,
    diagnostics: int,
    dtype: Any,
    records: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise does not compress; the end of the file is compared with what was promised at each flush."""
    monkeypatch.setattr(stores, "LARGEST_CHUNK", 2**17)
    dims = tuple("abcdef"[: len(shape)])
    coords = {d: xr.Variable(d, np.arange(n), {"about": d * 200}) for d, n in zip(dims, shape, strict=True)}
    names = [f"field_{i}" for i in range(fields)]
    plan = Layout(coords, {name: Field(dims) for name in names}, {"about": "x" * 3000}, ())
    store, rng = FileStore(tmp_path / "run.nc", plan, create=True), np.random.default_rng(0)
    for place in range(records):
        scalars = {f"scalar_{i}": rng.normal() for i in range(diagnostics)}
        store.append("diagnostic_time", place, float(place), scalars)
        store.append("time", place, float(place), {n: rng.normal(size=shape).astype(dtype) for n in names})
        promised = store._room._promised
        store.sync()
        assert store._room._promised <= promised
    store.close({"status": "completed", "reason": "y" * 1000})
    assert (tmp_path / "run.nc").stat().st_size <= store._room._promised


def test_what_was_not_used_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    run(path)
    room, size = Room(path), path.stat().st_size
    assert room._end() == size
    room.reserve(2**20)
    if hasattr(os, "posix_fallocate"):
        assert path.stat().st_size >= 2**20
    assert_same(run(path), run())  # the file may be read with blocks that nothing uses
    room.give_back()
    room.close()
    assert path.stat().st_size == size


@pytest.mark.parametrize(("memory", "where"), [(16, None), (10**18, None), (10**18, "run.nc")])
def test_a_run_that_does_not_fit_into_the_memory(memory: int, where: str | None, tmp_path: Path) -> None:
    """A run of 16 bytes fits; one of an exabyte does not, and leaves what is on the disk alone."""
    path = None if where is None else tmp_path / where
    if path is not None:
        run(path)
    before = contents(tmp_path)
    large = Doubling()
    large.memory = memory
    if memory == 16:
        assert_same(run(path, made=large), run())
        return
    with pytest.raises(ValueError, match=r"1e\+09 GB of memory needed .* use a coarser grid"):
        run(path, made=large, overwrite=True)
    assert large.time == 0.0
    assert contents(tmp_path) == before


def test_records_that_do_not_fit_into_the_memory_are_refused_before_anything_is_made() -> None:
    def refuse() -> Any:
        raise AssertionError("the run was made")

    particles = xr.Variable("particle", np.broadcast_to(np.int8(0), 10**15))
    with pytest.raises(ValueError, match=r"to keep what is saved.*pass path="):
        record(
            refuse,
            TIMES,
            layout(coords={"particle": particles}),
            path=None,
            overwrite=False,
            resume=False,
            progress=False,
            description="",
        )


def test_memory_that_the_system_refuses() -> None:
    def large() -> Any:
        raise MemoryError("Unable to allocate 1.00 EiB")

    with pytest.raises(ValueError, match=r"too small \(Unable to allocate 1\.00 EiB\); use a coarser grid"):
        record(
            large,
            TIMES,
            layout(),
            path=None,
            overwrite=False,
            resume=False,
            progress=False,
            description="",
        )


def test_the_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free and held memory of Linux, the limit of a container, and all of it, or nothing, elsewhere."""
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "RESIDENT", tmp_path / "statm")
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    monkeypatch.setattr(
        os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__, raising=False
    )
    assert memory.memory_for_us() == 4096 * 1000
    (tmp_path / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    50 kB\n", encoding="ascii")
    (tmp_path / "statm").write_text("900 10 5 1 0 2 0\n", encoding="ascii")
    assert memory.memory_for_us() == 50 * 1024 + 10 * 4096
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert memory.memory_for_us() == 50 * 1024 + 10 * 4096
    (tmp_path / "memory.max").write_text("8192\n", encoding="ascii")
    assert memory.memory_for_us() == 8192
    check_memory(8192, "for this")
    with pytest.raises(ValueError, match="memory needed for this"):
        check_memory(8193, "for this")
    (tmp_path / "meminfo").unlink()
    monkeypatch.delattr(os, "sysconf")
    assert memory.memory_for_us() is None
    check_memory(10**30, "for this")

"""kill -9: every acknowledged record survives, and the same call again gives the uninterrupted result."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.recording.restart import restart_path

SETUP = """
import os, signal, sys, time
import numpy as np
import mfpde as mf
import mfpde.chaos.plan as plan
import mfpde.chaos.study as study
import mfpde.recording.loop as loop
import mfpde.recording.stores as stores

path = sys.argv[1]
problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64})
times = np.linspace(0.0, 1.5, 61)

def say(*words):
    print(*words, flush=True)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def announced(path, run, reached, write=loop.write_restart):
    write(path, run, reached)
    say(reached.saved)

loop.write_restart = announced
"""
SOLVE = "mf.solve(problem, times, dt=0.01, path=path, resume=True)"
SIMULATE = "mf.simulate(problem, 32, times, replicas=2, dt=0.01, path=path, resume=True)"
CONVERGE = "mf.converge(problem, [8, 16, 32], 24, times=[0.0, 0.5], path=path, progress=False)"

# Moments of a record at which a process dies by its own kill -9.
MOMENTS = {
    "before the first record": "loop.evolve = lambda *arguments: die()",
    "between two variables of a record": """
def append(self, dim, place, time, values, append=stores.FileStore.append):
    if dim == "time" and place == 5:
        append(self, dim, place, time, {"density": values["density"]})
        self.sync()
        die()
    append(self, dim, place, time, values)
stores.FileStore.append = append
""",
    "before a record is flushed": """
def sync(self, calls=[], sync=stores.FileStore.sync):
    calls.append(0)
    die() if len(calls) == 6 else sync(self)
stores.FileStore.sync = sync
""",
    "between a record and its restart state": """
def late(path, run, reached, write=loop.write_restart):
    die() if reached.saved == 6 else write(path, run, reached)
loop.write_restart = late
""",
    "within the first restart state": "os.fsync = lambda descriptor: die()",
}


def problem_and_times() -> tuple[mf.Problem, np.ndarray]:
    problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64})
    return problem, np.linspace(0.0, 1.5, 61)


@pytest.fixture(scope="module")
def uninterrupted() -> xr.Dataset:
    problem, times = problem_and_times()
    return mf.solve(problem, times, dt=0.01)


def child(code: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SETUP + code, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed_after(code: str, path: Path, lines: int, delay: float = 0.0) -> int:
    """Run ``code``, kill -9 it ``delay`` seconds after that many acknowledgements; the last of them."""
    with child(code, path) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        time.sleep(delay)
        process.kill()
        return int([*said, *process.stdout.readlines()][-1])


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit, and the attributes but for the clock's."""
    xr.testing.assert_equal(one, other)
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].values.tobytes() == other[name].values.tobytes(), name
    clock = {"wall_time"}
    assert {k: v for k, v in one.attrs.items() if k not in clock} == {
        k: v for k, v in other.attrs.items() if k not in clock
    }


def assert_holds(path: Path, acknowledged: int, whole: xr.Dataset) -> None:
    """The file opens and its acknowledged records are those of the uninterrupted run."""
    with xr.open_dataset(path) as found:
        assert found.sizes["time"] >= acknowledged
        assert found.attrs["status"] == "running" or found.sizes["time"] == whole.sizes["time"]
        for name in whole.data_vars:
            if acknowledged and "time" in whole[name].dims:
                kept, expected = (d[name].isel(time=slice(acknowledged)) for d in (found, whole))
                assert kept.values.tobytes() == expected.values.tobytes(), name


def kill_repeatedly(
    code: str, path: Path, whole: xr.Dataset, kills: int, seed: int, again: Callable[[], xr.Dataset]
) -> None:
    rng = np.random.default_rng(seed)
    reached = 0
    for left in range(kills, 0, -1):
        most = max(1, (whole.sizes["time"] - 2 - reached) // left)
        reached = killed_after(code, path, int(rng.integers(1, most + 1)), rng.uniform(0, 0.02))
        assert_holds(path, reached, whole)
    assert_same(again(), whole)


def solve_again(path: Path) -> xr.Dataset:
    problem, times = problem_and_times()
    return mf.solve(problem, times, dt=0.01, path=path, resume=True)


def test_solve_killed_at_random_moments(tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    path = tmp_path / "reference.nc"
    kill_repeatedly(SOLVE, path, uninterrupted, 5, 20260, lambda: solve_again(path))
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == [
        "reference.nc",
        "reference.nc.restart",
    ]


@pytest.mark.slow
def test_solve_killed_at_fifty_random_moments(tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    for run in range(10):
        path = tmp_path / f"{run}.nc"
        kill_repeatedly(SOLVE, path, uninterrupted, 5, run, lambda path=path: solve_again(path))


@pytest.mark.parametrize("moment", MOMENTS)
def test_solve_killed_within_a_record(moment: str, tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    path = tmp_path / "reference.nc"
    with child(MOMENTS[moment] + "\n" + SOLVE, path) as process:
        assert process.stdout is not None
        acknowledged = len(process.stdout.readlines())
    assert process.returncode == -9
    if path.exists():
        assert_holds(path, acknowledged, uninterrupted)
    else:
        assert acknowledged == 0
    assert_same(solve_again(path), uninterrupted)


def test_a_completed_run_killed_while_it_is_extended(tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    path = tmp_path / "reference.nc"
    problem, times = problem_and_times()
    mf.solve(problem, times[:11], dt=0.01, path=path)
    acknowledged = killed_after(SOLVE, path, 7)
    assert acknowledged >= 18
    assert_holds(path, acknowledged, uninterrupted)
    assert_same(solve_again(path), uninterrupted)


@pytest.mark.parametrize(
    ("kills", "seeds"), [(3, [20261]), pytest.param(5, [1, 2, 3, 4], marks=pytest.mark.slow)]
)
def test_simulate_killed_at_random_moments(kills: int, seeds: list[int], tmp_path: Path) -> None:
    problem, times = problem_and_times()

    def again(path: Path | None) -> xr.Dataset:
        return mf.simulate(problem, 32, times, replicas=2, dt=0.01, path=path, resume=path is not None)

    whole = again(None)
    for seed in seeds:
        path = tmp_path / f"{seed}.nc"
        kill_repeatedly(SIMULATE, path, whole, kills, seed, lambda path=path: again(path))
        assert restart_path(path).exists()


# Every task is written at once and announced, so that there is something to lose.
WRITE_EACH = """
study.SECONDS_BETWEEN_WRITES = 0.0
def written(contents, path, write=study._write):
    write(contents, path)
    say(int(contents["wasserstein"].notnull().sum()))
study._write = written
plan.CHUNK = 8
"""


@pytest.mark.parametrize(
    ("kills", "seeds"), [(3, [20262]), pytest.param(4, [1, 2, 3, 4, 5], marks=pytest.mark.slow)]
)
def test_converge_killed_at_random_moments(kills: int, seeds: list[int], tmp_path: Path) -> None:
    problem, _ = problem_and_times()

    def again(path: Path | None) -> xr.Dataset:
        return mf.converge(problem, [8, 16, 32], 24, times=[0.0, 0.5], path=path)

    whole = again(None)
    for seed in seeds:
        path, rng = tmp_path / f"{seed}.nc", np.random.default_rng(seed)
        for left in range(kills, 0, -1):
            lines, delay = int(rng.integers(1, max(2, 10 // left))), rng.uniform(0, 0.02)
            kept = killed_after(WRITE_EACH + CONVERGE, path, lines, delay)
            with xr.open_dataset(path) as found:
                known = found["wasserstein"].notnull()
                assert kept <= int(known.sum())
                mine = found["wasserstein"].values[known.values]
                assert mine.tobytes() == whole["wasserstein"].values[known.values].tobytes()
                assert found.attrs["status"] == "running" or bool(known.all())
        assert_same(again(path), whole)


def test_converge_killed_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    with child("study._fill_exact = lambda *arguments: die()\n" + CONVERGE, path) as process:
        pass
    assert process.returncode == -9
    assert list(tmp_path.iterdir()) == []

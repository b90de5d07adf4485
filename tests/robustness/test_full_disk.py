"""A disk without room: it is told in a sentence, nothing saved is lost, and with room the run goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.recording.restart import restart_path

resource = pytest.importorskip("resource")  # limits of processes are those of POSIX

# Files cannot grow beyond the limit: as on a full disk, a write that passes it fails in its middle.
LIMIT = """
import resource, sys
if sys.argv[2:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
"""
SOLVE = """
import numpy as np
import mfpde as mf
problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})
times = np.linspace(0.0, 1.5, 31)
compute = lambda **options: mf.solve(problem, times, dt=0.05, **options)
"""
SIMULATE = """
import numpy as np
import mfpde as mf
problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})
times = np.linspace(0.0, 1.5, 31)
compute = lambda **options: mf.simulate(problem, 200, times, replicas=5, dt=0.05, **options)
"""
CONVERGE = """
import mfpde as mf
problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64})
compute = lambda **options: mf.converge(problem, [8, 16], 200, times=[0.0, 0.5], dt=0.05, **options)
"""
CALL = """
try:
    compute(path=sys.argv[1], resume=True, progress=False)
except OSError as error:
    print("told:", error)
else:
    print("done")
"""
COMMAND = """
from mfpde.cli import main
sys.argv = ["mfpde", "solve", "kuramoto", "--until", "1", "--output", sys.argv[1], "--quiet"]
main()
"""


def call(code: str, path: Path, *limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LIMIT + code, str(path), *map(str, limit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def here(code: str, **options: Any) -> xr.Dataset:
    """The same computation in this process."""
    names: dict[str, Any] = {}
    exec(code, names)
    found: xr.Dataset = names["compute"](progress=False, **options)
    return found


@pytest.fixture(scope="module")
def solved() -> xr.Dataset:
    return here(SOLVE)


@pytest.fixture(scope="module")
def simulated() -> xr.Dataset:
    return here(SIMULATE)


def assert_told(full: subprocess.CompletedProcess[str]) -> None:
    assert (full.returncode, full.stderr) == (0, "")
    assert full.stdout.startswith("told: ")
    assert "no room to write" in full.stdout


def assert_same(path: Path, expected: xr.Dataset, count: int | None = None) -> None:
    """All that is along time, bit by bit; of the first ``count`` times only, where that is given."""
    with xr.open_dataset(path) as found:
        for name in expected.data_vars:
            if count is None or "time" in expected[name].dims:
                part = {} if count is None else {"time": slice(count)}
                kept, whole = found[name].isel(part).values, expected[name].isel(part).values
                assert kept.tobytes() == whole.tobytes(), name


def full_and_continued(code: str, path: Path, limit: int, expected: xr.Dataset) -> int:
    """Number of records that were on the disk when it was full."""
    assert_told(call(code + CALL, path, limit))
    kept = 0
    if path.exists():
        with xr.open_dataset(path) as found:
            kept = found.sizes["time"]
            assert found.attrs["status"] in ("running", "interrupted")
        if kept:  # without a record there are no variables
            assert_same(path, expected, kept)
    assert not list(path.parent.glob(".*.tmp"))
    assert here(code, path=path, resume=True).attrs["status"] == "completed"
    assert_same(path, expected)
    return kept


@pytest.mark.parametrize(
    ("limit", "least"),
    [
        pytest.param(3_000, 0, marks=pytest.mark.slow),
        (400_000, 3),
        pytest.param(500_000, 12, marks=pytest.mark.slow),
    ],
)
def test_solve_on_a_full_disk(limit: int, least: int, tmp_path: Path, solved: xr.Dataset) -> None:
    """The limits fall before the file is made, and after a few and about half of its 600 kB."""
    assert least <= full_and_continued(SOLVE, tmp_path / "run.nc", limit, solved) < 31


@pytest.mark.slow
def test_simulate_on_a_full_disk(tmp_path: Path, simulated: xr.Dataset) -> None:
    assert 3 <= full_and_continued(SIMULATE, tmp_path / "run.nc", 250_000, simulated) < 31


@pytest.mark.slow
def test_twenty_full_disks(tmp_path: Path, solved: xr.Dataset, simulated: xr.Dataset) -> None:
    """The exit code of each process is 0: none ends in the interpreter's own clearing up."""
    for limit in np.linspace(10_000, 560_000, 10).astype(int):
        full_and_continued(SOLVE, tmp_path / f"{limit}.nc", int(limit), solved)
    for limit in np.linspace(10_000, 400_000, 10).astype(int):
        full_and_continued(SIMULATE, tmp_path / f"{limit}_.nc", int(limit), simulated)


def test_a_study_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    expected = here(CONVERGE)
    full = call(CONVERGE + CALL, path, 6_000)
    assert full.returncode == 0
    assert full.stdout.startswith("told: "), full.stderr
    assert list(tmp_path.iterdir()) == []
    here(CONVERGE, path=path)
    assert_same(path, expected)


def test_the_command_tells_a_full_disk_in_one_line(tmp_path: Path) -> None:
    full = call(COMMAND, tmp_path, 100_000)
    assert full.returncode == 2
    assert full.stderr.startswith("mfpde: ")
    assert full.stderr.count("\n") == 1
    assert "no room to write" in full.stderr
    assert "the same command" in full.stderr
    again = call(COMMAND, tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    with xr.open_dataset(tmp_path / "reference.nc") as found:
        expected = mf.solve(mf.problems.kuramoto().replace(horizon=1.0))
        assert found.attrs["status"] == "completed"
        assert found["density"].values.tobytes() == expected["density"].values.tobytes()
    assert restart_path(tmp_path / "reference.nc").exists()

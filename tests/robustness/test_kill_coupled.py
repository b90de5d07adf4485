"""kill -9 of runs with a mean field: every acknowledged record survives, and resuming gives the same bits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.solvers import Radial

CASES = """
import numpy as np
import mfpde as mf
from mfpde.solvers import Radial

def plasma():
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64}), True

def collisional():
    return mf.problems.vlasov_fokker_planck().replace(resolution={"x": 16, "v": 64}), True

def cloud():
    problem = mf.problems.lazarovici_pickl(size=24)
    return problem, mf.solve(problem, [0.0], solver=Radial(shells=2048), progress=False)

TIMES = np.linspace(0.0, 1.5, 31)

def simulated(make, **options):
    problem, mean_field = make()
    return mf.simulate(problem, 24, TIMES, replicas=2, dt=0.01, mean_field=mean_field, **options)

def converged(make, **options):
    problem, mean_field = make()
    metrics = ("wasserstein", "coupling_distance")
    return mf.converge(problem, [8, 16], 16, metrics, times=[0.0, 0.5], mean_field=mean_field, **options)
"""
SETUP = """
import sys
import mfpde.chaos.plan as plan
import mfpde.chaos.study as study
import mfpde.recording.loop as loop

def announced(path, run, reached, write=loop.write_restart):
    write(path, run, reached)
    print(reached.saved, flush=True)
loop.write_restart = announced

def written(contents, path, write=study._write):
    write(contents, path)
    print(int(contents["coupling_distance"].notnull().sum()), flush=True)
study._write = written
study.SECONDS_BETWEEN_WRITES = 0.0
plan.CHUNK = 4
"""
HERE: dict[str, Any] = {"np": np, "mf": mf, "Radial": Radial}
exec(CASES, HERE)


def killed_after(code: str, path: Path, lines: int) -> int:
    """Run ``code``, kill -9 it after that many acknowledgements; the last of them."""
    command = [sys.executable, "-c", CASES + SETUP + code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        return int([*said, *process.stdout.readlines()][-1])


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].values.tobytes() == other[name].values.tobytes(), name


@pytest.mark.parametrize("name", ["plasma", pytest.param("collisional", marks=pytest.mark.slow), "cloud"])
def test_coupled_particles_killed_at_random_moments(name: str, tmp_path: Path) -> None:
    """Newton and Langevin particles in the field of a grid, and Newton ones in that of shells."""
    path = tmp_path / "particles.nc"
    whole = HERE["simulated"](HERE[name])
    rng = np.random.default_rng(20263)
    reached = 0
    for left in (2, 1):
        most = max(1, (whole.sizes["time"] - 2 - reached) // left)
        code = f"simulated({name}, path=sys.argv[1], resume=True)"
        reached = killed_after(code, path, int(rng.integers(1, most + 1)))
        with xr.open_dataset(path) as found:
            assert reached <= found.sizes["time"]
            assert found.attrs["status"] == "running"
            for variable in whole.data_vars:
                if "time" in whole[variable].dims:
                    kept, expected = (d[variable][:reached].values for d in (found, whole))
                    assert kept.tobytes() == expected.tobytes(), variable
    assert_same(HERE["simulated"](HERE[name], path=path, resume=True), whole)


def test_a_coupled_study_killed_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "study.nc"
    whole = HERE["converged"](HERE["plasma"])
    rng = np.random.default_rng(20264)
    for _ in range(2):
        code = "converged(plasma, path=sys.argv[1], progress=False)"
        kept = killed_after(code, path, int(rng.integers(1, 10)))
        with xr.open_dataset(path) as found:
            known = found["coupling_distance"].notnull().values
            assert kept <= known.sum() < known.size
            mine = found["coupling_distance"].values[known]
            assert mine.tobytes() == whole["coupling_distance"].values[known].tobytes()
    assert_same(HERE["converged"](HERE["plasma"], path=path), whole)

"""Clusters are executors like any other: Dask and MPI give what one process gives, bit by bit."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import mfpde as mf

STUDY: dict[str, Any] = {
    "sizes": (8, 32),
    "replicas": 4,
    "metrics": ("wasserstein", "sobolev", "coupling_distance"),
    "times": (0.0, 0.5),
    "mean_field": True,
}
PARTICLES: dict[str, Any] = {"size": 12, "times": (0.0, 0.3, 0.6), "replicas": 3, "mean_field": True}
SCRIPT = """
import sys
import mfpde as mf
from mpi4py import MPI
from mpi4py.futures import MPICommExecutor

problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={{"x": 32, "v": 64}})
with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
    if executor is not None:
        mf.converge(problem, **{study!r}, executor=executor, path=sys.argv[1])
        mf.simulate(problem, **{particles!r}, executor=executor, path=sys.argv[2])
"""


def problem() -> mf.Problem:
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """All values bit by bit."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        assert one[name].values.tobytes() == other[name].values.tobytes(), name


@pytest.fixture(scope="module")
def here() -> tuple[xr.Dataset, xr.Dataset]:
    return mf.converge(problem(), **STUDY), mf.simulate(problem(), **PARTICLES)


@pytest.mark.slow
def test_dask(here: tuple[xr.Dataset, xr.Dataset]) -> None:
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the cluster's own start
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, distributed.Client(cluster) as client:
            executor = client.get_executor(pure=False)
            study = mf.converge(problem(), **STUDY, executor=executor)
            particles = mf.simulate(problem(), **PARTICLES, executor=executor)
    assert_same(study, here[0])
    assert_same(particles, here[1])


@pytest.mark.slow
def test_mpi(here: tuple[xr.Dataset, xr.Dataset], tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    beside = Path(sys.executable).with_name("mpiexec")  # where the wheel of MPICH puts it
    command = str(beside) if beside.exists() else shutil.which("mpiexec")
    if command is None:
        pytest.skip("there is no mpiexec")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(study=STUDY, particles=PARTICLES), encoding="utf-8")
    files = [tmp_path / "study.nc", tmp_path / "particles.nc"]
    subprocess.run(
        [command, "-n", "3", sys.executable, str(script), *map(str, files)], check=True, timeout=120
    )
    for path, expected in zip(files, here, strict=True):
        with xr.open_dataset(path) as found:
            assert_same(found.load(), expected)

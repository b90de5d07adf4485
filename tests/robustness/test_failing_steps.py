"""NaN in a step and exceptions in workers: what came before is kept, and a study goes on from it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.chaos import study as studies
from mfpde.particles.dynamics.second_order import NewtonRun
from mfpde.particles.ensemble import System
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral

PROBLEM = mf.problems.kuramoto().replace(resolution={"x": 16})
PLASMA = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64})
TIMES = np.linspace(0.0, 1.0, 11)


class Poisoned(PseudoSpectral):
    """A solver whose density is NaN from t = 0.45 on."""

    def prepare(self, *args, **options):
        run = super().prepare(*args, **options)
        diagnostics, observe = run.diagnostics, run.observe

        def poisoned(values):
            return {name: np.nan * value if run.time > 0.45 else value for name, value in values.items()}

        run.diagnostics = lambda: poisoned(diagnostics())
        run.observe = lambda: poisoned(observe())
        return run


def assert_failed(path, found, whole, name):
    """Five of eleven records, finite and those of the whole run, here and in the file."""
    with xr.open_dataset(path) as file:
        for dataset in (found, file):
            assert dataset.attrs["status"] == "failed"
            assert "not finite" in dataset.attrs["reason"]
            assert 0.4 <= dataset.attrs["stopped_at"] <= 0.5
            assert dataset.sizes["time"] == 5
            assert dataset[name].values.tobytes() == whole[name][:5].values.tobytes()


def test_nan_in_a_step_of_a_solver(tmp_path):
    path = tmp_path / "run.nc"
    with pytest.warns(UserWarning, match="not finite"):
        found = mf.solve(PROBLEM, TIMES, solver=Poisoned(), path=path)
    assert_failed(path, found, mf.solve(PROBLEM, TIMES), "density")


def test_nan_in_a_step_of_one_replica(tmp_path, monkeypatch):
    """Velocities are NaN from t = 0.45 on; the same call again gives what is on the disk."""
    path, calls = tmp_path / "run.nc", {"replicas": 3, "dt": 0.05}
    whole = mf.simulate(PLASMA, 16, TIMES, **calls)
    start, step = System.start, NewtonRun.step

    def marked(self, replica, *arguments, **options):
        run = start(self, replica, *arguments, **options)
        run.is_poisoned = replica == 1
        return run

    def poisoned(self, limit):
        if getattr(self, "is_poisoned", False) and self.time > 0.42:
            self._v = self._v * np.nan
        return step(self, limit)

    monkeypatch.setattr(System, "start", marked)
    monkeypatch.setattr(NewtonRun, "step", poisoned)
    with pytest.warns(UserWarning, match="not finite"):
        found = mf.simulate(PLASMA, 16, TIMES, path=path, **calls)
    assert_failed(path, found, whole, "x")
    xr.testing.assert_identical(mf.simulate(PLASMA, 16, TIMES, path=path, resume=True, **calls), found)


class Breaking:
    """The work of a study, failing for one task of the middle size."""

    def __init__(self, work, error):
        self.work, self.error = work, error
        self.targets, self.density = work.targets, work.density

    def __call__(self, size, replicas, names):
        if size == 16 and 5 in replicas:
            raise self.error
        return self.work(size, replicas, names)


ERRORS = [ResolutionLost(0.3, "a velocity is not finite"), ZeroDivisionError("by a worker"), MemoryError()]
EXECUTORS = {
    "this process": nullcontext,
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(1, get_context("spawn")),
}


@pytest.mark.parametrize(
    ("where", "error"),
    [("this process", ERRORS[0]), ("this process", ERRORS[2]), ("threads", ERRORS[1])]
    + [pytest.param("processes", error, marks=pytest.mark.slow) for error in ERRORS],
)
def test_a_worker_that_raises(where, error, tmp_path, monkeypatch):
    path = tmp_path / "study.nc"
    calls = {"metrics": ("wasserstein",), "times": [0.0, 0.5], "dt": 0.05, "progress": False}
    whole = mf.converge(PLASMA, [8, 16, 32], 8, **calls)
    monkeypatch.setattr("mfpde.chaos.plan.CHUNK", 16)
    with monkeypatch.context() as broken:
        broken.setattr(studies, "_work", lambda *a, make=studies._work: Breaking(make(*a), error))
        with EXECUTORS[where]() as executor, pytest.raises(type(error)):
            mf.converge(PLASMA, [8, 16, 32], 8, path=path, executor=executor, **calls)
    with xr.open_dataset(path) as found:
        assert found.attrs["status"] == "interrupted"
        known = found["wasserstein"].notnull()
        assert known.sel(size=32).all()  # the largest come first
        assert not known.sel(size=16, replica=5).any()
        mine = found["wasserstein"].values[known.values]
        assert mine.tobytes() == whole["wasserstein"].values[known.values].tobytes()
    again = mf.converge(PLASMA, [8, 16, 32], 8, path=path, **calls)
    assert again.attrs["status"] == "completed"
    for name in whole.variables:
        assert again[name].values.tobytes() == whole[name].values.tobytes(), name

"""Shared by the tests of exact facts: runs of the solver followed through time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mfpde.laws import on_grid
from mfpde.problems import Problem
from mfpde_solvers.evolve import evolve
from mfpde_solvers.vlasov import SemiLagrangian

Follow = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def follow() -> Follow:
    """``follow(problem, times, what, solver, dt)``: the array of ``what(run)`` at the given times."""

    def values(
        problem: Problem,
        times: Any,
        what: Callable[[Any], Any],
        solver: SemiLagrangian | None = None,
        dt: float | None = None,
    ) -> np.ndarray:
        solver = SemiLagrangian() if solver is None else solver
        run = solver.prepare(problem.equation, problem.grid, on_grid(problem.law, problem.grid), dt)
        return np.array([what(run) for _ in evolve(run, times)])

    return values


@pytest.fixture(scope="session")
def field_mode() -> Callable[[Problem], Callable[[Any], complex]]:
    """``field_mode(problem)(run)``: the coefficient of e^{ikx} in the field, k the lowest wavenumber."""

    def of(problem: Problem) -> Callable[[Any], complex]:
        axis = problem.grid["x"]
        wave = np.exp(-2j * np.pi * axis.points / axis.length) / axis.size
        return lambda run: complex(wave @ run.observe()["mean_field_x"])

    return of

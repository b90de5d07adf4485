"""Shared by the tests of exact facts: runs of the solver followed through time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

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


@pytest.fixture(scope="session")
def damped_wave() -> Callable[[Any, Any, float, float], tuple[float, float]]:
    """``damped_wave(t, E, γ, ω)``: rate and frequency of E ~ e^{γt} cos(ωt − φ), from a rough guess."""

    def fit(t: Any, E: Any, γ: float, ω: float) -> tuple[float, float]:
        def misfit(parameters: Any) -> Any:
            size, γ, ω, phase = parameters
            return size * np.exp(γ * (t - t[0])) * np.cos(ω * t - phase) - E / np.abs(E).max()

        starts = ([1.0, γ, ω, phase] for phase in (0.0, 2.0, 4.0))
        fits = (least_squares(misfit, start, xtol=1e-14, ftol=1e-14, gtol=1e-14) for start in starts)
        _, γ, ω, _ = min(fits, key=lambda fit: fit.cost).x
        return γ, ω

    return fit

"""The list of checks: each is a function that computes once and tells one fact or several."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.particles.simulation import simulate
from mfpde.problems import Problem
from mfpde.solution import solve
from mfpde.verification.facts import Fact
from mfpde_solvers.equations.coefficients import Scaling

__all__ = ["CHECKS", "SCALINGS", "Check", "check", "course", "equations", "particles", "solved"]

SEED = 20
"""Of all particles here; chosen once, so that a verdict is reproducible."""

SCALINGS: tuple[Scaling, ...] = ("1/N", "1/(N-1)")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """A computation and the facts that follow from it.

    Parameters
    ----------
    equation : str
        The family it belongs to.
    run : callable
        Yields the facts.
    full : bool
        Left out of the default run: it takes longer.
    """

    equation: str
    run: Callable[[], Iterator[Fact]]
    full: bool

    @property
    def title(self) -> str:
        """The first line of what the function says."""
        return (self.run.__doc__ or self.run.__name__).splitlines()[0].rstrip(".")


CHECKS: list[Check] = []


def check(
    equation: str, *, full: bool = False
) -> Callable[[Callable[[], Iterator[Fact]]], Callable[[], Iterator[Fact]]]:
    """Enter a function in the list."""

    def enter(run: Callable[[], Iterator[Fact]]) -> Callable[[], Iterator[Fact]]:
        CHECKS.append(Check(equation, run, full))
        return run

    return enter


def equations() -> list[str]:
    """The families that have checks, in order."""
    return list(dict.fromkeys(one.equation for one in CHECKS))


def solved(problem: Problem, times: Any = None, **options: Any) -> xr.Dataset:
    """The limit equation of a problem, in silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return solve(problem, times, progress=False, **options)


def course(dataset: xr.Dataset, name: str) -> FloatArray:
    """A diagnostic against time."""
    return np.asarray(dataset[name].values, dtype=float)


def particles(
    problem: Problem, size: int, times: Any, replicas: int, dt: float | None = None, **options: Any
) -> tuple[FloatArray, FloatArray, xr.Dataset]:
    """Coordinates (time, replica, particle, axis), circulations (replica, particle), and the dataset."""
    found = simulate(problem, size, times, replicas=replicas, seed=SEED, dt=dt, progress=False, **options)
    points = np.stack([found[name].values for name in problem.grid.names], axis=-1)
    return points, found["circulation"].values, found

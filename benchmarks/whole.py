"""Whole calls: importing, and where the time of a study goes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
from timing import Row

import mfpde as mf


def importing() -> Iterator[Row]:
    seconds = []
    for _ in range(5):
        start = perf_counter()
        subprocess.run([sys.executable, "-c", "import mfpde"], check=True)
        bare = perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        seconds.append((bare - start) - (perf_counter() - bare))
    yield Row("import mfpde", min(seconds), "s")


def study() -> Iterator[Row]:
    """The main job, 9 sizes to 16 384 and 32 replicas, and the share of what it cannot do without."""
    import mfpde.chaos.negative_sobolev
    import mfpde.chaos.study
    import mfpde.chaos.transport.exact
    import mfpde.laws.gridded
    import mfpde.particles.dynamics.second_order
    import mfpde.particles.forces

    spent: dict[str, float] = {}

    def timed(owner: Any, name: str, label: str) -> None:
        work: Callable[..., Any] = getattr(owner, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                spent[label] = spent.get(label, 0.0) + perf_counter() - start

        setattr(owner, name, wrapper)

    problem = mf.problems.landau_damping()
    mf.converge(problem, [64, 128], 2, progress=False)  # compile
    timed(mfpde.particles.forces.SortedForces, "__call__", "pair sums")
    timed(mfpde.particles.dynamics.second_order.NewtonRun, "step", "particle steps, pair sums included")
    timed(mfpde.chaos.study, "solve", "field solves")
    timed(mfpde.laws.gridded.Gridded, "rvs", "random numbers")
    timed(mfpde.laws, "draw", "random numbers")
    timed(mfpde.chaos.transport.exact.WassersteinTarget, "distance", "W1")
    timed(mfpde.chaos.negative_sobolev.SobolevTarget, "distance", "H^-1")
    start = perf_counter()
    mf.converge(problem, 2 ** np.arange(6, 15), 32, progress=False)
    total = perf_counter() - start
    yield Row("converge, 9 sizes to 16 384, 32 replicas", total, "s")
    for label, seconds in spent.items():
        yield Row(f"  of which {label}", seconds, "s", f"{seconds / total:.0%} of the whole")


def run() -> list[Row]:
    """Every measurement of this file; the study last, since it is instrumented."""
    return [*importing(), *study()]

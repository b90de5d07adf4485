"""path_entropy: the entropy of paths of a problem, from simulations in step with the limit equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.entropy import PathEntropy, PathEntropyObserver, check_noise
from mfpde.checks import whole
from mfpde.dataset import attributes
from mfpde.particles.coupling import LimitField, RecordedField
from mfpde.particles.ensemble import System
from mfpde.particles.simulation import mean_field_for, system_for
from mfpde.solution import study_times

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["path_entropy"]

FloatArray = NDArray[np.float64]


def path_entropy(
    problem: Problem,
    size: int,
    times: ArrayLike | None = None,
    *,
    replicas: int = 32,
    seed: int = 0,
    dt: float | None = None,
    forces: str = "auto",
    mean_field: bool | xr.Dataset = True,
    initial: float = 0.0,
) -> xr.DataArray:
    """Entropy of the paths of N particles relative to independent ones, see :class:`PathEntropy`.

    The replicas are those of :func:`mfpde.simulate` with the same seed and step.

    Parameters
    ----------
    problem : Problem
    size : int
        Number of particles N ≥ 2.
    times : increasing floats, optional
        0, T/4, T/2, 3T/4 and T by default, with T the problem's horizon.
    replicas : int
        Independent copies, at least 2.
    seed, dt, forces, mean_field
        As in :func:`mfpde.simulate`; the limit equation is solved in step with the particles.
    initial : float
        H_N(0).

    Returns
    -------
    DataArray
        Dimension ``time``, with the coordinate ``stderr``, the standard error over the replicas.

    Raises
    ------
    ValueError
        If there is no noise, the equation is one of collisions, or an argument does not fit.
    """
    from mfpde.problems.problem import check_problem

    check_problem(problem)
    replicas = whole(replicas, 2, "the number of replicas")
    metric, instants = PathEntropy(initial), study_times(problem, times)
    check_noise(problem.equation.for_size(whole(size, 2, "the size of a particle system")))
    system = system_for(problem, size, seed, dt, forces, instants)
    limit = mean_field_for(system, mean_field)
    if limit is None:
        raise ValueError(f"the entropy needs the mean field, got mean_field={mean_field!r}; use True")
    values = _followed(system, limit.start(), replicas, instants, initial)
    described = attributes(
        metric.name,
        long_name=metric.long_name,
        reduction=metric.reduction,
        references=metric.citation,
        size=system.size,
        replicas=replicas,
        seed=system.seed,
        dt=system.dt,
    )
    error = attributes("stderr", long_name="standard error over the replicas")
    coords = {
        "time": xr.Variable("time", instants, attributes("time")),
        "stderr": xr.Variable("time", values.std(axis=0, ddof=1) / np.sqrt(replicas), error),
    }
    return xr.DataArray(values.mean(axis=0), coords, ("time",), metric.name, described)


def _followed(
    system: System, field: LimitField | RecordedField, replicas: int, times: FloatArray, initial: float
) -> FloatArray:
    """The entropy along each replica at the times, (replica, time); they share the field at each step."""
    runs = [system.start(replica) for replica in range(replicas)]
    observers = [PathEntropyObserver(system, run, field, initial) for run in runs]
    for observer in observers:
        observer.see()
    values = np.empty((replicas, len(times)))
    for place, time in enumerate(times):
        while runs[0].time < time:
            for run, observer in zip(runs, observers, strict=True):
                run.step(time)
                observer.see()
        field.check()
        values[:, place] = [observer.value() for observer in observers]
    return values

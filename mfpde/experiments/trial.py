"""One run of an experiment: its sizes, seed and files, and the system whose particles are simulated."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mfpde_solvers.evolve import RunError

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["Particles", "Plant", "Trial"]

T = TypeVar("T")


@dataclass(frozen=True)
class Particles:
    """The system whose particles are simulated; planted errors are functions of it.

    Parameters
    ----------
    problem : Problem
        The right one, until an error is planted.
    noise : int
        Added to the seed of the Brownian paths (the initial points stay): the coupling with new noise.
    clock : float
        The particles run that many times as fast: all their coefficients are multiplied by it.
    """

    problem: Problem
    noise: int = 0
    clock: float = 1.0


Plant = Callable[[Particles], Particles]


def unchanged(particles: Particles) -> Particles:
    """The right system."""
    return particles


@dataclass(frozen=True)
class Trial:
    """What the function of an experiment is given.

    ``pick(small, full)`` chooses by size; ``simulate`` and ``converge`` are those of mfpde with the seed,
    executor and files of this run, and continue what was interrupted. The particles are those of
    ``particles(problem)``, where an error may be planted; the prediction and the mean field stay right.

    Parameters
    ----------
    full, seed, path, executor, progress, overwrite
        As for an :class:`Experiment`.
    plant : callable
        The planted error.
    """

    full: bool
    seed: int
    path: Path | None
    executor: Executor | None
    progress: bool | None
    overwrite: bool = False
    plant: Plant = field(default=unchanged)

    def pick(self, small: T, full: T) -> T:
        """The value for a run of this size."""
        return full if self.full else small

    def particles(self, problem: Problem) -> Particles:
        """The system that is simulated."""
        return self.plant(Particles(problem))

    def file(self, label: str) -> Path | None:
        """Where an intermediate result goes: beside the result, under its name and a label."""
        return None if self.path is None else self.path.with_name(f"{self.path.stem}_{label}.nc")

    def simulate(
        self,
        problem: Problem,
        size: int,
        times: ArrayLike,
        replicas: int,
        *,
        label: str = "particles",
        dt: float | None = None,
        mean_field: bool = False,
        forces: str = "auto",
        initial: xr.Dataset | None = None,
    ) -> xr.Dataset:
        """N particles as :func:`mfpde.simulate` returns them, with the step of the right problem.

        With ``mean_field`` their partners are those of the right equation, from the same points; they have
        the same noise unless another one is planted.

        Raises
        ------
        RunError
            If the particles do not reach the last time; the experiment is then refuted.
        """
        from mfpde.particles.simulation import simulate, system_for

        instants = np.asarray(times, dtype=float)
        step = system_for(problem, size, self.seed, dt, forces, instants).dt
        particles = self.particles(problem)
        shared: dict[str, Any] = {
            "replicas": replicas,
            "forces": forces,
            "executor": self.executor,
            "overwrite": self.overwrite,
            "resume": not self.overwrite,
            "progress": self.progress,
        }
        right = particles == Particles(problem)
        if right or mean_field:
            path = self.file(f"{label}_{size}")
            found = simulate(
                problem,
                size,
                instants,
                dt=step,
                seed=self.seed,
                mean_field=mean_field,
                initial=initial,
                path=path,
                **shared,
            )
            _check(found)
            if right:
                return found
        c = particles.clock
        wrong = simulate(
            particles.problem,
            size,
            instants * c,
            dt=step * c,
            seed=self.seed + particles.noise,
            initial=found.isel(time=0) if mean_field and particles.noise else initial,
            path=self.file(f"{label}_{size}_planted"),
            **shared,
        )
        _check(wrong)
        wrong = wrong.assign_coords(time=instants)
        if mean_field:
            wrong = wrong.assign({name: v for name, v in found.items() if str(name).endswith("_coupled")})
        return wrong

    def converge(
        self,
        problem: Problem,
        sizes: ArrayLike,
        replicas: int,
        metrics: Any,
        *,
        times: ArrayLike,
        label: str = "study",
        dt: float | None = None,
        reference: xr.Dataset | None = None,
        mean_field: bool | None = None,
        forces: str = "auto",
    ) -> xr.Dataset:
        """A study as :func:`mfpde.converge` makes it, the reference being that of the right problem.

        With a planted error ``<metric>_reference_error`` has no meaning.

        Raises
        ------
        ValueError
            With ``mean_field`` and a planted error: the partners would be wrong as well; use ``simulate``.
        """
        from mfpde.chaos.study import converge
        from mfpde.particles.simulation import system_for
        from mfpde.solution import solve

        particles = self.particles(problem)
        wrong = particles != Particles(problem)
        if wrong and (mean_field or particles.clock != 1):
            raise ValueError("a planted error in coupled particles, or in the clock, needs Trial.simulate")
        instants = np.asarray(times, dtype=float)
        if wrong and reference is None:
            reference = solve(problem, instants, progress=False)
        if wrong and dt is None:
            steps = [system_for(problem, int(n), 0, None, forces, instants).dt for n in np.atleast_1d(sizes)]
            dt = min(steps)
        with warnings.catch_warnings():
            if wrong:  # that estimate solves the equation of the wrong particles
                warnings.filterwarnings("ignore", "the error of the reference")
            return converge(
                particles.problem,
                sizes,
                replicas,
                metrics,
                times=instants,
                reference=reference,
                seed=self.seed + particles.noise,
                dt=dt,
                forces=forces,
                mean_field=mean_field,
                executor=self.executor,
                path=self.file(f"{label}_planted" if wrong else label),
                overwrite=self.overwrite,
                resume=not self.overwrite,
                progress=self.progress,
            )


def _check(found: xr.Dataset) -> None:
    if found.attrs["status"] != "completed":
        reached = float(found["time"][-1]) if found.sizes["time"] else 0.0
        raise RunError(reached, found.attrs.get("reason", f"the run ended as {found.attrs['status']}"))

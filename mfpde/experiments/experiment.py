"""The frame of the experiments.

An experiment is a function of a :class:`mfpde.experiments.trial.Trial` with a decorator that says what the
theorem is:

.. code-block:: python

    @experiment(
        title="what the figure shows in one line",
        source="authors, title (year), Theorem 1.2",
        statement="the theorem in our words",
        measured="what is measured",
        prediction="what the theory predicts for it",
        refutation="what would refute it",
        power="which deviations the sizes used can show",
        plants={"sign": kernel_times(-1)},
    )
    def name(trial: Trial) -> Finding:
        study = trial.converge(problem, trial.pick((16, 32), (64, 128, 256)), ...)
        return Finding(rows=[Row("slope", -1.0, measured, stderr)], curves=[Curve("label", N, y, error)])

It goes into the module of its source, which :data:`mfpde.experiments.SOURCES` lists. ``trial.simulate`` and
``trial.converge`` simulate the particles, in which an error may be planted; predictions must come from the
right problem. The rows are judged by :func:`mfpde.experiments.findings.verdict` alone, with standard errors:
a function never decides itself. A small run takes seconds, a full one at most half an hour on two cores.
"""

from __future__ import annotations

import inspect
import time as clock
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr

from mfpde.checks import whole
from mfpde.dataset import CONVENTIONS
from mfpde.experiments.findings import Finding, Row, dataset_of
from mfpde.experiments.trial import Plant, Trial, unchanged
from mfpde.recording import check_path, replace_file
from mfpde_solvers.evolve import RunError

__all__ = ["REGISTRY", "Experiment", "experiment"]

IDENTITY = ("experiment", "full", "seed", "system")
RIGHT = "right"

REGISTRY: dict[str, Experiment] = {}
"""Experiments by name; filled by the decorator."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """A theorem as an experiment; call it to run it.

    Attributes
    ----------
    name, title : str
    source : str
        The text and the number of the theorem.
    statement : str
        The theorem in our words.
    measured, prediction, refutation, power : str
        What is measured, what the theory predicts, what would refute it, and what the sizes can show.
    function : callable
        Of a :class:`Trial`; gives a :class:`Finding`.
    plants : mapping
        Errors that the verdict must find, by name: functions of the simulated :class:`Particles`.
    """

    name: str
    title: str
    source: str
    statement: str
    measured: str
    prediction: str
    refutation: str
    power: str
    function: Callable[[Trial], Finding] = field(repr=False)
    plants: Mapping[str, Plant] = field(repr=False)

    def __call__(
        self,
        full: bool = False,
        *,
        seed: int = 0,
        path: str | Path | None = None,
        executor: Executor | None = None,
        system: str | Plant | None = None,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> xr.Dataset:
        """Run the experiment.

        Parameters
        ----------
        full : bool
            The sizes of the published tables (up to half an hour on two cores) in place of small ones.
        seed : int
            Of the random numbers; the same seed gives the same result, whatever the executor.
        path : path, optional
            NetCDF file for the result. Intermediate ones go beside it; the same call again continues them,
            and reads the result if it is complete.
        executor : concurrent.futures.Executor, optional
            Where particles are simulated; this process by default.
        system : str or callable, optional
            An error to plant: one of ``plants``, or a function of the simulated :class:`Particles`. The
            prediction and the mean field stay those of the right system.
        overwrite : bool
            Replace results instead of continuing them.
        progress : bool, optional
            Show progress bars; by default on a terminal.

        Returns
        -------
        Dataset
            Along ``quantity``: ``predicted, measured, stderr, lower, upper`` (95 %), ``allowance``,
            ``p_value``, ``detectable`` (deviation found with probability 0.9), ``refuted``; along ``curve``
            and ``point`` what the figure draws. Attributes ``verdict`` (a paragraph) and ``confirmed``: 1, 0,
            or −1 where nothing is judged.

        Raises
        ------
        ValueError
            If there is no such planted error, or the file holds something else.
        """
        plant = self._plant(system)
        seed = whole(seed, 0, "the seed")
        target = check_path(path, overwrite, resume=True)
        identity: dict[str, str | int] = {
            "experiment": self.name,
            "full": int(full),
            "seed": seed,
            "system": RIGHT if system is None else system if isinstance(system, str) else repr(system),
        }
        stored = None if overwrite else _stored(target, identity)
        if stored is not None:
            return stored
        begun = clock.perf_counter()
        trial = Trial(bool(full), seed, target, executor, progress, overwrite, plant)
        try:
            finding = self.function(trial)
        except RunError as error:
            finding = Finding([Row("runs that stopped", 0.0, 1.0)], notes=f"A run stopped {error}.")
        result = dataset_of(finding).assign_attrs(
            self._description() | identity, wall_time=clock.perf_counter() - begun, status="completed"
        )
        if target is not None:
            replace_file(target, lambda temporary: result.to_netcdf(temporary, engine="netcdf4"))
        return result

    def _plant(self, system: str | Plant | None) -> Plant:
        from mfpde.problems.problem import unknown

        if system is None:
            return unchanged
        if not isinstance(system, str):
            return system
        if system not in self.plants:
            raise ValueError(unknown(f"planted error of {self.name}", system, self.plants))
        return self.plants[system]

    def _description(self) -> dict[str, str]:
        parts = ("title", "source", "statement", "measured", "prediction", "refutation", "power")
        return {"Conventions": CONVENTIONS} | {
            part if part != "measured" else "measurement": getattr(self, part) for part in parts
        }


def _stored(path: Path | None, identity: Mapping[str, str | int]) -> xr.Dataset | None:
    """The result at ``path``; ``None`` if there is no file."""
    if path is None or not path.exists():
        return None
    try:
        stored = xr.load_dataset(path, engine="netcdf4")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} is not the result of an experiment ({error}); use overwrite=True"
        ) from error
    differing = [name for name in IDENTITY if stored.attrs.get(name) != identity[name]]
    if differing:
        raise ValueError(
            f"{path} is the result of something else; different: {', '.join(differing)}. Choose another "
            "path, or overwrite=True to replace it"
        )
    return stored


def experiment(
    *,
    title: str,
    source: str,
    statement: str,
    measured: str,
    prediction: str,
    refutation: str,
    power: str,
    plants: Mapping[str, Plant] | None = None,
) -> Callable[[Callable[[Trial], Finding]], Experiment]:
    """Decorator that registers a function of a :class:`Trial` as the experiment of its name.

    Raises
    ------
    ValueError
        If the name is taken.
    """

    def register(function: Callable[[Trial], Finding]) -> Experiment:
        name = function.__name__
        if name in REGISTRY:
            raise ValueError(f"there is an experiment {name!r} already; choose another name")
        made = Experiment(
            name, title, source, statement, measured, prediction, refutation, power, function, plants or {}
        )
        object.__setattr__(made, "__doc__", inspect.getdoc(function) or title)
        REGISTRY[name] = made
        return made

    return register

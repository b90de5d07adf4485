"""Case files: a problem and what to do with it, in TOML.

A case file names a problem of the catalogue and may change anything about it::

    problem = "landau_damping"
    horizon = 20.0
    initial = "density.nc"  # an initial density in place of the problem's law

    [arguments]  # of the problem
    wavenumber = 0.4

    [resolution]  # cells along each axis
    x = 64

    [solver]
    name = "SemiLagrangian"  # one of mfpde.solvers, and its options
    splitting = "strang"

    [converge]
    sizes = [64, 256, 1024]
    replicas = 16
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from mfpde.problems import Problem
    from mfpde.solution import Solver

__all__ = ["Case", "read_case"]


class _Section(BaseModel):
    # strict: TOML has types of its own, so "64" is a mistake and not a number
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SolveSection(_Section):
    """Options of ``solve``."""

    times: list[float] | None = None
    dt: float | None = None
    save: list[str] | dict[str, int] | None = None


class SimulateSection(_Section):
    """Options of ``simulate``."""

    size: int = 1024
    times: list[float] | None = None
    replicas: int = 1
    seed: int = 0
    dt: float | None = None
    forces: str = "auto"
    mean_field: bool = False


class ConvergeSection(_Section):
    """Options of ``converge``; N = 64 … 16 384 with 32 replicas by default."""

    sizes: list[int] = Field(default_factory=lambda: [2**k for k in range(6, 15)])
    replicas: int = 32
    metrics: list[str] = Field(default_factory=lambda: ["wasserstein", "sobolev"])
    times: list[float] | None = None
    seed: int = 0
    dt: float | None = None
    forces: str = "auto"
    mean_field: bool = False


class Case(_Section):
    """A validated case."""

    problem: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    resolution: dict[str, int] = Field(default_factory=dict)
    horizon: float | None = None
    initial: Path | None = Field(default=None, strict=False)
    solver: dict[str, Any] | None = None
    solve: SolveSection = SolveSection()
    simulate: SimulateSection = SimulateSection()
    converge: ConvergeSection = ConvergeSection()

    def build(self) -> Problem:
        """The problem of the case."""
        from mfpde.problems import from_case

        made: dict[str, Any] = {"problem": self.problem, "arguments": self.arguments}
        problem = from_case(made | ({"resolution": self.resolution} if self.resolution else {}))
        changes: dict[str, Any] = {}
        if self.horizon is not None:
            changes["horizon"] = self.horizon
        if self.initial is not None:
            changes["law"] = self.initial
        return problem.replace(**changes) if changes else problem

    def build_solver(self) -> Solver | None:
        """The solver of the case, ``None`` for the default one."""
        return None if self.solver is None else _solver(**self.solver)


def read_case(source: str) -> tuple[str, Case]:
    """A short name and the case, from the name of a problem or the path of a TOML file.

    Raises
    ------
    ValueError
        With the place and what is accepted there, if the file is not a case.
    """
    if not source.endswith(".toml"):
        return source, Case(problem=source)
    path = Path(source)
    try:
        contents = tomllib.loads(path.read_text(encoding="utf-8"))
        case = Case.model_validate(contents)
        case.build_solver()  # so that its options are checked like the rest
    except FileNotFoundError:
        raise ValueError(f"the case file {source} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{source} is not a TOML file: {error}") from error
    except ValidationError as error:
        raise ValueError(f"{source}: {_mistake(error)}") from error
    if case.initial is not None and not case.initial.is_absolute():
        case = case.model_copy(update={"initial": path.parent / case.initial})
    return path.stem, case


def _solver(name: str = "SemiLagrangian", **options: Any) -> Solver:
    """One of ``mfpde.solvers`` with the given options, types checked strictly."""
    from mfpde import solvers
    from mfpde.problems.problem import unknown

    known = {key: value for key, value in vars(solvers).items() if hasattr(value, "default_step")}
    if name not in known:
        raise ValueError(unknown("solver", name, known))
    fields = [field.name for field in dataclasses.fields(known[name])]
    for key in options:
        if key not in fields:
            raise ValueError(unknown(f"option of the solver {name}", key, fields))
    try:
        solver: Solver = TypeAdapter(known[name]).validate_json(json.dumps(options), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("solver", *first["loc"][:1])))
        raise ValueError(f"{place}: {first['msg']}") from error
    return solver


def _mistake(error: ValidationError) -> str:
    """The first thing wrong with a case: where it stands, what it is, what is accepted there."""
    from mfpde.problems.problem import unknown

    first = error.errors()[0]
    *sections, key = map(str, first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{'.'.join((*sections, key))}: {first['msg']}, got {first['input']!r}"
    section = Case.model_fields[sections[0]].default if sections else None
    options = Case.model_fields if section is None else type(section).model_fields
    return unknown(f"key of {'.'.join(sections) or 'a case'}", key, options)

"""A problem: an equation, the law of its initial data, a grid and a horizon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from mfpde.laws import Law, Mixture, as_law
from mfpde_solvers.equations import Equation
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Problem", "check_problem", "unknown"]


@dataclass(frozen=True, repr=False)
class Problem:
    """An initial-value problem for a limit equation, and by the same token for its particle system.

    Parameters
    ----------
    equation : Equation
        One of ``mfpde.equations``.
    law
        Law of the initial data, anything :func:`mfpde.laws.as_law` accepts; kept in its adapted form.
    grid : Grid
        Default grid: the axes the equation lives on, positions first.
    horizon : float
        Final time > 0 (dimensionless).
    name, description, citation : str
        What it is called, what it shows, where it comes from.
    exact : callable, optional
        Exact density ``exact(t, x)`` with x of shape (..., d).
    case : mapping, optional
        How the catalogue made it, for files; set by the catalogue.

    Raises
    ------
    TypeError
        If a part is of the wrong type.
    ValueError
        If the horizon is not positive, or the equation, its kernel or the law does not fit the grid.
    """

    equation: Equation
    law: Law
    grid: Grid
    horizon: float
    name: str = ""
    description: str = ""
    exact: Callable[[float, Any], Any] | None = None
    citation: str = ""
    case: Mapping[str, Any] | None = field(default=None, kw_only=True, compare=False)
    """How the catalogue made it, as JSON can hold it; None for any other problem."""

    def __post_init__(self) -> None:
        _check_types(self)
        if not 0 < self.horizon < np.inf:
            raise ValueError(f"horizon must be a finite time > 0, got {self.horizon!r}")
        self.equation.check_grid(self.grid)
        object.__setattr__(self, "horizon", float(self.horizon))
        object.__setattr__(self, "law", as_law(self.law, self.grid))
        _check_circulations(self)

    def replace(self, *, resolution: Mapping[str, int] | None = None, **changes: Any) -> Problem:
        """A problem that differs in the given fields; ``resolution={"x": 128}`` keeps the box of the grid.

        A problem of the catalogue stays one while only resolution and horizon change.

        Raises
        ------
        TypeError
            If there is no such field.
        ValueError
            If there is no such axis, or the new problem does not fit together.
        """
        names = [f.name for f in fields(self) if f.name != "case"]
        for name in changes:
            if name not in names:
                raise TypeError(unknown("field of a problem", name, [*names, "resolution"]))
        grid = changes.get("grid", self.grid)
        for name in resolution or {}:
            if name not in grid.names:
                raise ValueError(unknown("axis of the grid", name, grid.names))
        changes["grid"] = grid.resized(resolution or {})
        return replace(self, **changes, case=self._case_after(changes))

    def _case_after(self, changes: Mapping[str, Any]) -> Mapping[str, Any] | None:
        grid: Grid = changes["grid"]
        sizes = dict(zip(grid.names, grid.shape))
        same_box = grid.names == self.grid.names and grid == self.grid.resized(sizes)
        if self.case is None or not same_box or not changes.keys() <= {"grid", "horizon"}:
            return None
        horizon = {"horizon": float(changes["horizon"])} if "horizon" in changes else {}
        return {**self.case, "resolution": sizes, **horizon}

    def __repr__(self) -> str:
        axes = ", ".join(map(_span, self.grid.axes))
        name = f"{self.name!r}, " if self.name else ""
        return f"Problem({name}{self.equation!r}, {self.law!r}, grid=({axes}), horizon={self.horizon:g})"

    def __str__(self) -> str:
        rows = {
            "equation": repr(self.equation),
            "law": repr(self.law),
            "grid": ", ".join(map(_span, self.grid.axes)),
            "horizon": f"{self.horizon:g}",
            "citation": self.citation,
        }
        title = ": ".join(filter(None, (self.name or "problem", self.description)))
        return "\n".join([title, *(f"  {key:<9} {value}" for key, value in rows.items() if value)])


def unknown(kind: str, name: object, options: Iterable[str]) -> str:
    """Message about an unknown name: what there is, and what may have been meant."""
    options = list(options)
    close = get_close_matches(str(name), options, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{name!r} is no {kind}; {hint}there are {', '.join(options)}"


def _span(axis: Axis) -> str:
    end = ")" if axis.periodic else "]"
    return f"{axis.name}: {axis.size} {axis.boundary} [{axis.lower:g}, {axis.upper:g}{end}"


def _check_types(problem: Problem) -> None:
    if not isinstance(problem.equation, Equation):
        raise TypeError(f"equation must be one of mfpde.equations, got {problem.equation!r}")
    if not isinstance(problem.grid, Grid):
        raise TypeError(
            f"grid must be a Grid of axes, e.g. Grid((Axis('x', 0, 1, 64),)), got {problem.grid!r}"
        )
    if isinstance(problem.horizon, bool) or not isinstance(problem.horizon, int | float | np.number):
        raise TypeError(f"horizon must be a number, got {problem.horizon!r}")
    if problem.exact is not None and not callable(problem.exact):
        raise TypeError(f"exact must be a function of t and x (..., d), or None, got {problem.exact!r}")
    for name in ("name", "description", "citation"):
        if not isinstance(getattr(problem, name), str):
            raise TypeError(f"{name} must be a string, got {getattr(problem, name)!r}")


def _check_circulations(problem: Problem) -> None:
    count = len(getattr(problem.equation, "circulations", (1.0,)))
    if count > 1 and not (isinstance(problem.law, Mixture) and len(problem.law.laws) == count):
        raise ValueError(
            f"the equation has {count} circulations, so the law must be a laws.Mixture of as many "
            f"components, in their order, weighted by the probabilities of each; got {problem.law!r}"
        )


def check_problem(problem: Any) -> None:
    """Raise ``TypeError`` for anything but a problem, such as the name of one."""
    if not isinstance(problem, Problem):
        raise TypeError(
            f"a Problem is needed, got {problem!r}; make one with mfpde.problems, e.g. "
            "mfpde.problems.landau_damping()"
        )

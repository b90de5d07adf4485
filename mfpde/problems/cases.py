"""The list of catalogue problems, and the way between a problem and the case that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

from mfpde.problems.problem import Problem, unknown

__all__ = ["catalogue", "catalogued", "from_case"]

P = ParamSpec("P")

_CATALOGUE: dict[str, Callable[..., Problem]] = {}
_KEYS = ("problem", "arguments", "resolution", "horizon")


def catalogued(function: Callable[P, Problem]) -> Callable[P, Problem]:
    """Enter a function in the catalogue; its problems carry its name and remember its arguments."""

    @wraps(function)
    def build(*args: P.args, **kwargs: P.kwargs) -> Problem:
        bound = signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        problem = function(*args, **kwargs)
        case = {
            "problem": function.__name__,
            "arguments": {name: _plain(value) for name, value in bound.arguments.items()},
            "resolution": dict(zip(problem.grid.names, problem.grid.shape)),
        }
        return replace(problem, name=function.__name__, case=case)

    _CATALOGUE[function.__name__] = build
    return build


def catalogue() -> dict[str, Callable[..., Problem]]:
    """Every problem of the catalogue by name, each callable without arguments, in order."""
    return dict(_CATALOGUE)


def from_case(case: Mapping[str, Any]) -> Problem:
    """The catalogue problem of a case ``{"problem": name, "arguments": {}, "resolution": {}, "horizon": T}``.

    Everything but the name may be left out. It inverts ``problem.case``, also after a trip through JSON.

    Raises
    ------
    ValueError
        If a key, the problem, an argument or an axis is unknown, or a value is out of range.
    """
    for key in case:
        if key not in _KEYS:
            raise ValueError(unknown("key of a case", key, _KEYS))
    name = case.get("problem")
    if name not in _CATALOGUE:
        raise ValueError(unknown("problem of the catalogue", name, _CATALOGUE))
    build = _CATALOGUE[name]
    arguments = dict(case.get("arguments", {}))
    for argument in arguments:
        if argument not in signature(build).parameters:
            raise ValueError(unknown(f"argument of {name}", argument, signature(build).parameters))
    problem = build(**{key: tuple(v) if isinstance(v, list) else v for key, v in arguments.items()})
    horizon = {"horizon": case["horizon"]} if "horizon" in case else {}
    return problem.replace(resolution=case.get("resolution"), **horizon)


def _plain(value: Any) -> Any:
    """An argument as JSON can hold it: NumPy scalars become numbers, tuples lists."""
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.item() if hasattr(value, "item") else value

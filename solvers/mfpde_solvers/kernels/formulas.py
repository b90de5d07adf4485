"""Straight-line formulas, written as source, for NumPy arrays and for numba alike.

Inlined in a loop over pairs, a formula without calls, loops or branches is vectorised by the compiler over
the pairs: eight at a time on a machine with AVX-512. Loops over coefficients are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NAMES", "Source", "distance2", "formula", "horner", "in_single", "inverse_power"]

NAMES = ("x", "y", "z")
_LITERAL = re.compile(r"(?<![\w.])(\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+)(?![\w.])")
Source = Callable[[Sequence[str]], tuple[list[str], list[str]]]
"""Names of the components of an offset → lines to run first, and the expressions of the results."""


def formula(
    dim: int, lines: list[str], results: list[str], **functions: Callable[..., Any]
) -> Callable[..., Any]:
    """The function of ``dim`` components that runs the lines and returns the results (one, or a tuple).

    The lines may call ``sqrt``, ``log``, ``floor``, ``minimum``, ``maximum`` and the given functions.
    """
    body = [*lines, f"return {', '.join(results)}"]
    source = "\n    ".join([f"def formula({', '.join(NAMES[:dim])}):", *body])
    namespace: dict[str, Any] = {
        "sqrt": np.sqrt,
        "log": np.log,
        "floor": np.floor,
        "minimum": np.minimum,
        "maximum": np.maximum,
        **functions,
    }
    exec(source, namespace)
    function: Callable[..., Any] = namespace["formula"]
    return function


def in_single(expressions: Sequence[str]) -> list[str]:
    """The same expressions with floating-point literals as ``single(…)``, lest they widen what they meet."""
    return [_LITERAL.sub(r"single(\1)", expression) for expression in expressions]


def distance2(offset: Sequence[str]) -> str:
    """|z|²."""
    return " + ".join(f"{name} * {name}" for name in offset)


def inverse_power(square: str, power: float) -> str:
    """r^{−power} where the name ``square`` holds r²; no call of ``pow`` for integer powers."""
    if power != int(power) or abs(power) > 8:
        return f"{square} ** {-power / 2!r}"
    factors = [square] * (abs(int(power)) // 2) + ["sqrt(" + square + ")"] * (int(power) % 2)
    product = " * ".join(factors) or "1.0"
    return f"1.0 / ({product})" if power > 0 else f"({product})"


def horner(coefficients: NDArray[np.float64], names: Sequence[str]) -> str:
    """Σ C_{ij…} xⁱ yʲ … by nested Horner schemes; trailing zeros of every row cost nothing."""
    if coefficients.ndim == 0:
        return repr(float(coefficients))
    used = np.flatnonzero(coefficients.reshape(len(coefficients), -1).any(axis=1))
    rows = [horner(row, names[1:]) for row in coefficients[: used.max(initial=0) + 1]]
    expression = rows[-1]
    for row in rows[-2::-1]:
        expression = f"{row} + {names[0]} * ({expression})"
    return f"({expression})"

"""Checks of plain arguments, with errors that say what was given and what is accepted."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

__all__ = ["time_step", "whole"]


def whole(value: Any, least: int, what: str) -> int:
    """``value`` as an integer of at least ``least``; ``ValueError`` names ``what`` otherwise."""
    number = isinstance(value, Real | np.number) and not isinstance(value, bool)
    if not number or not np.isfinite(float(value)) or int(value) != value or value < least:
        raise ValueError(f"{what} must be an integer of at least {least}, got {value!r}")
    return int(value)


def time_step(value: Any) -> float:
    """``value`` as a positive, finite step."""
    if not isinstance(value, Real | np.number) or not 0 < float(value) < np.inf:
        raise ValueError(f"the time step must be a positive, finite number, got dt={value!r}")
    return float(value)

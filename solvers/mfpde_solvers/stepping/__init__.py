"""Time steps: splittings, exponential and stabilised Runge–Kutta schemes, and the controllers of the step."""

from mfpde_solvers.stepping.controllers import AdaptiveStep, FixedStep
from mfpde_solvers.stepping.splittings import (
    BLANES_MOAN,
    FORCE_GRADIENT,
    SPLITTINGS,
    STRANG,
    Splitting,
    splitting_from,
)

__all__ = [
    "BLANES_MOAN",
    "FORCE_GRADIENT",
    "SPLITTINGS",
    "STRANG",
    "AdaptiveStep",
    "FixedStep",
    "Splitting",
    "splitting_from",
]

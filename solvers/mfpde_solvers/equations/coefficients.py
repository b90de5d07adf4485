"""What the coefficients of a mean-field equation have to be."""

from __future__ import annotations

from math import inf
from typing import Any, Literal

from mfpde_solvers.kernels import Kernel
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["Scaling", "check_coefficients"]

Scaling = Literal["1/N", "1/(N-1)"]
"""Weight of one pair in the particle system."""


def check_coefficients(kernel: Any, diffusion: Any, drift: Any, scaling: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless they are those of an equation with a pair interaction."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be one of mfpde.kernels, got {kernel!r}; wrap a function in Custom")
    if not isinstance(diffusion, PowerOfN) and not 0 <= diffusion < inf:
        raise ValueError(f"diffusion must be finite and >= 0 or a PowerOfN, got {diffusion!r}")
    if drift is not None and not callable(drift):
        raise TypeError(f"drift must be a function (..., d) -> (..., d), got {drift!r}")
    if scaling not in ("1/N", "1/(N-1)"):
        raise ValueError(f"scaling must be '1/N' or '1/(N-1)', got {scaling!r}")

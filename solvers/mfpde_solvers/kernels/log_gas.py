"""The logarithmic gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["LogGas"]


@dataclass(frozen=True)
class LogGas(RadialPower):
    """K(z) = λ z/|z|² with V(z) = −λ log|z| in any dimension; λ > 0 repels.

    In dimension 1 fields are principal values, and the periodic kernel is (πλ/L) cot(πz/L): Dyson's.

    Parameters
    ----------
    dim : {1, 2, 3}
    strength : float
        λ.
    cutoff : float or PowerOfN
        ε: linear inside, λ z/ε².

    References
    ----------
    S. Serfaty, Duke Math. J. 169 (2020) 2887-2935

    Examples
    --------
    >>> LogGas(2, strength=3.0)([[2.0, 0.0]]).tolist()
    [[1.5, 0.0]]
    """

    dim: int
    strength: float = 1.0
    cutoff: float | PowerOfN = 0.0
    order: ClassVar[float] = 0.0

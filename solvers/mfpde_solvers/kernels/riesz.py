"""Riesz kernels."""

from __future__ import annotations

from dataclasses import dataclass

from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["Riesz"]


@dataclass(frozen=True)
class Riesz(RadialPower):
    """K(z) = c z/|z|^{s+2} with V(z) = c/(s|z|^s), −c log|z| for s = 0; c > 0 repels.

    −2 < s < d; Coulomb is s = d − 2, the log gas s = 0.

    Parameters
    ----------
    dim : {1, 2, 3}
    s : float
    strength : float
    cutoff : float or PowerOfN
        ε: linear inside, c z/ε^{s+2}.

    References
    ----------
    S. Serfaty, Duke Math. J. 169 (2020) 2887-2935

    Examples
    --------
    >>> float(Riesz(3, s=2.0).potential([0.5, 0.0, 0.0]))
    2.0
    """

    dim: int
    s: float
    strength: float = 1.0
    cutoff: float | PowerOfN = 0.0

    @property
    def order(self) -> float:
        """The potential is homogeneous of degree −s."""
        return float(self.s)

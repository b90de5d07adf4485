"""Power laws with a cut-off."""

from __future__ import annotations

from dataclasses import dataclass

from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["PowerLaw"]


@dataclass(frozen=True)
class PowerLaw(RadialPower):
    """K(z) = c z/|z|^{α+1}, and c z/ε^{α+1} where |z| < ε (Lazarovici & Pickl, condition S^α).

    −1 < α < d + 1; V(z) = c/((α−1)|z|^{α−1}), −c log|z| for α = 1. c > 0 repels.

    Parameters
    ----------
    dim : {1, 2, 3}
    exponent : float
        α: the size of the force is c/|z|^α. Coulomb has α = d − 1.
    strength : float
    cutoff : float or PowerOfN

    References
    ----------
    D. Lazarovici and P. Pickl, Arch. Ration. Mech. Anal. 225 (2017) 1201-1231, Theorem 10.1

    Examples
    --------
    >>> PowerLaw(2, exponent=2.0)([[2.0, 0.0]]).tolist()
    [[0.25, 0.0]]
    """

    dim: int
    exponent: float
    strength: float = 1.0
    cutoff: float | PowerOfN = 0.0

    @property
    def order(self) -> float:
        """The potential is homogeneous of degree −s, s = α − 1."""
        return self.exponent - 1.0

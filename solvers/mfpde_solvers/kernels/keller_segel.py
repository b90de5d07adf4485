"""The kernel of Patlak, Keller and Segel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mfpde_solvers.kernels.coulomb import CoulombField
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["KellerSegel"]


@dataclass(frozen=True)
class KellerSegel(CoulombField):
    """K(z) = −χ z/(2π|z|²) with V(z) = (χ/2π) log|z| in dimension 2; χ > 0 attracts.

    −ΔV = −χ δ, on a torus T −χ(δ − 1/|T|).

    Parameters
    ----------
    chi : float
        χ.
    cutoff : float or PowerOfN
        ε: linear inside, −χ z/(2πε²).

    References
    ----------
    E. F. Keller and L. A. Segel, J. Theor. Biol. 26 (1970) 399-415

    Examples
    --------
    >>> KellerSegel(2 * np.pi)([[2.0, 0.0]]).tolist()
    [[-0.5, -0.0]]
    """

    chi: float
    cutoff: float | PowerOfN = 0.0
    dim: ClassVar[int] = 2  # type: ignore[misc]

    @property
    def strength(self) -> float:  # type: ignore[override]
        """Strength −χ/2π of the Coulomb kernel."""
        return -float(self.chi) / (2 * np.pi)

"""The solvers of limit equations, configured by frozen objects and used by :func:`mfpde.solve`."""

from mfpde_solvers.landau import ConservativeLandau, SpectralLandau
from mfpde_solvers.mckean_vlasov import FiniteVolume, PseudoSpectral
from mfpde_solvers.radial import Radial
from mfpde_solvers.stepping import BLANES_MOAN, FORCE_GRADIENT, STRANG, Splitting
from mfpde_solvers.vlasov import SemiLagrangian

__all__ = [
    "BLANES_MOAN",
    "FORCE_GRADIENT",
    "STRANG",
    "ConservativeLandau",
    "FiniteVolume",
    "PseudoSpectral",
    "Radial",
    "SemiLagrangian",
    "SpectralLandau",
    "Splitting",
]

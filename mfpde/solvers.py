"""The solvers of limit equations, configured by frozen objects and used by :func:`mfpde.solve`."""

from mfpde_solvers.stepping import BLANES_MOAN, FORCE_GRADIENT, STRANG, Splitting
from mfpde_solvers.vlasov import Radial, SemiLagrangian

__all__ = ["BLANES_MOAN", "FORCE_GRADIENT", "STRANG", "Radial", "SemiLagrangian", "Splitting"]

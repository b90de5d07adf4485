"""Schemes for the Vlasov equation."""

from mfpde_solvers.vlasov.radial import RadialVlasov
from mfpde_solvers.vlasov.semi_lagrangian import SemiLagrangian

__all__ = ["RadialVlasov", "SemiLagrangian"]

"""Solvers of first-order mean-field equations."""

from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral
from mfpde_solvers.mckean_vlasov.radial import RadialAggregation

__all__ = ["FiniteVolume", "PseudoSpectral", "RadialAggregation"]

"""Schemes for the spatially homogeneous Landau equation."""

from mfpde_solvers.landau.conservative import ConservativeLandau
from mfpde_solvers.landau.spectral import SpectralLandau

__all__ = ["ConservativeLandau", "SpectralLandau"]

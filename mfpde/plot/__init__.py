"""Pictures of what solve, simulate and converge return; every function gives the matplotlib object back."""

from mfpde.plot.clouds import particles
from mfpde.plot.maps import density, diagnostics, field
from mfpde.plot.movies import animation
from mfpde.plot.studies import convergence
from mfpde.plot.summary import overview

__all__ = ["animation", "convergence", "density", "diagnostics", "field", "overview", "particles"]

"""Initial laws: densities with samplers, from anything that describes one, on the domain of a grid."""

from mfpde.laws.adapters import as_law
from mfpde.laws.base import Law
from mfpde.laws.catalogue import HollowMaxwellian, Maxwellian, Perturbed
from mfpde.laws.combined import Mixture, Product, draw
from mfpde.laws.evaluation import density_and_mass, on_grid
from mfpde.laws.gridded import Gridded, from_density
from mfpde.laws.plummer import Plummer
from mfpde.laws.polytrope import Polytrope
from mfpde.laws.spherical import GaussianCloud, Isotropic

__all__ = [
    "GaussianCloud",
    "Gridded",
    "HollowMaxwellian",
    "Isotropic",
    "Law",
    "Maxwellian",
    "Mixture",
    "Perturbed",
    "Plummer",
    "Polytrope",
    "Product",
    "as_law",
    "density_and_mass",
    "draw",
    "from_density",
    "on_grid",
]

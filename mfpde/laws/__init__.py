"""Initial laws: densities with samplers, from anything that describes one, on the domain of a grid."""

from mfpde.laws.adapters import as_law
from mfpde.laws.base import Law
from mfpde.laws.bounded import CriticalAggregation, Semicircle, UniformBall
from mfpde.laws.catalogue import HollowMaxwellian, Maxwellian, Perturbed
from mfpde.laws.combined import Mixture, Product, draw
from mfpde.laws.evaluation import densities_on_grid, density_and_mass, on_grid
from mfpde.laws.gridded import Gridded, from_density
from mfpde.laws.landau import BKW, Anisotropic, Ring
from mfpde.laws.periodic import Cells, ShearLayer, VonMises
from mfpde.laws.plummer import Plummer
from mfpde.laws.polytrope import Polytrope
from mfpde.laws.spherical import GaussianCloud, Isotropic
from mfpde.laws.vorticity import InBox, from_vorticity

__all__ = [
    "BKW",
    "Anisotropic",
    "Cells",
    "CriticalAggregation",
    "GaussianCloud",
    "Gridded",
    "HollowMaxwellian",
    "InBox",
    "Isotropic",
    "Law",
    "Maxwellian",
    "Mixture",
    "Perturbed",
    "Plummer",
    "Polytrope",
    "Product",
    "Ring",
    "Semicircle",
    "ShearLayer",
    "UniformBall",
    "VonMises",
    "as_law",
    "densities_on_grid",
    "density_and_mass",
    "draw",
    "from_density",
    "from_vorticity",
    "on_grid",
]

"""Interaction kernels: ``kernel(z)`` on the whole space, ``kernel.on(grid)`` on the domain of a grid."""

from mfpde_solvers.kernels.base import DomainKernel, Kernel
from mfpde_solvers.kernels.biot_savart import BiotSavart
from mfpde_solvers.kernels.coulomb import Coulomb
from mfpde_solvers.kernels.custom import Custom
from mfpde_solvers.kernels.harmonic import Harmonic
from mfpde_solvers.kernels.keller_segel import KellerSegel
from mfpde_solvers.kernels.kuramoto import Kuramoto
from mfpde_solvers.kernels.log_gas import LogGas
from mfpde_solvers.kernels.power_law import PowerLaw
from mfpde_solvers.kernels.riesz import Riesz
from mfpde_solvers.kernels.stokeslet import Stokeslet

__all__ = [
    "BiotSavart",
    "Coulomb",
    "Custom",
    "DomainKernel",
    "Harmonic",
    "KellerSegel",
    "Kernel",
    "Kuramoto",
    "LogGas",
    "PowerLaw",
    "Riesz",
    "Stokeslet",
]

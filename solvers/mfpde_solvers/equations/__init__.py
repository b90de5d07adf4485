"""The limit equations as data; a scheme, or a particle system, is a function of them."""

from mfpde_solvers.equations.first_order import (
    FirstOrder,
    KellerSegel,
    Kuramoto,
    LogGas,
    McKeanVlasov,
    NavierStokes,
)
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.equations.second_order import Vlasov

__all__ = [
    "Equation",
    "FirstOrder",
    "KellerSegel",
    "Kuramoto",
    "Landau",
    "LogGas",
    "McKeanVlasov",
    "NavierStokes",
    "Vlasov",
]

Equation = FirstOrder | Landau | Vlasov

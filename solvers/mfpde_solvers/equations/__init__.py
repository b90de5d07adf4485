"""The limit equations as data; a scheme, or a particle system, is a function of them."""

from mfpde_solvers.equations.second_order import Vlasov

__all__ = ["Equation", "Vlasov"]

Equation = Vlasov

"""Problems: an equation with its initial law, grid and horizon, and the catalogue of the classical ones."""

from mfpde.problems.cases import catalogue, from_case
from mfpde.problems.problem import Problem
from mfpde.problems.vlasov_poisson import (
    bump_on_tail,
    jeans_instability,
    landau_damping,
    two_stream,
    two_stream_v2,
    vlasov_fokker_planck,
)
from mfpde.problems.whole_space import lazarovici_pickl, plasma_expansion, plummer, polytrope

__all__ = [
    "Problem",
    "bump_on_tail",
    "catalogue",
    "from_case",
    "jeans_instability",
    "landau_damping",
    "lazarovici_pickl",
    "plasma_expansion",
    "plummer",
    "polytrope",
    "two_stream",
    "two_stream_v2",
    "vlasov_fokker_planck",
]

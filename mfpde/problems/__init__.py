"""Problems: an equation with its initial law, grid and horizon, and the catalogue of the classical ones."""

from mfpde.problems.cases import catalogue, from_case
from mfpde.problems.problem import Problem
from mfpde.problems.vlasov_poisson import (
    bump_on_tail,
    jeans_instability,
    landau_damping,
    two_stream,
    two_stream_v2,
)

__all__ = [
    "Problem",
    "bump_on_tail",
    "catalogue",
    "from_case",
    "jeans_instability",
    "landau_damping",
    "two_stream",
    "two_stream_v2",
]

"""Problems: an equation with its initial law, grid and horizon, and the catalogue of the classical ones."""

from mfpde.problems.aggregation import (
    dyson,
    harmonic,
    keller_segel,
    kuramoto,
    log_gas,
    riesz_gas,
)
from mfpde.problems.cases import catalogue, from_case
from mfpde.problems.landau import anisotropic_landau, bkw, coulomb_ring
from mfpde.problems.problem import Problem
from mfpde.problems.vlasov_poisson import (
    bump_on_tail,
    jeans_instability,
    landau_damping,
    two_stream,
    two_stream_v2,
    vlasov_fokker_planck,
)
from mfpde.problems.vortices import lamb_oseen, random_circulations, shear_layer, taylor_green, vortex_merger
from mfpde.problems.whole_space import lazarovici_pickl, plasma_expansion, plummer, polytrope

__all__ = [
    "Problem",
    "anisotropic_landau",
    "bkw",
    "bump_on_tail",
    "catalogue",
    "coulomb_ring",
    "dyson",
    "from_case",
    "harmonic",
    "jeans_instability",
    "keller_segel",
    "kuramoto",
    "lamb_oseen",
    "landau_damping",
    "lazarovici_pickl",
    "log_gas",
    "plasma_expansion",
    "plummer",
    "polytrope",
    "random_circulations",
    "riesz_gas",
    "shear_layer",
    "taylor_green",
    "two_stream",
    "two_stream_v2",
    "vlasov_fokker_planck",
    "vortex_merger",
]

"""Measures of chaos: how far N particles are from their mean-field limit, each with its i.i.d. floor."""

from mfpde.chaos.bias import bias_and_fluctuation
from mfpde.chaos.correlation_function import pair_correlation_function
from mfpde.chaos.correlations import PairCorrelation, pair_correlation
from mfpde.chaos.coupling import CouplingDistance, coupling_distance
from mfpde.chaos.cumulants.bbgky import bbgky_residual
from mfpde.chaos.cumulants.duality import duality_identity
from mfpde.chaos.cumulants.estimates import DualCumulant, dual_cumulants
from mfpde.chaos.cumulants.joint import joint_law
from mfpde.chaos.energy import ModulatedEnergy, modulated_energy, modulated_free_energy
from mfpde.chaos.entropy import PathEntropy
from mfpde.chaos.exponential import ExponentialMoment, exponential_moment
from mfpde.chaos.fluctuations import ForceFluctuation, force_fluctuation
from mfpde.chaos.girsanov import path_entropy
from mfpde.chaos.marginal_laws import MarginalL1, RelativeEntropy, marginal_l1, relative_entropy
from mfpde.chaos.marginals import evaluate, marginal
from mfpde.chaos.measures import (
    METRICS,
    iid_floor,
    metric_from,
    sliced_wasserstein,
    sobolev,
    wasserstein,
    weak_error,
)
from mfpde.chaos.metric import EnsembleTarget, Followed, Metric, Observer, Target
from mfpde.chaos.negative_sobolev import Sobolev
from mfpde.chaos.phase_space import LazaroviciPickl, PhaseSpaceDistance
from mfpde.chaos.rates import fit_rate
from mfpde.chaos.transport.assignment import wasserstein_between
from mfpde.chaos.transport.exact import Wasserstein, fournier_guillin, wasserstein_with_bias
from mfpde.chaos.transport.semi_discrete import SemiDiscrete, semi_discrete_transport
from mfpde.chaos.transport.sinkhorn import Sinkhorn, sinkhorn_divergence
from mfpde.chaos.transport.sliced import MaxSlicedWasserstein, SlicedWasserstein, max_sliced_wasserstein
from mfpde.chaos.weak import WeakError

__all__ = [
    "METRICS",
    "CouplingDistance",
    "DualCumulant",
    "EnsembleTarget",
    "ExponentialMoment",
    "Followed",
    "ForceFluctuation",
    "LazaroviciPickl",
    "MarginalL1",
    "MaxSlicedWasserstein",
    "Metric",
    "ModulatedEnergy",
    "Observer",
    "PairCorrelation",
    "PathEntropy",
    "PhaseSpaceDistance",
    "RelativeEntropy",
    "SemiDiscrete",
    "Sinkhorn",
    "SlicedWasserstein",
    "Sobolev",
    "Target",
    "Wasserstein",
    "WeakError",
    "bbgky_residual",
    "bias_and_fluctuation",
    "coupling_distance",
    "dual_cumulants",
    "duality_identity",
    "evaluate",
    "exponential_moment",
    "fit_rate",
    "force_fluctuation",
    "fournier_guillin",
    "iid_floor",
    "joint_law",
    "marginal",
    "marginal_l1",
    "max_sliced_wasserstein",
    "metric_from",
    "modulated_energy",
    "modulated_free_energy",
    "pair_correlation",
    "pair_correlation_function",
    "path_entropy",
    "relative_entropy",
    "semi_discrete_transport",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "sobolev",
    "wasserstein",
    "wasserstein_between",
    "wasserstein_with_bias",
    "weak_error",
]

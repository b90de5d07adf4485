"""Measures of chaos: how far N particles are from their mean-field limit, each with its i.i.d. floor."""

from mfpde.chaos.coupling import CouplingDistance, coupling_distance
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
from mfpde.chaos.metric import Metric, Target
from mfpde.chaos.negative_sobolev import Sobolev
from mfpde.chaos.rates import fit_rate
from mfpde.chaos.sliced import SlicedWasserstein
from mfpde.chaos.transport import Wasserstein
from mfpde.chaos.weak import WeakError

__all__ = [
    "METRICS",
    "CouplingDistance",
    "Metric",
    "SlicedWasserstein",
    "Sobolev",
    "Target",
    "Wasserstein",
    "WeakError",
    "coupling_distance",
    "evaluate",
    "fit_rate",
    "iid_floor",
    "marginal",
    "metric_from",
    "sliced_wasserstein",
    "sobolev",
    "wasserstein",
    "weak_error",
]

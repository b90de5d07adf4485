"""The variables of a study: which there are for each metric, and what describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.metric import Metric
from mfpde.dataset import attributes, field

if TYPE_CHECKING:
    from mfpde.problems import Problem

__all__ = ["STATISTICS", "computed_variables", "error_variables", "new_statistic", "variables_of"]

EACH = ("size", "replica", "time")
STATISTICS = ("_statistic", "_coupled_statistic", "_iid_statistic")
"""Of the ensemble: what is kept of each replica, of its partners in the mean field, and of fresh samples."""


def variables_of(name: str, metric: Metric, problem: Problem, seed: int, coupled: bool) -> dict[str, Any]:
    """Dimensions and attributes of the variables of a metric, but for the statistics of the ensemble.

    Statistics come in when the first of them is known: their length is the metric's affair.
    """
    attrs = attributes(
        name,
        long_name=metric.long_name,
        metric=repr(metric),
        reduction=metric.reduction,
        theory=metric.theory(problem.grid),
        seed=seed,
        references=metric.citation,
    )
    each = ("size", "time") if metric.needs == "ensemble" else EACH
    found: dict[str, Any] = {name: (each, attrs)}
    if metric.needs != "dynamics":
        exact = metric.needs == "ensemble" or _exact_floor(metric, problem)
        iid = attrs | {"long_name": f"{metric.long_name} of independent samples"}
        found[f"{name}_iid"] = ("size", "time") if exact else EACH, iid
        error = attributes(f"{name}_reference_error", long_name=f"{metric.long_name}: error of the reference")
        found[f"{name}_reference_error"] = ("time",), error
        if coupled:
            above = f"{metric.long_name} above that of the coupled mean-field particles"
            excess = attrs | {"long_name": above, "reduction": "mean", "theory": np.nan}
            found[f"{name}_excess"] = each, excess
    if metric.needs == "ensemble":
        for variable in [v for v in found if not v.endswith("_reference_error")]:
            described = f"standard error of {found[variable][1]['long_name']}"
            found[f"{variable}_stderr"] = each, attributes(f"{variable}_stderr", long_name=described)
    return found


def computed_variables(name: str, metric: Metric, coupled: bool) -> list[str]:
    """The variables by which one tells whether a replica has been measured; sampled floors come with them."""
    if metric.needs == "ensemble":
        return [f"{name}{suffix}" for suffix in STATISTICS[: 2 if coupled else 1]]
    return [name, f"{name}_excess"] if coupled and metric.needs == "replica" else [name]


def error_variables(name: str, metric: Metric, coupled: bool) -> list[str]:
    """The standard errors, which are coordinates of what a user gets."""
    if metric.needs != "ensemble":
        return []
    return [f"{name}{part}_stderr" for part in ("", "_iid", *(("_excess",) if coupled else ()))]


def new_statistic(variable: str, study: xr.Dataset, values: NDArray[Any]) -> xr.Variable:
    """Room for the statistics (replica, time, component) of all replicas of a study."""
    name = next(variable.removesuffix(s) for s in reversed(STATISTICS) if variable.endswith(s))
    attrs = attributes(variable, long_name=f"{study[name].attrs['long_name']}: statistic of one replica")
    shape = [study.sizes[dim] for dim in EACH]
    return xr.Variable((*EACH, f"{name}_component"), np.full((*shape, values.shape[-1]), np.nan), attrs)


def _exact_floor(metric: Metric, problem: Problem) -> bool:
    grid = problem.grid.resized(dict.fromkeys(problem.grid.names, 4))
    probe = field(np.ones(grid.shape), grid, "density")
    return metric.target(probe).floor(2) is not None

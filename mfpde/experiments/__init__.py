"""The theorems as experiments: each is a function that measures what a theorem predicts and judges it.

``mfpde.experiments.catalogue()`` lists them, ``mfpde.experiments.NAME(full=False, seed=0, path=None)`` runs
one. They are grouped by source, one module for each (:data:`SOURCES`); how to write one is told in
:mod:`mfpde.experiments.experiment`.

Examples
--------
>>> from mfpde import experiments
>>> sorted(experiments.vortex_second_moment.plants)
['factor 2', 'gradient']
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mfpde.experiments.experiment import REGISTRY, Experiment
from mfpde.experiments.figure import draw
from mfpde.experiments.findings import Curve, Finding, Row, verdict
from mfpde.experiments.trial import Particles, Trial

__all__ = [
    "Curve",
    "Experiment",
    "Finding",
    "Particles",
    "Row",
    "Trial",
    "catalogue",
    "draw",
    "verdict",
]

SOURCES = ("whole_space", "landau", "lazarovici_pickl", "torus", "square_integrable", "exact_laws")
"""The modules that hold experiments, one for each source text."""


def catalogue() -> dict[str, Experiment]:
    """All experiments by name, in the order of their sources."""
    for source in SOURCES:
        import_module(f"{__name__}.{source}")
    return dict(REGISTRY)


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        known = catalogue()
        if name in known:
            return known[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *catalogue()]

"""Verification: the exact facts of every family of limit equations, computed here and now."""

from __future__ import annotations

import warnings
from time import perf_counter

import xarray as xr

from mfpde.problems.problem import unknown
from mfpde.recording.loop import progress_bar
from mfpde.verification import (  # noqa: F401 - they enter their checks in the list
    fokker_planck,
    harmonic,
    keller_segel,
    kuramoto,
    landau,
    logarithmic,
    navier_stokes,
    vlasov_poisson,
)
from mfpde.verification.checks import CHECKS, Check, equations
from mfpde.verification.facts import Fact, failed
from mfpde.verification.tables import falls_short, print_table, records, table

__all__ = ["equations", "falls_short", "print_table", "records", "verify"]


def verify(equation: str | None = None, full: bool = False, progress: bool | None = None) -> xr.Dataset:
    """Compare what the solvers and the particles give with what is known exactly.

    Invariants, dissipation laws, exact solutions, dispersion relations, moments, and laws of the particle
    systems at finite N, each at the default resolution of its problem. A number holds if
    |measured − expected| ≤ tolerance; means over replicas have 4 standard errors, so that one in 16 000 falls
    short by chance (seeds are fixed: the verdict is reproducible). Of bounds with unspecified constants the
    constant is measured, without a verdict.

    Parameters
    ----------
    equation : str, optional
        One family only; all of them by default, which takes two minutes on one core.
    full : bool
        Also what takes longer: three dimensions, instabilities, blow-up.
    progress : bool, optional
        Show a progress bar; by default on a terminal.

    Returns
    -------
    Dataset
        Along ``quantity``: ``equation``, ``expected``, ``measured``, ``error``, ``tolerance``, ``verdict``
        (``holds``, ``falls short``, or ``measured`` for a bound), ``seconds``, and the ``reason`` of the
        tolerance. All numbers but the seconds are dimensionless. A check that raises falls short.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    if equation is not None and equation not in equations():
        raise ValueError(unknown("family of equations to verify", equation, equations()))
    chosen = [one for one in CHECKS if equation in (None, one.equation) and (full or not one.full)]
    rows: list[tuple[str, Fact, float]] = []
    with progress_bar(float(len(chosen)), "verifying", progress) as bar:
        for one in chosen:
            begun = perf_counter()
            facts = _facts(one)
            seconds = (perf_counter() - begun) / len(facts)
            rows += [(one.equation, fact, seconds) for fact in facts]
            bar.update(1)
    return table(rows)


def _facts(one: Check) -> list[Fact]:
    """What a check finds; one that raises has found that something falls short."""
    facts: list[Fact] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            facts.extend(one.run())
    except Exception as error:
        facts.append(failed(one.title, error))
    return facts

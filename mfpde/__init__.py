"""PDE solvers for mean-field limits, the particle systems they come from, and the distance between the two.

Public names are imported on first use, so that ``import mfpde`` is quick. The accessor ``.mf`` of xarray
comes with the first of them that needs xarray, or at once if xarray has been imported before.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfpde import chaos as chaos
    from mfpde import experiments as experiments
    from mfpde import laws as laws
    from mfpde import particles as particles
    from mfpde import plot as plot
    from mfpde import problems as problems
    from mfpde import solvers as solvers
    from mfpde import testing as testing
    from mfpde.bibliography import citations as citations
    from mfpde.chaos.rates import fit_rate as fit_rate
    from mfpde.chaos.study import converge as converge
    from mfpde.particles.simulation import simulate as simulate
    from mfpde.problems import Problem as Problem
    from mfpde.provenance import problem_from as problem_from
    from mfpde.solution import solve as solve
    from mfpde.verification import verify as verify
    from mfpde_solvers import equations as equations
    from mfpde_solvers import kernels as kernels
    from mfpde_solvers.grid import Axis as Axis
    from mfpde_solvers.grid import Grid as Grid
    from mfpde_solvers.power_of_n import PowerOfN as PowerOfN

__version__ = "0.1.0"

_HOMES = {
    "Axis": "mfpde_solvers.grid",
    "Grid": "mfpde_solvers.grid",
    "PowerOfN": "mfpde_solvers.power_of_n",
    "Problem": "mfpde.problems",
    "citations": "mfpde.bibliography",
    "converge": "mfpde.chaos.study",
    "fit_rate": "mfpde.chaos.rates",
    "problem_from": "mfpde.provenance",
    "simulate": "mfpde.particles.simulation",
    "solve": "mfpde.solution",
    "verify": "mfpde.verification",
}
_MODULES = {
    "chaos": "mfpde.chaos",
    "equations": "mfpde_solvers.equations",
    "experiments": "mfpde.experiments",
    "kernels": "mfpde_solvers.kernels",
    "laws": "mfpde.laws",
    "particles": "mfpde.particles",
    "plot": "mfpde.plot",
    "problems": "mfpde.problems",
    "solvers": "mfpde.solvers",
    "testing": "mfpde.testing",
}

__all__ = sorted([*_HOMES, *_MODULES])  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'mfpde' has no attribute {name!r}")
    globals()[name] = value
    _register_accessor()
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _register_accessor() -> None:
    """Give xarray the accessor ``.mf``, once it is loaded."""
    if "xarray" in sys.modules:
        import_module("mfpde.accessor")


_register_accessor()

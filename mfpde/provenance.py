"""Where a dataset comes from: its case, the fingerprint of its problem, and the way back to the problem."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfpde_solvers.grid import Grid

if TYPE_CHECKING:
    from mfpde.laws import Law
    from mfpde.problems import Problem

__all__ = ["case_attributes", "digest", "fingerprint", "problem_from", "versions"]


def digest(values: Any) -> str:
    """A short hash of the bits of an array."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def fingerprint(problem: Problem, grid: Grid | None = None) -> dict[str, str]:
    """Short hashes of what a computation depends on: grid, ρ₀ on it, kernel, drift, coefficients.

    Functions are probed at fixed points of the grid (ρ₀ at up to about 4096 cell centres, ends included),
    so that two that agree there count as the same.

    Parameters
    ----------
    grid : Grid, optional
        The grid of the computation; the problem's own by default.
    """
    from mfpde.laws import Mixture

    equation, shown = problem.equation, problem.grid if grid is None else grid
    grid = problem.grid
    density = {"grid": repr(shown), "initial density": _digest_of(problem.law, grid)}
    if not hasattr(equation, "kernel"):
        return {"equation": repr(equation), **density}
    positions: Grid = grid.positions
    lower = np.array([axis.lower for axis in positions.axes])
    lengths = np.array([axis.length for axis in positions.axes])
    fractions = np.modf(np.outer(np.arange(1, 65), np.sqrt([2.0, 3.0, 5.0])[: positions.dim]))[0]
    kernel = equation.kernel
    drift = np.zeros(0) if equation.drift is None else np.asarray(equation.drift(lower + fractions * lengths))
    coefficients = [equation.friction, equation.diffusion, equation.scaling, getattr(kernel, "cutoff", 0.0)]
    circulations = getattr(equation, "circulations", (1.0,))
    if isinstance(problem.law, Mixture) and len(circulations) > 1:
        kinds = zip(circulations, problem.law.weights, problem.law.laws, strict=True)
        density["initial density"] = str([(m, weight, _digest_of(law, grid)) for m, weight, law in kinds])
    elif circulations != (1.0,):
        coefficients.append(circulations)
    return {
        "equation": f"{type(equation).__name__}({type(kernel).__name__}) {coefficients}",
        **density,
        "kernel": digest(kernel.limit((fractions - 0.5) * lengths)),
        "drift": digest(drift),
    }


def _digest_of(law: Law, grid: Grid) -> str:
    from mfpde.laws.base import probe_points

    return digest(law.pdf(probe_points(grid)))


def versions() -> str:
    """Versions of the packages a number depends on, as JSON."""
    from importlib.metadata import version

    import mfpde

    ours = {"python": platform.python_version(), "mfpde": mfpde.__version__}
    names = ("numpy", "scipy", "numba", "xarray", "pyfftw", "finufft")
    return json.dumps(ours | {name: version(name) for name in names})


def case_attributes(problem: Problem, grid: Grid | None = None) -> dict[str, str]:
    """Attributes that say what was computed; see :func:`problem_from`."""
    case = {"case": json.dumps(dict(problem.case))} if problem.case is not None else {}
    return case | {
        "title": problem.name or "mean-field problem",
        "problem": repr(problem),
        "references": problem.citation,
        "invariants": json.dumps(list(problem.equation.invariants)),
        "fingerprint": json.dumps(fingerprint(problem, grid)),
        "versions": versions(),
    }


def problem_from(dataset: xr.Dataset | str | Path) -> Problem:
    """The problem that a dataset, or a netCDF file, was computed from.

    Raises
    ------
    ValueError
        If it was not a problem of the catalogue, so that its functions are not in the file.
    """
    if not isinstance(dataset, xr.Dataset):
        with xr.open_dataset(dataset) as file:
            return problem_from(file)
    if "case" not in dataset.attrs:
        made_from = dataset.attrs.get("problem", "an unknown problem")
        raise ValueError(
            f"the dataset was computed from {made_from}, which is not of the catalogue; its initial law and "
            "kernel are functions and are not saved. Build the Problem again in Python, and compare its "
            "fingerprint with that of the dataset"
        )
    from mfpde.problems import from_case

    return from_case(json.loads(dataset.attrs["case"]))

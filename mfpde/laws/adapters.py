"""The one adapter: whatever describes a law, as a :class:`Law` on the domain of a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mfpde.laws.base import FloatArray, Law, as_points, check_values, probe_points
from mfpde.laws.data import from_data, read_density
from mfpde.laws.gridded import from_density
from mfpde_solvers.grid import Grid

__all__ = ["Adapted", "adapted", "as_law"]

ACCEPTED = (
    "a scipy.stats distribution, gaussian_kde, an object with pdf(x) (and rvs(size, rng)), a function "
    "x (..., d) -> (...), a DataArray, the path of a netCDF file, or one of mfpde.laws"
)


@dataclass(frozen=True, eq=False)
class Adapted(Law):
    """A law given by somebody else's object, behind functions of one shape.

    ``density`` maps points (n, d) to n values, ``sampler(size, rng)`` gives size·d numbers.
    """

    source: Any
    dimension: int
    density: Callable[[FloatArray], Any]
    sampler: Callable[[int, np.random.Generator], Any] | None

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.dimension

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        x = as_points(x, self.dim)
        points = x.reshape(-1, self.dim)
        values = np.asarray(self.density(points), dtype=float)
        # Libraries squeeze a single point to a scalar; nothing else may change the shape.
        squeezed = len(points) == 1 == values.size
        if values.shape != points.shape[:1] and not squeezed:
            raise ValueError(
                f"the density of {self!r} maps points of shape {points.shape} to {values.shape}, "
                f"a density maps (..., {self.dim}) to (...); index the coordinates as x[..., 0]"
            )
        return values.reshape(x.shape[:-1])

    @property
    def has_sampler(self) -> bool:
        """Whether ``rvs`` gives points."""
        return self.sampler is not None

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        if self.sampler is None:
            return super().rvs(size, rng)
        points = np.asarray(self.sampler(size, rng), dtype=float)
        if points.size != size * self.dim:
            raise ValueError(
                f"the sampler of {self!r} gave shape {points.shape}, expected ({size}, {self.dim})"
            )
        return points.reshape(size, self.dim)

    def __reduce__(self) -> tuple[Callable[..., Adapted], tuple[Any, ...]]:
        x = self.rvs(3, np.random.default_rng(0)) if self.has_sampler else np.zeros((1, self.dim))
        return _restored, ((self.source, self.dimension, self.density, self.sampler), x, self.pdf(x))

    def __repr__(self) -> str:
        return _short(self.source)


def as_law(obj: Any, grid: Grid) -> Law:
    """The law that ``obj`` describes, on the domain of ``grid``: wrapped around its periodic axes.

    Parameters
    ----------
    obj
        A frozen scipy.stats distribution (univariate on one axis, multivariate on several), a
        ``gaussian_kde``, a distribution of scipy's new infrastructure, any object with ``pdf(x)`` and
        perhaps ``rvs(size, rng)``, a function x (..., d) -> (...), a DataArray of cell-centre values or the
        path of a netCDF file with one (its axes found by name, the last time of several), or one of
        :mod:`mfpde.laws`. The coordinates of points are in the order of the grid's axes.
    grid : Grid

    Raises
    ------
    TypeError
        If ``obj`` is none of these.
    ValueError
        If its dimension is not the grid's, or its density has a wrong shape or values that are negative or
        not finite at points of the grid.
    """
    if isinstance(obj, str | Path):
        obj = read_density(Path(obj), grid)
    law = from_data(obj, grid) if isinstance(obj, xr.DataArray) else adapted(obj, grid.dim)
    if law.dim != grid.dim:
        raise ValueError(
            f"{law!r} has {law.dim} coordinate{'s' * (law.dim > 1)}, the grid has {grid.dim} "
            f"({', '.join(grid.names)}); give a law of all of them, e.g. laws.Product((law_x, law_v))"
        )
    _probe(law, grid)
    return law.on(grid)


def adapted(obj: Any, dim: int | None = None) -> Law:
    """``obj`` as a law of ℝᵈ, before it is put on a domain; ``dim`` where ``obj`` does not tell."""
    if isinstance(obj, Law):
        return obj
    if isinstance(obj, xr.DataArray):
        return from_density(obj)
    pdf = getattr(obj, "pdf", None)
    if callable(pdf):
        return _from_object(obj, dim)
    if callable(obj) and not isinstance(obj, type):
        if dim is None:
            raise TypeError(
                f"the number of coordinates of {_short(obj)} cannot be told; give the whole density as one "
                "function, or an object with pdf, rvs and dim"
            )
        return Adapted(obj, dim, obj, None)
    raise TypeError(f"{_short(obj)} of type {type(obj).__name__} is not a law; use {ACCEPTED}")


def _restored(parts: tuple[Any, int, Any, Any], x: FloatArray, values: FloatArray) -> Adapted:
    """An unpickled law, unless its density is no longer what it was: see :func:`_portable`."""
    law = Adapted(*parts)
    if not np.array_equal(law.pdf(x), values, equal_nan=True):
        raise ValueError(
            f"{law!r} became another law when it was pickled for another process; use a frozen law of "
            "scipy.stats, e.g. scipy.stats.norm(mean, deviation), or one of mfpde.laws"
        )
    return law


def _portable(obj: Any) -> Any:
    """``obj``, or its frozen equivalent where scipy pickles it wrongly: Normal(mu, sigma) becomes N(0, 1)."""
    if type(obj).__name__ != "Normal" or not hasattr(obj, "icdf"):
        return obj
    from scipy import stats

    return stats.norm(float(obj.mu), float(obj.sigma))


def _from_object(obj: Any, dim: int | None) -> Law:
    obj = _portable(obj)
    if hasattr(obj, "resample"):  # gaussian_kde keeps its points in columns
        return Adapted(obj, int(obj.d), partial(_transposed_pdf, obj), partial(_resample, obj))
    if hasattr(obj, "ppf") or hasattr(obj, "icdf"):  # scipy's univariate families, old and new
        return Adapted(obj, 1, partial(_univariate_pdf, obj), partial(_univariate_rvs, obj))
    dimension = getattr(obj, "dim", dim)
    if dimension is None:
        raise TypeError(
            f"the number of coordinates of {_short(obj)} cannot be told; give it an attribute dim"
        )
    sampler = partial(_rvs, obj) if callable(getattr(obj, "rvs", None)) else None
    return Adapted(obj, int(dimension), obj.pdf, sampler)


def _transposed_pdf(obj: Any, x: FloatArray) -> Any:
    return obj.pdf(x.T)


def _resample(obj: Any, size: int, rng: np.random.Generator) -> Any:
    return obj.resample(size, seed=rng).T


def _univariate_pdf(obj: Any, x: FloatArray) -> Any:
    return obj.pdf(x[:, 0])


def _univariate_rvs(obj: Any, size: int, rng: np.random.Generator) -> Any:
    return _rvs(obj, size, rng) if hasattr(obj, "rvs") else obj.sample(size, rng=rng)


def _rvs(obj: Any, size: int, rng: np.random.Generator) -> Any:
    if "random_state" in signature(obj.rvs).parameters or hasattr(obj, "random_state"):
        return obj.rvs(size=size, random_state=rng)
    return obj.rvs(size, rng)


def _probe(law: Law, grid: Grid) -> None:
    """Evaluate once at points of the grid and draw twice, so that a wrong law is refused before any work."""
    x = probe_points(grid)
    try:
        values = law.pdf(x)
        points = law.rvs(2, np.random.default_rng(0)) if law.has_sampler else x
    except Exception as error:  # whatever a user's object raises
        raise ValueError(
            f"{law!r} cannot be evaluated at points of shape {x.shape} ({', '.join(grid.names)}): {error}; "
            f"a density maps (..., {grid.dim}) to (...), rvs(size, rng) gives shape (size, {grid.dim})"
        ) from error
    check_values(law, values)
    if not np.isfinite(points).all():
        raise ValueError(f"the sampler of {law!r} gives points that are not finite: {points.tolist()}")


def _short(obj: Any) -> str:
    """How an error names an object: its repr when that is short and tells more than an address."""
    dist = getattr(obj, "dist", None)
    if dist is not None and hasattr(dist, "name"):
        given = [*map(repr, obj.args), *(f"{key}={value!r}" for key, value in obj.kwds.items())]
        return f"{dist.name}({', '.join(given)})"
    text = repr(obj)
    if len(text) <= 120 and " at 0x" not in text:
        return text
    return getattr(obj, "__qualname__", type(obj).__name__)

"""What a probability law is here: a density, perhaps a sampler, and its form on a torus."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.grid import Axis, Grid

__all__ = ["FloatArray", "Law", "Wrapped", "as_points", "check_values", "probe_points"]

FloatArray = NDArray[np.float64]

PROBES = 4096
MOST_IMAGES = 64
NEGLIGIBLE = 1e-17


class Law(ABC):
    """A probability law on ℝᵈ or on a torus, given by its density and, where there is one, by a sampler."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Number of coordinates d."""

    @abstractmethod
    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points ``x`` of shape (..., d), as an array of shape (...)."""

    @property
    def has_sampler(self) -> bool:
        """Whether ``rvs`` gives points."""
        return True

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """``size`` independent points of the law, float64 of shape (size, d).

        Raises
        ------
        TypeError
            If the law is a density without a sampler.
        """
        raise TypeError(
            f"{self!r} is a density without a sampler; give an object with pdf(x) and rvs(size, rng), "
            "or sample its values on a grid: laws.from_density(DataArray)"
        )

    def on(self, grid: Grid) -> Law:
        """The same law on the domain of ``grid``: wrapped around its periodic axes."""
        return Wrapped.around(self, grid)


def as_points(x: ArrayLike, dim: int) -> FloatArray:
    """``x`` as float64 of shape (..., dim), or ``ValueError``."""
    points = np.asarray(x, dtype=float)
    if points.ndim == 0 or points.shape[-1] != dim:
        raise ValueError(f"points of this law have shape (..., {dim}), got {points.shape}")
    return points


def check_values(law: Law, values: FloatArray) -> None:
    """``ValueError`` unless the values of a density are finite and not negative."""
    bad = ~(values >= 0) | ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"the density of {law!r} is {values[bad][0]:.6g} at {int(bad.sum())} of {bad.size} points "
            "of the grid; a density is finite and >= 0 everywhere"
        )


def probe_points(grid: Grid, count: int = PROBES) -> FloatArray:
    """At most about ``count`` cell centres spread evenly over the grid, ends included, shape (n, d)."""
    each = max(3, int(count ** (1 / grid.dim)))
    thinned = [c[np.unique(np.linspace(0, c.size - 1, each).astype(int))] for c in grid.coordinates]
    return np.stack(np.meshgrid(*thinned, indexing="ij"), axis=-1).reshape(-1, grid.dim)


@dataclass(frozen=True, repr=False)
class Wrapped(Law):
    """The law of X modulo the periods of ``axes``: density Σ_m p(x + m·L), points folded into the box.

    ``images`` is the largest \\|mᵢ\\| that matters on each axis; it is 0 where the axis is open or where
    p already has the period of the axis.
    """

    law: Law
    axes: tuple[Axis, ...]
    images: tuple[int, ...]

    @classmethod
    def around(cls, law: Law, grid: Grid) -> Law:
        """``law`` wrapped around the periodic axes of ``grid``; itself if there are none.

        Raises
        ------
        ValueError
            If the density is not periodic and has not decayed 64 periods away.
        """
        if not any(axis.periodic for axis in grid.axes):
            return law
        images = tuple(_images(law, grid, i) for i in range(grid.dim))
        return cls(law, grid.axes, images)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.law.dim

    @property
    def has_sampler(self) -> bool:
        """Whether ``rvs`` gives points."""
        return self.law.has_sampler

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        x = _fold(as_points(x, self.dim), self.axes)
        lengths = np.array([axis.length for axis in self.axes])
        shifts = product(*(range(-n, n + 1) for n in self.images))
        return np.asarray(sum(self.law.pdf(x + np.array(m) * lengths) for m in shifts))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        return _fold(self.law.rvs(size, rng), self.axes)

    def on(self, grid: Grid) -> Law:
        """The same law on the domain of ``grid``."""
        return self.law.on(grid)

    def __repr__(self) -> str:
        return repr(self.law)


def _fold(x: FloatArray, axes: tuple[Axis, ...]) -> FloatArray:
    folded = [axis.wrap(x[..., i]) for i, axis in enumerate(axes)]
    return np.stack(folded, axis=-1)


def _images(law: Law, grid: Grid, place: int) -> int:
    """Number of images of axis ``place`` on either side beyond which the density is negligible."""
    axis = grid.axes[place]
    if not axis.periodic:
        return 0
    x = probe_points(grid)
    shift = np.zeros(grid.dim)
    shift[place] = axis.length
    here = law.pdf(x)
    peak = here.max()
    if peak > 0 and np.allclose(law.pdf(x + shift), here, rtol=1e-9, atol=1e-12 * peak):
        return 0
    for n in range(1, MOST_IMAGES + 1):
        shell = max(law.pdf(x + n * shift).max(), law.pdf(x - n * shift).max())
        peak = max(peak, shell)
        if shell < NEGLIGIBLE * peak:
            return n - 1
    raise ValueError(
        f"{law!r} neither has the period {axis.length:g} of axis {axis.name!r} nor decays within "
        f"{MOST_IMAGES} periods; give the density of the wrapped law itself, a function with that period"
    )

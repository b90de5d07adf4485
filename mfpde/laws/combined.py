"""Laws made of laws: products over axes, mixtures, and the draw of points with their circulations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde.laws.base import FloatArray, Law, as_points
from mfpde_solvers.grid import Grid

__all__ = ["Mixture", "Product", "draw"]


@dataclass(frozen=True)
class Product(Law):
    """Independent groups of coordinates, p(x) = Πⱼ pⱼ(xⱼ), in the order of the axes.

    Each factor is anything :func:`mfpde.laws.as_law` accepts.

    Examples
    --------
    >>> from mfpde.laws import Maxwellian, Perturbed, Product
    >>> Product((Perturbed(0.5, 0.1), Maxwellian())).dim
    2
    """

    laws: tuple[Law, ...]

    def __init__(self, laws: Sequence[Any]) -> None:
        object.__setattr__(self, "laws", _adapted(laws))

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return sum(law.dim for law in self.laws)

    @property
    def has_sampler(self) -> bool:
        """Whether ``rvs`` gives points."""
        return all(law.has_sampler for law in self.laws)

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        x = as_points(x, self.dim)
        groups = np.split(x, self._ends, axis=-1)
        return np.asarray(np.prod([law.pdf(y) for law, y in zip(self.laws, groups)], axis=0))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        return np.hstack([law.rvs(size, rng) for law in self.laws])

    def on(self, grid: Grid) -> Law:
        """The same law on the domain of ``grid``."""
        ends = [0, *self._ends, self.dim]
        parts = [Grid(grid.axes[i:j]) for i, j in pairwise(ends)]
        return Product([law.on(part) for law, part in zip(self.laws, parts)])

    @property
    def _ends(self) -> list[int]:
        return [int(n) for n in np.cumsum([law.dim for law in self.laws])[:-1]]

    def __repr__(self) -> str:
        return f"Product({', '.join(map(repr, self.laws))})"


@dataclass(frozen=True)
class Mixture(Law):
    """p = Σⱼ wⱼ pⱼ: a point is of kind j with probability wⱼ and then has the law pⱼ.

    Each component is anything :func:`mfpde.laws.as_law` accepts.

    Raises
    ------
    ValueError
        If the components differ in dimension, or the weights are not as many, negative, or do not sum to 1.
    """

    laws: tuple[Law, ...]
    weights: tuple[float, ...]

    def __init__(self, laws: Sequence[Any], weights: Sequence[float]) -> None:
        object.__setattr__(self, "laws", _adapted(laws))
        object.__setattr__(self, "weights", tuple(float(w) for w in weights))
        if len(self.weights) != len(self.laws):
            raise ValueError(
                f"a mixture needs one weight for each law, got {len(self.laws)} laws, {len(self.weights)}"
            )
        if not min(self.weights) >= 0 or not abs(sum(self.weights) - 1) <= 1e-9:
            raise ValueError(f"the weights of a mixture are >= 0 and sum to 1, got {self.weights}")
        if len({law.dim for law in self.laws}) > 1:
            raise ValueError(
                f"the laws of a mixture share one dimension, got {[law.dim for law in self.laws]}"
            )

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.laws[0].dim

    @property
    def has_sampler(self) -> bool:
        """Whether ``rvs`` gives points."""
        return all(law.has_sampler for law in self.laws)

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        return np.asarray(sum(w * law.pdf(x) for w, law in zip(self.weights, self.laws)))

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        return self.labelled(size, rng)[0]

    def labelled(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64]]:
        """``size`` points, shape (size, d), and the component each was drawn from, shape (size,)."""
        bounds = np.cumsum(self.weights)[:-1]
        labels = np.searchsorted(bounds, rng.random(size), side="right")
        points = np.empty((size, self.dim))
        for label, law in enumerate(self.laws):
            chosen = labels == label
            points[chosen] = law.rvs(int(chosen.sum()), rng)
        return points, labels

    def on(self, grid: Grid) -> Law:
        """The same law on the domain of ``grid``."""
        return Mixture([law.on(grid) for law in self.laws], self.weights)

    def __repr__(self) -> str:
        terms = (f"{w:g} {law!r}" for w, law in zip(self.weights, self.laws))
        return f"Mixture({' + '.join(terms)})"


def draw(law: Law, equation: Any, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """``size`` points of the law, shape (size, d), and their circulations, shape (size,).

    The circulations are 1 unless the equation names others. Where it names several, the law is a
    :class:`Mixture` with one component for each, and a point's circulation is that of its component.
    All randomness comes from the generator ``rng``.

    Raises
    ------
    ValueError
        If the equation has several circulations and the law is not a mixture of as many components.
    """
    circulations = np.asarray(getattr(equation, "circulations", (1.0,)), dtype=float)
    if circulations.size == 1:
        return law.rvs(size, rng), np.full(size, circulations[0])
    if not isinstance(law, Mixture) or len(law.laws) != circulations.size:
        raise ValueError(
            f"the equation has {circulations.size} circulations, so the law must be a laws.Mixture of as "
            f"many components, in their order; got {law!r}"
        )
    points, labels = law.labelled(size, rng)
    return points, circulations[labels]


def _adapted(laws: Sequence[Any]) -> tuple[Law, ...]:
    from mfpde.laws.adapters import adapted  # the adapters know every law, these included

    if not laws:
        raise ValueError("at least one law is needed, got none")
    return tuple(adapted(law) for law in laws)

"""Cell-centred tensor grids: axes, coordinates, wavenumbers and quadrature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["POSITIONS", "RADIAL", "VELOCITIES", "Axis", "Grid"]

POSITIONS = ("x", "y", "z")
VELOCITIES = ("v", "vx", "vy", "vz")
RADIAL = ("r", "vr", "L")
BOUNDARIES = ("periodic", "open")

Boundary = Literal["periodic", "open"]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One coordinate of a grid, cut into cells of equal width.

    The points are the cell centres ``lower + (i + 1/2) h`` with ``h = (upper - lower) / size``.

    Parameters
    ----------
    name : str
        ``x, y, z`` for positions; ``v`` for the velocity in one space dimension, ``vx, vy, vz`` otherwise;
        ``r, vr, L`` for radial data.
    lower, upper : float
        Ends of the interval (dimensionless).
    size : int
        Number of cells, at least 2.
    boundary : {"periodic", "open"}
        ``open`` is the whole line, cut to an interval outside which the density must be negligible.

    Raises
    ------
    ValueError
        If the name or boundary is unknown, the interval is empty or not finite, or ``size < 2``.

    Examples
    --------
    >>> Axis("x", 0.0, 1.0, 4).points
    array([0.125, 0.375, 0.625, 0.875])
    """

    name: str
    lower: float
    upper: float
    size: int
    boundary: Boundary = "periodic"

    def __post_init__(self) -> None:
        known = POSITIONS + VELOCITIES + RADIAL
        if self.name not in known:
            raise ValueError(f"axis name {self.name!r} is unknown; use one of {', '.join(known)}")
        if self.boundary not in BOUNDARIES:
            raise ValueError(
                f"boundary {self.boundary!r} of axis {self.name!r} is unknown; use 'periodic' or 'open'"
            )
        if not (np.isfinite(self.lower) and np.isfinite(self.upper) and self.lower < self.upper):
            raise ValueError(
                f"axis {self.name!r} needs finite lower < upper, got lower={self.lower}, upper={self.upper}"
            )
        if int(self.size) != self.size or self.size < 2:
            raise ValueError(f"axis {self.name!r} needs an integer size of at least 2, got {self.size}")
        object.__setattr__(self, "lower", float(self.lower))
        object.__setattr__(self, "upper", float(self.upper))
        object.__setattr__(self, "size", int(self.size))

    @property
    def periodic(self) -> bool:
        """Whether the axis is a circle."""
        return self.boundary == "periodic"

    @property
    def length(self) -> float:
        """Length ``upper - lower``."""
        return self.upper - self.lower

    @property
    def spacing(self) -> float:
        """Cell width ``h``."""
        return self.length / self.size

    @property
    def points(self) -> FloatArray:
        """Cell centres, shape ``(size,)``."""
        return np.asarray(self.lower + (np.arange(self.size) + 0.5) * self.spacing, dtype=float)

    @property
    def edges(self) -> FloatArray:
        """Cell edges, shape ``(size + 1,)``."""
        return np.asarray(self.lower + np.arange(self.size + 1) * self.spacing)

    @property
    def wavenumbers(self) -> FloatArray:
        """Angular wavenumbers ``2π m / length`` in the order of the discrete Fourier transform."""
        return np.asarray(2 * np.pi * np.fft.fftfreq(self.size, self.spacing), dtype=float)

    def wrap(self, x: ArrayLike) -> FloatArray:
        """Representative of ``x`` in ``[lower, upper)`` on a periodic axis; ``x`` itself on an open one."""
        x = np.asarray(x, dtype=float)
        if not self.periodic:
            return x
        wrapped = x - self.length * np.floor((x - self.lower) / self.length)
        return np.where(wrapped >= self.upper, self.lower, wrapped)


@dataclass(frozen=True)
class Grid:
    """Tensor product of axes, positions before velocities.

    A density is given by its values at the cell centres; sums times the cell volume integrate it
    (spectrally accurate for smooth data that are periodic or negligible at the ends).

    Raises
    ------
    ValueError
        If two axes share a name, or a velocity axis stands before a position axis.

    Examples
    --------
    >>> grid = Grid((Axis("x", 0.0, 2.0, 4), Axis("v", -1.0, 1.0, 8, "open")))
    >>> grid.shape, grid.cell_volume
    ((4, 8), 0.125)
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        names = self.names
        if not names:
            raise ValueError("a grid needs at least one axis")
        if len(set(names)) < len(names):
            raise ValueError(f"every axis of a grid needs its own name, got {', '.join(names)}")
        kinds = [name in VELOCITIES for name in names]
        if kinds != sorted(kinds):
            raise ValueError(f"position axes stand before velocity axes, got {', '.join(names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes, in order."""
        return tuple(axis.name for axis in self.axes)

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Cell width along each axis."""
        return tuple(axis.spacing for axis in self.axes)

    @property
    def cell_volume(self) -> float:
        """Product of the cell widths."""
        return prod(self.spacing)

    @cached_property
    def coordinates(self) -> tuple[FloatArray, ...]:
        """Cell centres of each axis, one array of shape ``(size,)`` per axis."""
        return tuple(axis.points for axis in self.axes)

    @cached_property
    def wavenumbers(self) -> tuple[FloatArray, ...]:
        """Angular wavenumbers of each axis, one array of shape ``(size,)`` per axis."""
        return tuple(axis.wavenumbers for axis in self.axes)

    @property
    def points(self) -> FloatArray:
        """All cell centres, shape ``(*shape, dim)``."""
        return np.stack(np.meshgrid(*self.coordinates, indexing="ij"), axis=-1)

    @property
    def positions(self) -> Grid:
        """The grid of the position axes alone."""
        return Grid(tuple(axis for axis in self.axes if axis.name not in VELOCITIES))

    @property
    def velocities(self) -> Grid:
        """The grid of the velocity axes alone."""
        return Grid(tuple(axis for axis in self.axes if axis.name in VELOCITIES))

    def index(self, name: str) -> int:
        """Place of the axis called ``name``; a ``ValueError`` lists the names there are."""
        if name not in self.names:
            raise ValueError(f"the grid has no axis {name!r}; it has {', '.join(self.names)}")
        return self.names.index(name)

    def __getitem__(self, name: str) -> Axis:
        return self.axes[self.index(name)]

    def select(self, names: Iterable[str]) -> Grid:
        """The grid of the named axes, in the order of the names."""
        return Grid(tuple(self[name] for name in names))

    def resized(self, sizes: Mapping[str, int]) -> Grid:
        """The same box with other numbers of cells, ``{"x": 128, ...}``."""
        for name in sizes:
            self.index(name)
        return Grid(tuple(replace(axis, size=sizes.get(axis.name, axis.size)) for axis in self.axes))

    def integrate(self, values: ArrayLike, axes: Iterable[str] | None = None) -> Any:
        """Integral by the midpoint rule over the named axes (all by default).

        ``values`` has the grid's shape in its last dimensions; the result keeps the others.
        """
        values = np.asarray(values)
        names = self.names if axes is None else tuple(axes)
        places = tuple(self.index(name) - self.dim for name in names)
        return values.sum(axis=places) * prod(self[name].spacing for name in names)

    def edge_mass(self, values: NDArray[Any]) -> dict[str, float]:
        """Mass of a density in the two outermost cells of each open axis, by name."""
        masses = {}
        for place, axis in enumerate(self.axes):
            if not axis.periodic:
                outermost = values.take([0, -1], axis=place)
                masses[axis.name] = float(np.abs(outermost).sum(dtype=float)) * self.cell_volume
        return masses

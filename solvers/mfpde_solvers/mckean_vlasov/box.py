"""The solver's own box: a grid that encloses the problem's grid, grows along open axes and coarsens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Axis, Grid

__all__ = ["Box"]

Array = NDArray[Any]
Sides = tuple[tuple[bool, bool], ...]

UNIT = 8  # cells by which boxes grow, so that they can be coarsened three times
GROWTH = 4  # a side moves out by this fraction of the length of the box
COARSEST = 3
EDGE = 2  # outermost cells looked at
NEGLIGIBLE = 1e-14  # of the maximum, at the ends of the box
NOISE = 10.0  # values below so many times the root mean square of the last modes are noise


@dataclass(frozen=True)
class Box:
    """Cells added below each axis of the problem's grid, cells of each axis, and halvings of their number.

    Cells are those of the problem's grid: box and grid have the same spacing but for the halvings.

    Examples
    --------
    >>> box = Box.of(Grid((Axis("x", -1.0, 1.0, 16, "open"),)))
    >>> box.grown(((False, True),)).domain.axes
    (Axis(name='x', lower=-1.0, upper=2.0, size=24, boundary='open'),)
    """

    grid: Grid
    below: tuple[int, ...]
    sizes: tuple[int, ...]
    halvings: tuple[int, ...]

    @classmethod
    def of(cls, grid: Grid) -> Box:
        """The problem's grid itself."""
        return cls(grid, (0,) * grid.dim, grid.shape, (0,) * grid.dim)

    @property
    def domain(self) -> Grid:
        """The grid of the box."""
        axes = []
        for axis, below, size, halving in zip(
            self.grid.axes, self.below, self.sizes, self.halvings, strict=True
        ):
            lower, h = axis.lower - below * axis.spacing, axis.spacing
            whole = size == axis.size  # keeps the bounds to the last bit
            upper = axis.upper if whole else lower + size * h
            axes.append(Axis(axis.name, lower, upper, size >> halving, axis.boundary))
        return Grid(tuple(axes))

    @property
    def inside(self) -> tuple[slice, ...]:
        """Where the problem's grid lies in the box without halvings."""
        return tuple(slice(b, b + n) for b, n in zip(self.below, self.grid.shape, strict=True))

    @property
    def lattices(self) -> list[tuple[tuple[slice, ...], tuple[float, ...]]]:
        """The cells of the box without halvings as shifted copies of its own: which, and the shift."""
        copies = []
        for axis, halving in zip(self.grid.axes, self.halvings, strict=True):
            step = 1 << halving
            copies.append([(slice(j, None, step), (j + 0.5 - step / 2) * axis.spacing) for j in range(step)])
        return [tuple(zip(*choice, strict=True)) for choice in product(*copies)]

    def full_sides(self, densities: Array, noise: Array) -> Sides | None:
        """The sides where a density is not negligible, ``None`` if it is at all.

        Negligible is what is below 1e-14 of the maximum, or below the waves that the cut-off of the series
        leaves everywhere: ten times ``noise``, the root mean square of the last modes of each density.
        """
        sides = [(False, False)] * self.grid.dim
        for ρ, last in zip(densities, noise, strict=True):
            floor = max(NEGLIGIBLE * float(max(ρ.max(), -ρ.min())), NOISE * float(last))
            for place, axis in enumerate(self.grid.axes):
                if not axis.periodic:
                    ends = [ρ[(slice(None),) * place + (end,)] for end in (slice(EDGE), slice(-EDGE, None))]
                    here = [bool(np.abs(values).max() > floor) for values in ends]
                    sides[place] = (sides[place][0] or here[0], sides[place][1] or here[1])
        return tuple(sides) if any(any(side) for side in sides) else None

    def grown(self, sides: Sides) -> Box:
        """The box with those sides moved out by a quarter of its length, to a size that transforms like."""
        from scipy.fft import next_fast_len

        below, sizes = list(self.below), list(self.sizes)
        for place, (lower, upper) in enumerate(sides):
            step = -(-sizes[place] // (GROWTH * UNIT)) * UNIT
            if lower or upper:
                wanted = sizes[place] + step * (lower + upper)
                size = UNIT * int(next_fast_len(-(-wanted // UNIT), real=True))
                extra = size - wanted
                shares = extra // (2 * UNIT) * UNIT if upper else extra // UNIT * UNIT
                below[place] += step * lower + (shares if lower else 0)
                sizes[place] = size
        return replace(self, below=tuple(below), sizes=tuple(sizes))

    def halved(self, place: int, change: int) -> Box | None:
        """The box with one halving more (1) or less (−1) along an axis; ``None`` if that is not possible."""
        halving = self.halvings[place] + change
        if (
            self.grid.axes[place].periodic
            or not 0 <= halving <= COARSEST
            or self.sizes[place] % (1 << halving)
        ):
            return None
        return replace(self, halvings=(*self.halvings[:place], halving, *self.halvings[place + 1 :]))

    def enclosed(self, densities: Array, other: Box) -> Array:
        """Densities on a box, continued by zero to this one of the same halvings."""
        result = np.zeros((len(densities), *self.domain.shape))
        places = [
            slice((mine - theirs) >> halving, ((mine - theirs) >> halving) + size)
            for mine, theirs, halving, size in zip(
                self.below, other.below, self.halvings, densities.shape[1:], strict=True
            )
        ]
        result[(slice(None), *places)] = densities
        return result

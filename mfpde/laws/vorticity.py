"""From a vorticity of both signs to the densities and circulations of vortices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from mfpde.dataset import grid_of
from mfpde.laws.base import FloatArray, Law, as_points
from mfpde.laws.combined import Mixture
from mfpde.laws.gridded import Gridded
from mfpde_solvers.grid import Grid

__all__ = ["InBox", "from_vorticity"]

MARGIN = 1.05  # of a bound over the largest value at the cell centres
NEGLIGIBLE_MEAN = 1e-6  # of a vorticity on a torus, over its largest value

Vorticity = Callable[[FloatArray], ArrayLike]


@dataclass(frozen=True)
class InBox(Law):
    """The law with a given density on the box of a grid, sampled by rejection from the uniform law.

    Parameters
    ----------
    density : callable
        Points (..., d) → (...), with mass 1 on the box.
    grid : Grid
        Its box.
    bound : float
        No value of the density is larger; a sampler that meets one raises ``ValueError``.
    """

    density: Vorticity
    grid: Grid
    bound: float

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.grid.dim

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density at points (..., d), shape (...)."""
        x = as_points(x, self.dim)
        inside = np.all([axis.periodic | self._within(axis, x[..., i]) for i, axis in self._axes], axis=0)
        return np.where(inside, np.asarray(self.density(x), dtype=float), 0.0)

    def rvs(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent points, shape (size, d)."""
        lower, length = (np.array([getattr(a, n) for a in self.grid.axes]) for n in ("lower", "length"))
        kept = np.empty((0, self.dim))
        while len(kept) < size:
            u = rng.random((2 * size + 8, self.dim + 1))
            x = lower + length * u[:, 1:]
            values = self.pdf(x)
            if values.max() > self.bound:
                raise ValueError(
                    f"the density {values.max():.6g} exceeds its bound {self.bound:.6g} between the cell "
                    "centres; refine the grid that it was made on"
                )
            kept = np.concatenate([kept, x[u[:, 0] * self.bound < values]])
        return kept[:size]

    @property
    def _axes(self) -> list[tuple[int, Any]]:
        return list(enumerate(self.grid.axes))

    @staticmethod
    def _within(axis: Any, x: FloatArray) -> Any:
        return (axis.lower <= x) & (x <= axis.upper)

    def __repr__(self) -> str:
        return f"InBox({getattr(self.density, '__qualname__', repr(self.density))}, bound={self.bound:g})"


@dataclass(frozen=True, repr=False)
class _Part:
    """(offset + sign · ω)₊ · factor."""

    vorticity: Vorticity
    sign: float
    offset: float
    factor: float

    def __call__(self, x: FloatArray) -> FloatArray:
        ω = np.asarray(self.vorticity(x), dtype=float)
        return np.asarray(np.maximum(self.offset + self.sign * ω, 0.0) * self.factor)

    def __repr__(self) -> str:
        name = getattr(self.vorticity, "__qualname__", type(self.vorticity).__name__)
        return f"{'+' if self.sign > 0 else '-'}{name}"


def from_vorticity(omega: Any, grid: Grid | None = None) -> tuple[Mixture, tuple[float, ...]]:
    """Densities ρ_m and circulations m with Σ m ρ_m = ω: the law of a problem, and those of its equation.

    On a torus T, ω of mean 0, ρ± = ½(1 ± ω/A)/|T| with m = ±A|T|, as smooth as ω. A is the largest |ω| on
    the grid; for a function 5 % more, so that no value in between is beyond it. On the plane
    ρ± = ω±/∫|ω| with m = ±∫|ω|, of the positive and negative parts; of one sign there is one circulation.

    Parameters
    ----------
    omega : DataArray or callable
        ω at cell centres, or points (..., 2) → (...). The densities of a DataArray are interpolated
        (multilinear), those of a function are exact on the box; both have exact samplers.
    grid : Grid
        Needed for a function, and only then: its axes, all periodic or all open.

    Returns
    -------
    Mixture, tuple of float
        The normalised ρ_m weighted by P(M = m), and m, for ``NavierStokes(viscosity, circulations)``.

    Raises
    ------
    TypeError
        If ``omega`` is neither, or a function comes without a grid.
    ValueError
        If ω vanishes, is not finite, has a mean on a torus, or the axes are of both kinds.

    Examples
    --------
    >>> from mfpde_solvers.grid import Axis, Grid
    >>> torus = Grid((Axis("x", 0.0, 2 * np.pi, 32), Axis("y", 0.0, 2 * np.pi, 32)))
    >>> law, circulations = from_vorticity(lambda x: np.cos(x[..., 0]) * np.cos(x[..., 1]), torus)
    >>> law.weights, len(circulations)
    ((0.5, 0.5), 2)
    """
    gridded = isinstance(omega, xr.DataArray)
    if gridded:
        if grid is not None:
            raise TypeError("a DataArray brings its own grid; leave grid out, or give a function")
        grid, values = _gridded(omega)
    elif callable(omega) and isinstance(grid, Grid):
        values = np.asarray(omega(grid.points), dtype=float)
    else:
        raise TypeError(f"omega must be a DataArray, or a function with a grid=Grid(…), got {omega!r}")
    _check(values, grid)
    split = _on_torus if grid.axes[0].periodic else _on_plane
    parts, circulations = split(values, grid, 1.0 if gridded else MARGIN)
    laws = [_law(omega, values, grid, part, gridded) for _, part in parts]
    return Mixture(laws, [weight for weight, _ in parts]), circulations


def _gridded(omega: xr.DataArray) -> tuple[Grid, FloatArray]:
    """Its grid and values, the axes in the order x, y."""
    grid = grid_of(omega)
    extra = [str(dim) for dim in omega.dims if dim not in grid.names]
    if extra:
        raise ValueError(
            f"the vorticity still has dimension {', '.join(extra)}; choose one entry, "
            f"e.g. omega.isel({extra[0]}=-1)"
        )
    grid = grid.select(sorted(grid.names))
    return grid, omega.transpose(*grid.names).values.astype(float)


Parts = list[tuple[float, tuple[float, float, float]]]
"""Weight, and (sign, offset, factor) of each component."""


def _on_torus(values: FloatArray, grid: Grid, margin: float) -> tuple[Parts, tuple[float, ...]]:
    largest, mean = np.abs(values).max(), values.mean()
    if abs(mean) > NEGLIGIBLE_MEAN * largest:
        raise ValueError(
            f"the vorticity has the mean {mean:.3g} on the torus, where only one of mean 0 has a velocity; "
            "subtract it"
        )
    A, area = float(largest * margin), prod(axis.length for axis in grid.axes)
    return [(0.5, (sign, A, 1 / (A * area))) for sign in (1.0, -1.0)], (A * area, -A * area)


def _on_plane(values: FloatArray, grid: Grid, margin: float) -> tuple[Parts, tuple[float, ...]]:
    masses = {sign: float(grid.integrate(np.maximum(sign * values, 0.0))) for sign in (1.0, -1.0)}
    total = sum(masses.values())
    signs = [sign for sign, mass in masses.items() if mass > 0]
    parts = [(masses[sign] / total, (sign, 0.0, 1 / masses[sign])) for sign in signs]
    return parts, tuple(sign * total for sign in signs)


def _law(omega: Any, values: FloatArray, grid: Grid, part: tuple[float, float, float], gridded: bool) -> Law:
    sign, offset, factor = part
    if gridded:
        return Gridded(np.maximum(offset + sign * values, 0.0) * factor, grid)
    density = _Part(omega, sign, offset, factor)
    return InBox(density, grid, MARGIN * float(density(grid.points).max()))


def _check(values: FloatArray, grid: Grid) -> None:
    if values.shape != grid.shape:
        raise ValueError(
            f"the vorticity maps points of shape {(*grid.shape, grid.dim)} to {values.shape}, it must map "
            f"(..., {grid.dim}) to (...)"
        )
    if not np.isfinite(values).all() or not values.any():
        raise ValueError("the vorticity must be finite everywhere and not vanish everywhere")
    if len({axis.periodic for axis in grid.axes}) > 1:
        raise ValueError("the vorticity lives on axes that are all periodic or all open")

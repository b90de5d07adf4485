"""From a limit equation to the field of its particles: K∗ω, or the coefficients a∗f and b∗f of collisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.coupling import LimitField, Snapshot
from mfpde.particles.fields import GridField
from mfpde_solvers.equations import Landau
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import Grid

__all__ = ["CollisionKernel", "MeanField"]

Array = NDArray[Any]


@dataclass(frozen=True)
class MeanField:
    """Which limit equation is solved for the field, where and how.

    Attributes
    ----------
    equation : Equation
        That of N particles, its parameters numbers.
    law : Law
        Of the initial points.
    grid : Grid
    solver : Solver
    """

    equation: Any
    law: Any = field(compare=False)
    grid: Grid
    solver: Any

    @property
    def space(self) -> Grid:
        """The axes that the field depends on: positions, or velocities where there are no others."""
        return self.grid if isinstance(self.equation, Landau) else self.grid.positions

    @property
    def numbers(self) -> int:
        """How many numbers a snapshot of the field holds: its components, and its source."""
        d = self.space.dim
        components = d + (d * (d + 1) // 2 if isinstance(self.equation, Landau) else 0)
        return (components + 1) * prod(self.space.shape)

    def start(self) -> LimitField:
        """The field from time 0 on."""
        from mfpde.laws import densities_on_grid, on_grid

        count = len(self.equation.circulations) if hasattr(self.equation, "circulations") else 1
        if count > 1:
            density = densities_on_grid(self.law, count, self.grid)
        else:
            density = on_grid(self.law, self.grid, getattr(self.solver, "dtype", "float64"))
        run = self.solver.prepare(self.equation, self.grid, density, copy=False)
        outputs: _CollisionCoefficients | _Interaction
        if isinstance(self.equation, Landau):
            kernel: Any = CollisionKernel(self.equation)
            outputs = _CollisionCoefficients(self.equation, self.grid)
        else:
            kernel, outputs = self.equation.kernel.on(self.grid), _Interaction(self.equation, self.grid)
        return LimitField(run, partial(GridField, kernel, self.space), outputs, self.numbers)

    def __str__(self) -> str:
        return f"{self.solver!r} on {self.grid!r}"


class _Interaction:
    """F = K∗ω from what a run observes, and ω = Σ m ρ_m or ρ = ∫ f dv where an axis is open."""

    def __init__(self, equation: Any, grid: Grid) -> None:
        self._grid, self._names = grid, grid.positions.names
        self._circulations = np.asarray(getattr(equation, "circulations", (1.0,)))
        self._open = any(not axis.periodic for axis in grid.positions.axes)

    def __call__(self, run: Run) -> Snapshot:
        observed = run.observe()
        F = np.stack([observed[f"mean_field_{name}"] for name in self._names])
        return F, self._source(observed["density"]) if self._open else None

    def _source(self, density: Array) -> Array:
        if density.ndim > self._grid.dim:
            density = np.tensordot(self._circulations, density, axes=1)
        elif self._circulations[0] != 1:
            density = self._circulations[0] * density
        velocities = self._grid.names[len(self._names) :]
        return np.array(self._grid.integrate(density, velocities), dtype=float)


@dataclass(frozen=True)
class CollisionKernel:
    """The components a₁₁, a₁₂, …, a_dd (upper triangle, row by row) and b₁ … b_d of a Landau equation."""

    equation: Landau

    def __call__(self, z: Array) -> Array:
        """(..., d) → (..., d(d+1)/2 + d)."""
        a = self.equation.matrix(z)
        upper = np.triu_indices(self.equation.dim)
        return np.concatenate([a[(..., *upper)], self.equation.vector(z)], axis=-1)


class _CollisionCoefficients:
    """The components of a∗f and b∗f from the density that a run observes, spectrally accurate."""

    def __init__(self, equation: Landau, grid: Grid) -> None:
        from mfpde_solvers.landau.convolution import spectral_convolution

        d = grid.dim
        self._matrices = d * (d + 1) // 2
        self._shape = (self._matrices + d, *grid.shape)
        self._convolution = spectral_convolution(equation.exponent, grid)

    def __call__(self, run: Run) -> Snapshot:
        f = np.array(run.observe()["density"], dtype=float)
        out = np.empty(self._shape)
        self._convolution.matrix(f, out[: self._matrices])
        self._convolution.vector(out[self._matrices :])
        return out, f

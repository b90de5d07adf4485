"""The part of a Vlasov equation that moves velocities at fixed positions, solved exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import expm1
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Grid
from mfpde_solvers.vlasov.fokker_planck import OrnsteinUhlenbeck
from mfpde_solvers.vlasov.force_gradient import ForceGradient
from mfpde_solvers.vlasov.moments import position_density

__all__ = ["Kick"]

Array = NDArray[Any]
Sweep = Callable[[Array, Any], float]


class Kick:
    """The flow of ∂ₜf + F·∇ᵥf = ζ div_v(v f) + σ Δᵥf with F = S + K∗ρ, which does not change during it.

    v ends at a v + F (1 − a)/ζ + noise with a = e^{−ζτ}: the Ornstein–Uhlenbeck semigroup of each axis, then
    a shift. Two kicks one after the other are one of the summed duration.

    Parameters
    ----------
    equation : Vlasov
        Its parameters are numbers.
    grid : Grid
        Positions and velocities.
    shifts : sequence
        Shifts along the velocity axes.
    gradient : bool
        Whether kicks with the force gradient will be asked for.
    positive : bool
        Keep the sign of f.
    dtype : float64 or float32
        Precision of the densities.
    """

    def __init__(
        self,
        equation: Vlasov,
        grid: Grid,
        shifts: Sequence[Sweep],
        *,
        gradient: bool,
        positive: bool,
        dtype: DTypeLike,
    ) -> None:
        self._grid, self._shifts = grid, shifts
        self._positions, self._velocities = grid.positions, grid.velocities
        self.convolution = Convolution(equation.kernel.on(grid), grid)
        self._gradient = ForceGradient(equation, grid, self.convolution) if gradient else None
        S = None if equation.drift is None else np.asarray(equation.drift(self._positions.points))
        self.external = None if S is None else np.moveaxis(S, -1, 0)
        ζ, σ = equation.friction, float(cast(float, equation.diffusion))
        self._friction = ζ
        self._semigroups = [
            OrnsteinUhlenbeck(grid.shape, self._positions.dim + i, axis, ζ, σ, positive=positive, dtype=dtype)
            for i, axis in enumerate(self._velocities.axes if ζ or σ else ())
        ]

    @property
    def memory(self) -> int:
        """Bytes of the field solver and of the buffers."""
        gradient = 0 if self._gradient is None else self._gradient.memory
        return self.convolution.memory + gradient + sum(part.memory for part in self._semigroups)

    def __call__(self, f: Array, duration: float, gradient: float = 0.0) -> float:
        """Advance ``f`` in place; the sum of the values that left through the ends of the velocity axes.

        ``gradient`` is the factor γ of the force gradient g: velocities move by F τ + γ g.

        Raises
        ------
        FloatingPointError
            If the force is not finite.
        """
        ρ = position_density(f, self._grid)
        F = self.convolution.field(ρ)
        if self.external is not None:
            F += self.external
        z = self._friction * duration
        Δv = F * (-expm1(-z) / z * duration if z else duration)
        if gradient and self._gradient is not None:
            Δv += gradient * self._gradient(ρ, F)
        if not np.isfinite(Δv).all():
            raise FloatingPointError("the field is not finite")
        lost = sum(semigroup(f, duration) for semigroup in self._semigroups)
        wide = (*self._positions.shape, *(1,) * self._velocities.dim)
        for shift, Δ, h in zip(self._shifts, Δv, self._velocities.spacing, strict=True):
            lost += shift(f, (Δ / h).reshape(wide))
        return lost

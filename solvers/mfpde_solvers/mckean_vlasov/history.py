"""The last steps of a run: extrapolation to the middle of the next one, error of the one just taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]

Array = NDArray[np.float64]

BRIEF = 1e-3  # of the first step: its third power is below tolerances, its inverse times round-off too
KEPT = 0.5  # share of the density below which an extrapolation does not fall


class History:
    """ρ at the last three times, and the values of the interaction at the last two.

    Before the first step it is the straight line through ρ₀ with slope ∂ₜρ, at times so close that it
    stands for the derivative.

    Parameters
    ----------
    density, values : array
        ρ₀ and its interaction values.
    derivative : array
        ∂ₜρ at the start.
    step : float
        Length of the first step to be tried.
    interaction : callable
        ρ ↦ values.
    """

    def __init__(
        self, density: Array, values: Array, derivative: Array, step: float, interaction: Any
    ) -> None:
        step *= BRIEF
        self.densities = [density, density - step * derivative, density - 2 * step * derivative]
        self._interaction = interaction
        self.values = [values, interaction(self.densities[1])]
        self._steps = (step, step)

    def middle(self, h: float) -> tuple[Array, Array]:
        """Density and interaction values extrapolated linearly by h/2; the density stays positive."""
        (ρ, before, _), (F, F_before) = self.densities, self.values
        r = h / (2 * self._steps[0])
        ρ_mid = ρ + r * (ρ - before)
        return np.maximum(ρ_mid, KEPT * ρ, out=ρ_mid), F + r * (F - F_before)

    def error(self, new: Array, h: float) -> float:
        """Local error of a step of length h, relative to the maximum of the density.

        The difference from the parabola through the last three times is (ρ‴/6) h(h + h₁)(h + h₁ + h₂), the
        error of the implicit midpoint rule about ρ‴h³/12.
        """
        from mfpde_solvers.mckean_vlasov.sums import departure

        h1, h2 = self._steps
        q = h * (h + h1) / (h1 + h2)
        weights = np.array([1 + (h + q) / h1, -(h + q) / h1 - q / h2, q / h2])
        gap, largest = departure(new.reshape(-1), weights, *(ρ.reshape(-1) for ρ in self.densities))
        return gap / largest * h * h / (2 * (h + h1) * (h + h1 + h2)) if gap else 0.0

    def append(self, new: Array, values: Array, h: float) -> None:
        """Accept a step."""
        self.densities = [new, *self.densities[:2]]
        self.values = [values, self.values[0]]
        self._steps = (h, self._steps[0])

    def state(self) -> dict[str, Any]:
        """Densities and steps."""
        return {"history": np.stack(self.densities), "steps": np.array(self._steps)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self.densities = list(np.array(state["history"]))
        self.values = [self._interaction(ρ) for ρ in self.densities[:2]]
        self._steps = tuple(np.asarray(state["steps"]).tolist())

"""Balances of a finite-volume run: the free energy that must not increase, the virial law that must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels.radial import RadialPower
from mfpde_solvers.mckean_vlasov.faces import Faces

__all__ = ["FreeEnergy", "VirialLaw", "increased"]

Array = NDArray[np.float64]

ROUND_OFF = 1e-13  # of the terms of the energy, with the error of their sums


class FreeEnergy:
    """E = σ Σ ρ log ρ + ½ Σ ρ Vρ times the cell volume, with the matrix V by which the potential is computed.

    There is none, and nothing is checked, for kernels that are not gradients, for a V that is not
    symmetric, with an external drift or with several circulations.

    Parameters
    ----------
    equation : FirstOrder
    faces : Faces
    """

    def __init__(self, equation: FirstOrder, faces: Faces) -> None:
        self._σ, self._volume = faces.diffusion, faces.grid.cell_volume
        alone = equation.drift is None and equation.circulations == (1.0,)
        self.exists = faces.gradient and alone and _symmetric(faces)

    def terms(self, ρ: Array, values: Array) -> tuple[float, float]:
        """σ∫ρ log ρ and ½∫ρ V∗ρ of a density and its potential; zeros if there is no energy."""
        from mfpde_solvers.mckean_vlasov.sums import entropy

        if not self.exists:
            return 0.0, 0.0
        disorder = self._σ * entropy(ρ.reshape(-1)) if self._σ else 0.0
        return self._volume * disorder, 0.5 * self._volume * float(np.vdot(ρ[0], values[0]))


def increased(before: tuple[float, float], after: tuple[float, float]) -> bool:
    """Whether the sum of the terms has increased by more than round-off."""
    scale = max(abs(term) for term in (*before, *after))
    return sum(after) > sum(before) + ROUND_OFF * scale


def _symmetric(faces: Faces) -> bool:
    """Whether Σ f Vg = Σ g Vf for two densities without symmetry."""
    cells = np.arange(np.prod(faces.grid.shape), dtype=float).reshape(faces.grid.shape)
    f, g = 1 + np.sin(cells), 1 + np.cos(cells * np.sqrt(2))
    there, back = (float(np.vdot(a, faces.values(b)[0])) for a, b in ((f, g), (g, f)))
    return abs(there - back) <= 1e-10 * max(abs(there), abs(back))


class VirialLaw:
    """∫|x|²ρ = its first value + (2dσM − λM²) t for K = −λ z/|z|² on the whole space without external drift.

    Parameters
    ----------
    equation : FirstOrder
    grid : Grid
    density : array (1, *grid.shape)
        ρ₀.
    """

    def __init__(self, equation: FirstOrder, grid: Grid, density: Array) -> None:
        kernel = equation.kernel
        self._grid = grid
        self.holds = (
            isinstance(kernel, RadialPower)
            and kernel.order == 0
            and kernel.ε == 0
            and equation.drift is None
            and equation.circulations == (1.0,)
            and not any(axis.periodic for axis in grid.axes)
        )
        self._law = np.zeros(2)
        if self.holds:
            assert isinstance(kernel, RadialPower)
            M = float(grid.integrate(density[0]))
            rate = 2 * grid.dim * float(equation.diffusion) * M + kernel.strength * M * M  # type: ignore[arg-type]
            self._law = np.array([self._second_moment(density), rate])

    def _second_moment(self, ρ: Array) -> float:
        return sum(
            float(
                self._grid.integrate(
                    ρ[0] * np.expand_dims(x**2, [j for j in range(self._grid.dim) if j != place])
                )
            )
            for place, x in enumerate(self._grid.coordinates)
        )

    def departure(self, ρ: Array, time: float) -> dict[str, float]:
        """``virial_departure``, if the law holds."""
        if not self.holds:
            return {}
        first, rate = self._law.tolist()
        return {"virial_departure": self._second_moment(ρ) - first - rate * time}

    def state(self) -> dict[str, Any]:
        """First value and rate."""
        return {"virial": self._law}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self._law = np.array(state["virial"])

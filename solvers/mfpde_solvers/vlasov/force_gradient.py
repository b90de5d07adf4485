"""The force gradient of the mean field: what a kick of a splitting of order six sees beside the force.

In the Poisson bracket of the mean-field Hamiltonian, with T = ½∫|v|²f and the force F = S + K∗ρ of the
potential part V, half of {V, {T, V}} generates the force

    g_a = Σ_b F_b ∂_b F_a − Σ_b ∂_b K_a ∗ (ρ F_b),

for N particles Σ_j (1/N) ∇K(xᵢ − xⱼ)(Fᵢ − Fⱼ) + ∇S Fᵢ: the force at xᵢ changes as xᵢ and xⱼ move along F.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.fourier import RealTransform, half_wavenumbers
from mfpde_solvers.grid import Grid

__all__ = ["ForceGradient"]

Array = NDArray[Any]

# central difference of order eight, of f(x + mη) − f(x − mη) for m = 1 … 4, over η
CENTRAL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)


class ForceGradient:
    """The map (ρ, F) ↦ g on the positions of a grid.

    Derivatives are moved to ρ and ρF, (∂K) ∗ ρ = K ∗ ∂ρ, and taken by Fourier series of the box: exact for
    resolved densities, which vanish at the ends of open axes. The external force, known everywhere, is
    differentiated by central differences of order eight.

    Parameters
    ----------
    equation : Vlasov
    grid : Grid
    convolution : Convolution
        Of the kernel of the equation on the grid.
    """

    def __init__(self, equation: Vlasov, grid: Grid, convolution: Convolution) -> None:
        self._convolution = convolution
        positions = grid.positions
        self._transform = RealTransform(positions.shape)
        k = half_wavenumbers(positions.wavenumbers)
        highest = [np.pi / h * (1 - 1e-9) for h in positions.spacing]
        # the highest mode of an even axis has no partner, and so no real derivative
        self._derivatives = [1j * np.where(np.abs(c) < m, c, 0.0) for c, m in zip(k, highest, strict=True)]
        self._external = None if equation.drift is None else _jacobian(equation.drift, positions)

    @property
    def memory(self) -> int:
        """Bytes of buffers and of the derivatives of the external force."""
        return self._transform.memory + (0 if self._external is None else self._external.nbytes)

    def __call__(self, density: Array, force: Array) -> Array:
        """The force gradient, ``(d, *shape)``, for ρ of shape ``shape`` and F of shape ``(d, *shape)``."""
        spectrum = self._transform.forward(density).copy()
        g = np.zeros_like(force)
        flux = np.zeros_like(spectrum)
        for F_b, ik in zip(force, self._derivatives, strict=True):
            g += self._convolution.field(self._transform.backward(ik * spectrum)) * F_b
            flux += ik * self._transform.forward(density * F_b)
        g -= self._convolution.field(self._transform.backward(flux))
        if self._external is not None:
            g += np.einsum("ab...,b...->a...", self._external, force)
        return g


def _jacobian(drift: Any, positions: Grid) -> Array:
    """∂_b S_a at the cell centres, shape ``(d, d, *shape)``."""
    x, columns = positions.points, []
    for b, h in enumerate(positions.spacing):
        η = h / 4 * np.eye(positions.dim)[b]
        ahead = (c * np.asarray(drift(x + m * η)) for m, c in enumerate(CENTRAL, 1))
        behind = (c * np.asarray(drift(x - m * η)) for m, c in enumerate(CENTRAL, 1))
        columns.append((sum(ahead) - sum(behind)) / (h / 4))
    return np.moveaxis(np.stack(columns, axis=-1), (-2, -1), (0, 1))

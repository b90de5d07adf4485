"""The nonlinear part of a first-order equation in Fourier coefficients: −div(ρ_m (S + K∗ω))."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.dealiased import DealiasedTransform
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid
from mfpde_solvers.mckean_vlasov.densities import external_drift, vorticity
from mfpde_solvers.mckean_vlasov.fields import FreeSpaceField, SpectralField

__all__ = ["Transport"]

Array = NDArray[Any]


class Transport:
    """ρ̂_m ↦ −i k·(ρ_m u)^ with u = S + K∗ω, for each circulation m.

    Attributes
    ----------
    density : array (circulations, *shape)
        The densities of the last evaluation.
    rate : float
        Σ max|uᵢ| kᵢ + max|ω| max|k·K̂| at the largest wavenumbers kept, of the last evaluation: a bound of the
        frequencies of the linearised equation.
    """

    def __init__(
        self,
        equation: FirstOrder,
        grid: Grid,
        transform: DealiasedTransform,
        k: tuple[Array, ...],
        field: SpectralField | FreeSpaceField,
    ) -> None:
        self._equation, self._transform, self._k, self._field = equation, transform, k, field
        self._S = external_drift(equation, grid)
        self._largest = [float(np.abs(component).max()) for component in k]
        self.density = np.empty((len(equation.circulations), *grid.shape))
        self._u = np.empty((grid.dim, *grid.shape))
        self._flux, self._coefficients = (
            np.empty(grid.shape),
            np.empty(transform.spectral_shape, complex),
        )
        self.rate = 0.0

    @property
    def memory(self) -> int:
        """Bytes of the fields; the transform and the field solver are counted by their owner."""
        arrays = [self.density, self._u, self._flux, self._coefficients, self._S]
        return sum(int(array.nbytes) for array in arrays if array is not None)

    def velocity(self, ρ_hat: Array) -> Array:
        """Velocity S + K∗ω at the cell centres, valid until the next evaluation; sets ``density`` too."""
        for coefficients, ρ in zip(ρ_hat, self.density, strict=True):
            self._transform.to_real(coefficients, ρ)
        ω = vorticity(self.density, self._equation)
        self._field.velocity(vorticity(ρ_hat, self._equation), ω, self._u)
        if self._S is not None:
            self._u += self._S
        speeds = [float(np.abs(component).max()) for component in self._u]
        self.rate = sum(s * k for s, k in zip(speeds, self._largest, strict=True))
        self.rate += float(np.abs(ω).max()) * self._field.stiffness
        return self._u

    def __call__(self, state: Array, out: Array) -> None:
        """Write the coefficients of −div(ρ_m u), shape (circulations · rows, …), to ``out``."""
        shape = (len(self.density), *self._transform.spectral_shape)
        u = self.velocity(state.reshape(shape))
        for ρ, result in zip(self.density, out.reshape(shape), strict=True):
            result[...] = 0.0
            for component, k in zip(u, self._k, strict=True):
                np.multiply(ρ, component, out=self._flux)
                self._transform.to_spectrum(self._flux, self._coefficients)
                self._coefficients *= -1j * k
                result += self._coefficients

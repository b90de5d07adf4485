"""The velocity S + K ∗ ω and the potential V ∗ ω of densities given by their Fourier coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.dealiased import DealiasedTransform
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import DomainKernel

__all__ = ["FreeSpaceField", "SpectralField", "field_of"]

Array = NDArray[Any]


class SpectralField:
    """K ∗ ω on a torus: the coefficients of ω times K̂(k), for the wavenumbers of a dealiased transform."""

    def __init__(self, kernel: DomainKernel, transform: DealiasedTransform, k: tuple[Array, ...]) -> None:
        self._transform = transform
        symbols = np.moveaxis(kernel.symbol(*k), -1, 0)
        self.symbols: list[Array | None] = [K if K.any() else None for K in symbols]
        flux = sum(component * K for component, K in zip(k, symbols, strict=True))
        self.stiffness = float(np.abs(flux).max())
        k2 = sum(component**2 for component in k)
        self._potential = 1j * flux / np.where(k2 == 0, 1.0, k2) if kernel.has_potential else None

    @property
    def memory(self) -> int:
        """Bytes of the tables."""
        tables = [*self.symbols, self._potential]
        return sum(int(table.nbytes) for table in tables if table is not None)

    def velocity(self, coefficients: Array, values: Array, out: Array) -> None:
        """Write K ∗ ω of shape (d, *shape) to ``out``."""
        for symbol, component in zip(self.symbols, out, strict=True):
            if symbol is None:
                component[...] = 0.0
            else:
                self._transform.to_real(symbol * coefficients, component)

    def potential(self, coefficients: Array, values: Array) -> Array | None:
        """V ∗ ω, ``None`` if K is not a gradient."""
        if self._potential is None:
            return None
        return self._transform.to_real(self._potential * coefficients, np.empty(self._transform.shape))


class FreeSpaceField:
    """K ∗ ω where axes are open, by :class:`mfpde_solvers.convolution.Convolution` from the values of ω."""

    def __init__(self, kernel: DomainKernel, grid: Grid) -> None:
        self._convolution = Convolution(kernel, grid)
        self.stiffness, self.memory = self._convolution.stiffness, self._convolution.memory

    def velocity(self, coefficients: Array, values: Array, out: Array) -> None:
        """Write K ∗ ω of shape (d, *shape) to ``out``."""
        out[...] = self._convolution.field(values)

    def potential(self, coefficients: Array, values: Array) -> Array | None:
        """V ∗ ω, ``None`` if K is not a gradient."""
        return self._convolution.potential(values)


def field_of(
    kernel: DomainKernel, grid: Grid, transform: DealiasedTransform, k: tuple[Array, ...]
) -> SpectralField | FreeSpaceField:
    """The field solver of a kernel on the grid that the transform belongs to."""
    return SpectralField(kernel, transform, k) if kernel.periodic else FreeSpaceField(kernel, grid)

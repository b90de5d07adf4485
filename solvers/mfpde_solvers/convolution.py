"""Fields of a density: K ∗ ρ and V ∗ ρ on the torus and in free space, spectrally accurate for smooth ρ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.fourier import RealTransform, half_wavenumbers
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import DomainKernel

__all__ = ["Convolution"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Convolution:
    """The map ρ ↦ K ∗ ρ for densities at the cell centres of a grid.

    On a torus the Fourier coefficients of ρ are multiplied by K̂ (without the unpaired highest mode). In
    free space K is replaced by a compactly supported kernel that agrees with it on every offset inside the
    box (Vico, Greengard & Ferrando 2016), whose transform is smooth; the transforms at run time have twice
    the size of the grid.

    Parameters
    ----------
    kernel : DomainKernel
    grid : Grid
        Its position axes are used; the density must be negligible at the ends of open ones.

    Attributes
    ----------
    stiffness : float
        max |k·K̂(k)|: times the density it is the square of the fastest linear frequency.
    """

    def __init__(self, kernel: DomainKernel, grid: Grid) -> None:
        positions = grid.positions
        self._shape = positions.shape
        if kernel.periodic:
            self._padded = positions.shape
            k = half_wavenumbers(positions.wavenumbers)
            self._force = kernel.symbol(*k) * self._paired(positions)[..., None]
            self._potential = _potential_symbol(kernel, self._force, k)
        else:
            self._padded = tuple(2 * n for n in positions.shape)
            k = half_wavenumbers(_wavenumbers(self._padded, positions.spacing))
            self._force, self._potential = _free_space(kernel, positions)
        self._transform = RealTransform(self._padded)
        flux = sum(component * self._force[..., i] for i, component in enumerate(k))
        self.stiffness = float(np.abs(flux).max())

    @staticmethod
    def _paired(positions: Grid) -> NDArray[np.bool_]:
        """False at the highest mode of an even axis, where an odd symbol has no real representative."""
        highest = [np.pi / h * (1 - 1e-9) for h in positions.spacing]
        k = half_wavenumbers(positions.wavenumbers)
        below = np.broadcast_arrays(*(np.abs(c) < m for c, m in zip(k, highest, strict=True)))
        return np.asarray(np.all(below, axis=0))

    @property
    def memory(self) -> int:
        """Bytes of symbols and buffers."""
        potential = 0 if self._potential is None else self._potential.nbytes
        return self._force.nbytes + potential + self._transform.memory

    def field(self, density: FloatArray) -> FloatArray:
        """K ∗ ρ at the cell centres, shape ``(d, *shape)``."""
        spectrum = self._spectrum(density)
        return np.stack([self._inverse(spectrum * self._force[..., i]) for i in range(self._force.shape[-1])])

    def potential(self, density: FloatArray) -> FloatArray | None:
        """V ∗ ρ at the cell centres (zero mean on a torus), ``None`` if K is not a gradient."""
        return None if self._potential is None else self._inverse(self._spectrum(density) * self._potential)

    def _spectrum(self, density: FloatArray) -> ComplexArray:
        if density.shape == self._padded:
            return self._transform.forward(density).copy()
        padded = np.zeros(self._padded)
        padded[tuple(slice(0, n) for n in self._shape)] = density
        return self._transform.forward(padded).copy()

    def _inverse(self, spectrum: ComplexArray) -> FloatArray:
        return self._transform.backward(spectrum)[tuple(slice(0, n) for n in self._shape)]


def _wavenumbers(shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(2 * np.pi * np.fft.fftfreq(n, h)) for n, h in zip(shape, spacing, strict=True))


def _potential_symbol(kernel: DomainKernel, force: ComplexArray, k: list[FloatArray]) -> ComplexArray | None:
    """V̂ = i k·K̂/|k|², as K = −∇V."""
    if kernel.kernel.potential_formula((None,) * kernel.dim) is None:
        return None
    k2 = sum(component**2 for component in k)
    flux = sum(component * force[..., i] for i, component in enumerate(k))
    return np.asarray(1j * flux / np.where(k2 == 0, 1.0, k2))


def _free_space(kernel: DomainKernel, positions: Grid) -> tuple[ComplexArray, ComplexArray | None]:
    """Symbols on the doubled grid, by way of a table of the truncated kernel on all offsets of the box."""
    from scipy.fft import next_fast_len

    radius = max(axis.length for axis in positions.axes)
    reach = kernel.kernel.reach(radius)
    # an image of the truncated kernel must not reach back into the offsets −n … n−1
    large = tuple(
        max(
            2 * axis.size, next_fast_len(int(np.ceil((axis.length + reach) / axis.spacing - 1e-9)), real=True)
        )
        for axis in positions.axes
    )
    k = half_wavenumbers(_wavenumbers(large, positions.spacing))
    force = kernel.truncated_symbol(radius, *k)
    components = [_cut(force[..., i], large, positions.shape) for i in range(kernel.dim)]
    formula = kernel.kernel.truncated_potential_formula(radius)
    potential = None if formula is None else _cut(formula(*k).astype(complex), large, positions.shape)
    return np.stack(components, axis=-1), potential


def _cut(symbol: ComplexArray, large: tuple[int, ...], shape: tuple[int, ...]) -> ComplexArray:
    """The symbol on the doubled grid of the kernel whose symbol on the large grid is given."""
    double = tuple(2 * n for n in shape)
    if large == double:
        return symbol
    table = np.fft.irfftn(symbol, large, axes=tuple(range(len(large))))
    for axis, n in enumerate(shape):
        table = np.concatenate([table.take(range(n), axis), table.take(range(-n, 0), axis)], axis)
    return np.fft.rfftn(table)

"""Fields of a density: K ∗ ρ and V ∗ ρ for periodic and open axes, spectrally accurate for smooth ρ."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import hypot, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.fourier import RealTransform
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import DomainKernel

__all__ = ["Convolution"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Parity = tuple[int, ...]
Symbol = Callable[..., ComplexArray]
Part = tuple[Parity, FloatArray]
"""A part (−i)^{|p|} B(k) of a transform with parity p: B is real, kept for k ≥ 0 only."""
Tables = tuple[list[list[Part]], list[Part] | None]
"""Parts of each component of the force, and of the potential if there is one."""

BLOCK = 2**19  # wavevectors at a time when tables are made


class Convolution:
    """The map ρ ↦ K ∗ ρ for densities at the cell centres of a grid.

    Along periodic axes the Fourier coefficients of ρ are multiplied by K̂ (without the unpaired highest
    mode). Along open axes K is replaced by a compactly supported kernel that agrees with it on every
    offset inside the box (Vico, Greengard & Ferrando 2016), whose transform is smooth; the transforms at
    run time have twice the size of the grid. Tables are real and hold one octant of wavenumbers.

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
        axes = grid.positions.axes
        self._box = tuple(slice(0, axis.size) for axis in axes)
        self._shape = tuple(axis.size if axis.periodic else 2 * axis.size for axis in axes)
        self._force, self._potential = _integrated(kernel, axes) or _evaluated(kernel, axes)
        self._transform = RealTransform(self._shape)
        still = kernel.kernel.divergence_free
        self.stiffness = 0.0 if still else _stiffness(self._force, axes, self._shape)

    @property
    def memory(self) -> int:
        """Bytes of tables and buffers."""
        parts = [part for component in self._force for part in component] + (self._potential or [])
        tables = sum(table.nbytes for _, table in parts)
        return tables + self._transform.memory

    def field(self, density: FloatArray) -> FloatArray:
        """K ∗ ρ at the cell centres, shape ``(d, *shape)``."""
        spectrum = self._spectrum(density)
        return np.stack([self._apply(parts, spectrum) for parts in self._force])

    def potential(self, density: FloatArray) -> FloatArray | None:
        """V ∗ ρ at the cell centres (zero mean on a torus), ``None`` if K is not a gradient."""
        return None if self._potential is None else self._apply(self._potential, self._spectrum(density))

    def _spectrum(self, density: FloatArray) -> ComplexArray:
        transform = self._transform
        if density.shape != self._shape:
            transform.real[...] = 0.0
        transform.real[self._box] = density
        transform.to_spectrum()
        return np.array(transform.spectrum)

    def _apply(self, parts: list[Part], spectrum: ComplexArray) -> FloatArray:
        transform = self._transform
        if not parts:
            return np.zeros(tuple(side.stop for side in self._box))
        _multiply(*parts[0], spectrum, transform.spectrum)
        for parity, table in parts[1:]:
            transform.spectrum += _multiply(parity, table, spectrum, np.empty_like(spectrum))
        transform.to_real()
        return np.asarray(transform.real[self._box] * transform.scale)


def _multiply(parity: Parity, table: FloatArray, spectrum: ComplexArray, out: ComplexArray) -> ComplexArray:
    """The spectrum times (−i)^{|p|} B(k), octant by octant; the last axis holds k ≥ 0 only."""
    sides = []
    for n, size, odd in zip(spectrum.shape[:-1], table.shape[:-1], parity[:-1], strict=True):
        sides.append(
            [(slice(0, size), slice(0, size), 1), (slice(size, n), slice(n - size, 0, -1), 1 - 2 * odd)]
        )
    phase = (1, -1j, -1, 1j)[sum(parity) % 4]
    for octant in product(*sides):
        place = tuple(there for there, _, _ in octant)
        factor = phase * prod(sign for _, _, sign in octant)
        mirrored = table[tuple(here for _, here, _ in octant)]
        np.multiply(spectrum[place], mirrored if factor == 1 else factor * mirrored, out=out[place])
    return out


def _evaluated(kernel: DomainKernel, axes: tuple[Axis, ...]) -> Tables:
    """Tables of force and potential from their formulas."""
    force, potential = _symbols(kernel, axes)
    parities = kernel.kernel.parities
    return (
        [_tables(lambda *k, i=i: force(*k)[..., i], parities[i], axes, kernel) for i in range(len(axes))],
        None if potential is None else _tables(potential, kernel.kernel.potential_parities, axes, kernel),
    )


def _integrated(kernel: DomainKernel, axes: tuple[Axis, ...]) -> Tables | None:
    """Tables of a kernel that integrates over the box of all offsets by itself; ``None`` for others."""
    sizes = [axis.size // 2 if axis.periodic else _enlarged(axis, axis.length) for axis in axes]
    halves = tuple(axis.length / 2 if axis.periodic else axis.length for axis in axes)
    spacings = tuple(
        2 * np.pi / axis.length if axis.periodic else np.pi / (size * axis.spacing)
        for axis, size in zip(axes, sizes, strict=True)
    )
    octants = kernel.kernel.octants(halves, spacings, tuple(size + 1 for size in sizes))
    if octants is None:
        return None

    def parts(octant: FloatArray) -> list[Part]:
        found = []
        for parity in product((0, 1), repeat=len(axes)):
            table = octant[parity].copy()
            if kernel.periodic:
                table[(0,) * len(axes)] = 0.0
            for place, axis in enumerate(axes):
                table = _to_run_time(table, place, axis, parity[place])
            if table.any():
                found.append((parity, np.ascontiguousarray(table)))
        return found

    force, potential = octants
    return [parts(component) for component in force], None if potential is None else parts(potential)


def _symbols(kernel: DomainKernel, axes: tuple[Axis, ...]) -> tuple[Symbol, Symbol | None]:
    """Transforms of force and potential to be tabulated; V̂ = i k·K̂/|k|² on a torus, as K = −∇V."""
    gradient = kernel.has_potential
    if kernel.periodic:

        def potential(*k: FloatArray) -> ComplexArray:
            k2 = sum(component**2 for component in k)
            K = kernel.symbol(*k)
            flux = sum(component * K[..., i] for i, component in enumerate(k))
            return np.asarray(1j * flux / np.where(k2 == 0, 1.0, k2))

        return kernel.symbol, potential if gradient else None
    radius = _diagonal(axes)
    truncated = kernel.truncated_potential if gradient else None
    return (
        lambda *k: kernel.truncated_symbol(radius, *k),
        None if truncated is None else lambda *k: truncated(radius, *k),
    )


def _diagonal(axes: tuple[Axis, ...]) -> float:
    """Diameter of the box of the open axes."""
    return hypot(*(axis.length for axis in axes if not axis.periodic))


def _tables(
    symbol: Symbol, parities: tuple[Parity, ...], axes: tuple[Axis, ...], kernel: DomainKernel
) -> list[Part]:
    """The parts of a symbol at the wavenumbers of run time, in blocks of the first axis."""
    reach = kernel.reach(_diagonal(axes))
    wavenumbers = [_octant(axis, reach) for axis in axes]
    parts: list[Part] = []
    for parity in parities:
        rows = max(1, BLOCK // prod(k.size for k in wavenumbers[1:]))
        first = wavenumbers[0]
        blocks = []
        for start in range(0, first.size, rows):
            k = np.meshgrid(first[start : start + rows], *wavenumbers[1:], indexing="ij", sparse=True)
            block = _part(symbol, parity, parities, k)
            for place in range(1, len(axes)):
                block = _to_run_time(block, place, axes[place], parity[place])
            blocks.append(block)
        table = _to_run_time(np.concatenate(blocks), 0, axes[0], parity[0])
        if table.any():
            parts.append((parity, np.ascontiguousarray(table)))
    return parts


def _octant(axis: Axis, reach: float) -> FloatArray:
    """Wavenumbers k ≥ 0 at which the symbol is evaluated."""
    if axis.periodic:
        return np.asarray(2 * np.pi / axis.length * np.arange(axis.size // 2 + 1))
    half = _enlarged(axis, reach)
    return np.asarray(np.pi / (half * axis.spacing) * np.arange(half + 1))


def _part(symbol: Symbol, parity: Parity, parities: tuple[Parity, ...], k: Any) -> FloatArray:
    """B with that parity: the symbol itself if it has no other part, else its mean over reflections."""
    flips = list(product((1, -1), repeat=len(k))) if len(parities) > 1 else [(1,) * len(k)]
    total: Any = 0.0
    for flip in flips:
        sign = prod(f for f, odd in zip(flip, parity, strict=True) if odd)
        total = total + sign * symbol(*(f * component for f, component in zip(flip, k, strict=True)))
    return np.asarray((1j ** sum(parity) * total / len(flips)).real)


def _enlarged(axis: Axis, reach: float) -> int:
    """Half the cells of a box so long that no image of the truncated kernel reaches offsets −n … n."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(int(np.ceil((axis.length + reach) / (2 * axis.spacing) - 1e-9)), real=True))


def _to_run_time(symbol: FloatArray, place: int, axis: Axis, odd: int) -> FloatArray:
    """The symbol along one axis at the wavenumbers of run time.

    Open axes: by way of the values of the kernel at the offsets 0 … n, which the sine or cosine transforms
    of the type I give; multiplying on a doubled grid by the symbol itself would wrap around. Periodic axes:
    the unpaired highest mode of an even number of cells is left out.
    """
    from scipy.fft import dct, dst

    along = np.moveaxis(symbol, place, -1)
    n, half = axis.size, along.shape[-1] - 1
    if axis.periodic:
        if n % 2 == 0:
            along[..., -1] = 0.0
        return symbol
    if odd:
        table = dst(along[..., 1:-1], type=1)[..., : n - 1]
        inner = dst(table, type=1) / (2 * half)
        result = np.zeros((*inner.shape[:-1], n + 1))
        result[..., 1:-1] = inner
    else:
        result = dct(dct(along, type=1)[..., : n + 1], type=1) / (2 * half)
    return np.moveaxis(result, -1, place)


def _stiffness(force: list[list[Part]], axes: tuple[Axis, ...], shape: tuple[int, ...]) -> float:
    """Largest |k·K̂| over the wavenumbers of run time."""
    modes = [2 * np.pi / (n * a.spacing) * np.arange(n // 2 + 1) for n, a in zip(shape, axes, strict=True)]
    k = np.meshgrid(*modes, indexing="ij", sparse=True)
    alike = all(len(parts) <= 1 for parts in force)
    largest = 0.0
    for flip in [(1,) * len(k)] if alike else product((1, -1), repeat=len(k)):
        flux: Any = 0.0
        for component, f, parts in zip(k, flip, force, strict=True):
            for parity, table in parts:
                sign = f * prod(g for g, odd in zip(flip, parity, strict=True) if odd)
                flux = flux + sign * (-1j) ** sum(parity) * (component * table)
        largest = max(largest, float(np.abs(flux).max(initial=0.0)))
    return largest

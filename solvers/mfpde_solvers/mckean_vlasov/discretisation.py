"""A first-order equation on one grid: coefficients, their linear and nonlinear terms, and fields in space."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.dealiased import DealiasedTransform
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import BiotSavart
from mfpde_solvers.mckean_vlasov.densities import external_drift, vorticity
from mfpde_solvers.mckean_vlasov.fields import FreeSpaceField, SpectralField, field_of
from mfpde_solvers.mckean_vlasov.transport import Transport
from mfpde_solvers.navier_stokes import VorticityTransport

__all__ = ["Discretisation"]

Array = NDArray[Any]

HYPERVISCOUS_ORDER = 16
THREADED = 2**17  # cells below which a second thread gains too little to be sure of gaining
MEAN = 8  # the part of the spectrum that is the mean


class Discretisation:
    """The Fourier coefficients of densities on a grid and what the equation does to them.

    Parameters
    ----------
    equation : FirstOrder
    grid : Grid
    hyperviscosity : float
        η: mode k is damped by η (|k|/k_*)^16, k_* the smallest of the largest wavenumbers kept of the axes.
    threads : int
        For the vorticity equation on a torus of 2^17 cells or more.

    Attributes
    ----------
    wavenumbers : tuple of arrays
        Broadcastable to the coefficients of one density.
    linear : array
        −σ|k|² − η (|k|/k_*)^16.
    transport : callable
        N; :class:`mfpde_solvers.navier_stokes.VorticityTransport` where it applies.
    """

    def __init__(self, equation: FirstOrder, grid: Grid, hyperviscosity: float = 0.0, threads: int = 1):
        self.equation, self.grid = equation, grid
        self.transform = DealiasedTransform(grid.shape)
        self.wavenumbers = tuple(
            2 * np.pi / axis.length * m for axis, m in zip(grid.axes, self.transform.modes(), strict=True)
        )
        self.square = np.asarray(sum(k**2 for k in self.wavenumbers), dtype=float)
        largest = min(float(np.abs(k).max()) for k in self.wavenumbers)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.square / largest**2
        self.damping = hyperviscosity * ratio ** (HYPERVISCOUS_ORDER // 2) if hyperviscosity else None
        self.linear = -float(cast(float, equation.diffusion)) * self.square
        if self.damping is not None:
            self.linear = self.linear - self.damping
        self.field = field_of(equation.kernel.on(grid), grid, self.transform, self.wavenumbers)
        self._parts: dict[float, Array] = {}
        self.transport: Transport | VorticityTransport
        if vorticity_equation(equation, grid):
            several = int(np.prod(grid.shape)) >= THREADED
            self.transport = VorticityTransport(grid, equation.circulations[0], threads if several else 1)
        else:
            self.transport = Transport(equation, grid, self.transform, self.wavenumbers, self.field)

    @cached_property
    def stream_field(self) -> SpectralField | FreeSpaceField:
        """The field solver of the Coulomb kernel that Biot and Savart's is turned from, made when needed."""
        kernel = self.equation.kernel
        assert isinstance(kernel, BiotSavart)
        return field_of(kernel.coulomb.on(self.grid), self.grid, self.transform, self.wavenumbers)

    @property
    def memory(self) -> int:
        """Bytes of tables, buffers and transforms."""
        tables = int(self.linear.nbytes + self.square.nbytes)
        return tables + self.transform.memory + int(self.field.memory) + self.transport.memory

    @property
    def coefficients_shape(self) -> tuple[int, ...]:
        """(circulations, *spectral shape)."""
        return (len(self.equation.circulations), *self.transform.spectral_shape)

    def rows(self, coefficients: Array) -> Array:
        """Coefficients as the steps take them: (circulations · wavenumbers of the last axis, the others)."""
        count = len(self.equation.circulations) * self.transform.spectral_shape[0]
        return coefficients.reshape(count, -1)

    @property
    def row_weights(self) -> Array:
        """Weight of each row in the mean of squares."""
        return np.tile(self.transform.weights, len(self.equation.circulations))

    def parts(self, fraction: float) -> Array:
        """For each mode the bits of the axes along which it is above a fraction of those kept; or MEAN."""
        if fraction not in self._parts:
            bits = np.zeros(self.transform.spectral_shape, np.uint8)
            for axis, (m, K) in enumerate(zip(self.transform.modes(), self.transform.kept, strict=True)):
                bits |= (np.abs(m) > fraction * K).astype(np.uint8) << axis
            bits.flat[0] = MEAN
            self._parts[fraction] = bits.reshape(bits.shape[0], -1)
        return self._parts[fraction]

    def to_coefficients(self, densities: Array) -> Array:
        """Coefficients of densities of shape (circulations, *grid.shape)."""
        result = np.empty((len(densities), *self.transform.spectral_shape), complex)
        for ρ, coefficients in zip(densities, result, strict=True):
            self.transform.to_spectrum(np.ascontiguousarray(ρ), coefficients)
        return result

    def to_values(self, coefficients: Array) -> Array:
        """Values at the cell centres of fields of shape (…, *spectral shape)."""
        shape = coefficients.shape[: coefficients.ndim - self.grid.dim]
        flat = coefficients.reshape(-1, *self.transform.spectral_shape)
        result = np.empty((len(flat), *self.grid.shape))
        for field, values in zip(flat, result, strict=True):
            self.transform.to_real(field, values)
        return result.reshape(*shape, *self.grid.shape)

    def shifted(self, coefficients: Array, shift: tuple[float, ...]) -> Array:
        """Coefficients of the fields at the cell centres moved by a vector."""
        phase = sum(k * s for k, s in zip(self.wavenumbers, shift, strict=True))
        return coefficients if not any(shift) else coefficients * np.exp(1j * phase)

    def mean_field(self, coefficients: Array, values: Array) -> Array:
        """K ∗ ω, shape (d, *grid.shape)."""
        ω, ω_hat = vorticity(values, self.equation), vorticity(coefficients, self.equation)
        out = np.empty((self.grid.dim, *self.grid.shape))
        self.field.velocity(ω_hat, ω, out)
        return out

    def velocity(self, coefficients: Array, values: Array) -> Array:
        """S + K ∗ ω, shape (d, *grid.shape)."""
        u, S = self.mean_field(coefficients, values), external_drift(self.equation, self.grid)
        return u if S is None else u + S

    def potential(self, coefficients: Array, values: Array) -> Array | None:
        """V ∗ ω, ``None`` if K is not a gradient."""
        return self.field.potential(vorticity(coefficients, self.equation), vorticity(values, self.equation))

    def gradient(self, coefficients: Array) -> Array:
        """∇ρ_m, shape (circulations, d, *grid.shape)."""
        slopes = np.stack([1j * k * coefficients for k in self.wavenumbers], axis=1)
        return self.to_values(slopes)

    def integral(self, weighted_squares: Array) -> float:
        """∫ of a product of two fields from the products f̂ ĝ* of their coefficients, real parts."""
        volume = self.grid.cell_volume * float(np.prod(self.grid.shape))
        weights = self.transform.weights.reshape(-1, *[1] * (self.grid.dim - 1))
        return volume * float(np.sum(weights * weighted_squares.real))

    def resampled(self, coefficients: Array, other: Discretisation) -> Array:
        """Coefficients on another grid with the same ends: modes left out, or zero in place of new ones."""
        shift = tuple(
            (theirs.spacing - mine.spacing) / 2
            for mine, theirs in zip(self.grid.axes, other.grid.axes, strict=True)
        )
        moved, result = self.shifted(coefficients, shift), np.zeros(other.coefficients_shape, complex)
        mine, theirs = [], []
        for m, n in zip(_in_spectral_order(self), _in_spectral_order(other), strict=True):
            common = np.intersect1d(m, n, assume_unique=True)
            mine.append(np.searchsorted(m, common, sorter=np.argsort(m)))
            theirs.append(np.searchsorted(n, common, sorter=np.argsort(n)))
            mine[-1], theirs[-1] = np.argsort(m)[mine[-1]], np.argsort(n)[theirs[-1]]
        everything = np.arange(len(coefficients))
        result[np.ix_(everything, *theirs)] = moved[np.ix_(everything, *mine)]
        return result


def _in_spectral_order(discretisation: Discretisation) -> list[Array]:
    *others, last = (m.reshape(-1) for m in discretisation.transform.modes())
    return [last, *others]


def vorticity_equation(equation: FirstOrder, grid: Grid) -> bool:
    """Whether the equation is that of one vorticity on a torus, with the plain kernel of Biot and Savart."""
    return (
        equation.kernel == BiotSavart()
        and equation.drift is None
        and len(equation.circulations) == 1
        and all(axis.periodic for axis in grid.axes)
    )

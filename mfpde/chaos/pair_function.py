"""The function φ of two points whose sums over pairs make the relative entropy of particles grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.fields import GridField
from mfpde.particles.forces import Forces, forces_for
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import DomainKernel, Kernel
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["EntropyPairs", "GivenPairs", "PairFunction", "pair_function"]

FloatArray = NDArray[np.float64]
Scalar = Callable[[FloatArray], FloatArray]

BLOCK = 2**20  # pairs at a time
STEP = 1e-3  # of differences, relative to the shortest axis: their error is the fourth power of it
NOTHING = 1e-13  # of the largest density: below it, ∇log ρ is not known


class PairFunction(Protocol):
    """φ(x, y), symmetric or not."""

    checked: bool
    """Whether its cancellations are to be checked, as it was given."""

    def sum(self, x: FloatArray) -> float:
        """(1/N) Σ_{ij} φ(xᵢ, xⱼ) with the diagonal, of points (N, d)."""
        ...

    def matrix(self, x: FloatArray) -> FloatArray:
        """φ(xᵢ, xⱼ), shape (N, N)."""
        ...


def pair_function(
    interaction: Any, grid: Grid, density: FloatArray, divergence: Scalar | None = None
) -> PairFunction:
    """φ as it is given, or the one of a kernel and a density on a grid.

    Raises
    ------
    TypeError
        If the interaction is neither a kernel nor a function.
    ValueError
        If the divergence of the kernel is not bounded.
    """
    if isinstance(interaction, Kernel):
        return _of_kernel(interaction, grid, density, divergence)
    if not callable(interaction):
        raise TypeError(f"a kernel or a function φ(x, y) is needed, got {interaction!r}")
    if divergence is not None:
        raise ValueError("a divergence belongs to a kernel; a given φ(x, y) takes none")
    return GivenPairs(interaction)


@dataclass(frozen=True, eq=False)
class GivenPairs:
    """φ from a function of arrays (..., d), (..., d) → (...)."""

    function: Callable[..., Any]
    checked = True

    def sum(self, x: FloatArray) -> float:
        """In blocks of rows."""
        rows = max(1, BLOCK // len(x))
        starts = range(0, len(x), rows)
        return float(sum(self._values(x[start : start + rows], x).sum() for start in starts) / len(x))

    def matrix(self, x: FloatArray) -> FloatArray:
        """All of it at once."""
        return self._values(x, x)

    def _values(self, x: FloatArray, y: FloatArray) -> FloatArray:
        values = np.asarray(self.function(x[:, None, :], y[None, :, :]), dtype=float)
        if values.shape != (len(x), len(y)):
            raise ValueError(
                f"φ must map shapes {(len(x), 1, x.shape[1])}, {(1, len(y), y.shape[1])} to "
                f"{(len(x), len(y))}, it returned {values.shape}"
            )
        return values


@dataclass(frozen=True, eq=False)
class EntropyPairs:
    """φ(x, y) = u(x, y) made symmetric, u = ∇log ρ(x)·(K∗ρ(x) − K(x−y)) + ∇·K∗ρ(x) − ∇·K(x−y).

    ∫u(x, y) ρ(y) dy = 0, and ∫u(x, y) ρ(x) dx = ∫∇·(ρ(x) (K∗ρ(x) − K(x−y))) dx = 0.

    Attributes
    ----------
    score : callable
        ∇log ρ, (N, d) → (N, d).
    own : callable
        K∗ρ·∇log ρ + ∇·K∗ρ, (N, d) → (N,).
    divergence : callable or None
        ∇·K of offsets, (..., d) → (...); ``None`` where it is 0.
    """

    kernel: DomainKernel
    forces: Forces
    score: Callable[[FloatArray], FloatArray]
    own: Callable[[FloatArray], FloatArray]
    divergence: Scalar | None
    checked = False

    def sum(self, x: FloatArray) -> float:
        """By the pair sums of the forces: Σᵢ ∇log ρ(xᵢ)·Σⱼ K(xᵢ − xⱼ)."""
        N = len(x)
        total = float(self.own(x).sum()) * N - float((self.score(x) * self.forces(x, 1.0)).sum())
        if self.divergence is not None:
            rows = max(1, BLOCK // N)
            for start in range(0, N, rows):
                total -= float(self.divergence(x[start : start + rows, None, :] - x[None, :, :]).sum())
        return total / N

    def matrix(self, x: FloatArray) -> FloatArray:
        """All of it at once."""
        z = x[:, None, :] - x[None, :, :]
        u = self.own(x)[:, None] - (self.score(x)[:, None, :] * self.kernel(z)).sum(axis=-1)
        if self.divergence is not None:
            u = u - self.divergence(z)
        return np.asarray((u + u.T) / 2)


def _of_kernel(K: Kernel, grid: Grid, ρ: FloatArray, divergence: Scalar | None) -> EntropyPairs:
    kernel = K.on(grid)
    if divergence is None and not K.divergence_free:
        divergence = _differences(kernel)
    gradient = _gradient(ρ, grid)
    convolution = Convolution(kernel, grid)
    F = convolution.field(ρ)
    flux = [convolution.field(component)[i] for i, component in enumerate(gradient)]
    values = np.concatenate([ρ[None], gradient, F, np.sum(flux, axis=0)[None]])
    periodic = all(axis.periodic for axis in grid.axes)
    # beyond the outermost centres of open axes there is no density, and the points there have no weight
    nothing = None if periodic else np.zeros(grid.shape)
    at = GridField(lambda z: np.zeros((*z.shape[:-1], len(values))), grid, values, nothing)
    d, least = grid.dim, NOTHING * float(ρ.max())

    def parts(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        found = at(x)
        density = np.where(found[:, 0] > least, found[:, 0], np.inf)
        score = found[:, 1 : d + 1] / density[:, None]
        return score, (score * found[:, d + 1 : 2 * d + 1]).sum(axis=1) + found[:, -1]

    return EntropyPairs(kernel, forces_for(kernel), lambda x: parts(x)[0], lambda x: parts(x)[1], divergence)


def _gradient(ρ: FloatArray, grid: Grid) -> FloatArray:
    """∇ρ by Fourier series, for densities that are periodic or negligible at the ends; (d, *shape)."""
    found = []
    for place, axis in enumerate(grid.axes):
        k = 2 * np.pi / axis.length * np.arange(axis.size // 2 + 1)
        if axis.size % 2 == 0:
            k[-1] = 0.0  # the slope of the highest mode is not determined
        spectrum = np.moveaxis(np.fft.rfft(ρ, axis=place), place, -1) * (1j * k)
        found.append(np.moveaxis(np.fft.irfft(spectrum, axis.size, axis=-1), -1, place))
    return np.stack(found)


def _differences(kernel: DomainKernel) -> Scalar:
    """∇·K by central differences of order 4."""
    K, shortest = kernel.kernel, min(axis.length for axis in kernel.axes)
    h = STEP * shortest
    if isinstance(K, RadialPower):
        if K.ε == 0 and K.order > -2 and K.strength != 0:
            raise ValueError(
                f"the divergence of {K!r} is not bounded, and the theorem does not apply; cut the kernel off "
                "(kernel.with_cutoff), or use the modulated free energy"
            )
        h = min(h, K.ε / 20)

    def divergence(z: FloatArray) -> FloatArray:
        total: Any = 0.0
        for i in range(kernel.dim):
            e = h * np.eye(kernel.dim)[i]
            total = total + 8 * (kernel(z + e)[..., i] - kernel(z - e)[..., i])
            total = total - (kernel(z + 2 * e)[..., i] - kernel(z - 2 * e)[..., i])
        return np.asarray(total / (12 * h))

    return divergence

"""Negative Sobolev norms of the difference between particles and a gridded density, by Fourier series."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import reduce
from math import inf
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, tents
from mfpde.chaos.metric import axis_names, default_axes
from mfpde.dataset import grid_of
from mfpde_solvers.grid import Axis, Grid

__all__ = ["Sobolev", "empirical_coefficients"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
TOLERANCE = 1e-12
DIRECT = 20_000


@dataclass(frozen=True)
class Sobolev:
    r"""Norm of :math:`H^{-s}`, with :math:`‖μ_N − ρ‖² = Σ_k (1 + |k|²)^{-s} |\hat μ_N(k) − \hat ρ(k)|²`.

    The sum runs over ``k = 2π m / L``, ``|m_i| ≤ modes``, L the axis length (also on open axes), and
    :math:`\hat ρ(k) = ∫ e^{-ik·x} ρ(x) dx`. The norm, not its square, is returned; replicas are averaged as
    root mean square, for which the floor of i.i.d. samples is exact.

    Parameters
    ----------
    s : float, optional
        Order, 0 ≤ s < ∞, by default ⌊n/2⌋ + 1 for n axes. For s > n/2 the norm of a point mass is finite and
        the sum converges as ``modes`` grows; for s ≤ n/2 it is the norm of the given modes only.
    axes : tuple of str, optional
        By default the positions (the velocities if there are no positions).
    modes : int
        Highest mode number along each axis, at least 1.

    Raises
    ------
    ValueError
        If ``modes < 1``; if ``s`` is negative or not finite; for more than three axes, where
        (2·modes + 1)^n coefficients are too many.

    Warns
    -----
    UserWarning
        If ``s ≤ n/2``: values with different ``modes`` cannot be compared. The floor stays exact.
    """

    s: float | None = None
    axes: tuple[str, ...] | None = None
    modes: int = 32
    name: ClassVar[str] = "sobolev"
    needs: ClassVar[str] = "replica"
    reduction: ClassVar[str] = "rms"
    citation: ClassVar[str] = "exact: E‖μ_N − ρ‖² = Σ (1+|k|²)^{-s} (1 − |ρ̂(k)|²)/N for i.i.d. samples"

    def __post_init__(self) -> None:
        if int(self.modes) != self.modes or self.modes < 1:
            raise ValueError(f"modes={self.modes!r} must be a positive integer")
        if self.s is not None and not 0 <= self.s < inf:
            raise ValueError(f"s={self.s!r} must be finite and at least 0, or None for the default")
        object.__setattr__(self, "axes", axis_names(self.axes))

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        order = "-s" if self.s is None else f"-{self.s:g}"
        where = f" in {', '.join(self.axes)}" if self.axes else ""
        return f"negative Sobolev norm H^{order}{where}"

    def theory(self, grid: Grid) -> float:
        """Exponent −1/2 of N in every dimension, the number of modes being fixed."""
        return -0.5

    def target(self, density: xr.DataArray) -> SobolevTarget:
        """Fourier coefficients of the marginal of ``density``."""
        grid = grid_of(density)
        names = default_axes(self.axes, grid)
        if len(names) > 3:
            raise ValueError(
                f"the norm looks at 3 axes at most, got {', '.join(names)}; choose fewer by axes=(...)"
            )
        s = len(names) // 2 + 1 if self.s is None else self.s
        if not s > len(names) / 2:
            warnings.warn(
                f"s={s:g} is not above {len(names)}/2, half the number of axes: the norm of a point mass "
                f"grows without bound with the modes, so the value belongs to modes={self.modes}; s > "
                f"{len(names) / 2:g} does not depend on them",
                stacklevel=2,
            )
        weights, reduced = tents(density, names)
        coefficients = reduce(
            lambda array, axis: np.tensordot(array, _tent_series(axis, self.modes), axes=(0, 0)),
            reduced.axes,
            weights.astype(complex),
        )
        squares = (wavenumbers(axis, self.modes) ** 2 for axis in reduced.axes)
        factor = (1 + reduce(np.add.outer, squares)) ** -float(s)
        return SobolevTarget(coefficients, factor, Columns(grid, names), self.modes)


@dataclass(frozen=True, eq=False)
class SobolevTarget:
    """Fourier coefficients of a density and the weights of the norm, both of shape ``(2·modes + 1,)·n``."""

    coefficients: ComplexArray
    factor: FloatArray
    columns: Columns
    modes: int

    def distance(self, points: ArrayLike) -> float:
        """Norm of the difference with the empirical measure, accurate to about 1e-12."""
        gap = (
            empirical_coefficients(self.columns.of(points), self.columns.axes, self.modes) - self.coefficients
        )
        return self._norm(np.asarray(gap))

    def floor(self, size: int) -> float | None:
        """Root mean square over i.i.d. samples, √(Σ (1+|k|²)^{−s} (1 − |ρ̂(k)|²)/N), exact."""
        variance = np.maximum(1 - np.abs(self.coefficients) ** 2, 0.0)
        return float(np.sqrt(np.sum(self.factor * variance) / size))

    def difference(self, other: SobolevTarget) -> float:
        """Norm of the difference of two densities on the same box.

        Raises
        ------
        ValueError
            If the boxes differ, since their modes then differ.
        """
        mine = [(axis.lower, axis.upper) for axis in self.columns.axes]
        theirs = [(axis.lower, axis.upper) for axis in other.columns.axes]
        if not np.allclose(mine, theirs, rtol=1e-12, atol=1e-12):
            raise ValueError(
                f"the densities live on different boxes, {mine} and {theirs}; bring them to the same one"
            )
        return self._norm(self.coefficients - other.coefficients)

    def _norm(self, gap: ComplexArray) -> float:
        return float(np.sqrt(np.sum(self.factor * (gap.real**2 + gap.imag**2))))


def wavenumbers(axis: Axis, modes: int) -> FloatArray:
    """Wavenumbers ``2π m / length`` for m = −modes … modes."""
    return np.asarray(2 * np.pi / axis.length * np.arange(-modes, modes + 1), dtype=float)


def _tent_series(axis: Axis, modes: int) -> ComplexArray:
    """Coefficients of every tent, shape (size, 2·modes + 1); the tent itself has (sin(kh/2)/(kh/2))²."""
    k = wavenumbers(axis, modes)
    tent = np.sinc(k * axis.spacing / (2 * np.pi)) ** 2
    return np.asarray(np.exp(-1j * np.outer(axis.points - axis.lower, k)) * tent)


def empirical_coefficients(points: FloatArray, axes: tuple[Axis, ...], modes: int) -> ComplexArray:
    """Coefficients ``N⁻¹ Σ_j e^{−ik·(x_j − lower)}`` of points (N, n), shape ``(2·modes + 1,)·n``.

    Direct sums for few points on one axis, else a non-uniform FFT (finufft, one thread, tolerance 1e-12), so
    that the bits do not depend on the number of threads.
    """
    angles = [2 * np.pi * ((x - axis.lower) / axis.length) for x, axis in zip(points.T, axes, strict=True)]
    angles = [np.ascontiguousarray(np.mod(angle, 2 * np.pi)) for angle in angles]
    size = len(points)
    if len(axes) == 1 and size * modes <= DIRECT:
        half = np.exp(-1j * np.outer(np.arange(1, modes + 1), angles[0])).sum(axis=1) / size
        return np.concatenate([half[::-1].conj(), [1.0], half])
    import finufft

    shape = (2 * modes + 1,) * len(axes)
    plan = finufft.Plan(1, shape, eps=TOLERANCE, isign=-1, nthreads=1)
    plan.setpts(*angles)
    return np.asarray(plan.execute(np.full(size, 1 / size, dtype=complex)))

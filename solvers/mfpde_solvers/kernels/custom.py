"""A kernel given by a function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import formulas
from mfpde_solvers.kernels.base import Formula, Kernel, Lengths, Octants, Sides
from mfpde_solvers.kernels.quadrature import octant_transforms, transform_error, transforms_at

__all__ = ["Custom"]

Array = NDArray[np.float64]
ACCURACY = 1e-8  # of transforms, relative to the largest coefficient; a warning says when it is missed


@dataclass(frozen=True, init=False)
class Custom(Kernel):
    """K given by a function; K(0) is taken as 0.

    Along periodic axes the function is evaluated at the nearest image; it is not summed over images. On a
    torus its mean is subtracted. A function that has not decayed within half a period jumps at the wall of
    the cell: its Fourier coefficients decay like 1/k only, and particles feel the jump. Fields of smooth
    densities are accurate all the same.

    Fourier transforms are integrals over the box of offsets by quadrature, see :meth:`transform_error`. They
    are accurate to about 1e-11 of the largest coefficient if the function is smooth, on the scale of a few
    cells, away from the origin. At the origin it may grow like |z|^{−α} with α < d, an odd one with
    α < d + 1 (principal value), and there it may vary on any scale.

    Parameters
    ----------
    function : callable
        Either a NumPy function (..., d) → (..., d), or a numba-compiled scalar function of the d
        components that returns one number (d = 1) or a tuple of d numbers. The latter runs at full speed
        in particle sums, the former in NumPy blocks.
    dim : {1, 2, 3}
    potential : callable, optional
        V with K = −∇V, a NumPy function (..., d) → (...); without it no energies are computed.

    Examples
    --------
    >>> import numpy as np
    >>> Custom(lambda z: -z * np.exp(-(z**2)), dim=1)([[0.0], [1.0]]).ravel().round(3)
    array([ 0.   , -0.368])
    """

    # how a user's function is inlined differs between processes: sums keep their order, bit for bit
    pair_math: ClassVar[Any] = False
    mixed: ClassVar[bool] = True
    mixed_pairs: ClassVar[bool] = True
    function: Callable[..., Any]
    dim: int
    potential_function: Callable[..., Any] | None

    def __init__(
        self, function: Callable[..., Any], dim: int, potential: Callable[..., Any] | None = None
    ) -> None:
        if not callable(function) or not (potential is None or callable(potential)):
            raise TypeError("a custom kernel takes functions of the offset")
        if dim not in (1, 2, 3):
            raise ValueError(f"Custom has dimension 1, 2 or 3, got dim={dim!r}")
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "potential_function", potential)
        offsets = np.full((2, dim), 0.5)
        probe = self(offsets) if self._compiled else np.asarray(function(offsets))
        if probe.shape != (2, dim) or not np.isfinite(probe).all():
            raise ValueError(
                f"the kernel function maps offsets of shape (2, {dim}) to shape {probe.shape}, values "
                f"{probe.ravel()}; it must return finite values of shape (..., {dim})"
            )

    @property
    def _compiled(self) -> bool:
        return hasattr(self.function, "py_func")

    @property
    def parities(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Every parity: nothing is known of the function."""
        return (tuple(product((0, 1), repeat=self.dim)),) * self.dim

    @property
    def potential_parities(self) -> tuple[tuple[int, ...], ...]:
        """Every parity."""
        return self.parities[0]

    def force_formula(self, lengths: Lengths) -> Formula:
        """The function at the nearest image, on a torus less its mean."""
        means = _means(self, lengths, False)

        def formula(*z: Any) -> Any:
            shape, points = _points(z, lengths)
            K = (self._force(points) - means[:, None]) * points.any(axis=0)
            return K.reshape(shape) if self.dim == 1 else tuple(K.reshape(self.dim, *shape))

        return formula

    def pair_formula(self, lengths: Lengths) -> Formula | None:
        """The compiled function with K(0) = 0; ``None`` for a plain one."""
        if not self._compiled:
            return None
        names = formulas.NAMES[: self.dim]
        lines = [
            f"{x} = {x} - {float(L)!r} * floor({x} / {float(L)!r} + 0.5)"
            for x, L in zip(names, lengths, strict=True)
            if L is not None
        ]
        values = [f"k{x}" for x in names]
        # at the origin K is called elsewhere: a division by zero there would leave NaN
        arguments = ", ".join([f"{names[0]} + (1 - away)", *names[1:]])
        lines += [
            f"away = {' | '.join(f'({x} != 0)' for x in names)}",
            f"{', '.join(values)} = K({arguments})",
        ]
        means = _means(self, lengths, False)
        results = [f"({k} - {float(m)!r}) * away" for k, m in zip(values, means, strict=True)]
        return formulas.formula(self.dim, lines, results, K=self.function)

    def potential_formula(self, lengths: Lengths) -> Formula | None:
        """The given potential at the nearest image, on a torus less its mean."""
        if self.potential_function is None:
            return None
        mean = _means(self, lengths, True)[0]

        def formula(*z: Any) -> Any:
            shape, points = _points(z, lengths)
            return self._potential(points).reshape(shape) - mean

        return formula

    def _force(self, points: Array) -> Array:
        """The function at the columns of an array, zero at the origin; shape (d, n)."""
        away = points.any(axis=0)
        safe = np.where(away, points, 1.0)
        if self._compiled:
            K = _loop(self.function, self.dim)(safe)
        else:
            K = np.moveaxis(np.asarray(self.function(np.ascontiguousarray(safe.T))), -1, 0)
        return np.where(away, K, 0.0)

    def _potential(self, points: Array) -> Array:
        """The potential at the columns of an array; shape (1, n)."""
        assert self.potential_function is not None
        return np.asarray(self.potential_function(np.ascontiguousarray(points.T)))[None]

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """By quadrature over the cell."""
        if None in lengths:
            raise ValueError("a custom kernel has no transform on the whole space; use a truncated one")
        return self.mixed_formula(0.0, lengths)

    def truncated_formula(self, radius: float) -> Formula:
        """By quadrature over the cube |zᵢ| ≤ ``radius``."""
        return self.mixed_formula(radius, (None,) * self.dim)

    def truncated_potential_formula(self, radius: float) -> Formula | None:
        """By quadrature over the cube |zᵢ| ≤ ``radius``."""
        return self.mixed_potential_formula(radius, (None,) * self.dim)

    def mixed_formula(self, radius: float, lengths: Lengths) -> Formula:
        """By quadrature over half a period on either side, and |zᵢ| ≤ ``radius`` along open axes."""
        halves = _halves(radius, lengths)

        def symbol(*k: Any) -> Any:
            K = transforms_at(self._force, halves, k)
            return K[0] if self.dim == 1 else tuple(K)

        return symbol

    def mixed_potential_formula(self, radius: float, lengths: Lengths) -> Formula | None:
        """The same for the potential."""
        halves = _halves(radius, lengths)
        if self.potential_function is None:
            return None
        return lambda *k: transforms_at(self._potential, halves, k)[0]

    def octants(self, halves: Sides, spacings: Sides, sizes: tuple[int, ...]) -> Octants:
        """By quadrature over the box |zᵢ| ≤ ``halves``; a warning if the estimated error exceeds 1e-8."""
        force, _ = _tables(self, halves, spacings, sizes, False)
        if self.potential_function is None:
            return force, None
        return force, _tables(self, halves, spacings, sizes, True)[0][0]

    def transform_error(self, grid: Grid) -> float:
        """Estimated error of the Fourier transforms on a grid, relative to the largest coefficient.

        It is the difference from a quadrature with fewer points and another window around the origin.
        """
        axes = grid.positions.axes
        halves = tuple(axis.length / 2 if axis.periodic else axis.length for axis in axes)
        spacings = tuple(np.pi / a for a in halves)
        sizes = tuple(axis.size // 2 + 1 if axis.periodic else axis.size + 1 for axis in axes)
        return _tables(self, halves, spacings, sizes, False)[1]


def _points(z: tuple[Any, ...], lengths: Lengths) -> tuple[tuple[int, ...], Array]:
    """The shape of offsets, and the offsets from the nearest images as columns."""
    offsets = np.stack(np.broadcast_arrays(*z)).astype(float)
    for component, L in zip(offsets, lengths, strict=True):
        if L is not None:
            component -= L * np.floor(component / L + 0.5)
    return offsets.shape[1:], offsets.reshape(len(offsets), -1)


def _halves(radius: float, lengths: Lengths) -> Sides:
    return tuple(radius if L is None else L / 2 for L in lengths)


@lru_cache(maxsize=64)
def _means(kernel: Custom, lengths: Lengths, potential: bool) -> Array:
    """Mean of force or potential over a torus, zero on other domains."""
    if None in lengths:
        return np.zeros(1 if potential else kernel.dim)
    halves = _halves(0.0, lengths)
    # A few waves beside k = 0, so that a mean of 0 is judged by the size of the kernel.
    waves = tuple(np.pi / a for a in halves)
    integrals, _ = _tables(kernel, halves, waves, (4,) * kernel.dim, potential)
    return np.array([part[(0,) * 2 * kernel.dim].item() for part in integrals]) / prod(2 * a for a in halves)


@lru_cache(maxsize=4)
def _tables(
    kernel: Custom, halves: Sides, spacings: Sides, sizes: tuple[int, ...], potential: bool
) -> tuple[Array, float]:
    """Transforms at multiples of the spacings, of every parity, and their estimated error."""
    function = kernel._potential if potential else kernel._force
    wavenumbers = [step * np.arange(float(size)) for step, size in zip(spacings, sizes, strict=True)]
    transforms = octant_transforms(function, halves, wavenumbers)
    if not np.isfinite(transforms).all():
        raise ValueError(
            "the function of a custom kernel is not finite at every offset of the domain but 0, and has no "
            f"Fourier transform there; give one that is, for |offsets| up to {halves}"
        )
    error = transform_error(function, halves, wavenumbers, transforms)
    if error > ACCURACY:
        warnings.warn(
            f"the Fourier transform of the {'potential' if potential else 'force'} of a custom kernel is "
            f"accurate to {error:.1e} of its largest coefficient only: the function is not smooth away from "
            "the origin on the scale of a few cells, or not integrable; round its kinks, or use more cells",
            stacklevel=2,
        )
    transforms.flags.writeable = False
    return transforms, error


@lru_cache(maxsize=32)
def _loop(function: Callable[..., Any], dim: int) -> Callable[[Array], Array]:
    """A compiled scalar function at the columns of an array."""
    import numba

    arguments = ", ".join(f"z[{i}, n]" for i in range(dim))
    targets = ", ".join(f"out[{i}, n]" for i in range(dim))
    namespace: dict[str, Any] = {"K": function}
    exec(f"def loop(z, out):\n    for n in range(z.shape[1]):\n        {targets} = K({arguments})", namespace)
    compiled = numba.njit(error_model="numpy")(namespace["loop"])

    def values(z: Array) -> Array:
        out = np.empty_like(z)
        compiled(z, out)
        return out

    return values

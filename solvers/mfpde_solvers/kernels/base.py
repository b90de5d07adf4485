"""What every interaction kernel offers, on the whole space and on the domain of a grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.power_of_n import PowerOfN, at_size, in_the_limit

__all__ = ["DomainKernel", "Formula", "Kernel", "Lengths", "Octants", "Sides"]

Array = NDArray[Any]
PAIR_MATH = {"contract", "reassoc", "arcp", "nsz"}  # all of fastmath but the promise that no NaN occurs
Formula = Callable[..., Any]
"""A function of the d components of an offset (or wavenumber), of arrays or of scalars inside numba.

It returns one number in dimension 1 and a tuple of d numbers otherwise.
"""
Lengths = tuple[float | None, ...]
"""Period of each position axis, ``None`` where it is the whole line."""
Sides = tuple[float, ...]
"""A length, or a distance between wavenumbers, for each axis."""
Octants = tuple[Array, Array | None]
"""Transforms of force and potential, of shapes ``(d,) + (2,) * d + sizes`` and ``(2,) * d + sizes``."""


def _components(z: ArrayLike, dim: int, what: str) -> tuple[Array, ...]:
    z = np.asarray(z, dtype=float)
    if z.ndim == 0 or z.shape[-1] != dim:
        raise ValueError(
            f"{what} of shape {z.shape} given; a kernel of dimension {dim} takes shape (..., {dim})"
        )
    return tuple(z[..., i] for i in range(dim))


def _stacked(values: Any, dim: int) -> Array:
    components = (values,) if dim == 1 else values
    return np.stack(np.broadcast_arrays(*components), axis=-1)


class Kernel(ABC):
    """An interaction kernel K: the field at ``x`` of unit mass at ``y`` is ``K(x - y)``; ``K(0) = 0``.

    A kernel is frozen data. :meth:`on` gives the kernel of a domain: on a torus the periodised kernel of
    zero mean, on the whole space the kernel itself. Solver, particles and measures use the same one.
    """

    dim: int
    pair_math: ClassVar[Any] = PAIR_MATH
    mixed: ClassVar[bool] = False
    """Whether there are fields on domains with both periodic and open axes."""
    mixed_pairs: ClassVar[bool] = False
    """Whether there are values at offsets there too, and with them particles."""
    divergence_free: ClassVar[bool] = False
    """Whether ∇·K = 0, so that fields of densities neither stretch nor compress."""

    @property
    def parities(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each component the reflections it consists of: 1 for each coordinate in which a part is odd.

        By default component i is odd in zᵢ and even in the others, as for every radial kernel.
        """
        return tuple((tuple(int(i == j) for j in range(self.dim)),) for i in range(self.dim))

    @property
    def potential_parities(self) -> tuple[tuple[int, ...], ...]:
        """The same for the potential; even by default."""
        return ((0,) * self.dim,)

    @abstractmethod
    def force_formula(self, lengths: Lengths) -> Formula:
        """K on the domain, as a formula of the components of the offset."""

    def pair_formula(self, lengths: Lengths) -> Formula | None:
        """The formula to compile for particle sums; ``None`` if it must stay in NumPy."""
        return self.force_formula(lengths)

    @abstractmethod
    def potential_formula(self, lengths: Lengths) -> Formula | None:
        """V with K = −∇V on the domain (zero mean on a torus), ``None`` if there is none."""

    @abstractmethod
    def symbol_formula(self, lengths: Lengths) -> Formula:
        """K̂(k) = ∫ K(z) e^{−ik·z} dz for k ≠ 0."""

    @abstractmethod
    def truncated_formula(self, radius: float) -> Formula:
        """Fourier transform of a compactly supported kernel equal to K where |z| < ``radius``.

        Its support reaches no further than :meth:`reach`. Finite at k = 0. With it, free-space
        convolutions are spectrally accurate (Vico, Greengard & Ferrando, J. Comput. Phys. 323, 2016).
        """

    @abstractmethod
    def truncated_potential_formula(self, radius: float) -> Formula | None:
        """The same for the potential; ``None`` if there is none."""

    def mixed_formula(self, radius: float, lengths: Lengths) -> Formula:
        """The same where some axes are periodic: truncated along the open ones, a series along the others."""
        raise ValueError(f"{type(self).__name__} is not available on mixed domains")

    def mixed_potential_formula(self, radius: float, lengths: Lengths) -> Formula | None:
        """The same for the potential; ``None`` if there is none."""
        raise ValueError(f"{type(self).__name__} is not available on mixed domains")

    def mixed_reach(self, radius: float) -> float:
        """Half-width of the support of the kernels of the mixed formulas along the open axes."""
        return radius

    def octants(self, halves: Sides, spacings: Sides, sizes: tuple[int, ...]) -> Octants | None:
        """Transforms over the box |zᵢ| ≤ ``halves`` at multiples of the spacings; ``None``: use the formulas.

        K̂ = Σ_p (−i)^{|p|} ∫ K ∏ c(kᵢzᵢ) dz with c the sine where pᵢ = 1 and the cosine where pᵢ = 0.
        """
        return None

    def check_domain(self, axes: tuple[Axis, ...]) -> None:  # noqa: B027 - most kernels accept every domain
        """Raise ``ValueError`` where the kernel has no meaning on the domain."""

    def __call__(self, z: ArrayLike) -> Array:
        """K(z) on the whole space, (..., d) → (..., d)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return _stacked(
                self.force_formula((None,) * self.dim)(*_components(z, self.dim, "offset")), self.dim
            )

    def potential(self, z: ArrayLike) -> Array:
        """V(z) on the whole space, (..., d) → (...); a ``ValueError`` if K is not a gradient."""
        return _potential(self, (None,) * self.dim, z)

    def with_cutoff(self, epsilon: float | PowerOfN) -> Self:
        """The same kernel, regularised within the distance ``epsilon`` of the origin."""
        if "cutoff" not in {field.name for field in fields(self)}:  # type: ignore[arg-type]
            raise ValueError(f"{type(self).__name__} is bounded and has no cut-off")
        return replace(self, cutoff=epsilon)  # type: ignore[type-var]

    def for_size(self, size: int) -> Self:
        """The kernel of ``size`` particles, its cut-off a number."""
        return self._with_cutoff_if_any(lambda cutoff: at_size(cutoff, size))

    @property
    def limit(self) -> Self:
        """The kernel as N → ∞."""
        return self._with_cutoff_if_any(in_the_limit)

    def _with_cutoff_if_any(self, change: Callable[[float | PowerOfN], float]) -> Self:
        cutoff = getattr(self, "cutoff", 0.0)
        return replace(self, cutoff=change(cutoff)) if isinstance(cutoff, PowerOfN) else self  # type: ignore[type-var]

    def on(self, grid: Grid) -> DomainKernel:
        """The kernel of the domain of ``grid``: the torus, the whole space, or periodic along some axes.

        Raises
        ------
        ValueError
            If the dimensions differ, or the kernel has no meaning on that domain.
        """
        axes = grid.positions.axes
        if len(axes) != self.dim:
            raise ValueError(
                f"{type(self).__name__} has dimension {self.dim} but the grid has {len(axes)} position "
                f"axes ({', '.join(axis.name for axis in axes)}); give both the same dimension"
            )
        if isinstance(getattr(self, "cutoff", 0.0), PowerOfN):
            raise ValueError("the cut-off depends on N; use kernel.for_size(N) or kernel.limit first")
        if len({axis.periodic for axis in axes}) > 1 and not self.mixed:
            raise ValueError(
                f"{type(self).__name__} takes position axes that are all periodic or all open; both kinds "
                "together are available for Coulomb, KellerSegel, BiotSavart and Custom"
            )
        self.check_domain(axes)
        return DomainKernel(self, axes)


@dataclass(frozen=True)
class DomainKernel:
    """A kernel on the domain of a grid; what convolutions, particles and measures use.

    Made by :meth:`Kernel.on`. On a torus it is periodic, of zero mean, and ``symbol`` vanishes at k = 0.

    Attributes
    ----------
    kernel : Kernel
        K on the whole space.
    axes : tuple of Axis
        The positions, each periodic or open.
    """

    kernel: Kernel
    axes: tuple[Axis, ...]

    @property
    def dim(self) -> int:
        """Number of position axes d."""
        return len(self.axes)

    @property
    def periodic(self) -> bool:
        """Whether the domain is a torus."""
        return all(axis.periodic for axis in self.axes)

    @property
    def mixed(self) -> bool:
        """Whether some axes are periodic and some open."""
        return len({axis.periodic for axis in self.axes}) > 1

    @property
    def lengths(self) -> Lengths:
        """Period of each axis, ``None`` on the whole space."""
        return tuple(axis.length if axis.periodic else None for axis in self.axes)

    def _offset_lengths(self) -> Lengths:
        """The periods, if the kernel has values at offsets."""
        if self.mixed and not self.kernel.mixed_pairs:
            raise ValueError(
                "there are no values at offsets, and no sums over pairs, with both periodic and open axes: "
                "the sum over images has no short form that holds along a whole line; make all axes "
                "periodic or all open, or use the field of a density"
            )
        return self.lengths

    def __call__(self, z: ArrayLike) -> Array:
        """K(z), (..., d) → (..., d)."""
        formula = self.kernel.force_formula(self._offset_lengths())
        with np.errstate(divide="ignore", invalid="ignore"):
            return _stacked(formula(*_components(z, self.dim, "offset")), self.dim)

    def potential(self, z: ArrayLike) -> Array:
        """V(z), (..., d) → (...); a ``ValueError`` if K is not a gradient."""
        return _potential(self.kernel, self._offset_lengths(), z)

    def _wavenumbers(self, k: tuple[ArrayLike, ...]) -> tuple[Array, ...]:
        if len(k) != self.dim:
            raise ValueError(f"{len(k)} wavenumber components given; this kernel takes {self.dim}")
        return np.broadcast_arrays(*(np.asarray(component, dtype=float) for component in k))

    def symbol(self, *k: ArrayLike) -> Array:
        """K̂(k) = ∫ K(z) e^{−ik·z} dz for broadcastable components ``k``; shape (..., d), 0 at k = 0."""
        components = self._wavenumbers(k)
        zero = np.all([component == 0 for component in components], axis=0)
        safe = (np.where(zero, 1.0, components[0]), *components[1:])
        values = _stacked(self.kernel.symbol_formula(self.lengths)(*safe), self.dim).astype(complex)
        return np.where(zero[..., None], 0.0, values)

    def truncated_symbol(self, radius: float, *k: ArrayLike) -> Array:
        """Fourier transform of :meth:`Kernel.truncated_formula`, or of the mixed one; shape (..., d)."""
        kernel = self.kernel
        mixed = self.mixed
        formula = kernel.mixed_formula(radius, self.lengths) if mixed else kernel.truncated_formula(radius)
        return _stacked(formula(*self._wavenumbers(k)), self.dim).astype(complex)

    def truncated_potential(self, radius: float, *k: ArrayLike) -> Array:
        """The same for the potential, complex of shape (...)."""
        kernel, lengths = self.kernel, self.lengths
        formula = (
            kernel.mixed_potential_formula(radius, lengths)
            if self.mixed
            else kernel.truncated_potential_formula(radius)
        )
        if formula is None:
            raise ValueError(f"{type(kernel).__name__} is not the gradient of a potential")
        return np.asarray(formula(*self._wavenumbers(k)), dtype=complex)

    @property
    def has_potential(self) -> bool:
        """Whether K is a gradient."""
        return self.kernel.potential_formula((None,) * self.dim) is not None

    def reach(self, radius: float) -> float:
        """Half-width, along open axes, of the support of the kernels of the truncated transforms."""
        return self.kernel.mixed_reach(radius) if self.mixed else radius

    @property
    def pair(self) -> Callable[..., Any] | None:
        """K as a compiled scalar function: ``pair(z)`` → number in dimension 1, ``pair(*z)`` → d numbers.

        Compiled once for each kernel and set of periods. ``None`` for a kernel given as a plain Python
        function, which is evaluated in NumPy blocks.
        """
        return _compiled(self.kernel, self._offset_lengths())


@lru_cache(maxsize=64)
def _compiled(kernel: Kernel, lengths: Lengths) -> Callable[..., Any] | None:
    import numba

    formula = kernel.pair_formula(lengths)
    return (
        None
        if formula is None
        else numba.njit(error_model="numpy", fastmath=kernel.pair_math, forceinline=True)(formula)
    )


def _potential(kernel: Kernel, lengths: Lengths, z: ArrayLike) -> Array:
    formula = kernel.potential_formula(lengths)
    if formula is None:
        raise ValueError(f"{type(kernel).__name__} is not the gradient of a potential")
    with np.errstate(divide="ignore"):
        return np.asarray(formula(*_components(z, kernel.dim, "offset")))

"""Pair sums: the force (1/N) Σ_{j≠i} Mⱼ K(Xᵢ − Xⱼ) on every particle, and the interaction energy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.moments import HarmonicForces, KuramotoForces
from mfpde_solvers.kernels import BiotSavart, Coulomb, DomainKernel, Harmonic, Kuramoto, Stokeslet
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["DirectForces", "Forces", "SortedForces", "forces_for", "loop_over_pairs"]

FloatArray = NDArray[np.float64]

BLOCK = 2**20  # pairs at a time where a kernel is evaluated in NumPy
SLOW = 2**10  # particles from which a plain Python kernel deserves a notice

# particles from which fast sums win, by dimension and whether periodic: see benchmarks/particles.py
CROSSOVER = {
    (1, False): 5_000,
    (2, False): 16_000,
    (3, False): 70_000,
    (1, True): 2_000,
    (2, True): 1_000,
    (3, True): 1_000,
}
UNEVEN = 2_000  # the same at most, for powers of the distance that take a logarithm


class Forces(Protocol):
    """Pair sums of one kernel on one domain."""

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """``weight`` · Σ_{j≠i} mⱼ K(xᵢ − xⱼ), (N, d) → (N, d); on a torus x lies in the box.

        The circulations mⱼ, shape (N,), are 1 if not given.
        """
        ...

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """``weight`` · ½ Σ_{i≠j} mᵢ mⱼ V(xᵢ − xⱼ)."""
        ...


class DirectForces:
    """Sums over all pairs, in a compiled loop where the kernel compiles."""

    def __init__(self, kernel: DomainKernel) -> None:
        self._kernel = kernel
        self._loop = _compiled_loop(kernel)

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """O(N²); K(0) = 0 takes care of j = i."""
        if circulation is not None and (circulation == circulation[0]).all():
            weight, circulation = weight * float(circulation[0]), None
        if self._loop is None:
            mass = np.ones(len(x)) if circulation is None else circulation
            sums = [(self._kernel(z) * mass[:, None]).sum(axis=1) for _, z in self._blocks(x)]
            return weight * np.concatenate(sums)
        out = np.empty_like(x)
        self._loop(np.ascontiguousarray(x.T), circulation, weight, out)
        return out

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """O(N²), in NumPy blocks."""
        mass = np.ones(len(x)) if circulation is None else circulation
        total = 0.0
        for start, z in self._blocks(x):
            potential = self._kernel.potential(z)
            own = np.arange(len(z))
            potential[own, start + own] = 0.0
            total += float((mass[start : start + len(z), None] * potential * mass).sum())
        return weight * total / 2

    def _blocks(self, x: FloatArray) -> Iterator[tuple[int, FloatArray]]:
        """Offsets of some particles from all, with the place of the first of them."""
        if self._loop is None and len(x) >= SLOW:
            warnings.warn(
                f"the kernel is a plain Python function, {len(x)}² pairs are summed in NumPy; compile it "
                "with numba.njit (a scalar function of the components) for full speed",
                stacklevel=4,
            )
        rows = max(1, BLOCK // len(x))
        for start in range(0, len(x), rows):
            yield start, x[start : start + rows, None, :] - x[None, :, :]


@lru_cache(maxsize=32)
def _compiled_loop(kernel: DomainKernel) -> Callable[..., None] | None:
    """The loop over all pairs, compiled once for a kernel and its domain; ``None`` for plain functions."""
    return None if kernel.pair is None else loop_over_pairs(kernel.pair, kernel.dim, kernel.kernel.pair_math)


def loop_over_pairs(pair: Callable[..., Any], dim: int, math: Any) -> Callable[..., None]:
    """A loop over all pairs of a compiled function, in the precision of the positions.

    Parameters
    ----------
    pair : callable
        Compiled, of ``dim`` components of an offset.
    math : set or bool
        What the compiler may assume of floating-point numbers.

    Returns
    -------
    callable
        ``loop(x, mass, weight, out)``: positions (dim, N), circulations (N,) or None, forces (N, dim).
    """
    import numba

    compiled = numba.njit(error_model="numpy", fastmath=math)

    @numba.njit(forceinline=True)
    def times(mass: Any, j: int, k: Any) -> Any:
        # decided when compiling: loops of equal circulations multiply by nothing
        return k if mass is None else mass[j] * k

    if dim == 1:

        @compiled
        def line(x: Any, mass: Any, weight: float, out: Any) -> None:
            x0, zero = x[0], x.dtype.type(0)
            for i in range(x0.size):
                a, total = x0[i], zero
                for j in range(x0.size):
                    total += times(mass, j, pair(a - x0[j]))
                out[i, 0] = weight * total

        return line
    if dim == 2:

        @compiled
        def plane(x: Any, mass: Any, weight: float, out: Any) -> None:
            x0, x1, zero = x[0], x[1], x.dtype.type(0)
            for i in range(x0.size):
                a, b, u, v = x0[i], x1[i], zero, zero
                for j in range(x0.size):
                    k0, k1 = pair(a - x0[j], b - x1[j])
                    u += times(mass, j, k0)
                    v += times(mass, j, k1)
                out[i, 0], out[i, 1] = weight * u, weight * v

        return plane

    @compiled
    def space(x: Any, mass: Any, weight: float, out: Any) -> None:
        x0, x1, x2, zero = x[0], x[1], x[2], x.dtype.type(0)
        for i in range(x0.size):
            a, b, c, u, v, w = x0[i], x1[i], x2[i], zero, zero, zero
            for j in range(x0.size):
                k0, k1, k2 = pair(a - x0[j], b - x1[j], c - x2[j])
                u += times(mass, j, k0)
                v += times(mass, j, k1)
                w += times(mass, j, k2)
            out[i, 0], out[i, 1], out[i, 2] = weight * u, weight * v, weight * w

    return space


class SortedForces:
    """The one-dimensional Coulomb force, exact in O(N): only the order of the particles matters.

    Σⱼ sgn(xᵢ − xⱼ) is the number of particles to the left less the number to the right; a circle of length
    L adds the background −2(N xᵢ − Σⱼ xⱼ)/L.
    """

    def __init__(self, kernel: DomainKernel) -> None:
        coulomb = kernel.kernel
        if not isinstance(coulomb, Coulomb) or coulomb.dim != 1 or coulomb.cutoff != 0:
            raise ValueError(
                f"sorted forces exist for Coulomb(dim=1) without cut-off, not for {coulomb!r}; "
                "use forces='direct'"
            )
        self._axis = kernel.axes[0]
        self._strength = coulomb.strength

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """O(N)."""
        weight *= self._common(circulation)
        from mfpde.particles.sorting import rank_balance

        axis, positions = self._axis, x[:, 0]
        force = rank_balance(positions, axis.lower, axis.upper)
        if axis.periodic:
            force -= (2.0 / axis.length) * (positions.size * positions - positions.sum())
        force *= weight * self._strength
        return force[:, None]

    @staticmethod
    def _common(circulation: FloatArray | None) -> float:
        """The circulation that all particles share."""
        if circulation is None:
            return 1.0
        if (circulation != circulation[0]).any():
            raise ValueError("sorted forces are those of equal circulations; use forces='direct'")
        return float(circulation[0])

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """−c Σ_{i<j} |xᵢ − xⱼ| from the order statistics, and the quadratic background on a circle."""
        weight *= self._common(circulation) ** 2
        ordered = np.sort(x[:, 0])
        count = ordered.size
        centred = ordered - ordered.mean()
        total = float(np.sum(centred * (2 * np.arange(count) - count + 1)))
        if self._axis.periodic:
            L = self._axis.length
            total -= count * float(np.sum(centred**2)) / L + L / 6 * count * (count - 1) / 2
        return -weight * self._strength * total


def _fast(kernel: DomainKernel) -> Forces:
    """Exact sums of moments where the kernel has them, else a near and a far part."""
    if isinstance(kernel.kernel, Kuramoto):
        return KuramotoForces(kernel)
    if isinstance(kernel.kernel, Harmonic):
        return HarmonicForces(kernel)
    from mfpde.particles.fast_sums import FastForces

    return FastForces(kernel)


def _single(kernel: DomainKernel) -> Forces:
    from mfpde.particles.single import SingleForces

    return SingleForces(kernel)


FORCES: dict[str, Callable[[DomainKernel], Forces]] = {
    "direct": DirectForces,
    "single": _single,
    "sorted": SortedForces,
    "fast": _fast,
}


def forces_for(kernel: DomainKernel, method: str = "auto", size: int | None = None) -> Forces:
    """Pair sums by ``direct``, ``single``, ``sorted``, ``fast`` or the best method there is (``auto``).

    ``auto`` takes exact methods wherever they are fast, and ``fast``, with its tolerance of 1e-6, from the
    number of particles on at which it saves time: that number depends on dimension and domain.

    Parameters
    ----------
    kernel : DomainKernel
    method : {"auto", "direct", "single", "sorted", "fast"}
    size : int, optional
        Number of particles; without it ``auto`` stays exact.

    Raises
    ------
    ValueError
        If the method is unknown or does not apply to the kernel.
    """
    if method == "auto":
        method = _best(kernel, size)
    if method not in FORCES:
        raise ValueError(f"forces {method!r} is unknown; use 'auto', {', '.join(map(repr, FORCES))}")
    return FORCES[method](kernel)


def _best(kernel: DomainKernel, size: int | None) -> str:
    K = kernel.kernel
    if isinstance(K, Coulomb) and K.dim == 1 and K.cutoff == 0:
        return "sorted"
    if isinstance(K, Kuramoto | Harmonic):
        return "fast"
    if kernel.mixed or size is None or not isinstance(K, RadialPower | BiotSavart | Stokeslet):
        return "direct"
    crossover = CROSSOVER[kernel.dim, kernel.periodic]
    if isinstance(K, RadialPower) and K.order != int(K.order):
        crossover = min(crossover, UNEVEN)
    return "fast" if size >= crossover else "direct"

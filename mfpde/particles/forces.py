"""Pair sums: the force (1/N) Σ_{j≠i} K(Xᵢ − Xⱼ) on every particle, and the interaction energy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.kernels import Coulomb, DomainKernel

__all__ = ["DirectForces", "Forces", "SortedForces", "forces_for"]

FloatArray = NDArray[np.float64]

BLOCK = 2**20  # pairs at a time where a kernel is evaluated in NumPy
SLOW = 2**10  # particles from which a plain Python kernel deserves a notice


class Forces(Protocol):
    """Pair sums of one kernel on one domain."""

    def __call__(self, x: FloatArray, weight: float) -> FloatArray:
        """``weight`` · Σ_{j≠i} K(xᵢ − xⱼ), (N, d) → (N, d); on a torus x lies in the box."""
        ...

    def energy(self, x: FloatArray, weight: float) -> float:
        """``weight`` · ½ Σ_{i≠j} V(xᵢ − xⱼ)."""
        ...


class DirectForces:
    """Sums over all pairs, in a compiled loop where the kernel compiles."""

    def __init__(self, kernel: DomainKernel) -> None:
        self._kernel = kernel
        self._loop = _compiled_loop(kernel)

    def __call__(self, x: FloatArray, weight: float) -> FloatArray:
        """O(N²); K(0) = 0 takes care of j = i."""
        if self._loop is None:
            return weight * np.concatenate([self._kernel(z).sum(axis=1) for _, z in self._blocks(x)])
        out = np.empty_like(x)
        self._loop(np.ascontiguousarray(x.T), weight, out)
        return out

    def energy(self, x: FloatArray, weight: float) -> float:
        """O(N²), in NumPy blocks."""
        total = 0.0
        for start, z in self._blocks(x):
            potential = self._kernel.potential(z)
            own = np.arange(len(z))
            potential[own, start + own] = 0.0
            total += float(potential.sum())
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
    import numba

    pair, dim = kernel.pair, kernel.dim
    if pair is None:
        return None
    compiled = numba.njit(error_model="numpy", fastmath=kernel.kernel.pair_math)
    if dim == 1:

        @compiled
        def line(x: Any, weight: float, out: Any) -> None:
            x0 = x[0]
            for i in range(x0.size):
                a, total = x0[i], 0.0
                for j in range(x0.size):
                    total += pair(a - x0[j])
                out[i, 0] = weight * total

        return line
    if dim == 2:

        @compiled
        def plane(x: Any, weight: float, out: Any) -> None:
            x0, x1 = x[0], x[1]
            for i in range(x0.size):
                a, b, u, v = x0[i], x1[i], 0.0, 0.0
                for j in range(x0.size):
                    k0, k1 = pair(a - x0[j], b - x1[j])
                    u += k0
                    v += k1
                out[i, 0], out[i, 1] = weight * u, weight * v

        return plane

    @compiled
    def space(x: Any, weight: float, out: Any) -> None:
        x0, x1, x2 = x[0], x[1], x[2]
        for i in range(x0.size):
            a, b, c, u, v, w = x0[i], x1[i], x2[i], 0.0, 0.0, 0.0
            for j in range(x0.size):
                k0, k1, k2 = pair(a - x0[j], b - x1[j], c - x2[j])
                u += k0
                v += k1
                w += k2
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

    def __call__(self, x: FloatArray, weight: float) -> FloatArray:
        """O(N)."""
        from mfpde.particles.sorting import rank_balance

        axis, positions = self._axis, x[:, 0]
        force = rank_balance(positions, axis.lower, axis.upper)
        if axis.periodic:
            force -= (2.0 / axis.length) * (positions.size * positions - positions.sum())
        force *= weight * self._strength
        return force[:, None]

    def energy(self, x: FloatArray, weight: float) -> float:
        """−c Σ_{i<j} |xᵢ − xⱼ| from the order statistics, and the quadratic background on a circle."""
        ordered = np.sort(x[:, 0])
        count = ordered.size
        centred = ordered - ordered.mean()
        total = float(np.sum(centred * (2 * np.arange(count) - count + 1)))
        if self._axis.periodic:
            L = self._axis.length
            total -= count * float(np.sum(centred**2)) / L + L / 6 * count * (count - 1) / 2
        return -weight * self._strength * total


FORCES: dict[str, Callable[[DomainKernel], Forces]] = {"direct": DirectForces, "sorted": SortedForces}


def forces_for(kernel: DomainKernel, method: str = "auto") -> Forces:
    """Pair sums by ``direct``, ``sorted`` or the best method there is (``auto``).

    Raises
    ------
    ValueError
        If the method is unknown or does not apply to the kernel.
    """
    if method == "auto":
        coulomb = kernel.kernel
        exact = isinstance(coulomb, Coulomb) and coulomb.dim == 1 and coulomb.cutoff == 0
        method = "sorted" if exact else "direct"
    if method not in FORCES:
        raise ValueError(f"forces {method!r} is unknown; use 'auto', {', '.join(map(repr, FORCES))}")
    return FORCES[method](kernel)

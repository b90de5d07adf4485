"""Pair sums in single precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.particles.forces import DirectForces, loop_over_pairs
from mfpde_solvers.kernels import BiotSavart, DomainKernel
from mfpde_solvers.kernels.formulas import NAMES, formula, in_single
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["SingleForces"]

FloatArray = NDArray[np.float64]
RESOLUTION = 1e-7  # as close as coordinates of size 1 can be told apart
SMALLEST = 1e-36  # about the smallest number whose reciprocal is a number


class SingleForces:
    """Sums over all pairs in single precision, two to four times as fast, on the whole space.

    Positions are rounded relative to their mean, so the error of a pair is about 1e-7 of the extent of the
    particles over their distance: 1e-6 … 1e-4 of the root-mean-square force for uniform points, more where
    pairs are close. Kernels without a cut-off get one: 1e-7, or what keeps r^{−2(s+2)} within the range of
    numbers (1e-6 for the Coulomb force in space). Energies are summed in double precision.

    Raises
    ------
    ValueError
        For other kernels than powers of the distance and Biot–Savart, and on periodic axes.
    """

    def __init__(self, kernel: DomainKernel) -> None:
        K = kernel.kernel
        if not isinstance(K, RadialPower | BiotSavart) or any(axis.periodic for axis in kernel.axes):
            raise ValueError(
                f"single precision is for powers of the distance and Biot–Savart on the whole space, not for "
                f"{K!r} on {kernel.axes}; use forces='direct'"
            )
        self._double = DirectForces(kernel)
        self._loop = _loop(K)

    def __call__(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> FloatArray:
        """O(N²)."""
        near = np.ascontiguousarray((x - x.mean(axis=0)).T, dtype=np.float32)
        mass = None if circulation is None else circulation.astype(np.float32)
        out = np.empty(x.shape, dtype=np.float32)
        self._loop(near, mass, np.float32(1), out)
        return weight * out.astype(float)

    def energy(self, x: FloatArray, weight: float, circulation: FloatArray | None = None) -> float:
        """In double precision, as :class:`DirectForces`."""
        return self._double.energy(x, weight, circulation)


@lru_cache(maxsize=32)
def _loop(kernel: Any) -> Callable[..., None]:
    """The loop of a kernel, compiled once."""
    import numba

    # Compilers may take q^{−3/2} as √(q^{−3}): the square of the force has to be a number too.
    order = getattr(kernel, "order", 0.0) + 2
    least = max(float(kernel.cutoff), RESOLUTION, SMALLEST ** (0.5 / order))
    lines, results = kernel.with_cutoff(least).force_source(NAMES[: kernel.dim])
    function = formula(kernel.dim, in_single(lines), in_single(results), single=np.float32)
    pair = numba.njit(error_model="numpy", fastmath=kernel.pair_math, forceinline=True)(function)
    return loop_over_pairs(pair, kernel.dim, kernel.pair_math)

"""The transport of vorticity by its own velocity on a doubly periodic torus, with two transforms."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.dealiased import block_size, kept_modes
from mfpde_solvers.fourier import EFFORT, ComplexTransform, aligned
from mfpde_solvers.grid import Grid

__all__ = ["VorticityTransport"]

Array = NDArray[Any]

PADDING = 8  # rows a power of two apart would fall on the same lines of the cache


class VorticityTransport:
    """ω̂ ↦ the coefficients of −m div(ωu), u = K∗ω with the kernel of Biot and Savart.

    As div u = 0 and ω is the curl of u, div(ωu) = (∂ₓₓ − ∂ᵧᵧ)(uv) + ∂ₓᵧ(v² − u²) (Basdevant, J. Comput. Phys.
    50 (1983) 209). Both products are parts of z² = u² − v² + 2i uv for the complex velocity z = u + iv, whose
    coefficients are (k_x + i k_y) ω̂/|k|²: one complex transform leads to the field, one back. Rows are made,
    squared and transformed back a block at a time while they are in the cache; no field in space is ever
    stored. Coefficients are those of :class:`mfpde_solvers.dealiased.DealiasedTransform`.

    Parameters
    ----------
    grid : Grid
        Two periodic axes.
    circulation : float
        m.
    threads : int
        Python threads, each with plans of its own for its share of the rows and columns. The results do
        not depend on their number.
    effort, engine : str
        As for :class:`mfpde_solvers.fourier.RealTransform`.

    Attributes
    ----------
    rate : float
        |m| (max|u| k_x + max|v| k_y) at the largest wavenumbers kept, of the last evaluation.
    """

    def __init__(
        self,
        grid: Grid,
        circulation: float = 1.0,
        threads: int = 1,
        *,
        effort: str = EFFORT,
        engine: str | None = None,
    ) -> None:
        n, last = grid.shape
        K = [kept_modes(size) for size in grid.shape]
        kx, ky = (2 * np.pi / axis.length for axis in grid.axes)
        self.kx = kx * np.concatenate([np.arange(K[0] + 1), np.arange(-K[0], 0)]).astype(float)
        self.ky = ky * np.arange(K[1] + 1).astype(float)
        self._largest = kx * K[0], ky * K[1]
        self._m = abs(float(circulation))
        self.scale = float(circulation) / (n * last)
        self.columns = aligned((K[1] + 1, 2, n + PADDING))[..., :n]
        self.rate = 0.0
        rows, columns = block_size(n, 48 * last), block_size(K[1] + 1, 96 * n)
        self._workers = [
            _Worker(self, last, (rows, first.tolist()), (columns, start.tolist()), (effort, engine))
            for first, start in zip(
                np.array_split(np.arange(0, n, rows), threads),
                np.array_split(np.arange(0, K[1] + 1, columns), threads),
                strict=True,
            )
        ]
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    @property
    def memory(self) -> int:
        """Bytes of the buffers."""
        return int(self.columns.nbytes) + sum(worker.memory for worker in self._workers)

    def __call__(self, spectrum: Array, out: Array) -> None:
        """Write −m i k·(ωu)^ of the vorticity with these coefficients to ``out``."""
        self._share(lambda worker: worker.to_columns(spectrum))
        speeds = np.max(self._share(lambda worker: worker.square()), axis=0)
        self._share(lambda worker: worker.to_spectrum(out))
        self.rate = self._m * float(sum(sqrt(s) * k for s, k in zip(speeds, self._largest, strict=True)))

    def _share(self, work: Callable[[_Worker], Any]) -> list[Any]:
        if self._pool is None:
            return [work(self._workers[0])]
        mine, *others = self._workers
        waiting = [self._pool.submit(work, worker) for worker in others]
        return [work(mine), *(done.result() for done in waiting)]


class _Worker:
    """The share of one thread: blocks of rows and of columns, with plans and buffers of its own."""

    def __init__(
        self,
        whole: VorticityTransport,
        last: int,
        rows: tuple[int, list[int]],
        columns: tuple[int, list[int]],
        planner: tuple[str, str | None],
    ) -> None:
        self._whole, (self._block, self._firsts) = whole, rows
        effort, engine = planner
        self._given, self._field, self._result = aligned((3, self._block, last + PADDING))[..., :last]
        self._to_field = ComplexTransform(self._given, self._field, effort=effort, engine=engine)
        self._from_field = ComplexTransform(self._result, self._field, effort=effort, engine=engine)
        self._given[...] = 0.0  # beyond the kept wavenumbers for good
        width, starts = columns
        self._parts = [slice(start, start + width) for start in starts]
        buffer = aligned((width, *whole.columns.shape[1:]))
        self._buffers = [buffer[: len(whole.ky[part])] for part in self._parts]
        self._plans = [
            ComplexTransform(mine, whole.columns[part], effort=effort, engine=engine)
            for mine, part in zip(self._buffers, self._parts, strict=True)
        ]
        self.memory = int(3 * self._field.nbytes + buffer.nbytes)

    def to_columns(self, spectrum: Array) -> None:
        """Coefficients of the velocity, transformed along x."""
        from mfpde_solvers.basdevant import velocities

        whole = self._whole
        for part, buffer, plan in zip(self._parts, self._buffers, self._plans, strict=True):
            velocities(spectrum[part], whole.kx, whole.ky[part], buffer)
            plan.backward()

    def square(self) -> tuple[float, float]:
        """Blocks of rows transformed along y, squared, and transformed back; the largest u² and v²."""
        from mfpde_solvers.basdevant import gather, scatter, square

        columns, n, speeds = self._whole.columns, self._whole.columns.shape[2], (0.0, 0.0)
        for first in self._firsts:
            count = min(self._block, n - first)
            gather(columns, first, count, self._given)
            self._to_field.backward()
            u2, v2 = square(self._field, count)
            self._from_field.forward()
            scatter(self._result, first, count, columns)
            speeds = max(speeds[0], u2), max(speeds[1], v2)
        return speeds

    def to_spectrum(self, out: Array) -> None:
        """The squares, transformed along x, and their second derivatives."""
        from mfpde_solvers.basdevant import advection

        whole = self._whole
        for part, buffer, plan in zip(self._parts, self._buffers, self._plans, strict=True):
            plan.forward()
            advection(buffer, whole.kx, whole.ky[part], whole.scale, out[part])

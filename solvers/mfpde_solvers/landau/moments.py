"""The collision invariants 1, v, |v|², and increments that keep them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mfpde_solvers.grid import Grid

__all__ = ["Invariants"]

FloatArray = NDArray[np.float64]


class Invariants:
    """Projection of increments onto those that change no mass, momentum or energy.

    P w = w − f Σ_m x_m φ_m with φ = (1, v, |v|²) and x such that the sums of φ P w vanish: the smallest
    change of w in the norm ∫ w²/f. Velocities are taken about the centre of the box, in units of its size.

    Parameters
    ----------
    grid : Grid
        Two or three open axes.
    """

    def __init__(self, grid: Grid) -> None:
        scale = max(axis.length for axis in grid.axes)
        coordinates = [(axis.points - (axis.lower + axis.upper) / 2) / scale for axis in grid.axes]
        if grid.dim == 2:
            coordinates.insert(0, np.zeros(1))
        self._coordinates, self._dim = coordinates, grid.dim

    def project(self, increment: FloatArray, f: FloatArray) -> None:
        """Change the increment of the density f, in place."""
        shape = tuple(x.size for x in self._coordinates)
        w, weight = increment.reshape(shape), f.reshape(shape)
        first = 3 - self._dim  # two dimensions have no first coordinate
        used = [0, *range(1 + first, 5)]
        gram = _gram(weight, *self._coordinates)[np.ix_(used, used)]
        for _ in range(2):  # the second removes the round-off of the first
            x = np.zeros(5)
            x[used] = np.linalg.solve(gram, _sums(w, *self._coordinates)[used])
            _subtract(w, weight, x, *self._coordinates)


@njit(cache=True)
def _sums(w: Any, X: Any, Y: Any, Z: Any) -> Any:
    """Sums of w times 1, x, y, z and x² + y² + z²."""
    total = np.zeros(5)
    for i in range(X.size):
        for j in range(Y.size):
            s0 = s1 = s2 = 0.0
            for k in range(Z.size):
                value, z = w[i, j, k], Z[k]
                s0 += value
                s1 += value * z
                s2 += value * z * z
            x, y = X[i], Y[j]
            total[0] += s0
            total[1] += x * s0
            total[2] += y * s0
            total[3] += s1
            total[4] += (x * x + y * y) * s0 + s2
    return total


@njit(cache=True)
def _gram(f: Any, X: Any, Y: Any, Z: Any) -> Any:
    """Sums of f φ_m φ_n."""
    G, φ = np.zeros((5, 5)), np.ones(5)
    for i in range(X.size):
        φ[1] = X[i]
        for j in range(Y.size):
            φ[2] = Y[j]
            s = np.zeros(5)  # of f times powers of z
            for k in range(Z.size):
                value, z = f[i, j, k], Z[k]
                s[0] += value
                s[1] += value * z
                s[2] += value * z * z
                s[3] += value * z * z * z
                s[4] += value * z * z * z * z
            r2 = X[i] ** 2 + Y[j] ** 2
            for m in range(3):
                for n in range(m, 3):
                    G[m, n] += φ[m] * φ[n] * s[0]
                G[m, 3] += φ[m] * s[1]
                G[m, 4] += φ[m] * (r2 * s[0] + s[2])
            G[3, 3] += s[2]
            G[3, 4] += r2 * s[1] + s[3]
            G[4, 4] += r2 * r2 * s[0] + 2 * r2 * s[2] + s[4]
    for m in range(5):
        for n in range(m):
            G[m, n] = G[n, m]
    return G


@njit(cache=True)
def _subtract(w: Any, f: Any, x: Any, X: Any, Y: Any, Z: Any) -> None:
    """W ← w − f Σ x_m φ_m."""
    for i in range(X.size):
        for j in range(Y.size):
            base = x[0] + x[1] * X[i] + x[2] * Y[j] + x[4] * (X[i] ** 2 + Y[j] ** 2)
            for k in range(Z.size):
                w[i, j, k] -= f[i, j, k] * (base + Z[k] * (x[3] + x[4] * Z[k]))

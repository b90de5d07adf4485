"""The collision operator on a grid: nonlocal coefficients, and a local flux and its divergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mfpde_solvers.differences import Derivative
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau.convolution import CollisionConvolution
from mfpde_solvers.stepping.stabilised import spectral_radius

__all__ = ["Coefficients", "CollisionOperator", "EntropicOperator", "inscribed"]

FloatArray = NDArray[np.float64]

ITERATIONS = 20  # for a spectral radius
WIDENED = 1.2  # spectral radius of a part of a Jacobian, for that of the whole


def inscribed(grid: Grid) -> FloatArray:
    """1 in the ellipsoid inscribed in the box and one cell inside its ends, 0 elsewhere.

    Collisions act there: in the corners, where there is nothing, diffusion would be fastest.
    """
    centres = [(axis.lower + axis.upper) / 2 for axis in grid.axes]
    squares = [
        ((x - centre) / (axis.length / 2 - 0.9 * axis.spacing)) ** 2
        for x, centre, axis in zip(grid.coordinates, centres, grid.axes, strict=True)
    ]
    r2 = sum(np.meshgrid(*squares, indexing="ij", sparse=True))
    return np.asarray(r2 <= 1, dtype=float)


class Coefficients:
    """A = a ∗ f (upper triangle, row by row) and c = b ∗ f of a frozen density on the cells of a box."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        d = len(shape)
        self.A, self.c = np.empty((d * (d + 1) // 2, *shape)), np.empty((d, *shape))

    @property
    def memory(self) -> int:
        """Bytes of the arrays."""
        return self.A.nbytes + self.c.nbytes


class CollisionOperator:
    """Q(f) = −Dᵀ J, J = m ((A ∗ m f) D f − c f), with the mask m of :func:`inscribed`.

    c is A ∗ (m D f) on a lattice, where sums over pairs of cells are antisymmetric,

        Jᵢ = mᵢ Σⱼ A(vᵢ − vⱼ) (fⱼ Dfᵢ − fᵢ Dfⱼ) mⱼ hᵈ,

    and b ∗ (m f) if the convolution has the vector b. With frozen coefficients it is the linear
    Fokker–Planck operator L g = −Dᵀ m (A Dg − c g), and L f = Q(f) for the f they belong to.

    Parameters
    ----------
    grid : Grid
    convolution : CollisionConvolution
    derivatives : list of Derivative
        D along each axis.
    """

    def __init__(
        self, grid: Grid, convolution: CollisionConvolution, derivatives: Sequence[Derivative]
    ) -> None:
        self.grid, self._convolution, self._D = grid, convolution, list(derivatives)
        self._mask = self._region(grid)
        self._gradient = np.empty((grid.dim, *grid.shape))
        self._part = np.empty(grid.shape)

    @staticmethod
    def _region(grid: Grid) -> FloatArray:
        """The mask m."""
        return inscribed(grid)

    @property
    def memory(self) -> int:
        """Bytes of tables and buffers."""
        return self._convolution.memory + self._mask.nbytes + self._gradient.nbytes + self._part.nbytes

    def freeze(self, f: FloatArray, coefficients: Coefficients) -> None:
        """Fill the coefficients of a density."""
        np.multiply(f, self._mask, out=self._part)
        self._convolution.matrix(self._part, coefficients.A)
        if self._convolution.has_vector:
            self._convolution.vector(coefficients.c)
        else:
            for place, D in enumerate(self._D):
                D.apply(f, place, self._gradient[place])
            self._gradient *= self._mask
            self._convolution.contraction(self._gradient, coefficients.c)

    def linear(self, coefficients: Coefficients, g: FloatArray, out: FloatArray) -> None:
        """Fill ``out`` with L g."""
        for place, D in enumerate(self._D):
            D.apply(g, place, self._gradient[place])
        _flux(coefficients.A, coefficients.c, self._mask, g, self._gradient)
        self._minus_divergence(out)

    def rate(self, f: FloatArray, coefficients: Coefficients) -> FloatArray:
        """Q(f), a new array; the coefficients become those of f."""
        out = np.empty_like(f)
        self.freeze(f, coefficients)
        self.linear(coefficients, f, out)
        return out

    def radius(self, coefficients: Coefficients, f: FloatArray) -> float:
        """Spectral radius of L at f: an estimate from above, and at most the bound that norms give."""

        def image(w: FloatArray) -> FloatArray:
            out = np.empty_like(w)
            self.linear(coefficients, w, out)
            return out

        return min(self.bound(coefficients), spectral_radius(image, self.grid.shape, ITERATIONS))

    def bound(self, coefficients: Coefficients) -> float:
        """‖D‖² max ‖A‖_∞ + ‖D‖ max |c|, a bound of the norm of L."""
        norm2 = sum(D.bound**2 for D in self._D)
        largest, fastest = _largest(coefficients.A, coefficients.c, self._mask)
        return float(norm2 * largest + np.sqrt(norm2) * fastest)

    def state(self) -> dict[str, Any]:
        """What the operator remembers of the density it was made for: nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""

    def _minus_divergence(self, out: FloatArray) -> None:
        """Fill ``out`` with −Dᵀ J for the flux J in the gradient's place."""
        for place, D in enumerate(self._D):
            D.adjoint(self._gradient[place], place, self._part)
            if place == 0:
                np.negative(self._part, out=out)
            else:
                out -= self._part


class EntropicOperator(CollisionOperator):
    """Q(f) = −Dᵀ J with Jᵢ = mᵢ Σⱼ A(vᵢ − vⱼ) fᵢ fⱼ (D log fᵢ − D log fⱼ) mⱼ hᵈ, which lowers the entropy.

    Σ Qᵢ log fᵢ = −½ ΣΣ mᵢ mⱼ fᵢ fⱼ wᵢⱼ·A wᵢⱼ hᵈ ≤ 0 with wᵢⱼ = D log fᵢ − D log fⱼ, as A(z) ≥ 0. In
    it max(f, floor) stands for f: the theorem is one of ∫ η(f) with η′(f) = 1 + log max(f, floor).
    """

    floor: float = 0.0

    @staticmethod
    def _region(grid: Grid) -> FloatArray:
        """All cells but the outermost: where a smaller region ends, log f would have a jump."""
        mask = np.zeros(grid.shape)
        mask[(slice(1, -1),) * grid.dim] = 1.0
        return mask

    def state(self) -> dict[str, Any]:
        """The floor."""
        return {"floor": np.float64(self.floor)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self.floor = float(state["floor"])

    def radius(self, coefficients: Coefficients, f: FloatArray) -> float:
        """Spectral radius of the local part of the Jacobian of Q at f, δ ↦ −Dᵀ m f A D(δ/f).

        f may change by orders of magnitude between the cells of a difference, so that it is several times
        that of the frozen operator. In δ/√f it is symmetric; cells below the floor do not matter.
        """
        floored, above = np.maximum(f, self.floor), f > self.floor
        root, still = np.where(above, np.sqrt(floored), np.inf), np.zeros_like(coefficients.c)

        def image(w: FloatArray) -> FloatArray:
            for place, D in enumerate(self._D):
                D.apply(w / root, place, self._gradient[place])
            _flux(coefficients.A, still, self._mask * floored, w, self._gradient)
            self._minus_divergence(out := np.empty_like(w))
            return np.asarray(out / root)

        return WIDENED * spectral_radius(image, self.grid.shape, ITERATIONS)

    def rate(self, f: FloatArray, coefficients: Coefficients) -> FloatArray:
        """Q(f), a new array; the coefficients become those of the form (A, c) with c = A ∗ (f D log f)."""
        floored = np.maximum(f, self.floor)
        logarithm, weight = np.log(floored), floored * self._mask
        self._convolution.matrix(weight, coefficients.A)
        slopes = np.empty_like(self._gradient)
        for place, D in enumerate(self._D):
            D.apply(logarithm, place, slopes[place])
        np.multiply(slopes, weight, out=self._gradient)
        self._convolution.contraction(self._gradient, coefficients.c)
        np.multiply(slopes, floored, out=self._gradient)
        _flux(coefficients.A, coefficients.c, self._mask, floored, self._gradient)
        out = np.empty_like(f)
        self._minus_divergence(out)
        return out


@njit(cache=True)
def _flux(A: Any, c: Any, mask: Any, f: Any, G: Any) -> None:
    """G ← mask (A G − c f), cell by cell."""
    d, n = G.shape[0], mask.size
    A, c, G = A.reshape(A.shape[0], n), c.reshape(d, n), G.reshape(d, n)
    mask, f = mask.reshape(n), f.reshape(n)
    if d == 2:
        for i in range(n):
            x, y = G[0, i], G[1, i]
            G[0, i] = mask[i] * (A[0, i] * x + A[1, i] * y - c[0, i] * f[i])
            G[1, i] = mask[i] * (A[1, i] * x + A[2, i] * y - c[1, i] * f[i])
    else:
        for i in range(n):
            x, y, z = G[0, i], G[1, i], G[2, i]
            G[0, i] = mask[i] * (A[0, i] * x + A[1, i] * y + A[2, i] * z - c[0, i] * f[i])
            G[1, i] = mask[i] * (A[1, i] * x + A[3, i] * y + A[4, i] * z - c[1, i] * f[i])
            G[2, i] = mask[i] * (A[2, i] * x + A[4, i] * y + A[5, i] * z - c[2, i] * f[i])


@njit(cache=True)
def _largest(A: Any, c: Any, mask: Any) -> tuple[float, float]:
    """Largest row sum of |A| (a bound of its eigenvalues) and largest |c| where the mask is not 0."""
    d, n = c.shape[0], mask.size
    A, c, mask = A.reshape(A.shape[0], n), c.reshape(d, n), mask.reshape(n)
    row_sum = speed = 0.0
    for i in range(n):
        if mask[i] != 0.0:
            square = 0.0
            for p in range(d):
                total = 0.0
                for q in range(d):
                    low, high = min(p, q), max(p, q)
                    total += abs(A[low * d - low * (low - 1) // 2 + high - low, i])
                row_sum = max(row_sum, total)
                square += c[p, i] ** 2
            speed = max(speed, square)
    return row_sum, np.sqrt(speed)

"""Relative entropies of one and of two particles whose laws are Gaussian, from their moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, marginal
from mfpde.dataset import grid_of

__all__ = ["GaussianLaw", "gaussian_law"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """Mean μ (n,) and a square root L of the covariance Σ = LLᵀ (n, n) of a density along some axes."""

    columns: Columns
    mean: FloatArray
    root: FloatArray

    def moments(self, points: ArrayLike, k: int) -> FloatArray:
        """Moments of y = L⁻¹(x − μ): means of y and of yyᵀ, for k = 2 also that of yᵢyⱼᵀ over i ≠ j."""
        y = np.linalg.solve(self.root, (self.columns.of(points) - self.mean).T)
        N = y.shape[1]
        if k > 1 and N < 2:
            raise ValueError("the law of two particles needs at least two")
        m, second = y.mean(axis=1), y @ y.T / N
        parts = [m, second.ravel()]
        if k > 1:
            parts.append((N * np.outer(m, m) - second).ravel() / (N - 1))
        return np.concatenate(parts)

    def entropy(self, moments: FloatArray, k: int) -> FloatArray:
        """H_k from mean moments (..., m); NaN where a covariance is not positive.

        H₁ = ½ (tr A + |m|² − n − log det A) with the mean m and covariance A of y. For two particles with the
        cross-covariance C the eigenspaces of exchange give A + C and A − C:
        H₂ = ½ (2 tr A + 2|m|² − 2n − log det (A + C) − log det (A − C)).
        """
        n = len(self.mean)
        m, rest = moments[..., :n], moments[..., n:]
        blocks = (
            rest.reshape(*rest.shape[:-1], k, n, n) - (m[..., :, None] * m[..., None, :])[..., None, :, :]
        )
        A = blocks[..., 0, :, :]
        size = np.trace(A, axis1=-2, axis2=-1) + (m**2).sum(axis=-1) - n
        if k == 1:
            return np.asarray((size - _log_det(A)) / 2)
        C = blocks[..., 1, :, :]
        return np.asarray(size - (_log_det(A + C) + _log_det(A - C)) / 2)

    def seen_by(self, other: GaussianLaw, k: int) -> FloatArray:
        """Moments of independent particles of this law, in the coordinates of another."""
        m = np.linalg.solve(other.root, self.mean - other.mean)
        L = np.linalg.solve(other.root, self.root)
        second = L @ L.T + np.outer(m, m)
        return np.concatenate([m, second.ravel(), *([np.outer(m, m).ravel()] if k > 1 else [])])


def _log_det(matrices: FloatArray) -> FloatArray:
    sign, value = np.linalg.slogdet(matrices)
    return np.where(sign > 0, value, np.nan)


def gaussian_law(density: xr.DataArray, names: tuple[str, ...]) -> GaussianLaw:
    """Mean and covariance of a density along some open axes.

    Raises
    ------
    ValueError
        If an axis is periodic, where no law is Gaussian, or the covariance is not positive.
    """
    columns = Columns(grid_of(density), names)
    if any(axis.periodic for axis in columns.axes):
        raise ValueError(
            f"the axes {', '.join(names)} are not all open, and on a periodic one no law is Gaussian; "
            "use estimator='histogram'"
        )
    reduced = marginal(density, names)
    grid = grid_of(reduced)
    weights = np.asarray(reduced.values, dtype=float).ravel()
    weights = weights / weights.sum()
    x = grid.points.reshape(-1, grid.dim)
    mean = weights @ x
    covariance = (x - mean).T @ ((x - mean) * weights[:, None])
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(f"the covariance of the density, {covariance.tolist()}, is not positive") from None
    return GaussianLaw(columns, mean, root)

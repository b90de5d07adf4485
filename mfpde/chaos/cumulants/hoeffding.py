"""Hoeffding's decomposition of a symmetric function of few variables, by quadrature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hoeffding_components"]

FloatArray = NDArray[np.float64]


def hoeffding_components(values: FloatArray, density: FloatArray, spacing: float) -> list[FloatArray]:
    r"""Components C_0, C_1, …, C_N of a symmetric function under f^{⊗N}, by quadrature.

    C_n(x₁, …, x_n) = Σ_{k≤n} (−1)^{n−k} Σ_{\|σ\|=k} M_k(x_σ) with the partial means M_k of Φ over N − k
    variables: each factor of Π (1 − E_j) subtracts the mean over one variable.

    Parameters
    ----------
    values : array (n, …, n)
        Φ at the points of the product grid, symmetric.
    density : array (n,)
        f.
    spacing : float

    Returns
    -------
    list of array
        C_n of shape (n, …, n) with n dimensions, C_0 a scalar array.

    Examples
    --------
    The mean of two values is a sum: it has no component of order 2.

    >>> x, f = np.array([0.0, 1.0, 2.0]), np.ones(3) / 3
    >>> C = hoeffding_components((x[:, None] + x) / 2, f, 1.0)
    >>> float(C[0]), C[1].tolist(), float(np.abs(C[2]).max())
    (1.0, [-0.5, 0.0, 0.5], 0.0)
    """
    weights = density * spacing
    means = [np.asarray(values, dtype=float)]
    for _ in range(values.ndim):
        means.append(means[-1] @ weights)
    out = []
    for M in means[::-1]:
        C = M
        for place in range(M.ndim):
            C = C - np.expand_dims(np.tensordot(C, weights, axes=(place, 0)), place)
        out.append(C)
    return out

"""Extrapolated steps of the linearly implicit Euler method, for stiff systems with a known Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["extrapolated_euler"]

Array = NDArray[np.float64]


def extrapolated_euler(
    rate: Callable[[Array], Array], jacobian: Array, u: Array, step: float, order: int
) -> tuple[Array, Array]:
    """Increment of u over one step of u′ = f(u), of the given order, and an estimate of its error.

    T_{j1} is the increment after j steps (I − ηJ) Δu = η f(u), η = step/j, with J = ∂f/∂u at the beginning,
    for j = 1 … q. Extrapolation in η → 0, T_{j,k+1} = T_{jk} + (T_{jk} − T_{j−1,k})/(j/(j−k) − 1), leaves an
    error O(step^{q+1}) in T_{qq}; the estimate T_{qq} − T_{q,q−1} is O(step^q). Increments rather than
    values are extrapolated, so that the round-off that extrapolation magnifies, by 1e2 at order 7, is that
    of the increments.

    Parameters
    ----------
    rate : callable
        f, arrays (n,) → (n,).
    jacobian : array (n, n)
        J at ``u``.
    u : array (n,)
    step : float
    order : int
        q ≥ 2. The stiff part is damped at every order.

    Source: E. Hairer & G. Wanner, Solving Ordinary Differential Equations II, section IV.9.

    Examples
    --------
    >>> decay, error = extrapolated_euler(lambda u: -u, -np.eye(1), np.ones(1), 0.1, order=6)
    >>> bool(abs(decay[0] - np.expm1(-0.1)) < 1e-10), bool(abs(error[0]) < 1e-8)
    (True, True)
    """
    f = rate(u)
    row: list[Array] = []
    for j in range(1, order + 1):
        solve = _factorised(np.eye(u.size) - step / j * jacobian)
        Δ = solve(step / j * f)
        for _ in range(1, j):
            Δ = Δ + solve(step / j * rate(u + Δ))
        before, row = row, [Δ]
        for k, coarser in enumerate(before, start=1):
            row.append(row[-1] + (row[-1] - coarser) / (j / (j - k) - 1))
    return row[-1], row[-1] - row[-2]


def _factorised(matrix: Array) -> Callable[[Array], Any]:
    from scipy.linalg import lu_factor, lu_solve

    factors = lu_factor(matrix, overwrite_a=True, check_finite=False)
    return lambda b: lu_solve(factors, b, overwrite_b=True, check_finite=False)

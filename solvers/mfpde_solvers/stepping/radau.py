"""The implicit Runge–Kutta method Radau IIA of order 9, for small stiff systems.

Source: E. Hairer & G. Wanner, Solving Ordinary Differential Equations II, IV.5 and IV.8.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["STAGES", "radau_step"]

Array = NDArray[Any]

STAGES, ITERATIONS = 5, 12


@lru_cache(maxsize=1)
def _radau() -> tuple[Array, ...]:
    """A = T diag(μ) T⁻¹ of Radau IIA, μ₀ real, T⁻¹, and e of an embedded formula: error μ₀hf′ + Σ eᵢZᵢ."""
    k = np.arange(1, STAGES + 1)
    c = (1 + np.sort(np.polynomial.legendre.legroots([*np.zeros(STAGES - 1), -1.0, 1.0]).real)) / 2
    V = c[:, None] ** (k - 1)
    A = (c[:, None] ** k / k) @ np.linalg.inv(V)
    μ, T = np.linalg.eig(A)
    μ, T = μ[np.argsort(np.abs(μ.imag))], T[:, np.argsort(np.abs(μ.imag))]
    e = np.linalg.solve(V.T, -μ[0].real * (k == 1)) @ np.linalg.inv(A)
    return A, μ, T, np.linalg.inv(T), e


def radau_step(
    rate: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    u: Array,
    step: float,
    tolerance: float,
) -> tuple[Array, float]:
    """Change of u in a step of u' = rate(u), and its error over max|u|.

    Radau IIA with five stages, of order 9; the embedded formula is of order 5. The error is infinite if the
    simplified Newton iteration fails.

    Parameters
    ----------
    rate : callable
        (n, m) → (n, m), of every column, and (n,) → (n,).
    jacobian : callable
        (n,) → (n, n).
    u : array (n,)
    step, tolerance : float
        The iteration ends below a thousandth of the tolerance.
    """
    A, μ, T, modes, e = _radau()
    h, top = step, np.abs(u).max()
    # In the modes of A the system of all stages falls into one for each, a small one.
    inverses = np.linalg.inv(np.eye(u.size) - h * μ[:, None, None] * jacobian(u))
    Z = np.zeros((u.size, STAGES))
    for _ in range(ITERATIONS):
        residual = h * rate(u[:, None] + Z) @ A.T - Z
        change = (np.einsum("kij,jk->ik", inverses, residual @ modes.T) @ T.T).real
        Z += change
        if np.abs(change).max() <= max(1e-3 * tolerance, 1e-14) * top:
            error = inverses[0].real @ (h * μ[0].real * rate(u) + Z @ e)
            return Z[:, -1], float(np.abs(error).max() / top)
    return Z[:, -1], np.inf

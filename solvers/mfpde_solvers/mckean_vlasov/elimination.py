"""Newton's iteration of an implicit sweep, on several lines at once, by eliminations without subtraction.

With U and D the rates up and down an axis times the duration and (Lc)ᵢ = Uᵢ₋₁cᵢ₋₁ − (Uᵢ + Dᵢ₋₁)cᵢ + Dᵢcᵢ₊₁,
a sweep solves β(c) − Lc = a for the mean c of a and b = β(c): c = (a + b)/2 where b ≥ a, c = 2ab/(a + b)
where b < a. In terms of q = m/(2a − m), m = min(c, a), an iteration is

    (w − L) c = a (1 + q²),   w = β′(c) = (1 + q)²/2,   b = w c − a q².

β is convex and −L an M-matrix whose columns sum to zero: from the second iterate on c decreases to the
solution, and every b has the sum of a. The unknowns are eliminated like the states of a Markov chain that
is killed at the rates w (Grassmann, Taksar & Heyman, Oper. Res. 33, 1985): nothing is subtracted, so c is
positive and accurate in every cell. Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mfpde_solvers.mckean_vlasov.fluxes import compiled

__all__ = ["LANES", "advance"]

Array = NDArray[Any]

LANES = 8  # lines that are advanced together
TINY = 1e-300  # keeps the quotients of empty cells finite
CLOSE = 1e-5  # last change of q; what it leaves is about its square
MOST = 60  # iterations


@compiled
def advance(a: Array, U: Array, D: Array, periodic: bool, work: Array, lane: Array, b: Array) -> bool:
    """Advance lines of n cells from ``a`` to ``b``; ``False`` if the iteration does not converge.

    Parameters
    ----------
    a, U, D, b : arrays (n, LANES)
        ``U[i]`` leads from cell i to the next, ``D[i]`` back; from the last cell to the first where periodic.
    periodic : bool
        If not, the last rates are not read.
    work, lane : arrays (4, n, LANES) and (9, LANES)
        Overwritten.
    """
    q, R, A, C = work[0], work[1], work[2], work[3]
    c, change, least = lane[0], lane[1], lane[2]
    q[:] = 1.0
    for _ in range(MOST):
        if periodic:
            _eliminate_circle(a, U, D, q, R, A, C, lane)
        else:
            _eliminate_line(a, U, D, q, R, A, lane)
        c[:], change[:], least[:] = 0.0, 0.0, 0.0
        _substitute(a, R, A, q, b, c, change, least)
        if _settled(change, least):
            return True
    return False


@compiled
def _eliminate_line(a: Array, U: Array, D: Array, q: Array, R: Array, A: Array, lane: Array) -> None:
    """cᵢ = Rᵢ + Aᵢcᵢ₊₁. The state i is killed at the rate e, at i or before, or goes on to i + 1."""
    e, r = lane[3], lane[4]
    e[:], r[:] = 0.0, 0.0
    n = a.shape[0]
    for i in range(n):
        U_i, D_i, a_i, q_i, R_i, A_i = U[i], D[i], a[i], q[i], R[i], A[i]
        inside = 1.0 if i < n - 1 else 0.0
        for l in range(LANES):
            u = inside * U_i[l]
            killed = e[l] + 0.5 * (1.0 + q_i[l]) * (1.0 + q_i[l])
            inverse = 1.0 / (killed + u)
            R_i[l] = (r[l] + a_i[l] * (1.0 + q_i[l] * q_i[l])) * inverse
            A_i[l] = inside * D_i[l] * inverse
            e[l], r[l] = A_i[l] * killed, u * R_i[l]


@compiled
def _eliminate_circle(
    a: Array, U: Array, D: Array, q: Array, R: Array, A: Array, C: Array, lane: Array
) -> None:
    """The same where the state i may also go to the last one, at the rate z, or come from it, rate y."""
    e, r, Z, Y, end_e, end_r = lane[3], lane[4], lane[5], lane[6], lane[7], lane[8]
    n = a.shape[0]
    e[:], r[:], end_e[:], end_r[:] = 0.0, 0.0, 0.0, 0.0
    Z[:], Y[:] = D[n - 1], U[n - 1]
    for i in range(n - 1):
        U_i, D_i, a_i, q_i, R_i, A_i, C_i = U[i], D[i], a[i], q[i], R[i], A[i], C[i]
        inside = 1.0 if i < n - 2 else 0.0  # the neighbour of the last but one is the last one itself
        for l in range(LANES):
            u, z = inside * U_i[l], Z[l] + (1.0 - inside) * U_i[l]
            y = Y[l] + (1.0 - inside) * D_i[l]
            killed = e[l] + 0.5 * (1.0 + q_i[l]) * (1.0 + q_i[l])
            inverse = 1.0 / (killed + u + z)
            R_i[l] = (r[l] + a_i[l] * (1.0 + q_i[l] * q_i[l])) * inverse
            A_i[l], C_i[l] = inside * D_i[l] * inverse, y * inverse
            e[l], r[l], Z[l], Y[l] = A_i[l] * killed, u * R_i[l], A_i[l] * z, C_i[l] * u
            end_e[l] += C_i[l] * killed
            end_r[l] += z * R_i[l]
    for l in range(LANES):
        s = q[n - 1, l]
        R[n - 1, l] = (end_r[l] + a[n - 1, l] * (1.0 + s * s)) / (end_e[l] + 0.5 * (1.0 + s) * (1.0 + s))
        A[n - 1, l] = 0.0
    for i in range(n - 1):
        for l in range(LANES):
            R[i, l] += C[i, l] * R[n - 1, l]


@compiled
def _substitute(
    a: Array, R: Array, A: Array, q: Array, b: Array, c: Array, change: Array, least: Array
) -> None:
    """Find c from the last cell to the first, b, and the next q."""
    for i in range(a.shape[0] - 1, -1, -1):
        a_i, R_i, A_i, q_i, b_i = a[i], R[i], A[i], q[i], b[i]
        for l in range(LANES):
            c[l] = R_i[l] + A_i[l] * c[l]
            s = q_i[l]
            b_i[l] = 0.5 * (1.0 + s) * (1.0 + s) * c[l] - a_i[l] * s * s
            m = c[l] if c[l] < a_i[l] else a_i[l]
            q_i[l] = 1.0 - 2.0 * (a_i[l] - m) / (2.0 * a_i[l] - m + TINY)
            moved = abs(q_i[l] - s)
            change[l] = moved if moved > change[l] else change[l]
            least[l] = b_i[l] if b_i[l] < least[l] else least[l]


@compiled
def _settled(change: Array, least: Array) -> bool:
    """Whether every lane has converged, to densities that are not negative."""
    done = True
    for l in range(LANES):
        done = done and change[l] <= CLOSE and least[l] >= 0.0
    return done

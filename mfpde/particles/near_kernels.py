"""What a target feels from a list of near sources, compiled, in passes without branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["FORCE", "POTENTIAL", "STOKESLET", "NearPart", "add_sums", "compiled"]

FloatArray = NDArray[np.float64]
Point = tuple[float, float, float]
Function = TypeVar("Function", bound=Callable[..., Any])

FORCE, POTENTIAL, STOKESLET = 0, 1, 2
TINY = 1e-120  # least squared distance in a force, so that K(0) = 0 needs no branch


class NearPart(NamedTuple):
    """What is summed over the offsets z, r = |z| < ``reach``.

    With q = max(r², ε²), ε the ``cutoff``, and P, Q the two polynomials in y = 2r²/reach² − 1, highest power
    first, their number of coefficients a multiple of four:

    * FORCE: z (q^{−power/2} − P);
    * POTENTIAL: q^{−power/2}/power (−½ log q for power 0) + (ε² − r²)₊/(2 ε^{power+2}) − P;
    * STOKESLET: A g + B z (z·g) with A = −1/r + 2(P + r²Q), B = −1/r³ − 2Q and g the first of the
      ``vectors``; the second of them at z = 0.
    """

    kind: int
    power: float
    reach: float
    cutoff: float
    polynomials: FloatArray
    vectors: FloatArray


def compiled(function: Function) -> Function:
    """Compile a function once and for all, sums in any order."""
    options = {"contract", "reassoc", "arcp", "nsz"}
    return cast(Function, njit(cache=True, error_model="numpy", fastmath=options)(function))


@compiled
def add_sums(
    centre: Point, own: int, sources: FloatArray, n: int, work: FloatArray, part: Any, out: FloatArray
) -> None:
    """Add the sum over n sources, positions and masses by rows, but for the source ``own`` (−1 for none)."""
    q = work[0, :n]
    _squares(centre, sources, n, q)
    if own >= 0 and part[0] != STOKESLET:
        q[own] = part[2] ** 2  # as if out of reach
    _polynomial(q, 2 / part[2] ** 2, part[4][0], work[1, :n])
    if part[0] == FORCE:
        _force(centre, sources, work, n, part, out)
    elif part[0] == POTENTIAL:
        _potential(sources, work, n, part, out)
    else:
        _stokeslet(centre, sources, work, n, part, out)


@compiled
def _squares(centre: Point, sources: FloatArray, n: int, q: FloatArray) -> None:
    """Squared distances."""
    if sources.shape[0] == 2:
        x, a = sources[0, :n], centre[0]
        for j in range(n):
            q[j] = (a - x[j]) ** 2
    elif sources.shape[0] == 3:
        x, y, a, b = sources[0, :n], sources[1, :n], centre[0], centre[1]
        for j in range(n):
            q[j] = (a - x[j]) ** 2 + (b - y[j]) ** 2
    else:
        x, y, z, a, b, c = sources[0, :n], sources[1, :n], sources[2, :n], centre[0], centre[1], centre[2]
        for j in range(n):
            q[j] = (a - x[j]) ** 2 + (b - y[j]) ** 2 + (c - z[j]) ** 2


@compiled
def _force(centre: Point, sources: FloatArray, work: FloatArray, n: int, part: Any, out: FloatArray) -> None:
    """Add the sums of FORCE."""
    q, P, f = work[0, :n], work[1, :n], work[2, :n]
    d, R2, floor = sources.shape[0] - 1, part[2] ** 2, max(part[3] ** 2, TINY)
    _inverse_power(q, floor, part[1], f)
    mass = sources[d, :n]
    for j in range(n):
        f[j] = mass[j] * (f[j] - P[j]) if q[j] < R2 else 0.0
    for a in range(d):
        x, c, total = sources[a, :n], centre[a], 0.0
        for j in range(n):
            total += f[j] * (c - x[j])
        out[a] += total


@compiled
def _polynomial(q: FloatArray, scale: float, coefficients: FloatArray, out: FloatArray) -> None:
    """Horner's scheme in y = scale·q − 1, four coefficients in each pass over the points."""
    out[:] = 0.0
    for k in range(0, coefficients.size, 4):
        c0, c1, c2, c3 = coefficients[k], coefficients[k + 1], coefficients[k + 2], coefficients[k + 3]
        for j in range(q.size):
            y = scale * q[j] - 1
            out[j] = (((out[j] * y + c0) * y + c1) * y + c2) * y + c3


@compiled
def _inverse_power(q: FloatArray, floor: float, power: float, out: FloatArray) -> None:
    """max(q, floor)^{−power/2}; a loop of its own for each power that needs no logarithm."""
    if power == 1:
        for j in range(q.size):
            out[j] = 1 / np.sqrt(max(q[j], floor))
    elif power == 2:
        for j in range(q.size):
            out[j] = 1 / max(q[j], floor)
    elif power == 3:
        for j in range(q.size):
            p = max(q[j], floor)
            out[j] = 1 / (p * np.sqrt(p))
    elif power == 4:
        for j in range(q.size):
            p = max(q[j], floor)
            out[j] = 1 / (p * p)
    else:
        for j in range(q.size):
            out[j] = max(q[j], floor) ** (-power / 2)


@compiled
def _potential(sources: FloatArray, work: FloatArray, n: int, part: Any, out: FloatArray) -> None:
    """Add the sum of POTENTIAL."""
    _, power, reach, cutoff = part[:4]
    q, P, mass = work[0, :n], work[1, :n], sources[-1, :n]
    ε2 = cutoff * cutoff
    inside = 1 / (2 * cutoff ** (power + 2)) if cutoff > 0 else 0.0
    total = 0.0
    for j in range(q.size):
        p = max(q[j], ε2)
        V = -np.log(p) / 2 if power == 0 else p ** (-power / 2) / power
        total += mass[j] * (V + inside * max(ε2 - q[j], 0.0) - P[j]) if q[j] < reach**2 else 0.0
    out[0] += total


@compiled
def _stokeslet(
    centre: Point, sources: FloatArray, work: FloatArray, n: int, part: Any, out: FloatArray
) -> None:
    """Add the sums of STOKESLET; every source at z = 0, the target itself too, adds the second vector."""
    q, P, Q = work[0, :n], work[1, :n], work[2, :n]
    R2, g, at_origin = part[2] ** 2, part[5][0], part[5][1]
    a, b, c = centre
    _polynomial(q, 2 / R2, part[4][1], Q)
    mass, x, y, z = sources[3, :n], sources[0, :n], sources[1, :n], sources[2, :n]
    here = 0.0
    for j in range(n):
        along = g[0] * (a - x[j]) + g[1] * (b - y[j]) + g[2] * (c - z[j])
        pole = 1 / np.sqrt(max(q[j], TINY))
        m = mass[j] if 0 < q[j] < R2 else 0.0
        here += mass[j] if q[j] == 0 else 0.0
        A = -pole + 2 * (P[j] + q[j] * Q[j])
        B = -pole * pole * pole - 2 * Q[j]
        P[j], Q[j] = m * A, m * B * along
    for i in range(3):
        source, target, h, total = sources[i, :n], centre[i], g[i], here * at_origin[i]
        for j in range(n):
            total += h * P[j] + Q[j] * (target - source[j])
        out[i] += total

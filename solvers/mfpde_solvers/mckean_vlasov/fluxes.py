"""Fluxes of Scharfetter and Gummel through the faces of a grid, of second order at every Péclet number.

For the speed u at the face between the cells i and i + 1, w = uh/σ and B(w) = w/(eʷ − 1), the flux is

    F = γ (σ/h) [B(−w) ρᵢ − B(w) ρᵢ₊₁],      γ = 1 + θ(|w|) s/(2ρ̂),      θ(w) = coth(w/2) − 2/w.

With γ = 1 this is the flux of Scharfetter and Gummel. It vanishes exactly where ρ ∝ e^{−U/σ} if u is the
difference quotient of −U, and diffuses too much, by θ|u|h/2. The factor γ, of the limited slope s in the
upwind cell with density ρ̂, takes that away: for σ → 0 the flux is u(ρ̂ + s/2), that of van Leer's MUSCL
scheme. Since γ ≥ 0, mass still goes down the chemical potential σ log ρ + U, and both coefficients keep
their sign.

References: D. L. Scharfetter and H. K. Gummel, IEEE Trans. Electron Devices 16 (1969) 64; B. van Leer, J.
Comput. Phys. 32 (1979) 101 (slopes). Imported on first use only: numba is slow to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["compiled", "exchange", "face_rates", "face_speeds"]

Array = NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])

SERIES = 0.5  # below, B is summed from its Taylor series: the first term left out is below 1e-17
LARGEST = 700.0  # of |w|: beyond, B underflows
# B(v) = 1 − v/2 + v² Σ bⱼ v²ʲ with bⱼ = B_{2j+2}/(2j+2)!, Bernoulli's numbers
B = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600)


def compiled(function: F) -> F:
    """Compile with numba; products and sums may fuse, nothing else may be reordered."""
    return cast(F, njit(cache=True, error_model="numpy", fastmath={"contract"})(function))


def _inlined(function: F) -> F:
    return cast(F, njit(cache=True, error_model="numpy", fastmath={"contract"}, inline="always")(function))


@_inlined
def _excess(v: float) -> float:
    """(B(v) − 1 + v/2)/v² for 0 ≤ v < SERIES."""
    x = v * v
    return B[0] + x * (B[1] + x * (B[2] + x * (B[3] + x * (B[4] + x * (B[5] + x * B[6])))))


@_inlined
def _slope(before: float, here: float, after: float, steepness: float) -> float:
    """Generalised minmod slope: the central difference, at most ``steepness`` times the one-sided ones."""
    a, b = here - before, after - here
    s = min(steepness * min(abs(a), abs(b)), 0.5 * abs(a + b))
    return (s if a > 0 else -s) if a * b > 0 else 0.0


@_inlined
def _rates(
    u: float,
    far: float,
    left: float,
    right: float,
    beyond: float,
    B_v: float,
    θ: float,
    d: float,
    per_cell: float,
    steepness: float,
) -> tuple[float, float]:
    """Rates of passage to the right and to the left; d = σ/h², per_cell = 1/h."""
    forward = u > 0
    upwind = left if forward else right
    s = _slope(far if forward else beyond, upwind, right if forward else left, steepness)
    γ = 1.0 + (0.5 * θ * s / upwind if s != 0 else 0.0)
    small, large = γ * d * B_v, γ * (d * B_v + abs(u) * per_cell)
    return (large, small) if forward else (small, large)


@compiled
def _row(
    u: Array,
    far: Array,
    left: Array,
    right: Array,
    beyond: Array,
    σ: float,
    h: float,
    steepness: float,
    up: Array,
    down: Array,
) -> None:
    """Rates through many faces, given the cells on either side of each."""
    n = u.size
    d, per_cell = σ / (h * h), 1.0 / h
    fastest = 0.0
    for j in range(n):
        fastest = max(fastest, abs(u[j]))
    if fastest * h < SERIES * σ:
        for j in range(n):
            v = abs(u[j]) * (h / σ)
            t = _excess(v)
            up[j], down[j] = _rates(
                u[j],
                far[j],
                left[j],
                right[j],
                beyond[j],
                1.0 - 0.5 * v + v * v * t,
                2.0 * v * t,
                d,
                per_cell,
                steepness,
            )
    else:
        for j in range(n):
            B_v, θ = 0.0, 1.0
            if abs(u[j]) * h < LARGEST * σ:
                v = abs(u[j]) * (h / σ)
                if v < SERIES:
                    t = _excess(v)
                    B_v, θ = 1.0 - 0.5 * v + v * v * t, 2.0 * v * t
                else:
                    B_v = v / np.expm1(v)
                    θ = 2.0 * (B_v + 0.5 * v - 1.0) / v
            up[j], down[j] = _rates(
                u[j], far[j], left[j], right[j], beyond[j], B_v, θ, d, per_cell, steepness
            )


@compiled
def face_rates(
    speed: Array,
    density: Array,
    diffusion: float,
    spacing: float,
    steepness: float,
    periodic: bool,
    up: Array,
    down: Array,
) -> None:
    """Rates at which mass passes each face, up and down the axis: F/h = up ρᵢ − down ρᵢ₊₁.

    Parameters
    ----------
    speed : array (outer, n, inner)
        At the face after each cell; the last one joins the ends of a periodic axis.
    density : array (outer, n, inner)
        ρ ≥ 0 of which the slopes are taken.
    diffusion, spacing : float
        σ ≥ 0 and h.
    steepness : float
        2: monotonised central slopes, 1: minmod, 0: none (the flux of Scharfetter and Gummel, upwind for σ
        = 0).
    periodic : bool
        If not, nothing passes the ends.
    up, down : arrays (outer, n, inner)
        Overwritten.
    """
    outer, n, inner = density.shape
    if inner == 1:  # whole lines at a time, which are contiguous
        line = np.empty(n + 3)
        speeds, densities = speed.reshape(outer, n), density.reshape(outer, n)
        ups, downs = up.reshape(outer, n), down.reshape(outer, n)
        for o in range(outer):
            ρ = densities[o]
            line[1 : n + 1] = ρ
            line[0], line[n + 1], line[n + 2] = (
                (ρ[n - 1], ρ[0], ρ[1]) if periodic else (ρ[0], ρ[n - 1], ρ[n - 1])
            )
            _row(
                speeds[o],
                line[:n],
                line[1 : n + 1],
                line[2 : n + 2],
                line[3:],
                diffusion,
                spacing,
                steepness,
                ups[o],
                downs[o],
            )
    else:
        for o in range(outer):
            for i in range(n):
                before, after, second = i - 1, i + 1, i + 2
                if periodic:
                    before, after, second = before % n, after % n, second % n
                else:
                    before, after, second = max(before, 0), min(after, n - 1), min(second, n - 1)
                _row(
                    speed[o, i],
                    density[o, before],
                    density[o, i],
                    density[o, after],
                    density[o, second],
                    diffusion,
                    spacing,
                    steepness,
                    up[o, i],
                    down[o, i],
                )
    if not periodic:
        up[:, n - 1] = 0.0
        down[:, n - 1] = 0.0


@compiled
def face_speeds(values: Array, external: Array, spacing: float, gradient: bool, out: Array) -> None:
    """Speed at the face after each cell: −Δφ/h of a potential, or the mean of a field; plus ``external``.

    All arrays have shape (outer, n, inner); ``external`` may have length 0 instead. The face after the last
    cell joins the ends.
    """
    outer, n, inner = values.shape
    for o in range(outer):
        flat, speeds = values[o].reshape(n * inner), out[o].reshape(n * inner)
        inside = (n - 1) * inner
        _speeds(flat[:inside], flat[inner:], spacing, gradient, speeds[:inside])
        _speeds(flat[inside:], flat[:inner], spacing, gradient, speeds[inside:])
    if external.size:
        out += external


@compiled
def _speeds(here: Array, after: Array, spacing: float, gradient: bool, out: Array) -> None:
    if gradient:
        for j in range(out.size):
            out[j] = (here[j] - after[j]) / spacing
    else:
        for j in range(out.size):
            out[j] = 0.5 * (here[j] + after[j])


@compiled
def exchange(density: Array, up: Array, down: Array, gain: Array, loss: Array) -> None:
    """Add to ``gain`` what enters each cell per unit of time and to ``loss`` the rate at which it leaves."""
    outer, n, inner = density.shape
    for o in range(outer):
        for i in range(n):
            before, after = (i - 1) % n, (i + 1) % n
            for j in range(inner):
                gain[o, i, j] += (
                    up[o, before, j] * density[o, before, j] + down[o, i, j] * density[o, after, j]
                )
                loss[o, i, j] += up[o, i, j] + down[o, before, j]

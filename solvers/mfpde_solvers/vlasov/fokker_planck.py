"""Friction and diffusion of velocities, exactly: the Ornstein–Uhlenbeck semigroup as a matrix per axis.

∂ₜf = ζ ∂ᵥ(v f) + σ ∂ᵥ²f has the solution f(τ, v) = (1/a) (f₀ ∗ G)(v/a), where a = e^{−ζτ} and G is the
centred Gaussian of variance s²/a², s² = (σ/ζ)(1 − a²). It acts on each velocity axis by itself.

References: S. Chandrasekhar, Rev. Mod. Phys. 15 (1943) 1, eq. 171 (the semigroup); J. S. Chang and G. Cooper,
J. Comput. Phys. 6 (1970) 1, D. L. Scharfetter and H. K. Gummel, IEEE Trans. Electron Devices 16 (1969) 64
(the fluxes of the positive one).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, exp, expm1, log, log2, pi, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mfpde_solvers.grid import Axis

__all__ = ["OrnsteinUhlenbeck", "exact_semigroup", "positive_semigroup"]

Array = NDArray[Any]

BLOCK = 2**17  # cells multiplied at a time, so that the product stays in cache
DIGITS = 12  # of the durations for which matrices are kept: equal steps differ in the last digits


class OrnsteinUhlenbeck:
    """Apply the semigroup of ζ ∂ᵥ(v f) + σ ∂ᵥ²f along one axis of arrays of one shape, in place.

    Parameters
    ----------
    shape : tuple of int
        Shape of the arrays.
    place : int
        Place of the axis in the shape.
    axis : Axis
        The velocities, an open axis.
    friction, diffusion : float
        ζ ≥ 0 and σ ≥ 0.
    positive : bool
        The positive second-order semigroup in place of the exact one.
    dtype : float64 or float32
        Precision of the arrays.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        place: int,
        axis: Axis,
        friction: float,
        diffusion: float,
        *,
        positive: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self._cut = prod(shape[:place]), shape[place], prod(shape[place + 1 :])
        self._arguments = axis, float(friction), float(diffusion)
        self._semigroup = positive_semigroup if positive else exact_semigroup
        _, n, inner = self._cut
        self._product = np.empty((max(1, BLOCK // (n * inner)), n, inner), dtype)

    @property
    def memory(self) -> int:
        """Bytes of the buffer and of the matrix."""
        return self._product.nbytes + self._cut[1] ** 2 * self._product.itemsize

    def __call__(self, f: Array, duration: float) -> float:
        """Advance ``f``, C-contiguous, by the duration ≥ 0; the sum of the values that left the axis."""
        P = self._semigroup(*self._arguments, float(f"{duration:.{DIGITS}g}")).astype(f.dtype, copy=False)
        cut, count, lost = f.reshape(self._cut), len(self._product), 0.0
        for start in range(0, len(cut), count):
            block = cut[start : start + count]
            product = self._product[: len(block)]
            if self._cut[2] == 1:
                np.matmul(block[..., 0], P.T, out=product[..., 0])
            else:
                np.matmul(P, block, out=product)
            lost += float(block.sum(dtype=float) - product.sum(dtype=float))
            block[...] = product
        return lost


@lru_cache(maxsize=16)
def exact_semigroup(axis: Axis, friction: float, diffusion: float, duration: float) -> Array:
    """The semigroup on band-limited data: P[i, j] = k(vᵢ/a − vⱼ) with the Gaussian-filtered sinc

    k(z) = (h/2πa) ∫_{|η|<π/h} cos(ηz) e^{−(s/a)²η²/2} dη.

    Spectrally accurate for densities resolved by the axis and negligible at its ends; the mass is kept to
    the same accuracy.

    Parameters
    ----------
    axis : Axis
        n cells of width h.
    friction, diffusion, duration : float
        ζ ≥ 0, σ ≥ 0 and τ ≥ 0.

    Returns
    -------
    array (n, n)
    """
    # a longer duration would compress f into more than twice its band: the matrix is squared instead
    halvings = max(0, ceil(log2(friction * duration / log(2)))) if friction * duration > log(2) else 0
    τ, h, v = duration / 2**halvings, axis.spacing, axis.points
    a = exp(-friction * τ)
    width = sqrt(diffusion * _integral(-2 * friction, τ)) / a
    P = _filtered_sinc((v[:, None] / a - v) / h, width / h) / a
    for _ in range(halvings):
        P = P @ P
    return _frozen(P)


def _integral(rate: float, τ: float) -> float:
    """2 ∫₀^τ e^{rate·t} dt."""
    return 2 * (expm1(rate * τ) / rate if rate else τ)


def _filtered_sinc(z: Array, width: float) -> Array:
    """(1/2π) ∫_{−π}^{π} cos(ηz) e^{−width²η²/2} dη, by the Faddeeva function w."""
    from scipy.special import wofz

    x, y = pi * width / sqrt(2), z
    if x < 1e-5:  # where the difference below would lose more digits than the filter changes
        return np.asarray(np.sinc(z))
    y = z / (width * sqrt(2))
    ends = exp(-(x**2)) * (np.exp(-2j * x * y) * wofz(1j * x - y)).real
    return np.asarray((np.exp(-(y**2)) - ends) / (width * sqrt(2 * pi)))


@lru_cache(maxsize=16)
def positive_semigroup(axis: Axis, friction: float, diffusion: float, duration: float) -> Array:
    """The semigroup of the flux ζ v f + σ ∂ᵥf discretised by Scharfetter and Gummel: e^{τL}.

    L has non-negative elements off the diagonal and columns of sum zero, so that the semigroup keeps the sign
    and the mass; nothing flows through the ends. The flux vanishes on the discrete Maxwellian
    exp(−ζ vᵢ²/2σ), which therefore does not change. Second order in the cells; first order where the cell is
    wider than σ/(ζ|v|).

    Parameters and result are those of :func:`exact_semigroup`.
    """
    from scipy.linalg import expm

    h, drift = axis.spacing, friction * axis.edges[1:-1]
    down, up = _rates(drift, diffusion / h)  # from the cell above an edge to that below, and back
    L = (np.diag(down, 1) + np.diag(up, -1)) / h
    L -= np.diag(L.sum(axis=0))
    P = np.maximum(expm(duration * L), 0.0)  # round-off only
    return _frozen(P / P.sum(axis=0))


def _rates(drift: Array, diffusivity: float) -> tuple[Array, Array]:
    """Speeds at which mass crosses an edge downwards and upwards: diffusivity · B(∓ drift / diffusivity).

    B(w) = w/(eʷ − 1); without diffusion the upwind speeds.
    """
    if diffusivity == 0:
        return np.maximum(drift, 0.0), np.maximum(-drift, 0.0)
    w = np.clip(drift / diffusivity, -700.0, 700.0)
    B = np.where(w == 0, 1.0, w / np.where(w == 0, 1.0, np.expm1(w)))
    return diffusivity * (B + w), diffusivity * B  # B(−w) = B(w) + w


def _frozen(P: Array) -> Array:
    P.flags.writeable = False
    return P

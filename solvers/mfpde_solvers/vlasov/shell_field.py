"""The mean field of spherical shells at any radius."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.kernels import Coulomb

__all__ = ["ShellField"]

Array = NDArray[Any]


class ShellField:
    """The field of spherical shells at rest where they are.

    Parameters
    ----------
    kernel : Coulomb
        In three dimensions.
    radius, mass : arrays (n,)
        In any order; kept.
    """

    def __init__(self, kernel: Coulomb, radius: Array, mass: Array) -> None:
        self._c, self._ε = float(kernel.strength), kernel.ε
        self.order = np.argsort(radius)
        self._r, self._w = radius[self.order], mass[self.order]

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        from mfpde_solvers.vlasov.shell_sums import bucket_moments

        return bucket_moments(self._r, self._w, self._ε)

    def _at_sorted(self, q: Array) -> tuple[Array, Array]:
        from mfpde_solvers.vlasov.shell_sums import sharp_fields, smooth_fields

        if self._ε == 0:
            return sharp_fields(q, self._r, self._w)
        return smooth_fields(q, self._r, self._w, self._ε, *self._moments)

    def _at(self, r: ArrayLike) -> tuple[Array, Array, Array]:
        r = np.asarray(r, dtype=float)
        order = np.argsort(r, axis=None)
        values = np.empty((2, r.size))
        values[:, order] = self._at_sorted(r.reshape(-1)[order])
        return r, values[0].reshape(r.shape), values[1].reshape(r.shape)

    @cached_property
    def on_shells(self) -> tuple[Array, Array]:
        """Radial field and potential at the shells, each with the share that it has in its own field."""
        inside, potential = self._at_sorted(self._r)
        field, Φ = np.empty_like(inside), np.empty_like(inside)
        field[self.order] = self._c * _over_square(inside, self._r)
        Φ[self.order] = self._c * potential
        return field, Φ

    def force(self, r: ArrayLike) -> Array:
        """(K∗ρ)(r) along the radius, (...) → (...); 0 at the centre."""
        r, inside, _ = self._at(r)
        return np.asarray(self._c * _over_square(inside, r))

    def potential(self, r: ArrayLike) -> Array:
        """(V∗ρ)(r), (...) → (...)."""
        return np.asarray(self._c * self._at(r)[2])

    def mass_within(self, r: ArrayLike) -> Array:
        """Mass of the shells inside r, with half of one that lies on it; no cut-off."""
        r = np.asarray(r, dtype=float)
        masses = np.concatenate([[0.0], np.cumsum(self._w)])
        sides = [masses[np.searchsorted(self._r, r, side)] for side in ("left", "right")]
        return np.asarray((sides[0] + sides[1]) / 2)


def _over_square(inside: Array, r: Array) -> Array:
    return np.asarray(np.divide(inside, r**2, out=np.zeros_like(inside), where=r > 0))

"""The flow through the faces of a grid: speeds from interaction and external drift, rates of passage."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.grid import Grid

__all__ = ["Faces", "mean_drift"]

Array = NDArray[np.float64]

NODES = 6  # of the Gauss–Legendre rule between two cell centres: exact for drifts of degree 11


class Faces:
    """Rates of passage through the faces of a grid for a first-order equation.

    The interaction enters by ``values``, linear in ω: the potential V ∗ ω at the cell centres if K is a
    gradient, else the field K ∗ ω. Speeds at the faces are difference quotients of the potential, or means
    of the field; that of the external drift is its mean between the two cell centres.

    Parameters
    ----------
    equation : FirstOrder
    grid : Grid
    steepness : float
        Of the limiter; see :func:`mfpde_solvers.mckean_vlasov.fluxes.face_rates`.
    """

    def __init__(self, equation: FirstOrder, grid: Grid, steepness: float) -> None:
        kernel = equation.kernel.on(grid)
        self.grid, self.diffusion, self._steepness = grid, float(equation.diffusion), steepness  # type: ignore[arg-type]
        self.convolution, self.gradient = Convolution(kernel, grid), kernel.has_potential
        self._external = [mean_drift(equation, grid, place) for place in range(grid.dim)]
        self._speed = np.empty(grid.shape)

    @property
    def memory(self) -> int:
        """Bytes of tables, buffers and the external drift."""
        return int(self.convolution.memory + self._speed.nbytes + sum(S.nbytes for S in self._external))

    def values(self, ω: Array) -> Array:
        """The potential, shape (1, *grid.shape), or the field, shape (d, *grid.shape)."""
        if not self.gradient:
            return self.convolution.field(ω)
        potential = self.convolution.potential(ω)
        assert potential is not None
        return potential[None]

    def cut(self, place: int) -> tuple[int, int, int]:
        """Cells before, along and after an axis: the shape in which sweeps see an array."""
        shape = self.grid.shape
        return prod(shape[:place]), shape[place], prod(shape[place + 1 :])

    def rates(self, place: int, values: Array, density: Array, up: Array, down: Array) -> None:
        """Rates through the faces of one axis into ``up`` and ``down``; see :func:`face_rates`."""
        from mfpde_solvers.mckean_vlasov.fluxes import face_rates, face_speeds

        axis, cut, speed = self.grid.axes[place], self.cut(place), self._speed.reshape(self.cut(place))
        values = values[0 if self.gradient else place].reshape(cut)
        external = self._external[place]
        face_speeds(
            values, external.reshape(cut if external.size else (0, 1, 1)), axis.spacing, self.gradient, speed
        )
        face_rates(
            speed,
            density.reshape(cut),
            self.diffusion,
            axis.spacing,
            self._steepness,
            axis.periodic,
            up.reshape(cut),
            down.reshape(cut),
        )


def mean_drift(equation: FirstOrder, grid: Grid, place: int) -> Array:
    """∫₀¹ S(x + t h e)·e dt from each cell centre to the next along one axis; empty without a drift.

    If S = −∇U this is the difference quotient of −U, and equilibria e^{−U/σ} are exact.

    Raises
    ------
    ValueError
        If the values are not finite vectors.
    """
    if equation.drift is None:
        return np.empty(0)
    t, weights = np.polynomial.legendre.leggauss(NODES)
    axis, points = grid.axes[place], grid.points
    total = np.zeros(grid.shape)
    for node, weight in zip((1 + t) / 2, weights / 2, strict=True):
        x = points.copy()
        x[..., place] = axis.wrap(x[..., place] + node * axis.spacing)
        S = np.asarray(equation.drift(x), dtype=float)
        if S.shape != x.shape or not np.isfinite(S).all():
            raise ValueError(
                f"the drift maps points of shape {x.shape} to shape {S.shape}; it must return finite vectors "
                "of the same shape"
            )
        total += weight * S[..., place]
    return total

"""The spatially homogeneous Landau equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfpde_solvers.grid import Grid

__all__ = ["Landau"]

FloatArray = NDArray[np.float64]

OUTSIDE = -3.0  # an exponent below −d that is in use in two dimensions


@dataclass(frozen=True)
class Landau:
    """∂ₜf = ∇·∫ a(v−w) (f(w) ∇f(v) − f(v) ∇f(w)) dw with a(z) = |z|^{γ+2} (I − zzᵀ/|z|²), and its particles.

    With b = ∇·a it reads ∂ₜf = ∇·[(a∗f) ∇f − (b∗f) f]. The particle system is
    dVᵢ = (2/N) Σⱼ b(Vᵢ − Vⱼ) dt + √2 ((1/N) Σⱼ a(Vᵢ − Vⱼ))^{1/2} dBᵢ with a(0) = 0 and b(0) = 0.

    Parameters
    ----------
    dim : {2, 3}
        Number d of velocities.
    exponent : float
        γ in [−d, 1]: 0 for Maxwell molecules, −3 for Coulomb collisions in three dimensions. γ = −3 is
        accepted in two dimensions too.

    Attributes
    ----------
    friction, diffusion, drift, scaling, circulations
        Those of every equation of this package; here there is no friction, diffusion or drift beside the
        collisions, and all particles are alike.

    Raises
    ------
    ValueError
        If the dimension or the exponent is not one of these.

    References
    ----------
    C. Villani, Arch. Ration. Mech. Anal. 143 (1998) 273-307; N. Fournier and M. Hauray, Ann. Probab. 44
    (2016) 3581-3660

    Examples
    --------
    >>> Landau(3, -3).vector([1.0, 0.0, 0.0])
    array([-2.,  0.,  0.])
    """

    dim: int
    exponent: float

    friction: ClassVar[float] = 0.0
    diffusion: ClassVar[float] = 0.0
    drift: ClassVar[None] = None
    scaling: ClassVar[str] = "1/N"
    circulations: ClassVar[tuple[float, ...]] = (1.0,)

    def __post_init__(self) -> None:
        if self.dim not in (2, 3):
            raise ValueError(f"the Landau equation is that of dim=2 or 3 velocities, got dim={self.dim!r}")
        if not -self.dim <= self.exponent <= 1 and self.exponent != OUTSIDE:
            raise ValueError(
                f"the exponent must lie in [-{self.dim}, 1] (0: Maxwell molecules, -3: Coulomb), "
                f"got {self.exponent!r}"
            )

    def matrix(self, z: ArrayLike) -> FloatArray:
        """a(z) = |z|^γ (|z|² I − zzᵀ), 0 at z = 0: (..., d) → (..., d, d)."""
        z = self._offsets(z)
        r2 = np.sum(z**2, axis=-1)[..., None, None]
        return np.asarray(
            self._power(z)[..., None] * (r2 * np.eye(self.dim) - z[..., :, None] * z[..., None, :])
        )

    def vector(self, z: ArrayLike) -> FloatArray:
        """b(z) = ∇·a(z) = −(d−1) |z|^γ z, 0 at z = 0: (..., d) → (..., d)."""
        z = self._offsets(z)
        return np.asarray((1 - self.dim) * self._power(z) * z + 0.0)

    def _offsets(self, z: ArrayLike) -> FloatArray:
        z = np.asarray(z, dtype=float)
        if z.ndim == 0 or z.shape[-1] != self.dim:
            raise ValueError(f"offsets of dimension {self.dim} have shape (..., {self.dim}), got {z.shape}")
        return z

    def _power(self, z: FloatArray) -> FloatArray:
        """|z|^γ, 0 at z = 0, with the shape (..., 1)."""
        r = np.sqrt(np.sum(z**2, axis=-1, keepdims=True))
        power: FloatArray = np.where(r == 0, 0.0, np.where(r == 0, 1.0, r) ** self.exponent)
        return power

    def for_size(self, size: int) -> Landau:
        """The equation of ``size`` particles: itself, as no parameter depends on N."""
        return self

    @property
    def limit(self) -> Landau:
        """The equation as N → ∞: itself."""
        return self

    @property
    def invariants(self) -> tuple[str, ...]:
        """Diagnostics that the exact solution conserves."""
        momenta = ("momentum_x", "momentum_y", "momentum_z")[: self.dim]
        return ("mass", *momenta, "kinetic_energy")

    @property
    def decreasing(self) -> tuple[str, ...]:
        """Diagnostics that the exact solution never increases."""
        return ("entropy",)

    def check_grid(self, grid: Grid) -> None:
        """Raise ``ValueError`` unless ``grid`` has the open velocity axes of this dimension and no others."""
        names = ("vx", "vy", "vz")[: self.dim]
        if grid.names != names:
            raise ValueError(
                f"a Landau equation of dimension {self.dim} lives on axes {', '.join(names)}; "
                f"got {', '.join(grid.names)}"
            )
        if any(axis.periodic for axis in grid.axes):
            raise ValueError("velocity axes must be open: Axis(name, lower, upper, size, 'open')")

"""Second-order mean-field equations: Vlasov and Vlasov–Fokker–Planck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mfpde_solvers.equations.coefficients import Scaling, check_coefficients
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import Kernel
from mfpde_solvers.power_of_n import PowerOfN, at_size, in_the_limit

__all__ = ["Vlasov"]


@dataclass(frozen=True)
class Vlasov:
    """∂ₜf + v·∇ₓf + (S + K∗ρ)·∇ᵥf = ζ div_v(v f) + σ Δᵥf with ρ = ∫ f dv, and its particles.

    The particle system is dXᵢ = Vᵢ dt, dVᵢ = (1/N) Σ_{j≠i} K(Xᵢ − Xⱼ) dt + S(Xᵢ) dt − ζ Vᵢ dt + √(2σ) dBᵢ.

    Parameters
    ----------
    kernel : Kernel
        K, in the dimension of the positions.
    friction : float
        ζ ≥ 0.
    diffusion : float or PowerOfN
        σ ≥ 0.
    drift : callable, optional
        External field S: (..., d) → (..., d).
    scaling : {"1/N", "1/(N-1)"}
        Weight of one pair in the particle system.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not a kernel, a coefficient is negative or the scaling unknown.

    References
    ----------
    W. Braun and K. Hepp, Commun. Math. Phys. 56 (1977) 101-113; D. Lazarovici and P. Pickl, Arch.
    Ration. Mech. Anal. 225 (2017) 1201-1231
    """

    kernel: Kernel
    friction: float = 0.0
    diffusion: float | PowerOfN = 0.0
    drift: Callable[[Any], Any] | None = None
    scaling: Scaling = "1/N"

    def __post_init__(self) -> None:
        check_coefficients(self.kernel, self.diffusion, self.drift, self.scaling)
        if not 0 <= self.friction < np.inf:
            raise ValueError(f"friction must be finite and >= 0, got {self.friction!r}")

    def for_size(self, size: int) -> Vlasov:
        """The equation of ``size`` particles: every PowerOfN becomes a number."""
        return replace(self, kernel=self.kernel.for_size(size), diffusion=at_size(self.diffusion, size))

    @property
    def limit(self) -> Vlasov:
        """The equation as N → ∞."""
        return replace(self, kernel=self.kernel.limit, diffusion=in_the_limit(self.diffusion))

    @property
    def invariants(self) -> tuple[str, ...]:
        """Diagnostics that the exact solution conserves."""
        if self.friction or self.diffusion != 0:
            return ("mass",)
        conserved = ("mass", "total_energy", "l2_norm", "entropy")
        return conserved if self.drift is not None else (*conserved, "momentum_x", "momentum_y", "momentum_z")

    @property
    def decreasing(self) -> tuple[str, ...]:
        """Diagnostics that the exact solution never increases."""
        return ("free_energy",) if self.friction and self.diffusion != 0 else ()

    def check_grid(self, grid: Grid) -> None:
        """Raise ``ValueError`` unless ``grid`` is a phase space of the kernel's dimension."""
        d = self.kernel.dim
        velocities = ("v",) if d == 1 else ("vx", "vy", "vz")[:d]
        names = ("x", "y", "z")[:d] + velocities
        if grid.names != names:
            raise ValueError(
                f"a Vlasov equation of dimension {d} lives on axes {', '.join(names)}; "
                f"got {', '.join(grid.names)}"
            )
        if any(grid[name].periodic for name in velocities):
            raise ValueError("velocity axes must be open: Axis(name, lower, upper, size, 'open')")

"""Second-order mean-field equations: Vlasov and Vlasov–Fokker–Planck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

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
    """

    kernel: Kernel
    friction: float = 0.0
    diffusion: float | PowerOfN = 0.0
    drift: Callable[[Any], Any] | None = None
    scaling: Literal["1/N", "1/(N-1)"] = "1/N"

    def __post_init__(self) -> None:
        if not isinstance(self.kernel, Kernel):
            raise TypeError(
                f"kernel must be one of mfpde.kernels, got {self.kernel!r}; wrap a function in Custom"
            )
        if not 0 <= self.friction < np.inf:
            raise ValueError(f"friction must be finite and >= 0, got {self.friction!r}")
        if not isinstance(self.diffusion, PowerOfN) and not 0 <= self.diffusion < np.inf:
            raise ValueError(f"diffusion must be finite and >= 0 or a PowerOfN, got {self.diffusion!r}")
        if self.drift is not None and not callable(self.drift):
            raise TypeError(f"drift must be a function (..., d) -> (..., d), got {self.drift!r}")
        if self.scaling not in ("1/N", "1/(N-1)"):
            raise ValueError(f"scaling must be '1/N' or '1/(N-1)', got {self.scaling!r}")

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

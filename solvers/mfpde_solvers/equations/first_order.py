"""First-order mean-field equations: McKean–Vlasov and its named members."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from mfpde_solvers.equations.coefficients import Scaling, check_coefficients
from mfpde_solvers.grid import POSITIONS, Grid
from mfpde_solvers.kernels import BiotSavart, Kernel
from mfpde_solvers.kernels import KellerSegel as KellerSegelKernel
from mfpde_solvers.kernels import Kuramoto as KuramotoKernel
from mfpde_solvers.kernels import LogGas as LogGasKernel
from mfpde_solvers.power_of_n import PowerOfN, at_size, in_the_limit

__all__ = ["FirstOrder", "KellerSegel", "Kuramoto", "LogGas", "McKeanVlasov", "NavierStokes"]


class FirstOrder(ABC):
    """∂ₜρ_m + div(ρ_m (S + K∗ω)) = σ Δρ_m with ω = Σ_m m ρ_m, and its particles.

    The particle system is dXᵢ = S(Xᵢ) dt + (1/N) Σ_{j≠i} Mⱼ K(Xᵢ − Xⱼ) dt + √(2σ) dBᵢ with circulations Mⱼ
    that do not change. ρ_m has the mass P(M = m). The usual equation has the one circulation 1, and ω = ρ.

    References
    ----------
    A.-S. Sznitman, Topics in propagation of chaos, Lecture Notes in Math. 1464 (1991) 165-251
    """

    kernel: Kernel
    """K."""
    diffusion: float | PowerOfN
    """σ ≥ 0."""
    drift: Callable[[Any], Any] | None
    """S: (..., d) → (..., d)."""
    scaling: Scaling
    """Weight of one pair in the particle system."""
    circulations: tuple[float, ...]
    """The values m."""
    friction: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_coefficients(self.kernel, self.diffusion, self.drift, self.scaling)
        m = np.asarray(self.circulations, dtype=float)
        if m.ndim != 1 or not m.size or not np.isfinite(m).all() or len(set(m.tolist())) < m.size:
            raise ValueError(
                f"circulations are one or more different finite numbers, got {self.circulations!r}"
            )
        object.__setattr__(self, "circulations", tuple(m.tolist()))

    @abstractmethod
    def for_size(self, size: int) -> Self:
        """The equation of ``size`` particles: every PowerOfN becomes a number."""

    @property
    @abstractmethod
    def limit(self) -> Self:
        """The equation as N → ∞."""

    @property
    def invariants(self) -> tuple[str, ...]:
        """Diagnostics that the exact solution conserves."""
        return ("mass",)

    @property
    def decreasing(self) -> tuple[str, ...]:
        """Diagnostics that the exact solution never increases."""
        gradient = self.kernel.potential_formula((None,) * self.kernel.dim) is not None
        alone = self.drift is None and self.circulations == (1.0,)
        return ("free_energy",) if gradient and alone else ()

    def check_grid(self, grid: Grid) -> None:
        """Raise ``ValueError`` unless ``grid`` has the positions of the kernel's dimension, and suits it."""
        names = POSITIONS[: self.kernel.dim]
        if grid.names != names:
            raise ValueError(
                f"a first-order equation of dimension {self.kernel.dim} lives on axes {', '.join(names)}; "
                f"got {', '.join(grid.names)}"
            )
        self.kernel.limit.on(grid)


@dataclass(frozen=True)
class McKeanVlasov(FirstOrder):
    """∂ₜρ_m + div(ρ_m (S + K∗ω)) = σ Δρ_m with ω = Σ_m m ρ_m; see :class:`FirstOrder` for its particles.

    Parameters
    ----------
    kernel : Kernel
        K, in the dimension of the positions.
    diffusion : float or PowerOfN
        σ ≥ 0.
    drift : callable, optional
        External drift S: (..., d) → (..., d).
    scaling : {"1/N", "1/(N-1)"}
        Weight of one pair in the particle system.
    circulations : numbers
        The values m of the circulations; the law of the problem is then a mixture with one component each.

    Raises
    ------
    TypeError, ValueError
        If the kernel is not a kernel, the diffusion negative, the scaling unknown or a circulation repeated.

    References
    ----------
    H. P. McKean, Proc. Natl. Acad. Sci. USA 56 (1966) 1907-1911
    """

    kernel: Kernel
    diffusion: float | PowerOfN
    drift: Callable[[Any], Any] | None = None
    scaling: Scaling = "1/N"
    circulations: tuple[float, ...] = (1.0,)

    def for_size(self, size: int) -> McKeanVlasov:
        """The equation of ``size`` particles: every PowerOfN becomes a number."""
        return replace(self, kernel=self.kernel.for_size(size), diffusion=at_size(self.diffusion, size))

    @property
    def limit(self) -> McKeanVlasov:
        """The equation as N → ∞."""
        return replace(self, kernel=self.kernel.limit, diffusion=in_the_limit(self.diffusion))


class _Member(FirstOrder):
    """A McKean–Vlasov equation known by name; the names of its own fields are those of its coefficients."""

    drift = None
    scaling: Scaling = "1/N"

    def _derive(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
        FirstOrder.__post_init__(self)


@dataclass(frozen=True)
class NavierStokes(_Member):
    """∂ₜω + u·∇ω = ν Δω in the plane or on a torus, u = K∗ω with the kernel of Biot and Savart.

    With several circulations, ∂ₜρ_m + div(ρ_m u) = ν Δρ_m for each and ω = Σ_m m ρ_m. ν = 0 is Euler's
    equation. The particles are the stochastic point vortices.

    Parameters
    ----------
    viscosity : float or PowerOfN
        ν ≥ 0.
    circulations : numbers
        The values m.

    References
    ----------
    A. J. Chorin, J. Fluid Mech. 57 (1973) 785-796; P.-E. Jabin and Z. Wang, Invent. Math. 214 (2018)
    523-591
    """

    viscosity: float | PowerOfN
    circulations: tuple[float, ...] = (1.0,)
    kernel: Kernel = field(init=False, repr=False, compare=False)
    diffusion: float | PowerOfN = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._derive(kernel=BiotSavart(), diffusion=self.viscosity)

    def for_size(self, size: int) -> NavierStokes:
        """The equation of ``size`` vortices."""
        return replace(self, viscosity=at_size(self.viscosity, size))

    @property
    def limit(self) -> NavierStokes:
        """The equation as N → ∞."""
        return replace(self, viscosity=in_the_limit(self.viscosity))

    @property
    def invariants(self) -> tuple[str, ...]:
        """Mass and circulation; without viscosity energy and enstrophy besides."""
        ideal = ("kinetic_energy", "enstrophy") if self.viscosity == 0 else ()
        return ("mass", "total_circulation", *ideal)

    @property
    def decreasing(self) -> tuple[str, ...]:
        """Enstrophy ½∫ω², and the entropy of each density."""
        return ("enstrophy", "entropy")


@dataclass(frozen=True)
class KellerSegel(_Member):
    """∂ₜρ + div(ρ K∗ρ) = σ Δρ with K(z) = −χ z/(2π|z|²): Patlak's and Keller and Segel's equation.

    In the plane there is blow-up in finite time if χ > 8πσ and the second moment is finite, and not before.

    Parameters
    ----------
    chi : float
        χ; attracts where positive.
    diffusion : float or PowerOfN
        σ ≥ 0.

    References
    ----------
    E. F. Keller and L. A. Segel, J. Theor. Biol. 26 (1970) 399-415; A. Blanchet, J. Dolbeault and B.
    Perthame, Electron. J. Differential Equations 2006, no. 44
    """

    chi: float
    diffusion: float | PowerOfN = 1.0
    kernel: Kernel = field(init=False, repr=False, compare=False)
    circulations: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._derive(kernel=KellerSegelKernel(self.chi), circulations=(1.0,))

    def for_size(self, size: int) -> KellerSegel:
        """The equation of ``size`` particles."""
        return replace(self, diffusion=at_size(self.diffusion, size))

    @property
    def limit(self) -> KellerSegel:
        """The equation as N → ∞."""
        return replace(self, diffusion=in_the_limit(self.diffusion))


@dataclass(frozen=True)
class LogGas(_Member):
    """∂ₜρ + div(ρ K∗ρ) = σ Δρ with K(z) = λ z/|z|²; the second moment grows by 2dσ + λ.

    Parameters
    ----------
    dim : {1, 2, 3}
    strength : float
        λ; repels where positive.
    diffusion : float or PowerOfN
        σ ≥ 0.

    References
    ----------
    S. Serfaty, Duke Math. J. 169 (2020) 2887-2935
    """

    dim: int
    strength: float
    diffusion: float | PowerOfN
    kernel: Kernel = field(init=False, repr=False, compare=False)
    circulations: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._derive(kernel=LogGasKernel(self.dim, self.strength), circulations=(1.0,))

    def for_size(self, size: int) -> LogGas:
        """The equation of ``size`` particles."""
        return replace(self, diffusion=at_size(self.diffusion, size))

    @property
    def limit(self) -> LogGas:
        """The equation as N → ∞."""
        return replace(self, diffusion=in_the_limit(self.diffusion))


@dataclass(frozen=True)
class Kuramoto(_Member):
    """∂ₜρ + ∂ₓ(ρ K∗ρ) = σ ∂ₓₓρ on the circle of length 2π with K(z) = −κ sin z; synchronises for κ > 2σ.

    Parameters
    ----------
    coupling : float
        κ.
    diffusion : float or PowerOfN
        σ ≥ 0.

    References
    ----------
    H. Sakaguchi, Prog. Theor. Phys. 79 (1988) 39-46
    """

    coupling: float
    diffusion: float | PowerOfN
    kernel: Kernel = field(init=False, repr=False, compare=False)
    circulations: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._derive(kernel=KuramotoKernel(self.coupling), circulations=(1.0,))

    def for_size(self, size: int) -> Kuramoto:
        """The equation of ``size`` oscillators."""
        return replace(self, diffusion=at_size(self.diffusion, size))

    @property
    def limit(self) -> Kuramoto:
        """The equation as N → ∞."""
        return replace(self, diffusion=in_the_limit(self.diffusion))

"""Entropy of the paths of interacting particles relative to independent ones, by Girsanov's theorem."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.fluctuations import PairField, coordinates
from mfpde.chaos.metric import Followed
from mfpde.chaos.phase_space import refuse_density
from mfpde.particles.ensemble import System
from mfpde_solvers.equations import Landau
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import BiotSavart
from mfpde_solvers.kernels.radial import RadialPower

__all__ = ["PathEntropy", "PathEntropyObserver", "check_noise"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PathEntropy:
    r"""Entropy of the paths up to t relative to N independent mean-field particles, by Girsanov's theorem.

    .. math:: H_N(0) + \frac{1}{4σ} Σ_i E ∫_0^t \Big|\frac1N Σ_{j≠i} M_j K(X_i − X_j) − K∗ω_s(X_i)\Big|^2 ds

    along the interacting particles X. It bounds the entropy H_N of the law of the particles at time t
    relative to ρ_t^{⊗N}, since a marginal has no more entropy than the whole; so H_k ≤ (k/N) of it. It is not
    divided by N. The noise has the variance 2σ per unit of time, in position or, of a kinetic equation, in
    velocity. Both systems have the kernel and the diffusion of N particles.

    Parameters
    ----------
    initial : float
        H_N(0): 0 for the i.i.d. initial points of this library.

    Notes
    -----
    It needs the dynamics, ``converge(..., mean_field=True)``; :func:`mfpde.chaos.path_entropy` simulates
    without partners. The time integral is the trapezoidal rule over the steps, of order 2. It fails where
    |K|² is not integrable: for Coulomb and vortex kernels in the plane without a cut-off the entropy is
    infinite, and what is found grows as the steps get smaller; a warning says so. Without noise it
    is not defined.
    """

    initial: float = 0.0
    axes: ClassVar[None] = None
    name: ClassVar[str] = "path_entropy"
    needs: ClassVar[str] = "dynamics"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = "P.-E. Jabin and Z. Wang, Invent. Math. 214 (2018) 523-591"

    def __post_init__(self) -> None:
        if not 0 <= self.initial < inf:
            raise ValueError(f"the initial entropy must be finite and >= 0, got {self.initial!r}")

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return "entropy of the paths relative to independent particles"

    def theory(self, grid: Grid) -> float:
        """Exponent 0: bounded in N."""
        return 0.0

    def target(self, density: xr.DataArray) -> NoReturn:
        """It is not compared with a density: always a ``ValueError``."""
        refuse_density(self.name)

    def follow(self, followed: Followed) -> PathEntropyObserver:
        """Observer of one replica; a ``ValueError`` without noise, or where it depends on the state."""
        system = followed.system
        check_noise(system.problem.equation.for_size(system.size))
        return PathEntropyObserver(system, followed.run.particles, followed.field, self.initial)


def check_noise(equation: Any) -> None:
    """Refuse an equation whose particles have no entropy along paths; warn where it is infinite."""
    if isinstance(equation, Landau):
        raise ValueError(
            "the noise of colliding particles depends on the others, so that their paths and those of "
            "independent particles are mutually singular; there is no entropy of the paths"
        )
    if not equation.diffusion > 0:
        raise ValueError(
            "without noise (diffusion 0) the entropy of the paths is not defined; use coupling_distance, or "
            "an equation with diffusion > 0"
        )
    kernel = equation.kernel.coulomb if isinstance(equation.kernel, BiotSavart) else equation.kernel
    # |K|² ~ |z|^{−2(s+1)} is integrable at 0 in dimension d for 2(s+1) < d
    if isinstance(kernel, RadialPower) and kernel.ε == 0 and 2 * (kernel.order + 1) >= kernel.dim:
        warnings.warn(
            f"|K|² is not integrable at 0 for {equation.kernel!r}, so that the entropy of the paths is "
            "infinite: what is found depends on the steps; cut the kernel off, kernel.with_cutoff(...)",
            stacklevel=3,
        )


class PathEntropyObserver:
    """The time integral along one replica."""

    def __init__(self, system: System, run: Run, field: Any, initial: float) -> None:
        equation: Any = system.problem.equation.for_size(system.size)
        grid = system.problem.grid.positions
        self._run, self._field, self._names = run, field, grid.names
        self._sums = PairField(equation, grid, system.size, system.forces)
        self._circulation = run.state().get("circulation")
        self._factor = 1 / (4 * float(equation.diffusion))
        self._total = initial
        self._last: tuple[float, float] | None = None

    def see(self) -> None:
        """Add a trapezium from the last time to this one."""
        time, value = self._run.time, self._mismatch()
        if self._last is not None:
            before, last = self._last
            self._total += self._factor * (time - before) * (last + value) / 2
        self._last = time, value

    def _mismatch(self) -> float:
        """Σᵢ |force − field|² at the present time."""
        x = coordinates(self._run, self._names)
        gap = self._sums(x, self._circulation) - self._field(self._run.time, x)
        return float((gap**2).sum())

    def value(self) -> float:
        """The entropy up to the last time that was seen: its mean over replicas is that of the paths."""
        return self._total

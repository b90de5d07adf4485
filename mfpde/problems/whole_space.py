"""Vlasov–Poisson on the whole space: clouds that expand, stars in equilibrium, the cut-off of the theorems.

In all of them f has mass 1 and the kernel is c z/|z|^d. The axes are open, and the boxes hold all that moves
until the horizon.
"""

from __future__ import annotations

from math import ceil, hypot, inf, sqrt

from mfpde.laws import GaussianCloud, Plummer, Polytrope
from mfpde.problems.cases import catalogued
from mfpde.problems.problem import Problem
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import POSITIONS, Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["lazarovici_pickl", "plasma_expansion", "plummer", "polytrope"]

EXPANSION = {1: (256, 256, 3.0), 2: (48, 48, 2.0), 3: (16, 16, 1.0)}
"""Cells of a position axis, cells of a velocity axis and horizon by dimension."""

FIELDS = {1: 1.0, 2: 0.4514, 3: 0.2141}
"""Largest field of a unit mass N(0, 1) with the kernel z/|z|^d, by dimension."""

DEVIATIONS = 6.5  # of a Gaussian that a box holds; a mass of 1e-10 is beyond
MARGIN = 1.1  # of the box of a star over its radius
VELOCITY_MARGIN = 1.25  # over the largest speed
CORE = 0.68  # width of a cell over the scale of Plummer's sphere


@catalogued
def plasma_expansion(dim: int = 1, thermal_speed: float = 0.5, strength: float = 1.0) -> Problem:
    """Expansion of a charged cloud: f₀ = N(0, 1) in space times N(0, θ²) in velocity, K = c z/|z|^d.

    ½ d²⟨|x|²⟩/dt² = 2 KE + ⟨x·E⟩, where ⟨x·E⟩ is c/2 in two dimensions and (d − 2) PE in one and three.

    Parameters
    ----------
    dim : {1, 2, 3}
        d, positions and as many velocities; in three dimensions a run holds 16⁶ cells by default.
    thermal_speed : float
        θ > 0.
    strength : float
        c > 0.
    """
    if dim not in EXPANSION:
        raise ValueError(f"dim must be 1, 2 or 3, got {dim!r}")
    cells, velocity_cells, horizon = EXPANSION[dim]
    return Problem(
        Vlasov(Coulomb(dim, _positive("strength", strength))),
        GaussianCloud(dim, 1.0, _positive("thermal_speed", thermal_speed)),
        _cloud_grid(dim, thermal_speed, strength, (cells, velocity_cells), horizon),
        horizon,
        description="a cloud of equal charges, expanding into the void",
        citation="P. Mora, Plasma expansion into a vacuum, Phys. Rev. Lett. 90 (2003) 185002",
    )


@catalogued
def polytrope(radius: float = 1.0) -> Problem:
    """A star in equilibrium: f₀ ∝ (E₀ − E)₊^{3/2}, the polytrope of index 3, attracting by K = −x/|x|³.

    Kinetic energy 3/(4R) and potential energy −3/(2R) stay, as does the density. The centre is 54 times as
    dense as the mean: at the horizon the energies hold to 2.4 %, 0.6 % and 0.1 % with 12, 16 and 20 cells.

    Parameters
    ----------
    radius : float
        R > 0; half of the mass lies within 0.2833 R, where a dynamical time √(r³/M(r)) is 0.213 R^{3/2}. The
        horizon is 0.5 R^{3/2}.
    """
    R = _positive("radius", radius)
    law = Polytrope(R)
    fastest = sqrt(2 * float(law.depth(0.0)))
    return Problem(
        Vlasov(Coulomb(3, strength=-1.0)),
        law,
        _box(3, MARGIN * R, VELOCITY_MARGIN * fastest, 16, 16),
        0.5 * R**1.5,
        description="a polytropic star at rest, of compact support",
        citation="J. Batt, W. Faltenbacher and E. Horst, Stationary spherically symmetric models in stellar "
        "dynamics, Arch. Ration. Mech. Anal. 93 (1986) 159-183",
    )


@catalogued
def plummer(scale: float = 1.0, cutoff_energy: float = -0.2) -> Problem:
    """A globular cluster: Plummer's sphere without its energies above Eₜ, attracting by K = −x/|x|³.

    Whole, it is a steady state. Truncated it breathes, by 3 % with the default arguments and the less the
    smaller ``law.tail_mass``: see :class:`mfpde.laws.Plummer`.

    Parameters
    ----------
    scale : float
        a > 0; dynamical times are a^{3/2}, the horizon is three of them.
    cutoff_energy : float
        Eₜ in units of the depth of the potential, in (−1, 0). The nearer to 0, the larger the box.
    """
    law = Plummer(_positive("scale", scale), cutoff_energy)
    if law.radius == inf:
        raise ValueError("cutoff_energy must be negative, so that a box can hold the stars; try -0.1")
    fastest = sqrt(2 * float(cutoff_energy / scale / (1 - law.tail_mass) - law.potential(0.0)))
    box = MARGIN * law.radius
    return Problem(
        Vlasov(Coulomb(3, strength=-1.0)),
        law,
        _box(3, box, VELOCITY_MARGIN * fastest, ceil(2 * box / (CORE * scale)), 14),
        3 * scale**1.5,
        description="a cluster of stars near equilibrium, truncated in energy",
        citation="H. C. Plummer, On the problem of distribution in globular star clusters, Mon. Not. R. "
        "Astron. Soc. 71 (1911) 460-470",
    )


@catalogued
def lazarovici_pickl(
    delta: float = 0.3, size: int | None = None, strength: float = 1.0, thermal_speed: float = 0.5
) -> Problem:
    """The theorem's system: Coulomb in three dimensions, cut off at ε = N^−δ, from a radial Gaussian.

    The particles of size N have the kernel c z/max(|z|, N^−δ)³, the limit is Vlasov–Poisson without a
    cut-off. The theorem holds for δ < 1/3.

    Parameters
    ----------
    delta : float
        δ > 0.
    size : int, optional
        N at which the cut-off is fixed, for particles and PDE alike: the regularised equation.
    strength : float
        c, not 0; negative for gravitation.
    thermal_speed : float
        θ > 0; positions have the spread 1.
    """
    if not 0 < abs(strength) < inf:
        raise ValueError(f"strength must be a finite number other than 0, got {strength!r}")
    if size is not None and (int(size) != size or size < 1):
        raise ValueError(f"size must be a number of particles >= 1, or None for the limit, got {size!r}")
    θ, horizon = _positive("thermal_speed", thermal_speed), 1.0
    equation = Vlasov(Coulomb(3, strength, PowerOfN(1.0, -_positive("delta", delta))))
    return Problem(
        equation if size is None else equation.for_size(size),
        GaussianCloud(3, 1.0, θ),
        _cloud_grid(3, θ, strength, (16, 16), horizon),
        horizon,
        description="charges with a cut-off that vanishes with their number",
        citation="D. Lazarovici and P. Pickl, A mean field limit for the Vlasov-Poisson system, Arch. "
        "Ration. Mech. Anal. 225 (2017) 1201-1231",
    )


def _cloud_grid(dim: int, θ: float, strength: float, cells: tuple[int, int], horizon: float) -> Grid:
    """A box for a cloud N(0, 1) × N(0, θ²) that a field at most as large as at first drives out."""
    push = abs(strength) * FIELDS[dim]
    return _box(
        dim,
        DEVIATIONS * hypot(1.0, θ * horizon) + push * horizon**2 / 2,
        DEVIATIONS * θ + push * horizon,
        *cells,
    )


def _box(dim: int, position: float, velocity: float, cells: int, velocity_cells: int) -> Grid:
    names = POSITIONS[:dim]
    speeds = ("v",) if dim == 1 else tuple("v" + name for name in names)
    space = (Axis(name, -position, position, cells, "open") for name in names)
    return Grid((*space, *(Axis(name, -velocity, velocity, velocity_cells, "open") for name in speeds)))


def _positive(name: str, value: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)

"""Vlasov–Poisson on the torus: the classical damped, unstable and collapsing plasmas and stars.

In all of them f has mass 1 and the kernel is scaled so that the field obeys div E = ±(|T| ρ − 1): the plasma
has mean density 1, unit plasma frequency and unit thermal speed.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, pi, prod

import numpy as np

from mfpde.laws import HollowMaxwellian, Law, Maxwellian, Mixture, Perturbed
from mfpde.problems.cases import catalogued
from mfpde.problems.problem import Problem
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import POSITIONS, Axis, Grid
from mfpde_solvers.kernels import Coulomb

__all__ = [
    "bump_on_tail",
    "jeans_instability",
    "landau_damping",
    "two_stream",
    "two_stream_v2",
    "vlasov_fokker_planck",
]

SPHERES = {1: 2.0, 2: 2 * pi, 3: 4 * pi}
"""Surface of the unit sphere in one, two and three dimensions."""

LANDAU = {1: (128, 256, 40.0), 2: (32, 64, 40.0), 3: (16, 32, 20.0)}
"""Cells of a position axis, cells of a velocity axis and horizon by dimension; the horizons end before
the recurrence at 2π/(k h)."""


@catalogued
def landau_damping(wavenumber: float | tuple[float, ...] = 0.5, amplitude: float = 0.01) -> Problem:
    """Landau damping: f₀ = (1 + a Πᵢ cos kᵢxᵢ) M(v)/|T|, M the unit Maxwellian.

    At small amplitude the field decays at the rate of the least damped root of the dispersion relation,
    −0.1533594669 for k = 0.5, with the frequency 1.4156618886.

    Parameters
    ----------
    wavenumber : float or tuple of 2 or 3 floats
        k > 0; the torus has length 2π/k along each axis, and the problem as many dimensions as there are.
    amplitude : float
        a in [−1, 1]; 0.5 gives the nonlinear case.
    """
    k = _wavenumbers(wavenumber)
    d = len(k)
    cells, velocity_cells, horizon = LANDAU[d]
    return Problem(
        _plasma(k),
        Perturbed(k if d > 1 else k[0], _amplitude(amplitude), Maxwellian(dimension=d)),
        _phase_space(k, 8.0, cells, velocity_cells),
        horizon,
        description="decay of the field of a perturbed Maxwellian by phase mixing",
        citation="L. Landau, On the vibrations of the electronic plasma, J. Phys. USSR 10 (1946) 25-34",
    )


@catalogued
def two_stream(
    wavenumber: float = 0.2, drift: float = 3.0, thermal_speed: float = 1.0, amplitude: float = 0.001
) -> Problem:
    """Two-stream instability: velocities (M(v − u) + M(v + u))/2 with drift u, M of thermal speed θ.

    With the default arguments the field grows at the rate 0.2845096862, then a vortex traps the streams.

    Parameters
    ----------
    wavenumber, drift, thermal_speed : float
        k, u and θ, all positive.
    amplitude : float
        a in [−1, 1].
    """
    u, θ = _positive("drift", drift), _positive("thermal_speed", thermal_speed)
    streams = Mixture((Maxwellian(-u, θ), Maxwellian(u, θ)), (0.5, 0.5))
    return _plasma_1d(
        wavenumber,
        amplitude,
        streams,
        widest=max(2 * u + 4 * θ, u + 7 * θ),
        horizon=40.0,
        description="two opposite streams, unstable, rolling up into a vortex of phase space",
        citation="C. K. Birdsall and A. B. Langdon, Plasma Physics via Computer Simulation, "
        "McGraw-Hill (1985)",
    )


@catalogued
def two_stream_v2(wavenumber: float = 0.5, amplitude: float = 0.001) -> Problem:
    """Two-stream instability of the velocities v² exp(−v²/2)/√(2π).

    With k = 0.5 the field grows at the rate 0.2592499317.

    Parameters
    ----------
    wavenumber : float
        k > 0.
    amplitude : float
        a in [−1, 1].
    """
    return _plasma_1d(
        wavenumber,
        amplitude,
        HollowMaxwellian(),
        widest=8.0,
        horizon=40.0,
        description="a plasma with nobody at rest, unstable, rolling up into a vortex of phase space",
        citation="F. Filbet, E. Sonnendruecker and P. Bertrand, Conservative numerical schemes for the "
        "Vlasov equation, J. Comput. Phys. 172 (2001) 166-187",
    )


@catalogued
def bump_on_tail(wavenumber: float = 0.3, amplitude: float = 0.001) -> Problem:
    """Bump on tail: velocities 0.9 N(0, 1) + 0.1 N(4.5, 1/4), a thin beam of thermal speed 1/2.

    With k = 0.3 the field grows at the rate 0.1980979758 with the frequency 1.0012178936, until the
    beam is trapped.

    Parameters
    ----------
    wavenumber : float
        k > 0.
    amplitude : float
        a in [−1, 1].
    """
    return _plasma_1d(
        wavenumber,
        amplitude,
        Mixture((Maxwellian(), Maxwellian(4.5, 0.5)), (0.9, 0.1)),
        widest=9.0,
        horizon=60.0,
        description="a thin fast beam on a plasma at rest, unstable until it is trapped",
        citation="T. Nakamura and T. Yabe, Cubic interpolated propagation scheme for solving the "
        "hyper-dimensional Vlasov-Poisson equation, Comput. Phys. Commun. 120 (1999) 122-154",
    )


@catalogued
def jeans_instability(wavenumber: float = 0.5, amplitude: float = 0.001) -> Problem:
    """Jeans instability: an attractive Maxwellian cloud, unstable for k < 1.

    With k = 0.5 the density grows at the rate 0.6872019251 and collapses into a spiral of phase space
    at t = 12; soon after its filaments are finer than the grid.

    Parameters
    ----------
    wavenumber : float
        k > 0.
    amplitude : float
        a in [−1, 1].
    """
    k = _positive("wavenumber", wavenumber)
    return Problem(
        Vlasov(Coulomb(1, strength=-pi / k)),
        Perturbed(k, _amplitude(amplitude), Maxwellian()),
        _phase_space((k,), 9.0, 256, 384),
        13.0,
        description="gravitational collapse of a uniform cloud of stars",
        citation="J. Binney and S. Tremaine, Galactic Dynamics, 2nd ed., Princeton (2008), section 5.2",
    )


@catalogued
def vlasov_fokker_planck(
    wavenumber: float | tuple[float, ...] = 0.5, collision_rate: float = 0.1, amplitude: float = 1e-3
) -> Problem:
    """Landau damping with collisions: friction ν and diffusion ν, of which the unit Maxwellian is the rest.

    With the default arguments the field decays at the rate −0.2107410990 with the frequency 1.3642542459.

    Parameters
    ----------
    wavenumber : float or tuple of 2 or 3 floats
        k > 0; the torus has length 2π/k along each axis, and the problem as many dimensions as there are.
    collision_rate : float
        ν > 0.
    amplitude : float
        a in [−1, 1].
    """
    k, ν = _wavenumbers(wavenumber), _positive("collision_rate", collision_rate)
    d = len(k)
    cells, velocity_cells, horizon = LANDAU[d]
    return Problem(
        replace(_plasma(k), friction=ν, diffusion=ν),
        Perturbed(k if d > 1 else k[0], _amplitude(amplitude), Maxwellian(dimension=d)),
        _phase_space(k, 8.0, cells, velocity_cells),
        horizon,
        description="decay of the field of a perturbed Maxwellian by phase mixing and collisions",
        citation="A. Lenard and I. B. Bernstein, Plasma oscillations with diffusion in velocity space, "
        "Phys. Rev. 112 (1958) 1456-1459",
    )


def _plasma_1d(
    wavenumber: float,
    amplitude: float,
    velocity: Law,
    *,
    widest: float,
    horizon: float,
    description: str,
    citation: str,
) -> Problem:
    k = _positive("wavenumber", wavenumber)
    law = Perturbed(k, _amplitude(amplitude), velocity)
    grid = _phase_space((k,), widest, 128, 256)
    return Problem(_plasma((k,)), law, grid, horizon, description=description, citation=citation)


def _plasma(k: tuple[float, ...]) -> Vlasov:
    d = len(k)
    return Vlasov(Coulomb(d, strength=prod(2 * pi / kᵢ for kᵢ in k) / SPHERES[d]))


def _phase_space(k: tuple[float, ...], widest: float, cells: int, velocity_cells: int) -> Grid:
    names = POSITIONS[: len(k)]
    speeds = ("v",) if len(k) == 1 else tuple("v" + name for name in names)
    torus = (Axis(name, 0.0, 2 * pi / kᵢ, cells) for name, kᵢ in zip(names, k))
    return Grid((*torus, *(Axis(name, -widest, widest, velocity_cells, "open") for name in speeds)))


def _wavenumbers(wavenumber: float | tuple[float, ...]) -> tuple[float, ...]:
    given = np.atleast_1d(np.asarray(wavenumber, dtype=float))
    if given.ndim != 1 or given.size not in LANDAU:
        raise ValueError(f"wavenumber is a number > 0, or a tuple of 1 to 3 of them, got {wavenumber!r}")
    return tuple(_positive("wavenumber", k) for k in given.tolist())


def _positive(name: str, value: float) -> float:
    if not np.isscalar(value) or isinstance(value, str) or not 0 < value < inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)


def _amplitude(value: float) -> float:
    if not np.isscalar(value) or isinstance(value, str) or not abs(value) <= 1:
        raise ValueError(f"amplitude must lie in [-1, 1], so that the density is not negative, got {value!r}")
    return float(value)

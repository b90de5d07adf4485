"""Vlasov–Poisson–Fokker–Planck: the energy law, damping with collisions, relaxation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfpde import problems
from mfpde.laws import Maxwellian, Perturbed
from mfpde.verification.checks import check, course, particles, solved
from mfpde.verification.dispersion import collisional_root, damped_wave
from mfpde.verification.facts import Fact, decreasing, equal, kept, mean
from mfpde.verification.vlasov_poisson import field_mode
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.kernels import Coulomb

__all__: list[str] = []

NAME = "vlasov_fokker_planck"


@check(NAME)
def energy_law() -> Iterator[Fact]:
    """A strong wave on a cool stream, ν = 0.1: d/dt energy = −2ζ KE + dσ."""
    law = Perturbed(0.5, 0.5, Maxwellian(0.8, 0.8))
    ζ = σ = 0.1
    problem = problems.vlasov_fokker_planck(collision_rate=ζ).replace(law=law, horizon=2.0)
    times = np.linspace(0.0, 2.0, 81)
    changes, gains = [], []
    for dt in (0.025, 0.0125):
        found = solved(problem, times, dt=dt, save=("mean_field_x",))
        saved = found.sel(diagnostic_time=times)
        power = -2 * ζ * course(saved, "kinetic_energy") + σ
        gains.append((power[0] + power[-1] + 4 * power[1::2].sum() + 2 * power[2:-1:2].sum()) * times[1] / 3)
        changes.append(np.diff(course(saved, "total_energy")[[0, -1]])[0])
    gained, change = ((4 * fine - coarse) / 3 for coarse, fine in (gains, changes))
    yield equal("change of energy", gained, change, 1e-7, "order 4 after extrapolation; Simpson's rule")
    expected = 0.8 * np.exp(-ζ * 2.0)
    yield equal("momentum at t = 2", expected, course(saved, "momentum_x")[-1], 1e-9, "exact semigroup")
    yield kept("mass", course(found, "mass") + course(found, "outflow"), 1e-11, "round-off")
    yield decreasing("the free energy", course(found, "free_energy"), 1e-12)


@check(NAME)
def collisional_damping() -> Iterator[Fact]:
    """Damping with collisions, k = 0.5, ν = 0.1."""
    found = solved(problems.vlasov_fokker_planck(), save=("mean_field_x",))
    times, exact = found["time"].values, collisional_root(0.5, 0.1)
    late = (times >= 12) & (times <= 30)
    ω = damped_wave(times[late], field_mode(found)[late], 1.4 - 0.2j)
    reason = "Strang steps of the default size"
    yield equal("damping rate", exact.imag, ω.imag, 2e-4, reason)
    yield equal("frequency", exact.real, ω.real, 2e-4, reason)


@check(NAME)
def langevin() -> Iterator[Fact]:
    """Langevin particles without a force: the temperature relaxes."""
    problem = problems.vlasov_fokker_planck().replace(
        equation=Vlasov(Coulomb(1, 0.0), friction=1.0, diffusion=0.5), law=Perturbed(0.5, 0.0, Maxwellian())
    )
    points, _, _ = particles(problem, 50, [0.0, 1.0], 200, 0.05)
    expected = np.exp(-2.0) + 0.5 * (1 - np.exp(-2.0))
    yield mean("particles: ⟨v²⟩ at t = 1", (points[1, ..., 1] ** 2).mean(axis=1), expected)

"""Noisy oscillators: growth of the incoherent state and the synchronised one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfpde import problems
from mfpde.verification.checks import check, course, particles, solved
from mfpde.verification.facts import Fact, decreasing, equal, kept, mean

__all__: list[str] = []

NAME = "kuramoto"


@check(NAME)
def synchronisation() -> Iterator[Fact]:
    """κ = 3, σ = 1, from a small bump to the synchronised state r = I₁(κr/σ)/I₀(κr/σ)."""
    from scipy.optimize import brentq
    from scipy.special import ive

    found = solved(problems.kuramoto(amplitude=1e-4), [0.0, 1.0, 40.0])
    r = course(found.sel(diagnostic_time=[0.0, 1.0, 40.0]), "order_parameter")
    yield equal("growth rate κ/2 − σ", 0.5, np.log(r[1] / r[0]), 1e-6, "the square of the amplitude 1e-4")
    exact = brentq(lambda s: ive(1, 3 * s) / ive(0, 3 * s) - s, 0.1, 1.0, xtol=1e-14)
    yield equal("synchronised order parameter", exact, r[2], 1e-7, "local errors of 1e-9; at rest by t = 40")
    yield kept("mass", course(found, "mass"), 1e-12, "round-off")
    yield decreasing("the free energy", course(found, "free_energy"), 1e-10)


@check(NAME)
def incoherent_particles() -> Iterator[Fact]:
    """100 oscillators, κ = σ = 1, uniform: N E|Z|² = 1/r + (1 − 1/r) e^{−2rt}, r = ½, up to O(1/N)."""
    N, t, r = 100, 1.0, 0.5
    x, _, _ = particles(problems.kuramoto(1.0, 1.0, 0.0), N, [0.0, t], 400, 0.05)
    squares = N * np.abs(np.exp(1j * x[1, ..., 0]).mean(axis=1)) ** 2
    yield mean("particles: N E|Z|² at t = 1", squares, 1 / r + (1 - 1 / r) * np.exp(-2 * r * t))

"""Logarithmic kernels in any dimension: second moments of the limit and of N particles, and their spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfpde import problems
from mfpde.laws import Maxwellian
from mfpde.problems import Problem
from mfpde.verification.checks import SCALINGS, FloatArray, check, course, particles, solved
from mfpde.verification.facts import Fact, equal, kept, mean, slope_of_mean
from mfpde_solvers.equations import McKeanVlasov
from mfpde_solvers.kernels import KellerSegel

__all__: list[str] = []

NAME = "log_gas"


def _slope(dim: int) -> Iterator[Fact]:
    λ, σ = 1.0, 0.5  # repulsive: −λ in the attractive convention
    found = solved(problems.log_gas(dim, λ, σ), [0.0, 1.0], save=("potential",))
    M2, t = course(found, "second_moment"), found["diagnostic_time"].values
    measured = (M2[-1] - M2[0]) / (t[-1] - t[0])
    yield equal(
        f"M₂′ = 2dσ + λ, d = {dim}", 2 * dim * σ + λ, measured, 1e-6, "spectral; local errors of 1e-9"
    )
    yield kept(f"mass, d = {dim}", course(found, "mass"), 1e-11, "round-off")


@check(NAME)
def on_the_line() -> Iterator[Fact]:
    """Repulsion on the line."""
    yield from _slope(1)


@check(NAME)
def in_the_plane() -> Iterator[Fact]:
    """Repulsion in the plane."""
    yield from _slope(2)


@check(NAME, full=True)
def in_space() -> Iterator[Fact]:
    """Repulsion in space."""
    yield from _slope(3)


@check(NAME)
def particle_slopes() -> Iterator[Fact]:
    """Three particles in the plane, χ = 4π, cut off at 0.1: slopes of the second moments."""
    σ, χ, N, t, ε = 1.0, 4 * np.pi, 3, 0.2, 0.1
    λ = χ / (2 * np.pi)
    times = np.linspace(0, t, 25)
    for scaling in SCALINGS:
        w = 1 / N if scaling == "1/N" else 1 / (N - 1)
        equation = McKeanVlasov(KellerSegel(χ, cutoff=ε), σ, scaling=scaling)
        problem = Problem(equation, Maxwellian(0.0, 1.0, 2), problems.keller_segel().grid, t)
        x, _, _ = particles(problem, N, times, 2000, t / 24)
        missing = λ * w / N * np.trapezoid(_near(x, ε), times, axis=0)
        squares, centre = (x**2).sum(axis=(2, 3)) / N, (x.mean(axis=2) ** 2).sum(axis=-1)
        gain = squares[-1] - squares[0] - missing
        yield slope_of_mean(f"particles, {scaling}: slope of ⟨|X|²⟩", gain, t, 4 * σ - λ * w * (N - 1))
        about = gain - (centre[-1] - centre[0])
        expected = 4 * σ * (1 - 1 / N) - λ * w * (N - 1)
        yield slope_of_mean(f"particles, {scaling}: slope about the centre", about, t, expected)


def _near(x: FloatArray, ε: float) -> FloatArray:
    """Σ_{i≠j} (1 − |xᵢ − xⱼ|²/ε²)₊: what the cut-off takes from the attraction, (time, replica)."""
    z2 = ((x[:, :, :, None] - x[:, :, None, :]) ** 2).sum(axis=-1)
    return np.asarray(np.maximum(1 - z2 / ε**2, 0.0).sum(axis=(2, 3)) - x.shape[2])


@check(NAME)
def squared_bessel() -> Iterator[Fact]:
    """Q = Σ|Xᵢ − X̄|² of eight repelling particles: dQ = 2σn dt + √(8σQ) dβ, n = (N − 1)(2 − χ/4πσ)."""
    σ, χ, N, t = 1.0, -4 * np.pi, 8, 0.1
    equation = McKeanVlasov(KellerSegel(χ), σ)
    problem = Problem(equation, Maxwellian(0.0, 1.0, 2), problems.keller_segel().grid, t)
    x, _, _ = particles(problem, N, [0.0, t], 600, t / 100)
    Q = ((x - x.mean(axis=2, keepdims=True)) ** 2).sum(axis=(2, 3))
    n = (N - 1) * (2 - χ / (4 * np.pi * σ))
    gain = Q[1] - Q[0] - 2 * σ * n * t
    yield mean("particles: E Q less its law", gain, 0.0)
    variance = 8 * σ * (Q[0] * t + σ * n * t**2)
    yield mean("particles: quadratic variation of Q", gain**2 / variance, 1.0)

"""Harmonic attraction: Gaussian and exact, in the limit and for N particles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfpde import problems
from mfpde.verification.checks import SCALINGS, check, course, particles, solved
from mfpde.verification.facts import Fact, equal, mean
from mfpde_solvers.equations import McKeanVlasov
from mfpde_solvers.kernels import Harmonic

__all__: list[str] = []

NAME = "harmonic"
RATE, DIFFUSION, TIME = 1.0, 0.5, 1.0  # a, σ, t; s₀ = 1


@check(NAME)
def gaussian() -> Iterator[Fact]:
    """The Gaussian of variance v = s²e^{−2at} + (σ/a)(1 − e^{−2at}), d = 1 and 2."""
    for dim in (1, 2):
        problem = problems.harmonic(dim, RATE, DIFFUSION)
        assert problem.exact is not None
        found = solved(problem, [0.0, TIME])
        exact = problem.exact(TIME, problem.grid.points)
        error = np.abs(found["density"][-1].values - exact).max() / exact.max()
        yield equal(f"error of the density, d = {dim}", 0.0, error, 1e-8, "spectral; local errors of 1e-9")
        v = course(found, "second_moment")[-1] / dim
        yield equal(f"variance v, d = {dim}", _variance(RATE), v, 1e-8, "spectral; local errors of 1e-9")


def _variance(rate: float) -> float:
    decay = np.exp(-2 * rate * TIME)
    return float(decay + DIFFUSION / rate * (1 - decay))


@check(NAME)
def covariance() -> Iterator[Fact]:
    """Five particles: Cov(X) = vI + ((w − v)/N)𝟏𝟏ᵀ."""
    N, w = 5, 1 + 2 * DIFFUSION * TIME
    for scaling in SCALINGS:
        rate = RATE if scaling == "1/N" else RATE * N / (N - 1)
        problem = problems.harmonic(1, RATE, DIFFUSION).replace(
            equation=McKeanVlasov(Harmonic(1, RATE), DIFFUSION, scaling=scaling)
        )
        x, _, _ = particles(problem, N, [0.0, TIME], 2000, 0.05)
        last = x[1, ..., 0]
        centre = last.mean(axis=1)
        spread = ((last - centre[:, None]) ** 2).sum(axis=1) / (N - 1)
        yield mean(f"particles, {scaling}: variance v of deviations", spread, _variance(rate))
        yield mean(f"particles, {scaling}: variance w/N of the centre", centre**2, w / N)


@check(NAME)
def coupling() -> Iterator[Fact]:
    """Twenty particles beside their mean-field partners: E|X − X̄|²."""
    N, a, σ, t = 20, RATE, DIFFUSION, TIME
    _, _, found = particles(problems.harmonic(1, a, σ), N, [0.0, t], 500, 0.05, mean_field=True)
    squares = ((found["x"] - found["x_coupled"]) ** 2).isel(time=-1).mean("particle").values
    noise = 2 * σ * (t - 2 * (1 - np.exp(-a * t)) / a + (1 - np.exp(-2 * a * t)) / (2 * a))
    yield mean("particles: E|X − X̄|²", squares, ((1 - np.exp(-a * t)) ** 2 + noise) / N)

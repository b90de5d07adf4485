"""The vorticity equation: moments, exact solutions, the bounds of the logarithm, point vortices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from mfpde import problems
from mfpde.laws import Maxwellian, Mixture
from mfpde.laws.periodic import Cells
from mfpde.problems import Problem
from mfpde.solvers import PseudoSpectral
from mfpde.verification.checks import check, course, particles, solved
from mfpde.verification.facts import Fact, constant, decreasing, equal, kept, ks_distance, mean, slope_of_mean
from mfpde_solvers.equations import NavierStokes

__all__: list[str] = []

NAME = "navier_stokes"
SPECTRAL = "spectral; local errors of 1e-9"


@check(NAME)
def moments() -> Iterator[Fact]:
    """Two vortices merging in the plane."""
    ν = 0.002
    found = solved(problems.vortex_merger(viscosity=ν), [0.0, 20.0])
    yield kept("circulation", course(found, "total_circulation"), 1e-12, "round-off")
    for name in ("mean_x", "mean_y"):
        yield kept(f"∫{name[-1]}ω", course(found, name), 1e-10, SPECTRAL)
    M2, t = course(found, "second_moment"), found["diagnostic_time"].values
    yield equal("d/dt ∫|x|²ω", 4 * ν, (M2[-1] - M2[0]) / (t[-1] - t[0]), 1e-9, SPECTRAL)
    yield decreasing("the enstrophy", course(found, "enstrophy"), 0.0)


@check(NAME)
def taylor_green() -> Iterator[Fact]:
    """Taylor and Green's cells until t = 5."""
    ν = 0.1
    found = solved(problems.taylor_green(viscosity=ν), [0.0, 5.0])
    decay = np.exp(-2 * ν * 5.0)
    ω = found["vorticity"]
    error = float(abs(ω[1] - decay * ω[0]).max() / abs(ω[1]).max())
    yield equal("error of Taylor–Green's ω", 0.0, error, 1e-12, "exact in time; round-off")
    enstrophy = course(found, "enstrophy")
    yield equal("decay of the enstrophy", decay**2, enstrophy[-1] / enstrophy[0], 1e-12, "round-off")


@check(NAME)
def lamb_oseen() -> Iterator[Fact]:
    """Lamb and Oseen's vortex to five times its age."""
    problem = problems.lamb_oseen()
    assert problem.exact is not None
    found = solved(problem, [0.0, problem.horizon], solver=PseudoSpectral(bounds=True))
    exact = problem.exact(problem.horizon, problem.grid.points)
    error = np.abs(found["density"][-1].values - exact).max() / exact.max()
    yield equal("error of Lamb–Oseen's ω", 0.0, error, 1e-12, "exact in time; round-off")
    yield from _bounds(found, "Lamb–Oseen")


@check(NAME)
def bounds() -> Iterator[Fact]:
    """Random circulations: the bounds for each ρ_m."""
    found = solved(problems.random_circulations(), solver=PseudoSpectral(bounds=True))
    yield from _bounds(found, "random circulations")


def _bounds(found: xr.Dataset, name: str) -> Iterator[Fact]:
    rows = {
        "log_gradient_quotient": "|∇log ρ|² / w",
        "log_hessian_quotient": "|∇²log ρ| / w",
        "gaussian_bound": "Gaussian bound C",
    }
    for variable, label in rows.items():
        yield constant(f"{name}: {label}", course(found, variable).max())


@check(NAME)
def identical_vortices() -> Iterator[Fact]:
    """Ten equal vortices from Lamb–Oseen: Σ|Xᵢ|²/(s² + 2σt) ~ χ²_{2N}."""
    from scipy.stats import chi2

    N, t, σ = 10, 1.0, 0.1
    points, _, _ = particles(problems.lamb_oseen(viscosity=σ), N, [0.0, t], 600, 0.02)
    s2 = 2 * σ  # of age 1
    scaled = (points[1] ** 2).sum(axis=(1, 2)) / (s2 + 2 * σ * t)
    yield mean("vortices: mean of χ²", scaled, 2 * N)
    yield mean("vortices: variance of χ²", (scaled - 2 * N) ** 2, 4 * N)
    yield ks_distance("vortices: distance to χ²", scaled, chi2(2 * N).cdf)


@check(NAME)
def signed_vortices() -> Iterator[Fact]:
    """Vortices of circulations ±1: Σ Mᵢ|Xᵢ|² has the slope 4σ ΣMᵢ."""
    σ, t, N = 0.3, 1.0, 6
    law = Mixture((Maxwellian((1.0, 0.0), 0.5, 2), Maxwellian((-1.0, 0.0), 0.5, 2)), (0.5, 0.5))
    grid = problems.lamb_oseen().grid
    problem = Problem(NavierStokes(σ, (1.0, -1.0)), law, grid, t)
    points, m, _ = particles(problem, N, [0.0, t], 1000, 0.02)
    squares = (points**2).sum(axis=-1)
    gain = (m * (squares[1] - squares[0])).sum(axis=1)
    yield slope_of_mean("signed vortices: slope less 4σΣM", gain - 4 * σ * t * m.sum(axis=1), t, 0.0)


@check(NAME)
def uniform_vortices() -> Iterator[Fact]:
    """Sixteen vortices on the torus: the uniform law stays a product."""
    N, t = 16, 1.0
    grid = problems.keller_segel(domain="torus").grid
    problem = Problem(NavierStokes(0.05, (4.0,)), Cells(1, 0.0), grid, t)
    points, _, _ = particles(problem, N, [0.0, t], 300, 0.05)
    for k in ((1, 0), (1, 1)):
        squares = N * np.abs(np.exp(1j * points[1] @ np.array(k)).mean(axis=1)) ** 2
        yield mean(f"torus: N E|μ̂({k[0]},{k[1]})|²", squares, 1.0)

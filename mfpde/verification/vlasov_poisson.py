"""Vlasov–Poisson: invariants, the dispersion relation, free streaming, and particles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from mfpde import problems
from mfpde.verification.checks import SEED, FloatArray, check, course, solved
from mfpde.verification.dispersion import damped_wave, root
from mfpde.verification.facts import Fact, equal, kept
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.kernels import Coulomb

__all__ = ["field_mode"]

NAME = "vlasov_poisson"
INTERPOLATION = "degree-9 shifts until t = 10, when filaments are 6 cells wide"
SMALL = "fit of 18 time units; the next root, the step and a² are smaller"


def field_mode(dataset: xr.Dataset) -> FloatArray:
    """Sine coefficient of the lowest wavenumber in the field, against time."""
    axis = dataset["mean_field_x"]["x"]
    length = float(axis.attrs["upper"]) - float(axis.attrs["lower"])
    wave = np.sin(2 * np.pi * (axis - float(axis.attrs["lower"])) / length)
    return np.asarray((dataset["mean_field_x"] * wave).mean("x").values * 2)


@check(NAME)
def invariants() -> Iterator[Fact]:
    """Nonlinear Landau damping, a = 0.5, until t = 10."""
    found = solved(problems.landau_damping(amplitude=0.5), [0.0, 10.0])
    mass = course(found, "mass") + course(found, "outflow")
    yield kept("mass", mass, 1e-12, "round-off")
    f, h = found["density"], float(np.prod([float(found[name].diff(name)[0]) for name in ("x", "v")]))
    for p in (1, 3, 4):
        yield kept(f"∫|f|^{p}", (abs(f) ** p).sum(("x", "v")) * h, 1e-4, INTERPOLATION)
    yield kept("L2 norm", course(found, "l2_norm"), 1e-4, INTERPOLATION)
    yield kept("∫ f log f", course(found, "entropy"), 1e-4, INTERPOLATION)
    yield kept("momentum", course(found, "momentum_x"), 1e-10, "round-off")
    yield kept("energy", course(found, "total_energy"), 1e-6, "the splitting of order 4")


@check(NAME)
def landau_root() -> Iterator[Fact]:
    """Linear Landau damping, k = 0.5."""
    found = solved(problems.landau_damping(amplitude=1e-4), save=("mean_field_x",))
    times, exact = found["time"].values, root(0.5)
    late = (times >= 12) & (times <= 30)
    ω = damped_wave(times[late], field_mode(found)[late], 1.4 - 0.1j)
    yield equal("damping rate", exact.imag, ω.imag, 1e-4, SMALL)
    yield equal("frequency", exact.real, ω.real, 1e-4, SMALL)


@check(NAME)
def free_streaming() -> Iterator[Fact]:
    """Without a force, ρ_k(t) = ρ_k(0) e^{−k²t²/2}."""
    problem = problems.landau_damping().replace(equation=Vlasov(Coulomb(1, 0.0)))
    found = solved(problem, [0.0, 1.0, 3.0])
    x = found["x"]
    modes = (found["density"].sum("v") * np.cos(0.5 * x)).sum("x")
    for place, t in ((1, 1.0), (2, 3.0)):
        ratio = float(modes[place] / modes[0])
        yield equal(f"ρ_k({t:g})/ρ_k(0)", np.exp(-(0.25 * t**2) / 2), ratio, 1e-9, "degree-9 shifts")


@check(NAME)
def sheets() -> Iterator[Fact]:
    """1000 charged sheets on the circle, a = 0.5, until t = 10."""
    from mfpde.particles.dynamics import prepare

    problem, N, dt = problems.landau_damping(amplitude=0.5), 1000, 0.005
    points = problem.law.rvs(N, np.random.default_rng(SEED))
    stream = np.random.SeedSequence(SEED)
    run = prepare(problem.equation, problem.grid, points, np.ones(N), stream, dt)
    energy, momentum = [], []
    for _ in evolve(run, [0.0, 2.5, 5.0, 7.5, 10.0]):
        energy.append(run.diagnostics()["total_energy"])
        momentum.append(float(run.observe()["v"].mean()))
    yield kept("particles: energy", energy, 1e-4, "Verlet steps of 0.005 across the jumps of the force")
    yield kept("particles: momentum", momentum, 1e-12, "round-off")


@check(NAME, full=True)
def unstable_roots() -> Iterator[Fact]:
    """Growth of the two-stream, bump-on-tail and Jeans instabilities."""
    streams = ((0.5, 3.0, 1.0), (0.5, -3.0, 1.0))
    bump = ((0.9, 0.0, 1.0), (0.1, 4.5, 0.5))
    cases = (
        ("two streams", problems.two_stream(amplitude=1e-6), root(0.2, streams, guess=0.28j), (20.0, 32.0)),
        (
            "bump on tail",
            problems.bump_on_tail(amplitude=1e-6),
            root(0.3, bump, guess=1 + 0.2j),
            (25.0, 45.0),
        ),
        ("Jeans", problems.jeans_instability(amplitude=1e-6), root(0.5, sign=-1, guess=0.7j), (7.0, 11.0)),
    )
    for name, problem, exact, (begin, end) in cases:
        found = solved(problem, np.linspace(0, end, 201), save=("mean_field_x",))
        times = found["time"].values
        late = times >= begin
        field = found["mean_field_x"]
        strength = np.sqrt((field**2).mean("x").values)[late]
        if abs(exact.real) < 1e-8:
            γ = np.polyfit(times[late], np.log(strength), 1)[0]
        else:
            γ = damped_wave(times[late], field_mode(found)[late], exact).imag
        yield equal(f"{name}: growth rate", exact.imag, γ, 1e-4, "the other roots have died out")


@check(NAME, full=True)
def two_dimensions() -> Iterator[Fact]:
    """Landau damping in the plane: invariants."""
    found = solved(problems.landau_damping((0.5, 0.5), 0.5), [0.0, 5.0], save=("mean_field_x",))
    yield kept("2D: mass", course(found, "mass") + course(found, "outflow"), 1e-11, "round-off")
    yield kept("2D: energy", course(found, "total_energy"), 1e-6, "the splitting of order 4")
    yield kept("2D: L2 norm", course(found, "l2_norm"), 1e-4, "degree-9 shifts on 32² × 64² cells")

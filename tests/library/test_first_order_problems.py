"""First-order problems and their laws: exact solutions, samplers, cases, refusals, and a run of each kind."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import mfpde as mf
from mfpde import laws
from mfpde.laws.bounded import CriticalAggregation, Semicircle, UniformBall
from mfpde.laws.periodic import Cells, ShearLayer, VonMises
from mfpde.problems import aggregation, from_case, vortices
from mfpde.problems.solutions import SpreadingSemicircle
from mfpde_solvers.evolve import BlowUp, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.mckean_vlasov.radial import RadialAggregation

PROBLEMS = {name: getattr(module, name) for module in (vortices, aggregation) for name in module.__all__}
EXACT = {name: build for name, build in PROBLEMS.items() if build().exact is not None}
LINE = Grid((Axis("x", -3.0, 3.0, 600, "open"),))
SQUARE = Grid(tuple(Axis(name, -1.5, 1.5, 300, "open") for name in "xy"))
TORUS = Grid(tuple(Axis(name, 0.0, 2 * np.pi, 256) for name in "xy"))
CIRCLE = Grid((Axis("x", 0.0, 2 * np.pi, 128),))

LAWS = {
    "interval": (UniformBall(1, 1.2), LINE, 2e-2),
    "disc": (UniformBall(2, 1.2), SQUARE, 2e-2),
    "semicircle": (Semicircle(2.0), LINE, 1e-3),
    "cells": (Cells(3, -0.8), TORUS, 1e-12),
    "layer": (ShearLayer(0.7, 0.3, 0.4, 2), TORUS, 1e-12),
    "phases": (VonMises(2.5, 1.0), CIRCLE, 1e-12),
}
each_law = pytest.mark.parametrize(("law", "grid", "tolerance"), LAWS.values(), ids=LAWS)
each_problem = pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS)


@each_law
def test_densities_have_mass_one(law, grid, tolerance):
    """By the midpoint rule: spectrally accurate where smooth, not at a jump."""
    values = laws.as_law(law, grid).pdf(grid.points)
    assert grid.integrate(values) == pytest.approx(1.0, abs=tolerance)


@each_law
def test_samples_follow_the_densities(law, grid, tolerance):
    """Smooth observables of all coordinates, within four standard errors, and both marginals."""
    law = laws.as_law(law, grid)
    x = law.rvs(20_000, np.random.default_rng(1))
    density = law.pdf(grid.points)
    assert x.shape == (20_000, grid.dim)
    for k in ([1.0, 0.0], [0.0, 2.0], [1.0, -1.0], [3.0, 3.0]):
        values = np.cos(x @ k[: grid.dim])
        expected = grid.integrate(density * np.cos(grid.points @ k[: grid.dim]))
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(x)) + tolerance / 10
    for i, axis in enumerate(grid.axes):
        marginal = grid.integrate(density, [name for name in grid.names if name != axis.name])
        cumulative = np.concatenate([[0.0], np.cumsum(marginal)]) * axis.spacing
        cdf = np.interp(x[:, i], axis.edges, cumulative / cumulative[-1])
        assert stats.kstest(cdf, "uniform").pvalue > 1e-3


def test_samples_of_the_critical_profile():
    """r²/(λ + r²) is uniform, and so is the direction."""
    law = CriticalAggregation(2.5)
    x = law.rvs(20_000, np.random.default_rng(2))
    s = (x**2).sum(axis=1)
    assert stats.kstest(s / (2.5 + s), "uniform").pvalue > 1e-3
    assert stats.kstest(np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3
    mass = quad(lambda r: 2 * np.pi * r * law.pdf([r, 0.0]), 0, 3.0)[0]
    assert mass == pytest.approx(9 / 11.5, rel=1e-9)


@pytest.mark.parametrize("coupling", [2.2, 2.5, 3.0, 4.0, 6.0])
def test_synchronised_phases(reference, coupling):
    """They have r = I₁(κr/σ)/I₀(κr/σ)."""
    law = VonMises.synchronised(coupling, 1.0)
    case = reference[f"C.kuramoto.r(kappa={coupling},sigma=1.0)"]
    assert law.order == pytest.approx(case["value"], rel=1e-12)
    assert law.concentration == pytest.approx(coupling * law.order, rel=1e-12)
    assert VonMises.synchronised(1.9, 1.0).concentration == 0.0
    assert VonMises.synchronised(2.0 + 1e-9, 1.0).concentration == pytest.approx(np.sqrt(4e-9), rel=1e-3)


def test_samples_do_not_depend_on_chunks():
    """But for the law of von Mises, whose sampler rejects."""
    for law, _, _ in LAWS.values():
        if isinstance(law, Cells | UniformBall | VonMises):
            continue
        rng = np.random.default_rng(10)
        parts = np.concatenate([law.rvs(7, rng), law.rvs(5, rng)])
        np.testing.assert_array_equal(parts, law.rvs(12, np.random.default_rng(10)))


def test_laws_of_a_circle_are_refused_elsewhere():
    other = Grid((Axis("x", 0.0, 1.0, 8), Axis("y", 0.0, 2 * np.pi, 8)))
    for law, grid in ((Cells(), other), (ShearLayer(), SQUARE), (VonMises(1.0), LINE)):
        with pytest.raises(ValueError, match="periodic axes of length 2π"):
            laws.as_law(law, grid)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformBall(0), "dimension must be"),
        (lambda: UniformBall(2, -1.0), "radius must be"),
        (lambda: Semicircle(0.0), "radius must be"),
        (lambda: CriticalAggregation(0.0), "scale must be"),
        (lambda: Cells(0), "waves must be"),
        (lambda: Cells(1, 1.5), "amplitude must lie"),
        (lambda: ShearLayer(thickness=0.0), "thickness must be"),
        (lambda: ShearLayer(waves=1.5), "waves must be"),
        (lambda: VonMises(-1.0), "concentration must be"),
    ],
)
def test_wrong_laws_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@each_problem
def test_cases_invert(build):
    problem = build()
    coarse = problem.replace(resolution=dict.fromkeys(problem.grid.names, 6), horizon=0.5)
    for one in (problem, coarse):
        again = from_case(json.loads(json.dumps(one.case)))
        assert again == one
        assert again.case == one.case
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert problem.description
    assert problem.citation
    assert len(problem.equation.circulations) in (1, len(getattr(problem.law, "laws", [1])))


@each_problem
def test_boxes_hold_the_densities(build):
    """At most 1e-15 of the maximum at the ends, or none."""
    problem = build()
    density = laws.on_grid(problem.law, problem.grid)
    for i, axis in enumerate(problem.grid.axes):
        if not axis.periodic:
            ends = density.take([0, -1], axis=i).max() / density.max()
            assert ends < 1e-14


@pytest.mark.parametrize("build", EXACT.values(), ids=EXACT)
def test_exact_solutions_begin_with_the_law(build):
    problem = build()
    x = problem.law.rvs(200, np.random.default_rng(3))
    if len(problem.equation.circulations) > 1:
        weighted = zip(problem.law.weights, problem.law.laws, strict=True)
        expected = np.stack([w * part.pdf(x) for w, part in weighted])
    else:
        expected = problem.law.pdf(x)
    np.testing.assert_allclose(problem.exact(0.0, x), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "problem",
    [vortices.lamb_oseen(), aggregation.harmonic(2, 0.7, 1.0, 0.3)],
    ids=["lamb_oseen", "harmonic"],
)
def test_exact_solutions_solve_their_equations(problem):
    """∂ₜρ = σΔρ + div(a x ρ), the field of a harmonic kernel, by Fourier series in space."""
    grid, equation, t, h = problem.grid, problem.equation, 0.5, 1e-3
    rate = (problem.exact(t + h, grid.points) - problem.exact(t - h, grid.points)) / (2 * h)
    ρ = problem.exact(t, grid.points)
    a = getattr(equation.kernel, "rate", 0.0)
    right = np.zeros_like(ρ)
    for i, k in enumerate(np.meshgrid(*grid.wavenumbers, indexing="ij")):
        flux = 1j * k * np.fft.fftn(a * grid.points[..., i] * ρ) - equation.diffusion * k**2 * np.fft.fftn(ρ)
        right += np.fft.ifftn(flux).real
    np.testing.assert_allclose(rate, right, atol=1e-5 * np.abs(rate).max())  # h² of third derivatives


def test_taylor_green(reference):
    """ω = 2k cos kx cos ky e^{−2νk²t}, ∫ω²/2 = 2π² and the reference decays."""
    for k, ν, t in ((1, 0.1, 1.0), (2, 0.01, 5.0)):
        problem = vortices.taylor_green(k, ν)
        x, y = np.moveaxis(problem.grid.points, -1, 0)
        m = np.array(problem.equation.circulations)[:, None, None]
        ω = (m * problem.exact(t, problem.grid.points)).sum(axis=0)
        decay = reference[f"B.taylor_green.decay(k={k},nu={ν},t={t})"]["value"]
        np.testing.assert_allclose(ω, 2 * k * np.cos(k * x) * np.cos(k * y) * decay, atol=1e-12)
    problem = vortices.taylor_green()
    ω0 = (m * problem.exact(0.0, problem.grid.points)).sum(axis=0) / 2
    assert problem.grid.integrate(ω0**2) / 2 == pytest.approx(
        2 * reference["B.taylor_green.energy0(k=1)"]["value"], rel=1e-12
    )


@pytest.mark.parametrize(("r", "t", "ν"), [(0.5, 1.0, 0.1), (1.0, 1.0, 0.1), (2.0, 3.0, 0.05)])
def test_lamb_oseen(reference, r, t, ν):
    """Γ times the density, at the time t − age."""
    problem = vortices.lamb_oseen(viscosity=ν, circulation=2.0, age=0.5)
    ω = problem.equation.circulations[0] * problem.exact(t - 0.5, np.array([r, 0.0]))
    expected = reference[f"B.lamb_oseen.omega(r={r},t={t},nu={ν})"]["value"]
    assert ω == pytest.approx(2 * expected, rel=1e-12)


def test_vortex_merger(reference):
    """Second moment, enstrophy and palinstrophy of ω at the start."""
    problem = vortices.vortex_merger()
    case = reference["B.oseen_merging.M2(t=4)"]
    grid, ω = problem.grid, laws.on_grid(problem.law, problem.grid)
    ν, t = case["params"]["nu"], case["params"]["t"]
    second = grid.integrate(ω * (grid.points**2).sum(axis=-1))
    assert second + 4 * ν * t == pytest.approx(case["value"], rel=1e-12)
    enstrophy = reference["B.two_gaussians.enstrophy0"]["value"]
    assert grid.integrate(ω**2) / 2 == pytest.approx(enstrophy, rel=1e-10)


def test_shear_layers():
    """ω has mean 0, the velocity jumps by ±2 across the layers, and ω is ±1/δ sech² where they are flat."""
    problem = vortices.shear_layer(displacement=0.0)
    grid, m = problem.grid, problem.equation.circulations
    ω = sum(c / 2 * part.pdf(grid.points) for c, part in zip(m, problem.law.laws, strict=True))
    y = grid["y"].points
    images = y + 2 * np.pi * np.arange(-2, 3)[:, None]
    layers = (4 / np.cosh((images - c) / 0.25) ** 2 for c in (1.5 * np.pi, 0.5 * np.pi))
    positive, negative = (layer.sum(axis=0) for layer in layers)
    np.testing.assert_allclose(ω, np.broadcast_to(positive - negative, ω.shape), atol=1e-12)
    assert grid.integrate(ω) == pytest.approx(0.0, abs=1e-11)
    assert ω[0, y > np.pi].sum() * grid["y"].spacing == pytest.approx(2.0, abs=1e-4)


@pytest.mark.parametrize("correlated", [True, False])
def test_random_circulations(correlated):
    """Equally likely; independent of the position if so wanted."""
    problem = vortices.random_circulations(correlated=correlated)
    x, m = laws.draw(problem.law, problem.equation, 30_000, np.random.default_rng(4))
    for value in problem.equation.circulations:
        chosen = m == value
        assert abs(chosen.mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / 30_000)
        mean = x[chosen].mean(axis=0)
        error = 4 * np.sqrt(1.0 / chosen.sum())
        assert (np.hypot(*mean) > 1 - error) == correlated


def test_dyson(reference):
    """The radius of the semicircle; its density solves ∂ₜρ + ∂ₓ(ρ(H − λx)) = 0, where H = 2x/R² within."""
    confined = SpreadingSemicircle(1.0, 1.0)
    case = reference["D.dyson.semicircle_R(t=0.5;lam=1.0,R0=1.0)"]
    assert confined.at(0.5) == pytest.approx(case["value"], rel=1e-12)
    free = SpreadingSemicircle(1.0, 0.0)
    assert free.at(1.0) == pytest.approx(reference["D.dyson.semicircle_R(t=1.0;lam=0.0,R0=1.0)"]["value"])
    for λ in (1.0, 0.5):
        radius = reference[f"D.dyson.semicircle_radius(lam={λ})"]["value"]
        assert SpreadingSemicircle(0.3, λ).at(50.0) == pytest.approx(radius, rel=1e-12)
    x, t, h, λ = np.linspace(-0.9, 0.9, 41)[:, None], 0.3, 1e-5, 1.0

    def flux(x):
        return confined(t, x) * (2 / confined.at(t) ** 2 - λ) * x[..., 0]

    rate = (confined(t + h, x) - confined(t - h, x)) / (2 * h)
    np.testing.assert_allclose(rate, -(flux(x + h) - flux(x - h)) / (2 * h), atol=1e-8)
    problem = aggregation.dyson(confinement=1.0)
    np.testing.assert_array_equal(problem.equation.drift(x), -x)
    assert problem.equation.for_size(100).diffusion == pytest.approx(1 / 200)
    assert problem.equation.limit.diffusion == 0


def test_harmonic(reference):
    """The variance of the reference case, through the entropy ½[c − log(1 + c)], c = (w − v)/(Nv)."""
    problem = aggregation.harmonic()
    v, w = problem.exact.at(1.0), 1 + 2.0
    c = (w - v) / (10 * v)
    expected = reference["F.lacker.H(N=10,k=1,t=1)"]["value"]
    assert (c - np.log1p(c)) / 2 == pytest.approx(expected, rel=1e-10)
    wide = aggregation.harmonic(variance=0.01, diffusion=4.0)
    edge = wide.exact(wide.horizon, np.array([wide.grid["x"].upper]))
    assert edge < 1e-15 * wide.exact(wide.horizon, np.zeros(1))


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (vortices.taylor_green, {"wavenumber": 1.5}, "wavenumber must be an integer"),
        (vortices.taylor_green, {"viscosity": 0.0}, "viscosity must be"),
        (vortices.lamb_oseen, {"circulation": 0.0}, "circulation must be"),
        (vortices.lamb_oseen, {"age": "old"}, "age must be"),
        (vortices.vortex_merger, {"variance": -1.0}, "variance must be"),
        (vortices.shear_layer, {"thickness": float("nan")}, "thickness must be"),
        (vortices.random_circulations, {"circulations": (1.0,)}, "at least 2"),
        (vortices.random_circulations, {"circulations": (1.0, 1.0)}, "different"),
        (aggregation.keller_segel, {"domain": "sphere"}, "'plane' or 'torus', got 'sphere'"),
        (aggregation.keller_segel, {"chi": float("inf")}, "chi must be"),
        (aggregation.log_gas, {"dim": 4}, "dim must be 1, 2 or 3"),
        (aggregation.log_gas, {"diffusion": -1.0}, "diffusion must be a finite number > 0, got -1"),
        (aggregation.riesz_gas, {"s": 2.0}, "-2 < s < 2"),
        (aggregation.dyson, {"confinement": -1.0}, "confinement must be"),
        (aggregation.dyson, {"beta": 0.0}, "beta must be"),
        (aggregation.kuramoto, {"amplitude": 2.0}, "amplitude must lie"),
        (aggregation.harmonic, {"rate": 0.0}, "rate must be"),
    ],
)
def test_arguments_out_of_range_are_refused(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)


def test_the_critical_steady_state_stays_radially():
    """χ = 8πσ, ρ = λ/(π(λ + |x|²)²), of infinite second moment, through solve."""
    law = laws.CriticalAggregation(1.0)
    grid = mf.Grid(tuple(mf.Axis(name, -96.0, 96.0, 256, "open") for name in "xy"))
    problem = mf.Problem(mf.equations.KellerSegel(8 * np.pi), law, grid, 5.0)
    data = mf.solve(problem, times=[0.0, 1.0, 5.0], solver=RadialAggregation(), progress=False)
    r = data.density["r"].values
    exact = law.pdf(np.stack([r, 0 * r], axis=-1))
    np.testing.assert_allclose(data.density.values, np.broadcast_to(exact, (3, r.size)), rtol=1e-8)
    assert data.attrs["status"] == "completed"
    assert np.ptp(data.free_energy.values) < 1e-9


def test_the_radial_solver_tells_the_collapse_of_a_problem():
    problem = aggregation.keller_segel(chi=12 * np.pi)
    grid, density = RadialAggregation().discretise(problem.law.pdf, problem.grid)
    run = RadialAggregation().prepare(problem.equation, grid, density)
    with pytest.raises(BlowUp) as told:
        list(evolve(run, [problem.horizon]))
    assert told.value.time == pytest.approx(0.685, abs=2e-3)

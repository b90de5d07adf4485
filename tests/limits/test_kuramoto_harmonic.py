"""Noisy oscillators and harmonic attraction: stationary states, relaxation, Gaussians."""

import numpy as np
import pytest

from mfpde_solvers.equations import Kuramoto, McKeanVlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Harmonic
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral

CIRCLE = Grid((Axis("x", 0.0, 2 * np.pi, 64),))
COUPLINGS = (2.2, 2.5, 3.0, 4.0, 6.0)


def bump(amplitude=0.2, place=1.0):
    return (1 + amplitude * np.cos(CIRCLE.points[:, 0] - place)) / (2 * np.pi)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_stationary_order_parameter(reference, coupling):
    """From a small bump to the synchronised state, whose shape is e^{κ r cos(x − x₀)/σ}."""
    T = 140.0 if coupling < 2.5 else 70.0 if coupling < 3 else 40.0
    run = PseudoSpectral("etdrk4").prepare(Kuramoto(coupling, 1.0), CIRCLE, bump(), 0.05)
    list(evolve(run, [T]))
    r = reference[f"C.kuramoto.r(kappa={coupling},sigma=1.0)"]["value"]
    values = run.diagnostics()
    assert values["order_parameter"] == pytest.approx(r, abs=1e-10)
    shape = np.exp(coupling * r * np.cos(CIRCLE.points[:, 0] - 1.0))
    exact = shape / CIRCLE.integrate(shape)
    assert np.abs(run.observe()["density"] - exact).max() < 1e-9
    assert values["free_energy_dissipation"] < 1e-15
    assert values["mass"] == pytest.approx(1.0, abs=1e-13)


def test_adaptive_steps_reach_the_same_state(reference):
    run = PseudoSpectral().prepare(Kuramoto(3.0, 1.0), CIRCLE, bump())
    list(evolve(run, [30.0]))
    r = reference["C.kuramoto.r(kappa=3.0,sigma=1.0)"]["value"]
    assert run.diagnostics()["order_parameter"] == pytest.approx(r, abs=1e-9)


@pytest.mark.parametrize("coupling", [3.0, 4.0])
def test_relaxation_rate(reference, coupling):
    """The order parameter approaches its limit at the rate of the slowest even mode."""
    run = PseudoSpectral("etdrk4").prepare(Kuramoto(coupling, 1.0), CIRCLE, bump(), 0.02)
    r = reference[f"C.kuramoto.r(kappa={coupling},sigma=1.0)"]["value"]
    rate = reference[f"C.kuramoto.relax_rate(kappa={coupling})"]["value"]
    start = 17.0 if coupling == 3.0 else 9.0
    distance = [run.diagnostics()["order_parameter"] - r for _ in evolve(run, [start, start + 1])]
    assert np.log(distance[1] / distance[0]) == pytest.approx(rate, abs=2e-4)


@pytest.mark.parametrize("coupling", [1.0, 1.9, -1.0])
def test_incoherent_below_the_critical_coupling(coupling):
    """Mode 1 of a small bump decays at σ − κ/2, and the others at σn²."""
    x, ε = CIRCLE.points[:, 0], 1e-7
    ρ = (1 + ε * np.cos(x) + ε * np.cos(2 * x)) / (2 * np.pi)
    run = PseudoSpectral(tolerance=1e-11).prepare(Kuramoto(coupling, 1.0), CIRCLE, ρ)
    list(evolve(run, [1.0]))
    modes = np.abs(np.fft.rfft(run.observe()["density"]))[1:3] * 2 / 64 * 2 * np.pi / ε
    np.testing.assert_allclose(modes, np.exp([coupling / 2 - 1, -4]), rtol=1e-6, atol=ε)


def gaussian(grid, variance, centre):
    z = grid.points - np.asarray(centre)
    return np.exp(-(z**2).sum(-1) / (2 * variance)) / (2 * np.pi * variance) ** (grid.dim / 2)


def harmonic(dim, size, reach, variance, diffusion, time, rate=0.7, **options):
    """Grid, run at the time, exact variance and centre of a Gaussian that attracts itself."""
    grid = Grid(tuple(Axis(name, -reach, reach, size, "open") for name in "xyz"[:dim]))
    centre = np.array([0.3, -0.2, 0.1])[:dim]
    run = PseudoSpectral(tolerance=1e-10, **options).prepare(
        McKeanVlasov(Harmonic(dim, rate), diffusion), grid, gaussian(grid, variance, centre)
    )
    list(evolve(run, [time]))
    decay = np.exp(-2 * rate * time)
    return grid, run, variance * decay + diffusion / rate * (1 - decay), centre


@pytest.mark.parametrize(
    ("dim", "size", "reach", "variance", "diffusion", "time"),
    [
        (1, 160, 8.0, 0.6, 0.5, 1.5),
        (2, 120, 8.0, 0.6, 0.5, 0.7),
        pytest.param(3, 60, 5.0, 0.35, 0.25, 0.1, marks=pytest.mark.slow),
    ],
)
def test_harmonic_gaussians(dim, size, reach, variance, diffusion, time):
    """v(t) = v₀e^{−2at} + (σ/a)(1 − e^{−2at}) in each coordinate, and the centre at rest."""
    grid, run, v, centre = harmonic(dim, size, reach, variance, diffusion, time)
    exact = gaussian(grid, v, centre)
    assert np.abs(run.observe()["density"] - exact).max() < 1e-10 * exact.max()
    values = run.diagnostics()
    for name, c in zip("xyz", centre, strict=False):
        assert values[f"mean_{name}"] == pytest.approx(c, abs=1e-10)
    assert values["second_moment"] == pytest.approx(dim * v + centre @ centre, abs=1e-10)


def test_an_external_confinement_and_harmonic_repulsion():
    """S = −b x and K = a z: the centre obeys x̄′ = −b x̄, the variance v′ = 2(a − b)v + 2σ."""
    a, b, σ, T, v0, centre = 0.4, 0.9, 0.3, 1.0, 0.5, 0.6
    grid = Grid((Axis("x", -8.0, 8.0, 160, "open"),))
    equation = McKeanVlasov(Harmonic(1, -a), σ, drift=lambda x: -b * x)
    run = PseudoSpectral(tolerance=1e-11).prepare(equation, grid, gaussian(grid, v0, [centre]))
    list(evolve(run, [T]))
    decay = np.exp(2 * (a - b) * T)
    v = v0 * decay + σ / (b - a) * (1 - decay)
    exact = gaussian(grid, v, [centre * np.exp(-b * T)])
    assert np.abs(run.observe()["density"] - exact).max() < 1e-10
    assert (
        np.abs(run.observe()["mean_field_x"] - a * (grid.points[:, 0] - centre * np.exp(-b * T))).max() < 1e-9
    )

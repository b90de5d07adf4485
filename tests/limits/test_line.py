"""The whole line: harmonic forces and traps are rotations, Coulomb obeys its virial law, mass is counted."""

import numpy as np
import pytest

from mfpde import laws
from mfpde.problems import Problem
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Harmonic
from mfpde_solvers.vlasov import SemiLagrangian

MEAN = np.array([0.7, -0.4])
COVARIANCE = np.array([[0.8, 0.3], [0.3, 0.5]])


def gaussian(x, mean=MEAN, covariance=COVARIANCE):
    z = x - mean
    weight = np.exp(-0.5 * np.einsum("...i,ij,...j", z, np.linalg.inv(covariance), z))
    return weight / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))


def problem(equation, half=9.0, cells=160):
    axes = (Axis("x", -half, half, cells, "open"), Axis("v", -half, half, cells, "open"))
    grid = Grid(axes)
    return Problem(equation, laws.as_law(gaussian, grid), grid, 5.0)


def moments(case):
    """Mean (2) and covariance (2 × 2) of the density of a run."""

    def of(run):
        f = run.observe()["density"] * case.grid.cell_volume
        z = case.grid.points
        mean = np.einsum("ij,ijk->k", f, z)
        return np.vstack([mean, np.einsum("ij,ijk,ijl->kl", f, z - mean, z - mean)])

    return of


def rotation(ω, t):
    return np.array([[np.cos(ω * t), np.sin(ω * t) / ω], [-ω * np.sin(ω * t), np.cos(ω * t)]])


def test_harmonic_kernel_rotates_about_the_centre_of_mass(follow):
    """The centre moves uniformly, x̄ + v̄ t; about it the phase space turns with frequency √a."""
    case, times = problem(Vlasov(Harmonic(1, 1.7))), np.array([0.0, 0.6, 1.9, 5.0])
    for t, (mean, *covariance) in zip(times, follow(case, times, moments(case)), strict=True):
        R = rotation(np.sqrt(1.7), t)
        assert np.abs(mean - MEAN - t * np.array([MEAN[1], 0.0])).max() < 1e-10
        assert np.abs(covariance - R @ COVARIANCE @ R.T).max() < 2e-6


@pytest.mark.parametrize("positive", [False, True])
def test_harmonic_density_is_gaussian_throughout(positive):
    case, t = problem(Vlasov(Harmonic(1, 1.7))), 5.0
    R = rotation(np.sqrt(1.7), t)
    run = SemiLagrangian(positive=positive).prepare(
        case.equation, case.grid, laws.on_grid(case.law, case.grid)
    )
    assert [i.time for i in evolve(run, [t])] == [t]
    f = run.observe()["density"]
    exact = gaussian(case.grid.points, MEAN + t * np.array([MEAN[1], 0.0]), R @ COVARIANCE @ R.T)
    assert np.abs(f - exact).max() < 1e-5 * exact.max()


def test_a_harmonic_trap_is_a_rotation_about_its_centre(follow):
    """S = −ω²x and no interaction."""
    ω, times = 1.3, np.array([0.0, 0.6, 1.9, 5.0])
    case = problem(Vlasov(Coulomb(1, 0.0), drift=lambda x: -(ω**2) * x))
    for t, (mean, *covariance) in zip(times, follow(case, times, moments(case)), strict=True):
        R = rotation(ω, t)
        assert np.abs(mean - R @ MEAN).max() < 2e-6
        assert np.abs(covariance - R @ COVARIANCE @ R.T).max() < 2e-6


@pytest.mark.parametrize("strength", [0.8, -0.8])
def test_the_centre_of_mass_in_a_trap_does_not_feel_the_interaction(follow, strength):
    """Kohn's theorem: an odd kernel leaves the centre of mass to the trap."""
    ω, times = 1.3, np.array([0.0, 0.6, 1.9, 4.0])
    case = problem(Vlasov(Coulomb(1, strength), drift=lambda x: -(ω**2) * x))
    for t, (mean, *_) in zip(times, follow(case, times, moments(case)), strict=True):
        assert np.abs(mean - rotation(ω, t) @ MEAN).max() < 2e-6


@pytest.mark.parametrize("strength", [0.8, -0.8])
def test_virial_law_of_the_line(follow, strength):
    """For K = c sign, d/dt ∫xv f = 2·KE − PE: integrated over time by Gauss–Legendre, and H constant."""
    T = 1.5
    case = problem(Vlasov(Coulomb(1, strength)), half=12.0, cells=200)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    times = np.array([0.0, *(T / 2 * (1 + nodes)), T])
    z = case.grid.points

    def energies(run):
        values = run.diagnostics()
        xv = case.grid.integrate(run.observe()["density"] * z[..., 0] * z[..., 1])
        return xv, values["kinetic_energy"], values["potential_energy"]

    xv, kinetic, potential = follow(case, times, energies).T
    change = T / 2 * weights @ (2 * kinetic - potential)[1:-1]
    assert xv[-1] - xv[0] == pytest.approx(change, abs=2e-6)
    assert np.ptp(kinetic + potential) < 2e-6
    assert np.ptp(2 * kinetic - potential) > 0.1


def test_energy_of_a_gaussian_on_the_line():
    """½∬V ρρ = −(c/2) E|X − Y| = −c s/√π for K = c sign."""
    case = problem(Vlasov(Coulomb(1, 0.8)))
    run = SemiLagrangian().prepare(case.equation, case.grid, laws.on_grid(case.law, case.grid))
    expected = -0.8 * np.sqrt(COVARIANCE[0, 0] / np.pi)
    assert run.diagnostics()["potential_energy"] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("positive", [False, True])
def test_what_leaves_the_box_is_counted(follow, positive):
    """A box that most of the mass leaves by all four ends: mass and outflow still add up to one."""
    case = problem(Vlasov(Coulomb(1, 2.0), drift=lambda x: 0.3 + 0 * x), half=5.0, cells=64)

    def balance(run):
        values = run.diagnostics()
        return values["mass"], values["outflow"]

    mass, outflow = follow(case, [0.0, 1.0, 3.0, 5.0], balance, SemiLagrangian(positive=positive)).T
    assert np.abs(mass + outflow - 1).max() < 1e-10
    assert mass[-1] < 0.5


def test_external_work_is_no_invariant():
    """With an external field the energy of the interaction alone is not reported as total."""
    trapped = problem(Vlasov(Coulomb(1, 0.5), drift=lambda x: -x), cells=64)
    run = SemiLagrangian().prepare(
        trapped.equation, trapped.grid, laws.on_grid(trapped.law, trapped.grid), 0.1
    )
    assert "total_energy" not in run.diagnostics()
    assert "kinetic_energy" in run.diagnostics()

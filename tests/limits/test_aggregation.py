"""Finite volumes against exact facts: attraction and repulsion, vortices, linear stability."""

import numpy as np
import pytest

from mfpde_solvers.equations import KellerSegel, LogGas, McKeanVlasov, NavierStokes
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral

both_schemes = pytest.mark.parametrize("scheme", ["implicit", "explicit"])


def plane(half, n, boundary="open"):
    return Grid((Axis("x", -half, half, n, boundary), Axis("y", -half, half, n, boundary)))


def gaussian(x, mean=(0.0, 0.0), variance=1.0):
    return np.exp(-((x - np.array(mean)) ** 2).sum(axis=-1) / (2 * variance)) / (2 * np.pi * variance)


def at_origin(ρ):
    """Fourth-order interpolation to the corner in the middle of the grid."""
    n, w = len(ρ) // 2, np.array([-1, 9, 9, -1]) / 16
    return w @ ρ[n - 2 : n + 2, n - 2 : n + 2] @ w


def densities(equation, grid, density, times, **options):
    run = FiniteVolume(**options).prepare(equation, grid, density)
    return [run.observe()["density"] for _ in evolve(run, times)]


def second_moment(ρ, grid):
    return grid.integrate(ρ * (grid.points**2).sum(axis=-1))


def order(errors, refinement=2):
    return -np.diff(np.log(errors)) / np.log(refinement)


def radial_errors(case, half, n, last):
    """Largest relative error of ρ(0, t), and of the second moment where it is given."""
    value, χ = case["value"], case["params"]["chi"]
    grid, times = plane(half, n), np.array(value["t"])
    times = times[times <= last]
    ρ = densities(KellerSegel(χ), grid, gaussian(grid.points), times)
    centre = max(abs(at_origin(f) / exact - 1) for f, exact in zip(ρ, value["rho0"], strict=False))
    exact = [2 + (4 - χ / (2 * np.pi)) * t for t in times]
    return centre, max(abs(second_moment(f, grid) / M - 1) for f, M in zip(ρ, exact, strict=True))


def test_keller_segel_at_half_the_critical_mass(reference):
    """χ = 4π: ρ(0, t) and the second moment at second order, and far within 1 % on 256² cells."""
    case = reference["C.ks.radial.rho(0,t)[chi=4pi]"]
    errors = np.array([radial_errors(case, 10.0, n, 1.0) for n in (64, 128, 256)])
    assert errors[-1].max() < 5e-4
    assert order(errors[:, 0]).min() > 1.8
    assert order(errors[:, 1]).min() > 1.8


@pytest.mark.parametrize("chi", ["2pi", "7pi", "-4pi(repulsive)"])
def test_keller_segel_at_other_strengths(reference, chi):
    centre, moment = radial_errors(reference[f"C.ks.radial.rho(0,t)[chi={chi}]"], 10.0, 128, 1.0)
    assert centre < 5e-3
    assert moment < 3e-3


def test_supercritical_density_before_it_blows_up(reference):
    """χ = 12π, to t = 0.25: second order."""
    case = reference["C.ks.supercritical.rho(0,t)[chi=12pi]"]
    errors = np.array([radial_errors(case, 6.0, n, 1.0) for n in (64, 128, 256)])
    assert order(errors[:, 0]).min() > 1.7
    assert errors[-1].max() < 2e-3


def test_the_second_moment_rests_at_the_critical_mass(reference):
    """χ = 8πσ: the second moment stays; what the cells change falls fourfold."""
    χ, drifts = reference["C.ks.critical_chi(sigma=1)"]["value"], []
    for n in (48, 96):
        grid = plane(7.0, n)
        run = FiniteVolume().prepare(KellerSegel(χ), grid, gaussian(grid.points))
        list(evolve(run, [0.5]))
        drifts.append(abs(second_moment(run.observe()["density"], grid) - 2))
    assert order(drifts)[0] > 1.8
    assert drifts[1] < 1e-2


def test_off_centre_data_move_rigidly(reference):
    """Centred away from every cell's centre and corner, the reference profile is as exact."""
    case, shift = reference["C.ks.radial.rho(0,t)[chi=4pi]"], np.array([1.234, -0.777])
    grid = plane(9.0, 128)
    (ρ,) = densities(KellerSegel(4 * np.pi), grid, gaussian(grid.points, shift), [0.5])
    assert abs(ρ.max() / case["value"]["rho0"][2] - 1) < 2e-3
    mean = [grid.integrate(ρ * grid.points[..., i]) for i in range(2)]
    np.testing.assert_allclose(mean, shift, atol=1e-6)


def test_several_peaks_keep_their_centre_and_the_virial_law():
    """Three unequal peaks that merge: the mass is exact, the centre and M₂′ = 4σ − χ/2π at second order."""
    χ, departures, drifts = 6 * np.pi, [], []
    for n in (48, 96):
        grid = plane(9.0, n)
        peaks = ((0.5, (1.5, 0.3), 0.5), (0.3, (-1.0, 1.2), 0.4), (0.2, (-0.4, -1.6), 0.6))
        density = sum(m * gaussian(grid.points, mean, variance) for m, mean, variance in peaks)
        run = FiniteVolume().prepare(KellerSegel(χ), grid, density)
        before = run.diagnostics()
        list(evolve(run, [0.5]))
        after = run.diagnostics()
        assert abs(after["mass"] - before["mass"]) < 1e-12
        drifts.append(np.hypot(*(after[name] - before[name] for name in ("mean_x", "mean_y"))))
        departures.append(abs(after["virial_departure"]))
    assert order(departures)[0] > 1.8
    assert order(drifts)[0] > 1.8
    assert drifts[1] < 5e-4


@pytest.mark.parametrize("strength", [0.6, 1.3], ids=["stable", "unstable"])
def test_growth_on_the_torus_on_both_sides_of_the_threshold(strength):
    """A mode k of the uniform state grows at the rate σ|k|²(χ/(|T|σ|k|²) − 1): ρ̄ΔV∗ρ̂ = (χ/|T|)ρ̂.

    For the lowest mode it changes sign at χ = 4π²σ, above 8πσ.
    """
    σ, L = 0.5, 3.0
    χ, k, errors = strength * 4 * np.pi**2 * σ, 2 * np.pi / L, []
    rate = χ / L**2 - σ * k**2
    assert np.sign(rate) == np.sign(strength - 1)
    for n in (24, 48):
        grid = Grid((Axis("x", 0.0, L, n), Axis("y", 0.0, L, n)))
        wave = np.cos(k * grid.points[..., 0])
        start = (1 + 1e-3 * wave) / L**2
        (ρ,) = densities(KellerSegel(χ, σ), grid, start, [0.3], tolerance=1e-11)
        growth = np.log(grid.integrate(ρ * wave) / grid.integrate(start * wave)) / 0.3
        errors.append(abs(growth / rate - 1))
    assert order(errors)[0] > 1.9
    assert errors[1] < 2e-3


def test_growth_of_the_logarithmic_kernel_on_the_circle(reference):
    case = reference["C.circle_log.growth(n=1,chi=20,sigma=1)"]
    χ, errors = case["params"]["chi"], []
    for n in (32, 64):
        grid = Grid((Axis("x", 0.0, 2 * np.pi, n),))
        wave = np.cos(grid.points[:, 0] - 0.3)
        start = (1 + 1e-3 * wave) / (2 * np.pi)
        (ρ,) = densities(LogGas(1, -χ / (2 * np.pi), 1.0), grid, start, [0.5], tolerance=1e-11)
        growth = np.log(grid.integrate(ρ * wave) / grid.integrate(start * wave)) / 0.5
        errors.append(abs(growth - case["value"]))
    assert order(errors)[0] > 1.9
    assert errors[1] < 1e-3


def by_characteristics(χ, t, x):
    """N(0, I) repelled without noise: r² = r₀² + χM₀(r₀)t/π, ρ = ρ₀/(1 + χρ₀t)."""
    s = (x**2).sum(axis=-1)
    s0 = s.copy()
    for _ in range(60):
        excess = s0 - χ * t / np.pi * np.expm1(-s0 / 2) - s
        s0 = np.maximum(s0 - excess / (1 + χ * t / (2 * np.pi) * np.exp(-s0 / 2)), 0.0)
    ρ0 = np.exp(-s0 / 2) / (2 * np.pi)
    return ρ0 / (1 + χ * ρ0 * t)


@both_schemes
@pytest.mark.parametrize(
    "identifier",
    ["D.repulsive2d.gaussian_sigma0(chi=1.0,t=2.0)", "D.repulsive2d.gaussian_sigma0(chi=6.2832,t=1.0)"],
)
def test_repulsion_without_noise(reference, scheme, identifier):
    """The exact density by characteristics, second order in L¹."""
    case, errors = reference[identifier], []
    χ, t = case["params"]["chi"], case["params"]["t"]
    x = np.stack([case["value"]["r"], np.zeros(3)], axis=-1)
    np.testing.assert_allclose(by_characteristics(χ, t, x), case["value"]["rho"], rtol=1e-12)
    for n in (64, 128):
        grid = plane(7.0, n)
        (ρ,) = densities(KellerSegel(-χ, 0.0), grid, gaussian(grid.points), [t], scheme=scheme)
        errors.append(grid.integrate(np.abs(ρ - by_characteristics(χ, t, grid.points))))
    assert order(errors)[0] > 1.9
    assert errors[1] < 2e-3


@pytest.mark.parametrize(
    "identifier", ["D.disc.R(chi=1.0,R0=1.0,t=10.0)", "D.disc.R(chi=6.2832,R0=1.0,t=0.5)"]
)
def test_a_uniform_disc_stays_one(reference, identifier):
    """A disc with a jump: density inside, radius from the second moment R²/2, no overshoot.

    The jump spreads over h^{2/3}, as jumps do that schemes of second order carry along.
    """
    case, errors = reference[identifier], []
    χ, t, R = case["params"]["chi"], case["params"]["t"], case["value"]
    for n in (48, 96):
        grid = plane(3.0, n)
        r = np.sqrt((grid.points**2).sum(axis=-1))
        density = np.clip(0.5 + (1.0 - r) / grid.spacing[0], 0.0, 1.0)
        density /= grid.integrate(density)
        (ρ,) = densities(KellerSegel(-χ, 0.0), grid, density, [t])
        grown = second_moment(ρ, grid) - second_moment(density, grid)
        assert abs(grown - (R**2 - 1) / 2) < 1e-2 * R**2
        inside = ρ[r < 0.8 * R]
        assert np.abs(inside / case["params"]["rho"] - 1).max() < 0.02
        assert ρ.max() < 1.02 * case["params"]["rho"]
        errors.append(grid.integrate(np.abs(ρ - (r < R) * case["params"]["rho"])))
    assert order(errors)[0] > 0.6
    assert errors[1] < 0.1


def two_peaks(grid):
    x, y = np.moveaxis(grid.points, -1, 0)
    return np.exp(np.cos(x - 1) + 1.5 * np.cos(y - 2)) + 0.7 * np.exp(1.5 * np.cos(x - 4) + np.cos(y - 4.4))


@pytest.mark.parametrize(
    "equation", [KellerSegel(25.0, 0.5), KellerSegel(-40.0, 0.1), NavierStokes(0.05)], ids=str
)
def test_agrees_with_the_pseudospectral_solver(equation):
    """Data without symmetry on a torus: the difference is the error of the cells, of second order."""
    torus = Grid((Axis("x", 0.0, 2 * np.pi, 225), Axis("y", 0.0, 2 * np.pi, 225)))
    mass = torus.integrate(two_peaks(torus))
    run = PseudoSpectral().prepare(equation, torus, two_peaks(torus) / mass)
    list(evolve(run, [0.3]))
    exact, errors = run.observe()["density"], []
    for n in (45, 75):
        grid = torus.resized({"x": n, "y": n})
        (ρ,) = densities(equation, grid, two_peaks(grid) / mass, [0.3])
        middle = slice(225 // n // 2, None, 225 // n)  # an odd number of fine cells in each coarse one
        errors.append(np.abs(ρ - exact[middle, middle]).mean() / exact.mean())
    assert order(errors, 75 / 45)[0] > 1.8
    assert errors[1] < 3e-3


def test_repulsion_with_noise(reference):
    """M₂′ = 4σ + χ/2π for the repulsive kernel."""
    case = reference["D.repulsive2d.noise.M2(chi=2pi,sigma=0.5,t=1)"]
    grid = plane(9.0, 96)
    (ρ,) = densities(McKeanVlasov(Coulomb(2, 1.0), 0.5), grid, gaussian(grid.points), [1.0])
    assert abs(second_moment(ρ, grid) - case["value"]) < 5e-3


@both_schemes
def test_lamb_oseen_vortex(reference, scheme):
    """ω = e^{−r²/4νt}/(4πνt) off the centre, from t = 1 to 2: second order, though every field turns."""
    case = reference["B.lamb_oseen.omega(r=1.0,t=1.0,nu=0.1)"]
    ν, centre, errors = case["params"]["nu"], np.array([0.4, -0.3]), []
    there = np.array([case["params"]["r"], 0.0])
    np.testing.assert_allclose(gaussian(there, variance=2 * ν), case["value"], rtol=1e-12)
    for n in (48, 96):
        grid = plane(4.5, n)
        start = gaussian(grid.points, centre, 2 * ν)
        (ω,) = densities(NavierStokes(ν), grid, start, [1.0], scheme=scheme)
        errors.append(np.abs(ω - gaussian(grid.points, centre, 4 * ν)).max())
    assert order(errors)[0] > 1.8
    assert errors[1] < 5e-3 * gaussian(centre, centre, 4 * ν)

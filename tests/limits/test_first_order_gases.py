"""Gases of particles that repel or attract: moments, characteristics, free convolution, collapse."""

import numpy as np
import pytest

from mfpde_solvers.equations import KellerSegel, LogGas, McKeanVlasov
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Riesz, Stokeslet
from mfpde_solvers.kernels import KellerSegel as KellerSegelKernel
from mfpde_solvers.kernels import LogGas as LogGasKernel
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral


def space(dim, size, reach, about=0.5):
    """Open axes; ``about`` = 0.5 puts a cell centre on the origin."""
    h = 2 * reach / size
    ends = -reach - (0.5 - about) * h, reach - (0.5 - about) * h
    return Grid(tuple(Axis(name, *ends, size, "open") for name in "xyz"[:dim]))


def centred(dim, size, reach):
    """Open axes with cell centres at multiples of the cell."""
    return space(dim, size, reach, about=0.0)


def gaussian(grid, variance=1.0, centre=0.0):
    z = grid.points - np.asarray(centre)
    return np.exp(-(z**2).sum(-1) / (2 * variance)) / (2 * np.pi * variance) ** (grid.dim / 2)


def at(run, place):
    """The density at a cell centre of the problem's grid."""
    indices = []
    for x, coordinate in zip(run.grid.coordinates, place, strict=True):
        indices.append(int(np.abs(x - coordinate).argmin()))
        assert abs(x[indices[-1]] - coordinate) < 1e-12
    return run.observe()["density"][tuple(indices)]


@pytest.mark.parametrize(("chi", "size"), [("2pi", 80), ("4pi", 96), ("-4pi(repulsive)", 80)])
def test_radial_keller_segel(reference, chi, size):
    """ρ(0, t) against the cumulative-mass equation, M₂ = 2 + (4 − χ/2π)t, on a box that grows."""
    case = reference[f"C.ks.radial.rho(0,t)[chi={chi}]"]
    grid = centred(2, size, 8.0)
    run = PseudoSpectral().prepare(KellerSegel(case["params"]["chi"]), grid, gaussian(grid))
    times = [t for t in case["value"]["t"] if t <= 1.0]
    for instant, ρ, M2 in zip(evolve(run, times), case["value"]["rho0"], case["value"]["M2"], strict=False):
        assert instant.time == times[instant.index]
        assert at(run, (0.0, 0.0)) == pytest.approx(ρ, rel=1e-8)
        assert run.diagnostics()["second_moment"] == pytest.approx(M2, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("chi", "size"), [("4pi", 128), ("7pi", 192)])
def test_radial_keller_segel_for_long(reference, chi, size):
    case = reference[f"C.ks.radial.rho(0,t)[chi={chi}]"]
    grid = centred(2, size, 8.0)
    run = PseudoSpectral(tolerance=1e-10).prepare(KellerSegel(case["params"]["chi"]), grid, gaussian(grid))
    for _, ρ in zip(evolve(run, case["value"]["t"]), case["value"]["rho0"], strict=True):
        assert at(run, (0.0, 0.0)) == pytest.approx(ρ, rel=1e-8)


def test_a_collapse_ends_with_lost_resolution(reference):
    """χ = 12π: right until the peak reaches the cells, and refused before the virial time 1."""
    case = reference["C.ks.supercritical.rho(0,t)[chi=12pi]"]
    grid = centred(2, 96, 7.0)
    run = PseudoSpectral().prepare(KellerSegel(12 * np.pi), grid, gaussian(grid))
    for _, ρ in zip(evolve(run, case["value"]["t"][:2]), case["value"]["rho0"], strict=False):
        assert at(run, (0.0, 0.0)) == pytest.approx(ρ, rel=1e-6)
    with pytest.raises(ResolutionLost, match=r"use a grid of at least \{x: 192, y: 192\} cells") as caught:
        list(evolve(run, [1.0]))
    assert 0.25 < caught.value.time < reference["C.ks.blowup_bound(chi=12pi,Gaussian N(0,I))"]["value"]


@pytest.mark.parametrize(
    ("dim", "size", "reach", "variance", "time"),
    [
        (1, 256, 8.0, 0.6, 0.5),
        (2, 108, 6.5, 0.6, 0.5),
        pytest.param(3, 72, 5.0, 0.35, 0.1, marks=pytest.mark.slow),
    ],
)
def test_second_moment_of_log_gases_with_noise(dim, size, reach, variance, time):
    """M₂′ = 2dσ + λ in every dimension, off the origin too."""
    grid, λ, σ = space(dim, size, reach), 0.7, 0.5
    run = PseudoSpectral().prepare(
        LogGas(dim, λ, σ), grid, gaussian(grid, variance, [0.2] + [0.0] * (dim - 1))
    )
    list(evolve(run, [time]))
    moment = dim * variance + 0.04 + (2 * dim * σ + λ) * time
    values = run.diagnostics()
    assert values["second_moment"] == pytest.approx(moment, abs=1e-10)
    assert values["mean_x"] == pytest.approx(0.2, abs=1e-12)


def test_repulsive_noise_in_the_plane(reference):
    grid = space(2, 96, 8.0)
    run = PseudoSpectral().prepare(KellerSegel(-2 * np.pi, 0.5), grid, gaussian(grid))
    list(evolve(run, [1.0]))
    M2 = reference["D.repulsive2d.noise.M2(chi=2pi,sigma=0.5,t=1)"]["value"]
    assert run.diagnostics()["second_moment"] == pytest.approx(M2, abs=1e-10)


@pytest.mark.parametrize(("chi", "label"), [(1.0, "1.0,t=2.0"), (2 * np.pi, "6.2832,t=1.0")])
def test_repulsion_without_noise_by_characteristics(reference, chi, label):
    """ρ = ρ₀/(1 + χ t ρ₀) along r² = r₀² + χ M₀(r₀) t/π."""
    case = reference[f"D.repulsive2d.gaussian_sigma0(chi={label})"]
    grid = centred(2, 128, 8.0)
    run = PseudoSpectral().prepare(KellerSegel(-chi, 0.0), grid, gaussian(grid))
    list(evolve(run, [case["params"]["t"]]))
    for r, ρ in zip(case["value"]["r"], case["value"]["rho"], strict=True):
        assert at(run, (r, 0.0)) == pytest.approx(ρ, rel=1e-8)
        assert at(run, (0.0, -r)) == pytest.approx(ρ, rel=1e-8)


@pytest.mark.parametrize("s", [-0.5, 0.0, 0.4])
def test_riesz_energies_dissipate_what_they_should(s):
    """dF/dt = −∫ρ|u − σ∇log ρ|² and d/dt∫ρ log ρ = −∫ρ div u − σ∫|∇ρ|²/ρ, by quadrature in time."""
    grid, T = space(2, 128, 8.0), 0.3
    equation = McKeanVlasov(Riesz(2, s, 1.5), 0.4)
    run = PseudoSpectral(tolerance=1e-10).prepare(equation, grid, gaussian(grid, 0.7, [0.3, -0.2]))
    nodes, weights = np.polynomial.legendre.leggauss(6)
    times = np.concatenate([[0.0], T * (1 + nodes) / 2, [T]])
    record = [run.diagnostics() for _ in evolve(run, times)]
    energy = -T / 2 * np.dot(weights, [values["free_energy_dissipation"] for values in record[1:-1]])
    assert energy < -0.01
    assert record[-1]["free_energy"] - record[0]["free_energy"] == pytest.approx(energy, rel=1e-8)
    rates = [values["entropy_production"] - 0.4 * values["fisher_information"] for values in record[1:-1]]
    entropy = T / 2 * np.dot(weights, rates)
    assert record[-1]["entropy"] - record[0]["entropy"] == pytest.approx(entropy, rel=1e-8)


def dyson(grid, ρ, time, confinement=0.0, **options):
    drift = (lambda x: -confinement * x) if confinement else None
    run = PseudoSpectral(**options).prepare(McKeanVlasov(LogGasKernel(1, 1.0), 0.0, drift), grid, ρ)
    list(evolve(run, [time]))
    return run


def test_free_convolution_with_the_semicircle(reference):
    """Dyson's gas without noise, from a Gaussian: smooth, and exact to the tolerance."""
    case = reference["D.dyson.freeconv.gaussian.rho(t=1.0)"]
    grid = centred(1, 288, 9.0)
    run = dyson(grid, gaussian(grid), 1.0)
    for x, ρ in zip(case["value"]["x"], case["value"]["rho"], strict=True):
        assert at(run, (x,)) == pytest.approx(ρ, abs=1e-9)
        assert at(run, (-x,)) == pytest.approx(ρ, abs=1e-9)
    assert run.diagnostics()["second_moment"] == pytest.approx(2.0, abs=1e-11)


def semicircle(x, R):
    return 2 / (np.pi * R * R) * np.sqrt(np.maximum(R * R - x * x, 0.0))


@pytest.mark.parametrize(("confinement", "time"), [(0.0, 1.0), (1.0, 0.5)])
def test_semicircles(reference, confinement, time):
    """Square-root edges: the error is largest there, first order in the mean and falls with the cells."""
    R = reference[f"D.dyson.semicircle_R(t={time};lam={confinement},R0=1.0)"]["value"]
    means, worst, inner = [], [], []
    for size in (512, 1024):
        grid = space(1, size, 4.0)
        x = grid.points[:, 0]
        run = dyson(grid, semicircle(x, 1.0), time, confinement, tolerance=1e-7)
        error = np.abs(run.observe()["density"] - semicircle(x, R))
        means.append(grid.integrate(error))
        worst.append(abs(abs(x[error.argmax()]) - R))
        inner.append(error[np.abs(x) < R / 2].max())
        assert run.diagnostics()["mass"] == pytest.approx(run.grid.integrate(semicircle(x, 1.0)), abs=1e-12)
    assert means[0] < 5e-3
    assert means[1] < 0.55 * means[0]
    assert max(worst) < 3 * 8.0 / 512
    assert inner[1] < 2e-4


def test_a_gas_uniform_along_a_strip_is_one_dimensional():
    """Two independent codes of the field: a mixed domain, and the line with the Coulomb kernel |z|."""
    χ, σ, T, L = 2.0, 0.3, 1.0, 4.0
    line = space(1, 120, 7.0)
    strip = Grid((Axis("x", 0.0, L, 12), Axis("y", -7.0, 7.0, 120, "open")))
    ρ = gaussian(line, 0.5, 0.4)
    wide = PseudoSpectral(tolerance=1e-10).prepare(KellerSegel(χ, σ), strip, np.tile(ρ / L, (12, 1)))
    # −χ z/(2π|z|²) summed along x at density 1/L is the force −χ sgn(y)/2L of a layer
    narrow = PseudoSpectral(tolerance=1e-10).prepare(McKeanVlasov(Coulomb(1, -χ / (2 * L)), σ), line, ρ)
    for run in (wide, narrow):
        list(evolve(run, [T]))
    exact = narrow.observe()["density"]
    assert np.abs(exact - ρ).max() > 0.05
    assert np.abs(L * wide.observe()["density"] - exact).max() < 1e-9
    assert np.abs(wide.observe()["mean_field_y"] - narrow.observe()["mean_field_x"]).max() < 1e-9


@pytest.mark.parametrize(("n", "chi"), [(1, 30.0), (1, 50.0), (2, -10.0)])
def test_linear_modes_of_the_torus(n, chi):
    """A wave of number n has the rate χ/L² − σn²; all decay while χ < 4π²σ."""
    L, σ, ε, T = 2 * np.pi, 1.0, 1e-7, 0.5
    grid = Grid(tuple(Axis(name, 0.0, L, 24) for name in "xy"))
    x = grid.points[..., 0]
    run = PseudoSpectral(tolerance=1e-11).prepare(KellerSegel(chi, σ), grid, (1 + ε * np.cos(n * x)) / L**2)
    list(evolve(run, [T]))
    mode = np.abs(np.fft.fft2(run.observe()["density"]))[n, 0] * 2 / 24**2 * L**2 / ε
    assert mode == pytest.approx(np.exp((chi / L**2 - σ * n * n) * T), rel=1e-6)


@pytest.mark.slow
def test_sedimentation_conserves_mass_and_falls():
    """Stokeslets: divergence free, so that without noise ∫ρ² stays and the centre falls at ∫ρ K∗ρ."""
    grid = Grid(tuple(Axis(name, -3.0, 3.0, 36, "open") for name in "xyz"))
    equation = McKeanVlasov(Stokeslet((0.0, 0.0, -1.0)), 0.0)
    run = PseudoSpectral(tolerance=1e-6).prepare(equation, grid, gaussian(grid, 0.3))
    first, speed = run.diagnostics(), run.observe()
    list(evolve(run, [0.1]))
    last = run.diagnostics()
    assert last["l2_norm"] == pytest.approx(first["l2_norm"], rel=1e-6)
    assert last["mass"] == pytest.approx(first["mass"], rel=1e-13)
    # −(8/3)·⟨1/|z|⟩ for the spherical average of I + zz/|z|², z of variance 2·0.3 a coordinate
    expected = -4 / 3 * np.sqrt(2 / np.pi) / np.sqrt(0.6) * -1.0
    fall = grid.integrate(speed["density"] * speed["mean_field_z"])
    assert fall == pytest.approx(expected, rel=1e-4)
    assert last["mean_z"] == pytest.approx(expected * 0.1, rel=2e-2)
    assert abs(last["mean_x"]) < 1e-7


def test_several_circulations_with_a_gradient_kernel():
    """Everything moves in the field of ω = ρ₊ − ρ₋, whose centre ∫xω rests: both clouds drift alike."""
    grid = space(2, 144, 7.0)
    equation = McKeanVlasov(KellerSegelKernel(-6.0), 0.2, circulations=(1.0, -1.0))
    clouds = np.stack([0.5 * gaussian(grid, 0.4, (s, 0.0)) for s in (0.9, -0.9)])
    run = PseudoSpectral().prepare(equation, grid, clouds)
    list(evolve(run, [0.5]))
    x = grid.points[..., 0]
    centres = [2 * grid.integrate(x * ρ) for ρ in run.observe()["density"]]
    assert centres[0] - centres[1] == pytest.approx(1.8, abs=1e-9)
    assert centres[0] < 0.8
    assert run.diagnostics()["mass"] == pytest.approx(1.0, abs=1e-12)


def test_waves_of_the_torus_in_three_dimensions():
    """−div(ρ̄ K∗δ) = −c|S²|ρ̄ δ for Coulomb repulsion, so that every mode decays at σ|k|² + c|S²|/L³."""
    L, σ, c, ε, T = 2 * np.pi, 0.3, 5.0, 1e-7, 0.4
    grid = Grid(tuple(Axis(name, 0.0, L, n) for name, n in zip("xyz", (14, 12, 18), strict=True)))
    wave = np.cos(grid.points @ np.array([1.0, -2.0, 3.0]))
    run = PseudoSpectral(tolerance=1e-11).prepare(McKeanVlasov(Coulomb(3, c), σ), grid, (1 + ε * wave) / L**3)
    list(evolve(run, [T]))
    expected = np.exp(-(14 * σ + 4 * np.pi * c / L**3) * T) * wave
    assert np.abs((run.observe()["density"] * L**3 - 1) / ε - expected).max() < 1e-6

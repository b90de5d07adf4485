"""The vorticity equation: exact solutions, moments, balances, order, another code, several circulations."""

import numpy as np
import pytest

from mfpde_solvers.equations import NavierStokes
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral


def torus(size, other=None, length=2 * np.pi):
    return Grid((Axis("x", 0.0, length, size), Axis("y", 0.0, length, other or size)))


def plane(size, reach):
    return Grid(tuple(Axis(name, -reach, reach, size, "open") for name in "xy"))


def vortex(grid, variance, centre=(0.0, 0.0), circulation=1.0):
    z = grid.points - np.asarray(centre)
    return circulation * np.exp(-(z**2).sum(-1) / (2 * variance)) / (2 * np.pi * variance)


def random_vorticity(grid, modes=8, seed=0):
    """Modes up to |m| = ``modes`` with random phases, of unit root mean square and zero mean."""
    x, y = np.moveaxis(grid.points, -1, 0)
    rng = np.random.default_rng(seed)
    waves = [(i, j) for i in range(-modes, modes + 1) for j in range(modes + 1) if (j, i) > (0, 0)]
    ω = sum(np.cos(i * x + j * y + rng.uniform(0, 7)) for i, j in waves if i * i + j * j <= modes**2)
    return ω / np.std(ω)


def end(grid, ω, viscosity, time, dt=None, **options):
    run = PseudoSpectral(**options).prepare(NavierStokes(viscosity), grid, ω, dt)
    list(evolve(run, [time]))
    return run


@pytest.mark.parametrize(("k", "viscosity", "time"), [(1, 0.1, 1.0), (2, 0.01, 5.0)])
@pytest.mark.parametrize("shape", [(32, 48), (45, 27)])
def test_taylor_green(reference, k, viscosity, time, shape):
    grid = torus(*shape)
    x, y = np.moveaxis(grid.points, -1, 0)
    ω = 2 * k * np.cos(k * x) * np.cos(k * y)
    run = end(grid, ω, viscosity, time)
    decay = reference[f"B.taylor_green.decay(k={k},nu={viscosity},t={time})"]["value"]
    assert np.abs(run.observe()["vorticity"] - decay * ω).max() < 1e-13 * 2 * k
    energy, values = reference["B.taylor_green.energy0(k=1)"]["value"], run.diagnostics()
    assert values["kinetic_energy"] == pytest.approx(energy * decay**2, rel=1e-12)  # π² for every k
    assert values["enstrophy"] == pytest.approx(2 * k**2 * energy * decay**2, rel=1e-12)
    assert values["palinstrophy"] == pytest.approx(8 * k**4 * energy * decay**2, rel=1e-12)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.8, -0.5)])
def test_lamb_oseen_on_a_box_that_grows(reference, centre):
    """From age 1 to 11: the vortex outgrows the grid, whose values stay exact to round-off."""
    ν, grid = 0.1, plane(96, 5.0)
    run = PseudoSpectral().prepare(NavierStokes(ν), grid, vortex(grid, 2 * ν, centre))
    for instant in evolve(run, [1.0, 5.0, 10.0]):
        fields, exact = run.observe(), vortex(grid, 2 * ν * (1 + instant.time), centre)
        assert fields["density"].shape == grid.shape
        assert np.abs(fields["density"] - exact).max() < 1e-13 * exact.max()
        z = grid.points - np.asarray(centre)
        r2 = (z**2).sum(-1)
        swirl = -np.expm1(-r2 / (4 * ν * (1 + instant.time))) / (2 * np.pi * r2)
        assert np.abs(fields["mean_field_x"] + z[..., 1] * swirl).max() < 1e-13
        assert np.abs(fields["mean_field_y"] - z[..., 0] * swirl).max() < 1e-13
        values = run.diagnostics()
        assert values["mass"] == pytest.approx(1.0, abs=1e-13)
        moment = 4 * ν * (1 + instant.time) + np.dot(centre, centre)
        assert values["second_moment"] == pytest.approx(moment, abs=1e-11)
    assert values["box_size"] > 20
    assert 1e-3 < values["mass_outside"] < 1e-2


def test_lamb_oseen_values(reference):
    """ω and the swirl at tabulated points, which are cell centres, from a vortex of half the age."""
    case = reference["B.lamb_oseen.omega(r=1.0,t=1.0,nu=0.1)"]
    ν = case["params"]["nu"]
    h = 0.0625
    grid = Grid(tuple(Axis(name, -72.5 * h, 71.5 * h, 144, "open") for name in "xy"))
    run = end(grid, vortex(grid, ν), ν, 0.5)
    fields = run.observe()
    x, y = grid.coordinates
    origin = (np.abs(x).argmin(), np.abs(y).argmin())
    assert abs(x[origin[0]]) < 1e-14
    for r in (0.5, 1.0):
        place = (origin[0] + round(r / h), origin[1])
        ω = reference[f"B.lamb_oseen.omega(r={r},t=1.0,nu=0.1)"]["value"]
        swirl = reference[f"B.lamb_oseen.utheta(r={r},t=1.0,nu=0.1)"]["value"]
        assert fields["vorticity"][place] == pytest.approx(ω, abs=1e-13)
        assert fields["mean_field_y"][place] == pytest.approx(swirl, abs=1e-13)


@pytest.fixture(scope="module")
def merging():
    """Two like vortices, followed to t = 4; the integrals at Clenshaw–Curtis nodes."""
    grid, ν, T = plane(128, 5.0), 0.02, 4.0
    ω = sum(vortex(grid, 0.1, (x, 0.0), 0.5) for x in (-1.0, 1.0))
    run = PseudoSpectral(tolerance=1e-10).prepare(NavierStokes(ν), grid, ω)
    times, weights = clenshaw_curtis(16, T)
    return [run.diagnostics() for _ in evolve(run, times)], weights, ν


def clenshaw_curtis(n, T):
    """Nodes and weights on [0, T], exact for polynomials of degree n."""
    j = np.arange(n + 1)
    x = -np.cos(np.pi * j / n)
    moments = np.array([0.0 if m % 2 else 2 / (1 - m * m) for m in j])
    weights = np.linalg.solve(np.polynomial.chebyshev.chebvander(x, n).T, moments)
    return T * (1 + x) / 2, T / 2 * weights


def balance(record, weights, quantity, rate):
    """Relative defect of quantity(T) − quantity(0) = ∫ rate dt."""
    change = record[-1][quantity] - record[0][quantity]
    integral = float(np.dot(weights, [rate(values) for values in record]))
    return abs(change - integral) / max(abs(change), 1e-3 * abs(record[0][quantity]))


def test_merging_pair(reference, merging):
    record, weights, ν = merging
    first, last = record[0], record[-1]
    assert first["enstrophy"] == pytest.approx(reference["B.two_gaussians.enstrophy0"]["value"], abs=1e-12)
    palinstrophy = reference["B.two_gaussians.palinstrophy0"]["value"]
    assert first["palinstrophy"] == pytest.approx(palinstrophy, abs=1e-11)
    pseudo_energy = reference["B.pseudo_energy.two_gaussians0"]["value"]
    assert first["kinetic_energy"] == pytest.approx(pseudo_energy, abs=1e-12)
    assert last["second_moment"] == pytest.approx(reference["B.oseen_merging.M2(t=4)"]["value"], abs=1e-10)
    assert abs(last["mean_x"]) + abs(last["mean_y"]) < 1e-12
    assert last["total_circulation"] == pytest.approx(1.0, abs=1e-13)
    assert balance(record, weights, "kinetic_energy", lambda d: -2 * ν * d["enstrophy"]) < 1e-8
    assert balance(record, weights, "enstrophy", lambda d: -ν * d["palinstrophy"]) < 1e-8


def vortex_balances(record, weights, ν):
    return [
        balance(record, weights, "kinetic_energy", lambda d: -2 * ν * d["enstrophy"]),
        balance(
            record, weights, "enstrophy", lambda d: -ν * d["palinstrophy"] - d.get("enstrophy_loss", 0.0)
        ),
        balance(
            record,
            weights,
            "palinstrophy",
            lambda d: d["palinstrophy_production"] - d["palinstrophy_dissipation"],
        ),
    ]


def turbulence(size, ν, T, nodes, **options):
    grid = torus(size)
    run = PseudoSpectral(**options).prepare(NavierStokes(ν), grid, random_vorticity(grid))
    times, weights = clenshaw_curtis(nodes, T)
    return [run.diagnostics() for _ in evolve(run, times)], weights


def test_balances_of_decaying_turbulence():
    record, weights = turbulence(128, 4e-3, 2.0, 16)
    assert record[-1]["palinstrophy"] > 1.2 * record[0]["palinstrophy"] * np.exp(-1)  # it is not plain decay
    assert max(vortex_balances(record, weights, 4e-3)) < 1e-8


@pytest.mark.slow
def test_balances_of_decaying_turbulence_on_a_fine_grid():
    record, weights = turbulence(512, 4e-4, 4.0, 40)
    assert record[-1]["enstrophy"] < 0.9 * record[0]["enstrophy"]
    assert max(vortex_balances(record, weights, 4e-4)) < 1e-8


def test_hyperviscosity_reports_the_enstrophy_it_takes():
    """Euler's equation: what is lost is the reported loss, taken at wavenumbers above half the largest, 31.

    There the energy is the enstrophy over k², at most a small share.
    """
    record, weights = turbulence(96, 0.0, 3.0, 24, hyperviscosity=30.0, tail=0.1)
    loss = balance(record, weights, "enstrophy", lambda d: -d["enstrophy_loss"])
    lost = 1 - record[-1]["enstrophy"] / record[0]["enstrophy"]
    assert 1e-4 < lost < 0.2
    assert loss * lost < 1e-6
    energy = 1 - record[-1]["kinetic_energy"] / record[0]["kinetic_energy"]
    assert 0 < energy < lost * record[0]["enstrophy"] / record[0]["kinetic_energy"] / (31 / 2) ** 2


def test_euler_conserves_energy_and_enstrophy_while_resolved():
    grid = torus(96)
    run = end(grid, random_vorticity(grid, 3), 0.0, 1.0)
    first = PseudoSpectral().prepare(NavierStokes(0.0), grid, random_vorticity(grid, 3)).diagnostics()
    last = run.diagnostics()
    for quantity in ("kinetic_energy", "enstrophy"):
        assert last[quantity] == pytest.approx(first[quantity], rel=1e-9)
    assert last["palinstrophy"] > 1.1 * first["palinstrophy"]


@pytest.mark.parametrize("scheme", ["lawson_rk4", "etdrk4"])
def test_fourth_order_in_time(scheme):
    grid = torus(64)
    ω, ν, T = random_vorticity(grid, 4), 0.01, 1.0
    best = end(grid, ω, ν, T, tolerance=1e-13).observe()["density"]
    errors = [
        np.abs(end(grid, ω, ν, T, T / n, scheme=scheme).observe()["density"] - best).max()
        for n in (20, 40, 80)
    ]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(orders - 4).max() < 0.3
    assert errors[-1] < 1e-6


def test_spectral_in_space():
    """The error falls faster than any power of the cells: each 1.5-fold refinement gains more digits."""
    T, ν, errors = 0.5, 0.05, []
    for size in (32, 48, 72):
        coarse, fine = (
            end(grid, random_vorticity(grid, 3), ν, T, tolerance=1e-11, tail=1.0).observe()["density"]
            for grid in (torus(size), torus(3 * size))
        )
        errors.append(np.abs(coarse - fine[1::3, 1::3]).max())  # every third cell has the same centre
    powers = -np.diff(np.log(errors)) / np.log(1.5)
    assert powers[0] > 5
    assert powers[1] > powers[0] + 3
    assert errors[-1] < 1e-8


def test_circulations_add_up_to_the_vorticity(reference):
    """Σ m ρ_m of signed and unequal circulations solves the vorticity equation, to round-off."""
    grid, ν = torus(64), 0.01
    ω = random_vorticity(grid, 4)
    area, top = (2 * np.pi) ** 2, np.abs(ω).max()
    densities = np.stack([(1 + s * ω / top) / (2 * area) for s in (1, -1)])
    signed = NavierStokes(ν, (top * area, -top * area))
    several = PseudoSpectral().prepare(signed, grid, densities, 0.02)
    one = PseudoSpectral().prepare(NavierStokes(ν), grid, ω, 0.02)
    list(evolve(several, [1.0])), list(evolve(one, [1.0]))
    vorticity = one.observe()["vorticity"]
    assert np.abs(vorticity - ω).max() > 0.5 * top
    assert np.abs(several.observe()["vorticity"] - vorticity).max() < 1e-12 * top
    assert several.observe()["density"].shape == (2, 64, 64)
    parts = several.diagnostics()
    assert parts["mass"] == pytest.approx(1.0, abs=1e-13)
    assert parts["enstrophy"] == pytest.approx(one.diagnostics()["enstrophy"], rel=1e-12)


def test_a_strip_against_a_long_torus():
    """Periodic in x, open in y: without mean circulation the same as a torus so long that images are e⁻³⁰."""
    ν, T, h = 0.1, 1.0, 2 * np.pi / 72

    def data(grid):
        x, y = np.moveaxis(grid.points, -1, 0)
        return (np.cos(x) + np.sin(2 * x + 1)) * np.exp(-(y**2))

    x = Axis("x", 0.0, 2 * np.pi, 72)
    strip = Grid((x, Axis("y", -150 * h, 150 * h, 300, "open")))
    long = Grid((x, Axis("y", -216 * h, 216 * h, 432)))
    mine, theirs = (end(grid, data(grid), ν, T, tolerance=1e-11) for grid in (strip, long))
    inside = slice(216 - 150, 216 + 150)
    for name in ("density", "mean_field_x", "mean_field_y"):
        a, b = mine.observe()[name], theirs.observe()[name][:, inside]
        assert np.abs(a - b).max() < 1e-10 * np.abs(b).max()
    decay = data(strip) * np.exp(-2 * ν * T)
    assert np.abs(mine.observe()["density"] - decay).max() > 0.1  # the flow matters


def test_a_peer_agrees_on_the_double_shear_layer(reference):
    case = reference["B.double_shear_layer"]
    parameters, points = case["params"], case["value"]
    grid = torus(180)
    x, y = np.moveaxis(grid.points, -1, 0)
    ω = shear_layer(x, y, parameters["steepness"], parameters["perturbation"])
    run = end(grid, ω, parameters["viscosity"], parameters["time"])
    values = run.diagnostics()
    for quantity in ("kinetic_energy", "enstrophy", "palinstrophy"):
        assert values[quantity] == pytest.approx(points[quantity], rel=1e-8)


def shear_layer(x, y, steepness, perturbation):
    """−ρ sech²(ρ(y − π/2)) + ρ sech²(ρ(y − 3π/2)) made periodic, and δ cos x."""
    sheets = [
        np.cosh(steepness * (y - 1.5 * np.pi - 2 * np.pi * m)) ** -2.0
        - np.cosh(steepness * (y - 0.5 * np.pi - 2 * np.pi * m)) ** -2.0
        for m in (-1, 0, 1)
    ]
    return perturbation * np.cos(x) + steepness * sum(sheets)

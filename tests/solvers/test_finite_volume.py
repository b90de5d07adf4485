"""The finite-volume solver: its invariants at every step, its orders, exact equilibria, and restarts."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.equations import KellerSegel, Kuramoto, LogGas, McKeanVlasov, NavierStokes
from mfpde_solvers.evolve import BlowUp, ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import BiotSavart, Coulomb, Custom, Harmonic, PowerLaw, Riesz
from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume

NAMES = ("x", "y", "z")
both_schemes = pytest.mark.parametrize("scheme", ["implicit", "explicit"])


def box(half, *sizes, boundary="open"):
    """A cube with edges of length 2·half."""
    boundaries = [boundary] * len(sizes) if isinstance(boundary, str) else boundary
    return Grid(
        tuple(Axis(name, -half, half, n, b) for name, n, b in zip(NAMES, sizes, boundaries, strict=False))
    )


def gaussian(x, mean=0.0, variance=1.0):
    d = x.shape[-1]
    return np.exp(-((x - mean) ** 2).sum(axis=-1) / (2 * variance)) / (2 * np.pi * variance) ** (d / 2)


def end(solver, equation, grid, density, time, dt=None):
    run = solver.prepare(equation, grid, density, dt)
    list(evolve(run, [time]))
    return run.observe()["density"]


def orders(errors, sizes):
    return -np.diff(np.log(errors)) / np.diff(np.log(sizes))


def without_gradient(z):
    """A field on the plane that is not a gradient."""
    return np.stack([-z[..., 1], z[..., 0]], axis=-1)


def repulsive_and_attractive(strength):
    """V = s(e^{−z²} − ½ e^{−z²/4}): neither its values nor its transform has one sign."""

    def force(z):
        return strength * (2 * z * np.exp(-(z**2)) - z / 4 * np.exp(-(z**2) / 4))

    def potential(z):
        return strength * (np.exp(-(z**2)) - np.exp(-(z**2) / 4) / 2)[..., 0]

    return Custom(force, 1, potential)


KERNELS = {
    "coulomb line": lambda c: (Coulomb(1, c), (64,)),
    "two signs": lambda c: (repulsive_and_attractive(8 * c), (64,)),
    "log line": lambda c: (LogGas(1, c, 1.0).kernel, (64,)),
    "coulomb plane": lambda c: (Coulomb(2, c), (24, 20)),
    "riesz plane": lambda c: (Riesz(2, 0.5, c), (20, 24)),
    "power plane": lambda c: (PowerLaw(2, 0.5, c, 0.1), (20, 20)),
    "coulomb space": lambda c: (Coulomb(3, c), (10, 12, 9)),
}


def advances(run, limit):
    """Take a step, unless the density blows up."""
    try:
        run.step(limit)
    except (BlowUp, ResolutionLost):
        return False
    return True


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(
    name=st.sampled_from(sorted(KERNELS)),
    strength=st.floats(-6.0, 6.0),
    diffusion=st.sampled_from([0.0, 1e-3, 0.05, 1.0]),
    boundary=st.sampled_from(["open", "periodic"]),
    scheme=st.sampled_from(["implicit", "explicit"]),
    limiter=st.sampled_from(["monotonized_central", "minmod", "none"]),
    dt=st.sampled_from([None, 0.01, 0.3, 4.0]),
    seed=st.integers(0, 100),
)
def test_positive_conservative_dissipative(name, strength, diffusion, boundary, scheme, limiter, dt, seed):
    """At every step ρ ≥ 0, the mass to 1e-12, a free energy that does not increase; with jumps too."""
    kernel, sizes = KERNELS[name](strength)
    grid = box(3.0, *sizes, boundary=boundary)
    rng = np.random.default_rng(seed)
    density = rng.random(grid.shape) ** 3 * (rng.random(grid.shape) > 0.4) + 0.1 * gaussian(grid.points)
    density /= grid.integrate(density)
    run = FiniteVolume(scheme, limiter).prepare(McKeanVlasov(kernel, diffusion), grid, density, dt)
    energy = run.diagnostics()["free_energy"]
    for limit in range(1, 9):
        if not advances(run, 5.0 * limit):
            assert strength < 0  # attraction without diffusion, or against little
            break
        now = run.diagnostics()
        assert now["minimum"] >= 0
        assert abs(now["mass"] - 1) < 1e-12
        scale = abs(now["potential_energy"]) + diffusion * abs(now["entropy"]) + abs(energy)
        assert now["free_energy"] <= energy + 1e-12 * scale
        energy = now["free_energy"]


@both_schemes
@pytest.mark.parametrize(
    ("equation", "grid"),
    [
        (McKeanVlasov(BiotSavart(), 0.01), box(3.0, 20, 20, boundary="periodic")),
        (McKeanVlasov(BiotSavart(), 0.0), box(3.0, 20, 20)),
        (McKeanVlasov(Coulomb(2, 1.0), 0.1), box(3.0, 20, 16, boundary=("periodic", "open"))),
        (McKeanVlasov(Coulomb(2, 1.0), 0.1, without_gradient), box(3.0, 20, 20)),
        (McKeanVlasov(Coulomb(1, 1.0), 0.1, circulations=(1.0, -2.0)), box(3.0, 40)),
    ],
)
def test_positive_and_conservative_without_an_energy(scheme, equation, grid):
    rng = np.random.default_rng(1)
    M = len(equation.circulations)
    density = rng.random((M, *grid.shape) if M > 1 else grid.shape) ** 3
    density /= density.sum() * grid.cell_volume
    masses = grid.integrate(density)
    run = FiniteVolume(scheme).prepare(equation, grid, density)
    for _ in range(20):
        run.step(5.0)
        ρ = run.observe()["density"]
        assert ρ.min() >= 0
        np.testing.assert_allclose(grid.integrate(ρ), masses, rtol=1e-12)


def quartic(x):
    """S = −∇U with U = |x|⁴/8 + x²y/5 − y/3."""
    r2 = (x**2).sum(axis=-1, keepdims=True)
    return -(x * r2 / 2 + np.stack([2 * x[..., 0] * x[..., 1] / 5, x[..., 0] ** 2 / 5 - 1 / 3], axis=-1))


@both_schemes
@pytest.mark.parametrize("diffusion", [1.0, 0.1])
def test_boltzmann_states_do_not_change(scheme, diffusion):
    grid = box(2.5, 40, 36)
    x, y = np.moveaxis(grid.points, -1, 0)
    U = (x**2 + y**2) ** 2 / 8 + x**2 * y / 5 - y / 3
    density = np.exp(-(U - U.min()) / diffusion)
    density /= grid.integrate(density)
    equation = McKeanVlasov(Coulomb(2, 0.0), diffusion, quartic)
    ρ = end(FiniteVolume(scheme), equation, grid, density, 0.5, 0.02)
    assert np.abs(ρ - density).max() < 1e-12 * density.max()


def test_synchronised_state_of_kuramoto(reference):
    """The exact stationary density stays within O(h²), and so does its order parameter."""
    r = reference["C.kuramoto.r(kappa=3.0,sigma=1.0)"]["value"]
    errors = []
    for n in (64, 128):
        grid = Grid((Axis("x", 0.0, 2 * np.pi, n),))
        x = grid.points[:, 0]
        density = np.exp(3 * r * np.cos(x - 1))
        density /= grid.integrate(density)
        ρ = end(FiniteVolume(), Kuramoto(3.0, 1.0), grid, density, 10.0)
        errors.append(abs(abs(grid.integrate(ρ * np.exp(1j * x))) - r))
    assert errors[0] < 1e-10  # differences of this potential, V ∗ ρ ~ cos, are exact at the cell centres


def test_translations_and_reflections():
    """On a torus shifts by whole cells, reflections and the exchange of axes commute with the solver."""
    grid = box(np.pi, 24, 24, boundary="periodic")
    rng = np.random.default_rng(5)
    density = rng.random(grid.shape)
    density /= grid.integrate(density)
    equation, solver = KellerSegel(20.0), FiniteVolume("explicit")

    def flow(ρ):
        return end(solver, equation, grid, np.ascontiguousarray(ρ), 0.1, 1e-3)

    ρ = flow(density)
    for transform in (lambda f: np.roll(f, (5, -3), (0, 1)), lambda f: f[::-1], lambda f: f.T):
        np.testing.assert_allclose(flow(transform(density)), transform(ρ), rtol=1e-11)


def test_circulations_share_one_velocity():
    """Two halves of one density stay halves of it, and move as one density of the mean circulation."""
    grid = box(5.0, 32, 32)
    density = gaussian(grid.points, np.array([1.0, 0.0]), 0.5)
    two = McKeanVlasov(BiotSavart(), 0.05, circulations=(3.0, 1.0))
    ρ = end(FiniteVolume(), two, grid, np.stack([density, density]) / 2, 0.3, 0.02)
    one = McKeanVlasov(BiotSavart(), 0.05, circulations=(2.0,))
    np.testing.assert_allclose(2 * ρ[0], end(FiniteVolume(), one, grid, density, 0.3, 0.02), rtol=1e-12)
    np.testing.assert_array_equal(ρ[0], ρ[1])


@pytest.mark.parametrize("dim", [1, 3])
def test_other_dimensions(dim):
    """The harmonic kernel's Gaussian, on the line and in space."""
    a, σ, T = 1.0, 0.4, 0.5
    grid = box(5.0, *[24 if dim == 3 else 80] * dim)
    density = gaussian(grid.points, 0.2)
    ρ = end(FiniteVolume(tolerance=1e-5), McKeanVlasov(Harmonic(dim, a), σ), grid, density, T)
    v = np.exp(-2 * a * T) + σ / a * (1 - np.exp(-2 * a * T))
    exact = gaussian(grid.points, 0.2, v)
    assert np.abs(ρ - exact).max() < (0.06 if dim == 3 else 3e-3) * exact.max()


@both_schemes
@pytest.mark.parametrize("dt", [None, 0.02])
def test_restored_runs_continue_bit_for_bit(scheme, dt):
    grid = box(6.0, 24, 24)
    density = gaussian(grid.points)

    def fresh():
        return FiniteVolume(scheme).prepare(KellerSegel(10 * np.pi), grid, density, dt)

    whole, first, second = fresh(), fresh(), fresh()
    list(evolve(whole, [0.05, 0.1]))
    list(evolve(first, [0.05]))
    second.restore(pickle.loads(pickle.dumps(first.state())))
    list(evolve(second, [0.1]))
    ours, theirs = whole.state(), second.state()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name])
    for name, value in whole.observe().items():
        np.testing.assert_array_equal(value, second.observe()[name])
    assert whole.diagnostics() == second.diagnostics()


def test_observations():
    grid = box(6.0, 32, 32)
    density = gaussian(grid.points)
    run = FiniteVolume().prepare(KellerSegel(2.0), grid, density)
    assert run.memory > 5 * density.nbytes
    assert run.observe().keys() == {"density", "mean_field_x", "mean_field_y", "potential"}
    vortices = NavierStokes(0.1, (1.0, -0.5))
    run = FiniteVolume().prepare(vortices, grid, np.stack([density, density / 2]))
    fields = run.observe()
    assert fields.keys() == {"density", "mean_field_x", "mean_field_y", "vorticity"}
    assert fields["density"].shape == (2, 32, 32)
    np.testing.assert_allclose(fields["vorticity"], 0.75 * density)


def test_virial_law_of_the_scheme():
    """The departure from M₂′ = 2dσ − λ falls fourfold with the cells."""
    departures = []
    for n in (32, 64):
        grid = box(7.0, n, n)
        run = FiniteVolume().prepare(KellerSegel(4 * np.pi), grid, gaussian(grid.points))
        list(evolve(run, [0.3]))
        departures.append(abs(run.diagnostics()["virial_departure"]))
    assert orders(departures, (32, 64))[0] > 1.8
    assert departures[1] < 5e-3


def test_fixed_steps_that_empty_a_cell_are_halved_and_counted():
    grid = box(4.0, 32, 32)
    run = FiniteVolume("explicit").prepare(KellerSegel(1.0), grid, gaussian(grid.points), 0.5)
    run.step(1.0)
    assert run.diagnostics()["rejected_steps"] == round(np.log2(0.5 / run.time))
    assert run.time < grid.spacing[0] ** 2 / 4


def test_rejections_end(monkeypatch):
    grid = box(4.0, 16, 16)
    for dt in (None, 0.1):
        run = FiniteVolume().prepare(KellerSegel(1.0), grid, gaussian(grid.points), dt)
        monkeypatch.setattr(run, "_attempt", lambda h: None)
        with pytest.raises(ResolutionLost, match="rejected"):
            run.step(1.0)


def test_refusals():
    grid = box(4.0, 8, 8)
    density = gaussian(grid.points)
    for wrong in ({"scheme": "euler"}, {"limiter": "superbee"}, {"tolerance": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FiniteVolume(**wrong)
    for bad in (-density, density * np.nan, 0 * density):
        with pytest.raises(ValueError, match="density must be finite"):
            FiniteVolume().prepare(KellerSegel(1.0), grid, bad)
    with pytest.raises(ValueError, match="circulations"):
        FiniteVolume().prepare(KellerSegel(1.0), grid, density[:4])
    with pytest.raises(ValueError, match="dimension"):
        FiniteVolume().prepare(LogGas(1, 1.0, 1.0), grid, density)
    with pytest.raises(ValueError, match="drift"):
        FiniteVolume().prepare(
            McKeanVlasov(Coulomb(2, 1.0), 1.0, lambda x: np.full_like(x, np.inf)), grid, density
        )
    assert repr(FiniteVolume()) == (
        "FiniteVolume(scheme='implicit', limiter='monotonized_central', tolerance=1e-06)"
    )
    assert FiniteVolume().default_step(KellerSegel(1.0), grid, density) is None

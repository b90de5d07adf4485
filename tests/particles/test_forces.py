"""Pair sums: sorted against direct against NumPy, and against the field of the density they come from."""

import warnings

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde import laws
from mfpde.particles.forces import DirectForces, SortedForces, forces_for
from mfpde.particles.moments import HarmonicForces, KuramotoForces
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Custom, Harmonic, Kuramoto

L = 3.0
TORUS = Grid((Axis("x", -1.0, -1.0 + L, 64),))
LINE = Grid((Axis("x", -6.0, 6.0, 64, "open"),))
both_domains = pytest.mark.parametrize("grid", [TORUS, LINE], ids=["torus", "line"])


def space(dim):
    return Grid(tuple(Axis(name, -4.0, 4.0, 8, "open") for name in "xyz"[:dim]))


def brute_force(domain, x, weight):
    """The double sum, and the energy over i ≠ j, from the definitions."""
    z = x[:, None, :] - x[None, :, :]
    force = weight * domain(z).sum(axis=1)
    potential = domain.potential(z + np.eye(len(x))[..., None])  # the diagonal is not used
    return force, weight / 2 * (potential.sum() - np.trace(potential))


def points(grid, seed, size):
    axis = grid.axes[0]
    low, width = (axis.lower, axis.length) if axis.periodic else (-2.0, 4.0)
    return low + width * np.random.default_rng(seed).random((size, 1))


@both_domains
@pytest.mark.parametrize("size", [2, 3, 64, 5000])
@pytest.mark.parametrize("scaling", [0, 1])
def test_sorted_equals_direct(grid, size, scaling):
    """To round-off, with weights 1/N and 1/(N − 1)."""
    kernel, weight = Coulomb(1, 1.3).on(grid), 1 / (size - scaling)
    x = points(grid, size, size)
    fast, slow = SortedForces(kernel), DirectForces(kernel)
    assert np.abs(fast(x, weight) - slow(x, weight)).max() < 1e-13 * size**0.5
    if size <= 1000:
        assert fast.energy(x, weight) == pytest.approx(slow.energy(x, weight), rel=1e-11, abs=1e-12)
        force, energy = brute_force(kernel, x, weight)
        assert np.abs(fast(x, weight) - force).max() < 1e-13 * size**0.5
        assert fast.energy(x, weight) == pytest.approx(energy, rel=1e-11, abs=1e-12)


UNIT = {grid: Coulomb(1, 1.3).on(grid) for grid in (TORUS, LINE)}
SORTED = {grid: SortedForces(kernel) for grid, kernel in UNIT.items()}
DIRECT = {grid: DirectForces(kernel) for grid, kernel in UNIT.items()}


def lattice(grid, places):
    return grid.axes[0].wrap(np.array(places)[:, None] * (L / 8) - 1.0)


@both_domains
@given(places=st.lists(st.integers(0, 7), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_ties_and_opposite_points(grid, places):
    """On a lattice: coincident points do not act on each other, nor do antipodal ones, as K(±L/2) = 0."""
    x = lattice(grid, places)
    fast = SORTED[grid](x, 1.0)
    assert np.allclose(fast, DIRECT[grid](x, 1.0), rtol=0, atol=1e-11)
    assert abs(fast.sum()) < 1e-11
    _, energy = brute_force(UNIT[grid], x, 1.0)
    assert SORTED[grid].energy(x, 1.0) == pytest.approx(energy, abs=1e-10)


def test_energy_of_coincident_particles():
    """Σ_{i≠j} V counts V(0) = cL/6 for a pair in one place of the circle."""
    x = lattice(TORUS, [3, 3, 5])
    assert DIRECT[TORUS].energy(x, 1.0) == pytest.approx(SORTED[TORUS].energy(x, 1.0), abs=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("cutoff", [0.0, 0.5])
def test_coulomb_in_two_and_three_dimensions(dim, cutoff):
    kernel = Coulomb(dim, -0.7, cutoff).on(space(dim))
    x = np.random.default_rng(dim).normal(size=(150, dim))
    forces = forces_for(kernel)
    expected, energy = brute_force(kernel, x, 1 / 150)
    assert isinstance(forces, DirectForces)
    np.testing.assert_allclose(forces(x, 1 / 150), expected, rtol=1e-10, atol=1e-12)
    assert forces.energy(x, 1 / 150) == pytest.approx(energy, rel=1e-11)
    assert np.abs(expected.sum(axis=0)).max() < 1e-11  # action and reaction


@pytest.mark.parametrize(
    ("kernel", "grid"),
    [
        (Harmonic(1, 0.8), LINE),
        (Coulomb(1, 1.1, 0.3), LINE),
        (Coulomb(1, 1.1, 0.3), TORUS),
        (Kuramoto(1.4), Grid((Axis("x", 0.0, 2 * np.pi, 8),))),
        (Harmonic(2, 0.8), space(2)),
    ],
)
def test_direct_sums_of_other_kernels(kernel, grid):
    domain = kernel.on(grid)
    x = np.random.default_rng(1).uniform(-1.0, 2.0, (90, kernel.dim))
    force, energy = brute_force(domain, x, 0.1)
    forces = DirectForces(domain)
    np.testing.assert_allclose(forces(x, 0.1), force, rtol=0, atol=1e-12)
    assert forces.energy(x, 0.1) == pytest.approx(energy, rel=1e-11)


MOMENTS = {
    KuramotoForces: [(Kuramoto(1.4), Grid((Axis("x", -1.0, -1.0 + 2 * np.pi, 8),)))],
    HarmonicForces: [(Harmonic(dim, 0.8), space(dim)) for dim in (1, 2, 3)],
}


@pytest.mark.parametrize(
    ("method", "kernel", "grid"), [(method, *case) for method, cases in MOMENTS.items() for case in cases]
)
@pytest.mark.parametrize("masses", [None, (1.0, -2.5, 0.5)])
def test_sums_by_moments_are_exact(method, kernel, grid, masses):
    """Far from the origin too, with circulations of both signs, and for every choice of the method."""
    domain, N = kernel.on(grid), 300
    rng = np.random.default_rng(2)
    x = rng.uniform(-1.0, 5.0, (N, kernel.dim)) + (0.0 if kernel.dim == 1 else 1e4)
    circulation = None if masses is None else rng.choice(masses, N)
    fast, direct = forces_for(domain), DirectForces(domain)
    assert isinstance(fast, method)
    assert isinstance(forces_for(domain, "fast"), method)
    scale = np.abs(direct(x, 1.0, circulation)).max()
    error = fast(x, 1.0, circulation) - direct(x, 1.0, circulation)
    assert np.abs(error).max() < 1e-12 * scale
    expected = direct.energy(x, 1.0, circulation)
    assert fast.energy(x, 1.0, circulation) == pytest.approx(expected, rel=1e-10)


def test_equal_circulations_are_a_weight():
    """Loops of equal and of different circulations agree; the first have no multiplication."""
    forces = DirectForces(Coulomb(2, 1.0, 0.1).on(space(2)))
    x = np.random.default_rng(4).normal(size=(200, 2))
    equal, nearly = np.full(200, -1.7), np.full(200, -1.7)
    nearly[0] = np.nextafter(-1.7, 0)
    np.testing.assert_allclose(forces(x, 0.3, equal), forces(x, -0.51), rtol=1e-13)
    np.testing.assert_allclose(forces(x, 0.3, equal), forces(x, 0.3, nearly), rtol=1e-11, atol=1e-12)


def bump(z):
    return np.sign(z) * np.exp(-(z**2))


@numba.njit
def compiled_bump(z):
    return np.sign(z) * np.exp(-(z**2))


@numba.njit
def compiled_vortex(x, y):
    return -y / (1 + x * x + y * y), x / (1 + x * x + y * y)


@both_domains
def test_custom_kernels_compiled_and_plain(grid):
    x = points(grid, 3, 200)
    x[7] = x[9]
    plain, fast = (forces_for(Custom(f, 1).on(grid))(x, 0.1) for f in (bump, compiled_bump))
    assert np.abs(plain - fast).max() < 1e-12
    z = x - x.T
    if grid is LINE:
        assert np.abs(fast[:, 0] - 0.1 * bump(z).sum(axis=1)).max() < 1e-12


def test_a_compiled_custom_kernel_in_the_plane():
    x = np.random.default_rng(5).normal(size=(80, 2))
    z = x[:, None] - x[None]
    vortex = np.stack([-z[..., 1], z[..., 0]], axis=-1) / (1 + (z**2).sum(-1, keepdims=True))
    forces = forces_for(Custom(compiled_vortex, 2).on(space(2)))(x, 0.5)
    np.testing.assert_allclose(forces, 0.5 * vortex.sum(axis=1), rtol=0, atol=1e-12)


def test_a_plain_kernel_on_many_particles_gives_notice():
    forces = forces_for(Custom(bump, 1).on(LINE))
    with pytest.warns(UserWarning, match=r"compile it with\s+numba\.njit|compile it with numba"):
        forces(points(LINE, 0, 1024), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forces(points(LINE, 0, 1000), 1.0)


CASES = {
    "coulomb-torus": (Coulomb(1, 1.5), TORUS, laws.Perturbed(2 * np.pi / L, 0.6)),
    "cutoff-torus": (Coulomb(1, -0.9, 0.4), TORUS, laws.Perturbed(2 * np.pi / L, 0.6)),
    "custom-torus": (Custom(compiled_bump, 1), TORUS, laws.Perturbed(2 * np.pi / L, 0.6)),
    "coulomb-line": (Coulomb(1, 1.5), LINE, laws.Maxwellian(0.3, 0.8)),
    "cutoff-line": (Coulomb(1, 1.5, 0.4), LINE, laws.Maxwellian(0.3, 0.8)),
    "harmonic-line": (Harmonic(1, 0.7), LINE, laws.Maxwellian(0.3, 0.8)),
    "custom-line": (Custom(compiled_bump, 1), LINE, laws.Maxwellian(0.3, 0.8)),
}


def field_scores(kernel, grid, law, factor=1.0):
    """z-scores of N⁻¹ Σ K(x − Xⱼ) minus (K ∗ ρ)(x) at the points of the grid, X i.i.d. with density ρ.

    With ``factor`` the particles feel a kernel that is wrong by that factor.
    """
    domain, N = kernel.on(grid), 40_000
    sample = law.rvs(N, np.random.default_rng(7))
    x = grid.points
    chosen = slice(None, None, 8) if grid is TORUS else np.abs(x[:, 0] - 0.3) < 1.6  # the sample is there
    x, field = x[chosen], Convolution(domain, grid).field(laws.on_grid(law, grid))[0][chosen]
    values = factor * np.stack([domain(x[i] - sample)[:, 0] for i in range(len(x))])
    # 1e-9 for the field itself, where every particle exerts nearly the same force
    return (values.mean(axis=1) - field) / (values.std(axis=1) / np.sqrt(N) + 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_the_field_of_a_density_is_the_mean_force_of_its_samples(name):
    assert np.abs(field_scores(*CASES[name])).max() < 4.5


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_the_comparison_notices_a_wrong_kernel(name, factor):
    assert np.abs(field_scores(*CASES[name], factor)).max() > 20


@pytest.mark.parametrize(
    ("kernel", "method", "message"),
    [
        (Coulomb(1), "quick", "'auto', 'direct', 'single', 'sorted', 'fast'"),
        (Coulomb(1, 1.0, 0.1), "sorted", "use forces='direct'"),
        (Harmonic(1, 1.0), "sorted", "use forces='direct'"),
    ],
)
def test_methods_that_do_not_apply_are_refused(kernel, method, message):
    with pytest.raises(ValueError, match=message):
        forces_for(kernel.on(LINE), method)

"""Fields: closed forms on the torus and in free space, and their spectral convergence."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Custom, Harmonic, Kuramoto

L = 3.7
CIRCLE = Grid((Axis("x", -1.2, -1.2 + L, 48),))
KURAMOTO_CIRCLE = Grid((Axis("x", 1.0, 1.0 + 2 * np.pi, 32),))


def close(actual, expected, atol):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def odd_bump(z):
    return np.sign(z) * np.exp(-(z**2))


@numba.njit
def compiled_bump(z):
    return np.sign(z) * np.exp(-(z**2))


def gaussian(r2, s, dim):
    return np.exp(-r2 / (2 * s**2)) / (2 * np.pi * s**2) ** (dim / 2)


def line(size, half=8.0, centre=0.0):
    return Grid((Axis("x", centre - half, centre + half, size, "open"),))


@pytest.mark.parametrize("cutoff", [0.0, 0.5])
@pytest.mark.parametrize("strength", [1.5, -0.4])
def test_coulomb_modes_on_the_circle(strength, cutoff):
    """∂E = 2c(ρ − 1/L) ⋆ uniform law on [−ε, ε], whose characteristic function is sin kε/kε; E = −∂V."""
    fields = Convolution(Coulomb(1, strength, cutoff).on(CIRCLE), CIRCLE)
    x = CIRCLE.coordinates[0]
    for mode in (1, 2, 7, 23):
        k = 2 * np.pi * mode / L
        smoothing = np.sinc(k * cutoff / np.pi)
        ρ = (1 + 0.3 * np.cos(k * x)) / L
        E, V = fields.field(ρ), fields.potential(ρ)
        size = 2 * strength * 0.3 * smoothing / L
        close(E[0], size * np.sin(k * x) / k, atol=1e-14)
        close(V, size * np.cos(k * x) / k**2, atol=1e-14)


@pytest.mark.parametrize("mode", [1, 2])
def test_kuramoto_feels_the_first_mode_only(mode):
    κ, a = 1.3, 0.6
    x = KURAMOTO_CIRCLE.coordinates[0]
    fields = Convolution(Kuramoto(κ).on(KURAMOTO_CIRCLE), KURAMOTO_CIRCLE)
    ρ = (1 + a * np.cos(mode * x)) / (2 * np.pi)
    expected = -κ * a / 2 * (mode == 1)
    close(fields.field(ρ)[0], expected * np.sin(x), atol=1e-14)
    close(fields.potential(ρ), expected * np.cos(x), atol=1e-14)


@pytest.mark.parametrize(
    "kernel", [Coulomb(1, 1.5), Coulomb(1, 1.5, 0.4), Custom(odd_bump, 1), Custom(compiled_bump, 1)]
)
def test_circle_field_is_the_integral_of_the_pair_function(kernel):
    """∫ K(x − y) ρ(y) dy over the circle by Gauss–Legendre between the breaks of the kernel."""
    domain = kernel.on(CIRCLE)

    def ρ(y):
        return np.exp(np.sin(2 * np.pi * y / L)) / L

    x = CIRCLE.coordinates[0]
    ε = getattr(kernel, "cutoff", 0.0)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    expected = np.zeros_like(x)
    for a, b in ((0.0, ε), (ε, L / 2)):
        z, w = (a + b) / 2 + (b - a) / 2 * nodes, (b - a) / 2 * weights
        for side in (z, -z):
            expected += ρ(x[:, None] - side) @ (w * domain(side[:, None])[:, 0])
    close(Convolution(domain, CIRCLE).field(ρ(x))[0], expected, atol=1e-12)


def test_the_highest_mode_and_the_mean_make_no_field():
    fields = Convolution(Coulomb(1).on(CIRCLE), CIRCLE)
    alternating = (-1.0) ** np.arange(48)
    assert np.abs(fields.field(1 + alternating)).max() < 1e-14
    assert fields.field(np.ones(48)).mean() == pytest.approx(0.0, abs=1e-15)


@given(seed=st.integers(0, 2**16), shift=st.integers(-50, 50), factor=st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_circle_fields_are_linear_and_commute_with_translation_and_reflection(seed, shift, factor):
    fields = Convolution(Coulomb(1, 0.9, 0.2).on(CIRCLE), CIRCLE)
    ρ, other = np.random.default_rng(seed).random((2, 48))
    E = fields.field(ρ)
    assert np.allclose(fields.field(np.roll(ρ, shift)), np.roll(E, shift, axis=1), atol=1e-13)
    assert np.allclose(fields.field(ρ[::-1]), -E[:, ::-1], atol=1e-13)
    assert np.allclose(fields.field(ρ + factor * other), E + factor * fields.field(other), atol=1e-12)
    assert abs(np.sum(ρ * E)) < 1e-12  # an odd kernel moves no centre of mass


def ball_average(function, x, cutoff):
    """Mean of a smooth function over [x − ε, x + ε] by Gauss–Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    return function(x[:, None] + cutoff * nodes) @ weights / 2


@pytest.mark.parametrize("cutoff", [0.0, 0.7])
@pytest.mark.parametrize("centre", [0.0, 0.83])
def test_coulomb_on_the_line(centre, cutoff):
    """K ∗ N(m, s²) = c erf((x − m)/√2 s), averaged over the ball of the cut-off; likewise V ∗ ρ."""
    c, s, grid = 1.4, 0.9, line(64)

    def field(x):
        return c * erf((x - centre) / (np.sqrt(2) * s))

    def potential(x):
        w = (x - centre) / s
        return -c * s * (w * erf(w / np.sqrt(2)) + np.sqrt(2 / np.pi) * np.exp(-(w**2) / 2))

    x = grid.coordinates[0]
    fields = Convolution(Coulomb(1, c, cutoff).on(grid), grid)
    ρ = gaussian((x - centre) ** 2, s, 1)
    close(fields.field(ρ)[0], ball_average(field, x, cutoff), atol=2e-13)
    close(fields.potential(ρ), ball_average(potential, x, cutoff), atol=2e-12)


@pytest.mark.parametrize("cutoff", [0.0, 0.7])
def test_free_space_converges_faster_than_any_power(cutoff):
    """Refined by about 1.35 each time, the error of a Gaussian falls by ever larger factors."""
    errors = []
    for size in (12, 16, 22, 30):
        grid = line(size)
        x = grid.coordinates[0]
        E = Convolution(Coulomb(1, 1.0, cutoff).on(grid), grid).field(gaussian(x**2, 1.0, 1))[0]
        errors.append(np.abs(E - ball_average(lambda y: erf(y / np.sqrt(2)), x, cutoff)).max())
    falls = np.divide(errors[:-1], errors[1:])
    assert falls[0] < falls[1] < falls[2]
    assert errors[-1] < 1e-8
    assert errors[0] > 1e-4


def test_harmonic_field_points_to_the_centre_of_mass():
    """K ∗ ρ = −a(x − m), V ∗ ρ = a/2 ((x − m)² + s²) on every point of the box."""
    a, m, s, grid = 0.8, 0.4, 0.7, line(80)
    x = grid.coordinates[0]
    fields = Convolution(Harmonic(1, a).on(grid), grid)
    ρ = gaussian((x - m) ** 2, s, 1)
    close(fields.field(ρ)[0], -a * (x - m), atol=1e-12)
    close(fields.potential(ρ), a / 2 * ((x - m) ** 2 + s**2), atol=1e-11)


def test_harmonic_in_two_dimensions_on_an_uneven_box():
    grid = Grid((Axis("x", -7.0, 9.0, 48, "open"), Axis("y", -6.0, 6.0, 40, "open")))
    x, m = grid.points, np.array([0.5, -0.3])
    fields = Convolution(Harmonic(2, 0.8).on(grid), grid)
    ρ = gaussian(((x - m) ** 2).sum(-1), 0.8, 2)
    close(np.moveaxis(fields.field(ρ), 0, -1), -0.8 * (x - m), atol=1e-11)


@pytest.mark.parametrize("function", [odd_bump, compiled_bump])
def test_custom_kernel_on_the_line(function):
    """Against ∫₀^∞ e^{−z²}(ρ(x − z) − ρ(x + z)) dz by Gauss–Legendre."""
    grid = line(96)
    x = grid.coordinates[0]
    nodes, weights = np.polynomial.legendre.leggauss(80)
    z, w = 3.5 * (1 + nodes), 3.5 * weights * np.exp(-((3.5 * (1 + nodes)) ** 2))
    left, right = (gaussian((x[:, None] + side) ** 2, 0.9, 1) @ w for side in (-z, z))
    E = Convolution(Custom(function, 1).on(grid), grid).field(gaussian(x**2, 0.9, 1))[0]
    close(E, left - right, atol=1e-12)


def radial(case, dim, cutoff=0.0):
    """Field and potential of a Gaussian in the middle of the box, at a grid point at distance r along x."""
    r, s, half, size = case["params"]["r"], case["params"]["s"], 8.0, 64
    h = 2 * half / size
    axes = [Axis(name, -half + h / 2, half + h / 2, size, "open") for name in "xyz"[:dim]]
    steps = round(r / h)
    axes[0] = Axis("x", axes[0].lower - steps * h, axes[0].upper - steps * h, size, "open")
    grid = Grid(tuple(axes))
    origin = (size // 2 - 1 + steps, *(size // 2 - 1,) * (dim - 1))
    close(grid.points[origin], 0.0, 1e-13)
    offsets = grid.points - np.array([-r, 0.0, 0.0][:dim])
    ρ = gaussian((offsets**2).sum(-1), s, dim)
    fields = Convolution(Coulomb(dim, 1.0, cutoff).on(grid), grid)
    return fields.field(ρ)[(slice(None), *origin)], fields.potential(ρ)[origin]


@pytest.mark.parametrize("r", ["0.1", "1.0", "3.0"])
@pytest.mark.parametrize("dim", [2, 3])
def test_coulomb_field_of_a_gaussian_in_two_and_three_dimensions(reference, dim, r):
    case = reference[f"A.gauss{dim}d.E(r={r},s=1.0)"]
    E, V = radial(case, dim)
    close(E, [case["value"], 0.0, 0.0][:dim], atol=1e-11)
    close(V, reference[f"A.gauss{dim}d.phi(r={r},s=1.0)"]["value"], atol=1e-11)


@pytest.mark.parametrize("name", ["r=1.0,s=1.0,eps=0.5", "r=0.3,s=1.0,eps=1.0"])
def test_cut_off_coulomb_field_of_a_gaussian_in_space(reference, name):
    case = reference[f"A.lazarovici_pickl.F({name})"]
    E, _ = radial(case, 3, case["params"]["eps"])
    close(E, [case["value"], 0.0, 0.0], atol=1e-11)


def test_energy_of_a_gaussian_in_space(reference):
    grid = Grid(tuple(Axis(name, -7.0, 7.0, 40, "open") for name in "xyz"))
    ρ = gaussian((grid.points**2).sum(-1), 1.0, 3)
    V = Convolution(Coulomb(3).on(grid), grid).potential(ρ)
    energy = grid.integrate(ρ * V) / 2
    assert energy == pytest.approx(reference["A.gauss3d.selfenergy"]["value"], abs=1e-10)


@pytest.mark.parametrize("dim", [2, 3])
def test_gauss_law_on_an_uneven_box(dim):
    """K ∗ ρ of an off-centre Gaussian is the mass within r over r^{d−1}, by Gauss' law."""
    axes = (Axis("x", -5.0, 9.0, 56, "open"), Axis("y", -8.0, 6.0, 60, "open"), Axis("z", -7, 7, 50, "open"))
    grid = Grid(axes[:dim])
    centre = np.array([1.5, -1.0, 0.2][:dim])
    offsets = grid.points - centre
    r = np.sqrt((offsets**2).sum(-1))
    s = 0.9
    fields = Convolution(Coulomb(dim, 2.0).on(grid), grid)
    E = np.moveaxis(fields.field(gaussian(r**2, s, dim)), 0, -1)
    if dim == 2:
        flux = 1 - np.exp(-(r**2) / (2 * s**2))
    else:
        w = r / s
        flux = erf(w / np.sqrt(2)) - np.sqrt(2 / np.pi) * w * np.exp(-(w**2) / 2)
    close(E, 2 * (flux / r**dim)[..., None] * offsets, atol=1e-8)

"""Kernels: values, potentials and symbols on the whole space and on the circle are of one kernel."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import j0, j1

from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import (
    BiotSavart,
    Coulomb,
    Custom,
    Harmonic,
    KellerSegel,
    Kuramoto,
    LogGas,
    PowerLaw,
    Riesz,
    Stokeslet,
)
from mfpde_solvers.power_of_n import PowerOfN

L = 2.5
CIRCLE = Grid((Axis("x", 0.0, L, 8),))
LINE = Grid((Axis("x", -4.0, 4.0, 8, "open"),))
KURAMOTO_CIRCLE = Grid((Axis("x", 0.0, 2 * np.pi, 8),))


def open_space(dim):
    return Grid(tuple(Axis(name, -4.0, 4.0, 8, "open") for name in "xyz"[:dim]))


def odd_bump(z):
    return np.sign(z) * np.exp(-(z**2))


@numba.njit
def compiled_bump(z):
    return np.sign(z) * np.exp(-(z**2))


PERIODIC = [
    (Coulomb(1, 1.5), CIRCLE),
    (Coulomb(1, -0.7, cutoff=0.3), CIRCLE),
    (Kuramoto(1.3), KURAMOTO_CIRCLE),
    (Custom(odd_bump, 1), CIRCLE),
    (Custom(compiled_bump, 1), CIRCLE),
]
FREE = [
    (Coulomb(1, 1.5), LINE),
    (Coulomb(1, 1.5, cutoff=0.3), LINE),
    (Riesz(1, 0.4, -0.8), LINE),
    (PowerLaw(1, 1.6, 1.1, cutoff=0.3), LINE),
    (Harmonic(1, 0.8), LINE),
    (Custom(compiled_bump, 1), LINE),
    (LogGas(1, 0.9), LINE),
    (LogGas(1, 0.9, cutoff=0.3), LINE),
]


def label(case):
    return f"{type(case[0]).__name__}-{case[1].axes[0].boundary}"


@pytest.mark.parametrize(("kernel", "grid"), PERIODIC + FREE, ids=map(label, PERIODIC + FREE))
def test_compiled_pair_equals_value_and_vanishes_at_zero(kernel, grid):
    domain = kernel.on(grid)
    z = np.linspace(-2.4, 2.4, 41)  # contains 0
    if domain.pair is not None:
        assert np.allclose([domain.pair(one) for one in z], domain(z[:, None])[:, 0], rtol=1e-14, atol=1e-15)
        assert domain.pair(0.0) == 0.0
    assert domain(np.zeros((1, 1))) == 0


def quadrature(domain, breaks):
    """Gauss–Legendre points and weights between the breaks of a kernel on either side of the origin."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    edges = sorted({0.0, *breaks, domain.axes[0].length / 2})
    z = np.concatenate([(a + b) / 2 + (b - a) / 2 * nodes for a, b in itertools.pairwise(edges)])
    w = np.concatenate([(b - a) / 2 * weights for a, b in itertools.pairwise(edges)])
    return np.concatenate([z, -z])[:, None], np.concatenate([w, w])


@pytest.mark.parametrize(("kernel", "grid"), PERIODIC, ids=map(label, PERIODIC))
def test_symbol_holds_the_fourier_coefficients_of_the_pair_function(kernel, grid):
    domain = kernel.on(grid)
    z, w = quadrature(domain, [getattr(kernel, "cutoff", 0.0)])
    k = 2 * np.pi * np.arange(-60, 61) / grid.axes[0].length
    coefficients = (w * domain(z)[:, 0]) @ np.exp(-1j * k * z)
    assert np.abs(domain.symbol(k)[:, 0] - coefficients).max() < 1e-10
    assert np.all(domain.symbol(np.zeros(3)) == 0)


@pytest.mark.parametrize(("kernel", "grid"), PERIODIC[:3], ids=map(label, PERIODIC[:3]))
def test_pair_function_is_the_sum_of_the_fourier_series(kernel, grid):
    """Σ_k K̂(k) e^{ikz}/L to 1e-10; the jump at the origin is summed in closed form, its series by 1/k."""
    domain = kernel.on(grid)
    period = grid.axes[0].length
    k = 2 * np.pi * np.arange(1, 200001) / period
    jump = 2 * kernel.strength if isinstance(kernel, Coulomb) and kernel.cutoff == 0 else 0.0
    smooth = domain.symbol(k)[:, 0] + 1j * jump / k
    z = np.array([0.31, 0.77, 1.1])
    series = 2 * np.array([np.sum((smooth * np.exp(1j * k * one)).real) for one in z]) / period
    assert np.abs(series + jump * (0.5 - z / period) - [domain.pair(one) for one in z]).max() < 1e-10


@pytest.mark.parametrize(("kernel", "grid"), PERIODIC[:3], ids=map(label, PERIODIC[:3]))
def test_potential_has_zero_mean_and_minus_its_slope_is_the_force(kernel, grid):
    domain = kernel.on(grid)
    period = grid.axes[0].length
    nodes, weights = np.polynomial.legendre.leggauss(40)
    pieces = np.array([0.0, getattr(kernel, "cutoff", 0.0), period / 2])
    mean = 0.0
    for a, b in itertools.pairwise(pieces):
        z = (a + b) / 2 + (b - a) / 2 * nodes
        mean += (b - a) / 2 * np.sum(weights * (domain.potential(z[:, None]) + domain.potential(-z[:, None])))
    assert mean == pytest.approx(0.0, abs=1e-13)
    z, h = np.array([[0.11], [0.6], [-0.9], [period - 0.2]]), 1e-5
    slope = (domain.potential(z + h) - domain.potential(z - h)) / (2 * h)
    assert np.allclose(-slope, domain(z)[:, 0], atol=1e-8)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("cutoff", [0.0, 0.4])
def test_coulomb_in_every_dimension(dim, cutoff):
    """−∇V = K, ∇·K = 0 outside the cut-off and c|S^{d−1}|/|B_ε| inside: the field of a uniform ball."""
    kernel = Coulomb(dim, 1.7, cutoff)
    rng = np.random.default_rng(1)
    h = 1e-4
    steps = h * np.eye(dim)
    for radius, inside in ((1.0, False), (0.2, cutoff > 0)):
        direction = rng.normal(size=dim)
        z = radius * direction / np.linalg.norm(direction)
        gradient = [(kernel.potential(z + e) - kernel.potential(z - e)) / (2 * h) for e in steps]
        assert np.allclose(-np.array(gradient), kernel(z), rtol=1e-5)
        divergence = sum((kernel(z + e)[i] - kernel(z - e)[i]) / (2 * h) for i, e in enumerate(steps))
        uniform = 1.7 * dim / cutoff**dim if inside else 0.0  # |S^{d−1}|/|B₁| = d
        assert divergence == pytest.approx(uniform, abs=2e-4)
    compiled = kernel.on(open_space(dim)).pair
    assert np.allclose(compiled(*z), kernel(z), rtol=1e-13)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("cutoff", [0.0, 0.4])
def test_coulomb_symbol_is_the_limit_of_the_truncated_ones(dim, cutoff):
    """Averaged over many truncation radii, the oscillating parts of the truncated symbol cancel."""
    domain = Coulomb(dim, 1.7, cutoff).on(open_space(dim))
    k = [np.array([0.9]), np.array([-0.4]), np.array([1.3])][:dim]
    radii = np.linspace(200, 1000, 4001)
    mean = np.mean([domain.truncated_symbol(R, *k) for R in radii], axis=0)
    assert np.abs(mean - domain.symbol(*k)).max() < 5e-3 * np.abs(domain.symbol(*k)).max()
    assert np.isfinite(domain.truncated_symbol(4.0, *(np.zeros(1) for _ in range(dim)))).all()


@pytest.mark.parametrize(
    "kernel",
    [Coulomb(1, 2.0), Harmonic(1, 0.7), Custom(odd_bump, 1, potential=lambda z: np.exp(-(z[..., 0] ** 2)))],
)
def test_truncated_transforms_by_quadrature(kernel):
    R = 3.0
    nodes, weights = np.polynomial.legendre.leggauss(200)
    z = R / 2 * (1 + nodes)
    z, w = np.concatenate([z, -z])[:, None], np.tile(R / 2 * weights, 2)
    domain = kernel.on(LINE)
    k = np.array([0.0, 1e-3, 0.02, 0.7, 6.0, 40.0])
    phases = np.exp(-1j * k * z)
    assert np.allclose(domain.truncated_symbol(R, k)[:, 0], (w * kernel(z)[:, 0]) @ phases, atol=1e-11)
    transform = kernel.truncated_potential_formula(R)(k)
    assert np.allclose(transform, (w * kernel.on(LINE).potential(z)) @ phases, atol=1e-10)


RADIAL = [
    Riesz(2, 0.5, 1.3),
    Riesz(3, 0.0, -0.7),
    PowerLaw(1, 0.4),
    PowerLaw(2, 1.0, 1.2, cutoff=0.3),
    PowerLaw(3, 2.5, 0.6, cutoff=0.4),
    PowerLaw(3, -0.5),
    KellerSegel(2.3),
    KellerSegel(2.3, cutoff=0.3),
    LogGas(1, 1.2),
    LogGas(2, -0.7, cutoff=0.3),
    LogGas(3, 1.1),
]


@pytest.mark.parametrize("kernel", RADIAL, ids=repr)
def test_radial_kernels_are_powers_and_gradients(kernel):
    """|K| = c r^{−s−1} outside the cut-off and linear inside, −∇V = K, V → c/(s r^s) far away."""
    d, s, c, ε = kernel.dim, kernel.order, kernel.strength, kernel.cutoff
    direction = np.random.default_rng(5).normal(size=d)
    direction /= np.linalg.norm(direction)
    for r in (0.1, 0.35, 0.9, 4.0):
        z, h = r * direction, 1e-4
        size = c * r / max(r, ε) ** (s + 2)
        assert np.allclose(kernel(z), size * direction, rtol=1e-13)
        slope = [(kernel.potential(z + h * e) - kernel.potential(z - h * e)) / (2 * h) for e in np.eye(d)]
        assert np.allclose(slope, -kernel(z), rtol=1e-4, atol=1e-4 * abs(c))
    expected = -c * np.log(4.0) if s == 0 else c / (s * 4.0**s)
    assert kernel.potential(4.0 * direction) == pytest.approx(expected, rel=1e-13)
    compiled = kernel.on(open_space(d)).pair
    assert np.allclose(compiled(*(0.2 * direction)), kernel(0.2 * direction), rtol=1e-13)
    assert not np.any(compiled(*np.zeros(d)))


@pytest.mark.parametrize("kernel", [*RADIAL, Coulomb(2, 1.0, 0.4), Coulomb(3, -2.0)], ids=repr)
def test_truncated_transforms_of_radial_kernels(kernel):
    """∫ V e^{−ik·z} over |z| < R as a radial integral; the force is −ik V̂ less a constant ball."""
    d, R = kernel.dim, 2.5
    nodes, weights = np.polynomial.legendre.leggauss(120)
    edges = np.concatenate([[0.0], R * 2.0 ** np.arange(-60, 0), [kernel.cutoff], np.linspace(0.6, 1, 6) * R])
    edges = np.unique(edges)
    centres, halves = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    r, w = (centres[:, None] + halves[:, None] * nodes).ravel(), np.outer(halves, weights).ravel()
    k = np.array([0.0, 0.3, 2.0, 9.0, 40.0])
    area = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}[d]
    waves = {1: np.cos, 2: j0, 3: lambda x: np.sinc(x / np.pi)}[d](k[:, None] * r)
    offsets = r[:, None] * np.eye(d)[0]
    V = kernel.potential(offsets)
    along = (k, *(np.zeros_like(k) for _ in range(d - 1)))
    measure = area * w * r ** (d - 1)
    assert np.allclose(kernel.truncated_potential_formula(R)(*along), waves @ (measure * V), atol=1e-10)
    V_R = kernel.potential(R * np.eye(d)[0])
    force = kernel.on(open_space(d)).truncated_symbol(R, *along)
    assert np.allclose(force[:, 0], -1j * k * (waves @ (measure * (V - V_R))), atol=1e-9)
    assert np.abs(force[:, 1:]).max(initial=0.0) == 0


def test_keller_segel_is_the_newton_kernel_of_charge_chi():
    """∇·K = −χ inside a uniform ball of area πε², and the flux through every circle around it is −χ."""
    χ, ε = 2.3, 0.4
    kernel = KellerSegel(χ, ε)
    z, h = np.array([0.1, -0.2]), 1e-4
    divergence = sum((kernel(z + e) - kernel(z - e))[i] / (2 * h) for i, e in enumerate(h * np.eye(2)))
    assert divergence == pytest.approx(-χ / (np.pi * ε**2), rel=1e-9)
    θ = 2 * np.pi * np.arange(16) / 16
    e = np.stack([np.cos(θ), np.sin(θ)], axis=-1)
    flux = 1.7 * 2 * np.pi * np.mean(np.sum(kernel(1.7 * e) * e, axis=-1))
    assert flux == pytest.approx(-χ, rel=1e-14)
    assert kernel.potential([2.0, 0.0]) == pytest.approx(χ / (2 * np.pi) * np.log(2.0), rel=1e-14)


@pytest.mark.parametrize("cutoff", [0.0, 0.4])
def test_biot_savart_is_divergence_free_with_unit_circulation(cutoff):
    """∮K·dl = 1 around circles outside the core, r²/ε² inside; ∇·K = 0 and k·K̂ = 0 for every truncation."""
    kernel = BiotSavart(cutoff)
    θ = 2 * np.pi * np.arange(16) / 16
    e, along = np.stack([np.cos(θ), np.sin(θ)], axis=-1), np.stack([-np.sin(θ), np.cos(θ)], axis=-1)
    for r in (0.1, 0.3, 1.0, 5.0):
        circulation = 2 * np.pi * r * np.mean(np.sum(kernel(r * e) * along, axis=-1))
        assert circulation == pytest.approx(min(1.0, r**2 / cutoff**2) if cutoff else 1.0, rel=1e-13)
        assert np.abs(np.sum(kernel(r * e) * e, axis=-1)).max() < 1e-16 / r
    domain = kernel.on(open_space(2))
    z = np.array([0.2, -0.1])
    assert np.allclose(domain.pair(*z), kernel(z), rtol=1e-14)
    assert not np.any(domain.pair(0.0, 0.0))
    k = np.array([0.9, 0.0, 3.0]), np.array([-0.4, 0.0, 7.0])
    for K in (domain.symbol(*k), domain.truncated_symbol(3.7, *k)):
        assert np.abs(k[0] * K[:, 0] + k[1] * K[:, 1]).max() < 1e-15
    # curl K = δ, averaged over the ball of the core
    κ = cutoff * np.hypot(0.9, 0.4)
    curl = 1j * (0.9 * domain.symbol(*k)[0, 1] + 0.4 * domain.symbol(*k)[0, 0])
    assert curl == pytest.approx(2 * j1(κ) / κ if cutoff else 1.0, rel=1e-12)
    with pytest.raises(ValueError, match="not the gradient"):
        kernel.potential(z)


def test_kuramoto_pair_function_is_the_sine():
    """To 1e-15 on all offsets of a circle; the odd symmetry exactly, so that forces balance."""
    pair = Kuramoto(1.0).on(KURAMOTO_CIRCLE).pair
    z = np.linspace(0.0, 2 * np.pi, 10001)
    values, mirrored = (np.array([pair(one) for one in side]) for side in (z, -z))
    assert np.abs(values + np.sin(z)).max() < 1e-15
    assert np.array_equal(values, -mirrored)


def test_stokeslet_is_the_oseen_tensor_and_divergence_free():
    g = np.array([0.3, -0.2, 1.0])
    kernel = Stokeslet(tuple(g))
    z = np.array([0.4, 0.7, -0.5])
    r = np.linalg.norm(z)
    assert np.allclose(kernel(z), -(np.eye(3) / r + np.outer(z, z) / r**3) @ g, rtol=1e-14)
    h = 1e-5
    assert abs(sum((kernel(z + h * e) - kernel(z - h * e))[i] for i, e in enumerate(np.eye(3)))) < 1e-13
    domain = kernel.on(open_space(3))
    assert np.allclose(domain.pair(*z), kernel(z), rtol=1e-14)
    assert not np.any(domain.pair(0.0, 0.0, 0.0))
    k = [np.array([0.9]), np.array([-0.4]), np.array([1.3])]
    R = 3.7
    κ = R * np.sqrt(sum(c**2 for c in k))
    cut = 1 - np.cos(κ) - κ * np.sin(κ) / 2  # from ∫ (|z| − R) e^{−ik·z} over the ball
    assert np.allclose(domain.truncated_symbol(R, *k), domain.symbol(*k) * cut, rtol=1e-12)
    assert np.abs(sum(c * domain.symbol(*k)[:, i] for i, c in enumerate(k))) < 1e-14
    with pytest.raises(ValueError, match="not the gradient"):
        kernel.potential(z)


@given(st.floats(-2.0, 2.0), st.floats(0.01, 3.0))
def test_custom_functions_agree_compiled_or_not(z, scale):
    offsets = np.array([[z], [scale]])
    for grid in (CIRCLE, LINE):
        plain, fast = Custom(odd_bump, 1).on(grid), Custom(compiled_bump, 1).on(grid)
        assert np.allclose(plain(offsets), fast(offsets), atol=1e-15)


def test_cutoffs_that_depend_on_the_size():
    kernel = Coulomb(3, 1.0).with_cutoff(PowerOfN(1.0, -0.3))
    assert kernel.for_size(1000).cutoff == pytest.approx(1000**-0.3)
    assert kernel.limit.cutoff == 0.0
    with pytest.raises(ValueError, match="for_size"):
        kernel.on(open_space(3))
    with pytest.raises(ValueError, match="no cut-off"):
        Kuramoto(1.0).with_cutoff(0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Harmonic(1, 1.0).on(CIRCLE), "no meaning on a torus"),
        (lambda: Kuramoto(1.0).on(CIRCLE), "2π"),
        (lambda: Kuramoto(1.0).on(LINE), "2π"),
        (lambda: Coulomb(2).on(CIRCLE), "dimension 2"),
        (lambda: Coulomb(4), "1, 2 or 3"),
        (lambda: Riesz(2, 2.0), "Custom"),
        (lambda: Stokeslet((1.0, 2.0)), "three finite numbers"),
        (lambda: Coulomb(1, np.nan), "finite"),
        (lambda: Coulomb(1, 1.0, -0.1), "cut-off"),
        (lambda: KellerSegel(np.inf), "finite"),
        (lambda: LogGas(0), "1, 2 or 3"),
        (lambda: BiotSavart(-1.0), "cut-off"),
        (lambda: Coulomb(1, 1.0, 2.0).on(CIRCLE), "half the period"),
        (lambda: Coulomb(1)(np.zeros((3, 2))), "shape"),
        (lambda: Custom(odd_bump, 1).potential(np.ones((1, 1))), "not the gradient"),
        (lambda: Custom(lambda z: z[..., 0], 1), "must return"),
        (lambda: Coulomb(1).on(CIRCLE).symbol(np.ones(2), np.ones(2)), "takes 1"),
    ],
)
def test_refuses_what_has_no_meaning(make, message):
    with pytest.raises(ValueError, match=message):
        make()

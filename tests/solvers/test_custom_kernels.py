"""Custom kernels in one, two and three dimensions: transforms with a stated error, on every domain."""

import warnings
from itertools import product

import numba
import numpy as np
import pytest
from scipy.special import erfc, gamma, hyp1f1, j1, k1

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Custom
from mfpde_solvers.kernels.quadrature import octant_transforms, transforms_at

AREA = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}


def box(dim, size, half=8.0):
    return Grid(tuple(Axis(name, -half, half, size, "open") for name in "xyz"[:dim]))


def torus(lengths, size):
    return Grid(tuple(Axis(name, 0.0, L, size) for name, L in zip("xyz", lengths, strict=False)))


def gaussian(x, s=1.0):
    return np.exp(-(x**2).sum(-1) / (2 * s**2)) / (2 * np.pi * s**2) ** (x.shape[-1] / 2)


def coulomb(z):
    return z / (z**2).sum(-1, keepdims=True)


@numba.njit
def compiled_coulomb(x, y):
    q = x * x + y * y
    return x / q, y / q


def yukawa(z):
    r = np.sqrt((z**2).sum(-1, keepdims=True))
    return z * (1 + r) * np.exp(-r) / r**3


@numba.njit
def compiled_yukawa(x, y, z):
    r = np.sqrt(x * x + y * y + z * z)
    f = (1 + r) * np.exp(-r) / r**3
    return x * f, y * f, z * f


@pytest.mark.parametrize("k", [0.0, 0.7, 5.0, 11.0])
@pytest.mark.parametrize(("dim", "power"), [(1, 0.5), (2, 0.0), (2, 1.0), (2, 1.6), (3, 1.0), (3, 2.4)])
def test_transforms_of_powers_times_gaussians(dim, power, k):
    """∫ |z|^{−α} e^{−|z|²/2 − ik·z} = |S^{d−1}| 2^{q−1} Γ(q) ₁F₁(q; d/2; −k²/2), q = (d − α)/2."""

    def function(z):
        r2 = (z**2).sum(axis=0)
        return (r2 ** (-power / 2) * np.exp(-r2 / 2))[None]

    direction = np.array([0.48, -0.64, 0.6]) if dim == 3 else np.array([0.6, -0.8])[:dim]
    wave = k * direction / np.linalg.norm(direction)
    q = (dim - power) / 2
    expected = AREA[dim] * 2 ** (q - 1) * gamma(q) * hyp1f1(q, dim / 2, -(k**2) / 2)
    value = transforms_at(function, (8.0, 8.5, 8.2)[:dim], [np.array(c) for c in wave])[0]
    assert abs(value - expected) < 1e-13


def test_scattered_wavenumbers_are_those_of_the_octant():
    """Signs, and lists so long that they are taken in parts."""

    def function(z):
        return np.exp(-((z[0] - 0.4) ** 2) - 2 * z[1] ** 2 - z[0] * z[1])[None]

    rng = np.random.default_rng(2)
    k = rng.uniform(-3, 3, size=(2, 150))
    A = np.array([[2.0, 1.0], [1.0, 4.0]])  # exponent −zᵀAz/2 + b·z − 0.16 with b = (0.8, 0)
    inverse = np.linalg.inv(A)
    shifted = np.array([0.8, 0.0])[:, None] - 1j * k
    exponent = np.einsum("in,ij,jn->n", shifted, inverse, shifted) / 2 - 0.16
    expected = 2 * np.pi / np.sqrt(np.linalg.det(A)) * np.exp(exponent)
    values = transforms_at(function, (8.0, 7.0), list(k))[0]
    assert np.abs(values - expected).max() < 1e-12
    shape = transforms_at(function, (8.0, 7.0), list(k[:, :6].reshape(2, 2, 3)))
    assert np.abs(shape[0].ravel() - expected[:6]).max() < 1e-12


@pytest.mark.parametrize("function", [coulomb, compiled_coulomb], ids=["plain", "compiled"])
def test_coulomb_as_a_custom_kernel_on_the_plane(function):
    """The same fields as the built-in kernel, whose transform is in closed form; and as few tables."""
    grid = Grid((Axis("x", -8.0, 8.0, 64, "open"), Axis("y", -6.0, 9.0, 54, "open")))
    x = grid.points
    ρ = gaussian(x - np.array([0.4, 1.5]))
    kernel = Custom(function, 2, potential=lambda z: -np.log((z**2).sum(-1)) / 2)
    ours, exact = (Convolution(k.on(grid), grid) for k in (kernel, Coulomb(2)))
    assert kernel.transform_error(grid) < 1e-10
    assert np.abs(ours.field(ρ) - exact.field(ρ)).max() < 1e-12
    assert np.abs(ours.potential(ρ) - exact.potential(ρ)).max() < 1e-12
    assert ours.memory == exact.memory  # an odd function has odd parts only


@pytest.mark.parametrize("ε", [0.02, 0.3, 1.5])
def test_regularised_biot_savart_flow_of_a_gaussian(ε):
    """z^⊥/(|z|² + ε²) = ∇^⊥ ½log(|z|² + ε²): u_θ(r) = ∫ J₁(kr) εk K₁(εk) e^{−k²/2} dk."""
    grid = box(2, 64)
    x = grid.points

    def vortex(z):
        return np.stack([-z[..., 1], z[..., 0]], axis=-1) / ((z**2).sum(-1, keepdims=True) + ε**2)

    kernel = Custom(vortex, 2)
    u = np.moveaxis(Convolution(kernel.on(grid), grid).field(gaussian(x)), 0, -1)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    k, w = 5 * (1 + nodes), 5 * weights
    spectrum = w * ε * k * k1(ε * k) * np.exp(-(k**2) / 2)
    for place in [(32, 32), (36, 30), (45, 40), (10, 50), (63, 0)]:
        z = x[place]
        r = np.linalg.norm(z)
        speed = j1(k * r) @ spectrum
        assert u[place] == pytest.approx(speed * np.array([-z[1], z[0]]) / r, abs=1e-12)


A = np.array([[1.2, 0.3], [0.3, 0.6]])  # covariance of a kernel that is neither odd nor even
CENTRE = np.array([0.5, -0.3])


def slanted(z):
    """Components e^{−(z−m)ᵀA⁻¹(z−m)/2} and x times that."""
    y = z - CENTRE
    bell = np.exp(-np.einsum("...i,ij,...j->...", y, np.linalg.inv(A), y) / 2)
    return np.stack([bell, z[..., 0] * bell], axis=-1)


def slanted_field(x, variance):
    """K ∗ N(0, s²I): with Σ = A + s²I the bell of Σ about m, times its conditional mean of z₁."""
    Σ = A + variance * np.eye(2)
    y = x - CENTRE
    inverse = np.linalg.inv(Σ)
    size = np.sqrt(np.linalg.det(A) / np.linalg.det(Σ))
    bell = size * np.exp(-np.einsum("...i,ij,...j->...", y, inverse, y) / 2)
    return np.stack([bell, (CENTRE[0] + (y @ inverse @ A)[..., 0]) * bell])


@pytest.mark.parametrize("kinds", ["oo", "po", "op", "pp"])
def test_a_kernel_without_symmetry_on_every_domain(kinds):
    """It decays within half a period of 24; the Gaussian density too, so that images do not meet."""
    axes = [
        Axis(n, -12.0, 12.0, 72) if kind == "p" else Axis(n, -11.0, 11.0, 66, "open")
        for n, kind in zip("xy", kinds, strict=True)
    ]
    grid = Grid(tuple(axes))
    kernel = Custom(slanted, 2, potential=lambda z: slanted(z)[..., 1])  # any function, for its transform
    fields = Convolution(kernel.on(grid), grid)
    ρ = gaussian(grid.points, 0.8)
    field = fields.field(ρ)
    expected = slanted_field(grid.points, 0.64)
    mean = 0.0
    if kinds == "pp":  # zero mean: ∫K / |T| times the mass
        mean = 2 * np.pi * np.sqrt(np.linalg.det(A)) * np.array([1.0, CENTRE[0]]) / 24**2
    assert np.abs(field - expected + np.reshape(mean, (-1, 1, 1))).max() < 1e-10
    assert np.abs(fields.potential(ρ) - field[1]).max() < 1e-12


def test_a_singular_kernel_without_symmetry_by_polar_quadrature():
    """(|z|₊^{−3/2}, z₁²/|z|³ + sin z₂) with |z|₊² = x² + 2y² + xy around one point of the grid."""
    grid = box(2, 64)
    place = (36, 29)
    x = grid.points[place]

    def function(z):
        r = np.sqrt((z**2).sum(-1))
        skew = z[..., 0] ** 2 + 2 * z[..., 1] ** 2 + z[..., 0] * z[..., 1]
        return np.stack([skew**-0.75, z[..., 0] ** 2 / r**3 + np.sin(z[..., 1])], axis=-1)

    kernel = Custom(function, 2)
    field = Convolution(kernel.on(grid), grid).field(gaussian(grid.points))[(slice(None), *place)]
    nodes, weights = np.polynomial.legendre.leggauss(60)
    θ = 2 * np.pi * np.arange(160) / 160
    e = np.stack([np.cos(θ), np.sin(θ)], axis=-1)
    total = np.zeros(2)
    u = (1 + nodes) / 2
    for r, w in zip(12 * u**4, 24 * weights * u**3, strict=True):
        values = function(r * e) * gaussian(x - r * e)[:, None]
        total += w * r * values.sum(axis=0) * 2 * np.pi / 160
    assert np.abs(field - total).max() < 1e-10


def test_yukawa_kernel_in_space():
    """V = e^{−r}/r: V ∗ ρ = √e/2r · (e^{−r} erfc((1−r)/√2) − e^r erfc((1+r)/√2)) for ρ = N(0, I)."""
    grid = box(3, 32, 7.0)
    x = grid.points
    r = np.sqrt((x**2).sum(-1))

    def potential(z):
        q = np.sqrt((z**2).sum(-1))
        return np.exp(-q) / q

    kernel = Custom(yukawa, 3, potential=potential)
    fields = Convolution(kernel.on(grid), grid)
    ρ = gaussian(x)
    near, far = np.exp(-r) * erfc((1 - r) / np.sqrt(2)), np.exp(r) * erfc((1 + r) / np.sqrt(2))
    V = np.sqrt(np.e) / (2 * r) * (near - far)
    slope = np.sqrt(np.e) / (2 * r) * (-near - far + 2 * np.sqrt(2 / np.pi) * np.exp(-(1 + r**2) / 2)) - V / r
    # the Gaussian on these cells has 6e-12 of its size at the highest mode, and 2e-11 at the walls
    assert np.abs(fields.potential(ρ) - V).max() < 1e-11
    assert np.abs(fields.field(ρ) + slope / r * np.moveaxis(x, -1, 0)).max() < 1e-11
    assert kernel.transform_error(grid) < 1e-10


def cell_integral(function, halves, order=40):
    """∫ over the cell in pyramids with their apex at the origin (Duffy), for functions (n, d) → (n, m)."""
    d = len(halves)
    nodes, weights = np.polynomial.legendre.leggauss(order)
    s, ws = ((1 + nodes) / 2) ** 3, 1.5 * weights * ((1 + nodes) / 2) ** 2
    total = 0.0
    for axis, side in product(range(d), (1, -1)):
        faces = np.stack(np.meshgrid(*[nodes] * (d - 1), indexing="ij"), axis=-1).reshape(-1, d - 1)
        face = np.insert(faces, axis, side, axis=1) * halves
        shares = np.prod(np.stack(np.meshgrid(*[weights] * (d - 1), indexing="ij")), axis=0).ravel()
        for t, w in zip(s, ws, strict=True):
            total = total + w * t ** (d - 1) * np.prod(halves) * (shares @ function(t * face))
    return total


PERIODIC = [
    (Custom(coulomb, 2), (2.0, 3.1)),
    (Custom(compiled_coulomb, 2), (2.0, 3.1)),
    (Custom(lambda z: coulomb(z) + 0.3 * z**2 + np.cos(z[..., ::-1]), 2), (1.5, 1.5)),
    (Custom(yukawa, 3), (1.0, 1.4, 1.2)),
    (Custom(compiled_yukawa, 3), (1.0, 1.4, 1.2)),
]


def label(case):
    return f"{len(case[1])}-{'compiled' if case[0]._compiled else 'plain'}"


@pytest.mark.parametrize("case", PERIODIC, ids=label)
def test_symbol_on_a_torus_is_the_transform_of_the_pair_function(case):
    """Of functions that jump at the wall of the cell too; the mean is zero."""
    kernel, lengths = case
    halves = np.array(lengths) / 2
    domain = kernel.on(torus(lengths, 8))
    modes = np.array([[0, 0, 0], [1, 0, 0], [2, -1, 1], [-3, 2, 0]])[:, : len(lengths)]
    k = np.pi * modes / halves

    def waves(z):
        return (domain(z)[:, :, None] * np.exp(-1j * z @ k.T)[:, None, :]).reshape(len(z), -1)

    expected = cell_integral(waves, halves, 40 if len(lengths) == 2 else 24).reshape(-1, len(k)).T
    assert np.abs(domain.symbol(*k.T) - expected).max() < 1e-8
    assert np.abs(expected[0]).max() < 1e-8


@pytest.mark.parametrize("case", PERIODIC, ids=label)
def test_pair_value_and_periods(case):
    kernel, lengths = case
    domain = kernel.on(torus(lengths, 8))
    z = (np.random.default_rng(4).random((30, len(lengths))) - 0.5) * lengths
    K = domain(z)
    assert np.abs(domain(z + 3 * np.array(lengths)) - K).max() < 1e-11 * np.abs(K).max()
    assert not domain(np.zeros((1, len(lengths)))).any()
    if domain.pair is not None:
        assert np.allclose([domain.pair(*one) for one in z], K, rtol=1e-13, atol=1e-13)
        assert not np.any(domain.pair(*np.zeros(len(lengths))))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_pair_function_is_the_sum_of_its_fourier_series(dim):
    """Of a kernel of width L/20: negligible at the wall, as its coefficients are from mode 28 on."""
    L = 2.0
    width = L / 20
    shift = 0.05 * np.arange(1, dim + 1)

    def function(z):
        bell = np.exp(-((z - shift) ** 2).sum(-1, keepdims=True) / (2 * width**2))
        return (z + 0.3) * bell

    domain = Custom(function, dim, potential=lambda z: function(z)[..., 0]).on(torus((L,) * dim, 8))
    modes = np.arange(-28, 29)
    mesh = np.stack(np.meshgrid(*[2 * np.pi / L * modes] * dim, indexing="ij"))
    symbol = domain.symbol(*mesh).reshape(-1, dim)
    z = np.random.default_rng(1).uniform(-0.5, 0.5, size=(20, dim))
    series = np.exp(1j * z @ mesh.reshape(dim, -1)) @ symbol / L**dim
    assert np.abs(series - domain(z)).max() < 1e-12
    assert np.abs(domain.potential(z) - domain(z)[:, 0]).max() < 1e-13


@pytest.mark.parametrize("kinds", ["po", "pp"])
def test_fields_are_integrals_of_the_pair_function_where_it_jumps_too(kinds):
    """∫ K(z) ρ(x − z) dz over half a period, and over the line, for the nearest image of z/|z|²."""
    axes = (
        Axis("x", 0.0, 2.0, 24),
        Axis("y", 0.0, 3.0, 24) if kinds == "pp" else Axis("y", -6.0, 6.0, 64, "open"),
    )
    grid = Grid(axes)
    domain = Custom(compiled_coulomb, 2).on(grid)

    def ρ(x):
        wave = 1 + 0.5 * np.cos(np.pi * x[..., 0] + 0.3)
        if kinds == "pp":
            return wave + 0.2 * np.sin(2 * np.pi / 3 * x[..., 1])
        return wave * np.exp(-(x[..., 1] ** 2) / 0.9)

    field = Convolution(domain, grid).field(ρ(grid.points))
    half = 1.5 if kinds == "pp" else 9.0
    for place in [(3, 7), (17, 33 % grid.shape[1])]:
        x = grid.points[place]
        expected = cell_integral(lambda z, x=x: domain(z) * ρ(x - z)[:, None], np.array([1.0, half]), 160)
        assert field[(slice(None), *place)] == pytest.approx(expected, abs=1e-9)


def test_particles_on_mixed_domains_feel_the_nearest_image():
    grid = Grid((Axis("x", 0.0, 2.0, 8), Axis("y", -3.0, 3.0, 8, "open")))
    domain = Custom(compiled_coulomb, 2).on(grid)
    assert np.allclose(domain.pair(1.7, 2.5), coulomb(np.array([-0.3, 2.5])), rtol=1e-14)
    assert np.allclose(domain([[1.7, 2.5]]), coulomb(np.array([[-0.3, 2.5]])), rtol=1e-14)


def test_the_stated_error_holds_where_the_function_has_a_kink():
    """The cut-off Coulomb kernel has a kink at |z| = ε: a warning tells the error, which is not exceeded."""
    grid = box(2, 64)
    ε = 0.7
    kernel = Custom(lambda z: z / np.maximum((z**2).sum(-1, keepdims=True), ε**2), 2)
    with pytest.warns(UserWarning, match=r"accurate to .*e-0\d of its largest"):
        fields = Convolution(kernel.on(grid), grid)
    ρ = gaussian(grid.points)
    exact = Convolution(Coulomb(2, 1.0, ε).on(grid), grid)
    error = np.abs(fields.field(ρ) - exact.field(ρ)).max()
    stated = kernel.transform_error(grid)
    assert 1e-8 < stated < 1e-4
    wavenumbers = [np.pi / 16 * np.arange(65)] * 2
    largest = np.abs(octant_transforms(kernel._force, (16.0, 16.0), wavenumbers)).max()
    # |K ∗ ρ| ≤ (2π)^{−2} ∫|K̂||ρ̂|, and ∫|ρ̂| = 2π
    assert error < stated * largest / (2 * np.pi)
    assert error > 1e-13


def test_a_function_that_is_not_integrable_is_told():
    kernel = Custom(lambda z: 1 + 1 / np.abs(z) ** 1.3, 1)
    grid = box(1, 32)
    with pytest.warns(UserWarning, match="not integrable"):
        Convolution(kernel.on(grid), grid)


def test_a_function_that_is_not_finite_is_refused():
    def function(z):
        return np.where(np.abs(z) < 2.0, z, np.nan)

    grid = box(2, 16)
    with pytest.raises(ValueError, match="not finite at every offset"):
        Convolution(Custom(function, 2).on(grid), grid)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_smooth_functions_make_no_warning_on_coarse_grids(dim):
    grid = torus((2.0, 2.5, 1.5)[:dim], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel = Custom(lambda z: np.sin(np.pi * z) * np.exp(-z), dim)
        assert kernel.transform_error(grid) < 1e-10


def test_there_is_no_transform_on_the_whole_space():
    with pytest.raises(ValueError, match="truncated"):
        Custom(coulomb, 2).on(box(2, 8)).symbol(1.0, 1.0)


def test_a_smooth_kernel_of_zero_mean_makes_no_warning_on_a_torus():
    """Its mean is 0 by cancellation only, (0.2 sin y, 0.2 cos x); errors are judged by the other waves."""
    domain = torus((2 * np.pi, 2 * np.pi), 16)
    kernel = Custom(lambda z: 0.2 * np.stack([np.sin(z[..., 1]), np.cos(z[..., 0])], axis=-1), dim=2).on(
        domain
    )
    z = np.array([[0.3, 1.0], [2.0, -0.4]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = kernel(z)
    assert values == pytest.approx(0.2 * np.stack([np.sin(z[:, 1]), np.cos(z[:, 0])], axis=1), abs=1e-12)

"""Parts of the collision operators: kernels, differences, lattices, convolutions and exact invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.differences import ORDERS, CentralDifference, FourierDerivative
from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.landau.convolution import (
    lattice_convolution,
    periodic_convolution,
    spectral_convolution,
)
from mfpde_solvers.landau.lattice import collision_factors
from mfpde_solvers.landau.moments import Invariants
from mfpde_solvers.landau.operators import Coefficients, CollisionOperator, EntropicOperator

EXPONENTS = {2: (-3.0, -2.0, -1.3, 0.0, 0.7, 1.0), 3: (-3.0, -2.0, -0.4, 0.0, 1.0)}
each_kernel = pytest.mark.parametrize(("dim", "exponent"), [(d, γ) for d in (2, 3) for γ in EXPONENTS[d]])
rng = np.random.default_rng(5)


def box(dim, cells, half, squeeze=1.0):
    """A box of velocities, with cells of other widths along the first axis, not centred at 0."""
    sizes = (cells + 2, *(cells,) * (dim - 1))
    names = ("vx", "vy", "vz")[:dim]
    return Grid(
        tuple(
            Axis(v, -half * squeeze + 0.1, half + 0.1, n, "open") for v, n in zip(names, sizes, strict=True)
        )
    )


def maxwellian(grid, temperature=1.0, mean=0.0):
    r2 = ((grid.points - mean) ** 2).sum(-1)
    return np.exp(-r2 / (2 * temperature)) / (2 * np.pi * temperature) ** (grid.dim / 2)


def conservative(grid, exponent, order, kind=CollisionOperator):
    D = [CentralDifference(axis.size, axis.spacing, order) for axis in grid.axes]
    return kind(grid, lattice_convolution(exponent, grid, order), D)


def spectral(grid, exponent):
    D = [FourierDerivative(axis.size, axis.spacing) for axis in grid.axes]
    return CollisionOperator(grid, spectral_convolution(exponent, grid), D)


@each_kernel
def test_kernel(dim, exponent):
    """a(z) is the projection off z times |z|^{γ+2}, b its divergence; both vanish at 0."""
    equation = Landau(dim, exponent)
    z = rng.normal(size=(50, dim))
    r = np.linalg.norm(z, axis=1)
    a, b = equation.matrix(z), equation.vector(z)
    assert np.abs(np.einsum("nij,nj->ni", a, z)).max() < 1e-12 * np.abs(a).max()
    assert np.trace(a, axis1=1, axis2=2) == pytest.approx((dim - 1) * r ** (exponent + 2), rel=1e-12)
    e = 1e-5
    shifted = [
        (equation.matrix(z + e * unit) - equation.matrix(z - e * unit))[:, :, j] / (2 * e)
        for j, unit in enumerate(np.eye(dim))
    ]
    assert np.abs((sum(shifted) - b) / np.abs(b).max(axis=1, keepdims=True)).max() < 1e-5
    assert not equation.matrix(np.zeros(dim)).any()
    assert not equation.vector(np.zeros(dim)).any()


def test_equation():
    equation = Landau(3, -3)
    assert equation.for_size(10) is equation
    assert equation.limit is equation
    assert equation.invariants == ("mass", "momentum_x", "momentum_y", "momentum_z", "kinetic_energy")
    assert repr(equation) == "Landau(dim=3, exponent=-3)"
    for arguments, reason in (((1, 0.0), "dim=2 or 3"), ((3, -3.5), "exponent"), ((2, 1.1), "exponent")):
        with pytest.raises(ValueError, match=reason):
            Landau(*arguments)
    Landau(2, -3)
    with pytest.raises(ValueError, match="vx, vy, vz"):
        equation.check_grid(box(2, 8, 4.0))
    with pytest.raises(ValueError, match="open"):
        Landau(2, 0).check_grid(Grid((Axis("vx", -1, 1, 8), Axis("vy", -1, 1, 8, "open"))))
    with pytest.raises(ValueError, match="shape"):
        equation.vector(np.zeros(2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_differences(order, place):
    """Exact on quadratics but in the outermost cells, on the order inside; Dᵀ is the transpose."""
    shape = [19, 20, 21]
    D = CentralDifference(shape[place], 0.3, order)
    x = 0.3 * np.arange(shape[place]) - 2
    along = [1, 1, 1]
    along[place] = -1
    found, back = np.empty((2, *shape))
    for power in range(order + 1):
        values = np.broadcast_to(x.reshape(along) ** power, shape).copy()
        D.apply(values, place, found)
        error = np.abs(found - power * x.reshape(along) ** max(power - 1, 0))
        margin = 1 if power <= 2 else order // 2
        inside = [slice(None)] * 3
        inside[place] = slice(margin, -margin)
        assert error[tuple(inside)].max() < 1e-12 * 3.0**power
    f, g = rng.normal(size=(2, *shape))
    D.apply(f, place, found)
    D.adjoint(g, place, back)
    assert np.sum(g * found) == pytest.approx(np.sum(f * back), rel=1e-12)
    columns = np.eye(shape[place])
    D.apply(columns, 0, image := np.empty_like(columns))
    assert np.linalg.norm(image, 2) <= D.bound * (1 + 1e-12)


def test_order_of_differences():
    for order in ORDERS:
        errors = []
        for n in (64, 128):
            x = (np.arange(n) + 0.5) * 16 / n - 8
            D, found = CentralDifference(n, 16 / n, order), np.empty(n)
            D.apply(np.exp(-(x**2) / 2), 0, found)
            errors.append(np.abs(found + x * np.exp(-(x**2) / 2)).max())
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize("size", [15, 16])
def test_fourier_derivative(size):
    """Trigonometric polynomials exactly, along every axis; a skew matrix."""
    x = 2 * np.pi * np.arange(size) / size
    D, found = FourierDerivative(size, x[1]), np.empty((size, size))
    f = np.sin(3 * x)[:, None] * np.cos(5 * x)
    D.apply(f, 0, found)
    assert np.abs(found - 3 * np.cos(3 * x)[:, None] * np.cos(5 * x)).max() < 1e-13
    D.adjoint(f, 1, found)
    assert np.abs(found - 5 * np.sin(3 * x)[:, None] * np.sin(5 * x)).max() < 1e-13


@pytest.mark.parametrize("exponent", [-3.0, -2.0, -0.5, 1.0])
@pytest.mark.parametrize("squeeze", [1.0, 0.7])
def test_quadrature_of_singular_kernels(exponent, squeeze):
    """Σ |z|^γ q(z) g(z) h² for quartic q and a Gaussian: order 8 at least if corrected, γ + 6 if not."""
    errors = {2: [], 8: []}
    for n in (24, 36, 54, 220):
        h = 7.0 / n, squeeze * 7.0 / n
        m = [int(np.ceil(7.0 / width)) for width in h]
        z = np.meshgrid(*(np.arange(k + 1) * width for k, width in zip(m, h, strict=True)), indexing="ij")
        copies = np.ones_like(z[0])
        for place in range(2):
            np.moveaxis(copies, place, 0)[1:] *= 2
        integrand = copies * z[1] ** 2 * (z[0] ** 2 + 0.3 * z[1] ** 2) * np.exp(-(z[0] ** 2 + z[1] ** 2))
        for order, totals in errors.items():
            factors = collision_factors(exponent, tuple(m), h, order)
            totals.append(np.sum(integrand * factors) * h[0] * h[1])
    exact = errors[8].pop()
    errors[2].pop()  # of the finest lattice
    plain, corrected = (np.abs(np.array(errors[order]) - exact) for order in (2, 8))
    rate = np.log(plain[0] / plain[-1]) / np.log(54 / 24)
    assert rate == pytest.approx(exponent + 6, abs=0.5)
    assert corrected[-1] < 0.2 * plain[-1]
    assert np.log(corrected[0] / corrected[-1]) / np.log(54 / 24) > 7.5
    assert corrected[-1] < 1e-6 * exact


@pytest.mark.parametrize("dim", [2, 3])
def test_corrected_kernels_stay_positive(dim):
    """So that the matrices remain positive semi-definite, for cells that are up to twice as long as wide."""
    for exponent in EXPONENTS[dim]:
        for squeeze in (1.0, 0.5):
            spacing = (0.2, 0.2 * squeeze, 0.2)[:dim]
            factors = collision_factors(exponent, (8,) * dim, spacing, 8)[(slice(0, 8),) * dim]
            assert factors.ravel()[1:].min() > 0
            assert factors.ravel()[0] == 0


@each_kernel
def test_lattice_convolutions_are_the_sums(dim, exponent):
    """Convolutions A ∗ f and A ∗ g against the sums over pairs of cells."""
    grid = box(dim, {2: 10, 3: 5}[dim], 3.0, 0.8)
    f, g = rng.random(grid.shape), rng.normal(size=(dim, *grid.shape))
    convolution = lattice_convolution(exponent, grid, 2)  # which needs no corrections
    points = grid.points.reshape(-1, dim)
    a = Landau(dim, exponent).matrix(points[:, None] - points) * grid.cell_volume
    c = Coefficients(grid.shape)
    convolution.matrix(f, c.A)
    convolution.contraction(g, c.c)
    upper = [(i, j) for i in range(dim) for j in range(i, dim)]
    matrix = np.einsum("nmij,m->ijn", a, f.ravel())
    for place, (i, j) in enumerate(upper):
        assert np.abs(c.A[place].ravel() - matrix[i, j]).max() < 1e-12 * np.abs(matrix).max()
    vector = np.einsum("nmij,jm->in", a, g.reshape(dim, -1))
    assert np.abs(c.c.reshape(dim, -1) - vector).max() < 1e-12 * np.abs(a).sum(axis=1).max()


@each_kernel
def test_spectral_convolutions(dim, exponent):
    """Convolutions a ∗ f and b ∗ f of a Gaussian, against quadrature in polar coordinates about points."""
    grid = box(dim, {2: 40, 3: 36}[dim], 8.0)
    c = Coefficients(grid.shape)
    convolution = spectral_convolution(exponent, grid)
    convolution.matrix(maxwellian(grid), c.A)
    convolution.vector(c.c)
    upper = [(i, j) for i in range(dim) for j in range(i, dim)]
    for place in ((18, 21, 16)[:dim], (22, 14, 19)[:dim]):
        A, b = polar_convolutions(dim, exponent, grid.points[place])
        for k, (i, j) in enumerate(upper):
            assert abs(c.A[k][place] - A[i, j]) < 1e-7 * np.abs(A).max()
        assert np.abs(c.c[(slice(None), *place)] - b).max() < 1e-7 * max(np.abs(A).max(), np.abs(b).max())


def polar_convolutions(dim, exponent, v):
    """A ∗ f and b ∗ f at v for the standard Gaussian, with Gauss–Jacobi nodes for the powers of |z|."""
    from scipy.special import roots_jacobi

    if dim == 2:
        angle = 2 * np.pi * np.arange(100) / 100
        σ, weight = np.stack([np.cos(angle), np.sin(angle)], -1), np.full(100, 2 * np.pi / 100)
    else:
        x, w = np.polynomial.legendre.leggauss(50)
        angle = 2 * np.pi * np.arange(60) / 60
        s = np.sqrt(1 - x**2)[:, None]
        σ = np.stack([s * np.cos(angle), s * np.sin(angle), x[:, None] * np.ones(60)], -1).reshape(-1, 3)
        weight = np.repeat(w * 2 * np.pi / 60, 60)

    def integral(power, angular):
        x, w = roots_jacobi(100, 0, power)
        r, w = 7.5 * (1 + x), w * 7.5 ** (power + 1)
        return np.einsum("r,rs,s...->...", w, angular(r), weight[:, None, None] * tensor)

    def density(r):
        return np.exp(-((v - r[:, None, None] * σ) ** 2).sum(-1) / 2) / (2 * np.pi) ** (dim / 2)

    tensor = np.eye(dim) - σ[:, :, None] * σ[:, None, :]
    A = integral(exponent + dim + 1, density)
    # odd part in σ divided by r, so that b, which is r^γ z, needs r^{γ+d+1} again
    tensor = -(dim - 1) * σ[:, :, None] * np.ones(dim)
    b = integral(exponent + dim + 1, lambda r: (density(r) - density(-r)) / (2 * r[:, None]))
    return A, b[:, 0]


def test_periodic_convolutions_agree_where_the_kernel_reaches():
    """At the centre of a box with support in half the radius, for an exponent without smoothness."""
    grid = box(2, 64, 9.0)
    f = maxwellian(grid, 0.5)
    whole, torus = Coefficients(grid.shape), Coefficients(grid.shape)
    for convolution, c in (
        (spectral_convolution(-1.0, grid), whole),
        (periodic_convolution(-1.0, grid, 0.9 * 9.0), torus),
    ):
        convolution.matrix(f, c.A)
        convolution.vector(c.c)
    centre = (grid.points**2).sum(-1) < 1.0
    assert np.abs(whole.A - torus.A)[:, centre].max() < 1e-9
    assert np.abs(whole.c - torus.c)[:, centre].max() < 1e-9


@each_kernel
@pytest.mark.parametrize("order", ORDERS)
def test_conservation_on_random_data(dim, exponent, order):
    """Sums of Q times 1, v and |v|² vanish to round-off for arrays of random signs.

    So do those of the entropic form for random positive ones, and its entropy falls.
    """
    grid = box(dim, {2: 24, 3: 18}[dim], 5.0, 0.9)
    v = np.moveaxis(grid.points, -1, 0)
    for kind, f in (
        (CollisionOperator, rng.normal(size=grid.shape)),
        (EntropicOperator, rng.random(grid.shape) + 0.01),
    ):
        Q = conservative(grid, exponent, order, kind).rate(f, Coefficients(grid.shape))
        for φ in (np.ones(grid.shape), *v, (v**2).sum(0)):
            assert abs(np.sum(φ * Q)) < 1e-13 * np.sum(np.abs(φ * Q))
        if kind is EntropicOperator:
            assert np.sum(Q * np.log(f)) < -1e-3 * np.sum(np.abs(Q * np.log(f)))


@given(
    exponent=st.floats(-2.0, 1.0),
    scale=st.floats(0.5, 1.5),
    mean=st.floats(-0.5, 0.5),
    order=st.sampled_from(ORDERS),
)
@settings(max_examples=20, deadline=None)
def test_maxwellians_are_at_rest(exponent, scale, mean, order):
    """Exactly in the entropic form, where D log f is exact; elsewhere to the order of D."""
    grid = box(2, 32, 5.0)
    f = maxwellian(grid, scale, mean)
    c = Coefficients(grid.shape)
    Q = conservative(grid, exponent, order, EntropicOperator).rate(f, c)
    assert np.abs(Q).max() < 1e-11 * f.max()


@each_kernel
def test_frozen_operators(dim, exponent):
    """L f = Q(f) for the f that it is frozen at, and its spectral radius lies below the bound."""
    grid = box(dim, {2: 24, 3: 18}[dim], 6.0)
    f = maxwellian(grid, 1.0, 0.3)
    for operator in (conservative(grid, exponent, 4), spectral(grid, exponent)):
        c, out = Coefficients(grid.shape), np.empty(grid.shape)
        Q = operator.rate(f, c)
        operator.linear(c, f, out)
        np.testing.assert_array_equal(Q, out)
        image = rng.normal(size=grid.shape)
        for _ in range(40):
            image /= np.sqrt(np.sum(image**2))
            operator.linear(c, image, out)
            image, out = out, image
        assert np.sqrt(np.sum(image**2)) <= operator.radius(c, f) <= operator.bound(c)


@pytest.mark.parametrize("dim", [2, 3])
def test_projection_onto_the_invariants(dim):
    """Removes the moments, changes nothing that has none, and does so once and for all."""
    grid = box(dim, 12, 4.0, 0.7)
    f, w = maxwellian(grid), rng.normal(size=grid.shape) * maxwellian(grid)
    v = np.moveaxis(grid.points, -1, 0)
    once = w.copy()
    Invariants(grid).project(once, f)
    for φ in (np.ones(grid.shape), *v, (v**2).sum(0)):
        assert abs(np.sum(φ * once)) < 1e-13 * np.sum(np.abs(φ * w))
    twice = once.copy()
    Invariants(grid).project(twice, f)
    assert np.abs(twice - once).max() < 1e-14 * np.abs(w).max()
    removed = (w - once) / f  # a combination of the invariants
    basis = np.stack([np.ones(grid.shape), *v, (v**2).sum(0)]).reshape(dim + 2, -1).T
    fit = basis @ np.linalg.lstsq(basis, removed.ravel(), rcond=None)[0]
    assert np.abs(fit - removed.ravel()).max() < 1e-9 * np.abs(removed).max()

"""Fields with open axes in dimensions 1, 2, 3: every kernel, cut-offs, and domains with periodic axes too."""

import numpy as np
import pytest
from scipy.special import dawsn, erf, exp1, gamma, hyp1f1

from mfpde_solvers.convolution import Convolution
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import BiotSavart, Coulomb, KellerSegel, LogGas, PowerLaw, Riesz, Stokeslet

L = 2.5


def box(dim, size, half=8.0):
    return Grid(tuple(Axis(name, -half, half, size, "open") for name in "xyz"[:dim]))


def gaussian(x):
    d = x.shape[-1]
    return np.exp(-(x**2).sum(-1) / 2) / (2 * np.pi) ** (d / 2)


def gaussian_potential(dim, order, r):
    """E |r e − Z|^{−s}/s for Z ~ N(0, I): 2^{−s/2} Γ((d−s)/2)/Γ(d/2) ₁F₁(s/2; d/2; −r²/2)/s."""
    moment = 2 ** (-order / 2) * gamma((dim - order) / 2) / gamma(dim / 2)
    return moment * hyp1f1(order / 2, dim / 2, -(r**2) / 2) / order


@pytest.mark.parametrize(
    ("kernel", "size"),
    [
        (Riesz(1, 0.6), 80),
        (Riesz(1, -1.5), 80),
        (Riesz(2, 1.3), 72),
        (PowerLaw(2, 0.4), 72),
        (Riesz(3, 2.4), 48),
        (PowerLaw(3, 0.5), 48),
    ],
    ids=repr,
)
def test_powers_of_the_distance_to_a_gaussian_point(kernel, size):
    grid = box(kernel.dim, size)
    x = grid.points
    r = np.sqrt((x**2).sum(-1))
    fields = Convolution(kernel.on(grid), grid)
    expected = gaussian_potential(kernel.dim, kernel.order, r)
    # 48 cells on a side of 16: the Gaussian is negligible at the highest mode and at the walls (1e-14);
    # what remains is round-off, of the closed form too
    assert np.abs(fields.potential(gaussian(x)) - expected).max() < 1e-9
    s, d = kernel.order, kernel.dim
    slope = 2 ** (-s / 2) * gamma((d - s) / 2) / gamma(d / 2) / d * hyp1f1(s / 2 + 1, d / 2 + 1, -(r**2) / 2)
    assert np.abs(fields.field(gaussian(x)) - slope * np.moveaxis(x, -1, 0)).max() < 1e-9


@pytest.mark.parametrize("kernel", [Riesz(1, 0.0), LogGas(1)], ids=repr)
def test_hilbert_transform_of_a_gaussian(kernel):
    """PV ∫ ρ(y)/(x − y) dy = √2 D(x/√2) with Dawson's function D."""
    grid = box(1, 96, 9.0)
    x = grid.points
    field = Convolution(kernel.on(grid), grid).field(gaussian(x))[0]
    assert np.abs(field - np.sqrt(2) * dawsn(x[:, 0] / np.sqrt(2))).max() < 1e-12


@pytest.mark.parametrize(("dim", "size"), [(1, 80), (2, 64), (3, 44)])
def test_log_gas_of_a_gaussian(dim, size):
    """E (x − Z)/|x − Z|² = x/d ₁F₁(1; d/2 + 1; −|x|²/2)."""
    λ, grid = 1.7, box(dim, size)
    x = grid.points
    r2 = (x**2).sum(-1)
    field = Convolution(LogGas(dim, λ).on(grid), grid).field(gaussian(x))
    slope = λ / dim * hyp1f1(1.0, dim / 2 + 1, -r2 / 2)
    assert np.abs(field - slope * np.moveaxis(x, -1, 0)).max() < 1e-12


@pytest.mark.parametrize(("kernel", "c"), [(KellerSegel(2.3), -2.3 / (2 * np.pi)), (LogGas(2, 0.8), 0.8)])
def test_logarithmic_kernels_of_a_gaussian_on_the_plane(kernel, c):
    """K ∗ ρ = c(1 − e^{−r²/2}) x/r², V ∗ ρ = −c(log r + E₁(r²/2)/2), half a cell off the middle."""
    grid = box(2, 64)
    x = grid.points
    r2 = (x**2).sum(-1)
    fields = Convolution(kernel.on(grid), grid)
    assert np.abs(fields.potential(gaussian(x)) + c / 2 * (np.log(r2) + exp1(r2 / 2))).max() < 1e-12
    expected = c * (-np.expm1(-r2 / 2) / r2) * np.moveaxis(x, -1, 0)
    assert np.abs(fields.field(gaussian(x)) - expected).max() < 1e-12


@pytest.mark.parametrize("case", ["r=0.5,t=1.0,nu=0.1", "r=1.0,t=1.0,nu=0.1", "r=2.0,t=3.0,nu=0.05"])
def test_lamb_oseen_vortex(reference, case):
    """The flow of the Gaussian of variance 2νt, at a grid point at distance r along x."""
    case = reference[f"B.lamb_oseen.utheta({case})"]
    r, s2 = case["params"]["r"], 2 * case["params"]["nu"] * case["params"]["t"]
    s = np.sqrt(s2)
    size, h = 72, s / 4
    steps = round(r / h)  # the point (r, 0) is a cell centre, the vortex sits within a cell of the middle
    middle = np.array([r - steps * h, 0.0])
    grid = Grid(
        tuple(Axis(n, m - size * h / 2, m + size * h / 2, size, "open") for n, m in zip("xy", middle))
    )
    place = (size // 2 + steps, size // 2)
    y = grid.points - (grid.points[place] - np.array([r, 0.0]))
    r2 = (y**2).sum(-1)
    ω = np.exp(-r2 / (2 * s2)) / (2 * np.pi * s2)
    field = Convolution(BiotSavart().on(grid), grid).field(ω)
    assert field[(slice(None), *place)] == pytest.approx([0.0, case["value"]], abs=1e-12)
    swirl = -np.expm1(-r2 / (2 * s2)) / (2 * np.pi * np.maximum(r2, 1e-30))
    assert np.abs(field - swirl * np.stack([-y[..., 1], y[..., 0]])).max() < 1e-12


@pytest.mark.parametrize("name", ["r=0.2,s=1.0,eps=0.5", "r=1.0,s=1.0,eps=0.5", "r=1.0,s=1.0,eps=0.1"])
@pytest.mark.parametrize("make", [lambda ε: Coulomb(3, 1.0, ε), lambda ε: PowerLaw(3, 2.0, 1.0, ε)])
def test_cut_off_of_lazarovici_and_pickl(reference, name, make):
    """The kink at ε costs nothing: the transform of the cut-off kernel is exact, the density band-limited."""
    case = reference[f"A.lazarovici_pickl.F({name})"]
    r, size, half = case["params"]["r"], 64, 8.0
    centre = grid_point = np.array([half / size] * 3)
    grid = box(3, size)
    ρ = gaussian(grid.points - centre - np.array([-r, 0.0, 0.0]))
    field = Convolution(make(case["params"]["eps"]).on(grid), grid).field(ρ)
    place = tuple(np.argmin(np.abs(c - p)) for c, p in zip(grid.coordinates, grid_point, strict=True))
    assert field[(slice(None), *place)] == pytest.approx([case["value"], 0.0, 0.0], abs=1e-11)


@pytest.mark.parametrize(
    "kernel",
    [PowerLaw(2, 1.6, 1.3, 1.0), KellerSegel(2.3, 1.0), LogGas(2, 0.7, 1.0), BiotSavart(1.0)],
    ids=repr,
)
def test_cut_offs_against_direct_summation(kernel):
    """∫ K(z) ρ(x − z) dz in polar coordinates around one point x, on either side of the kink."""
    grid = box(2, 64)
    place = (40, 35)
    x = grid.points[place]
    field = Convolution(kernel.on(grid), grid).field(gaussian(grid.points))[(slice(None), *place)]
    nodes, weights = np.polynomial.legendre.leggauss(40)
    θ = 2 * np.pi * np.arange(64) / 64
    e = np.stack([np.cos(θ), np.sin(θ)], axis=-1)
    total = np.zeros(2)
    for a, b in ((0.0, 1.0), (1.0, 4.0), (4.0, 12.0)):
        for r, w in zip((a + b) / 2 + (b - a) / 2 * nodes, (b - a) / 2 * weights, strict=True):
            values = kernel(r * e) * gaussian(x - r * e)[:, None]
            total += w * r * values.sum(axis=0) * 2 * np.pi / 64
    assert np.abs(field - total).max() < 1e-10


def test_stokeslet_of_a_gaussian_is_divergence_free_and_pulls_along_gravity():
    """At the centre −(4/3) E[1/|Z|] g = −(4/3)√(2/π) g; everywhere against the force of orders 1 and −1."""
    g = np.array([0.3, 0.0, -1.0])
    grid = Grid(
        tuple(Axis(n, -7.0 - o, 7.0 - o, 44, "open") for n, o in zip("xyz", (0.2, 0.0, 0.1), strict=True))
    )
    x = grid.points
    r = np.sqrt((x**2).sum(-1))
    flow = np.moveaxis(Convolution(Stokeslet(tuple(g)).on(grid), grid).field(gaussian(x)), 0, -1)
    w = r / np.sqrt(2)
    monopole = erf(w) / r
    # ∇∇ E|x − Z| = P I + Q x xᵀ with the radial derivative E(r) of E|x − Z|: P = E/r, Q = (E′ − E/r)/r²
    E = erf(w) * (1 - 1 / r**2) + np.sqrt(2 / np.pi) * np.exp(-(r**2) / 2) / r
    slope = 2 * erf(w) / r**3 - 2 * np.sqrt(2 / np.pi) * np.exp(-(r**2) / 2) / r**2
    along = (x @ g)[..., None]
    hessian = (E / r)[..., None] * g + ((slope - E / r) / r**2)[..., None] * along * x
    assert np.abs(flow - (hessian - 2 * monopole[..., None] * g)).max() < 1e-9


def mixed(kinds, size):
    axes = [
        Axis(n, -8.0, 8.0, size, "open") if kind == "o" else Axis(n, 0.0, L, size // 2)
        for n, kind in zip("xyz", kinds, strict=False)
    ]
    return Grid(tuple(axes))


def wave(grid, kinds):
    """(1 + a cos φ) e^{−|z|²/2}, its Laplacian, and its gradient; φ a wave along the periodic axes."""
    x = np.moveaxis(grid.points, -1, 0)
    is_open = np.array([kind == "o" for kind in kinds])
    k = np.where(is_open, 0.0, 2 * np.pi / L * (1 + np.arange(len(kinds))))
    φ, r2 = np.tensordot(k, x, 1), (x[is_open] ** 2).sum(axis=0)
    bell = np.exp(-r2 / 2)
    a, m = 0.5, is_open.sum()
    V = (1 + a * np.cos(φ)) * bell
    laplacian = (r2 - m) * V - (k @ k) * a * np.cos(φ) * bell
    shape = (-1, *[1] * len(kinds))
    slope = np.where(is_open.reshape(shape), -x * V, -k.reshape(shape) * a * np.sin(φ) * bell)
    return V, laplacian, slope


MIXED = [("po", 64), ("op", 64), ("ppo", 48), ("pop", 48), ("poo", 48), ("opo", 48)]


@pytest.mark.parametrize(("kinds", "size"), MIXED)
def test_mixed_domains_solve_the_poisson_equation(kinds, size):
    """For a decaying V the field of ρ = −ΔV/c|S^{d−1}| is −∇V, whatever the axes."""
    grid, d, c = mixed(kinds, size), len(kinds), 1.3
    V, laplacian, slope = wave(grid, kinds)
    fields = Convolution(Coulomb(d, c).on(grid), grid)
    ρ = -laplacian / (c * {2: 2 * np.pi, 3: 4 * np.pi}[d])
    assert np.abs(fields.potential(ρ) - V).max() < 1e-10
    assert np.abs(fields.field(ρ) + slope).max() < 1e-10


@pytest.mark.parametrize(("kinds", "size"), MIXED[:2])
def test_keller_segel_and_biot_savart_on_mixed_domains(kinds, size):
    """−ΔV = −χρ and K ∗ ρ = −∇V; with ω = Δψ the flow is (−∂₂ψ, ∂₁ψ)."""
    grid, χ = mixed(kinds, size), 1.7
    V, laplacian, slope = wave(grid, kinds)
    fields = Convolution(KellerSegel(χ).on(grid), grid)
    assert np.abs(fields.potential(laplacian / χ) - V).max() < 1e-10
    assert np.abs(fields.field(laplacian / χ) + slope).max() < 1e-10
    flow = Convolution(BiotSavart().on(grid), grid).field(laplacian)
    assert np.abs(flow - np.stack([-slope[1], slope[0]])).max() < 1e-10


@pytest.mark.parametrize(("kinds", "size"), MIXED[::2])
def test_a_cut_off_on_a_mixed_domain_averages_over_the_ball(kinds, size):
    """V ∗ ball by product quadrature in the ball, at a few points, with the ball inside half a period."""
    grid, d, ε = mixed(kinds, size), len(kinds), 0.6
    _, laplacian, _ = wave(grid, kinds)
    ρ = -laplacian / {2: 2 * np.pi, 3: 4 * np.pi}[d]
    smoothed = Convolution(Coulomb(d, 1.0, ε).on(grid), grid).potential(ρ)
    is_open = np.array([kind == "o" for kind in kinds])
    k = np.where(is_open, 0.0, 2 * np.pi / L * (1 + np.arange(d)))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    θ = 2 * np.pi * np.arange(24) / 24
    circle = np.stack([np.cos(θ), np.sin(θ)], axis=-1)
    if d == 2:
        directions, shares = circle, np.full(24, 1 / 24)
    else:
        directions = np.concatenate([np.c_[np.sqrt(1 - u * u) * circle, np.full(24, u)] for u in nodes])
        shares = np.repeat(weights / 2, 24) / 24
    r, w = ε * (1 + nodes) / 2, weights / 2
    ball = (r[:, None, None] * directions).reshape(-1, d)
    share = np.outer(w * d * (r / ε) ** (d - 1), shares).ravel()
    rng = np.random.default_rng(0)
    for place in [tuple(rng.integers(n // 3, 2 * n // 3) for n in grid.shape) for _ in range(4)]:
        y = grid.points[place] + ball
        value = (1 + 0.5 * np.cos(y @ k)) * np.exp(-(y[:, is_open] ** 2).sum(-1) / 2)
        assert smoothed[place] == pytest.approx(share @ value, abs=1e-10)


def test_a_periodic_axis_without_variation_is_the_lower_dimension():
    plane = Grid((Axis("x", -8.0, 8.0, 48, "open"), Axis("y", -8.0, 8.0, 48, "open")))
    tube = Grid((*plane.axes, Axis("z", 0.0, L, 6)))
    ρ = gaussian(plane.points)
    flat = Convolution(Coulomb(2, 2.0).on(plane), plane).field(ρ)
    deep = Convolution(Coulomb(3, L).on(tube), tube).field(np.repeat(ρ[..., None], 6, axis=-1) / L)
    assert np.abs(deep[:2] - flat[..., None]).max() < 1e-11  # c|S²|/L = 2 · |S¹|
    assert np.abs(deep[2]).max() < 1e-12


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_stiffness_is_the_charge_of_the_kernel(dim):
    """|k·K̂| = c|S^{d−1}| on a torus; the cut at the box adds a wave of at most that size."""
    charge = 1.7 * {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}[dim]
    torus = Grid(tuple(Axis(name, 0.0, L, 12) for name in "xyz"[:dim]))
    assert Convolution(Coulomb(dim, 1.7).on(torus), torus).stiffness == pytest.approx(charge, rel=1e-12)
    grid = box(dim, 16)
    assert charge <= Convolution(Coulomb(dim, 1.7).on(grid), grid).stiffness <= 2 * charge * (1 + 1e-9)


@pytest.mark.parametrize("kernel", [BiotSavart(), BiotSavart(0.2), Stokeslet((0.3, 0.0, -1.0))], ids=repr)
def test_divergence_free_kernels_have_no_stiffness(kernel):
    """Exactly none, and ∇·(K ∗ ρ) is round-off on the torus: no step is to follow from noise."""
    grid = Grid(tuple(Axis(name, 0.0, L, 16) for name in "xyz"[: kernel.dim]))
    fields = Convolution(kernel.on(grid), grid)
    assert fields.stiffness == 0.0
    ρ = np.random.default_rng(0).random(grid.shape)
    u = fields.field(ρ)
    k = np.meshgrid(*[2 * np.pi * np.fft.fftfreq(16, L / 16)] * kernel.dim, indexing="ij")
    axes = tuple(range(kernel.dim))
    divergence = sum(k_i * np.fft.fftn(u_i, axes=axes) for k_i, u_i in zip(k, u, strict=True))
    assert np.abs(divergence).max() < 1e-12 * np.abs(np.fft.fftn(ρ)).max()
    assert Convolution(kernel.on(box(kernel.dim, 8)), box(kernel.dim, 8)).stiffness == 0.0


def test_memory_is_bounded_by_octants_and_one_doubled_transform():
    """Four real tables of (n + 1)³ and the buffers of one transform of (2n)³."""
    n = 16
    grid = box(3, n)
    fields = Convolution(Coulomb(3).on(grid), grid)
    transform = 8 * (2 * n) ** 3 + 16 * (2 * n) ** 2 * (n + 1)
    assert fields.memory == 4 * 8 * (n + 1) ** 3 + transform


@pytest.mark.parametrize("kernel", [Coulomb(2, 0.7), BiotSavart()], ids=repr)
def test_fields_in_a_strip_do_not_depend_on_where_it_is_cut(kernel):
    """A density of period 2π away from both cuts: the field is that on a strip three times as long."""
    fields = []
    for half, cells in ((4.5, 64), (13.5, 192)):
        grid = Grid((Axis("x", -half, half, cells, "open"), Axis("y", 0.0, 2 * np.pi, 24)))
        x, y = np.meshgrid(*grid.coordinates, indexing="ij")
        density = np.exp(-4 * x**2) * (1 + 0.5 * np.cos(y) + 0.2 * np.sin(2 * y))
        fields.append(Convolution(kernel.on(grid), grid).field(density))
    short, long = fields
    assert np.abs(short - long[:, 64:128]).max() < 1e-12 * np.abs(long).max()

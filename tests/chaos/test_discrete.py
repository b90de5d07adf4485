"""Transport in several dimensions: atoms and their exact bias, closed forms, the torus, errors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde.chaos.marginals import tents
from mfpde.chaos.transport.atoms import atoms_of, cell_counts, extents_of
from mfpde.chaos.transport.exact import Wasserstein, fournier_guillin, wasserstein_with_bias
from mfpde.chaos.transport.semi_discrete import SemiDiscrete
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid

PLANE = ("x", "y")


def uniform(boundary="periodic", size=8, length=1.0, dim=2):
    grid = Grid(tuple(Axis(name, 0.0, length, size, boundary) for name in "xyz"[:dim]))
    return field(np.full(grid.shape, length**-dim), grid, "density")


def gaussian(mean=(0.0, 0.0), scale=1.0, size=64):
    grid = Grid((Axis("x", -8.0, 8.0, size, "open"), Axis("y", -8.0, 8.0, size, "open")))
    values = np.exp(-((grid.points - mean) ** 2).sum(-1) / (2 * scale**2))
    return field(values / grid.integrate(values), grid, "density")


def wavy(size=24):
    grid = Grid((Axis("x", 0.0, 1.0, size), Axis("y", 0.0, 1.0, size)))
    x, y = np.moveaxis(grid.points, -1, 0)
    return field(1 + 0.5 * np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y), grid, "density")


def draw(density, size, seed):
    return from_density(density).rvs(size, np.random.default_rng(seed))


@pytest.mark.parametrize("boundary", ["open", "periodic"])
def test_atoms_carry_the_mass_of_their_cells_and_the_exact_way(boundary):
    """Against 2·10⁵ samples of the density, each moved to its nearest atom: z-scores of masses and cost."""
    grid = Grid((Axis("x", -1.0, 2.0, 5, boundary), Axis("y", 0.0, 2.0, 4, boundary)))
    values = np.random.default_rng(0).random(grid.shape) + 0.1
    density = field(values / grid.integrate(values), grid, "density")
    weights, reduced = tents(density, PLANE)
    atoms = atoms_of(weights, reduced, extents_of(weights, reduced), (7, 3))
    points = draw(density, 200_000, 1)
    gaps = points[:, np.newaxis] - atoms.positions
    if boundary == "periodic":
        lengths = np.array([axis.length for axis in grid.axes])
        gaps -= lengths * np.round(gaps / lengths)
    squares = (gaps**2).sum(-1)
    masses = np.bincount(squares.argmin(1), minlength=21) / len(points)
    z = (masses - atoms.masses) / np.sqrt(atoms.masses / len(points))
    assert np.abs(z).max() < 4
    ways = squares.min(1)
    assert abs(ways.mean() - atoms.quantisation**2) / (ways.std() / np.sqrt(len(points))) < 4


def test_equal_cells_of_a_torus_are_uniformly_wide():
    """Whatever the density, cells of the grid or finer ones of its size cost Σh²/12."""
    weights, grid = tents(wavy(24), PLANE)
    extents = extents_of(weights, grid)
    assert atoms_of(weights, grid, extents, (24, 24)).quantisation ** 2 == pytest.approx(2 / 24**2 / 12)
    flat, square = tents(uniform(), PLANE)
    assert atoms_of(flat, square, extents, (10, 30)).quantisation ** 2 == pytest.approx(
        (1 / 100 + 1 / 900) / 12
    )


@given(lengths=st.lists(st.floats(0.05, 50.0), min_size=1, max_size=4), cells=st.integers(4, 5000))
@settings(max_examples=60, deadline=None)
def test_cells_are_bounded_and_nearly_cubic(lengths, cells):
    counts = cell_counts([(0.0, length) for length in lengths], cells)
    assert np.prod(counts) <= cells
    assert min(counts) >= 1
    assert np.prod([count + 1 for count in counts]) > cells


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_the_bias_bounds_the_error(p, seed):
    """Coarse and fine atoms differ by no more than both biases; W₂ to the density by no more than one."""
    density = wavy()
    points = draw(density, 40, seed)
    found = {cells: wasserstein_with_bias(points, density, p, PLANE, cells) for cells in (144, 2500)}
    coarse, fine = (float(found[cells].wasserstein) for cells in (144, 2500))
    allowed = sum(float(each.bias) for each in found.values())
    assert 0 < abs(coarse - fine) <= allowed
    if p == 2:
        exact = SemiDiscrete().target(density).distance(points)
        for each in found.values():
            assert abs(float(each.wasserstein) - exact) <= float(each.bias)


@pytest.mark.parametrize("boundary", ["open", "periodic"])
def test_one_point_has_a_closed_form(boundary):
    """On the torus E|U|² = 1/6 for any point; on the square, where tents blur the edge, the atoms' moment."""
    density = uniform(boundary, size=32)
    target = Wasserstein(2, PLANE, cells=1024).target(density)
    point = np.array([[0.3, 0.9]])
    if boundary == "periodic":
        # The mean of 32 squares (u + jh)², |u| ≤ h/2, over the circle is 1/12 up to h²/6 for each axis.
        assert target.distance(point) ** 2 == pytest.approx(1 / 6, abs=2 / 32**2 / 6)
        assert abs(target.distance(point) - np.sqrt(1 / 6)) <= target.bias
    else:
        mean = target.atoms.masses @ target.atoms.positions
        spread = target.atoms.masses @ ((target.atoms.positions - mean) ** 2).sum(1)
        expected = spread + ((point[0] - mean) ** 2).sum()
        assert target.distance(point) ** 2 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("shift", [(0.75, -0.5), (1.5, 1.0)])
def test_translated_gaussians(p, shift):
    """W_p = |m|. On one lattice of cells of width h the square grows by at most h²/4 for each axis."""
    first, second = (Wasserstein(p, PLANE).target(gaussian(mean)) for mean in ((0.0, 0.0), shift))
    extents = [extents_of(*tents(gaussian(mean), PLANE)) for mean in ((0.0, 0.0), shift)]
    h = max(max(a[1], b[1]) - min(a[0], b[0]) for a, b in zip(*extents, strict=True)) / 31
    excess = first.difference(second) ** 2 - np.dot(shift, shift)
    assert -(h**2) / 6 < excess < 2 * h**2 / 4


def test_scaled_gaussians():
    """W₂ between N(0, I) and N(0, s²I) in the plane is √2 |s − 1|.

    On one lattice of cells of width h a way f h is a mixture of whole steps, which adds at most h²/4 along
    each axis to the square.
    """
    first, second = (Wasserstein(2, PLANE).target(gaussian(scale=s)) for s in (1.0, 1.6))
    h = (extents_of(*tents(gaussian(scale=1.6), PLANE))[0][1] * 2) / 32
    excess = first.difference(second) ** 2 - 2 * 0.6**2
    assert 0 < excess < 2 * h**2 / 4
    along = [Wasserstein(2, ("x",)).target(gaussian(scale=s, size=512)) for s in (1.0, 1.6)]
    assert along[0].difference(along[1]) == pytest.approx(0.6, rel=1e-3)


def test_difference_of_equal_densities_is_zero_at_any_resolution():
    first, second = (Wasserstein(2, PLANE).target(uniform(size=size)) for size in (8, 16))
    assert first.difference(first) == 0.0
    assert first.difference(second) < 1e-7
    assert Wasserstein(1, PLANE).target(wavy()).difference(Wasserstein(1, PLANE).target(uniform())) > 0.01


@given(
    laps=st.lists(st.integers(-3, 3), min_size=24, max_size=24),
    seed=st.integers(0, 5),
    p=st.sampled_from([1, 2]),
)
@settings(max_examples=15, deadline=None)
def test_laps_and_order_change_nothing(laps, seed, p):
    target = Wasserstein(p, PLANE, cells=256).target(wavy())
    rng = np.random.default_rng(seed)
    points = draw(wavy(), 12, seed)
    moved = rng.permutation(points + np.reshape(laps, (12, 2)))
    assert target.distance(moved) == pytest.approx(target.distance(points), rel=1e-9)


def test_translating_points_and_density_changes_nothing():
    """By whole cells, so that the atoms move along."""
    density, points = wavy(24), draw(wavy(24), 30, 3)
    moved = density.roll(x=5, y=-7, roll_coords=False)
    targets = [Wasserstein(2, PLANE, cells=576).target(each) for each in (density, moved)]
    shift = np.array([5 / 24, -7 / 24])
    assert targets[1].distance(points + shift) == pytest.approx(targets[0].distance(points), rel=1e-9)


def test_powers_are_ordered_and_marginals_are_closer():
    points = draw(wavy(), 60, 4)
    one, two = (Wasserstein(p, PLANE).target(wavy()).distance(points) for p in (1, 2))
    bias = Wasserstein(1, PLANE).target(wavy()).bias
    assert one <= two
    for name in PLANE:
        assert Wasserstein(1, (name,)).target(wavy()).distance(points) <= one + bias


def test_three_dimensions():
    """One point against the uniform law of the torus: W₂² = 3/12."""
    target = Wasserstein(2, ("x", "y", "z"), cells=8000).target(uniform(dim=3))
    assert abs(target.distance([[0.1, 0.2, 0.3]]) - 0.5) <= target.bias


def test_a_coarse_density_is_announced():
    points = draw(uniform(), 400, 0)
    with pytest.warns(UserWarning, match="more than half of the distance"):
        Wasserstein(2, PLANE, cells=16).target(uniform()).distance(points)


def test_too_many_pairs_are_refused_before_any_work():
    target = Wasserstein(1, PLANE).target(uniform())
    with pytest.raises(ValueError, match=r"3000 × 4096.*SlicedWasserstein"):
        target.distance(np.zeros((3000, 2)))


def test_bias_of_simulated_particles_has_their_dimensions():
    density = wavy()
    points = draw(density, 40, 7).reshape(2, 20, 2)
    particles = xr.Dataset({name: (("replica", "particle"), points[..., i]) for i, name in enumerate(PLANE)})
    found = wasserstein_with_bias(particles, density, 2, PLANE, 400)
    assert found.wasserstein.dims == found.bias.dims == ("replica",)
    assert float(found.bias[0]) == pytest.approx(np.sqrt(2 / 400 / 12), rel=1e-9)
    single = wasserstein_with_bias(points[1], density, 2, PLANE, 400)
    assert float(found.wasserstein[1]) == float(single.wasserstein)
    along = wasserstein_with_bias(points[0], density, 1, ("x",))
    assert float(along.bias) == 0.0


def test_exponents():
    """Fournier and Guillin: N^{−1/2} for p > n/2, N^{−p/n} for p < n/2."""
    assert [fournier_guillin(1, n) for n in (1, 2, 3, 4)] == [-0.5, -0.5, -1 / 3, -0.25]
    assert [fournier_guillin(2, n) for n in (1, 3, 4, 5)] == [-0.5, -0.5, -0.5, -0.4]
    with pytest.raises(ValueError, match="p > 0"):
        fournier_guillin(0, 1)
    cube = Grid(tuple(Axis(name, 0.0, 1.0, 2) for name in "xyz"))
    for names, exponent in ((("x",), -0.5), (PLANE, -0.5), (("x", "y", "z"), -1 / 3)):
        for p in (1, 2):
            assert Wasserstein(p, names).theory(cube) == exponent
    assert Wasserstein().theory(cube) == -0.5


@pytest.mark.slow
def test_floor_of_the_square_torus_follows_the_exact_constant():
    """E W₂² N/log N → 1/4π (Ambrosio, Stra, Trevisan 2019); a doubling adds log 2/4π to N E W₂².

    From N = 32 to 256 the product N E W₂² gains 3 log 2/4π = 0.165.
    """
    density = uniform(size=16)
    target = SemiDiscrete().target(density)
    products = {}
    for size in (32, 256):
        squares = np.array([target.distance(draw(density, size, 1000 + r)) ** 2 for r in range(600)])
        products[size] = size * squares.mean(), size * squares.std() / np.sqrt(600)
    gain = products[256][0] - products[32][0]
    error = np.hypot(products[256][1], products[32][1])
    assert abs(gain - 3 * np.log(2) / (4 * np.pi)) / error < 4
    assert error < 0.02

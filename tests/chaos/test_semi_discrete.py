"""Semi-discrete transport in the plane: closed forms, the torus, independent methods, convergence."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.marginals import tents
from mfpde.chaos.transport.exact import Wasserstein, wasserstein_with_bias
from mfpde.chaos.transport.power_diagram import LaguerreCells
from mfpde.chaos.transport.semi_discrete import SemiDiscrete, semi_discrete_transport
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid

PLANE = ("x", "y")


def density_on(grid, values):
    return field(values / grid.integrate(values), grid, "density")


def uniform(length=1.0, size=6):
    grid = Grid((Axis("x", 0.0, length, size), Axis("y", 0.0, 1.0, size + 1)))
    return density_on(grid, np.ones(grid.shape))


def wavy(size=24):
    grid = Grid((Axis("x", 0.0, 1.0, size), Axis("y", 0.0, 1.0, size)))
    x, y = np.moveaxis(grid.points, -1, 0)
    return density_on(grid, 1 + 0.5 * np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y))


def gaussian(size=48, mean=(0.0, 0.0)):
    grid = Grid((Axis("x", -7.0, 7.0, size, "open"), Axis("y", -7.0, 7.0, size, "open")))
    return density_on(grid, np.exp(-((grid.points - mean) ** 2).sum(-1) / 2))


def cells_of(points, density):
    weights, grid = tents(density, PLANE)
    return LaguerreCells(points, grid, weights)


def draw(density, size, seed):
    return from_density(density).rvs(size, np.random.default_rng(seed))


@pytest.mark.parametrize("length", [1.0, 2.5])
def test_one_point_on_a_torus(length):
    """E|U|² over the box around the point: (L² + 1)/12, wherever it lies."""
    target = SemiDiscrete().target(uniform(length))
    for point in ([[0.3, 0.4]], [[-7.1, 12.9]]):
        assert target.distance(point) ** 2 == pytest.approx((length**2 + 1) / 12, rel=1e-13)


def test_one_point_and_any_density_on_the_plane():
    """The distance to the mean, squared, plus the variance of the tents, 1 + h²/6 along each axis.

    The box cuts a second moment of 2·7 φ(7) = 1.3e-10 off along each axis.
    """
    target = SemiDiscrete().target(gaussian())
    h = 14 / 48
    for point in ([0.0, 0.0], [1.0, -2.0], [30.0, 5.0]):
        expected = np.dot(point, point) + 2 * (1 + h**2 / 6)
        assert target.distance([point]) ** 2 == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("count", [2, 5])
def test_shifted_lattices_of_the_torus(count):
    """Each point holds the square around it: W₂² = 2 (1/count)²/12, at once."""
    places = np.arange(count) / count
    lattice = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2) + np.array([0.113, 0.41])
    found = SemiDiscrete().target(uniform()).solve(lattice)
    assert found.distance**2 == pytest.approx(1 / (6 * count**2), rel=1e-13)
    np.testing.assert_allclose(found.masses, count**-2, rtol=1e-12)


def test_a_column_of_points_is_transport_along_one_axis():
    """Points on a line x = const of the torus divide it into strips: W₂² = 1/12 + the exact W₂² along y."""
    heights = np.random.default_rng(5).random(9)
    density = uniform()
    points = np.column_stack([np.full(9, 0.7), heights])
    along = Wasserstein(2, ("y",)).target(density).distance(points)
    assert SemiDiscrete().target(density).distance(points) ** 2 == pytest.approx(1 / 12 + along**2, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("density", [wavy(), gaussian()])
def test_lies_within_the_bias_of_the_network_simplex(density, seed):
    """The simplex on atoms; for W₂ the error is of second order, so a tenth of its bound is allowed."""
    points = draw(density, 30, seed)
    atoms = wasserstein_with_bias(points, density, 2, PLANE)
    exact = SemiDiscrete().target(density).distance(points)
    assert abs(exact - float(atoms.wasserstein)) < 0.1 * float(atoms.bias)


def test_the_error_of_atoms_falls_at_second_order():
    """Their W₂² misses the variance of the cells, which is of second order in their width."""
    points, density = draw(wavy(), 8, 2), wavy()
    exact = SemiDiscrete().target(density).distance(points)
    gaps = []
    for cells in (144, 576, 2304):
        gaps.append(exact - Wasserstein(2, PLANE, cells).target(density).distance(points))
    assert np.abs(gaps[2]) < 0.2 * np.abs(gaps[0])


def test_masses_against_samples():
    """The cells of any potential hold the share of samples whose cheapest point they belong to (z-scores)."""
    density, rng = wavy(), np.random.default_rng(3)
    points = rng.random((12, 2))
    potential = 0.02 * rng.random(12)
    masses, costs, _, _ = cells_of(points, density).of(potential)
    samples = draw(density, 200_000, 4)
    z = samples[:, np.newaxis] - points
    squares = ((z - np.round(z)) ** 2).sum(-1)
    owner = (squares - potential).argmin(1)
    share = np.bincount(owner, minlength=12) / len(samples)
    assert masses.sum() == pytest.approx(1.0, rel=1e-12)
    assert np.abs((share - masses) / np.sqrt(masses / len(samples))).max() < 4
    ways = squares[np.arange(len(samples)), owner]
    assert abs(ways.mean() - costs.sum()) / (ways.std() / np.sqrt(len(samples))) < 4


def test_interfaces_are_the_derivative_of_the_masses():
    """Central differences of the masses in each potential against the Hessian."""
    points = np.random.default_rng(6).random((8, 2))
    cells = cells_of(points, wavy())
    potential = np.linspace(0.0, 0.02, 8)
    _, _, pairs, weights = cells.of(potential)
    hessian = np.zeros((8, 8))
    np.add.at(hessian, (pairs[:, 0], pairs[:, 1]), -weights)
    hessian -= np.diag(hessian.sum(1))
    step = 1e-5
    moved = [
        (cells.of(potential + step * unit)[0] - cells.of(potential - step * unit)[0]) / (2 * step)
        for unit in np.eye(8)
    ]
    np.testing.assert_allclose(moved, hessian, atol=1e-7 * np.abs(hessian).max() + step)


def test_translations_laps_and_order_change_nothing():
    density, points = wavy(24), draw(wavy(24), 40, 7)
    distance = SemiDiscrete().target(density).distance(points)
    rng = np.random.default_rng(8)
    moved = rng.permutation(points + rng.integers(-3, 4, points.shape))
    assert SemiDiscrete().target(density).distance(moved) == pytest.approx(distance, rel=1e-10)
    rolled = density.roll(x=5, y=-7, roll_coords=False)
    shifted = points + np.array([5 / 24, -7 / 24])
    assert SemiDiscrete().target(rolled).distance(shifted) == pytest.approx(distance, rel=1e-10)


def test_equal_points_share_a_cell():
    points = draw(wavy(), 10, 9)
    target = SemiDiscrete().target(wavy())
    assert target.distance(np.repeat(points, 3, axis=0)) == pytest.approx(target.distance(points), rel=1e-10)


def test_far_points_start_from_entropic_transport():
    """Moving all points by m adds |m|² + 2 m·(their mean − that of the density) to W₂², exactly."""
    density = gaussian()
    target = SemiDiscrete().target(density)
    points = draw(density, 30, 10)
    near = target.solve(points)
    far = target.solve(points + np.array([40.0, -25.0]))
    assert far.converged
    mean = points.mean(0)  # that of the density is 0
    added = 40.0**2 + 25.0**2 + 2 * (mean @ [40.0, -25.0])
    assert far.distance**2 == pytest.approx(near.distance**2 + added, rel=1e-12)


def test_separated_blobs():
    """No mass along some interfaces: against the simplex, whose atoms do not care."""
    grid = Grid((Axis("x", -8.0, 8.0, 48, "open"), Axis("y", -8.0, 8.0, 48, "open")))
    x, y = np.moveaxis(grid.points, -1, 0)
    density = density_on(grid, np.exp(-2 * ((x - 4) ** 2 + y**2)) + np.exp(-2 * ((x + 4) ** 2 + y**2)))
    for size in (10, 31):
        points = draw(density, size, size)
        found = SemiDiscrete().target(density).solve(points)
        assert found.converged
        atoms = wasserstein_with_bias(points, density, 2, PLANE)
        assert abs(found.distance - float(atoms.wasserstein)) < float(atoms.bias)


def test_it_says_when_it_has_not_converged():
    points = draw(wavy(), 60, 11)
    exact = SemiDiscrete().target(wavy()).solve(points)
    assert exact.converged
    assert exact.residual <= 1e-9
    with pytest.warns(UserWarning, match=r"not converged in 1 steps: 0\.\d+ of the mass"):
        early = SemiDiscrete(iterations=1).target(wavy()).solve(points)
    assert not early.converged
    assert early.residual > 1e-9
    assert early.distance <= exact.distance


def test_dataset_of_everything_found():
    points = draw(wavy(), 12, 12)
    found = semi_discrete_transport(points, wavy())
    assert float(found.wasserstein) == SemiDiscrete().target(wavy()).distance(points)
    assert bool(found.converged)
    np.testing.assert_allclose(found.cell_mass, 1 / 12, rtol=1e-7)
    assert float(found.potential.mean()) == pytest.approx(0, abs=1e-15)
    assert all("long_name" in found[name].attrs for name in found.data_vars)


def test_what_cannot_be_computed_is_refused(phase_density):
    with pytest.raises(ValueError, match="two axes"):
        SemiDiscrete().target(phase_density)
    with pytest.raises(ValueError, match="tolerance"):
        SemiDiscrete(tolerance=0.0)
    assert SemiDiscrete(("x", "v")).target(phase_density).floor(10) is None
    first = SemiDiscrete().target(wavy())
    assert first.difference(first) == 0.0


@pytest.mark.slow
def test_a_thousand_points():
    density = gaussian(64)
    found = SemiDiscrete().target(density).solve(draw(density, 1000, 13))
    assert found.converged
    assert found.steps < 30

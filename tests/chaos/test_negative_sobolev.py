"""Negative Sobolev norms: exact floors, two ways of summing, invariances."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.marginals import tents
from mfpde.chaos.negative_sobolev import DIRECT, Sobolev, empirical_coefficients
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid


def draw(density, size, seed):
    return from_density(density).rvs(size, np.random.default_rng(seed))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_fast_transform_equals_the_direct_sum(dim):
    axes = (Axis("x", -1.0, 2.0, 8), Axis("y", 0.0, 5.0, 8), Axis("z", -3.0, 0.5, 8, "open"))[:dim]
    size = DIRECT // 5 + 1  # with 5 modes, just past the direct sum
    points = np.random.default_rng(0).uniform(-4.0, 6.0, (size, dim))
    found = empirical_coefficients(points, axes, 5)
    modes = np.stack(np.meshgrid(*[np.arange(-5, 6)] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    scaled = (points - [axis.lower for axis in axes]) / [axis.length for axis in axes]
    direct = np.array([np.exp(-2j * np.pi * (scaled @ m)).mean() for m in modes])
    np.testing.assert_allclose(found.ravel(), direct, atol=2e-12)


def test_both_branches_agree_in_one_dimension():
    axis = Axis("x", 0.0, 1.0, 8)
    points = np.random.default_rng(1).random((DIRECT // 8, 1))
    fast = empirical_coefficients(np.concatenate([points, points]), (axis,), 8)
    np.testing.assert_allclose(empirical_coefficients(points, (axis,), 8), fast, atol=2e-12)


@pytest.mark.parametrize("axes", [None, ("v",), ("x", "v")])
def test_exact_floor_against_samples(phase_density, axes):
    target = Sobolev(axes=axes).target(phase_density)
    squares = np.array([target.distance(draw(phase_density, 30, seed)) ** 2 for seed in range(1500)])
    z = (squares.mean() - target.floor(30) ** 2) / (squares.std() / np.sqrt(squares.size))
    assert abs(z) < 4


def test_coefficients_are_those_of_the_tents(phase_density):
    """Against dense quadrature of the piecewise-linear marginal, beyond the grid's own Nyquist mode."""
    density = phase_density.sum("v") * (12 / 48)
    target = Sobolev(modes=40).target(density)
    weights, grid = tents(density, ("x",))
    axis = grid["x"]
    y = axis.lower + (np.arange(200_000) + 0.5) * axis.length / 200_000
    s = (y - axis.points[0]) / axis.spacing
    j = np.floor(s).astype(int)
    values = weights[j % axis.size] * (1 - (s - j)) + weights[(j + 1) % axis.size] * (s - j)
    m = np.array([1, 2, 17, 33, 40])
    quadrature = (values * np.exp(-2j * np.pi * np.outer(m, y) / axis.length)).sum(1) / values.sum()
    np.testing.assert_allclose(target.coefficients[40 + m], quadrature, atol=1e-9)


def test_value_for_one_point_and_the_uniform_density():
    """ρ̂ = 0 and |μ̂| = 1 at every k ≠ 0: the squared norm is Σ (1 + k²)^{−1}."""
    uniform = field(np.ones(16) / 3.0, Grid((Axis("x", 0.0, 3.0, 16),)), "density")
    k = 2 * np.pi / 3 * np.arange(1, 33)
    expected = np.sqrt(2 * np.sum(1 / (1 + k**2)))
    target = Sobolev().target(uniform)
    assert target.distance([[0.77]]) == pytest.approx(expected, rel=1e-12)
    assert target.floor(1) == pytest.approx(expected, rel=1e-12)
    assert target.floor(100) == pytest.approx(expected / 10, rel=1e-12)


def test_default_order_is_above_half_the_dimension(phase_density):
    points = draw(phase_density, 20, 2)
    for axes, s in ((("x",), 1), (("x", "v"), 2)):
        default = Sobolev(axes=axes).target(phase_density).distance(points)
        assert default == Sobolev(s=s, axes=axes).target(phase_density).distance(points)


def test_translations_laps_and_order_change_nothing(phase_density):
    target = Sobolev(axes=("x", "v")).target(phase_density)
    points = draw(phase_density, 300, 3)
    distance = target.distance(points)
    assert target.distance(points[::-1] + np.array([8 * np.pi, 0.0])) == pytest.approx(distance, rel=1e-9)
    moved = Sobolev(axes=("x", "v")).target(phase_density.roll(x=5, roll_coords=False))
    shift = np.array([5 * 4 * np.pi / 32, 0.0])
    assert moved.distance(points + shift) == pytest.approx(distance, rel=1e-9)


def test_difference_of_resolutions():
    def density(size):
        axis = Axis("x", 0.0, 2 * np.pi, size)
        return field((1 + 0.5 * np.cos(axis.points)) / (2 * np.pi), Grid((axis,)), "density")

    fine = Sobolev().target(density(1024))
    errors = [Sobolev().target(density(size)).difference(fine) for size in (16, 32, 64)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    # One mode: ρ̂(±1) = ¼ sinc²(h/2), so the norm is √(2/2) ¼ |Δ sinc²| plus the aliases, of order h² smaller.
    sinc = [np.sinc(1 / size) ** 2 for size in (64, 1024)]
    assert errors[2] == pytest.approx(abs(sinc[0] - sinc[1]) / 4, rel=1e-2)


def test_what_cannot_be_computed_is_refused(phase_density):
    for s in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="at least 0"):
            Sobolev(s=s)
    with pytest.raises(ValueError, match="modes"):
        Sobolev(modes=0)
    with pytest.raises(ValueError, match="has x, v"):
        Sobolev(axes=("w",)).target(phase_density)
    other = Sobolev(axes=("v",)).target(phase_density)
    with pytest.raises(ValueError, match="different boxes"):
        Sobolev().target(phase_density).difference(other)
    grid = Grid(tuple(Axis(name, 0.0, 1.0, 2) for name in ("x", "y", "vx", "vy")))
    with pytest.raises(ValueError, match="3 axes at most"):
        Sobolev(axes=grid.names).target(field(np.ones(grid.shape), grid, "density"))


def uniform_square(size=8):
    grid = Grid((Axis("x", 0.0, 2 * np.pi, size), Axis("y", 0.0, 2 * np.pi, size)))
    return field(np.ones(grid.shape) / (2 * np.pi) ** 2, grid, "density")


@pytest.mark.parametrize("s", [1.05, 1.5, 2.7])
def test_any_order_above_half_the_dimension(s):
    """One point against the uniform law of (0, 2π)²: the square is Σ_{k≠0} (1 + |k|²)^{−s}."""
    m = np.arange(-32, 33)
    k_squared = np.add.outer(m**2, m**2).ravel()
    expected = np.sum((1.0 + k_squared[k_squared > 0]) ** -s)
    target = Sobolev(s=s, axes=("x", "y")).target(uniform_square())
    assert target.distance([[0.3, 5.0]]) ** 2 == pytest.approx(expected, rel=1e-11)
    assert target.floor(7) ** 2 == pytest.approx(expected / 7, rel=1e-11)


@pytest.mark.parametrize("s", [0.0, 0.5, 1.0])
def test_low_orders_say_that_they_depend_on_the_modes(s):
    """Up to s = n/2 the sum over the modes diverges: like log M for s = 1, like M^{2−2s} below."""
    squares = []
    for modes in (8, 16, 32, 64):
        with pytest.warns(UserWarning, match=f"belongs to modes={modes}"):
            target = Sobolev(s=s, axes=("x", "y"), modes=modes).target(uniform_square())
        squares.append(target.distance([[1.0, 2.0]]) ** 2)
        assert squares[-1] == pytest.approx(target.floor(1) ** 2, rel=1e-10)
    growth = np.diff(squares)
    # Each doubling adds 2π log 2 for s = 1, up to O(1/M), which the extrapolation removes; below, what it
    # adds grows by 2^{2−2s}, up to 1/M.
    if s == 1.0:
        assert 2 * growth[-1] - growth[-2] == pytest.approx(2 * np.pi * np.log(2), rel=2e-3)
    else:
        assert growth[-1] / growth[-2] == pytest.approx(2 ** (2 - 2 * s), rel=0.03)


@pytest.mark.parametrize("size", [100, 1000])
def test_variance_of_one_mode_against_the_reference(reference, size):
    """E|μ̂_N(k) − ρ̂(k)|² for N(0, 1): the floor of a norm of few modes is a weighted sum of these."""
    k = {100: 1.0, 1000: 2.0}[size]
    axis = Axis("v", -4 * np.pi, 4 * np.pi, 512, "open")  # k = m/4
    values = np.exp(-(axis.points**2) / 2)
    density = field(values / values.sum() / axis.spacing, Grid((axis,)), "density")
    targets = [Sobolev(modes=m).target(density) for m in (int(4 * k), int(4 * k) - 1)]
    squares = [target.floor(size) ** 2 for target in targets]
    variance = (squares[0] - squares[1]) / (2 * (1 + k**2) ** -1.0)
    # The tents widen the Gaussian by the variance h²/6 = 4e-4.
    expected = reference[f"F.fourier_var(N={size},k={k})"]["value"]
    assert variance == pytest.approx(expected, rel=2e-3 * k)

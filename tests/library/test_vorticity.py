"""Vorticity as densities with circulations, on the torus and in the plane, from values and from functions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from mfpde import laws
from mfpde.dataset import field
from mfpde.laws.vorticity import InBox, from_vorticity
from mfpde.problems import Problem
from mfpde_solvers.equations import NavierStokes
from mfpde_solvers.grid import Axis, Grid

TORUS = Grid((Axis("x", 0.0, 2 * np.pi, 48), Axis("y", 0.0, 2 * np.pi, 40)))
PLANE = Grid((Axis("x", -6.0, 6.0, 120, "open"), Axis("y", -6.0, 6.0, 120, "open")))


def waves(x):
    return np.cos(x[..., 0]) * np.sin(2 * x[..., 1]) + 0.3 * np.sin(3 * x[..., 0])


def pair(x):
    """Vortices of circulations 2 and −1/2, well apart."""
    one = laws.Maxwellian((2.0, 0.0), 0.5, 2).pdf(x)
    return 2 * one - 0.5 * laws.Maxwellian((-2.0, 0.5), 0.4, 2).pdf(x)


def merged(law, circulations, x):
    """Σ m P(M = m) ρ(x | m)."""
    return sum(m * w * part.pdf(x) for m, w, part in zip(circulations, law.weights, law.laws, strict=True))


@pytest.mark.parametrize(("function", "grid"), [(waves, TORUS), (pair, PLANE)], ids=["torus", "plane"])
@pytest.mark.parametrize("gridded", [False, True])
def test_the_vortices_have_the_vorticity(function, grid, gridded):
    if gridded:
        law, circulations = from_vorticity(field(function(grid.points), grid, "vorticity"))
        x = grid.points
    else:
        law, circulations = from_vorticity(function, grid)
        x = np.random.default_rng(0).uniform(-5, 5, (200, 2))
    scale = np.abs(function(grid.points)).max()
    np.testing.assert_allclose(merged(law, circulations, x), function(x), atol=1e-9 * scale)
    for part in law.laws:
        assert laws.density_and_mass(part, grid)[1] == pytest.approx(1.0, abs=1e-9)


def test_on_the_torus_the_densities_are_smooth_and_equally_likely():
    """ρ± = ½(1 ± ω/A)/|T| with m = ±A|T|, A the largest |ω| on the grid."""
    values = waves(TORUS.points)
    law, circulations = from_vorticity(field(values, TORUS, "vorticity"))
    A = np.abs(values).max()
    assert law.weights == (0.5, 0.5)
    assert circulations == pytest.approx((A * 4 * np.pi**2, -A * 4 * np.pi**2))
    area = 4 * np.pi**2
    np.testing.assert_allclose(law.laws[0].pdf(TORUS.points), (1 + values / A) / area, atol=1e-12)
    assert min(part.pdf(TORUS.points).min() for part in law.laws) >= 0


def test_in_the_plane_there_is_a_share_of_each_sign():
    law, circulations = from_vorticity(pair, PLANE)
    overlap = 1e-5  # of the two vortices, whose parts of either sign cancel there
    assert circulations == pytest.approx((2.5, -2.5), rel=overlap)
    assert law.weights == pytest.approx((0.8, 0.2), rel=overlap)
    positive, all_equal = from_vorticity(lambda x: 3 * laws.Maxwellian(0.0, 1.0, 2).pdf(x), PLANE)
    assert all_equal == pytest.approx((3.0,))
    assert positive.weights == (1.0,)


@pytest.mark.parametrize(("function", "grid"), [(waves, TORUS), (pair, PLANE)], ids=["torus", "plane"])
@pytest.mark.parametrize("gridded", [False, True])
def test_samples_follow_the_vorticity(function, grid, gridded):
    """∫ω cos(x − y/2) within four standard errors, and the ends of the box."""
    omega = field(function(grid.points), grid, "vorticity") if gridded else function
    law, circulations = from_vorticity(omega, None if gridded else grid)
    problem = Problem(NavierStokes(0.1, circulations), law, grid, 1.0)
    x, m = laws.draw(problem.law, problem.equation, 40_000, np.random.default_rng(1))
    assert set(m) == set(circulations)

    def observable(x):
        return np.cos(x[..., 0] - x[..., 1] / 2)

    values = m * observable(x)
    fine = grid.resized(dict.fromkeys(grid.names, 480))
    expected = fine.integrate(merged(problem.law, circulations, fine.points) * observable(fine.points))
    assert abs(values.mean() - expected) < 4 * values.std() / 200
    for i, axis in enumerate(grid.axes):
        assert axis.lower <= x[:, i].min()
        assert x[:, i].max() <= axis.upper


def test_rejection_samples_the_density():
    grid = Grid((Axis("x", -1.0, 1.0, 64, "open"),))
    law = InBox(lambda x: 1.5 * x[..., 0] ** 2, grid, 1.5)
    x = law.rvs(20_000, np.random.default_rng(2))
    assert stats.kstest(x[:, 0], lambda q: (1 + q**3) / 2).pvalue > 1e-3
    np.testing.assert_array_equal(law.pdf([[1.5], [-2.0], [0.5]]), [0.0, 0.0, 0.375])
    with pytest.raises(ValueError, match="exceeds its bound"):
        InBox(lambda x: 1.5 * x[..., 0] ** 2, grid, 1.0).rvs(1000, np.random.default_rng(2))


def test_they_travel_by_pickle():
    law, _ = from_vorticity(waves, TORUS)
    copy = pickle.loads(pickle.dumps(law))
    np.testing.assert_array_equal(copy.pdf(TORUS.points), law.pdf(TORUS.points))
    assert len(repr(law)) < 200


def test_dimensions_are_found_by_name():
    data = field(waves(TORUS.points), TORUS, "vorticity").transpose("y", "x")
    turned, m = from_vorticity(data)
    law, n = from_vorticity(field(waves(TORUS.points), TORUS, "vorticity"))
    assert m == n
    x = np.random.default_rng(3).uniform(0, 6, (50, 2))
    np.testing.assert_array_equal(turned.laws[0].pdf(x), law.laws[0].pdf(x))


SERIES = field(waves(TORUS.points)[None], TORUS, "vorticity", {"time": np.zeros(1)})
MIXED = Grid((TORUS.axes[0], PLANE.axes[1]))


@pytest.mark.parametrize(
    ("omega", "grid", "error", "message"),
    [
        (lambda x: 1 + np.cos(x[..., 0]), TORUS, ValueError, "mean 1 on the torus.*subtract"),
        (lambda x: 0 * x[..., 0], TORUS, ValueError, "not vanish"),
        (lambda x: np.nan * x[..., 0], PLANE, ValueError, "finite"),
        (lambda x: x, PLANE, ValueError, "it must map"),
        (waves, MIXED, ValueError, "all periodic or all open"),
        (waves, None, TypeError, "function with a grid"),
        (3.0, TORUS, TypeError, "DataArray"),
        (field(waves(TORUS.points), TORUS, "vorticity"), TORUS, TypeError, "its own grid"),
        (xr.DataArray(np.ones(3), dims="q"), None, ValueError, "q"),
        (SERIES, None, ValueError, r"still has dimension time.*isel\(time=-1\)"),
    ],
)
def test_what_is_no_vorticity_is_refused(omega, grid, error, message):
    with pytest.raises(error, match=message):
        from_vorticity(omega, grid)

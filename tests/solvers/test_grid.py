"""Axis and Grid: coordinates, wavenumbers, quadrature, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfpde_solvers.grid import Axis, Grid


def phase_space(n=16, m=32):
    return Grid((Axis("x", 0.0, 2.0, n), Axis("v", -6.0, 6.0, m, "open")))


def test_points_are_cell_centres():
    axis = Axis("x", -1.0, 3.0, 8)
    assert np.allclose(np.diff(axis.points), 0.5)
    assert axis.points[0] == -0.75
    assert np.array_equal(axis.edges[[0, -1]], [-1.0, 3.0])


def test_wavenumbers_differentiate_a_mode():
    axis = Axis("x", 0.0, 3.0, 32)
    k = 2 * np.pi * 5 / 3
    spectrum = np.fft.fft(np.sin(k * axis.points))
    derivative = np.fft.ifft(1j * axis.wavenumbers * spectrum).real
    assert np.allclose(derivative, k * np.cos(k * axis.points), atol=1e-12 * k)


def test_integrates_a_gaussian_to_round_off_and_keeps_leading_dimensions():
    grid = phase_space()
    x, v = np.moveaxis(grid.points, -1, 0)
    f = (1 + 0.3 * np.cos(np.pi * x)) / 2 * np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi)
    assert grid.integrate(f) == pytest.approx(1.0, abs=1e-8)  # Gaussian tail beyond 6: 2e-9
    stacked = np.stack([f, 2 * f])
    assert grid.integrate(stacked) == pytest.approx([1.0, 2.0], abs=1e-8)
    assert grid.integrate(stacked, ["v"]).shape == (2, 16)
    assert np.allclose(grid.velocities.integrate(grid.integrate(f, ["x"])), grid.integrate(f))


def test_edge_mass_counts_the_outermost_cells_of_open_axes():
    grid = phase_space()
    f = np.zeros(grid.shape)
    f[:, 0], f[:, -1], f[0, 5] = 1.0, 2.0, 7.0
    assert grid.edge_mass(f) == {"v": pytest.approx(3.0 * 16 * grid.cell_volume)}


@given(st.floats(-50, 50), st.integers(-3, 3))
def test_wrap_finds_the_representative(x, turns):
    axis = Axis("x", -1.0, 1.5, 4)
    wrapped = float(axis.wrap(x))
    assert axis.lower <= wrapped < axis.upper
    distance = (wrapped - float(axis.wrap(x + turns * axis.length)) + axis.length / 2) % axis.length
    assert distance == pytest.approx(axis.length / 2, abs=1e-12 * 200)


def test_selects_resizes_and_splits():
    grid = phase_space()
    assert grid.positions.names == ("x",)
    assert grid.velocities.names == ("v",)
    assert grid.resized({"x": 4}).shape == (4, 32)
    assert grid.select(["v"]).shape == (32,)
    assert grid["v"].boundary == "open"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("q", 0, 1, 4), "unknown"),
        (("x", 1, 0, 4), "lower < upper"),
        (("x", 0, np.inf, 4), "finite"),
        (("x", 0, 1, 1), "at least 2"),
        (("x", 0, 1, 4.5), "integer"),
        (("x", 0, 1, 4, "closed"), "'periodic' or 'open'"),
    ],
)
def test_axis_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Axis(*arguments)


def test_grid_refuses():
    x, v = phase_space().axes
    with pytest.raises(ValueError, match="before velocity"):
        Grid((v, x))
    with pytest.raises(ValueError, match="own name"):
        Grid((x, x))
    with pytest.raises(ValueError, match="it has x, v"):
        phase_space()["y"]

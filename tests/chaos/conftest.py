"""Densities shared by the tests of the measures."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mfpde.dataset import field
from mfpde_solvers.grid import Axis, Grid


@pytest.fixture
def phase_density() -> xr.DataArray:
    """(1 + 0.4 cos(x/2)) times a Gaussian, on a circle of length 4π times a line, total mass 1."""
    grid = Grid((Axis("x", 0.0, 4 * np.pi, 32), Axis("v", -6.0, 6.0, 48, "open")))
    x, v = np.moveaxis(grid.points, -1, 0)
    values = (1 + 0.4 * np.cos(x / 2)) * np.exp(-(v**2) / 2)
    return field(values / grid.integrate(values), grid, "density")

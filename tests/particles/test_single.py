"""Pair sums in single precision beside those in double."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.particles.forces import forces_for
from mfpde_solvers.kernels import BiotSavart, Coulomb, KellerSegel, Kuramoto, LogGas, PowerLaw, Riesz

KERNELS = [
    Coulomb(1, 1.0, 0.1), Coulomb(2), Coulomb(3), Coulomb(3, -1.0, 0.05), BiotSavart(), KellerSegel(5.0),
    LogGas(3, 1.0), Riesz(2, 0.5), Riesz(3, 0.5), Riesz(3, 2.5), PowerLaw(3, 1.5, 1.0, 0.1),
]  # fmt: skip


def whole(dim):
    return mf.Grid(tuple(mf.Axis(name, -4.0, 4.0, 8, "open") for name in "xyz"[:dim]))


def lattice(dim, offset):
    """Points at least 0.05 apart, far from the origin: their mean is taken off before they are rounded."""
    rng = np.random.default_rng(0)
    side = {1: 200, 2: 15, 3: 6}[dim]
    cells = np.stack(np.meshgrid(*[np.arange(side)] * dim, indexing="ij"), -1).reshape(-1, dim)
    return 0.1 * cells + rng.uniform(0, 0.05, cells.shape) + offset


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("charged", [False, True])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_forces_of_separated_points_are_those_in_double_precision(kernel, charged, offset):
    """Offsets are exact to 2e-7 of the extent, 1.5, and r^{−p} to p times that over r ≥ 0.05."""
    x = lattice(kernel.dim, offset)
    mass = np.random.default_rng(1).normal(size=len(x)) if charged else None
    pairs = kernel.on(whole(kernel.dim))
    double, single = (forces_for(pairs, method)(x, 0.3, mass) for method in ("direct", "single"))
    assert single.dtype == np.float64
    scale = np.sqrt((double**2).mean())
    assert np.abs(single - double).max() < 1e-4 * scale
    assert np.abs(single - double).max() > 0  # it is another precision


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_coinciding_points_exert_no_force(kernel):
    x = np.zeros((3, kernel.dim))
    x[2] = 1.0
    force = forces_for(kernel.on(whole(kernel.dim)), "single")(x, 1.0)
    assert np.isfinite(force).all()
    assert force[0] == pytest.approx(force[1], abs=0)


def test_a_simulation_in_single_precision_stays_beside_the_double_one():
    problem = mf.problems.lamb_oseen()
    runs = [mf.simulate(problem, 200, [0.0, 0.2], dt=0.02, forces=f, seed=1) for f in ("direct", "single")]
    gap = np.abs(runs[0].x - runs[1].x).max()
    assert 0 < gap < 1e-3
    assert runs[1].forces == "single"


def test_other_kernels_and_domains_are_refused():
    circle = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 8),))
    with pytest.raises(ValueError, match="forces='direct'"):
        forces_for(Kuramoto(1.0).on(circle), "single")
    torus = mf.Grid(tuple(mf.Axis(name, 0.0, 1.0, 8) for name in "xy"))
    with pytest.raises(ValueError, match="whole space"):
        forces_for(Coulomb(2).on(torus), "single")

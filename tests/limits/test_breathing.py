"""Breathing modes of singular data: uniform slabs and discs whose radius obeys an ordinary equation.

The data are push-forwards of the uniform law on a sphere: its projection on two coordinates is the waterbag
f ∝ (1 − x²/R² − v²/ε²)_+^{−1/2}, and in four dimensions it is the Kapchinskij–Vladimirskij beam itself.
Grids see them by the masses of their cells, so that the first errors are those of a smoothing over a cell.
"""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import qmc

import mfpde as mf
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.kernels import Coulomb


def sphere(dim, log2_count):
    """A low-discrepancy sample of the uniform law on the unit sphere of ℝ^dim."""
    u = qmc.Sobol(dim, scramble=True, rng=np.random.default_rng(0)).random_base2(log2_count)
    z = ndtri(np.clip(u, 1e-12, 1 - 1e-12))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def open_box(names, half, cells):
    return mf.Grid(tuple(mf.Axis(name, -h, h, cells, "open") for name, h in zip(names, half, strict=True)))


def masses(points, grid):
    counts, _ = np.histogramdd(points, [axis.edges for axis in grid.axes])
    return counts / (len(points) * grid.cell_volume)


def radius(problem, times, moments):
    """R from ∫|x|²ρ = R²·``moments``, through solve."""
    save = [f"density({', '.join(problem.grid.positions.names)})"]
    found = mf.solve(problem, times, save=save)
    ρ = next(iter(found[name] for name in found.data_vars if str(name).startswith("density")))
    square = sum(found[name] ** 2 for name in problem.grid.positions.names)
    second = (ρ * square).sum(problem.grid.positions.names) * problem.grid.positions.cell_volume
    return np.sqrt(second.values / moments)


def waterbag(cells):
    """K = sgn(x)/2, ε = 1/2: R″ = 1/2 + ε²/R³."""
    grid = open_box(("x", "v"), (6.0, 4.0), cells)
    points = sphere(3, 21)[:, :2] * [1.0, 0.5]
    law = from_density(field(masses(points, grid), grid, "density"))
    return mf.Problem(Vlasov(Coulomb(1, 0.5)), law, grid, 2.0)


@pytest.mark.filterwarnings("ignore:.*ends of")
def test_waterbag_in_one_dimension(reference):
    """The singular edge leaves an order between one and two, measured on the worst of two times."""
    expected = np.array(reference["A.waterbag1D.c1.eps0.5"]["value"]["R"])
    errors = [np.abs(radius(waterbag(n), [1.0, 2.0], 1 / 3) - expected) for n in (96, 192, 384)]
    worst = np.array([error.max() for error in errors])
    assert worst[-1] < 4e-4
    assert (np.log2(worst[:-1] / worst[1:]) > 1.4).all()


@pytest.mark.parametrize(
    ("case", "strength", "emittance", "times", "half"),
    [
        ("A.KV2D.c1.eps1", 1.0, 1.0, [1.0], (3.2, 3.2, 2.8, 2.8)),
        ("A.KV2D.attractive.c-1.eps0.8", -1.0, 0.8, [1.0], (2.2, 2.2, 2.6, 2.6)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*ends of")
def test_beam_in_two_dimensions(reference, case, strength, emittance, times, half):
    """K = c x/|x|²: R″ = c/R + ε²/R³; |x|² has mean R²/2 in a uniform disc."""
    value = reference[case]["value"]
    expected = np.array([R for t, R in zip(value["t"], value["R"], strict=True) if t in times])
    errors = []
    for cells in (24, 48):
        grid = open_box(("x", "y", "vx", "vy"), half, cells)
        points = sphere(4, 21) * [1.0, 1.0, emittance, emittance]
        law = from_density(field(masses(points, grid), grid, "density"))
        problem = mf.Problem(Vlasov(Coulomb(2, strength)), law, grid, times[-1])
        errors.append(np.abs(radius(problem, times, 1 / 2) / expected - 1).max())
    assert errors[1] < 5e-3
    assert errors[1] < errors[0] / 2.5

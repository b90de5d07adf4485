"""Blow-up of attracting densities: recognised, timed within the uncertainty, not seen where there is none."""

import pickle

import numpy as np
import pytest

from mfpde_solvers.equations import KellerSegel, McKeanVlasov
from mfpde_solvers.evolve import BlowUp, ResolutionLost, evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.mckean_vlasov.blow_up import estimate_blow_up
from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume

PLANE = 6.0


def plane(n, boundary="open"):
    return Grid((Axis("x", -PLANE, PLANE, n, boundary), Axis("y", -PLANE, PLANE, n, boundary)))


def gaussian(grid, mean=(0.0, 0.0), variance=1.0):
    ρ = np.exp(-((grid.points - np.array(mean)) ** 2).sum(axis=-1) / (2 * variance))
    return ρ / grid.integrate(ρ)


def blow_up(equation, grid, density, horizon, dt=None):
    run = FiniteVolume().prepare(equation, grid, density, dt)
    with pytest.raises(BlowUp) as caught:
        list(evolve(run, [horizon]))
    return caught.value


@pytest.mark.parametrize("mean", [(0.0, 0.0), (0.017, -0.031)], ids=["on a corner", "off the grid"])
@pytest.mark.parametrize("chi", ["10pi", "12pi", "16pi"])
def test_one_run_times_the_blow_up(reference, chi, mean):
    """The exact time lies within the uncertainty, below a tenth of it, and the virial bound beyond."""
    case = reference[f"C.ks.blow_up_time[chi={chi}]"]
    χ, T = case["params"]["chi"], case["value"]
    grid = plane(128)
    seen = blow_up(KellerSegel(χ), grid, gaussian(grid, mean), 3.0)
    assert abs(seen.time - T) < seen.uncertainty < 0.1 * T
    assert seen.time < 2 / (χ / (2 * np.pi) - 4)
    copy = pickle.loads(pickle.dumps(seen))
    assert (copy.time, copy.reason, copy.uncertainty) == (seen.time, seen.reason, seen.uncertainty)


def test_two_grids_time_the_blow_up(reference):
    bound = reference["C.ks.blowup_bound(chi=12pi,Gaussian N(0,I))"]["value"]
    T = reference["C.ks.blow_up_time[chi=12pi]"]["value"]
    grid = plane(160)
    time, uncertainty = estimate_blow_up(KellerSegel(12 * np.pi), grid, gaussian(grid), bound)
    assert abs(time - T) < uncertainty
    assert time < bound


@pytest.mark.slow
def test_finer_grids_agree(reference):
    """256² and 512² agree within their uncertainties, which hold the exact time and shrink."""
    bound = reference["C.ks.blowup_bound(chi=12pi,Gaussian N(0,I))"]["value"]
    T = reference["C.ks.blow_up_time[chi=12pi]"]["value"]
    equation = KellerSegel(12 * np.pi)
    coarse, fine = (estimate_blow_up(equation, plane(n), gaussian(plane(n)), bound) for n in (256, 512))
    assert abs(fine.time - coarse.time) < fine.uncertainty + coarse.uncertainty
    assert fine.uncertainty < coarse.uncertainty / 2
    for estimate in (coarse, fine):
        assert abs(estimate.time - T) < estimate.uncertainty
        assert estimate.time < bound


def test_without_noise(reference):
    """T = 1/(χ max ρ₀) by characteristics."""
    T = reference["D.attractive2d.sigma0.blowup_time(chi=1,N(0,I))"]["value"]
    grid = plane(160)
    seen = blow_up(KellerSegel(1.0, 0.0), grid, gaussian(grid), 8.0)
    assert abs(seen.time - T) < seen.uncertainty < 0.1 * T
    time, uncertainty = estimate_blow_up(KellerSegel(1.0, 0.0), grid, gaussian(grid), 8.0)
    assert abs(time - T) < uncertainty
    assert abs(time - T) < 0.01 * T


@pytest.mark.parametrize("chi", [4 * np.pi, 8 * np.pi], ids=["below", "at"])
def test_none_up_to_the_critical_mass(chi):
    grid = plane(64)
    run = FiniteVolume(tolerance=1e-5).prepare(KellerSegel(chi), grid, gaussian(grid, variance=0.5))
    list(evolve(run, [1.0]))
    assert run.diagnostics()["cell_mass"] < 0.1


def test_none_on_the_torus_for_spread_data():
    """8πσ < χ < 4π²σ: a perturbed uniform state relaxes, though its mass is above the critical one."""
    grid = plane(48, "periodic")
    density = 1 + 0.3 * np.cos(np.pi * grid.points[..., 0] / PLANE)
    density /= grid.integrate(density)
    run = FiniteVolume(tolerance=1e-5).prepare(KellerSegel(30.0), grid, density)
    list(evolve(run, [20.0]))
    assert run.diagnostics()["maximum"] < 1.2 / grid.integrate(1.0 + 0 * density)


def test_concentrated_data_blow_up_on_the_torus(reference):
    """Later than in the plane: the background adds χM₂/|T| to M₂′ = 4σ − χ/2π, 16 % to the virial bound."""
    T = reference["C.ks.blow_up_time[chi=12pi]"]["value"]
    grid = plane(128, "periodic")
    seen = blow_up(KellerSegel(12 * np.pi), grid, np.roll(gaussian(grid), (50, -30), (0, 1)), 3.0)
    assert T < seen.time < 1.16 * T


def test_a_run_restored_before_the_blow_up_sees_the_same():
    grid, equation = plane(96), KellerSegel(12 * np.pi)
    whole, part = (FiniteVolume().prepare(equation, grid, gaussian(grid)) for _ in range(2))
    ends = []
    for run in (whole, part):
        list(evolve(run, [0.45]))
    restored = FiniteVolume().prepare(equation, grid, gaussian(grid))
    restored.restore(part.state())
    for run in (whole, restored):
        with pytest.raises(BlowUp) as caught:
            list(evolve(run, [1.0]))
        ends.append((caught.value.time, caught.value.uncertainty, run.time))
    assert ends[0] == ends[1]


def test_space_collapses_too():
    """Newtonian attraction in dimension 3, far above what diffusion resists."""
    axes = tuple(Axis(name, -4.0, 4.0, 36, "open") for name in "xyz")
    grid = Grid(axes)
    seen = blow_up(McKeanVlasov(Coulomb(3, -30.0), 0.5), grid, gaussian(grid, (0.0, 0.0, 0.0)), 3.0)
    assert 0 < seen.time < 1


def test_grids_too_coarse_to_tell():
    grid = plane(16)
    run = FiniteVolume().prepare(KellerSegel(12 * np.pi), grid, gaussian(grid, variance=0.3))
    with pytest.raises(ResolutionLost, match="finer grid"):
        list(evolve(run, [1.0]))


def test_estimates_are_refused_or_not_reached():
    grid = plane(32)
    assert estimate_blow_up(KellerSegel(4 * np.pi), grid, gaussian(grid), 0.1) is None
    with pytest.raises(ValueError, match="attractive"):
        estimate_blow_up(KellerSegel(-1.0), grid, gaussian(grid), 1.0)
    with pytest.raises(ValueError, match="even number"):
        estimate_blow_up(KellerSegel(40.0), plane(33), gaussian(plane(33)), 1.0)

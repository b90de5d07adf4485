"""First-order equations by solve: the choice of the solver, circulations, what is saved, restarts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.choice import default_solver
from mfpde.laws import Maxwellian, Mixture
from mfpde_solvers.equations import KellerSegel, Kuramoto, McKeanVlasov, NavierStokes
from mfpde_solvers.kernels import Coulomb, Harmonic

GAUSSIAN = Maxwellian((0.0, 0.0), 1.0, 2)
CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 64),))


def plane(size=64, half=8.5):
    return mf.Grid(tuple(mf.Axis(name, -half, half, size, "open") for name in "xy"))


def torus(size=32):
    return mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, size) for name in "xy"))


def signed(viscosity=0.1):
    """Taylor and Green's vortices: ω = 2 cos x cos y as a mixture of two circulations."""
    law = Mixture([mf.laws.Perturbed((1.0, 1.0), s) for s in (1.0, -1.0)], (0.5, 0.5))
    m = 8 * np.pi**2
    return mf.Problem(NavierStokes(viscosity, (m, -m)), law, torus(), 1.0)


@pytest.mark.parametrize(
    ("equation", "law", "grid", "name"),
    [
        (KellerSegel(4 * np.pi), GAUSSIAN, plane(), "PseudoSpectral"),
        (KellerSegel(8 * np.pi), GAUSSIAN, plane(), "FiniteVolume"),
        (KellerSegel(-4 * np.pi, 0.0), GAUSSIAN, plane(), "FiniteVolume"),
        (KellerSegel(4 * np.pi), Maxwellian((0.1, 0.0), 0.3, 2), plane(32), "FiniteVolume"),
        (NavierStokes(0.0), GAUSSIAN, plane(), "PseudoSpectral"),
        (Kuramoto(4.0, 0.5), mf.laws.Perturbed(1.0, 0.5), CIRCLE, "PseudoSpectral"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_the_solver_is_chosen_by_the_equation_and_by_the_resolution(equation, law, grid, name):
    problem = mf.Problem(equation, law, grid, 1.0)
    solver, reason = default_solver(problem)
    assert type(solver).__name__ == name
    if name == "FiniteVolume":
        assert any(word in reason for word in ("concentrate", "smoothness", "resolve"))


def test_variables_of_an_aggregation():
    found = mf.solve(mf.Problem(KellerSegel(4 * np.pi), GAUSSIAN, plane(), 0.2), [0.0, 0.1, 0.2])
    assert found["density"].dims == ("time", "x", "y")
    assert {"mean_field_x", "mean_field_y", "potential", "mass", "second_moment", "free_energy"} <= set(found)
    assert found.attrs["dt"] == "adaptive"
    assert found.attrs["status"] == "completed"
    virial = 2 + (4 - 2) * found["diagnostic_time"]
    np.testing.assert_allclose(found["second_moment"], virial, atol=1e-9)
    assert (np.diff(found["free_energy"]) < 0).all()
    assert all("_" not in found[name].attrs["long_name"] for name in found.variables)


def test_circulations_have_a_dimension_and_add_up_to_the_vorticity(tmp_path):
    problem = signed()
    found = mf.solve(problem, [0.0, 1.0], path=tmp_path / "signed.nc")
    assert found["density"].dims == ("time", "circulation", "x", "y")
    np.testing.assert_allclose(found["circulation"], problem.equation.circulations)
    total = (found["density"] * found["circulation"]).sum("circulation")
    np.testing.assert_allclose(total, found["vorticity"], atol=1e-12)
    x, y = np.meshgrid(*problem.grid.coordinates, indexing="ij")
    exact = 2 * np.cos(x) * np.cos(y) * np.exp(-0.2)
    np.testing.assert_allclose(found["vorticity"][1], exact, atol=1e-10)
    cell = problem.grid.cell_volume
    np.testing.assert_allclose(found["density"].sum(("x", "y")) * cell, 0.5, atol=1e-12)


@pytest.mark.parametrize("save", [("density(x)", "vorticity"), ("density[y=0.5]",)])
def test_marginals_and_slices_keep_the_circulations(save):
    problem = signed()
    full = mf.solve(problem, [0.0, 0.5])
    found = mf.solve(problem, [0.0, 0.5], save=save)
    if "vorticity" in save:
        expected = full["density"].sum("y") * problem.grid.spacing[1]
        np.testing.assert_allclose(found["density_x"], expected, atol=1e-14)
        assert (found["vorticity"] == full["vorticity"]).all()
    else:
        expected = full["density"].sel(y=0.5, method="nearest", drop=True)
        np.testing.assert_allclose(found["density_at_y_0p5"], expected, atol=0)


@pytest.mark.parametrize("solver", [None, mf.solvers.FiniteVolume()], ids=["spectral", "volumes"])
def test_a_stopped_run_resumes_bit_for_bit(solver, tmp_path):
    problem = mf.Problem(KellerSegel(4 * np.pi), GAUSSIAN, plane(64), 0.2)
    times = np.linspace(0.0, 0.2, 5)
    whole = mf.solve(problem, times, solver=solver)
    path = tmp_path / "run.nc"
    mf.solve(problem, times[:3], solver=solver, path=path)
    rest = mf.solve(problem, times, solver=solver, path=path, resume=True)
    for name in ("density", "mass", "free_energy"):
        assert (rest[name].values == whole[name].values).all()


def test_both_solvers_agree():
    problem = mf.Problem(KellerSegel(2 * np.pi), Maxwellian((0.3, -0.2), 1.0, 2), plane(256), 0.3)
    spectral = mf.solve(problem, [0.3], solver=mf.solvers.PseudoSpectral())["density"]
    errors = []
    for size in (32, 64, 128):
        coarse = problem.replace(resolution={"x": size, "y": size})
        found = mf.solve(coarse, [0.3], solver=mf.solvers.FiniteVolume())["density"]
        cells = {"x": 256 // size, "y": 256 // size}
        errors.append(float(abs(found.values - spectral.coarsen(cells).mean().values).max() / spectral.max()))
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2.0, abs=0.35)
    assert errors[-1] < 5e-3


def test_blow_up_is_a_status_with_a_time_and_its_uncertainty(tmp_path):
    """χ = 12π from N(0, I): T = 0.68504 by the radial solver, below the virial bound M₂/(χ/2π − 4) = 1."""
    problem = mf.Problem(KellerSegel(12 * np.pi), GAUSSIAN, plane(160, 7.5), 2.0)
    with pytest.warns(UserWarning, match="the run stopped"):
        found = mf.solve(problem, np.linspace(0.0, 2.0, 41), path=tmp_path / "collapse.nc")
    assert found.attrs["status"] == "blow-up"
    time, uncertainty = found.attrs["blow_up_time"], found.attrs["blow_up_uncertainty"]
    assert abs(time - 0.68504) < uncertainty < 0.1
    assert found.attrs["stopped_at"] < time < 1.0
    with xr.open_dataset(tmp_path / "collapse.nc") as stored:
        assert 1 < stored.sizes["time"] == found.sizes["time"]
        assert stored.attrs["blow_up_time"] == time
    assert (np.diff(found["free_energy"]) <= 0).all()


def test_radial_solutions_of_the_plane():
    problem = mf.Problem(KellerSegel(4 * np.pi), GAUSSIAN, plane(), 0.5)
    found = mf.solve(problem, [0.0, 0.5], solver=mf.solvers.Radial())
    assert found["density"].dims == ("time", "r")
    assert found.attrs["solver"] == "Radial()"
    on_plane = mf.solve(problem, [0.0, 0.5])["density"].isel(time=1)
    r = np.hypot(*np.meshgrid(*problem.grid.coordinates, indexing="ij"))
    inside = r < 4
    radial = np.interp(r[inside], found["r"], found["density"].isel(time=1))
    np.testing.assert_allclose(on_plane.values[inside], radial, atol=2e-4)
    with pytest.raises(ValueError, match="shells is no option of Radial"):
        mf.solve(problem, [0.0], solver=mf.solvers.Radial(shells=100))
    moved = problem.replace(law=Maxwellian((0.5, 0.0), 1.0, 2))
    with pytest.raises(ValueError, match="not radial"):
        mf.solve(moved, [0.0], solver=mf.solvers.Radial())


def test_fingerprints_tell_circulations_apart():
    first, second = signed(), signed()
    law = Mixture(second.law.laws, (0.25, 0.75))
    other = second.replace(law=law)
    prints = [mf.solve(p, [0.0], save=("density",)).attrs["fingerprint"] for p in (first, second, other)]
    assert prints[0] == prints[1] != prints[2]
    assert {"kernel", "initial density", "grid", "drift"} <= set(json.loads(prints[0]))


def test_a_confined_gas_comes_to_rest_where_forces_balance():
    """−x and the harmonic attraction: variance σ/(1 + a) on the line."""
    grid = mf.Grid((mf.Axis("x", -8.0, 8.0, 96, "open"),))
    equation = McKeanVlasov(Harmonic(1, 1.0), 0.5, drift=lambda x: -x)
    found = mf.solve(mf.Problem(equation, Maxwellian(), grid, 10.0), [0.0, 10.0])
    variance = float((found["density"][1] * found["x"] ** 2).sum() * grid.cell_volume)
    assert variance == pytest.approx(0.25, abs=1e-8)
    assert "free_energy" not in found  # the potential of the drift is not known


def test_domains_that_are_periodic_in_one_direction():
    axes = (mf.Axis("x", 0.0, 2 * np.pi, 32), mf.Axis("y", -6.0, 6.0, 48, "open"))
    law = mf.laws.Product((mf.laws.Perturbed(1.0, 0.5), Maxwellian(0.0, 0.8)))
    equation = McKeanVlasov(Coulomb(2, -0.2), 0.3)
    found = mf.solve(mf.Problem(equation, law, mf.Grid(axes), 0.5), [0.0, 0.5])
    assert found.attrs["status"] == "completed"
    np.testing.assert_allclose(found["mass"], 1.0, atol=1e-12)

"""What solve accepts and returns, and the way back from a dataset to its problem."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.laws import Maxwellian, Perturbed, Product
from mfpde.problems import catalogue
from mfpde.solution import reference_times
from mfpde_solvers.equations import Vlasov


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})


def beam(speed: float, half: float) -> mf.Problem:
    """A beam of temperature 1/2 that moves freely on a line cut at ``half``."""
    from scipy.stats import multivariate_normal

    kernel = mf.kernels.Coulomb(1, strength=1e-12)
    grid = mf.Grid((mf.Axis("x", -half, half, 64, "open"), mf.Axis("v", -8.0, 8.0, 64, "open")))
    law = multivariate_normal([0.0, speed], np.eye(2) / 2)
    return mf.Problem(mf.equations.Vlasov(kernel), law, grid, 2.0)


def test_variables_and_attributes(problem: mf.Problem) -> None:
    found = mf.solve(problem, [0.0, 0.5])
    assert found["density"].dims == ("time", "x", "v")
    assert found["mean_field_x"].dims == found["potential"].dims == ("time", "x")
    assert {"mass", "kinetic_energy", "total_energy", "entropy", "l2_norm"} <= set(found.data_vars)
    assert found["mass"].dims == ("diagnostic_time",)
    assert all(found[name].attrs["units"] == "1" for name in found.variables)
    assert found.attrs["solver"].startswith("SemiLagrangian(")
    assert "phase-space grid" in found.attrs["solver_reason"]
    assert found.attrs["status"] == "completed"
    assert found.attrs["wall_time"] > 0
    assert json.loads(found.attrs["versions"])["numpy"] == np.__version__
    assert set(json.loads(found.attrs["fingerprint"])) >= {"grid", "kernel", "initial density"}
    for name in ("x", "v"):
        axis = problem.grid[name]
        kept = (found[name].attrs[key] for key in ("lower", "upper", "boundary"))
        assert tuple(kept) == (axis.lower, axis.upper, axis.boundary)


def test_the_density_is_that_of_the_law_with_its_field(problem: mf.Problem) -> None:
    found = mf.solve(problem, [0.0])
    np.testing.assert_allclose(found["density"][0], problem.law.pdf(problem.grid.points), rtol=1e-10)
    # V'' = 1 - (1 + a cos kx) and E = -V' for the unit background: E = a sin(kx) / k
    k, a = 0.5, 0.3
    np.testing.assert_allclose(found["mean_field_x"][0], a / k * np.sin(k * found["x"]), atol=1e-10)
    np.testing.assert_allclose(found["potential"][0], a / k**2 * np.cos(k * found["x"]), atol=1e-10)


def test_default_times(problem: mf.Problem) -> None:
    found = mf.solve(problem.replace(horizon=0.3), save=())
    np.testing.assert_array_equal(found["time"], np.linspace(0, 0.3, 101))


def test_reference_times_serve_pictures_and_studies(problem: mf.Problem) -> None:
    short = problem.replace(horizon=1.0)
    np.testing.assert_array_equal(reference_times(short, None, None), np.linspace(0, 1, 101))
    merged = reference_times(short, None, [0.005, 0.5])
    assert merged.size == 102
    assert 0.005 in merged
    chosen = reference_times(short, [0.1, 0.5], None)
    np.testing.assert_array_equal(chosen, [0.0, 0.1, 0.25, 0.5, 0.75, 1.0])


def test_grid_solver_step_and_variables_may_be_chosen(problem: mf.Problem) -> None:
    solver = mf.solvers.SemiLagrangian(degree=5, splitting="strang")
    grid = problem.grid.resized({"x": 16})
    found = mf.solve(problem, [0.0, 0.5], grid=grid, solver=solver, dt=0.02, save=("density",))
    assert found.sizes["x"] == 16
    assert found.attrs["dt"] == 0.02
    assert found.attrs["solver"] == repr(solver)
    assert found.attrs["solver_reason"] == "given by the user"
    assert "mean_field_x" not in found
    assert json.loads(found.attrs["saved"]) == ["density"]
    # the two are second and fourth order approximations of the same thing
    other = mf.solve(problem, [0.5], grid=grid)
    np.testing.assert_allclose(found["density"][-1], other["density"][-1], atol=2e-4)


def test_every_catalogue_problem_starts_and_comes_back() -> None:
    for name, make in catalogue().items():
        one = make()
        plasma = isinstance(one.equation, Vlasov) and one.grid.dim == 2
        sizes = dict.fromkeys(one.grid.names, 64) if plasma else {}
        one = one.replace(resolution=sizes, horizon=0.5)
        found = mf.solve(one, [0.0])
        again = mf.problem_from(found)
        assert (again.name, again.horizon, again.grid) == (name, 0.5, one.grid)
        assert repr(again) == repr(one)
        np.testing.assert_array_equal(mf.solve(again, [0.0])["density"], found["density"])


def test_a_problem_comes_back_from_a_file(problem: mf.Problem, tmp_path: Path) -> None:
    path = tmp_path / "reference.nc"
    mf.solve(problem, [0.0], path=path)
    for source in (path, str(path)):
        assert repr(mf.problem_from(source)) == repr(problem)


def test_a_problem_made_of_functions_does_not_come_back(problem: mf.Problem) -> None:
    custom = problem.replace(law=Product((Perturbed(0.5, 0.2), Maxwellian())))
    with pytest.raises(ValueError, match=r"not of the catalogue.*Build the Problem again"):
        mf.problem_from(mf.solve(custom, [0.0]))
    with pytest.raises(ValueError, match="an unknown problem"):
        mf.problem_from(xr.Dataset())


def test_another_computation_in_the_same_file_is_refused(problem: mf.Problem, tmp_path: Path) -> None:
    path = tmp_path / "reference.nc"
    mf.solve(problem, [0.0, 0.1], dt=0.1, path=path)
    before = path.read_bytes()
    harmonic = mf.equations.Vlasov(problem.equation.kernel, drift=lambda x: 0.1 * np.sin(x / 2))
    changes: list[tuple[str, dict[str, Any]]] = [
        ("initial density", {"problem": problem.replace(law=Perturbed(0.5, 0.1, Maxwellian()))}),
        ("kernel", {"problem": problem.replace(equation=mf.equations.Vlasov(mf.kernels.Coulomb(1, 2.0)))}),
        ("drift", {"problem": problem.replace(equation=harmonic)}),
        ("grid", {"problem": problem.replace(resolution={"x": 16})}),
        ("solver", {"solver": mf.solvers.SemiLagrangian(degree=5)}),
        ("dt", {"dt": 0.05}),
        ("saved", {"save": ("density",)}),
    ]
    asked: dict[str, Any] = {"problem": problem, "times": [0.0, 0.1], "dt": 0.1, "path": path}
    for named, change in changes:
        with pytest.raises(ValueError, match=f"different: .*{named}"):
            mf.solve(**(asked | change), resume=True)
    assert path.read_bytes() == before


def test_a_box_that_cuts_the_density_is_warned_of_or_refused() -> None:
    def on(half: float, cells: int) -> mf.Problem:
        grid = mf.Grid((mf.Axis("x", 0.0, 1.0, 16), mf.Axis("v", -half, half, cells, "open")))
        equation = mf.equations.Vlasov(mf.kernels.Coulomb(1))
        return mf.Problem(equation, lambda x: np.exp(-(x[..., 1] ** 2) / 2) / np.sqrt(2 * np.pi), grid, 1.0)

    # Gaussian mass of the two outermost cells: 6e-6, then 0.035
    with pytest.warns(UserWarning, match=r"wider .*Axis\('v', -9, 9, 128, 'open'\)"):
        mf.solve(on(4.5, 64), [0.0])
    with pytest.raises(ValueError, match=r"ends of axis 'v'; use .*Axis\('v', -6, 6, 12, 'open'\)"):
        mf.solve(on(3.0, 6), [0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mf.solve(on(9.0, 128), [0.0])


def test_a_beam_that_leaves_the_box_ends_the_run() -> None:
    with pytest.warns(UserWarning, match="run stopped|has reached") as caught:
        found = mf.solve(beam(3.0, 6.0), np.linspace(0, 2, 41))
    messages = [str(warning.message) for warning in caught]
    assert sum("has reached the ends of the open axes" in message for message in messages) == 1
    assert any("the run stopped" in message for message in messages)
    assert found.attrs["status"] == "failed"
    assert "Axis('x', -12, 12, 128, 'open')" in found.attrs["reason"]
    # the beam, of width √(1 + t²)/√2 about 3t, has 1 % of its mass beyond 6 where 6 - 3t = 2.33 widths
    assert 0.8 < float(found["time"][-1]) < 1.3
    assert float((found["edge_mass"] + abs(found["outflow"])).max()) <= 1e-2


@pytest.mark.parametrize(
    ("changed", "error", "named"),
    [
        ({"times": [1.0, 0.0]}, ValueError, "increasing"),
        ({"times": "soon"}, TypeError, "times must be"),
        ({"dt": 0.0}, ValueError, "time step"),
        ({"dt": -1.0}, ValueError, "time step"),
        ({"dt": np.nan}, ValueError, "time step"),
        ({"dt": "small"}, (TypeError, ValueError), "time step"),
        ({"save": ("densty",)}, ValueError, "choose from density"),
        ({"save": "density"}, TypeError, r"\('density',\)"),
        ({"solver": "strang"}, TypeError, "solver"),
        ({"grid": 64}, TypeError, "Grid"),
        ({"problem": "landau_damping"}, TypeError, "Problem"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    changed: dict[str, Any], error: Any, named: str, problem: mf.Problem, tmp_path: Path
) -> None:
    with pytest.raises(error, match=named):
        mf.solve(**({"problem": problem, "times": [0.0]} | changed), path=tmp_path / "reference.nc")
    assert list(tmp_path.iterdir()) == []


def cloud(**moved: float) -> mf.Problem:
    from scipy import stats

    names = ("x", "y", "z", "vx", "vy", "vz")
    grid = mf.Grid(tuple(mf.Axis(name, -6.0, 6.0, 12, "open") for name in names))
    law = stats.multivariate_normal([moved.get(name, 0.0) for name in names])
    return mf.Problem(mf.equations.Vlasov(mf.kernels.Coulomb(3, 1.0)), law, grid, 1.0)


def test_radial_data_are_solved_by_shells(reference: dict[str, Any], tmp_path: Path) -> None:
    solver = mf.solvers.Radial(shells=2**14)
    found = mf.solve(cloud(), [0.0, 0.5, 1.0], solver=solver, path=tmp_path / "radial.nc")
    assert found["density"].dims == ("time", "r")
    assert {"mean_field_r", "potential", "total_energy", "mass_beyond"} <= set(found.data_vars)
    # E|v|²/2 = 3/2 and the self-energy of a Gaussian; 2¹⁴ shells give sums to 1e-6
    assert float(found["kinetic_energy"][0]) == pytest.approx(1.5, abs=1e-5)
    self_energy = reference["A.gauss3d.selfenergy"]["value"]
    assert float(found["potential_energy"][0]) == pytest.approx(self_energy, abs=1e-4)
    assert float(abs(found["total_energy"] / found["total_energy"][0] - 1).max()) < 1e-6
    r = found["r"].values
    inside = float(np.sum(4 * np.pi * r**2 * found["density"][0].values) * (r[1] - r[0]))
    assert inside == pytest.approx(1.0, abs=1e-3)
    again = mf.solve(cloud(), [0.0, 0.5, 1.0], solver=solver, path=tmp_path / "radial.nc", resume=True)
    assert again.identical(found)


def test_data_that_are_not_radial_are_refused_by_the_radial_solver() -> None:
    with pytest.raises(ValueError, match="not spherically symmetric"):
        mf.solve(cloud(x=0.5), [0.0], solver=mf.solvers.Radial())

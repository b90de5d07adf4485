"""The pytest plugin, as a user's test suite sees it, and the assertions."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.comparison import differences, draw

ROOT = Path(__file__).parents[2]

SUITE = """
import numpy as np, xarray as xr

SCALE, NOISE = 1.0, 0.0

def solution():
    x, t = np.linspace(0, 1, 8), [0.0, 0.5, 1.0]
    density = SCALE * np.exp(-np.outer(t, x))
    density[2, 5] += NOISE
    mass = ("time", density.mean(axis=1))
    return xr.Dataset({"density": (("time", "x"), density), "mass": mass}, {"time": t, "x": x})

def test_decay(mfpde_regression):
    mfpde_regression.check(solution(), {"density": (1e-8, 1e-12), "mass": (1e-10, 0.0)})

def test_two(mfpde_regression):
    mfpde_regression.check(solution(), {"mass": (1e-10, 0.0)}, name="first")
    mfpde_regression.check(2 * solution(), {"mass": (1e-10, 0.0)}, name="second")
"""


def installed():
    return any(entry.value == "mfpde.testing" for entry in importlib.metadata.entry_points(group="pytest11"))


@pytest.fixture
def suite(tmp_path):
    """``suite(*options, noise=0.0)``: exit code and output of pytest on a folder with SUITE in it."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-config\nfilterwarnings = error\n")
    plugin = [] if installed() else ["-p", "mfpde.testing"]
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "--basetemp", "pictures"]

    def run(*options, noise=0.0):
        text = SUITE.replace("NOISE = 1.0, 0.0", f"NOISE = 1.0, {noise}")
        (folder / "test_them.py").write_text(text)
        done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    run.folder = folder
    return run


def test_references_are_missing_then_written_then_met(suite):
    code, output = suite()
    assert code == 1
    assert "there is no reference" in output
    assert "--mfpde-regenerate" in output
    assert not (suite.folder / "test_them").exists()
    assert suite("--mfpde-regenerate")[0] == 0
    written = sorted(path.name for path in (suite.folder / "test_them").iterdir())
    assert written == ["first.nc", "second.nc", "test_decay.nc"]
    with xr.open_dataset(suite.folder / "test_them" / "test_decay.nc") as stored:
        assert set(stored.data_vars) == {"density", "mass"}
    assert suite()[0] == 0


def test_a_difference_is_told_and_drawn(suite):
    assert suite("--mfpde-regenerate")[0] == 0
    before = (suite.folder / "test_them" / "test_decay.nc").read_bytes()
    code, output = suite("-k", "decay", noise=1e-3)
    assert code == 1
    assert "2 variables not as in" in output
    assert "density: 1 of 24 values differ, most at time = 1, x = 0.714286" in output
    assert "apart by 0.001 where" in output
    assert "mass: 1 of 3 values differ, most at time = 1:" in output
    (picture,) = set(re.findall(r"picture: (\S+density\.png)", output))
    assert Path(suite.folder, picture).read_bytes().startswith(b"\x89PNG")
    assert (suite.folder / "test_them" / "test_decay.nc").read_bytes() == before  # a failure writes nothing


def test_the_plugin_is_light_and_declared():
    """What pytest loads at its start is neither NumPy nor xarray."""
    program = (
        "import sys, mfpde.testing; print([m for m in ('numpy', 'xarray', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"mfpde": "mfpde.testing"}


@pytest.fixture
def two():
    time, x = [0.0, 1.0, 2.0], [0.5, 1.5]
    values = xr.DataArray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], {"time": time, "x": x}, ("time", "x"))
    return values.to_dataset(name="f"), values.to_dataset(name="f").copy(deep=True)


@pytest.mark.parametrize(
    ("rtol", "atol", "differs"), [(0.0, 0.1, True), (0.0, 0.3, False), (0.1, 0.0, False)]
)
def test_tolerances_are_absolute_and_relative(two, rtol, atol, differs):
    found, stored = two
    found["f"][1, 0] += 0.2
    assert bool(differences(found, stored, {"f": (rtol, atol)})) == differs


def test_nan_equals_nan_and_nothing_else(two):
    found, stored = two
    found["f"][2, 1] = np.nan
    (one,) = differences(found, stored, {"f": (1.0, 1.0)})
    assert one.place == {"time": 2, "x": 1}
    stored["f"][2, 1] = np.nan
    assert not differences(found, stored, {"f": (0.0, 0.0)})
    stored["f"][0, 0] = np.inf
    assert differences(found, stored, {"f": (1.0, 1.0)})


def test_shapes_and_coordinates_are_compared(two):
    found, stored = two
    assert "dimensions" in differences(found.isel(x=[0]), stored, {"f": (1.0, 1.0)})[0].message
    moved = found.assign_coords(x=[0.5, 1.6])
    assert "coordinate x" in differences(moved, stored, {"f": (1.0, 1.0)})[0].message
    assert "does not have it" in differences(found, stored.rename(f="g"), {"f": (1.0, 1.0)})[0].message


@pytest.mark.parametrize("dims", [(), ("x",), ("x", "y"), ("t", "x", "y")])
def test_differences_of_any_dimension_are_drawn(dims, tmp_path):
    shape = (3, 4, 5)[: len(dims)]
    stored = xr.Dataset({"f": (dims, np.zeros(shape))})
    found = stored + 1.0
    (one,) = differences(found, stored, {"f": (0.0, 0.5)})
    picture = draw(found, stored, one, tmp_path / "new" / "f.png")
    assert (picture is not None) == bool(dims)
    assert picture is None or picture.stat().st_size > 1000


def course(**variables):
    t = np.linspace(0, 1, 5)
    return xr.Dataset(
        {k: ("diagnostic_time", np.asarray(f(t))) for k, f in variables.items()}, {"diagnostic_time": t}
    )


def test_assert_conserved():
    found = course(
        mass=lambda t: 1 + 1e-9 * t, momentum=lambda t: 1e-13 * t, lost=lambda t: np.where(t < 1, 1, np.nan)
    )
    mf.testing.assert_conserved(found, "mass", rtol=1e-8)
    mf.testing.assert_conserved(found, ["mass", "momentum"], rtol=1e-8, atol=1e-12)
    with pytest.raises(AssertionError, match="mass is not conserved: it has changed by 1e-09 at t = 1"):
        mf.testing.assert_conserved(found, "mass", rtol=1e-10)
    with pytest.raises(AssertionError, match="momentum"):
        mf.testing.assert_conserved(found, ["mass", "momentum"], rtol=1e-8)
    with pytest.raises(AssertionError, match="lost is not conserved"):
        mf.testing.assert_conserved(found, "lost", rtol=10.0)
    with pytest.raises(ValueError, match="no variable 'energy'; there are mass"):
        mf.testing.assert_conserved(found, "energy")


def test_assert_monotone():
    found = course(
        entropy=lambda t: np.exp(-t),
        bump=lambda t: (t - 0.5) ** 2,
        lost=lambda t: np.where(t < 1, -t, np.nan),
    )
    mf.testing.assert_monotone(found, "entropy")
    mf.testing.assert_monotone(-found, "entropy", "increasing")
    mf.testing.assert_monotone(found, "bump", atol=0.2)
    with pytest.raises(AssertionError, match="entropy is not increasing"):
        mf.testing.assert_monotone(found, "entropy", "increasing")
    with pytest.raises(AssertionError, match=r"bump is not decreasing: it moves by 0.188 .* t = 0.75 and 1"):
        mf.testing.assert_monotone(found, "bump")
    with pytest.raises(AssertionError, match="lost"):
        mf.testing.assert_monotone(found, "lost")
    with pytest.raises(ValueError, match="'decreasing' or 'increasing', got 'down'"):
        mf.testing.assert_monotone(found, "entropy", "down")
    with pytest.raises(ValueError, match="two times or more"):
        mf.testing.assert_monotone(xr.Dataset({"mass": 1.0}), "mass")


def test_assertions_hold_of_a_run():
    run = mf.solve(mf.problems.kuramoto(), [0.0, 2.0])
    mf.testing.assert_conserved(run, "mass", rtol=1e-12)
    mf.testing.assert_monotone(run, "free_energy")
    with pytest.raises(AssertionError, match="order_parameter"):
        mf.testing.assert_conserved(run, "order_parameter")


def test_assert_order():
    h = np.array([0.1, 0.05, 0.025])
    assert mf.testing.assert_order(3 * h**2, h, 2.0) == pytest.approx(2.0)
    assert mf.testing.assert_order(3 * h**2.2, h, 2.0) == pytest.approx(2.2)
    with pytest.raises(AssertionError, match=r"order 1\.500 in place of 2"):
        mf.testing.assert_order(h**1.5, h, 2.0)
    with pytest.raises(AssertionError, match="order -2"):
        mf.testing.assert_order(h**-2, h, 2.0)  # errors that grow with refinement
    with pytest.raises(AssertionError, match="order nan"):
        mf.testing.assert_order([1.0, np.nan], [0.1, 0.05], 2.0)
    for errors, steps in (
        ([1.0], [0.1]),
        ([1.0, 2.0], [0.1, 0.1]),
        ([1.0, 2.0], [0.1]),
        ([1.0, 0.0], [0.1, 0.2]),
    ):
        with pytest.raises(ValueError, match="error"):
            mf.testing.assert_order(errors, steps, 2.0)


@pytest.mark.parametrize(
    ("dataset", "tolerances", "message"),
    [
        (xr.DataArray(1.0), {"f": (0, 0)}, "a Dataset is compared"),
        (xr.Dataset({"f": 1.0}), {}, "tolerances maps names"),
        (xr.Dataset({"f": 1.0}), {"g": (0, 0)}, "no variable 'g'; there are f"),
        (xr.Dataset({"f": 1.0}), {"f": 1e-6}, "both >= 0"),
        (xr.Dataset({"f": 1.0}), {"f": (-1, 0)}, "both >= 0"),
    ],
)
def test_checks_that_make_no_sense_are_refused(tmp_path, dataset, tolerances, message):
    regression = mf.testing.Regression(tmp_path, "one", tmp_path, regenerate=True)
    with pytest.raises((TypeError, ValueError), match=message):
        regression.check(dataset, tolerances)
    assert not list(tmp_path.iterdir())


def test_a_name_is_used_once(tmp_path):
    regression = mf.testing.Regression(tmp_path / "refs", "test_x[a-1.5]", tmp_path, regenerate=True)
    regression.check(xr.Dataset({"f": 1.0}), {"f": (0, 0)})
    assert [path.name for path in (tmp_path / "refs").iterdir()] == ["test_x_a-1.5.nc"]
    with pytest.raises(ValueError, match="used twice"):
        regression.check(xr.Dataset({"f": 1.0}), {"f": (0, 0)})

"""What solve saves: marginals, slices, moments and cadences, on disk and in memory alike."""

import json

import netCDF4
import numpy as np
import pytest

import mfpde as mf
from mfpde.outputs import GENEROUS, default_outputs
from mfpde.recording.stores import LARGEST_CHUNK, _chunk

TIMES = np.linspace(0, 1, 11)
SAVE = {
    "density": 5,
    "density(v)": 1,
    "density(v, x)": 2,
    "density[v=0.6]": 1,
    "density[x=1, v=-0.5]": 1,
    "flux_x": 1,
    "energy_density": 1,
    "mean_field_x": 1,
}


@pytest.fixture(scope="module")
def problem():
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64})


@pytest.fixture(scope="module")
def everything(problem):
    return mf.solve(problem, TIMES)


def test_every_output_follows_from_the_density(problem, everything):
    save = {name: every for name, every in SAVE.items() if name != "density[x=1, v=-0.5]"}
    found, f = mf.solve(problem, TIMES, save=save), everything.density
    h = problem.grid["v"].spacing
    v = everything.v
    np.testing.assert_array_equal(found.density, f[::5])
    np.testing.assert_array_equal(found.density_x_v, f[::2])
    np.testing.assert_allclose(found.density_v, f.sum("x") * problem.grid["x"].spacing, rtol=1e-13)
    np.testing.assert_array_equal(found.density_at_v_0p6, f.sel(v=0.6, method="nearest"))
    np.testing.assert_allclose(found.flux_x, (v * f).sum("v") * h, atol=1e-16)
    np.testing.assert_allclose(found.energy_density, (v**2 * f).sum("v") * h / 2, rtol=1e-12)
    np.testing.assert_array_equal(found.mean_field_x, everything.mean_field_x)
    assert found.density.dims == ("time_every_5", "x", "v")
    np.testing.assert_array_equal(found.time_every_5, TIMES[::5])
    assert "potential" not in found
    assert found.density_v.attrs["long_name"] == "marginal density of v"


def test_a_file_holds_the_same_and_can_be_continued(problem, tmp_path):
    save = {"density": 4, "density(x)": 1, "density(v)": 3}
    whole = mf.solve(problem, TIMES, save=save)
    mf.solve(problem, TIMES[:6], save=save, path=tmp_path / "part.nc")
    found = mf.solve(problem, TIMES, save=save, path=tmp_path / "part.nc", resume=True)
    assert found.drop_attrs().identical(whole.drop_attrs())
    shorter = mf.solve(problem, TIMES[:3], save=save, path=tmp_path / "part.nc", resume=True)
    assert shorter.sizes["time_every_4"] == 1
    with netCDF4.Dataset(tmp_path / "part.nc") as file:
        assert json.loads(file.saved) == save
    with pytest.raises(ValueError, match="saved"):
        mf.solve(problem, TIMES, save=("density",), path=tmp_path / "part.nc", resume=True)


def test_phase_spaces_of_six_dimensions_are_saved_by_their_marginals():
    grid = mf.problems.landau_damping((0.5, 0.5, 0.5)).grid
    grid = grid.resized(dict.fromkeys(grid.names, 24))  # 1.5 GB a record
    plain = {"density": grid.names, "mean_field_x": ("x", "y", "z")}
    chosen = default_outputs(grid, plain, 101)
    assert chosen["density"] == 101  # once, at the start
    assert chosen["density(x, y, z)"] == chosen["density(y, vy)"] == chosen["mean_field_x"] == 1
    small = grid.resized(dict.fromkeys(grid.names, 8))
    assert default_outputs(small, plain, 101) == {"density": 1, "mean_field_x": 1}
    line = mf.problems.landau_damping().grid.resized({"x": 1024, "v": 4096})
    chosen = default_outputs(line, {"density": ("x", "v")}, 101)
    assert chosen == {"density(x)": 1, "density": 2}
    assert 8 * 24**6 < GENEROUS < 8 * 24**6 * 101


def test_chunks_stay_small_enough_for_the_file_format():
    chunk = _chunk([32] * 6)
    assert 8 * np.prod(chunk, dtype=np.int64) <= LARGEST_CHUNK
    assert chunk[-1] == 32
    assert _chunk([16, 64]) == [16, 64]


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (("densty",), "choose from density"),
        (("density(q)",), "no axis 'q'"),
        (("density[v]",), "is written"),
        (("density[v=fast]",), "is written"),
        (("density[v=99]",), "outside"),
        (("density[x=1, v=0]",), "leaves at least one"),
        ({"density": 0}, "positive integer"),
        ({"density": 1.5}, "positive integer"),
    ],
)
def test_what_cannot_be_saved_is_refused(problem, save, message):
    with pytest.raises(ValueError, match=message):
        mf.solve(problem, TIMES, save=save)


@pytest.mark.parametrize(
    "save", [{"density": 5, "density(v)": 1}, ("density(x)",), ("density[v=0]", "flux_x")]
)
def test_what_was_saved_can_be_drawn(problem, save):
    figure = mf.plot.overview(mf.solve(problem, TIMES, save=save))
    drawn = [text.get_text() for axes in figure.axes for text in [axes.title, axes.xaxis.label]]
    assert any("position x" in text or "velocity v" in text for text in drawn)

"""Figures show the data they are given, labelled."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.report import averaged


@pytest.fixture(scope="module")
def problem() -> mf.Problem:
    return mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})


@pytest.fixture(scope="module")
def solution(problem: mf.Problem) -> xr.Dataset:
    return mf.solve(problem, np.linspace(0, 2, 9))


@pytest.fixture(scope="module")
def particles(problem: mf.Problem) -> xr.Dataset:
    return mf.simulate(problem, 64, [0.0, 0.5, 1.0], replicas=2)


@pytest.fixture(scope="module")
def study(problem: mf.Problem) -> xr.Dataset:
    return mf.converge(problem, [8, 16, 32], 4, times=[0.0, 0.5])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_convergence_has_a_panel_for_each_measure(study: xr.Dataset) -> None:
    figure = mf.plot.convergence(study)
    assert [panel.get_title() for panel in figure.axes] == ["wasserstein", "sobolev"]
    for panel in figure.axes:
        name = panel.get_title()
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
        assert panel.get_xlabel() == "N"
        assert panel.get_ylabel() == study[name].attrs["long_name"]
        labels = panel.get_legend_handles_labels()[1]
        rates = mf.fit_rate(study[name])["rate"].values
        for time, rate in zip((0, 0.5), rates, strict=True):
            assert any(label.startswith(f"t = {time:g}: rate {rate:.2f} [") for label in labels)
        assert any("theory" in label for label in labels)
        assert any("i.i.d. floor" in label for label in labels)
        assert any("error of the reference" in label for label in labels)
        heights = [container.lines[0].get_ydata() for container in panel.containers]
        np.testing.assert_array_equal(np.array(heights).T, averaged(study[name]))


def test_a_study_of_one_size_is_drawn(study: xr.Dataset) -> None:
    assert len(mf.plot.convergence(study.isel(size=[1])).axes) == 2


def maps(figure: object) -> list[object]:
    return [panel for panel in figure.get_axes() if panel.collections and panel.get_title()]  # type: ignore[attr-defined]


def test_density_shows_five_times_and_the_change_since_the_first(solution: xr.Dataset) -> None:
    figure = mf.plot.density(solution)
    panels = maps(figure)
    assert [panel.get_title() for panel in panels] == 2 * ["t = 0", "t = 0.5", "t = 1", "t = 1.5", "t = 2"]
    assert panels[0].get_xlabel() == "position x"
    assert panels[0].get_ylabel() == "velocity v"
    for panel, instant in zip(panels[:5], solution["density"][::2], strict=True):
        np.testing.assert_array_equal(panel.collections[0].get_array().reshape(64, 32), instant.T)
    for panel, instant in zip(panels[5:], solution["density"][::2], strict=True):
        change = (instant - solution["density"][0]).T
        np.testing.assert_array_equal(panel.collections[0].get_array().reshape(64, 32), change)
        low, high = panel.collections[0].get_clim()
        assert low == -high  # white means no change


def test_a_density_on_one_axis_is_drawn_as_lines(solution: xr.Dataset) -> None:
    reduced = solution[["density"]].sum("v", keep_attrs=True)
    figure = mf.plot.density(reduced)
    assert [len(panel.lines) for panel in figure.axes[:2]] == [5, 5]
    np.testing.assert_array_equal(figure.axes[0].lines[-1].get_ydata(), reduced["density"][-1])


def test_diagnostics_show_the_energy_and_the_drifts(solution: xr.Dataset) -> None:
    left, right = mf.plot.diagnostics(solution).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), abs(solution["potential_energy"]))
    assert left.get_yscale() == right.get_yscale() == "log"
    drift = abs(solution["total_energy"] / solution["total_energy"][0] - 1)
    lines = {line.get_label(): line.get_ydata() for line in right.lines}
    assert set(lines) == {"mass", "total_energy", "l2_norm", "entropy"}
    np.testing.assert_array_equal(lines["total_energy"], np.maximum(drift, 1e-17))


def test_particles_are_points_in_phase_space(particles: xr.Dataset) -> None:
    figure = mf.plot.particles(particles, replica=1)
    assert [panel.get_title() for panel in figure.axes] == ["t = 0", "t = 0.5", "t = 1"]
    for panel, time in zip(figure.axes, (0, 1, 2), strict=True):
        np.testing.assert_array_equal(panel.lines[0].get_xdata(), particles["x"][time, 1])
        np.testing.assert_array_equal(panel.lines[0].get_ydata(), particles["v"][time, 1])


def test_overview_picks_the_picture(solution: xr.Dataset, particles: xr.Dataset, study: xr.Dataset) -> None:
    assert [panel.get_title() for panel in mf.plot.overview(study).axes] == ["wasserstein", "sobolev"]
    assert len(mf.plot.overview(particles).axes) == 3
    assert len(maps(mf.plot.overview(solution))) == 10
    without = solution.drop_dims(("x", "v", "time"))
    assert len(mf.plot.overview(without).axes) == 2


def test_one_time_is_enough(solution: xr.Dataset, particles: xr.Dataset) -> None:
    assert len(mf.plot.overview(particles.isel(time=[0])).axes) == 1
    assert len(maps(mf.plot.overview(solution.isel(time=[0], diagnostic_time=[0])))) == 2


@pytest.mark.parametrize("foreign", [xr.Dataset(), xr.Dataset({"rain": ("x", [1.0])})])
def test_other_data_are_refused(foreign: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"nothing to draw.* give what solve, simulate or converge wrote"):
        mf.plot.overview(foreign)


def test_a_run_without_a_record_is_refused(solution: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="no record"):
        mf.plot.overview(solution.isel(time=[]))


def test_figures_can_be_written(
    solution: xr.Dataset, particles: xr.Dataset, study: xr.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("figures")
    for name, dataset in (("solution", solution), ("particles", particles), ("study", study)):
        mf.plot.overview(dataset).savefig(folder / f"{name}.png", dpi=50)
        assert (folder / f"{name}.png").stat().st_size > 5000


def test_arrows_are_the_mean_field_and_the_ground_is_the_potential():
    vortices = mf.problems.keller_segel(chi=-20.0, domain="torus").replace(resolution={"x": 32, "y": 32})
    solution = mf.solve(vortices, [0.0, 0.1])
    figure = mf.plot.field(solution)
    panel = figure.axes[0]
    (arrows,) = [c for c in panel.collections if type(c).__name__ == "Quiver"]
    u = solution.mean_field_x.isel(time=0, x=slice(None, None, 2), y=slice(None, None, 2)).transpose("y", "x")
    assert np.array_equal(np.ravel(arrows.U), np.ravel(u.values))
    ground = np.asarray(panel.collections[0].get_array())
    assert np.array_equal(ground.ravel(), solution.potential.isel(time=0).transpose("y", "x").values.ravel())
    assert panel.get_title() == "t = 0"


def test_the_field_along_one_axis_is_a_line(solution: xr.Dataset):
    lines = mf.plot.field(solution).axes[0].lines
    assert np.array_equal(lines[-1].get_ydata(), solution.mean_field_x.isel(time=-1))
    with pytest.raises(ValueError, match="no mean field"):
        mf.plot.field(solution[["density"]])


def test_an_animation_shows_every_time_and_the_particles(solution, particles, tmp_path):
    movie = mf.plot.animation(solution, particles, replica=1)
    movie.save(tmp_path / "run.gif", fps=5)
    assert (tmp_path / "run.gif").read_bytes()[:3] == b"GIF"
    panel = movie._fig.axes[0]
    image = np.asarray(panel.collections[0].get_array())
    assert np.array_equal(image.ravel(), solution.density.isel(time=-1).transpose("v", "x").values.ravel())
    x, v = panel.lines[0].get_data()
    assert np.array_equal(x, particles.x.isel(time=-1, replica=1))  # the last that is not later than t = 2
    assert np.array_equal(v, particles.v.isel(time=-1, replica=1))
    with pytest.raises(ValueError, match="nothing moves"):
        mf.plot.animation(solution.isel(time=[0]))


def test_particles_over_their_density(solution: xr.Dataset, particles: xr.Dataset):
    panel = mf.plot.particles(particles, density=solution).axes[1]
    beneath = np.asarray(panel.collections[0].get_array())
    assert np.allclose(beneath.ravel(), solution.density.sel(time=0.5).transpose("v", "x").values.ravel())
    assert len(panel.lines[0].get_xdata()) == particles.sizes["particle"]


def test_sizes_are_the_marks_of_a_study(study: xr.Dataset):
    labels = [text.get_text() for text in mf.plot.convergence(study).axes[0].get_xticklabels()]
    assert labels == ["8", "16", "32"]

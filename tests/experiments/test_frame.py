"""The frame of the experiments: files, resuming, planting, the command line and figures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from mfpde import experiments
from mfpde.cli import app
from mfpde.experiments import Finding, Particles, Row, Trial
from mfpde.experiments.experiment import REGISTRY, experiment
from mfpde.experiments.plants import clock, equation_with, kernel_times, new_noise
from mfpde.problems import harmonic, lamb_oseen, lazarovici_pickl, log_gas
from mfpde_solvers.equations import McKeanVlasov
from mfpde_solvers.evolve import RunError
from mfpde_solvers.kernels import Harmonic

TEXT = dict.fromkeys(
    ("title", "source", "statement", "measured", "prediction", "refutation", "power"), "a text"
)


@pytest.fixture
def springs():
    """An experiment on particles on springs, whose mean square is exact; taken out of the registry again."""

    @experiment(**TEXT, plants={"factor 2": clock(2.0), "new noise": new_noise})
    def springs(trial: Trial) -> Finding:
        """Particles on springs."""
        problem, t, n, replicas = harmonic(variance=9.0), 0.5, 8, 100
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=0.025, label="springs").isel(time=-1)
        square = (found["x"] ** 2).mean("particle").values
        v, w = problem.exact.at(t), 9 + 2 * t  # variances about the centre of mass, and of it
        return Finding([Row("E|X|²", v + (w - v) / n, square.mean(), square.std(ddof=1) / replicas**0.5)])

    yield springs
    del REGISTRY["springs"]


def trial(path=None, plant=None, seed=0):
    made = Trial(False, seed, path, None, False)
    return made if plant is None else replace(made, plant=plant)


def test_the_same_seed_gives_the_same_result_and_errors_are_found(springs):
    first, again = springs(progress=False), springs(progress=False)
    xr.testing.assert_equal(first, again)
    assert first.attrs["confirmed"] == 1
    assert springs(system="factor 2", progress=False).attrs["confirmed"] == 0
    assert float(springs(seed=1, progress=False)["measured"][0]) != float(first["measured"][0])


def test_results_are_kept_and_continued(springs, tmp_path):
    path = tmp_path / "result.nc"
    first = springs(path=path, progress=False)
    assert (tmp_path / "result_springs_8.nc").exists()
    written = path.stat().st_mtime_ns
    again = springs(path=path, progress=False)
    assert path.stat().st_mtime_ns == written
    xr.testing.assert_equal(first, again)
    path.unlink()  # the intermediate result is read, not computed
    particles = (tmp_path / "result_springs_8.nc").read_bytes()
    assert springs(path=path, progress=False).attrs["verdict"] == first.attrs["verdict"]
    assert (tmp_path / "result_springs_8.nc").read_bytes() == particles


def test_files_of_something_else_are_refused(springs, tmp_path):
    path = tmp_path / "result.nc"
    springs(path=path, progress=False)
    with pytest.raises(ValueError, match="different: seed"):
        springs(path=path, seed=1)
    with pytest.raises(ValueError, match="different: system"):
        springs(path=path, system="factor 2")
    path.write_text("no netCDF")
    with pytest.raises(ValueError, match="not the result of an experiment"):
        springs(path=path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        springs(path=tmp_path / "nowhere" / "result.nc")


def test_unknown_planted_errors_and_names_are_refused(springs):
    with pytest.raises(ValueError, match="did you mean 'factor 2'"):
        springs(system="factor 3")
    with pytest.raises(AttributeError, match="no_such_theorem"):
        _ = experiments.no_such_theorem
    with pytest.raises(ValueError, match="already"):
        experiment(**TEXT)(springs.function)


def test_a_run_that_stops_is_refuted():
    @experiment(**TEXT)
    def stopped(trial: Trial) -> Finding:
        """Stops."""
        raise RunError(0.5, "a position is not finite")

    try:
        result = stopped()
    finally:
        del REGISTRY["stopped"]
    assert result.attrs["confirmed"] == 0
    assert "t = 0.5" in result.attrs["verdict"]


def test_a_planted_clock_multiplies_all_coefficients():
    """Twice as fast is a → 2a: without noise, step by step the same to round-off."""

    def cold(rate):
        return harmonic().replace(equation=McKeanVlasov(Harmonic(1, rate), 0.0))

    fast = trial(plant=clock(2.0)).simulate(cold(1.0), 4, (0.0, 0.5), 3, dt=0.05)
    direct = trial().simulate(cold(2.0), 4, (0.0, 0.5), 3, dt=0.05)
    np.testing.assert_allclose(fast["x"], direct["x"], rtol=1e-12)
    assert fast["time"].values.tolist() == [0.0, 0.5]


def test_partners_stay_right_when_an_error_is_planted():
    right = trial().simulate(lazarovici_pickl(), 16, (0.0, 0.2), 2, dt=0.1, mean_field=True)
    wrong = trial(plant=kernel_times(-1.0)).simulate(
        lazarovici_pickl(), 16, (0.0, 0.2), 2, dt=0.1, mean_field=True
    )
    for name in ("x", "vy"):
        np.testing.assert_array_equal(wrong[f"{name}_coupled"], right[f"{name}_coupled"])
        np.testing.assert_array_equal(wrong[name][0], right[name][0])
        assert (wrong[name][1] != right[name][1]).all()


def test_new_noise_keeps_the_starts():
    problem = lamb_oseen()
    wrong = trial(plant=new_noise).simulate(problem, 4, (0.0, 0.1), 2, dt=0.05, mean_field=True)
    np.testing.assert_array_equal(wrong["x"][0], wrong["x_coupled"][0])
    gap = (wrong["x"] - wrong["x_coupled"])[1].values
    assert (abs(gap) > 1e-3).all()  # two paths of variance 2σt = 0.02 each


@pytest.mark.parametrize(
    ("problem", "plant", "read"),
    [
        (log_gas(2, 3.0), kernel_times(-2.0), lambda e: (e.strength, -6.0)),
        (lazarovici_pickl(), kernel_times(-1.0), lambda e: (e.kernel.strength, -1.0)),
        (lamb_oseen(), kernel_times(2.0), lambda e: (e.circulations, (2.0,))),
        (harmonic(), equation_with(scaling="1/(N-1)"), lambda e: (e.scaling, "1/(N-1)")),
    ],
)
def test_plants_change_what_they_say(problem, plant, read):
    found, expected = read(plant(Particles(problem)).problem.equation)
    assert found == expected


def test_a_study_of_a_wrong_system_has_the_right_reference(tmp_path):
    """A wrong rate of springs: W₁ stays away from the right variance, which the stored floor knows."""
    arguments = {"times": (0.0, 1.0), "dt": 0.05}
    plant = equation_with(kernel=harmonic(rate=4.0).equation.kernel)
    right = trial(tmp_path / "a.nc").converge(harmonic(), (16, 256), 8, ("wasserstein",), **arguments)
    wrong = trial(tmp_path / "a.nc", plant).converge(harmonic(), (16, 256), 8, ("wasserstein",), **arguments)
    last = {"size": 256, "time": 1.0}
    # spreads √v of both rates differ by 0.5; the floor at N = 256 is below 0.1
    assert float(wrong["wasserstein"].sel(last).mean()) > 3 * float(right["wasserstein"].sel(last).mean())
    assert (tmp_path / "a_study.nc").exists()
    assert (tmp_path / "a_study_planted.nc").exists()
    with pytest.raises(ValueError, match=r"needs Trial\.simulate"):
        trial(plant=plant).converge(harmonic(), (16, 32), 2, ("wasserstein",), mean_field=True, **arguments)


def test_the_command_line_lists_runs_and_refutes(tmp_path):
    run = CliRunner()
    listed = run.invoke(app, ["experiments"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in experiments.catalogue())
    options = ["experiment", "vortex_log_bounds", "--quiet", "--output"]
    done = run.invoke(app, [*options, str(tmp_path / "right")])
    assert done.exit_code == 0, done.output
    assert "No verdict" in done.output
    assert {p.name for p in (tmp_path / "right").iterdir()} == {"result.nc", "result.png"}
    planted = ["experiment", "force_fluctuations", "--planted", "fixed cut-off", "--quiet", "--output"]
    refuted = run.invoke(app, [*planted, str(tmp_path / "wrong")])
    assert refuted.exit_code == 1
    assert "Refuted" in refuted.output
    unknown = run.invoke(app, ["experiment", "landau_coefficient"])
    assert isinstance(unknown.exception, ValueError)
    assert "did you mean 'landau_coefficients'" in str(unknown.exception)


def test_the_figure_tells_theorem_source_and_verdict(springs):
    from matplotlib import pyplot

    result = springs(system="factor 2", progress=False)
    figure = experiments.draw(result)
    heading = figure.get_suptitle()
    assert "a text (refuted, with a planted error: factor 2)" in heading
    assert len(figure.axes) == 1  # no curves
    assert figure.axes[0].get_xlabel() == "(measured − predicted) / standard error"
    pyplot.close(figure)


def test_results_hold_what_the_catalogue_says(springs):
    attrs = springs(progress=False).attrs
    assert json.dumps({key: attrs[key] for key in ("title", "source", "measurement", "power")})
    assert attrs["status"] == "completed"

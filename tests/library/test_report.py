"""Tables: averages, their errors, and rows that say what the study holds."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.problems import catalogue
from mfpde.report import (
    averaged,
    convergence_rows,
    convergence_table,
    measures_of,
    problem_table,
    standard_error,
)

SIZES, TIMES = np.array([64, 256, 1024]), np.array([0.0, 10.0])


def study(rms: bool = False, excess: float = 0.25, noise: float = 0.0) -> xr.Dataset:
    """Values (1 + excess) / √N with relative noise, floors 1/√N and an error of the reference of 0.001."""
    rng = np.random.default_rng(0)
    floor = np.broadcast_to(SIZES[:, None] ** -0.5, (3, 2))
    spread = 1 + noise * rng.normal(size=(3, 8, 2))
    attrs = {"reduction": "rms" if rms else "mean", "theory": -0.5, "seed": 0, "long_name": "distance"}
    return xr.Dataset(
        {
            "w": (("size", "replica", "time"), (1 + excess) * floor[:, None] * spread, attrs),
            "w_iid": (("size", "time"), floor.copy(), attrs),
            "w_reference_error": ("time", np.full(2, 1e-3)),
        },
        {"size": SIZES, "replica": np.arange(8), "time": TIMES},
        {"title": "test"},
    )


def test_measures_are_those_with_a_floor() -> None:
    assert measures_of(study()) == ["w"]
    assert measures_of(xr.Dataset({"density": ("x", [1.0])})) == []


@pytest.mark.parametrize("rms", [False, True])
def test_averages_and_their_errors_are_those_of_many_studies(rms: bool) -> None:
    rng = np.random.default_rng(1)
    draws = xr.DataArray(
        rng.gamma(16.0, size=(4000, 16)),
        dims=("study", "replica"),
        attrs={"reduction": "rms" if rms else "mean"},
    )
    means = averaged(draws).values
    expected = np.sqrt(272.0) if rms else 16.0  # E G = 16, E G² = 272
    # the mean of 64 000 draws is known to 0.1 %; the root mean square of 16 is too small by 0.2 %
    assert means.mean() == pytest.approx(expected, rel=0.005)
    assert standard_error(draws).mean() == pytest.approx(means.std(), rel=0.06)


def test_exact_floors_have_no_error() -> None:
    floor = study()["w_iid"]
    xr.testing.assert_identical(averaged(floor), floor)
    assert float(abs(standard_error(floor)).max()) == 0.0


@pytest.mark.parametrize("rms", [False, True])
def test_rows_tell_rate_excess_and_error(rms: bool) -> None:
    rows = convergence_rows(study(rms, noise=0.01))
    assert [(row["measure"], row["time"]) for row in rows] == [("w", 0.0), ("w", 10.0)]
    for row in rows:
        assert row["theory"] == -0.5
        assert float(row["lower"]) < float(row["rate"]) < float(row["upper"])
        assert abs(float(row["rate"]) + 0.5) < 0.02
        # one per cent of noise over 8 replicas
        assert abs(float(row["excess"]) - 0.25) < 4 * float(row["excess_error"])
        assert 0.001 < float(row["excess_error"]) < 0.01
        assert float(row["reference_error"]) == pytest.approx(1e-3 * 32)


def test_one_size_has_no_rate() -> None:
    for row in convergence_rows(study().isel(size=[2])):
        assert np.isnan(float(row["rate"]))
        assert float(row["excess"]) == pytest.approx(0.25)


def test_the_table_shows_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    convergence_table(study(noise=0.01))
    printed = capsys.readouterr().out
    row = convergence_rows(study(noise=0.01))[1]
    shown = (f"{row['rate']:.3f}", f"[{row['lower']:.3f}, {row['upper']:.3f}]", "-0.50", "3.2 %", "N = 1024")
    for words in (*shown, "test: convergence in N, 8 replicas", f"{100 * float(row['excess']):+.1f}"):
        assert words in printed
    assert max(map(len, printed.splitlines())) <= 120


def test_the_list_of_problems_shows_arguments_and_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    problem_table()
    printed = " ".join(capsys.readouterr().out.split())
    for name in catalogue():
        assert f"{name}(" in printed
    assert "landau_damping(wavenumber=0.5, amplitude=0.01)" in printed


def test_a_measure_without_a_floor_has_a_rate_only(capsys: pytest.CaptureFixture[str]) -> None:
    """The coupling distance, which is 0 at the start."""
    problem = mf.problems.harmonic()
    found = mf.converge(
        problem, [8, 32], 4, ("wasserstein", "coupling_distance"), times=[0.0, 0.5], mean_field=True
    )
    assert measures_of(found) == ["wasserstein", "coupling_distance"]
    rows = {(row["measure"], row["time"]): row for row in convergence_rows(found)}
    assert np.isnan(rows["coupling_distance", 0.0]["rate"])
    assert -2 < rows["coupling_distance", 0.5]["rate"] < 0.5
    assert np.isnan(rows["coupling_distance", 0.5]["excess"])
    convergence_table(found)
    assert "–" in capsys.readouterr().out
    figure = mf.plot.convergence(found)
    assert [panel.get_title() for panel in figure.axes] == ["wasserstein", "coupling_distance"]


def ensemble(values: list[float], floor: float) -> xr.Dataset:
    """A measure of the ensemble with an error of 10 %, and an exact floor."""
    attrs = {"reduction": "mean", "theory": -1.0, "seed": 0, "long_name": "correlation", "metric": "C()"}
    value = np.array(values)[:, None]
    return xr.Dataset(
        {
            "c": (("size", "time"), value, attrs),
            "c_iid": (("size", "time"), np.full_like(value, floor), attrs),
            "c_reference_error": ("time", [0.0]),
            "c_statistic": (("size", "replica", "time", "c_component"), np.zeros((3, 4, 1, 2))),
        },
        {
            "size": SIZES,
            "replica": np.arange(4),
            "time": [1.0],
            "c_stderr": (("size", "time"), 0.1 * abs(value)),
            "c_iid_stderr": (("size", "time"), np.zeros_like(value)),
        },
        {"title": "test"},
    )


def test_errors_of_the_ensemble_are_its_own() -> None:
    found = ensemble([1.0, 0.25, 0.0625], 0.05)
    assert measures_of(found) == ["c"]
    np.testing.assert_allclose(standard_error(found["c"]), 0.1 * found["c"])
    (row,) = convergence_rows(found)
    assert row["rate"] == pytest.approx(-1.0)
    assert row["excess"] == pytest.approx(0.25)
    assert row["excess_error"] == pytest.approx(0.125)
    mf.plot.convergence(found)


@pytest.mark.parametrize(("values", "floor"), [([1.0, 0.25, np.nan], 0.0), ([-1.0, -0.25, -0.1], -0.05)])
def test_refused_values_and_negative_floors_are_shown(
    values: list[float], floor: float, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ensemble(values, floor)
    (row,) = convergence_rows(found)
    assert np.isnan(row["rate"])
    # −0.1 is below a floor of −0.05 by its whole size; nothing is relative to 0
    assert row["excess"] == pytest.approx(-1.0 if floor else np.nan, nan_ok=True)
    convergence_table(found)
    assert "–" in capsys.readouterr().out
    figure = mf.plot.convergence(found)
    assert len(figure.axes) == 1

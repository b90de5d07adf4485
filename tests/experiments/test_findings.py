"""Rows, verdicts and what is stored of them."""

import numpy as np
import pytest
import xarray as xr

from mfpde.experiments.findings import LEVEL, Curve, Finding, Row, dataset_of, fitted, rate_row, verdict


def test_p_values_are_those_of_the_normal_law_and_of_student():
    assert Row("a", 1.0, 1.0 + 1.959963984540054, 1.0).p_value == pytest.approx(0.05, rel=1e-12)
    assert Row("a", 1.0, 1.0 - 1.6448536269514722, 1.0, ">=").p_value == pytest.approx(0.05, rel=1e-12)
    assert Row("a", 0.0, 2.7764451051977987, 1.0, degrees=4).p_value == pytest.approx(0.05, rel=1e-12)


def test_one_sided_rows_accept_the_other_side_and_allowances_shift():
    assert Row("a", 1.0, -50.0, 1.0, "<=").p_value == 1.0
    assert Row("a", 1.0, 50.0, 1.0, ">=").p_value == 1.0
    assert Row("a", 1.0, 1.5, 0.01, allowance=0.5).p_value == 1.0
    assert Row("a", 1.0, 1.5 + 1.959963984540054, 1.0, allowance=0.5).p_value == pytest.approx(0.05)
    assert Row("a", 1.0, 1.5, allowance=0.4).p_value == 0.0


@pytest.mark.parametrize("row", [Row("a", 1.0, np.nan, 1.0), Row("a", 1.0, 1.0, np.nan)])
def test_a_measurement_that_failed_refutes(row):
    confirmed, text = verdict([row])
    assert confirmed == 0
    assert text.startswith("Refuted")


def test_the_level_is_shared_among_the_judged_rows():
    """A z of 3.4 has p = 6.7e-4: refuted alone, not as one of two; rows that are not judged do not count."""
    row, right, open_ = (
        Row("a", 0.0, 3.4, 1.0),
        Row("b", 0.0, 0.0, 1.0),
        Row("c", np.nan, 7.0, relation="none"),
    )
    assert LEVEL / 2 < row.p_value < LEVEL
    assert verdict([row])[0] == 0
    assert verdict([row, open_, open_])[0] == 0
    assert verdict([row, right])[0] == 1
    assert verdict([open_]) == (
        -1,
        "No verdict: the theorem leaves its constants open, and those measured are c 7.",
    )


def test_a_right_system_is_refuted_as_rarely_as_the_level_says():
    """4 000 sets of 5 exact rows: the number of refuted ones is binomial with p ≤ LEVEL = 1e-3, mean 4."""
    rng = np.random.default_rng(3)
    refuted = sum(
        verdict([Row("a", 0.0, z, 1.0) for z in draw])[0] == 0 for draw in rng.normal(size=(4000, 5))
    )
    assert refuted <= 12  # P(more) < 1e-3
    wrong = sum(
        verdict([Row("a", 0.0, z + 6.0, 1.0) for z in draw])[0] == 0 for draw in rng.normal(size=(200, 5))
    )
    assert wrong == 200


def test_detectable_is_the_deviation_that_is_found_nine_times_in_ten():
    result = dataset_of(Finding([Row("a", 0.0, 0.0, 0.5, allowance=0.1)]))
    shift = float(result["detectable"][0])
    z = np.random.default_rng(0).normal(shift, 0.5, 4000)
    found = np.mean([verdict([Row("a", 0.0, value, 0.5, allowance=0.1)])[0] == 0 for value in z])
    assert abs(found - 0.9) < 4 * np.sqrt(0.09 / 4000)


def test_the_dataset_survives_a_file(tmp_path):
    rows = [Row("a", 1.0, 1.1, 0.2, degrees=9), Row("b", np.nan, 2.0, relation="none")]
    curves = [
        Curve("one", [1, 2, 4], [3.0, 2.0, 1.0], [0.1, 0.1, 0.1]),
        Curve("two", [1, 2], [1.0, 1.0], floor=[0.5, 0.5]),
    ]
    made = dataset_of(Finding(rows, curves, notes="Seen."))
    made.to_netcdf(tmp_path / "result.nc", engine="netcdf4")
    again = xr.load_dataset(tmp_path / "result.nc", engine="netcdf4")
    xr.testing.assert_identical(made, again)
    assert made.attrs["verdict"].endswith("Seen.")
    half = 2.2621571627409915 * 0.2  # the 97.5 % quantile of Student's law of 9 degrees
    assert float(made["upper"][0] - made["measured"][0]) == pytest.approx(half, rel=1e-9)
    assert np.isnan(made["curve_y"].values[1, 2])
    assert np.isnan(made["curve_stderr"].values[1]).all()


def test_a_rate_of_exact_powers_and_of_means_that_are_not_positive():
    sizes = np.array([16, 64, 256])
    spread = np.exp(np.random.default_rng(1).normal(0, 0.05, (3, 40)))
    row = rate_row(fitted(sizes[:, None] ** -0.5 * spread, sizes, 0), "slope", -0.5)
    assert abs(row.measured + 0.5) < 4 * row.stderr
    # the mean of 40 logarithms has the error 0.05/√40, the slope over ln 16 about √2/2.77 of it
    assert row.stderr == pytest.approx(0.05 / np.sqrt(40) / (np.log(4) * np.sqrt(2)), rel=0.3)
    assert verdict([rate_row(fitted(-spread, sizes, 0), "slope", -0.5)])[0] == 0

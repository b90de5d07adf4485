"""Fitted exponents: planted slopes, coverage of the interval, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mfpde.chaos.rates import fit_rate

SIZES = 2.0 ** np.arange(6, 15)


def measure(values, dims, **attrs):
    return xr.DataArray(values, {"size": SIZES[: values.shape[0]]}, dims, name="wasserstein", attrs=attrs)


def lognormal(rng, shape, spread=0.4):
    return np.exp(spread * rng.standard_normal(shape) - spread**2 / 2)


@pytest.mark.parametrize("slope", [-0.5, -1.0, 0.25])
def test_exact_powers_are_recovered(slope):
    values = 3 * SIZES[:, np.newaxis] ** slope * np.ones(4)
    fit = fit_rate(measure(values, ("size", "replica"), theory=slope))
    for name in ("rate", "lower", "upper", "theory"):
        assert float(fit[name]) == pytest.approx(slope, abs=1e-9)
    assert float(fit["intercept"]) == pytest.approx(np.log(3), abs=1e-9)


def test_root_mean_square_of_signed_values():
    """Values ±N^{−1/2} have mean zero; only the root mean square has the slope."""
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    values = SIZES[:, np.newaxis] ** -0.5 * signs
    assert float(fit_rate(measure(values, ("size", "replica"), reduction="rms"))["rate"]) == pytest.approx(
        -0.5
    )


def test_noisy_sizes_weigh_less():
    """One size with a biased but very noisy mean: the weighted slope stays, the ordinary one does not."""
    rng = np.random.default_rng(0)
    values = SIZES[:, np.newaxis] ** -0.5 * lognormal(rng, (9, 64), 0.05)
    values[-1] *= 1.5 * lognormal(rng, 64, 1.5)
    weighted = float(fit_rate(measure(values, ("size", "replica")))["rate"])
    ordinary = np.polyfit(np.log(SIZES), np.log(values.mean(1)), 1)[0]
    assert abs(weighted + 0.5) < 0.01 < abs(ordinary + 0.5)


def brownian_bridges(rng, shape):
    """∫|bridge|, the limit law of √N W₁."""
    path = rng.standard_normal((*shape, 32)).cumsum(-1) / np.sqrt(32)
    return np.abs(path - np.arange(1, 33) / 32 * path[..., -1:]).mean(-1)


@pytest.mark.parametrize("count", [5, 9])
@pytest.mark.parametrize(
    ("draw", "reduction"),
    [(lognormal, "mean"), (brownian_bridges, "mean"), (np.random.Generator.standard_normal, "rms")],
    ids=["lognormal", "bridges", "gaussian"],
)
def test_the_interval_covers_at_its_level(draw, reduction, count):
    """1000 studies of 32 replicas: 95 % ± 2.5 %, over three standard errors of the count."""
    studies = 1000
    values = SIZES[:count, np.newaxis, np.newaxis] ** -0.5 * draw(
        np.random.default_rng(1), (count, 32, studies)
    )
    fit = fit_rate(measure(values, ("size", "replica", "study"), reduction=reduction))
    covered = float(((fit["lower"] <= -0.5) & (fit["upper"] >= -0.5)).mean())
    assert 0.925 <= covered <= 0.975
    z = (float(fit["rate"].mean()) + 0.5) / (float(fit["rate"].std()) / np.sqrt(studies))
    assert abs(z) < 4


def test_other_dimensions_are_kept_and_fitted_alone():
    rng = np.random.default_rng(2)
    values = SIZES[:, np.newaxis, np.newaxis] ** -0.5 * lognormal(rng, (9, 8, 3))
    data = measure(values, ("size", "replica", "time"), seed=5).assign_coords(time=[0.0, 1.0, 2.0])
    fit = fit_rate(data)
    assert fit["rate"].dims == ("time",)
    one = fit_rate(data.isel(time=1))
    for name in ("rate", "lower", "upper", "intercept"):
        assert float(fit[name][1]) == pytest.approx(float(one[name]), rel=1e-10)
    assert fit.identical(fit_rate(data))
    narrow = fit_rate(data, confidence=0.5)
    assert ((narrow["upper"] - narrow["lower"]) < (fit["upper"] - fit["lower"])).all()


def test_without_replicas():
    floor = measure(2 * SIZES**-0.5, ("size",))
    fit = fit_rate(floor)
    assert float(fit["rate"]) == pytest.approx(-0.5, rel=1e-12)
    assert np.isnan(fit["lower"])
    assert np.isnan(fit["theory"])
    with_errors = fit_rate(floor.assign_coords(wasserstein_stderr=("size", 0.1 * floor.values)))
    spread = np.sqrt(np.sum((np.log(SIZES) - np.log(SIZES).mean()) ** 2))
    assert float(with_errors["upper"] + 0.5) == pytest.approx(1.959964 * 0.1 / spread, rel=1e-6)


def test_means_that_are_not_positive_fit_to_nan():
    values = np.ones((3, 4, 2))
    values[1, :, 0] = -1.0
    with pytest.warns(UserWarning, match="not positive at size 128"):
        fit = fit_rate(measure(values, ("size", "replica", "time")))
    for name in ("rate", "lower", "upper", "intercept"):
        assert np.isnan(fit[name][0])
        assert np.isfinite(fit[name][1])


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="at least two different"):
        fit_rate(measure(np.ones((1, 4)), ("size", "replica")))
    with pytest.raises(ValueError, match="no dimension 'number'"):
        fit_rate(measure(np.ones((2, 4)), ("size", "replica")), dim="number")
    with pytest.raises(ValueError, match="confidence"):
        fit_rate(measure(np.ones((2, 4)), ("size", "replica")), confidence=95)

"""Bias and fluctuation of weak errors: exact for harmonic particles, and told apart by pairing."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.chaos import WeakError
from mfpde.chaos.bias import bias_and_fluctuation

SIZES, REPLICAS = (10, 40), 150


def square(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[..., 0] ** 2)


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    """⟨x², μ_N⟩ − ⟨x², ρ⟩ of harmonic particles at t = 1."""
    problem = mf.problems.harmonic().replace(resolution={"x": 256})
    metrics = {"second": WeakError(square, "x²")}
    return mf.converge(problem, SIZES, REPLICAS, metrics, times=[1.0], dt=0.1, mean_field=True, seed=3)


def exact_bias(N: np.ndarray) -> np.ndarray:
    """(w − v)/N with the variances w = 3 of the centre times N, v = 1 about it (a = σ = s₀ = t = 1)."""
    return 2.0 / N


def test_the_bias_of_the_second_moment(study: xr.Dataset) -> None:
    """Plain and with common random numbers; the steps of 0.1 add 1e-3, less than a tenth of any error."""
    for name in ("second", "second_excess"):
        found = bias_and_fluctuation(study[name]).isel(time=0)
        z = (found["bias"] - exact_bias(found["size"])) / found["bias_stderr"]
        assert float(abs(z).max()) < 3.5, name
    paired = bias_and_fluctuation(study["second_excess"]).isel(time=0)
    assert bool((paired["bias"] > 4 * paired["bias_stderr"]).all())  # which the plain one does not show
    plain = bias_and_fluctuation(study["second"]).isel(time=0)
    assert float(plain["bias"][1]) < 4 * float(plain["bias_stderr"][1])


def test_common_random_numbers_take_the_noise_away(study: xr.Dataset) -> None:
    """The variance of x² over N particles is 2/N, that of the paired difference of order 1/N²."""
    plain, paired = (study[name].var("replica", ddof=1) for name in ("second", "second_excess"))
    ratio = (paired / plain).values[:, 0]
    assert ratio[0] < 0.35
    assert ratio[1] < 0.35 / 2


def test_the_fluctuation_is_that_of_independent_particles(study: xr.Dataset) -> None:
    """Var = 2(v + c)²/N + 2c²(1 − 1/N), c = (w − v)/N: pairs with the covariance c."""
    found = bias_and_fluctuation(study["second"]).isel(time=0)
    N = found["size"].values
    c = 2.0 / N
    exact = np.sqrt(2 * (1 + c) ** 2 / N + 2 * c**2 * (1 - 1 / N))
    z = (found["fluctuation"] - exact) / found["fluctuation_stderr"]
    assert float(abs(z).max()) < 3.5
    assert float(abs(found["fluctuation"] / np.sqrt(2 / N) - 1).max()) > 0.03


def test_errors_are_the_scatter_of_many_studies() -> None:
    rng = np.random.default_rng(1)
    draws = xr.DataArray(rng.normal(0.3, 1.2, size=(2000, 60)), dims=("study", "replica"), name="w")
    found = bias_and_fluctuation(draws)
    for name, mean in (("bias", 0.3), ("fluctuation", 1.2)):
        assert float(found[name].mean()) == pytest.approx(mean, rel=0.03)
        # 2000 studies know their scatter to 1.6 %; the fourth moment of 60 values is too small by a little
        assert float(found[f"{name}_stderr"].mean()) == pytest.approx(float(found[name].std()), rel=0.1)


def test_rates_of_both(study: xr.Dataset) -> None:
    found = bias_and_fluctuation(study["second_excess"])
    fit = mf.fit_rate(abs(found["bias"])).isel(time=0)
    assert float(fit["lower"]) < -1.0 < float(fit["upper"])
    assert 0.05 < float(fit["upper"] - fit["lower"]) < 1.2
    assert found["bias"].attrs["theory"] == -1.0
    plain = bias_and_fluctuation(study["second"])
    fit = mf.fit_rate(plain["fluctuation"]).isel(time=0)
    assert float(fit["rate"]) == pytest.approx(-0.5, abs=0.2)
    assert float(fit["theory"]) == -0.5


def test_without_replicas_there_is_no_bias(study: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="dimension replica"):
        bias_and_fluctuation(study["second"].isel(replica=0))
    with pytest.raises(ValueError, match="at least 2"):
        bias_and_fluctuation(study["second"].isel(replica=[0]))

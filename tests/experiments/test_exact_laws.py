"""The experiments on exact laws confirm the right system and find each planted error, at small sizes."""

import numpy as np
import pytest

from mfpde.experiments import exact_laws

NAMES = ("sharp_rate", "liouville", "bbgky")
QUICK = {
    ("sharp_rate", None),
    ("sharp_rate", "new noise"),
    ("liouville", None),
    ("bbgky", None),
    ("bbgky", "circulations"),
}
"""Run every time; the others are slow."""


def case(name, system):
    marks = () if (name, system) in QUICK else pytest.mark.slow
    return pytest.param(name, system, marks=marks, id=f"{name}-{system or 'right'}")


@pytest.mark.parametrize(
    ("name", "system"),
    [case(name, system) for name in NAMES for system in (None, *getattr(exact_laws, name).plants)],
)
def test_the_right_system_is_confirmed_and_planted_errors_are_found(name, system):
    result = getattr(exact_laws, name)(system=system, progress=False)
    assert result.attrs["confirmed"] == int(system is None), result.attrs["verdict"]


def test_the_shift_of_the_mean_is_that_of_its_own_process():
    """Y = X − X̄ has dY = a m dt with the mean m = m₀ + √(2σ)B of variance (s² + 2σt)/N: a moment equation."""
    a, σ, s2, T = 1.3, 0.7, 2.0, 0.9
    # X̄ has the same mean process with a restoring force: Y(T) = ∫ a e^{−a(T−t)} m(t) dt
    t = (np.arange(2000) + 0.5) * T / 2000
    g = a * np.exp(-a * (T - t)) * T / 2000
    covariance = s2 + 2 * σ * np.minimum.outer(t, t)
    # the midpoint rule in two variables has an error of order (T/2000)
    assert exact_laws.coupled_square(a, σ, s2, T) == pytest.approx(g @ covariance @ g, rel=1e-3)


def test_entropies_are_those_of_gaussian_laws():
    """H_k = ½(tr Σ − k − log det Σ) with Σ = 1 + c 𝟏𝟏ᵀ."""
    for k in (1, 2, 5):
        Σ = np.eye(k) + 0.3
        expected = (np.trace(Σ) - k - np.linalg.slogdet(Σ)[1]) / 2
        assert exact_laws.gaussian_entropy(k, 0.3) == pytest.approx(expected, rel=1e-12)

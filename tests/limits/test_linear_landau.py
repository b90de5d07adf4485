"""Linear Landau damping: the dispersion relation, and the whole evolution from an integral equation."""

import numpy as np
import pytest

from mfpde.problems import landau_damping

AMPLITUDE = 1e-4  # the non-linearity then changes the field by about 1e-7 of its initial size
WAVENUMBERS = (0.3, 0.4, 0.5, 0.6)
each_wavenumber = pytest.mark.parametrize("k", WAVENUMBERS)


def linear_density(k, times):
    """Solve g(t) + ∫₀ᵗ s e^{−k²s²/2} g(t − s) ds = e^{−k²t²/2}: ρ_k(t)/ρ_k(0) for the unit Maxwellian.

    Trapezoidal sums with steps h, h/2, h/4, extrapolated to order six; ``times`` are multiples of 0.1.
    """
    results = []
    for per_unit in (40, 80, 160):
        h, n = 1 / per_unit, round(times[-1] * per_unit)
        t = h * np.arange(n + 1)
        free = np.exp(-((k * t) ** 2) / 2)
        kernel, g = t * free, np.empty(n + 1)
        for i in range(n + 1):
            history = kernel[i:0:-1] @ g[:i] - kernel[i] * g[0] / 2 if i else 0.0
            g[i] = free[i] - h * history
        results.append(g[np.rint(times * per_unit).astype(int)])
    coarse, middle, fine = results
    return (64 * fine - 20 * middle + coarse) / 45


@pytest.fixture(scope="module")
def damped(follow, field_mode):
    """By wavenumber: times, and the amplitude of sin kx in the field over its initial value a/k."""
    times = np.linspace(0, 30, 301)
    runs = {}
    for k in WAVENUMBERS:
        problem = landau_damping(k, AMPLITUDE).replace(resolution={"x": 128, "v": 512})
        mode = follow(problem, times, field_mode(problem))
        assert np.abs(mode.real).max() < 1e-14  # no cosine: the reflected problem is the same
        runs[k] = times, -2 * mode.imag / (AMPLITUDE / k)
    return runs


@each_wavenumber
def test_damping_rate_and_frequency(damped, reference, damped_wave, k):
    """Least squares on a damped cosine over 12 ≤ t ≤ 30, where the next root is below 1e-5."""
    t, E = (values[120:] for values in damped[k])

    γ, ω = damped_wave(t, E, -0.1, np.sqrt(1 + 3 * k**2))  # Bohm and Gross
    root = reference[f"A.landau.omega.k{k}"]["value"]
    assert ω == pytest.approx(root["re"], abs=1e-5)
    assert γ == pytest.approx(root["im"], abs=1e-5)


@each_wavenumber
def test_the_whole_linear_evolution(damped, k):
    times, E = damped[k]
    early = times <= 20
    assert np.abs(E - linear_density(k, times))[early].max() < 1e-6


@pytest.mark.parametrize("k", [0.3, 0.4, 0.5])
def test_tabulated_evolution(damped, reference, k):
    """The table holds the linear g(t); the integral equation and the solver both meet it."""
    times, E = damped[k]
    table = reference[f"A.landau.g.k{k}"]["value"]
    places = np.rint(np.multiply(table["t"], 10)).astype(int)
    assert np.abs(linear_density(k, times)[places] - table["g"]).max() < 1e-9
    assert np.abs(E[places] - table["g"]).max() < 1e-6


@pytest.mark.parametrize("k", [0.3, 0.4, 0.5])
def test_amplitude_and_phase_of_the_damped_wave(damped, reference, k):
    """E ~ 2|r| e^{γt} cos(ωt − arg r): the residue of the least damped root."""
    times, E = damped[k]
    root, residue = (reference[f"A.landau.{what}.k{k}"]["value"] for what in ("omega", "residue"))
    wave = np.exp(root["im"] * times) * np.cos(root["re"] * times - residue["arg_r"])
    late = times >= 20
    assert np.abs(E - 2 * residue["abs_r"] * wave)[late].max() < 1e-5

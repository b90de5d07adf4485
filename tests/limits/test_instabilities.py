"""Growth of the classical instabilities, from perturbations so small that they stay linear."""

import numpy as np
import pytest

from mfpde.problems import bump_on_tail, jeans_instability, two_stream, two_stream_v2

AMPLITUDE = 1e-10

# problem, reference, and a time after which the damped modes have fallen behind by more than 1e-5
CASES = [
    (two_stream(amplitude=AMPLITUDE), "A.twostream_2max.v3.k0.2", 40, 60),
    (two_stream_v2(amplitude=AMPLITUDE), "A.twostream_v2.gamma.k0.5", 40, 60),
    (bump_on_tail(amplitude=AMPLITUDE), "A.bump_on_tail.k0.3", 60, 80),
    (jeans_instability(amplitude=AMPLITUDE), "A.jeans.gamma.k0.5", 12, 18),
    (jeans_instability(0.8, AMPLITUDE), "A.jeans.gamma.k0.8", 14, 22),
]


@pytest.mark.parametrize(("problem", "key", "start", "end"), CASES, ids=[key for _, key, _, _ in CASES])
def test_growth_rate_and_frequency(follow, field_mode, reference, problem, key, start, end):
    times = np.linspace(start, end, 81)
    E = follow(problem, times, field_mode(problem))
    rate, _ = np.polyfit(times, np.log(np.abs(E)), 1)
    frequency, _ = np.polyfit(times, -np.unwrap(np.angle(E)), 1)
    value = reference[key]["value"]
    expected = complex(value["re"], value["im"]) if isinstance(value, dict) else complex(0, value)
    assert rate == pytest.approx(expected.imag, rel=1e-5)
    assert frequency == pytest.approx(expected.real, abs=1e-6)


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (two_stream_v2(amplitude=AMPLITUDE), "v2,k=0.5"),
        (two_stream(drift=2.4, amplitude=AMPLITUDE), "2max2.4,k=0.2"),
    ],
)
def test_amplitude_of_the_growing_wave(follow, field_mode, reference, problem, name):
    """E = (a/k) r e^{γt} sin kx, r the residue of the unstable root."""
    value = reference[f"A.twostream.gamma_and_residue[{name}]"]["value"]
    times = np.linspace(50, 60, 11)
    k = 2 * np.pi / problem.grid["x"].length
    E = -2 * follow(problem, times, field_mode(problem)).imag / (AMPLITUDE / k)
    assert np.abs(E / (value["r"] * np.exp(value["gamma"] * times)) - 1).max() < 1e-4


def test_jeans_length(follow, field_mode):
    """A cloud shorter than the Jeans length, k > 1, does not collapse."""
    problem = jeans_instability(1.2, 1e-6)
    E = np.abs(follow(problem, [0.0, 20.0], field_mode(problem)))
    assert E[1] < 0.1 * E[0]

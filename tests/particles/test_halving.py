"""The error of a step from half the step: known errors, orders of the families, and the default steps."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.laws import Maxwellian, Product
from mfpde.particles.ensemble import NOISE, random_stream
from mfpde.particles.halving import step_error
from mfpde.particles.noise import BrownianPath
from mfpde_solvers.equations import Kuramoto, McKeanVlasov, Vlasov
from mfpde_solvers.kernels import BiotSavart, Harmonic
from mfpde_solvers.kernels import LogGas as LogKernel

LINE = mf.Grid((mf.Axis("x", -12.0, 12.0, 64, "open"),))
PLANE = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 32, "open") for name in "xy"))
CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 32),))
PHASE = mf.Grid((mf.Axis("x", -8.0, 8.0, 32, "open"), mf.Axis("v", -8.0, 8.0, 32, "open")))
THERMAL = Product((Maxwellian(0.0, 0.5), Maxwellian(0.0, 0.5)))


def rms(found):
    return float(np.sqrt((found["rms"] ** 2).mean()))


def observed_order(problem, size, dt, time, replicas=12):
    """From the distances for the steps dt and dt/2."""
    first, second = (step_error(problem, size, [time], replicas=replicas, dt=h) for h in (dt, dt / 2))
    assert first.attrs["strong_order"] == second.attrs["strong_order"]
    return np.log2(rms(first) / rms(second)), first.attrs["strong_order"]


CASES = {
    "heun": (mf.Problem(Kuramoto(4.0, 0.5), mf.laws.Perturbed(1.0, 0.5), CIRCLE, 1.0), 64, 0.025),
    "heun, vortices": (
        mf.Problem(McKeanVlasov(BiotSavart(cutoff=0.3), 0.1), Maxwellian(0.0, 1.0, 2), PLANE, 1.0),
        64,
        0.05,
    ),
    "runge-kutta": (mf.Problem(Kuramoto(4.0, 0.0), mf.laws.Perturbed(1.0, 0.5), CIRCLE, 1.0), 64, 0.2),
    "verlet": (mf.Problem(Vlasov(Harmonic(1, 1.0)), THERMAL, PHASE, 2.0), 64, 0.2),
    "langevin": (mf.Problem(Vlasov(Harmonic(1, 1.0), 0.8, 0.5), THERMAL, PHASE, 2.0), 64, 0.1),
    "ordered": (
        mf.Problem(McKeanVlasov(LogKernel(1, 1.0), 0.002), Maxwellian(0.0, 1.0), LINE, 0.5),
        16,
        0.025,
    ),
    "landau": (mf.problems.bkw(2), 64, 0.0125),
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("ordered", "landau")])
def test_the_strong_order_of_each_family(name):
    """1 with additive noise, 2 for Verlet, 4 without noise: what ``estimate`` presumes."""
    problem, size, dt = CASES[name]
    order, expected = observed_order(problem, size, dt, problem.horizon)
    assert order == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("name", ["ordered", "landau"])
def test_the_strong_order_where_coefficients_are_rough(name):
    """Pairs that come close, and multiplicative noise: orders that replicas tell to 0.3 only."""
    problem, size, dt = CASES[name]
    order, expected = observed_order(problem, size, dt, min(problem.horizon, 0.5), replicas=24)
    assert order == pytest.approx(expected, abs=0.35)


def test_the_estimate_is_the_error_where_that_is_known():
    """Harmonic particles without noise: Runge and Kutta's polynomial against e^{−t} about the centre."""
    problem = mf.Problem(McKeanVlasov(Harmonic(1, 1.0), 0.0), Maxwellian(0.0, 1.0), LINE, 1.0)
    h, N = 0.25, 50
    found = step_error(problem, N, [0.0, 1.0], replicas=2, dt=h)
    points = mf.simulate(problem, N, [0.0], replicas=2)["x"].values[0]
    spread = np.sqrt(((points - points.mean(axis=1, keepdims=True)) ** 2).mean(axis=1))
    step = 1 - h + h**2 / 2 - h**3 / 6 + h**4 / 24
    error = abs(step**4 - np.exp(-1.0)) * spread
    assert found["estimate"].values[1] == pytest.approx(error, rel=0.15)  # 1 + O(h)
    assert (found["rms"].values[0] == 0).all()
    assert (found["largest"] >= found["rms"]).all()


def test_distances_are_those_of_two_simulations():
    """One with the step and one with half of it have the same points and the same Brownian paths."""
    problem, size, dt = CASES["heun"]
    found = step_error(problem, size, [0.5, 1.0], replicas=3, seed=7, dt=dt)
    x, x̃ = (
        mf.simulate(problem, size, [0.5, 1.0], replicas=3, seed=7, dt=h)["x"].values for h in (dt, dt / 2)
    )
    apart = np.abs(np.angle(np.exp(1j * (x - x̃))))
    assert found["rms"].values == pytest.approx(np.sqrt((apart**2).mean(axis=-1)), rel=1e-12)
    assert found["largest"].values == pytest.approx(apart.max(axis=-1), rel=1e-12)
    assert found["rms"].dims == ("time", "replica")
    assert all(variable.attrs["long_name"] for variable in found.variables.values())
    assert found.attrs["dt"] == dt


def test_the_halves_of_the_paths_are_bridges():
    """The step sees the increments of which half the step sees the halves."""
    stream = random_stream(7, 64, 0, NOISE)
    coarse, fine = (BrownianPath(stream, (64, 1), h) for h in (0.05, 0.025))
    assert np.allclose(fine.increment(4) + fine.increment(5), coarse.increment(2), atol=1e-14)


# bounds of the root-mean-square error at a time, with the default step: what is measured, rounded up
DEFAULTS = {
    "first order with noise": (mf.problems.kuramoto(), 100, 1.0, 0.02),
    "vortices with a cut-off": (
        mf.Problem(McKeanVlasov(BiotSavart(cutoff=0.3), 0.05), Maxwellian(0.0, 1.0, 2), PLANE, 1.0),
        100,
        1.0,
        0.02,
    ),
    "first order without noise": (CASES["runge-kutta"][0], 100, 1.0, 5e-8),
    "newton": (mf.problems.landau_damping(amplitude=0.3), 100, 4.0, 0.1),
    "langevin": (mf.problems.vlasov_fokker_planck(), 100, 1.0, 0.05),
    "landau": (mf.problems.bkw(2), 100, 0.2, 0.15),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_accuracy_of_the_default_steps(name):
    """Within the bounds, and not below a tenth of them: the figures are the real ones."""
    problem, size, time, bound = DEFAULTS[name]
    found = step_error(problem, size, [time])
    error = float(np.sqrt((found["estimate"] ** 2).mean()))
    assert bound / 10 < error < bound


def test_what_does_not_fit_is_refused():
    problem = CASES["heun"][0]
    with pytest.raises(ValueError, match="no multiple of the step"):
        step_error(problem, 8, [0.25], dt=0.1)
    with pytest.raises(ValueError, match="replicas"):
        step_error(problem, 8, [1.0], replicas=0)
    with pytest.raises(ValueError, match="forces 'quick' is unknown"):
        step_error(problem, 8, [1.0], forces="quick")
    with pytest.raises(TypeError):
        step_error("kuramoto", 8)

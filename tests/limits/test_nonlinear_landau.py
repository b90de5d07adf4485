"""Nonlinear Landau damping, amplitude 0.5: invariants, the sign of f, and what filamentation costs."""

import numpy as np
import pytest

from mfpde.problems import landau_damping
from mfpde_solvers.vlasov import SemiLagrangian

TIMES = np.linspace(0.0, 60.0, 61)
NAMES = ("mass", "momentum_x", "total_energy", "l2_norm", "entropy", "minimum", "maximum", "outflow")


def strong(cells):
    return landau_damping(0.5, 0.5).replace(resolution={"x": cells, "v": 2 * cells})


@pytest.fixture(scope="module")
def history(follow):
    """``history(cells, positive, times)``: the named diagnostics through time, dt = 0.1, fourth order."""

    def table(cells, positive, times):
        def scalars(run):
            values = run.diagnostics()
            return [values[name] for name in NAMES]

        solver = SemiLagrangian(positive=positive)
        rows = follow(strong(cells), times, scalars, solver, 0.1)
        return dict(zip(NAMES, rows.T, strict=True))

    return table


@pytest.fixture(scope="module")
def free(history):
    return history(256, False, TIMES)


@pytest.fixture(scope="module")
def limited(history):
    return history(256, True, TIMES)


@pytest.mark.parametrize("name", ["free", "limited"])
def test_mass_and_momentum(request, name):
    values = request.getfixturevalue(name)
    assert np.abs(values["mass"] + values["outflow"] - 1).max() < 1e-12
    assert np.abs(values["outflow"]).max() < 1e-12
    assert np.abs(values["momentum_x"]).max() < 1e-12


def test_energy_without_the_limiter(free):
    """Cutting filaments at the grid leaves the energy alone: the drift of 6e-9 is that of the splitting."""
    energy = free["total_energy"]
    assert np.abs(energy - energy[0]).max() < 2e-8


def test_energy_with_the_limiter(limited):
    """The limiter smooths the filaments and heats: 9e-4 by t = 60, all of it after t = 12."""
    energy = limited["total_energy"]
    assert np.abs(energy - energy[0])[TIMES <= 12].max() < 2e-8
    assert np.abs(energy - energy[0]).max() < 2e-3


def test_the_limiter_keeps_the_sign_and_the_maximum_is_no_larger_than_at_first(limited):
    assert limited["minimum"].min() >= -1e-16 * limited["maximum"].max()
    assert limited["maximum"].max() <= limited["maximum"][0] * (1 + 1e-3)


def test_undershoot_and_loss_are_those_of_the_filaments(free, limited):
    """Exact until filaments reach the cells at t ≈ 13; then ‖f‖₂ falls by 1.3 %, f undershoots by 5 %."""
    resolved = TIMES <= 12
    for values in (free, limited):
        loss = 1 - values["l2_norm"] / values["l2_norm"][0]
        assert np.abs(loss[resolved]).max() < 1e-6
        assert 1e-3 < loss[-1] < 0.03
    undershoot = -free["minimum"] / free["maximum"][0]
    assert undershoot[resolved].max() < 1e-12
    assert 1e-2 < undershoot.max() < 0.1
    assert np.ptp(limited["entropy"][resolved]) < 1e-6
    assert -0.1 < limited["entropy"][-1] - limited["entropy"][0] < -0.01  # ∫f log f of the coarser f


def test_undershoot_shrinks_under_refinement_before_filamentation(history):
    """At t = 9: 2e-3 of the maximum on 64 × 128, round-off on 128 × 256; at t = 12 once more."""

    def undershoot(cells, time):
        values = history(cells, False, [0.0, time])
        return max(0.0, -values["minimum"][-1]) / values["maximum"][0]

    assert undershoot(128, 9.0) < 1e-8 * undershoot(64, 9.0)
    coarse, middle, fine = (undershoot(cells, 12.0) for cells in (64, 128, 256))
    assert middle < 0.1 * coarse
    assert fine < 1e-8 * middle


def test_fields_agree_before_and_after_filamentation(follow, field_mode):
    """The field is an average over velocities, resolved long after f is not: half the cells give it too."""
    times = np.linspace(0.0, 40.0, 81)
    fine, coarse = (follow(p, times, field_mode(p), dt=0.1) for p in (strong(256), strong(128)))
    assert np.abs(fine - coarse)[times <= 12].max() < 1e-7
    assert np.abs(fine - coarse).max() < 2e-3 * np.abs(fine).max()

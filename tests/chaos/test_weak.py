"""Weak errors: exact means and variances under the tents, signs, errors."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.marginals import tents
from mfpde.chaos.weak import TENT_RULES, WeakError
from mfpde.dataset import field
from mfpde.laws import from_density
from mfpde_solvers.grid import Axis, Grid


@pytest.mark.parametrize(("nodes", "degree"), [(3, 5), (5, 9)])
def test_tent_rules_are_exact(nodes, degree):
    """∫ t^m (1 − |t|) dt = 2/((m+1)(m+2)) for even m, 0 for odd."""
    t, w, centre = (np.array(part) for part in TENT_RULES[nodes])
    for m in range(0, degree, 2):
        assert 2 * w @ t**m + centre * (m == 0) == pytest.approx(2 / ((m + 1) * (m + 2)), rel=1e-14)


def test_moments_of_a_polynomial_have_the_variance_of_the_tents(phase_density):
    """E v² under the tents is the sum over cells plus h²/6, exactly."""
    target = WeakError(lambda x: x[..., 1] ** 2).target(phase_density)
    v, h = phase_density["v"].values, 12 / 48
    weights, _ = tents(phase_density, ("v",))
    assert target.mean == pytest.approx(weights @ v**2 + h**2 / 6, rel=1e-12)


def test_default_observable_is_the_first_mode(phase_density):
    """⟨cos(x/2), ρ⟩ = 0.2 times the tents' sinc²; points at the crest give 1."""
    target = WeakError().target(phase_density)
    assert target.mean == pytest.approx(0.2 * np.sinc(1 / 32) ** 2, rel=1e-9)
    assert target.distance(np.zeros((3, 2))) == pytest.approx(1 - target.mean, rel=1e-12)
    assert target.distance(np.array([[2 * np.pi, 0.0]])) == pytest.approx(-1 - target.mean, rel=1e-12)


@pytest.mark.parametrize("observable", [None, lambda x: np.sin(x[..., 0]) * x[..., 1] + np.abs(x[..., 1])])
def test_samples_have_mean_zero_and_the_exact_variance(phase_density, observable):
    target = WeakError(observable).target(phase_density)
    points = from_density(phase_density).rvs(4000 * 25, np.random.default_rng(0)).reshape(4000, 25, 2)
    errors = np.array([target.distance(x) for x in points])
    floor = target.floor(25)
    assert abs(errors.mean()) / (floor / np.sqrt(4000)) < 4
    squares = errors**2
    assert abs(squares.mean() - floor**2) / (squares.std() / np.sqrt(4000)) < 4


def test_axes_restrict_what_the_observable_sees(phase_density):
    seen = []

    def observable(x):
        seen.append(x.shape[-1])
        return x[..., 0]

    target = WeakError(observable, "v", axes=("v",)).target(phase_density)
    assert target.distance([[1.0, 2.0], [3.0, 4.0]]) == pytest.approx(3.0, abs=1e-12)
    assert set(seen) == {1}


def test_difference_is_the_gap_of_the_means():
    densities = []
    for size in (32, 64):
        axis = Axis("x", 0.0, 2 * np.pi, size)
        densities.append(field((1 + 0.5 * np.cos(axis.points)) / (2 * np.pi), Grid((axis,)), "density"))
    first, second = (WeakError().target(density) for density in densities)
    expected = abs(np.sinc(1 / 32) ** 2 - np.sinc(1 / 64) ** 2) / 4
    assert first.difference(second) == pytest.approx(expected, rel=1e-8)


def test_wrong_observables_are_refused(phase_density):
    with pytest.raises(TypeError, match="function"):
        WeakError("x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must map shape"):
        WeakError(lambda x: x).target(phase_density)


def test_repr_is_the_same_in_every_process():
    assert "0x" not in repr(WeakError(lambda x: x[..., 0], "x"))

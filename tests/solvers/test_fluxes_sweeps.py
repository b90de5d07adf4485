"""Fluxes and implicit sweeps of the finite-volume solver, against their definitions."""

import numpy as np
import pytest

from mfpde_solvers.mckean_vlasov.fluxes import face_rates
from mfpde_solvers.mckean_vlasov.sweeps import sweep

both_boundaries = pytest.mark.parametrize("periodic", [True, False])


def random_rates(rng, shape, *, periodic, stiff):
    speed, ρ = rng.normal(size=shape), rng.random(shape) ** 4
    up, down = np.empty(shape), np.empty(shape)
    face_rates(speed, ρ, 0.3, 0.05 / stiff, 2.0, periodic, up, down)
    return ρ, up, down


@both_boundaries
@pytest.mark.parametrize("shape", [(2, 7, 3), (9, 20, 1), (1, 2, 11), (1, 3, 1)])
@pytest.mark.parametrize("stiff", [0.1, 1.0, 10.0])
def test_a_sweep_solves_its_equation(periodic, shape, stiff):
    """It gives b = a + τ L c with the mean c of its definition, positive and of the same mass."""
    rng = np.random.default_rng(3)
    a, up, down = random_rates(rng, shape, periodic=periodic, stiff=stiff)
    b, n, τ = a.copy(), shape[1], 0.1
    assert sweep(b, up, down, τ, periodic)
    c = np.where(b >= a, (a + b) / 2, 2 * a * b / (a + b))
    for o in range(shape[0]):
        for j in range(shape[2]):
            L = np.zeros((n, n))
            for i in range(n):
                here, after = i, (i + 1) % n
                L[[here, after], here] += [-up[o, i, j], up[o, i, j]]
                L[[here, after], after] += [down[o, i, j], -down[o, i, j]]
            size = 1 + τ * np.abs(L).max()
            assert np.abs(b[o, :, j] - a[o, :, j] - τ * L @ c[o, :, j]).max() < 1e-9 * size
    assert b.min() > 0
    np.testing.assert_allclose(b.sum(axis=1), a.sum(axis=1), rtol=1e-13)


@both_boundaries
def test_a_sweep_keeps_empty_cells_non_negative(periodic):
    a = np.zeros((1, 40, 1))
    a[0, 12] = 1.0
    up, down = np.full(a.shape, 3.0), np.full(a.shape, 2.0)
    if not periodic:
        up[:, -1] = down[:, -1] = 0.0
    assert sweep(a, up, down, 5.0, periodic)
    assert a.min() > 0
    assert abs(a.sum() - 1) < 1e-14


def test_the_flux_is_that_of_scharfetter_and_gummel():
    """u/(1 − e^{−w}) to the right and u/(eʷ − 1) to the left, w = uh/σ, at every Péclet number."""
    h, σ = 0.3, 0.7
    w = np.array([-600.0, -40.0, -3.0, -0.5, -0.49, -1e-3, -1e-9, 1e-9, 0.02, 0.4999, 0.5, 1.0, 30.0, 800.0])
    u, shape = w * σ / h, (1, w.size, 1)
    up, down = np.empty(shape), np.empty(shape)
    face_rates(u.reshape(shape), np.ones(shape), σ, h, 0.0, True, up, down)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(up.ravel(), -u / np.expm1(-w) / h, rtol=1e-13)
        np.testing.assert_allclose(down.ravel(), u / np.expm1(w) / h, rtol=1e-13)
    face_rates(u.reshape(shape), np.ones(shape), 0.0, h, 0.0, True, up, down)
    np.testing.assert_array_equal(up.ravel(), np.maximum(u, 0) / h)
    np.testing.assert_array_equal(down.ravel(), np.maximum(-u, 0) / h)

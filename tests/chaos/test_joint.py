"""Joint laws of few particles: Gibbs measures in closed form, entropies of marginals, free particles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import iv

import mfpde as mf
from mfpde.chaos.cumulants.joint import joint_law


def phases(coupling=1.0, diffusion=1.0, amplitude=0.5, scaling="1/N", cells=32):
    equation = mf.equations.McKeanVlasov(mf.kernels.Kuramoto(coupling), diffusion, scaling=scaling)
    problem = mf.problems.kuramoto(amplitude=amplitude)
    return problem.replace(equation=equation, resolution={"x": cells})


@pytest.mark.parametrize("scaling", ["1/N", "1/(N-1)"])
def test_two_uniform_oscillators_relax_to_a_law_of_von_mises(scaling):
    """X₁ − X₂ tends to the density ∝ exp(a cos z), a = wκ/σ: H_2 = a I₁(a)/I₀(a) − log I₀(a), H_1 = 0."""
    found = joint_law(phases(2.0, 1.0, 0.0, scaling, 24), 2, [0.0, 10.0], tolerance=1e-7)
    a = 2.0 / (2 if scaling == "1/N" else 1)
    expected = a * iv(1, a) / iv(0, a) - np.log(iv(0, a))
    # the slowest rate is above 1, so that e^{−2·10} of the entropy is left
    assert float(found.relative_entropy[-1, 1]) == pytest.approx(expected, rel=1e-7)
    assert abs(float(found.relative_entropy[-1, 0])) < 1e-12
    assert float(abs(found.relative_entropy[0]).max()) < 1e-12


def test_entropies_are_ordered():
    """H_k ≤ (k/N) H_N, and H_2 − 2H_1 ≈ ½‖g‖² with g = F_{3,2}/(F_{3,1} ⊗ F_{3,1}) − 1 where g is small."""
    found = joint_law(phases(), 3, [0.2, 0.5], tolerance=1e-8)
    H = found.relative_entropy
    assert bool((H.sel(order=1) > 0).all())
    assert bool((H.sel(order=1) <= H.sel(order=3) / 3).all())
    assert bool((H.sel(order=2) <= H.sel(order=3) * 2 / 3).all())
    h = 2 * np.pi / 32
    F2 = found.joint_density.isel(time=0).values.sum(axis=2) * h
    F1 = F2.sum(axis=1) * h
    g = F2 / np.multiply.outer(F1, F1) - 1
    half = (g**2 * np.multiply.outer(F1, F1)).sum() * h**2 / 2
    pair = float(H.isel(time=0).sel(order=2) - 2 * H.isel(time=0).sel(order=1))
    assert pair == pytest.approx(half, rel=np.abs(g).max())


def test_particles_without_interaction_have_no_entropy():
    found = joint_law(phases(0.0, 0.3), 3, [1.0], tolerance=1e-8)
    assert float(abs(found.relative_entropy).max()) < 1e-11
    product = found.density.values[0]
    np.testing.assert_allclose(
        found.joint_density.values[0], np.einsum("i,j,k", product, product, product), rtol=1e-9
    )
    assert found.joint_density.dims == ("time", "x1", "x2", "x3")
    assert all(found[name].attrs["units"] == "1" for name in found.data_vars)


def test_refusals():
    with pytest.raises(ValueError, match="2 or 3"):
        joint_law(phases(), 4)
    with pytest.raises(ValueError, match="first order"):
        joint_law(mf.problems.bkw(2), 2)
    with pytest.raises(ValueError, match="open"):
        joint_law(mf.problems.harmonic(), 2)

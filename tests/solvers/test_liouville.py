"""Joint laws of two and three particles on the circle: Gibbs measures, duality, exact modes, entropies."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde_solvers.equations import Kuramoto, McKeanVlasov
from mfpde_solvers.evolve import ResolutionLost, evolve
from mfpde_solvers.grid import Axis
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.kernels import Kuramoto as KuramotoKernel
from mfpde_solvers.liouville import (
    BackwardKolmogorov,
    Liouville,
    marginal,
    product_density,
    relative_entropy,
)


def circle(n=48):
    return Axis("x", 0.0, 2 * np.pi, n)


def oscillators(coupling=1.5, diffusion=0.5, scaling="1/(N-1)", drift=None):
    return McKeanVlasov(KuramotoKernel(coupling), diffusion, drift=drift, scaling=scaling)


def tilted(axis, amplitude=0.5):
    return (1 + amplitude * np.cos(axis.points)) / (2 * np.pi)


def along(values, place, size):
    shape = tuple(values.size if i == place else 1 for i in range(size))
    return np.broadcast_to(values.reshape(shape), (values.size,) * size)


def at(run, time):
    for _ in evolve(run, [time]):
        pass
    return run.values


@pytest.mark.slow
def test_default_accuracy_of_three_particles():
    """64³ values: against a tenth of the tolerance."""
    axis, equation, T = circle(64), oscillators(1.5, 0.5), 0.25
    F0 = product_density(tilted(axis), 3)
    F, exact = (at(Liouville(equation, axis, F0, tolerance), T) for tolerance in (1e-10, 1e-11))
    assert np.abs(F - exact).max() < 1e-10
    run = Liouville(equation, axis, F)
    assert run.tail < 1e-20


@pytest.mark.parametrize(("size", "scaling"), [(2, "1/N"), (2, "1/(N-1)"), (3, "1/N"), (3, "1/(N-1)")])
def test_gibbs_measures_are_stationary(size, scaling):
    """F ∝ exp((wκ/σ) Σ_{i<j} cos(xᵢ − xⱼ)): wrong weights, signs or pairs would move it."""
    axis, κ, σ = circle(24), 1.0, 1.0
    w = 1 / size if scaling == "1/N" else 1 / (size - 1)
    x = [along(axis.points, i, size) for i in range(size)]
    energy = sum(np.cos(x[i] - x[j]) for i in range(size) for j in range(i))
    F = np.exp(w * κ / σ * energy)
    F /= F.sum() * axis.spacing**size
    run = Liouville(oscillators(κ, σ, scaling), axis, F)
    moved = np.abs(at(run, 0.5) - F).max() / F.max()
    assert moved < 1e-10  # the tolerance of a step; the scheme damps what it adds
    other = oscillators(κ, σ, "1/(N-1)" if scaling == "1/N" else "1/N")
    assert np.abs(at(Liouville(other, axis, F), 0.5) - F).max() / F.max() > 1e-3


def test_the_centre_diffuses_and_the_distance_relaxes():
    """Forces cancel in the sum: E cos(X₁ + X₂) decays by the rate 2σ whatever the coupling."""
    axis, σ, T = circle(), 0.3, 0.7
    F0 = product_density(tilted(axis), 2)
    F = at(Liouville(oscillators(2.0, σ), axis, F0), T)
    mode = np.cos(along(axis.points, 0, 2) + along(axis.points, 1, 2))
    # cos(x₁ + x₂) is e^{i(x₁+x₂)}: eigenvalue −2σ
    assert (F * mode).sum() == pytest.approx(np.exp(-2 * σ * T) * (F0 * mode).sum(), rel=1e-10)
    Φ = at(BackwardKolmogorov(oscillators(2.0, σ), axis, mode), T)
    np.testing.assert_allclose(Φ, np.exp(-2 * σ * T) * mode, atol=1e-10)


def test_free_particles_stay_independent():
    axis, σ, T = circle(16), 0.4, 1.3
    F = at(Liouville(oscillators(0.0, σ), axis, product_density(tilted(axis), 3)), T)
    f = (1 + 0.5 * np.exp(-σ * T) * np.cos(axis.points)) / (2 * np.pi)
    np.testing.assert_allclose(F, product_density(f, 3), rtol=1e-12)
    assert abs(relative_entropy(F, f, axis.spacing)) < 1e-13


def test_drift_alone_transports_along_characteristics():
    """Without interaction and noise Φ(x) = φ(flow of x): S = a sin x has tan(X/2) = e^{at} tan(x/2)."""
    axis, a, T = circle(64), 0.5, 0.5
    equation = oscillators(0.0, 0.0, drift=lambda x: a * np.sin(x))
    flowed = 2 * np.arctan(np.exp(a * T) * np.tan(axis.points / 2))
    Φ = at(BackwardKolmogorov(equation, axis, along(np.cos(axis.points), 1, 2)), T)
    np.testing.assert_allclose(Φ, along(np.cos(flowed), 1, 2), atol=1e-10)
    f = tilted(axis)
    F = at(Liouville(equation, axis, product_density(f, 2)), T)
    back = 2 * np.arctan(np.exp(-a * T) * np.tan(axis.points / 2))
    slope = np.sin(back) / np.sin(axis.points)  # of the inverse flow, where S is carried along
    exact = (1 + 0.5 * np.cos(back)) / (2 * np.pi) * slope
    np.testing.assert_allclose(F, product_density(exact, 2), atol=1e-10)


@pytest.mark.parametrize(("size", "cells"), [(2, 48), (3, 24)])
def test_forward_and_backward_are_dual(size, cells):
    """∫ F_T Φ = ∫ F_0 Φ(T), to the error of the steps; neither is symmetric here."""
    axis, equation, T = circle(cells), oscillators(drift=lambda x: 0.3 * np.cos(x)), 0.6
    f = tilted(axis)
    F0 = product_density(f, size) * (1 + 0.3 * np.sin(along(axis.points, 0, size)))
    φ = np.cos(along(axis.points, 0, size)) * (1 + np.sin(along(axis.points, 1, size)))
    F, Φ = at(Liouville(equation, axis, F0), T), at(BackwardKolmogorov(equation, axis, φ), T)
    h = axis.spacing**size
    assert (F * φ).sum() * h == pytest.approx((F0 * Φ).sum() * h, abs=1e-10)
    assert F.sum() * h == pytest.approx(F0.sum() * h, rel=1e-13)
    assert Φ.max() < φ.max()
    assert Φ.min() > φ.min()  # the maximum principle


@pytest.mark.parametrize("kind", [Liouville, BackwardKolmogorov])
def test_default_accuracy_is_1e_10(kind):
    """Fourier coefficients against half as many cells again and a tenth of the tolerance."""
    equation, T, hats = oscillators(2.0, 0.5), 1.0, []
    for axis, tolerance in ((circle(64), 1e-10), (circle(96), 1e-11)):
        start = product_density(tilted(axis), 2)
        if kind is BackwardKolmogorov:
            start = np.add.outer(np.cos(axis.points), np.cos(axis.points)) / 2
        values = at(kind(equation, axis, start, tolerance), T)
        e = np.exp(-1j * np.outer(np.arange(-20, 21), axis.points)) / axis.size
        hats.append(e @ values @ e.T)
    assert np.abs(hats[0] - hats[1]).max() < 1e-10


def test_order_four_in_time():
    """The error follows the tolerance: the estimate is O(h⁴), the error of unit time O(h⁴)."""
    axis, equation = circle(32), oscillators(2.0, 0.5)
    F0 = product_density(tilted(axis), 2)
    exact = at(Liouville(equation, axis, F0, 1e-13), 0.5)
    errors, steps = [], []
    for tolerance in (1e-7, 1e-9):
        run, count = Liouville(equation, axis, F0, tolerance), 0
        while run.time < 0.5:
            run.step(0.5)
            count += 1
        errors.append(np.abs(run.values - exact).max())
        steps.append(count)
    order = np.log(errors[0] / errors[1]) / np.log(steps[1] / steps[0])
    assert 3.5 < order < 4.7
    assert errors[1] < 1e-9


def test_entropies_of_marginals_grow_with_their_number():
    """H_1 ≤ H_2 / 2 ≤ H_3 / 3 for a symmetric law against a product, and H_3 > 0 after interaction."""
    axis = circle(32)
    f = tilted(axis)
    F = at(Liouville(oscillators(1.0, 1.0), axis, product_density(f, 3), 1e-9), 0.3)
    ρ = marginal(F, 1, axis.spacing)
    H = [relative_entropy(marginal(F, k, axis.spacing), ρ, axis.spacing) / k for k in (1, 2, 3)]
    assert H[0] == pytest.approx(0, abs=1e-14)
    assert H[0] < H[1] < H[2]
    swapped = np.transpose(F, (2, 0, 1))
    np.testing.assert_allclose(swapped, F, atol=1e-12)


def test_a_run_restored_continues_bitwise():
    axis, equation = circle(16), oscillators()
    F0 = product_density(tilted(axis), 2)
    run, other = (Liouville(equation, axis, F0, 1e-7) for _ in range(2))
    at(run, 0.1)
    saved = {name: np.array(value) for name, value in run.state().items()}
    at(run, 0.2)
    other.restore(saved)
    np.testing.assert_array_equal(at(other, 0.2), run.values)
    assert run.memory > F0.nbytes
    assert run.diagnostics()["tail"] < 1e-4
    assert list(run.observe()) == ["density"]


def test_what_cannot_be_resolved_ends():
    """Strong attraction without noise makes filaments that no axis resolves."""
    axis = circle(16)
    run = Liouville(oscillators(3.0, 0.0), axis, product_density(tilted(axis), 2), 1e-6)
    with pytest.raises(ResolutionLost, match="at least 32 cells"):
        at(run, 5.0)


def test_refusals():
    axis = circle(8)
    F = product_density(tilted(axis), 2)
    line = Axis("x", 0.0, 2 * np.pi, 8, "open")
    for args, message in [
        ((Kuramoto(1.0, 1.0), line, F), "open"),
        ((Kuramoto(1.0, 1.0), axis, F[0]), "shape"),
        ((Kuramoto(1.0, 1.0), axis, F[:, :4]), "n = 8"),
        ((Kuramoto(1.0, 1.0), axis, F * np.nan), "finite"),
        ((McKeanVlasov(KuramotoKernel(1.0), 1.0, circulations=(1.0, 2.0)), axis, F), "circulation"),
        ((McKeanVlasov(Coulomb(2), 1.0), axis, F), "circle"),
        ((Kuramoto(1.0, 1.0), axis, F, 2.0), "tolerance"),
    ]:
        with pytest.raises(ValueError, match=message):
            Liouville(*args)

"""Periodised kernels: Ewald sums, Fourier series and compiled pair functions are the same kernel."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import BiotSavart, Coulomb, KellerSegel, LogGas, PowerLaw, Riesz, Stokeslet, ewald

NOTHING = {d: np.zeros((0, d)) for d in (1, 2, 3)}
CASES = [
    (Riesz(1, 0.4, -0.7), (1.3,)),
    (Coulomb(2, 1.5), (2.0, 2.0)),
    (Coulomb(2, 0.8, cutoff=0.3), (1.0, 1.45)),
    (Coulomb(2), (1.0, 3.0)),
    (PowerLaw(2, 1.7), (1.0, 1.0)),
    (PowerLaw(2, 0.3, 1.0, cutoff=0.2), (1.2, 1.0)),
    (Coulomb(3, -1.0), (1.0, 1.0, 1.0)),
    (Coulomb(3, 1.0, cutoff=0.25), (1.0, 1.2, 1.1)),
    (Stokeslet((0.2, 0.0, -1.0)), (1.0, 1.1, 1.2)),
    (LogGas(1, -1.4), (1.3,)),
    (KellerSegel(3.0), (1.0, 1.3)),
    (KellerSegel(3.0, cutoff=0.2), (1.0, 1.0)),
    (LogGas(2, 0.8, cutoff=0.1), (1.1, 1.0)),
    (LogGas(3, 0.8), (1.0, 1.0, 1.2)),
    (BiotSavart(), (1.0, 1.3)),
    (BiotSavart(cutoff=0.2), (1.0, 1.0)),
]
GRADIENTS = [case for case in CASES if not case[0].divergence_free]
PLANE = [case for case in GRADIENTS if len(case[1]) == 2]


def label(case):
    return f"{type(case[0]).__name__}-{len(case[1])}"


def torus(periods, size=8):
    return Grid(tuple(Axis(name, 0.0, L, size) for name, L in zip("xyz", periods, strict=False)))


def ewald_sum(kernel, z, periods, splitting):
    """The periodised kernel at points of the cell outside the cut-off, without polynomials."""
    nothing = NOTHING[len(periods)]
    if isinstance(kernel, Stokeslet):
        g = np.array(kernel.gravity)
        monopole = ewald.potential(z, periods, 1.0, nothing, splitting)[:, None]
        return ewald.force_gradient(z, periods, -1.0, nothing, splitting) @ g - 2 * monopole * g
    if isinstance(kernel, BiotSavart):
        E = ewald.force(z, periods, 0.0, nothing, splitting) / (2 * np.pi)
        return np.stack([-E[:, 1], E[:, 0]], axis=-1)
    return kernel.strength * ewald.force(z, periods, kernel.order, nothing, splitting)


def points(periods, cutoff, seed=3, count=60):
    """Offsets in the cell, as far from the origin as a tenth of a period and the cut-off."""
    z = (np.random.default_rng(seed).random((count, len(periods))) - 0.5) * periods
    return z[np.linalg.norm(z, axis=1) > max(cutoff, 0.1 * min(periods))]


def scale(kernel, periods):
    if isinstance(kernel, Stokeslet):
        order, strength = 0.0, np.linalg.norm(kernel.gravity)
    elif isinstance(kernel, BiotSavart):
        order, strength = 0.0, 1 / (2 * np.pi)
    else:
        order, strength = kernel.order, abs(kernel.strength)
    return strength * max(periods) ** (-order - 1)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_value_and_pair_are_the_ewald_sum_with_another_splitting(case):
    kernel, periods = case
    domain = kernel.on(torus(periods))
    z = points(periods, getattr(kernel, "cutoff", 0.0))
    expected = ewald_sum(kernel, z, periods, 4.3 / min(periods))
    assert np.abs(domain(z) - expected).max() < 1e-10 * scale(kernel, periods)
    pairs = np.array([np.atleast_1d(domain.pair(*one)) for one in z])
    # the compiled polynomial is summed in another order; its terms are larger than their sum
    assert np.abs(pairs - domain(z)).max() < 1e-12 * np.abs(expected).max()
    assert not np.any(domain.pair(*np.zeros(len(periods))))


@pytest.mark.parametrize("splitting", [2.2, 3.7])
@pytest.mark.parametrize("order", [-1.6, -1.0, 0.0, 0.5, 1.9])
def test_ewald_sums_do_not_depend_on_the_splitting(order, splitting):
    z = points((1.0, 1.4), 0.0)
    for function in (ewald.potential, ewald.force, ewald.force_gradient):
        first, second = (function(z, (1.0, 1.4), order, NOTHING[2], a) for a in (3.0, splitting))
        assert np.abs(first - second).max() < 1e-12 * max(1.0, np.abs(first).max())


@pytest.mark.parametrize("kernel", [Riesz(1, 0.0), LogGas(1)], ids=repr)
def test_inverse_distance_on_the_circle_is_a_cotangent(kernel):
    """Σ 1/(z + nL) = (π/L) cot(πz/L), and V = −log|2 sin(πz/L)|."""
    L = 1.3
    domain = kernel.on(torus((L,)))
    z = np.linspace(0.03, 0.97, 41)[:, None] * L
    assert np.abs(domain(z) - np.pi / L / np.tan(np.pi * z / L)).max() < 1e-10
    expected = -np.log(2 * np.abs(np.sin(np.pi * z[:, 0] / L)))
    assert np.abs(domain.potential(z) - expected).max() < 1e-10


def test_plane_coulomb_is_a_row_of_cotangents():
    """Rows of images of the plane kernel: π/L cot(π(x + iy)/L), summed over y + nL, less a background."""
    L, c = 1.5, 2.0
    z = points((L, L), 0.0)
    rows = np.arange(-12, 13)
    w = z[:, :1] + 1j * (z[:, 1:] + rows * L)
    sums = (np.pi / L / np.tan(np.pi * w / L)).sum(axis=1)
    expected = c * np.stack([sums.real, -sums.imag - 2 * np.pi / L**2 * z[:, 1]], axis=-1)
    assert np.abs(Coulomb(2, c).on(torus((L, L)))(z) - expected).max() < 1e-10
    assert np.abs(KellerSegel(-2 * np.pi * c).on(torus((L, L)))(z) - expected).max() < 1e-10
    flow = expected[:, ::-1] * [-1.0, 1.0] / (2 * np.pi * c)
    assert np.abs(BiotSavart().on(torus((L, L)))(z) - flow).max() < 1e-11


@pytest.mark.parametrize("case", CASES, ids=label)
def test_periodic_and_symmetric(case):
    kernel, periods = case
    domain = kernel.on(torus(periods))
    z = points(periods, 0.0)
    K = domain(z)
    sign = 1 if isinstance(kernel, Stokeslet) else -1
    assert np.abs(domain(-z) - sign * K).max() < 1e-11 * np.abs(K).max()
    for i, L in enumerate(periods):
        step = L * np.eye(len(periods))[i]
        assert np.abs(domain(z + step) - K).max() < 1e-9 * np.abs(K).max()
        wall = z.copy()
        wall[:, i] = L / 2 * (1 - 1e-13)
        assert np.abs(domain(wall) - domain(wall - step)).max() < 1e-10 * scale(kernel, periods)


@pytest.mark.parametrize("case", GRADIENTS, ids=label)
def test_force_is_minus_the_slope_of_the_potential(case):
    kernel, periods = case
    domain = kernel.on(torus(periods))
    z, h = points(periods, 0.0), 1e-4 * min(periods)
    z = z[np.abs(np.linalg.norm(z, axis=1) - kernel.cutoff) > 3 * h]
    for i, e in enumerate(h * np.eye(len(periods))):
        near, far = (domain.potential(z + n * e) - domain.potential(z - n * e) for n in (1, 2))
        slope = (8 * near - far) / (12 * h)
        assert np.abs(slope + domain(z)[:, i]).max() < 1e-6 * np.abs(domain(z)).max()


@pytest.mark.parametrize("case", PLANE, ids=label)
def test_symbol_is_the_fourier_transform_of_the_potential(case):
    """∫ V e^{−ik·z} over the cell in polar coordinates (Duffy's triangles), k = 0 (zero mean) included."""
    kernel, periods = case
    domain = kernel.on(torus(periods))
    nodes, weights = np.polynomial.legendre.leggauss(48)
    u, w = (1 + nodes) / 2, weights / 2
    for mode in ([0, 0], [1, 0], [2, -1]):
        k = 2 * np.pi * np.array(mode) / periods
        total = 0.0
        for i in (0, 1):
            edge, other = periods[i] / 2, periods[1 - i] / 2
            for tangent, wt in zip(other * nodes, other * weights, strict=True):
                length = np.hypot(edge, tangent)
                breaks = [0.0, kernel.cutoff / length, 1.0] if kernel.cutoff else [0.0, 1.0]
                for a, b in pairwise(breaks):
                    s = a + (b - a) * u**3  # the power tames the singularity at the origin
                    ds = (b - a) * 3 * u**2 * w
                    z = np.empty((s.size, 2))
                    z[:, i], z[:, 1 - i] = s * edge, s * tangent
                    total += 2 * wt * edge * np.sum(ds * s * domain.potential(z) * np.cos(z @ k))
        if mode == [0, 0]:
            assert abs(total) < 1e-7 * abs(kernel.strength)
        else:
            V_hat = 1j * (domain.symbol(*k) @ k) / (k @ k)
            assert total == pytest.approx(V_hat.real, rel=1e-6, abs=1e-7)


@given(st.tuples(*[st.floats(-0.5, 0.5)] * 3))
@settings(max_examples=20, deadline=None)
def test_cubic_torus_commutes_with_permutations(z):
    domain = Coulomb(3, -1.0).on(torus((1.0, 1.0, 1.0)))
    z = np.array(z) + 0.01
    order = [2, 0, 1]
    K = domain(z)
    assert np.abs(domain(z[order]) - K[order]).max() < 1e-10 * max(1.0, np.abs(K).max())


@pytest.mark.parametrize("case", [case for case in CASES if case[0].divergence_free], ids=label)
def test_flows_on_the_torus_are_divergence_free(case):
    kernel, periods = case
    domain = kernel.on(torus(periods))
    z, h = points(periods, getattr(kernel, "cutoff", 0.0) + 0.01), 1e-4
    divergence = 0.0
    for i, e in enumerate(h * np.eye(len(periods))):
        near, far = (domain(z + n * e)[:, i] - domain(z - n * e)[:, i] for n in (1, 2))
        divergence = divergence + (8 * near - far) / (12 * h)
    assert np.abs(divergence).max() < 1e-6


@pytest.mark.parametrize("cutoff", [0.0, 0.2])
def test_vorticity_of_a_periodic_vortex(cutoff):
    """The curl is −1/|T| outside the core, and 1/πε² more inside."""
    periods, h = (1.0, 1.3), 1e-4
    domain = BiotSavart(cutoff).on(torus(periods))
    for z, inside in ((np.array([0.4, -0.3]), False), (np.array([0.05, 0.08]), cutoff > 0)):
        curl = 0.0
        for i, e in enumerate(h * np.eye(2)):
            near, far = (domain(z + n * e)[1 - i] - domain(z - n * e)[1 - i] for n in (1, 2))
            curl += (1 - 2 * i) * (8 * near - far) / (12 * h)
        assert curl == pytest.approx(-1 / 1.3 + (1 / (np.pi * cutoff**2) if inside else 0.0), abs=1e-7)


def test_hasimoto_mobility_of_a_cubic_array():
    """The flow of the images at the origin is 2.837297/L times that of the particle's own 1/a, with 6πa F."""
    L = 2.0
    kernel = Stokeslet((0.0, 0.0, 1.0))
    z = 1e-3 * np.array([[1.0, 0.7, -0.4]])
    images = kernel.on(torus((L, L, L)))(z) - kernel(z)
    assert images[0, 2] == pytest.approx(4 / 3 * 2.837297 / L, rel=1e-5)


def test_refuses_what_cannot_be_summed():
    with pytest.raises(ValueError, match="half the period"):
        Coulomb(2, 1.0, 0.6).on(torus((1.0, 4.0)))
    with pytest.raises(ValueError, match="differ too much"):
        Coulomb(3).on(torus((1.0, 1.0, 30.0)))(np.ones((1, 3)))
    with pytest.raises(ValueError, match="Custom"):
        Riesz(2, 2.5)
    mixed = Grid((Axis("x", 0.0, 1.0, 8), Axis("y", -1.0, 1.0, 8, "open")))
    with pytest.raises(ValueError, match="no sums over pairs"):
        Coulomb(2).on(mixed)(np.ones((1, 2)))
    for kernel in (Riesz(2, 0.5), LogGas(2), PowerLaw(2, 0.5)):
        with pytest.raises(ValueError, match="available for Coulomb, KellerSegel, BiotSavart and Custom"):
            kernel.on(mixed)

"""Measured orders of the finite-volume solver in cells and step, at low and high Péclet numbers."""

import numpy as np
import pytest

from mfpde_solvers.equations import KellerSegel, McKeanVlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import BiotSavart, Coulomb, Harmonic
from mfpde_solvers.mckean_vlasov.finite_volume import FiniteVolume

both_schemes = pytest.mark.parametrize("scheme", ["implicit", "explicit"])


def box(half, *sizes, boundary="open"):
    """A cube with edges of length 2·half."""
    boundaries = [boundary] * len(sizes) if isinstance(boundary, str) else boundary
    return Grid(
        tuple(Axis(name, -half, half, n, b) for name, n, b in zip("xy", sizes, boundaries, strict=False))
    )


def gaussian(x, mean=0.0, variance=1.0):
    d = x.shape[-1]
    return np.exp(-((x - mean) ** 2).sum(axis=-1) / (2 * variance)) / (2 * np.pi * variance) ** (d / 2)


def end(solver, equation, grid, density, time, dt=None):
    run = solver.prepare(equation, grid, density, dt)
    list(evolve(run, [time]))
    return run.observe()["density"]


def orders(errors, sizes):
    return -np.diff(np.log(errors)) / np.diff(np.log(sizes))


GROWING = McKeanVlasov(Harmonic(2, -0.5), 1e-3)


def harmonic_exact(equation, time, x, mean=(0.3, -0.2), start=0.5):
    """Gaussian: the mean stays, the variance is v = v₀e^{−2at} + (σ/a)(1 − e^{−2at})."""
    a, σ = equation.kernel.rate, equation.diffusion
    v = start * np.exp(-2 * a * time) + σ / a * (1 - np.exp(-2 * a * time))
    return gaussian(x, np.array(mean), v)


@both_schemes
@pytest.mark.parametrize(
    ("equation", "péclet", "sizes"),
    [
        (McKeanVlasov(Harmonic(2, 0.5), 0.3), 1.0, (48, 96)),
        (McKeanVlasov(Harmonic(2, 0.5), 0.05), 4.0, (96, 192)),
        (McKeanVlasov(Harmonic(2, -0.5), 1e-3), 200.0, (64, 128)),
        (McKeanVlasov(Harmonic(2, -0.5), 0.0), np.inf, (64, 128)),
    ],
)
def test_order_in_the_cells(scheme, equation, péclet, sizes):
    """Second order (L¹); the Péclet number |u|h/σ is that three standard deviations from the centre."""
    half, T, errors = 6.0, 0.7, []
    for n in sizes:
        grid = box(half, n, n)
        h, v = grid.spacing[0], 0.5
        fastest = 3 * np.sqrt(v) * abs(equation.kernel.rate)
        assert equation.diffusion == 0 or 0.3 < fastest * h / equation.diffusion / péclet < 1.5
        ρ = end(FiniteVolume(scheme), equation, grid, harmonic_exact(equation, 0.0, grid.points), T)
        errors.append(grid.integrate(np.abs(ρ - harmonic_exact(equation, T, grid.points))))
    assert orders(errors, sizes)[0] > 1.8
    assert errors[-1] < 6e-3


def test_without_slopes_the_order_is_one_at_high_péclet_numbers():
    errors = []
    for n in (64, 128):
        grid = box(6.0, n, n)
        ρ = end(FiniteVolume(limiter="none"), GROWING, grid, harmonic_exact(GROWING, 0.0, grid.points), 0.7)
        errors.append(grid.integrate(np.abs(ρ - harmonic_exact(GROWING, 0.7, grid.points))))
    assert 0.8 < orders(errors, (64, 128))[0] < 1.2


@both_schemes
@pytest.mark.parametrize(
    ("equation", "boundary"),
    [
        (KellerSegel(4 * np.pi), "open"),
        (McKeanVlasov(Coulomb(2, 1.0), 0.2), "periodic"),
        (McKeanVlasov(BiotSavart(), 0.2), "open"),
    ],
)
def test_order_in_the_step(scheme, equation, boundary):
    grid, T = box(6.0, 32, 32, boundary=boundary), 0.4
    density = gaussian(grid.points, np.array([0.5, 0.0])) + gaussian(grid.points, np.array([-1.0, 1.0]), 0.5)
    density /= grid.integrate(density)
    steps = np.array([10, 20, 40]) if scheme == "implicit" else np.array([20, 40, 80])
    exact = end(FiniteVolume(scheme), equation, grid, density, T, T / 640)
    errors = [
        np.abs(end(FiniteVolume(scheme), equation, grid, density, T, T / n) - exact).max() for n in steps
    ]
    assert np.abs(orders(errors, steps) - 2).max() < 0.25


def test_adaptive_steps_keep_the_tolerance():
    """The error in time follows the tolerance: ten times smaller for a tolerance thirty times smaller."""
    grid, T = box(6.0, 48, 48), 0.5
    density, equation = gaussian(grid.points), KellerSegel(6 * np.pi)
    exact = end(FiniteVolume(tolerance=1e-9), equation, grid, density, T)
    errors = [
        np.abs(end(FiniteVolume(tolerance=tolerance), equation, grid, density, T) - exact).max() / exact.max()
        for tolerance in (1e-4, 1e-4 / 30)
    ]
    assert errors[0] < 100 * 1e-4
    assert errors[1] < errors[0] / 5

"""The sixth-order splitting: its order conditions, the force gradient, and the order of the whole solver."""

import numpy as np
import pytest

from mfpde import laws
from mfpde.problems import Problem
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb, Harmonic, Kuramoto
from mfpde_solvers.stepping import FORCE_GRADIENT
from mfpde_solvers.vlasov import SemiLagrangian
from mfpde_solvers.vlasov.force_gradient import ForceGradient

DEGREE = 5  # of the series in the letters T and V: a tensor of shape (2,)·n for the words of length n


def series(**terms):
    zero = [np.zeros((2,) * n) for n in range(DEGREE + 1)]
    for word, value in terms.items():
        zero[len(word)][tuple("TV".index(letter) for letter in word)] = value
    return zero


def times(a, b):
    product = [np.zeros((2,) * n) for n in range(DEGREE + 1)]
    for i in range(DEGREE + 1):
        for j in range(DEGREE + 1 - i):
            product[i + j] += np.multiply.outer(a[i], b[j])
    return product


def plus(a, b, factor=1.0):
    return [x + factor * y for x, y in zip(a, b, strict=True)]


def bracket(a, b):
    return plus(times(a, b), times(b, a), -1.0)


def exponential(a):
    total = term = plus(series(), a, 0.0)
    total[0] = term[0] = np.ones(())
    for n in range(1, DEGREE + 1):
        term = [x / n for x in times(term, a)]
        total = plus(total, term)
    return total


def test_order_conditions():
    """The composition is e^{T+V} up to words of length 5 and the ideal of [V,[V,[V,T]]], which vanishes.

    T is quadratic in the velocities and V free of them. The residual is round-off of the coefficients.
    """
    T, V = series(T=1.0), series(V=1.0)
    G = bracket(V, bracket(T, V))
    step = exponential(series())
    for kick, gradient, drift in FORCE_GRADIENT.stages:
        generator = plus([kick * x for x in V], G, gradient / 2)  # [V,[T,V]] is twice the force gradient
        step = times(times(step, exponential(generator)), exponential([drift * x for x in T]))
    defect = plus(step, exponential(plus(T, V)), -1.0)
    W = bracket(V, bracket(V, bracket(V, T)))
    ideal = [times(a, b) for a, b in ((T, W), (W, T), (V, W), (W, V))]
    columns = np.stack([x[5].ravel() for x in ideal], axis=1)
    outside = defect[5].ravel() - columns @ np.linalg.lstsq(columns, defect[5].ravel(), rcond=None)[0]
    for n in (1, 2, 3):
        assert np.abs(defect[n]).max() < 1e-15
    along = np.vdot(W[4], defect[4]) / np.vdot(W[4], W[4])
    assert np.abs(defect[4] - along * W[4]).max() < 1e-15
    assert np.abs(outside).max() < 1e-15


def gradient(equation, grid, ρ):
    convolution = Convolution(equation.kernel.on(grid), grid)
    F = convolution.field(ρ)
    if equation.drift is not None:
        F = F + np.moveaxis(equation.drift(grid.positions.points), -1, 0)
    return ForceGradient(equation, grid, convolution)(ρ, F), F


def test_the_force_gradient_is_the_derivative_of_the_energy():
    """½∫ρ|F|² is the potential of which g is the force: its variation under a displacement is −∫ρ g·ξ.

    {V, {T, V}} = ∫ρ|F|². Displacing ρ by ξ changes ρ by −div(ρξ), and ½∫ρ|F|² by ∫ρ g·ξ.
    """
    L = 2 * np.pi
    grid = Grid((Axis("x", 0.0, L, 64), Axis("v", -1.0, 1.0, 4, "open")))
    x = grid["x"].points
    equation = Vlasov(Kuramoto(1.3), drift=lambda x: 0.3 * np.cos(2 * x))
    ρ, ξ = (1 + 0.4 * np.cos(x) + 0.1 * np.sin(2 * x)) / L, np.sin(x) + 0.2 * np.cos(3 * x)
    g, _ = gradient(equation, grid, ρ)
    k = 1j * np.fft.fftfreq(64, 1 / 64)
    change = -np.fft.ifft(k * np.fft.fft(ρ * ξ)).real

    def energy(ε):
        _, F = gradient(equation, grid, ρ + ε * change)
        return grid.positions.integrate((ρ + ε * change) * F[0] ** 2) / 2

    derivative = (8 * (energy(0.01) - energy(-0.01)) - (energy(0.02) - energy(-0.02))) / 0.12
    assert derivative == pytest.approx(grid.positions.integrate(ρ * g[0] * ξ), rel=1e-10)


def test_the_force_gradient_of_a_harmonic_kernel_on_the_line():
    """F = −a(x − x̄) and F′F − … = a²(x − x̄): each particle feels its own and the others' displacement."""
    grid = Grid((Axis("x", -9.0, 9.0, 128, "open"), Axis("v", -1.0, 1.0, 4, "open")))
    x = grid["x"].points
    ρ = np.exp(-((x - 0.4) ** 2) / 2) / np.sqrt(2 * np.pi)
    g, F = gradient(Vlasov(Harmonic(1, 1.5)), grid, ρ)
    assert np.abs(F[0] + 1.5 * (x - 0.4)).max() < 1e-10
    assert np.abs(g[0] - 1.5**2 * (x - 0.4)).max() < 1e-9
    g, _ = gradient(Vlasov(Harmonic(1, 0.0), drift=lambda x: -np.sin(x)), grid, ρ)
    assert np.abs(g[0] - np.sin(x) * np.cos(x)).max() < 1e-10


def torus(sign):
    L = 4 * np.pi
    grid = Grid((Axis("x", 0.0, L, 128), Axis("v", -6.0, 6.0, 256, "open")))
    law = laws.Perturbed(0.5, 0.3, laws.Maxwellian(0.3, 0.7))
    return Problem(Vlasov(Coulomb(1, sign * L / 2)), law, grid, 2.0)


def line(sign):
    """A cloud that spreads or falls together, in a field of its own and one from outside."""
    axes = (Axis("x", -9.0, 9.0, 256, "open"), Axis("v", -8.0, 8.0, 256, "open"))
    law = laws.Product((laws.Maxwellian(0.2, 0.8), laws.Maxwellian(0.3, 0.8)))
    equation = Vlasov(Coulomb(1, 1.0 * sign), drift=lambda x: -np.sin(x))
    return Problem(equation, law, Grid(axes), 1.0)


@pytest.mark.parametrize(("domain", "steps"), [(torus, (4, 6, 8)), (line, (2, 3, 4, 6))])
@pytest.mark.parametrize("sign", [1, -1], ids=["electrostatic", "gravitational"])
def test_sixth_order_in_the_step(follow, domain, steps, sign):
    problem, solver = domain(sign), SemiLagrangian(splitting="force_gradient")

    def end(n, solver=solver):
        dt = problem.horizon / n
        return follow(problem, [problem.horizon], lambda run: run.observe()["density"].copy(), solver, dt)[0]

    exact = end(4 * steps[-1])
    errors = [np.sqrt(np.mean((end(n) - exact) ** 2)) for n in steps]
    slopes = -np.diff(np.log(errors)) / np.diff(np.log(steps))
    assert slopes.min() > 5.65
    assert slopes[-1] == pytest.approx(6, abs=0.35)
    fourth = end(steps[-1], SemiLagrangian(splitting="blanes_moan"))
    assert errors[-1] < 0.3 * np.sqrt(np.mean((fourth - exact) ** 2))  # and one stage less

"""Coulomb collisions and other singular exponents: initial rates in closed form, and radial solutions."""

from dataclasses import replace

import numpy as np
import pytest

from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.landau import ConservativeLandau, SpectralLandau


def box(cells, halves):
    names = ("vx", "vy", "vz")[: len(halves)]
    return Grid(tuple(Axis(v, -half, half, cells, "open") for v, half in zip(names, halves, strict=True)))


def rates(solver, exponent, grid, f):
    """d/dt of ∫ vᵢ vⱼ f at t = 0, from short steps and their halves."""
    changes, h = [], 1e-4
    for step in (h, h / 2):
        run = replace(solver, scheme="classical").prepare(Landau(grid.dim, exponent), grid, f, 1.0)
        run.step(step)
        changes.append((run.observe()["density"] - f) / step)
    Q = 2 * changes[1] - changes[0]
    v = np.moveaxis(grid.points, -1, 0)
    return np.array([[grid.integrate(a * b * Q) for b in v] for a in v])


def gaussian(grid, temperatures):
    exponent = sum(grid.points[..., i] ** 2 / (2 * T) for i, T in enumerate(temperatures))
    return np.exp(-exponent) / np.sqrt(np.prod(2 * np.pi * np.array(temperatures)))


@pytest.mark.filterwarnings("ignore:the cells are too wide")
@pytest.mark.parametrize("temperatures", [(0.6, 1.2), (1.0, 2.0), (1.8, 0.6)])
def test_bi_maxwellian_in_three_dimensions(temperatures, reference):
    """dT∥/dt and dT⊥/dt of Coulomb collisions: spectral on 32³ cells, conservative on 32³ and 48³."""
    along, across = temperatures
    case = reference[f"E.coulomb3d.bimax.dTpar_dt(Tpar={along},Tper={across})"]
    widest = np.sqrt(max(along, across))
    errors = []
    for solver, cells in ((SpectralLandau(), 32), (ConservativeLandau(), 32), (ConservativeLandau(), 48)):
        grid = box(cells, (5.8 * widest,) * 3)
        R = rates(solver, -3.0, grid, gaussian(grid, (along, across, across)))
        along_and_across = R[0, 0] / case["value"] - 1, R[1, 1] / case["params"]["dTperp_dt"] - 1
        errors.append(np.abs(along_and_across).max())
    assert errors[0] < 3e-5
    assert errors[2] < 1e-4
    assert np.log(errors[1] / errors[2]) / np.log(1.5) > 6.5


@pytest.mark.filterwarnings("ignore:the cells are too wide")
def test_two_maxwellians_in_two_dimensions(reference):
    """dP/dt for γ = −3 of two beams that are not centred; order of the conservative scheme beside it."""
    case = reference["E.coulomb2d.two_maxwellians.dPdt"]
    exact = np.array([[0.0, case["value"]["dP12"]], [case["value"]["dP12"], 0.0]])

    def error(solver, cells):
        axes = (Axis("vx", -8.5, 6.5, cells, "open"), Axis("vy", -7.5, 7.5, cells, "open"))
        grid = Grid(axes)
        beams = [((grid.points - case["params"][u]) ** 2).sum(-1) for u in ("u1", "u2")]
        f = sum(np.exp(-r2 / 2) for r2 in beams) / (4 * np.pi)
        return np.abs(rates(solver, -3.0, grid, f) - exact).max()

    assert error(SpectralLandau(), 64) < 1e-6
    errors = [error(ConservativeLandau(), n) for n in (32, 48, 72)]
    assert errors[2] < 1e-5
    assert np.log(errors[0] / errors[2]) / np.log(72 / 32) > 6.5


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.filterwarnings("ignore:the cells are too wide")
def test_order_for_the_most_singular_kernel(order, reference):
    """dP₁₁/dt of an anisotropic Gaussian in two dimensions with γ = −3, where plain sums have the order 3."""
    case = reference["E.coulomb2d.aniso_gaussian.dP11(T1=1.5,T2=0.5)"]
    temperatures = case["params"]["T1"], case["params"]["T2"]
    sizes, errors = np.array([36, 54, 81]), []
    for n in sizes:
        grid = box(n, [6.5 * np.sqrt(1.5)] * 2)
        R = rates(ConservativeLandau(order), -3.0, grid, gaussian(grid, temperatures))
        errors.append(abs(R[0, 0] / case["value"] - 1))
    assert np.log(errors[0] / errors[2]) / np.log(sizes[2] / sizes[0]) > order - 0.6
    assert errors[2] < {2: 0.05, 4: 2e-3, 6: 1e-4, 8: 2e-5}[order]


@pytest.mark.parametrize(("dim", "exponent"), [(2, -2.0), (2, -0.7), (2, 1.0), (3, -2.3), (3, 0.6)])
@pytest.mark.filterwarnings("ignore:the cells are too wide")
def test_two_methods_agree(dim, exponent):
    """Spectral and conservative solutions after a finite time, for exponents without a reference."""
    cells, half = {2: (64, 6.5), 3: (32, 5.5)}[dim]
    grid = box(cells, (half,) * dim)
    f = gaussian(grid, (1.2, 0.8, 1.0)[:dim])
    ends = []
    for solver in (SpectralLandau(tolerance=1e-6), ConservativeLandau(tolerance=1e-6)):
        run = solver.prepare(Landau(dim, exponent), grid, f)
        list(evolve(run, [0.05]))
        ends.append(run.observe()["density"])
    assert np.abs(ends[0] - f).max() > 1e-3 * f.max()
    assert np.abs(ends[0] - ends[1]).max() < {2: 2e-5, 3: 1e-3}[dim] * f.max()


def radial(grid, solver, case, count):
    """f(0, t), by trigonometric interpolation, and the fourth moment at the first times of the reference."""
    K, r2 = 0.6, (grid.points**2).sum(-1)
    f = (2 * np.pi * K) ** -1.5 * np.exp(-r2 / (2 * K)) * ((5 * K - 3) / (2 * K) + (1 - K) * r2 / (2 * K**2))
    run = solver.prepare(Landau(3, -3.0), grid, f)
    rows = []
    for _ in evolve(run, case["value"]["t"][:count]):
        rows.append((at_the_centre(run.observe()["density"]), run.diagnostics()["fourth_moment"]))
    return np.array(rows)


def at_the_centre(f):
    """The trigonometric interpolant of an even number of cells at the middle of the box."""
    for n in f.shape:
        transform = np.fft.fft(f, axis=0) * np.exp(
            1j * np.pi * np.fft.fftfreq(n, 1 / n) * (n - 1) / n
        ).reshape(-1, *(1,) * (f.ndim - 1))
        f = transform.real.sum(axis=0) / n
    return float(f)


def test_radial_coulomb_solution(reference):
    """From the Bobylev–Krook–Wu profile with f(0) = 0: the centre and the fourth moment on 32³ cells."""
    case = reference["E.coulomb3d.bkw_datum(K=0.6)"]
    rows = radial(box(32, (5.5,) * 3), SpectralLandau(tolerance=1e-6), case, 4)
    assert rows[:, 0] == pytest.approx(case["value"]["f_at_0"][:4], abs=1e-7)
    assert rows[:, 1] == pytest.approx(case["value"]["M4"][:4], rel=1e-6)


@pytest.mark.slow
def test_radial_coulomb_solution_on_more_cells(reference):
    """48³ cells until t = 1, by both schemes."""
    case = reference["E.coulomb3d.bkw_datum(K=0.6)"]
    for solver, centre, moment in ((SpectralLandau(), 2e-9, 1e-8), (ConservativeLandau(), 2e-5, 1e-6)):
        rows = radial(box(48, (6.5,) * 3), solver, case, 6)
        assert rows[:, 0] == pytest.approx(case["value"]["f_at_0"], abs=centre)
        assert rows[:, 1] == pytest.approx(case["value"]["M4"], rel=moment)

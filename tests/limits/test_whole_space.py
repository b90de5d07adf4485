"""Whole space: expanding clouds, stars in equilibrium, what leaves the box, and the limit of the cut-off."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from mfpde import laws
from mfpde.problems import lazarovici_pickl, plasma_expansion, plummer, polytrope
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.power_of_n import PowerOfN
from mfpde_solvers.vlasov import SemiLagrangian
from mfpde_solvers.vlasov.moments import position_density
from mfpde_solvers.vlasov.radial import RadialVlasov
from mfpde_solvers.vlasov.shells import radial_density

MOMENTS = ("kinetic_energy", "potential_energy", "second_moment")


def moments(run):
    """Energies and ∫|x|²ρ of a run on a phase-space grid."""
    values, grid = run.diagnostics(), run.grid.positions
    squares = sum(x**2 for x in np.meshgrid(*grid.coordinates, indexing="ij"))
    values["second_moment"] = float(
        grid.integrate(squares * position_density(run.state()["density"], run.grid))
    )
    return values


def on_cells(problem, times, dt=None, dtype=np.float32, splitting=None):
    """The moments at the given times by 3D3V, 2D2V or 1D1V."""
    f = laws.on_grid(problem.law, problem.grid).astype(dtype)
    run = SemiLagrangian(splitting=splitting).prepare(problem.equation, problem.grid, f, dt, copy=False)
    return [moments(run) for _ in evolve(run, times)]


def radial_run(problem, shells, dt, cutoff=0.0):
    """The same problem by shells in (r, v_r, L)."""
    R = problem.grid["x"].upper
    V = problem.grid["vx"].upper
    axes = (Axis("r", 0, R, 32, "open"), Axis("vr", -V, V, 32, "open"), Axis("L", 0, R * V, 32, "open"))
    equation = Vlasov(Coulomb(3, problem.equation.kernel.strength, cutoff))
    return RadialVlasov(shells).prepare(equation, Grid(axes), radial_density(problem.law.pdf), dt)


def by_shells(problem, times, shells=2**15, dt=0.05):
    run = radial_run(problem, shells, dt)
    return [run.diagnostics() for _ in evolve(run, times)]


def cubed(problem, cells):
    return problem.replace(resolution=dict.fromkeys(problem.grid.names, cells))


def deviations(found, expected):
    """Largest relative difference of each moment over the times."""
    return np.array(
        [max(abs(a[m] / b[m] - 1) for a, b in zip(found, expected, strict=True)) for m in MOMENTS]
    )


@pytest.mark.parametrize(
    ("problem", "tolerance"),
    [
        (plasma_expansion(1), 1e-12),
        (plasma_expansion(2), 1e-12),
        (lazarovici_pickl(), 1e-8),
        (polytrope(), 1e-3),
        (plummer(), 5e-3),
    ],
)
def test_densities_fit_their_boxes(problem, tolerance):
    """Sums over cells have the accuracy of the smoothness: analytic, once differentiable, with a jump."""
    density, mass = laws.density_and_mass(problem.law, problem.grid)
    assert mass == pytest.approx(1.0, abs=tolerance)
    assert sum(problem.grid.edge_mass(density).values()) < 1e-8
    assert not any(axis.periodic for axis in problem.grid.axes)


def test_cutoff_of_the_theorem():
    """ε = N^−δ for N particles, none in the limit, and a number once the size is fixed."""
    problem = lazarovici_pickl(delta=0.25)
    assert problem.equation.kernel.cutoff == PowerOfN(1.0, -0.25)
    assert problem.equation.for_size(16).kernel.cutoff == pytest.approx(0.5)
    assert problem.equation.limit.kernel.cutoff == 0
    fixed = lazarovici_pickl(delta=0.25, size=16)
    assert fixed.equation == problem.equation.for_size(16) == fixed.equation.limit


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (plasma_expansion, {"dim": 4}, "dim must be 1, 2 or 3, got 4"),
        (plasma_expansion, {"strength": -1.0}, "strength must be a finite number > 0, got -1.0"),
        (polytrope, {"radius": 0.0}, "radius must be a finite number > 0"),
        (plummer, {"cutoff_energy": 0.0}, "cutoff_energy must be negative"),
        (plummer, {"scale": "large"}, "scale must be a finite number > 0, got 'large'"),
        (lazarovici_pickl, {"delta": 0.0}, "delta must be a finite number > 0"),
        (lazarovici_pickl, {"size": 0}, "size must be a number of particles >= 1"),
        (lazarovici_pickl, {"strength": 0.0}, "strength must be a finite number other than 0"),
    ],
)
def test_arguments_out_of_range_are_refused(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)


def sheets(times, steps):
    """Kinetic energy and ∫x²ρ of the expansion on the line: weighted characteristics that sort themselves.

    The field of sheets is 2·(mass on the left) − 1, their own half included.
    """
    x, v = (
        a.ravel() for a in np.meshgrid(np.linspace(-7, 7, 501), np.linspace(-3.5, 3.5, 101), indexing="ij")
    )
    w = np.exp(-(x**2) / 2 - 2 * v**2)
    w /= w.sum()

    def field(x):
        order = np.argsort(x, kind="stable")
        left = np.empty_like(x)
        left[order] = np.cumsum(w[order]) - w[order] / 2
        return 2 * left - 1

    values, h = [], times[-1] / steps
    for n in range(steps + 1):
        if np.isclose(n * h, times).any():
            values.append((w @ v**2 / 2, w @ x**2))
        v = v + h / 2 * field(x)
        x = x + h * v
        v = v + h / 2 * field(x)
    return np.array(values)


def test_expansion_on_the_line_against_particles():
    """Second order in the step of the particles, 1e-4 here, and their number."""
    problem, times = plasma_expansion(), np.array([1.0, 2.0, 3.0])
    found = on_cells(problem, times, dtype=np.float64)
    expected = sheets(times, 120)
    assert [m["kinetic_energy"] for m in found] == pytest.approx(expected[:, 0], rel=2e-4)
    assert [m["second_moment"] for m in found] == pytest.approx(expected[:, 1], rel=2e-4)
    assert all(m["edge_mass"] < 1e-6 for m in found)
    energies = [m["total_energy"] for m in found]
    assert energies == pytest.approx([0.125 - 1 / np.sqrt(np.pi)] * 3, abs=1e-5)  # −½E|x − y| = −1/√π


@pytest.mark.parametrize(("dim", "cells"), [(1, 160), (2, 28)])
def test_virial_identity(dim, cells):
    """½ d²⟨|x|²⟩/dt² = 2 KE + ⟨x·E⟩ with ⟨x·E⟩ = −PE on the line and ½ in the plane."""
    problem, h = cubed(plasma_expansion(dim), cells), 0.1
    found = on_cells(problem, np.arange(11) * h, h, np.float64)
    accelerations = np.array(
        [4 * m["kinetic_energy"] + (-2 * m["potential_energy"] if dim == 1 else 1.0) for m in found]
    )
    seconds = np.diff([m["second_moment"] for m in found], 2) / h**2
    averaged = (accelerations[:-2] + 10 * accelerations[1:-1] + accelerations[2:]) / 12  # Numerov: h⁴
    assert seconds == pytest.approx(averaged, rel=2e-4)


@pytest.mark.parametrize(("dim", "cells", "half"), [(1, 128, 3.2), (2, 24, 3.2)])
def test_mass_in_the_box_and_outflow_add_up(dim, cells, half):
    """In a box that the cloud leaves."""
    problem = plasma_expansion(dim, strength=2.0)
    d = problem.grid.positions.dim
    space = tuple(Axis(axis.name, -half, half, cells, "open") for axis in problem.grid.axes[:d])
    speeds = problem.grid.velocities.resized(dict.fromkeys(problem.grid.velocities.names, cells))
    narrow = problem.replace(grid=Grid((*space, *speeds.axes)))
    run = SemiLagrangian().prepare(narrow.equation, narrow.grid, laws.on_grid(narrow.law, narrow.grid))
    outflows = []
    for _ in evolve(run, [0.0, 0.75, 1.5]):
        values = run.diagnostics()
        assert values["mass"] + values["outflow"] == pytest.approx(1.0, abs=1e-10)
        outflows.append(values["outflow"])
    assert outflows[0] == 0
    assert 1e-3 < outflows[1] < outflows[2]
    assert outflows[2] > 0.05


def test_the_cloud_by_cells_and_by_shells():
    """Coulomb in three dimensions: the two agree to the error of the cells, which falls with their size."""
    problem, times = lazarovici_pickl(strength=2.0), [0.5, 1.0]
    expected = by_shells(problem, times)
    coarse, fine = (deviations(on_cells(cubed(problem, n), times, 0.2), expected) for n in (12, 16))
    assert fine.max() < 1e-3
    assert fine.max() < coarse.max() / 2


def test_the_polytrope_by_cells_and_by_shells():
    """One dynamical time of the half-mass radius on 16⁶ cells, two of them across the core."""
    problem = polytrope()
    expected = by_shells(problem, [0.2])
    assert expected[0]["kinetic_energy"] == pytest.approx(0.75, rel=2e-4)
    assert deviations(on_cells(problem, [0.2], 0.05), expected).max() < 2e-3


@pytest.mark.slow
def test_the_polytrope_stays_the_better_the_finer():
    """More than two dynamical times of the half-mass radius: energies, second moment and density."""
    problem, times = polytrope(), [0.25, 0.5]
    expected = by_shells(problem, times, 2**17)
    errors = np.array([deviations(on_cells(cubed(problem, n), times, 0.05), expected) for n in (12, 16, 20)])
    assert errors[-1].max() < 2e-3
    assert (errors.max(axis=1)[1:] < errors.max(axis=1)[:-1] / 2).all()


def test_the_truncated_cluster_breathes_with_its_tail():
    """Kinetic energies change over 8 times √a³ by less than half the tail, falling faster than it."""
    tails, changes = [], []
    for cutoff in (-0.3, -0.2, -0.15):
        problem = plummer(cutoff_energy=cutoff)
        kinetic = [m["kinetic_energy"] for m in by_shells(problem, np.arange(9.0), 2**14)]
        tails.append(problem.law.tail_mass)
        changes.append(np.ptp(kinetic) / kinetic[0])
    assert changes[1] == pytest.approx(0.027, abs=0.003)
    assert (np.array(changes) < np.array(tails) / 2).all()
    assert np.log(changes[0] / changes[-1]) > 1.5 * np.log(tails[0] / tails[-1])


@pytest.mark.parametrize("strength", [1.0, -1.0], ids=["electrostatic", "gravitational"])
def test_solutions_with_a_cutoff_tend_to_the_one_without(strength):
    """Lazarovici & Pickl, Prop. 9.1, bounds W₁ by N^−δ = ε up to logarithms; for smooth data it is O(ε²).

    Between spherical densities W₁ is that of the radii, because |x| is 1-Lipschitz and the radii can be
    matched along rays. Both solutions start from the same shells. The field without a cut-off is a staircase
    of shells; sup norms are those of fields averaged by a Gaussian of width 0.15.
    """
    cutoffs = np.array([0.4, 0.2, 0.1])
    problem, r = lazarovici_pickl(strength=strength), np.linspace(-6.0, 6.0, 2401)
    window = np.exp(-0.5 * (np.arange(-150, 151) * 0.005 / 0.15) ** 2)
    ends = []
    for ε in (0.0, *cutoffs):
        run = radial_run(problem, 2**16, 0.1, ε)
        for _ in evolve(run, [1.0]):
            ends.append((run.shells, np.sign(r) * run.force(np.abs(r))))
    (sharp, F), *smooth = ends
    w = sharp.mass / sharp.mass.sum()
    distances = [wasserstein_distance(s.radius, sharp.radius, w, w) for s, _ in smooth]
    fields = [np.abs(np.convolve(Fε - F, window / window.sum(), "valid")).max() for _, Fε in smooth]
    assert (np.array(distances) < 0.02 * cutoffs).all()
    assert np.diff(np.log(distances)) / np.diff(np.log(cutoffs)) == pytest.approx(2.0, abs=0.1)
    assert np.diff(np.log(fields)) / np.diff(np.log(cutoffs)) == pytest.approx(2.0, abs=0.1)

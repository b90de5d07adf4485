"""Particles against the equation they converge to: means at t > 0, and the rate N^{−1/2} of the distances."""

import numpy as np
import pytest

import mfpde as mf
from mfpde import laws
from mfpde.particles.forces import forces_for
from mfpde.problems import Problem, landau_damping
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb

SIZE, REPLICAS = 4000, 24
TIMES = np.array([0.0, 1.0, 2.0, 4.0, 6.0])


def plasma():
    return landau_damping(0.5, 0.5).replace(resolution={"x": 64, "v": 128})


def stars():
    """The same cloud, attracting itself, in which the perturbation grows."""
    problem = plasma()
    return problem.replace(equation=Vlasov(Coulomb(1, -problem.equation.kernel.strength)))


def expansion():
    """A Gaussian cloud that blows itself apart on the line, without symmetry about the origin."""
    grid = Grid((Axis("x", -32.0, 32.0, 256, "open"), Axis("v", -14.0, 14.0, 128, "open")))
    law = laws.Product((laws.Maxwellian(0.5, 1.0), laws.Maxwellian(-0.2, 0.7)))
    return Problem(Vlasov(Coulomb(1, 0.5)), law, grid, 6.0)


def with_kernel_times(problem, factor):
    kernel = problem.equation.kernel
    return problem.replace(equation=Vlasov(Coulomb(1, factor * kernel.strength)))


def observables(problem, x, v):
    """Functions whose means are compared, of which the forces change the first two most."""
    wave = 2 * np.pi / problem.grid["x"].length
    return [np.cos(wave * x), x * v if wave < 0.2 else np.sin(wave * x) * v, v**2]


def scores(problem, factor=1.0, seed=0):
    """Scores z of the mean over replicas less the mean of the solution, shape (observable, time).

    With ``factor`` the forces between the particles are wrong by that factor.
    """
    density = mf.solve(problem, TIMES, progress=False)["density"].values
    x, v = np.moveaxis(problem.grid.points, -1, 0)
    expected = np.array([problem.grid.integrate(density * φ) for φ in observables(problem, x, v)])
    sample = mf.simulate(
        with_kernel_times(problem, factor),
        SIZE,
        TIMES,
        replicas=REPLICAS,
        seed=seed,
        dt=0.05,
        progress=False,
    )
    found = np.array([φ.mean(axis=-1) for φ in observables(problem, sample["x"].values, sample["v"].values)])
    return (found.mean(axis=2) - expected) / (found.std(axis=2, ddof=1) / np.sqrt(REPLICAS))


each_problem = pytest.mark.parametrize("build", [plasma, stars, expansion])


@each_problem
def test_means_over_particles_are_those_of_the_density(build):
    """Fifteen scores; the bias of O(1/N) is of the order √(replicas/N) = 0.08 in their unit."""
    assert np.abs(scores(build())).max() < 4


@each_problem
@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_a_wrong_force_between_the_particles_is_noticed(build, factor):
    assert np.abs(scores(build(), factor)).max() > 5


def energy_of_the_interaction(factor):
    """Mean interaction energy less (1 − 1/N) times that of the density, and its standard error."""
    problem = plasma()
    forces = forces_for(problem.equation.kernel.on(problem.grid))
    solution = mf.solve(problem, TIMES, progress=False)["potential_energy"].sel(diagnostic_time=TIMES)
    wrong = with_kernel_times(problem, factor)
    x = mf.simulate(wrong, SIZE, TIMES, replicas=REPLICAS, seed=3, dt=0.05, progress=False)["x"].values
    energy = np.array([[forces.energy(points[:, None], 1 / SIZE**2) for points in row] for row in x])
    error = energy.std(axis=1, ddof=1) / np.sqrt(REPLICAS)
    return energy.mean(axis=1) - (1 - 1 / SIZE) * solution.values, error


def test_energy_of_the_interaction():
    """At t = 0 the mean over pairs i ≠ j with weight 1/N is 1 − 1/N of that of the density.

    Later correlations change it, by less than the energy V(0)/2N of a particle in its own field, which is
    cL/12N on the circle.
    """
    difference, error = energy_of_the_interaction(1.0)
    axis, kernel = plasma().grid["x"], plasma().equation.kernel
    own = kernel.strength * axis.length / (12 * SIZE)
    assert abs(difference[0]) < 4 * error[0]
    assert (np.abs(difference) < 4 * error + own).all()
    for factor in (2.0, -1.0):
        difference, error = energy_of_the_interaction(factor)
        assert (np.abs(difference) > 5 * (4 * error + own)).any()


SIZES = 2 ** np.arange(8, 13)  # at N = 64 the bias still steepens the slope at t = 10 to −0.526


def rates(seeds, replicas):
    """Fitted rates of both distances at t = 0 and t = 10, shape (metric, time, seed)."""
    problem = landau_damping(0.5, 0.1).replace(resolution={"x": 64, "v": 128})
    times = [0.0, 10.0]
    reference = mf.solve(problem, times, progress=False)
    metrics = ("wasserstein", mf.chaos.Sobolev(s=1.0, axes=("x",)))
    found = []
    for seed in seeds:
        study = mf.converge(
            problem, SIZES, replicas, metrics, times=times, reference=reference, seed=seed, progress=False
        )
        found.append([mf.fit_rate(study[name])["rate"].values for name in ("wasserstein", "sobolev")])
    return np.moveaxis(np.array(found), 0, -1)


def test_rates_of_the_distances():
    """Over independent seeds the mean slope is −1/2 within its standard error, at t = 0 and t = 10."""
    found = rates(range(8), 12)
    z = (found.mean(axis=-1) + 0.5) / (found.std(axis=-1, ddof=1) / np.sqrt(found.shape[-1]))
    assert found.shape == (2, 2, 8)
    assert np.abs(z).max() < 4
    assert found.std(axis=-1).max() < 0.08

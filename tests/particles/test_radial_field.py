"""The mean field of shells: exact fields, steady stars, convergence with their number, and who gets it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

import mfpde as mf
from mfpde.chaos.coupling import coupling_distance
from mfpde.laws import Maxwellian, Polytrope
from mfpde.particles.coupling import LimitField
from mfpde.particles.mean_field import MeanField
from mfpde.particles.radial_field import INTERVALS, RadialField, RadialMeanField, _table, is_radial
from mfpde.particles.simulation import mean_field_for, system_for
from mfpde.solvers import Radial, SemiLagrangian
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import RadialVlasov
from mfpde_solvers.vlasov.shells import Shells

CLOUD = mf.problems.lazarovici_pickl(size=1000)  # ε = 0.126
SHELLS = 2**13


def points(count: int = 400, extent: float = 6.0) -> np.ndarray:
    """Directions at random, radii from 0 to the extent."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((count, 3))
    return np.linspace(0.0, extent, count)[:, None] * z / np.linalg.norm(z, axis=1)[:, None]


def field_of(problem: mf.Problem, shells: int = 2**17) -> LimitField:
    return RadialMeanField(problem.equation, problem.law, problem.grid, RadialVlasov(shells)).start()


def gaussian_field(r: Any) -> Any:
    """Of N(0, 1), with the kernel z/|z|³."""
    return (erf(r / np.sqrt(2)) - np.sqrt(2 / np.pi) * r * np.exp(-(r**2) / 2)) / r**2


def coupled(problem: mf.Problem, shells: int, size: int, times: Any) -> Any:
    """Positions and velocities of the coupled particles at the last time."""
    system = system_for(problem, size, 0, 0.05, "direct", np.asarray(times))
    run = system.pilot(0, system.draw(0), field_of(problem, shells))  # type: ignore[arg-type]
    while run.time < times[-1]:
        run.step(times[-1])
    return np.stack([run.observe()[name] for name in problem.grid.names])


def test_a_gaussian_with_the_cut_off(reference: Any) -> None:
    """Lazarovici and Pickl's field; lattice and table are accurate to 1e-7 of a field of size 0.2."""
    cases = [case for name, case in reference.items() if name.startswith("A.lazarovici_pickl.F")]
    assert len(cases) == 4
    direction = np.array([2.0, -3.0, 6.0]) / 7
    for case in cases:
        problem = CLOUD.replace(equation=Vlasov(Coulomb(3, 1.0, case["params"]["eps"])))
        found = field_of(problem)(0.0, case["params"]["r"] * direction[None])
        np.testing.assert_allclose(found[0], case["value"] * direction, rtol=0, atol=3e-7)


def test_a_gaussian_without_a_cut_off() -> None:
    """The staircase of the shells is smoothed over 4/4096 of the radius, which costs (0.01)² of ρ''."""
    x = points()[1:]
    r = np.linalg.norm(x, axis=1)
    found = field_of(CLOUD.replace(equation=Vlasov(Coulomb(3))))(0.0, x)
    np.testing.assert_allclose(found, (gaussian_field(r) / r)[:, None] * x, rtol=0, atol=3e-5)


def test_a_coulomb_explosion(reference: Any) -> None:
    """A cold uniform ball of radius R(t) has the field x/R³ inside and x/|x|³ outside."""
    case = reference["A.coulomb_explosion.R0=1.0.c=1"]
    kernel = Coulomb(3)
    grid = Grid((Axis("r", 0.0, 7.0, 70, "open"),))
    run = RadialVlasov().prepare(Vlasov(kernel), grid, Shells.cold(np.cbrt, 4000))
    field = LimitField(run, partial(RadialField, 1.0), partial(_table, kernel), INTERVALS)
    inside, outside = points(50, 0.99)[1:], 1.01 * points(50, 3.0)[-20:]
    squares = (inside**2).sum(axis=1)
    for t, R in zip(case["value"]["t"], case["value"]["R"], strict=True):
        error = np.linalg.norm(field(t, R * inside) * R**2 - inside, axis=1)
        # half a shell, as the mass within a radius is a staircase, and what is left of it between radii
        assert (error * squares).max() < 1 / 4000
        beyond = R * outside
        exact = beyond / np.linalg.norm(beyond, axis=1)[:, None] ** 3
        np.testing.assert_allclose(field(t, beyond), exact, rtol=1e-9)


def test_the_field_of_a_star_at_rest_stays() -> None:
    """−Φ′ of the polytrope, before and after two dynamical times of the half of it.

    The error is that of the mass within a radius, which is a count of shells once they have moved.
    """
    problem = mf.problems.polytrope()
    star = Polytrope()
    field, x, h = field_of(problem, 2**15), points(200, 1.2)[1:], 1e-5
    r = np.linalg.norm(x, axis=1)
    slope = (star.depth(r + h) - star.depth(r - h)) / (2 * h)
    exact = (slope / r)[:, None] * x
    for t, tolerance in ((0.0, 1e-4), (0.4, 4e-3)):
        mass = np.linalg.norm(field(t, x) - exact, axis=1) * r**2
        assert mass.max() < tolerance


def test_a_truncated_plummer_sphere() -> None:
    """M(r)/r² by quadrature of the density; at most 0.43."""
    problem = mf.problems.plummer()
    s = np.linspace(0.0, 5.0, 50_001)
    shell = 4 * np.pi * s**2 * problem.law.position_density(s)
    mass = np.concatenate([[0.0], np.cumsum((shell[1:] + shell[:-1]) / 2 * s[1])])
    x = points(300, 4.5)[1:]
    r = np.linalg.norm(x, axis=1)
    exact = -(np.interp(r, s, mass) / r**3)[:, None] * x
    # the density of (x, v) jumps at the cut in energy, where the lattice is of first order only
    np.testing.assert_allclose(field_of(problem)(0.0, x), exact, rtol=0, atol=2e-3)


def test_trajectories_converge_with_the_number_of_shells() -> None:
    """N = 1024 particles in the field of the cut-off system; at least of first order in 1/n."""
    sizes = [2**9, 2**12, 2**15]
    exact = coupled(CLOUD, 2**17, 1024, [0.5, 1.0])
    errors = [np.sqrt(np.mean((coupled(CLOUD, n, 1024, [0.5, 1.0]) - exact) ** 2)) for n in sizes]
    assert errors[-1] < 1e-5
    assert np.log(errors[0] / errors[-1]) / np.log(sizes[-1] / sizes[0]) > 1.0


def test_coupled_particles_keep_the_law_of_the_limit() -> None:
    """They are i.i.d. with the law of the shells: ⟨|x|²⟩ and ⟨|v|²⟩ at the end agree within 4 σ."""
    x = coupled(CLOUD, SHELLS, 20_000, [1.0])
    solver = RadialVlasov(SHELLS)
    run = solver.prepare(CLOUD.equation, *solver.discretise(CLOUD.law.pdf, CLOUD.grid))
    while run.time < 1.0:
        run.step(1.0)
    values = run.diagnostics()
    for part, expected in ((x[:3], values["second_moment"]), (x[3:], 2 * values["kinetic_energy"])):
        squares = (part**2).sum(axis=0)
        assert abs(squares.mean() - expected) < 4 * squares.std() / np.sqrt(squares.size)


@pytest.mark.slow
def test_a_grid_of_six_dimensions_gives_the_same_field() -> None:
    """Independent methods: semi-Lagrangian sweeps on 18³ × 14³ cells, and shells."""
    problem = mf.problems.lazarovici_pickl(size=30).replace(  # ε = 0.36
        resolution={"x": 18, "y": 18, "z": 18, "vx": 14, "vy": 14, "vz": 14}
    )
    on_grid = MeanField(problem.equation, problem.law, problem.grid, SemiLagrangian()).start()
    by_shells, x = field_of(problem), points(200, 4.0)[1:]
    for t in (0.0, 0.5):
        # 1 % of the field: the waves that cells of width 0.82 s and 0.95 θ miss are e^{−7} and e^{−5}
        np.testing.assert_allclose(on_grid(t, x), by_shells(t, x), rtol=0, atol=2e-3)


def test_the_table_at_its_ends() -> None:
    """Linear at the centre, where F is odd; c M/r² from the last radius on; NaN for points at infinity."""
    radii = np.linspace(0.0, 2.0, 401)
    field = RadialField(3.0, np.sin(radii), np.array([2.0, 0.5]))
    x = np.array([[1e-9, 0, 0], [0, -1e-3, 0], [0, 0, 1.999], [0, 0, 4.0], [0, 0, 0]])
    expected = np.zeros((5, 3))
    expected[0, 0], expected[1, 1], expected[2, 2] = 1e-9, -np.sin(1e-3), np.sin(1.999)
    expected[3, 2] = 3.0 * 0.5 / 16
    np.testing.assert_allclose(field(x), expected, rtol=1e-8, atol=0)
    assert np.isnan(field(np.array([[np.inf, 0, 0], [0.1, 0, 0]]))).all()


def test_what_is_radial_is_known_by_its_law() -> None:
    assert all(map(is_radial, (CLOUD, mf.problems.plummer(), mf.problems.polytrope())))
    assert not is_radial(mf.problems.lazarovici_pickl().replace(law=Maxwellian(dimension=6)))
    assert not is_radial(mf.problems.plasma_expansion(2))
    for equation in (
        Vlasov(Coulomb(3), friction=1.0),
        Vlasov(Coulomb(3), diffusion=0.1),
        Vlasov(Coulomb(3), drift=lambda x: -x),
    ):
        assert not is_radial(CLOUD.replace(equation=equation))
    axes = [Axis(a.name, a.lower, a.upper + 1.0, a.size, "open") for a in CLOUD.grid.axes]
    assert not is_radial(CLOUD.replace(grid=Grid(tuple(axes))))


def chosen(problem: mf.Problem, size: int, mean_field: Any) -> MeanField:
    found = mean_field_for(system_for(problem, size, 0, 0.1, "auto", np.array([0.0])), mean_field)
    assert found is not None
    return found


def test_the_cut_off_is_that_of_the_particles() -> None:
    """One mean field for each size, whose equation has the cut-off N^−δ."""
    problem = mf.problems.lazarovici_pickl(delta=0.25)
    found = chosen(problem, 256, True)
    assert isinstance(found, RadialMeanField)
    assert found.equation.kernel.cutoff == pytest.approx(0.25)
    assert found == chosen(problem, 256, True) != chosen(problem, 81, True)


def test_a_dataset_of_shells_gives_their_number() -> None:
    reference = mf.solve(CLOUD, [0.0], solver=Radial(shells=1024))
    found = chosen(CLOUD, 1000, reference)
    assert isinstance(found, RadialMeanField)
    assert found.solver == RadialVlasov(1024)
    with pytest.raises(ValueError, match="another equation than the one of 500 particles"):
        chosen(mf.problems.lazarovici_pickl(), 500, reference)
    with pytest.raises(ValueError, match="radial mean fields are those of Vlasov equations in 3D"):
        chosen(mf.problems.keller_segel(), 500, reference)


@pytest.fixture
def few_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole library with few shells."""
    monkeypatch.setattr("mfpde.particles.simulation.RadialVlasov", partial(RadialVlasov, SHELLS))


@pytest.mark.usefixtures("few_shells")
def test_executors_and_resuming_change_nothing(tmp_path: Path) -> None:
    problem, times = mf.problems.lazarovici_pickl(delta=0.2), [0.0, 0.2, 0.5]
    whole = mf.simulate(problem, 40, times, replicas=2, dt=0.1, mean_field=True)
    with ThreadPoolExecutor(2) as pool:
        spread = mf.simulate(problem, 40, times, replicas=2, dt=0.1, mean_field=True, executor=pool)
    path = tmp_path / "particles.nc"
    mf.simulate(problem, 40, times[:2], replicas=2, dt=0.1, mean_field=True, path=path)
    resumed = mf.simulate(problem, 40, times, replicas=2, dt=0.1, mean_field=True, path=path, resume=True)
    for name in whole.variables:
        assert whole[name].values.tobytes() == spread[name].values.tobytes(), name
        assert whole[name].values.tobytes() == resumed[name].values.tobytes(), name


@pytest.mark.usefixtures("few_shells")
def test_the_coupling_distance_falls_with_the_number_of_particles() -> None:
    """Deterministic data differ by fluctuations of the field: N^{−1/2} (1 − δ)… between −1/2 and −1/4."""
    problem = mf.problems.lazarovici_pickl(delta=0.2)
    distances = []
    for size in (100, 1600):
        found = mf.simulate(problem, size, [0.0, 1.0], replicas=6, dt=0.1, mean_field=True)
        distances.append(float(np.sqrt((coupling_distance(found, problem.grid)[1] ** 2).mean())))
    slope = np.log(distances[1] / distances[0]) / np.log(16)
    # rms force fluctuation N^{−(1−δ)/2} = N^{−0.4}; six replicas leave an uncertainty of about 0.05
    assert -0.5 < slope < -0.25

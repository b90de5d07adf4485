"""Symmetries of the equation that solver and particles must share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde.particles.dynamics import prepare
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.evolve import evolve
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import SemiLagrangian

L = 4 * np.pi
TORUS = Grid((Axis("x", 0.0, L, 48), Axis("v", -6.0, 6.0, 64, "open")))
LINE = Grid((Axis("x", -9.0, 9.0, 64, "open"), Axis("v", -6.0, 6.0, 64, "open")))
DT = 0.25
both_domains = pytest.mark.parametrize("grid", [TORUS, LINE], ids=["torus", "line"])
signs = st.sampled_from([1, -1])
few = settings(max_examples=12, deadline=None)


def equation(grid, sign):
    return Vlasov(Coulomb(1, sign * (L / 2 if grid["x"].periodic else 0.7)))


def blob(grid, x0, v0=0.4):
    """A smooth asymmetric density about (x0, v0); on the torus a wave of two modes."""
    x, v = np.meshgrid(*grid.coordinates, indexing="ij")
    velocity = np.exp(-((v - v0) ** 2) / 2 / 0.7) * (1 + 0.2 * np.tanh(v))
    if grid["x"].periodic:
        position = 1 + 0.3 * np.cos(0.5 * (x - x0)) + 0.1 * np.sin(x - x0)
    else:
        position = np.exp(-((x - x0) ** 2)) * (1 + 0.3 * np.tanh(x - x0))
    f = position * velocity
    return f / grid.integrate(f)


def advanced(grid, f, sign, time=1.0, **scheme):
    run = SemiLagrangian(**scheme).prepare(equation(grid, sign), grid, f, DT)
    assert [i.time for i in evolve(run, [time])] == [time]
    return run.observe()


def moved(grid, distance):
    axis = grid["x"]
    boundary = axis.boundary
    return Grid((Axis("x", axis.lower + distance, axis.upper + distance, axis.size, boundary), grid.axes[1]))


@both_domains
@given(distance=st.floats(-30, 30), sign=signs, positive=st.booleans())
@few
def test_translation_of_the_whole_problem(grid, distance, sign, positive):
    """Grid and data moved together: the values at the cells are the same."""
    there = moved(grid, distance)
    here = advanced(grid, blob(grid, 0.3), sign, positive=positive)
    far = advanced(there, blob(there, 0.3 + distance), sign, positive=positive)
    assert np.allclose(far["density"], here["density"], rtol=0, atol=1e-12)
    assert np.allclose(far["mean_field_x"], here["mean_field_x"], rtol=0, atol=1e-11)


@given(cells=st.integers(-100, 100), sign=signs, positive=st.booleans())
@few
def test_translation_by_cells_on_a_fixed_torus(cells, sign, positive):
    f = blob(TORUS, 0.3)
    here = advanced(TORUS, f, sign, positive=positive)["density"]
    far = advanced(TORUS, np.roll(f, cells, axis=0), sign, positive=positive)["density"]
    assert np.allclose(far, np.roll(here, cells, axis=0), rtol=0, atol=1e-14)


@given(distance=st.floats(0, L), sign=signs)
@few
def test_translation_by_any_distance_on_a_fixed_torus(distance, sign):
    """Between the cells the field is compared by its Fourier coefficients."""
    grid = TORUS.resized({"x": 96, "v": 128})
    modes = np.arange(8)
    here, far = (
        np.fft.rfft(advanced(grid, blob(grid, x0), sign)["mean_field_x"])[:8] / 96 for x0 in (0.0, distance)
    )
    assert np.allclose(far, here * np.exp(-2j * np.pi * modes * distance / L), rtol=0, atol=1e-8)


@both_domains
@given(x0=st.floats(-1, 1), sign=signs, positive=st.booleans())
@few
def test_reflection(grid, x0, sign, positive):
    """(x, v) → (−x, −v) commutes with the evolution."""
    f = blob(grid, x0)
    here = advanced(grid, f, sign, positive=positive)
    there = advanced(grid, np.ascontiguousarray(f[::-1, ::-1]), sign, positive=positive)
    assert np.allclose(there["density"], here["density"][::-1, ::-1], rtol=0, atol=1e-13)
    assert np.allclose(there["mean_field_x"], -here["mean_field_x"][::-1], rtol=0, atol=1e-12)


@given(speed=st.integers(1, 3), sign=signs)
@few
def test_moving_frames(speed, sign):
    """f(t, x − ut, v − u) solves the equation with f; u whole cells of v, and u·t whole cells of x."""
    grid = Grid((Axis("x", 0.0, L, 128), Axis("v", -8.0, 8.0, 256, "open")))
    h = grid["v"].spacing
    u = 8 * speed * h
    time = 4 * grid["x"].spacing / (8 * h)
    f = blob(grid, 0.3, v0=0.0)
    here = advanced(grid, f, sign, time)["density"]
    fast = advanced(grid, np.roll(f, 8 * speed, axis=1), sign, time)["density"]
    assert u * time == pytest.approx(4 * speed * grid["x"].spacing)
    assert np.allclose(fast, np.roll(here, (4 * speed, 8 * speed), axis=(0, 1)), rtol=0, atol=1e-7)


@pytest.mark.parametrize("splitting", ["strang", "blanes_moan"])
@both_domains
@given(sign=signs)
@few
def test_the_solver_is_reversible_where_it_resolves(grid, splitting, sign):
    """Forward, v → −v, forward: the initial density to the error of the interpolation, about 1e-9."""
    grid = grid.resized({"x": 192, "v": 192})
    f = blob(grid, 0.3)
    there = advanced(grid, f, sign, 1.0, splitting=splitting)["density"]
    back = advanced(grid, np.ascontiguousarray(there[:, ::-1]), sign, 1.0, splitting=splitting)["density"]
    assert np.abs(there - f).max() > 0.05 * f.max()
    assert np.abs(back[:, ::-1] - f).max() < 1e-6 * f.max()


def particles(grid, points, sign, forces="auto"):
    """Positions and velocities at t = 2 of the particle system, shape (N, 2)."""
    stream = np.random.SeedSequence(0)
    run = prepare(equation(grid, sign), grid, points, np.ones(len(points)), stream, 0.05, forces=forces)
    assert [i.time for i in evolve(run, [2.0])] == [2.0]
    observed = run.observe()
    return np.stack([observed["x"], observed["v"]], axis=1)


def apart(grid, a, b):
    """Largest distance of coordinates, on a circle the shorter way round."""
    difference = a - b
    if grid["x"].periodic:
        difference[:, 0] -= L * np.round(difference[:, 0] / L)
    return np.abs(difference).max()


def sample(grid, seed, size=40):
    rng = np.random.default_rng(seed)
    low, width = (grid["x"].lower, L) if grid["x"].periodic else (-2.0, 4.0)
    return np.stack([low + width * rng.random(size), rng.normal(size=size)], axis=1)


seeds = st.integers(0, 2**20)


@both_domains
@given(seed=seeds, sign=signs)
@few
def test_particles_may_be_numbered_in_any_order(grid, seed, sign):
    points = sample(grid, seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    here = particles(grid, points, sign)
    assert apart(grid, particles(grid, points[order], sign), here[order]) < 1e-12


@both_domains
@given(seed=seeds, sign=signs, distance=st.floats(-20, 20))
@few
def test_particles_translate_and_reflect(grid, seed, sign, distance):
    """A translated system, on the circle wrapped anew, and a reflected one."""
    points = sample(grid, seed)
    here, along = particles(grid, points, sign), np.array([distance, 0.0])
    assert apart(grid, particles(grid, points + along, sign), here + along) < 1e-10
    assert apart(grid, particles(grid, -points, sign), -here) < 1e-10


@both_domains
@given(seed=seeds, sign=signs)
@few
def test_particles_run_backwards(grid, seed, sign):
    """Verlet is reversible: forward, v → −v, forward returns to the start but for round-off."""
    points = sample(grid, seed)
    there = particles(grid, points, sign)
    back = particles(grid, there * [1.0, -1.0], sign) * [1.0, -1.0]
    assert apart(grid, back, points) < 1e-10

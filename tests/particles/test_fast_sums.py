"""Fast pair sums: within the tolerance of direct ones for every kernel, domain, number and arrangement."""

import numpy as np
import pytest

from mfpde.particles import fast_sums, near_sums
from mfpde.particles.ewald_split import PowerSplit
from mfpde.particles.fast_sums import FastForces
from mfpde.particles.forces import DirectForces, SortedForces, forces_for
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import (
    BiotSavart,
    Coulomb,
    Custom,
    KellerSegel,
    LogGas,
    PowerLaw,
    Riesz,
    Stokeslet,
    ewald,
)

LOWER, SIDES = -1.0, (3.0, 2.5, 2.0)


def domain(dim, boundary, sides=SIDES):
    axes = zip("xyz"[:dim], sides[:dim], strict=True)
    return Grid(tuple(Axis(name, LOWER, LOWER + L, 8, boundary) for name, L in axes))


def points(grid, size, seed, spread=None):
    """Uniform in the box, or normal around its middle with a standard deviation of ``spread`` sides."""
    rng = np.random.default_rng(seed)
    sides = np.array([axis.length for axis in grid.axes])
    u = rng.random((size, grid.dim)) if spread is None else 0.5 + spread * rng.normal(size=(size, grid.dim))
    wrapped = u % 1 if grid.axes[0].periodic else u
    return LOWER + sides * wrapped, rng.choice([-1.0, 1.5, 2.0], size)


def exact(kernel, x, mass, targets=slice(None), block=100):
    """Σ_{j≠i} mⱼ K(xᵢ − xⱼ) at some of the points, from the kernel itself."""
    chosen = x[targets]
    rows = [chosen[i : i + block, None] - x for i in range(0, len(chosen), block)]
    return np.concatenate([np.einsum("ijd,j->id", kernel(z), mass) for z in rows])


def rms(a):
    return np.sqrt((a**2).sum(axis=-1).mean())


KERNELS = [
    *(LogGas(dim, 1.3, cutoff) for dim in (1, 2, 3) for cutoff in (0.0, 0.1)),
    *(Riesz(dim, -1.5) for dim in (1, 2, 3)),
    *(Riesz(dim, dim - 0.5) for dim in (1, 2, 3)),
    *(Coulomb(dim, -0.7, cutoff) for dim in (1, 2, 3) for cutoff in (0.0, 0.3)),
    PowerLaw(2, 1.7, 1.0, 0.05),
    Riesz(3, 2.0),
    KellerSegel(3.0),
    BiotSavart(),
    BiotSavart(0.1),
    Stokeslet((0.0, 0.0, 1.0)),
]


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize(("size", "spread"), [(10, None), (400, None), (400, 0.03)])
def test_within_tolerance_for_every_kernel(kernel, boundary, size, spread):
    """Relative to the rms force: few points and many, spread and clustered, circulations of both signs."""
    grid = domain(kernel.dim, boundary)
    x, mass = points(grid, size, size, spread)
    on = kernel.on(grid)
    expected = exact(on, x, mass)
    assert rms(FastForces(on)(x, 0.5, mass) - 0.5 * expected) < 1e-6 * rms(0.5 * expected)


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize(
    "kernel", [Riesz(1, -0.5), BiotSavart(0.1), Coulomb(3), Stokeslet((0.0, 0.0, 1.0))], ids=repr
)
def test_the_error_follows_the_tolerance(kernel, boundary):
    """It is kept, and each tolerance a hundred times smaller gains a factor of at least ten."""
    grid = domain(kernel.dim, boundary)
    x, mass = points(grid, 300, 1)
    on = kernel.on(grid)
    expected = exact(on, x, mass)
    tolerances = np.array([1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
    errors = np.array([rms(FastForces(on, tol)(x, 1.0, mass) - expected) for tol in tolerances]) / rms(
        expected
    )
    assert (errors < tolerances).all()
    assert (errors[1:] < errors[:-1] / 10).all()


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("spread", [None, 0.05])
def test_a_hundred_thousand_particles(dim, boundary, spread):
    """Against the direct sum at a few of them."""
    grid = domain(dim, boundary)
    N = 100_000 if dim < 3 else 30_000
    x, mass = points(grid, N, 5, spread)
    on = LogGas(dim).on(grid)
    targets = slice(None, None, N // 20)
    expected = exact(on, x, mass, targets, block=1)
    force = FastForces(on)(x, 1 / N, mass)[targets]
    assert rms(force - expected / N) < 1e-6 * rms(expected / N)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("spread", [None, 0.05])
def test_a_hundred_thousand_particles_of_every_kernel(kernel, boundary, spread):
    """Against the direct sum at twenty of them, relative to the rms force on those."""
    grid = domain(kernel.dim, boundary)
    N = 100_000
    x, mass = points(grid, N, 15, spread)
    on = kernel.on(grid)
    targets = slice(None, None, N // 20)
    expected = exact(on, x, mass, targets, block=1)
    force = FastForces(on)(x, 1 / N, mass)[targets]
    assert rms(force - expected / N) < 1e-6 * rms(expected / N)


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.dim > 1], ids=repr)
def test_two_levels_of_waves_on_the_whole_space(kernel, monkeypatch):
    """Short waves over a tight box and long ones over a wide one: forces and energies of the direct sum."""
    grid = domain(kernel.dim, "open")
    x, mass = points(grid, 600, 16, 0.1)
    on = kernel.on(grid)
    forces, sides = FastForces(on), fast_sums._enclosing(x)
    reach = max(max(sides) / 6, getattr(kernel, "cutoff", 0.0))
    box = forces._box(sides, reach)
    monkeypatch.setattr(forces, "_geometry", lambda _: (reach, box))
    assert 0 < box.outer < max(sides)
    expected = exact(on, x, mass)
    assert rms(forces(x, 1.0, mass) - expected) < 1e-6 * rms(expected)
    if on.has_potential:
        energy = DirectForces(on).energy(x, 0.1, np.abs(mass))
        assert forces.energy(x, 0.1, np.abs(mass)) == pytest.approx(energy, rel=1e-6)


@pytest.mark.parametrize("dim", [2, 3])
def test_the_number_of_rows_changes_round_off_only(dim, monkeypatch):
    x, mass = points(domain(dim, "open"), 3000, 17)
    forces = FastForces(Coulomb(dim).on(domain(dim, "open")))
    first = forces(x, 1.0, mass)
    for rows in (2, 3, 5):
        monkeypatch.setattr(near_sums, "ROWS", (rows, rows))
        assert np.abs(forces(x, 1.0, mass) - first).max() < 1e-11 * np.abs(first).max()


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize(
    "kernel", [k for k in KERNELS if k.dim == 2 and k.potential_formula((None,) * 2)], ids=repr
)
def test_energies(kernel, boundary):
    """Equal to the double sum, here dominated by a cluster so that it is far from zero."""
    grid = domain(2, boundary)
    x, mass = points(grid, 300, 3, 0.1)
    on = kernel.on(grid)
    expected = DirectForces(on).energy(x, 0.1, np.abs(mass))
    assert FastForces(on).energy(x, 0.1, np.abs(mass)) == pytest.approx(expected, rel=1e-6)


def test_energy_of_rock_salt():
    """Madelung's constant 1.7475645946 of NaCl, with −2.8372974795 of the simple cubic Wigner lattice.

    The pair sum leaves out each ion with its own images, ½ Σ mᵢ² ξ with ξ = −2.8372974795/L.
    """
    L = 2.0
    grid = Grid(tuple(Axis(name, 0.0, L, 8) for name in "xyz"))
    x = np.stack(np.meshgrid(*[[0.3, 1.3]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    charge = (-1.0) ** np.round(x - 0.3).sum(axis=1)
    pairs = FastForces(Coulomb(3).on(grid), 1e-10).energy(x, 1.0, charge)
    assert pairs + 8 / 2 * (-2.8372974794806 / L) == pytest.approx(-8 / 2 * 1.74756459463318, rel=1e-9)


def test_one_dimension_as_by_sorting():
    """Two fast methods that share nothing."""
    for boundary in ("periodic", "open"):
        grid = domain(1, boundary)
        x, _ = points(grid, 5000, 2)
        on = Coulomb(1, 1.3).on(grid)
        fast, ordered = FastForces(on, 1e-9), SortedForces(on)
        assert rms(fast(x, 1.0) - ordered(x, 1.0)) < 1e-9 * rms(ordered(x, 1.0))
        assert fast.energy(x, 1.0) == pytest.approx(ordered.energy(x, 1.0), rel=1e-8)


def test_a_long_torus():
    """Periods 40 : 1, which direct sums refuse, against Ewald's summation with Gaussians."""
    grid = domain(2, "periodic", (20.0, 0.5))
    x, mass = points(grid, 60, 8)
    z = (x[:, None] - x[None]).reshape(-1, 2)
    z -= np.round(z / (20.0, 0.5)) * (20.0, 0.5)
    far = z.any(axis=1)
    K = np.zeros_like(z)
    K[far] = ewald.force(z[far], (20.0, 0.5), 0.0, np.empty((0, 2)))
    expected = np.einsum("ijd,j->id", K.reshape(60, 60, 2), mass)
    assert rms(FastForces(Coulomb(2).on(grid))(x, 1.0, mass) - expected) < 1e-6 * rms(expected)


@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_oblique_stokeslets(boundary):
    """The flow is linear in g, and one along x follows from one along z by a quarter turn."""
    grid = domain(3, boundary, (2.0, 2.0, 2.0))
    x, mass = points(grid, 200, 12)

    def flow(gravity, x=x):
        return FastForces(Stokeslet(gravity).on(grid), 1e-8)(x, 1.0, mass)

    swapped = flow((0.0, 0.0, 1.0), x[:, ::-1])[:, ::-1]
    error = flow((0.3, 0.0, -0.5)) - (0.3 * swapped - 0.5 * flow((0.0, 0.0, 1.0)))
    assert 0 < rms(error) < 2e-8 * rms(swapped)


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize("kernel", [BiotSavart(), Coulomb(3, 1.0, 0.2), Stokeslet((0.0, 0.0, 1.0))], ids=repr)
def test_independent_of_the_range(kernel, boundary, monkeypatch):
    """Near and far part each change entirely, their sum within the tolerance."""
    x, mass = points(domain(kernel.dim, boundary), 500, 4)
    forces = FastForces(kernel.on(domain(kernel.dim, boundary)), 1e-8)
    chosen, _ = forces._geometry(x)
    first = forces(x, 1.0, mass)
    sides = tuple(SIDES[: kernel.dim]) if boundary == "periodic" else fast_sums._enclosing(x)
    for factor in (0.7, 1.4):
        geometry = (factor * chosen, forces._box(sides, factor * chosen))
        monkeypatch.setattr(forces, "_geometry", lambda _, g=geometry: g)
        assert 0 < rms(forces(x, 1.0, mass) - first) < 2e-8 * rms(first)


@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_symmetries(boundary):
    """Permutations to round-off; translations, and reflections of a half-turn, to the tolerance."""
    grid = domain(2, boundary)
    x, mass = points(grid, 2000, 6)
    forces = FastForces(BiotSavart().on(grid), 1e-9)
    first = forces(x, 1.0, mass)
    order = np.random.default_rng(0).permutation(2000)
    assert np.abs(forces(x[order], 1.0, mass[order]) - first[order]).max() < 1e-11 * np.abs(first).max()
    moved = np.stack([axis.wrap(x[:, i] + 0.4 * (i + 1)) for i, axis in enumerate(grid.axes)], axis=1)
    turned = np.stack(
        [axis.wrap(2 * LOWER + axis.length - x[:, i]) for i, axis in enumerate(grid.axes)], axis=1
    )
    assert rms(forces(moved, 1.0, mass) - first) < 2e-9 * rms(first)
    assert rms(forces(turned, 1.0, mass) + first) < 2e-9 * rms(first)
    assert np.abs(mass @ first).max() < 1e-9 * rms(first) * np.abs(mass).sum()  # action and reaction


def test_same_positions_same_bits():
    """Whatever was summed before, and in another object."""
    grid = domain(3, "open")
    x, mass = points(grid, 3000, 7)
    on = Coulomb(3).on(grid)
    forces, other = FastForces(on), FastForces(on)
    first = forces(x, 1.0, mass)
    forces(x[:100] ** 3, 1.0)
    assert np.array_equal(forces(x, 1.0, mass), first)
    other.energy(x * 2, 1.0)
    assert np.array_equal(other(x, 1.0, mass), first)


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize("kernel", [Coulomb(2), Stokeslet((0.0, 0.0, 1.0)), LogGas(1)], ids=repr)
def test_coincident_particles_do_not_act_on_each_other(kernel, boundary):
    grid = domain(kernel.dim, boundary)
    x, mass = points(grid, 60, 9)
    x[20:30] = x[10:20]
    x[30:40] = x[10]
    on = kernel.on(grid)
    expected = exact(on, x, mass)
    assert rms(FastForces(on)(x, 1.0, mass) - expected) < 1e-6 * rms(expected)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_degenerate_clouds(dim):
    """Two points, points in one place, and points on a line."""
    on = Coulomb(dim, 1.0, 0.1).on(domain(dim, "open"))
    forces = FastForces(on)
    two = np.array([[-1.0] * dim, [2.0] * dim])
    np.testing.assert_allclose(forces(two, 1.0), exact(on, two, np.ones(2)), rtol=1e-6)
    assert np.abs(forces(np.full((5, dim), 0.7), 1.0)).max() < 1e-6 / 0.1 ** (dim - 1)
    line = np.zeros((200, dim))
    line[:, -1] = np.random.default_rng(1).random(200)
    expected = exact(on, line, np.ones(200))
    assert rms(forces(line, 1.0) - expected) < 1e-6 * rms(expected)


def test_points_on_the_walls_of_the_box():
    """The ends of a period are one place."""
    grid = domain(2, "periodic")
    x, mass = points(grid, 300, 11)
    x[:50, 0], x[50:100, 1], x[100] = LOWER, np.nextafter(LOWER + SIDES[1], 0), LOWER
    on = Coulomb(2).on(grid)
    expected = exact(on, x, mass)
    assert rms(FastForces(on)(x, 1.0, mass) - expected) < 1e-6 * rms(expected)


@pytest.mark.parametrize(("dim", "order"), [(1, -1.0), (1, 0.7), (2, 0.0), (2, -1.8), (3, 1.0), (3, 2.9)])
def test_the_split(dim, order):
    """The far part meets V at the range, with its slope; force and potential are of one function."""
    split = PowerSplit(dim, order, 1e-9)
    y = np.array([-1.0, 0.3, 1.0])
    r = np.sqrt((1 + y) / 2)
    h = 1e-6
    assert np.polyval(split.force, 1.0) == pytest.approx(1.0, abs=1e-9)
    assert split.far_potential(np.ones(1), 1.0) == pytest.approx(1 / order if order else 0.0, abs=1e-9)
    slope = (split.far_potential(r[1:] + h, 2.0) - split.far_potential(r[1:] - h, 2.0)) / (2 * h)
    far = 2.0 ** -(order + 2) * np.polyval(split.force, r[1:] ** 2 / 2 - 1)
    np.testing.assert_allclose(slope, -r[1:] * far, rtol=1e-6)
    # beyond the bandwidth little is left, and it is positive definite for orders above −2
    κ = np.linspace(0.5, split.bandwidth + 3, 50)
    transform = split.far_transform(κ)
    assert np.abs(transform[κ > split.bandwidth]).max() < 1e-7 * np.abs(transform).max()


def test_auto_is_fast_for_many_particles_only():
    torus, plane = domain(2, "periodic"), domain(2, "open")
    assert isinstance(forces_for(LogGas(2).on(plane), "auto", 100_000), FastForces)
    assert isinstance(forces_for(BiotSavart().on(torus), "auto", 5_000), FastForces)
    assert isinstance(forces_for(LogGas(2).on(plane), "auto", 5_000), DirectForces)
    assert isinstance(forces_for(Riesz(2, 0.5).on(plane), "auto", 5_000), FastForces)  # whose power is slow
    assert isinstance(forces_for(LogGas(2).on(plane)), DirectForces)
    assert isinstance(forces_for(LogGas(2).on(plane), "fast"), FastForces)
    custom = Custom(lambda z: -z * np.exp(-(z**2)), 1).on(domain(1, "open"))
    assert isinstance(forces_for(custom, "auto", 100_000), DirectForces)


def test_what_is_refused():
    with pytest.raises(ValueError, match="use forces='direct'"):
        forces_for(Custom(lambda z: -z, 1).on(domain(1, "open")), "fast")
    with pytest.raises(ValueError, match="from 1e-10 to 1e-2"):
        FastForces(Coulomb(2).on(domain(2, "open")), 0.0)
    mixed = Grid((Axis("x", 0.0, 1.0, 8), Axis("y", -1.0, 1.0, 8, "open")))
    with pytest.raises(ValueError, match="both periodic and open"):
        FastForces(Coulomb(2).on(mixed))
    with pytest.raises(ValueError, match="BiotSavart is not the gradient of a potential"):
        FastForces(BiotSavart().on(domain(2, "open"))).energy(np.zeros((2, 2)), 1.0)

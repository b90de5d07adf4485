"""Spherical laws: densities against closed forms and quadrature, exact samplers, equilibrium."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad, solve_ivp

from mfpde.laws import GaussianCloud, Plummer, Polytrope
from mfpde.laws.lane_emden import lane_emden

LAWS = (Polytrope(), Polytrope(2.5), Plummer(), Plummer(0.7, -0.1))
each_law = pytest.mark.parametrize("law", LAWS, ids=repr)


def at(r, v):
    """Points of ℝ⁶ at radius r with the speed v, broadcast."""
    r, v = np.broadcast_arrays(r, v)
    zero = np.zeros_like(r, dtype=float)
    return np.stack([r, zero, zero, zero, v, zero], axis=-1)


def escape(law, r):
    """Largest speed at a radius."""
    edge = law.potential(law.radius)
    return np.sqrt(2 * np.maximum(edge - law.potential(r), 0.0))


def velocity_moment(law, r, power):
    """4π ∫ f v^{2 + power} dv by Gauss–Legendre in the angle whose sine is v over the largest speed."""
    t, w = np.polynomial.legendre.leggauss(60)
    angle, top = np.pi / 4 * (t + 1), escape(law, r)
    v = top * np.sin(angle)
    return 4 * np.pi * np.sum(w * np.pi / 4 * top * np.cos(angle) * v ** (2 + power) * law.pdf(at(r, v)))


def shells(law, values):
    """∫ values(r) 4πr² dr over the ball of the law."""
    return quad(lambda r: 4 * np.pi * r**2 * values(r), 0, law.radius, epsabs=1e-11, limit=200)[0]


def test_lane_emden_solves_its_equation():
    """Against an integrator of the initial value problem, and the published zero."""
    star = lane_emden()
    start = 1e-3
    series = [1 - start**2 / 6 + start**4 / 40, -start / 3 + start**3 / 10]
    r = np.linspace(0.01, 1.0, 50)
    found = solve_ivp(
        lambda ξ, y: [y[1], -(y[0] ** 3) - 2 * y[1] / ξ],
        (start, star.zero),
        series,
        "DOP853",
        t_eval=np.minimum(star.zero * r, star.zero),
        rtol=1e-13,
        atol=1e-15,
    ).y
    assert star.zero == pytest.approx(6.896848619376960, rel=1e-13)
    assert star.mass == pytest.approx(2.01823595, abs=1e-8)
    assert np.abs(star(r) - found[0]).max() < 1e-12
    mass = -((star.zero * r) ** 2) * found[1] / star.mass
    assert np.abs(star.mass_within(r) - mass).max() < 1e-11
    assert np.abs(star.coefficients[-4:]).max() < 1e-14


@each_law
def test_density_has_mass_one_and_the_position_density(law):
    for share in (0.0, 0.1, 0.4, 0.8, 0.97):
        r = share * law.radius
        assert velocity_moment(law, r, 0) == pytest.approx(law.position_density(r), rel=1e-11, abs=1e-15)
    assert shells(law, law.position_density) == pytest.approx(1.0, abs=1e-9)
    assert law.pdf(at(1.0001 * law.radius, 0.0)) == 0
    assert law.position_density(1.0001 * law.radius) == 0


@pytest.mark.parametrize("law", LAWS[:2], ids=repr)
def test_polytrope_satisfies_the_poisson_equation(law):
    """Its field is that of its own mass, which is why it is steady."""
    r = np.linspace(0.02, 0.98, 25) * law.radius
    h = 1e-4 * law.radius
    slope = (law.potential(r + h) - law.potential(r - h)) / (2 * h)
    assert slope == pytest.approx(law.mass_within(r) / r**2, rel=1e-5)  # h² times the third derivative
    for radius in r[::8]:
        within = quad(lambda s: 4 * np.pi * s**2 * law.position_density(s), 0, radius, epsabs=1e-13)[0]
        assert law.mass_within(radius) == pytest.approx(within, rel=1e-10)


@pytest.mark.parametrize("law", LAWS[:2], ids=repr)
def test_polytrope_obeys_the_virial_theorem(law):
    """KE = 3/(4R) and PE = −3/(2R), of which 2 KE + PE = 0."""
    kinetic = shells(law, lambda r: velocity_moment(law, r, 2)) / 2
    potential = shells(law, lambda r: law.position_density(r) * law.potential(r)) / 2
    assert kinetic == pytest.approx(0.75 / law.radius, rel=1e-9)
    assert potential == pytest.approx(-1.5 / law.radius, rel=1e-9)


def test_whole_plummer(reference):
    law = Plummer(cutoff_energy=0.0)
    assert law.tail_mass == 0
    for r in (0, 1, 2):
        expected = reference[f"A.plummer.rho(r={r})"]["value"]
        assert law.position_density(r) == pytest.approx(expected, rel=1e-12)
        assert velocity_moment(law, r, 0) == pytest.approx(expected, rel=1e-11)
    variance = velocity_moment(law, 1.0, 2) / velocity_moment(law, 1.0, 0) / 3
    assert variance == pytest.approx(reference["A.plummer.sigma2(r=1)"]["value"], rel=1e-11)
    assert law.pdf(np.zeros(6)) == pytest.approx(reference["A.plummer.f(0,0)"]["value"], rel=1e-12)


def test_truncated_plummer_tends_to_the_whole(reference):
    """Kinetic and potential energy approach theirs with the tail, which vanishes as a·Eₜ → 0."""
    tails, errors = [], []
    for cutoff in (-0.2, -0.1, -0.05, -0.025):
        law = Plummer(cutoff_energy=cutoff)
        kinetic = shells(law, lambda r, law=law: velocity_moment(law, r, 2)) / 2
        tails.append(law.tail_mass)
        errors.append(abs(kinetic - reference["A.plummer.kinetic"]["value"]))
    assert np.all(np.diff(tails) < 0)
    assert np.all(np.diff(errors) < 0)
    assert tails[-1] < 0.003
    # The share of the energies above Eₜ is Eₜ² × their density of states: the tail falls by 4, in the end.
    assert tails[-2] / tails[-1] == pytest.approx(4.0, rel=0.05)


@each_law
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_density_is_a_function_of_the_energy(law, seed):
    """Jeans: points of equal energy have equal density, whatever their directions."""
    rng = np.random.default_rng(seed)
    r = law.radius * rng.random(2)
    edge = law.potential(law.radius)
    energy = max(law.potential(r)) + rng.random() * (edge - max(law.potential(r)))
    v = np.sqrt(2 * (energy - law.potential(r)))
    direction = rng.standard_normal((2, 2, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    points = np.concatenate([r[:, None] * direction[0], v[:, None] * direction[1]], axis=1)
    f = law.pdf(points)
    assert f[0] == pytest.approx(f[1], rel=1e-9, abs=1e-10 * law.pdf(np.zeros(6)))


@each_law
def test_samples_follow_the_law(law):
    """Radius, speed over the largest there, energy and angle by Kolmogorov–Smirnov."""
    points = law.rvs(20_000, np.random.default_rng(5))
    x, v = points[:, :3], points[:, 3:]
    r, speed = np.linalg.norm(x, axis=1), np.linalg.norm(v, axis=1)
    assert points.shape == (20_000, 6)
    assert (law.pdf(points) > 0).all()
    ends = np.linspace(0.0, law.radius, 400)
    pieces = [quad(lambda s: 4 * np.pi * s**2 * law.position_density(s), a, b)[0] for a, b in pairwise(ends)]
    mass = np.concatenate([[0.0], np.cumsum(pieces)])
    uniform = {
        "radius": np.interp(r, ends, mass),
        "speed": speed_distribution(law, r, speed),
        "angle": (np.sum(x * v, axis=1) / (r * speed) + 1) / 2,
        "direction": (x[:, 2] / r + 1) / 2,
        "longitude": np.arctan2(v[:, 1], v[:, 0]) / (2 * np.pi) + 0.5,
    }
    for name, u in uniform.items():
        assert stats.kstest(u, "uniform").pvalue > 1e-3, name


def speed_distribution(law, r, speed):
    """P(|v| < speed) at radius r, by quadrature of f at fixed r."""
    t, w = np.polynomial.legendre.leggauss(40)
    top = escape(law, r)

    def below(angle):
        a = angle[:, None] / 2 * (t + 1)
        v = top[:, None] * np.sin(a)
        f = law.pdf(at(np.broadcast_to(r[:, None], v.shape), v))
        return angle / 2 * np.sum(w * np.cos(a) * v**2 * f, axis=1)

    return below(np.arcsin(np.minimum(speed / top, 1.0))) / below(np.full(r.size, np.pi / 2))


@each_law
def test_energies_of_samples(law):
    """The mean of any function of the energy, by z-score against quadrature over the density."""
    points = law.rvs(20_000, np.random.default_rng(6))
    r, square = np.linalg.norm(points[:, :3], axis=1), np.sum(points[:, 3:] ** 2, axis=1)
    samples = {"kinetic": square / 2, "potential": law.potential(r)}
    expected = {
        "kinetic": shells(law, lambda r: velocity_moment(law, r, 2)) / 2,
        "potential": shells(law, lambda r: law.position_density(r) * law.potential(r)),
    }
    for name, values in samples.items():
        z = (values.mean() - expected[name]) / (values.std() / np.sqrt(values.size))
        assert abs(z) < 4, name


def test_radii_of_the_polytrope_invert_the_mass():
    law = Polytrope(2.0)
    mass = np.concatenate([np.linspace(0.0, 1.0, 2000)[:-1], [1e-12, 1e-9, 1 - 1e-9]])
    assert np.abs(law.mass_within(law._radius_of_mass(mass)) - mass).max() < 1e-12


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 5.0), st.integers(0, 2**32 - 1))
def test_lengths_scale(scale, seed):
    """f_R(x, v) = R^{−3/2} f₁(x/R, v √R): lengths R and speeds R^{−1/2} with mass and gravity fixed."""
    x = np.random.default_rng(seed).uniform(-0.7, 0.7, (20, 6))
    scales = np.repeat([scale, scale**-0.5], 3)
    for one, other in ((Polytrope(), Polytrope(scale)), (Plummer(), Plummer(scale))):
        assert other.pdf(x * scales) * scale**1.5 == pytest.approx(one.pdf(x), rel=1e-9, abs=1e-12)


def test_gaussian_cloud():
    law = GaussianCloud(2, 0.5, 3.0)
    points = law.rvs(20_000, np.random.default_rng(7))
    normal = stats.multivariate_normal(np.zeros(4), np.diag([0.25, 0.25, 9.0, 9.0]))
    assert law.pdf(points[:50]) == pytest.approx(normal.pdf(points[:50]), rel=1e-12)
    for i, spread in enumerate((0.5, 0.5, 3.0, 3.0)):
        assert stats.kstest(points[:, i], "norm", (0, spread)).pvalue > 1e-3
    assert pickle.loads(pickle.dumps(law)) == law


@pytest.mark.parametrize(
    ("law", "arguments", "message"),
    [
        (Polytrope, {"radius": 0.0}, "radius must be a finite number > 0, got 0.0"),
        (Plummer, {"scale": -1.0}, "scale must be a finite number > 0"),
        (Plummer, {"cutoff_energy": -1.0}, r"cutoff_energy must lie in \(-1, 0\]"),
        (Plummer, {"cutoff_energy": 0.1}, "in units of the central depth"),
        (GaussianCloud, {"spread": float("nan")}, "spread must be a finite number > 0, got nan"),
        (GaussianCloud, {"dimension": 0}, "dimension must be an integer >= 1, got 0"),
    ],
)
def test_parameters_out_of_range_are_refused(law, arguments, message):
    with pytest.raises(ValueError, match=message):
        law(**arguments)

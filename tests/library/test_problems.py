"""Problems: what fits together, what is refused, and the catalogue that remembers how it was made."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from scipy import stats

from mfpde import laws, problems
from mfpde.problems import Problem, catalogue, from_case
from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb

PHASE = Grid((Axis("x", 0.0, 4 * np.pi, 32), Axis("v", -8.0, 8.0, 64, "open")))
EQUATION = Vlasov(Coulomb(1, strength=2 * np.pi))
LAW = laws.Perturbed(0.5, 0.1, laws.Maxwellian())

PLASMAS = {name: build for name, build in catalogue().items() if isinstance(build().equation, Vlasov)}
TORUS = {name: build for name, build in PLASMAS.items() if build().grid["x"].periodic}

each_problem = pytest.mark.parametrize("build", TORUS.values(), ids=TORUS)
each_name = pytest.mark.parametrize("name", catalogue())


@each_problem
def test_catalogue_densities_fit_their_grids(build):
    problem = build()
    density, mass = laws.density_and_mass(problem.law, problem.grid)
    assert mass == pytest.approx(1.0, abs=1e-10)
    edge = problem.grid.integrate(density, ["x"])[[0, -1]].sum() * problem.grid["v"].spacing
    assert edge < 1e-11


@each_problem
def test_catalogue_fields_have_the_plasma_convention(build):
    """The kernel has the flux ±|T| through a point, so that with mass 1 the mean density counts as 1."""
    problem = build()
    strength = problem.equation.kernel.strength
    assert 2 * abs(strength) == pytest.approx(problem.grid["x"].length)
    assert (strength < 0) == (problem.name == "jeans_instability")


@each_problem
def test_catalogue_samples_follow_the_grid(build):
    """Positions and velocities by Kolmogorov–Smirnov, against the reconstruction on the default grid."""
    problem = build(amplitude=0.5)
    points = problem.law.rvs(5000, np.random.default_rng(1))
    gridded = laws.Gridded(laws.on_grid(problem.law, problem.grid), problem.grid)
    other = gridded.rvs(50_000, np.random.default_rng(2))
    for i in range(2):
        assert stats.ks_2samp(points[:, i], other[:, i]).pvalue > 1e-3


VELOCITIES = {
    "landau_damping": (0.0, 1.0),
    "two_stream": (0.0, 10.0),
    "two_stream_v2": (0.0, 3.0),
    "bump_on_tail": (0.45, 0.9 + 0.1 * (0.25 + 4.5**2)),
    "jeans_instability": (0.0, 1.0),
    "vlasov_fokker_planck": (0.0, 1.0),
}


@each_problem
def test_catalogue_velocities_have_their_moments(build):
    problem = build()
    density = problem.grid.integrate(laws.on_grid(problem.law, problem.grid), ["x"])
    v, h = problem.grid["v"].points, problem.grid["v"].spacing
    mean, second = VELOCITIES[problem.name]
    assert h * density @ v == pytest.approx(mean, abs=1e-9)
    assert h * density @ v**2 == pytest.approx(second, rel=1e-9)


@each_problem
def test_catalogue_cases_invert(build):
    problem = build(amplitude=0.02).replace(resolution={"x": 24}, horizon=3)
    assert problem.case["problem"] == problem.name == build.__name__
    again = from_case(json.loads(json.dumps(problem.case)))
    assert again == problem
    assert again.case == problem.case
    assert again.grid.shape == (24, build().grid["v"].size)
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert from_case({"problem": problem.name}) == build()


@each_name
def test_every_case_inverts(name):
    """Whatever the axes: coarser ones too, and through JSON."""
    problem = catalogue()[name]()
    coarse = problem.replace(resolution=dict.fromkeys(problem.grid.names, 6), horizon=0.5)
    for one in (problem, coarse):
        again = from_case(json.loads(json.dumps(one.case)))
        assert again == one
        assert repr(again) == repr(one)
    assert problem.description
    assert problem.citation


def test_a_problem_of_the_catalogue_is_worth_printing():
    problem = problems.landau_damping()
    assert repr(problem).startswith("Problem('landau_damping', Vlasov(kernel=Coulomb(")
    assert "x: 128 periodic [0, 12.5664), v: 256 open [-8, 8]" in repr(problem)
    assert "\n" not in repr(problem)
    assert str(problem).splitlines()[0].startswith("landau_damping: ")
    assert problem.citation in str(problem)


@pytest.mark.parametrize(("wavenumber", "sphere"), [((0.5, 1.0), 2 * np.pi), ((0.5, 1.0, 2.0), 4 * np.pi)])
def test_landau_damping_in_several_dimensions(wavenumber, sphere):
    problem = problems.landau_damping(wavenumber)
    d = len(wavenumber)
    assert problem.grid.names == ("x", "y", "z")[:d] + ("vx", "vy", "vz")[:d]
    volume = math.prod(2 * np.pi / k for k in wavenumber)
    assert problem.equation.kernel.strength == pytest.approx(volume / sphere)
    x = np.zeros((1, 2 * d))
    assert problem.law.pdf(x)[0] == pytest.approx(1.01 / volume / (2 * np.pi) ** (d / 2))
    small = problem.replace(resolution=dict.fromkeys(problem.grid.names, 8))
    assert from_case(json.loads(json.dumps(small.case))) == small


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("landau_damping", {"wavenumber": -0.5}, "wavenumber must be a finite number > 0, got -0.5"),
        ("landau_damping", {"wavenumber": (0.5,) * 4}, "a tuple of 1 to 3"),
        ("landau_damping", {"amplitude": 1.5}, r"amplitude must lie in \[-1, 1\]"),
        ("landau_damping", {"amplitude": float("nan")}, r"amplitude must lie in \[-1, 1\]"),
        ("two_stream", {"drift": 0.0}, "drift must be a finite number > 0"),
        ("two_stream", {"thermal_speed": "hot"}, "thermal_speed must be a finite number > 0, got 'hot'"),
        ("two_stream_v2", {"wavenumber": float("inf")}, "wavenumber must be a finite number > 0"),
        ("bump_on_tail", {"wavenumber": (0.3, 0.3)}, "wavenumber must be a finite number > 0"),
        ("jeans_instability", {"amplitude": -2}, "amplitude must lie"),
    ],
)
def test_catalogue_arguments_out_of_range_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        catalogue()[name](**arguments)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"problem": "landau_dampin"}, "did you mean 'landau_damping'"),
        ({}, "None is no problem of the catalogue; there are "),
        (
            {"problem": "two_stream", "arguments": {"drif": 2.0}},
            "no argument of two_stream; did you mean 'drift'",
        ),
        ({"problem": "two_stream", "resolutions": {}}, "did you mean 'resolution'"),
        ({"problem": "two_stream", "resolution": {"vx": 8}}, "'vx' is no axis of the grid; did you mean 'x'"),
    ],
)
def test_cases_with_unknown_names_are_refused(case, message):
    with pytest.raises(ValueError, match=message):
        from_case(case)


def test_any_law_makes_a_problem():
    problem = Problem(EQUATION, lambda x: stats.norm.pdf(x[..., 1]) / (4 * np.pi), PHASE, 10)
    assert isinstance(problem.law, laws.Law)
    assert problem.law.dim == 2
    assert problem.horizon == 10.0
    assert problem.case is None
    density = laws.on_grid(problem.law, PHASE)
    assert np.ptp(density, axis=0).max() == 0


def test_replace_keeps_the_case_only_while_it_is_true():
    problem = problems.two_stream()
    assert problem.replace().case == problem.case
    finer = problem.grid.resized({"v": 512})
    assert problem.replace(grid=finer).case["resolution"] == {"x": 128, "v": 512}
    wider = Grid((problem.grid["x"], Axis("v", -20.0, 20.0, 512, "open")))
    for change in (
        {"name": "mine"},
        {"grid": wider},
        {"equation": Vlasov(problem.equation.kernel, friction=0.1)},
    ):
        assert problem.replace(**change).case is None
    assert problem.replace(horizon=2.0).replace(resolution={"x": 16}).case["horizon"] == 2.0
    with pytest.raises(TypeError, match="'horizn' is no field of a problem; did you mean 'horizon'"):
        problem.replace(horizn=3.0)
    with pytest.raises(ValueError, match="'vx' is no axis of the grid"):
        problem.replace(resolution={"vx": 8})


def test_replace_does_not_change_the_density():
    """Bitwise, also for a law that was made from grid values: fingerprints rest on it."""
    problem = problems.landau_damping()
    density = laws.on_grid(problem.law, problem.grid)
    gridded = problem.replace(law=laws.Gridded(density, problem.grid))
    for one in (problem, gridded):
        before = laws.on_grid(one.law, one.grid)
        after = one.replace(horizon=1.0)
        np.testing.assert_array_equal(laws.on_grid(after.law, after.grid), before)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"equation": "vlasov"}, TypeError, "one of mfpde.equations, got 'vlasov'"),
        ({"grid": (32, 64)}, TypeError, "grid must be a Grid"),
        ({"horizon": "long"}, TypeError, "horizon must be a number, got 'long'"),
        ({"horizon": True}, TypeError, "horizon must be a number, got True"),
        ({"horizon": 0.0}, ValueError, "horizon must be a finite time > 0, got 0.0"),
        ({"horizon": float("nan")}, ValueError, "horizon must be a finite time > 0"),
        ({"exact": 1.0}, TypeError, "exact must be a function"),
        ({"name": None}, TypeError, "name must be a string, got None"),
        ({"law": laws.Maxwellian()}, ValueError, "has 1 coordinate, the grid has 2"),
        ({"law": 0.5}, TypeError, "is not a law"),
        ({"equation": Vlasov(Coulomb(2))}, ValueError, "x, y, vx, vy; got x, v"),
        ({"grid": PHASE.positions}, ValueError, "x, v; got x"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, error, message):
    parts = {"equation": EQUATION, "law": LAW, "grid": PHASE, "horizon": 1.0} | changes
    with pytest.raises(error, match=message):
        Problem(**parts)

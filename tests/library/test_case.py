"""Case files: what they say is what is built, and mistakes are told by place and remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mfpde as mf
from mfpde.case import Case, read_case
from mfpde.problems import catalogue

WHOLE = """
problem = "landau_damping"
horizon = 20
initial = "density.nc"

[arguments]
wavenumber = 0.4

[resolution]
x = 64

[solver]
splitting = "strang"

[solve]
times = [0, 0.5, 1.0]
save = ["density"]

[simulate]
size = 8
replicas = 3

[converge]
sizes = [64, 256]
metrics = ["sobolev"]
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", catalogue())
def test_a_name_is_a_case(name: str) -> None:
    short, case = read_case(name)
    assert short == name
    assert repr(case.build()) == repr(catalogue()[name]())
    assert case.build_solver() is None


def test_every_section_is_read(tmp_path: Path) -> None:
    short, case = read_case(written(tmp_path, WHOLE))
    assert short == "mine"
    assert case.initial == tmp_path / "density.nc"
    assert case.build_solver() == mf.solvers.SemiLagrangian(splitting="strang")
    assert case.solve.times == [0.0, 0.5, 1.0]
    assert (case.simulate.size, case.simulate.replicas, case.simulate.seed) == (8, 3, 0)
    assert case.converge.sizes == [64, 256]
    assert case.converge.replicas == 32
    problem = case.model_copy(update={"initial": None}).build()
    assert problem.grid.shape == (64, 256)
    assert problem.grid["x"].length == pytest.approx(2 * np.pi / 0.4)
    assert problem.horizon == 20.0
    again = mf.problem_from(mf.solve(problem, [0.0], save=()))
    assert repr(again) == repr(problem)


def test_the_default_study_is_the_one_of_the_documentation() -> None:
    defaults = Case(problem="landau_damping").converge
    assert defaults.sizes == [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
    assert (defaults.replicas, defaults.metrics) == (32, ["wasserstein", "sobolev"])


def test_an_initial_density_replaces_the_law(tmp_path: Path) -> None:
    source = mf.problems.two_stream().replace(resolution={"x": 32, "v": 64})
    mf.solve(source, [0.0], save=("density",), path=tmp_path / "density.nc")
    text = 'problem = "two_stream"\ninitial = "density.nc"\n[resolution]\nx = 16\nv = 64\n'
    problem = read_case(written(tmp_path, text))[1].build()
    density = problem.law.pdf(source.grid.points)
    np.testing.assert_allclose(density, source.law.pdf(source.grid.points), rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("problem = ", "mine.toml is not a TOML file"),
        ("horizon = 1.0", "problem: Field required"),
        (
            'problem = "landau_damping"\nhorison = 1.0',
            "'horison' is no key of a case; did you mean 'horizon'",
        ),
        (
            'problem = "landau_damping"\n[solver]\ndegre = 3',
            "'degre' is no option of the solver SemiLagrangian; did you mean 'degree'",
        ),
        (
            'problem = "landau_damping"\n[converge]\nsize = 3',
            "'size' is no key of converge; did you mean 'sizes'",
        ),
        (
            'problem = "landau_damping"\n[simulate]\nsize = 1.5',
            "simulate.size: Input should be a valid integer",
        ),
        ('problem = "landau_damping"\n[converge]\nsizes = [8, "x"]', "converge.sizes.1: .* got 'x'"),
        ('problem = "landau_damping"\nsolve = 3', "solve: .* got 3"),
        ("problem = 3", "problem: Input should be a valid string, got 3"),
    ],
)
def test_mistakes_are_told_by_place(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=named):
        read_case(written(tmp_path, text))


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a TOML file"):
        read_case(str(tmp_path / "mine.toml"))

"""The command line: what it writes, how it continues, and that bad input costs one line only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mfpde as mf
from mfpde.cli import main

CASE = """
problem = "landau_damping"
horizon = 0.5

[arguments]
amplitude = 0.3

[resolution]
x = 32
v = 64

[solve]
times = [0.0, 0.25, 0.5]

[simulate]
size = 16
replicas = 2
times = [0.0, 0.5]

[converge]
sizes = [8, 32]
replicas = 3
times = [0.0, 0.5]
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mfpde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mfpde", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        printed = capsys.readouterr()
        return int(exit.value.code or 0), printed.out, printed.err

    return run


def case(text: str = CASE, name: str = "case.toml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a folder: names, times of change and bytes; folders count too."""
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in folder.rglob("*")}


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def same_values(one: Path, other: Path) -> bool:
    with xr.open_dataset(one) as a, xr.open_dataset(other) as b:
        return all(a[name].values.tobytes() == b[name].values.tobytes() for name in a.variables)


def test_solve(mfpde: Command) -> None:
    code, out, _ = mfpde("solve", case())
    assert code == 0
    assert out.splitlines() == ["wrote case/reference.nc (completed)", "wrote case/density.png"]
    assert is_png(Path("case/density.png"))
    with xr.open_dataset("case/reference.nc") as found:
        assert found["time"].values.tolist() == [0.0, 0.25, 0.5]
        assert dict(found["density"].sizes) == {"time": 3, "x": 32, "v": 64}
    before = Path("case/reference.nc").read_bytes()
    assert mfpde("solve", "case.toml")[0] == 0
    assert Path("case/reference.nc").read_bytes() == before


def test_solve_a_problem_by_its_name(mfpde: Command) -> None:
    code, _, _ = mfpde("solve", "landau_damping", "--until", 0.1, "--dt", 0.1, "--quiet")
    assert code == 0
    with xr.open_dataset("landau_damping/reference.nc") as found:
        assert float(found["time"][-1]) == pytest.approx(0.1)
        assert found.attrs["dt"] == 0.1


def test_simulate(mfpde: Command, tmp_path: Path) -> None:
    code, out, _ = mfpde("simulate", case(), "--output", "a/b")
    assert code == 0
    assert "wrote a/b/particles.nc (completed)" in out
    assert is_png(Path("a/b/particles.png"))
    with xr.open_dataset("a/b/particles.nc") as found:
        assert dict(found["x"].sizes) == {"time": 2, "replica": 2, "particle": 16}
    assert mfpde("simulate", "case.toml", "--output", "c", "--seed", 7, "--size", 8, "--replicas", 1)[0] == 0
    with xr.open_dataset("c/particles.nc") as found:
        assert (found.attrs["seed"], found.sizes["particle"], found.sizes["replica"]) == (7, 8, 1)


def test_converge_and_again(mfpde: Command) -> None:
    code, out, _ = mfpde("converge", case())
    assert code == 0
    assert {p.name for p in Path("case").glob("*.*")} >= {"reference.nc", "study.nc", "convergence.png"}
    assert is_png(Path("case/convergence.png"))
    before = Path("case/study.nc").read_bytes()
    code, again, _ = mfpde("converge", "case.toml")
    assert code == 0
    assert again == out  # the table, from what is stored
    for word in (
        "wasserstein",
        "sobolev",
        "rate",
        "95 % interval",
        "theory",
        "excess",
        "reference error",
        "-0.50",
    ):
        assert word in out
    assert Path("case/study.nc").read_bytes() == before


def test_converge_extends_its_study(mfpde: Command) -> None:
    case()
    mfpde("converge", "case.toml", "--sizes", "8", "--metrics", "sobolev", "--output", "a")
    assert mfpde("converge", "case.toml", "--replicas", 4, "--output", "a")[0] == 0
    assert mfpde("converge", "case.toml", "--replicas", 4, "--output", "b")[0] == 0
    assert same_values(Path("a/study.nc"), Path("b/study.nc"))


def test_workers_change_nothing(mfpde: Command) -> None:
    case()
    assert mfpde("converge", "case.toml", "--output", "a")[0] == 0
    assert mfpde("converge", "case.toml", "--output", "b", "--workers", 2)[0] == 0
    assert same_values(Path("a/study.nc"), Path("b/study.nc"))


def test_an_initial_density_from_a_file(mfpde: Command) -> None:
    problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 32, "v": 64})
    mf.solve(problem, [0.0])["density"].isel(time=0, drop=True).to_dataset().to_netcdf("density.nc")
    text = CASE.replace("horizon", 'initial = "density.nc"\nhorizon')
    Path("cases").mkdir()
    Path("density.nc").rename("cases/density.nc")  # found beside the case, not where the command is run
    for command in ("solve", "simulate", "converge"):
        assert mfpde(command, case(text, "cases/from_file.toml"), "--output", command)[0] == 0
    with xr.open_dataset("solve/reference.nc") as found:
        np.testing.assert_allclose(
            found["density"][0], mf.solve(problem, [0.0])["density"][0], rtol=1e-12, atol=1e-15
        )


def test_the_solver_of_a_case(mfpde: Command) -> None:
    text = CASE + '\n[solver]\ndegree = 5\nsplitting = "strang"\npositive = true\n'
    assert mfpde("solve", case(text))[0] == 0
    with xr.open_dataset("case/reference.nc") as found:
        assert found.attrs["solver"] == "SemiLagrangian(degree=5, splitting='strang', positive=True)"
        assert found.attrs["solver_reason"] == "given by the user"


def test_problems_lists_the_catalogue(mfpde: Command) -> None:
    from mfpde.problems import catalogue

    code, out, _ = mfpde("problems")
    assert code == 0
    for name in catalogue():
        assert name in out


@pytest.mark.parametrize("written", ["reference", "particles", "study"])
def test_plot(written: str, mfpde: Command) -> None:
    command = {"reference": "solve", "particles": "simulate", "study": "converge"}[written]
    mfpde(command, case())
    code, out, _ = mfpde("plot", f"case/{written}.nc")
    assert (code, out) == (0, f"wrote case/{written}.png\n")
    assert is_png(Path(f"case/{written}.png"))
    assert mfpde("plot", f"case/{written}.nc", "--output", "here.pdf")[0] == 0
    assert Path("here.pdf").read_bytes()[:5] == b"%PDF-"


def test_overwrite_starts_afresh(mfpde: Command) -> None:
    case()
    mfpde("solve", "case.toml")
    code, _, err = mfpde("solve", "case.toml", "--dt", 0.05)
    assert code == 2
    assert "different: dt" in err
    assert mfpde("solve", "case.toml", "--dt", 0.05, "--overwrite")[0] == 0


def test_no_command_shows_the_help(mfpde: Command) -> None:
    _, out, err = mfpde()
    assert "Usage" in out
    assert err == ""
    assert mfpde("--help")[0] == 0


BAD = {
    "unknown command": ("sovle landau_damping", "sovle"),
    "no case": ("solve", "CASE"),
    "unknown problem": ("solve lindau_damping", "did you mean 'landau_damping'"),
    "unknown option": ("solve landau_damping --tolerance 1", "--tolerance"),
    "text for a number": ("solve landau_damping --dt small", "--dt"),
    "negative step": ("solve landau_damping --dt -1 --output a/b", "dt=-1"),
    "negative step of particles": ("simulate landau_damping --dt -1", "dt=-1"),
    "negative step of a study": ("converge landau_damping --dt -1", "dt=-1"),
    "negative horizon": ("solve landau_damping --until -1", "horizon"),
    "horizon that is not a number": ("solve landau_damping --until nan", "horizon"),
    "one particle": ("simulate landau_damping --size 1", "at least 2, got 1"),
    "no replicas": ("simulate landau_damping --replicas 0", "replicas"),
    "negative seed": ("simulate landau_damping --seed -1", "seed"),
    "sizes of one": ("converge landau_damping --sizes 1", "at least 2, got 1"),
    "sizes as text": ("converge landau_damping --sizes few", "64,128,256"),
    "sizes that are empty": ("converge landau_damping --sizes=", "64,128,256"),
    "sizes that fall": ("converge landau_damping --sizes 64,32", "increasing"),
    "one replica": ("converge landau_damping --replicas 1", "replicas must be an integer of at least 2"),
    "unknown metric": ("converge landau_damping --metrics wasserstien", "did you mean 'wasserstein'"),
    "no workers": ("converge landau_damping --workers 0", "--workers"),
    "no workers to simulate": ("simulate landau_damping --workers 0", "--workers"),
    "missing case": ("solve nowhere.toml", "nowhere.toml does not exist"),
    "case that is a folder": ("solve folder.toml", "folder.toml"),
    "folder that is a file": ("solve landau_damping --output text.nc", "text.nc is a file"),
    "nothing to plot": ("plot nowhere.nc", "nowhere.nc does not exist"),
    "text to plot": ("plot text.nc", "not a readable netCDF file"),
    "folder to plot": ("plot folder.toml", "folder.toml"),
    "foreign data to plot": ("plot foreign.nc", "nothing to draw in a dataset of rain"),
    "plot to an unknown kind": ("plot good/reference.nc --output a.xyz", "xyz"),
    "plot to nowhere": ("plot good/reference.nc --output nowhere/a.png", "nowhere"),
    "foreign reference": ("solve landau_damping --output foreign", "overwrite=True"),
    "foreign particles": ("simulate landau_damping --output foreign", "overwrite=True"),
    "foreign study": ("converge good.toml --output foreign_study", "overwrite=True"),
}
BAD_CASES = {
    "broken": ('problem = "landau_damping', "not a TOML file"),
    "empty": ("", "problem"),
    "unknown key": (CASE.replace("horizon", "horzon"), "did you mean 'horizon'"),
    "unknown section": (CASE.replace("[converge]", "[konverge]"), "did you mean 'converge'"),
    "unknown key of converge": (CASE.replace("sizes", "size"), "did you mean 'sizes'"),
    "unknown key of solve": (CASE.replace("[solve]", "[solve]\nstep = 1"), "'step' is no key of solve"),
    "unknown key of solver": (CASE + "[solver]\ndegre = 3", "did you mean 'degree'"),
    "unknown argument": (CASE.replace("amplitude", "amplitud"), "did you mean 'amplitude'"),
    "unknown axis": (CASE.replace("v = 64", "w = 64"), "'w' is no axis"),
    "text for a number": (CASE.replace("horizon = 0.5", 'horizon = "long"'), "horizon"),
    "a number in quotes": (CASE.replace("size = 16", 'size = "16"'), "simulate.size"),
    "a number for a list": (CASE.replace("[8, 32]", "8"), "converge.sizes"),
    "a truth for a number": (CASE.replace("size = 16", "size = true"), "simulate.size"),
    "a fraction of particles": (CASE.replace("[8, 32]", "[8.5]"), "converge.sizes.0"),
    "negative cells": (CASE.replace("x = 32", "x = -32"), "size of at least 2"),
    "amplitude out of range": (CASE.replace("amplitude = 0.3", "amplitude = 3.0"), "amplitude"),
    "times that fall": (
        CASE.replace("[0.0, 0.25, 0.5]", "[0.5, 0.0]").replace("[0.0, 0.5]", "[0.5, 0.0]"),
        "increasing",
    ),
    "unknown splitting": (CASE + '[solver]\nsplitting = "strong"', "'strong'"),
    "even degree": (CASE + "[solver]\ndegree = 4", "degree must be"),
    "unknown variable": (CASE.replace("[solve]", '[solve]\nsave = ["densty"]'), "densty"),
    "unknown forces": (CASE.replace("[simulate]", '[simulate]\nforces = "magic"'), "'magic'"),
    "initial density that is missing": ('initial = "nowhere.nc"\n' + CASE, "nowhere.nc"),
    "initial density that is foreign": ('initial = "foreign.nc"\n' + CASE, "density"),
}
ONLY = {"unknown variable": ["solve"], "unknown forces": ["simulate"]}


@pytest.fixture
def prepared(mfpde: Command, tmp_path: Path) -> Command:
    """A folder with things that may go wrong in it."""
    foreign = xr.Dataset({"rain": ("time", [1.0])}, {"time": [0.0]})
    foreign.to_netcdf("foreign.nc")
    for folder in ("foreign", "foreign_study", "folder.toml"):
        Path(folder).mkdir()
    for name in ("foreign/reference", "foreign/particles", "foreign_study/study"):
        foreign.to_netcdf(f"{name}.nc")
    Path("text.nc").write_text("not a netCDF file", encoding="utf-8")
    case(CASE, "good.toml")
    return mfpde


def assert_refused(result: tuple[int, str, str], named: str) -> None:
    code, out, err = result
    assert code == 2
    assert out == ""
    assert err.startswith("mfpde: ")
    assert err.count("\n") == 1
    assert named in err


@pytest.mark.parametrize("mistake", BAD)
def test_bad_input_costs_one_line_and_touches_nothing(
    mistake: str, prepared: Command, tmp_path: Path
) -> None:
    command, named = BAD[mistake]
    if "good/" in command:
        prepared("solve", "good.toml")
    before = contents(tmp_path)
    assert_refused(prepared(*command.split()), named)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("mistake", BAD_CASES)
def test_bad_cases_cost_one_line_and_touch_nothing(mistake: str, mfpde: Command, tmp_path: Path) -> None:
    text, named = BAD_CASES[mistake]
    xr.Dataset({"rain": ("time", [1.0])}, {"time": [0.0]}).to_netcdf("foreign.nc")
    case(text)
    before = contents(tmp_path)
    for command in ONLY.get(mistake, ["solve", "simulate", "converge"]):
        if "solver" in text and command == "simulate":
            continue  # particles have no solver to get wrong
        assert_refused(mfpde(command, "case.toml"), named)
        assert contents(tmp_path) == before


LONG = CASE.replace("horizon = 0.5", "horizon = 1e3").replace("times = [0.0, 0.25, 0.5]\n", "")
LONG = LONG.replace("times = [0.0, 0.5]", "times = [0.0, 1e3]").replace("size = 16", "size = 4096")


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("solve", "reference.nc"),
        ("simulate --workers 2", "particles.nc"),
        ("converge --workers 2", "study.nc"),
    ],
)
def test_ctrl_c_leaves_something_to_continue(command: str, file: str, tmp_path: Path) -> None:
    text = LONG if command == "solve" else LONG.replace("1e3]", "50.0]").replace("1e3", "50.0")
    text = (
        text.replace("v = 64", "v = 128")
        .replace("[8, 32]", "[16384]")
        .replace("replicas = 3", "replicas = 64")
    )
    (tmp_path / "long.toml").write_text(text, encoding="utf-8")
    name, *options = command.split()
    with subprocess.Popen(
        [sys.executable, "-c", "from mfpde.cli import main; main()", name, "long.toml", "--quiet", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        path = tmp_path / "long" / file
        deadline = time.monotonic() + 60
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to every process of the group
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "mfpde: interrupted; the same command continues\n"), out
    with xr.open_dataset(path) as found:
        assert found.attrs["status"] == "interrupted"
    assert mfpde_resumes(path)


def mfpde_resumes(path: Path) -> bool:
    """Whether there is what a continuation needs: the file itself for a study, else its restart state."""
    return path.name == "study.nc" or path.with_name(f"{path.name}.restart").exists()

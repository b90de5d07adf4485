"""Files that are cut, foreign, old or of a later format, folders that cannot be written, bad case files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from inspect import signature
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mfpde as mf
from mfpde.case import read_case
from mfpde.cli import main
from mfpde.problems import catalogue
from mfpde.recording.restart import restart_path

PROBLEM = mf.problems.kuramoto().replace(resolution={"x": 16})
TIMES = np.linspace(0.0, 1.0, 11)
TOLD = (ValueError, TypeError, FileNotFoundError)


@pytest.fixture
def run(tmp_path):
    """A run interrupted after half of its times."""
    path = tmp_path / "run.nc"
    mf.solve(PROBLEM, TIMES[:6], path=path)
    return path


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mfpde", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        printed = capsys.readouterr()
        return int(exit.value.code or 0), printed.err

    return call


def one_line(text):
    return text.startswith("mfpde: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.97])
def test_truncated_files_are_told_and_left_alone(run, command, share):
    contents = run.read_bytes()
    cut = contents[: int(share * len(contents))]
    run.write_bytes(cut)
    with pytest.raises(ValueError, match="use overwrite=True"):
        mf.solve(PROBLEM, TIMES, path=run, resume=True)
    assert run.read_bytes() == cut
    code, told = command("plot", run)
    assert code == 2
    assert one_line(told)
    assert "not a readable netCDF file" in told
    assert mf.solve(PROBLEM, TIMES, path=run, overwrite=True).attrs["status"] == "completed"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_restart_states_are_told(run, share):
    state = restart_path(run)
    contents = state.read_bytes()
    state.write_bytes(contents[: int(share * len(contents))])
    with pytest.raises(ValueError, match=r"\.restart is damaged .* use overwrite=True"):
        mf.solve(PROBLEM, TIMES, path=run, resume=True)


def foreign(path, kind):
    if kind == "text":
        path.write_text("this is no netCDF file\n", encoding="utf-8")
    elif kind == "zip":
        np.savez(path.with_suffix(".npz"), a=np.ones(3))
        path.with_suffix(".npz").rename(path)
    else:
        time = {"time": [0.0, 1.0]} if kind == "with times" else {}
        xr.Dataset({"temperature": ("time", [1.0, 2.0])}, time).to_netcdf(path)


@pytest.mark.parametrize("kind", ["text", "zip", "with times", "without times"])
def test_foreign_files_are_told_and_left_alone(tmp_path, command, kind):
    path = tmp_path / "theirs.nc"
    foreign(path, kind)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not a file of mfpde that can be continued"):
        mf.solve(PROBLEM, TIMES, path=path, resume=True)
    with pytest.raises(FileExistsError):
        mf.solve(PROBLEM, TIMES, path=path)
    code, told = command("plot", path)
    assert code == 2
    assert one_line(told)
    assert path.read_bytes() == before


def edited(path, change):
    """The file with other attributes, as another version might have written it."""
    with xr.open_dataset(path) as file:
        old = file.load()
    change(old.attrs)
    old.drop_encoding().to_netcdf(path)


def test_files_of_another_version_tell_what_differs(run):
    def before_fingerprints(attrs):
        attrs["fingerprint"] = json.dumps({"kernel": "0123456789abcdef"})
        del attrs["saved"]

    edited(run, before_fingerprints)
    with pytest.raises(ValueError, match=r"different: .*initial density.*saved \(in the file None"):
        mf.solve(PROBLEM, TIMES, path=run, resume=True)

    def before_everything(attrs):
        attrs.clear()

    edited(run, before_everything)
    with pytest.raises(ValueError, match="not a file of mfpde that can be continued"):
        mf.solve(PROBLEM, TIMES, path=run, resume=True)


def test_a_renamed_problem_of_a_file_is_told(run):
    edited(run, lambda attrs: attrs.update(case=json.dumps({"problem": "kuramotto"})))
    with pytest.raises(ValueError, match="did you mean 'kuramoto'"):
        mf.problem_from(run)


@pytest.mark.parametrize("later", [2, 10**6, 0, "1.0"])
def test_files_of_a_later_format_are_told_and_left_alone(run, command, later):
    edited(run, lambda attrs: attrs.update(format=later))
    before = run.read_bytes()
    for times in (TIMES[:3], TIMES):
        with pytest.raises(ValueError, match=rf"run\.nc has format {later}, .* up to format 1; update mfpde"):
            mf.solve(PROBLEM, times, path=run, resume=True)
    code, told = command("plot", run)
    assert code == 2
    assert one_line(told)
    assert f"has format {later}" in told
    assert run.read_bytes() == before


def test_files_without_a_format_are_older_and_continued(run):
    with xr.open_dataset(run) as file:
        assert file.attrs["format"] == 1
    with netCDF4.Dataset(run, "a") as file:
        file.delncattr("format")
    found = mf.solve(PROBLEM, TIMES, path=run, resume=True)
    assert found["density"].values.tobytes() == mf.solve(PROBLEM, TIMES)["density"].values.tobytes()


# Root may write everywhere, and becomes a user who may not. The paths are relative and all modules loaded
# before, since others may not enter the folders above or those of the interpreter.
ANOTHER_USER = """
import os, sys
import numpy as np
import mfpde as mf
import mfpde.cli
problem = mf.problems.kuramoto().replace(resolution={"x": 16})
mf.solve(problem, [0.0])
os.chdir(sys.argv[1])

def command(folder):
    sys.argv = ["mfpde", "solve", "kuramoto", "--output", folder, "--quiet"]
    try:
        mfpde.cli.main()
    except SystemExit as stopped:
        return stopped.code

command("old.nc")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for options in ({}, {"overwrite": True}, {"resume": True}):
    try:
        mf.solve(problem, np.linspace(0.0, 1.0, 11), path="old.nc" if options else "new.nc", **options)
    except PermissionError as error:
        print(error)
print(command("."))
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="users and permissions are those of POSIX")
def test_a_folder_that_is_read_only(run, tmp_path):
    run.rename(tmp_path / "old.nc")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    tmp_path.chmod(0o555)
    try:
        call = [sys.executable, "-c", ANOTHER_USER, str(tmp_path)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
    finally:
        tmp_path.chmod(0o700)
    *told, code = done.stdout.splitlines()
    first, second = done.stderr.splitlines()
    assert "old.nc is a file" in first
    assert second.startswith("mfpde: ")
    assert len(told) == 3
    assert all("is read-only; choose another path or change its permissions" in t for t in [*told, second])
    assert (code, done.returncode) == ("2", 0)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file(tmp_path, command):
    (tmp_path / "occupied").write_text("")
    with pytest.raises((OSError, ValueError), match="occupied"):
        mf.solve(PROBLEM, TIMES, path=tmp_path / "occupied" / "run.nc")
    code, told = command("solve", "kuramoto", "--until", "0.1", "--quiet", "--output", tmp_path / "occupied")
    assert code == 2
    assert one_line(told)


NUMBERS = st.one_of(
    st.integers(-2, 40),
    st.floats(-3.0, 10.0),
    st.sampled_from([0, -0.0, 1e308, 1e-308, float("nan"), float("inf"), 10**30]),
)
VALUES = st.one_of(
    NUMBERS,
    st.booleans(),
    st.text("abxv_.é", max_size=6),
    st.lists(NUMBERS, max_size=3),
    st.dictionaries(st.text("abx", max_size=3), NUMBERS, max_size=2),
)
KEYS = st.text("abcxvst_", max_size=6)


def section(*names):
    """Values, mostly for keys that there are."""
    known = st.sampled_from(names)
    return st.dictionaries(st.one_of(known, known, known, KEYS), VALUES, max_size=3)


def case_of(name):
    """Cases of a problem; each part may be missing."""
    make = catalogue().get(name)
    arguments = list(signature(make).parameters) if make else ["chi"]
    axes = make().grid.names if make else ("x",)
    sizes = st.dictionaries(st.sampled_from(axes), st.one_of(st.integers(1, 64), VALUES), max_size=2)
    numbers = st.dictionaries(st.sampled_from(arguments), NUMBERS, max_size=2)
    rare = {
        "initial": KEYS,
        "solver": section("name", "degree", "splitting", "positive", "tolerance"),
        "solve": section("times", "dt", "save"),
        "simulate": section("size", "replicas", "times", "seed", "dt", "forces", "mean_field"),
        "converge": section("sizes", "replicas", "metrics", "times", "seed", "dt", "forces"),
        "other": VALUES,
    }
    return st.tuples(
        st.fixed_dictionaries(
            {"problem": st.just(name)},
            optional={
                "horizon": st.one_of(NUMBERS, VALUES),
                "arguments": st.one_of(numbers, numbers, section(*arguments)),
                "resolution": sizes,
            },
        ),
        st.one_of(
            st.just({}),
            *(st.fixed_dictionaries({key: strategy}) for key, strategy in rare.items()),
        ),
    ).map(lambda parts: parts[0] | parts[1])


CASES = st.one_of(st.sampled_from([*catalogue()]), st.sampled_from([*catalogue(), "Landau", ""])).flatmap(
    case_of
)


def toml(value):
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True)
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return str(value)


def read_or_refused(tmp_path, outcomes, case):
    path = tmp_path / "case.toml"
    path.write_text("\n".join(f"{key} = {toml(value)}" for key, value in case.items()), encoding="utf-8")
    try:
        _, read = read_case(str(path))
        problem = read.build()
    except TOLD as refused:
        outcomes.append(str(refused).strip())
    else:
        outcomes.append(problem)
        assert isinstance(problem, mf.Problem)
        assert problem.horizon > 0
        assert problem.name == case["problem"]


@pytest.mark.parametrize("examples", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_any_case_file_is_read_or_refused_in_a_sentence(tmp_path, examples):
    outcomes = []
    quick = settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )

    @quick
    @given(case=CASES)
    def tried(case):
        read_or_refused(tmp_path, outcomes, case)

    tried()
    assert len(outcomes) >= examples
    assert all(outcomes)
    problems = sum(isinstance(outcome, mf.Problem) for outcome in outcomes)
    assert 0.05 < problems / len(outcomes) < 0.95  # the examples are on both sides


@given(text=st.one_of(st.text(max_size=60), st.binary(max_size=60)))
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = Path(tmp_path_factory.getbasetemp()) / "text.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with pytest.raises(TOLD):
        read_case(str(path))

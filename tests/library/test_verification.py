"""verify: that it is green, that it tells a planted error, and that its expected values are right."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

import mfpde as mf
from mfpde.cli import main
from mfpde.verification import checks, falls_short, records
from mfpde.verification.checks import CHECKS, Check, equations
from mfpde.verification.dispersion import collisional_root, damped_wave, root
from mfpde.verification.facts import Fact, constant, decreasing, equal, failed, kept, ks_distance, mean

FAMILIES = {
    "harmonic",
    "keller_segel",
    "kuramoto",
    "landau",
    "log_gas",
    "navier_stokes",
    "vlasov_fokker_planck",
    "vlasov_poisson",
}


@pytest.fixture
def command(monkeypatch, capsys):
    """``mfpde verify``: exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["mfpde", "verify", "--quiet", *arguments])
        with pytest.raises(SystemExit) as exit:
            main()
        printed = capsys.readouterr()
        return int(exit.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.parametrize("k", [0.3, 0.4, 0.5, 0.6])
def test_roots_of_landau_damping(reference, k):
    value = reference[f"A.landau.omega.k{k}"]["value"]
    assert root(k, guess=np.sqrt(1 + 3 * k**2) - 0.1j) == pytest.approx(
        value["re"] + 1j * value["im"], abs=1e-10
    )


@pytest.mark.parametrize(("k", "ν"), [(0.5, 0.1), (0.3, 0.1)])
def test_roots_with_collisions(reference, k, ν):
    value = reference[f"A.vpfp.omega.k{k}.nu{ν}"]["value"]
    guess = np.sqrt(1 + 3 * k**2) - 0.1j
    assert collisional_root(k, ν, guess) == pytest.approx(value["re"] + 1j * value["im"], abs=1e-9)


def test_roots_of_instabilities():
    """The growth rates that the problems of the catalogue state."""
    streams, bump = ((0.5, 3.0, 1.0), (0.5, -3.0, 1.0)), ((0.9, 0.0, 1.0), (0.1, 4.5, 0.5))
    assert root(0.2, streams, 1, 0.28j) == pytest.approx(0.2845096862j, abs=1e-9)
    assert root(0.3, bump, 1, 1 + 0.2j) == pytest.approx(1.0012178936 + 0.1980979758j, abs=1e-9)
    assert root(0.5, sign=-1, guess=0.7j) == pytest.approx(0.6872019251j, abs=1e-9)


def test_a_damped_wave_is_recognised():
    t = np.linspace(3, 20, 60)
    wave = 2e-7 * np.exp(-0.2 * t) * np.cos(1.3 * t + 0.4)
    assert damped_wave(t, wave, 1.4 - 0.1j) == pytest.approx(1.3 - 0.2j, abs=1e-8)


def test_verdicts():
    assert equal("q", 1.0, 1.1, 0.11, "").verdict == "holds"
    assert equal("q", 1.0, 1.1, 0.09, "").verdict == "falls short"
    assert equal("q", 1.0, np.nan, 10.0, "").verdict == "falls short"
    assert kept("q", [2.0, 2.5, 2.0], 0.2, "").measured == 2.5
    assert kept("q", [2.0, 2.5, 2.0], 0.2, "").verdict == "falls short"
    assert kept("q", [2.0, np.nan, 2.0], 9.0, "").verdict == "falls short"
    assert kept("q", [0.0, 1e-3], 1e-2, "").verdict == "holds"
    assert decreasing("q", [3.0, 2.0, 2.5], 0.4).verdict == "falls short"
    assert decreasing("q", [3.0, 2.0, 1.0], 0.0).verdict == "holds"
    assert decreasing("q", [3.0, np.nan, 1.0], 1.0).verdict == "falls short"
    assert constant("q", 3.0).verdict == "measured"
    assert failed("q", ValueError("no\nway")).verdict == "falls short"


def test_statistical_verdicts_tell_four_standard_errors():
    samples = np.random.default_rng(0).normal(1.0, 2.0, 10000)
    assert mean("q", samples, 1.0).verdict == "holds"
    assert mean("q", samples, 1.1).verdict == "falls short"  # five standard errors away
    assert mean("q", samples, 1.0).tolerance == pytest.approx(4 * 0.02, rel=0.03)
    normal = (samples - 1) / 2
    assert ks_distance("q", normal, stats.norm.cdf).verdict == "holds"
    assert ks_distance("q", normal + 0.1, stats.norm.cdf).verdict == "falls short"
    # 2.28/√R is exceeded as rarely as 4 standard errors
    assert 2 * np.exp(-2 * 2.28**2) == pytest.approx(2 * stats.norm.sf(4), rel=0.1)


def test_every_family_has_checks():
    assert set(equations()) == FAMILIES
    assert len({check.title for check in CHECKS if not check.full}) == sum(not c.full for c in CHECKS)


def test_a_family_that_holds():
    family = "keller_segel"
    found = mf.verify(family)
    assert falls_short(found) == []
    assert set(found["verdict"].values) == {"holds"}
    assert set(found["equation"].values) == {family}
    assert (found["error"] <= found["tolerance"]).all()
    assert (found["seconds"] > 0).all()
    assert list(found.data_vars)[:4] == ["equation", "expected", "measured", "error"]
    assert all(str(reason) for reason in found["reason"].values)


def test_bounds_have_a_constant_and_no_verdict(monkeypatch):
    only(monkeypatch, "bounds")
    found = mf.verify("navier_stokes")
    assert set(found["verdict"].values) == {"measured"}
    assert np.isnan(found["expected"]).all()
    assert (found["measured"] > 0).all()
    assert falls_short(found) == []


def only(monkeypatch, *names):
    """Leave these checks alone in the list."""
    chosen = [one for one in CHECKS if one.run.__name__ in names]
    assert len(chosen) == len(names)
    monkeypatch.setattr("mfpde.verification.CHECKS", chosen)


def test_a_planted_error_of_a_solver_exits_with_1(monkeypatch, command):
    """The equation with 2 % less coupling grows at 0.47 in place of 0.5."""
    only(monkeypatch, "synchronisation")
    true = checks.solve

    def planted(problem, *args, **options):
        wrong = mf.equations.Kuramoto(0.98 * problem.equation.kernel.coupling, 1.0)
        return true(problem.replace(equation=wrong), *args, **options)

    monkeypatch.setattr(checks, "solve", planted)
    code, out, _ = command("--equation", "kuramoto")
    assert code == 1
    assert "falls short: growth rate κ/2 − σ" in out
    assert "2 holds, 2 falls short" in out or "2 falls short, 2 holds" in out


def test_a_planted_error_of_particles_falls_short(monkeypatch):
    """1/(N − 1) in place of 1/N, and the other way round."""
    only(monkeypatch, "covariance")
    true = checks.simulate

    def planted(problem, *args, **options):
        kernel, σ = problem.equation.kernel, problem.equation.diffusion
        other = "1/N" if problem.equation.scaling == "1/(N-1)" else "1/(N-1)"
        wrong = mf.equations.McKeanVlasov(kernel, σ, scaling=other)
        return true(problem.replace(equation=wrong), *args, **options | {"replicas": 700})

    monkeypatch.setattr(checks, "simulate", planted)
    short = falls_short(mf.verify("harmonic"))
    assert short == [f"particles, {scaling}: variance v of deviations" for scaling in ("1/N", "1/(N-1)")]


def test_a_check_that_raises_falls_short(monkeypatch, command):
    def broken() -> Iterator[Fact]:
        """Something that cannot be computed."""
        yield equal("before", 1.0, 1.0, 0.0, "exact")
        raise ArithmeticError("it broke")

    monkeypatch.setattr("mfpde.verification.CHECKS", [Check("harmonic", broken, False)])
    code, out, _ = command("--json")
    rows = json.loads(out)
    assert code == 1
    assert [row["verdict"] for row in rows] == ["holds", "falls short"]
    assert rows[1]["quantity"] == "Something that cannot be computed"
    assert rows[1]["measured"] is None
    assert rows[1]["reason"] == "ArithmeticError: it broke"


def test_what_takes_longer_waits_for_full(monkeypatch):
    called = []

    def check(name):
        def run() -> Iterator[Fact]:
            called.append(name)
            yield equal(name, 0.0, 0.0, 0.0, "exact")

        return run

    listed = [Check("landau", check("short"), False), Check("landau", check("long"), True)]
    monkeypatch.setattr("mfpde.verification.CHECKS", listed)
    mf.verify()
    assert called == ["short"]
    found = mf.verify("landau", full=True)
    assert called == ["short", "short", "long"]
    assert [row["quantity"] for row in json.loads(records(found))] == ["short", "long"]


def test_unknown_families_are_refused_with_a_suggestion(command):
    with pytest.raises(ValueError, match="did you mean 'kuramoto'"):
        mf.verify("kuramotto")
    code, out, err = command("--equation", "kuramotto")
    assert code == 2
    assert not out
    assert err.count("\n") == 1


@pytest.mark.slow
def test_everything_holds():
    found = mf.verify(full=True)
    assert falls_short(found) == []
    assert set(found["equation"].values) == FAMILIES

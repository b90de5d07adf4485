"""citations: BibTeX of what a dataset rests on, for every problem, solver and measure."""

from __future__ import annotations

import re

import pytest
import xarray as xr

import mfpde as mf
from mfpde.bibliography import _entries, _plain, _sources
from mfpde.problems import catalogue
from mfpde.provenance import case_attributes

SOLVERS = [
    mf.solvers.SemiLagrangian(splitting="strang"),
    mf.solvers.SemiLagrangian(splitting="blanes_moan"),
    mf.solvers.SemiLagrangian(splitting="force_gradient"),
    mf.solvers.SemiLagrangian(positive=True),
    mf.solvers.PseudoSpectral(),
    mf.solvers.PseudoSpectral("etdrk4"),
    mf.solvers.FiniteVolume(),
    mf.solvers.Radial(),
    mf.solvers.ConservativeLandau(),
    mf.solvers.ConservativeLandau(entropic=True),
    mf.solvers.SpectralLandau(),
]


def keys(bibtex):
    """Keys of well-formed entries: braces that balance, fields separated by commas, every key once."""
    found = []
    for entry in bibtex.split("\n\n"):
        head, *fields, end = entry.splitlines()
        kind = re.fullmatch(r"@(article|book|software|misc|inproceedings|incollection)\{([\w-]+),", head)
        assert kind
        assert end == "}"
        for place, field in enumerate(fields):
            last = place == len(fields) - 1
            assert re.fullmatch(r"  [a-z]+ = \{.*\}" + ("" if last else ","), field), field
            depth = 0
            for letter in field:
                depth += {"{": 1, "}": -1}.get(letter, 0)
                assert depth >= 0
            assert depth == 0
        found.append(kind[2])
    assert len(found) == len(set(found))
    return found


def of(problem, **attrs):
    return xr.Dataset(attrs=case_attributes(problem) | attrs)


def test_the_bibliography_is_well_formed():
    assert set(keys("\n\n".join(_entries().values()))) == set(_entries())
    assert f"version = {{{mf.__version__}}}" in _entries()["mfpde"]


@pytest.mark.parametrize("name", catalogue())
def test_every_problem_has_an_entry_that_agrees_with_its_citation(name):
    """Authors, title, pages and year of the entry are those of the text that the problem carries."""
    problem = catalogue()[name]()
    (key,) = _sources(problem.citation)
    entry, text = _entries()[key], _plain(problem.citation).lower()
    for author in re.search(r"author = {(.*)}", entry)[1].split(" and "):
        surname = _plain(author.split(",")[0]).lower()
        assert surname in text.replace("sonnendruecker", "sonnendrucker")
    assert _plain(re.search(r"title = {(.*)}", entry)[1]).lower() in text
    assert re.search(r"year = {(.*)}", entry)[1] in text
    for part in ("volume", "pages"):
        number = re.search(rf"{part} = {{(\d+)", entry)
        assert number is None or number[1] in text
    assert keys(mf.citations(of(problem)))[:2] == ["mfpde", key]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_every_solver_has_a_source(solver):
    problem = mf.problems.landau_damping() if "Semi" in repr(solver) else mf.problems.keller_segel()
    if "Landau" in repr(solver):
        problem = mf.problems.bkw()
    alone = keys(mf.citations(of(problem)))
    found = keys(mf.citations(of(problem, solver=repr(solver))))
    assert set(found) - set(alone)
    assert set(found) <= set(_entries())


def test_options_of_a_solver_tell_their_sources():
    plasma, chemotaxis = mf.problems.landau_damping(), mf.problems.keller_segel()

    def methods(problem, solver):
        return set(keys(mf.citations(of(problem, solver=repr(solver)))))

    assert "BlanesMoan2002" in methods(plasma, SOLVERS[1])
    assert "BlanesMoan2002" not in methods(plasma, SOLVERS[0])
    assert "BlanesMoan2002" in methods(plasma, mf.solvers.SemiLagrangian())
    assert "Strang1968" in methods(mf.problems.vlasov_fokker_planck(), mf.solvers.SemiLagrangian())
    assert "VicoGreengardFerrando2016" in methods(chemotaxis, mf.solvers.PseudoSpectral())
    torus = mf.problems.keller_segel(domain="torus")
    assert "VicoGreengardFerrando2016" not in methods(torus, mf.solvers.PseudoSpectral())
    for problem, key in (
        (mf.problems.polytrope(), "Henon1964"),
        (chemotaxis, "BilerKarchLaurencotNadzieja2006"),
        (mf.problems.bkw(), "RosenbluthMacDonaldJudd1957"),
    ):
        radial = {"Henon1964", "BilerKarchLaurencotNadzieja2006", "RosenbluthMacDonaldJudd1957"}
        assert methods(problem, mf.solvers.Radial()) & radial == {key}


def test_runs_and_studies(tmp_path):
    problem = mf.problems.kuramoto()
    run = mf.solve(problem, [0.0, 0.5], path=tmp_path / "run.nc")
    assert keys(mf.citations(run)) == ["mfpde", "Sakaguchi1988", "Lawson1967", "BalacMahe2013"]
    assert mf.citations(tmp_path / "run.nc") == mf.citations(run)
    particles = mf.simulate(problem, 8, [0.0, 0.5])
    assert keys(mf.citations(particles)) == ["mfpde", "Sakaguchi1988", "SalmonMoraesDrorShaw2011"]
    metrics = ("wasserstein", "sobolev")
    study = mf.converge(problem, [8, 16], 2, metrics, times=[0.0, 0.5], mean_field=None)
    found = keys(mf.citations(study))
    assert {"FournierGuillin2015", "DelonSalomonSobolevskii2010", "SalmonMoraesDrorShaw2011"} <= set(found)


@pytest.mark.parametrize("forces", ["fast", "direct"])
def test_particles_tell_their_method(forces):
    plasma = of(mf.problems.landau_damping(), seed=0, forces=forces)
    assert "Verlet1967" in keys(mf.citations(plasma))
    assert ("BarnettMaglandKlinteberg2019" in keys(mf.citations(plasma))) == (forces == "fast")
    collisions = of(mf.problems.vlasov_fokker_planck(), seed=0, forces=forces)
    assert "LeimkuhlerMatthews2013" in keys(mf.citations(collisions))


def test_a_source_of_ones_own_is_kept_as_a_note():
    own = "A. N. Other & B. {Else}, 50% of a model, J. of #1 (2031); L. Landau, J. Phys. USSR 10 (1946)"
    problem = mf.Problem(
        mf.equations.Kuramoto(1.0, 1.0),
        mf.laws.Perturbed(1.0, 0.1),
        mf.problems.kuramoto().grid,
        1.0,
        citation=own,
    )
    bibtex = mf.citations(of(problem))
    assert keys(bibtex) == ["mfpde", "reference1", "Landau1946"]
    assert r"A. N. Other \& B. Else, 50\% of a model, J. of \#1 (2031)" in bibtex


def test_what_tells_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no attribute 'problem'"):
        mf.citations(xr.Dataset())
    with pytest.raises(FileNotFoundError):
        mf.citations(tmp_path / "nothing.nc")

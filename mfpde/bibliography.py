"""The literature behind a dataset: its model, its methods, the theory it is compared with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["citations"]

FREE = r"\bVlasov\(.*friction=0\.0, diffusion=0\.0"
DISSIPATIVE = r"\bVlasov\((?!.*friction=0\.0, diffusion=0\.0)"

SOLVERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"^SemiLagrangian\(", "", ("ChengKnorr1976", "SonnendruckerRocheBertrandGhizzo1999")),
    (r"^SemiLagrangian\(.*splitting='strang'", "", ("Strang1968",)),
    (r"^SemiLagrangian\(.*splitting='blanes_moan'", "", ("BlanesMoan2002",)),
    (r"^SemiLagrangian\(.*splitting=None", FREE, ("BlanesMoan2002",)),
    (r"^SemiLagrangian\(.*splitting=None", DISSIPATIVE, ("Strang1968",)),
    (r"^SemiLagrangian\(.*splitting='force_gradient'", "", ("OmelyanMryglodFolk2003",)),
    (r"^SemiLagrangian\(.*positive=True", "", ("Zalesak1979", "ChangCooper1970")),
    (r"^SemiLagrangian\(", r"\b[xyz]: \d+ open", ("VicoGreengardFerrando2016",)),
    (r"^PseudoSpectral\(.*'lawson_rk4'", "", ("Lawson1967", "BalacMahe2013")),
    (r"^PseudoSpectral\(.*'etdrk4'", "", ("CoxMatthews2002", "KassamTrefethen2005")),
    (r"^PseudoSpectral\(", r"\b[xyz]: \d+ open", ("VicoGreengardFerrando2016",)),
    (r"^FiniteVolume\(", "", ("ScharfetterGummel1969", "VanLeer1979", "BailoCarrilloHu2020")),
    (r"^FiniteVolume\(", r"\b[xyz]: \d+ open", ("VicoGreengardFerrando2016",)),
    (r"^Radial\(", r"\bVlasov\(", ("Henon1964",)),
    (r"^Radial\(", r"\bLandau\(", ("RosenbluthMacDonaldJudd1957", "HairerWanner1996")),
    (r"^Radial\(", r"^(?!.*\b(Vlasov|Landau)\()", ("BilerKarchLaurencotNadzieja2006",)),
    (r"^ConservativeLandau\((?!.*(entropic=True|chebyshev|classical))", "", ("AlMohyHigham2011",)),
    (r"^ConservativeLandau\(.*(entropic=True|chebyshev)", "", ("SommeijerShampineVerwer1998",)),
    (r"^SpectralLandau\(", "", ("PareschiRussoToscani2000", "VicoGreengardFerrando2016")),
    (r"^SpectralLandau\(.*exponential", "", ("AlMohyHigham2011",)),
    (r"^SpectralLandau\(.*chebyshev", "", ("SommeijerShampineVerwer1998",)),
)
"""Sources of the methods: pattern of the solver, pattern of the problem, keys of ``references.bib``."""

PARTICLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "", ("SalmonMoraesDrorShaw2011",)),
    ("", FREE, ("Verlet1967",)),
    ("", DISSIPATIVE, ("LeimkuhlerMatthews2013",)),
    ("^fast$", "", ("BarnettMaglandKlinteberg2019",)),
)
"""The same for particles, by the pattern of ``forces``."""

METRICS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"^Wasserstein\(", r"\(x: \d+ periodic", ("DelonSalomonSobolevskii2010",)),
    (r"^SlicedWasserstein\(", "", ("BonneelRabinPeyrePfister2015",)),
)
"""Methods of measures, besides the theory that each names itself."""


def citations(dataset: xr.Dataset | str | Path) -> str:
    """BibTeX entries of mfpde and of the models, methods and theories that a dataset rests on.

    They follow from its attributes: the problem's source, the solver with its options, the particles' noise
    and forces, and the sources that the measures of a study name. What is not in the bibliography of mfpde,
    such as the ``citation`` of one's own problem, becomes ``@misc`` with its text as ``note``.

    Parameters
    ----------
    dataset : Dataset or path
        What :func:`mfpde.solve`, :func:`mfpde.simulate` or :func:`mfpde.converge` made, or the file.

    Returns
    -------
    str
        Entries of different keys, separated by empty lines.

    Raises
    ------
    ValueError
        If the dataset does not tell what it was computed from.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import mfpde as mf
    >>> run = mf.solve(mf.problems.taylor_green(), [0.0, 1.0])
    >>> [line for line in citations(run).splitlines() if line.startswith("@article")]
    ['@article{TaylorGreen1937,', '@article{Lawson1967,', '@article{BalacMahe2013,']
    """
    import xarray as xr

    if not isinstance(dataset, xr.Dataset):
        with xr.open_dataset(dataset) as file:
            return citations(file)
    if "problem" not in dataset.attrs:
        raise ValueError(
            "the dataset has no attribute 'problem', so it does not tell what it was computed from; give "
            "what solve, simulate or converge made"
        )
    entries = _entries()
    found = dict.fromkeys(["mfpde", *_sources(str(dataset.attrs.get("references", "")))])
    found |= dict.fromkeys(_methods(dataset))
    for variable in dataset.data_vars.values():
        found |= dict.fromkeys(_sources(str(variable.attrs.get("references", ""))))
    unknown = [key for key in found if key not in entries]
    return "\n\n".join(
        entries[key] if key in entries else _note(key, 1 + unknown.index(key)) for key in found
    )


def _methods(dataset: xr.Dataset) -> Iterator[str]:
    """Keys of the methods of a run or of a study."""
    problem = str(dataset.attrs["problem"])
    if "solver" in dataset.attrs:
        yield from _matching(SOLVERS, str(dataset.attrs["solver"]), problem)
    if "seed" in dataset.attrs:
        yield from _matching(PARTICLES, str(dataset.attrs.get("forces", "")), problem)
    for variable in dataset.data_vars.values():
        if "metric" in variable.attrs:
            yield from _matching(METRICS, str(variable.attrs["metric"]), problem)


def _matching(
    rules: tuple[tuple[str, str, tuple[str, ...]], ...], subject: str, problem: str
) -> Iterator[str]:
    for pattern, about, keys in rules:
        if re.search(pattern, subject) and re.search(about, problem):
            yield from keys


def _sources(text: str) -> Iterator[str]:
    """Keys of the sources in a text, separated by semicolons; the text of one that has no entry.

    An entry is meant where its first author and its year are named.
    """
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        if part.startswith("exact:"):
            continue  # a formula, not a source
        words = re.findall(r"[\w-]+", _plain(part))
        keys = [key for key, (author, year) in _marks().items() if author in words and year in words]
        yield from keys or [part]


@cache
def _entries() -> dict[str, str]:
    """Entries of ``references.bib`` by key."""
    text = files("mfpde").joinpath("references.bib").read_text(encoding="utf-8")
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry for entry in text.strip().split("\n\n")}


@cache
def _marks() -> dict[str, tuple[str, str]]:
    """First author and year of each entry."""
    marks = {}
    for key, entry in _entries().items():
        author, year = (re.search(rf"\b{name} = {{(.*)}}", entry) for name in ("author", "year"))
        if author and year:
            marks[key] = (_plain(author[1].split(",")[0]), year[1])
    return marks


def _plain(text: str) -> str:
    """Without accents, neither of Unicode nor of TeX."""
    decomposed = unicodedata.normalize("NFD", re.sub(r"\\[^a-zA-Z]|[{}]", "", text))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _note(text: str, number: int) -> str:
    """An entry for a source that is given by its text."""
    escaped = re.sub(r"[{}]", "", text).translate({ord(c): f"\\{c}" for c in "%&#_$"})
    return f"@misc{{reference{number},\n  note = {{{escaped}}}\n}}"

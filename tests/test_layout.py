"""The shape of the two packages: who imports whom, what is documented, what is loaded when."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mfpde
from mfpde.case import read_case
from mfpde.outputs import outputs_of
from mfpde_solvers.stepping import SPLITTINGS

ROOT = Path(__file__).parents[1]
LIBRARY, ENGINE = ROOT / "mfpde", ROOT / "solvers" / "mfpde_solvers"
HEAVY = ("finufft", "findiff", "matplotlib", "numba", "ot", "pyfftw", "scipy.stats")
PUBLIC_MODULES = [getattr(mfpde, name) for name in mfpde.__all__ if inspect.ismodule(getattr(mfpde, name))]


def sources(package: Path) -> list[Path]:
    found = sorted(package.rglob("*.py"))
    assert found
    return found


def is_module(name: str) -> bool:
    return (ROOT / Path(*name.split("."))).with_suffix(".py").exists()


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere, for the type checker too; relative ones as ``.``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = "." if node.level else str(node.module)
            inside = {f"{source}.{alias.name}" for alias in node.names}
            names |= inside if all(map(is_module, inside)) else {source, *inside}
    return names


@pytest.mark.parametrize("path", sources(ENGINE), ids=lambda path: str(path.relative_to(ENGINE)))
def test_the_engine_knows_arrays_only(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"", "mfpde", "xarray", "netCDF4", "matplotlib", "pandas"}


LEVELS = {
    "cli": 6,
    "verification": 6,
    "testing": 6,
    "accessor": 5,
    "experiments": 5,
    "plot": 5,
    "report": 5,
    "case": 4,
    "chaos.cumulants": 3,
    "chaos.girsanov": 3,
    "chaos.study": 4,
    "chaos.plan": 3,
    "chaos.measurement": 3,
    "solution": 3,
    "bibliography": 2,
    "choice": 2,
    "particles.simulation": 3,
    "particles.halving": 3,
    "outputs": 2,
    "provenance": 2,
    "chaos": 1,
    "particles": 1,
    "problems": 1,
    "recording": 1,
    "laws": 0,
    "checks": 0,
    "comparison": 0,
    "dataset": 0,
    "solvers": 0,
    "tasks": 0,
}
"""Heights in the library, the first name that fits; a module imports from its own height and from below."""


DOORS = {"mfpde.chaos": 3, "mfpde.particles": 3}
"""Heights of what packages offer, where it is more than what most of their modules need."""


def height(module: str) -> int | None:
    if module in DOORS:
        return DOORS[module]
    for name, level in LEVELS.items():
        if module == f"mfpde.{name}" or module.startswith(f"mfpde.{name}."):
            return level
    return None


def test_imports_of_the_library_go_down():
    climbing = []
    for path in sources(LIBRARY):
        module = ".".join(["mfpde", *path.relative_to(LIBRARY).with_suffix("").parts]).removesuffix(
            ".__init__"
        )
        mine = height(module)
        for name in imported(path):
            other = height(name)
            if mine is not None and other is not None and other > mine:
                climbing.append(f"{module} imports {name}")
    assert not climbing


def test_public_names_are_sorted_and_exist():
    assert list(mfpde.__all__) == sorted(set(mfpde.__all__))
    for name in mfpde.__all__:
        assert getattr(mfpde, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = mfpde.nothing_of_the_kind


def documented(value: object) -> bool:
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        text = value.__doc__ or ""
        generated = inspect.isclass(value) and text.startswith(f"{value.__name__}(")  # by dataclass
        return len(text) > 20 and not generated
    return True


@pytest.mark.parametrize("module", [mfpde, *PUBLIC_MODULES], ids=lambda module: module.__name__)
def test_every_public_name_has_a_docstring(module):
    assert documented(module)
    names = getattr(module, "__all__", ())
    assert not [name for name in names if not documented(getattr(module, name))]


def test_public_classes_document_their_public_methods():
    missing = []
    for module in PUBLIC_MODULES:
        classes = [getattr(module, name) for name in getattr(module, "__all__", ())]
        for owner in filter(inspect.isclass, classes):
            own = {name: member for name, member in vars(owner).items() if not name.startswith("_")}
            functions = {n: m for n, m in own.items() if inspect.isfunction(m) or isinstance(m, property)}
            missing += [f"{owner.__name__}.{n}" for n, m in functions.items() if not inspect.getdoc(m)]
    protocol = {f"Metric.{name}" for name in ("axes", "name", "long_name", "needs", "reduction", "citation")}
    assert set(missing) <= protocol  # listed in the docstring of the protocol


def test_importing_the_library_loads_nothing_heavy():
    program = f"import sys, mfpde; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", [mfpde, *PUBLIC_MODULES], ids=lambda module: module.__name__)
def test_no_module_is_named_like_a_public_function_beside_it(module):
    """Importing ``package.name`` would replace the function ``package.name`` by the module."""
    names = getattr(module, "__all__", ())
    functions = {name for name in names if inspect.isroutine(getattr(module, name))}
    folder = Path(inspect.getfile(module)).parent
    beside = {path.stem for path in folder.iterdir()} if hasattr(module, "__path__") else set()
    assert not functions & beside


@pytest.mark.parametrize("package", [LIBRARY, ENGINE], ids=lambda package: package.name)
def test_packages_tell_type_checkers_that_they_are_typed(package):
    assert (package / "py.typed").is_file()


def test_the_case_file_of_the_manual_is_one(tmp_path):
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    name, case = read_case(str(path))
    assert name == "example"
    problem = case.build()
    assert problem.grid.shape == (64, 256)
    assert problem.horizon == 20.0
    assert case.build_solver() is not None
    assert case.model_fields_set == set(type(case).model_fields) - {"initial"}  # the page says the rest of it
    assert case.converge.metrics == ["wasserstein", "sobolev", "weak_error"]


def test_the_manual_has_every_kernel_every_splitting_and_every_solver():
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
    kernels = set(mfpde.kernels.__all__) - {"DomainKernel", "Kernel"}
    assert not [name for name in kernels if f"| `{name}(" not in pages["conventions"]]
    methods = "".join(pages[name] for name in ("methods", "first_order", "landau"))
    assert not [name for name in SPLITTINGS if f'`"{name}"`' not in methods]
    solvers = [name for name, value in vars(mfpde.solvers).items() if hasattr(value, "prepare")]
    assert solvers
    assert not [name for name in solvers if f"{name}(" not in methods]


def test_the_outputs_that_the_manual_shows_can_be_saved():
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(density[(\[][^`]+)` \| `(\w+)` ", page, re.MULTILINE)
    assert len(rows) == 2
    grid = mfpde.problems.landau_damping((0.5, 0.5)).grid
    for given, saved in rows:
        assert set(outputs_of((given,), grid, {})) == {saved}


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert project["version"] == mfpde.__version__
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [mfpde.__version__]


def test_the_readme_gives_both_commands_and_the_manual_has_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install . && mfpde converge landau_damping" in readme
    assert "pip install -e '.[test]' && pytest" in readme
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", readme)
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages <= set(index.split())


def test_every_claim_names_a_test_that_exists():
    named = set()
    for page in ("README.md", "docs/claims.md"):
        named |= set(
            re.findall(r"\b(?:tests/)?([a-z]+/test_\w+\.py)", (ROOT / page).read_text(encoding="utf-8"))
        )
    assert len(named) > 10
    assert not [name for name in named if not (ROOT / "tests" / name).is_file()]

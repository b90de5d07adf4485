"""What the texts say: their examples run as they stand, and every public name is explained."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import mfpde

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
ELSEWHERE = {
    "MPIPoolExecutor",
    "SLURMCluster",
    "scheduler",
}  # what an example needs that one machine does not have


def examples(page: str) -> list[str]:
    """Those that can run on one machine."""
    found = FENCE.findall((ROOT / page).read_text(encoding="utf-8"))
    return [example for example in found if not any(word in example for word in ELSEWHERE)]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_examples_of_a_page_run_in_their_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for example in examples(page):
        exec(compile(example, page, "exec"), names)
    plt.close("all")
    assert names


def test_a_kernel_and_a_law_of_ones_own_take_less_than_twenty_lines():
    """From the imports to the study, as the README shows it."""
    first, own = examples("README.md")
    lines = [line for line in own.splitlines() if line.strip()]
    assert "Custom(" in own
    assert "mf.converge(" in own
    assert "import mfpde as mf" in first
    assert len(lines) + 2 < 20  # and the two imports at the top of the first example


def public() -> list[tuple[str, object]]:
    modules = [mfpde, *(getattr(mfpde, name) for name in mfpde.__all__)]
    modules = [module for module in modules if inspect.ismodule(module)]
    found = {}
    for module in modules:
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                found[f"{module.__name__}.{name}"] = value
    return sorted(found.items())


def parameters(value: object) -> list[str]:
    if inspect.isclass(value) and getattr(value, "_is_protocol", False):
        return []
    try:
        names = list(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return []
    return [name for name in names if name not in ("self", "args", "kwargs")]


@pytest.mark.parametrize(("name", "value"), public(), ids=[name for name, _ in public()])
def test_every_parameter_is_explained(name, value):
    text = inspect.getdoc(value) or ""
    unexplained = [p for p in parameters(value) if not re.search(rf"\b{re.escape(p)}\b", text)]
    assert not unexplained, f"{name} does not explain {', '.join(unexplained)}"


@pytest.mark.parametrize(("name", "value"), public(), ids=[name for name, _ in public()])
def test_a_name_that_refuses_input_says_so(name, value):
    """A function or a class whose own code raises ValueError tells when, itself or in its module's door."""
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):
        return
    if inspect.isroutine(value) and re.search(r"^    raise (ValueError|TypeError)", source, re.MULTILINE):
        assert "Raises" in (inspect.getdoc(value) or ""), f"{name} raises and does not say so"

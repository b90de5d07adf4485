"""Sphinx configuration; build with ``sphinx-build -W --keep-going -b html docs docs/_build``."""

import re
import shutil
from pathlib import Path

import mfpde

HERE = Path(__file__).parent

project = "mfpde"
author = "The mfpde developers"
copyright = author
release = version = mfpde.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build", "jupyter_execute"]

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Notebooks are run at every build, so that a page never shows what the code no longer does.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_in_temp = True  # the files they write are not left behind
nb_execution_raise_on_error = True
nb_execution_show_tb = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_title = f"mfpde {release}"
html_theme_options = {
    "logo": {"text": "mfpde"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False


def copy_notebooks() -> None:
    """Sphinx reads nothing outside its folder; the notebooks stay where a user looks for them."""
    target = HERE / "notebooks"
    target.mkdir(exist_ok=True)
    for notebook in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        shutil.copy2(notebook, target / notebook.name)


def add_results(app, docname, source) -> None:
    """The recorded benchmarks, where there are any, follow the page about performance."""
    if docname == "performance" and (HERE.parent / "benchmarks" / "RESULTS.md").exists():
        source[0] += "\n```{include} ../benchmarks/RESULTS.md\n:heading-offset: 1\n```\n"


def keep_bars(app, what, name, obj, options, lines) -> None:
    """Docstrings write |z| for a length; to reStructuredText it would be the name of a substitution."""
    for place, line in enumerate(lines):
        lines[place] = re.sub(r"``.*?``|:math:`.*?`|(?<!\\)\|", escaped_bar, line)


def escaped_bar(match: re.Match[str]) -> str:
    """A bar with a backslash; literals and formulas as they are."""
    return r"\|" if match[0] == "|" else match[0]


def setup(app) -> None:
    copy_notebooks()
    app.connect("source-read", add_results)
    app.connect("autodoc-process-docstring", keep_bars)

"""Shared by all tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

mpl.use("Agg")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Independent high-precision values by identifier; see ``reference/README.md``."""
    path = Path(__file__).parent / "reference" / "values.json"
    return {case["id"]: case for case in json.loads(path.read_text(encoding="utf-8"))["cases"]}

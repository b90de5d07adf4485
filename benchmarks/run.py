"""All benchmarks in one run, as ratios to floors and peers: ``python benchmarks/run.py [--write] [--large]``.

``--write`` keeps the table, with date and machine, in RESULTS.md beside this file. ``--large`` adds a step on
32⁶ cells in single precision, which needs 5 GB of memory.
"""

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import aggregation
import dimensions
import landau
import navier_stokes
import numpy as np
import particles
import schemes
import shifts
import whole
import work_precision
from timing import Row

import mfpde


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def table(title: str, rows: list[Row]) -> str:
    """A Markdown table of measurements."""
    lines = [f"## {title}", "", "| what | value | unit | ratio |", "|---|---:|---|---|"]
    lines += [f"| {row.name.replace('|', '')} | {row.value:.3g} | {row.unit} | {row.ratio} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write on request."""
    head = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with mfpde {mfpde.__version__}, Python "
        f"{platform.python_version()}, NumPy {np.__version__}, on {processor()}, one thread. Least of "
        "several repeats; ratios are of the same run. Machines differ and are noisy: a ratio counts, an "
        "absolute time does not.\n"
    )
    parts = [head]
    print(head)
    measurements = {
        "Shifts and steps": shifts.run,
        "Two and three dimensions": lambda: dimensions.run("--large" in sys.argv[1:]),
        "Schemes": schemes.run,
        "Particles": lambda: particles.run("--large" in sys.argv[1:]),
        "Navier–Stokes": lambda: list(navier_stokes.run()),
        "Aggregation": aggregation.run,
        "Landau": landau.run,
        "Work and precision": work_precision.run,
        "Whole calls": whole.run,
    }
    for title, measure in measurements.items():
        parts.append(table(title, measure()))
        print(parts[-1], flush=True)
    if "--write" in sys.argv[1:]:
        (Path(__file__).parent / "RESULTS.md").write_text(
            "# Benchmarks\n\n" + "\n".join(parts), encoding="utf-8"
        )


if __name__ == "__main__":
    main()

"""All experiments with their planted errors: ``python benchmarks/experiments.py [--full] [NAME …]``.

Writes EXPERIMENTS.md beside this file, which the manual shows; with names only those run, and nothing is
written. Every run has a process of its own, whose largest resident memory is told. With ``--full`` the right
systems run at full sizes (up to half an hour each); planted errors stay at small sizes, where they have to
show. With ``--folder`` results are kept, and read by the next call instead of being repeated.
"""

import argparse
import json
import platform
import resource
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mfpde

TARGET = Path(__file__).parent / "EXPERIMENTS.md"
WORDS = {1: "confirmed", 0: "refuted", -1: "no verdict"}
COLUMNS = ("predicted", "measured", "stderr", "allowance", "p_value")


class Job(NamedTuple):
    """One run: an experiment, the planted error or the right system, and the sizes."""

    name: str
    plant: str | None
    full: bool

    @property
    def stem(self) -> str:
        """Name of its files."""
        system = "right" if self.plant is None else "".join(c if c.isalnum() else "_" for c in self.plant)
        return f"{self.name}-{system}-{'full' if self.full else 'small'}"


def memory() -> float:
    """Largest resident set of this process so far, in MB, with the experiments imported."""
    mfpde.experiments.catalogue()
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def outcome(job: Job, folder: Path | None) -> dict[str, Any]:
    """Verdict, rows, seconds and memory of a run."""
    path = None if folder is None else folder / f"{job.stem}.nc"
    experiment = mfpde.experiments.catalogue()[job.name]
    result = experiment(job.full, system=job.plant, path=path, progress=False)
    judged = result["relation"].values != "none"
    found = {
        "confirmed": int(result.attrs["confirmed"]),
        "verdict": str(result.attrs["verdict"]),
        "judged": int(judged.sum()),
        "least": float(result["p_value"].values[judged].min()) if judged.any() else None,
        "seconds": float(result.attrs["wall_time"]),
        "megabytes": memory(),
        "quantity": [str(one) for one in result["quantity"].values],
        "relation": [str(one) for one in result["relation"].values],
        **{name: result[name].values.astype(float).tolist() for name in COLUMNS},
    }
    if folder is not None:
        (folder / f"{job.stem}.json").write_text(json.dumps(found), encoding="utf-8")
    return found


def kept(job: Job, folder: Path | None) -> dict[str, Any] | None:
    """What a run left in the folder."""
    path = None if folder is None else folder / f"{job.stem}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path is not None and path.exists() else None


def outcomes(jobs: Sequence[Job], folder: Path | None, workers: int) -> tuple[dict[Job, Any], float]:
    """All runs, each in a new process, told as they end; and the memory of a process without a run."""
    found = {job: one for job in jobs if (one := kept(job, folder)) is not None}
    todo = [job for job in jobs if job not in found]
    with ProcessPoolExecutor(workers, get_context("spawn"), max_tasks_per_child=1) as pool:
        resident = pool.submit(memory).result()
        for job, one in zip(todo, pool.map(outcome, todo, [folder] * len(todo)), strict=True):
            found[job] = one
            print(f"{job.stem:55} {WORDS[one['confirmed']]:10} {one['seconds']:8.1f} s", flush=True)
    return {job: found[job] for job in jobs}, resident


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first two to the right."""
    rule = ["---" if place < 2 else "---:" for place in range(len(head))]
    cells = [head, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"


def probability(p: float | None) -> str:
    """A p-value; what is far below any level is not told to the digit."""
    return "–" if p is None or np.isnan(p) else "< 1e-9" if p < 1e-9 else f"{p:.2g}"


def quantities(job: Job, one: dict[str, Any]) -> Iterable[Sequence[str]]:
    """Rows of the table of predictions."""
    signs = {"=": "", "<=": "≤ ", ">=": "≥ "}
    for place, quantity in enumerate(one["quantity"]):
        predicted, measured, stderr, allowance, p = (one[name][place] for name in COLUMNS)
        sign = signs.get(one["relation"][place])
        yield (
            f"`{job.name}`",
            quantity,
            "–" if sign is None or np.isnan(predicted) else f"{sign}{predicted:.4g}",
            f"{measured:.4g}" + (f" ± {stderr:.2g}" if stderr else ""),
            f"{allowance:.2g}" if allowance else "",
            probability(p),
        )


def report(found: dict[Job, dict[str, Any]], resident: float) -> str:
    """The page: verdicts, predictions and planted errors; ``resident`` is the memory of an idle process."""
    right = {job: one for job, one in found.items() if job.plant is None}
    planted = {job: one for job, one in found.items() if job.plant is not None}
    full = any(job.full for job in right)
    turned = sum(one["confirmed"] == 0 for one in planted.values())
    refuted = sum(one["confirmed"] == 0 for one in right.values())
    head = (
        f"Run {datetime.now(UTC):%Y-%m-%d} with mfpde {mfpde.__version__} and Python "
        f"{platform.python_version()}, seed 0, right systems at {'full' if full else 'small'} sizes, planted "
        f"errors at small ones. {len(right)} right systems, of which {refuted} refuted; {len(planted)} "
        f"planted errors, of which {turned} found. Seconds are those of one run; other work on the "
        "machine and the compilation of loops may have taken a share. Memory is the largest resident set "
        f"of the process that ran it; {resident:.0f} MB of it are Python and the libraries.\n"
    )
    verdicts = table(
        ("experiment", "verdict", "judged", "least p", "seconds", "MB"),
        (
            (
                f"`{job.name}`",
                WORDS[one["confirmed"]],
                str(one["judged"]),
                probability(one["least"]),
                f"{one['seconds']:.1f}",
                f"{one['megabytes']:.0f}",
            )
            for job, one in right.items()
        ),
    )
    predictions = table(
        ("experiment", "quantity", "predicted", "measured", "allowance", "p"),
        (row for job, one in right.items() for row in quantities(job, one)),
    )
    errors = table(
        ("experiment", "planted error", "verdict", "least p", "seconds"),
        (
            (
                f"`{job.name}`",
                str(job.plant),
                WORDS[one["confirmed"]],
                probability(one["least"]),
                f"{one['seconds']:.1f}",
            )
            for job, one in planted.items()
        ),
    )
    parts = (
        "# Results",
        head,
        "## Verdicts",
        verdicts,
        "## Predictions and measurements",
        predictions,
        "## Planted errors",
        errors,
    )
    return "\n".join(f"{part}\n" if part.startswith("#") else part for part in parts)


def main() -> None:
    """Run what is asked for; the exit code is 1 if a verdict is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; nothing is written")
    parser.add_argument("--full", action="store_true", help="right systems at full sizes")
    parser.add_argument("--folder", type=Path, help="keep results there, and continue from them")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time; more disturb the times")
    given = parser.parse_args()
    known = mfpde.experiments.catalogue()
    unknown = sorted(set(given.names) - set(known))
    if unknown:
        parser.error(f"no experiment {', '.join(unknown)}; there are {', '.join(known)}")
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        Job(name, plant, given.full and plant is None)
        for name in given.names or known
        for plant in (None, *known[name].plants)
    ]
    found, resident = outcomes(jobs, given.folder, given.workers)
    if given.names:
        print(report(found, resident))
    else:
        TARGET.write_text(report(found, resident), encoding="utf-8")
    wrong = [job.stem for job, one in found.items() if (one["confirmed"] == 0) != (job.plant is not None)]
    sys.exit(f"not as it has to be: {', '.join(wrong)}" if wrong else 0)


if __name__ == "__main__":
    main()

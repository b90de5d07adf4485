"""Work and precision beside peers, for each equation, for pair sums and for distances.

``python benchmarks/work_precision.py [NAME …] [--json] [--figure]``: the named parts (all by default) as a
table, as JSON, and also as the figure of the manual. Peers that are not installed are left out. Times are
processor time of one core; the set-up and the compilation of a method are not in it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from precision import Point, on_one_core, rows
from timing import Row

PARTS = ("vlasov", "vorticity", "aggregation", "landau", "pair_sum", "distance")
FIGURE = Path(__file__).parent.parent / "docs" / "_static" / "work_precision.png"


def points(parts: tuple[str, ...] = PARTS) -> Iterator[Point]:
    """Every mark of the parts, in this process."""
    for part in parts:
        yield from import_module(f"{part}_precision").run()


def run() -> list[Row]:
    """Every row, measured in a process of one core of its own."""
    done = subprocess.run([sys.executable, __file__, "--json"], check=True, stdout=subprocess.PIPE)
    last = done.stdout.splitlines()[-1]  # some peers print too
    return rows([Point(*fields) for fields in json.loads(last)])


def draw(marks: list[Point], path: Path) -> None:
    """One panel for each problem: error over work, a line for each method."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    problems = list(dict.fromkeys(mark.problem for mark in marks))
    columns = 3
    lines = -(-len(problems) // columns)
    figure, panels = plt.subplots(lines, columns, figsize=(4.6 * columns, 4.0 * lines), squeeze=False)
    for panel in panels.flat[len(problems) :]:
        panel.remove()
    for panel, problem in zip(panels.flat, problems, strict=False):
        own = [mark for mark in marks if mark.problem == problem]
        for i, method in enumerate(dict.fromkeys(mark.method for mark in own)):
            line = [mark for mark in own if mark.method == method]
            style: dict[str, Any] = {"marker": "o", "linewidth": 2} if "mfpde" in method else {"marker": "s"}
            if "mfpde" not in method:
                style |= {"linestyle": "--", "linewidth": 1, "markersize": 4}
            work = [mark.transforms for mark in line]
            panel.loglog(work, [mark.error for mark in line], color=f"C{i}", label=method, **style)
        panel.set(title=problem, xlabel="work (FFTs of 512²)", ylabel="error")
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.margins(x=0.25, y=0.15)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(arguments: list[str]) -> None:
    """Measure and print."""
    on_one_core()
    names = tuple(name for name in arguments if not name.startswith("--")) or PARTS
    marks = []
    for point in points(names):
        marks.append(point)
        if "--json" not in arguments:
            (row,) = rows([point])
            print(f"{row.name:70} {row.value:10.4g} {row.unit}  {row.ratio}", flush=True)
    if "--json" in arguments:
        print(json.dumps(marks))
    if "--figure" in arguments:
        draw(marks, FIGURE)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Whole Strang steps in two and three space dimensions, with the memory high-water mark.

Each runs in a process of its own, so that the peak is its own. By hand:
``python benchmarks/dimensions.py 3 32 float32``.
"""

import json
import resource
import subprocess
import sys
from functools import reduce
from pathlib import Path

import numpy as np
from timing import Array, Row, fastest, pass_floor

from mfpde_solvers.equations import Vlasov
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import Coulomb
from mfpde_solvers.vlasov import SemiLagrangian

CASES = ((2, 64, "float64"), (3, 16, "float64"))
LARGE = ((3, 32, "float32"),)


def start(grid: Grid, dtype: str) -> Array:
    """A perturbed Maxwellian, made without a second array of its size."""
    factors = [1 + 0.05 * np.cos(2 * np.pi * axis.points / axis.length) for axis in grid.positions.axes]
    factors += [np.exp(-(axis.points**2) / 2) for axis in grid.velocities.axes]
    masses = [factor.sum() * h for factor, h in zip(factors, grid.spacing, strict=True)]
    scaled = [(factor / mass).astype(dtype) for factor, mass in zip(factors, masses, strict=True)]
    return np.asarray(reduce(np.multiply.outer, scaled))


def high_water() -> float:
    """Most bytes of memory this process has held."""
    status = Path("/proc/self/status")  # Linux: what the parent held before does not count
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024.0 * float(line.split()[1])
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(dim: int, size: int, dtype: str) -> dict[str, float]:
    """Seconds per step and per in-place pass, bytes of the density and of the process at its peak."""
    L = 4 * np.pi
    positions = tuple(Axis(name, 0.0, L, size) for name in "xyz"[:dim])
    velocities = tuple(Axis(name, -7.0, 7.0, size, "open") for name in ("vx", "vy", "vz")[:dim])
    grid = Grid((*positions, *velocities))
    base = high_water()
    f = start(grid, dtype)
    area = {2: 2 * np.pi, 3: 4 * np.pi}[dim]
    solver = SemiLagrangian(splitting="strang", dtype=dtype)  # type: ignore[arg-type]
    run = solver.prepare(Vlasov(Coulomb(dim, L**dim / area)), grid, f, 0.1, copy=False)
    step = fastest(lambda: run.step(run.time + 0.1), 2)
    peak = high_water()
    return {"step": step, "pass": pass_floor(f, 3), "bytes": f.nbytes, "peak": peak, "base": base}


def run(large: bool = False) -> list[Row]:
    """Every measurement of this file; ``large`` adds 32⁶ in single precision, which needs 5 GB."""
    rows = []
    for dim, size, dtype in (*CASES, *(LARGE if large else ())):
        command = [sys.executable, __file__, str(dim), str(size), dtype]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        name, cells = f"strang step, {size}^{2 * dim}, {dtype}", size ** (2 * dim)
        passes = f"{found['step'] / found['pass']:.1f} x one in-place pass"
        rows.append(Row(name, 1e9 * found["step"] / cells, "ns/cell", passes))
        extra = (found["peak"] - found["base"]) / found["bytes"]
        ratio = f"{extra:.2f} x the density, compiled code included"
        rows.append(Row(f"{name}, peak memory", found["peak"] / 1e9, "GB", ratio))
    return rows


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))

"""Forces of all pairs on the whole space: error and time, beside KeOps (sums of all pairs), FMM2D and FMM3D.

Kernels z/|z|² in the plane and z/|z|³ in space, double precision, points uniform in a cube. The wheel of
fmm2dpy may ask for an older NumPy: ``FMM2D_PYTHON`` names the interpreter of an environment that has it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from precision import Case, Point, Timed, measured, peers
from timing import Array

import mfpde as mf
from mfpde.particles.fast_sums import FastForces
from mfpde.particles.forces import DirectForces
from mfpde_solvers.kernels import Coulomb, LogGas

SIZES = (10**4, 10**5)
TOLERANCES = (1e-3, 1e-6, 1e-9)
CHECKED = 200
MOST_FOR_KEOPS = 2 * 10**4  # particles; its time for each pair does not depend on them

FMM2D = """
import sys, time
import numpy as np
import fmm2dpy
x = np.load(sys.argv[1]); ones = np.ones(x.shape[1])
for _ in range(2):
    start = time.process_time()
    gradient = fmm2dpy.rfmm2d(eps=float(sys.argv[2]), sources=x, charges=ones, pg=2).grad
    seconds = time.process_time() - start
np.save(sys.argv[1], gradient)
print(seconds)
"""


def points(dim: int, size: int) -> Array:
    return np.random.default_rng(dim).random((size, dim))


def exact(x: Array) -> Array:
    """Forces on the first particles."""
    z = x[:CHECKED, None] - x
    r = np.sqrt((z**2).sum(axis=-1))
    r[r == 0] = np.inf
    return (z / r[..., None] ** x.shape[1]).sum(axis=1)


def forces(kind: type, dim: int, *options: float) -> Callable[[Array], Array]:
    grid = mf.Grid(tuple(mf.Axis(name, 0.0, 1.0, 8, "open") for name in "xyz"[:dim]))
    kernel = LogGas(2) if dim == 2 else Coulomb(3)
    sums = kind(kernel.on(grid), *options)
    return lambda x: sums(x, 1.0)


def keops(dim: int) -> Callable[[Array], Array]:
    from pykeops.numpy import LazyTensor

    def sums(x: Array) -> Array:
        z = LazyTensor(x[:, None, :]) - LazyTensor(x[None, :, :])
        q = (z**2).sum(-1) + 1e-100
        return (z / (q if dim == 2 else q * q.sqrt())).sum(1, backend="CPU")

    return sums


def fmm3d(tolerance: float) -> Callable[[Array], Array]:
    import fmm3dpy

    def sums(x: Array) -> Array:
        found = fmm3dpy.lfmm3d(eps=tolerance, sources=np.asfortranarray(x.T), charges=np.ones(len(x)), pg=2)
        return -4 * np.pi * found.grad.T

    return sums


def fmm2d(tolerance: float) -> Callable[[Array], Timed]:
    """In another process, by the second of two calls."""
    python = os.environ.get("FMM2D_PYTHON", sys.executable)

    def sums(x: Array) -> Timed:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "x.npy")
            np.save(path, x.T)
            command = [python, "-W", "ignore", "-c", FMM2D, path, str(tolerance)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ImportError(done.stderr.strip().splitlines()[-1])
            return Timed(np.load(path).T, float(done.stdout))

    return sums


def cases(dim: int, size: int) -> list[Case]:
    x = points(dim, size)
    expected = exact(x)

    def error(force: Array) -> float:
        gap = force[:CHECKED] - expected
        return float(np.sqrt((gap**2).mean() / (expected**2).mean()))

    def case(method: str, sums: Callable[[Array], Any], resolution: str = "all pairs") -> Case:
        return Case(method, resolution, lambda: partial(sums, x), error)

    def by_keops() -> list[Case]:
        import pykeops  # noqa: F401

        return [case("KeOps", keops(dim))] if size <= MOST_FOR_KEOPS else []

    def fmm() -> list[Case]:
        make = fmm2d if dim == 2 else fmm3d
        make(1e-3)(x[:1000])  # fails here if it is not installed
        return [case(f"FMM{dim}D", make(ε), f"{ε:.0e}") for ε in TOLERANCES]

    own = [case("mfpde, direct", forces(DirectForces, dim))]
    own += [case("mfpde, fast", forces(FastForces, dim, ε), f"{ε:.0e}") for ε in TOLERANCES]
    return own + peers(by_keops, fmm)


def run() -> Iterator[Point]:
    """Root mean square error relative to that of the forces, of 200 particles."""
    for dim in (2, 3):
        for size in SIZES:
            name = f"Pair sums, {dim}D, N = {size:.0e}".replace("e+0", "e")
            yield from measured(name, cases(dim, size), rounds=2)

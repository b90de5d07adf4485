"""The Landau collision operator beside its transforms, and work and precision of the schemes in time."""

from collections.abc import Iterator

import numpy as np
from timing import Array, Row, fastest

from mfpde_solvers.equations.landau import Landau
from mfpde_solvers.evolve import evolve
from mfpde_solvers.fourier import RealTransform
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.landau import ConservativeLandau, SpectralLandau

SOLVERS = {"spectral": SpectralLandau, "conservative": ConservativeLandau}


def cube(dim: int, cells: int, half: float) -> Grid:
    """Velocities up to ``half`` thermal speeds."""
    return Grid(tuple(Axis(v, -half, half, cells, "open") for v in ("vx", "vy", "vz")[:dim]))


def beams(grid: Grid) -> Array:
    """Two Maxwellians that collide, of mass 1 and temperature 1 together."""
    u = np.array([0.8, -0.5, 0.2])[: grid.dim]
    T = 1 - (u**2).sum() / grid.dim
    parts = [np.exp(-((grid.points - sign * u) ** 2).sum(-1) / (2 * T)) for sign in (1, -1)]
    return sum(parts) / (2 * (2 * np.pi * T) ** (grid.dim / 2))


def transforms(dim: int, cells: int, count: int) -> float:
    """Seconds of that many transforms of twice the box, half of them backward."""
    transform = RealTransform((2 * cells,) * dim)
    transform.real[...] = 1.0
    return count * fastest(lambda: (transform.to_spectrum(), transform.to_real()), 10) / 2


def operators() -> Iterator[Row]:
    """Q(f) with Coulomb collisions, and the memory of a run."""
    for dim, cells in ((2, 64), (2, 128), (3, 32), (3, 48), (3, 64)):
        grid = cube(dim, cells, 6.5)
        f = beams(grid)
        fields = dim * (dim + 1) // 2
        for name, kind in SOLVERS.items():
            run = kind(scheme="classical").prepare(Landau(dim, -3.0), grid, f, 1e-9)
            step = fastest(lambda: run.step(run.time + 1e-9), 5) / 4  # noqa: B023  (four evaluations each)
            floor = transforms(dim, cells, fields + dim + (1 if name == "spectral" else 1 + dim))
            label = f"{name} operator, {cells}{'²³'[dim - 2]}, {run.memory / 1e6:.0f} MB"
            yield Row(label, 1e3 * step, "ms", f"{step / floor:.2f} x its transforms")


def end(solver: SpectralLandau | ConservativeLandau, grid: Grid, horizon: float, steps: int | None) -> Array:
    """The density at the horizon, after steps of equal length or adaptive ones."""
    dt = None if steps is None else horizon / steps
    run = solver.prepare(Landau(grid.dim, 0.0), grid, beams(grid), dt)
    list(evolve(run, [horizon]))
    return run.observe()["density"]


def schemes(name: str, grid: Grid, horizon: float, limit: int, repeats: int) -> Iterator[Row]:
    """Maxwell molecules; with a tenth fewer than ``limit`` steps the classical method is not stable."""
    kind = SOLVERS[name]
    exact = end(kind(tolerance=1e-11), grid, horizon, 32)
    label = f"{name}, {'x'.join(map(str, grid.shape))}"

    def measured(scheme: str, steps: int, tolerance: float) -> tuple[float, float]:
        solver = kind(scheme=scheme, tolerance=tolerance)
        error = np.abs(end(solver, grid, horizon, steps) - exact).max() / exact.max()
        return fastest(lambda: end(solver, grid, horizon, steps), repeats), error

    classical, error = measured("classical", limit, 1e-7)
    yield Row(f"{label}, classical, {limit} steps", 1e3 * classical, "ms", f"1, error {error:.0e}")
    cases = [("chebyshev", n, 1e-7) for n in (4, 16, 64)[:repeats]]
    cases += [("exponential", n, tolerance) for n, tolerance in ((1, 1e-4), (2, 1e-5), (4, 1e-6))]
    for scheme, steps, tolerance in cases:
        seconds, error = measured(scheme, steps, tolerance)
        ratio = f"1/{classical / seconds:.1f}, error {error:.0e}"
        yield Row(f"{label}, {scheme}, {steps} steps", 1e3 * seconds, "ms", ratio)


def run() -> list[Row]:
    """Every measurement of this file."""
    return [
        *operators(),
        *schemes("spectral", cube(2, 64, 8.0), 0.1, 390, 3),
        *schemes("conservative", cube(2, 64, 6.5), 0.1, 160, 3),
        *schemes("conservative", cube(3, 48, 6.0), 0.05, 72, 1),
    ]


if __name__ == "__main__":
    for row in run():
        print(f"{row.name:55} {row.value:10.3g} {row.unit:4} {row.ratio}")

"""The equation of Keller and Segel at half the critical mass: error at the centre and time, beside py-pde.

The reference value is that of the radial equation; a density below zero is noted.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from aggregation import CENTRE, EQUATION, HORIZON, centre, start
from precision import Case, Point, measured, peers
from scipy import fft
from timing import Array

from mfpde_solvers.evolve import evolve
from mfpde_solvers.mckean_vlasov import FiniteVolume, PseudoSpectral


def ours(solver: FiniteVolume | PseudoSpectral, cells: int) -> Callable[[], Array]:
    grid, ρ = start(cells)
    run = solver.prepare(EQUATION, grid, ρ)

    def work() -> Array:
        list(evolve(run, [HORIZON]))
        return run.observe()["density"]

    return work


def logarithmic_potential(cells: int, spacing: float) -> Callable[[Array], Array]:
    """−1/2π log|x| ∗ ρ on the plane by Hockney's zero padding; at 0 the mean over a cell."""
    z = spacing * fft.fftfreq(2 * cells, 1 / (2 * cells))
    r = np.hypot(z[:, None], z)
    r[0, 0] = spacing * np.exp(np.pi / 4 - 1.5 - np.log(2) / 2)  # mean of log|x| over a square
    symbol = fft.rfft2(-np.log(r) / (2 * np.pi) * spacing**2)

    def potential(ρ: Array) -> Array:
        return fft.irfft2(symbol * fft.rfft2(ρ, s=r.shape), s=r.shape)[:cells, :cells]

    return potential


def by_py_pde(cells: int) -> Callable[[], Array]:
    """Its finite differences and adaptive Runge–Kutta steps; the chemical by FFT."""
    import pde

    grid, ρ = start(cells)
    box = pde.CartesianGrid([[axis.lower, axis.upper] for axis in grid.axes], grid.shape)
    potential = logarithmic_potential(cells, grid.spacing[0])

    class Aggregation(pde.PDEBase):
        def evolution_rate(self, state: Any, t: float = 0.0) -> Any:
            c = pde.ScalarField(box, potential(state.data))
            drift = EQUATION.chi * state * c.gradient({"curvature": 0})
            return state.laplace({"derivative": 0}) - drift.divergence({"derivative": 0})

    first = pde.ScalarField(box, ρ)
    options = {
        "backend": "numpy",
        "solver": "runge-kutta",
        "adaptive": True,
        "tolerance": 1e-6,
        "tracker": None,
    }
    return lambda: Aggregation().solve(first, HORIZON, 1e-4, **options).data


def run() -> Iterator[Point]:
    """Relative error at the centre at time 1."""

    def error(ρ: Array) -> float:
        return abs(centre(ρ) / CENTRE - 1)

    def note(ρ: Array) -> str:
        return f", least density {ρ.min():.0e}" if ρ.min() < 0 else ""

    def cases(method: str, make: Callable[[int], Callable[[], Array]], sizes: tuple[int, ...]) -> list[Case]:
        return [Case(method, f"{n}²", partial(make, n), error, note) for n in sizes]

    def py_pde() -> list[Case]:
        import pde  # noqa: F401

        return cases("py-pde", by_py_pde, (64, 128))

    yield from measured(
        "Keller–Segel",
        [
            *cases("mfpde, finite volumes", partial(ours, FiniteVolume("implicit")), (64, 128, 256)),
            *cases("mfpde, spectral", partial(ours, PseudoSpectral()), (48, 64, 96)),
            *peers(py_pde),
        ],
        rounds=2,
    )

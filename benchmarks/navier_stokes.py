"""One Runge–Kutta step of the vorticity equation on a torus: this library, a hand-written floor, and peers.

The peers (fluidsim, exponax, jax-cfd) are timed where they are installed.
"""

from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from timing import Array, Row

from mfpde_solvers.equations import NavierStokes
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral

SIZES = (256, 512, 1024)
VISCOSITY = 1e-4
fast = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


def vorticity(size: int) -> tuple[Grid, Array]:
    """A field of modes up to |m| = 8 with random phases."""
    grid = Grid(tuple(Axis(name, 0.0, 2 * np.pi, size) for name in "xy"))
    x, y = np.moveaxis(grid.points, -1, 0)
    rng = np.random.default_rng(0)
    ω = sum(np.cos(i * x + j * y + rng.uniform(0, 7)) for i in range(-8, 9) for j in range(9) if i or j)
    return grid, np.asarray(ω / np.std(ω))


@fast
def _velocities(ω: Array, kx: Array, ky: Array, u: Array, v: Array) -> None:
    for i in range(kx.size):
        for j in range(ky.size):
            k2 = kx[i] * kx[i] + ky[j] * ky[j]
            ψ = ω[i, j] / (k2 if k2 > 0 else 1.0)
            u[i, j] = complex(-ky[j] * ψ.imag, ky[j] * ψ.real)
            v[i, j] = complex(kx[i] * ψ.imag, -kx[i] * ψ.real)


@fast
def _products(u: Array, v: Array) -> None:
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            a, b = u[i, j], v[i, j]
            u[i, j] = a * b
            v[i, j] = b * b - a * a


@fast
def _slope(p: Array, q: Array, kx: Array, ky: Array, kept: tuple[int, int], scale: float, out: Array) -> None:
    top, last = kept
    for i in range(kx.size):
        for j in range(ky.size):
            inside = j <= last and (i <= top or i >= kx.size - top)
            a = scale * (kx[i] * kx[i] - ky[j] * ky[j]) if inside else 0.0
            b = scale * kx[i] * ky[j] if inside else 0.0
            out[i, j] = a * p[i, j] + b * q[i, j]


@fast
def _stage(u: Array, k: Array, E: Array, h: float, kind: int, out: Array, total: Array) -> None:
    """One stage of Lawson's scheme and what it adds to the sum of the step."""
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            e, w, s = E[i, j], u[i, j], k[i, j]
            if kind == 1:
                total[i, j] = e * e * (w + h / 6 * s)
                out[i, j] = e * (w + h / 2 * s)
            elif kind == 2:
                total[i, j] += h / 3 * e * s
                out[i, j] = e * w + h / 2 * s
            elif kind == 3:
                total[i, j] += h / 3 * e * s
                out[i, j] = e * (e * w + h * s)
            else:
                out[i, j] = total[i, j] + h / 6 * s


class Floor:
    """Lawson's scheme by hand: whole arrays, two plus two full transforms a stage, measured plans."""

    def __init__(self, ω: Array, step: float) -> None:
        import pyfftw

        n, last = ω.shape
        self.kx, self.ky = np.fft.fftfreq(n, 1 / n), np.fft.rfftfreq(last, 1 / last)
        self.kept, self.scale, self.h = ((n - 1) // 3, (last - 1) // 3), 1 / (n * last), step
        padded = 2 * (last // 2 + 1)
        self.spectra, self.reals, self.there, self.back = [], [], [], []
        for _ in range(2):  # in place
            spectrum = pyfftw.empty_aligned((n, last // 2 + 1), complex)
            real = spectrum.view(float).reshape(n, padded)[:, :last]
            flags = ("FFTW_MEASURE", "FFTW_DESTROY_INPUT")
            self.there.append(pyfftw.FFTW(real, spectrum, axes=(0, 1), flags=flags).execute)
            self.back.append(
                pyfftw.FFTW(spectrum, real, axes=(0, 1), direction="FFTW_BACKWARD", flags=flags).execute
            )
            self.spectra.append(spectrum)
            self.reals.append(real)
        self.u = np.fft.rfft2(ω) / ω.size
        k2 = self.kx[:, None] ** 2 + self.ky**2
        self.E = np.exp(-VISCOSITY * k2 * step / 2)
        self.k, self.stage, self.total = (np.empty_like(self.u) for _ in range(3))

    def slope(self, ω: Array) -> None:
        _velocities(ω, self.kx, self.ky, *self.spectra)
        for back in self.back:
            back()
        _products(*self.reals)
        for there in self.there:
            there()
        _slope(*self.spectra, self.kx, self.ky, self.kept, self.scale, self.k)

    def step(self) -> None:
        state = self.u
        for kind in (1, 2, 3, 4):
            self.slope(state)
            out = self.stage if kind < 4 else self.u
            _stage(self.u, self.k, self.E, self.h, kind, out, self.total)
            state = self.stage


class Stepper(NamedTuple):
    """One step, and the vorticity at this time."""

    step: Callable[[], object]
    vorticity: Callable[[], Array]


def ours(grid: Grid, ω: Array, step: float, viscosity: float = VISCOSITY, threads: int = 1) -> Stepper:
    run = PseudoSpectral(tail=1.0, threads=threads).prepare(NavierStokes(viscosity), grid, ω, step)
    return Stepper(lambda: run.step(run.time + step), lambda: run.observe()["density"])


def fluidsim(grid: Grid, ω: Array, step: float, viscosity: float = VISCOSITY) -> Stepper:
    from fluidsim.solvers.ns2d.solver import Simul

    parameters = Simul.create_default_params()
    parameters.oper.nx = parameters.oper.ny = grid.shape[0]
    parameters.oper.Lx = parameters.oper.Ly = 2 * np.pi
    parameters.nu_2 = viscosity
    parameters.init_fields.type = "in_script"
    parameters.output.HAS_TO_SAVE = False
    parameters.output.periods_print.print_stdout = 0
    parameters.time_stepping.USE_CFL = False
    parameters.time_stepping.deltat0 = step
    parameters.time_stepping.type_time_scheme = "RK4"
    with redirect_stdout(StringIO()):  # it reports on itself at length
        simulation = Simul(parameters)
    oper = simulation.oper
    simulation.state.init_statespect_from(rot_fft=oper.fft2(np.ascontiguousarray(ω.T)))
    return Stepper(
        simulation.time_stepping.one_time_step_computation,
        lambda: oper.ifft2(simulation.state.get_var("rot_fft")).T,
    )


def _jitted(advance: Callable[[Any], Any], spectrum: Any, shape: tuple[int, ...]) -> Stepper:
    """A stepper of a function of the spectrum, compiled here by JAX."""
    import jax

    compiled, state = jax.jit(advance), [spectrum]
    compiled(spectrum).block_until_ready()

    def one() -> None:
        state[0] = compiled(state[0])
        state[0].block_until_ready()

    return Stepper(one, lambda: np.asarray(jax.numpy.fft.irfft2(state[0])).reshape(shape))


def exponax(grid: Grid, ω: Array, step: float, viscosity: float = VISCOSITY) -> Stepper:
    import jax

    jax.config.update("jax_enable_x64", True)
    import exponax as ex

    # Δψ = ω there, so its velocity has the other sign
    size, options = grid.shape[0], {"diffusivity": viscosity, "vorticity_convection_scale": -1.0, "order": 4}
    stepper = ex.stepper.NavierStokesVorticity(2, 2 * np.pi, size, step, **options)
    spectrum = jax.numpy.fft.rfft2(jax.numpy.asarray(ω)[None])
    return _jitted(lambda spectrum: stepper.step_fourier(spectrum), spectrum, ω.shape)  # noqa: PLW0108 - bound methods do not hash


def jax_cfd(grid: Grid, ω: Array, step: float, viscosity: float = VISCOSITY) -> Stepper:
    import jax

    jax.config.update("jax_enable_x64", True)
    from jax_cfd import base, spectral

    box = base.grids.Grid(grid.shape, domain=((0, 2 * np.pi),) * 2)
    equation = spectral.equations.NavierStokes2D(viscosity, box, drag=0.0, smooth=True)
    advance = spectral.time_stepping.crank_nicolson_rk4(equation, step)
    return _jitted(advance, jax.numpy.fft.rfftn(jax.numpy.asarray(ω)), ω.shape)


PEERS = (fluidsim, exponax, jax_cfd)


def time_side_by_side(steps: dict[str, Callable[[], object]], repeats: int = 12) -> dict[str, float]:
    """Least milliseconds of each, taken in turns."""
    best = dict.fromkeys(steps, float("inf"))
    for step in steps.values():
        step()
    for _ in range(repeats):
        for name, step in steps.items():
            start = perf_counter()
            step()
            best[name] = min(best[name], 1e3 * (perf_counter() - start))
    return best


def steps(size: int) -> tuple[dict[str, Callable[[], object]], list[str]]:
    """One step of everything that is installed, and the names of what is not."""
    grid, ω = vorticity(size)
    step = 0.2 / size
    found: dict[str, Callable[[], object]] = {
        "hand-written floor": Floor(ω, step).step,
        "mfpde": ours(grid, ω, step).step,
        "mfpde, two threads": ours(grid, ω, step, threads=2).step,
    }
    missing = []
    for peer in PEERS:
        try:
            found[peer.__name__] = peer(grid, ω, step).step
        except ImportError:
            missing.append(peer.__name__)
    return found, missing


def run() -> Iterator[Row]:
    """Milliseconds per step of an RK4-class scheme, double precision; the ratio is to the floor."""
    for size in SIZES:
        found, missing = steps(size)
        times = time_side_by_side(found)
        floor = times["hand-written floor"]
        for name, value in times.items():
            yield Row(f"vorticity {size}², {name}", value, "ms", f"{value / floor:.2f} × floor")
        for name in missing:
            print(f"{name} is not installed: skipped")


if __name__ == "__main__":
    for row in run():
        print(f"{row.name:42} {row.value:8.2f} {row.unit}  {row.ratio}")

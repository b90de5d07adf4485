"""Stochastic systems with singular kernels on the torus, and the aggregation of Patlak, Keller and Segel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, pi, sqrt
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.experiments.experiment import experiment
from mfpde.experiments.findings import Curve, Finding, Row
from mfpde.experiments.plants import diffusion_times, equation_with, kernel_times
from mfpde.experiments.trial import Particles, Plant, Trial
from mfpde_solvers.equations import McKeanVlasov
from mfpde_solvers.kernels import Custom, KellerSegel, LogGas, Riesz

__all__: list[str] = []

Array = NDArray[Any]

ENTROPY = (
    "P.-E. Jabin and Z. Wang, Quantitative estimates of propagation of chaos for stochastic systems with "
    "W^{-1,∞} kernels, Invent. Math. 214 (2018) 523-591"
)
FREE_ENERGY = (
    "D. Bresch, P.-E. Jabin and Z. Wang, On mean field limit and quantitative estimates with a large class "
    "of singular kernels: application to the Patlak-Keller-Segel model, C. R. Math. 357 (2019) 708-720"
)
PERIOD = 2 * pi
CUTOFF = 0.05  # of the kernel of particles in the plane; its effect on the slope is known and taken off


@dataclass(frozen=True)
class _Uniform:
    """The uniform law on a torus of side 2π."""

    dim: int

    def pdf(self, x: Any) -> Array:
        return np.full(np.shape(x)[:-1], PERIOD**-self.dim)

    def rvs(self, size: int, rng: np.random.Generator) -> Array:
        return rng.uniform(0.0, PERIOD, (size, self.dim))


def order_squared(size: int, strength: float) -> float:
    """N E|Z|², Z = N⁻¹Σe^{iXⱼ}, under the law ∝ exp(b|Σe^{iXⱼ}|²/2), b the ``strength``.

    It is stationary for N noisy oscillators with b = wκ/σ, w the weight of a pair. A Gaussian field h of
    variance b for each component makes the phases independent, E e^{h·S} = e^{b|S|²/2}, so with r = |h| under
    the weight r e^{−r²/2b} I₀(r)^N it is (E r²/b² − 2/b)/N.

    Examples
    --------
    >>> round(order_squared(50, 1 / 50), 3), round(order_squared(200, 1 / 200), 3)
    (1.926, 1.98)
    """
    from scipy.special import ive

    b = strength
    r = np.linspace(0.0, 60 * sqrt(b) + 4 * b * size, 200_001)[1:]
    log_weight = np.log(r) - r**2 / (2 * b) + size * (np.log(ive(0, r)) + r)
    weight = np.exp(log_weight - log_weight.max())
    return float(((weight * r**2).sum() / weight.sum() / b**2 - 2 / b) / size)


def relaxing(rate: float, ratio: float, time: float) -> float:
    """N E|Z_k|² = 1/q + (1 − 1/q)e^{−2μqt} from independent points, N → ∞, with ``ratio`` q, ``rate`` μ."""
    return 1 / ratio + (1 - 1 / ratio) * exp(-2 * rate * ratio * time)


def _mode_squares(found: xr.Dataset, *wave: int) -> Array:
    """N|N⁻¹Σ e^{ik·X}|², (time, replica)."""
    phase: Any = sum(k * found[name] for k, name in zip(wave, ("x", "y"), strict=False))
    square = np.cos(phase).mean("particle") ** 2 + np.sin(phase).mean("particle") ** 2
    return np.asarray(square.transpose("time", "replica").values * found.sizes["particle"])


def _mean_row(quantity: str, predicted: float, values: Array, **changes: Any) -> Row:
    error = values.std(ddof=1) / sqrt(values.size)
    return Row(quantity, predicted, values.mean(), error, degrees=values.size - 1, **changes)


def _curve(label: str, x: Any, rows: list[Row]) -> Curve:
    measured, errors = [row.measured for row in rows], [row.stderr for row in rows]
    return Curve(label, x, measured, errors, theory=[row.predicted for row in rows])


def _coupling(factor: float) -> Plant:
    """κ times a factor."""

    def plant(particles: Particles) -> Particles:
        equation: Any = particles.problem.equation
        return equation_with(coupling=factor * equation.coupling)(particles)

    return plant


@experiment(
    title="Kuramoto: correlations of oscillators stay of order 1/N, with the exact constant",
    source=f"{ENTROPY}, Theorem 1",
    statement="On the torus, for kernels in W^{−1,∞} with bounded divergence, the relative entropy per "
    "particle stays below e^{Mt}(H_N(0)/N + 1/N). For noisy Kuramoto oscillators from uniform phases the "
    "first mode tells the correlation exactly: N E|Z|² is 1 for independent phases, and with r = σ − κ/2 "
    "it is σ/r + (1 − σ/r)e^{−2rt} as N → ∞; at the end it has the value of the Gibbs law, at every N.",
    measured="N E|N⁻¹Σe^{iXⱼ}|² over replicas: at several times for large N, and in the stationary state for "
    "several N",
    prediction="σ/r + (1 − σ/r)e^{−2rt}; the Gibbs law by quadrature (1.926 at N = 50, 1.980 at N = 200 for "
    "κ = σ = 1)",
    refutation="a value off by more than chance, the known 1/N and the rest of the relaxation",
    power="N|Z|² is nearly exponential, so its mean has a relative standard error of R^−1/2; without "
    "interaction it would be 1 in place of 2",
    plants={"sign": _coupling(-1.0), "factor 2": _coupling(2.0), "noise": diffusion_times(2.0)},
)
def kuramoto_correlation(trial: Trial) -> Finding:
    """First mode of noisy oscillators from uniform phases against its exact course and stationary value."""
    from mfpde.problems import kuramoto

    problem, r = kuramoto(coupling=1.0, amplitude=0.0), 0.5
    step = trial.pick(0.1, 0.02)
    times = np.array((0.0, 0.5, 1.0))
    n, replicas = trial.pick((200, 200), (1000, 4000))
    course = _mode_squares(trial.simulate(problem, n, times, replicas, dt=step), 1)
    largest = abs(1 / r - order_squared(n, 1 / n))  # of the terms of order 1/N, which grow to this
    rows = [
        _mean_row(f"N E|Z|², N = {n}, t = {t:g}", relaxing(1.0, r, t), values, allowance=largest * (t > 0))
        for t, values in zip(times, course, strict=True)
    ]
    curves = [_curve(f"N = {n}, from uniform phases", times, rows)]
    late = trial.pick(3.0, 6.0)
    for size, copies in trial.pick(((10, 300),), ((10, 20_000), (50, 20_000), (200, 10_000))):
        values = _mode_squares(trial.simulate(problem, size, (0.0, late), copies, dt=step, label="late"), 1)[
            -1
        ]
        rest = (1 / r - 1) * exp(-2 * r * late)
        expected = order_squared(size, 1 / size)
        rows.append(_mean_row(f"stationary N E|Z|², N = {size}", expected, values, allowance=2 * rest))
        curves.append(_curve(f"N = {size}, stationary", [late], rows[-1:]))
    return Finding(rows, curves, x_label="t", y_label="N E|Z|²", scale="linear")


def _no_images(particles: Particles) -> Particles:
    """The kernel of the plane at the nearest image, as if there were no others."""
    right: Any = particles.problem.equation
    χ = right.kernel.chi

    def nearest(z: Array) -> Array:
        square = (z**2).sum(-1, keepdims=True)
        return np.asarray(-χ / (2 * pi) * z / np.where(square > 0, square, 1.0))

    equation = McKeanVlasov(Custom(nearest, dim=2), right.diffusion)
    return replace(particles, problem=particles.problem.replace(equation=equation))


def _attraction(factor: float) -> Plant:
    """χ times a factor."""

    def plant(particles: Particles) -> Particles:
        right: Any = particles.problem.equation
        kernel = replace(right.kernel, chi=factor * right.kernel.chi)
        equation = McKeanVlasov(kernel, right.diffusion, scaling=right.scaling)
        return replace(particles, problem=particles.problem.replace(equation=equation))

    return plant


@experiment(
    title="Keller–Segel on the torus: correlations have the size that the linearised equation gives",
    source=f"{FREE_ENERGY}, Theorem on Patlak-Keller-Segel; consequence of first order in 1/N",
    statement="Below the critical mass the marginals tend to the products of the limit, ‖F_{N,k} − ρ^{⊗k}‖ ≤ "
    "C√k N^−θ. From the uniform state of a torus of side 2π the correlation of first order in 1/N is that of "
    "the linearised equation: mode k of N particles has N E|ρ̂_k|² = 1/q + (1 − 1/q)e^{−2σ|k|²qt} with "
    "q = 1 − χ/(4π²σ|k|²), attraction being χ > 0.",
    measured="N E|N⁻¹Σe^{ik·X}|² over replicas and over modes of one length, for χ = 20 and χ = −20, "
    "|k|² = 1 and 2",
    prediction="the formula, up to O(1/N)",
    refutation="a value off by more than chance and 4/N of itself",
    power="relative standard error (2R)^−1/2 for each value; at |k| = 1 the signs differ by a factor of 2.5",
    plants={"sign": _attraction(-1.0), "factor 2": _attraction(2.0), "periodisation": _no_images},
)
def aggregation_correlation(trial: Trial) -> Finding:
    """Modes of attracting and repelling particles from the uniform state of a torus."""
    from mfpde.problems import keller_segel

    n, replicas = trial.pick((128, 250), (256, 4000))
    t = 1.0
    rows: list[Row] = []
    curves = []
    for χ in (20.0, -20.0):
        problem = keller_segel(χ, domain="torus").replace(law=_Uniform(2))
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.1, 0.01), label=f"chi_{χ:g}")
        for waves in (((1, 0), (0, 1)), ((1, 1), (1, -1))):
            values = np.mean([_mode_squares(found, *wave)[-1] for wave in waves], axis=0)
            k2 = waves[0][0] ** 2 + waves[0][1] ** 2
            expected = relaxing(k2, 1 - χ / (4 * pi**2 * k2), t)
            rows.append(
                _mean_row(f"N E|ρ̂_k|², χ = {χ:g}, |k|² = {k2}", expected, values, allowance=4 / n * expected)
            )
        curves.append(_curve(f"χ = {χ:g}", [1, 2], rows[-2:]))
    return Finding(rows, curves, x_label="|k|²", y_label="N E|ρ̂_k|² (1 without interaction)", scale="linear")


def _centred_gain(found: xr.Dataset, χ: float, ε: float, weight: float) -> Array:
    """Growth of N⁻¹Σ|X − X̄|² per unit of time, less what the cut-off adds to it, (replica,).

    The cut-off adds χ/2π · w N⁻¹ Σ_{i≠j} (1 − |z|²/ε²)₊, which is recorded along the path.
    """
    X = np.stack([found[name].transpose("time", "replica", "particle").values for name in ("x", "y")], -1)
    centred = X - X.mean(2, keepdims=True)
    square = (centred**2).sum(-1).mean(-1)
    near = np.empty(X.shape[:2])
    for place, points in enumerate(X):
        z2 = ((points[:, :, None] - points[:, None]) ** 2).sum(-1)
        near[place] = np.maximum(1 - z2 / ε**2, 0.0).sum((1, 2)) - X.shape[2]
    t = found["time"].values
    extra = np.trapezoid(near, t, axis=0) * χ / (2 * pi) * weight / X.shape[2]
    return np.asarray((square[-1] - square[0] - extra) / (t[-1] - t[0]))


@experiment(
    title="Keller–Segel in the plane: for every N the threshold is 8πσ",
    source=f"{FREE_ENERGY}, Theorem on Patlak-Keller-Segel (λ < 2dσ); exact consequence of the virial",
    statement="Chaos propagates for λ = χ/2π < 2dσ, and the limit blows up beyond. About the centre of mass "
    "the mean of N⁻¹Σ|Xᵢ|² has the slope (1 − 1/N)(4σ − χ/2π) at every N with the weight 1/N: it changes "
    "its sign exactly at 8πσ, for four particles as for infinitely many.",
    measured="the slope at χ = 4π, 7π, 12π for N = 4 … 64, with a cut-off whose effect is measured and taken "
    "off",
    prediction="(1 − 1/N)(4σ − χ/2π)",
    refutation="a slope off by more than chance; a sign change elsewhere",
    power="standard errors from the replicas; the weight 1/(N−1) would move the slope by χ/2πN, the sign of "
    "the kernel by χ/π",
    plants={
        "sign": _attraction(-1.0),
        "factor 2": _attraction(2.0),
        "1/(N-1)": equation_with(scaling="1/(N-1)"),
    },
)
def aggregation_threshold(trial: Trial) -> Finding:
    """Sign of the centred second moment's slope on both sides of the critical attraction."""
    from mfpde.problems import keller_segel

    rows: list[Row] = []
    curves = []
    times = np.linspace(0.0, 0.2, 21)
    sizes = trial.pick(((4, 500), (16, 120)), ((4, 20_000), (16, 4000), (64, 1000)))
    for multiple in (4, 7, 12):
        χ = multiple * pi
        kernel = KellerSegel(χ, cutoff=CUTOFF)
        problem = keller_segel(χ).replace(equation=McKeanVlasov(kernel, 1.0))
        mine = []
        for n, replicas in sizes:
            found = trial.simulate(
                problem, n, times, replicas, dt=trial.pick(0.005, 0.0005), label=f"{multiple}pi"
            )
            gain = _centred_gain(found, χ, CUTOFF, 1 / n)
            name = f"centred slope, χ = {multiple}π, N = {n}"
            mine.append(_mean_row(name, (1 - 1 / n) * (4 - multiple / 2), gain))
        rows += mine
        curves.append(_curve(f"χ = {multiple}π", [n for n, _ in sizes], mine))
    return Finding(rows, curves, y_label="slope of the centred second moment", scale="linear")


@experiment(
    title="Large deviations: the exponential moment of the pair function is bounded in N",
    source=f"{ENTROPY}, the large deviation estimate that closes the proof of Theorem 1",
    statement="For a bounded φ whose averages over either variable vanish, log E exp(η N⁻¹Σᵢⱼ φ(xᵢ, xⱼ)) "
    "over N independent points is bounded in N if η is small. This closes the entropy estimate. For the φ of "
    "Kuramoto's equation the moment tends to −½ Σ log(1 − 2λ), λ the eigenvalues of ηφ in L²(ρ).",
    measured="the logarithm of the moment over R samples of N = 16 … 1024 points, ρ = (1 + ½cos x)/2π, η = ¼",
    prediction="the limit from the spectrum, for every N up to O(1/N), so no growth with N",
    refutation="a value off by more than chance and 4/N of itself",
    power="jackknife errors; a kernel of twice the strength doubles the value",
    plants={"sign": _coupling(-1.0), "factor 2": _coupling(2.0)},
)
def exponential_moments(trial: Trial) -> Finding:
    """Exponential moment of the entropy method's pair function for Kuramoto's kernel."""
    from mfpde.chaos.exponential import exponential_moment
    from mfpde.problems import kuramoto

    problem: Any = kuramoto(coupling=1.0, amplitude=0.5).replace(resolution={"x": 64})
    simulated: Any = trial.particles(problem).problem
    kernel = simulated.equation.kernel
    sizes, replicas = trial.pick(((16, 64), 500), ((16, 64, 256, 1024), 20_000))
    shared: dict[str, Any] = {"grid": problem.grid, "seed": trial.seed, "factor": 0.25}
    limit = float(exponential_moment(problem.law, problem.equation.kernel, 2, replicas=2, **shared)["limit"])
    found = exponential_moment(problem.law, kernel, sizes, replicas=replicas, **shared)
    values, errors = found["exponential_moment"].values, found["stderr"].values
    rows = [
        Row(f"log moment, N = {n}", limit, value, error, allowance=4 / n * limit)
        for n, value, error in zip(sizes, values, errors, strict=True)
    ]
    curves = [_curve("log E exp(¼N⁻¹Σφ)", sizes, rows)]
    return Finding(rows, curves, y_label="logarithm of the exponential moment", scale="linear")


def linear_energy(problem: Any, time: float) -> float:
    """N times the mean modulated energy from the uniform state of a torus, as N → ∞.

    With V̂ the transform of the potential it is ½ Σ_k V̂_k/|T| (N E|ρ̂_k|² − 1), and :func:`relaxing` gives
    N E|ρ̂_k|² with q = 1 + V̂_k/(σ|T|).
    """
    grid, σ = problem.grid, problem.equation.diffusion
    k = np.stack(np.meshgrid(*grid.wavenumbers, indexing="ij"))
    k2 = (k**2).sum(0)
    inside = k2 > 0
    V = (1j * (k * np.moveaxis(problem.equation.kernel.on(grid).symbol(*k), -1, 0)).sum(0)).real
    V, k2 = V[inside] / k2[inside], k2[inside]
    volume = float(np.prod([axis.length for axis in grid.axes]))
    q = 1 + V / (σ * volume)
    squares = 1 / q + (1 - 1 / q) * np.exp(-2 * σ * k2 * q * time)
    return float((V / volume * (squares - 1)).sum() / 2)


@experiment(
    title="Repelling gases on the torus: the modulated energy is of order 1/N, with the exact constant",
    source=f"{FREE_ENERGY}, the modulated free energy method, for repulsive kernels of Coulomb or Riesz type",
    statement="The modulated free energy H_N/N + σ⁻¹E[modulated energy] controls the distance to the limit "
    "and stays of order N^−θ for repulsive logarithmic and Riesz kernels. From the uniform state of a torus, "
    "where independent points have the modulated energy 0 in the mean, repulsion orders the points: N times "
    "the modulated energy tends to ½ Σ_k V̂_k/|T| (N E|ρ̂_k|² − 1) < 0.",
    measured="N E[½∬_{x≠y} V(x−y)(μ_N−ρ)^{⊗2}] over replicas, for the logarithmic kernel and Riesz's with "
    "s = ½ in the plane, at a small σ",
    prediction="the sum over the modes of the linearised equation, up to O(1/N)",
    refutation="a value off by more than chance and 8/N of itself",
    power="standard errors from the replicas, of the order of a tenth in a small run; without interaction 0, "
    "with attraction positive",
    plants={"sign": kernel_times(-1.0), "no interaction": kernel_times(1e-6), "noise": diffusion_times(4.0)},
)
def repulsive_energy(trial: Trial) -> Finding:
    """Modulated energy of logarithmic and Riesz gases from the uniform state of a torus."""
    import mfpde as mf
    from mfpde.chaos.energy import modulated_energy
    from mfpde.dataset import field

    n, replicas = trial.pick((96, 150), (256, 2000))
    t, σ = 0.5, 0.1
    grid = mf.Grid(tuple(mf.Axis(name, 0.0, PERIOD, 64) for name in ("x", "y")))
    uniform = field(np.full(grid.shape, PERIOD**-2), grid, "density")
    rows = []
    for name, kernel in (("log", LogGas(2, 1.0)), ("Riesz, s = ½", Riesz(2, 0.5, 1.0))):
        law: Any = _Uniform(2)
        problem = mf.Problem(McKeanVlasov(kernel, σ), law, grid, t, name=name)
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.05, 0.01), label=name[:3])
        values = n * modulated_energy(found.isel(time=-1), uniform, kernel).values.ravel()
        expected = linear_energy(problem, t)
        rows.append(
            _mean_row(f"N E[modulated energy], {name}", expected, values, allowance=8 / n * abs(expected))
        )
    return Finding(
        rows,
        [_curve(f"N = {n}", [1, 2], rows)],
        x_label="1: log, 2: Riesz",
        y_label="N E[modulated energy]",
        scale="linear",
    )

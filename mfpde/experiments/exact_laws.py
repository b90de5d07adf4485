"""Exact laws at finite N: the sharp rate of Gaussian particles, few particles by Liouville, and BBGKY."""

from __future__ import annotations

from math import exp, log1p, sqrt
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.experiments.experiment import experiment
from mfpde.experiments.findings import Curve, Finding, Row, rate_row
from mfpde.experiments.plants import diffusion_times, equation_with, kernel_times, new_noise
from mfpde.experiments.square_integrable import coupling_times, oscillators
from mfpde.experiments.trial import Particles, Trial
from mfpde.problems import Problem
from mfpde_solvers.equations import McKeanVlasov
from mfpde_solvers.kernels import Custom, Kuramoto

__all__: list[str] = []

Array = NDArray[Any]

SHARP = (
    "D. Lacker, Hierarchies, entropy, and quantitative propagation of chaos for mean field diffusions, "
    "Probab. Math. Phys. 4 (2023) 377-432"
)
HIERARCHY = (
    "E. Hess-Childs and K. Rowan, Higher-order propagation of chaos in L² for interacting diffusions, "
    "arXiv:2310.09654 (2023)"
)
LIOUVILLE = (
    "P.-E. Jabin and Z. Wang, Quantitative estimates of propagation of chaos for stochastic systems with "
    "W^{-1,∞} kernels, Invent. Math. 214 (2018) 523-591"
)


def gaussian_entropy(k: int, correlation: float) -> float:
    """H_k = ½(kc − log(1 + kc)) of k variables of covariance v(δᵢⱼ + c) relative to N(0, v)^{⊗k}.

    Examples
    --------
    >>> round(gaussian_entropy(2, 0.25) / gaussian_entropy(2, 0.125), 2)
    3.52
    """
    return (k * correlation - log1p(k * correlation)) / 2


def coupled_square(rate: float, diffusion: float, variance: float, time: float) -> float:
    """N E|X − X̄|² along each axis for particles on springs and their mean-field partners, exact at every N.

    X − X̄ is the same for all particles of a replica, (1 − e^{−at}) X̄₀ + √(2σ)∫(1 − e^{−a(t−s)})dB of the
    means over the particles.

    Examples
    --------
    >>> round(coupled_square(1.0, 1.0, 1.0, 1.0), 4)
    0.7358
    """
    a, σ, s2, t = rate, diffusion, variance, time
    e = exp(-a * t)
    return s2 * (1 - e) ** 2 + 2 * σ * (t - 2 * (1 - e) / a + (1 - e * e) / (2 * a))


def _mean_row(quantity: str, predicted: float, values: Array, **changes: Any) -> Row:
    error = values.std(ddof=1) / sqrt(values.size)
    return Row(quantity, predicted, values.mean(), error, degrees=values.size - 1, **changes)


@experiment(
    title="Particles on springs: correlations of 1/N and relative entropies of k²/N², exact at every N",
    source=f"{SHARP}, Theorem 2.2 and its Gaussian example",
    statement="The relative entropy of k particles is at most of the order (k/N)² from independent starts, "
    "which is sharp. For harmonic attraction everything is Gaussian at every N: with v the variance in the "
    "limit and w = s² + 2σt, Cov(Xᵢ, Xⱼ) = vδᵢⱼ + (w − v)/N, so H_k = ½(kc − log(1 + kc)), c = (w−v)/(Nv).",
    measured="N Cov(X₁, X₂); the variance about the mean over 1 − 1/N; H₂ by the Gaussian estimator and its "
    "slope in log N; N E|X − X̄|² with mean-field partners",
    prediction="w − v and v at every N; ½(2c − log(1 + 2c)), whose slope is −2 + O(1/N); the variance of "
    "the common shift of the particles against their partners",
    refutation="a value off by more than chance",
    power="relative standard errors with R replicas: of N Cov about √2 w/((w−v)√R), of v √(2/NR); the weight "
    "1/(N−1) changes v by some percent at N = 8 only",
    plants={
        "sign": kernel_times(-1.0),
        "factor 2": kernel_times(2.0),
        "1/(N-1)": equation_with(scaling="1/(N-1)"),
        "new noise": new_noise,
    },
)
def sharp_rate(trial: Trial) -> Finding:
    """Covariances and entropies of harmonically attracted particles against their exact values."""
    from mfpde.problems import harmonic

    problem, t = harmonic(), 1.0
    v, w = problem.exact.at(t), 1 + 2 * t  # type: ignore[union-attr]
    sizes, replicas = trial.pick(((8, 32, 128), 700), ((8, 16, 32, 64, 128), 10_000))
    seen = trial.pick(32, 128)  # beyond, so few replicas do not tell H₂ from its bias
    rows, entropies = [], []
    for n in sizes:
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.1, 0.05)).isel(time=-1)
        X = found["x"].transpose("replica", "particle").values
        mean, square = X.mean(1), (X**2).mean(1)
        rows += [
            _mean_row(f"N Cov(X₁, X₂), N = {n}", w - v, n * (n * mean**2 - square) / (n - 1)),
            _mean_row(f"centred variance, N = {n}", v, (square - mean**2) * n / (n - 1)),
        ]
        if n <= seen:
            H, error = _gaussian_estimate(found, problem, t)
            entropies.append((n, H, error, gaussian_entropy(2, (w - v) / (n * v))))
            rows.append(Row(f"H₂, N = {n}", entropies[-1][3], H, error))
    N, H2, e, exact = np.array(entropies).T
    rows += [_entropy_slope(N, H2, e, exact), _shift(trial, problem, t)]
    curve = Curve("H₂", N, H2, e, theory=exact)
    return Finding(rows, [curve], y_label="relative entropy of two particles")


def _gaussian_estimate(found: xr.Dataset, problem: Problem, time: float) -> tuple[float, float]:
    """H₂ and its standard error; NaN where the estimate is below its bias."""
    from mfpde.chaos.marginal_laws import relative_entropy
    from mfpde.dataset import field

    assert problem.exact is not None
    density = field(problem.exact(time, problem.grid.points), problem.grid, "density")
    try:
        H = relative_entropy(found[["x"]].drop_vars("time"), density, k=2, estimator="gaussian")
    except ValueError:
        return np.nan, np.nan
    return float(H), float(H["relative_entropy_stderr"])


def _entropy_slope(sizes: Array, H: Array, error: Array, exact: Array) -> Row:
    """Slope of H₂; the exact entropies tell how far it is from −2."""
    from mfpde.chaos.rates import fit_rate

    coords = {"size": sizes, "H_stderr": ("size", error)}
    slope = float(np.polyfit(np.log(sizes), np.log(exact), 1)[0])
    if not (H > 0).all():
        return Row("slope of H₂", -2.0, np.nan)
    fit = fit_rate(xr.DataArray(H, coords, ("size",), "H"))
    return rate_row(fit, "slope of H₂", -2.0, allowance=2 * abs(slope + 2))


def _shift(trial: Trial, problem: Problem, time: float) -> Row:
    n, replicas = 8, trial.pick(200, 4000)
    found = trial.simulate(
        problem, n, (0.0, time), replicas, label="coupled", dt=trial.pick(0.1, 0.05), mean_field=True
    ).isel(time=-1)
    square = ((found["x"] - found["x_coupled"]) ** 2).mean("particle").values
    return _mean_row(f"N E|X − X̄|², N = {n}", coupled_square(1.0, 1.0, 1.0, time), n * square)


def _linear(particles: Particles) -> Particles:
    """−κz of the nearest image, which −κ sin z is near 0 only."""
    equation: Any = particles.problem.equation
    κ = equation.kernel.coupling

    def nearest(z: Array) -> Array:
        return np.asarray(-κ * (z - 2 * np.pi * np.round(z / (2 * np.pi))))

    wrong = McKeanVlasov(Custom(nearest, dim=1), equation.diffusion, scaling=equation.scaling)
    return Particles(particles.problem.replace(equation=wrong), particles.noise, particles.clock)


@experiment(
    title="Two and three oscillators have the joint law of the Liouville equation",
    source=f"{LIOUVILLE}, Theorem 1 and the Liouville equation",
    statement="The joint law F_N of N particles solves the Liouville equation, and relative to ρ^{⊗N} "
    "H_N ≤ e^{Mt} from independent starts; by subadditivity H_k ≤ (k/N)H_N. On the circle the "
    "equation of two or three oscillators is solved by Fourier series.",
    measured="Fourier modes of one particle and of pairs over replicas of N = 2 and 3 oscillators; the "
    "entropies of the exact law",
    prediction="the modes of the exact law; H_k ≤ (k/N)H_N; H_N is reported",
    refutation="a mode off by more than chance, or an entropy that is not subadditive",
    power="standard errors of about (2R)^−1/2 of modes that are 0.1 to 0.5",
    plants={
        "sign": coupling_times(-1.0),
        "factor 2": coupling_times(2.0),
        "1/(N-1)": equation_with(scaling="1/(N-1)"),
        "linear": _linear,
        "noise": diffusion_times(2.0),
    },
)
def liouville(trial: Trial) -> Finding:
    """Fourier modes of the law of two and three oscillators against the Liouville equation."""
    from mfpde.chaos.cumulants.joint import joint_law

    t, replicas = 0.5, trial.pick(1200, 20_000)
    rows, curves = [], []
    for n, cells in ((2, 64), (3, trial.pick(32, 48))):
        problem = oscillators(3.0, 0.5, 0.8).replace(resolution={"x": cells})
        law = joint_law(problem, n, [t]).isel(time=0)
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.1, 0.02)).isel(time=-1)
        X = found["x"].transpose("replica", "particle").values
        mine = []
        for mode in ((1, 0), (2, 0), (1, -1), (1, 1)):
            exact = _exact_mode(law["joint_density"], mode, n)
            label = f"E cos({mode[0]}·X₁ + {mode[1]}·X₂), N = {n}"
            mine.append(_mean_row(label, exact, _pair_mode(X, mode)))
        rows += mine
        values, errors = [row.measured for row in mine], [row.stderr for row in mine]
        theory = [row.predicted for row in mine]
        curves.append(Curve(f"N = {n}", range(1, 5), values, errors, theory))
        H = law["relative_entropy"]
        rows += [
            Row(f"H_{k} N/k, N = {n}", float(H[-1]), float(H[k - 1]) * n / k, 0.0, "<=", 1e-10)
            for k in range(1, n)
        ]
        rows.append(Row(f"H_N at t = {t}, N = {n}", 0.0, float(H[-1]), relation="none"))
    return Finding(rows, curves, x_label="mode", y_label="mean of the mode", scale="linear")


def _exact_mode(density: xr.DataArray, mode: tuple[int, int], size: int) -> float:
    """E cos(m₁X₁ + m₂X₂); sums over periodic points are exact."""
    phase = mode[0] * density["x1"] + mode[1] * density["x2"]
    return float((density * np.cos(phase)).sum() / density.sum())


def _pair_mode(X: Array, mode: tuple[int, int]) -> Array:
    """Mean of cos(m₁Xᵢ + m₂Xⱼ) over i ≠ j in each replica of X (replica, particle)."""
    n = X.shape[1]
    first, second = (np.exp(1j * m * X) for m in mode)
    total = first.sum(1) * second.sum(1) - (first * second).sum(1)
    return np.asarray(total.real / (n * (n - 1)))


def _charged(circulations: tuple[float, ...]) -> Problem:
    """Oscillators of two circulations, which start about opposite points."""
    from mfpde.laws import Mixture, Perturbed
    from mfpde.problems import kuramoto

    law = Mixture((Perturbed(1.0, 0.9), Perturbed(1.0, -0.9)), (0.5, 0.5))
    equation = McKeanVlasov(Kuramoto(3.0), 0.3, circulations=circulations)
    return kuramoto().replace(equation=equation, law=law)


def _circulations_of_others(particles: Particles) -> Particles:
    """Circulations in another order: each particle acts with that of the other kind."""
    equation: Any = particles.problem.equation
    return equation_with(circulations=equation.circulations[::-1])(particles)


@experiment(
    title="Four oscillators satisfy the BBGKY hierarchy of the first and second marginal",
    source=f"{HIERARCHY}, eq. (1.3); {SHARP}",
    statement="The k-th marginal of N exchangeable particles solves an equation that takes the marginal of "
    "order k + 1 with the factor (N − k) times the weight of a pair, and the pairs among the k with the "
    "weight; with random circulations each acts with its own.",
    measured="the weak residual of the equations of one and two particles on Fourier modes, along replicas "
    "of four oscillators with the weight 1/N and of five with two circulations",
    prediction="0, within the scatter of the replicas and the error of the integral in time",
    refutation="a residual beyond chance",
    power="standard errors of about 0.01; the weight 1/(N−1) in place of 1/N takes a third more of the terms "
    "of interaction",
    plants={
        "sign": coupling_times(-1.0),
        "factor 2": coupling_times(2.0),
        "1/(N-1)": equation_with(scaling="1/(N-1)"),
        "circulations": _circulations_of_others,
        "noise": diffusion_times(2.0),
    },
)
def bbgky(trial: Trial) -> Finding:
    """Weak residuals of the BBGKY hierarchy along replicas of oscillators."""
    from mfpde.chaos.cumulants.bbgky import bbgky_residual

    times = np.linspace(0.0, 0.4, trial.pick(9, 17))
    replicas, step = trial.pick(800, 8000), trial.pick(0.05, 0.0125)
    rows, curves = [], []
    cases = (
        ("1/N", oscillators(3.0, 0.5, 0.9), 4, ([[1]], [[1], [-1]], [[1], [1]])),
        ("circulations", _charged((-1.0, 3.0)), 5, ([[1]], [[1], [-1]])),
    )
    for label, problem, n, modes in cases:
        found = trial.simulate(problem, n, times, replicas, dt=step, label=label.replace("/", "_over_"))
        found = found.assign(circulation=_drawn(found, trial, problem))
        for mode in modes:
            residual = bbgky_residual(found, problem, mode)
            last, name = residual.isel(time=-1), f"residual of mode {mode}, {label}"
            error, allowance = float(last["stderr"]), float(last["quadrature"])
            value = float(last["residual"])
            rows.append(Row(name, 0.0, value, error, allowance=allowance, degrees=replicas - 1))
            later = residual.isel(time=slice(1, None))
            zero = np.zeros(later.sizes["time"])
            curves.append(Curve(name, later["time"], later["residual"], later["stderr"], theory=zero))
    return Finding(rows, curves, x_label="t", y_label="weak residual", scale="linear")


def _drawn(found: xr.Dataset, trial: Trial, problem: Problem) -> xr.DataArray:
    """The circulations of the right system for the kinds of particles that were drawn."""
    right: Any = problem.equation
    simulated: Any = trial.particles(problem).problem.equation
    kinds = dict(zip(simulated.circulations, right.circulations, strict=True))
    drawn = found["circulation"]
    return drawn.copy(data=np.vectorize(kinds.__getitem__, otypes=[float])(drawn.values))

"""First-order systems on the whole space: vortices and logarithmic gases."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.experiments.constants import constants_finding
from mfpde.experiments.experiment import experiment
from mfpde.experiments.findings import Curve, Finding, Row, fitted, rate_row
from mfpde.experiments.plants import diffusion_times, kernel_times, new_noise
from mfpde.experiments.trial import Particles, Trial
from mfpde_solvers.equations import McKeanVlasov
from mfpde_solvers.kernels import KellerSegel
from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral

__all__: list[str] = []

Array = NDArray[Any]

VORTICES = (
    "X. Feng and Z. Wang, Quantitative propagation of chaos for 2D viscous vortex model on the whole space "
    "(2023)"
)
CIRCULATIONS = (
    "X. Feng and Z. Wang, Quantitative propagation of chaos for 2D viscous vortex model with general "
    "circulations on the whole space (2024)"
)
LOG_GAS = (
    "S. Cai, X. Feng, Y. Gong and Z. Wang, Propagation of chaos for 2D log gas on the whole space (2024)"
)


def _gradient(particles: Particles) -> Particles:
    """The kernel of Biot and Savart turned by a right angle: the attraction −z/(2π|z|²)."""
    right: Any = particles.problem.equation
    wrong = McKeanVlasov(KellerSegel(1.0), right.diffusion, circulations=right.circulations)
    return replace(particles, problem=particles.problem.replace(equation=wrong))


def _square(particles: xr.Dataset) -> xr.DataArray:
    """|X|² of every particle."""
    names = [name for name in ("x", "y", "z", "vx", "vy", "vz") if name in particles]
    return sum((particles[name] ** 2 for name in names), start=xr.zeros_like(particles[names[0]]))


@experiment(
    title="Vortices: Σ|Xᵢ|² of N interacting vortices has the law of N independent Brownian motions",
    source=f"{VORTICES}, the system of the Theorem on H_N; exact consequence",
    statement="The entropy of N viscous vortices relative to the product of the limit is bounded in N. As "
    "z·K(z) = 0 for the kernel of Biot and Savart, the interaction drops out of Σ|Xᵢ|², at every N: from "
    "Lamb and Oseen's vortex of variance s², Σ|Xᵢ(t)|²/(s² + 2σt) has the law χ² of 2N degrees of freedom.",
    measured="mean and variance over replicas of Σ|Xᵢ(t)|²/(s² + 2σt), for each N",
    prediction="2N and 4N",
    refutation="a mean or variance off by more than chance: a radial force, a wrong noise, self-interaction "
    "along z",
    power="exact standard errors, 1/√(NR) of the mean and √((2 + 6/N)/R) of the variance with R replicas; "
    "sign and strength of the kernel do not enter this law (vortex_coupling sees them)",
    plants={"gradient": _gradient, "factor 2": diffusion_times(2.0)},
)
def vortex_second_moment(trial: Trial) -> Finding:
    """Σ|Xᵢ|² of point vortices against the law χ²_{2N}, from Lamb and Oseen's vortex."""
    from mfpde.problems import lamb_oseen

    problem, t = lamb_oseen(), 1.0
    exact: Any = problem.exact
    s2, σ = exact.variance, exact.diffusion
    rows, means, errors = [], [], []
    sizes, replicas = trial.pick(((8, 32), 100), ((8, 32, 128), 2000))
    for n in sizes:
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.02, 0.005))
        Q = _square(found).isel(time=-1).sum("particle").values / (s2 + 2 * σ * t)
        rows += [
            Row(f"mean of Σ|X|²/(s²+2σt) over 2N, N = {n}", 1.0, Q.mean() / (2 * n), 1 / sqrt(n * replicas)),
            Row(
                f"variance of Σ|X|²/(s²+2σt) over 4N, N = {n}",
                1.0,
                Q.var(ddof=1) / (4 * n),
                sqrt((2 + 6 / n) / replicas),
            ),
        ]
        means.append(Q.mean() / (2 * n))
        errors.append(1 / sqrt(n * replicas))
    curve = Curve("mean of Σ|X|²/(s²+2σt) / 2N", sizes, means, errors, theory=np.ones(len(sizes)))
    return Finding(rows, [curve], y_label="ratio to the mean of χ²", scale="linear")


@experiment(
    title="Vortices of random circulations: Σ Mᵢ|Xᵢ|² grows by 4σ ΣMᵢ",
    source=f"{CIRCULATIONS}, the system of the Theorem on global entropy; exact consequence",
    statement="With circulations Mᵢ of both signs, compactly supported and constant, the entropy stays below "
    "M(1+t)^M (H_N(0) + 1). Because vortex j acts on i with the weight Mⱼ, the interaction drops out of "
    "Σ Mᵢ|Xᵢ|², whose mean grows by 4σ ΣMᵢ per unit of time, at every N.",
    measured="N⁻¹ Σ Mᵢ (|Xᵢ(t)|² − |Xᵢ(0)|²)/t, averaged over replicas, with the circulations drawn",
    prediction="4σ N⁻¹ΣMᵢ, replica by replica in the mean",
    refutation="a difference of mean and prediction beyond chance",
    power="the standard error of the paired difference; the noise of Σ M|X|² alone sets it, see detectable",
    plants={"gradient": _gradient, "factor 2": diffusion_times(2.0)},
)
def circulation_slope(trial: Trial) -> Finding:
    """Growth of Σ Mᵢ|Xᵢ|² of vortices of three circulations against 4σ ΣMᵢ."""
    from mfpde.problems import random_circulations

    problem, t = random_circulations((-2.0, 1.0, 4.0)), 1.0
    equation: Any = problem.equation
    σ = equation.diffusion
    sizes, replicas = trial.pick(((16, 64), 100), ((8, 32, 128), 2000))
    rows, curves = [], []
    for n in sizes:
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.02, 0.005))
        M, square = found["circulation"], _square(found)
        growth = (M * (square.isel(time=-1) - square.isel(time=0))).mean("particle").values / t
        expected = 4 * σ * M.mean("particle").values
        error = (growth - expected).std(ddof=1) / sqrt(replicas)
        name = f"slope of N⁻¹ΣM|X|², N = {n}"
        rows.append(Row(name, expected.mean(), growth.mean(), error, degrees=replicas - 1))
        curves.append((n, growth.mean(), error, expected.mean()))
    N, y, e, th = np.array(curves).T
    return Finding(
        rows, [Curve("slope of N⁻¹ΣM|X|²", N, y, e, theory=th)], y_label="slope in time", scale="linear"
    )


@experiment(
    title="Vortices: each follows its mean-field partner at a distance like N^−1/2",
    source=f"{VORTICES}, Theorem on H_N; coupling as in Sznitman (1991)",
    statement="H_N ≤ M exp(Mt²)(H_N(0) + 1): the law of N vortices stays within a bounded entropy of "
    "independent vortices in the limit flow. So a vortex differs from its partner in the flow of the limit, "
    "with the same start and noise, by the fluctuation of the velocity, of variance ~ log N/N.",
    measured="√E|Xᵢ − X̄ᵢ|² with X̄ᵢ in the flow of Lamb and Oseen's vortex, for each N; its slope in log N",
    prediction="slope −1/2; the logarithm of the singular kernel may take 1/(2 log N) off",
    refutation="a slope nearer to 0 than −1/2 + 1/(2 log N) allows, or a distance that does not fall",
    power="the bootstrap interval of the slope; wrong forces leave a distance of order 1, slope 0",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0), "new noise": new_noise},
)
def vortex_coupling(trial: Trial) -> Finding:
    """Distance of vortices to their mean-field partners and its rate."""
    from mfpde.problems import lamb_oseen

    problem = lamb_oseen(circulation=4.0)
    sizes, replicas = trial.pick(((32, 128, 256), 16), ((64, 128, 256, 512, 1024, 2048), 32))
    squares = []
    for n in sizes:
        found = trial.simulate(
            problem, n, (0.0, 1.0), replicas, label="coupled", dt=trial.pick(0.02, 0.01), mean_field=True
        ).isel(time=-1)
        gaps = [(found[name] - found[f"{name}_coupled"]) ** 2 for name in ("x", "y")]
        squares.append((gaps[0] + gaps[1]).mean("particle").values)
    square, name = np.array(squares), "√E|X − X̄|²"
    fit = fitted(np.sqrt(square), sizes, trial.seed, reduction="rms")
    rms = np.sqrt(square.mean(1))
    error = square.std(1, ddof=1) / sqrt(replicas) / (2 * rms)
    theory = rms[-1] * np.sqrt(sizes[-1] / np.array(sizes))
    row = rate_row(fit, f"slope of {name} in N", -0.5, allowance=0.5 / log(sizes[0]))
    return Finding([row], [Curve(name, sizes, rms, error, theory)], y_label=name)


VISIBLE = 5  # standard errors by which a correlation has to differ from 0


@experiment(
    title="Vortices: the correlation of two of them falls like 1/N",
    source=f"{VORTICES}, Theorem on H_N, and its sharp local form H_k = O(k²/N²)",
    statement="H_N stays bounded in N, so that the law of k vortices is near a product, in the sharp form by "
    "O(k²/N²) in entropy. Then the Fourier modes of G₂ = F_{N,2} − F_{N,1}⊗F_{N,1} are "
    "of order 1/N; they are not 0, as two vortices of a merging pair are carried by the same field.",
    measured="−N Σ Ĝ₂(k, −k) over two modes along y, unbiased over replicas, for two vortices that merge; "
    "the slope of Ĝ₂ in log N",
    prediction=f"slope −1, up to 1/N₀; more than {VISIBLE} standard errors from 0 at every N",
    refutation="a slope that is off, or no correlation: independent vortices, or a field that does not act",
    power="relative errors of a tenth at every N by some hundred replicas; the slope to a tenth",
    plants={"no interaction": kernel_times(1e-6)},
)
def vortex_correlation(trial: Trial) -> Finding:
    """Pair correlations of merging vortices and their rate."""
    from mfpde.chaos.correlations import PairCorrelation
    from mfpde.problems import vortex_merger

    problem = vortex_merger(viscosity=0.05, circulation=8.0)
    sizes, copies = trial.pick(
        ((16, 64, 256), (800, 600, 700)), ((64, 256, 1024, 4096), (4000, 2000, 1000, 400))
    )
    target = PairCorrelation(((0, 1), (0, 2))).on(problem.grid)
    N, found = np.array(sizes, dtype=float), []
    for n, replicas in zip(sizes, copies, strict=True):
        last = trial.simulate(problem, n, (0.0, 1.0), replicas, dt=0.025).isel(time=-1)
        points = np.stack([last["x"].values, last["y"].values], axis=-1)
        found.append(target.combine(np.array([target.statistic(x) for x in points]), n))
    G, error = np.array(found).T
    rows = [
        Row(f"−N Σ Ĝ₂, N = {n}", VISIBLE * n * e, -n * g, n * e, relation=">=")
        for n, g, e in zip(sizes, G, error, strict=True)
    ]
    slope, spread = _slope(N, -G, error)
    rows.append(Row("slope of Σ Ĝ₂ in N", -1.0, slope, spread, allowance=1 / sizes[0]))
    curve = Curve("−N Σ Ĝ₂", N, -N * G, N * error, np.full(N.size, -(N * G)[-1]))
    return Finding(rows, [curve], y_label="−N Σ Ĝ₂")


def _slope(N: Array, values: Array, error: Array) -> tuple[float, float]:
    """Slope of log values against log N by weighted least squares, NaN unless all are positive."""
    if not (values > 0).all():
        return np.nan, np.nan
    weight, x = (values / error) ** 2, np.log(N)
    x = x - np.average(x, weights=weight)
    spread = float((weight * x**2).sum())
    return float((weight * x * np.log(values)).sum() / spread), 1 / sqrt(spread)


def _other_scaling(particles: Particles) -> Particles:
    """1/(N − 1) in place of 1/N."""
    right: Any = particles.problem.equation
    wrong = McKeanVlasov(right.kernel, right.diffusion, scaling="1/(N-1)")
    return replace(particles, problem=particles.problem.replace(equation=wrong))


@experiment(
    title="Log gas: the second moment of N repelling charges grows by 2dσ + λ(1 − 1/N)",
    source=f"{LOG_GAS}, the system of the Theorem; exact consequence",
    statement="For the logarithmic gas in the plane H_N/N ≤ M(1+t)^M (E_N(0) + 1/N) with the modulated free "
    "energy E_N. Since z·K(z) = λ is constant, the mean of N⁻¹Σ|Xᵢ|² grows by 2dσ + λ(1 − 1/N), at every N.",
    measured="the growth of N⁻¹Σ|Xᵢ|² per unit of time, averaged over replicas, for N = 2, 4, 16",
    prediction="2dσ + λ(1 − 1/N); with 1/(N−1) in place of 1/N it would be 2dσ + λ",
    refutation="a slope off by more than chance",
    power="standard errors from the replicas; 1/N and 1/(N−1) differ by λ/N, which N = 2 and 4 resolve",
    plants={
        "sign": kernel_times(-1.0),
        "factor 2": kernel_times(2.0),
        "1/(N-1)": _other_scaling,
    },
)
def log_gas_virial(trial: Trial) -> Finding:
    """Growth of the second moment of the log gas in the plane at finite N."""
    from mfpde.problems import log_gas

    λ, σ, t = 2.0, 0.5, 0.5
    problem = log_gas(2, λ, σ)
    rows, points = [], []
    for n, replicas in trial.pick(((2, 800), (4, 400), (16, 100)), ((2, 20_000), (4, 10_000), (16, 2_500))):
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.0125, 0.005))
        square = _square(found).mean("particle")
        slopes = (square.isel(time=-1) - square.isel(time=0)).values / t
        error = slopes.std(ddof=1) / sqrt(replicas)
        expected = 4 * σ + λ * (1 - 1 / n)
        rows.append(Row(f"slope of N⁻¹Σ|X|², N = {n}", expected, slopes.mean(), error, degrees=replicas - 1))
        points.append((n, slopes.mean(), error, expected))
    N, y, e, th = np.array(points).T
    return Finding(
        rows, [Curve("slope of N⁻¹Σ|X|²", N, y, e, theory=th)], y_label="slope in time", scale="linear"
    )


@experiment(
    title="Log gas: the modulated energy differs from that of independent samples by O(1/N)",
    source=f"{LOG_GAS}, Theorem",
    statement="The modulated free energy E_N = H_N/N + E[modulated energy]/σ of the logarithmic gas in the "
    "plane controls H_N/N ≤ M(1+t)^M (E_N(0) + 1/N): from independent starts everything stays O(1/N), the "
    "modulated energy of the particles about the limit included.",
    measured="the floor −∬Vρρ/2N less the mean of ½∬_{x≠y} V(x−y)(μ_N−ρ)^{⊗2} over replicas, at t = 1, and "
    "its slope in log N",
    prediction="positive, as repulsion keeps charges apart, with the slope −1",
    refutation="an excess that is not negative, or a slope other than −1",
    power="the bootstrap interval of the slope; a wrong limit leaves an energy of order 1",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0), "noise": diffusion_times(2.0)},
)
def log_gas_energy(trial: Trial) -> Finding:
    """Modulated energy of the log gas less its floor."""
    from mfpde.chaos.energy import ModulatedEnergy
    from mfpde.problems import log_gas
    from mfpde.solution import solve

    problem, t = log_gas(2, 4.0, 0.5), 1.0
    sizes, replicas = trial.pick((32, 128, 512), (32, 64, 128, 256, 512, 1024)), trial.pick(24, 256)
    reference = solve(problem, (0.0, t), progress=False)
    equation: Any = problem.equation
    target = ModulatedEnergy(equation.kernel).target(reference["density"].isel(time=-1))
    values = np.empty((len(sizes), replicas))
    for row, n in enumerate(sizes):
        found = trial.simulate(problem, n, (0.0, t), replicas, dt=trial.pick(0.02, 0.01)).isel(time=-1)
        points = np.stack([found["x"].values, found["y"].values], axis=-1)
        floor = target.floor(n)
        assert floor is not None
        values[row] = [floor - target.distance(one) for one in points]
    fit = fitted(values, sizes, trial.seed)
    mean, error = values.mean(1), values.std(1, ddof=1) / sqrt(replicas)
    rows = [
        rate_row(fit, "slope of floor − energy in N", -1.0, allowance=0.1),
        Row(f"N (floor − energy), N = {sizes[-1]}", 0.0, sizes[-1] * mean[-1], sizes[-1] * error[-1], ">="),
    ]
    theory = mean[-1] * sizes[-1] / np.array(sizes)
    curve = Curve("floor − modulated energy", sizes, mean, error, theory)
    return Finding(rows, [curve], y_label="floor − modulated energy")


@experiment(
    title="Vortices: the logarithmic derivatives of the limit stay within the bounds of Proposition 1",
    source=f"{VORTICES}, Proposition 1",
    statement="For ρ ≥ 0 with Gaussian bounds at first, |∇log ρ|² and |∇²log ρ| are at most a constant times "
    "(1 + log(1+t))/(1+t) + |x|²/(1+t)², and ρ ≤ C/(1+t) exp(−|x|²/(8σt + C)).",
    measured="the smallest constants over time and space for two merging vortices",
    prediction="finite constants; the theorem does not say which, so they are reported without a verdict",
    refutation="constants that grow without bound in time, to be seen in the figure",
    power="none: no number is predicted",
)
def vortex_log_bounds(trial: Trial) -> Finding:
    """Constants of the bounds of the logarithmic derivatives of merging vortices."""
    from mfpde.problems import vortex_merger

    problem = vortex_merger(variance=0.25, viscosity=0.05)
    times = np.linspace(0.0, trial.pick(4.0, 40.0), trial.pick(5, 41))
    names = ("log_gradient_quotient", "log_hessian_quotient", "gaussian_bound")
    return constants_finding(problem, times, names, PseudoSpectral(bounds=True))

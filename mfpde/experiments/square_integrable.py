"""Square-integrable kernels: weak errors, dual cumulants, the duality identity and vanishing noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb, log, sqrt
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.experiments.experiment import experiment
from mfpde.experiments.findings import Curve, Finding, Row, fitted, rate_row
from mfpde.experiments.plants import diffusion_times, equation_with, kernel_times
from mfpde.experiments.trial import Particles, Plant, Trial
from mfpde.laws import Maxwellian
from mfpde.problems import Problem
from mfpde_solvers.equations import McKeanVlasov, NavierStokes
from mfpde_solvers.grid import Axis, Grid
from mfpde_solvers.kernels import BiotSavart, Kuramoto, Stokeslet
from mfpde_solvers.power_of_n import PowerOfN, at_size, in_the_limit

__all__ = ["coupling_times", "oscillators"]

Array = NDArray[Any]
Observable = Callable[..., Any]

PLAIN = str.maketrans("", "", "/()")

DUALITY = (
    "D. Bresch, M. Duerinckx and P.-E. Jabin, A duality method for mean-field limits with singular "
    "interactions, arXiv:2402.04695 (2024)"
)


def oscillators(coupling: float, diffusion: float, amplitude: float, scaling: Any = "1/N") -> Problem:
    """Noisy oscillators of a weight, K(z) = −κ sin z, from the density (1 + a cos x)/2π."""
    from mfpde.problems import kuramoto

    equation = McKeanVlasov(Kuramoto(coupling), diffusion, scaling=scaling)
    return kuramoto(amplitude=amplitude).replace(equation=equation)


def coupling_times(factor: float) -> Plant:
    """κ times a factor."""

    def plant(particles: Particles) -> Particles:
        equation: Any = particles.problem.equation
        return equation_with(kernel=Kuramoto(factor * equation.kernel.coupling))(particles)

    return plant


def _paired(found: xr.Dataset, partners: xr.Dataset, observable: Observable) -> Array:
    """N⁻¹Σ(φ(Xᵢ) − φ(X̄ᵢ)) of each replica at the last time; its mean is E φ(X₁) − ∫φρ."""
    names = [name for name in ("x", "y", "z") if name in found]
    ours = observable(*(found[name].isel(time=-1) for name in names))
    theirs = observable(*(partners[f"{name}_coupled"].isel(time=-1) for name in names))
    return np.asarray((ours - theirs).mean("particle").values)


def _biases(trial: Trial, problem: Problem, sizes: Any, replicas: int, observable: Observable) -> Array:
    """Paired differences (size, replica) at t = 1/2."""
    equation: Any = problem.equation
    label, step = f"bias_{equation.scaling.translate(PLAIN)}", trial.pick(0.1, 0.05)
    values = []
    for n in sizes:
        found = trial.simulate(problem, n, (0.0, 0.5), replicas, label=label, dt=step, mean_field=True)
        values.append(_paired(found, found, observable))
    return np.array(values)


def _bias(label: str, sizes: Any, values: Array, slope: float, allowance: float) -> tuple[list[Row], Curve]:
    """Rows and curve of the mean of values (size, replica): its sign, and its slope in log N.

    The slope is that of the least-squares fit of c N^s to the means, which may come out with either sign
    where they are near 0, so that no logarithm of theirs is taken.
    """
    from scipy.optimize import curve_fit

    N = np.asarray(sizes, dtype=float)
    mean, error = values.mean(1), values.std(1, ddof=1) / sqrt(values.shape[1])
    degrees = values.shape[1] - 1
    try:
        fit, covariance = curve_fit(
            lambda n, c, s: c * n**s, N / N[0], mean, (mean[0], slope), error, absolute_sigma=True
        )
    except RuntimeError:  # no power of N is near the means
        fit, covariance = np.full(2, np.nan), np.full((2, 2), np.nan)
    rows = [
        Row(f"{label}, N = {sizes[0]}", 0.0, mean[0], error[0], ">=", degrees=degrees),
        Row(f"slope of {label}", slope, fit[1], sqrt(covariance[1, 1]), allowance=allowance),
    ]
    return rows, Curve(label, sizes, mean, error, mean[0] * (N / N[0]) ** slope)


@experiment(
    title="Vortices: the expectation of an observable misses its limit by O(1/N)",
    source=f"{DUALITY}, Theorem; the rate is that of a bounded second dual cumulant N²C_{{N,2}}",
    statement="If K is locally square integrable (of first order |x|K is enough, which admits Biot and "
    "Savart) and the limit has bounded Fisher information, the marginals converge; the error of the "
    "expectation of an observable is N∫∬V_f C_{N,2} f f, so it is O(1/N) where C_{N,2} = O(N⁻²), with the "
    "weight 1/(N−1) of a pair; the weight 1/N adds a term of the same order.",
    measured="E φ(X₁) − ∫φρ for two merging vortices, with φ = −sin x sin y and the weight 1/N, and with "
    "φ = cos 2x − cos 2y and 1/(N−1), as the mean of N⁻¹Σ(φ(Xᵢ) − φ(X̄ᵢ)) with mean-field partners of the "
    "same starts and noise; its slope in log N",
    prediction="positive, with the slope −1; orders beyond may change it by 1/N₀, N₀ the smallest size",
    refutation="a bias that does not fall, changes its sign, or falls more slowly",
    power="the paired difference takes off what fluctuates alike; the standard error of the slope tells",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0), "noise": diffusion_times(4.0)},
)
def weak_error_bias(trial: Trial) -> Finding:
    """Bias of a weak error of vortices for the weights 1/N and 1/(N−1)."""
    from mfpde.problems import vortex_merger

    merger = vortex_merger(variance=0.25, viscosity=0.1, circulation=8.0).replace(
        resolution={"x": 64, "y": 64}
    )
    replicas = trial.pick(700, 6000)
    cases: tuple[tuple[Any, Any, Observable], ...] = (
        ("1/N", trial.pick((6, 12, 24), (8, 16, 32, 64)), lambda x, y: -np.sin(x) * np.sin(y)),
        ("1/(N-1)", trial.pick((4, 8, 16), (4, 8, 16, 32)), lambda x, y: np.cos(2 * x) - np.cos(2 * y)),
    )
    rows, curves = [], []
    for scaling, sizes, φ in cases:
        equation = McKeanVlasov(BiotSavart(), 0.1, circulations=(8.0,), scaling=scaling)
        values = _biases(trial, merger.replace(equation=equation), sizes, replicas, φ)
        more, curve = _bias(f"bias, weight {scaling}", sizes, values, -1.0, 1 / sizes[0])
        rows += more
        curves.append(curve)
    return Finding(rows, curves, y_label="E φ(X₁) − ∫φρ")


@experiment(
    title="Sedimenting particles: N Stokeslets lag behind their limit by O(1/N)",
    source=f"{DUALITY}, Theorem, for its example of the Stokeslet",
    statement="The Stokeslet |K| ~ 1/|x| is locally square integrable in dimension 3, so the marginals of N "
    "particles that settle in each other's flow converge to the limit, from a law of bounded Fisher "
    "information.",
    measured="E φ(X₁) − ∫φρ with φ = sin z along gravity, for a normal cloud and the weight 1/N, as the mean "
    "of paired differences with mean-field partners; its slope in log N",
    prediction="positive, a lag, since a particle does not carry itself; slope −1, which orders beyond may "
    "change by 1/N₀",
    refutation="a bias that does not fall, changes its sign, or falls more slowly",
    power="the standard error of the slope",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0), "noise": diffusion_times(4.0)},
)
def stokeslet_bias(trial: Trial) -> Finding:
    """Bias of a weak error of particles that settle by Stokeslets."""
    grid = Grid(tuple(Axis(name, -6.0, 6.0, 32, "open") for name in ("x", "y", "z")))
    law = Maxwellian(0.0, 1.0, 3)
    problem = Problem(McKeanVlasov(Stokeslet((0.0, 0.0, 1.0)), 0.1), law, grid, 1.0)
    sizes, replicas = trial.pick(((4, 8, 16), 300), ((4, 8, 16, 32), 4000))
    values = _biases(trial, problem, sizes, replicas, lambda x, y, z: np.sin(z))
    rows, curve = _bias("bias", sizes, values, -1.0, 1 / sizes[0])
    return Finding(rows, [curve], y_label="E φ(X₁) − ∫φρ")


@dataclass(frozen=True)
class _Growing(McKeanVlasov):
    """Oscillators whose pairs have the weight N^{−1/2} in place of 1/N."""

    def for_size(self, size: int) -> McKeanVlasov:  # type: ignore[override]
        kernel: Any = self.kernel
        σ = at_size(self.diffusion, size)
        return McKeanVlasov(Kuramoto(sqrt(size) * kernel.coupling), σ, scaling=self.scaling)


def _weight(particles: Particles) -> Particles:
    right: Any = particles.problem.equation
    wrong = _Growing(right.kernel, right.diffusion, scaling=right.scaling)
    return replace(particles, problem=particles.problem.replace(equation=wrong))


@experiment(
    title="Dual cumulants fall like N^−2n for smooth kernels, and are the exact ones at N = 3",
    source=f"{DUALITY}, definition and a priori bounds of the dual cumulants",
    statement="The expectation Φ_N(x) of an averaged observable from the starts x is a sum of Hoeffding "
    "components C_{N,n} under f^{⊗N}, with Σ binom(N,n)‖C_{N,n}‖² = ‖Φ_N‖². In the mean-field limit the "
    "rescaled ones vanish; for smooth kernels ‖C_{N,n}‖² = O(N^{−2n}), so the orders from 2 on have a share "
    "O(1/N) of the variance.",
    measured="E D₁²/2, E D₁₂²/4 and the bound of the share of orders ≥ 2 by mixed differences of "
    "oscillators without noise, and their slopes in log N; at N = 3, with noise, all norms and ‖Φ_N‖²",
    prediction="slopes −2, −4 and −1, up to 1/N₀; at N = 3 the norms by Fourier series, and Σ binom ‖C‖² of "
    "the series for ‖Φ_N‖²",
    refutation="a slope that is off, or a norm at N = 3 beyond chance",
    power="samples of mixed differences have a relative spread of about 1 to 2, which gives slopes to some "
    "tenths with a hundred",
    plants={
        "sign": coupling_times(-1.0),
        "factor 2": coupling_times(2.0),
        "noise": diffusion_times(2.0),
        "weight N^(-1/2)": _weight,
    },
)
def cumulant_scaling(trial: Trial) -> Finding:
    """Dual cumulants of noisy oscillators: slopes in N, and exact norms at N = 3."""
    from mfpde.chaos.cumulants.estimates import dual_cumulants
    from mfpde.chaos.rates import fit_rate

    sizes, samples = trial.pick(((8, 16, 32), 60), ((8, 16, 32, 64, 128), 400))
    step = trial.pick(0.1, 0.05)
    problem = trial.particles(oscillators(0.5, 0.0, 0.1)).problem
    common: Any = {"seed": trial.seed, "dt": step, "executor": trial.executor}
    found = dual_cumulants(problem, sizes, times=[1.0], orders=(1, 2), samples=samples, **common).isel(time=0)
    rows, curves = [], []
    for name, order, slope, label in (
        ("superset", 1, -2.0, "E(D₁Φ)²/2"),
        ("superset", 2, -4.0, "E(D₁₂Φ)²/4"),
        ("share_bound", 2, -1.0, "share of orders ≥ 2"),
    ):
        values = found[name].sel(order=order)
        rows.append(rate_row(fit_rate(values), f"slope of {label}", slope, allowance=1 / sizes[0]))
        errors = values[f"{name}_stderr"].values
        theory = values.values[0] * (np.array(sizes) / sizes[0]) ** slope
        curves.append(Curve(label, sizes, values.values, errors, theory))
    return Finding([*rows, *_exact_norms(trial, common)], curves, y_label="squared norm, share")


def _exact_norms(trial: Trial, common: Any) -> list[Row]:
    """Norms of three oscillators by mixed differences against those of Fourier series."""
    from mfpde.chaos.cumulants.duality import duality_identity as both_sides
    from mfpde.chaos.cumulants.estimates import dual_cumulants

    right = oscillators(1.5, 0.5, 0.5).replace(resolution={"x": 32})
    norms = both_sides(right, 3, time=0.5, nodes=2)["initial_squared_norm"].values
    problem, samples = trial.particles(right).problem, trial.pick(400, 4000)
    found = dual_cumulants(problem, 3, times=[0.5], orders=(1, 2, 3), samples=samples, **common).isel(time=0)
    rows = []
    for n in (1, 2, 3):
        one = found["squared_norm"].sel(order=n)
        error = float(one["squared_norm_stderr"])
        rows.append(Row(f"‖C_{{3,{n}}}‖²", norms[n], float(one), error, degrees=samples - 1))
    total = sum(comb(3, n) * norm for n, norm in enumerate(norms))
    second = found["second_moment"]
    error = float(second["second_moment_stderr"])
    return [*rows, Row("‖Φ_3‖²", total, float(second), error, degrees=samples - 1)]


@experiment(
    title="Duality: the mean-field error of two and three particles is the integral of their second cumulant",
    source=f"{DUALITY}, the identity of the duality approach, with general weights",
    statement="With the weight 1/(N−1), ∫f_T^{⊗N}Φ − E Φ(X_T) = N∫∬V_f C_{N,2} f f dx dy dt, V_f = "
    "(K(x−y) − K∗f)·∇log f + div K(x−y) − div K∗f; with 1/N a term of C_{N,1} is added.",
    measured="the left side from the law of N = 2 and 3 oscillators by the Liouville equation, beside the "
    "limit, for both weights; no chance is involved",
    prediction="the right side, from the backward equation by Fourier series",
    refutation="a difference above 1e-8",
    power="every deviation above 1e-8; the left side is 0.02 to 0.05",
    plants={
        "sign": coupling_times(-1.0),
        "factor 2": coupling_times(2.0),
        "noise": diffusion_times(1.01),
        "1/N and 1/(N-1)": lambda particles: equation_with(scaling=_other(particles))(particles),
    },
)
def duality_identity(trial: Trial) -> Finding:
    """Both sides of the duality identity for two and three oscillators."""
    from mfpde.chaos.cumulants.duality import duality_identity as both_sides
    from mfpde.chaos.cumulants.joint import joint_law

    rows, curves = [], []
    for scaling in ("1/(N-1)", "1/N"):
        mine = []
        for n, cells in ((2, 64), (3, trial.pick(32, 48))):
            problem = oscillators(1.5, 0.5, 0.5, scaling).replace(resolution={"x": cells})
            exact = both_sides(problem, n, time=0.5)
            joint = joint_law(trial.particles(problem).problem, n, [0.5])["joint_density"].isel(time=0)
            # Φ is the mean of cos xᵢ and the law is symmetric: one of them is enough
            mean = float((joint * np.cos(joint["x1"])).sum()) * (2 * np.pi / cells) ** n
            left, right = float(exact["mean_field"]) - mean, float(exact["right"])
            mine.append(Row(f"mean-field error, N = {n}, weight {scaling}", right, left, allowance=1e-8))
        rows += mine
        curve = [row.measured for row in mine]
        curves.append(Curve(f"weight {scaling}", [2, 3], curve, theory=[row.predicted for row in mine]))
    return Finding(rows, curves, y_label="mean-field error", scale="linear")


def _other(particles: Particles) -> str:
    equation: Any = particles.problem.equation
    return "1/N" if equation.scaling == "1/(N-1)" else "1/(N-1)"


def _noise_stays(particles: Particles) -> Particles:
    """The noise of 16 particles at every N."""
    equation: Any = particles.problem.equation
    if equation.diffusion == 0:
        return particles
    return equation_with(viscosity=at_size(equation.viscosity, 16))(particles)


@experiment(
    title="Vortices with noise that vanishes as N → ∞ converge to Euler's equation",
    source=f"{DUALITY}, Theorem with ε_N → 0",
    statement="The theorem admits a noise σ_N → 0: the marginals converge to the solution of the "
    "equation without diffusion, here Euler's, whose round vortex is steady.",
    measured="against partners in Euler's steady vortex N(0, I), for σ_N = N⁻¹ and 0.1 N^−1/2: "
    "E|X|² − E|X̄|² over 4σ_N t; the slope of ∫φρ − E φ(X₁) with φ = e^{−|x|²/2}; for N⁻¹ that of √E|X − X̄|²",
    prediction="1 at every N, as z·K(z) = 0; the slope of 1/2 − 1/(2 + 2σ_N t), nearly −1 and −1/2; "
    "−1/2, less a logarithm of the singular kernel of 1/(2 log N)",
    refutation="a second moment off by more than chance, or errors that fall more slowly",
    power="relative standard error of the second moment about (σ_N t N R)^−1/2 with R replicas; a wrong "
    "force leaves a distance of order 1",
    plants={
        "sign": kernel_times(-1.0),
        "factor 2": kernel_times(2.0),
        "noise": diffusion_times(2.0),
        "noise that stays": _noise_stays,
    },
)
def vanishing_noise(trial: Trial) -> Finding:
    """Vortices whose viscosity vanishes with N against partners in Euler's steady vortex."""
    sizes, replicas = trial.pick(((16, 64, 256), 300), ((16, 32, 64, 128, 256, 512), 400))
    fast, slow = PowerOfN(1.0, -1.0), PowerOfN(0.1, -0.5)
    partners = {n: _round_vortex(trial, 0.0, n, replicas) for n in sizes}
    found = {σ: {n: _round_vortex(trial, σ, n, replicas) for n in sizes} for σ in (fast, slow)}
    square = np.array([_distance(found[fast][n], partners[n]) for n in sizes])
    fit = fitted(np.sqrt(square), sizes, trial.seed, reduction="rms")
    rows = [rate_row(fit, "slope of √E|X − X̄|², σ = N⁻¹", -0.5, allowance=0.5 / log(sizes[0]))]
    curves = [Curve("√E|X − X̄|², σ = N⁻¹", sizes, np.sqrt(square.mean(1)))]
    for σ, particles in found.items():
        more, close = _against_euler(σ, particles, partners)
        rows += more
        curves += close
    return Finding(rows, curves, y_label="error against Euler's equation")


def _round_vortex(trial: Trial, viscosity: float | PowerOfN, size: int, replicas: int) -> xr.Dataset:
    """Vortices of total circulation 8 from N(0, I); without viscosity also their partners."""
    grid = Grid(tuple(Axis(name, -8.4, 8.4, 64, "open") for name in ("x", "y")))
    problem = Problem(NavierStokes(viscosity, (8.0,)), Maxwellian(0.0, 1.0, 2), grid, 1.0)
    label = f"vortex_{viscosity.exponent:g}" if isinstance(viscosity, PowerOfN) else "euler"
    still = in_the_limit(viscosity) == viscosity
    return trial.simulate(
        problem, size, (0.0, 1.0), replicas, label=label, dt=trial.pick(0.1, 0.02), mean_field=still
    )


def _distance(found: xr.Dataset, partners: xr.Dataset) -> Array:
    gaps = [(found[name] - partners[f"{name}_coupled"]).isel(time=-1) ** 2 for name in ("x", "y")]
    return np.asarray((gaps[0] + gaps[1]).mean("particle").values)


def _against_euler(σ: PowerOfN, found: Any, partners: Any) -> tuple[list[Row], list[Curve]]:
    """Second moments and a bounded observable of vortices with vanishing noise."""
    sizes, name = list(found), f"σ = {σ.coefficient:g} N^{σ.exponent:g}"
    rows, values = [], []
    for n in sizes:
        growth = _paired(found[n], partners[n], lambda x, y: x**2 + y**2) / (4 * σ.at(n))
        error = growth.std(ddof=1) / sqrt(growth.size)
        label = f"growth of E|X|² over 4σt, {name}, N = {n}"
        rows.append(Row(label, 1.0, growth.mean(), error, degrees=growth.size - 1))
        values.append(-_paired(found[n], partners[n], lambda x, y: np.exp(-(x**2 + y**2) / 2)))
    heat = np.array([0.5 - 1 / (2 + 2 * σ.at(n)) for n in sizes])
    slope = float(np.polyfit(np.log(sizes), np.log(heat), 1)[0])
    more, curve = _bias(f"bias, {name}", sizes, np.array(values), slope, 1 / sizes[0])
    return rows + more, [replace(curve, theory=heat)]

"""Newton's particles with a cut-off N^−δ of the Coulomb force, and the Vlasov–Poisson equation."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.experiments.experiment import experiment
from mfpde.experiments.findings import Curve, Finding, Row, fitted, rate_row
from mfpde.experiments.plants import clock, equation_with, kernel_times
from mfpde.experiments.radial_gaussian import (
    characteristics,
    field_of,
    fluctuation_square,
    marginal,
    radial_run,
    regularised,
)
from mfpde.experiments.replay import measured_along
from mfpde.experiments.trial import Particles, Plant, Trial
from mfpde_solvers.power_of_n import PowerOfN

__all__: list[str] = []

Array = NDArray[Any]

TEXT = (
    "D. Lazarovici and P. Pickl, A mean field limit for the Vlasov-Poisson system, ARMA 225 (2017) 1201-1231"
)
POSITIONS, VELOCITIES = ("x", "y", "z"), ("vx", "vy", "vz")
DELTAS = (0.2, 0.25, 0.3)
PRINTED, REPAIRED = "as printed", "repaired"
ETA = 0.02
"""η of the repaired r_N = N^{(3δ−1)/2+η}; it has to be below (1 − 3δ)/2."""


def _cutoff(coefficient: float, exponent: float) -> Plant:
    """Another cut-off of the kernel of the particles."""

    def plant(particles: Particles) -> Particles:
        equation: Any = particles.problem.equation
        kernel = replace(equation.kernel, cutoff=PowerOfN(coefficient, exponent))
        return equation_with(kernel=kernel)(particles)

    return plant


def _without_cutoff_growth(particles: Particles) -> Particles:
    """A cut-off that does not depend on N."""
    return _cutoff(0.5, 0.0)(particles)


@experiment(
    title="The force of N independent points fluctuates like N^−(1−δ)/2 about the mean field",
    source=f"{TEXT}, Proposition 7.2 with α = 2",
    statement="For independent points and a kernel of size min(N^{αδ}, |q|^−α), the probability that some "
    "N⁻¹Σ_{j≠i}k(qᵢ − qⱼ) differs from the mean field by N^−β is below every power of N, for "
    "δ < min{(1−2β)/(2α−3), (1−β)/α}. For the force α = 2: β < (1 − δ)/2 when δ < 1/3.",
    measured="the root mean square over N points of N(0, I), its constant and its slope in log N, for "
    "δ = 0.2, 0.25, 0.3; how often the largest over the points stays below the threshold N^{2δ−1} of the "
    "set B_t as printed, and below N^{(δ−1)/2+η}",
    prediction="the exact variance of the sum, by quadrature at each N and δ; asymptotically slope −(1−δ)/2. "
    "The printed threshold needs β = 1 − 2δ > (1−δ)/2, outside the proposition for every δ < 1/3",
    refutation="a mean square off the exact one, or a slope off −(1−δ)/2, beyond chance and the exact "
    "finite-N correction of the slope",
    power="standard errors from the replicas, a few percent of the mean square",
    plants={
        "sign": kernel_times(-1.0),
        "factor 2": kernel_times(2.0),
        "fixed cut-off": _without_cutoff_growth,
    },
)
def force_fluctuations(trial: Trial) -> Finding:
    """Fluctuations of the force of independent points with the cut-off N^−δ."""
    sizes = trial.pick((64, 256, 1024), (64, 256, 1024, 4096, 16384))
    replicas = trial.pick(16, 64)
    rows, curves, kept = [], [], []
    for δ in DELTAS:
        squares, largest = _samples_of_force(trial, δ, sizes, replicas)
        exact = np.array([fluctuation_square(n, n**-δ) for n in sizes])
        mean, error = squares.mean(1), squares.std(1, ddof=1) / sqrt(replicas)
        n = sizes[-1]
        rows.append(
            Row(
                f"mean square over the exact one, δ = {δ:g}, N = {n}",
                1.0,
                mean[-1] / exact[-1],
                error[-1] / exact[-1],
                degrees=replicas - 1,
            )
        )
        asymptotic = -(1 - δ) / 2
        finite = np.polyfit(np.log(sizes), np.log(exact) / 2, 1)[0]
        fit = fitted(np.sqrt(squares), sizes, trial.seed, reduction="rms")
        rows.append(rate_row(fit, f"slope, δ = {δ:g}", asymptotic, allowance=abs(finite - asymptotic)))
        for name, exponent in ((PRINTED, 2 * δ - 1), (REPAIRED, (δ - 1) / 2 + ETA)):
            share = float((largest[-1] < n**exponent).mean())
            rows.append(Row(f"P(B) {name}, δ = {δ:g}, N = {n}", np.nan, share, relation="none"))
            kept.append((name, share))
        rms = np.sqrt(mean)
        curves.append(Curve(f"δ = {δ:g}", sizes, rms, error / (2 * rms), theory=np.sqrt(exact)))
    notes = (
        f"At N = {sizes[-1]} the largest force fluctuation stayed below the printed threshold N^(2δ−1) in a "
        f"share of {np.mean([s for name, s in kept if name == PRINTED]):.2g} of the samples, and below "
        f"N^((δ−1)/2+{ETA:g}) in {np.mean([s for name, s in kept if name == REPAIRED]):.2g}."
    )
    return Finding(rows, curves, y_label="root mean square force fluctuation", notes=notes)


def _samples_of_force(trial: Trial, δ: float, sizes: Any, replicas: int) -> tuple[Array, Array]:
    """Mean square and largest component over the points, each (size, replica)."""
    from mfpde.chaos.fluctuations import PairField
    from mfpde.particles.ensemble import INITIAL, random_stream
    from mfpde.problems import lazarovici_pickl

    right = lazarovici_pickl(δ)
    wrong = trial.particles(right).problem
    space = right.grid.positions
    squares, largest = np.empty((2, len(sizes), replicas))
    for row, n in enumerate(sizes):
        field = field_of(n**-δ)
        sums = PairField(wrong.equation.for_size(n), space, n)
        for replica in range(replicas):
            rng = np.random.default_rng(random_stream(trial.seed, n, replica, INITIAL))
            x = rng.standard_normal((n, 3))
            r = np.sqrt((x**2).sum(1, keepdims=True))
            gap = sums(x) - field(r) * x / r
            squares[row, replica], largest[row, replica] = (gap**2).sum(1).mean(), np.abs(gap).max()
    return squares, largest


@experiment(
    title="Particles with the cut-off N^−δ stay within N^−δ of their mean-field partners",
    source=f"{TEXT}, Theorem 4.2",
    statement="For δ < 1/3, P(∃t ≤ T: |Ψ − Φ|_∞ ≥ N^−δ) ≤ T C_β N^−β for every β, once N ≥ "
    "exp(((C₀T + 1)/(1 − 3δ))²): N particles with the force cut off at N^−δ, and their partners in the field "
    "of the regularised Vlasov–Poisson equation, from the same points, differ by less than N^−δ in the "
    "maximum norm of all coordinates.",
    measured="N^δ max|Ψ − Φ| and √E|Ψ − Φ|² up to T = 1 from a radial Gaussian, and their slopes in log N; "
    "the process J with r_N as printed and repaired",
    prediction="N^δ max → 0: the slope of the maximum is at most −δ; the root mean square falls like "
    "N^−1/2 up to logarithms, √log N of which take 1/(2 log N) off the slope. No laptop N is beyond the "
    "theorem's N₀, so the probability itself is not tested, and J is reported only",
    refutation="a maximum that falls more slowly than N^−δ, or a root mean square whose slope is not −1/2",
    power="bootstrap intervals of slopes; a wrong force leaves slope 0",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0), "clock": clock(1.2)},
)
def cutoff_coupling(trial: Trial) -> Finding:
    """Coupling of particles with cut-off to the regularised mean field of a radial Gaussian."""
    from mfpde.chaos.phase_space import LazaroviciPickl
    from mfpde.problems import lazarovici_pickl

    sizes = trial.pick((128, 1024), (512, 1024, 2048, 4096, 8192, 16384))
    replicas, times = 8, np.linspace(0.0, 1.0, 6)
    rows, curves, notes = [], [], []
    for δ in trial.pick((0.3,), (0.1, 0.2, 0.3)):
        problem = lazarovici_pickl(δ)
        rms, largest, J = [], [], []
        for n in sizes:
            found = trial.simulate(problem, n, times, replicas, label=f"delta{δ:g}", dt=0.1, mean_field=True)
            gap = _phase_space_gap(found)
            rms.append(np.sqrt((gap**2).sum(0).mean(-1)[-1]))
            largest.append(np.abs(gap).max((0, 1, 3)))
            metrics = (LazaroviciPickl(0.1), LazaroviciPickl(0.1, eta=ETA)) if δ < 1 / 3 else ()
            J.append([measured_along(metric, found, problem, n).mean() for metric in metrics])
        name = f"δ = {δ:g}"
        fit = fitted(np.array(largest), sizes, trial.seed)
        rows.append(rate_row(fit, f"slope of max|Ψ − Φ|, {name}", -δ, relation="<="))
        fit = fitted(np.array(rms), sizes, trial.seed, reduction="rms")
        allowance = 0.5 / log(sizes[0])
        rows.append(rate_row(fit, f"slope of √E|Ψ − Φ|², {name}", -0.5, allowance=allowance))
        for place, variant in enumerate((PRINTED, REPAIRED)):
            rows.append(
                Row(f"E J {variant}, Λ = 0.1, {name}, N = {sizes[-1]}", np.nan, J[-1][place], relation="none")
            )
        scaled = np.array(largest) * np.array(sizes)[:, None] ** δ
        curves.append(_mean_curve(f"N^δ max|Ψ − Φ|, {name}", sizes, scaled, δ - 0.5))
        notes.append(f"N^δ max|Ψ − Φ| is {scaled[-1].mean():.2g} at N = {sizes[-1]} for {name}.")
    return Finding(rows, curves, y_label="N^δ max|Ψ − Φ| up to T = 1", notes=" ".join(notes))


def _phase_space_gap(found: xr.Dataset) -> Array:
    """(X − X̄, V − V̄), (coordinate, time, replica, particle)."""
    names = POSITIONS + VELOCITIES
    gaps = [found[name] - found[f"{name}_coupled"] for name in names]
    return np.stack([gap.transpose("time", "replica", "particle").values for gap in gaps])


def _mean_curve(label: str, sizes: Any, values: Array, slope: float) -> Curve:
    """Means over replicas, values (size, replica), with a line of the slope through the last."""
    mean = values.mean(1)
    theory = mean[-1] * (np.asarray(sizes) / sizes[-1]) ** slope
    return Curve(label, sizes, mean, values.std(1, ddof=1) / sqrt(values.shape[1]), theory)


@experiment(
    title="The empirical measure converges to Vlasov–Poisson as fast as independent samples do",
    source=f"{TEXT}, Corollary 4.3 and Theorem 4.4",
    statement="W_p(μ_N, f_t) ≤ N^{−γ+1−3δ} with large probability, for γ < min(1/6, 1/2p, δ), which says "
    "something for 5/18 < δ < 1/3; f solves Vlasov–Poisson without a cut-off. Marginals of k particles "
    "converge to products of f_t at nearly the rate N^−δ.",
    measured="W₁ of the positions along x against the marginal of f_t, t = 2, over replicas, for δ = 0.3; "
    "the same for the mean-field partners, which are independent with law f^N_t",
    prediction="slope −1/2, that of independent samples along one axis, far within the bound (in six "
    "dimensions the floor N^−1/6 would hide everything). The ratio to the floor is reported: it tends to a "
    "constant that need not be 1, as the linearised equation carries the initial fluctuations on",
    refutation="a slope other than −1/2: a wrong limit leaves W₁ constant",
    power="the bootstrap interval of the slope over a factor 8 in N (16 in a full run)",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0), "clock": clock(1.2)},
)
def empirical_measure(trial: Trial) -> Finding:
    """W₁ of the particles with cut-off to the solution of Vlasov–Poisson along one axis."""
    from mfpde.chaos.transport.exact import Wasserstein
    from mfpde.problems import lazarovici_pickl

    δ, T = 0.3, 2.0
    sizes, replicas = trial.pick((128, 1024), (512, 2048, 8192)), trial.pick(16, 32)
    problem = lazarovici_pickl(δ)
    target = Wasserstein(axes=("x",)).target(marginal(T, trial.pick(2**13, 2**17)))
    values, floors = np.empty((2, len(sizes), replicas))
    for row, n in enumerate(sizes):
        found = trial.simulate(problem, n, (0.0, T), replicas, dt=0.1, mean_field=True).isel(time=-1)
        for r in range(replicas):
            values[row, r] = target.distance(found["x"].values[r][:, None])
            floors[row, r] = target.distance(found["x_coupled"].values[r][:, None])
    excess = (values[-1] - floors[-1]) / floors[-1].mean()
    fit = fitted(values, sizes, trial.seed)
    rows = [
        rate_row(fit, "slope of W₁", -0.5),
        Row(
            f"W₁ over its i.i.d. floor, N = {sizes[-1]}",
            np.nan,
            1 + excess.mean(),
            excess.std(ddof=1) / sqrt(replicas),
            relation="none",
        ),
    ]
    curve = _mean_curve("W₁(μ_N, ρ) along x", sizes, values, -0.5)
    floor = Curve("mean-field partners", sizes, floors.mean(1), floors.std(1, ddof=1) / sqrt(replicas))
    return Finding(rows, [replace(curve, floor=floors.mean(1)), floor], y_label="W₁ along x")


@experiment(
    title="The regularised Vlasov–Poisson equation converges as its cut-off vanishes",
    source=f"{TEXT}, Proposition 9.1",
    statement="W_p(f^N_t, f_t) ≤ N^−δ exp(t 2C₀√log N): the solutions with the cut-off ε = N^−δ and without, "
    "from the same datum, differ by at most nearly ε.",
    measured="the distance in phase space of the characteristics of both runs from 2000 common starts, root "
    "mean square and largest, at t = 1 for ε = 0.4 … 0.14 (N = ε^{−1/δ}); no interacting particles",
    prediction="at least first order in ε; second order for smooth densities, as the cut-off replaces ρ by "
    "its mean over balls of radius ε, and k_ε∗ρ − k∗ρ = −k∗(Δρ)ε²/10 + O(ε⁴)",
    refutation="an order below 1, or one that is not 2 on smooth data",
    power="deterministic: orders are found to 0.1; with n shells the field without a cut-off is a staircase, "
    "which takes 0.05 off the order with 2¹⁵ shells",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0)},
)
def cutoff_to_coulomb(trial: Trial) -> Finding:
    """Two deterministic runs, with a cut-off and without."""
    count, steps, T = trial.pick(2**15, 2**18), 20, 1.0
    cutoffs = np.array(trial.pick((0.4, 0.283, 0.2), (0.4, 0.283, 0.2, 0.141)))
    points = regularised(0.0).law.rvs(2000, np.random.default_rng(trial.seed))
    exact = characteristics(radial_run(0.0, count, dt=T / steps), points, T, steps)
    rms, largest = [], []
    for ε in cutoffs:
        equation = trial.particles(regularised(float(ε))).problem.equation
        run = radial_run(float(ε), count, equation, dt=T / steps)
        gap = characteristics(run, points, T, steps) - exact
        rms.append(sqrt(float((gap**2).sum(1).mean())))
        largest.append(float(np.abs(gap).max()))
    order = np.polyfit(np.log(cutoffs), np.log(rms), 1)[0]
    rows = [
        Row("order in ε", 1.0, order, relation=">="),
        Row("order in ε, smooth density", 2.0, order, allowance=0.1),
        *(
            Row(f"largest distance over ε, ε = {ε:g}", np.nan, gap / ε, relation="none")
            for ε, gap in zip(cutoffs, largest, strict=True)
        ),
    ]
    curves = [
        Curve("root mean square", cutoffs, rms, theory=rms[0] * (cutoffs / cutoffs[0]) ** 2),
        Curve("largest", cutoffs, largest),
    ]
    return Finding(rows, curves, x_label="cut-off ε", y_label="distance of characteristics at t = 1")


def _softer(exponent: float, delta: float) -> Any:
    """The radial Gaussian with the kernel z/|z|^{α+1}, cut off at N^−δ."""
    from mfpde.problems import lazarovici_pickl
    from mfpde_solvers.kernels import PowerLaw

    problem = lazarovici_pickl()
    kernel = PowerLaw(3, exponent, 1.0, PowerOfN(1.0, -delta))
    return problem.replace(equation=replace(problem.equation, kernel=kernel))  # type: ignore[type-var]


@experiment(
    title="Milder singularities: N particles approach the large system that contains them like N^−1/2",
    source=f"{TEXT}, Theorem 10.1",
    statement="For forces of size |q|^−α, α < 2, cut off at N^−δ with δ < 1/(1+α), the empirical measure "
    "is within N^−γ of the solution of the Vlasov equation for γ ≤ min(1/6, δ), with probability near 1. "
    "α = 1, δ = 0.4 is beyond the reach of Coulomb forces.",
    measured="√E|Z^N_i − Z^M_i|² at t = 1, the N particles against the same ones in a system of M ≫ N that "
    "contains their starts: it takes the place of the mean field, to which both converge",
    prediction="proportional to √(1/N − 1/M), the fluctuation of the mean over N points less that over M: "
    "slope −1/2 of the distance over √(1 − N/M)",
    refutation="a slope other than −1/2, logarithms of 1/(2 log N) allowed",
    power="the bootstrap interval of the slope; a wrong force leaves slope 0",
    plants={"sign": kernel_times(-1.0), "factor 2": kernel_times(2.0)},
)
def milder_singularity(trial: Trial) -> Finding:
    """Particles with the force 1/|q| cut off at N^−0.4 against a larger system."""
    from mfpde.particles.simulation import simulate

    α, δ, T = 1.0, 0.4, 1.0
    sizes = trial.pick((32, 64, 128, 256), (64, 128, 256, 512, 1024, 2048))
    large, replicas = trial.pick((2048, 6), (16384, 12))
    problem = _softer(α, δ)
    reference = simulate(
        problem,
        large,
        (0.0, T),
        replicas=replicas,
        seed=trial.seed,
        dt=0.1,
        executor=trial.executor,
        path=trial.file(f"reference_{large}"),
        overwrite=trial.overwrite,
        resume=not trial.overwrite,
        progress=trial.progress,
    )
    values = []
    for n in sizes:
        part = reference.isel(particle=slice(0, n))
        found = trial.simulate(problem, n, (0.0, T), replicas, dt=0.1, initial=part.isel(time=0))
        gap = sum((found[v] - part[v]).isel(time=-1) ** 2 for v in POSITIONS + VELOCITIES)
        values.append(np.sqrt(gap.mean("particle").values / (1 - n / large)))  # type: ignore[union-attr]
    fit = fitted(np.array(values), sizes, trial.seed, reduction="rms")
    row = rate_row(fit, "slope of √E|Z^N − Z^M|²/√(1 − N/M)", -0.5, allowance=0.5 / log(sizes[0]))
    curve = _mean_curve(f"M = {large}", sizes, np.array(values), -0.5)
    return Finding([row], [curve], y_label="√E|Z^N − Z^M|² / √(1 − N/M)")

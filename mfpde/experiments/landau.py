"""Particles of the Landau equation of Maxwell molecules on the whole space."""

from __future__ import annotations

from math import exp, expm1, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.experiments.constants import constants_finding
from mfpde.experiments.experiment import experiment
from mfpde.experiments.findings import Curve, Finding, Row, fitted, rate_row
from mfpde.experiments.plants import clock, equation_with
from mfpde.experiments.trial import Particles, Trial
from mfpde_solvers.landau.conservative import ConservativeLandau

__all__: list[str] = []

Array = NDArray[Any]

LANDAU = (
    "J. A. Carrillo, X. Feng, S. Guo, P.-E. Jabin and Z. Wang, Relative entropy method for particle "
    "approximation of the Landau equation for Maxwellian molecules (2024)"
)


def _other_exponent(particles: Particles) -> Particles:
    """Collisions that depend on the speed like 1/|z|, soft potentials."""
    return equation_with(exponent=-1.0)(particles)


@experiment(
    title="Landau particles: temperature is lost to the mean velocity at the rate 4(d−1)/N",
    source=f"{LANDAU}, the system of the Theorem; exact consequence",
    statement="H_N ≤ H_N(0) + C_T √N for Maxwell molecules. The N-particle system of independent noises "
    "keeps the energy and the momentum in the mean only: the mean velocity walks at random, and the "
    "temperature pays, E tr Q = d(1 − 1/N) exp(−4(d−1)t/N) with Q the covariance of the N velocities.",
    measured="tr Q averaged over replicas at several times, for N = 5 … 50 in three dimensions, and the "
    "kinetic energy",
    prediction="d(1 − 1/N) exp(−4(d−1)t/N); d/2 for the energy",
    refutation="a temperature or energy off by more than chance and the step, whose effect on the law is "
    "known exactly and allowed for",
    power="standard errors from the replicas, 1–2 % in a small run; the loss itself is 80 % for N = 5",
    plants={"factor 2": clock(2.0), "exponent": _other_exponent},
)
def landau_temperature_loss(trial: Trial) -> Finding:
    """E tr Q of Landau's particles against its exact law."""
    from mfpde.problems import anisotropic_landau

    d, h = 3, trial.pick(0.0125, 0.0025)
    problem = anisotropic_landau(d, 0.0, (1.0,) * d)
    times = np.array((0.0, 0.25, 0.5, 1.0))
    rows, curves = [], []
    for n, replicas in trial.pick(((5, 150), (20, 50)), ((5, 4000), (10, 2000), (20, 1000), (50, 400))):
        found = trial.simulate(problem, n, times, replicas, dt=h)
        V = np.stack(
            [found[name].transpose("time", "replica", "particle").values for name in ("vx", "vy", "vz")]
        )
        trace = ((V - V.mean(-1, keepdims=True)) ** 2).sum(0).mean(-1)
        mean, error = trace.mean(1), trace.std(1, ddof=1) / sqrt(replicas)
        expected = d * (1 - 1 / n) * np.exp(-4 * (d - 1) * times / n)
        stepped = d * (1 - 1 / n) * (1 + expm1(-4 * (d - 1) * h) / n) ** (times / h)
        for i in (1, 2, 3):
            name = f"E tr Q, N = {n}, t = {times[i]:g}"
            allowance = abs(stepped[i] - expected[i])
            rows.append(Row(name, expected[i], mean[i], error[i], allowance=allowance, degrees=replicas - 1))
        energy = (V**2).sum(0).mean(-1)[-1] / 2
        rows.append(
            Row(
                f"kinetic energy, N = {n}, t = {times[-1]:g}",
                d / 2,
                energy.mean(),
                energy.std(ddof=1) / sqrt(replicas),
                degrees=replicas - 1,
            )
        )
        curves.append(Curve(f"N = {n}", times, mean, error, theory=expected))
    return Finding(rows, curves, x_label="t", y_label="E tr Q", scale="linear")


def _coefficient_gap(V: Array) -> Array:
    """N⁻¹Σ|a∗f(Vᵢ) − N⁻¹Σⱼ a(Vᵢ−Vⱼ)|² for Maxwell molecules and f = N(0, I), velocities (..., N, d).

    Both matrices are (|u|² + tr P) I − uuᵀ − P: about 0 with P = I for f, about the mean with P = Q.
    """
    d, m = V.shape[-1], V.mean(-2, keepdims=True)
    u = V - m
    Q = np.einsum("...ni,...nj->...ij", u, u) / V.shape[-2]

    def matrix(w: Array, P: Array) -> Array:
        trace = (w**2).sum(-1) + np.trace(P, axis1=-2, axis2=-1)[..., None]
        return np.asarray(
            trace[..., None, None] * np.eye(d) - w[..., :, None] * w[..., None, :] - P[..., None, :, :]
        )

    gap = matrix(V, np.broadcast_to(np.eye(d), Q.shape)) - matrix(u, Q)
    return np.asarray((gap**2).sum((-2, -1)).mean(-1))


def coefficient_constant(dim: int, time: float) -> float:
    """N times the gap of Proposition 2 as N → ∞, along the particles that start in equilibrium.

    With m = N⁻¹ΣV and S = N⁻¹ΣVVᵀ − I it is E[(6d−6)|m|² + (d−2)(tr S)² + |S|²]. Linearised at equilibrium
    N E|m|² = d + 4d(d−1)t, N E(tr S)² = 2d + 8d(d−1)t, and the traceless part of S relaxes at the rate 4d
    under a noise that leaves N E|S₀|² = (d−1)(d+2)[1 − (1 − e^{−8dt})/2d].

    Examples
    --------
    >>> coefficient_constant(3, 0.0), coefficient_constant(2, 0.0)
    (54.0, 18.0)
    """
    d, t = dim, time
    mean, trace = d + 4 * d * (d - 1) * t, 2 * d + 8 * d * (d - 1) * t
    traceless = (d - 1) * (d + 2) * (1 - (1 - exp(-8 * d * t)) / (2 * d))
    return (6 * d - 6) * mean + (d - 2) * trace + trace / d + traceless


@experiment(
    title="Landau particles: the diffusion matrices of N particles fluctuate like 1/N",
    source=f"{LANDAU}, Proposition 2",
    statement="For T = O(N), N⁻¹ Σᵢ E|a∗f(Vᵢ) − N⁻¹ Σⱼ a(Vᵢ − Vⱼ)|² ≲ (1 + T)/N for Maxwell molecules: a law "
    "of large numbers along the interacting particles, with a constant that grows at most linearly in time.",
    measured="the left side from replicas in equilibrium, at t = 0 and later, and its slope in log N",
    prediction="slope −1; 54/N + 12/N² for independent samples in three dimensions; later 1/N times a "
    "constant that grows linearly, from the linear fluctuations about equilibrium",
    refutation="a slope or a constant off by more than chance and the next order in 1/N",
    power="standard errors from the replicas, a few percent of the constant; O(1) errors show in the slope",
    plants={"factor 2": clock(2.0), "exponent": _other_exponent},
)
def landau_coefficients(trial: Trial) -> Finding:
    """Fluctuation of the coefficients of Landau's particles about a∗f."""
    from mfpde.problems import anisotropic_landau

    d, h = 3, trial.pick(0.01, 0.0025)
    problem = anisotropic_landau(d, 0.0, (1.0,) * d)
    times = trial.pick(np.array((0.0, 0.25)), np.array((0.0, 0.25, 0.5, 1.0)))
    sizes = trial.pick((32, 256), (32, 64, 128, 256, 512, 1024, 2048))
    replicas = trial.pick(128, 512)
    values = []
    for n in sizes:
        found = trial.simulate(problem, n, times, replicas, dt=h)
        parts = [found[name].transpose("time", "replica", "particle").values for name in ("vx", "vy", "vz")]
        values.append(_coefficient_gap(np.stack(parts, axis=-1)))
    gap = np.array(values)  # (size, time, replica)
    mean, error = gap.mean(-1), gap.std(-1, ddof=1) / sqrt(replicas)
    N = np.array(sizes)
    rows, curves = [], []
    for i, t in enumerate(times):
        exact, last = coefficient_constant(d, t), len(sizes) - 1
        # the mean walks too slowly by the factor 1 − 2(d−1)h in a scheme of step h; next order in 1/N
        beyond = 2 * (d - 1) * h * (exact - coefficient_constant(d, 0.0)) + exact * 12 * (1 + t) / N[last]
        expected = exact + 12 / N[last] if t == 0 else exact
        rows.append(
            Row(
                f"N × gap at N = {N[last]}, t = {t:g}",
                expected,
                N[last] * mean[last, i],
                N[last] * error[last, i],
                allowance=0.0 if t == 0 else beyond,
                degrees=replicas - 1,
            )
        )
        fit = fitted(gap[:, i], sizes, trial.seed)
        rows.append(
            rate_row(fit, f"slope of the gap in N, t = {t:g}", -1.0, allowance=0.03 if t == 0 else 0.1)
        )
        curves.append(Curve(f"t = {t:g}", N, mean[:, i], error[:, i], theory=exact / N))
    return Finding(rows, curves, y_label="N⁻¹ΣE|a∗f(Vᵢ) − N⁻¹Σa(Vᵢ−Vⱼ)|²")


@experiment(
    title="Landau: the logarithmic derivatives of the limit grow as Proposition 3 allows",
    source=f"{LANDAU}, Proposition 3",
    statement="|∇log f| ≲ 1 + √t + |v| and |∇²log f| ≲ 1 + t + |v|² for Maxwell molecules from data that "
    "satisfy it at first.",
    measured="the smallest constants over time and velocities, from unequal temperatures in the plane",
    prediction="finite constants; the theorem does not say which, so they are reported without a verdict",
    refutation="constants that grow without bound in time, to be seen in the figure",
    power="none: no number is predicted",
)
def landau_log_bounds(trial: Trial) -> Finding:
    """Constants of the bounds of the logarithmic derivatives of the Landau equation."""
    from mfpde.problems import anisotropic_landau

    problem = anisotropic_landau(2)
    times = np.linspace(0.0, trial.pick(0.25, 2.0), trial.pick(5, 41))
    names = ("log_gradient_quotient", "log_hessian_quotient")
    return constants_finding(problem, times, names, ConservativeLandau(bounds=True))

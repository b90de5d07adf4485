"""Errors to plant in the system of particles, which an experiment has to find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mfpde.experiments.trial import Particles, Plant
from mfpde_solvers.power_of_n import PowerOfN

__all__ = ["clock", "diffusion_times", "equation_with", "kernel_times", "new_noise"]


def equation_with(**changes: Any) -> Plant:
    """Fields of the equation replaced, e.g. ``scaling="1/(N-1)"``."""

    def plant(particles: Particles) -> Particles:
        right: Any = particles.problem.equation
        equation = replace(right, **changes)
        return replace(particles, problem=particles.problem.replace(equation=equation))

    return plant


def kernel_times(factor: float) -> Plant:
    """The kernel times a factor: −1 is the wrong sign."""

    def plant(particles: Particles) -> Particles:
        equation: Any = particles.problem.equation
        if hasattr(equation, "strength"):  # a log gas
            wrong = replace(equation, strength=factor * equation.strength)
        elif hasattr(equation.kernel, "strength"):
            wrong = replace(
                equation, kernel=replace(equation.kernel, strength=factor * equation.kernel.strength)
            )
        else:  # vortices carry the factor in their circulations
            wrong = replace(equation, circulations=tuple(factor * m for m in equation.circulations))
        return replace(particles, problem=particles.problem.replace(equation=wrong))

    return plant


def diffusion_times(factor: float) -> Plant:
    """σ times a factor."""

    def plant(particles: Particles) -> Particles:
        equation = particles.problem.equation
        name = "viscosity" if hasattr(equation, "viscosity") else "diffusion"
        σ = getattr(equation, name)
        wrong = PowerOfN(factor * σ.coefficient, σ.exponent) if isinstance(σ, PowerOfN) else factor * σ
        return equation_with(**{name: wrong})(particles)

    return plant


def clock(factor: float) -> Plant:
    """All coefficients of the particles times a factor: they run that many times as fast."""
    return lambda particles: replace(particles, clock=factor * particles.clock)


def new_noise(particles: Particles) -> Particles:
    """Brownian paths that the mean-field partners do not share."""
    return replace(particles, noise=particles.noise + 1)

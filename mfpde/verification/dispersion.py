"""Roots of the dispersion relations of plasmas and of self-gravitating clouds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["collisional_root", "damped_wave", "root"]

Beams = Sequence[tuple[float, float, float]]


def root(
    wavenumber: float, beams: Beams = ((1.0, 0.0, 1.0),), sign: int = 1, guess: complex = 1.4 - 0.1j
) -> complex:
    """Root ω near a guess of 1 + s Σⱼ wⱼ (1 + ζⱼ Z(ζⱼ))/(k θⱼ)² = 0, ζⱼ = (ω − k uⱼ)/(√2 k θⱼ).

    Z is the plasma dispersion function (B. D. Fried and S. D. Conte, 1961).

    Parameters
    ----------
    wavenumber : float
        k.
    beams : sequence of (weight, mean velocity u, thermal speed θ)
    sign : {1, −1}
        s: a plasma, or gravity.
    guess : complex
    """
    from scipy.special import wofz

    def relation(ω: complex) -> complex:
        total = 0j
        for weight, u, θ in beams:
            ζ = (ω - wavenumber * u) / (np.sqrt(2) * wavenumber * θ)
            total += weight * (1 + ζ * 1j * np.sqrt(np.pi) * wofz(ζ)) / (wavenumber * θ) ** 2
        return 1 + sign * total

    return _secant(relation, guess)


def collisional_root(wavenumber: float, collision_rate: float, guess: complex = 1.4 - 0.2j) -> complex:
    """Root of 1 + ∫₀^∞ e^{iωt} (1 − e^{−νt})/ν e^{−k²φ(t)} dt = 0, φ = (νt − 1 + e^{−νt})/ν².

    (1 − e^{−νt})/ν is the displacement by a kick and 2φ the variance of the free displacement of a
    particle of friction and diffusion ν, at rest in temperature 1.
    """
    k, ν = wavenumber, collision_rate
    nodes, weights = np.polynomial.legendre.leggauss(20)
    ends = np.linspace(0.0, 40.0 / k, 401)  # the integrand is below 1e-40 there for k < 1
    h = ends[1] - ends[0]
    t = (ends[:-1, None] + h * (nodes + 1) / 2).ravel()
    w = np.tile(h * weights / 2, len(ends) - 1)
    moved = -np.expm1(-ν * t) / ν * np.exp(-(k**2) * (ν * t + np.expm1(-ν * t)) / ν**2)
    return _secant(lambda ω: complex(1 + (w * moved) @ np.exp(1j * ω * t)), guess)


def _secant(function: Callable[[complex], complex], guess: complex) -> complex:
    before, now = guess, guess + 1e-3 * (1 + 1j)
    value = function(before)
    for _ in range(60):
        new = function(now)
        if abs(new) < 1e-14 or new == value:
            return now
        before, now, value = now, now - new * (now - before) / (new - value), new
    raise ArithmeticError(f"no root of the dispersion relation was found near {guess}")


def damped_wave(t: np.ndarray, field: np.ndarray, guess: complex) -> complex:
    """ω + iγ of a real field ~ e^{γt} cos(ωt − φ), by least squares from a guess."""
    from scipy.optimize import least_squares

    scaled = field / np.abs(field).max()

    def misfit(parameters: np.ndarray) -> np.ndarray:
        size, γ, ω, phase = parameters
        return np.asarray(size * np.exp(γ * (t - t[0])) * np.cos(ω * t - phase) - scaled)

    starts = ([1.0, guess.imag, guess.real, phase] for phase in (0.0, 2.0, 4.0))
    fits = (least_squares(misfit, start, xtol=1e-14, ftol=1e-14, gtol=1e-14) for start in starts)
    _, γ, ω, _ = min(fits, key=lambda fit: float(fit.cost)).x
    return complex(ω, γ)

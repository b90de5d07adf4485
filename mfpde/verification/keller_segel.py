"""Keller–Segel: the virial law, the critical mass, the threshold on the torus, the free energy."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi

import numpy as np

from mfpde import problems
from mfpde.solvers import Radial
from mfpde.verification.checks import FloatArray, check, course, solved
from mfpde.verification.facts import Fact, decreasing, equal, kept

__all__: list[str] = []

NAME = "keller_segel"


@check(NAME)
def subcritical() -> Iterator[Fact]:
    """Half the critical attraction, from N(0, 1) in the plane."""
    found = solved(problems.keller_segel(), [0.0, 1.0])
    M2, t = course(found, "second_moment"), found["diagnostic_time"].values
    yield equal(
        "M₂′ = 4σ − χ/2π", 2.0, (M2[-1] - M2[0]) / (t[-1] - t[0]), 1e-6, "spectral; local errors of 1e-9"
    )
    yield kept("mass", course(found, "mass"), 1e-11, "round-off")
    yield decreasing("the free energy", course(found, "free_energy"), 0.0)
    ρ = found["density"].values
    yield equal(
        "ρ < 0, relative to its maximum", 0.0, max(-float(ρ.min() / ρ.max()), 0.0), 1e-9, "local errors"
    )


@check(NAME)
def critical() -> Iterator[Fact]:
    """The critical attraction 8πσ on radial data, where the second moment rests."""
    found = solved(problems.keller_segel(8 * pi), [0.0, 1.0], solver=Radial())
    M2 = course(found, "second_moment")
    yield equal("M₂′ at χ = 8πσ", 0.0, M2[-1] - M2[0], 1e-6, "the default tolerance of the radial scheme")
    yield equal("mass at χ = 8πσ", 1.0, course(found, "mass")[-1], 1e-9, "round-off")


@check(NAME)
def steady() -> Iterator[Fact]:
    """The steady profile 1/(π(1 + r²)²) of the critical attraction, of infinite second moment."""

    def profile(x: FloatArray) -> FloatArray:
        return np.asarray(1 / (pi * (1 + (x**2).sum(axis=-1)) ** 2))

    found = solved(problems.keller_segel(8 * pi).replace(law=profile), [0.0, 1.0], solver=Radial())
    ρ = found["density"].values
    yield equal("change of the steady profile", 0.0, np.abs(ρ[1] / ρ[0] - 1).max(), 1e-6, "default tolerance")


@check(NAME)
def on_the_torus() -> Iterator[Fact]:
    """Small waves on the torus grow by χ/4π² − σ|k|²; the longest rest at χ = 4π²σ."""
    a, t = 1e-5, 0.5

    def wave(x: FloatArray) -> FloatArray:
        return np.asarray((1 + a * np.cos(x[..., 0])) / (4 * pi**2))

    for χ, name in ((4 * pi, "χ = 4π"), (4 * pi**2, "χ = 4π²σ"), (-4 * pi, "χ = −4π")):
        problem = problems.keller_segel(χ, domain="torus").replace(law=wave)
        found = solved(problem, [0.0, t], save=("density",))
        size = (found["density"] * np.cos(found["x"])).sum(("x", "y")).values
        measured = np.log(size[1] / size[0]) / t
        reason = "the amplitude 1e-5, and local errors of 1e-9"
        yield equal(f"torus, {name}: growth rate", χ / (4 * pi**2) - 1, measured, 1e-4, reason)


@check(NAME, full=True)
def supercritical() -> Iterator[Fact]:
    """Beyond the critical attraction, χ = 12π: blow-up before the virial time."""
    found = solved(problems.keller_segel(12 * pi), np.linspace(0, 1, 21), save=("potential",))
    virial = 2 / (12 * pi / (2 * pi) - 4)
    time = float(found.attrs.get("blow_up_time", np.nan))
    yield equal("blow-up time beyond the virial time", 0.0, max(time - virial, 0.0), 0.0, "an inequality")

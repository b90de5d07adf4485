"""Gradient flows of the first order: chemotaxis, logarithmic and Riesz gases, phases, harmonic attraction.

In all of them ρ has mass 1 and ∂ₜρ + div(ρ K∗ρ) = σ Δρ. Boxes hold what is above 1e-15 of the maximum at
first, and for exact solutions until the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi, sqrt
from typing import Any

from mfpde.laws import Maxwellian, Perturbed
from mfpde.laws.bounded import Semicircle
from mfpde.laws.periodic import Cells
from mfpde.problems.cases import catalogued
from mfpde.problems.problem import Problem
from mfpde.problems.solutions import RelaxingGaussian, SpreadingSemicircle
from mfpde_solvers.equations import FirstOrder, KellerSegel, Kuramoto, LogGas, McKeanVlasov
from mfpde_solvers.grid import POSITIONS, Axis, Grid
from mfpde_solvers.kernels import Harmonic, Riesz
from mfpde_solvers.kernels import LogGas as LogGasKernel
from mfpde_solvers.power_of_n import PowerOfN

__all__ = [
    "dyson",
    "harmonic",
    "keller_segel",
    "kuramoto",
    "log_gas",
    "riesz_gas",
]

DEVIATIONS = 8.4  # of a Gaussian that a box holds; beyond, it is less than 1e-15 of its maximum
CELLS = {1: 256, 2: 128, 3: 48}
MARGIN = 1.2  # of a box over the radius of a compact support


@dataclass(frozen=True)
class LinearDrift:
    """S(x) = −λx."""

    rate: float

    def __call__(self, x: Any) -> Any:
        """(..., d) → (..., d)."""
        return -self.rate * x


@catalogued
def keller_segel(chi: float = 4 * pi, diffusion: float = 1.0, domain: str = "plane") -> Problem:
    """Patlak's and Keller and Segel's equation: K(z) = −χz/(2π|z|²), from N(0, 1) or on a torus.

    In the plane M₂ = ∫|x|²ρ grows by 4σ − χ/2π. Beyond χ = 8πσ there is blow-up, not later than
    2/(χ/2π − 4σ). On the torus [0, 2π)² the datum is (1 + ½ cos x cos y)/4π²; small waves of wavenumber k
    grow by χ/4π² − σ|k|².

    Parameters
    ----------
    chi : float
        χ; attracts where positive.
    diffusion : float
        σ > 0.
    domain : {"plane", "torus"}
    """
    if domain not in ("plane", "torus"):
        raise ValueError(f"domain must be 'plane' or 'torus', got {domain!r}")
    equation = KellerSegel(_finite("chi", chi), _positive("diffusion", diffusion))
    plane = domain == "plane"
    torus = Grid(tuple(Axis(name, 0.0, 2 * pi, 128) for name in ("x", "y")))
    return Problem(
        equation,
        Maxwellian(0.0, 1.0, 2) if plane else Cells(1, 0.5),
        _box(2, DEVIATIONS) if plane else torus,
        1.0,
        description="aggregation against diffusion, with a critical attraction",
        citation="A. Blanchet, J. Dolbeault and B. Perthame, Two-dimensional Keller-Segel model: optimal "
        "critical mass and qualitative properties of the solutions, Electron. J. Differ. Equ. (2006) 44",
    )


@catalogued
def log_gas(dim: int = 2, strength: float = 1.0, diffusion: float = 0.5) -> Problem:
    """Charges that repel like λz/|z|² and diffuse, from N(0, 1); M₂ grows by 2dσ + λ.

    Parameters
    ----------
    dim : {1, 2, 3}
        d. In one dimension particles collide as soon as N > λ/σ; see ``dyson``.
    strength : float
        λ; repels where positive.
    diffusion : float
        σ > 0.
    """
    _dimension(dim)
    equation = LogGas(dim, _finite("strength", strength), _positive("diffusion", diffusion))
    return _gas(
        equation,
        dim,
        "a gas with logarithmic repulsion",
        "S. Serfaty, Mean field limit for Coulomb-type flows, Duke Math. J. 169 (2020) 2887-2935",
    )


@catalogued
def riesz_gas(dim: int = 2, s: float = 0.5, strength: float = 1.0, diffusion: float = 0.5) -> Problem:
    """Charges with the potential c/(s|z|^s) that diffuse, from N(0, 1).

    Parameters
    ----------
    dim : {1, 2, 3}
        d.
    s : float
        −2 < s < d; s = d − 2 is Coulomb's, s = 0 the log gas.
    strength : float
        c; repels where positive.
    diffusion : float
        σ > 0.
    """
    _dimension(dim)
    kernel = Riesz(dim, _finite("s", s), _finite("strength", strength))
    return _gas(
        McKeanVlasov(kernel, _positive("diffusion", diffusion)),
        dim,
        "a gas with a repulsion like a power of the distance",
        "M. Duerinckx, Mean-field limits for some Riesz interaction gradient flows, SIAM J. Math. Anal. 48 "
        "(2016) 2269-2300",
    )


@catalogued
def dyson(confinement: float = 0.0, beta: float = 2.0, radius: float = 1.0) -> Problem:
    """Dyson's Brownian motion: dXᵢ = (1/N)Σ dt/(Xᵢ − Xⱼ) − λXᵢ dt + √(2/βN) dBᵢ, from a semicircle.

    The limit has no diffusion and keeps the semicircle, R² = 2/λ + (R₀² − 2/λ)e^{−2λt}, or R₀² + 4t
    without confinement. Particles do not collide if β ≥ 1.

    Parameters
    ----------
    confinement : float
        λ ≥ 0.
    beta : float
        β > 0: 1, 2 and 4 for real, complex and quaternionic matrices.
    radius : float
        R₀ > 0.
    """
    λ, β = _finite("confinement", confinement), _positive("beta", beta)
    if λ < 0:
        raise ValueError(f"confinement must be a finite number >= 0, got {confinement!r}")
    R0, horizon = _positive("radius", radius), 1.0
    exact = SpreadingSemicircle(R0, λ)
    half = MARGIN * max(R0, exact.at(horizon))
    drift = LinearDrift(λ) if λ else None
    return Problem(
        McKeanVlasov(LogGasKernel(1, 1.0), PowerOfN(1 / β, -1.0), drift),
        Semicircle(R0),
        Grid((Axis("x", -half, half, 512, "open"),)),
        horizon,
        description="eigenvalues of random matrices",
        exact=exact,
        citation="F. J. Dyson, A Brownian-motion model for the eigenvalues of a random matrix, J. Math. "
        "Phys. 3 (1962) 1191-1198",
    )


@catalogued
def kuramoto(coupling: float = 3.0, diffusion: float = 1.0, amplitude: float = 0.1) -> Problem:
    """Noisy phases on the circle, K(z) = −κ sin z, from (1 + a cos x)/2π.

    For κ > 2σ they synchronise to a law of von Mises, ``laws.VonMises.synchronised(κ, σ, 0)``; before that
    the order parameter grows by κ/2 − σ.

    Parameters
    ----------
    coupling : float
        κ.
    diffusion : float
        σ > 0.
    amplitude : float
        a in [−1, 1].
    """
    equation = Kuramoto(_finite("coupling", coupling), _positive("diffusion", diffusion))
    return Problem(
        equation,
        Perturbed(1.0, _finite("amplitude", amplitude)),
        Grid((Axis("x", 0.0, 2 * pi, 64),)),
        10.0,
        description="oscillators that synchronise against noise",
        citation="H. Sakaguchi, Cooperative phenomena in coupled oscillator systems under external fields, "
        "Prog. Theor. Phys. 79 (1988) 39-46",
    )


@catalogued
def harmonic(dim: int = 1, rate: float = 1.0, diffusion: float = 1.0, variance: float = 1.0) -> Problem:
    """Harmonic attraction K(z) = −az from N(0, s²): Gaussian and exact, for every number of particles.

    The variance is v = s²e^{−2at} + (σ/a)(1 − e^{−2at}).

    Parameters
    ----------
    dim : {1, 2, 3}
        d.
    rate : float
        a > 0.
    diffusion : float
        σ > 0.
    variance : float
        s² > 0 along each axis.
    """
    _dimension(dim)
    a, σ, s2 = _positive("rate", rate), _positive("diffusion", diffusion), _positive("variance", variance)
    horizon = 2 / a
    exact = RelaxingGaussian(dim, a, σ, s2)
    return Problem(
        McKeanVlasov(Harmonic(dim, a), σ),
        Maxwellian(0.0, sqrt(s2), dim),
        _box(dim, DEVIATIONS * sqrt(max(s2, exact.at(horizon)))),
        horizon,
        description="particles on springs, Gaussian at all times",
        exact=exact,
        citation="D. Lacker, Hierarchies, entropy, and quantitative propagation of chaos for mean field "
        "diffusions, Probab. Math. Phys. 4 (2023) 377-432",
    )


def _gas(equation: FirstOrder, dim: int, description: str, citation: str) -> Problem:
    law = Maxwellian(0.0, 1.0, dim)
    return Problem(equation, law, _box(dim, DEVIATIONS), 1.0, description=description, citation=citation)


def _box(dim: int, half: float) -> Grid:
    return Grid(tuple(Axis(name, -half, half, CELLS[dim], "open") for name in POSITIONS[:dim]))


def _dimension(dim: int) -> None:
    if dim not in CELLS:
        raise ValueError(f"dim must be 1, 2 or 3, got {dim!r}")


def _positive(name: str, value: float) -> float:
    if _finite(name, value, " > 0") <= 0:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)


def _finite(name: str, value: float, range_of: str = "") -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -inf < value < inf:
        raise ValueError(f"{name} must be a finite number{range_of}, got {value!r}")
    return float(value)

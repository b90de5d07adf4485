"""Whether the Fourier coefficients of a density have decayed before the largest wavenumber kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.mckean_vlasov.discretisation import MEAN, Discretisation

__all__ = ["last_modes", "negative_share", "tails"]

Array = NDArray[Any]

ROUND_OFF = 1e-20  # of the whole, added to the fluctuations so that noise around a constant does not count


def tails(coefficients: Array, discretisation: Discretisation, fraction: float) -> tuple[float, ...]:
    """For each axis the share of Σ_m ∫ρ_m², less the means, in modes above a fraction of those kept."""
    sums = _sums(coefficients, discretisation, fraction).sum(axis=0)
    total = float(sums[:MEAN].sum()) + ROUND_OFF * float(sums[MEAN])
    upper = (sum(float(sums[part]) for part in range(MEAN) if part >> axis & 1) for axis in range(3))
    shares = tuple(share / total if total > 0 else share for share in upper)
    return shares[: discretisation.grid.dim]


def last_modes(coefficients: Array, discretisation: Discretisation, fraction: float) -> Array:
    """For each density the root mean square of its modes above a fraction of those kept along any axis."""
    result: Array = np.sqrt(_sums(coefficients, discretisation, fraction)[:, 1:MEAN].sum(axis=1))
    return result


def negative_share(densities: Array) -> float:
    """−∫min(ρ, 0)/∫|ρ|, the largest over the densities."""
    tiny = float(np.finfo(float).tiny)
    sums = [(float(np.minimum(ρ, 0.0).sum()), float(np.abs(ρ).sum())) for ρ in densities]
    return max(-below / max(size, tiny) for below, size in sums)


def _sums(coefficients: Array, discretisation: Discretisation, fraction: float) -> Array:
    """Σ |ρ̂|² of each density over the parts of the spectrum, shape (densities, 9)."""
    from mfpde_solvers.mckean_vlasov.tail_sums import sums_by_part

    parts = discretisation.parts(fraction)
    flat = coefficients.reshape(len(coefficients), *parts.shape)
    sums: Array = sums_by_part(flat, discretisation.transform.weights, parts)
    return sums

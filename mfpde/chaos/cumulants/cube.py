"""Particle systems from all mixtures of two independent samples, and the Hoeffding components they show.

The first n particles and the rest of them, n + 1 groups, are each taken from one of two independent samples
of the initial law: the corners of a cube. On it Φ is a Walsh polynomial, Σ_B v_B χ_B with one sign for each
group, and the components of Hoeffding's decomposition are quadratic forms of its coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from mfpde.chaos.weak import Observable, _FirstMode
from mfpde.particles.dynamics import is_stochastic
from mfpde.particles.ensemble import Start, System, random_stream
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import Grid

__all__ = ["Cube", "cube_estimates", "estimates", "first_mode", "walsh_coefficients"]

FloatArray = NDArray[np.float64]

DUAL = 7  # the stream of random numbers that seeds the second sample and all paths


class Cube:
    """The corners of one sample: 2^{n+1} systems, with noise twice as many.

    Corners share the Brownian paths of each particle, so that differences between them are as small as
    those of the expectations; a second, independent set of paths makes squares of expectations unbiased.

    Parameters
    ----------
    system : System
    replica : int
        The sample: a corner of the cube is what the system starts from as that replica.
    order : int
        n ≤ N.
    observable : callable
        φ: (..., d) → (...), of the coordinates in the order of the grid's axes; Φ = N⁻¹ Σᵢ φ(xᵢ).
    """

    def __init__(self, system: System, replica: int, order: int, observable: Observable) -> None:
        self.order, self._observable = order, observable
        seed = random_stream(system.seed, system.size, replica, DUAL).generate_state(2, np.uint64)
        partner = replace(system, seed=int(seed[0]) << 64 | int(seed[1]))
        samples = system.draw(replica), partner.draw(0)
        groups = _groups(system.size, order)
        self._names = system.problem.grid.names
        equation = system.problem.equation.for_size(system.size)
        self._shape = (2 if is_stochastic(equation) else 1, *(2 for _ in groups))
        self._runs: list[Run] = [
            partner.start(noise, _mixture(samples, groups, corner))
            for noise, *corner in product(*(range(n) for n in self._shape))
        ]

    def advance(self, time: float) -> None:
        """Lead every corner to that time."""
        for run in self._runs:
            while run.time < time:
                run.step(time)

    def values(self) -> FloatArray:
        """Φ at the corners, shape (1 or 2 sets of paths, 2, …, 2)."""
        means = [self._mean(run.observe()) for run in self._runs]
        return np.array(means).reshape(self._shape)

    def _mean(self, observed: Mapping[str, FloatArray]) -> float:
        x = np.stack([observed[name] for name in self._names], axis=-1)
        values = np.asarray(self._observable(x), dtype=float)
        if values.shape != x.shape[:-1]:
            raise ValueError(
                f"the observable must map shape {x.shape} to {x.shape[:-1]}, it returned {values.shape}"
            )
        return float(np.mean(values))


def first_mode(grid: Grid) -> Observable:
    """cos(2π(x − lower)/L) of the first axis."""
    return _FirstMode(grid.axes[0])


def _groups(size: int, order: int) -> list[slice]:
    single = [slice(i, i + 1) for i in range(order)]
    return [*single, slice(order, size)] if order < size else single


def _mixture(samples: tuple[Start, Start], groups: list[slice], corner: list[int]) -> Start:
    points, circulation = (np.array(part) for part in samples[0])
    for group, choice in zip(groups, corner, strict=True):
        points[group], circulation[group] = samples[choice][0][group], samples[choice][1][group]
    return points, circulation


def walsh_coefficients(values: FloatArray) -> FloatArray:
    """Coefficients v_B of Σ_B v_B Π_{i∈B} ±1 from its values at the corners, shape (2, …, 2).

    Examples
    --------
    >>> walsh_coefficients(np.array([3.0, 1.0]))
    array([2., 1.])
    """
    v = np.asarray(values, dtype=float)
    for axis in range(v.ndim):
        first, second = np.moveaxis(v, axis, 0)
        v = np.stack([(first + second) / 2, (first - second) / 2], axis=axis)
    return v


def estimates(values: FloatArray, order: int) -> tuple[FloatArray, FloatArray, float, float]:
    r"""Unbiased estimates from the values of Φ at the corners of one cube.

    For a set A of n single particles, with the coefficients v_B and those v'_B of the other set of paths,

    .. math:: ‖C_{N,n}‖² = E\, 2^n Σ_{B⊇A} (−1)^{|B∖A|} v_B v'_B, \qquad
              Σ_{B⊇A} ‖C_{N,|B|}‖² = E\, 2^n Σ_{B⊇A} v_B v'_B,

    which are the means of D_AΦ(p) D_AΦ(p̄)/2ⁿ and of (D_AΦ)²/2ⁿ over the positions p of the other groups, p̄
    being the opposite one, D_A the mixed difference. The mean over all A of each size is taken.

    Parameters
    ----------
    values : array (1 or 2, 2, …, 2)
        Of two independent sets of paths, or without noise.
    order : int
        Number of groups that are single particles; they come first.

    Returns
    -------
    squared, superset : array (order + 1,)
        ‖C_{N,n}‖² and Σ_{B⊇A} ‖C_{N,\|B\|}‖² for n = 0, …, ``order``.
    variance, second : float
        Var Φ_N and E Φ_N².
    """
    v = [walsh_coefficients(one) for one in values]
    P = v[0] * v[-1]
    squared, superset = np.empty(order + 1), np.empty(order + 1)
    for n in range(order + 1):
        parts = [np.moveaxis(P, A, range(n))[(1,) * n] for A in combinations(range(order), n)]
        squared[n] = 2**n * np.mean([(_signs(part.ndim) * part).sum() for part in parts])
        superset[n] = 2**n * np.mean([part.sum() for part in parts])
    # differences of opposite corners: two independent configurations
    variance = float(((1 - _signs(P.ndim)) * P).sum())
    return squared, superset, variance, float(P.sum())


def _signs(dim: int) -> FloatArray:
    """The array (−1)^{i₁ + … + i_d} of shape (2, …, 2)."""
    out = np.ones(())
    for _ in range(dim):
        out = np.multiply.outer(out, np.array([1.0, -1.0]))
    return out


def cube_estimates(
    system: System,
    replica: int,
    order: int,
    observable: Observable,
    times: FloatArray,
) -> Iterator[tuple[FloatArray, FloatArray, float, float]]:
    """The :func:`estimates` of one sample at each time."""
    cube = Cube(system, replica, order, observable)
    for time in times:
        cube.advance(float(time))
        yield estimates(cube.values(), order)

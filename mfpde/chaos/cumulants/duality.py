"""The duality identity of the mean-field limit, both sides by Fourier series for two or three particles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mfpde.chaos.cumulants.cube import first_mode
from mfpde.chaos.cumulants.hoeffding import hoeffding_components
from mfpde.chaos.cumulants.joint import TOLERANCE, few_particles, limit_densities
from mfpde.chaos.cumulants.summary import CITATION
from mfpde.checks import time_step, whole
from mfpde.dataset import attributes
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.evolve import evolve
from mfpde_solvers.liouville import BackwardKolmogorov, product_density

if TYPE_CHECKING:
    from mfpde.chaos.weak import Observable
    from mfpde.problems import Problem
    from mfpde_solvers.equations import FirstOrder

__all__ = ["duality_identity"]

FloatArray = NDArray[np.float64]

NODES = 24


def duality_identity(
    problem: Problem,
    size: int = 2,
    observable: Observable | None = None,
    time: float | None = None,
    *,
    nodes: int = NODES,
    tolerance: float = TOLERANCE,
) -> xr.Dataset:
    r"""Both sides of the duality identity, which turns the mean-field error into a dual cumulant.

    Let f solve the limit equation and Φ_N(t) the backward equation of N particles with Φ_N(T) = N⁻¹ Σφ(xᵢ).
    With the weight w of a pair and X_0 ~ f_0^{⊗N},

    .. math:: ∫ f_T^{⊗N} Φ_N(T) - E\,Φ_N(T)(X_T)
              = w N(N-1) ∫_0^T ∬ V_f\, C_{N,2}\, f f\,dx\,dy\,dt
              - \bigl(1 - w(N-1)\bigr) N ∫_0^T ∫ ∂_x(f\,K∗f)\, C_{N,1}\,dx\,dt,

    V_f f(x) = ∂_x[(K(x−y) − K∗f(x)) f(x)], that is V_f = (K(x−y) − K∗f)·∇log f + div K(x−y) − div K∗f. With
    w = 1/(N−1) the first factor is N and the second term vanishes: if the second dual cumulant is small, so
    is the error. C_{N,n}(t) are the components of Φ_N(t) under f_t^{⊗N}.

    Parameters
    ----------
    problem : Problem
        Of first order on a circle, with the circulation 1; its axis is the resolution.
    size : {2, 3}
        N; for N = 3 the cost grows like the cube of the cells.
    observable : callable, optional
        φ: (..., 1) → (...), smooth; by default cos(2π(x − lower)/L).
    time : float, optional
        T; the problem's horizon by default.
    nodes : int
        Times of the Gauss–Legendre rule for ∫dt.
    tolerance : float
        Of the steps of both equations; see :class:`mfpde_solvers.liouville.BackwardKolmogorov`.

    Returns
    -------
    Dataset
        ``mean_field`` ∫f_T^{⊗N}Φ, ``expectation`` EΦ(X_T), their difference ``left``, the two terms
        ``interaction`` and ``scaling`` on the right, their sum ``right``, and ``residual`` = left − right.
        Over ``node`` (times t) the ``integrand`` of the right side, and ``squared_norm`` (node, order) of the
        dual cumulants of all orders 0, …, N at these times; ``initial_squared_norm`` (order) at time 0, which
        :func:`mfpde.chaos.dual_cumulants` estimates.

    Raises
    ------
    ValueError, TypeError
        If the problem is not one on a circle or the numbers are not acceptable.
    ResolutionLost
        If f or Φ_N needs more cells.

    Notes
    -----
    Good values: 64 cells for N = 2, 32 to 48 for N = 3. The residual is then about the tolerance.
    When it fails: singular kernels, and small diffusion over long times.
    Source: Bresch, Duerinckx and Jabin (arXiv:2402.04695), with general weights.
    """
    equation, N = few_particles(problem, size)
    T = time_step(problem.horizon if time is None else time)
    t, weights = _gauss(T, whole(nodes, 1, "the number of nodes"))
    φ = first_mode(problem.grid) if observable is None else observable
    axis = problem.grid.axes[0]
    values = np.asarray(φ(axis.points[:, None]), dtype=float)
    if values.shape != axis.points.shape:
        raise ValueError(
            f"the observable must map shape {(axis.size, 1)} to {(axis.size,)}, it returned {values.shape}"
        )
    final = sum(_along(values, i, N) for i in range(N)) / N
    backward = BackwardKolmogorov(equation, axis, np.asarray(final), tolerance)
    limit = _Limit(problem, equation.for_size(N), N, np.array([0.0, *t, T]), tolerance)
    components = [
        hoeffding_components(Φ, f, axis.spacing)
        for Φ, f in zip(_observables(backward, T - t[::-1], T), limit.densities[-2::-1], strict=True)
    ][::-1]
    terms = np.array([limit.terms(i + 1, C) for i, C in enumerate(components[1:])])
    mean_field = float(values @ limit.densities[-1]) * axis.spacing
    return _identity(
        mean_field, float(components[0][0]), t, weights @ terms, terms, _norms(components, limit)
    )


def _gauss(T: float, nodes: int) -> tuple[FloatArray, FloatArray]:
    u, w = np.polynomial.legendre.leggauss(nodes)
    return T * (u + 1) / 2, T * w / 2


def _along(values: FloatArray, place: int, size: int) -> FloatArray:
    shape = tuple(values.size if i == place else 1 for i in range(size))
    return np.broadcast_to(values.reshape(shape), (values.size,) * size)


def _observables(run: BackwardKolmogorov, times: FloatArray, last: float) -> Iterator[FloatArray]:
    """Φ at increasing times to go, and at the last of all."""
    for _ in evolve(run, [*times, last]):
        yield run.values


class _Limit:
    """The limit density at given times, and what the right side makes of it."""

    def __init__(
        self, problem: Problem, equation: FirstOrder, size: int, times: FloatArray, tolerance: float
    ) -> None:
        self._axis = problem.grid.axes[0]
        self._kernel = equation.kernel.on(problem.grid)
        self._convolution = Convolution(self._kernel, problem.grid)
        w = 1.0 / (size if equation.scaling == "1/N" else size - 1)
        self._factors = w * size * (size - 1), -(1 - w * (size - 1)) * size
        self.densities = limit_densities(problem, equation, times, tolerance)
        self.spacing = self._axis.spacing

    def terms(self, place: int, components: Sequence[FloatArray]) -> tuple[float, float]:
        """The two integrands of the right side at one time."""
        f, h = self.densities[place], self.spacing
        u = self._convolution.field(f)[0]
        x = self._axis.points
        K = self._kernel((x[:, None] - x)[..., None])[..., 0]
        flux = self._slope((K - u[:, None]) * f[:, None]) * f
        drift = self._slope((u * f)[:, None])[:, 0]
        pairs = float((flux * components[2]).sum()) * h * h
        return self._factors[0] * pairs, self._factors[1] * float(drift @ components[1]) * h

    def _slope(self, values: FloatArray) -> FloatArray:
        """Derivative along the first dimension; the unpaired highest mode has none."""
        k = self._axis.wavenumbers
        k = np.where(np.abs(k) < np.pi / self.spacing * (1 - 1e-9), k, 0.0)
        return np.asarray(np.fft.ifft(1j * k[:, None] * np.fft.fft(values, axis=0), axis=0).real)


def _norms(components: Sequence[Sequence[FloatArray]], limit: _Limit) -> FloatArray:
    """‖C_n‖² under f^{⊗n}, shape (times, N + 1)."""
    norms = []
    for C, f in zip(components, limit.densities, strict=False):
        squares = [float(C[0] ** 2)]
        for n in range(1, len(C)):
            squares.append(float((C[n] ** 2 * product_density(f, n)).sum()) * limit.spacing**n)
        norms.append(squares)
    return np.array(norms)


def _identity(
    mean_field: float,
    expectation: float,
    t: FloatArray,
    sums: FloatArray,
    terms: FloatArray,
    norms: FloatArray,
) -> xr.Dataset:
    left, right = mean_field - expectation, float(sums.sum())
    values: dict[str, tuple[tuple[str, ...], Any]] = {
        "mean_field": ((), mean_field),
        "expectation": ((), expectation),
        "left": ((), left),
        "interaction": ((), float(sums[0])),
        "scaling": ((), float(sums[1])),
        "right": ((), right),
        "residual": ((), left - right),
        "integrand": (("node",), terms.sum(axis=1)),
        "squared_norm": (("node", "order"), norms[1:]),
        "initial_squared_norm": (("order",), norms[0]),
    }
    described = {
        name: (dims, value, attributes(name, long_name=_LONG_NAMES[name]))
        for name, (dims, value) in values.items()
    }
    size = norms.shape[1] - 1
    coords = {
        "node": ("node", t, attributes("node", long_name="time of the quadrature")),
        "order": ("order", range(size + 1), attributes("order", long_name="order n of the dual cumulant")),
        "binomial": ("order", [comb(size, n) for n in range(size + 1)], attributes("binomial")),
    }
    return xr.Dataset(described, coords, {"size": size, "citation": CITATION})


_LONG_NAMES = {
    "mean_field": "mean of the observable under the limit density",
    "expectation": "expectation of the observable of the particles",
    "left": "mean-field error",
    "interaction": "term of the second dual cumulant",
    "scaling": "term of the first dual cumulant, for weights other than 1/(N - 1)",
    "right": "both terms of dual cumulants",
    "residual": "difference of the two sides",
    "integrand": "rate of change of the mean of the backward solution under the limit density",
    "squared_norm": "squared norm of the dual cumulant",
    "initial_squared_norm": "squared norm of the dual cumulant at time 0",
}

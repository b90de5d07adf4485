"""A kernel given by a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from mfpde_solvers.kernels.base import Formula, Kernel, Lengths

__all__ = ["Custom"]


@dataclass(frozen=True, init=False)
class Custom(Kernel):
    """K given by a function; K(0) is taken as 0.

    On a circle the function is evaluated at the nearest image and its mean is subtracted. Fourier
    transforms (dimension 1) are computed by Gauss–Legendre quadrature on either side of the origin, to
    about 1e-12 for functions that are smooth there; a jump at the origin is allowed.

    Parameters
    ----------
    function : callable
        Either a NumPy function (..., d) → (..., d), or a numba-compiled scalar function of the d
        components that returns one number (d = 1) or a tuple of d numbers. The latter runs at full speed
        in particle sums, the former in NumPy blocks.
    dim : {1, 2, 3}
    potential : callable, optional
        V with K = −∇V, a NumPy function (..., d) → (...); without it no energies are computed.

    Examples
    --------
    >>> import numpy as np
    >>> Custom(lambda z: -z * np.exp(-(z**2)), dim=1)([[0.0], [1.0]]).ravel().round(3)
    array([ 0.   , -0.368])
    """

    # how a user's function is inlined differs between processes: sums keep their order, bit for bit
    pair_math: ClassVar[Any] = False
    function: Callable[..., Any]
    dim: int
    potential_function: Callable[..., Any] | None

    def __init__(
        self, function: Callable[..., Any], dim: int, potential: Callable[..., Any] | None = None
    ) -> None:
        if not callable(function) or not (potential is None or callable(potential)):
            raise TypeError("a custom kernel takes functions of the offset")
        if dim not in (1, 2, 3):
            raise ValueError(f"Custom has dimension 1, 2 or 3, got dim={dim!r}")
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "potential_function", potential)
        offsets = np.full((2, dim), 0.5)
        probe = self(offsets) if hasattr(function, "py_func") else np.asarray(function(offsets))
        if probe.shape != (2, dim) or not np.isfinite(probe).all():
            raise ValueError(
                f"the kernel function maps offsets of shape (2, {dim}) to shape {probe.shape}, values "
                f"{probe.ravel()}; it must return finite values of shape (..., {dim})"
            )

    @property
    def parities(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Every parity: nothing is known of the function."""
        return (tuple(product((0, 1), repeat=self.dim)),) * self.dim

    @property
    def potential_parities(self) -> tuple[tuple[int, ...], ...]:
        """Every parity."""
        return self.parities[0]

    def force_formula(self, lengths: Lengths) -> Formula:
        """The function at the nearest image, less its mean on a circle."""
        K = self._on_components()
        if lengths[0] is None:
            return K
        L, mean = self._circle(lengths)
        return lambda z: K(z - L * np.floor(z / L + 0.5)) - mean * (z != 0)

    def _on_components(self) -> Formula:
        """The function of arrays of components, zero at the origin."""
        compiled = self.pair_formula((None,) * self.dim)
        if compiled is not None:
            return np.vectorize(compiled, otypes=[float] * self.dim)

        def values(*z: Any) -> Any:
            offsets = np.stack(np.broadcast_arrays(*z), axis=-1)
            away = np.any(offsets != 0, axis=-1, keepdims=True)
            K = np.where(away, self.function(np.where(away, offsets, 1.0)), 0.0)
            return K[..., 0] if self.dim == 1 else tuple(np.moveaxis(K, -1, 0))

        return values

    def pair_formula(self, lengths: Lengths) -> Formula | None:
        """The compiled function with K(0) = 0; ``None`` for a plain one."""
        if not hasattr(self.function, "py_func"):
            return None
        K = self.function
        if lengths[0] is not None:
            L, mean = self._circle(lengths)
            return lambda z: (K(z - L * np.floor(z / L + 0.5) + (z == 0)) - mean) * (z != 0)
        if self.dim == 1:
            return lambda z: K(z + (z == 0)) * (z != 0)

        def plane(x: Any, y: Any) -> Any:
            away = (x != 0) | (y != 0)
            a, b = K(x + (1 - away), y)
            return a * away, b * away

        def space(x: Any, y: Any, z: Any) -> Any:
            away = (x != 0) | (y != 0) | (z != 0)
            a, b, c = K(x + (1 - away), y, z)
            return a * away, b * away, c * away

        return plane if self.dim == 2 else space

    def potential_formula(self, lengths: Lengths) -> Formula | None:
        """The given potential, less its mean on a circle."""
        V = self.potential_function
        if V is None:
            return None

        def values(*z: Any) -> Any:
            return np.asarray(V(np.stack(np.broadcast_arrays(*z), axis=-1)))

        if lengths[0] is None:
            return values
        L = float(lengths[0])
        mean = float(_transform(values, L / 2, np.zeros(1))[0].real / L)
        return lambda z: values(z - L * np.floor(z / L + 0.5)) - mean

    def symbol_formula(self, lengths: Lengths) -> Formula:
        """By quadrature over the circle."""
        if lengths[0] is None:
            raise ValueError("a custom kernel has no transform on the whole space; use a truncated one")
        L, _ = self._circle(lengths)
        return lambda k: _transform(self._on_components(), L / 2, k)

    def truncated_formula(self, radius: float) -> Formula:
        """By quadrature over |z| ≤ ``radius``."""
        self._check_line()
        return lambda k: _transform(self._on_components(), radius, k)

    def truncated_potential_formula(self, radius: float) -> Formula | None:
        """By quadrature over |z| ≤ ``radius``."""
        self._check_line()
        V = self.potential_formula((None,))
        return None if V is None else lambda k: _transform(V, radius, k)

    def _check_line(self) -> None:
        if self.dim > 1:
            raise ValueError("Fourier transforms of a custom kernel are available in dimension 1")

    def _circle(self, lengths: Lengths) -> tuple[float, float]:
        """Length of the circle and mean of the function over it."""
        self._check_line()
        assert lengths[0] is not None
        L = float(lengths[0])
        return L, float(_transform(self._on_components(), L / 2, np.zeros(1))[0].real / L)


def _transform(function: Formula, radius: float, k: Any) -> Any:
    """∫ f(z) e^{−ikz} dz over |z| ≤ radius, 20 Gauss–Legendre points to about four radians of e^{ikz}."""
    k = np.asarray(k, dtype=float)
    panels = max(16, int(np.ceil(np.abs(k).max(initial=0.0) * radius / 4)))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0.0, radius, panels + 1)
    half = radius / (2 * panels)
    z = ((edges[:-1] + half)[:, None] + half * nodes).ravel()
    w = np.tile(half * weights, panels)
    right, left = w * function(z), w * function(-z)
    flat = k.ravel()
    values = np.empty(flat.size, dtype=complex)
    for start in range(0, flat.size, 256):  # blocks bound the memory of the phases
        phase = np.exp(-1j * np.outer(flat[start : start + 256], z))
        values[start : start + 256] = phase @ right + phase.conj() @ left
    return values.reshape(k.shape)

"""A pseudospectral computation under way: steps, the box they are taken on, and when they stop."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot, inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mfpde_solvers.equations import FirstOrder
from mfpde_solvers.evolve import ResolutionLost
from mfpde_solvers.grid import Grid
from mfpde_solvers.mckean_vlasov import spectral_output
from mfpde_solvers.mckean_vlasov.box import Box
from mfpde_solvers.mckean_vlasov.densities import stacked
from mfpde_solvers.mckean_vlasov.discretisation import Discretisation
from mfpde_solvers.mckean_vlasov.resolution import last_modes, negative_share, tails
from mfpde_solvers.mckean_vlasov.transport import Transport
from mfpde_solvers.stepping.controllers import AdaptiveStep, FixedStep
from mfpde_solvers.stepping.exponential import ETDRK4, LawsonRK4

if TYPE_CHECKING:
    from mfpde_solvers.mckean_vlasov.pseudospectral import PseudoSpectral

__all__ = ["SCHEMES", "PseudoSpectralRun"]

Array = NDArray[Any]

SCHEMES: dict[str, type[LawsonRK4] | type[ETDRK4]] = {"lawson_rk4": LawsonRK4, "etdrk4": ETDRK4}
STABLE = 2.0  # frequency times step; the schemes are stable up to 2.8
REJECTIONS = 30
NEGATIVE = 1e-3  # of the mass
LEAST = 1e-10  # of the means: smaller fluctuations have no relative accuracy
EMPTY = 1e-28  # share of the squares in the upper half of the modes: they are left out
FILLED = 1e-20  # share in the last of them: they are taken in again
LAST = 0.95
LARGEST_BOX = 2**28  # cells of all densities


class PseudoSpectralRun:
    """State of a pseudospectral computation; see :class:`mfpde_solvers.evolve.Run`."""

    def __init__(
        self, solver: PseudoSpectral, equation: FirstOrder, grid: Grid, density: Array, dt: float | None
    ) -> None:
        densities = stacked(density, equation, grid, copy=False)
        self.grid, self.time = grid, 0.0
        self._solver, self._equation, self._alone = solver, equation, density.ndim == grid.dim
        self._signed = negative_share(densities) > NEGATIVE
        self._open = [place for place, axis in enumerate(grid.axes) if not axis.periodic]
        self._box = Box.of(grid)
        self._discretisation = self._discretise()
        self._start(self._discretisation.to_coefficients(densities))
        self._grow(self._coefficients)
        self._controller = self._adaptive() if dt is None else FixedStep(dt)

    def _discretise(self) -> Discretisation:
        solver = self._solver
        return Discretisation(self._equation, self._box.domain, solver.hyperviscosity, solver.threads)

    def _start(self, coefficients: Array) -> None:
        """A scheme that starts from these coefficients."""
        d = self._discretisation
        linear = d.rows(np.broadcast_to(d.linear, coefficients.shape))
        scheme = SCHEMES[self._solver.scheme]
        self._scheme = scheme(d.rows(coefficients), linear, d.transport, d.row_weights)
        self._rate = d.transport.rate

    def _adaptive(self) -> AdaptiveStep:
        """Steps that begin with one that moves the densities by the fourth root of the tolerance."""
        slope, state = (float(np.linalg.norm(array)) for array in (self._scheme.slope, self._scheme.state))
        first = self._solver.tolerance**0.25 * max(state / slope, 1e-3) if slope > 0 else 1.0
        return AdaptiveStep(LawsonRK4.estimate_order, min(first, self._bound(), 1.0))

    def _bound(self) -> float:
        return STABLE / self._rate if self._rate > 0 else inf

    @property
    def _coefficients(self) -> Array:
        return self._scheme.state.reshape(self._discretisation.coefficients_shape)

    @property
    def memory(self) -> int:
        """Bytes of coefficients, slopes, tables and transforms of the present box."""
        return self._discretisation.memory + self._scheme.memory

    def step(self, limit: float) -> float:
        """One accepted step; a box that turns out to be too small is enlarged and the step taken again."""
        if self.time == 0.0:
            self._check()
        rejections = 0
        while True:
            h, time = self._next(limit)
            self._scheme.advance(h)
            if not self._accepts(h):
                rejections += 1
                if rejections > REJECTIONS:
                    reason = f"{rejections} steps in a row were rejected; {self._advice()}"
                    raise ResolutionLost(self.time, reason)
            elif not self._grow(self._scheme.candidate.reshape(self._discretisation.coefficients_shape)):
                break
        self._scheme.accept()
        self.time, self._rate = time, self._discretisation.transport.rate
        self._check()
        self._adapt_cells()
        return time

    def _next(self, limit: float) -> tuple[float, float]:
        if isinstance(self._controller, FixedStep):
            return self._controller.next(self.time, limit)
        return self._controller.next(self.time, limit, self._bound())

    def _accepts(self, step: float) -> bool:
        scheme = self._scheme
        if isinstance(self._controller, AdaptiveStep) and isinstance(scheme, LawsonRK4):
            return self._controller.accepts(
                scheme.error(step) / (self._solver.tolerance * self._size()), step
            )
        if not isfinite(scheme.norm()):
            reason = f"a step of {step:.3g} is unstable; use steps below {self._bound():.3g}"
            raise ResolutionLost(self.time, reason)
        return True

    def _size(self) -> float:
        """Norm of the candidate without the means, which never change; they set the least that matters."""
        means = self._scheme.candidate[:: self._discretisation.transform.spectral_shape[0], 0]
        kept, means[:] = means.copy(), 0.0
        size = self._scheme.norm()
        means[:] = kept
        return hypot(size, LEAST * float(np.linalg.norm(kept)))

    def _grow(self, coefficients: Array) -> bool:
        """Enlarge the box if the densities with these coefficients, those last transported, reach its ends.

        The state stays what it is.
        """
        transport = self._discretisation.transport
        if not self._open or not isinstance(transport, Transport):
            return False
        noise = last_modes(coefficients, self._discretisation, LAST)
        sides = self._box.full_sides(transport.density, noise)
        if sides is None:
            return False
        values = self._discretisation.to_values(self._coefficients)
        old, self._box = self._box, self._box.grown(sides)
        if np.prod(self._box.domain.shape) * len(values) > LARGEST_BOX:
            reason = f"the density spreads beyond a box of {old.domain.shape} cells; use a coarser grid"
            raise ResolutionLost(self.time, reason)
        self._discretisation = self._discretise()
        self._start(self._discretisation.to_coefficients(self._box.enclosed(values, old)))
        return True

    def _adapt_cells(self) -> None:
        """Double the cells along open axes whose upper modes are empty, halve doubled ones that fill up."""
        for place in self._open:
            upper, last = (tails(self._coefficients, self._discretisation, f)[place] for f in (0.5, LAST))
            change = 1 if upper < EMPTY else -1 if last > FILLED else 0
            box = self._box.halved(place, change) if change else None
            if box is not None:
                old, coefficients, self._box = self._discretisation, self._coefficients, box
                self._discretisation = self._discretise()
                self._start(old.resampled(coefficients, self._discretisation))

    def _check(self) -> None:
        """Raise where the densities are not resolved."""
        share = max(tails(self._coefficients, self._discretisation, 2 / 3))
        if not share <= self._solver.tail:
            reason = f"{share:.1e} of the squared density is in the upper third of the wavenumbers"
            raise ResolutionLost(self.time, f"{reason}; {self._advice()}")
        transport = self._discretisation.transport
        if not self._signed and isinstance(transport, Transport):
            share = negative_share(transport.density)
            if not share <= NEGATIVE:
                reason = f"the density is negative by {share:.1e} of its mass"
                raise ResolutionLost(self.time, f"{reason}; {self._advice()}")

    def _advice(self) -> str:
        sizes = ", ".join(f"{axis.name}: {2 * axis.size}" for axis in self.grid.axes)
        return f"use a grid of at least {{{sizes}}} cells"

    def observe(self) -> dict[str, Array]:
        """``density``, ``mean_field_x`` …, ``potential`` and ``vorticity`` on the problem's grid."""
        fields = spectral_output.fields(self._box, self._discretisation, self._coefficients)
        if self._alone:
            fields["density"] = fields["density"][0]
        return fields

    def diagnostics(self) -> dict[str, float]:
        """Integrals over the whole box; see :func:`mfpde_solvers.mckean_vlasov.spectral_output.integrals`."""
        slope = self._scheme.slope.reshape(self._discretisation.coefficients_shape)
        values = spectral_output.integrals(self._discretisation, self._coefficients, slope, self._signed)
        values["rejected_steps"] = float(getattr(self._controller, "rejected", 0))
        values |= spectral_output.box_integrals(self._box, self._discretisation, self._coefficients)
        if self._solver.bounds:
            values |= spectral_output.bounds(self._discretisation, self._coefficients, self.time)
        return values

    def state(self) -> dict[str, Array]:
        """Coefficients, time, box and the memory of the controller."""
        box = np.array([self._box.below, self._box.sizes, self._box.halvings])
        controller = self._controller.state() if isinstance(self._controller, AdaptiveStep) else {}
        return {"coefficients": self._coefficients, "time": np.array(self.time), "box": box} | controller

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from :meth:`state`."""
        box = Box(self.grid, *(tuple(row) for row in np.asarray(state["box"]).tolist()))
        if box != self._box:
            self._box = box
            self._discretisation = self._discretise()
        self._start(np.array(state["coefficients"], dtype=complex))
        self.time = float(state["time"])
        if isinstance(self._controller, AdaptiveStep):
            self._controller.restore(state)

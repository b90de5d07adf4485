"""One name for the solvers of radial data, chosen by the equation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from mfpde_solvers.equations import FirstOrder, Landau, Vlasov
from mfpde_solvers.evolve import Run
from mfpde_solvers.grid import Grid
from mfpde_solvers.landau.radial import RadialLandau
from mfpde_solvers.mckean_vlasov.radial import RadialAggregation
from mfpde_solvers.stepping import Splitting
from mfpde_solvers.vlasov import RadialVlasov

__all__ = ["Radial"]

Scheme = RadialAggregation | RadialLandau | RadialVlasov
SCHEMES: dict[type, type[Scheme]] = {
    Vlasov: RadialVlasov,
    FirstOrder: RadialAggregation,
    Landau: RadialLandau,
}


@dataclass(frozen=True)
class Radial:
    """The solver of radially symmetric data that suits the equation; it refuses data that are not.

    Vlasov–Poisson in three dimensions moves spherical shells
    (:class:`mfpde_solvers.vlasov.RadialVlasov`), logarithmic attraction or repulsion in the plane takes the
    mass within a radius (:class:`mfpde_solvers.mckean_vlasov.radial.RadialAggregation`), and the Landau
    equation of isotropic data its radial form (:class:`mfpde_solvers.landau.radial.RadialLandau`). The
    density is returned on the axis ``r``.

    Parameters
    ----------
    shells, splitting : optional
        Number of shells and splitting, for Vlasov equations.
    degree : int, optional
        Of the polynomials in the plane.
    nodes : int, optional
        Number of coefficients of the isotropic Landau equation.
    tolerance : float, optional
        Error of one step, where steps are adaptive: in the plane and for the Landau equation.

    Notes
    -----
    Good values: the defaults. When it fails, and at which order it converges, is said of each scheme.

    Raises
    ------
    ValueError
        When it is used, if an option is not one of the scheme that suits the equation.

    References
    ----------
    M. Henon, Ann. Astrophys. 27 (1964) 83-91, for spherical shells
    """

    shells: int | None = None
    splitting: Splitting | str | None = None
    degree: int | None = None
    nodes: int | None = None
    tolerance: float | None = None

    def __repr__(self) -> str:
        return f"Radial({', '.join(f'{name}={value!r}' for name, value in self._given().items())})"

    def _given(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def for_equation(self, equation: Any) -> Scheme:
        """The scheme for an equation, with the options that were given."""
        scheme = next((scheme for kind, scheme in SCHEMES.items() if isinstance(equation, kind)), None)
        if scheme is None:
            raise TypeError(f"equation must be one of mfpde.equations, got {equation!r}")
        options = {field.name for field in fields(scheme)}
        for name in self._given():
            if name not in options:
                raise ValueError(
                    f"{name} is no option of Radial for {equation!r}; it takes {', '.join(sorted(options))}"
                )
        return scheme(**self._given())

    def default_step(self, equation: Any, grid: Grid, density: Any) -> float | None:
        """The largest step if none is given; ``None`` where steps are adaptive."""
        return self.for_equation(equation).default_step(equation, grid, density)

    def prepare(
        self, equation: Any, grid: Grid, density: Any, dt: float | None = None, *, copy: bool = True
    ) -> Run:
        """A run of the scheme for the equation, from what its ``discretise`` returned."""
        scheme: Any = self.for_equation(equation)
        run: Run = scheme.prepare(equation, grid, density, dt, copy=copy)
        return run

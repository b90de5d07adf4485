"""Parameters of a particle system that depend on the number of particles."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

__all__ = ["PowerOfN", "at_size", "in_the_limit"]


@dataclass(frozen=True)
class PowerOfN:
    """The parameter ``coefficient · N^exponent``, e.g. a cut-off ``N^{-δ}`` (Lazarovici–Pickl, eq. 4).

    Examples
    --------
    >>> PowerOfN(1.0, -0.5).at(100)
    0.1
    """

    coefficient: float
    exponent: float

    def at(self, size: int) -> float:
        """Value for ``size`` particles."""
        return float(self.coefficient * size**self.exponent)

    @property
    def limit(self) -> float:
        """Value as N → ∞."""
        if self.exponent < 0 or self.coefficient == 0:
            return 0.0
        return self.coefficient if self.exponent == 0 else self.coefficient * inf


def at_size(parameter: float | PowerOfN, size: int) -> float:
    """The parameter for ``size`` particles; a plain number is itself."""
    return parameter.at(size) if isinstance(parameter, PowerOfN) else parameter


def in_the_limit(parameter: float | PowerOfN) -> float:
    """The parameter of the limit equation; a plain number is itself."""
    return parameter.limit if isinstance(parameter, PowerOfN) else parameter

"""N-particle systems started from independent samples of the initial law."""

from mfpde.particles.halving import step_error

__all__ = ["step_error"]

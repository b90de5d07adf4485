"""From an equation to the increments of its particle system, one file per order."""

from mfpde.particles.dynamics.second_order import NewtonRun, prepare

__all__ = ["NewtonRun", "prepare"]

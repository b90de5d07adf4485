"""Transport between two densities: closed forms, the limit of fine atoms, orders of the refinement."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.chaos.transport.between import cost_between
from mfpde.chaos.transport.line import Line, line_of
from mfpde_solvers.grid import Axis


def random_law(seed: int, cells: int, boundary: str) -> Line:
    weights = np.random.default_rng(seed).random(cells)
    return line_of(weights / weights.sum(), Axis("x", -1.0, 2.0, cells, boundary))


@pytest.mark.parametrize("power", [1, 2])
def test_shifted_gaussians(power):
    axis = Axis("v", -12.0, 12.0, 600, "open")
    laws = [np.exp(-((axis.points - mean) ** 2) / 2) for mean in (-0.4, 0.35)]
    first, second = (line_of(w / w.sum(), axis) for w in laws)
    assert cost_between(first, second, power) == pytest.approx(0.75**power, rel=1e-6)


@pytest.mark.parametrize("boundary", ["open", "periodic"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agrees_with_fine_atoms(seed, power, boundary):
    """Replacing the second law by atoms at its middle quantiles changes W_p by at most their own distance."""
    first, second = random_law(seed, 10, boundary), random_law(seed + 10, 25, boundary)
    atoms = second.quantile((np.arange(100_000) + 0.5) / 100_000)
    between = cost_between(first, second, power) ** (1 / power)
    spread = second.cost(atoms, power) ** (1 / power)
    assert abs(between - first.cost(atoms, power) ** (1 / power)) <= spread < 1e-3 * between


@pytest.mark.parametrize("boundary", ["open", "periodic"])
@pytest.mark.parametrize("power", [1, 2])
def test_symmetry_and_identity(power, boundary):
    first, second = random_law(3, 12, boundary), random_law(4, 30, boundary)
    there, back = cost_between(first, second, power), cost_between(second, first, power)
    assert there == pytest.approx(back, rel=1e-8)
    assert cost_between(first, first, power) < 1e-20


def test_triangle_of_a_cosine_on_the_circle():
    """F₁ − F₂ = (ε/2π) sin x for 1 + ε cos x against uniform: W₁ = 2ε/π, up to the tents' O(h²)."""
    axis = Axis("x", 0.0, 2 * np.pi, 512)
    waved = line_of((1 + 0.1 * np.cos(axis.points)) / 512, axis)
    uniform = line_of(np.full(64, 1 / 64), Axis("x", 0.0, 2 * np.pi, 64))
    assert cost_between(waved, uniform, 1) == pytest.approx(0.1 * 4 / (2 * np.pi), rel=1e-4)

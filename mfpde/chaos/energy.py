"""Modulated energy and modulated free energy of particles relative to a density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from mfpde.chaos.marginals import Columns, evaluate, marginal
from mfpde.dataset import attributes, grid_of
from mfpde.particles.fields import GridField
from mfpde.particles.forces import forces_for
from mfpde_solvers.convolution import Convolution
from mfpde_solvers.grid import Grid
from mfpde_solvers.kernels import DomainKernel, Kernel

__all__ = ["ModulatedEnergy", "modulated_energy", "modulated_free_energy"]

FloatArray = NDArray[np.float64]

SERFATY = "S. Serfaty, Duke Math. J. 169 (2020) 2887-2935"
BRESCH_JABIN_WANG = "D. Bresch, P.-E. Jabin and Z. Wang, Duke Math. J. 172 (2023) 2591-2641"


@dataclass(frozen=True)
class ModulatedEnergy:
    r"""Interaction energy of μ_N − ρ without that of a point with itself.

    .. math:: \tfrac12 ∬_{x≠y} V(x−y)(μ_N−ρ)^{⊗2}
        = \tfrac12 \Big[\frac{1}{N^2} Σ_{i≠j} V(X_i−X_j) − \frac2N Σ_i V∗ρ(X_i) + ∬ V(x−y) ρ(x) ρ(y)\Big]

    with K = −∇V; positions only. Its mean over i.i.d. samples is exactly −(1/2N) ∬Vρρ. It may be negative;
    for repulsive V (Coulomb, Riesz, logarithmic) it is bounded below by −C N^−θ, not for attractive ones.
    Chaos propagates where its mean less that of i.i.d. samples is small. Constants in V change it: on a
    torus V has zero mean, the logarithmic V vanishes at distance 1.

    Parameters
    ----------
    kernel : Kernel, optional
        K, the gradient of a potential, for particles that are all alike; in a study that of the equation.

    Raises
    ------
    ValueError
        If the kernel has no potential, or an equation has other circulations than 1 or collisions.

    Notes
    -----
    V∗ρ is that of the solver, spectrally accurate for smooth ρ. The pair sum costs O(N²), less where there is
    a fast sum. Some authors omit the factor ½.
    """

    kernel: Kernel | None = None
    axes: ClassVar[None] = None
    name: ClassVar[str] = "modulated_energy"
    needs: ClassVar[str] = "replica"
    reduction: ClassVar[str] = "mean"
    citation: ClassVar[str] = f"{SERFATY}; exact: the mean over i.i.d. samples is −∬Vρρ/(2N)"

    def __post_init__(self) -> None:
        if self.kernel is None:
            return
        if not isinstance(self.kernel, Kernel):
            raise TypeError(f"the kernel must be one of mfpde.kernels, got {self.kernel!r}")
        if self.kernel.limit.potential_formula((None,) * self.kernel.dim) is None:
            raise ValueError(
                f"{self.kernel!r} is not the gradient of a potential, so there is no modulated energy; use "
                "path_entropy or coupling_distance"
            )

    @property
    def long_name(self) -> str:
        """Description for plots and files."""
        return "modulated energy"

    def for_equation(self, equation: Any) -> ModulatedEnergy:
        """The same with the kernel of the equation, unless there is one already."""
        if self.kernel is not None:
            return self
        if not hasattr(equation, "kernel"):
            raise ValueError(f"{equation!r} has no interaction kernel, so there is no modulated energy")
        if tuple(getattr(equation, "circulations", (1.0,))) != (1.0,):
            raise ValueError(
                f"the modulated energy is that of equal particles of circulation 1, the equation has "
                f"{equation.circulations}; give the kernel to look at the points alone"
            )
        return replace(self, kernel=equation.kernel)

    def theory(self, grid: Grid) -> float:
        """Exponent −1 of N."""
        return -1.0

    def target(self, density: xr.DataArray) -> ModulatedTarget:
        """V∗ρ of the marginal of ``density`` on the positions."""
        if self.kernel is None:
            raise ValueError("the modulated energy needs a kernel; use ModulatedEnergy(equation.kernel)")
        grid = grid_of(density)
        space = grid.positions
        ρ = np.asarray(marginal(density, space.names).values, dtype=float)
        total = float(space.integrate(ρ))
        if not (np.isfinite(ρ).all() and total > 0):
            raise ValueError(f"the density must be finite and have positive mass, its integral is {total}")
        return ModulatedTarget(self.kernel.on(space), space, ρ / total, Columns(grid, space.names))


@dataclass(frozen=True, eq=False)
class ModulatedTarget:
    """A density with its potential, ready to be compared with points."""

    kernel: DomainKernel
    grid: Grid
    density: FloatArray
    columns: Columns

    @cached_property
    def values(self) -> FloatArray:
        """V∗ρ at the cell centres."""
        V = Convolution(self.kernel, self.grid).potential(self.density)
        assert V is not None
        return V

    @cached_property
    def potential(self) -> GridField:
        """V∗ρ anywhere."""
        source = None if all(axis.periodic for axis in self.grid.axes) else self.density

        def V(z: FloatArray) -> FloatArray:
            values = self.kernel.potential(z)
            # a point in the centre of an outermost cell, where there is next to nothing, does not meet itself
            return np.where(np.isfinite(values), values, 0.0)[..., None]

        return GridField(V, self.grid, self.values[None], source)

    @cached_property
    def energy(self) -> float:
        """∬Vρρ."""
        return float(self.grid.integrate(self.values * self.density))

    def distance(self, points: ArrayLike) -> float:
        """The modulated energy, accurate to about 1e-9 of V (1e-6 where fast sums are used)."""
        x = self.columns.of(points)
        if len(x) < 2:
            raise ValueError("a modulated energy needs at least two points")
        pairs = forces_for(self.kernel, "auto", len(x)).energy(x, 1 / len(x) ** 2)
        return pairs - float(self.potential(x).mean()) + self.energy / 2

    def floor(self, size: int) -> float | None:
        """Mean over i.i.d. samples, −∬Vρρ/(2N), exact."""
        return -self.energy / (2 * size)

    def difference(self, other: ModulatedTarget) -> float:
        """|½∬V(ρ−ρ′)^{⊗2}| of two densities on the same box."""
        mixed = float(self.potential(other.grid.points.reshape(-1, other.grid.dim))[:, 0] @ other.mass)
        return abs(self.energy / 2 + other.energy / 2 - mixed)

    @property
    def mass(self) -> FloatArray:
        """Mass of each cell, in one row."""
        return self.density.ravel() * self.grid.cell_volume


def modulated_energy(
    particles: ArrayLike | xr.Dataset, density: xr.DataArray | xr.Dataset, kernel: Kernel
) -> Any:
    """Modulated energy of particles relative to a density, see :class:`ModulatedEnergy`.

    Parameters
    ----------
    particles : array (N, n) or Dataset
        As :func:`mfpde.chaos.evaluate` takes them.
    density : DataArray or Dataset
    kernel : Kernel
        K = −∇V.

    Returns
    -------
    float or DataArray

    Examples
    --------
    Two points half a circle apart, V(z) = −cos z, against the uniform law, whose potential is 0:
    (1/2N²) Σ_{i≠j} V = (1/8)(1 + 1).

    >>> from mfpde.dataset import field
    >>> from mfpde_solvers.grid import Axis
    >>> from mfpde_solvers.kernels import Kuramoto
    >>> uniform = field(np.full(16, 1 / (2 * np.pi)), Grid((Axis("x", 0.0, 2 * np.pi, 16),)), "density")
    >>> round(modulated_energy(np.array([[1.0], [1.0 + np.pi]]), uniform, Kuramoto(1.0)), 12)
    0.25
    """
    return evaluate(ModulatedEnergy(kernel), particles, density)


def modulated_free_energy(
    particles: ArrayLike | xr.Dataset,
    density: xr.DataArray | xr.Dataset,
    kernel: Kernel,
    diffusion: float,
    entropy: float | xr.DataArray,
) -> xr.DataArray:
    r"""Modulated free energy :math:`\frac1N H_N + \frac1σ E[\frac12 ∬_{x≠y} V(x−y)(μ_N−ρ)^{⊗2}]`.

    The energy is the mean over replicas. H_N, the entropy of the law of all particles relative to ρ^{⊗N},
    cannot be estimated from samples of many particles and must be given: where it is exact (Gaussian
    systems) the result is exact but for the sampling of the energy; with a bound of H_N, such as
    :func:`mfpde.chaos.path_entropy`, it is an upper bound of the modulated free energy.

    Parameters
    ----------
    particles : Dataset, or array (replica, N, n)
        As ``simulate`` returns it.
    density : DataArray or Dataset
        Limit density; with a ``time`` dimension it is matched to the particles' times.
    kernel : Kernel
        K = −∇V.
    diffusion : float
        σ > 0.
    entropy : float or DataArray
        H_N or a bound of it, not divided by N; a DataArray has the times of the particles, and its
        coordinate ``stderr``, if there is one, counts.

    Returns
    -------
    DataArray
        Dimension ``time`` if the particles have it, with the coordinate ``stderr``: the sum of the standard
        errors of energy and entropy, a bound however they depend on each other.

    Raises
    ------
    ValueError
        If σ is not positive, the entropy negative or of other times, or there are not two replicas.

    Notes
    -----
    Bresch, Jabin and Wang: for the attractive logarithm λ log|z| with λ < 2dσ it controls H_N/N up to
    C N^−θ.
    """
    if not 0 < diffusion < np.inf:
        raise ValueError(f"the diffusion must be a finite number > 0, got {diffusion!r}")
    energy = _energies(particles, density, kernel)
    R, N = energy.sizes["replica"], int(energy.attrs.pop("size"))
    if R < 2:
        raise ValueError(f"the mean of the energy needs at least two replicas, got {R}")
    H, error = _entropy(entropy, energy)
    value = H / N + energy.mean("replica") / diffusion
    spread = energy.std("replica", ddof=1) / np.sqrt(R) / diffusion + error / N
    described = attributes("modulated_free_energy", references=BRESCH_JABIN_WANG, size=N, replicas=R)
    described |= {"reduction": "mean"}
    stderr = xr.Variable(spread.dims, spread.values, attributes("stderr", long_name="standard error"))
    kept = {name: c for name, c in energy.coords.items() if set(c.dims) <= set(value.dims)}
    coords: Mapping[Any, Any] = kept | {"stderr": stderr}
    return xr.DataArray(value.values, coords, value.dims, "modulated_free_energy", described)


def _energies(
    particles: ArrayLike | xr.Dataset, density: xr.DataArray | xr.Dataset, kernel: Kernel
) -> xr.DataArray:
    """Modulated energies with a dimension ``replica``; the attribute ``size`` is N."""
    metric = ModulatedEnergy(kernel)
    if isinstance(particles, xr.Dataset):
        if "replica" not in particles.dims:
            raise ValueError("the particles have no dimension replica; simulate with replicas=...")
        found: xr.DataArray = evaluate(metric, particles, density)
        return found.assign_attrs(size=particles.sizes["particle"])
    points = np.asarray(particles, dtype=float)
    if points.ndim != 3:
        raise ValueError(f"points need shape (replica, N, n), got {points.shape}")
    target = metric.target(density["density"] if isinstance(density, xr.Dataset) else density)
    values = [target.distance(one) for one in points]
    return xr.DataArray(values, dims=("replica",), attrs={"size": points.shape[1]})


def _entropy(entropy: float | xr.DataArray, energy: xr.DataArray) -> tuple[Any, Any]:
    """The entropy at the times of the energies, and its standard error."""
    if not isinstance(entropy, xr.DataArray):
        H: Any = float(entropy)
        if not 0 <= H < np.inf:
            raise ValueError(f"the entropy must be finite and >= 0, got {entropy!r}")
        return H, 0.0
    if not bool((entropy >= 0).all()):
        raise ValueError("the entropy must be >= 0 at all times; give H_N itself, not a difference")
    if "time" in entropy.dims:
        times = energy["time"].values if "time" in energy.coords else np.array([])
        absent = [f"{t:g}" for t in np.atleast_1d(times) if t not in entropy["time"].values]
        if absent or times.size == 0:
            raise ValueError(
                f"the entropy is known at t = {entropy['time'].values.tolist()}, the particles are not there "
                f"(missing: {', '.join(absent) or 'the time of the particles'}); compute both at the same"
            )
        entropy = entropy.sel(time=times)
    error = entropy.coords["stderr"].drop_vars("stderr") if "stderr" in entropy.coords else 0.0
    return entropy.drop_vars("stderr", errors="ignore"), error

"""Modulated energies: closed forms, the exact mean over i.i.d. samples, bounds, and the free energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mfpde as mf
from mfpde.chaos import Metric
from mfpde.chaos.energy import ModulatedEnergy, modulated_energy, modulated_free_energy
from mfpde.dataset import field
from mfpde.laws import Maxwellian, VonMises, as_law, on_grid
from mfpde_solvers.equations import KellerSegel, Kuramoto, Landau, McKeanVlasov, NavierStokes
from mfpde_solvers.kernels import BiotSavart, Coulomb, Harmonic, LogGas, Riesz
from mfpde_solvers.kernels import Kuramoto as KuramotoKernel

CIRCLE = mf.Grid((mf.Axis("x", 0.0, 2 * np.pi, 32),))
LINE = mf.Grid((mf.Axis("x", -9.0, 9.0, 64, "open"),))
TORUS = mf.Grid(tuple(mf.Axis(name, 0.0, 2 * np.pi, 32) for name in "xy"))
PLANE = mf.Grid(tuple(mf.Axis(name, -8.0, 8.0, 40, "open") for name in "xy"))
SPACE = mf.Grid(tuple(mf.Axis(name, -7.0, 7.0, 32, "open") for name in "xyz"))


class Wave:
    """(1 + ½ cos x cos y)/4π², by rejection."""

    def pdf(self, x: Any) -> Any:
        return (1 + 0.5 * np.cos(x[..., 0]) * np.cos(x[..., 1])) / (4 * np.pi**2)

    def rvs(self, size: int, rng: Any) -> Any:
        x = rng.uniform(0, 2 * np.pi, (4 * size + 40, 2))
        kept = rng.uniform(0, 1.5, len(x)) < self.pdf(x) * 4 * np.pi**2
        return x[kept][:size]


def gridded(law: Any, grid: mf.Grid) -> xr.DataArray:
    return field(on_grid(as_law(law, grid), grid), grid, "density")


GAUSS = {d: Maxwellian(0.0, 1.0, d) for d in (1, 2, 3)}
# ∬Vρρ: harmonic a s²; −κ|ρ̂(1)|² with ρ̂(1) = I₁(1)/I₀(1); E c/|Z| = c/√π with Z ~ N(0, 2);
# −λ E log|Z| = −λ (log 4 − γ)/2 with |Z|² exponential of mean 4; on the torus V̂(k) = 2π/|k|², of which the
# four modes (±1, ±1) with coefficient 1/8 meet: Σ V̂ |1/8|²/4π²; −c E|Z| = −c 2/√π on the line
CASES: dict[str, tuple[Any, Any, mf.Grid, float]] = {
    "harmonic": (Harmonic(1, 1.5), GAUSS[1], LINE, 1.5),
    "Kuramoto": (KuramotoKernel(2.0), VonMises(1.0), CIRCLE, -2.0 * 0.4463899659**2),
    "Coulomb, line": (Coulomb(1, 0.7), GAUSS[1], LINE, -0.7 * 2 / np.sqrt(np.pi)),
    "Coulomb, space": (Coulomb(3, 2.0), GAUSS[3], SPACE, 2.0 / np.sqrt(np.pi)),
    "logarithm, plane": (LogGas(2, 3.0), GAUSS[2], PLANE, -3.0 * (np.log(4) - np.euler_gamma) / 2),
    "Coulomb, torus": (Coulomb(2), Wave(), TORUS, 4 * (2 * np.pi / 2) / 64 / (4 * np.pi**2)),
}


@pytest.mark.parametrize(("kernel", "law", "grid", "energy"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [2, 30])
def test_the_mean_over_independent_samples(
    kernel: Any, law: Any, grid: mf.Grid, energy: float, size: int
) -> None:
    target = ModulatedEnergy(kernel).target(gridded(law, grid))
    # smooth densities: spectral; on the line V has a kink, and its truncated transform errs by 1e-9
    assert target.energy == pytest.approx(energy, rel=1e-8)
    assert target.floor(size) == pytest.approx(-energy / (2 * size), rel=1e-8)
    rng = np.random.default_rng(7)
    found = np.array([target.distance(law.rvs(size, rng)) for _ in range(400)])
    error = found.std(ddof=1) / 20
    assert abs(found.mean() - target.floor(size)) < 4 * error


def test_harmonic_energy_of_any_points() -> None:
    # V = a z²/2: N⁻² Σ V = a (q − m²), V∗ρ = a (x² + 1)/2, ∬Vρρ = a, together −a m²/2 for the mean m,
    # inside the box and out of it
    a, x = 1.5, np.array([[-2.0], [0.3], [5.0], [11.0]])
    found = modulated_energy(x, gridded(GAUSS[1], LINE), Harmonic(1, a))
    assert found == pytest.approx(-a * x.mean() ** 2 / 2, rel=1e-10)


def test_kuramoto_energy_of_any_points() -> None:
    # −(κ/2) (|μ̂ − ρ̂|² − 1/N) at the first mode; with the sign of attraction
    x = np.random.default_rng(0).uniform(0, 2 * np.pi, (9, 1))
    gap = np.exp(-1j * x).mean() - 0.4463899659 * np.exp(-1j * np.pi)
    found = modulated_energy(x, gridded(VonMises(1.0), CIRCLE), KuramotoKernel(2.0))
    assert found == pytest.approx(-(abs(gap) ** 2 - 1 / 9), abs=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.floats(0.1, 5.0))
def test_symmetries(seed: int, shift: int, strength: float) -> None:
    rng, density = np.random.default_rng(seed), gridded(VonMises(1.0), CIRCLE)
    x = rng.uniform(-20, 20, (7, 1))
    value = modulated_energy(x, density, Coulomb(1, strength))
    assert modulated_energy(x[::-1], density, Coulomb(1, strength)) == pytest.approx(value, abs=1e-10)
    assert modulated_energy(x, density, Coulomb(1, 2 * strength)) == pytest.approx(2 * value, abs=1e-9)
    moved = density.copy(data=np.roll(density.values, shift))
    y = x + shift * CIRCLE.axes[0].spacing
    # degree-9 polynomials on refined cells: 1e-10 of V ≤ 5
    assert modulated_energy(y, moved, Coulomb(1, strength)) == pytest.approx(value, abs=1e-8)


def test_bounded_below_if_repulsive_only() -> None:
    # clusters of radius r: repulsive energies grow like log 1/r, attractive ones fall without bound; the
    # best repulsive points keep N F above −(log N)/4 − C (Serfaty), here for a square lattice
    density, λ = gridded(GAUSS[2], PLANE), 1.0
    cluster = np.random.default_rng(1).normal(size=(20, 2))
    clustered = [modulated_energy(r * cluster, density, LogGas(2, λ)) for r in (1e-2, 1e-4, 1e-6)]
    # each factor 100 adds λ log(100) (1 − 1/N)/2
    np.testing.assert_allclose(np.diff(clustered), np.log(100) * (1 - 1 / 20) / 2, rtol=1e-2)
    assert modulated_energy(1e-6 * cluster, density, LogGas(2, -λ)) < -3
    uniform = field(np.full(TORUS.shape, 1 / (4 * np.pi**2)), TORUS, "density")
    for n in (4, 8, 16):
        sites = 2 * np.pi * (np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2) + 0.3) / n
        scaled = n**2 * modulated_energy(sites, uniform, Coulomb(2)) + np.log(n**2) / 4
        # the energy of a lattice per site in its own scale, the same for every n
        assert scaled == pytest.approx(
            4
            * modulated_energy(
                2 * np.pi * (np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) + 0.3) / 2, uniform, Coulomb(2)
            )
            + np.log(4) / 4,
            abs=1e-8,
        )


def test_difference_of_two_densities() -> None:
    metric = ModulatedEnergy(KuramotoKernel(2.0))
    one, other = (VonMises(1.0), VonMises(0.5))
    fine = CIRCLE.resized({"x": 48})
    target = metric.target(gridded(one, CIRCLE))
    assert target.difference(metric.target(gridded(one, fine))) < 1e-9
    # −(κ/2)|ρ̂(1) − ρ̂′(1)|², I₁(½)/I₀(½) = 0.2424996126
    gap = 0.4463899659 - 0.2424996126
    assert target.difference(metric.target(gridded(other, fine))) == pytest.approx(gap**2, rel=1e-6)


@pytest.mark.parametrize("kernel", [LogGas(2, 1.0), Riesz(2, 0.5, 1.0)])
def test_difference_of_a_density_and_itself(kernel: Any) -> None:
    # the outermost centres are at the end of the interpolation, where V is summed: V(0) must not enter
    target = ModulatedEnergy(kernel).target(gridded(GAUSS[2], PLANE))
    assert target.difference(target) < 1e-12
    coarse = PLANE.resized({"x": 30, "y": 30})
    # h = 0.53 resolves N(0, 1) to e^{−(π/h)²} and the polynomials to 1e-6
    assert target.difference(ModulatedEnergy(kernel).target(gridded(GAUSS[2], coarse))) < 1e-6


@pytest.mark.slow
def test_repulsion_orders_the_points_of_a_gas() -> None:
    # N times the modulated energy above that of i.i.d. samples is bounded (Cai, Feng, Gong and Wang 2024),
    # and negative, as repelling points keep away from each other
    problem = mf.problems.log_gas(2).replace(resolution={"x": 64, "y": 64})
    options: dict[str, Any] = {"times": [0.0, 0.5], "dt": 0.025, "mean_field": True, "seed": 1}
    study = mf.converge(problem, (32, 128, 512), 48, {"energy": ModulatedEnergy()}, **options)
    excess = -study["energy_excess"].isel(time=1)
    excess.attrs.update(study["energy_excess"].attrs)
    fit = mf.fit_rate(excess)
    assert float(fit["lower"]) < -1 < float(fit["upper"])
    assert abs(float(fit["rate"]) + 1) < 0.1
    assert float(study["energy_reference_error"].max()) < 0.01 * float(abs(study["energy_iid"]).min())


def test_fast_sums_agree_with_direct_ones() -> None:
    # for this power fast sums take over at 2000 points, with a tolerance of 1e-6
    from mfpde.particles.forces import DirectForces

    x = np.random.default_rng(0).normal(size=(2100, 2))
    target = ModulatedEnergy(Riesz(2, 0.5, 1.0)).target(gridded(GAUSS[2], PLANE))
    direct = DirectForces(target.kernel).energy(x, 1 / len(x) ** 2)
    exact = direct - float(target.potential(x).mean()) + target.energy / 2
    assert target.distance(x) == pytest.approx(exact, abs=1e-6 * direct)


def test_in_a_study() -> None:
    problem = mf.problems.kuramoto(coupling=1.0, diffusion=1.0).replace(resolution={"x": 32})
    study = mf.converge(
        problem,
        (16, 64),
        8,
        {"energy": ModulatedEnergy(problem.equation.kernel)},
        times=[0.0, 0.5],
        dt=0.1,
        mean_field=True,
    )
    assert study["energy_iid"].dims == ("size", "time")
    exact = ModulatedEnergy(problem.equation.kernel).target(
        mf.solve(problem, [0.0, 0.5])["density"].isel(time=1)
    )
    assert float(study["energy_iid"].sel(size=64, time=0.5)) == pytest.approx(
        exact.floor(64), rel=1e-6, abs=1e-12
    )
    assert bool((study["energy_excess"].sel(time=0.0) == 0).all())
    assert bool((study["energy_excess"].sel(time=0.5) != 0).any())


def springs(σ: float = 1.0) -> mf.Problem:
    return mf.Problem(McKeanVlasov(Harmonic(1, 1.0), σ), GAUSS[1], LINE, 1.0)


def test_modulated_free_energy_of_a_gaussian_system() -> None:
    # a = σ = s₀ = 1: Cov = vI + ((w − v)/N) 𝟏𝟏ᵀ, v = 1, w = 1 + 2t; H_N = (w/v − 1 − log(w/v))/2 at every N,
    # and E modulated energy = −a w/(2N)
    N, times = 12, np.array([0.0, 1.0])
    problem = springs()
    found = mf.simulate(problem, N, times, replicas=800, dt=0.1, seed=2)
    density = mf.solve(problem, times)["density"]
    w = 1 + 2 * times
    entropy = xr.DataArray((w - 1 - np.log(w)) / 2, {"time": times}, ("time",))
    free = modulated_free_energy(found, density, Harmonic(1, 1.0), 1.0, entropy)
    exact = (entropy.values - w / 2) / N
    assert free.dims == ("time",)
    assert np.all(np.abs(free.values - exact) < 4 * free["stderr"].values)
    assert np.all(free["stderr"].values < 0.1 * np.abs(exact))


def test_modulated_free_energy_with_a_bound() -> None:
    from mfpde.chaos.girsanov import path_entropy

    problem, times = springs(), [0.0, 0.5]
    found = mf.simulate(problem, 6, times, replicas=20, dt=0.1)
    density = mf.solve(problem, times)["density"]
    bound = path_entropy(problem, 6, times, replicas=20, dt=0.1)
    free = modulated_free_energy(found, density, Harmonic(1, 1.0), 1.0, bound)
    alone = modulated_free_energy(found, density, Harmonic(1, 1.0), 1.0, 0.0)
    np.testing.assert_allclose(free - alone, bound.values / 6, rtol=1e-12)
    np.testing.assert_allclose(free["stderr"] - alone["stderr"], bound["stderr"].values / 6, atol=1e-15)
    points = np.stack([found["x"].values[1]], axis=-1)
    same = modulated_free_energy(points, density.isel(time=1), Harmonic(1, 1.0), 1.0, float(bound[1]))
    assert float(same) == pytest.approx(float(free[1]), rel=1e-12)


def test_it_is_a_metric_as_data() -> None:
    metric = ModulatedEnergy(LogGas(2, 1.0))
    assert isinstance(metric, Metric)
    assert "LogGas" in repr(metric)
    assert hash(metric) == hash(ModulatedEnergy(LogGas(2, 1.0)))
    assert ModulatedEnergy().for_equation(KellerSegel(2.0)).kernel == KellerSegel(2.0).kernel
    assert metric.for_equation(Kuramoto(1.0, 1.0)) is metric


def test_refusals() -> None:
    density = gridded(GAUSS[1], LINE)
    with pytest.raises(ValueError, match="not the gradient of a potential"):
        ModulatedEnergy(BiotSavart())
    with pytest.raises(ValueError, match="not the gradient of a potential"):
        ModulatedEnergy().for_equation(NavierStokes(1.0))
    with pytest.raises(ValueError, match="equal particles of circulation 1"):
        ModulatedEnergy().for_equation(McKeanVlasov(LogGas(2, 1.0), 1.0, circulations=(1.0, -1.0)))
    with pytest.raises(ValueError, match="no interaction kernel"):
        ModulatedEnergy().for_equation(Landau(2, 0.0))
    with pytest.raises(ValueError, match="needs a kernel"):
        ModulatedEnergy().target(density)
    with pytest.raises(TypeError, match=r"mfpde\.kernels"):
        ModulatedEnergy("coulomb")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least two points"):
        modulated_energy(np.zeros((1, 1)), density, Harmonic(1, 1.0))
    points = np.zeros((3, 4, 1))
    for σ, H, message in [
        (0.0, 1.0, "diffusion"),
        (1.0, -1.0, "entropy must be"),
        (1.0, np.nan, "entropy must"),
    ]:
        with pytest.raises(ValueError, match=message):
            modulated_free_energy(points, density, Harmonic(1, 1.0), σ, H)
    with pytest.raises(ValueError, match="two replicas"):
        modulated_free_energy(points[:1], density, Harmonic(1, 1.0), 1.0, 1.0)
    elsewhere = xr.DataArray([1.0], {"time": [3.0]}, ("time",))
    with pytest.raises(ValueError, match="entropy is known at"):
        modulated_free_energy(points, density, Harmonic(1, 1.0), 1.0, elsewhere)

"""The accessor ``.mf`` of xarray: marginals, moments, samples, entropies, distances and pictures.

It comes with the first name of mfpde that needs xarray; ``import mfpde.accessor`` registers it alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from mfpde.chaos import Metric

    Other = ArrayLike | xr.DataArray | xr.Dataset

__all__ = ["DataArrayAccessor", "DatasetAccessor"]


class _Density:
    """What both accessors do with a density."""

    def _density(self) -> xr.DataArray:
        raise NotImplementedError

    def marginal(self, *axes: str) -> xr.DataArray:
        """Marginal density on the named axes (the positions by default), see :func:`mfpde.chaos.marginal`."""
        from mfpde.chaos import marginal

        return marginal(self._density(), axes or None)

    def moment(self, **powers: int) -> xr.DataArray:
        """∫ x^p v^q … ρ over all axes, for ``moment(x=p, v=q)``; other dimensions than axes are kept.

        Parameters
        ----------
        **powers : int
            Power of each axis, 0 for those not named: ``moment()`` is the mass.

        Raises
        ------
        ValueError
            If there is no such axis.
        """
        from mfpde.dataset import attributes, grid_of

        array = self._density()
        if "circulation" in array.dims:
            array = array.sum("circulation")
        grid = grid_of(array)
        for name in powers:
            grid.index(name)
        weighted = array
        for name, power in powers.items():
            weighted = weighted * array[name] ** power
        found = weighted.sum(grid.names) * grid.cell_volume
        return _named(found, "moment", attributes("moment", long_name=_moment_name(powers)))

    def entropy(self) -> xr.DataArray:
        """∫ ρ log ρ over all axes, with circulations the sum over them; values ≤ 0 do not count."""
        import numpy as np

        from mfpde.dataset import attributes, grid_of

        array = self._density()
        grid = grid_of(array)
        positive = array.where(array > 0, 1.0)
        over = [*grid.names, *(["circulation"] if "circulation" in array.dims else [])]
        found = (positive * np.log(positive)).sum(over) * grid.cell_volume
        return _named(found, "entropy", attributes("entropy"))

    def sample(self, size: int, seed: int = 0) -> xr.Dataset:
        """Independent points of the density at one time, one variable for each axis along ``particle``.

        Of the multilinear interpolation, circulations added up: see :func:`mfpde.laws.from_density`.

        Raises
        ------
        ValueError
            If there are several times, or the size is < 1.
        """
        import numpy as np

        from mfpde.checks import whole
        from mfpde.dataset import attributes, grid_of
        from mfpde.laws import from_density

        array = self._density()
        if "circulation" in array.dims:
            array = array.sum("circulation")
        size = whole(size, 1, "the number of points")
        points = from_density(array).rvs(size, np.random.default_rng(whole(seed, 0, "the seed")))
        names = grid_of(array).names
        columns = {name: ("particle", points[:, i], attributes(name)) for i, name in enumerate(names)}
        labels = xr.Variable("particle", np.arange(size), attributes("particle"))
        time = {"time": array.coords["time"]} if "time" in array.coords else {}
        return xr.Dataset(columns, {"particle": labels, **time})

    def distance(
        self, other: ArrayLike | xr.DataArray | xr.Dataset, metric: str | Metric = "wasserstein"
    ) -> Any:
        """Distance to particles, or to another density at one time.

        Parameters
        ----------
        other : array, Dataset of particles, or density
            Particles are compared as by :func:`mfpde.chaos.evaluate`, at all their times; of two densities
            each must be at one time.
        metric : str or Metric

        Returns
        -------
        float or DataArray
        """
        from mfpde.chaos import evaluate, metric_from

        chosen, mine = metric_from(metric), self._density()
        density = _density_in(other)
        if density is None:
            return evaluate(chosen, other, mine)
        return chosen.target(mine).difference(chosen.target(density))


@xr.register_dataarray_accessor("mf")  # type: ignore[no-untyped-call]
class DataArrayAccessor(_Density):
    """Of a density: one dimension for each axis, named like it, with its cell centres, and a time if any."""

    def __init__(self, array: xr.DataArray) -> None:
        self._array = array

    def _density(self) -> xr.DataArray:
        return self._array

    def plot(self) -> Figure:
        """The density at up to five times, see :func:`mfpde.plot.density`."""
        from mfpde.dataset import LONG_NAMES
        from mfpde.plot import density

        array = self._array if "time" in self._array.dims else self._array.expand_dims(time=[0.0])
        described = {"long_name": LONG_NAMES["density"]} | dict(array.attrs)
        return density(array.assign_attrs(described).to_dataset(name="density"))


@xr.register_dataset_accessor("mf")  # type: ignore[no-untyped-call]
class DatasetAccessor(_Density):
    """Of what solve, simulate and converge return, and of files like them."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def _density(self) -> xr.DataArray:
        if "density" not in self._dataset:
            there = ", ".join(map(str, self._dataset.data_vars)) or "none"
            raise ValueError(f"the dataset has no variable 'density'; there are {there}")
        return self._dataset["density"]

    def moment(self, **powers: int) -> xr.DataArray:
        """∫ x^p v^q … ρ, or the mean of x^p v^q … over the particles where there are some."""
        if "particle" not in self._dataset.dims:
            return super().moment(**powers)
        from mfpde.dataset import attributes

        product: Any = xr.ones_like(self._dataset["particle"], dtype=float)
        for name, power in powers.items():
            if name not in self._dataset:
                raise ValueError(f"the particles have no variable {name!r}")
            product = product * self._dataset[name] ** power
        return _named(
            product.mean("particle"), "moment", attributes("moment", long_name=_moment_name(powers))
        )

    def distance(
        self, other: ArrayLike | xr.DataArray | xr.Dataset, metric: str | Metric = "wasserstein"
    ) -> Any:
        """Distance between particles and a density, whichever of the two this is, or of two densities."""
        if "particle" not in self._dataset.dims:
            return super().distance(other, metric)
        from mfpde.chaos import evaluate, metric_from

        density = _density_in(other)
        if density is None:
            raise TypeError("particles are compared with a density: a DataArray, or a Dataset made by solve")
        return evaluate(metric_from(metric), self._dataset, density)

    def plot(self) -> Figure:
        """The picture that suits the dataset, see :func:`mfpde.plot.overview`."""
        from mfpde.plot import overview

        return overview(self._dataset)


def _density_in(other: Any) -> xr.DataArray | None:
    if isinstance(other, xr.DataArray):
        return other
    if isinstance(other, xr.Dataset) and "particle" not in other.dims:
        return DatasetAccessor(other)._density()
    return None


def _moment_name(powers: dict[str, int]) -> str:
    factors = " ".join(f"{name}^{power}" if power != 1 else name for name, power in powers.items())
    return f"moment of {factors}" if factors else "mass"


def _named(array: xr.DataArray, name: str, attrs: dict[str, Any]) -> xr.DataArray:
    return array.rename(name).assign_attrs(attrs)

"""Tests of limit equations: a pytest plugin that compares datasets with stored ones, and assertions.

With mfpde installed, pytest knows the fixture :func:`mfpde_regression` and the option ``--mfpde-regenerate``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Regression", "assert_conserved", "assert_monotone", "assert_order", "mfpde_regression"]

OPTION = "--mfpde-regenerate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--mfpde-regenerate``."""
    group = parser.getgroup("mfpde", "regression of limit equations")
    group.addoption(
        OPTION, action="store_true", default=False, help="write the reference datasets in place of comparing"
    )


@pytest.fixture
def mfpde_regression(request: pytest.FixtureRequest, tmp_path: Path) -> Regression:
    """Compare datasets with those stored beside the test module: see :class:`Regression`.

    pytest gives ``request``, which tells the test and its options, and ``tmp_path``, where pictures of
    failures go.
    """
    folder = Path(request.path).with_suffix("")
    regenerate = bool(request.config.getoption(OPTION))
    return Regression(folder, str(request.node.name), tmp_path, regenerate)


class Regression:
    """The references of one test: ``check`` compares a dataset with the stored one.

    References are netCDF files ``<test module>/<test name>.nc`` beside the test module, which hold the
    compared variables only. They are written by ``pytest --mfpde-regenerate``.

    Parameters
    ----------
    folder : path
        Where references are.
    name : str
        Default name of a reference.
    pictures : path
        Where pictures of differences go.
    regenerate : bool
        Write in place of comparing.
    """

    def __init__(self, folder: Path, name: str, pictures: Path, regenerate: bool) -> None:
        self._folder, self._name, self._pictures = folder, name, pictures
        self._regenerate = regenerate
        self._used: set[str] = set()

    def check(
        self, dataset: xr.Dataset, tolerances: Mapping[str, tuple[float, float]], name: str | None = None
    ) -> None:
        """Compare variables with those of the reference: |new − stored| ≤ atol + rtol |stored| everywhere.

        Parameters
        ----------
        dataset : Dataset
        tolerances : mapping of names to (rtol, atol)
            The variables that are compared, e.g. ``{"density": (1e-6, 1e-9)}``.
        name : str, optional
            Name of the reference, that of the test by default; needed for a second one in a test.

        Raises
        ------
        AssertionError
            If a variable differs: which, where, by how much, and the picture that shows it.
        FileNotFoundError
            If there is no reference.
        ValueError, TypeError
            If the tolerances do not fit the dataset, or a name is used twice.
        """
        import xarray as xr

        _check_tolerances(dataset, tolerances)
        path = self._path(self._name if name is None else name)
        if self._regenerate:
            _store(dataset[list(tolerances)], path)
            return
        if not path.exists():
            raise FileNotFoundError(f"there is no reference {path}; write it with pytest {OPTION}")
        from mfpde.comparison import differences

        with xr.open_dataset(path, engine="netcdf4") as file:
            stored = file.load()
        found = differences(dataset, stored, tolerances)
        if found:
            raise AssertionError(self._report(dataset, stored, path, found))

    def _path(self, name: str) -> Path:
        plain = re.sub(r"[^\w.-]+", "_", name).strip("_")
        if plain in self._used:
            raise ValueError(f"the reference {plain!r} is used twice in a test; give each check its name=...")
        self._used.add(plain)
        return self._folder / f"{plain}.nc"

    def _report(self, dataset: xr.Dataset, stored: xr.Dataset, path: Path, found: Sequence[Any]) -> str:
        from mfpde.comparison import draw

        lines = [f"{len(found)} variable{'s' * (len(found) > 1)} not as in {path}"]
        for one in found:
            lines.append(f"  {one}")
            picture = draw(dataset, stored, one, self._pictures / f"{path.stem}_{one.name}.png")
            lines += [f"    picture: {picture}"] if picture else []
        return "\n".join([*lines, f"if the change is meant, run pytest {OPTION}"])


def _check_tolerances(dataset: Any, tolerances: Any) -> None:
    if not hasattr(dataset, "data_vars"):
        raise TypeError(
            f"a Dataset is compared, got {type(dataset).__name__}; use array.to_dataset(name=...)"
        )
    if not isinstance(tolerances, Mapping) or not tolerances:
        raise TypeError(
            f"tolerances maps names to (rtol, atol), e.g. {{'density': (1e-6, 0)}}, got {tolerances!r}"
        )
    for name, pair in tolerances.items():
        if name not in dataset:
            there = ", ".join(map(str, dataset.data_vars))
            raise ValueError(f"the dataset has no variable {name!r}; there are {there}")
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(t >= 0 for t in pair):
            raise ValueError(f"the tolerance of {name!r} is (rtol, atol), both >= 0, got {pair!r}")


def _store(dataset: xr.Dataset, path: Path) -> None:
    """Write compressed, without the attributes that change from run to run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in dataset.attrs.items() if key in ("title", "problem", "solver")}
    encoding = {str(name): {"zlib": True, "complevel": 9} for name in dataset.data_vars if dataset[name].ndim}
    temporary = path.with_suffix(".tmp")
    dataset.drop_encoding().assign_attrs({}).assign_attrs(kept).to_netcdf(
        temporary, engine="netcdf4", encoding=encoding
    )
    temporary.replace(path)


def assert_conserved(
    dataset: xr.Dataset, names: str | Iterable[str], rtol: float = 1e-10, atol: float = 0.0
) -> None:
    """Assert |q(t) − q(0)| ≤ atol + rtol |q(0)| at all times, for each name.

    Parameters
    ----------
    dataset : Dataset
        With variables over a time, such as the diagnostics of :func:`mfpde.solve`.
    names : str or iterable of str
    rtol, atol : float
        A quantity that is 0 at first, such as a momentum, needs an ``atol``.

    Raises
    ------
    AssertionError
        If one changes by more: which, when, and by how much.
    ValueError
        If there is no such variable, or it has no time.
    """
    for name in [names] if isinstance(names, str) else names:
        values, time = _course(dataset, name)
        gap = abs(values - values.isel({time: 0}))
        allowed = atol + rtol * abs(values.isel({time: 0}))
        excess = (gap - allowed).where(gap.notnull(), float("inf"))
        worst = excess.max([dim for dim in excess.dims if dim != time])
        place = int(worst.argmax(time))
        if float(worst[place]) > 0:
            largest = gap.isel({time: place}).max()
            raise AssertionError(
                f"{name} is not conserved: it has changed by {float(largest):.3g} at "
                f"t = {float(values[time][place]):.6g}, where {float(allowed.max()):.3g} is allowed"
            )


def assert_monotone(
    dataset: xr.Dataset,
    name: str,
    direction: Literal["decreasing", "increasing"] = "decreasing",
    atol: float = 0.0,
) -> None:
    """Assert that a variable never moves the other way by more than ``atol`` from one time to the next.

    Parameters
    ----------
    dataset : Dataset
    name : str
        A variable over time.
    direction : {"decreasing", "increasing"}
    atol : float

    Raises
    ------
    AssertionError
        If it does, or is NaN somewhere: when, and by how much.
    ValueError
        If there is no such variable, it has no time, or the direction is another word.
    """
    if direction not in ("decreasing", "increasing"):
        raise ValueError(f"direction is 'decreasing' or 'increasing', got {direction!r}")
    values, time = _course(dataset, name)
    rise = values.diff(time) * (1 if direction == "decreasing" else -1)
    rise = rise.where(rise.notnull(), float("inf"))
    worst = rise.max([dim for dim in rise.dims if dim != time])
    place = int(worst.argmax(time))
    if float(worst[place]) > atol:
        raise AssertionError(
            f"{name} is not {direction}: it moves by {float(worst[place]):.3g} the other way between "
            f"t = {float(values[time][place]):.6g} and {float(values[time][place + 1]):.6g}"
        )


def assert_order(
    errors: Sequence[float], steps: Sequence[float], expected: float, margin: float = 0.25
) -> float:
    """Assert that errors fall at least like h^(expected − margin); returns the observed order.

    The order is the slope of log error against log h by least squares.

    Parameters
    ----------
    errors : floats > 0
    steps : floats > 0
        h of each; for numbers of cells N give 1/N.
    expected, margin : float

    Raises
    ------
    AssertionError
        If the observed order is below ``expected − margin`` or not a number.
    ValueError
        If there are not two positive errors or more, each with its step.

    Examples
    --------
    >>> round(assert_order([4e-3, 1e-3, 2.5e-4], [0.4, 0.2, 0.1], 2.0), 6)
    2.0
    """
    import numpy as np

    e, h = np.asarray(errors, dtype=float), np.asarray(steps, dtype=float)
    if e.shape != h.shape or e.ndim != 1 or e.size < 2 or not (h > 0).all() or np.unique(h).size < h.size:
        raise ValueError(
            f"an order needs two errors or more, each with a step > 0 of its own, got {e} for {h}"
        )
    if (e <= 0).any():
        raise ValueError(f"errors must be > 0, got {e}; an error of 0 has no order")
    order = float(np.polyfit(np.log(h), np.log(e), 1)[0]) if np.isfinite(e).all() else float("nan")
    if not order >= expected - margin:
        raise AssertionError(
            f"order {order:.3f} in place of {expected:g} (margin {margin:g}): errors {e} at {h}"
        )
    return order


def _course(dataset: Any, name: str) -> tuple[xr.DataArray, str]:
    """A variable and its dimension of time."""
    from mfpde.dataset import is_time

    if name not in dataset:
        raise ValueError(f"the dataset has no variable {name!r}; there are {', '.join(map(str, dataset))}")
    values: xr.DataArray = dataset[name]
    times = [str(dim) for dim in values.dims if is_time(str(dim)) or dim == "diagnostic_time"]
    if not times or values.sizes[times[0]] < 2:
        raise ValueError(f"{name} needs two times or more, its dimensions are {dict(values.sizes)}")
    return values, times[0]

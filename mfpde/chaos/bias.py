"""What replicas tell of a signed measure: its bias and its fluctuation, told apart."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mfpde.dataset import attributes

__all__ = ["bias_and_fluctuation"]


def bias_and_fluctuation(measure: xr.DataArray) -> xr.Dataset:
    r"""Mean over replicas and standard deviation of a signed measure, each with its standard error.

    A weak error :math:`⟨φ, μ_N⟩ − ⟨φ, ρ⟩` has a bias of order 1/N, hidden under a fluctuation of order
    N^{−1/2}: R replicas see it if it exceeds fluctuation/√R. Of ``<name>_excess``, the difference to coupled
    mean-field particles, whose own bias is 0, the mean is the same bias, and the fluctuation what is left of
    the noise when points and paths are common: use it where it is the smaller one.

    Parameters
    ----------
    measure : DataArray
        With a dimension ``replica`` of at least 2; other dimensions are kept.

    Returns
    -------
    Dataset
        ``bias`` and ``fluctuation`` with the coordinates ``bias_stderr`` and ``fluctuation_stderr``, by which
        :func:`mfpde.fit_rate` weights sizes: ``fit_rate(abs(found.bias))``, ``fit_rate(found.fluctuation)``.
        The second error is that of a variance, √((m₄ − s⁴(R − 3)/(R − 1))/R), over 2s.

    Raises
    ------
    ValueError
        If there are no replicas, or only one.
    """
    if measure.sizes.get("replica", 0) < 2:
        raise ValueError(
            f"a bias needs the dimension replica, of at least 2, got {dict(measure.sizes)}; give a variable "
            "of a study, or a measure of simulate(..., replicas=100)"
        )
    R, mean = measure.sizes["replica"], measure.mean("replica", skipna=False)
    deviation = measure - mean
    s = measure.std("replica", ddof=1, skipna=False)
    fourth = (deviation**4).mean("replica", skipna=False)
    variance_error = ((fourth - s**4 * (R - 3) / (R - 1)).clip(min=0.0) / R) ** 0.5
    errors = {"bias": s / R**0.5, "fluctuation": (variance_error / (2 * s)).where(s != 0, 0.0)}
    what = measure.attrs.get("long_name", measure.name or "the measure")
    coords = {}
    for name, error in errors.items():
        described = attributes(f"{name}_stderr", long_name=f"standard error of the {name} of {what}")
        coords[f"{name}_stderr"] = error.variable.copy()
        coords[f"{name}_stderr"].attrs = described
    kept = {name: c for name, c in measure.coords.items() if "replica" not in c.dims}
    values = {"bias": mean, "fluctuation": s}
    theory = {"bias": -1.0, "fluctuation": float(measure.attrs.get("theory", np.nan))}
    found = xr.Dataset(coords=kept | coords)
    for name, value in values.items():
        attrs = attributes(name, long_name=f"{name} of {what}", theory=theory[name], reduction="mean")
        found[name] = xr.Variable(mean.dims, value.values, attrs)
    return found

"""What solve saves: fields, marginals, slices and moments of the density, each at its own cadence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfpde.recording import Field
from mfpde_solvers.equations import FirstOrder, NavierStokes
from mfpde_solvers.grid import VELOCITIES, Grid

__all__ = ["GENEROUS", "default_outputs", "observed_fields", "outputs_of"]

Array = NDArray[Any]
Save = Iterable[str] | Mapping[str, int]

GENEROUS = 2**31  # bytes up to which the whole density is saved without being asked for

_MARGINAL = re.compile(r"density\(([^()]*)\)")
_SLICE = re.compile(r"density\[([^\[\]]*)\]")


def observed_fields(equation: Any, grid: Grid) -> dict[str, tuple[str, ...]]:
    """Dimensions of what a run of the equation observes on a grid, by variable.

    ``density`` (with a dimension ``circulation`` where there are several), the mean field K∗ω and the
    potential V∗ω over the positions where there is a kernel, and ``vorticity`` for Navier–Stokes equations.
    """
    several = isinstance(equation, FirstOrder) and len(equation.circulations) > 1
    fields: dict[str, tuple[str, ...]] = {"density": ("circulation", *grid.names) if several else grid.names}
    kernel = getattr(equation, "kernel", None)
    if kernel is None:
        return fields
    positions = grid.positions.names
    fields |= {f"mean_field_{name}": positions for name in positions}
    if kernel.limit.potential_formula((None,) * kernel.dim) is not None:
        fields["potential"] = positions
    return fields | ({"vorticity": positions} if isinstance(equation, NavierStokes) else {})


def outputs_of(save: Save, grid: Grid, plain: Mapping[str, tuple[str, ...]]) -> dict[str, Field]:
    """The fields that a ``save`` asks for, by the names of their variables.

    Parameters
    ----------
    save : names, or mapping of names to cadences
        Each is a variable of ``plain``, a marginal ``density(x, vx)`` (saved as ``density_x_vx``), a slice
        ``density[y=0, vy=0.5]`` through the nearest cell centres (``density_at_y_0_vy_0p5``), or a moment:
        ``flux_x`` … = ∫ v f dv, ``energy_density`` = ½∫ |v|² f dv. A cadence m saves every m-th time.
    grid : Grid
    plain : mapping
        Dimensions of the variables that a run observes.

    Raises
    ------
    ValueError
        If a name is none of these, or a cadence is not a positive integer.
    """
    cadences = dict(save) if isinstance(save, Mapping) else dict.fromkeys(save, 1)
    fields = {}
    for text, every in cadences.items():
        if int(every) != every or every < 1:
            raise ValueError(f"the cadence of {text!r} must be a positive integer, got {every!r}")
        name, field = _output(text, int(every), grid, plain)
        fields[name] = field
    return fields


def default_outputs(
    grid: Grid, plain: Mapping[str, tuple[str, ...]], times: int, circulations: int = 1
) -> dict[str, int]:
    """Everything while it is small; else marginals, fields and the density as often as 2 GB allow.

    Phase spaces of two and three dimensions have the density of positions and the marginals on each position
    with its velocity in place of the density at every time.
    """
    sizes = dict(zip(grid.names, grid.shape)) | {"circulation": circulations}
    record = 8 * sum(prod(sizes[dim] for dim in dims) for dims in plain.values())
    if record * times <= GENEROUS:
        return dict.fromkeys(plain, 1)
    positions = tuple(name for name in grid.names if name not in VELOCITIES)
    velocities = grid.names[len(positions) :]
    if not (positions and velocities):
        return dict.fromkeys(plain, -(-record * times // GENEROUS))
    chosen = {f"density({', '.join(positions)})": 1}
    if len(positions) > 1:  # in one dimension this marginal is the density itself
        chosen |= {f"density({x}, {v})": 1 for x, v in zip(positions, velocities, strict=True)}
    chosen |= {name: 1 for name in plain if name != "density"}
    most = GENEROUS // (8 * prod(grid.shape))
    return chosen | ({"density": -(-times // most)} if most > 0 else {})


def _output(text: str, every: int, grid: Grid, plain: Mapping[str, tuple[str, ...]]) -> tuple[str, Field]:
    if text in plain:
        return text, Field(plain[text], every)
    if match := _MARGINAL.fullmatch(text.strip()):
        return _marginal(match[1], every, grid, _leading(grid, plain))
    if match := _SLICE.fullmatch(text.strip()):
        return _slice(match[1], every, grid, _leading(grid, plain))
    moments = _moments(grid) if any(name not in VELOCITIES for name in grid.names) else {}
    if text in moments:
        return text, Field(grid.positions.names, every, moments[text])
    raise ValueError(
        f"there is no variable {text!r} to save; choose from {', '.join([*plain, *moments])}, a marginal "
        f"such as 'density({grid.names[0]})' or a slice such as 'density[{grid.names[-1]}=0]'"
    )


def _leading(grid: Grid, plain: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Dimensions of the density besides the axes: circulations."""
    return tuple(dim for dim in plain.get("density", ()) if dim not in grid.names)


def _marginal(inside: str, every: int, grid: Grid, leading: tuple[str, ...]) -> tuple[str, Field]:
    asked = [part.strip() for part in inside.split(",")]
    for name in asked:
        grid.index(name)
    kept = tuple(name for name in grid.names if name in asked)
    others = [name for name in grid.names if name not in asked]
    name = f"density_{'_'.join(kept)}"
    dims = (*leading, *kept)
    return name, Field(dims, every, lambda observed: grid.integrate(observed["density"], others))


def _slice(inside: str, every: int, grid: Grid, leading: tuple[str, ...]) -> tuple[str, Field]:
    places: dict[str, int] = {}
    label = "density_at"
    for part in inside.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        axis = grid[name]
        try:
            at = float(value)
        except ValueError:
            raise ValueError(f"a slice is written 'density[{name}=0.5]', got {part.strip()!r}") from None
        if not axis.lower <= at <= axis.upper:
            raise ValueError(f"{name} = {at:g} lies outside [{axis.lower:g}, {axis.upper:g}]")
        places[name] = int(np.abs(axis.points - at).argmin())
        label += f"_{name}_{at:g}".replace("-", "m").replace(".", "p").replace("+", "")
    index = (..., *(places.get(name, slice(None)) for name in grid.names))
    kept = tuple(name for name in grid.names if name not in places)
    if not kept:
        raise ValueError(f"a slice leaves at least one of the axes {', '.join(grid.names)} free")
    return label, Field((*leading, *kept), every, lambda observed: observed["density"][index])


def _moments(grid: Grid) -> dict[str, Callable[[Mapping[str, Array]], Array]]:
    """First and second velocity moments, from marginals so that nothing of the size of f is allocated."""
    over = tuple(name for name in grid.names if name in VELOCITIES)

    def moment(observed: Mapping[str, Array], velocity: str, power: int) -> Array:
        others = [name for name in over if name != velocity]
        axis = grid[velocity]
        marginal = np.asarray(grid.integrate(observed["density"], others))
        return np.asarray(marginal @ axis.points**power * axis.spacing)

    def energy(observed: Mapping[str, Array]) -> Array:
        return np.asarray(sum(moment(observed, velocity, 2) for velocity in over) / 2)

    fluxes = {
        f"flux_{x}": partial(moment, velocity=v, power=1) for x, v in zip(grid.names, over, strict=False)
    }
    return (fluxes | {"energy_density": energy}) if over else {}

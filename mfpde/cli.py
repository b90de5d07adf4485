"""The command line: ``mfpde solve | simulate | converge | verify | problems | plot``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from mfpde.case import Case

__all__ = ["app", "main"]

INTERRUPTED = 130  # exit code after Ctrl-C, by the convention of shells

app = typer.Typer(
    help="Mean-field limits: solve the limit equation, simulate the particles, measure the distance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Source = Annotated[str, typer.Argument(metavar="CASE", help="Name of a problem, or a TOML case file.")]
Output = Annotated[Path | None, typer.Option(help="Folder for the results; ./<problem> by default.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results instead of continuing them.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
Workers = Annotated[
    int, typer.Option(min=1, help="Processes for the particle systems; 1 computes in this process.")
]
Seed = Annotated[int | None, typer.Option(help="Seed of the random numbers.")]
Coupled = Annotated[
    bool,
    typer.Option("--mean-field", help="Add particles in the mean field, from the same points and noise."),
]
Step = Annotated[float | None, typer.Option("--dt", help="Largest time step.")]
Until = Annotated[float | None, typer.Option(help="Horizon in place of the problem's.")]


def main() -> None:
    """Entry point. What is wrong is told in one line: bad input exits with 2, a run that fails with 1."""
    import warnings

    from mfpde_solvers.evolve import RunError

    warnings.formatwarning = lambda message, *_, **__: f"mfpde: {message}\n"
    try:
        code = app(standalone_mode=False)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        _stop(str(error), 2)
    except RunError as error:
        _stop(f"the run stopped {error}", 1)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # of the option parser, which typer may bring along
        if usage is None:
            raise
        _stop(usage(), 2)
    if code == INTERRUPTED:
        _stop("interrupted; the same command continues", INTERRUPTED)
    sys.exit(code)


def _stop(message: str, code: int) -> NoReturn:
    if message:  # without a command the help has been shown instead
        print(f"mfpde: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _case(source: str, **changes: Any) -> tuple[str, Case]:
    """The case with the options of the command line in place of those of the file."""
    from mfpde.case import read_case

    name, case = read_case(source)
    contents = case.model_dump()
    for section, values in changes.items():
        given = {key: value for key, value in values.items() if value is not None}
        if section == "top":
            contents |= given
        else:
            contents[section] |= given
    return name, type(case).model_validate(contents)


@contextmanager
def _folder(output: Path | None, name: str) -> Iterator[Path]:
    """The folder for the results; what was made for it and stays empty is not left behind."""
    folder = Path(name) if output is None else output
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; give the name of a folder to --output")
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        for place in made:
            if not any(place.iterdir()):
                place.rmdir()


def _figure(plotted: Figure, path: Path) -> None:
    from matplotlib.pyplot import close

    plotted.savefig(path, dpi=150)
    close(plotted)
    print(f"wrote {path}")


def _ended(dataset: xr.Dataset, path: Path) -> None:
    status = dataset.attrs["status"]
    reason = f": {dataset.attrs['reason']}" if "reason" in dataset.attrs else ""
    print(f"wrote {path} ({status}{reason})")


def _no_display() -> None:
    import matplotlib as mpl

    mpl.use("Agg")


def _writing(overwrite: bool, quiet: bool) -> dict[str, Any]:
    return {"overwrite": overwrite, "resume": not overwrite, "progress": False if quiet else None}


@app.command()
def problems() -> None:
    """List the problems of the catalogue with their default arguments."""
    from mfpde.report import problem_table

    problem_table()


@app.command()
def solve(
    source: Source,
    until: Until = None,
    dt: Step = None,
    output: Output = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Solve the limit equation: writes reference.nc and density.png."""
    import mfpde as mf

    name, case = _case(source, top={"horizon": until}, solve={"dt": dt})
    problem, solver, options = case.build(), case.build_solver(), case.solve
    with _folder(output, name) as folder:
        path = folder / "reference.nc"
        dataset = mf.solve(
            problem,
            options.times,
            solver=solver,
            dt=options.dt,
            save=options.save,
            path=path,
            **_writing(overwrite, quiet),
        )
        _ended(dataset, path)
        _no_display()
        _figure(mf.plot.overview(dataset), folder / "density.png")


@app.command()
def simulate(
    source: Source,
    size: Annotated[int | None, typer.Option(help="Number of particles N.")] = None,
    replicas: Annotated[int | None, typer.Option(help="Independent copies.")] = None,
    seed: Seed = None,
    until: Until = None,
    dt: Step = None,
    mean_field: Coupled = False,
    workers: Workers = 1,
    output: Output = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Simulate the particle system: writes particles.nc and particles.png."""
    import mfpde as mf
    from mfpde.tasks import worker_pool

    given = {"size": size, "replicas": replicas, "seed": seed, "dt": dt, "mean_field": mean_field or None}
    name, case = _case(source, top={"horizon": until}, simulate=given)
    problem, options = case.build(), case.simulate
    with _folder(output, name) as folder:
        path = folder / "particles.nc"
        with worker_pool(workers) as executor:
            dataset = mf.simulate(
                problem,
                **options.model_dump(),
                executor=executor,
                path=path,
                **_writing(overwrite, quiet),
            )
        _ended(dataset, path)
        _no_display()
        _figure(mf.plot.overview(dataset), folder / "particles.png")


@app.command()
def converge(
    source: Source,
    sizes: Annotated[str | None, typer.Option(help="Numbers of particles, separated by commas.")] = None,
    replicas: Annotated[int | None, typer.Option(help="Independent copies of each system.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Names of metrics, separated by commas.")] = None,
    seed: Seed = None,
    until: Until = None,
    dt: Step = None,
    mean_field: Coupled = False,
    workers: Workers = 1,
    output: Output = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure the convergence to the limit: writes reference.nc, study.nc and convergence.png."""
    import mfpde as mf
    from mfpde.chaos.plan import plan_study, stored_study
    from mfpde.report import convergence_table
    from mfpde.solution import reference_times
    from mfpde.tasks import worker_pool

    given: dict[str, Any] = {"replicas": replicas, "seed": seed, "dt": dt, "mean_field": mean_field or None}
    given["sizes"] = None if sizes is None else _integers(sizes)
    given["metrics"] = None if metrics is None else metrics.split(",")
    name, case = _case(source, top={"horizon": until}, converge=given)
    problem, options = case.build(), case.converge
    plan = plan_study(problem, **options.model_dump())  # refuses bad input before anything is computed
    with _folder(output, name) as folder:
        if not overwrite:
            stored_study(folder / "study.nc", plan)
        reference = mf.solve(
            problem,
            reference_times(problem, case.solve.times, options.times),
            solver=case.build_solver(),
            dt=case.solve.dt,
            save=case.solve.save,
            path=folder / "reference.nc",
            **_writing(overwrite, quiet),
        )
        with worker_pool(workers) as executor:
            study = mf.converge(
                problem,
                **options.model_dump(),
                reference=reference,
                executor=executor,
                path=folder / "study.nc",
                **_writing(overwrite, quiet),
            )
        convergence_table(study)
        _ended(reference, folder / "reference.nc")
        _ended(study, folder / "study.nc")
        _no_display()
        _figure(mf.plot.convergence(study), folder / "convergence.png")


@app.command()
def verify(
    equation: Annotated[str | None, typer.Option(help="One family of equations; all by default.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Also what takes longer.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare solvers and particles with what is known exactly; exits with 1 if anything falls short."""
    import mfpde as mf
    from mfpde.verification import falls_short, print_table, records

    found = mf.verify(equation, full, progress=False if quiet else None)
    if json:
        print(records(found))
    else:
        print_table(found)
    if falls_short(found):
        raise typer.Exit(1)


@app.command()
def experiments() -> None:
    """List the experiments: theorems, and what is measured of them."""
    from mfpde.experiments.tables import experiment_table

    experiment_table()


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="One of those that `mfpde experiments` lists.")],
    full: Annotated[bool, typer.Option("--full", help="Full sizes, up to half an hour.")] = False,
    planted: Annotated[str | None, typer.Option(help="Plant one of the experiment's errors.")] = None,
    seed: Seed = None,
    workers: Workers = 1,
    output: Output = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Put a theorem to the test: writes result.nc and result.png; exits with 1 if it is refuted."""
    from mfpde.experiments import catalogue, draw
    from mfpde.experiments.tables import result_table
    from mfpde.problems.problem import unknown
    from mfpde.tasks import worker_pool

    known = catalogue()
    if name not in known:
        raise ValueError(unknown("experiment", name, known))
    with _folder(output, name) as folder, worker_pool(workers) as executor:
        path = folder / "result.nc"
        result = known[name](
            full,
            seed=0 if seed is None else seed,
            path=path,
            executor=executor,
            system=planted,
            overwrite=overwrite,
            progress=False if quiet else None,
        )
        result_table(result)
        print(f"wrote {path}")
        _no_display()
        _figure(draw(result), folder / "result.png")
    if result.attrs["confirmed"] == 0:
        raise typer.Exit(1)


@app.command()
def plot(
    file: Annotated[Path, typer.Argument(help="A netCDF file written by solve, simulate or converge.")],
    output: Annotated[
        Path | None, typer.Option(help="Picture to write; the file's name with .png by default.")
    ] = None,
) -> None:
    """Draw what a file holds."""
    import mfpde as mf
    from mfpde.recording import read_dataset

    if not file.exists():
        raise FileNotFoundError(f"{file} does not exist")
    _no_display()
    try:
        dataset = read_dataset(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is not a readable netCDF file ({error})") from error
    _figure(mf.plot.overview(dataset), file.with_suffix(".png") if output is None else output)


def _integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"sizes are integers separated by commas, e.g. 64,128,256; got {text!r}") from None

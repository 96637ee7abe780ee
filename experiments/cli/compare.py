"""meterstorm compare: two runs, metric by metric."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from .console import UNAVAILABLE, WRONG_INPUT, announce_compilation, fail, fail_to_write, output, progress


def compare_command(
    base: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    change: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="The folder of the run to compare with it.")
    ] = None,
    twin: Annotated[
        int | None,
        typer.Option(metavar="N", help="Instead: compare a run on the wall clock with N in simulated time."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an entry for each comparison.")] = False,
) -> None:
    """Compare the metrics of two runs: those that differ beyond their interval first, then the rest.

    Versions are paired by case and arm, replications by number. `meterstorm report RUN RUN` has the same as
    figures; `meterstorm diff` looks for the first event that differs instead.

    With --twin 50 a run on the wall clock stands beside 50 replications of itself in simulated time, with the
    latency that its messages took: which counts are in their 99 % band. The report of the run then has that, too.
    """
    if (change is None) == (twin is None):
        given = "a second run" if change else "nothing"
        fail(WRONG_INPUT, f"{base} with {given}: give it either a second run or --twin N")
    if twin is not None:
        _beside_twin(base, twin, as_json)
    elif change is not None:
        _compare(base, change, as_json)


def _compare(base: Path, change: Path, as_json: bool) -> None:
    from ..reports import compare, finished_runs
    from ..scenario import ScenarioError

    try:
        _check([base, change])
        first, second = finished_runs.read([base, change])
        found = compare.entries(first, second)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    if as_json:
        print(json.dumps(found, indent=1, allow_nan=False))
    else:
        compare.show(output(), first, second, found)


def _beside_twin(folder: Path, replications: int, as_json: bool) -> None:
    """Run the twin of a wall-clock run, keep what came of it in its folder, and write its report anew."""
    from ..comparisons import twin
    from ..pages import report
    from ..reports import finished_runs
    from ..reports import twin as tables
    from ..runs.failures import ENVIRONMENT_FAILURES, reason
    from ..scenario import ScenarioError, counted

    if replications < twin.LEAST:
        fail(WRONG_INPUT, f"--twin {replications}: must be {twin.LEAST} or more: fewer have no band")
    announce_compilation()
    try:
        _check([folder])
        (found,) = finished_runs.read([folder])
        total = replications * len(found.summary["arms"])
        with redirect_stdout(sys.stderr), progress(counted(total, "world"), total) as advance:
            content = twin.beside(found.summary, found.scenarios, replications, advance)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, f"--twin {replications}: {folder}: {error}")
    except ENVIRONMENT_FAILURES as error:
        fail(UNAVAILABLE, reason(error))
    try:
        report.save(folder / twin.TWIN, json.dumps(content, indent=1, allow_nan=False) + "\n")
        report.write(folder)
    except OSError as error:
        fail_to_write(error, folder)
    if as_json:
        print(json.dumps(content, indent=1, allow_nan=False))
    else:
        tables.show(output(), content)


def _check(paths: Sequence[Path]) -> None:
    """Raise ValueError for folders that do not hold a run."""
    from ..pages import folders

    for path in paths:
        if (kind := folders.kind(path)) != folders.RUN:
            raise ValueError(folders.alone(path, kind))

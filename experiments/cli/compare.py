"""meterstorm compare: two runs, metric by metric."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .console import WRONG_INPUT, fail, output


def compare_command(
    base: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    change: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of the run to compare with it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print an entry for each comparison.")] = False,
) -> None:
    """Compare the metrics of two runs: those that differ beyond their interval first, then the rest.

    Versions are paired by case and arm, replications by number. `meterstorm report RUN RUN` has the same as
    figures; `meterstorm diff` looks for the first event that differs instead.
    """
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


def _check(paths: Sequence[Path]) -> None:
    """Raise ValueError for folders that are of no run."""
    from ..pages import folders

    for path in paths:
        if (kind := folders.kind(path)) != folders.RUN:
            raise ValueError(folders.alone(path, kind))

"""meterstorm check: whether a run was long enough, sampled narrowly enough and repeated often enough."""

from pathlib import Path
from typing import Annotated

import typer

from .console import WRONG_INPUT, fail, output


def check_command(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")] = False,
) -> None:
    """Say whether a run's warm-up, duration, events, samples and replications suffice, and why.

    Of several cases and arms the worst answers. Exit status 0 whatever the answers are.
    """
    from ..reports import diff, sufficiency
    from ..reports.summary import to_json
    from ..scenario import ScenarioError

    try:
        found = sufficiency.examine(diff.read(folder))
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    if as_json:
        print(to_json(sufficiency.content(found)))
    else:
        sufficiency.show(output(), found)

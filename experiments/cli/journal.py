"""meterstorm journal: the events of a run, one line each, filtered."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import WRONG_INPUT, fail

if TYPE_CHECKING:
    from ..reports.diff import RunFolder


def journal_command(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run with --journal.")],
    case: Annotated[str | None, typer.Option(metavar="NAME", help="Of this case only.")] = None,
    arm: Annotated[str | None, typer.Option(metavar="NAME", help="Of this arm only.")] = None,
    replication: Annotated[int | None, typer.Option(metavar="N", help="Of this replication only.")] = None,
    what: Annotated[str | None, typer.Option(metavar="WORD", help="handled, sent, lost, decided, moved.")] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Such as request, deny, link timer, fail over.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="WORDS", help='Sent or handled by it: "client 5", "server 0", observer.')
    ] = None,
    begin: Annotated[float | None, typer.Option("--from", metavar="S", help="From this time on, s.")] = None,
    end: Annotated[float | None, typer.Option("--to", metavar="S", help="Before this time, s.")] = None,
) -> None:
    """Print a run's events in their order; times are from the end of the warm-up, as in scenarios.

    Example: meterstorm journal results/x-1234abcd --agent "client 5" --from 3600 --to 3700
    """
    from ..reports import diff, journal
    from ..scenario import ScenarioError

    try:
        run = diff.read(folder)
        wanted = journal.Wanted(what, kind, agent, begin, end)
        for cell in _cells(run, case, arm, replication):
            _print(run, cell, wanted)
    except FileNotFoundError:
        fail(WRONG_INPUT, f"{folder}: the run kept no journal; run it with --journal")
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def _cells(run: "RunFolder", case: str | None, arm: str | None, replication: int | None) -> list[Any]:
    """Return the worlds that are asked for; raises ValueError when there is none."""
    asked = (case, arm, replication)
    found = [cell for cell in run.digests if all(a in (None, b) for a, b in zip(asked, cell, strict=True))]
    if not found:
        names = [f"case {case!r}"] * bool(case) + [f"arm {arm!r}"] * bool(arm)
        names += [f"replication {replication}"] * (replication is not None)
        raise ValueError(f"{run.path}: has no {', '.join(names)}")
    return found


def _print(run: "RunFolder", cell: Any, wanted: Any) -> None:
    from ..reports import diff, journal

    scenario = diff.scenario_of(run, cell)
    if len(run.digests) > 1:
        print(f"{diff.name_of(cell)}:")
    rows = journal.read(run.path, *cell)
    for row in rows[journal.mask(rows, wanted, scenario)]:
        print(journal.describe(row, scenario))

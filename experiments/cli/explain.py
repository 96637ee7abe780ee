"""meterstorm explain: which parameters of a sweep a metric depends on, and where it is bad."""

from pathlib import Path
from typing import Annotated

import typer

from .console import WRONG_INPUT, fail, fail_to_write


def _table_file(text: str) -> Path:
    """Return the file that --out names; raises typer.BadParameter for another kind."""
    if Path(text).suffix not in (".parquet", ".csv"):
        raise typer.BadParameter(f"{text!r} is not allowed; it must end in .parquet or .csv")
    return Path(text)


def explain_command(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="The folder of a sweep, or its metrics.parquet.")],
    metric: Annotated[str, typer.Option(metavar="NAME", help="What to explain (meterstorm show metrics).")],
    bad: Annotated[
        str | None, typer.Option(metavar="WHICH", help='Bad values: "> 0.1", ">= 1", "< 3", "<= 0", "inf".')
    ] = None,
    case: Annotated[str | None, typer.Option(metavar="NAME", help="Of this case only.")] = None,
    arm: Annotated[str | None, typer.Option(metavar="NAME", help="Of this arm only.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=_table_file, metavar="FILE", help="Write the boxes, as .parquet or .csv."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")] = False,
) -> None:
    """Say which parameters of a sweep matter for a metric, and in which boxes of them it is bad.

    Example: meterstorm explain results/sweep --metric denial_fraction --bad '> 0.1'
    """
    from ..analysis import outcomes
    from ..reports import explanation
    from ..reports.summary import to_json

    try:
        which = None if bad is None else outcomes.parse_bad(bad)
        found = explanation.explain(outcomes.read(sweep), metric, which, case, arm)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    if out is not None:
        try:
            explanation.write_boxes(out, found)
        except OSError as error:
            fail_to_write(error, out)
    if as_json:
        print(to_json(explanation.content(found, metric, which)))
        return
    for n, one in enumerate(found):
        print("\n" * (n > 0), end="")
        for line in explanation.report(one, metric, which):
            print(line)

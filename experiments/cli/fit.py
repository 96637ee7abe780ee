"""meterstorm fit: what a site's log says of its users, as a scenario."""

from pathlib import Path
from typing import Annotated

import typer

from .console import WRONG_INPUT, fail, fail_to_write
from .logs import SiteFolder


def fit_command(
    folder: SiteFolder,
    product: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A product, or SERVER/PRODUCT; default: the one asked for most."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Write a scenario that has it, and a page with figures beside it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")] = False,
) -> None:
    """Fit launches by hour and weekday, sessions, denied users and outages to a site's log, each with how well.

    Of the engine's distributions the nearest that is not refused is taken, and else the log's own times.
    """
    from ..fitting import files, model, page
    from ..logs.site import read_site
    from ..reports.summary import to_json
    from ..scenario import ScenarioError

    if out is not None and out.suffix != ".toml":
        fail(WRONG_INPUT, f"--out {out}: must be the name of a scenario, FILE.toml")
    try:
        fitted = model.model(read_site(folder), product)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    try:
        written = files.write(fitted, out) if out is not None else []
    except ScenarioError as error:
        fail(WRONG_INPUT, f"{folder}: no scenario can have what was fitted: {error}")
    except OSError as error:
        fail_to_write(error, out or folder)
    if as_json:
        print(to_json(page.content(fitted)))
        return
    for line in page.summary(fitted):
        print(line.removeprefix("## "))
    for file in written:
        print(f"wrote {file}")

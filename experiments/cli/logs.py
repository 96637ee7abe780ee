"""meterstorm import and replay: from a license server's log to a folder, and whether the model decides alike."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import WRONG_INPUT, fail, fail_to_write, make_run_folder

if TYPE_CHECKING:
    from ..logs.site import Site

LogKind = Enum("LogKind", {name: name for name in ("flexnet", "rlm", "csv")})  # type: ignore[misc]
SiteFolder = Annotated[Path, typer.Argument(metavar="SITE", help="A folder that meterstorm import has written.")]


def import_command(
    kind: Annotated[LogKind, typer.Argument(help="A FlexNet debug log, an RLM report log, or plain CSV.")],
    logs: Annotated[
        list[Path], typer.Argument(metavar="LOG...", help="Files of one server, in any order; or .gz, .bz2, .xz.")
    ],
    out: Annotated[Path, typer.Option(metavar="SITE", help="The folder to write: new or empty.")],
    force: Annotated[bool, typer.Option("--force", help="Replace all that the folder has.")] = False,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Write users and hosts as they are, not as u1 and h1.")
    ] = False,
) -> None:
    """Read the logs of a license server into a folder: events, sessions, outages, licenses, and a scenario.

    Example: meterstorm import flexnet debug.log debug.log.1.gz --out site

    README.md in the folder tells what was read and what was not. CSV needs the columns time, kind, product and
    user; it may have host, count, server, detail and handle.
    """
    from ..logs import importing
    from ..logs.site import write_site

    try:
        site = importing.site_of(kind.name, logs, keep_names)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    make_run_folder(out, force)
    try:
        write_site(out, site)
    except OSError as error:
        fail_to_write(error, out)
    for line in _told(site, out):
        print(line)


def replay_command(
    folder: SiteFolder,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Say how many decisions of a log follow from: granted if and only if in use + n <= capacity.

    Those that do not are listed with file and line. `meterstorm run SITE/scenario.toml` replays the same log on
    the engine.
    """
    from ..logs import replay
    from ..logs.site import read_site

    try:
        site = read_site(folder)
        found = replay.replay(site)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    if as_json:
        print(json.dumps(replay.as_json(found), indent=1, allow_nan=False))
        return
    for line in replay.lines(found):
        print(line)


def _told(site: "Site", out: Path) -> Iterator[str]:
    """Yield what an import found."""
    from collections import Counter

    kinds = Counter(site.events["kind"].to_pylist())
    facts, lines = site.facts, site.facts["lines"]
    yield f"{sum(lines.values()):,} lines: {', '.join(f'{n:,} {fate}' for fate, n in lines.items() if n)}"
    yield f"{facts['span_s'] / 86400:,.1f} days, {facts['clients']:,} clients, {site.outages.num_rows:,} outages"
    yield f"{kinds['out']:,} checkouts, {kinds['in']:,} checkins, {kinds['denied']:,} denials"
    yield f"{out / 'README.md'} tells more; next: meterstorm replay {out}"

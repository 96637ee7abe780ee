"""meterstorm sweep and results: from what a user typed to a sweep, its folder, and its tables."""

from pathlib import Path
from typing import Annotated

import typer

from .. import scenarios
from .console import WRONG_INPUT, fail
from .options import (
    Arm,
    Arms,
    AsJson,
    AtMost,
    Folder,
    Force,
    Metrics,
    RayAddress,
    Replications,
    Seed,
    Settings,
    Until,
    Vary,
    chosen_arms,
    count,
    goals,
    most_replications,
    number,
    overrides_in,
    parse_seconds,
)

DRAWN = ("sobol", "lhs", "random", "saltelli")
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every row to a CSV file, too.")]
Markdown = Annotated[Path | None, typer.Option("--md", metavar="FILE", help="Write the table in Markdown, too.")]


def sweep_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="A built-in scenario, or a TOML file; it may have a [sweep].",
            autocompletion=scenarios.names,
        ),
    ],
    vary: Vary = None,
    zipped: Annotated[bool, typer.Option("--zip", help="Take the values of all axes together.")] = False,
    sobol: Annotated[str | None, typer.Option(metavar="N", help="Draw N points of a Sobol sequence.")] = None,
    lhs: Annotated[str | None, typer.Option(metavar="N", help="Draw a Latin hypercube of N points.")] = None,
    random: Annotated[str | None, typer.Option(metavar="N", help="Draw N points uniformly.")] = None,
    saltelli: Annotated[
        str | None, typer.Option(metavar="N", help="Draw (axes + 2) x N points, for Sobol indices.")
    ] = None,
    settings: Settings = None,
    arms: Arms = None,
    arm: Arm = None,
    seed: Seed = None,
    replications: Replications = None,
    until: Until = None,
    at_most: AtMost = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Processes that run worlds; 0: this one; default: every core.")
    ] = None,
    ray_address: RayAddress = None,
    world_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="Wall time after which a world has failed (30s, 5m, 1h).")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first world that fails.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the points and the time; run nothing.")] = False,
    metrics: Metrics = None,
    csv: Csv = None,
    markdown: Markdown = None,
    out: Folder = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario at many points: every combination of the axes' values, or as many points as are drawn.

    Examples: meterstorm sweep q226827 --vary clients.count=100:1600:log 5 --replications 20, or
    meterstorm sweep my.toml --vary policies.failover.name=immediate,full-jitter
    --vary policies.failover.base_s=1:60:4

    A parameter that only some of the policies have is varied for these only. What is done is kept at once:
    `meterstorm resume FOLDER` goes on after whatever has ended the sweep, and `meterstorm results FOLDER` shows
    what there is. A world that fails is a row with its error, and the command that runs it again.
    """
    from ..sweeps.options import SweepOptions
    from . import sweeping

    drawn = {
        name: text for name, text in zip(DRAWN, (sobol, lhs, random, saltelli), strict=True) if text is not None
    }
    if len(drawn) + zipped > 1:
        fail(
            WRONG_INPUT,
            f"{' and '.join(['--zip'] * zipped + [f'--{name}' for name in drawn])}: one of them, please",
        )
    design: dict[str, object] = {"sweep.design": "zip", "sweep.samples": 0} if zipped else {}
    for name, text in drawn.items():
        design = {"sweep.design": name, "sweep.samples": number(text)}
    overrides = overrides_in(
        settings, {"run.seed": number(seed), "run.replications": number(replications), **design}
    )
    scenario = sweeping.load_with_axes(source, overrides, chosen_arms(arms, arm), vary or ())
    options = SweepOptions(
        name=Path(source).stem,
        workers=None if workers is None else count("--workers", workers),
        ray_address=ray_address,
        world_limit_s=_seconds("--world-limit", world_limit),
        until=goals(until),
        at_most=most_replications(at_most, until),
        fail_fast=fail_fast,
        out=out,
        force=force,
        as_json=as_json,
    )
    shown = sweeping.known(metrics)
    if dry_run:
        sweeping.show_plan(scenario, options)
    else:
        sweeping.run(scenario, options, shown, csv, markdown)


def results_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a sweep, finished or not.")],
    metrics: Metrics = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Show what a sweep has given so far; write it as CSV or Markdown."""
    from . import sweeping

    sweeping.show_results(folder, sweeping.known(metrics), csv, markdown)


def _seconds(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else parse_seconds(text)
    except ValueError as error:
        fail(WRONG_INPUT, f"{option}: {error}")

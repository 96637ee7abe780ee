"""meterstorm sweep and results: from what a user typed to a sweep, its folder, and its tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from .console import WRONG_INPUT, fail
from .options import (
    Arm,
    Arms,
    AsJson,
    AtMost,
    Folder,
    Force,
    Metrics,
    NoReport,
    Processes,
    RayAddress,
    RayResources,
    Replications,
    Seed,
    Settings,
    Source,
    Until,
    Vary,
    chosen_arms,
    goals_of_all,
    most_replications,
    number,
    overrides_in,
    resources_in,
    seconds,
    workers_in,
)

Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every row to a CSV file, too.")]
Markdown = Annotated[Path | None, typer.Option("--md", metavar="FILE", help="Write the table in Markdown, too.")]


def sweep_command(
    source: Source,
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
    workers: Processes = None,
    ray_address: RayAddress = None,
    ray_resources: RayResources = None,
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
    no_report: NoReport = False,
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

    samples = {"zip": "0" if zipped else None, "sobol": sobol, "lhs": lhs, "random": random, "saltelli": saltelli}
    given = {"run.seed": number(seed), "run.replications": number(replications), **_design(samples)}
    overrides = overrides_in(settings, given)
    scenario = sweeping.load_with_axes(source, overrides, chosen_arms(arms, arm), vary or ())
    options = SweepOptions(
        name=Path(source).stem,
        workers=workers_in(workers),
        ray_address=ray_address,
        ray_resources=resources_in(ray_address, ray_resources),
        world_limit_s=seconds("--world-limit", world_limit),
        until=goals_of_all(until),
        at_most=most_replications(at_most, until),
        fail_fast=fail_fast,
        out=out,
        force=force,
        report=not no_report,
        as_json=as_json,
    )
    shown = sweeping.known(metrics)
    if dry_run:
        sweeping.show_plan(scenario, options)
    else:
        sweeping.run(scenario, options, shown, csv, markdown)


def _design(samples: Mapping[str, str | None]) -> dict[str, object]:
    """Return the design that is asked for, of those with their numbers of samples; or end the command."""
    asked = {name: text for name, text in samples.items() if text is not None}
    if len(asked) > 1:
        fail(WRONG_INPUT, f"{' and '.join(f'--{name}' for name in asked)}: one of them, please")
    if not asked:
        return {}
    ((name, text),) = asked.items()
    return {"sweep.design": name, "sweep.samples": number(text)}


def results_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a sweep, finished or not.")],
    metrics: Metrics = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Show what a sweep has given so far; write it as CSV or Markdown."""
    from . import sweeping

    sweeping.show_results(folder, sweeping.known(metrics), csv, markdown)

"""meterstorm hunt: from what a user typed to a hunt."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Arm,
    Arms,
    AsJson,
    Folder,
    Force,
    Replications,
    Seed,
    Settings,
    Source,
    at_least_one,
    chosen_arms,
    number,
    overrides_in,
)


def hunt_command(
    source: Source,
    breaks: Annotated[
        str | None,
        typer.Option(metavar="COMPARISON", help="What must not be, as 'amplification > 5' or 'denials > 2x'."),
    ] = None,
    trials: Annotated[str, typer.Option(metavar="N", help="How many schedules to try before giving up.")] = "100",
    max_faults: Annotated[str, typer.Option(metavar="K", help="Faults of a schedule, at most.")] = "3",
    settings: Settings = None,
    arms: Arms = None,
    arm: Arm = None,
    seed: Seed = None,
    replications: Replications = None,
    out: Folder = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Find the smallest schedule of faults with which a metric is as it must not be.

    Examples: meterstorm hunt my.toml --breaks 'time_to_recover_s == inf', or
    meterstorm hunt q226827 --arm fixed --breaks 'denial_fraction > 2x'

    2x: twice what the metric is without faults. The scenario's own faults, cases and expectations are left out.
    What is found is a scenario of its own, with the command that runs it; nothing found is no error. Needs the
    extra `search`, with Hypothesis.
    """
    from . import hunting

    options = hunting.HuntOptions(
        name=Path(source).stem,
        breaks=breaks or "",
        trials=at_least_one("--trials", trials),
        max_faults=at_least_one("--max-faults", max_faults),
        out=out,
        force=force,
        as_json=as_json,
    )
    overrides = overrides_in(settings, {"run.seed": number(seed), "run.replications": number(replications)})
    hunting.run(source, overrides, chosen_arms(arms, arm), options)

"""meterstorm tune: from what a user typed to a tuning."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Arm,
    Arms,
    AsJson,
    Folder,
    Force,
    Processes,
    Replications,
    Seed,
    Settings,
    Source,
    at_least_one,
    chosen_arms,
    number,
    overrides_in,
    workers_in,
)


def tune_command(
    source: Source,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=VALUES",
            help="What to tune: KEY=low:high, KEY=low:high:log, KEY=a,b,c; default: the file's axes. Repeatable.",
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC:min|max", help="What is best. Repeatable: then the Pareto set is found."),
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(metavar="COMPARISON", help="What must hold, as 'wait_s_p99 <= 30'. Repeatable."),
    ] = None,
    trials: Annotated[str, typer.Option(metavar="N", help="How many settings to try.")] = "50",
    settings: Settings = None,
    arms: Arms = None,
    arm: Arm = None,
    seed: Seed = None,
    replications: Replications = None,
    workers: Processes = None,
    out: Folder = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Find the parameters that are best for a metric, or for several, under constraints.

    Example: meterstorm tune my.toml --vary policies.failover.cap_s=1:600:log --objective denial_fraction:min
    --subject-to 'wait_s_p99 <= 30' --replications 5

    The best settings are judged by replications that no trial has seen. What is done is kept at once, and
    `meterstorm resume FOLDER` goes on. Needs the extra `search`, with Optuna.
    """
    from ..search.options import TuneOptions
    from . import sweeping, tuning

    options = TuneOptions(
        name=Path(source).stem,
        objectives=tuple(objective or ()),
        constraints=tuple(subject_to or ()),
        workers=workers_in(workers),
        out=out,
        force=force,
        as_json=as_json,
    )
    given = {"run.seed": number(seed), "run.replications": number(replications)}
    design = {"sweep.design": "random", "sweep.samples": at_least_one("--trials", trials)}
    overrides = overrides_in(settings, {**given, **design})
    tuning.run(sweeping.load_with_axes(source, overrides, chosen_arms(arms, arm), vary or ()), options)

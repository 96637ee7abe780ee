"""meterstorm tune: from what a user typed to a tuning."""

from pathlib import Path
from typing import Annotated

import typer

from .. import scenarios
from .options import (
    Arm,
    Arms,
    AsJson,
    Folder,
    Force,
    Replications,
    Seed,
    Settings,
    chosen_arms,
    count,
    number,
    overrides_in,
)


def tune_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="A built-in scenario, or a TOML file.", autocompletion=scenarios.names
        ),
    ],
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
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Processes that run worlds; 0: this one; default: every core.")
    ] = None,
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
        workers=None if workers is None else count("--workers", workers),
        out=out,
        force=force,
        as_json=as_json,
    )
    given = {"run.seed": number(seed), "run.replications": number(replications)}
    design = {"sweep.design": "random", "sweep.samples": tuning.trials_in(trials)}
    overrides = overrides_in(settings, {**given, **design})
    tuning.run(sweeping.load_with_axes(source, overrides, chosen_arms(arms, arm), vary or ()), options)

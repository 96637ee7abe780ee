"""meterstorm bench storm: from what a user typed to the benchmark, as `storming.py` runs it."""

from pathlib import Path
from typing import Annotated

import typer

from .console import WRONG_INPUT, fail
from .options import (
    Force,
    NoReport,
    Processes,
    RayAddress,
    Replications,
    Seed,
    at_least_one,
    count,
    folder,
    workers_in,
)

Names = list[str] | None


def bench_storm_command(
    quick: Annotated[bool, typer.Option("--quick", help="Each scenario at its first setting only.")] = False,
    scenario: Annotated[
        Names, typer.Option(metavar="NAME|FILE", help="Only these scenarios, yours too. Repeatable.")
    ] = None,
    policy: Annotated[
        Names, typer.Option(metavar="NAME|FILE.py:CLASS", help="One more policy, built in or yours. Repeatable.")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A roster in place of the built-in one (TOML).")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Policy that the others are compared with.")
    ] = None,
    weight: Annotated[
        Names, typer.Option(metavar="SCORE=NUMBER", help="What a unit of a score costs. Repeatable.")
    ] = None,
    replications: Replications = None,
    seed: Seed = None,
    workers: Processes = None,
    ray_address: RayAddress = None,
    out: Annotated[
        Path | None, typer.Option(parser=folder, metavar="DIR", help="Folder; one that has it goes on.")
    ] = None,
    force: Force = False,
    no_report: NoReport = False,
) -> None:
    """Compare policies in storms: scores with intervals that hold all at once, and the Pareto front.

    Every scenario is a sweep whose arms are the policies, all at common random numbers; its own [sweep] says at
    which settings it is run. --quick takes about half a minute of CPU time. The same command goes on with a folder
    that it has begun, and reads what is finished there. Exit status 6: a world has failed.
    """
    from ..storm.sources import REPLICATIONS, REPLICATIONS_QUICK, Choice
    from ..sweeps.options import SweepOptions
    from . import storming

    often = REPLICATIONS_QUICK if quick else REPLICATIONS
    choice = Choice(
        quick,
        often if replications is None else at_least_one("--replications", replications),
        None if seed is None else count("--seed", seed),
    )
    asked = storming.Asked(
        choice, tuple(scenario or ()), policies, tuple(policy or ()), baseline, _numbers(weight or [])
    )
    place = out or Path(f"results/bench-storm{'-quick' * quick}")
    options = SweepOptions(workers=workers_in(workers), ray_address=ray_address, force=force, report=not no_report)
    storming.run(asked, place, options)


def _numbers(texts: list[str]) -> dict[str, float]:
    """Return the weights that --weight gives, or end the command."""
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            fail(WRONG_INPUT, f"--weight {text}: is not allowed; write SCORE=NUMBER, as wait_s=0.1")
    return found

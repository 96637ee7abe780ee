"""meterstorm bench storm: from what a user typed to the benchmark's sweeps, its folder and its tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from meterstorm.actors.cluster.failures import watching_ray

from ..runs.folder import REPORT, clear
from ..runs.table import VIOLATED
from ..scenario import ScenarioError, counted
from ..sweeps.options import SweepOptions
from .console import (
    FAILED_WORLDS,
    INTERRUPTED,
    INVARIANT,
    WRONG_INPUT,
    announce_compilation,
    end_unavailable,
    fail,
    make_folder,
    output,
    print_error,
    print_warning,
    progress,
)
from .execution import write_report
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
from .sweeping import join, running_in

if TYPE_CHECKING:
    from ..storm.folder import Facts
    from ..storm.roster import Roster
    from ..storm.run import Part
    from ..storm.sources import Planned

WAY_ON = "\nwhat is done is kept: the same command goes on"
FAILURES_SHOWN = 5
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
    which settings it is run. --quick takes less than a minute. The same command goes on with a folder that it has
    begun, and reads what is finished there. Exit status 6: a world has failed.
    """
    from ..storm import roster as rosters
    from ..storm import scores, sources
    from ..storm.folder import Facts
    from ..storm.run import refusal

    place = out or Path(f"results/bench-storm{'-quick' * quick}")
    often = sources.REPLICATIONS_QUICK if quick else sources.REPLICATIONS
    choice = sources.Choice(
        quick,
        often if replications is None else at_least_one("--replications", replications),
        None if seed is None else count("--seed", seed),
    )
    try:
        roster = rosters.with_more(rosters.read(policies), policy or ())
        roster = roster if baseline is None else rosters.with_baseline(roster, baseline)
        weights = scores.weights(_numbers(weight or []))
        chosen = sources.chosen(scenario or ())
        parts = _parts({source.name: sources.planned(source, roster, choice) for source in chosen}, roster)
        if force:
            _clear(place)
        if why := refusal(parts, place):
            fail(WRONG_INPUT, f"--out {place}: {why}")
    except (ScenarioError, ValueError, OSError) as error:
        fail(WRONG_INPUT, str(error))
    titles = {part.name: part.plan.base.title for part in parts}
    facts = Facts(titles, roster.rivals[0].name, weights, choice.replications, quick)
    _run(parts, roster, facts, place, SweepOptions(workers=workers_in(workers), ray_address=ray_address))
    if not no_report:
        write_report(place)
        output().print(f"report: {place / REPORT}")


def _parts(planned: "dict[str, Planned]", roster: "Roster") -> "list[Part]":
    """Return what is run; tell which policies a scenario cannot have. Raises ValueError for one that none can."""
    from ..storm.run import Part

    for entry in roster.rivals:
        why = {name: found.left_out[entry.name] for name, found in planned.items() if entry.name in found.left_out}
        if len(why) == len(planned):
            raise ValueError(f"policy {entry.name}: {next(iter(why.values()))}")
        for name, words in why.items():
            print_warning(f"{name} goes without {entry.name}: {words}")
    return [Part(name, found.plan) for name, found in planned.items()]


def _numbers(texts: list[str]) -> dict[str, float]:
    """Return the weights that --weight gives; raises ValueError."""
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"--weight {text}: is not allowed; write SCORE=NUMBER, as wait_s=0.1") from None
    return found


def _clear(place: Path) -> None:
    """Remove what a benchmark has left in a folder; what is not one's is left alone."""
    from ..storm.folder import STORM

    if (place / STORM).exists():
        clear(place, ())


def _run(parts: "list[Part]", roster: "Roster", facts: "Facts", place: Path, options: SweepOptions) -> None:
    """Run the benchmark in its folder and print its tables; end the command if not all is well."""
    from ..storm import folder as folders
    from ..storm import run, tables

    join(options)
    total = run.worlds(parts)
    announce_compilation()
    make_folder(place)
    title = f"{counted(len(parts), 'scenario')}, {len(roster.rivals)} policies, {counted(total, 'world')}"
    with watching_ray(lambda why: end_unavailable(f"{why}{WAY_ON}")), running_in(place, WAY_ON):
        folders.mark(place, facts._replace(interrupted=True))
        with progress(title, total) as advance:
            outcome = run.run(parts, roster, options, place, advance)
        done = facts._replace(failures=outcome.failures, interrupted=outcome.interrupted)
        found = folders.write(place, outcome.rows, done)
    if found.contests:
        tables.show(output(), found)
    output().print(f"{title}; results in {place}")
    if outcome.interrupted:
        fail(INTERRUPTED, f"interrupted{WAY_ON}")
    if outcome.failures:
        _fail_for_worlds(outcome.failures)


def _fail_for_worlds(failures: list[str]) -> NoReturn:
    """End the command, and say which worlds have failed; a defect of ours has the status of one."""
    for line in failures[:FAILURES_SHOWN]:
        print_error(line)
    is_defect = any(VIOLATED in line for line in failures)
    words = f"{counted(len(failures), 'world')} failed; storm.json has all{WAY_ON}"
    fail(INVARIANT if is_defect else FAILED_WORLDS, words)

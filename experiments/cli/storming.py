"""The steps of the storm benchmark: its storms and policies, its folder, its worlds, its tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from ..runs.folder import REPORT, clear
from ..runs.table import VIOLATED
from ..scenario import ScenarioError, counted
from ..storm import folder as folders
from ..storm import roster as rosters
from ..storm import run as storms
from ..storm import scores, sources, tables
from ..storm.folder import STORM, Facts
from ..storm.roster import Roster
from ..storm.run import Part
from ..storm.sources import Choice, Planned
from ..sweeps.options import SweepOptions
from .console import (
    FAILED_WORLDS,
    INTERRUPTED,
    INVARIANT,
    WRONG_INPUT,
    announce_compilation,
    fail,
    make_folder,
    output,
    print_error,
    print_warning,
    progress,
)
from .execution import write_report
from .sweeping import join, running_in

WAY_ON = "\nwhat is done is kept: the same command goes on"
FAILURES_SHOWN = 5


class Asked(NamedTuple):
    """What a user asked the benchmark for, as typed."""

    choice: Choice
    scenarios: Sequence[str]  # names and files; none: all built-in ones
    policies: Path | None  # a roster; None: the built-in one
    more: Sequence[str]  # policies
    baseline: str | None  # None: the roster's first
    weights: Mapping[str, float]  # those that are changed


def run(asked: Asked, place: Path, options: SweepOptions) -> None:
    """Run the benchmark in a folder, or what is left of it there, and show it, or end the command."""
    try:
        roster = rosters.with_more(rosters.read(asked.policies), asked.more)
        baseline = rosters.baseline(roster, asked.baseline)
        weights = scores.weights(asked.weights)
        chosen = sources.chosen(asked.scenarios)
        parts = _parts({source.name: sources.planned(source, roster, asked.choice) for source in chosen}, roster)
        if options.force and (place / STORM).exists():
            clear(place, ())
        if why := storms.refusal(parts, place):
            fail(WRONG_INPUT, f"--out {place}: {why}")
    except (ScenarioError, ValueError, OSError) as error:
        fail(WRONG_INPUT, str(error))
    titles = {part.name: part.plan.base.title for part in parts}
    facts = Facts(titles, baseline, weights, asked.choice.replications, asked.choice.is_quick)
    _finish(parts, roster, facts, place, options)


def _parts(planned: Mapping[str, Planned], roster: Roster) -> list[Part]:
    """Return what is run; tell which policies a scenario cannot have. Raises ValueError for one that none can."""
    for entry in roster.rivals:
        why = {name: found.left_out[entry.name] for name, found in planned.items() if entry.name in found.left_out}
        if len(why) == len(planned):
            raise ValueError(f"policy {entry.name}: {next(iter(why.values()))}")
        for name, words in why.items():
            print_warning(f"{name} goes without {entry.name}: {words}")
    return [Part(name, found.plan) for name, found in planned.items()]


def _finish(parts: Sequence[Part], roster: Roster, facts: Facts, place: Path, options: SweepOptions) -> None:
    """Run what is left, write the folder, print the tables; end the command if not all is well."""
    join(options)
    total = storms.worlds(parts)
    announce_compilation()
    make_folder(place)
    title = f"{counted(len(parts), 'scenario')}, {len(roster.rivals)} policies, {counted(total, 'world')}"
    with running_in(place, WAY_ON):
        folders.mark(place, facts._replace(interrupted=True))
        with progress(title, total) as advance:
            outcome = storms.run(parts, roster, options, place, advance)
        done = facts._replace(failures=outcome.failures, interrupted=outcome.interrupted)
        found = folders.write(place, outcome.rows, done)
    if found.contests:
        tables.show(output(), found)
    output().print(f"{title}; results in {place}")
    if options.report and found.contests:
        write_report(place)
        output().print(f"report: {place / REPORT}")
    if outcome.interrupted:
        fail(INTERRUPTED, f"interrupted{WAY_ON}")
    if outcome.failures:
        _fail_for_worlds(outcome.failures)


def _fail_for_worlds(failures: Sequence[str]) -> NoReturn:
    """End the command, and say which worlds have failed; a defect of ours has the status of one."""
    for line in failures[:FAILURES_SHOWN]:
        print_error(line)
    is_defect = any(VIOLATED in line for line in failures)
    words = f"{counted(len(failures), 'world')} failed; storm.json has all{WAY_ON}"
    fail(INVARIANT if is_defect else FAILED_WORLDS, words)

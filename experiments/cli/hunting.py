"""The steps of a hunt: its scenario, its schedules, and the file with the smallest one that breaks it."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from meterstorm.actors.engine.invariants import InvariantViolation

from ..metrics.metrics import Value
from ..reports.numbers import plain
from ..reports.summary import to_json, write_papers
from ..runs.folder import made_aside
from ..runs.inputs import inputs
from ..runs.results import digest_of
from ..runs.table import VIOLATED
from ..runs.unfinished import default_folder
from ..scenario import Scenario, ScenarioError, counted, load, validate, versions
from ..scenario.wording import show
from ..search import hunt
from ..search.extra import require
from ..search.goals import Comparison, comparison
from .console import (
    INTERRUPTED,
    INVARIANT,
    WRONG_INPUT,
    announce_compilation,
    fail,
    fail_to_write,
    make_run_folder,
    output,
    progress,
)

SCHEMA = 1


class HuntOptions(NamedTuple):
    """What a user chose for a hunt."""

    name: str  # of the scenario
    breaks: str  # a comparison
    trials: int
    max_faults: int
    out: Path | None
    force: bool
    as_json: bool


class Prey(NamedTuple):
    """The scenario that is hunted in, and what breaks it."""

    base: Scenario
    breaks: Comparison


def run(source: str, overrides: Mapping[str, object], arms: tuple[str, ...] | None, options: HuntOptions) -> None:
    """Hunt, and write and print what was found."""
    prey = _prey(source, overrides, arms, options)
    with _room_for_results(options.out, options.force):
        announce_compilation()
        hunted = _hunt(prey, options)
        content = _summary(prey, hunted, options)
        if hunted.schedule is not None:
            content |= _write(prey, hunted, content, options)
    if options.as_json:
        print(to_json(content))
    else:
        _show(prey, hunted, content)
    if hunted.is_interrupted:
        fail(INTERRUPTED, "interrupted; what was found is kept, but may be smaller still")


@contextmanager
def _room_for_results(out: Path | None, force: bool) -> Iterator[None]:
    """Make the folder that was asked for, if any; one that is still empty at the end is not left behind."""
    if out is None:
        yield
        return
    is_new = not out.exists()
    make_run_folder(out, force)
    try:
        yield
    finally:
        if is_new and not any(out.iterdir()):
            out.rmdir()


def _prey(
    source: str, overrides: Mapping[str, object], arms: tuple[str, ...] | None, options: HuntOptions
) -> Prey:
    if not options.breaks:
        fail(WRONG_INPUT, "--breaks: missing; say what must not be, as --breaks 'amplification > 5'")
    try:
        breaks = comparison("--breaks", options.breaks)
        require("Hypothesis", "hunt")
        base = hunt.prepared(load(source, overrides, arms))
        inputs(base)
        return Prey(base, breaks)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def _hunt(prey: Prey, options: HuntOptions) -> hunt.Hunted:
    try:
        with (
            progress(counted(options.trials, "schedule"), options.trials) as advance,
            redirect_stdout(sys.stderr),  # Hypothesis may have something to say
        ):
            return hunt.hunt(
                prey.base,
                prey.breaks,
                options.trials,
                options.max_faults,
                lambda tried: advance(min(tried, options.trials)),
            )
    except KeyboardInterrupt:
        fail(INTERRUPTED, "interrupted; nothing was found so far")
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    except InvariantViolation as error:
        fail(INVARIANT, f"{VIOLATED}{error}")


def _summary(prey: Prey, hunted: hunt.Hunted, options: HuntOptions) -> dict[str, Any]:
    """Return the content of summary.json."""
    return {
        "schema": SCHEMA,
        "hunt": True,
        "title": prey.base.title,
        "seed": prey.base.run.seed,
        "digest": digest_of(list(hunted.outcome.digests)),
        "breaks": prey.breaks.text,
        "found": hunted.schedule is not None,
        "faults": hunted.schedule,
        "value": None if hunted.schedule is None else plain(hunted.outcome.value),
        "without_faults": plain(hunted.baseline.value),
        "trials": options.trials,
        "max_faults": options.max_faults,
        "found_after": hunted.found_after or None,
        "tried": hunted.tried,
        "shrunk": hunted.is_shrunk,
        "file": None,
        "command": None,
    }  # and of what is found, its file and the command that runs it: `_write`


def _broken(prey: Prey, hunted: hunt.Hunted) -> Scenario:
    """Return the scenario with the faults that break it."""
    base = prey.base.model_dump(exclude_none=True)
    del base["sweep"]
    return validate({**base, "faults": hunted.schedule, "description": _what_breaks(prey, hunted)})


def _what_breaks(prey: Prey, hunted: hunt.Hunted) -> str:
    lines = [f"Breaks: {prey.breaks.text}. {_value(prey, hunted)}.", prey.base.description]
    return "\n".join(filter(None, lines))


def _value(prey: Prey, hunted: hunt.Hunted) -> str:
    """Return in words what the metric is, with the faults and without."""
    replications = counted(prey.base.run.replications, "replication")
    here, without = _word(hunted.outcome.value), _word(hunted.baseline.value)
    return f"{prey.breaks.metric} is {here}, without faults {without}; mean of {replications}"


def _word(value: Value) -> str:
    return "null" if value is None else f"{value:.4g}"


def _write(prey: Prey, hunted: hunt.Hunted, content: dict[str, Any], options: HuntOptions) -> dict[str, Any]:
    """Write and replay what was found, or end the command; return its file, and the command that runs it."""
    broken = _broken(prey, hunted)
    folder = options.out or default_folder(f"{options.name}-hunt", broken)
    file = folder / "scenario.toml"
    found = {"file": str(file), "command": shlex.join(["meterstorm", "run", str(file)])}
    try:
        with made_aside(folder) as aside:
            write_papers(aside, broken, content | found, inputs(broken), {})
    except OSError as error:
        fail_to_write(error, folder)
    _replay(file, prey, hunted)
    return found


def _replay(file: Path, prey: Prey, hunted: hunt.Hunted) -> None:
    """Run what the file says; end the command unless it is what was found."""
    (version,) = versions(load(file))
    again = hunt.outcome_of(version, prey.breaks.metric)
    if again != hunted.outcome:
        fail(INVARIANT, f"{file}: gives {_word(again.value)} where {_word(hunted.outcome.value)} was found")


def _show(prey: Prey, hunted: hunt.Hunted, content: dict[str, Any]) -> None:
    console, breaks = output(), prey.breaks.text
    if hunted.schedule is None:
        tried = counted(hunted.tried, "schedule")
        console.print(f"nothing found in {tried} of faults: none gives {breaks}, which is no proof that none does")
        return
    console.print(f"{breaks}: found after {counted(hunted.found_after, 'schedule')}, {_size(hunted)}")
    for fault in hunted.schedule:
        console.print(f"  {', '.join(f'{key} = {show(value)}' for key, value in fault.items())}")
    console.print(f"{_value(prey, hunted)}; replayed from {content['file']}")
    console.print(content["command"])


def _size(hunted: hunt.Hunted) -> str:
    more = counted(hunted.tried - hunted.found_after, "schedule")
    return f"shrunk in {more} more" if hunted.is_shrunk else f"not shrunk to the end in {more} more"

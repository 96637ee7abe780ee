"""meterstorm run and resume: from what a user typed to a run and its results."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import scenarios
from ..runs.options import Options, of_simulated_time
from .console import WRONG_INPUT, announce_compilation, fail, fail_to_read, make_run_folder, messages, progress
from .options import (
    KB,
    Admission,
    Arm,
    Arms,
    AsJson,
    AtMost,
    Balancing,
    CheckpointEvery,
    CheckShards,
    Clock,
    CpuWait,
    Denial,
    Failback,
    Failover,
    Force,
    Intersite,
    Journal,
    Junit,
    Live,
    NoReport,
    Pace,
    Placement,
    RayAddress,
    RayResources,
    Replications,
    RunFolder,
    Seed,
    Selection,
    Settings,
    Shards,
    Until,
    Workers,
    check_has_shards,
    chosen_arms,
    count,
    cpu_wait_in,
    elsewhere,
    goals,
    location_in,
    most_replications,
    number,
    overrides_in,
    placement_in,
    policy,
    refuse_for_collection,
    resources_in,
    seconds,
    workers_in,
)

if TYPE_CHECKING:
    from meterstorm.actors.shards.storage import Location

    from ..scenario import Scenario

# How options that only simulated time has are typed, by name.
TYPED = {
    "keep_journal": "--journal",
    "checkpoint_every_s": "--checkpoint-every",
    "check_shards": "--check-shards {}",
    "workers": "--workers {}",
    "ray_address": "--ray-address {}",
}


def run_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|kb",
            help="A built-in scenario, a TOML file, or kb: see below.",
            autocompletion=lambda: [*scenarios.names(), KB],
        ),
    ],
    settings: Settings = None,
    arms: Arms = None,
    arm: Arm = None,
    failover: Failover = None,
    failback: Failback = None,
    selection: Selection = None,
    admission: Admission = None,
    denial: Denial = None,
    balancing: Balancing = None,
    intersite: Intersite = None,
    seed: Seed = None,
    replications: Replications = None,
    until: Until = None,
    at_most: AtMost = None,
    shards: Shards = None,
    workers: Workers = None,
    check_shards: CheckShards = "0",
    ray_address: RayAddress = None,
    placement: Placement = None,
    cpu_wait: CpuWait = None,
    ray_resources: RayResources = None,
    clock: Clock = None,
    pace: Pace = None,
    out: RunFolder = None,
    force: Force = False,
    journal: Journal = False,
    checkpoint_every: CheckpointEvery = None,
    junit: Junit = None,
    no_report: NoReport = False,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario: every arm in every case, replicated; print a table and write the results.

    Examples: meterstorm run q226827 --replications 20, or
    meterstorm run my.toml --failover ./mine.py:MyPolicy --set policies.failover.delay_s=30

    A key that an arm or a case sets itself is not changed in silence: leave the arms out with --arms none,
    keep some with --arm NAME, or set the key in one with --set 'arms.NAME.KEY=VALUE' ('cases.NAME.KEY=VALUE').

    Arms are compared with the first one, or as \\[compare] says. Where an \\[\\[expect]] is not met, the exit
    status is 5.

    meterstorm run kb runs every built-in scenario of a Knowledge Base article.
    Its table says which symptoms are reproduced: in the first arm, and less in the last.
    The exit status is 0 whatever is reproduced; --json prints an entry for each article.
    """
    policies = {
        "--failover": failover, "--failback": failback, "--selection": selection, "--admission": admission,
        "--denial": denial,
        "--balancing": balancing, "--intersite": intersite,
    }  # fmt: skip
    kept, checked_shards = chosen_arms(arms, arm), count("--check-shards", check_shards)
    if source == KB:
        alone: dict[str, object] = {
            "--arms": arms, "--arm": arm and arm[0], "--check-shards": checked_shards, "--journal": journal,
            "--checkpoint-every": checkpoint_every, "--junit": junit, "--until": until and until[0],
            "--live": live, "--clock": clock, "--pace": pace,
        }  # fmt: skip
        refuse_for_collection(alone | policies)
    if until and checkpoint_every:
        words = "a sweep keeps what is done by itself, with --until, too"
        fail(WRONG_INPUT, f"--until {until[0]}: not with --checkpoint-every; {words}")
    if live:
        _check_live({"--workers": workers, "--ray-address": ray_address, "--checkpoint-every": checkpoint_every})
    is_live = live and messages().is_interactive
    options = Options(
        name=Path(source).stem,
        workers=0 if is_live else workers_in(workers),
        until=goals(until),
        at_most=most_replications(at_most, until),
        keep_journal=journal,
        ray_address=ray_address,
        placement=placement_in(ray_address, placement),
        cpu_wait_s=cpu_wait_in(ray_address, cpu_wait),
        ray_resources=resources_in(ray_address, ray_resources),
        checkpoint_every_s=seconds("--checkpoint-every", checkpoint_every),
        check_shards=checked_shards,
        out=None if out is None else location_in("--out", out),
        force=force,
        as_json=as_json,
        junit=None if junit is None else os.path.abspath(junit),
        report=not no_report,
    )
    given = {
        "run.seed": number(seed), "run.replications": number(replications), "run.shards": number(shards),
        "run.clock": clock, "run.pace": number(pace),
        **{f"policies.{option[2:]}.name": policy(name) for option, name in policies.items()},
    }  # fmt: skip
    overrides = overrides_in(settings, given)
    of_shards = {"--placement": None if placement is None else str(placement.value), "--cpu-wait": cpu_wait}
    if source == KB:
        _run_collection(overrides, options, of_shards)
    else:
        _run_one(source, overrides, kept, options, live, of_shards)


def _check_clock(scenario: "Scenario", options: Options) -> None:
    """End the command if an option asks for what the wall clock does not have."""
    if scenario.run.clock == "virtual":
        return
    for name, value in of_simulated_time(options).items():
        fail(WRONG_INPUT, f'{TYPED[name].format(value)}: not with run.clock = "wall"')


def _check_live(others: Mapping[str, str | None]) -> None:
    """End the command if an option asks for worlds that --live cannot watch."""
    for option, value in others.items():
        if value is not None and (option, value) not in (("--workers", "0"), ("--shards", "1")):
            fail(WRONG_INPUT, f"{option} {value}: not with --live, which watches worlds that run in this process")


def _run_one(
    source: str,
    overrides: Mapping[str, object],
    arms: tuple[str, ...] | None,
    options: Options,
    live: bool,
    of_shards: Mapping[str, str | None],
) -> None:
    from ..runs.inputs import inputs
    from ..runs.until import check_groups
    from ..scenario import ScenarioError, counted, load
    from . import execution
    from .live import watched

    try:
        scenario = load(source, overrides, arms)
        inputs(scenario)  # a file that is not there leaves no folder behind
        check_groups(scenario, options.until)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    _check_clock(scenario, options)
    is_shared, is_live = scenario.run.clock == "wall", live and messages().is_interactive
    if live and not is_shared:
        shards = overrides.get("run.shards")
        _check_live({"--shards": None if shards is None else str(shards)})
    execution.check_can_be_shared(scenario, options.check_shards)
    execution.check_junit(scenario, options)
    is_alone = is_live and not is_shared
    options = options._replace(shards=1 if is_alone else execution.chosen_shards(scenario, options.workers))
    check_has_shards(max(options.shards, options.check_shards), of_shards)
    execution.join(options)
    if options.out is not None:
        make_run_folder(options.out, options.force)
    announce_compilation()
    unfinished = None if options.checkpoint_every_s is None else execution.begin(scenario, options)
    total, replications = execution.worlds(scenario), scenario.run.replications
    if is_live:
        with watched(scenario.title, total) as (advance, watch):
            finished = execution.finish(scenario, options, advance, None, watch)
    else:
        with progress(f"{total // replications} x {counted(replications, 'world')}", total) as advance:
            finished = execution.finish(scenario, options, advance, unfinished)
    execution.present(finished, options)
    if options.check_shards:
        execution.check_shards(finished.results, options)
    execution.show_report(finished, options)
    execution.end_if_unmet([finished])


def _run_collection(
    overrides: Mapping[str, object], options: Options, of_shards: Mapping[str, str | None]
) -> None:
    from ..reports import kb
    from ..scenario import ScenarioError
    from . import collection

    try:
        scenarios = kb.load_all(overrides)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    for scenario in scenarios.values():
        _check_clock(scenario, options)
    collection.run(scenarios, options, of_shards)


def resume_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DIR|URL",
            help="The folder of a sweep, a tuning, or a run with --checkpoint-every; of a run also its URL.",
        ),
    ],
    ray_address: RayAddress = None,
    cpu_wait: CpuWait = None,
    ray_resources: RayResources = None,
    as_json: AsJson = False,
) -> None:
    """Finish a sweep, a tuning, or a run begun with --checkpoint-every, whose process died or was interrupted.

    The results are those of one that was never interrupted. It keeps on keeping what is done. It goes on in the
    cluster that --ray-address names, else where it was begun, and asks of that what it asked for when it began
    unless --cpu-wait and --ray-resources say otherwise.
    """
    from ..runs import folder as folders

    folder = location_in("", source)
    try:
        kind = folders.unfinished(folder)
    except OSError as error:
        fail_to_read(error, folder)
    if isinstance(folder, Path) and kind in (folders.SWEEP, folders.TUNING):
        check_has_shards(1, {"--cpu-wait": cpu_wait})
        _resume_worlds(kind, folder, ray_address, ray_resources, as_json)
    else:
        _resume_run(folder, ray_address, ray_resources, cpu_wait, as_json)


def _resume_worlds(
    kind: str, folder: Path, ray_address: str | None, ray_resources: list[str] | None, as_json: bool
) -> None:
    """Finish a sweep or a tuning: many worlds, none of which is shared."""
    from ..runs import folder as folders
    from . import sweeping, tuning

    if kind == folders.SWEEP:
        sweeping.resume(folder, ray_address, ray_resources, as_json)
        return
    given = {"--ray-address": ray_address, "--ray-resources": next(iter(ray_resources or ()), None)}
    for option, text in given.items():
        if text is not None:
            fail(WRONG_INPUT, f"{option} {text}: not for a tuning, which runs on this machine")
    tuning.resume(folder, as_json)


def _resume_run(
    folder: "Location",
    ray_address: str | None,
    ray_resources: list[str] | None,
    cpu_wait: str | None,
    as_json: bool,
) -> None:
    from meterstorm.actors.shards.sealed import CheckpointError

    from ..runs.unfinished import UnfinishedRun
    from ..scenario import ScenarioError, counted
    from . import execution

    try:
        unfinished = UnfinishedRun.reopen(folder)
    except OSError as error:
        fail_to_read(error, folder)
    except (CheckpointError, ScenarioError) as error:
        fail(WRONG_INPUT, str(error))
    options = elsewhere(unfinished.options._replace(as_json=as_json), ray_address, ray_resources, cpu_wait)
    check_has_shards(options.shards, {"--cpu-wait": cpu_wait})
    announce_compilation()
    scenario = unfinished.scenario
    total = execution.worlds(scenario)
    with progress(counted(total, "world"), total) as advance:
        finished = execution.finish(scenario, options, advance, unfinished)
    execution.present(finished, options)
    execution.show_report(finished, options)
    execution.end_if_unmet([finished])

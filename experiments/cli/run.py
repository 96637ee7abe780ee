"""meterstorm run and resume: from what a user typed to a run and its results."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import scenarios
from ..runs.options import Options, of_simulated_time
from .console import WRONG_INPUT, announce_compilation, fail, make_run_folder, messages, progress
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
    Denial,
    Failback,
    Failover,
    Folder,
    Force,
    Intersite,
    Journal,
    Junit,
    Live,
    NoReport,
    Pace,
    Placement,
    RayAddress,
    Replications,
    Seed,
    Selection,
    Settings,
    Shards,
    Until,
    Workers,
    chosen_arms,
    count,
    goals,
    most_replications,
    number,
    overrides_in,
    placement_in,
    policy,
    refuse_for_collection,
    seconds,
    workers_in,
)

if TYPE_CHECKING:
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
    clock: Clock = None,
    pace: Pace = None,
    out: Folder = None,
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
        _check_live({
            "--workers": workers, "--shards": shards, "--ray-address": ray_address,
            "--checkpoint-every": checkpoint_every,
        })  # fmt: skip
    is_live = live and messages().is_interactive
    options = Options(
        name=Path(source).stem,
        workers=0 if is_live else workers_in(workers),
        until=goals(until),
        at_most=most_replications(at_most, until),
        keep_journal=journal,
        ray_address=ray_address,
        placement=placement_in(ray_address, placement),
        checkpoint_every_s=seconds("--checkpoint-every", checkpoint_every),
        check_shards=checked_shards,
        out=out,
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
    if source == KB:
        _run_collection(overrides, options)
    else:
        _run_one(source, overrides, kept, options, is_live)


def _check_clock(scenario: "Scenario", options: Options, is_live: bool = False) -> None:
    """End the command if an option asks for what the wall clock does not have."""
    if scenario.run.clock == "virtual":
        return
    given = [TYPED[name].format(value) for name, value in of_simulated_time(options).items()]
    for option in ["--live"] * is_live + given:
        fail(WRONG_INPUT, f'{option}: not with run.clock = "wall"')


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
    is_live: bool,
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
    _check_clock(scenario, options, is_live)
    execution.check_can_be_shared(scenario, options.check_shards)
    execution.check_junit(scenario, options)
    options = options._replace(shards=1 if is_live else execution.chosen_shards(scenario, options.workers))
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


def _run_collection(overrides: Mapping[str, object], options: Options) -> None:
    from ..reports import kb
    from ..scenario import ScenarioError
    from . import collection

    try:
        scenarios = kb.load_all(overrides)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    for scenario in scenarios.values():
        _check_clock(scenario, options)
    collection.run(scenarios, options)


def resume_command(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The folder of a sweep, a tuning, or a run with --checkpoint-every."),
    ],
    ray_address: RayAddress = None,
    as_json: AsJson = False,
) -> None:
    """Finish a sweep, a tuning, or a run begun with --checkpoint-every, whose process died or was interrupted.

    The results are those of one that was never interrupted. It keeps on keeping what is done. It goes on in the
    cluster that --ray-address names, else where it was begun.
    """
    from ..runs import folder as folders

    if (kind := folders.unfinished(folder)) in (folders.SWEEP, folders.TUNING):
        from . import sweeping, tuning

        if kind == folders.SWEEP:
            sweeping.resume(folder, ray_address, as_json)
        elif ray_address is not None:
            fail(WRONG_INPUT, f"--ray-address {ray_address}: not for a tuning, which runs on this machine")
        else:
            tuning.resume(folder, as_json)
        return
    from meterstorm.actors.shards.sealed import CheckpointError

    from ..runs.unfinished import UnfinishedRun
    from ..scenario import ScenarioError, counted
    from . import execution

    try:
        unfinished = UnfinishedRun.reopen(folder)
    except (CheckpointError, ScenarioError, OSError) as error:
        fail(WRONG_INPUT, str(error))
    announce_compilation()
    scenario, options = unfinished.scenario, unfinished.options._replace(as_json=as_json)
    if ray_address is not None:
        options = options._replace(ray_address=ray_address)
    total = execution.worlds(scenario)
    with progress(counted(total, "world"), total) as advance:
        finished = execution.finish(scenario, options, advance, unfinished)
    execution.present(finished, options)
    execution.show_report(finished, options)
    execution.end_if_unmet([finished])

"""The steps of every run: its shards, its cluster, the run itself, its folder, its results on the screen."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, redirect_stdout
from pathlib import Path
from typing import NoReturn

from meterstorm.actors.cluster.connection import ClusterError
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.shards.sealed import CheckpointError
from meterstorm.actors.shards.storage import Location, Url, upload

from ..reports import compared, expected, summary, tables
from ..reports.summary import Finished
from ..runs import run
from ..runs.failures import reason
from ..runs.folder import REPORT, nearest, put_all, resuming, written_for
from ..runs.options import Options
from ..runs.results import Results
from ..runs.sharding import choose_shards
from ..runs.table import VIOLATED
from ..runs.unfinished import UnfinishedRun, default_folder, has_kept
from ..runs.watching import Watch
from ..scenario import Scenario, counted, versions
from .console import (
    INTERRUPTED,
    INVARIANT,
    UNAVAILABLE,
    UNMET,
    WRONG_INPUT,
    fail,
    fail_to_write,
    make_folder,
    make_run_folder,
    messages,
    output,
    print_warning,
    progress,
    spent,
    unwritten,
)

RESULTS = Path("results")  # where runs go without --out


def worlds(scenario: Scenario) -> int:
    """Return how many worlds a scenario has: replications of all its versions."""
    return len(versions(scenario)) * scenario.run.replications


def chosen_shards(scenario: Scenario, workers: int | None) -> int:
    """Return how many shards share each world; workers run whole ones."""
    shards = scenario.run.shards
    if shards == "auto":
        shards, why = (1, "--workers run whole worlds") if workers else choose_shards(scenario)
        messages().print(f"shards = auto: {shards}, since {why}")
    if shards > 1 and workers:
        fail(WRONG_INPUT, f"--workers {workers}: workers run whole worlds, but here {shards} shards share each")
    return shards


def check_can_be_shared(scenario: Scenario, shards: int) -> None:
    """End the command if some version cannot run on the number of shards that --check-shards asks for; 0: skip."""
    if shards == 1:
        fail(WRONG_INPUT, "--check-shards 1: must be 2 or more, or 0 for none; one shard is what they are held to")
    for version in versions(scenario) if shards else ():
        clients, latency_ms = version.scenario.clients.count, version.scenario.network.latency_ms
        if latency_ms == 0:
            fail(WRONG_INPUT, "--check-shards: shards need network.latency_ms > 0; this scenario has 0")
        if shards > clients:
            fail(WRONG_INPUT, f"--check-shards {shards}: at most as many as there are clients, {clients}")


def join(options: Options) -> None:
    """Connect to the cluster before anything is written, or end the command."""
    try:
        with redirect_stdout(sys.stderr):
            run.join(options)
    except ValueError as error:
        fail(WRONG_INPUT, f"--ray-address: {error}")
    except ClusterError as error:
        fail(UNAVAILABLE, str(error))


def begin(scenario: Scenario, options: Options) -> UnfinishedRun:
    """Set up the folder of a run with checkpoints, or end the command."""
    folder = options.out or default_folder(options.name, scenario)
    make_run_folder(folder, options.force or options.out is None)
    try:
        return UnfinishedRun.begin(folder, scenario, options)
    except OSError as error:
        fail_to_write(error, folder)
    except CheckpointError as error:
        fail(UNAVAILABLE if error.__cause__ else WRONG_INPUT, str(error))  # with a cause, the system refused


def finish(
    scenario: Scenario,
    options: Options,
    advance: Callable[[float], None],
    unfinished: UnfinishedRun | None = None,
    watch: Watch | None = None,
) -> Finished:
    """Run a scenario and write its folder, or end the command."""
    begun_in = unfinished.folder if unfinished else None
    where = begun_in or options.out or RESULTS
    options = options._replace(scratch=nearest(where) if isinstance(where, Path) else None)

    with ExitStack() as aside:
        with unfinished or nullcontext():
            results = _run(scenario, options, advance, unfinished, watch)
            content = summary.summary(results)
            for line in results.warnings:
                print_warning(line)
            finished = Finished(options.name, results, content, _folder(options, content["digest"], unfinished))
            folder = _write(finished, aside, options, unfinished) if content["arms"] else None
            if unfinished and not results.interrupted:
                _remove(unfinished)
        if options.report and folder:
            _report(finished.folder, folder)
    return finished


def _remove(unfinished: UnfinishedRun) -> None:
    """Remove what a finished run has kept on its way; where that cannot be, the results are there all the same."""
    try:
        unfinished.remove()
    except OSError as error:
        print_warning(f"{unfinished.folder} has all results; its checkpoints cannot be removed: {error}")


def _run(
    scenario: Scenario,
    options: Options,
    advance: Callable[[float], None],
    unfinished: UnfinishedRun | None,
    watch: Watch | None,
) -> Results:
    try:
        with redirect_stdout(sys.stderr):  # Ray prints there about lost processes
            results = run.run_as(options, scenario, advance, unfinished, watch)
    except InvariantViolation as error:
        fail(INVARIANT, f"{VIOLATED}{error}")
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    if results.failure and not any(result.replications for result in results.versions):
        way_on = _way_on(results.failure, scenario, options, unfinished.folder if unfinished else None)
        fail(UNAVAILABLE, f"{reason(results.failure)}{way_on}")
    return results


def _folder(options: Options, digest: str, unfinished: UnfinishedRun | None) -> Location:
    if unfinished:
        return unfinished.folder
    return options.out or RESULTS / f"{options.name}-{digest[:8]}"


def _write(finished: Finished, aside: ExitStack, options: Options, unfinished: UnfinishedRun | None) -> Path:
    """Write a run's files, or end the command; return the folder of a disk where they are until `aside` ends."""
    keeps = unfinished is not None
    try:
        folder = aside.enter_context(written_for(finished.folder))
        summary.write_folder(folder, finished.results, finished.summary, keeps)
        put_all(folder, finished.folder, keeps)
        return folder
    except OSError as error:
        print(summary.to_json(finished.summary))
        kept = "the summary is on standard output instead"
        scenario = finished.results.scenario
        way_on = _way_on(error, scenario, options, unfinished.folder if unfinished else None)
        fail(UNAVAILABLE, f"{unwritten(error, finished.folder)}\n{kept}{way_on}")


def _report(place: Location, folder: Path) -> None:
    """Write the report of a run at some place, from its files in a folder of a disk, or end the command."""
    write_report(folder)
    if isinstance(place, Url):
        try:
            upload(folder / REPORT, place / REPORT)
        except OSError as error:
            fail_to_write(error, place)


def write_report(folder: Path) -> None:
    """Write the report of a folder that has been written, or end the command."""
    from ..pages import report

    try:
        report.write(folder)
    except OSError as error:
        fail_to_write(error, folder)


def show_report(finished: Finished, options: Options) -> None:
    """Say where the report is."""
    if options.report and not options.as_json and finished.summary["arms"]:
        output().print(f"report: {finished.folder / REPORT}")


def _way_on(error: BaseException, scenario: Scenario, options: Options, unfinished: Location | None) -> str:
    """Return in words how a run goes on, given the folder where it is unfinished, if there is one."""
    if unfinished:
        elsewhere = "; --ray-address names another cluster" if options.ray_address else ""
        kept = "what is done is kept" if _has_kept(unfinished) else "nothing is done yet"
        return f"\n{kept}: {resuming(unfinished)} goes on{elsewhere}"
    if isinstance(error, ShardLost) and scenario.run.clock == "virtual":
        return "\nwith --checkpoint-every 30s a run goes on from its last checkpoint"
    return ""


def _has_kept(unfinished: Location) -> bool:
    try:
        return has_kept(unfinished)
    except OSError:  # a store that is away
        return True


def check_junit(scenario: Scenario, options: Options) -> None:
    """End the command if there is nothing to write into the file of --junit, or no such file can be written."""
    if options.junit is None:
        return
    if not scenario.expect:
        fail(WRONG_INPUT, f"--junit {options.junit}: the scenario expects nothing; it has no [[expect]]")
    if Path(options.junit).is_dir():
        fail(WRONG_INPUT, f"--junit {options.junit}: a folder, not a file")
    make_folder(Path(options.junit).parent, "--junit")


def present(finished: Finished, options: Options) -> None:
    """Print the summary or tables of a run, and write its JUnit XML; end the command if it was cut short."""
    if options.as_json:
        print(summary.to_json(finished.summary))
    elif finished.summary["arms"]:
        _show(finished)
    if finished.results.interrupted:
        fail_early(finished, finished.worlds, worlds(finished.results.scenario), finished.folder, options)
    if options.junit is not None:
        _write_junit(Path(options.junit), finished.results)


def _write_junit(file: Path, results: Results) -> None:
    try:
        expected.write_junit(file, results)
    except OSError as error:
        fail_to_write(error, file, "--junit")


def end_if_unmet(finished: list[Finished]) -> None:
    """End the command if something that is expected does not hold, and say what."""
    names = {one.name: f"{one.name}: " if len(finished) > 1 else "" for one in finished}
    unmet = [f"{names[one.name]}{line}" for one in finished for line in expected.failures(one.results)]
    if unmet:
        number = sum(len(one.results.scenario.expect) for one in finished)
        fail(UNMET, "\n".join([f"{len(unmet)} of {counted(number, 'expectation')} not met:", *unmet]))


def _show(finished: Finished) -> None:
    stdout = output()
    tables.show(stdout, finished.results)
    compared.show(stdout, finished.results)
    expected.show(stdout, finished.results)
    stdout.print(tables.closing(finished.summary, finished.folder))
    if timing := finished.summary["engine"].get("pace"):
        stdout.print(f"{finished.results.shards} shards: {spent(timing)}")


def fail_early(last: Finished, kept: int, total: int, folder: Location, options: Options) -> NoReturn:
    """End the command after a run that was cut short, and say by what, and what is left of it."""
    left = f"kept {kept} of {counted(total, 'world')}" + (f" in {folder}" if kept else "")
    failure, unfinished = last.results.failure, None if options.checkpoint_every_s is None else folder
    if failure is not None:
        way_on = _way_on(failure, last.results.scenario, options, unfinished)
        fail(UNAVAILABLE, f"{reason(failure)}\n{left}{way_on}")
    lines = [f"interrupted; {left}"]
    if unfinished:
        lines.append(f"{resuming(folder)} goes on")
    fail(INTERRUPTED, "\n".join(lines))


def check_shards(results: Results, options: Options) -> None:
    """Compare digests alone and on shards; a difference is a defect."""
    shards, started = options.check_shards, time.perf_counter()
    title = f"first replications on {counted(shards, 'shard')}"
    with progress(title, len(results.versions)) as advance:
        different = run.check_shards(results, shards, advance, ray_address=options.ray_address, room=options.room)
    if different:
        fail(INVARIANT, "digests differ between 1 shard and several:\n" + "\n".join(different))
    (messages() if options.as_json else output()).print(
        f"the digests of {counted(len(results.versions), 'first replication')} agree on "
        f"{counted(shards, 'Ray shard')} "
        f"({time.perf_counter() - started:.1f} s)",
    )

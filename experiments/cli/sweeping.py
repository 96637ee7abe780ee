"""The steps of a sweep: its axes, its folder, its worlds, its tables."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.shards.sealed import CheckpointError

from ..metrics.names import METRICS
from ..reports import sweep as report
from ..reports import tables
from ..reports.summary import to_json
from ..runs.begun import Begun, begin, reopen
from ..runs.failures import ENVIRONMENT_FAILURES, reason
from ..runs.folder import REPORT, SWEEP, resuming, unfinished
from ..runs.inputs import Input
from ..runs.table import write_csv
from ..runs.unfinished import default_folder
from ..scenario import Scenario, ScenarioError, counted, each_once, load
from ..scenario.axes import parse_axis, refuse_both, with_axes
from ..scenario.wording import unknown_metric
from ..sweeps import results
from ..sweeps import run as sweeps
from ..sweeps.options import SweepOptions
from ..sweeps.points import Plan, check, plan
from ..sweeps.pool import PoolError
from .console import (
    FAILED_WORLDS,
    FULL,
    INTERRUPTED,
    INVARIANT,
    UNAVAILABLE,
    WRONG_INPUT,
    announce_compilation,
    fail,
    fail_to_write,
    make_run_folder,
    messages,
    output,
    print_error,
    print_warning,
    progress,
    unwritten,
)
from .execution import write_report
from .options import elsewhere, policy

if TYPE_CHECKING:
    import pyarrow as pa

    from ..search.options import TuneOptions

UNMET_SHOWN = 10


def load_with_axes(
    source: str, overrides: Mapping[str, object], arms: tuple[str, ...] | None, vary: Sequence[str]
) -> Scenario:
    """Return a scenario, with these axes instead of those in its file if any are given, or end the command."""
    try:
        given = [parse_axis(text) for text in vary]
        each_once((key, "") for key, _ in given)
        scenario = load(source, with_axes(overrides, {key: _absolute(takes) for key, takes in given}), arms)
        refuse_both(scenario.sweep, overrides)
        return scenario
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def _absolute(takes: Any) -> Any:
    """Make the paths of policies in an axis absolute: they are meant from the current folder."""
    return (
        [policy(value) if isinstance(value, str) else value for value in takes]
        if isinstance(takes, list)
        else takes
    )


def known(metrics: Sequence[str] | None) -> tuple[str, ...]:
    """Return the metrics to show, or end the command if one does not exist."""
    for name in metrics or ():
        if name not in METRICS:
            fail(WRONG_INPUT, f"--metric: {unknown_metric(name)}")
    return tuple(dict.fromkeys(metrics or report.DEFAULT_METRICS))


def _planned(scenario: Scenario) -> tuple[Plan, list[Input]]:
    """Return the plan of a sweep and the files that it names, or end the command before it leaves a folder."""
    try:
        planned = plan(scenario)
        return planned, check(planned)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def show_plan(scenario: Scenario, options: SweepOptions) -> None:
    """Print the points, and about how long their worlds take."""
    planned, _ = _planned(scenario)
    report.show_points(output(), planned)
    announce_compilation()
    worlds, one_s = sweeps.count_of(planned), sweeps.one_world_s(planned, options)
    output().print(
        f"{counted(len(planned.points), 'point')}, {counted(worlds, 'world')}; the first takes {one_s:.3g} s, "
        f"so all take about {worlds * one_s:.3g} s of CPU if they are alike"
    )


def run(
    scenario: Scenario, options: SweepOptions, metrics: Sequence[str], csv: Path | None, markdown: Path | None
) -> None:
    """Run a sweep from its beginning."""
    planned, inputs = _planned(scenario)
    join(options)
    folder = options.out or default_folder(f"{options.name}-{SWEEP}", scenario)
    begun = set_up(SWEEP, folder, scenario, inputs, options)
    _finish(begun, planned, inputs, options, metrics, csv, markdown)


def set_up(
    kind: str, folder: Path, scenario: Scenario, inputs: Sequence[Input], options: "SweepOptions | TuneOptions"
) -> Begun[Path]:
    """Begin something in a folder, or end the command."""
    make_run_folder(folder, options.force or (options.out is None and unfinished(folder) != kind))
    announce_compilation()
    try:
        return begin(kind, folder, scenario, inputs, options._replace(out=None)._asdict(), options.force)
    except OSError as error:
        fail_to_write(error, folder)
    except CheckpointError as error:
        fail(UNAVAILABLE if error.__cause__ else WRONG_INPUT, str(error))


def resume(folder: Path, ray_address: str | None, ray_resources: list[str] | None, as_json: bool) -> None:
    """Go on with the sweep in a folder, in the cluster where it was begun unless another is named."""
    begun = go_on(SWEEP, folder)
    options = elsewhere(SweepOptions(**begun.options)._replace(as_json=as_json), ray_address, ray_resources)
    join(options)
    announce_compilation()
    _finish(begun, *_planned(begun.scenario), options, report.DEFAULT_METRICS, None, None)


def go_on(kind: str, folder: Path) -> Begun[Path]:
    """Go on with what was begun in a folder, or end the command."""
    try:
        return reopen(kind, folder)
    except (CheckpointError, ScenarioError, OSError) as error:
        fail(WRONG_INPUT, str(error))


def show_results(folder: Path, metrics: Sequence[str], csv: Path | None, markdown: Path | None) -> None:
    """Print what the folder of a sweep has so far, and write it where it was asked for."""
    try:
        planned, table = results.read(folder)
    except (ScenarioError, OSError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    report.show_table(output(), planned, table, metrics)
    _export(planned, table, metrics, csv, markdown)


def join(options: SweepOptions) -> None:
    """Connect to the cluster before anything is written, or end the command."""
    if options.ray_address is None:
        return
    try:
        with redirect_stdout(sys.stderr):
            start_ray(1, options.ray_address)
    except ValueError as error:
        fail(WRONG_INPUT, f"--ray-address: {error}")
    except ENVIRONMENT_FAILURES as error:
        fail(UNAVAILABLE, reason(error))


def _finish(
    begun: Begun[Path],
    planned: Plan,
    inputs: Sequence[Input],
    options: SweepOptions,
    metrics: Sequence[str],
    csv: Path | None,
    markdown: Path | None,
) -> None:
    """Run what is left, write the folder, print the table; end the command if not all is well."""
    folder, total = begun.folder, sweeps.count_of(planned)
    with begun.lock:
        title = f"{counted(len(planned.points), 'point')}, {counted(total, 'world')}"
        with running_in(folder):
            with progress(title, total) as advance:
                outcome = sweeps.run_sweep(planned, options, begun.checkpoints, advance)
            table, content = report.finish(begun, planned, outcome, inputs)
    is_reported = options.report and content["done"] > 0
    if is_reported:
        write_report(folder)
    if options.as_json:
        print(to_json(content))
    else:
        report.show_table(output(), planned, table, metrics)
        output().print(tables.closing(content, folder))
        if is_reported:
            output().print(f"report: {folder / REPORT}")
    _export(planned, table, metrics, csv, markdown)
    if outcome.interrupted:
        kept = f"{content['done']} of {counted(outcome.worlds, 'world')}"
        fail(INTERRUPTED, f"interrupted; kept {kept}{way_on(folder)}")
    for line in outcome.unmet[:UNMET_SHOWN]:
        print_warning(f"--until: {line}")
    if len(outcome.unmet) > UNMET_SHOWN:
        print_warning(f"--until: {len(outcome.unmet) - UNMET_SHOWN} more; summary.json has all, as `unmet`")
    if content["failed"]:
        _fail_for_worlds(content, folder)


@contextmanager
def running_in(folder: Path, way: str | None = None) -> Iterator[None]:
    """Run worlds whose rows are kept in a folder, and write its files; what goes wrong ends the command.

    `way` is how what is there is gone on with, in words; None: as `way_on` says.
    """
    way = way_on(folder) if way is None else way
    try:
        with redirect_stdout(sys.stderr):  # Ray prints there about lost processes
            yield
    except OSError as error:
        fail(UNAVAILABLE, f"{unwritten(error, folder)}{way}")
    except PoolError as error:
        fail(INVARIANT, f"{error}{way}")
    except ENVIRONMENT_FAILURES as error:
        fail(UNAVAILABLE, f"{reason(error)}{way}")


def way_on(folder: Path) -> str:
    """Return in words how what a folder has is gone on with."""
    return f"\nwhat is done is kept: {resuming(folder)} goes on"


def _fail_for_worlds(content: dict[str, Any], folder: Path) -> NoReturn:
    """End the command, and say which worlds have failed; a defect of ours has the status of one."""
    failed = content["failures"]
    for row in failed[:3]:
        print_error(f"point {row['point']}, replication {row['replication']}: {row['error']}")
        messages().print(f"  {row['command']}")
    total = counted(content["worlds"], "world")
    words = f"{content['failed']} of {total} failed; metrics.parquet has each with its error"
    if left := content["worlds"] - content["done"] - content["failed"]:
        words += f"; not run: {left:,}"
    fail(INVARIANT if content["defects"] else FAILED_WORLDS, f"{words}; {resuming(folder)} tries them again")


def _export(
    planned: Plan, table: "pa.Table", metrics: Sequence[str], csv: Path | None, markdown: Path | None
) -> None:
    try:
        if csv is not None:
            write_csv(table, csv)
        if markdown is not None:
            markdown.write_text(report.to_markdown(planned, table, metrics), encoding="utf-8")
    except OSError as error:
        fail(UNAVAILABLE if error.errno in FULL else WRONG_INPUT, unwritten(error, csv or markdown or Path()))

"""The command line: all commands, and how each one ends."""

import os
import platform
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from .bench import bench_app
from .check import check_command
from .check_policy import check_policy_command
from .compare import compare_command
from .console import (
    INTERRUPTED,
    INVARIANT,
    UNAVAILABLE,
    WRONG_INPUT,
    announce_compilation,
    exit_now,
    fail,
    print_error,
)
from .explain import explain_command
from .fit import fit_command
from .hunt import hunt_command
from .interrupts import handle_interrupts
from .journal import journal_command
from .logs import import_command, replay_command
from .options import RayAddress
from .output import OutputError, guard_streams
from .report import report_command
from .run import resume_command, run_command
from .show import list_command, schema_command, show_command, validate_command
from .sweep import results_command, sweep_command
from .tune import tune_command
from .whatif import whatif_command

# What may have :// in it and is no path.
NO_PATHS = ("--ray-address", "--ray-resources", "--arm", "--agent", "--set", "--vary")
# Commands that take a URL, and where: behind an option, or anywhere.
TAKE_URLS = {"run": "--out", "resume": ""}


class _OnDisk(typer.core.TyperGroup):
    """All commands; few take a URL where they take a path."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Look at what was typed before any command does, or refuse it."""
        from ..runs.folder import on_disk

        for before, argument in pairwise(["", *args]):
            option, _, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
            where = option or before
            takes_url = TAKE_URLS.get(args[0]) in ("", where)
            if where not in NO_PATHS and not takes_url:
                try:
                    on_disk(value)
                except ValueError as error:
                    fail(WRONG_INPUT, f"{option} {error}" if option else str(error))
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_OnDisk,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"meterstorm {version('meterstorm')}")
        raise typer.Exit


app.command("run")(run_command)
app.command("sweep")(sweep_command)
app.command("results")(results_command)
app.command("tune")(tune_command)
app.command("hunt")(hunt_command)
app.command("resume")(resume_command)
app.command("report")(report_command)
app.command("compare")(compare_command)
app.command("journal")(journal_command)
app.command("fit")(fit_command)
app.command("whatif")(whatif_command)
app.command("import")(import_command)
app.command("replay")(replay_command)
app.command("check")(check_command)
app.command("explain")(explain_command)
app.command("validate")(validate_command)
app.command("check-policy")(check_policy_command)
app.command("list")(list_command)
app.command("show")(show_command)
app.command("schema")(schema_command)
app.add_typer(bench_app, name="bench")


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Measure what license clients and metering servers do to each other when servers fail."""


def main() -> None:
    """Run the command line; exit 0 done, 1 runs differ, 2 wrong input, 3 a defect, 130 interrupted.

    4: a process, a node, Ray, memory, the disk or standard output failed. 5: an expectation is not met.
    6: worlds of a sweep failed, or all trials of a tuning.
    """
    handle_interrupts()
    if os.environ.get("COLUMNS", "").strip("0") == "":
        os.environ.pop("COLUMNS", None)  # no width at all
    try:
        guard_streams()
        status = _status_of_command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        exit_now(INTERRUPTED)
    except Exception as error:
        status = _explain(error)
    if status in {INTERRUPTED, UNAVAILABLE}:
        exit_now(status)
    sys.exit(status)


def _status_of_command() -> Any:
    try:
        app(prog_name="meterstorm")
    except SystemExit as end:
        return end.code
    return 0


def _explain(error: Exception) -> int:
    """Say why a command has failed that does not say so itself; return its status."""
    if isinstance(error, OutputError | OSError):
        print_error(str(error) if isinstance(error, OutputError) else _words(error))
        return UNAVAILABLE
    from ..runs.failures import ENVIRONMENT_FAILURES, reason

    if isinstance(error, ENVIRONMENT_FAILURES):
        print_error(reason(error))
        return UNAVAILABLE
    traceback.print_exception(error)
    print_error("this is a defect of Meterstorm's")
    return INVARIANT


def _words(error: OSError) -> str:
    try:
        os.getcwd()
    except FileNotFoundError:
        return "the working folder is not there any more; change to another"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


@app.command("diff")
def diff_command(
    a: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    b: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of another run.")],
    ray_address: RayAddress = None,
) -> None:
    """Compare two runs, world by world; show the first event that differs. Exit 0: equal; 1: they differ."""
    from ..reports import diff
    from ..scenario import ScenarioError

    try:
        runs = diff.read(a), diff.read(b)
        found = diff.compare(*runs, ray_address)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    for line in diff.report(*runs, found):
        print(line)
    if not isinstance(found, int):
        raise typer.Exit(1)


@app.command("doctor")
def doctor_command(ray_address: RayAddress = None) -> None:
    """Check that the installation works: versions, compiled engine, and one world on two Ray shards."""
    from importlib.metadata import version as package_version

    from meterstorm.actors.compiled.cache import CACHE_FOLDER

    from ..runs.options import Options
    from .doctor import examine
    from .execution import join

    for name in ("meterstorm", "numba", "numpy", "ray"):
        print(f"{name} {package_version(name)}")
    print(f"python {platform.python_version()}, {os.cpu_count()} cores")
    join(Options(shards=2, ray_address=ray_address))
    announce_compilation()
    print(f"compiled code in {CACHE_FOLDER}")
    for problem in examine(ray_address):
        fail(INVARIANT, problem)
    print("one world gives the same digest alone and on two Ray shards: all is well")

"""The command line: run, resume, diff, bench, list, show, doctor."""

import os
import platform
import signal
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated

import typer

from ..scenario import ScenarioError, built_in, source_text
from .bench import bench_app
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
from .options import KB, RayAddress
from .run import resume_command, run_command

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure what license clients and metering servers do to each other when servers fail.",
)
app.command("run")(run_command)
app.command("resume")(resume_command)
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Run the command line; exit 0 done, 2 wrong input, 3 an invariant failed, 130 interrupted.

    4: a process, a node, Ray, memory or the disk failed.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to be ended is to be interrupted
    try:
        app(prog_name="meterstorm")
    except KeyboardInterrupt:
        exit_now(INTERRUPTED)
    except SystemExit as end:
        if end.code in {INTERRUPTED, UNAVAILABLE}:
            exit_now(end.code)
        raise
    except Exception as error:
        from .failures import ENVIRONMENT_FAILURES, reason

        if not isinstance(error, ENVIRONMENT_FAILURES):
            raise
        print_error(reason(error))
        exit_now(UNAVAILABLE)


@app.command("diff")
def diff_command(
    a: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    b: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of another run.")],
    ray_address: RayAddress = None,
) -> None:
    """Compare two runs, world by world; show the first event that differs. Exit 0: equal; 1: they differ."""
    from ..reports import diff

    try:
        runs = diff.read(a), diff.read(b)
        found = diff.compare(*runs, ray_address)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    for line in diff.report(*runs, found):
        print(line)
    if not isinstance(found, int):
        raise typer.Exit(1)


@app.command("list")
def list_command() -> None:
    """List the built-in scenarios."""
    titles = built_in() | {KB: "all of the above that reproduce a Knowledge Base article"}
    for name, title in titles.items():
        print(f"{name:20} {title}")


@app.command("show")
def show_command(name: Annotated[str, typer.Argument(help="A built-in scenario.")]) -> None:
    """Print a built-in scenario's file, to copy and change."""
    try:
        print(source_text(name), end="")
    except ScenarioError as error:
        fail(WRONG_INPUT, str(error))


@app.command("doctor")
def doctor_command(ray_address: RayAddress = None) -> None:
    """Check that the installation works: versions, compiled engine, and one world on two Ray shards."""
    from meterstorm.actors import jit

    from ..runs.options import Options
    from .doctor import examine
    from .execution import join

    for name in ("meterstorm", "numba", "numpy", "ray"):
        print(f"{name} {package_version(name)}")
    print(f"python {platform.python_version()}, {os.cpu_count()} cores")
    join(Options(shards=2, ray_address=ray_address))
    announce_compilation()
    print(f"compiled code in {jit.CACHE_FOLDER}")
    for problem in examine(ray_address):
        fail(INVARIANT, problem)
    print("one world gives the same digest alone and on two Ray shards: all is well")

"""What every command shares: its exit status, its messages on standard error, its progress bar and its folder."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from meterstorm.actors.cluster.connection import end_ray

if TYPE_CHECKING:
    from rich.console import Console

WRONG_INPUT, INVARIANT, UNAVAILABLE, INTERRUPTED = 2, 3, 4, 130
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # the disk failed; otherwise the path is not writable


@cache
def messages() -> "Console":
    """Return the console on standard error."""
    from rich.console import Console

    return Console(stderr=True)


def fail(code: int, text: str) -> NoReturn:
    """End the command with a status, and say why."""
    print_error(text)
    raise typer.Exit(code)


def print_error(text: str) -> None:
    """Print what is wrong, in lines that begin with the program's name."""
    for line in text.splitlines():
        messages().print(f"meterstorm: {line}", style="red", highlight=False, markup=False, soft_wrap=True)


def exit_now(status: int) -> NoReturn:
    """End at once: an interrupt or a loss may have hit Ray anywhere; the end of the interpreter may crash in it.

    A second interrupt does not wait for Ray (`interrupts.py`); on Linux its processes end all the same
    (`actors/cluster/guard.py`).
    """
    try:
        with suppress(Exception):  # the reader may be gone
            sys.stdout.flush()
        end_ray()
    finally:
        os._exit(status)


def end_unavailable(text: str) -> NoReturn:
    """End at once from whichever thread, and say why: the main thread waits for what is lost."""
    print_error(text)
    exit_now(UNAVAILABLE)


def fail_to_write(error: OSError, folder: Path) -> NoReturn:
    """End the command, since a file in the folder for results cannot be written."""
    fail(UNAVAILABLE if error.errno in FULL else WRONG_INPUT, f"--out {unwritten(error, folder)}")


def unwritten(error: OSError, folder: Path) -> str:
    """Return in words why a file cannot be written; the system does not always name it."""
    return f"{error.filename or folder}: cannot be written: {error.strerror or error}"


def make_folder(folder: Path) -> None:
    """Make the folder for results, or end the command."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail_to_write(error, folder)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[float], None]]:
    """A progress bar on the screen, for a terminal only, cleared at the end; told how much is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    bar = Progress(*columns, TimeRemainingColumn(), console=messages(), transient=True)
    task = bar.add_task(title, total=total)
    with bar if messages().is_interactive else nullcontext():  # ending a bar writes a line even without a terminal
        yield lambda done: bar.update(task, completed=done)


def announce_compilation() -> None:
    """Compile the engine if it is not in the cache, and say so: it takes half a minute, once."""
    from . import doctor

    if not doctor.is_compiled():
        messages().print("compiling the engine; this happens once and takes about half a minute ...")
        doctor.compile_engine()


def spent(timing: dict[str, float]) -> str:
    """Return in words how shards spent their time: `ShardTiming.shares`."""
    return (
        f"{timing['computing']:.0%} computing, {timing['exchanging']:.0%} exchanging, "
        f"{timing['waiting']:.0%} waiting for each other; "
        f"{timing['windows']:,} windows, {timing['windows_per_s']:,.0f} a second"
    )

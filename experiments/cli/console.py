"""What every command shares: its exit status, its messages on standard error, its progress bar and its folder."""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, NoReturn

import typer
from meterstorm.actors.cluster.connection import end_ray
from meterstorm.actors.shards.storage import Location, try_out

if TYPE_CHECKING:
    from rich.console import Console

WRONG_INPUT, INVARIANT, UNAVAILABLE, UNMET, FAILED_WORLDS, INTERRUPTED = 2, 3, 4, 5, 6, 130
LINE_S = 10.0  # between two lines that tell how much is done, where there is no bar
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # the disk failed; otherwise the path is not writable


@cache
def messages() -> "Console":
    """Return the console on standard error: text is printed as it is, and never cut off."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def output() -> "Console":
    """Return the console on standard output, likewise."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True)


def fail(code: int, text: str) -> NoReturn:
    """End the command with a status, and say why."""
    print_error(text)
    raise typer.Exit(code)


def print_error(text: str) -> None:
    """Print what is wrong, in lines that begin with the program's name."""
    for line in text.splitlines():
        messages().print(f"meterstorm: {line}", style="red")


def print_warning(text: str) -> None:
    """Print what the user should know, though the command goes on."""
    messages().print(f"meterstorm: warning: {text}")


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


def fail_to_write(error: OSError, path: Location, option: str = "--out") -> NoReturn:
    """End the command, since the file, or one in the folder, that an option names cannot be written."""
    fail(UNAVAILABLE if error.errno in FULL else WRONG_INPUT, f"{option} {unwritten(error, path)}")


def fail_to_read(error: OSError, path: Location) -> NoReturn:
    """End the command, since a file, or one in a folder, cannot be read."""
    fail(WRONG_INPUT, f"{error.filename or path}: cannot be read: {error.strerror or error}")


def unwritten(error: OSError, folder: Location) -> str:
    """Return in words why a file cannot be written; the system does not always name it."""
    return f"{error.filename or folder}: cannot be written: {error.strerror or error}"


def make_folder(folder: Path, option: str = "--out") -> None:
    """Make the folder that an option needs, or end the command."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail_to_write(error, folder, option)


def make_run_folder(folder: Location, force: bool) -> None:
    """Make the folder for a run, or end the command; it must be empty, or have a run that is to be replaced."""
    from ..runs.folder import refusal

    try:
        why = refusal(folder, force)
        if not why:
            try_out(folder)
    except OSError as error:
        fail_to_write(error, folder)
    if why:
        fail(WRONG_INPUT, f"--out {folder}: {why}")


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[float], None]]:
    """A progress bar on the screen, cleared at the end; told how much is done. Without a terminal: lines."""
    if not messages().is_interactive:
        with _lines(title, total) as tell:
            yield tell
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
    )
    bar = Progress(*columns, TimeRemainingColumn(), console=messages(), transient=True)
    task = bar.add_task(title, total=total)
    with bar:
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _lines(title: str, total: int) -> Iterator[Callable[[float], None]]:
    """Print how much is done, every LINE_S."""
    done, is_over, began_s = [0.0], Event(), time.monotonic()

    def tell() -> None:
        while not is_over.wait(LINE_S):
            share = done[0] / total if total else 1.0
            messages().print(f"{title}: {share:.0%} done after {time.monotonic() - began_s:.0f} s")

    thread = Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield lambda value: done.__setitem__(0, value)
    finally:
        is_over.set()
        thread.join()


def announce_compilation() -> None:
    """Compile the engine if it is not in the cache, and say so: it takes a few minutes, once."""
    from . import doctor

    if not doctor.is_compiled():
        messages().print("compiling the engine; this happens once and takes a few minutes ...")
        doctor.compile_engine()


def spent(timing: dict[str, float]) -> str:
    """Return in words how shards spent their time: `ShardTiming.shares`."""
    return (
        f"{timing['computing']:.0%} computing, {timing['exchanging']:.0%} exchanging, "
        f"{timing['waiting']:.0%} waiting for each other; "
        f"{timing['windows']:,} windows, {timing['windows_per_s']:,.0f} a second"
    )

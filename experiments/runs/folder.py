"""A run's folder is made aside and put in its place whole: it never has files of two runs."""

import errno
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

SUMMARY = "summary.json"  # the last to be moved: a folder without it is not that of a finished run
REPORT = "report.html"
UNFINISHED = "checkpoints"  # has a file named after what is unfinished:
RUN, SWEEP, TUNING = KINDS = ("run", "sweep", "tuning")
MARKS = (SUMMARY, "scenario.toml", UNFINISHED)  # a run's folder has one of them


def unfinished(folder: Path) -> str | None:
    """Return what of a folder is unfinished, one of KINDS; None: nothing."""
    return next((kind for kind in KINDS if (folder / UNFINISHED / kind).exists()), None)


def refusal(folder: Path, force: bool) -> str | None:
    """Return why a run may not go into a folder; None: it may. Raises OSError."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    if not any((folder / name).exists() for name in MARKS):
        return "not empty, and not the folder of a run; name a new or an empty folder"
    if force:
        return None
    if kind := unfinished(folder):
        return f"has an unfinished {kind}: meterstorm resume {folder} finishes it, --force replaces it"
    return "not empty: it has another run; name a new or an empty folder, or replace it whole with --force"


@contextmanager
def made_aside(folder: Path, keeps: bool = False) -> Iterator[Path]:
    """Give a folder to write files into; at the end they take the place of all that `folder` has.

    With `keeps` they join what is there, which is the same run's. Raises OSError, also for a folder that is not
    a run's.
    """
    why = None if keeps else refusal(folder, force=True)
    if why:
        raise OSError(errno.ENOTEMPTY, why, str(folder))
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    inside = keeps or os.path.ismount(folder) or not os.access(folder.parent, os.W_OK)
    aside = (folder if inside else folder.parent) / f".{folder.name}.{os.getpid()}"
    aside.mkdir(parents=True)
    try:
        yield aside
        if not inside:
            _replace(folder, aside)
            return
        if not keeps:
            clear(folder, {aside.name})
        _move(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def clear(folder: Path, kept: Collection[str]) -> None:
    """Remove all that a folder has but the entries of these names."""
    for entry in folder.iterdir():
        if entry.name not in kept:
            _remove(entry)


def _replace(folder: Path, aside: Path) -> None:
    """Put the folder made aside in the place of another, if that is there."""
    old = aside.with_name(f"{aside.name}.old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


def _move(aside: Path, folder: Path) -> None:
    for entry in sorted(aside.iterdir(), key=lambda path: path.name == SUMMARY):
        _remove(folder / entry.name)
        os.rename(entry, folder / entry.name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

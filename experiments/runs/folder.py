"""A run's folder is made aside and put in its place whole: it never has files of two runs."""

import errno
import logging
import os
import shlex
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from meterstorm.actors.shards.storage import Location, Url, is_url, names, patiently, put, remove, upload

SCENARIO = "scenario.toml"
SUMMARY = "summary.json"  # the last to be moved: a folder without it is not that of a finished run
REPORT = "report.html"
UNFINISHED = "checkpoints"  # has a file named after what is unfinished:
RUN, SWEEP, TUNING = KINDS = ("run", "sweep", "tuning")
MARKS = (SUMMARY, SCENARIO, UNFINISHED)  # a run's folder has one of them

_log = logging.getLogger("meterstorm")


def on_disk(path: str | Path) -> Path:
    """Return a path; raises ValueError for a URL, which would else make a folder of its scheme's name."""
    if is_url(path):
        raise ValueError(f"{path}: a URL is not allowed; it must be a path, as of a disk of this machine's")
    return Path(path)


def unfinished(folder: Location) -> str | None:
    """Return what of a folder is unfinished, one of KINDS; None: nothing. Raises OSError."""
    return next((kind for kind in KINDS if (folder / UNFINISHED / kind).exists()), None)


def resuming(folder: Location) -> str:
    """Return the command that goes on with what is unfinished in a folder, as a shell takes it."""
    return f"meterstorm resume {shlex.quote(str(folder))}"


def refusal(folder: Location, force: bool) -> str | None:
    """Return why a run may not go into a folder; None: it may. Raises OSError."""
    there = names(folder)
    if not there:
        return None
    if not any(name in MARKS for name in there):
        return "not empty, and not the folder of a run; name a new or an empty folder"
    if force:
        return None
    if kind := unfinished(folder):
        return f"has an unfinished {kind}: {resuming(folder)} finishes it, --force replaces it"
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


@contextmanager
def written_for(folder: Location) -> Iterator[Path]:
    """Give the path of a folder to write a run's files into: itself, or one on this disk for those of a store.

    That one is removed at the end; where that is an exception, whole files stay, and a warning says where.
    """
    if isinstance(folder, Path):
        yield folder
        return
    aside = Path(mkdtemp(prefix="meterstorm-"))
    local = aside / "run"
    try:
        yield local
    except BaseException:
        if (local / SUMMARY).exists():
            _log.warning("%s: may lack files of this run: all are in %s", folder, local)
            raise
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def put_all(local: Path, folder: Location, keeps: bool) -> None:
    """Put a run's files from where they were written for a store; raises OSError.

    There they take the place of all that there is, the summary last; with `keeps` not of what is unfinished,
    which is the same run's.
    """
    if not isinstance(folder, Url):
        return
    files = [path.relative_to(local).as_posix() for path in local.rglob("*") if path.is_file()]
    patiently(folder, lambda: _make_way(folder, {*files, *((UNFINISHED,) if keeps else ())}), OSError)
    for name in sorted(files, key=SCENARIO.__ne__):  # the mark first: what is cut short can be replaced
        if name != SUMMARY:
            upload(local / name, folder / name)
    last = (local / SUMMARY).read_bytes()
    patiently(folder, lambda: put(folder / SUMMARY, [last]), OSError)


def _make_way(folder: Url, kept: Collection[str]) -> None:
    remove(folder / SUMMARY)
    clear(folder, kept)


def nearest(folder: Path) -> Path:
    """Return a folder, or where it is not there yet the nearest above it that is."""
    path = folder.resolve()
    return next(place for place in (path, *path.parents) if place.is_dir())


def clear(folder: Location, kept: Collection[str]) -> None:
    """Remove all that a folder has but the entries of these names; what marks it as a run's goes last."""
    for name in sorted(names(folder), key=MARKS.__contains__):
        if name not in kept:
            remove(folder / name)


def _replace(folder: Path, aside: Path) -> None:
    """Put the folder made aside in the place of another, if that is there."""
    old = aside.with_name(f"{aside.name}.old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


def _move(aside: Path, folder: Path) -> None:
    for entry in sorted(aside.iterdir(), key=lambda path: path.name == SUMMARY):
        remove(folder / entry.name)
        os.rename(entry, folder / entry.name)

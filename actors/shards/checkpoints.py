"""Checkpoints: a world on disk, which goes on from there to the identical digest.

Between two exchanges of its shards (`windows.py`), or between two calls of the loop of a shard alone, all that a
world is stands in its shards' tables and a few numbers. A checkpoint is a folder with one file for each shard, and
a head that names the run and seals these files. It is written under another name and gets its own, a number, when
all of it is on disk: it is there as a whole or not at all.
"""

import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..state.world import TABLES, World
from .sealed import CheckpointError, Facts, read, sync, write, writing

T = TypeVar("T")

CHECKPOINTS_KEPT = 2  # the one before the last is there for when the last turns out to be damaged

_log = logging.getLogger("meterstorm")


def look_at(probe: Path, whose: str) -> None:
    """Raise CheckpointError, which says `whose` look it is, unless a file is there and others can be made."""
    if not probe.exists():
        raise CheckpointError(f"{probe.parent}: {whose} does not see it: all nodes must share its file system")
    own = probe.with_name(f"{probe.name}-{secrets.token_hex(4)}")
    with writing(probe.parent):
        own.touch()
        own.unlink()


def save(folder: Path, shard: int, world: World, numbers: Facts) -> bytes:
    """Write a shard's file of a checkpoint; return its seal."""
    if not folder.is_dir():  # the driver has made it
        raise CheckpointError(f"{folder}: shard {shard} does not see it: all nodes must share its file system")
    return write(folder / f"shard-{shard}", numbers, {name: getattr(world, name) for name in TABLES})


def load(folder: Path, shard: int, seals: list[bytes]) -> tuple[Facts, dict[str, Any]]:
    """Return the numbers and the tables of a shard's file; raises CheckpointError."""
    numbers, tables = read(folder / f"shard-{shard}", TABLES, seals[shard])
    return numbers, {name: rows.view(np.recarray) if rows.dtype.names else rows for name, rows in tables.items()}


class Checkpoints:
    """The checkpoints of one world, in a folder: the last two of them.

    `every_s` is wall time; `began_s` the time (`time.time`) at which the run would have begun if it had never
    been interrupted. What is in `identity` must be equal in a checkpoint that is to be used.
    """

    def __init__(self, folder: Path, every_s: float, identity: Facts, began_s: float) -> None:
        self.folder = folder
        self.every_s = every_s
        self.identity = identity
        self.began_s = began_s
        self.written = 0
        self._has_failed = False  # the last time
        self._last_s = time.monotonic()

    def exist(self) -> bool:
        """Whether there is one to go on from."""
        return bool(self._numbers())

    def is_due(self) -> bool:
        """Whether `every_s` has passed since the last checkpoint."""
        return time.monotonic() - self._last_s >= self.every_s

    @contextmanager
    def probe(self) -> Iterator[Path]:
        """Give a file that everybody who writes here must see (`look_at`), for as long as they look at it."""
        file = self.folder / f"probe-{secrets.token_hex(8)}"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            file.touch()
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    def save(self, write_parts: Callable[[Path], list[bytes]]) -> None:
        """Take a checkpoint: `write_parts` writes the shards' files into a folder and returns their seals.

        One that fails is a warning, since the run is well, and is tried again when the next one is due. The second
        failure in a row is a CheckpointError.
        """
        try:
            self._save(write_parts)
            self._has_failed = False
        except CheckpointError as error:
            if self._has_failed:
                raise
            self._has_failed = True
            self._last_s = time.monotonic()
            _log.warning("checkpoint not written: %s; tried again in %g s", error, self.every_s)

    def _save(self, write_parts: Callable[[Path], list[bytes]]) -> None:
        part = self.folder / f"part-{secrets.token_hex(8)}"  # a shard that was given up may still write to another
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for unfinished in self.folder.glob("part-*"):
                shutil.rmtree(unfinished, ignore_errors=True)
            numbers = self._numbers()
            part.mkdir()
        seals = write_parts(part)
        write(part / "head", {**self.identity, "wall_s": time.time() - self.began_s, "seals": seals}, {})
        with writing(self.folder):
            part.rename(self._path(max(numbers, default=0) + 1))
            sync(self.folder)
        for number in numbers[: 1 - CHECKPOINTS_KEPT]:
            shutil.rmtree(self._path(number), ignore_errors=True)
        self.written += 1
        self._last_s = time.monotonic()

    def restore(self, load_parts: Callable[[Path, list[bytes]], T]) -> T | None:
        """Return what `load_parts` makes of the last good checkpoint, given its folder and seals; else None.

        One that is refused is set aside with a warning that names the file, and the one before it is used.
        """
        self._last_s = time.monotonic()
        refused = False
        for number in reversed(self._numbers()):
            path = self._path(number)
            try:
                result = load_parts(path, self._seals(path / "head"))
            except CheckpointError as error:
                refused = True
                _log.warning("checkpoint refused: %s", error)
                with writing(path):
                    path.rename(self.folder / f"refused-{path.name}-{secrets.token_hex(4)}")
                continue
            if refused:
                _log.warning("using the checkpoint before it, %s", path)
            return result
        if refused:
            _log.warning("no checkpoint is left in %s: this world begins anew", self.folder)
        return None

    def wall_s(self) -> float:
        """Return the wall time that the run had taken when the last readable checkpoint was written; else 0."""
        for number in reversed(self._numbers()):
            try:
                return float(read(self._path(number) / "head", {})[0]["wall_s"])
            except CheckpointError:
                continue  # `restore` tells
        return 0.0

    def _seals(self, head: Path) -> list[bytes]:
        facts, _ = read(head, {})
        for key, mine in self.identity.items():
            if facts.get(key) != mine:
                raise CheckpointError(f"{head}: is of another run: {key} is {facts.get(key)!r}, not {mine!r}")
        return list(facts["seals"])

    def _numbers(self) -> list[int]:
        names = (path.name for path in self.folder.glob("[0-9]*") if path.name.isdecimal())
        return sorted(int(name) for name in names)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}"

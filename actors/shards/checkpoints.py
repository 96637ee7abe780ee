"""Checkpoints: a world on disk, which goes on from there to the identical digest.

Between two exchanges of its shards (`windows.py`), or two loop calls of a lone shard, a world's whole state is in
its shards' tables and a few numbers. A checkpoint is a folder with one file for each shard, and a head that names
the run and seals these files. The head is written last, so a checkpoint exists once its head does, on disk and in
an object store (`storage.py`).
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..state.world import TABLES, World
from .sealed import CheckpointError, Facts, Refused, check_identity, read, reading, write, writing
from .storage import Location, make, names, probe, put, remove, sync, way

T = TypeVar("T")

HEAD = "head"
REFUSED = "refused"  # beside the head of a checkpoint that is not to be used: why
CHECKPOINTS_KEPT = 2  # the one before the last is there for when the last turns out to be damaged

_log = logging.getLogger("meterstorm")


def look_at(file: Location, whose: str) -> None:
    """Raise CheckpointError, which says `whose` look it is, unless a file is there and others can be made."""
    try:
        if not file.exists():
            raise CheckpointError(f"{file.parent}: {whose} does not see it: {way(file)}")
        remove(probe(file.parent, file.name))
    except OSError as error:
        raise CheckpointError(f"{file.parent}: {whose} cannot write there: {error.strerror or error}") from error


def save(folder: Location, shard: int, world: World, numbers: Facts) -> bytes:
    """Write a shard's file of a checkpoint; return its seal."""
    if isinstance(folder, Path) and not folder.is_dir():  # the driver has made it
        raise CheckpointError(f"{folder}: shard {shard} does not see it: {way(folder)}")
    return write(folder / f"shard-{shard}", numbers, {name: getattr(world, name) for name in TABLES})


def whole(folder: Location) -> list[str]:
    """Return the names of a world's checkpoints, oldest first, without refused ones. Raises OSError."""
    return [name for name in _numbered(folder) if _is_whole(folder / name)]


def _numbered(folder: Location) -> list[str]:
    found = [name for name in names(folder) if re.fullmatch("[0-9]{6,}-[0-9a-f]+", name)]
    return sorted(found, key=_number)


def _number(name: str) -> int:
    return int(name.partition("-")[0])


def _is_whole(checkpoint: Location) -> bool:
    return (checkpoint / HEAD).exists() and not (checkpoint / REFUSED).exists()


def _mark(checkpoint: Location, why: str) -> None:
    """Have a checkpoint not be used again; where that cannot be, it will be refused again."""
    try:
        put(checkpoint / REFUSED, [why.encode()])
    except OSError as error:
        _log.warning("%s: cannot be marked as refused: %s", checkpoint, error.strerror or error)


def load(folder: Location, shard: int, seals: list[bytes]) -> tuple[Facts, dict[str, Any]]:
    """Return the numbers and the tables of a shard's file; raises CheckpointError."""
    numbers, tables = read(folder / f"shard-{shard}", TABLES, seals[shard])
    return numbers, {name: rows.view(np.recarray) if rows.dtype.names else rows for name, rows in tables.items()}


class Checkpoints:
    """The checkpoints of one world, in a folder: the last two of them.

    `every_s` is wall time; `began_s` the time (`time.time`) at which the run would have begun if it had never
    been interrupted. What is in `identity` must be equal in a checkpoint that is to be used.
    """

    def __init__(self, folder: Location, every_s: float, identity: Facts, began_s: float) -> None:
        self.folder = folder
        self.every_s = every_s
        self.identity = identity
        self.began_s = began_s
        self.written = 0
        self._has_failed = False  # the last time
        self._last_s = time.monotonic()

    def exist(self) -> bool:
        """Whether there is one to go on from."""
        with reading(self.folder):
            return bool(whole(self.folder))

    def is_due(self) -> bool:
        """Whether `every_s` has passed since the last checkpoint."""
        return time.monotonic() - self._last_s >= self.every_s

    @contextmanager
    def probe(self) -> Iterator[Location]:
        """Give a file that everybody who writes here must see (`look_at`), for as long as they look at it."""
        with writing(self.folder):
            make(self.folder)
            file = probe(self.folder, "probe")
        try:
            yield file
        finally:
            with suppress(OSError):
                remove(file)

    def save(self, write_parts: Callable[[Location], list[bytes]]) -> None:
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

    def _save(self, write_parts: Callable[[Location], list[bytes]]) -> None:
        with writing(self.folder):
            kept = self._without_unfinished()
            number = max(map(_number, kept), default=0) + 1
            # A shard that was given up may still write to another.
            folder = self.folder / f"{number:06}-{secrets.token_hex(4)}"
            make(folder)
        seals = write_parts(folder)
        write(folder / HEAD, {**self.identity, "wall_s": time.time() - self.began_s, "seals": seals}, {})
        with writing(self.folder):
            sync(self.folder)  # else a loss of power may take this one after the older ones
        for name in kept[: 1 - CHECKPOINTS_KEPT]:
            with suppress(OSError):
                remove(self.folder / name)
        self.written += 1
        self._last_s = time.monotonic()

    def _without_unfinished(self) -> list[str]:
        """Remove what was not written to its end; return the names of whole checkpoints."""
        for name in _numbered(self.folder):
            if not (self.folder / name / HEAD).exists():
                with suppress(OSError):
                    remove(self.folder / name)
        return whole(self.folder)

    def restore(self, load_parts: Callable[[Location, list[bytes]], T]) -> T | None:
        """Return what `load_parts` makes of the last good checkpoint, given its folder and seals; else None.

        One that is refused is marked as such, with a warning that names the file, and the one before it is used.
        One that cannot be read is a CheckpointError: it may be good.
        """
        self._last_s = time.monotonic()
        refused = False
        for path in self._newest_first():
            try:
                result = load_parts(path, self._seals(path / HEAD))
            except Refused as error:
                refused = True
                _log.warning("checkpoint refused: %s", error)
                _mark(path, str(error))
                continue
            if refused:
                _log.warning("using the checkpoint before it, %s", path)
            return result
        if refused:
            _log.warning("no checkpoint is left in %s: this world begins anew", self.folder)
        return None

    def wall_s(self) -> float:
        """Return the wall time that the run had taken when the last readable checkpoint was written; else 0."""
        for path in self._newest_first():
            try:
                return float(read(path / HEAD, {})[0]["wall_s"])
            except Refused:
                continue  # `restore` tells
        return 0.0

    def _seals(self, head: Location) -> list[bytes]:
        facts, _ = read(head, {})
        check_identity(head, facts, self.identity)
        return list(facts["seals"])

    def _newest_first(self) -> list[Location]:
        with reading(self.folder):
            return [self.folder / name for name in reversed(whole(self.folder))]

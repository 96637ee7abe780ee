"""Checkpoints: a world on disk, which goes on from there to the identical digest.

Between two exchanges of its shards (`windows.py`), or between two calls of the loop of a shard alone, all that a
world is stands in its shards' tables and a few numbers. A checkpoint is a folder with one file for each shard, and
a head that names the run and seals these files. It is written under another name and gets its own, a number, when
all of it is on disk: it is there as a whole or not at all.

A file is a msgpack head - facts, and the name, layout, shape and SHA-256 of each array - between a magic number
with its length and its own SHA-256, the file's seal; then come the arrays as they are in memory. Nothing in it is
executed, and no type is taken from it: layouts must be those of this version.
"""

import hashlib
import logging
import math
import os
import secrets
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgpack
import numpy as np

from .world import TABLES, World

T = TypeVar("T")
Facts = dict[str, Any]  # what msgpack can hold

MAGIC = b"MSTMCKP1"
KEPT = 2  # the one before the last is there for when the last turns out to be damaged

_LENGTH = struct.Struct("<Q")
_SUM_BYTES = 32  # SHA-256
_log = logging.getLogger("meterstorm")


class CheckpointError(Exception):
    """A checkpoint cannot be written, read or used; the message names the file and what is wrong."""


def write(path: Path, facts: Facts, arrays: Mapping[str, Any]) -> bytes:
    """Write a file that is there as a whole or not at all; return its seal."""
    contents: list[Any] = [np.ascontiguousarray(rows).reshape(-1).view(np.uint8) for rows in arrays.values()]
    described = [
        [name, layout(rows.dtype), list(rows.shape), hashlib.sha256(content).digest()]
        for (name, rows), content in zip(arrays.items(), contents, strict=True)
    ]
    head = msgpack.packb({"facts": facts, "arrays": described}, default=_plain)
    start = MAGIC + _LENGTH.pack(len(head)) + head
    seal = hashlib.sha256(start).digest()
    partial = path.with_name(f"{path.name}.part")
    with _writing(path):
        with partial.open("wb") as file:
            file.write(start + seal)
            for content in contents:
                content.tofile(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync(path.parent)
    return seal


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Have what the system says of a file or folder raised as CheckpointError."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error.strerror or error}") from error


def read(path: Path, dtypes: Mapping[str, Any], seal: bytes | None = None) -> tuple[Facts, dict[str, Any]]:
    """Return the facts and the arrays of a file, if it is whole, has these dtypes, and is the one of that seal."""
    try:
        with path.open("rb") as file:
            facts, arrays = _read(file, dtypes, seal)
            if file.read(1):
                raise ValueError("is altered: it goes on after its end")
            return facts, arrays
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _read(file: BinaryIO, dtypes: Mapping[str, Any], seal: bytes | None) -> tuple[Facts, dict[str, Any]]:
    opening = _take(file, len(MAGIC) + _LENGTH.size).tobytes()
    if not opening.startswith(MAGIC):
        raise ValueError(f"is no checkpoint of this format: it begins with {opening[: len(MAGIC)]!r}")
    head = _take(file, *_LENGTH.unpack_from(opening, len(MAGIC))).tobytes()
    found = _take(file, _SUM_BYTES).tobytes()
    if hashlib.sha256(opening + head).digest() != found:
        raise ValueError("is altered: the checksum of its head differs")
    if seal is not None and seal != found:
        raise ValueError("is not the file that this checkpoint was sealed with")
    content = msgpack.unpackb(head)
    arrays = {}
    for name, written, shape, checksum in content["arrays"]:
        _check_layout(name, written, dtypes)
        raw = _take(file, dtypes[name].itemsize * math.prod(shape))
        if hashlib.sha256(raw).digest() != checksum:
            raise ValueError(f"is altered: the checksum of {name} differs")
        arrays[name] = raw.view(dtypes[name]).reshape(shape)
    if missing := [name for name in dtypes if name not in arrays]:
        raise ValueError(f"is of another version: it lacks {', '.join(missing)}")
    return content["facts"], arrays


def _take(file: BinaryIO, count: int) -> Any:
    """Return the next bytes of a file, in memory of their own."""
    size = os.fstat(file.fileno()).st_size
    content = np.empty(min(count, size), np.uint8)  # a damaged count may be any number
    if file.readinto(content) < count:  # type: ignore[attr-defined]
        raise ValueError(f"is cut off: it ends after {size} bytes")
    return content


def layout(dtype: Any) -> Any:
    """Return how a table's rows lie in memory, as msgpack has it."""
    if dtype.names is None:
        return dtype.str
    fields = [[name, dtype.fields[name][0].str, dtype.fields[name][1]] for name in dtype.names]
    return [["size of a row", dtype.itemsize], *fields]


def _check_layout(name: str, written: Any, dtypes: Mapping[str, Any]) -> None:
    if name not in dtypes:
        raise ValueError(f"is of another version: it has {name}, which is not known here")
    here = layout(dtypes[name])
    if written == here:
        return
    different = f"{written} there, {here} here"
    if isinstance(written, list) and isinstance(here, list):
        fields = [row[0] for row in written if row not in here] + [row[0] for row in here if row not in written]
        different = ", ".join(dict.fromkeys(fields)) or "the order of its fields"
    raise ValueError(f"is of another version: the rows of {name} are laid out otherwise ({different})")


def _plain(number: Any) -> Any:
    return number.item()  # numpy's


def _sync(folder: Path) -> None:
    """Have a folder's new names on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        self._last_s = time.monotonic()

    def is_due(self) -> bool:
        """Whether so much time has passed since the last checkpoint."""
        return time.monotonic() - self._last_s >= self.every_s

    def save(self, write_parts: Callable[[Path], list[bytes]]) -> None:
        """Take a checkpoint: `write_parts` writes the shards' files into a folder and returns their seals."""
        part = self.folder / f"part-{secrets.token_hex(8)}"  # a shard that was given up may still write to another
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for unfinished in self.folder.glob("part-*"):
                shutil.rmtree(unfinished, ignore_errors=True)
            numbers = self._numbers()
            part.mkdir()
        seals = write_parts(part)
        write(part / "head", {**self.identity, "wall_s": time.time() - self.began_s, "seals": seals}, {})
        with _writing(self.folder):
            part.rename(self._path(max(numbers, default=0) + 1))
            _sync(self.folder)
        for number in numbers[: 1 - KEPT]:
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
                with _writing(path):
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

"""Sealed files: facts and arrays, complete or not there at all, on disk or in an object store (`storage.py`).

A file is a msgpack head - facts, and the name, layout, shape and SHA-256 of each array - between a magic number
with its length and its own SHA-256, the file's seal; then come the arrays as they are in memory. Nothing in it is
executed, and it defines no types: layouts must be those of this version.
"""

import hashlib
import io
import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

import msgpack
import numpy as np

from .storage import Location, opened, patiently, put

Facts = dict[str, Any]  # what msgpack can hold

MAGIC = b"MSTMCKP1"

_LENGTH = struct.Struct("<Q")
_SUM_BYTES = 32  # SHA-256


class CheckpointError(Exception):
    """A checkpoint cannot be written, read or used; the message names the file and what is wrong."""


class Refused(CheckpointError):
    """A file is damaged, missing, or of another run: not one that only could not be read, which may be good."""


def write(path: Location, facts: Facts, arrays: Mapping[str, Any]) -> bytes:
    """Write a file that is there as a whole or not at all; return its seal."""
    contents: list[Any] = [np.ascontiguousarray(rows).reshape(-1).view(np.uint8) for rows in arrays.values()]
    described = [
        [name, layout(rows.dtype), list(rows.shape), hashlib.sha256(content).digest()]
        for (name, rows), content in zip(arrays.items(), contents, strict=True)
    ]
    head = msgpack.packb({"facts": facts, "arrays": described}, default=_plain)
    start = MAGIC + _LENGTH.pack(len(head)) + head
    seal = hashlib.sha256(start).digest()
    with writing(path):
        put(path, [start + seal, *contents])
    return seal


def writing(path: Location) -> AbstractContextManager[None]:
    """Have what the system says of a file or folder raised as CheckpointError."""
    return _told(path, "written")


def reading(path: Location) -> AbstractContextManager[None]:
    """Likewise of one that is read."""
    return _told(path, "read")


@contextmanager
def _told(path: Location, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be {what}: {error.strerror or error}") from error


def read(path: Location, dtypes: Mapping[str, Any], seal: bytes | None = None) -> tuple[Facts, dict[str, Any]]:
    """Return the facts and the arrays of a file, if it is whole, has these dtypes, and is the one of that seal.

    Raises Refused for one that is not, or not there; CheckpointError where it cannot be read.
    """

    def attempt() -> tuple[Facts, dict[str, Any]]:
        with opened(path) as file:
            facts, arrays = _read(file, dtypes, seal)
            if file.read(1):
                raise ValueError("is altered: it goes on after its end")
            return facts, arrays

    with reading(path):
        try:
            return patiently(path, attempt, OSError)
        except (FileNotFoundError, ValueError) as error:
            raise Refused(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def check_identity(path: Location, facts: Facts, identity: Facts) -> None:
    """Raise Refused, naming the first difference, unless a file's facts say that it belongs to this run."""
    for key, mine in identity.items():
        if facts.get(key) != mine:
            raise Refused(f"{path}: is of another run: {key} is {facts.get(key)!r}, not {mine!r}")


def _read(file: BinaryIO, dtypes: Mapping[str, Any], seal: bytes | None) -> tuple[Facts, dict[str, Any]]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    opening = _take(file, size, len(MAGIC) + _LENGTH.size).tobytes()
    if not opening.startswith(MAGIC):
        raise ValueError(f"is no checkpoint of this format: it begins with {opening[: len(MAGIC)]!r}")
    head = _take(file, size, *_LENGTH.unpack_from(opening, len(MAGIC))).tobytes()
    found = _take(file, size, _SUM_BYTES).tobytes()
    if hashlib.sha256(opening + head).digest() != found:
        raise ValueError("is altered: the checksum of its head differs")
    if seal is not None and seal != found:
        raise ValueError("is not the file that this checkpoint was sealed with")
    content = msgpack.unpackb(head)
    arrays = {}
    for name, written, shape, checksum in content["arrays"]:
        _check_layout(name, written, dtypes)
        raw = _take(file, size, dtypes[name].itemsize * math.prod(shape))
        if hashlib.sha256(raw).digest() != checksum:
            raise ValueError(f"is altered: the checksum of {name} differs")
        arrays[name] = raw.view(dtypes[name]).reshape(shape)
    if missing := [name for name in dtypes if name not in arrays]:
        raise ValueError(f"is of another version: it lacks {', '.join(missing)}")
    return content["facts"], arrays


def _take(file: BinaryIO, size: int, count: int) -> Any:
    """Return the next bytes of a file of that size, in memory of their own."""
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

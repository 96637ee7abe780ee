"""The lines of a log file, one after the other: compressed or not, in whatever encoding servers write."""

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

COMPRESSED: dict[bytes, Callable[..., Any]] = {  # by how they begin
    b"\x1f\x8b": gzip.open,
    **{b"BZh%d" % level: bz2.open for level in range(1, 10)},
    b"\xfd7zXZ\x00": lzma.open,
}
NOT_READ = {
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
    b"]\x00\x00": "lzma",
    b"\x1f\x9d": "compress",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "lz4",
}
TAR, TAR_AT = b"ustar", 257
MAGIC_BYTES = 6
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
HEAD_BYTES = 64  # enough to tell an encoding
LATIN = "meterstorm.latin"


def _as_latin(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are not UTF-8 one by one: older servers write Latin letters."""
    if isinstance(error, UnicodeDecodeError) and error.encoding == "utf-8":
        return error.object[error.start : error.end].decode("latin-1"), error.end
    return codecs.replace_errors(error)  # type: ignore[return-value]


codecs.register_error(LATIN, _as_latin)


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a log without their ends; raises ValueError with a finished message."""
    try:
        with _opened(path) as raw:
            head = raw.peek(TAR_AT + len(TAR))
            if head[TAR_AT:].startswith(TAR):
                raise ValueError(f"{path}: is a tar archive; allowed: one log, plain or by gzip, bzip2 or xz")
            encoding = _encoding(head[:HEAD_BYTES])
            for line in io.TextIOWrapper(raw, encoding, LATIN):
                yield line.rstrip("\n")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def sha256(path: Path) -> str:
    """Return the digest of a file as it lies there; raises ValueError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from error


def _opened(path: Path) -> Any:
    raw = path.open("rb")
    head = raw.peek(MAGIC_BYTES)[:MAGIC_BYTES]
    for magic, name in NOT_READ.items():
        if head.startswith(magic):
            raw.close()
            raise ValueError(f"{path}: is compressed by {name}; allowed: gzip, bzip2, xz, or plain text")
    for magic, opened in COMPRESSED.items():
        if head.startswith(magic):
            raw.close()
            return opened(path, "rb")
    return raw


def _encoding(head: bytes) -> str:
    """Return the encoding that a byte order mark tells, or the zeros between UTF-16's Latin letters."""
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    for first, encoding in ((0, "utf-16-le"), (1, "utf-16-be")):
        letters, zeros = head[first::2], head[1 - first :: 2]
        if len(head) > 1 and zeros.count(0) > len(head) // 4 and letters.count(0) == 0:
            return encoding
    return "utf-8"

"""What a sweep has finished, on disk: batches of rows as they come, an Arrow IPC stream for each writing process.

A stream that was cut off keeps its whole batches. Each batch has a checksum, so that damage is found and costs at
most the rest of its own stream.
"""

import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import pyarrow as pa

CHECKSUM = b"crc32"

_log = logging.getLogger("meterstorm")


class Writer:
    """Appends batches to a new stream in a folder; used as a context. Raises OSError."""

    def __init__(self, folder: Path, columns: "pa.Schema") -> None:
        from pyarrow import ipc

        folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.stem) for path in _streams(folder)]
        self._file = (folder / f"{max(numbers, default=-1) + 1:04}.arrows").open("xb")
        self._stream = ipc.new_stream(self._file, columns)

    def append(self, rows: "pa.RecordBatch") -> None:
        """Write a batch; once this returns it outlives the process."""
        self._stream.write_batch(rows, custom_metadata={CHECKSUM: _checksum(rows)})
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file; no mark of an end is written, for none is needed."""
        self._file.close()


def mend(folder: Path) -> None:
    """Say what is damaged, and cut streams off behind their last whole batch. Raises OSError."""
    for path in _streams(folder):
        whole, end = _inspected(path)
        if end < path.stat().st_size:
            os.truncate(path, end)
            _log.warning("%s: its end was cut off or damaged; whole batches kept: %d", path, whole)


def tell_damage(folder: Path) -> None:
    """Say which batches are damaged. The end of a stream may be missing: somebody may be about to write it."""
    for path in _streams(folder):
        _inspected(path)


def _inspected(path: Path) -> tuple[int, int]:
    """Say which batches of a stream are damaged; return how many can be read, and where the last one ends."""
    ends = [0]
    for rows, end in _batches(path):
        if rows is None:
            _log.warning("%s: batch %d is damaged; its worlds are not counted as done", path, len(ends) - 1)
        ends.append(end)
    return len(ends) - 1, ends[-1]


def read(folder: Path) -> "Iterator[pa.RecordBatch]":
    """Yield every whole batch that was written into a folder, but no damaged one."""
    for path in _streams(folder):
        yield from (rows for rows, _ in _batches(path) if rows is not None)


def _streams(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.arrows"), key=lambda path: int(path.stem))


def _batches(path: Path) -> "Iterator[tuple[pa.RecordBatch | None, int]]":
    """Yield batches, None for one whose checksum is wrong, and where each ends; stop where none can be read."""
    import pyarrow as pa
    from pyarrow import ipc

    with path.open("rb") as file:
        try:
            stream = ipc.open_stream(file)
            while True:
                rows, facts = stream.read_next_batch_with_custom_metadata()
                is_good = facts is not None and facts.get(CHECKSUM) == _checksum(rows)
                yield rows if is_good else None, file.tell()
        except (StopIteration, pa.ArrowException, OSError, UnicodeDecodeError, MemoryError):
            return


def _checksum(rows: "pa.RecordBatch") -> bytes:
    """Return the checksum of a batch and of what its columns are."""
    return f"{zlib.crc32(rows.serialize(), zlib.crc32(rows.schema.serialize())):08x}".encode()

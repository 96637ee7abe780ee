"""What every format of logs is read into: events in order, and what became of each line."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from .lines import sha256
from .names import Names
from .site import TABLES

UNREAD_SHOWN = 20
COLUMNS = [name for name in TABLES["events"] if name != "time_s"]  # as they are read
USER = COLUMNS.index("user")

# What may become of a line: each one counts once.
EVENT, MESSAGE, DATE, BLANK, UNREAD, REPEATED = FATES = (
    "events",  # rows of the table of events
    "messages",  # of a server, and about nothing that is counted here
    "dates",  # say what day it is
    "blank",
    "not understood",
    "repeated",  # in another file or part, too
)


class Stated(NamedTuple):
    """How many licenses of a product there are from a time on, as the log itself says."""

    time_s: float
    server: str
    product: str
    licenses: int
    evidence: str


class Log(NamedTuple):
    """A log as read. Times are in seconds from `origin`."""

    kind: str
    origin: datetime
    span_s: float
    events: dict[str, list[Any]]  # columns of the table of events, in order of time
    last_seen_s: dict[int, float]  # of the server, before the event "start" in this row
    files: list[dict[str, Any]]
    lines: dict[str, int]  # by fate
    unread: list[tuple[str, int, str]]  # file, line and text of the first lines that were not understood
    stated: list[Stated]


class Events:
    """Events in the order in which they are read."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def add(self, *cells: Any) -> None:
        """Add a row: kind, server, product, user, host, count, detail, handle, file, line."""
        self._rows.append(cells)

    def __len__(self) -> int:
        return len(self._rows)

    def users(self) -> list[str | None]:
        """Return the user of each event."""
        return [row[USER] for row in self._rows]

    def in_order(self, rows: Sequence[int], times_s: Sequence[float]) -> dict[str, list[Any]]:
        """Return all columns with the rows in this order."""
        taken = [self._rows[row] for row in rows]
        columns = zip(*taken, strict=True) if taken else ((),) * len(COLUMNS)
        return {
            "time_s": list(times_s),
            **{name: list(cells) for name, cells in zip(COLUMNS, columns, strict=True)},
        }


class Unread:
    """The first lines that were not understood."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.first: list[tuple[str, int, str]] = []

    def add(self, file: str, line: int, text: str) -> None:
        """Remember a line."""
        if len(self.first) < UNREAD_SHOWN:
            self.first.append((file, line, self._names.line(text)))


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return what files are called: by their names, or as given where two names are the same."""
    times = Counter(path.name for path in paths)
    return [path.name if times[path.name] == 1 else str(path) for path in paths]


def facts_of(paths: Sequence[Path], counts: Sequence[int]) -> list[dict[str, Any]]:
    """Return what site.json says of files."""
    rows = zip(names_of(paths), paths, counts, strict=True)
    return [{"name": name, "sha256": sha256(path), "lines": count} for name, path, count in rows]

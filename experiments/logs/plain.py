"""Events as a plain CSV file, for logs of any other license server.

Columns: time (ISO 8601, local, or seconds), kind (one of KINDS), product, user; and maybe host, count, server,
detail, handle. Rows may be in any order; rows of the same time are in the order in which they stand.
"""

import csv
import math
from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from .lines import lines
from .log import BLANK, EVENT, FATES, MESSAGE, UNREAD, Events, Log, Unread, facts_of, names_of
from .names import SHOWN, Names, printable
from .seen import last_seen
from .site import COUNT_MAX, KINDS

KIND = "csv"
NEEDED = ("time", "kind", "product", "user")
COLUMNS = (*NEEDED, "host", "count", "server", "detail", "handle")
OF_SERVERS = frozenset({"start", "stop", "reread"})
SERVER = "server"  # where no column names it
DELIMITERS = (",", ";", "\t")
EPOCH = datetime(1970, 1, 1)
SECONDS_MAX = 1e11


def read(paths: Sequence[Path], names: Names) -> Log:
    """Read files of one server; raises ValueError with a finished message."""
    reading = _Reading(names)
    counts = [reading.read(path, name) for path, name in zip(paths, names_of(paths), strict=True)]
    return reading.log(paths, counts)


class _Reading:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._events, self._times = Events(), array("d")
        self._fates = dict.fromkeys(FATES, 0)
        self._unread = Unread(names)

    def read(self, path: Path, file: str) -> int:
        """Read a file to its end, and return how many lines it has."""
        source = lines(path)
        head = next(source, "")
        delimiter = max(DELIMITERS, key=head.count)
        columns = [cell.strip().lower() for cell in head.split(delimiter)]
        _check(path, columns)
        self._fates[MESSAGE] += 1
        rows = csv.reader(source, delimiter=delimiter)
        before = 0
        try:
            for cells in rows:
                fate = self._fate(columns, cells, file, before + 2)
                if fate == UNREAD:
                    self._unread.add(file, before + 2, delimiter.join(cells))
                self._fates[fate] += rows.line_num - before
                before = rows.line_num
        except csv.Error as error:
            raise ValueError(f"{path}: cannot be read: {error}") from error
        return before + 1

    def log(self, paths: Sequence[Path], counts: Sequence[int]) -> Log:
        """Return all that was read, in order of time."""
        times = np.array(self._times)
        order = np.argsort(times, kind="stable")
        origin_s = float(times[order[0]]) if len(times) else 0.0
        times_s = (times[order] - origin_s).tolist()
        columns = self._events.in_order(order.tolist(), times_s)
        return Log(
            kind=KIND,
            origin=EPOCH + timedelta(seconds=origin_s),
            span_s=times_s[-1] if times_s else 0.0,
            events=columns,
            last_seen_s=last_seen(columns),
            files=facts_of(paths, counts),
            lines=self._fates,
            unread=self._unread.first,
            stated=[],
        )

    def _fate(self, columns: Sequence[str], cells: Sequence[str], file: str, number: int) -> str:
        """Take up what a row says, and return what became of it."""
        if not cells:
            return BLANK
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        time_s, kind = _seconds(row.get("time", "")), row.get("kind", "").lower()
        licenses, handle = _whole(row.get("count") or "1"), _whole(row.get("handle") or "0")
        if len(cells) != len(columns) or kind not in KINDS or time_s is None or licenses is None or handle is None:
            return UNREAD
        product, user, host = self._who(row) if kind not in OF_SERVERS else (None, None, None)
        if product == "" or not 1 <= licenses <= COUNT_MAX:
            return UNREAD
        server, detail = row.get("server") or SERVER, (row.get("detail") or None) if kind != "out" else None
        own = handle if row.get("handle") else None
        self._events.add(kind, server, product, user, host, licenses, detail, own, file, number)
        self._times.append(time_s)
        return EVENT

    def _who(self, row: Mapping[str, str]) -> tuple[str, str, str]:
        return row["product"], self._names.user(row["user"]), self._names.host(row.get("host", ""))


def _check(path: Path, columns: Sequence[str]) -> None:
    for name in NEEDED:
        if name not in columns:
            raise ValueError(f"{path}: there is no column {name}; it has {_shown(columns)}")
    for name in columns:
        if name not in COLUMNS:
            raise ValueError(f"{path}: unknown column {name[:SHOWN]!r}; allowed: {', '.join(COLUMNS)}")
        if columns.count(name) > 1:
            raise ValueError(f"{path}: there are {columns.count(name)} columns {name!r}; there must be one")


def _shown(columns: Sequence[str]) -> str:
    """Return the columns as a message can have them: the first line of any file is none too long."""
    text = ", ".join(columns)[: SHOWN + 1]
    whole = printable(text[:SHOWN]) or "none"
    return whole if len(text) <= SHOWN else f"{whole}..."


def _whole(text: str) -> int | None:
    try:
        found = int(text)
    except ValueError:
        return None
    return found if abs(found) < 2**63 else None


def _seconds(text: str) -> float | None:
    """Return a time in seconds since 1970, be it written so or as a date."""
    try:
        found = float(text)
    except ValueError:
        return _of_date(text)
    return found if math.isfinite(found) and abs(found) <= SECONDS_MAX else None


def _of_date(text: str) -> float | None:
    try:
        return (datetime.fromisoformat(text).replace(tzinfo=None) - EPOCH).total_seconds()
    except ValueError:
        return None

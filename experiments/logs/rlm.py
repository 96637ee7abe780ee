"""RLM report logs: one line for each event, with handles that pair them exactly."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .dates import TOLERANCE_S
from .lines import lines
from .log import BLANK, DATE, EVENT, FATES, MESSAGE, UNREAD, Events, Log, Stated, Unread, facts_of, names_of
from .names import Names
from .parts import OF_ANOTHER
from .seen import last_seen
from .site import COUNT_MAX

KIND = "rlm"
SERVER = "rlm"  # where no line names the ISV
TOKEN = re.compile(r'"([^"]*)"|(\S+)')
TIME = re.compile(
    r".*\b([0-9]{2})/([0-9]{2})(?:/([0-9]{4}))? ([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?(?=\s|$)"
)
HEADER = re.compile(r"RLM Report Log Format ([0-9]+)")
SMALL = "1"  # its lines have neither users nor dates
ISV = re.compile(r"ISV: ([^\s,]+)")
DATE_ONLY = re.compile(r"[0-9/]+ [0-9:]+")
USER = "user host isv_def count"
FIELDS = {
    "OUT": f"product version pool {USER} use reuse handle",
    "IN": f"why product version {USER} use reuse handle",
    "INUSE": f"product version pool {USER} handle",
    "DENY": f"product version {USER} why last",
    "QUE": f"product version {USER} handle",
    "DEQUE": f"why product version {USER} handle",
}
LAYOUT = {word: fields.split() for word, fields in FIELDS.items()}
KIND_OF = {"OUT": "out", "IN": "in", "INUSE": "out", "DENY": "denied", "QUE": "queued", "DEQUE": "dequeued"}
STATE_OF = {"START": "start", "SHUTDOWN": "stop", "REREAD": "reread"}
WHY = {
    "1": None,
    "2": "exited",
    "3": "removed",
    "4": "inactive",
    "5": "hold expired",
    "7": "portable key removed",
    "8": "failed host is back",
    "9": "transferred",
    "11": "no heartbeat",
}
IN_USE = "in use"  # detail of what was out before the log began
ENDS = frozenset({"SWITCH", "END"})
OTHER_WORDS = frozenset(
    {"AUTH:", "AUTH", "LICENSE", "TIMEZONE", "TIMEJUMP", "LOG", "ROAM_EXTEND", "DYNRES", "METER_DEC"}
)
TOO_SMALL = 'is of the format "small", which has no users and no days; let REPORTLOG write "std" or "detailed"'
HALF_YEAR = timedelta(days=183)


class _Line(NamedTuple):
    number: int
    text: str
    words: list[str]
    time: re.Match[str] | None


def read(paths: Sequence[Path], names: Names) -> Log:
    """Read logs of one server; raises ValueError with a finished message."""
    files = names_of(paths)
    reading = _Reading(names)
    opened = [(_first_time(path), path, file) for path, file in zip(paths, files, strict=True)]
    counts = {}
    for begin, path, file in sorted(opened, key=lambda one: one[0]):
        counts[file] = reading.read(path, file, begin)
    return reading.log(paths, [counts[file] for file in files])


class _Reading:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._now = datetime.min
        self._origin: datetime | None = None
        self._events = Events()
        self._times: list[float] = []
        self._fates = dict.fromkeys(FATES, 0)
        self._unread = Unread(names)
        self._pools: dict[str, dict[str, int]] = {}
        self._stated: dict[tuple[str, float], Stated] = {}
        self._server = SERVER
        self._is_head = False  # of a file: text up to its START
        self._goes_on = False  # the file ended, and the server did not: what follows is no start
        self._is_down = False
        self._open: set[int] = set()  # handles

    def read(self, path: Path, file: str, begin: datetime) -> int:
        """Read a file to its end, and return how many lines it has."""
        if self._now - begin > timedelta(seconds=TOLERANCE_S):
            raise ValueError(f"{file}: {OF_ANOTHER}")
        self._now = max(self._now, begin)
        self._origin = self._origin or begin
        number = 0
        for number, text in enumerate(lines(path), 1):
            line = _line(number, text)
            try:
                fate = self._fate(line, file)
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from None
            if fate == UNREAD:
                self._unread.add(file, number, text)
            self._fates[fate] += 1
        return number

    def log(self, paths: Sequence[Path], counts: Sequence[int]) -> Log:
        """Return all that was read."""
        columns = self._events.in_order(range(len(self._events)), self._times)
        origin = self._origin or datetime.min
        return Log(
            kind=KIND,
            origin=origin,
            span_s=(self._now - origin).total_seconds(),
            events=columns,
            last_seen_s=last_seen(columns),
            files=facts_of(paths, counts),
            lines=self._fates,
            unread=self._unread.first,
            stated=_changes(self._stated.values()),
        )

    def _fate(self, line: _Line, file: str) -> str:
        """Take up what a line says, and return what became of it."""
        if not line.words:
            return BLANK
        word = line.words[0]
        if line.time and not self._moves_on(line.time):
            return UNREAD
        if self._is_head and word not in {"START", "SWITCH"}:
            return self._head(line)
        if word in KIND_OF:
            return self._event(word, line, file)
        if word in STATE_OF and line.time:
            return self._state(word, line, file)
        if word in ENDS:
            self._goes_on = not self._is_down
            return MESSAGE
        if word == "PRODUCT":
            return self._product(line, file)
        if line.time and DATE_ONLY.fullmatch(line.text.strip()):
            return DATE
        return self._head(line) if HEADER.match(line.text) else MESSAGE if word in OTHER_WORDS else UNREAD

    def _head(self, line: _Line) -> str:
        """Take up a line of the text that a file begins with."""
        self._is_head = True
        if (found := HEADER.match(line.text)) and found[1] == SMALL:
            raise ValueError(TOO_SMALL)
        if found := ISV.match(line.text):
            self._server = found[1]
        return MESSAGE

    def _moves_on(self, found: re.Match[str]) -> bool:
        """Go on to the time of a line, never back; return whether there is such a time."""
        time = _time(found, self._now)
        self._now = max(self._now, time or self._now)
        return time is not None

    def _event(self, word: str, line: _Line, file: str) -> str:
        row = dict(zip(LAYOUT[word], line.words[1:], strict=False))
        count, handle = _number(row.get("count", "")), _number(row.get("handle", "0"), 16)
        if len(row) < len(LAYOUT[word]) or not line.time or handle is None:
            return UNREAD
        if count is None or not 1 <= count <= COUNT_MAX:
            return UNREAD
        user, host = self._names.user(row["user"]), self._names.host(row["host"])
        own = handle if "handle" in row else None
        if word == "INUSE" and handle in self._open:
            return MESSAGE
        cells = (self._server, row["product"], user, host, count, _detail(word, row), own)
        self._add(KIND_OF[word], *cells, file, line.number)
        if word == "IN":
            self._open.discard(handle)
        elif word in {"OUT", "INUSE"}:
            self._open.add(handle)
        return EVENT

    def _state(self, word: str, line: _Line, file: str) -> str:
        goes_on, self._is_head = self._goes_on, False
        if word in {"START", "REREAD"}:
            self._pools.clear()
            self._goes_on = False
        if word == "START" and goes_on:
            return MESSAGE
        if word == "START":
            self._open.clear()
        self._is_down = word == "SHUTDOWN" or (self._is_down and word != "START")
        self._add(STATE_OF[word], self._server, None, None, None, 1, None, None, file, line.number)
        return EVENT

    def _product(self, line: _Line, file: str) -> str:
        """Note how many licenses a product has in all of its pools."""
        count = _number(line.words[4]) if len(line.words) > 4 else None
        if count is None or count < 0:
            return UNREAD
        product, pool = line.words[1], line.words[3]
        pools = self._pools.setdefault(product, {})
        pools[pool] = count
        licenses, time_s = sum(pools.values()), self._time_s()
        if 0 < licenses < 2**31:
            evidence = f"PRODUCT at {file}:{line.number}"
            self._stated[product, time_s] = Stated(time_s, self._server, product, licenses, evidence)
        return MESSAGE

    def _add(self, *cells: object) -> None:
        self._events.add(*cells)
        self._times.append(self._time_s())

    def _time_s(self) -> float:
        return (self._now - (self._origin or self._now)).total_seconds()


def _changes(rows: Iterable[Stated]) -> list[Stated]:
    """Return the rows that tell another number than the one before; the first one holds from the beginning."""
    found: dict[str, list[Stated]] = {}
    for row in rows:
        own = found.setdefault(row.product, [])
        if not own:
            own.append(row._replace(time_s=0.0))
        elif own[-1].licenses != row.licenses:
            own.append(row)
    return [row for own in found.values() for row in own]


def _line(number: int, text: str) -> _Line:
    words = [match[1] if match[1] is not None else match[2] for match in TOKEN.finditer(text)]
    return _Line(number, text, words, TIME.match(text))


def _first_time(path: Path) -> datetime:
    """Return when a file begins: its first time, in the year that a line tells first."""
    first = None
    for text in lines(path):
        found = TIME.match(text)
        first = first or found
        if found and found[3] and (told := _time(found, datetime.min)):
            return _before(first, told) if first else told
    return datetime(1970, 1, 1)


def _before(found: re.Match[str], later: datetime) -> datetime:
    """Return the time of a line without a year that is followed by one of this time."""
    years = (later.year, later.year - 1)
    times = [_time(found, datetime(year, 1, 1)) for year in years if year >= 1]
    return next((time for time in times if time and time <= later), later)


def _time(found: re.Match[str], now: datetime) -> datetime | None:
    """Return the time in a line; None: there is no such time. Months far back belong to the next year."""
    month, day, year, *clock = found.groups()
    hour, minute, second = (int(part or 0) for part in clock)
    years: Iterator[int] = chain([int(year)] if year else [now.year, now.year + 1])
    for one in years:
        try:
            time = datetime(one, int(month), int(day), hour, minute, second)
        except ValueError:
            continue
        if year or time > now - min(HALF_YEAR, now - datetime.min):
            return time
    return None


def _detail(word: str, row: dict[str, str]) -> str | None:
    if word == "INUSE":
        return IN_USE
    if word == "IN":
        return WHY.get(row["why"], f"why {row['why']}")
    if word == "DENY":
        return f"{row['why']} again" if row["last"] == "0" else row["why"]
    return None


def _number(text: str, base: int = 10) -> int | None:
    try:
        found = int(text, base)
    except ValueError:
        return None
    return found if abs(found) < 2**63 else None

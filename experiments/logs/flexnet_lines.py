"""The lines of a FlexNet debug log: who says what, at which time of the day, and sometimes on which day."""

import calendar
import re
from datetime import date
from typing import NamedTuple

from .site import COUNT_MAX

DAY = r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})[T ])?"
CLOCK = rf"\s*{DAY}([0-9]{{1,2}}):([0-9]{{2}}):([0-9]{{2}})(?:[.,][0-9]+)?(?:Z|[+-][0-9:]{{4,6}})?"
DAEMON = r"\s+\(([^()]{1,80}?)(?:_[0-9]+)?\)\s"
HEAD = re.compile(CLOCK + DAEMON + r"(.*)$")
EVENT = re.compile(
    CLOCK
    + DAEMON
    + r'(OUT|IN|DENIED|UNSUPPORTED|QUEUED|DEQUEUED): *"([^"]*)"\s*(?:\(([^)]*)\)\s+)?(.+?)@(\S+)'
    + r"(?:\s+\[[^\]]*\])?(?:\s+\(([0-9]{1,9}) licenses?\))?\s*(.*)$"
)
LIKE_EVENT = re.compile(r"(?:OUT|IN|DENIED|UNSUPPORTED|QUEUED|DEQUEUED):")
LICENSES = re.compile(r"([0-9]{1,9}) licenses?$")
CODE = re.compile(r"\((-[0-9]{1,6},[0-9]{1,6})")
REASON = re.compile(r"\((.*)\)\s*$")
STARTED = re.compile(r"FLEX(?:net|lm) Licensing version v", re.IGNORECASE)
REREAD = re.compile(r"Rereading license file")
STOPPED = re.compile(
    r"EXITING DUE TO|Shutdown requested|daemon shutdown requested|Lost connection to lmgrd|"
    r"Vendor daemon can't talk to lmgrd",
    re.IGNORECASE,
)
VENDOR_STOPPED = re.compile(r"Shutting down (\S+) pid=|(\S+) exited with (?:status|signal)")  # lmgrd says so
MANAGERS = frozenset({"lmgrd", "lmadmin"})
MONTHS = {name: number for number, name in enumerate(calendar.month_abbr)}
BANNER = re.compile(r".* started on .*\(([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\)\s*$")
TIMESTAMP = re.compile(r"TIMESTAMP ([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\s*$")
DATED = re.compile(
    r"(?:\(@\S+-SLOG@\) (?:Start-Date|Time)|Server's System Date and Time): "
    r"\S+ ([A-Z][a-z]{2})\s+([0-9]{1,2}) ([0-9]{4}) "
)


class Event(NamedTuple):
    """A line about a user."""

    kind: str
    daemon: str
    product: str
    user: str
    host: str
    licenses: int
    detail: str | None


class Said(NamedTuple):
    """Any other line of a daemon's."""

    daemon: str
    message: str


class Stamp(NamedTuple):
    """When a line was written: seconds of the day, and the day's ordinal where the line has it."""

    second: int
    day: int | None


def parse(text: str) -> tuple[Stamp, Event | Said] | None:
    """Return what a line says; None: it is not of this format, or one of its numbers cannot be."""
    if found := EVENT.match(text):
        day, hour, minute, second, daemon, kind, product, before, user, host, count, rest = found.groups()
        stamp = _stamp(day, hour, minute, second)
        licenses = int(count) if count else _licenses(before)
        if stamp is None or not 1 <= licenses <= COUNT_MAX or not product.strip():
            return None
        return stamp, Event(kind.lower(), daemon, product, user, host, licenses, _detail(kind, rest))
    found = HEAD.match(text)
    if not found or LIKE_EVENT.match(found[6]):
        return None
    stamp = _stamp(*found.groups()[:4])
    return stamp and (stamp, Said(found[5], found[6]))


def day_of(message: str) -> tuple[int | None, bool]:
    """Return the ordinal of the day that a message tells, if any, and whether it is a banner's."""
    if found := TIMESTAMP.match(message):
        return _ordinal(found[3], found[1], found[2]), False
    if found := DATED.match(message):
        return _ordinal(found[3], MONTHS.get(found[1], 0), found[2]), False
    if found := BANNER.match(message):
        return _ordinal(found[3], found[1], found[2]), True
    return None, False


def state_of(said: Said) -> tuple[str, str] | None:
    """Return what a message says of a vendor daemon's life, and that daemon: start, stop or reread."""
    if said.daemon in MANAGERS:
        found = VENDOR_STOPPED.match(said.message)
        return ("stop", found[1] or found[2]) if found else None
    for kind, pattern in (("start", STARTED), ("reread", REREAD), ("stop", STOPPED)):
        if pattern.match(said.message):
            return kind, said.daemon
    return None


def _stamp(day: str | None, hour: str, minute: str, second: str) -> Stamp | None:
    of_day = (int(hour) * 60 + int(minute)) * 60 + int(second)
    if of_day >= 86400 or minute >= "60" or second > "60":
        return None
    return Stamp(of_day, _ordinal(*day.split("-")) if day else None)


def _ordinal(year: str, month: str | int, day: str) -> int | None:
    try:
        return date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        return None


def _licenses(before: str | None) -> int:
    """Return the count of licenses that stands before the user, if it does."""
    found = LICENSES.match(before) if before else None
    return int(found[1]) if found else 1


def _detail(kind: str, rest: str) -> str | None:
    """Return the code of a denial, or else its reason; how a license came back."""
    if kind in {"OUT", "QUEUED", "DEQUEUED"} or not rest:
        return None
    if found := CODE.search(rest):
        return found[1]
    found = REASON.search(rest.partition("^^^")[0])
    return found[1].strip().lower()[:60] or None if found else None

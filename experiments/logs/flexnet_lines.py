"""The lines of a FlexNet debug log: who says what, at which time of the day, and sometimes on which day."""

import calendar
import re
from datetime import date
from functools import lru_cache
from sys import intern  # what is looked up a million times is one object, which is quick to compare
from typing import NamedTuple

from .site import COUNT_MAX

SAID_KEPT = 1 << 16  # of what daemons say, as understood: some 20 MB
KINDS = frozenset({"OUT", "IN", "DENIED", "UNSUPPORTED", "QUEUED", "DEQUEUED"})
DAY = r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})[T ])?"
CLOCK = r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?(?:Z|[+-][0-9:]{4,6})?"
LINE = re.compile(rf"\s*{DAY}{CLOCK}\s+(\([^()]{{1,80}}\)\s.*)$")
SAID = re.compile(r"\(([^()]+)\)\s(.*)$")
FORKED = re.compile(r"(.+)_[0-9]+$")
OF_USER = re.compile(
    r' *"([^"]*)"\s*+(?:\(([^)]*)\)\s++)?([^@]*)@(\S+)(?:\s+\[[^\]]*\])?(?:\s+\(([0-9]{1,9}) licenses?\))?\s*(.*)$'
)
LICENSES = re.compile(r"([0-9]{1,9}) licenses?$")
CODE = re.compile(r"\((-[0-9]{1,6},[0-9]{1,6})")
STATE = re.compile(
    r"(?P<start>FLEX(?:net|lm) Licensing version v)|(?P<reread>Rereading license file)|(?P<stop>EXITING DUE TO|"
    r"Shutdown requested|daemon shutdown requested|Lost connection to lmgrd|Vendor daemon can't talk to lmgrd)",
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


HOURS_S = {text: hour * 3600 for hour in range(24) for text in (str(hour), f"{hour:02}")}
MINUTES_S = {f"{minute:02}": minute * 60 for minute in range(60)}
SECONDS = {f"{second:02}": second for second in range(60)}


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


class Line(NamedTuple):
    """A line of a daemon's: when it was written, and what it says."""

    second: int  # of the day
    day: int | None  # the day's ordinal, where each line has it
    said: Event | Said


def parse(text: str) -> Line | None:
    """Return what a line says; None: it is not of this format, or one of its numbers cannot be."""
    found = LINE.match(text)
    if not found:
        return None
    day, hour, minute, second, words = found.groups()
    try:
        time_s = HOURS_S[hour] + MINUTES_S[minute] + SECONDS[second]
    except KeyError:
        return None
    said = _said(words)
    return said and Line(time_s, _ordinal(*day.split("-")) if day else None, said)


@lru_cache(SAID_KEPT)
def _said(words: str) -> Event | Said | None:
    """Return what a daemon says; None: one of its numbers cannot be. Most of it is said again and again."""
    name, message = SAID.match(words).groups()  # type: ignore[union-attr]  # LINE has it
    forked = FORKED.match(name)
    daemon = intern(forked[1] if forked else name)
    kind, _, rest = message.partition(":")
    return _event(kind, daemon, rest) if kind in KINDS else Said(daemon, message)


def _event(kind: str, daemon: str, rest: str) -> Event | None:
    found = OF_USER.match(rest)
    if not found:
        return None
    product, before, user, host, count, how = found.groups()
    licenses = int(count) if count else _licenses(before)
    if not 1 <= licenses <= COUNT_MAX or not product.strip():
        return None
    return Event(intern(kind.lower()), daemon, intern(product), user, host, licenses, _detail(kind, how))


def day_of(message: str) -> tuple[int | None, bool]:
    """Return the ordinal of the day that a message tells, if any, and whether it is a banner's."""
    if found := TIMESTAMP.match(message):
        return _ordinal(found[3], found[1], found[2]), False
    if found := DATED.match(message):
        return _ordinal(found[3], MONTHS.get(found[1], 0), found[2]), False
    if " started on " in message and (found := BANNER.match(message)):
        return _ordinal(found[3], found[1], found[2]), True
    return None, False


def state_of(said: Said) -> tuple[str, str] | None:
    """Return what a message says of a vendor daemon's life, and that daemon: start, stop or reread."""
    if said.daemon in MANAGERS:
        found = VENDOR_STOPPED.match(said.message)
        return ("stop", found[1] or found[2]) if found else None
    found = None if said.message.startswith("(@") else STATE.match(said.message)
    return (str(found.lastgroup), said.daemon) if found else None


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
    said = rest.partition("^^^")[0].rstrip()
    reason = said.partition("(")[2]
    return reason[:-1].strip().lower()[:60] or None if reason.endswith(")") else None

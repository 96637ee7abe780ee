"""FlexNet debug logs: all lines to events in order of time."""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from . import flexnet_lines
from .dates import DAY_S, NO_TIME, Clock, Order
from .flexnet_lines import Event, Line, Said
from .lines import lines
from .log import BLANK, DATE, EVENT, FATES, MESSAGE, REPEATED, UNREAD, Events, Log, Unread, facts_of, names_of
from .names import Names
from .parts import Lines, in_order

KIND = "flexnet"
FATE = {fate: number for number, fate in enumerate(FATES)}


def read(paths: Sequence[Path], names: Names) -> Log:
    """Read logs of one server; raises ValueError with a finished message."""
    reading = _Reading(names, names_of(paths))
    for path, name in zip(paths, reading.files, strict=True):
        reading.read(path, name)
    return reading.log(paths)


class _Reading:
    """What has been read so far: a row for each line, and one for each event."""

    def __init__(self, names: Names, files: Sequence[str]) -> None:
        self.files = files
        self._names = names
        self._second, self._text, self._fate = array("i"), array("q"), array("b")
        self._daemon = array("i")  # its number
        self._daemons: dict[str | None, int] = defaultdict(count().__next__)
        self._day: dict[int, int] = {}
        self._banners: list[int] = []
        self._begins: list[int] = []
        self._events, self._at = Events(), array("q")  # the line of each event
        self._unread = Unread(names)

    def read(self, path: Path, name: str) -> None:
        """Read a file to its end."""
        self._begins.append(len(self._fate))
        for number, text in enumerate(lines(path), 1):
            self._text.append(hash(text))
            found = flexnet_lines.parse(text)
            if found is None:
                self._other(name, number, text)
                continue
            if isinstance(found.said, Event):
                self._event(found, found.said, name, number)
            else:
                self._said(found, found.said, name, number)

    def log(self, paths: Sequence[Path]) -> Log:
        """Return all that was read, in order."""
        clock, fate = Clock(np.array(self._second), self._is_event(), self._day), np.array(self._fate)
        order = in_order(Lines(clock, np.array(self._text), self._begins, self._banners, self.files))
        is_repeated = clock.second != NO_TIME
        is_repeated[order.line] = False
        fate[is_repeated] = FATE[REPEATED]
        counts = np.bincount(fate, minlength=len(FATES)).tolist()
        origin = int(order.time[0]) if len(order.time) else DAY_S
        rows, times_s = self._in_order(order, origin)
        events = self._events.in_order(rows, times_s)
        return Log(
            kind=KIND,
            origin=datetime.min + timedelta(seconds=origin - DAY_S),
            span_s=float(order.time[-1] - origin) if len(order.time) else 0.0,
            events=events,
            last_seen_s=self._last_seen(order, origin, rows, events),
            files=facts_of(paths, np.diff([*self._begins, len(fate)]).tolist()),
            lines=dict(zip(FATES, counts, strict=True)),
            unread=self._unread.first,
            stated=[],
        )

    def _line(self, second: int, day: int | None, daemon: str | None, fate: str) -> None:
        if day is not None:
            self._day[len(self._fate)] = day
        self._second.append(second)
        self._daemon.append(self._daemons[daemon])
        self._fate.append(FATE[fate])

    def _event(self, line: Line, event: Event, file: str, number: int) -> None:
        self._at.append(len(self._fate))
        kind, daemon, product, user, host, licenses, detail = event
        known = self._names.user(user), self._names.host(host)
        self._events.add(kind, daemon, product, *known, licenses, detail, None, file, number)
        self._line(line.second, line.day, daemon, EVENT)

    def _said(self, line: Line, said: Said, file: str, number: int) -> None:
        day, is_banner = flexnet_lines.day_of(said.message)
        if state := flexnet_lines.state_of(said):
            self._at.append(len(self._fate))
            self._events.add(*state, None, None, None, 1, None, None, file, number)
        if is_banner and day is not None:
            self._banners.append(len(self._fate))
        self._line(line.second, day or line.day, said.daemon, EVENT if state else DATE if day else MESSAGE)

    def _other(self, file: str, number: int, text: str) -> None:
        is_blank = not text.strip()
        if not is_blank:
            self._unread.add(file, number, text)
        self._line(NO_TIME, None, None, BLANK if is_blank else UNREAD)

    def _is_event(self) -> Any:
        """Return which lines come from users: a banner has none."""
        found = np.zeros(len(self._fate), bool)
        users = self._events.users()
        found[[line for line, user in zip(self._at, users, strict=True) if user is not None]] = True
        return found

    def _in_order(self, order: Order, origin: int) -> tuple[list[int], list[float]]:
        """Return the events in order, and their times."""
        row_of = np.full(len(self._fate), -1, np.int64)
        row_of[np.array(self._at, np.int64)] = np.arange(len(self._at))
        rows = row_of[order.line]
        return rows[rows >= 0].tolist(), (order.time[rows >= 0] - origin).astype(float).tolist()

    def _last_seen(
        self, order: Order, origin: int, rows: Sequence[int], events: dict[str, list[Any]]
    ) -> dict[int, float]:
        """Return when each daemon that starts was last heard before."""
        place_of = np.zeros(len(self._fate), np.int64)
        place_of[order.line] = np.arange(len(order.line))
        daemons, found = np.array(self._daemon)[order.line], {}
        own = {name: np.flatnonzero(daemons == number) for name, number in self._daemons.items()}
        for number, (kind, server) in enumerate(zip(events["kind"], events["server"], strict=True)):
            if kind == "start":
                before = np.searchsorted(own[server], place_of[self._at[rows[number]]])
                if before:
                    found[number] = float(order.time[own[server][before - 1]] - origin)
        return found

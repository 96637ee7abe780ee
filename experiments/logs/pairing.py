"""Which checkin ends which checkout, and how many licenses are in use at every event."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Pool = tuple[str, str]  # server and product
OPEN, RESTART, CRASH, SHUTDOWN = "open", "restart", "crash", "shutdown"


class Hold(NamedTuple):
    """Licenses that a checkout took and that are not back yet."""

    row: int  # of the event "out"
    licenses: int


class Session(NamedTuple):
    """Licenses from their checkout to their checkin; `end_s` is None while they are out."""

    row: int
    end_row: int
    end_s: float | None
    licenses: int
    ended: str


class Pairs(NamedTuple):
    """What pairing found."""

    sessions: list[Session]  # in order of their beginning
    in_use: Any  # in the pool of each event, just before it
    alone: int  # checkins of what was not checked out in the log
    held_before: int  # such of them as were out when the log began


def pair(events: Mapping[str, Sequence[Any]], last_seen_s: Mapping[int, float]) -> Pairs:
    """Pair checkins with checkouts: by handle, else of one user at one host the oldest, of the same count first.

    A start of a server frees all that was out there.
    """
    books = _Books(events, last_seen_s)
    step = {"out": books.out, "in": books.back, "start": books.start, "stop": books.stop}
    for row, kind in enumerate(events["kind"]):
        if act := step.get(kind):
            act(row)
        else:
            books.look(row)
    return books.closed()


def peaks(events: Mapping[str, Sequence[Any]], in_use: Any) -> dict[Pool, int]:
    """Return the most licenses in use of each pool."""
    found: dict[Pool, int] = {}
    for row, kind in enumerate(events["kind"]):
        if kind == "out":
            pool = (events["server"][row], events["product"][row])
            found[pool] = max(found.get(pool, 0), int(in_use[row]) + events["count"][row])
    return found


class _Books:
    def __init__(self, events: Mapping[str, Sequence[Any]], last_seen_s: Mapping[int, float]) -> None:
        self._last_seen_s = last_seen_s
        self._time_s, self._count, self._detail = events["time_s"], events["count"], events["detail"]
        self._server, self._pool = events["server"], list(zip(events["server"], events["product"], strict=True))
        who = zip(events["user"], events["host"], events["handle"], strict=True)
        self._holder = [(user, host) if handle is None else handle for user, host, handle in who]
        self._open: dict[Pool, dict[Any, list[Hold]]] = {}
        self._licenses: dict[Pool, int] = {}
        self._in_use = [0] * len(self._time_s)
        self._sessions: list[Session] = []
        self._alone: list[int] = []
        self._started: dict[str, int] = {}  # row of each server's first start
        self._stopped_s: dict[str, float] = {}

    def look(self, row: int) -> None:
        """Note how many licenses are in use."""
        self._in_use[row] = self._licenses.get(self._pool[row], 0)

    def out(self, row: int) -> None:
        """Take licenses."""
        self.look(row)
        pool, count = self._pool[row], self._count[row]
        self._open.setdefault(pool, {}).setdefault(self._holder[row], []).append(Hold(row, count))
        self._licenses[pool] = self._licenses.get(pool, 0) + count

    def back(self, row: int) -> None:
        """Give licenses back."""
        self.look(row)
        pool, holder = self._pool[row], self._holder[row]
        held = self._open.get(pool, {})
        taken = _taken(held.get(holder, []), self._count[row])
        if holder in held and not held[holder]:
            del held[holder]
        if not taken:
            self._alone.append(row)
        for hold in taken:
            self._licenses[pool] -= hold.licenses
            self._end(hold, row, self._time_s[row], self._detail[row] or "in")

    def start(self, row: int) -> None:
        """End what was out at a server as it starts: when it was last heard, or had stopped."""
        server = self._server[row]
        self._started.setdefault(server, row)
        stopped_s = self._stopped_s.pop(server, None)
        end_s = self._last_seen_s.get(row, self._time_s[row])
        how = CRASH if stopped_s is None else RESTART
        self._end_all(server, row, end_s, how)

    def stop(self, row: int) -> None:
        """Note that a server stops: its checkins may still come."""
        self._stopped_s.setdefault(self._server[row], self._time_s[row])

    def closed(self) -> Pairs:
        """Return what was found, at the end of the log."""
        end = len(self._time_s)
        for server, stopped_s in self._stopped_s.items():
            self._end_all(server, end, stopped_s, SHUTDOWN)
        for hold in self._holds():
            self._end(hold, end, None, OPEN)
        before = [row for row in self._alone if row < self._started.get(self._server[row], end)]
        self._count_before(before)
        return Pairs(sorted(self._sessions), np.array(self._in_use, np.int64), len(self._alone), len(before))

    def _count_before(self, rows: Sequence[int]) -> None:
        """Count licenses that came back in these rows, and were out when the log began, up to there."""
        back, out = frozenset(rows), Counter[Pool]()
        for row in range(max(rows, default=-1), -1, -1):
            pool = self._pool[row]
            if row in back:
                out[pool] += self._count[row]
            self._in_use[row] += out[pool]

    def _end(self, hold: Hold, row: int, end_s: float | None, how: str) -> None:
        if end_s is not None:
            end_s = max(end_s, self._time_s[hold.row])
        self._sessions.append(Session(hold.row, row, end_s, hold.licenses, how))

    def _end_all(self, server: str, row: int, end_s: float, how: str) -> None:
        for pool in [pool for pool in self._open if pool[0] == server]:
            for holds in self._open.pop(pool).values():
                for hold in holds:
                    self._end(hold, row, end_s, how)
            self._licenses[pool] = 0

    def _holds(self) -> Iterator[Hold]:
        return (hold for pool in self._open.values() for holds in pool.values() for hold in holds)


def _taken(holds: list[Hold], count: int) -> list[Hold]:
    """Take holds of `count` licenses from a list: one of exactly that many, or else the oldest first."""
    for place, hold in enumerate(holds):
        if hold.licenses == count:
            return [holds.pop(place)]
    taken = []
    while holds and count:
        part = min(count, holds[0].licenses)
        taken.append(holds[0]._replace(licenses=part))
        rest = holds[0]._replace(licenses=holds[0].licenses - part)
        holds[:1] = [rest] if rest.licenses else []
        count -= part
    return taken

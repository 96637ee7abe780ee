"""What users wanted of each pool: launches with the attempts that they made, out of a site's log.

A user who asks again within the window still wants the same thing. A launch that was never granted is taken to
hold its licenses as long as another launch of its pool, drawn at random.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from ..logs.site import Site, is_of_capacity
from ..logs.trace import exact_times

Pool = tuple[str, str]  # server and product
DAY_S = 86_400.0
WINDOW_S = 300.0
SEED = 1


class Launch(NamedTuple):
    """A user's wish for licenses of one product."""

    user: str
    licenses: int
    attempts_s: tuple[float, ...]  # when it was asked for, in order; the last one was granted, or none
    hold_s: float  # how long the licenses are held once they are granted
    is_granted: bool  # in the log


class Demand(NamedTuple):
    """The launches of one pool, in order of their first attempts."""

    pool: Pool
    launches: list[Launch]
    owned: list[tuple[float, float]]  # since when there are how many licenses; infinite: the log does not tell
    midnight_s: float  # the first midnight before the log begins
    span_s: float

    @property
    def days(self) -> int:
        """How many days the log touches."""
        return max(1, int(np.ceil((self.span_s - self.midnight_s) / DAY_S)))

    def day(self, time_s: Any) -> Any:
        """Return the numbers of the days of times."""
        return np.minimum((np.asarray(time_s) - self.midnight_s) // DAY_S, self.days - 1).astype(int)


class Request(NamedTuple):
    """A line of the log in which licenses are asked for."""

    time_s: float
    user: str
    licenses: int
    hold_s: float | None  # None: denied


def demands(site: Site, window_s: float = WINDOW_S) -> dict[Pool, Demand]:
    """Return the demand on each pool that granted any license, the most requested pool first."""
    span_s, midnight_s = float(site.facts["span_s"]), _midnight_s(site.facts["origin"])
    asked = _requests(site, span_s)
    held = [pool for pool in asked if any(request.hold_s is not None for request in asked[pool])]
    owned = _owned(site)
    return {
        pool: Demand(pool, _launches(asked[pool], window_s), owned.get(pool, [(0.0, np.inf)]), midnight_s, span_s)
        for pool in sorted(held, key=lambda pool: (-len(asked[pool]), pool))
    }


def _midnight_s(origin: str) -> float:
    begin = datetime.fromisoformat(origin)
    return (begin.replace(hour=0, minute=0, second=0, microsecond=0) - begin).total_seconds()


def _owned(site: Site) -> dict[Pool, list[tuple[float, float]]]:
    found = defaultdict(list)
    for row in site.capacity.sort_by("from_s").to_pylist():
        licenses = np.inf if row["licenses"] is None else row["licenses"]
        found[row["server"], row["product"]].append((row["from_s"], licenses))
    return found


def _requests(site: Site, span_s: float) -> dict[Pool, list[Request]]:
    """Return what was asked for, by pool, in the log's order."""
    events, found = site.events.to_pylist(), defaultdict(list)
    times = exact_times([event["time_s"] for event in events]).tolist()
    holds = _holds(site, events, times, span_s)
    for row, event in enumerate(events):
        pool, who = (event["server"], event["product"]), event["user"]
        if event["kind"] == "denied" and is_of_capacity(event["detail"]):
            found[pool].append(Request(times[row], who, event["count"], None))
        found[pool] += [Request(times[row], who, count, hold_s) for count, hold_s in holds.get(row, ())]
    return found


def _holds(site: Site, events: list[Any], times: list[float], span_s: float) -> dict[int, list[tuple[int, float]]]:
    """Return for each checkout of the log the licenses of its sessions, and how long they were held."""
    rows = {kind: _rows(events, kind) for kind in ("out", "in")}
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for session in site.sessions.to_pylist():
        key = tuple(session[name] for name in WHO)
        row = _next(rows["out"], (session["start_s"], *key))
        if row is None:  # was out when the log began
            continue
        end_s = session["end_s"]
        back = _next(rows["in"], (end_s, *key))
        end = times[back] if back is not None else span_s if end_s is None else end_s
        found[row].append((session["count"], max(0.0, end - times[row])))
    return found


WHO = ("server", "product", "user", "host")


def _rows(events: Iterable[Any], kind: str) -> dict[Any, deque[int]]:
    """Return the rows of events of a kind, keyed by their time and user."""
    found: dict[Any, deque[int]] = defaultdict(deque)
    for row, event in enumerate(events):
        if event["kind"] == kind:
            found[event["time_s"], *(event[name] for name in WHO)].append(row)
    return found


def _next(rows: dict[Any, deque[int]], key: Any) -> int | None:
    """Return the next row of a key; the last one again, since a checkout may have several sessions."""
    found = rows.get(key)
    if found is None:
        return None
    return found.popleft() if len(found) > 1 else found[0]


def _launches(asked: list[Request], window_s: float) -> list[Launch]:
    """Turn requests into launches: a user who asks again in time wants what was denied."""
    begun: dict[str, list[Request]] = {}
    found = []
    for request in asked:
        row = begun.get(request.user)
        if row and request.time_s - row[-1].time_s > window_s:
            found.append(begun.pop(request.user))
        begun.setdefault(request.user, []).append(request)
        if request.hold_s is not None:
            found.append(begun.pop(request.user))
    return sorted(_with_holds([*found, *begun.values()]), key=lambda launch: launch.attempts_s)


def _with_holds(rows: list[list[Request]]) -> Iterator[Launch]:
    known = [row[-1].hold_s for row in rows if row[-1].hold_s is not None]
    drawn = np.random.default_rng(SEED).choice(known, len(rows)).tolist()
    for row, hold_s in zip(rows, drawn, strict=True):
        last = row[-1]
        is_granted = last.hold_s is not None
        times = tuple(request.time_s for request in row)
        yield Launch(last.user, last.licenses, times, hold_s if last.hold_s is None else last.hold_s, is_granted)

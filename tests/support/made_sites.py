"""Sites as `meterstorm import` writes them, made up: from requests, or from a license server of one page."""

import heapq
from collections.abc import Iterable
from random import Random
from typing import Any

from meterstorm.experiments.logs.site import TABLES, VERSION, Site, table

DAY = 86_400.0
SERVER, PRODUCT = "daemon", "editor"
Event = tuple[float, str, str]  # time, kind, user


def site(
    events: Iterable[Event],
    sessions: Iterable[tuple[float, float | None, str]],
    licenses: int | None,
    span_s: float,
    origin: str = "2024-01-01T00:00:00",
    outages: Iterable[tuple[float, float]] = (),
) -> Site:
    """A site of one product, of which each request takes one license."""
    rows: dict[str, list[tuple[Any, ...]]] = {
        "events": [
            (time_s, kind, SERVER, PRODUCT, user, "h1", 1, "-4,342" if kind == "denied" else None, None, "log", n)
            for n, (time_s, kind, user) in enumerate(events, 1)
        ],
        "sessions": [
            (begin_s, end_s, SERVER, PRODUCT, user, "h1", 1, "open" if end_s is None else "in")
            for begin_s, end_s, user in sessions
        ],
        "outages": [(begin_s, end_s, SERVER, "made up") for begin_s, end_s in outages],
        "capacity": [(SERVER, PRODUCT, 0.0, licenses, "made up", 0)],
        "trace": [],
    }
    tables = {
        name: table(name, {column: [row[n] for row in rows[name]] for n, column in enumerate(columns)})
        for name, columns in TABLES.items()
    }
    facts = {"version": VERSION, "origin": origin, "span_s": span_s}
    return Site(facts, **tables, scenario="", page="")


def of_sessions(sessions: Iterable[tuple[float, float, str]], licenses: int | None, span_s: float) -> Site:
    """A site whose users were all granted."""
    given = sorted(sessions)
    events = [(begin_s, "out", user) for begin_s, _, user in given]
    events += [(end_s, "in", user) for _, end_s, user in given if end_s <= span_s]
    told = [(begin_s, end_s if end_s <= span_s else None, user) for begin_s, end_s, user in given]
    return site(sorted(events, key=lambda event: event[0]), told, licenses, span_s)


class Wish:
    """What a made-up user wants, and what became of it."""

    def __init__(self, user: str, hold_s: int, retries: int):
        self.user, self.hold_s, self.retries = user, hold_s, retries
        self.denied_s: list[int] = []
        self.granted_s: int | None = None


def served(random: Random, licenses: int, wishes: int, gap_s: int, mean_s: float) -> tuple[Site, list[Wish]]:
    """A site of a server that decides in whole seconds, and its users, who ask again after `gap_s`."""
    made = [Wish(f"u{n}", int(random.expovariate(1 / mean_s)) + 1, random.randrange(4)) for n in range(wishes)]
    time, due, order = 0, [], iter(range(10**9))
    for wish in made:
        time += int(random.expovariate(licenses / mean_s / 0.9))
        heapq.heappush(due, (time, next(order), "ask", wish))
    free, events, sessions, now = licenses, [], [], 0
    while due:
        now, _, what, wish = heapq.heappop(due)
        if what == "end":
            free += 1
            events.append((float(now), "in", wish.user))
        elif free > 0:
            free, wish.granted_s = free - 1, now
            events.append((float(now), "out", wish.user))
            sessions.append((float(now), float(now + wish.hold_s), wish.user))
            heapq.heappush(due, (now + wish.hold_s, next(order), "end", wish))
        else:
            wish.denied_s.append(now)
            events.append((float(now), "denied", wish.user))
            if len(wish.denied_s) <= wish.retries:
                heapq.heappush(due, (now + gap_s, next(order), "ask", wish))
    return site(events, sessions, licenses, now + 1.0), made

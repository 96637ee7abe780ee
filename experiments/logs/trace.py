"""From a log's checkouts and denials to launches: the engine's trace.

What happens in one second of a log happens in its order there: a trace has fractions of the second.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from .pairing import CRASH, RESTART, Pairs, Pool, Session
from .site import is_of_capacity

SHARE = 0.95  # of a product's requests that come with those of another: then it is its companion
REQUESTS_MIN = 5  # fewer say nothing of it
BURST_S = 1.0  # requests of one client that are closer than this belong to one launch
REPEAT_S = 300.0  # a user who asks again within this time still wants the same thing
PROGRAMS_MAX = 32  # of one client, in the engine


class Request(NamedTuple):
    """A user asks for licenses, and gets them or not."""

    row: int
    time_s: float
    client: int
    pool: Pool
    licenses: int
    run_time_s: float | None  # None: denied


Bursts = Sequence[Sequence[Request]]


class Trace(NamedTuple):
    """Launches, and what was made of the log for them."""

    columns: dict[str, list[Any]]  # of the table "trace"
    names: dict[Pool, str]  # of the products in it
    companions: dict[Pool, tuple[Pool, int]]  # product, and how many requests are part of its requests
    users: int  # at hosts
    clients: int  # as many, and those for more programs than a client runs
    programs: int  # most that a client runs at once
    unfinished: int  # denied requests that are repeated, or lead to nothing: they run for no time


def tick_of(time_s: Sequence[float]) -> float:
    """Return what the log rounds its times down to: seconds, or 0, which is nothing."""
    found = np.asarray(time_s, float)
    return float(np.all(found == np.floor(found)))


def exact_times(time_s: Sequence[float]) -> Any:
    """Return times in which events of the same second follow on each other evenly."""
    found = np.array(time_s, float)
    begins = np.flatnonzero(np.diff(found, prepend=-np.inf) > 0)
    sizes = np.diff(np.append(begins, len(found)))
    widths = np.minimum(1.0, np.diff(found[begins], append=np.inf))
    place = np.arange(len(found)) - np.repeat(begins, sizes)
    return found + place * np.repeat(widths / sizes, sizes)


def trace(events: Mapping[str, Sequence[Any]], pairs: Pairs, span_s: float, known: set[Pool]) -> Trace:
    """Return the launches of a log; products of known capacity do not count as companions of others."""
    asked = _requests(events, pairs, span_s)
    bursts = _bursts(asked)
    companions = _companions(asked, bursts, known)
    launches = _without(asked, bursts, companions)
    names = _names({request.pool for request in launches})
    runs = _run_times(launches)
    users = 1 + max((request.client for request in asked), default=-1)
    lanes, clients, programs = _lanes(launches, runs, users)
    columns: dict[str, list[Any]] = {
        "time_s": [request.time_s for request in launches],
        "client": lanes,
        "product": [names[request.pool] for request in launches],
        "run_time_s": runs,
        "count": [request.licenses for request in launches],
    }
    merged = Counter(request.pool for request in asked)
    merged.subtract(request.pool for request in launches)
    told = {pool: (main, merged[pool]) for pool, main in companions.items()}
    denied = [request.run_time_s is None for request in launches]
    unfinished = sum(1 for is_denied, run_s in zip(denied, runs, strict=True) if is_denied and run_s == 0.0)
    return Trace(columns, names, told, users, clients, programs, unfinished)


def _requests(events: Mapping[str, Sequence[Any]], pairs: Pairs, span_s: float) -> list[Request]:
    """Return what was asked for, in order; clients are users at hosts in order of appearance."""
    times = np.append(exact_times(events["time_s"]), span_s + 1.0).tolist()
    clients: dict[tuple[str, str], int] = {}
    held = [(session.row, session.licenses, _length(times, session)) for session in pairs.sessions]
    denied = [
        (row, events["count"][row], None)
        for row, (kind, detail) in enumerate(zip(events["kind"], events["detail"], strict=True))
        if kind == "denied" and is_of_capacity(detail)
    ]
    who = list(zip(events["user"], events["host"], strict=True))
    pools = list(zip(events["server"], events["product"], strict=True))
    return [
        Request(row, times[row], clients.setdefault(who[row], len(clients)), pools[row], count, run_time_s)
        for row, count, run_time_s in sorted([*held, *denied], key=itemgetter(0))
    ]


def _length(times: Sequence[float], session: Session) -> float:
    """Return how long a session took: to its checkin, to the last word of its server, or on beyond the log."""
    end = times[session.end_row]
    if session.ended in {RESTART, CRASH}:
        last = times[session.end_row - 1]  # in the same second, maybe: then the server was still up
        end = session.end_s if session.end_s and session.end_s > last else (last + end) / 2
    return max(0.0, end - times[session.row])


def _companions(asked: Sequence[Request], bursts: Bursts, known: set[Pool]) -> dict[Pool, Pool]:
    """Return which products come nearly always with another one that is asked for as often or more."""
    together: dict[Pool, Counter[Pool]] = defaultdict(Counter)
    counts: dict[Pool, set[int]] = defaultdict(set)
    times = Counter(request.pool for request in asked)
    for burst in bursts:
        for request in burst:
            counts[request.pool].add(request.licenses)
        there = Counter(request.pool for request in burst) if len(burst) > 1 else {}
        for pool, number in there.items():
            together[pool].update(dict.fromkeys(there, number))
    mains: list[Pool] = []
    found: dict[Pool, Pool] = {}
    for pool in sorted(times, key=lambda pool: (-times[pool], pool)):
        of = [main for main in mains if main[0] == pool[0] and together[pool][main] >= SHARE * times[pool]]
        if of and pool not in known and len(counts[pool]) == 1 and times[pool] >= REQUESTS_MIN:
            found[pool] = max(of, key=lambda main: (main in known, together[pool][main]))
        else:
            mains.append(pool)
    return found


def _bursts(asked: Sequence[Request]) -> Bursts:
    """Return the requests of each client that follow closely on each other."""
    latest: dict[int, list[Request]] = {}
    found: list[list[Request]] = []
    for request in asked:
        burst = latest.get(request.client)
        if burst is None or request.time_s - burst[-1].time_s > BURST_S:
            burst = latest[request.client] = []
            found.append(burst)
        burst.append(request)
    return found


def _without(asked: Sequence[Request], bursts: Bursts, companions: Mapping[Pool, Pool]) -> list[Request]:
    """Return the requests without those of companions that come with their product's."""
    left_out: set[int] = set()
    for burst in (burst for burst in bursts if len(burst) > 1):
        there = {request.pool for request in burst}
        left_out.update(request.row for request in burst if companions.get(request.pool) in there)
    return [request for request in asked if request.row not in left_out]


def _names(pools: set[Pool]) -> dict[Pool, str]:
    """Return what products are called: with their servers where two of them have one of the same name."""
    times = Counter(product for _, product in pools)
    return {
        (server, product): product if times[product] == 1 else f"{product} of {server}"
        for server, product in sorted(pools)
    }


def _run_times(launches: Sequence[Request]) -> list[float]:
    """Return how long each launch runs; one that was denied for good as long as its product usually does."""
    held = defaultdict(list)
    for request in launches:
        if request.run_time_s is not None:
            held[request.pool].append(request.run_time_s)
    usual = {pool: float(np.median(times)) for pool, times in held.items()}
    again: dict[tuple[int, Pool], float] = {}
    found = []
    for request in reversed(launches):
        next_s = again.get((request.client, request.pool), np.inf)
        again[request.client, request.pool] = request.time_s
        denied_s = 0.0 if next_s - request.time_s <= REPEAT_S else usual.get(request.pool, 0.0)
        found.append(denied_s if request.run_time_s is None else request.run_time_s)
    return found[::-1]


def _lanes(launches: Sequence[Request], runs: Sequence[float], clients: int) -> tuple[list[int], int, int]:
    """Return who launches what, how many clients that takes, and the most programs of one.

    Whoever runs more programs than a client of the engine can has further clients, after all others.
    """
    lanes: dict[int, list[tuple[int, list[float]]]] = defaultdict(list)  # of each client: number, ends of programs
    found, most = [], 1
    for request, run_s in zip(launches, runs, strict=True):
        own = lanes[request.client]
        for _, ends in own:
            while ends and ends[0] <= request.time_s:
                heappop(ends)
        for lane in own:
            if len(lane[1]) < PROGRAMS_MAX:
                break
        else:
            lane = (clients if own else request.client, [])
            clients += bool(own)
            own.append(lane)
        heappush(lane[1], request.time_s + run_s)
        most = max(most, len(lane[1]))
        found.append(lane[0])
    return found, clients, most

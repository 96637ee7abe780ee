"""When each fault holds at which server: its spells, worked out from the scenario's list of faults."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..queue.durations import whole
from ..randomness import distributions, streams
from ..state.schedule import FAULT
from .scenario import Fault, Scenario, is_client_crash, members, ns, share_of

Times = tuple[int, int]  # a start and an end, ns
Draw = Callable[[int, float], int]  # an exponential time, ns, by its number and its mean in s


def lay_out(scenario: Scenario, keys: Any) -> Any:
    """Return rows of FAULT in the order of the list, as far as the run goes: what comes later is left out.

    So are crashes of clients: crashes.py has them.

    `keys` are those of the replication's random streams, which faults that are drawn come from.
    """
    rows = [
        (entry, server, *when)
        for entry, fault in enumerate(scenario.faults)
        if not is_client_crash(fault)
        for place, server in enumerate(servers_of(fault, scenario.servers.count))
        for when in times(scenario, fault, place, draw(keys, entry, _sharer(scenario, fault, server)))
    ]
    return np.array(rows, dtype=FAULT).view(np.recarray)


def first_start(spells: Any) -> int | None:
    """Return when the first fault begins, ns; None without faults."""
    return int(spells["start"].min()) if len(spells) else None


def last_end(spells: Any) -> int | None:
    """Return when the last fault ends, ns; None without faults."""
    return int(spells["end"].max()) if len(spells) else None


def draw(keys: Any, entry: int, sharer: int) -> Draw:
    """Return the random times of one fault at those servers that share them, or at one client."""
    return partial(_exponential, keys[streams.FAULT], entry << 32 | sharer)


def _exponential(key: Any, agent: int, index: int, mean_s: float) -> int:
    """Draw a time, ns, at least 1."""
    with np.errstate(over="ignore"):
        bits = np.uint64(streams.draw(key, agent, index))
        return max(1, int(whole(mean_s * 1e9 * float(distributions.exponential(bits)))))


def servers_of(fault: Any, count: int) -> range | tuple[int, ...]:
    """Return a fault's servers, in the order in which it comes to them."""
    if fault.servers == "all":
        return range(count)
    if hasattr(fault.servers, "fraction"):
        return range(share_of(fault.servers.fraction, count))
    return tuple(fault.servers)


def _sharer(scenario: Scenario, fault: Any, server: int) -> int:
    """Return a number that is alike for all servers that a fault is drawn for at once."""
    return {"server": server, "site": server // members(scenario), "all": 0}[fault.drawn_by]


def times(scenario: Scenario, fault: Fault, place: int, draw: Draw) -> Iterator[Times]:
    """Yield when a fault holds at one server or client, which is number `place` of those that it hits."""
    if fault.mtbf_s > 0:
        yield from _drawn(scenario, fault, draw)
        return
    length = _length(fault, draw, 1)
    for start_s in _starts_s(fault, place, scenario.run.duration_s):
        start = ns(scenario.run.warmup_s) + ns(start_s)
        yield start, start + length


def _length(fault: Fault, draw: Draw, index: int) -> int:
    return draw(index, fault.mttr_s) if fault.mttr_s > 0 else ns(fault.duration_s)


def _starts_s(fault: Fault, place: int, until_s: float) -> Iterator[float]:
    """Yield the starts from the end of the warm-up; of those at `until_s` or later only the first."""
    first_s = fault.start_s + place * fault.stagger_s
    for n in range(fault.repeats if fault.repeat_s > 0 else 1):
        yield first_s + n * fault.repeat_s
        if first_s + n * fault.repeat_s >= until_s:
            return


def _drawn(scenario: Scenario, fault: Fault, draw: Draw) -> Iterator[Times]:
    """Yield the spells of a fault that comes and goes at random: an alternating renewal process."""
    end = ns(scenario.run.warmup_s + scenario.run.duration_s)
    index, time = 0, ns(scenario.run.warmup_s) + ns(fault.start_s)
    while (start := time + draw(index, fault.mtbf_s)) < end:
        time = start + _length(fault, draw, index + 1)
        yield start, time
        index += 2

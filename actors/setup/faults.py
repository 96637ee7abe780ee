"""Scheduled faults: from the scenario's list to each server's states over time."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..state.rows import NEVER
from ..state.schedule import CUT, SPELL
from .scenario import Fault, Scenario, ns


class Schedule(NamedTuple):
    """Every server's fault states over time."""

    spells: Any  # rows of SPELL
    spells_from: Any  # server s has the rows [spells_from[s], spells_from[s + 1])
    cuts: Any  # rows of CUT
    first: int  # when the first fault begins, ns, or NEVER


def schedule(scenario: Scenario) -> Schedule:
    """Return the schedule. Faults that overlap add up: slow factors multiply, losses combine independently."""
    origin = ns(scenario.run.warmup_s)
    count = scenario.servers.count
    by_server: list[list[tuple[int, int, Any]]] = [[] for _ in range(count)]
    for fault in scenario.faults:
        for start, end in _times(fault, origin, scenario.run.duration_s):
            for server in _servers(fault, count):
                by_server[server].append((start, end, fault))
    rows = [_states(faults, scenario.network.loss) for faults in by_server]
    spells = np.array([row for server in rows for row in server], dtype=SPELL).view(np.recarray)
    spells_from = np.cumsum([0, *map(len, rows)])
    cuts = [
        (start, end, server, *fault.clients)
        for server, faults in enumerate(by_server)
        for start, end, fault in faults
        if fault.kind == "cut"
    ]
    first = min((start for faults in by_server for start, _, _ in faults), default=NEVER)
    return Schedule(spells, spells_from, np.array(cuts, dtype=CUT).view(np.recarray), int(first))


def last_end(scenario: Scenario) -> int | None:
    """Return when the last fault ends, ns since the start of the simulation; None without faults."""
    origin = ns(scenario.run.warmup_s)
    ends = [_time(fault, _repeats(fault) - 1, origin)[1] for fault in scenario.faults]
    return max(ends, default=None)


def _times(fault: Fault, origin: int, duration_s: float) -> list[tuple[int, int]]:
    """Return when a fault holds, as far as the run goes: what lies beyond its end is not laid out."""
    count = _repeats(fault)
    if count > 1:
        count = min(count, 1 + math.ceil(max(0.0, duration_s - fault.start_s) / fault.repeat_s))
    return [_time(fault, n, origin) for n in range(count)]


def _repeats(fault: Fault) -> int:
    return fault.repeats if fault.repeat_s > 0 else 1


def _time(fault: Fault, repetition: int, origin: int) -> tuple[int, int]:
    start = origin + ns(fault.start_s + repetition * fault.repeat_s)
    return start, start + ns(fault.duration_s)


def _servers(fault: Fault, count: int) -> range | tuple[int, ...]:
    if fault.servers == "all":
        return range(count)
    if hasattr(fault.servers, "fraction"):
        return range(math.ceil(fault.servers.fraction * count - 1e-9))
    return tuple(fault.servers)


def _states(faults: list[tuple[int, int, Any]], loss: float) -> list[tuple[Any, ...]]:
    """Return one SPELL row for each stretch of time in which a server's faults are the same."""
    turns = sorted({0, *(t for start, end, _ in faults for t in (start, end))})
    starting = sorted(range(len(faults)), key=lambda n: faults[n][0], reverse=True)
    active: list[int] = []
    rows = []
    for t, until in pairwise([*turns, NEVER]):
        while starting and faults[starting[-1]][0] <= t:
            active.append(starting.pop())
        active = sorted(n for n in active if faults[n][1] > t)  # as in the scenario: products depend on the order
        rows.append(_state(t, until, [faults[n][2] for n in active], loss))
    return rows


def _state(time: int, until: int, faults: list[Any], loss: float) -> tuple[Any, ...]:
    kinds = {fault.kind for fault in faults}
    slow = math.prod(fault.factor for fault in faults if fault.kind == "slow")
    arrives = math.prod(1.0 - fault.probability for fault in faults if fault.kind == "loss")
    crashed = "crash" in kinds
    refusing = crashed or "refusing" in kinds
    calm = loss == 0.0 and kinds <= {"slow"}
    return (time, until, slow, 1.0 - arrives, "unreachable" in kinds, refusing, crashed, "cut" in kinds, calm)

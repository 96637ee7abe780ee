"""Faults: turning the times at which each one holds into each server's states over time."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..state.rows import NEVER
from ..state.schedule import CUT, SPELL
from . import groups, quorum
from .scenario import Scenario


class Schedule(NamedTuple):
    """Every server's fault states over time."""

    spells: Any  # rows of SPELL
    spells_from: Any  # server s has the rows [spells_from[s], spells_from[s + 1])
    cuts: Any  # rows of CUT


def schedule(scenario: Scenario, faults: Any) -> Schedule:
    """Return the schedule of faults laid out (rows of FAULT: spells.py).

    Faults that overlap add up: slow factors multiply, losses combine independently. Where too few servers of a
    site are up, all refuse.
    """
    by_server: list[list[tuple[int, int, Any]]] = [[] for _ in range(scenario.servers.count)]
    for entry, server, start, end in faults.tolist():
        by_server[server].append((start, end, scenario.faults[entry]))
    lacking = quorum.too_few(scenario, by_server)
    rows = [_states(here + lack, scenario.network.loss) for here, lack in zip(by_server, lacking, strict=True)]
    spells = np.array([row for server in rows for row in server], dtype=SPELL).view(np.recarray)
    spells_from = np.cumsum([0, *map(len, rows)])
    cuts = [
        (start, end, server, *groups.named(scenario, fault.clients))
        for server, here in enumerate(by_server)
        for start, end, fault in here
        if fault.kind == "cut"
    ]
    return Schedule(spells, spells_from, np.array(cuts, dtype=CUT).view(np.recarray))


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
    unreachable = "unreachable" in kinds
    return (
        time,
        until,
        slow,
        1.0 - arrives,
        unreachable,
        refusing,
        crashed,
        "cut" in kinds,
        "stall" in kinds,
        calm,
    )

"""Whatever waits for a timer has one; timers that would go off after the end of the run are not set."""

from collections import Counter
from typing import Any

import numpy as np
from meterstorm.actors.agents.client import workload
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.state import clients, kinds
from meterstorm.actors.state.rows import NONE

from oracles.audit.tables import Tables, columns


def check(tables: Tables) -> None:
    """Slots, launches and links have the timers that they need."""
    pending = Counter(columns(tables.alive, "kind", "target", "slot", "attempt"))
    launches = Counter((c, j) for kind, c, j, _ in pending.elements() if kind == kinds.LAUNCH)
    assert max(launches.values(), default=0) <= 1
    for (c, j), slot in np.ndenumerate(tables.slots):
        _of_slot(tables, pending, c, j, slot)
        if tables.config.arrivals == clients.CLOSED and slot["state"] != clients.IDLE:
            assert launches[c, j] == 0
    _of_links(tables)


def _of_slot(tables: Tables, pending: Counter[tuple[int, ...]], c: int, j: int, slot: Any) -> None:
    config, left = tables.config, tables.config.end - tables.control.now
    run_time = workload.run_time(tables.world, tables.own[c], c * config.programs + j, int(slot["program"]))
    if slot["marks"] & clients.RUNNING and run_time < left:
        assert pending[kinds.END, c, j, int(slot["epoch"])] == 1
    if slot["state"] == clients.WILL_START:  # after a delay that may end with the run
        assert pending[kinds.RELAUNCH, c, j, int(slot["epoch"])] <= 1
    if slot["state"] == clients.CALLED and 0 < _poll(tables, c) < left:
        assert pending[kinds.ASK_AGAIN, c, j, int(slot["epoch"])] == 1


def _poll(tables: Tables, c: int) -> int:
    """Return when a user asks again who awaits a callback, in ns: the one parameter of the policy `callback`."""
    return ns(float(tables.world.denial_parameters[tables.own[c].denial_at]))


def _of_links(tables: Tables) -> None:
    deadlines, left = _deadlines(tables) + _others(tables), tables.config.end - tables.control.now
    for c, row in enumerate(tables.world.clients):
        asks = row.flight >= 0 or row.flight == clients.BEAT
        if asks and tables.own[c].request_timeout < left:
            assert deadlines[c, int(row.timer)] == 1
        if not asks:
            assert row.deadline == NONE


def _others(tables: Tables) -> Counter[tuple[int, ...]]:
    """The same in the calendar, of clients that ask: their time-outs are longer than those in the ring."""
    rows = tables.alive[tables.alive["kind"] == kinds.LINK_TIMER]
    longer = [own.request_timeout > tables.config.request_timeout for own in tables.own]
    asking = [row.flight >= 0 or row.flight == clients.BEAT for row in tables.world.clients]
    return Counter(key for key in columns(rows, "target", "attempt") if longer[key[0]] and asking[key[0]])


def _deadlines(tables: Tables) -> Counter[tuple[int, ...]]:
    """How often each client with its timer's number is in the ring of deadlines, which is in order of time."""
    control, ring = tables.control, tables.world.deadlines
    rows = ring[np.arange(control.deadlines_begin, control.deadlines_end) % ring.size]
    assert (np.diff(rows["time"]) >= 0).all()
    return Counter(columns(rows[rows["client"] != NONE], "client", "timer"))

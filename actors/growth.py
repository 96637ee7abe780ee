"""Tables that grow: before one event could want more rows than are free, a table is replaced by a larger one."""

from typing import Any

import numpy as np

from . import calendar, engine, visitors
from .world import CACHE_LINE, DEADLINE, EVENT, NONE, World


def grow(world: World, incoming: int = 0) -> None:
    """Make each table larger that has no room for what one event may add, or for `incoming` messages."""
    control = world.control[0]
    needed = int(engine.room_needed(world))
    arriving, in_bucket = max(needed, incoming), max(int(engine.heap_needed(world)), incoming)
    if control.free_events < arriving:
        more_events(world, max(world.events.size, arriving))
    if world.due.size < max(control.open, control.crowd) + in_bucket:
        more_due(world, max(world.due.size, int(control.crowd) + in_bucket))
    control.crowd = 0
    if world.deadlines.size - (control.deadlines_end - control.deadlines_begin) < calendar.RESERVE:
        _more_deadlines(world)
    if world.outbox.size - control.outgoing < needed:
        world.replace(outbox=extended(world.outbox, max(world.outbox.size, needed)))
    if control.free_leases < calendar.RESERVE + control.callbacks:
        more_leases(world, max(world.leases.size, calendar.RESERVE + int(control.callbacks)))
    if world.journal.size and world.journal.size - control.journaled < needed:
        world.replace(journal=extended(world.journal, max(world.journal.size, needed)))
    if control.free_debts < calendar.RESERVE:
        more_debts(world, world.debts.size)
    if control.visitors == world.visitors.size > 0:
        _more_visitors(world)


def make_inbox(world: World, rows: int) -> None:
    """Have room for so many messages from another shard."""
    world.replace(inbox=zeros(rows, EVENT))


def zeros(count: int, dtype: Any) -> Any:
    """Return rows of zeros that begin with a line of the cache, and take memory only when they are used."""
    raw = np.zeros(count * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + count * dtype.itemsize].view(dtype).view(np.recarray)


def extended(rows: Any, more: int) -> Any:
    """Return a copy of a table with `more` rows of zeros, made as bytes: by fields takes five times as long."""
    larger = zeros(rows.size + more, rows.dtype)
    larger.view(np.uint8, np.ndarray)[: rows.nbytes] = rows.view(np.uint8, np.ndarray)
    return larger


def _linked(rows: Any, more: int, head: int) -> Any:
    """Return the table with `more` rows, chained by `next` in front of the free row `head`."""
    size = rows.size
    larger = extended(rows, more)
    larger["next"][size:] = np.arange(size + 1, size + more + 1)
    larger["next"][size + more - 1] = head
    return larger


def more_events(world: World, more: int) -> None:
    """Have `more` rows for events."""
    world.control[0].free_events += more
    world.replace(events=extended(world.events, more), links=extended(world.links, more))


def more_due(world: World, more: int) -> None:
    """Have `more` rows in the heap of the open bucket."""
    world.replace(due=extended(world.due, more))


def _more_deadlines(world: World) -> None:
    """Double the ring."""
    control, old = world.control[0], world.deadlines
    numbers = np.arange(control.deadlines_begin, control.deadlines_end)
    rows = old[numbers % old.size]
    deadlines = zeros(2 * old.size, DEADLINE)
    deadlines[numbers % deadlines.size] = rows
    pending = rows["client"] != NONE
    world.clients["deadline"][rows["client"][pending]] = (numbers % deadlines.size)[pending]
    world.replace(deadlines=deadlines)


def more_leases(world: World, more: int) -> None:
    """Have `more` rows for leases."""
    control = world.control[0]
    leases = _linked(world.leases, more, control.free_lease)
    control.free_lease = world.leases.size
    control.free_leases += more
    world.replace(leases=leases)


def more_debts(world: World, more: int) -> None:
    """Have `more` rows for debts."""
    control = world.control[0]
    debts = _linked(world.debts, more, control.free_debt)
    control.free_debt = world.debts.size
    control.free_debts += more
    world.replace(debts=debts)


def _more_visitors(world: World) -> None:
    """Double their tables, and what the sites know of them."""
    more, programs = world.visitors.size, int(world.config[0].programs)
    world.replace(
        visitors=extended(world.visitors, more),
        visitors_from=np.full(2 * more, NONE, np.int32),
        accounts=extended(world.accounts, more),
        seats=extended(world.seats, more * programs),
        callers=extended(world.callers, more * programs if world.callers.size else 0),
    )
    with np.errstate(over="ignore"):
        visitors.file_all(world)

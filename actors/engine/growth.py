"""Tables that grow: before an event could need more rows than are free, the table is replaced by a larger one."""

import numpy as np

from ..agents.server import accounts
from ..queue import calendar
from ..state.allocation import extended, more_due, more_events, more_leases, more_pending_releases, zeros
from ..state.events import DEADLINE, EVENT
from ..state.rows import NONE
from ..state.world import World
from .capacity import heap_needed, room_needed


def grow(world: World, incoming: int = 0) -> None:
    """Make each table larger that has no room for what one event may add, or for `incoming` messages."""
    control = world.control[0]
    needed = int(room_needed(world))
    arriving, in_bucket = max(needed, incoming), max(int(heap_needed(world)), incoming)
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
    if control.free_pending_releases < calendar.RESERVE:
        more_pending_releases(world, world.pending_releases.size)
    if control.visitors == world.visitors.size > 0:
        _more_visitors(world)


def make_inbox(world: World, rows: int) -> None:
    """Make room for `rows` messages from another shard."""
    world.replace(inbox=zeros(rows, EVENT))


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


def _more_visitors(world: World) -> None:
    """Double their tables, and what the sites know of them."""
    more, programs = world.visitors.size, int(world.config[0].programs)
    world.replace(
        visitors=extended(world.visitors, more),
        visitors_from=np.full(2 * more, NONE, np.int32),
        accounts=extended(world.accounts, more),
        peers=extended(world.peers, more * int(world.config[0].members) if world.peers.size else 0),
        seats=extended(world.seats, more * programs),
        callers=extended(world.callers, more * programs if world.callers.size else 0),
    )
    with np.errstate(over="ignore"):
        accounts.file_all(world)

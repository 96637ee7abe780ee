"""An upper bound on the rows that one event may need: the loop checks it before each event."""

from ..compiled.jit import inlined
from ..queue import calendar


@inlined
def room_needed(world):
    """Return how many events one event may add, at the very most."""
    return world.config[0].room + world.control[0].callbacks + world.control[0].at_once


@inlined
def heap_needed(world):
    """Return how many of them may fall into the open bucket: of a user called back, a message and a grace time."""
    return room_needed(world) + world.control[0].callbacks


@inlined
def has_room(world):
    """Whether every table has room for what one event may add."""
    control = world.control[0]
    needed = room_needed(world)
    return (
        control.free_events >= needed
        and world.due.size - control.open >= heap_needed(world)
        and world.deadlines.size - (control.deadlines_end - control.deadlines_begin) >= calendar.RESERVE
        and world.outbox.size - control.outgoing >= needed
        and (world.journal.size == 0 or world.journal.size - control.journaled >= needed)
        and control.free_leases >= calendar.RESERVE + control.callbacks
        and control.free_pending_releases >= calendar.RESERVE
    )

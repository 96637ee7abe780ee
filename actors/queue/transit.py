"""Messages in transit: a ring works because nearly all take equally long and so arrive in the order of sending.

It takes any message that is due within one latency and after everything in the ring. A message that breaks that
order (it takes longer, or another one of the same instant must follow it) waits in the calendar's buckets, and so
does one that finds the ring full.
"""

from ..compiled.jit import inlined
from ..state.rows import NEVER
from . import events
from .order import before


@inlined
def add(world, n):
    """Append the event in row `n`, if the order and the room allow; return whether they do."""
    control = world.control[0]
    mask = world.transit.size - 1
    event = world.events[n]
    if event.time > control.now + world.config[0].latency:
        return False
    if control.transit_end - control.transit_begin > mask:
        return False
    row = world.transit[control.transit_end & mask]
    row.time = event.time
    row.event = events.number(world, n)
    row.target = event.target
    if control.transit_begin == control.transit_end:
        control.next_transit = event.time
    elif not before(world, world.transit[(control.transit_end - 1) & mask], row):
        return False
    control.transit_end += 1
    return True


@inlined
def first(world):
    """Return the entry of the first message; there must be one."""
    return world.transit[world.control[0].transit_begin & (world.transit.size - 1)]


@inlined
def take(world):
    """Take the first message, which must exist; return its number."""
    control = world.control[0]
    n = first(world).event
    control.transit_begin += 1
    control.next_transit = NEVER if control.transit_begin == control.transit_end else first(world).time
    return n

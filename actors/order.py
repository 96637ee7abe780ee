"""The one total order of events: (time, target, source, serial). No placement of agents can change it."""

from .jit import inlined


@inlined
def before(world, a, b):
    """Whether entry `a` (a row of DUE) comes before entry `b`."""
    if a.time != b.time:
        return a.time < b.time
    if a.target != b.target:
        return a.target < b.target
    first = world.events[a.event]
    second = world.events[b.event]
    if first.source != second.source:
        return first.source < second.source
    return first.serial < second.serial


@inlined
def timeout_before(world, row, entry):
    """Whether the time-out of a row of DEADLINE, an event of its client for itself, comes before an entry."""
    if row.time != entry.time:
        return row.time < entry.time
    agent = world.config[0].first + row.client
    event = world.events[entry.event]
    if agent != event.target:
        return agent < event.target
    if agent != event.source:
        return agent < event.source
    return row.serial < event.serial

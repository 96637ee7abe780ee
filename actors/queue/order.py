"""The one total order of events: (time, target, source, serial). It does not depend on where agents are placed."""

from ..compiled.jit import inlined
from . import events


@inlined
def before(world, a, b):
    """Whether entry `a` (a row of DUE) comes before entry `b`."""
    if a.time != b.time:
        return a.time < b.time
    if a.target != b.target:
        return a.target < b.target
    return events.sent(world, a.event) < events.sent(world, b.event)


@inlined
def timeout_before(world, row, entry):
    """Whether the time-out of a row of DEADLINE, an event of its client for itself, comes before an entry."""
    if row.time != entry.time:
        return row.time < entry.time
    agent = world.config[0].first + row.client
    if agent != entry.target:
        return agent < entry.target
    return (agent, row.serial) < events.sent(world, entry.event)

"""Time-outs of what clients have in flight: a ring, since all are equally long and so come due in turn.

Those of one instant come in order of sending, which is the total order but where the network has no latency:
there, where one shard runs all, its journal may show time-outs of one instant in another order.

An answer strikes its time-out out at once, which then costs nothing more; as an event of the calendar it would
come up a time-out later, only to be thrown away.
"""

from . import events, kinds
from .jit import inlined
from .tables import prefetch
from .world import NEVER, NONE

# How many deadlines ahead memory is fetched.
AHEAD = 8


@inlined
def add(world, i):
    """Set the time-out of what client `i` has just sent."""
    config = world.config[0]
    control = world.control[0]
    time = control.now + config.request_timeout
    if time >= config.end:
        return
    client = world.clients[i]
    client.serial += 1
    client.deadline = control.deadlines_end & (world.deadlines.size - 1)
    row = world.deadlines[client.deadline]
    row.time = time
    row.serial = client.serial
    row.client = i
    row.timer = client.timer
    if control.deadlines_begin == control.deadlines_end:
        control.deadline = time
    control.deadlines_end += 1


@inlined
def strike(world, i):
    """Strike the time-out of client `i` out, if it has one."""
    client = world.clients[i]
    if client.deadline != NONE:
        world.deadlines[client.deadline].client = NONE
        client.deadline = NONE


@inlined
def settle(world):
    """Forget those in front that are struck out; `control.deadline` is then the time of the first."""
    control = world.control[0]
    mask = world.deadlines.size - 1
    while (
        control.deadlines_begin < control.deadlines_end
        and world.deadlines[control.deadlines_begin & mask].client == NONE
    ):
        control.deadlines_begin += 1
    if control.deadlines_begin < control.deadlines_end:
        control.deadline = world.deadlines[control.deadlines_begin & mask].time
    else:
        control.deadline = NEVER


@inlined
def take(world, event):
    """Take the first, which must not be struck out, and make an event of it."""
    config = world.config[0]
    control = world.control[0]
    row = world.deadlines[control.deadlines_begin & (world.deadlines.size - 1)]
    agent = config.first + row.client
    events.write(event, row.serial, kinds.LINK_TIMER, agent, agent, row.time, 0, 0, 0, row.timer, 0, 0)
    world.clients[row.client].deadline = NONE
    control.deadlines_begin += 1
    settle(world)
    _look_ahead(world)


@inlined
def _look_ahead(world):
    """In a storm deadlines do come due: have the memory of the clients fetched that are next but a few."""
    ahead = world.deadlines[(world.control[0].deadlines_begin + AHEAD) & (world.deadlines.size - 1)]
    i = max(0, ahead.client)  # of an old entry, if so many are not there: it changes nothing
    prefetch(world.clients, i)
    prefetch(world.slots, i * world.config[0].programs)

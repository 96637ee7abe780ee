"""Time-outs of what clients have in flight: a ring works because all are equally long and so come due in turn.

Time-outs due at the same instant come in order of sending. That is the total order, except at latency 0 (one shard
only), where the journal may show them in another order.

An answer cancels its time-out at once; in the calendar it would stay until it came due, only to be discarded.
"""

from ..compiled.jit import inlined
from ..state import kinds
from ..state.rows import NEVER, NONE
from . import events, prefetching
from .letters import letter


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
    events.write(event, letter(kinds.LINK_TIMER, agent, agent, attempt=row.timer), row.time, row.serial)
    world.clients[row.client].deadline = NONE
    control.deadlines_begin += 1
    settle(world)
    prefetching.fetch_deadline(world)

"""Clients with business at other sites. Without any, a shard of whole sites has nothing to tell other shards.

A client is roaming when it may ask a server of another site next, has asked one, or has a lease or a pending
release there. `control.roaming` counts such clients of this shard, the answers on their way to its clients
after which they may move, and what is on its way here so that licenses move to another site
(`site/intersite.py`). While it is 0, and no message from another shard is here, nobody can leave before a failure
comes about: by the first pending time-out, by that of what may be sent next, or by a refusal (or a denial, where
the next server is asked then). Where clients move without a failure, or may before a request, or not all time-outs
are equally long (and so in the ring), or connections may be lost, anyone may leave at any time.
"""

import numpy as np

from ..compiled.jit import inlined, jit
from ..messaging import network
from ..messaging.addresses import LEADER, is_local, is_own
from ..messaging.protocol import is_failure_answer
from ..queue import deadlines
from ..state import clients, kinds
from ..state.rows import NEVER, NONE
from . import settings


@inlined
def is_possible(world):
    """Whether clients may ever move to other sites."""
    return world.config[0].choices > world.config[0].members


@jit
def depart(world, i):
    """Mark client `i` as roaming, which has decided to move."""
    client = world.clients[i]
    if is_possible(world) and not client.marks & clients.ROAMING:
        client.marks |= clients.ROAMING
        world.control[0].roaming += 1


@jit
def settle(world, i):
    """Clear the roaming mark of client `i` once it has no business at other sites."""
    if not is_roaming(world, i):
        world.clients[i].marks &= ~clients.ROAMING
        world.control[0].roaming -= 1


@jit
def is_roaming(world, i):
    """Whether client `i` may ask another site next, or has business there."""
    config = world.config[0]
    client = world.clients[i]
    if client.flight == clients.MOVE or _is_far(world, i, client.server):
        return True
    for j in range(config.programs):
        slot = world.slots[i * config.programs + j]
        if _is_far(world, i, slot.lease) or _is_far(world, i, slot.asked):
            return True
    n = world.first_pending_release[i] if settings.of_client(world, i).deferred else NONE
    while n != NONE:
        if _is_far(world, i, world.pending_releases[n].server):
            return True
        n = world.pending_releases[n].next
    return False


@inlined
def _is_far(world, i, server):
    return server != NONE and not is_own(world, server, world.config[0].first + i)


@inlined
def may_follow(world, kind):
    """Whether a client may move when it gets an answer of a kind: a failure, or a denial."""
    return is_failure_answer(kind) or (kind == kinds.DENY and world.config[0].asks_next != 0)


@jit
def expect(world, agent, change):
    """Count such an answer that is sent (+1) or has come (-1), if the other end, `agent`, is local, too."""
    if is_possible(world) and is_local(world, agent):
        world.control[0].roaming += change


@inlined
def _may_leave_at_any_time(config):
    return config.failback != 0 or config.asks_first != 0 or config.timeouts_differ != 0 or config.connects != 0


@jit
def next_departure(world):
    """Return a time before which nothing here leads to a message for another shard, unless one arrives first.

    A thousandth of the run ahead is far enough: there a run can be watched, ended, or kept.
    """
    config = world.config[0]
    control = world.control[0]
    if control.next >= config.end:
        return NEVER
    if (
        control.foreign > 0
        or control.roaming > 0
        or (_may_leave_at_any_time(config) and is_possible(world))
        or world.sites[LEADER].asking > 0
    ):
        return control.next
    watched = min(control.next + max(config.end // 1000, config.wan_latency), control.next_round)
    if not is_possible(world):
        return watched
    deadlines.settle(world)
    unanswered = min(control.deadline, control.next + config.request_timeout)
    return min(watched, unanswered, _next_refusal(world, control.next))


@jit
def _next_refusal(world, now):
    """Return when an answer after which a client may move, sent from now on here, arrives at the earliest."""
    config = world.config[0]
    if config.overloads or config.asks_next:
        return now + config.latency
    first = NEVER - config.latency
    for s in range(config.first_server, config.first_server + config.local_servers):
        for k in range(network.spell_at(world, s, now), world.spells_from[s + 1]):
            if world.spells[k].refusing:
                first = min(first, max(now, np.int64(world.spells[k].start)))
                break
    return first + config.latency

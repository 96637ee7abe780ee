"""The network between clients, servers and site servers: latency, jitter, loss, and scheduled faults.

The constant part of the latency is `wan_latency` between agents of different sites; all else is alike everywhere.

The fate of a message is decided when it is sent: `unreachable` and `cut` lose what is sent or would arrive while
they hold; a server that refuses (or has crashed) loses what nobody would answer. Messages of the site server
run in database transactions (SMS reaches its servers by ODBC, KB Q210202): random loss does not touch them, and
one that cannot be delivered, or meets a server that stalls, has no effect.
"""

import numpy as np

from ..compiled.jit import inlined, jit
from ..queue.durations import whole
from ..randomness import distributions, streams
from ..state import kinds
from . import protocol
from .addresses import in_same_site, is_among


@inlined
def spell_at(world, server, time):
    """Return the row of a server's fault state at a time."""
    low = world.spells_from[server]
    high = world.spells_from[server + 1] - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if world.spells[middle].start <= time:
            low = middle
        else:
            high = middle - 1
    return low


@inlined
def is_stalled(world, server):
    """Whether a server stands still now."""
    if world.config[0].stalls == 0:
        return False
    return bool(world.spells[spell_at(world, server, world.control[0].now)].stalled)


@inlined
def latency(world, server, peer):
    """Return the constant part of the latency between a server and a client, or an agent of the server's site."""
    config = world.config[0]
    return config.latency if in_same_site(world, server, peer) else config.wan_latency


@inlined
def jitter(world, source, serial):
    """Return the exponential part of a message's latency, ns."""
    mean = world.config[0].jitter
    if mean == 0.0:
        return np.int64(0)
    agent = streams.identity(source, world.config[0].clients)
    return whole(mean * distributions.exponential(streams.draw(world.keys[streams.JITTER], agent, serial)))


@jit
def is_cut(world, server, peer, time):
    """Whether a cut separates a client from a server at a time."""
    for n in range(world.cuts.size):
        cut = world.cuts[n]
        if (
            cut.server == server
            and cut.start <= time < cut.end
            and is_among(world, peer, cut.first, cut.last, cut.row)
        ):
            return True
    return False


@inlined
def is_lost(world, message, serial, peer, server, sent, arrival):
    """Whether a message between `peer` (a client or the site server) and a server never arrives."""
    before = world.spells[spell_at(world, server, sent)]
    if before.calm and arrival < before.end:
        return False
    after = world.spells[spell_at(world, server, arrival)]
    if before.unreachable or after.unreachable:
        return True
    if before.cut and is_cut(world, server, peer, sent):
        return True
    if after.cut and is_cut(world, server, peer, arrival):
        return True
    if protocol.is_balancing(message.kind):
        return bool(before.refusing or after.refusing or before.stalled or after.stalled)
    if message.kind == kinds.RELEASE and after.refusing:
        return True
    loss = 1.0 - (1.0 - world.config[0].loss) * (1.0 - before.loss)
    if loss == 0.0:
        return False
    agent = streams.identity(message.source, world.config[0].clients)
    return streams.uniform(streams.draw(world.keys[streams.LOSS], agent, serial)) < loss


@inlined
def is_reachable(world, server, client, time):
    """Whether a client could be served by a server at a time."""
    spell = world.spells[spell_at(world, server, time)]
    if spell.unreachable or spell.refusing or spell.stalled:
        return False
    return not (spell.cut and is_cut(world, server, client, time))

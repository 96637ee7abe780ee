"""A server's end of connections: how its host answers a client that wants one, and what a lost one does to leases.

The host answers before the server accepts, as the kernel does for TCP. With `servers.on_lost_connection = "free"`,
once a client's connection has been lost for `connection_grace_s`, the server frees what the client holds there and
stops calling its users back. A connection is lost when the client closes it, when it goes silent, and when the
server crashes; the grace then starts at the end of the crash. A lost answer makes no connection (TCP waits for the
last ACK), and a repeated CONNECT makes no second one: both ends know it by the client's attempt, from when the
client first hears of it.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.messages import answer, set_timer
from ...queue import events
from ...records import ledger
from ...state import counters, kinds
from ...state.rows import NEVER, NONE
from ...state.servers import CONNECTED, LOST, LOST_FOR_GOOD, LOST_IN_CRASH, LOST_OF_LATE
from .. import keepalives
from . import callbacks, granting, leases
from .accounts import account_of


@jit
def admit(world, n, s):
    """Answer the CONNECT in row `n`, or drop it where the backlog is full; return whether it is to be accepted."""
    config, event = world.config[0], world.events[n]
    if 0 < config.backlog <= world.servers[s].connecting:
        ledger.count(world, counters.CONNECTS_DROPPED)
        events.free(world, n)
        return False
    spell = network.spell_at(world, s, world.control[0].now)
    heard = answer(world, n, s, kinds.CONNECTED, spell - world.spells_from[s])
    if config.frees_lost:
        _open(world, s, event.source, event.attempt, heard)
    return True


@inlined
def _peer(world, s, client):
    """Return the row of what a server knows of a client's connections to it."""
    members = world.config[0].members
    return world.peers[account_of(world, s, client) * members + s % members]


@jit
def _open(world, s, client, attempt, heard):
    """Note a connection that the client hears of at `heard` (or NEVER), unless it is already closed.

    Word of the close may overtake the CONNECT, and the answer to a repeat may overtake that to the first.
    """
    peer = _peer(world, s, client)
    is_there = peer.state == CONNECTED and attempt == peer.attempt
    if heard == NEVER or attempt < peer.attempt or attempt <= peer.closed or (is_there and peer.heard <= heard):
        return
    peer.heard = heard
    peer.attempt = attempt
    peer.state = CONNECTED
    time = _silent_at(world, s, client)
    if time != NEVER:
        _set_timer(world, s, kinds.PEER_LOST, time, client, attempt)


@jit
def _silent_at(world, s, client):
    """Return when a client's connection is lost as keep-alives are not answered; NEVER if it is not."""
    if world.config[0].keepalive == 0:
        return NEVER
    return keepalives.silent_at(world, s, client, np.int64(_peer(world, s, client).heard))


@jit
def hear_closed(world, s, client, attempt):
    """Note that a client has no connection up to that of an attempt."""
    peer = _peer(world, s, client)
    peer.closed = max(peer.closed, attempt)


@jit
def lose(world, s, client, attempt):
    """Lose a client's connection if it is closed or silent: its leases are freed when the grace is over."""
    peer = _peer(world, s, client)
    if attempt < peer.attempt or peer.state != CONNECTED:
        return
    if attempt > peer.closed and _silent_at(world, s, client) > world.control[0].now:
        return  # another answer has come first, from which on keep-alives count
    lost = world.servers[s].serial
    _mark(peer, LOST_OF_LATE, lost)
    if world.config[0].connection_grace == 0:
        end_grace(world, s, client, lost)
    else:
        end = world.control[0].now + world.config[0].connection_grace
        _set_timer(world, s, kinds.PEER_GRACE_END, end, client, lost)


@inlined
def _mark(peer, state, lost):
    peer.state = state
    peer.lost = lost


@jit
def end_grace(world, s, client, lost):
    """Free what a client holds, unless it has connected again."""
    peer = _peer(world, s, client)
    if peer.lost == lost and peer.state == LOST_OF_LATE:
        peer.state = LOST_FOR_GOOD
        _free_all(world, s, client)


@jit
def lose_all(world, s):
    """Note that the connections of all who hold a lease are lost in a crash, which begins now.

    One timer is for all of them: an event has no room for one each.
    """
    serial = world.servers[s].serial
    n = world.servers[s].oldest
    while n != NONE:
        peer = _peer(world, s, world.leases[n].client)
        if peer.state == CONNECTED:
            _mark(peer, LOST_IN_CRASH, serial)
        n = world.leases[n].newer
    end = end_of_crash(world, s) + world.config[0].connection_grace
    _set_timer(world, s, kinds.CRASH_GRACE_END, end, 0, serial)


@jit
def end_of_crash(world, s):
    """Return when a crash that begins now is over, ns, with those that follow at once."""
    back = world.control[0].now
    for k in range(network.spell_at(world, s, back), world.spells_from[s + 1]):
        if not world.spells[k].crashed:
            break
        back = np.int64(world.spells[k].end)
    return back


@jit
def end_crash_grace(world, s, lost):
    """Free what those hold whose connection was lost in a crash, and who have not connected again."""
    n = world.servers[s].oldest
    while n != NONE:  # first, so that none of them is called back for what another one held
        peer = _peer(world, s, world.leases[n].client)
        if peer.lost == lost and peer.state == LOST_IN_CRASH:
            peer.state = LOST_FOR_GOOD
            callbacks.forget_client(world, s, world.leases[n].client)
        n = world.leases[n].newer
    last, n = (
        world.servers[s].newest,
        world.servers[s].oldest,
    )  # leases after `last` belong to users who are called back
    while n != NONE:
        following = world.leases[n].newer if n != last else NONE
        if _peer(world, s, world.leases[n].client).state == LOST_FOR_GOOD:
            granting.reclaim(world, n)
        n = following
    leases.settle(world, s)


@jit
def check(world, s, client):
    """Free at once what was granted to a client whose connection was lost for good while its request waited."""
    if _peer(world, s, client).state == LOST_FOR_GOOD:
        _free_all(world, s, client)


@jit
def _free_all(world, s, client):
    """Free what a client holds, and call back none of its users."""
    callbacks.forget_client(world, s, client)
    n = _held(world, s, client)
    while n != NONE:
        granting.reclaim(world, n)
        n = _held(world, s, client)  # from the start: what was freed may have changed the chain
    leases.settle(world, s)


@jit
def _held(world, s, client):
    """Return a lease by which a client holds licenses of a server, or NONE."""
    n = world.accounts[account_of(world, s, client)].leases
    while n != NONE and (world.leases[n].server != s or world.leases[n].state == LOST):
        n = world.leases[n].next
    return n


@jit
def put_off(world, s, message, time):
    """Hear of a loss only then."""
    if message.kind == kinds.DISCONNECT:
        _set_timer(world, s, kinds.PEER_LOST, time, message.source, message.attempt)
    else:
        _set_timer(world, s, message.kind, time, message.program, message.attempt)


@inlined
def _set_timer(world, s, kind, time, client, attempt):
    set_timer(world, kind, world.config[0].clients + s, time, program=client, attempt=attempt)

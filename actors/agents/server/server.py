"""A metering server: its timers, what the site server asks of it, and crashes.

Its queue of clients' messages is in `service.py`. Who gets a license is decided in `granting.py`; users who wait
for one are in `callbacks.py`; what the site server moves is in `transfers.py`, and how long that may be used in
`tenure.py`.
"""

from ...compiled.jit import jit
from ...messaging import network
from ...messaging.messages import next_serial, post, set_timer
from ...messaging.protocol import is_balancing
from ...queue import events
from ...records import ledger
from ...state import kinds
from ...state.events import VOID
from ...state.rows import NONE, SECOND
from . import callbacks, connections, draining, granting, leases, service, tenure, transfers


@jit
def handle(world, s, message):
    """Handle a timer, or a message of the site server."""
    kind = message.kind
    if kind in (kinds.SCAN, kinds.GRACE_END, kinds.CALLBACK_CYCLE, kinds.DRAIN) and network.is_stalled(world, s):
        _put_off(world, s, message)
    elif kind in (kinds.DISCONNECT, kinds.PEER_LOST, kinds.PEER_GRACE_END, kinds.CRASH_GRACE_END):
        _hear_of_loss(world, s, message)
    elif is_balancing(kind):
        _obey(world, s, message)
    elif kind == kinds.SCAN:
        _scan(world, s)
    elif kind == kinds.CRASH:
        _crash(world, s)
    elif kind == kinds.GRACE_END:
        granting.end_grace(world, s, message.value, message.slot, message.program)
    elif kind == kinds.CALLBACK_CYCLE:
        callbacks.begin_cycle(world, s)
    elif kind == kinds.STALL_END:
        service.resume(world, s)
    elif kind == kinds.DRAIN:
        draining.drain(world, s)
    elif kind == kinds.LAPSE:
        tenure.end(world, s)


@jit
def _obey(world, s, message):
    """Handle a message of the site server."""
    kind = message.kind
    if world.config[0].has_terms:
        tenure.hear(world, s, message.attempt)
    if kind == kinds.ASK_REPORT:
        transfers.report(world, s)
    elif kind == kinds.TAKE:
        transfers.take(world, s, message.product, message.value, message.program)
    elif kind == kinds.GIVE:
        transfers.give(world, s, message.product, message.value, message.attempt)
    elif kind == kinds.DROP:
        transfers.drop(world, s, message.product, message.value)
    elif kind == kinds.RENEW:
        tenure.renew(world, s, message)


@jit
def _hear_of_loss(world, s, message):
    """Handle the word of a client that has closed its connection, or a timer about one that was lost."""
    spell = world.spells[network.spell_at(world, s, world.control[0].now)]
    if message.kind == kinds.DISCONNECT:
        connections.hear_closed(world, s, message.source, message.attempt)
    if spell.stalled or spell.crashed:
        connections.put_off(world, s, message, spell.end)
    elif message.kind == kinds.DISCONNECT:
        connections.lose(world, s, message.source, message.attempt)
    elif message.kind == kinds.PEER_LOST:
        connections.lose(world, s, message.program, message.attempt)
    elif message.kind == kinds.PEER_GRACE_END:
        connections.end_grace(world, s, message.program, message.attempt)
    else:
        connections.end_crash_grace(world, s, message.attempt)


@jit
def start(world, s):
    """Set a server's first timers."""
    config = world.config[0]
    if config.scan > 0:
        set_timer(world, kinds.SCAN, config.clients + s, config.scan)
    if config.callback_cycle > 0:
        set_timer(world, kinds.CALLBACK_CYCLE, config.clients + s, config.callback_cycle)
    if config.has_terms:
        tenure.start(world, s)
    if config.drain_share > 0.0:
        set_timer(world, kinds.DRAIN, config.clients + s, SECOND)
    for k in range(world.spells_from[s], world.spells_from[s + 1]):
        spell = world.spells[k]
        if spell.crashed and (k == world.spells_from[s] or world.spells[k - 1].crashed == 0):
            set_timer(world, kinds.CRASH, config.clients + s, spell.start)
        if spell.stalled:
            set_timer(world, kinds.STALL_END, config.clients + s, spell.end)


@jit
def _put_off(world, s, timer):
    """Have a timer of a server that stalls wait until that stretch of time ends."""
    end = world.spells[network.spell_at(world, s, world.control[0].now)].end
    post(world, timer, end, next_serial(world, timer.target))


@jit
def _scan(world, s):
    """Reclaim the leases that were not heard of for `reclaim_after`, but none within `failover_ttl` of a crash."""
    config = world.config[0]
    server = world.servers[s]
    now = world.control[0].now
    set_timer(world, kinds.SCAN, config.clients + s, now + config.scan)
    is_crashed = world.spells[network.spell_at(world, s, now)].crashed
    if config.reclaim_after == 0 or is_crashed or now < server.spared:
        return
    while server.oldest != NONE and world.leases[server.oldest].heard + config.reclaim_after <= now:
        granting.reclaim(world, server.oldest)
    leases.settle(world, s)


@jit
def _crash(world, s):
    """Lose the queue, and the leases too unless they are durable."""
    config = world.config[0]
    server = world.servers[s]
    if server.serving != NONE:
        world.events[server.serving].flag |= VOID
        server.serving = NONE
        server.busy_area += ledger.instant(world)
        server.dropped += 1
    n = service.next_in_queue(world, s)
    while n != NONE:
        events.free(world, n)
        server.dropped += 1
        n = service.next_in_queue(world, s)
    service.forget(world, s)
    server.up_from = connections.end_of_crash(world, s)
    if config.durable:
        server.spared = server.up_from + config.failover_ttl
        if config.frees_lost:
            connections.lose_all(world, s)
        return
    callbacks.forget(world, s)
    last, n = server.newest, NONE  # leases after `last` are reservations that this loop's freed licenses create
    while server.oldest != NONE and n != last:
        n = server.oldest
        granting.reclaim(world, n)
    leases.settle(world, s)

"""A client's link to its server: what it asks next, and the answers that it waits for.

One attempt or heartbeat is in flight at a time. The rest wait their turn: first running programs that must be
requested again, then other programs, each in order of launch; then the heartbeat.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.messages import send, set_timer
from ...queue import deadlines
from ...queue.letters import letter
from ...randomness import streams
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.events import HAS_LEASE, WANTS_CALLBACK
from ...state.rows import NONE
from .. import settings
from . import connections, decisions, permission, returns, slots

BEATS = 2  # before it: draws for the first heartbeat, and for the first launch of the slot of that number


@inlined
def send_next(world, i):
    """Send what is next in turn, if nothing is in flight and the client is not pausing."""
    client = world.clients[i]
    if client.flight != clients.NOTHING:
        return
    beats = client.marks & clients.BEAT_DUE and holds_lease(world, i)
    if beats and (client.resend == clients.BEAT or client.wants == 0):
        _send_heartbeat(world, i)
    elif client.wants != 0:
        if world.config[0].asks_first:
            _send_if_permitted(world, i)
        else:
            _send_request(world, i, _next_in_turn(world, i))
    else:
        _rest(world, client)


@jit
def _send_if_permitted(world, i):
    """Send the next request for which the failover policy gives its permission, if there is one."""
    client = world.clients[i]
    while client.wants != 0 and client.flight == clients.NOTHING:
        j = _next_in_turn(world, i)
        if permission.is_given(world, i, j):
            _send_request(world, i, j)
    if client.flight == clients.NOTHING:  # all were given up
        if client.marks & clients.BEAT_DUE and holds_lease(world, i):
            _send_heartbeat(world, i)
        else:
            _rest(world, client)


@inlined
def _rest(world, client):
    """Ask for nothing: no answer is wanted."""
    ledger.turn_link(world, client, clients.ONLINE)
    client.marks &= ~clients.BEAT_DUE  # the last lease ended while it was due
    client.resend = clients.NOTHING


@inlined
def _next_in_turn(world, i):
    client = world.clients[i]
    wants = client.wants
    if client.resend >= 0 and still_asks(world, i, client.resend):
        return np.int64(client.resend)
    best = NONE
    for j in range(world.config[0].programs):
        if wants & slots.bit(j) and (best == NONE or _comes_before(world, i, j, best)):
            best = j
    return best


@jit
def _comes_before(world, i, a, b):
    first = slots.slot_of(world, i, a)
    second = slots.slot_of(world, i, b)
    if (first.state == clients.METERED) != (second.state == clients.METERED):
        return first.state == clients.METERED
    return first.launched < second.launched


@inlined
def _send_request(world, i, j):
    config, own = world.config[0], settings.of_client(world, i)
    client = world.clients[i]
    slot = slots.slot_of(world, i, j)
    if config.connects and connections.is_missing(world, i):
        _connect(world, i, j, j, slot.program)
        return
    ledger.count(world, counters.ATTEMPTS)
    if slot.asked == client.server:  # asked here before, without an answer
        ledger.count(world, counters.RETRIES)
        if slot.marks & clients.REACHED and config.overtakes:  # else no answer comes before an earlier one
            slot.marks |= clients.LATE
    else:
        slot.asked = client.server
        slot.marks &= ~clients.REACHED
    _begin_flight(world, own, i, j)
    request = letter(
        kinds.REQUEST,
        config.first + i,
        config.clients + client.server,
        slot=j,
        program=slot.program,
        product=slot.product,
        attempt=client.attempt,
        value=slots.licenses(world, i, j) - 1,
        flag=_flags(world, own, i, j),
    )
    if send(world, request, client.server):
        slot.marks |= clients.REACHED


@inlined
def _flags(world, own, i, j):
    """Return what a request says besides."""
    has_lease = HAS_LEASE if slots.slot_of(world, i, j).state == clients.METERED else 0
    queues = WANTS_CALLBACK if own.calls_back and _queues(world, own, i, j) else 0
    return has_lease | queues


@jit
def _queues(world, own, i, j):
    """Whether a denied request is to queue; at a launch's first try other servers may be asked before."""
    slot = slots.slot_of(world, i, j)
    if own.asked_before == 0 or slot.state != clients.AWAITING:
        return True
    row = world.patience[i * world.config[0].programs + j]
    return row.program == slot.program and (row.tries > 1 or row.servers_asked >= own.asked_before)


@jit
def _send_heartbeat(world, i):
    config = world.config[0]
    client = world.clients[i]
    if config.connects and connections.is_missing(world, i):
        _connect(world, i, clients.BEAT, 0, 0)
        return
    _begin_flight(world, settings.of_client(world, i), i, clients.BEAT)
    heartbeat = letter(
        kinds.HEARTBEAT,
        config.first + i,
        config.clients + client.server,
        program=world.started[i] if world.started.size > 0 else 0,
        attempt=client.attempt,
        value=returns.held_at(world, i, client.server),
    )
    send(world, heartbeat, client.server)


@jit
def _connect(world, i, what, slot, program):
    """Ask for the connection that `what` is to be sent over."""
    _begin_flight(world, settings.of_client(world, i), i, what)
    connections.ask(world, i, slot, program)


@jit
def on_connected(world, i, changes):
    """Have what the connection was asked for come first, unless it is no longer wanted."""
    client = world.clients[i]
    void_timer(world, i)
    client.resend = client.flight
    client.flight = clients.NOTHING
    if world.contacts.size > 0:
        world.contacts[i].permitted = client.resend + 1
    connections.make(world, i, changes)


@inlined
def _begin_flight(world, own, i, what):
    client = world.clients[i]
    client.flight = what
    client.resend = clients.NOTHING
    if what >= 0:
        slot = slots.slot_of(world, i, what)
        slot.flight_failures = slot.failures
    client.attempt += 1
    client.flight_attempt = client.attempt
    void_timer(world, i)
    _set_time_out(world, own, i)
    if world.contacts.size > 0:
        world.contacts[i].sent = world.control[0].now


@inlined
def _set_time_out(world, own, i):
    """Set the time-out of what is in flight: in the ring, if it is as long as all others there."""
    config = world.config[0]
    if config.timeouts_differ == 0 or own.request_timeout == config.request_timeout:
        deadlines.add(world, i)
    else:
        time = world.control[0].now + own.request_timeout
        set_timer(world, kinds.LINK_TIMER, config.first + i, time, attempt=world.clients[i].timer)


@inlined
def void_timer(world, i):
    """Make the timer stale that was set for the link, if any."""
    world.clients[i].timer += 1
    deadlines.strike(world, i)


@jit
def on_heartbeat_tick(world, i, number):
    """Have a client that holds a lease tell its server that it is alive.

    Where the times between heartbeats are drawn, `number` counts them.
    """
    client = world.clients[i]
    _set_heartbeat_timer(world, i, number)
    if client.link != clients.OFFLINE and holds_lease(world, i):
        if not client.marks & clients.BEAT_DUE:  # else one is due already, which may have failed before
            client.beat_failures = 0
            client.marks |= clients.BEAT_DUE
        send_next(world, i)


@inlined
def _set_heartbeat_timer(world, i, number):
    own = settings.of_client(world, i)
    agent = world.config[0].first + i
    interval = own.heartbeat
    if own.heartbeat_spread > 0.0:
        u = streams.uniform(streams.draw(world.keys[streams.PHASE], agent, number + BEATS))
        number += 1
        interval += np.int64(u * own.heartbeat_spread * own.heartbeat)
    set_timer(world, kinds.HEARTBEAT_TICK, agent, world.control[0].now + interval, program=number)


@jit
def holds_lease(world, i):
    """Whether a program of the client runs under a lease."""
    for j in range(world.config[0].programs):
        if slots.slot_of(world, i, j).lease != NONE:
            return True
    return False


@inlined
def is_awaited(world, i, attempt):
    """Whether an answer is the one to what is in flight."""
    client = world.clients[i]
    return (client.flight >= 0 or client.flight == clients.BEAT) and attempt == client.flight_attempt


@inlined
def note_round_trip(world, i):
    """Note how long the answer took that has come to what is in flight."""
    if world.contacts.size > 0:
        world.contacts[i].round_trip = world.control[0].now - world.contacts[i].sent


@inlined
def note_told(world, i, value):
    """Note what a grant or a denial tells of the client's server."""
    if world.config[0].tells and world.contacts.size > 0 and settings.of_client(world, i).tells:
        world.contacts[i].told = value + 1


@inlined
def on_good_answer(world, i, is_denial):
    """Forget what failed before: the server serves. The failover policy forgets, too, or is told."""
    client = world.clients[i]
    if world.config[0].is_told and settings.of_client(world, i).is_told:
        decisions.tell(world, i, is_denial)
    else:
        decisions.forget(world, i)
    void_timer(world, i)
    client.flight = clients.NOTHING
    ledger.turn_link(world, client, clients.ONLINE)
    client.tries_here = 0
    client.servers_tried = 0
    if client.marks & clients.HIT:
        client.marks &= ~clients.HIT
        ledger.served_again(world)


@jit
def still_asks(world, i, j):
    """Whether the slot's program is still the one that asked; it may have ended, and another been launched."""
    if not world.clients[i].wants & slots.bit(j):
        return False
    return slots.slot_of(world, i, j).asked != NONE or connections.is_asked_for(world, i, j)

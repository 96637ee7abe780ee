"""A client's link to its server: what it asks next, and the answers that it waits for.

One attempt or heartbeat is in flight at a time. What else waits takes its turn: running programs that must be
requested again first, then the others, each in order of launch; then the heartbeat.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.messages import send, set_timer
from ...queue import deadlines
from ...queue.letters import letter
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.events import WANTS_CALLBACK
from ...state.rows import NONE
from . import connections, returns, slots


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
        _send_request(world, i, _next_in_turn(world, i))
    else:
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
    config = world.config[0]
    client = world.clients[i]
    slot = slots.slot_of(world, i, j)
    if config.connects and connections.is_missing(world, i):
        _connect(world, i, j, j, slot.program)
        return
    ledger.count(world, counters.ATTEMPTS)
    if slot.asked == client.server:  # asked here before, without an answer
        ledger.count(world, counters.RETRIES)
        if slot.marks & clients.REACHED and config.jitter > 0.0:  # else no answer comes before an earlier one
            slot.marks |= clients.LATE
    else:
        slot.asked = client.server
        slot.marks &= ~clients.REACHED
    _begin_flight(world, i, j)
    request = letter(
        kinds.REQUEST,
        config.first + i,
        config.clients + client.server,
        slot=j,
        program=slot.program,
        product=slot.product,
        attempt=client.attempt,
        value=slots.licenses(world, i, j) - 1,
        flag=WANTS_CALLBACK if config.calls_back else 0,
    )
    if send(world, request, client.server):
        slot.marks |= clients.REACHED


@jit
def _send_heartbeat(world, i):
    config = world.config[0]
    client = world.clients[i]
    if config.connects and connections.is_missing(world, i):
        _connect(world, i, clients.BEAT, 0, 0)
        return
    _begin_flight(world, i, clients.BEAT)
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
    _begin_flight(world, i, what)
    connections.ask(world, i, slot, program)


@jit
def on_connected(world, i, changes):
    """Have what the connection was asked for come first, unless it is no longer wanted."""
    client = world.clients[i]
    void_timer(world, i)
    client.resend = client.flight
    client.flight = clients.NOTHING
    connections.make(world, i, changes)


@inlined
def _begin_flight(world, i, what):
    client = world.clients[i]
    client.flight = what
    client.resend = clients.NOTHING
    client.attempt += 1
    client.flight_attempt = client.attempt
    void_timer(world, i)
    deadlines.add(world, i)


@inlined
def void_timer(world, i):
    """Make the timer stale that was set for the link, if any."""
    world.clients[i].timer += 1
    deadlines.strike(world, i)


@jit
def on_heartbeat_tick(world, i):
    """Have a client that holds a lease tell its server that it is alive."""
    config = world.config[0]
    client = world.clients[i]
    time = world.control[0].now + config.heartbeat
    set_timer(world, kinds.HEARTBEAT_TICK, config.first + i, time)
    if client.link != clients.OFFLINE and holds_lease(world, i):
        if not client.marks & clients.BEAT_DUE:  # else one is due already, which may have failed before
            client.beat_failures = 0
            client.marks |= clients.BEAT_DUE
        send_next(world, i)


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
def on_good_answer(world, i):
    """Forget what failed before: the server serves."""
    client = world.clients[i]
    void_timer(world, i)
    client.flight = clients.NOTHING
    ledger.turn_link(world, client, clients.ONLINE)
    client.tries_here = 0
    client.servers_tried = 0
    if client.marks & clients.HIT:
        client.marks &= ~clients.HIT
        ledger.served_again(world)
    for m in range(world.config[0].memory):
        world.memory[i * world.config[0].memory + m] = 0.0


@jit
def still_asks(world, i, j):
    """Whether the slot's program is still the one that asked; it may have ended, and another been launched."""
    if not world.clients[i].wants & slots.bit(j):
        return False
    return slots.slot_of(world, i, j).asked != NONE or connections.is_asked_for(world, i, j)

"""What a client does when its server does not serve it: it carries out what the failover policy decides."""

import numpy as np
from meterstorm.policies.failover import FAIL_OVER, GO_OFFLINE, OVERLOADED, REFUSED, RESET, RETRY, TIMED_OUT
from meterstorm.policies.failover import GIVE_UP as GIVE_UP_REQUEST

from ...compiled.jit import inlined, jit
from ...messaging.messages import set_timer
from ...queue import durations
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from ...state.status import BAD_DECISION, BAD_DELAY
from .. import roaming, settings
from . import connections, decisions, link, moving, returns, slots


@jit
def on_failure_answer(world, i, kind, value):
    """Handle an answer that does not serve."""
    link.void_timer(world, i)
    if kind == kinds.REFUSED:
        _fail(world, i, REFUSED, 0.0)
    else:
        _fail(world, i, OVERLOADED, durations.from_value(value))


@jit
def on_timer(world, i):
    """Handle the end of a pause, or a time-out: no answer came in time."""
    if world.clients[i].flight <= clients.RESUME:
        _resume(world, i)
    else:
        _fail(world, i, TIMED_OUT, 0.0)


@jit
def on_reset(world, i, number):
    """Handle the word of a crash, which resets the connection of this number."""
    if connections.is_reset(world, i, number):
        ledger.count(world, counters.RESETS)
        _lose_connection(world, i, RESET)


@jit
def on_silence(world, i, number):
    """Handle the end of a row of keep-alives on the connection of this number that were not answered."""
    if connections.is_open(world, i, number):
        ledger.count(world, counters.SILENCES)
        _lose_connection(world, i, TIMED_OUT)


@jit
def _lose_connection(world, i, failure):
    """What is in flight fails; with nothing in flight, the next heartbeat of a client that holds a lease."""
    client = world.clients[i]
    connections.close(world, i)
    if client.flight == clients.NOTHING and link.holds_lease(world, i):
        client.flight = clients.BEAT
        client.marks |= clients.BEAT_DUE
        client.beat_failures = 0
    if client.flight >= 0 or client.flight == clients.BEAT:
        link.void_timer(world, i)
        _fail(world, i, failure, 0.0)


@jit
def _fail(world, i, failure, retry_after_s):
    """Do as the failover policy says about the failure of what was in flight."""
    client = world.clients[i]
    _count_kind(world, failure)
    client.tries_here += 1
    _count_failure(world, i)
    _note_hit(world, i)
    if failure != OVERLOADED and client.tries_here == 1:
        returns.remember_release(world, i, client.server)  # releases sent of late may not have arrived
    decision = decisions.decide(world, i, failure, retry_after_s)
    if not RETRY <= decision.action <= GIVE_UP_REQUEST:
        moving.stop_engine(world, i, BAD_DECISION, decision.action)
        return
    if not decision.delay_s >= 0.0:
        moving.stop_engine(world, i, BAD_DELAY, moving.shown(decision.delay_s))
        return
    decisions.note(world, i, decision.action, failure, client.flight)
    _carry_out(world, i, decision.action, durations.whole(decision.delay_s * 1e9))


@inlined
def _carry_out(world, i, action, delay):
    client = world.clients[i]
    if action == RETRY:
        ledger.turn_link(world, client, clients.RETRYING)
        client.resend = client.flight
        _pause(world, i, clients.RESUME, delay)
    elif action == FAIL_OVER:
        ledger.turn_link(world, client, clients.SEARCHING)
        roaming.depart(world, i)
        _pause(world, i, clients.MOVE, delay)
    elif action == GO_OFFLINE:
        _go_offline(world, i)
        _pause(world, i, clients.COME_BACK, max(np.int64(1), delay))
    else:
        _give_up(world, i)


@inlined
def _count_kind(world, failure):
    """Count a failure by its kind; a reset counts with its connection, whether anything fails by it or not."""
    if failure == TIMED_OUT:
        ledger.count(world, counters.TIMEOUTS)
    elif failure == REFUSED:
        ledger.count(world, counters.REFUSALS)
    elif failure == OVERLOADED:
        ledger.count(world, counters.OVERLOADS)


@inlined
def _note_hit(world, i):
    """Mark a client whose failure may be due to a fault: from the first one to a time-out after the last."""
    client, own = world.clients[i], settings.of_client(world, i)
    is_time = own.first_fault <= world.control[0].now <= own.last_hit
    if is_time and not client.marks & clients.HIT:
        client.marks |= clients.HIT
        ledger.hit(world)


@jit
def _count_failure(world, i):
    client = world.clients[i]
    if client.flight == clients.BEAT:
        client.beat_failures += 1
        return
    slot = slots.slot_of(world, i, client.flight)
    slot.flight_failures += 1
    if link.still_asks(world, i, client.flight):
        slot.failures = slot.flight_failures


@jit
def _pause(world, i, then, delay):
    """Ask no server for `delay` ns, then go on; at once when it is 0."""
    client = world.clients[i]
    client.flight = then
    link.void_timer(world, i)
    if delay > 0:
        time = world.control[0].now + delay
        set_timer(world, kinds.LINK_TIMER, world.config[0].first + i, time, attempt=client.timer)
    else:
        _resume(world, i)


@jit
def _resume(world, i):
    client = world.clients[i]
    then = client.flight
    client.flight = clients.NOTHING
    if then == clients.MOVE:
        move(world, i)
    elif then == clients.COME_BACK:
        _come_back(world, i)
    link.send_next(world, i)


@jit
def move(world, i):
    """Fail over to the server that the selection policy names; nothing is sent to the old one."""
    client = world.clients[i]
    server = moving.chosen_server(world, i)
    if server == NONE:
        return
    client.servers_tried += 1
    client.marks &= ~clients.BEAT_DUE
    client.beat_failures = 0
    if server != client.server:
        moving.change_server(world, i, server, 0)


@jit
def _go_offline(world, i):
    """Ask no server: what waits for an answer does without, what runs runs on."""
    client = world.clients[i]
    ledger.count(world, counters.OFFLINE_SPELLS)
    ledger.turn_link(world, client, clients.OFFLINE)
    client.marks &= ~clients.BEAT_DUE
    client.beat_failures = 0
    client.wants = 0
    for j in range(world.config[0].programs):
        returns.abandon(world, i, j)
        if slots.slot_of(world, i, j).state == clients.AWAITING:
            slots.do_without_server(world, i, j)


@jit
def _come_back(world, i):
    """After a spell offline, whatever runs is requested (again), and so is what waits for a callback."""
    client = world.clients[i]
    ledger.turn_link(world, client, clients.RETRYING)
    for j in range(world.config[0].programs):
        slot = slots.slot_of(world, i, j)
        if slot.state == clients.CALLED:
            slots.await_answer(world, i, j)
        elif slots.is_running(world, i, j):
            slot.failures = 0
            client.wants |= slots.bit(j)


@jit
def _give_up(world, i):
    """End the request in flight without a license; a program that already runs by right runs on."""
    client = world.clients[i]
    j = client.flight
    client.flight = clients.NOTHING
    ledger.turn_link(world, client, clients.ONLINE)
    if j == clients.BEAT:
        client.marks &= ~clients.BEAT_DUE
        client.beat_failures = 0
    elif link.still_asks(world, i, j):
        client.wants &= ~slots.bit(j)
        slots.slot_of(world, i, j).failures = 0
        returns.abandon(world, i, j)
        if slots.slot_of(world, i, j).state == clients.AWAITING:
            slots.end_unlicensed(world, i, j)
    link.send_next(world, i)

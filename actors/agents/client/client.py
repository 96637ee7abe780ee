"""A license client: users launch programs in its slots, which ask for licenses and run.

A slot is idle (its user thinks), waits for an answer, runs under a lease (metered) or without one (unmetered,
because the client is offline), or its user was denied and waits to ask again or to be called back (`slots.py`).
`link.py` has how the client talks to its server, `failures.py` what it does when the server does not answer,
`denials.py` what a denied user does, `returns.py` what happens to its leases, `lost_leases.py` what happens to
those that a server lost, `failback.py` how it moves without a failure, and `connections.py` its connection.

Functions take the client's index `i` within its shard and a slot `j`.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.messages import notify, set_slot_timer, set_timer
from ...messaging.protocol import is_failure_answer
from ...randomness import streams
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from .. import roaming, settings
from . import (
    connections,
    crashes,
    decisions,
    denials,
    failback,
    failures,
    link,
    lost_leases,
    moving,
    returns,
    slots,
    workload,
)


@inlined
def handle(world, i, message):
    """Handle a message, or a timer that is not a slot's."""
    s = message.source - world.config[0].clients
    if world.config[0].selection_memory and (message.kind == kinds.GRANT or message.kind == kinds.DENY):
        decisions.hear(world, i, s, message)
    if world.clients[i].link == clients.DOWN:
        crashes.handle(world, i, message)
    elif message.kind == kinds.LINK_TIMER:
        failures.on_timer(world, i)
    elif message.kind == kinds.HEARTBEAT_TICK:
        link.on_heartbeat_tick(world, i, message.program)
    elif message.kind == kinds.OFFER_RELEASES:
        returns.offer_releases(world, i)
    elif message.kind == kinds.CONNECT_AGAIN:
        connections.ask_again(world, i, message.program)
    elif message.kind == kinds.CALLBACK:
        _on_callback(world, i, s, message.slot, message.program)
    elif message.kind == kinds.KEPT_ACK:
        returns.settle_release(world, i, s, message.attempt)
    elif link.is_awaited(world, i, message.attempt):
        _on_answer(world, i, message)
    elif message.kind == kinds.GRANT:
        _on_late_grant(world, i, s, message.slot, message.program, message.attempt)
    elif roaming.may_follow(world, message.kind):
        roaming.expect(world, message.source, -1)
    elif message.kind == kinds.CLIENT_CRASH:
        crashes.crash(world, i)
    elif message.kind == kinds.CONNECTION_RESET:
        failures.on_reset(world, i, message.program)
    elif message.kind == kinds.CONNECTION_SILENT:
        failures.on_silence(world, i, message.program)
    elif world.config[0].frees_lost and message.kind == kinds.CONNECTED:
        connections.decline(world, i, s, message.attempt)
    elif settings.of_client(world, i).failback:
        failback.handle(world, i, message)
    if world.clients[i].marks & clients.ROAMING:
        roaming.settle(world, i)


@inlined
def on_slot_timer(world, i, j, kind):
    """Handle a timer of a slot: LAUNCH, END, ASK_AGAIN or RELAUNCH."""
    if kind == kinds.LAUNCH:
        _on_launch(world, i, j)
    elif kind == kinds.END:
        _end(world, i, j)
    elif kind == kinds.RELAUNCH:
        _relaunch(world, i, j)
    else:
        _want(world, i, j)
    if world.clients[i].marks & clients.ROAMING:
        roaming.settle(world, i)


@inlined
def is_stale(world, i, event):
    """Whether an event is a timer that was overtaken by others; it then counts for nothing."""
    if event.kind in (kinds.LINK_TIMER, kinds.CONNECT_AGAIN):
        return event.attempt != world.clients[i].timer
    if event.kind in (kinds.END, kinds.ASK_AGAIN, kinds.RELAUNCH):
        return event.attempt != slots.slot_of(world, i, event.slot).epoch
    return False


@jit
def start(world, i):
    """Set a client's first timers."""
    config = world.config[0]
    agent = config.first + i
    if config.arrivals == clients.TRACE:
        _await_recorded(world, i)
    else:
        for j in range(config.programs):
            slots.await_launch(world, i, j, 1, np.int64(0))
    own = settings.of_client(world, i)
    if own.failback:
        moving.settle_in(world, i)
    if own.heartbeat > 0:
        u = streams.uniform(streams.draw(world.keys[streams.PHASE], agent, 0))
        set_timer(world, kinds.HEARTBEAT_TICK, agent, np.int64(u * own.heartbeat))
    crashes.await_next(world, i)


@jit
def _await_recorded(world, i):
    k = world.recorded_next[i]
    if k < world.recorded_end[i]:
        set_slot_timer(world, kinds.LAUNCH, i, 0, world.recorded[k].time)


@inlined
def _on_launch(world, i, j):
    config = world.config[0]
    if config.arrivals == clients.TRACE:
        _on_recorded_launch(world, i)
        return
    slot = slots.slot_of(world, i, j)
    is_down = world.clients[i].link == clients.DOWN
    number = np.int64(slot.program + 1)
    if config.arrivals == clients.OPEN:
        number = _take_arrival(world, i, j)
        slots.await_launch(world, i, j, number + 1, world.control[0].now)
    elif is_down:
        crashes.put_off_launch(world, i, j)
        return
    if slot.state != clients.IDLE or is_down:
        ledger.count(world, counters.SUPPRESSED)
        return
    _launch(world, i, j, number, workload.product(world, slots.slot_number(world, i, j), number))


@inlined
def _take_arrival(world, i, j):
    """Count a user's arrival at a slot, busy or not; return its number, from 1."""
    k = i * world.config[0].programs + j
    world.launch_numbers[k] += 1
    return np.int64(world.launch_numbers[k])


@jit
def _on_recorded_launch(world, i):
    k = world.recorded_next[i]
    world.recorded_next[i] = k + 1
    _await_recorded(world, i)
    if world.clients[i].link == clients.DOWN:
        ledger.count(world, counters.SUPPRESSED)
        return
    for j in range(world.config[0].programs):
        if slots.slot_of(world, i, j).state == clients.IDLE:
            _launch(world, i, j, k + 1, world.recorded[k].product)
            return
    ledger.count(world, counters.SUPPRESSED)


@jit
def _relaunch(world, i, j):
    """A user starts a program again that ended in a crash: another launch, of the same product."""
    slot = slots.slot_of(world, i, j)
    number = np.int64(slot.program + 1)
    if world.config[0].arrivals == clients.OPEN:
        number = _take_arrival(world, i, j)
    ledger.count(world, counters.PROGRAMS_RESTARTED)
    _launch(world, i, j, number, np.int64(slot.product))


@inlined
def _launch(world, i, j, number, product):
    slot = slots.slot_of(world, i, j)
    slot.program = number
    slot.product = product
    slot.launched = world.control[0].now
    slot.marks &= ~clients.LATE
    ledger.count(world, counters.LAUNCHES)
    if world.clients[i].server != world.clients[i].home and settings.of_client(world, i).failback:
        failback.ask_first(world, i)
    _want(world, i, j)


@inlined
def _want(world, i, j):
    """A user wants the slot's program now: a launch, or asking again after a denial."""
    if world.clients[i].link == clients.OFFLINE:
        slots.enter(world, slots.slot_of(world, i, j), clients.AWAITING)
        slots.do_without_server(world, i, j)
        return
    slots.await_answer(world, i, j)
    link.send_next(world, i)


@inlined
def _end(world, i, j):
    """The slot's program has run its time."""
    slots.stop(world, i, j)
    world.clients[i].wants &= ~slots.bit(j)
    returns.disown(world, i, j)
    if slots.slot_of(world, i, j).lease != NONE:
        returns.give_back(world, i, j)
    returns.abandon(world, i, j)
    slots.idle(world, i, j)


@inlined
def _on_answer(world, i, message):
    """Handle the answer to what is in flight."""
    if roaming.may_follow(world, message.kind):
        roaming.expect(world, message.source, -1)
    link.note_round_trip(world, i)
    if is_failure_answer(message.kind):
        failures.on_failure_answer(world, i, message.kind, message.value)
        return
    if message.kind == kinds.CONNECTED:
        link.on_connected(world, i, message.value)
    else:
        _on_good_answer(world, i, message)
    link.send_next(world, i)


@inlined
def _on_good_answer(world, i, message):
    """Handle the answer of a server that serves."""
    j = message.slot
    if message.kind != kinds.ACK:
        link.note_told(world, i, message.value)
    link.on_good_answer(world, i, message.kind == kinds.DENY)
    if message.kind == kinds.ACK:
        world.clients[i].marks &= ~clients.BEAT_DUE
        world.clients[i].beat_failures = 0
        if message.value != 0:
            lost_leases.hear(world, i, message.value)
    elif not _awaits(world, i, j, message.program):
        if message.kind == kinds.GRANT:
            returns.release(world, i, j, message.program, world.clients[i].server)
    elif message.kind == kinds.GRANT:
        _on_grant(world, i, j)
    elif message.kind == kinds.DENY:
        denials.on_denial(world, i, j)


@inlined
def _awaits(world, i, j, program):
    """Whether the slot's program is this one and still waits for its answer."""
    return world.clients[i].wants & slots.bit(j) != 0 and slots.slot_of(world, i, j).program == program


@inlined
def _on_grant(world, i, j):
    client = world.clients[i]
    slot = slots.slot_of(world, i, j)
    client.wants &= ~slots.bit(j)
    slot.asked = NONE
    slot.marks &= ~clients.KEPT
    slot.failures = 0
    ledger.count(world, counters.GRANTS)
    if slot.state == clients.METERED and slot.lease == client.server:
        return
    was_decided = slot.marks & clients.STOPPED
    slots.stop_waiting(world, i, j)
    if slot.state == clients.AWAITING and not was_decided:
        ledger.waited(world, world.control[0].now - slot.launched)
    if slot.state == clients.METERED:
        ledger.count(world, counters.DOUBLE_GRANTS)
        returns.hand_over(world, i, j)
    elif slot.marks & clients.RUNNING:
        ledger.unmetered(world, -1)
    slot.lease = client.server
    slots.enter(world, slot, clients.METERED)
    if not slot.marks & clients.RUNNING:
        slots.run(world, i, j, slots.run_time(world, i, j))


@jit
def _on_late_grant(world, i, s, j, program, attempt):
    """Release a license that is no longer awaited, unless the program holds or awaits it at that server."""
    slot = slots.slot_of(world, i, j)
    if slot.program != program or (s != slot.lease and s != slot.asked):
        returns.release(world, i, j, program, s)
    elif s != slot.lease:
        slot.marks |= clients.KEPT
        notify(world, kinds.NOT_TAKEN, world.config[0].first + i, s, j, program, attempt)


@jit
def _on_callback(world, i, s, j, program):
    client = world.clients[i]
    slot = slots.slot_of(world, i, j)
    called = slot.state == clients.CALLED and slot.program == program
    if called and s == client.server and client.link != clients.OFFLINE:
        _want(world, i, j)

"""A license client: users launch programs in its slots, which ask for licenses and run.

A slot is idle (its user thinks), waits for an answer, runs under a lease (metered) or without one (unmetered,
the client being offline), or its user was denied and waits to ask again or to be called back. What the client
does about a server that does not answer is in `link.py`; what becomes of its leases is in `holding.py`.

Functions take the client's index `i` within its shard and a slot `j`.
"""

import numpy as np

from . import holding, kinds, ledger, link, roaming, streams, workload
from .jit import inlined, jit
from .messages import notify, set_slot_timer, set_timer
from .world import (
    ASK_AGAIN,
    BEAT_DUE,
    DENIED,
    EVICTIONS,
    GAVE_UP,
    GIVE_UP,
    GRANTS,
    KEPT,
    LAUNCHES,
    NEAR,
    NONE,
    RUNNING,
    STOPPED,
    SUPPRESSED,
    UNMETERED_STARTS,
    WAITS,
)

# States of a slot.
IDLE, WAITING, METERED, UNMETERED, ASKING, CALLED = range(6)


@inlined
def handle(world, kind, agent, source, slot, program, attempt, value):
    """Handle one event of a client that is no timer of a slot."""
    config = world.config[0]
    i = agent - config.first
    server = source - config.clients
    if kind == kinds.LINK_TIMER:
        link.on_timer(world, i)
    elif kind == kinds.HEARTBEAT_TICK:
        link.on_heartbeat_tick(world, i)
    elif kind == kinds.OFFER_DEBTS:
        holding.offer_debts(world, i)
    elif kind == kinds.CALLBACK:
        _on_callback(world, i, server, slot, program)
    elif kind == kinds.KEPT_ACK:
        holding.forget_debt(world, i, server, attempt)
    elif link.is_awaited(world, i, attempt):
        _on_answer(world, i, kind, source, slot, program, value)
    elif kind == kinds.GRANT:
        _on_late_grant(world, i, server, slot, program, attempt)
    elif kind == kinds.REFUSED or kind == kinds.OVERLOADED:  # noqa: PLR1714
        roaming.expect_failure(world, source, -1)
    if world.clients[i].marks & NEAR:
        roaming.settle(world, i)


@inlined
def on_slot_timer(world, i, j, kind):
    """Handle a timer of a slot: LAUNCH, END or ASK_AGAIN."""
    if kind == kinds.LAUNCH:
        _on_launch(world, i, j)
    elif kind == kinds.END:
        _end(world, i, j)
    else:
        _want(world, i, j)
    if world.clients[i].marks & NEAR:
        roaming.settle(world, i)


@inlined
def is_stale(world, kind, agent, slot, attempt):
    """Whether a timer was overtaken by events; it then counts for nothing."""
    config = world.config[0]
    if kind == kinds.LINK_TIMER:
        return attempt != world.clients[agent - config.first].timer
    if kind in (kinds.END, kinds.ASK_AGAIN):
        return attempt != slot_of(world, agent - config.first, slot).epoch
    return False


@jit
def start(world, i):
    """Set a client's first timers."""
    config = world.config[0]
    agent = config.first + i
    if config.arrivals == workload.TRACE:
        _await_recorded(world, i)
    else:
        for j in range(config.programs):
            _await_launch(world, i, j, 1, np.int64(0))
    if config.heartbeat > 0:
        u = streams.uniform(streams.draw(world.keys[streams.PHASE], agent, 0))
        set_timer(world, kinds.HEARTBEAT_TICK, agent, np.int64(u * config.heartbeat), 0, 0, 0)


@inlined
def slot_of(world, i, j):
    """Return the row of a client's slot."""
    return world.slots[i * world.config[0].programs + j]


@inlined
def is_running(world, i, j):
    """Whether a slot's program runs."""
    return slot_of(world, i, j).marks & RUNNING != 0


@inlined
def _place(world, i, j):
    """Return the number of a slot among all clients' slots."""
    config = world.config[0]
    return (config.first + i) * config.programs + j


# --- launches -------------------------------------------------------------------------------------------------


@inlined
def _await_launch(world, i, j, number, now):
    """Set the timer of a slot's next launch (closed) or arrival (open), which has this number."""
    time = workload.next_launch(world, _place(world, i, j), number, now)
    set_slot_timer(world, kinds.LAUNCH, i, j, time, 0, 0)


@jit
def _await_recorded(world, i):
    k = world.recorded_next[i]
    if k < world.recorded_end[i]:
        set_slot_timer(world, kinds.LAUNCH, i, 0, world.recorded[k].time, 0, 0)


@inlined
def _on_launch(world, i, j):
    config = world.config[0]
    if config.arrivals == workload.TRACE:
        _on_recorded_launch(world, i)
        return
    slot = slot_of(world, i, j)
    number = np.int64(slot.program + 1)
    if config.arrivals == workload.OPEN:
        number = _take_arrival(world, i, j)
        _await_launch(world, i, j, number + 1, world.control[0].now)
    if slot.state != IDLE:
        ledger.count(world, SUPPRESSED)
        return
    _launch(world, i, j, number, workload.product(world, _place(world, i, j), number))


@inlined
def _take_arrival(world, i, j):
    """Count a user's arrival at a slot, busy or not; return its number, from 1."""
    k = i * world.config[0].programs + j
    world.arrivals[k] += 1
    return np.int64(world.arrivals[k])


@jit
def _on_recorded_launch(world, i):
    k = world.recorded_next[i]
    world.recorded_next[i] = k + 1
    _await_recorded(world, i)
    for j in range(world.config[0].programs):
        if slot_of(world, i, j).state == IDLE:
            _launch(world, i, j, k + 1, world.recorded[k].product)
            return
    ledger.count(world, SUPPRESSED)


@inlined
def _launch(world, i, j, number, product):
    slot = slot_of(world, i, j)
    slot.program = number
    slot.product = product
    slot.launched = world.control[0].now
    ledger.count(world, LAUNCHES)
    _want(world, i, j)


@inlined
def _want(world, i, j):
    """A user wants the slot's program now: a launch, or asking again after a denial."""
    if world.clients[i].link == link.OFFLINE:
        slot_of(world, i, j).state = WAITING
        do_without_server(world, i, j)
        return
    await_answer(world, i, j)
    link.proceed(world, i)


@inlined
def await_answer(world, i, j):
    """The slot's program waits for its answer; under `after-start` enforcement it runs meanwhile."""
    slot = slot_of(world, i, j)
    slot.state = WAITING
    slot.failures = 0
    slot.epoch += 1
    world.clients[i].wants |= bit(j)
    if world.config[0].before_start == 0:
        run_time = _run_time(world, i, j)
        if run_time > 0:
            _run(world, i, j, run_time)


@jit
def do_without_server(world, i, j):
    """A program that waits for an answer when its client is offline runs unmetered, or is denied locally."""
    slot = slot_of(world, i, j)
    if world.config[0].offline_deny:
        end_unlicensed(world, i, j)
        return
    ledger.count(world, UNMETERED_STARTS)
    _wait_no_more(world, i, j)
    slot.state = UNMETERED
    if not is_running(world, i, j):
        _run(world, i, j, _run_time(world, i, j))


@jit
def end_unlicensed(world, i, j):
    """A launch ends without a license and without an answer."""
    ledger.count(world, GAVE_UP)
    _stop(world, i, j)
    _idle(world, i, j)


@inlined
def bit(j):
    """Return the bit of a slot in a set of slots."""
    return np.int64(1) << np.int64(j)


# --- runs -----------------------------------------------------------------------------------------------------


@inlined
def _run_time(world, i, j):
    """Return how long the slot's program runs, ns."""
    return workload.run_time(world, _place(world, i, j), slot_of(world, i, j).program)


@inlined
def _run(world, i, j, run_time):
    """The slot's program starts to run."""
    slot = slot_of(world, i, j)
    slot.marks |= RUNNING
    slot.epoch += 1
    if slot.lease == NONE:
        ledger.unmetered(world, 1)
    end = world.control[0].now + run_time
    set_slot_timer(world, kinds.END, i, j, end, slot.program, slot.epoch)


@inlined
def _stop(world, i, j):
    """The slot's program, if it runs, runs no more; a timer set for it is void."""
    slot = slot_of(world, i, j)
    slot.epoch += 1
    if slot.marks & RUNNING:
        slot.marks &= ~RUNNING
        if slot.lease == NONE:
            ledger.unmetered(world, -1)


@inlined
def _end(world, i, j):
    """The slot's program has run its time."""
    _stop(world, i, j)
    world.clients[i].wants &= ~bit(j)
    if slot_of(world, i, j).lease != NONE:
        holding.give_back(world, i, j)
    holding.abandon(world, i, j)
    _idle(world, i, j)


@inlined
def _idle(world, i, j):
    """The slot is free for its next launch."""
    _wait_no_more(world, i, j)
    slot = slot_of(world, i, j)
    slot.state = IDLE
    if world.config[0].arrivals == workload.CLOSED:
        _await_launch(world, i, j, slot.program + 1, world.control[0].now)


# --- answers --------------------------------------------------------------------------------------------------


@inlined
def _on_answer(world, i, kind, source, j, program, value):
    """Handle the answer to what is in flight."""
    if kind == kinds.REFUSED or kind == kinds.OVERLOADED:  # noqa: PLR1714
        roaming.expect_failure(world, source, -1)
        link.on_failure_answer(world, i, kind, value)
        return
    link.on_good_answer(world, i)
    if kind == kinds.ACK:
        world.clients[i].marks &= ~BEAT_DUE
        world.clients[i].beat_failures = 0
    elif not _awaits(world, i, j, program):
        if kind == kinds.GRANT:
            holding.release(world, i, j, program, world.clients[i].server)
    elif kind == kinds.GRANT:
        _on_grant(world, i, j)
    else:
        _on_denial(world, i, j)
    link.proceed(world, i)


@inlined
def _awaits(world, i, j, program):
    """Whether the slot's program is this one and still waits for its answer."""
    return world.clients[i].wants & bit(j) != 0 and slot_of(world, i, j).program == program


@inlined
def _on_grant(world, i, j):
    client = world.clients[i]
    slot = slot_of(world, i, j)
    client.wants &= ~bit(j)
    slot.asked = NONE
    slot.marks &= ~KEPT
    slot.failures = 0
    ledger.count(world, GRANTS)
    if slot.state == METERED and slot.lease == client.server:
        return
    was_decided = slot.marks & STOPPED
    _wait_no_more(world, i, j)
    if slot.state == WAITING and not was_decided:
        ledger.waited(world, world.control[0].now - slot.launched)
    if slot.state == METERED:
        holding.leave_behind(world, i, j)
    elif slot.marks & RUNNING:
        ledger.unmetered(world, -1)
    slot.lease = client.server
    slot.state = METERED
    if not slot.marks & RUNNING:
        _run(world, i, j, _run_time(world, i, j))


@jit
def _on_late_grant(world, i, server, j, program, attempt):
    """Release a license that nobody waits for any more, unless the program holds or awaits it at that server."""
    config = world.config[0]
    slot = slot_of(world, i, j)
    if slot.program != program or (server != slot.lease and server != slot.asked):  # noqa: PLR1714
        holding.release(world, i, j, program, server)
    elif server != slot.lease:
        slot.marks |= KEPT
        notify(world, kinds.NOT_TAKEN, config.first + i, j, program, server, attempt)


@inlined
def _on_denial(world, i, j):
    config = world.config[0]
    client = world.clients[i]
    slot = slot_of(world, i, j)
    client.wants &= ~bit(j)
    slot.asked = NONE
    slot.marks &= ~KEPT
    stopped = slot.state == METERED or slot.state == UNMETERED  # noqa: PLR1714
    if slot.state == METERED:
        ledger.count(world, EVICTIONS)
    elif slot.state == WAITING and config.on_denial == GIVE_UP:
        ledger.waited(world, world.control[0].now - slot.launched)
    _stop(world, i, j)
    if slot.lease == client.server:  # where it is lost
        slot.lease = NONE
        notify(world, kinds.NOTICE, config.first + i, j, slot.program, client.server, 0)
    elif slot.lease != NONE:
        holding.give_back(world, i, j)
    if config.on_denial == GIVE_UP:
        _idle(world, i, j)
    else:
        _wait(world, i, j, stopped)


@jit
def _wait(world, i, j, stopped):
    """A user who was denied waits: to ask again after a while, or to be called back."""
    config = world.config[0]
    client = world.clients[i]
    slot = slot_of(world, i, j)
    if not slot.marks & WAITS:
        slot.marks |= STOPPED if stopped else DENIED
        ledger.waiting(world, 1)
    if config.on_denial == ASK_AGAIN:
        slot.state = ASKING
        client.draws += 1
        bits = streams.draw(world.keys[streams.PATIENCE], config.first + i, client.draws)
        delay = np.int64(config.retry_denied * streams.exponential(bits) + 0.5)
    else:
        slot.state = CALLED
        delay = np.int64(config.callback_poll)
    if delay > 0 or slot.state == ASKING:
        time = world.control[0].now + delay
        set_slot_timer(world, kinds.ASK_AGAIN, i, j, time, slot.program, slot.epoch)


@inlined
def _wait_no_more(world, i, j):
    """A user who was denied, and may have asked again since, waits no more."""
    slot = slot_of(world, i, j)
    if slot.marks & WAITS:
        slot.marks &= ~WAITS
        ledger.waiting(world, -1)


@jit
def _on_callback(world, i, server, j, program):
    client = world.clients[i]
    slot = slot_of(world, i, j)
    called = slot.state == CALLED and slot.program == program
    if called and server == client.server and client.link != link.OFFLINE:
        _want(world, i, j)

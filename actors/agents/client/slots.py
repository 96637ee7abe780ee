"""A client's slots, each of which runs one metered program at a time: idle, waiting, running.

Functions take the client's index `i` within its shard and a slot `j`.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.messages import set_slot_timer
from ...records import ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from .. import settings
from . import workload


@inlined
def slot_of(world, i, j):
    """Return the row of a client's slot."""
    return world.slots[i * world.config[0].programs + j]


@inlined
def is_running(world, i, j):
    """Whether a slot's program runs."""
    return slot_of(world, i, j).marks & clients.RUNNING != 0


@inlined
def slot_number(world, i, j):
    """Return the number of a slot among all clients' slots."""
    config = world.config[0]
    return (config.first + i) * config.programs + j


@inlined
def enter(world, slot, state):
    """Put a slot into a state."""
    ledger.unanswered(world, np.int64(state == clients.AWAITING) - np.int64(slot.state == clients.AWAITING))
    slot.state = state


@inlined
def await_launch(world, i, j, number, now):
    """Set the timer of a slot's next launch (closed) or arrival (open), which has this number."""
    own = settings.of_client(world, i)
    time = workload.next_launch(world, own, slot_number(world, i, j), number, now)
    set_slot_timer(world, kinds.LAUNCH, i, j, time)


@inlined
def await_answer(world, i, j):
    """Have the slot's program wait for its answer; under `after-start` enforcement it runs meanwhile."""
    slot = slot_of(world, i, j)
    enter(world, slot, clients.AWAITING)
    slot.failures = 0
    slot.epoch += 1
    world.clients[i].wants |= bit(j)
    own = settings.of_client(world, i)
    if own.before_start == 0:
        duration = workload.run_time(world, own, slot_number(world, i, j), slot.program)
        if duration > 0:
            run(world, i, j, duration)


@jit
def do_without_server(world, i, j):
    """Run a program unmetered that waits for an answer while its client is offline, or deny it locally."""
    slot = slot_of(world, i, j)
    if settings.of_client(world, i).offline_deny:
        end_unlicensed(world, i, j)
        return
    ledger.count(world, counters.UNMETERED_STARTS)
    stop_waiting(world, i, j)
    enter(world, slot, clients.UNMETERED)
    if not is_running(world, i, j):
        run(world, i, j, run_time(world, i, j))


@jit
def end_unlicensed(world, i, j):
    """End a launch without a license and without an answer."""
    ledger.count(world, counters.GAVE_UP)
    stop(world, i, j)
    idle(world, i, j)


@inlined
def bit(j):
    """Return the bit of a slot in a set of slots."""
    return np.int64(1) << np.int64(j)


@inlined
def run_time(world, i, j):
    """Return how long the slot's program runs, ns."""
    own = settings.of_client(world, i)
    return workload.run_time(world, own, slot_number(world, i, j), slot_of(world, i, j).program)


@inlined
def licenses(world, i, j):
    """Return how many licenses the slot's program takes."""
    if world.config[0].sized == 0:
        return np.int64(1)
    slot = slot_of(world, i, j)
    return workload.licenses(world, slot_number(world, i, j), np.int64(slot.program), np.int64(slot.product))


@inlined
def run(world, i, j, duration):
    """Start the slot's program, to run for `duration` ns."""
    slot = slot_of(world, i, j)
    slot.marks |= clients.RUNNING
    slot.epoch += 1
    if slot.lease == NONE:
        ledger.unmetered(world, 1)
    end = world.control[0].now + duration
    set_slot_timer(world, kinds.END, i, j, end, slot.program, slot.epoch)


@inlined
def stop(world, i, j):
    """Stop the slot's program, if it runs; timers set for it become stale."""
    slot = slot_of(world, i, j)
    slot.epoch += 1
    if slot.marks & clients.RUNNING:
        slot.marks &= ~clients.RUNNING
        if slot.lease == NONE:
            ledger.unmetered(world, -1)


@inlined
def idle(world, i, j):
    """Free the slot for its next launch."""
    stop_waiting(world, i, j)
    enter(world, slot_of(world, i, j), clients.IDLE)
    if world.config[0].arrivals == clients.CLOSED:
        await_launch(world, i, j, slot_of(world, i, j).program + 1, world.control[0].now)


@inlined
def stop_waiting(world, i, j):
    """End the wait of a user who was denied, and may have asked again since."""
    slot = slot_of(world, i, j)
    if slot.marks & clients.WAITS:
        slot.marks &= ~clients.WAITS
        ledger.waiting(world, -1)

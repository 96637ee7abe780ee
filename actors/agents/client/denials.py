"""What happens to a program that is denied a license, and what its user does next, as the denial policy says.

Functions take the client's index `i` within its shard and a slot `j`.
"""

import numpy as np
from meterstorm.policies.denial import ASK_AGAIN, ASK_NEXT, AWAIT_CALLBACK
from meterstorm.policies.failover import GIVE_UP

from ...compiled.jit import inlined, jit
from ...messaging.messages import notify, set_slot_timer
from ...queue.durations import whole
from ...records import journal, ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from ...state.status import BAD_PAUSE, BAD_REACTION
from .. import roaming, settings
from . import decisions, failures, moving, returns, slots


@inlined
def on_denial(world, i, j):
    """Handle the denial of what a slot's program has asked for."""
    slot = slots.slot_of(world, i, j)
    world.clients[i].wants &= ~slots.bit(j)
    slot.asked = NONE
    slot.marks &= ~clients.KEPT
    if settings.of_client(world, i).gives_up:
        _give_up(world, i, j)
    else:
        _react(world, i, j)


@inlined
def _give_up(world, i, j):
    slot = slots.slot_of(world, i, j)
    if slot.state == clients.AWAITING and not slot.marks & clients.STOPPED:
        ledger.waited(world, world.control[0].now - slot.launched)
    end(world, i, j)
    slots.idle(world, i, j)


@inlined
def end(world, i, j):
    """End a program that has no right to run any more, and its lease, if it has one."""
    client = world.clients[i]
    slot = slots.slot_of(world, i, j)
    if slot.state == clients.METERED:
        ledger.count(world, counters.EVICTIONS)
    slots.stop(world, i, j)
    returns.disown(world, i, j)
    if slot.lease == client.server:  # where it is lost
        slot.lease = NONE
        notify(world, kinds.NOTICE, world.config[0].first + i, client.server, j, slot.program)
    elif slot.lease != NONE:
        returns.give_back(world, i, j)


@jit
def _react(world, i, j):
    """Do as the denial policy says."""
    slot = slots.slot_of(world, i, j)
    ran = slot.state == clients.METERED or slot.state == clients.UNMETERED
    decision = decisions.react(world, i, j, ran)
    if not _is_possible(settings.of_client(world, i), decision.action, ran):
        moving.stop_engine(world, i, BAD_REACTION, decision.action)
        return
    if not (decision.delay_s > 0.0 or (decision.delay_s == 0.0 and decision.action != ASK_AGAIN)):
        moving.stop_engine(world, i, BAD_PAUSE, moving.shown(decision.delay_s))
        return
    decisions.note(world, i, decision.action, journal.DENIAL, j, slot.program)
    if decision.action == GIVE_UP:
        _give_up(world, i, j)
    elif decision.action == ASK_NEXT:
        _ask_next(world, i, j)
    else:
        _wait(world, i, j, ran, decision.action, whole(decision.delay_s * 1e9))


@inlined
def _is_possible(own, action, ran):
    if action == ASK_NEXT:
        return own.asks_next != 0 and not ran
    if action == AWAIT_CALLBACK:
        return own.calls_back != 0
    return action in (GIVE_UP, ASK_AGAIN)


@jit
def _ask_next(world, i, j):
    """Ask another server, as after a failure; the user is told nothing."""
    returns.disown(world, i, j)
    slots.slot_of(world, i, j).failures = 0  # it was answered: what fails next is no longer in a row
    world.clients[i].wants |= slots.bit(j)
    roaming.depart(world, i)
    failures.move(world, i)


@jit
def _wait(world, i, j, ran, action, delay):
    """Have a user wait: to ask again after a while, or to be called back."""
    slot = slots.slot_of(world, i, j)
    end(world, i, j)
    if not slot.marks & clients.WAITS:
        slot.marks |= clients.STOPPED if ran else clients.DENIED
        ledger.waiting(world, 1)
    if action == ASK_AGAIN:
        slots.enter(world, slot, clients.WILL_ASK)
        delay = max(np.int64(1), delay)  # its server hears of the end before it is asked again
    else:
        slots.enter(world, slot, clients.CALLED)
    if delay > 0:
        time = world.control[0].now + delay
        set_slot_timer(world, kinds.ASK_AGAIN, i, j, time, slot.program, slot.epoch)

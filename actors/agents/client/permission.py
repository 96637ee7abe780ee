"""Whether a request may be sent: the failover policy is asked before each one."""

import numpy as np
from meterstorm.policies.failover import BEFORE_REQUEST, FAIL_OVER, GIVE_UP, SEND, WAIT

from ...compiled.jit import inlined, jit
from ...messaging.messages import set_timer
from ...queue.durations import whole
from ...records import ledger
from ...state import clients, kinds
from ...state.status import BAD_PERMISSION, BAD_ROUND, BAD_WAIT
from .. import roaming, settings
from . import decisions, moving, returns, slots


@jit
def is_given(world, i, j):
    """Ask about a slot's request; if it may not be sent, do with it what the policy says."""
    contact = world.contacts[i]
    was_given = contact.permitted == j + 1  # before the connection was asked for, which is here now
    contact.permitted = 0
    if was_given or settings.of_client(world, i).asks_first == 0:
        return True
    decision = decisions.before_request(world, i, j)
    if decision.action != FAIL_OVER:
        contact.moves = 0
    if decision.action == SEND:
        return True
    if not _is_possible(world, i, decision):
        return False
    decisions.note(world, i, decision.action, BEFORE_REQUEST, j, slots.slot_of(world, i, j).program)
    if decision.action == GIVE_UP:
        _give_up(world, i, j)
        return False
    delay = max(np.int64(1), whole(decision.delay_s * 1e9))
    if decision.action == WAIT:
        ledger.turn_link(world, world.clients[i], clients.RETRYING)
        world.clients[i].resend = j
        _pause(world, i, clients.RESUME, delay)
    else:
        ledger.turn_link(world, world.clients[i], clients.SEARCHING)
        roaming.depart(world, i)
        world.contacts[i].moves += 1
        _pause(world, i, clients.MOVE, delay)
    return False


@jit
def _is_possible(world, i, decision):
    """Whether a decision makes sense; if not, the engine stops, which leaves the client pausing."""
    action, delay_s = decision.action, decision.delay_s
    if action not in (WAIT, FAIL_OVER, GIVE_UP):
        _stop(world, i, BAD_PERMISSION, action)
    elif not (delay_s > 0.0 or (delay_s == 0.0 and action != WAIT)):
        _stop(world, i, BAD_WAIT, moving.shown(delay_s))
    elif action == FAIL_OVER and world.contacts[i].moves >= settings.of_client(world, i).choices:
        _stop(world, i, BAD_ROUND, world.contacts[i].moves)
    else:
        return True
    return False


@inlined
def _stop(world, i, status, value):
    world.clients[i].flight = clients.RESUME
    moving.stop_engine(world, i, status, value)


@inlined
def _pause(world, i, then, delay):
    """Ask no server for `delay` ns, then go on; nothing is in flight, so no timer becomes void."""
    client = world.clients[i]
    client.flight = then
    client.timer += 1
    time = world.control[0].now + delay
    set_timer(world, kinds.LINK_TIMER, world.config[0].first + i, time, attempt=client.timer)


@jit
def _give_up(world, i, j):
    """End a request that was not sent; a program that already runs by right runs on."""
    slot = slots.slot_of(world, i, j)
    world.clients[i].wants &= ~slots.bit(j)
    slot.failures = 0
    returns.abandon(world, i, j)
    if slot.state == clients.AWAITING:
        slots.end_unlicensed(world, i, j)

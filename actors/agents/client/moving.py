"""How a client changes servers, and what it plans next: return to its preferred server, or move on."""

import math

import numpy as np
from meterstorm.policies.failback import CHOOSE, PROBE, STAY

from ...compiled.jit import inlined, jit
from ...messaging.messages import set_timer
from ...queue import durations
from ...queue.letters import letter
from ...records import journal, ledger
from ...state import clients, counters, kinds
from ...state.rows import NONE
from ...state.status import BAD_PLAN, BAD_PLAN_DELAY, BAD_SELECTION
from .. import settings
from . import connections, decisions, returns, slots

SHOWN_S = 1e9  # of a negative delay, at the most


@jit
def chosen_server(world, i):
    """Return the server that the selection policy names; NONE where there is none, and the engine stops."""
    servers = world.config[0].servers
    named = decisions.select(world, i)
    if not 0 <= named < settings.of_client(world, i).choices:
        stop_engine(world, i, BAD_SELECTION, named)
        return np.int64(NONE)
    server = decisions.first_choice(world, i) + named
    return server if server < servers else server - servers


@jit
def stop_engine(world, i, status, value):
    """Have the loop return, for what a policy has answered to a client."""
    control = world.control[0]
    control.status = status
    control.agent = world.config[0].first + i
    control.value = value


@inlined
def shown(delay_s):
    """Return what is told of a delay that makes no sense: a negative one in whole seconds, or else 0."""
    return math.floor(max(delay_s, -SHOWN_S)) if delay_s < 0.0 else 0


@jit
def change_server(world, i, server, is_failback):
    """Ask another server from now on; nothing is sent to the old one."""
    config = world.config[0]
    client = world.clients[i]
    ledger.count(world, counters.FAILBACKS if is_failback else counters.FAILOVERS)
    moved = letter(kinds.FREE, config.first + i, config.clients + server, value=is_failback)
    journal.note(world, journal.MOVED, moved, world.control[0].now, 0)
    if config.connects:
        connections.close(world, i)
    ledger.count_client(world.control[0], client, -1)
    client.server = server
    if world.contacts.size > 0:
        world.contacts[i].told = 0
    ledger.count_client(world.control[0], client, 1)
    client.tries_here = 0
    for j in range(config.programs):
        _move_slot(world, i, j, is_failback)
    if settings.of_client(world, i).failback:
        settle_in(world, i)


@jit
def _move_slot(world, i, j, is_failback):
    """Ask the new server for what waits, and for what runs under a lease elsewhere if that moves, too."""
    own = settings.of_client(world, i)
    client = world.clients[i]
    slot = slots.slot_of(world, i, j)
    returns.abandon(world, i, j)
    slot.marks &= ~clients.MOVED
    if slot.state == clients.METERED:
        client.wants &= ~slots.bit(j)
        if slot.lease != client.server and (own.moves_all if is_failback else own.rerequest):
            client.wants |= slots.bit(j)
            if is_failback:
                slot.marks |= clients.MOVED
                ledger.count(world, counters.PROGRAMS_MOVED)
    elif slot.state == clients.CALLED:
        slots.await_answer(world, i, j)


@jit
def settle_in(world, i):
    """Make a fresh plan at the server that the client has just moved to."""
    stay = world.stays[i]
    stay.since = world.clients[i].attempt
    stay.plans = 0
    plan(world, i)


@jit
def plan(world, i):
    """Carry out the failback policy's plan; it replaces any earlier one."""
    stay = world.stays[i]
    stay.timer += 1
    made = decisions.plan(world, i)
    stay.plans += 1
    if not STAY <= made.action <= CHOOSE:
        stop_engine(world, i, BAD_PLAN, made.action)
        return
    if not made.delay_s >= 0.0:
        stop_engine(world, i, BAD_PLAN_DELAY, shown(made.delay_s))
        return
    stay.action = made.action
    if made.action >= PROBE:
        time = world.control[0].now + durations.whole(made.delay_s * 1e9)
        set_timer(world, kinds.PLAN_DUE, world.config[0].first + i, time, program=stay.timer)

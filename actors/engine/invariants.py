"""What must always hold: it is recounted at the end of every run, and a violation stops the run.

During a run the loop's handlers set `control.status` when they find a violation.
"""

import numpy as np

from ..agents import roaming
from ..agents.client import slots
from ..agents.server import leases, sharing
from ..compiled.jit import inlined, jit
from ..queue import calendar, events
from ..state import clients, kinds
from ..state.events import FOREIGN
from ..state.rows import NONE
from ..state.servers import RESERVED
from ..state.status import (
    BAD_SHARING,
    DOUBLE_LEASE,
    HORIZON,
    LOST_PROGRAM,
    LOST_ROAMER,
    MEANING,
    NEGATIVE_POOL,
    NOT_CONSERVED,
)
from ..state.world import World


class InvariantViolation(Exception):
    """Something that must always hold does not: a defect of the engine, of the model, or of a built-in policy."""


def violation(world: World, status: int) -> InvariantViolation:
    """Return what to raise for a status."""
    return InvariantViolation(description(world, status))


def description(world: World, status: int) -> str:
    """Return a status in words: its meaning, when (from the end of the warm-up), which agent, and a number."""
    control = world.control[0]
    when_s = (control.now - world.config[0].measure_from) / 1e9
    return f"{MEANING[status]}; at {when_s:.9f} s, agent {control.agent}, value {control.value}"


def recount(world: World) -> None:
    """Recount what must add up; raises InvariantViolation."""
    with np.errstate(over="ignore"):
        status = check(world)
    if status != HORIZON:
        raise violation(world, status)


@jit
def check(world):
    """Recount what must add up; return HORIZON, or the status of the first invariant that does not hold."""
    config = world.config[0]
    status = HORIZON
    for k in range(config.first_site, config.first_site + config.local_sites):
        if status == HORIZON:
            status = _check_pools(world, k)
    if status == HORIZON:
        status = _check_leases(world)
    if status == HORIZON:
        status = _check_slots(world)
    return status if status != HORIZON else _check_roaming(world)


@jit
def _check_pools(world, k):
    config = world.config[0]
    for p in range(config.products):
        product = world.products[k * config.products + p]
        allocated = np.int64(0)
        for s in range(k * config.members, (k + 1) * config.members):
            pool = world.pools[s * config.products + p]
            allocated += pool.allocated
            if pool.free + pool.leased + pool.reserved != pool.allocated or min(pool.free, pool.leased) < 0:
                return _found(world, NEGATIVE_POOL, config.clients + s, p)
        owned = product.owned + product.copies
        known = allocated + product.in_transit + product.reserve + product.lapsed
        if known != owned or allocated != product.allocated:
            return _found(world, NOT_CONSERVED, config.clients + config.servers + k, p)
    return HORIZON


@jit
def _check_leases(world):
    config = world.config[0]
    held = np.int64(0)
    for s in range(config.first_server, config.first_server + config.local_servers):
        n = world.servers[s].oldest
        while n != NONE:
            lease = world.leases[n]
            if lease.state != RESERVED:
                held += lease.count
            if leases.find(world, s, lease.client, lease.slot, lease.program) != n:
                return _found(world, DOUBLE_LEASE, config.clients + s, lease.client)
            if config.shares and not sharing.is_sound(world, n):
                return _found(world, BAD_SHARING, config.clients + s, lease.client)
            n = lease.newer
    if held != world.control[0].leased:
        return _found(world, NEGATIVE_POOL, -1, held)
    return HORIZON


@jit
def _check_slots(world):
    """Every program is in a state that some timer, message or answer will end."""
    config = world.config[0]
    waiting, unanswered = np.int64(0), np.int64(0)
    for i in range(config.local):
        row = world.clients[i]
        for j in range(config.programs):
            slot = slots.slot_of(world, i, j)
            waits = slot.state == clients.WILL_ASK or slot.state == clients.CALLED
            denied = slot.marks & clients.WAITS != 0
            waiting += denied
            unanswered += slot.state == clients.AWAITING
            wants = row.wants & slots.bit(j) != 0
            leased = slot.lease != NONE
            if (
                (slot.state == clients.METERED) != leased
                or (leased and not slot.marks & clients.RUNNING)
                or (slot.state == clients.AWAITING and not wants)
                or (wants and (slot.state == clients.IDLE or waits))
                or (waits and not denied)
            ):
                return _found(world, LOST_PROGRAM, config.first + i, j)
        if row.wants != 0 and row.flight == clients.NOTHING:
            return _found(world, LOST_PROGRAM, config.first + i, -1)
    if waiting != world.control[0].waiting or unanswered != world.control[0].unanswered:
        return _found(world, LOST_PROGRAM, -1, waiting)
    return HORIZON


@jit
def _check_roaming(world):
    """Recount the roaming clients, and what is on its way within this shard that may lead to other sites."""
    count = np.int64(0)
    for i in range(world.config[0].local):
        if roaming.is_possible(world) and roaming.is_roaming(world, i):
            count += 1
            if not world.clients[i].marks & clients.ROAMING:
                return _found(world, LOST_ROAMER, world.config[0].first + i, 0)
    control = world.control[0]
    for k in range(control.open):
        count += _leads_away(world, world.due[k].event)
    for k in range(control.transit_begin, control.transit_end):
        count += _leads_away(world, world.transit[k & (world.transit.size - 1)].event)
    calendar.file(world)
    for index in range(world.buckets.size):
        n = world.buckets[index]
        while n != NONE:
            count += _leads_away(world, n)
            n = world.chains[n].next
    if count != control.roaming:
        return _found(world, LOST_ROAMER, -1, count)
    return HORIZON


@inlined
def _leads_away(world, number):
    if events.is_of_slot(world, number):
        return False
    event = world.events[events.row(world, number)]
    if event.flag & FOREIGN:
        return False
    if event.kind == kinds.TAKE or event.kind == kinds.TAKEN:
        return event.program > 0
    return roaming.may_follow(world, event.kind) and roaming.is_possible(world)


@jit
def _found(world, status, agent, value):
    control = world.control[0]
    control.status = status
    control.agent = agent
    control.value = value
    return status

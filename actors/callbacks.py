"""Users who were denied and wait for a license: a queue for each pool, first come, first called back.

A freed license stays reserved for the user who is called back, for a grace time. SMS 2.0 had a defect (KB
Q226823): a user called back before a site server cycle had passed since the denial was denied again;
`servers.callback_cycle_s` sets it.
"""

import numpy as np

from . import events, granting, kinds, leases, network
from .jit import inlined, jit
from .messages import answer, next_serial, post, set_timer
from .visitors import account_of
from .world import NONE


@jit
def _caller(world, s, client, slot):
    return world.callers[account_of(world, s, client) * world.config[0].programs + slot]


@jit
def enqueue(world, n, s):
    """A user who was denied waits to be called back; return whether the request's event was kept for that.

    Who asks again while waiting keeps the place in the queue.
    """
    event = world.events[n]
    caller = _caller(world, s, event.source, event.slot)
    if caller.queued != 0 and caller.server == s and caller.program == event.program:
        return False
    if caller.program != event.program:
        caller.barred = 0
    caller.queued = event.attempt
    caller.server = s
    caller.program = event.program
    pool = world.pools[granting.pool_of(world, s, event.product)]
    events.link(world, n).next = NONE
    event.time = world.control[0].now
    if pool.queue_tail == NONE:
        pool.queue_head = n
    else:
        events.link(world, pool.queue_tail).next = n
    pool.queue_tail = n
    world.control[0].callbacks += 1
    return True


@inlined
def wait_no_more(world, s, client, slot):
    """The slot's user has a license."""
    if world.callers.size > 0:
        _caller(world, s, client, slot).queued = 0


@inlined
def is_barred(world, s, client, slot, program):
    """Whether the program's user was called back in vain in the present site server cycle."""
    if world.callers.size == 0:
        return False
    caller = _caller(world, s, client, slot)
    return caller.program == program and caller.barred == _cycle_now(world)


@inlined
def license_freed(world, s, product):
    """A license is free: for the first user who waits for a callback, or else for anyone."""
    pool = world.pools[granting.pool_of(world, s, product)]
    while pool.queue_head != NONE:
        n = pool.queue_head
        event = world.events[n]
        pool.queue_head = events.link(world, n).next
        if pool.queue_head == NONE:
            pool.queue_tail = NONE
        world.control[0].callbacks -= 1
        caller = _caller(world, s, event.source, event.slot)
        if caller.queued == event.attempt:  # else this user waits no more, or elsewhere
            caller.queued = 0
            is_honored = _call_back(world, n)
            events.free(world, n)
            if is_honored:
                return
            break
        events.free(world, n)
    pool.free += 1


@jit
def _cycle_now(world):
    """Return the number, from 1, of the present site server cycle; -1 where callbacks do not depend on it."""
    config = world.config[0]
    return 1 + world.control[0].now // config.callback_cycle if config.callback_cycle > 0 else np.int64(-1)


@jit
def begin_cycle(world, s):
    """Whoever was denied before now is called back for the licenses that have been free meanwhile."""
    config = world.config[0]
    now = world.control[0].now
    set_timer(world, kinds.CALLBACK_CYCLE, config.clients + s, now + config.callback_cycle, 0, 0, 0)
    if world.spells[network.spell_at(world, s, now)].crashed:
        return
    for product in range(config.products):
        pool = world.pools[granting.pool_of(world, s, product)]
        for _ in range(pool.free):
            if pool.queue_head != NONE:
                pool.free -= 1
                license_freed(world, s, product)


@jit
def _call_back(world, n):
    """Tell a user that a license is free, and reserve it for the grace time; return whether it is.

    It is not for a user denied in the present site server cycle, who is then denied again (KB Q226823).
    """
    config = world.config[0]
    event = world.events[n]
    s = event.target - config.clients
    is_honored = config.callback_cycle == 0 or event.time // config.callback_cycle + 1 != _cycle_now(world)
    if not is_honored:
        _caller(world, s, event.source, event.slot).barred = _cycle_now(world)
    else:
        world.pools[granting.pool_of(world, s, event.product)].reserved += 1
        lost = leases.find(world, event.source, s, event.slot, event.program)
        leases.reserve(world, lost, event.source, s, event.slot, event.program, event.product, event.attempt)
        time = world.control[0].now + config.callback_grace
        agent = event.target
        post(
            world, next_serial(world, agent), kinds.GRACE_END, agent, agent, time, event.slot, event.program,
            event.product, 0, event.source, 0,
        )  # fmt: skip
    answer(world, n, s, kinds.CALLBACK, 0)
    return is_honored


@jit
def end_grace(world, s, client, slot, program):
    """A user who was called back has not come: the license is free again."""
    lease = leases.find(world, client, s, slot, program)
    if lease != NONE and world.leases[lease].state == leases.RESERVED:
        granting.reclaim(world, lease)


@jit
def forget(world, s):
    """A crash loses the queue."""
    config = world.config[0]
    if config.shared_pool:
        return  # the queue belongs to the site, not to this server
    for product in range(config.products):
        pool = world.pools[s * config.products + product]
        n = pool.queue_head
        while n != NONE:
            following = events.link(world, n).next
            events.free(world, n)
            world.control[0].callbacks -= 1
            n = following
        pool.queue_head = NONE
        pool.queue_tail = NONE

"""Users who were denied and wait for a license: a queue for each pool, first come, first called back.

Freed licenses stay reserved for the user who is called back, for a grace time. SMS 2.0 had a defect (KB
Q226823): a user called back before a site server cycle had passed since the denial was denied again;
`servers.callback_cycle_s` sets it.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.addresses import pool_of
from ...messaging.messages import answer, next_serial, post, set_timer
from ...queue import events
from ...queue.letters import letter
from ...records import ledger
from ...state import kinds
from ...state.rows import NONE
from ...state.servers import LOST
from . import leases, rights
from .accounts import account_of


@jit
def _caller(world, s, client, slot):
    return world.callers[account_of(world, s, client) * world.config[0].programs + slot]


@jit
def enqueue(world, n, s):
    """Have a user who was denied wait to be called back; return whether the request's event was kept for that.

    A user who asks again while waiting keeps their position in the queue. A request that was overtaken changes
    nothing: its user has asked for a later program since, or waits for the answer to a later request.
    """
    event = world.events[n]
    caller = _caller(world, s, event.source, event.slot)
    if event.program < caller.program or event.attempt < caller.queued:
        return False
    if caller.queued != 0 and caller.server == s and caller.program == event.program:
        return False
    if caller.program != event.program:
        caller.barred = 0
    caller.queued = event.attempt
    caller.server = s
    caller.program = event.program
    pool = world.pools[pool_of(world, s, event.product)]
    events.chain(world, n).next = NONE
    event.time = world.control[0].now
    if pool.queue_tail == NONE:
        pool.queue_head = n
    else:
        events.chain(world, pool.queue_tail).next = n
    pool.queue_tail = n
    world.control[0].callbacks += 1
    return True


@inlined
def stop_waiting(world, s, request):
    """End the wait of a user who has a license; a late answer to an earlier request does not end it."""
    if world.callers.size > 0:
        caller = _caller(world, s, request.source, request.slot)
        if caller.queued < request.attempt:
            caller.queued = 0


@jit
def forget_client(world, s, client):
    """End the waits of a client's users at a server; what is queued for them is skipped in its turn."""
    if world.callers.size > 0:
        for j in range(world.config[0].programs):
            caller = _caller(world, s, client, j)
            if caller.server == s:
                caller.queued = 0


@inlined
def is_barred(world, s, client, slot, program):
    """Whether the program's user was called back without success in the current site server cycle."""
    if world.callers.size == 0:
        return False
    caller = _caller(world, s, client, slot)
    return caller.program == program and caller.barred == _cycle_now(world)


@inlined
def licenses_freed(world, s, product, count):
    """Offer freed licenses to those who wait for a callback; what they leave is free for anyone."""
    pool = world.pools[pool_of(world, s, product)]
    pool.free += count
    if pool.queue_head != NONE:
        offer(world, np.int64(s), np.int64(product), count)


@jit
def offer(world, s, product, freed):
    """Call back who waits for licenses of a pool, first come first called, as long as enough are free.

    No user goes ahead of one who waits for more, except for kept licenses; `rights.has_no_turn` says who holds
    nobody up. Where callbacks depend on a cycle, each license is offered once, when it is freed. A server that has
    lapsed offers none.
    """
    if world.config[0].has_terms and world.servers[s].lapsed:
        return
    pool = world.pools[pool_of(world, s, product)]
    is_limited = world.config[0].callback_cycle > 0
    before, n, only_kept = np.int64(NONE), np.int64(pool.queue_head), False
    row = np.int64(world.control[0].row)
    while n != NONE and not (is_limited and freed <= 0):
        following = np.int64(events.chain(world, n).next)
        event = world.events[n]
        caller = _caller(world, s, event.source, event.slot)
        waits = caller.queued == event.attempt  # else this user has stopped waiting, or waits elsewhere
        wanted = leases.wanted(world, event)
        if waits and not rights.may_be_called(world, s, event.source, product, wanted, only_kept):
            if not rights.has_no_turn(world, s, event.source, product, wanted):
                only_kept = True
                if rights.leaves_nothing(world, s, event.source, product):
                    return
            before = n
        else:
            _leave_queue(world, s, product, before, n)
            if waits:
                freed -= wanted
                caller.queued = 0
                ledger.count_for(world, event.source)
                _call_back(world, n)
                ledger.count_in(world, row)
            events.free(world, n)
        n = following


@inlined
def _leave_queue(world, s, product, before, n):
    """Take a request out of its pool's queue, in which it is behind another (or NONE)."""
    pool = world.pools[pool_of(world, s, product)]
    following = events.chain(world, n).next
    if before == NONE:
        pool.queue_head = following
    else:
        events.chain(world, before).next = following
    if following == NONE:
        pool.queue_tail = before
    world.control[0].callbacks -= 1


@jit
def _cycle_now(world):
    """Return the number, from 1, of the present site server cycle; -1 where callbacks do not depend on it."""
    config = world.config[0]
    return 1 + world.control[0].now // config.callback_cycle if config.callback_cycle > 0 else np.int64(-1)


@jit
def begin_cycle(world, s):
    """Call back users who were denied before now, for the licenses that have been free meanwhile."""
    config = world.config[0]
    now = world.control[0].now
    cycle = now // config.callback_cycle  # begins later at a server that has stalled
    set_timer(world, kinds.CALLBACK_CYCLE, config.clients + s, (cycle + 1) * config.callback_cycle)
    if world.spells[network.spell_at(world, s, now)].crashed:
        return
    for product in range(config.products):
        offer(world, s, product, world.pools[pool_of(world, s, product)].free)


@jit
def _call_back(world, n):
    """Tell a user that licenses are free, and reserve them for the grace time.

    Nothing is reserved for a user denied in the current site server cycle, who is denied again (KB Q226823), or
    for one whose program has been granted a lease since, by a request that was overtaken.
    """
    config = world.config[0]
    event = world.events[n]
    s = event.target - config.clients
    is_honored = config.callback_cycle == 0 or event.time // config.callback_cycle + 1 != _cycle_now(world)
    if not is_honored:
        _caller(world, s, event.source, event.slot).barred = _cycle_now(world)
    else:
        lease = leases.find(world, s, event.source, event.slot, event.program)
        if lease == NONE or world.leases[lease].state == LOST:
            _reserve(world, event, s, lease)
    answer(world, n, s, kinds.CALLBACK)


@jit
def _reserve(world, request, s, lost):
    """Reserve what a user waits for; `lost` is the program's lost lease, or NONE."""
    pool = world.pools[pool_of(world, s, request.product)]
    wanted = leases.wanted(world, request)
    pool.free -= wanted
    pool.reserved += wanted
    rights.note(world, s, request.source, request.product, wanted)
    leases.enter(world, lost, s, request, wanted)
    _await_user(world, request)


@jit
def _await_user(world, request):
    """Set the timer that ends the grace time of a user who is called back."""
    agent = request.target
    time = world.control[0].now + world.config[0].callback_grace
    timer = letter(
        kinds.GRACE_END,
        agent,
        agent,
        slot=request.slot,
        program=request.program,
        product=request.product,
        value=request.source,
    )
    post(world, timer, time, next_serial(world, agent))


@jit
def forget(world, s):
    """Lose the queue in a crash."""
    config = world.config[0]
    if config.shared_pool:
        return  # the queue belongs to the site, not to this server
    for product in range(config.products):
        pool = world.pools[s * config.products + product]
        n = pool.queue_head
        while n != NONE:
            following = events.chain(world, n).next
            request = world.events[n]
            caller = _caller(world, s, request.source, request.slot)
            if caller.queued == request.attempt:
                caller.queued = 0  # asking again means going to the back of the line
            events.free(world, n)
            world.control[0].callbacks -= 1
            n = following
        pool.queue_head = NONE
        pool.queue_tail = NONE

"""Who gets a license: requests granted or denied, and why; leases heard of, freed and reclaimed."""

import numpy as np

from . import callbacks, kinds, leases, ledger, network
from .jit import inlined, jit
from .messages import answer
from .visitors import account_of
from .world import EXHAUSTED, GHOST, MISPLACED, NONE, STRANDED, WANTS_CALLBACK


@inlined
def pool_of(world, s, product):
    """Return the row of the pool that a server takes a product's licenses from."""
    return world.servers[s].pools + product


@inlined
def released(world, n, s):
    """Return the lease that a RELEASE means; NONE when a newer request asked for it again.

    A reservation is no lease yet: what is released was granted before, and may have been lost.
    """
    event = world.events[n]
    lease = leases.find(world, event.source, s, event.slot, event.program)
    if lease == NONE:
        return NONE
    row = world.leases[lease]
    is_none = row.state == leases.RESERVED and row.granted == 0
    return NONE if is_none or row.attempt > event.attempt else lease


@inlined
def decide(world, n, s):
    """Grant or deny a request; return whether its event was kept, to wait for a callback."""
    event = world.events[n]
    pool = world.pools[pool_of(world, s, event.product)]
    lease = leases.find(world, event.source, s, event.slot, event.program)
    lost = NONE  # the lease that the program has lost; a denial leaves it so, until its client has heard
    if lease != NONE and world.leases[lease].state == leases.LOST:
        lost, lease = lease, NONE
    if lease != NONE and world.leases[lease].state != leases.RESERVED:
        if not _is_abandoned(world, event, s):
            leases.revive(world, lease)
        leases.refresh(world, lease, event.attempt)
        _grant(world, n, s, lease)
        return False
    world.servers[s].decided += 1
    world.pools[s * world.config[0].products + event.product].requests += 1
    if lease != NONE:
        pool.reserved -= 1
        leases.refresh(world, lease, event.attempt)
    elif pool.free > 0 and not callbacks.is_barred(world, s, event.source, event.slot, event.program):
        pool.free -= 1
        lease = leases.reserve(
            world, lost, event.source, s, event.slot, event.program, event.product, event.attempt
        )
    else:
        return _deny(world, n, s)
    leases.take_up(world, lease)
    pool.leased += 1
    ledger.leased(world, s, event.product, 1)
    if _is_abandoned(world, event, s):
        leases.haunt(world, lease)
    _grant(world, n, s, lease)
    return False


@inlined
def _grant(world, n, s, lease):
    """Answer with a lease, and note whether its client will know that it has it."""
    callbacks.wait_no_more(world, s, world.events[n].source, world.events[n].slot)
    if answer(world, n, s, kinds.GRANT, 0):
        world.leases[lease].granted = world.events[n].attempt


@inlined
def _is_abandoned(world, event, s):
    """Whether the program of a request no longer waits for its answer, as the site's observer knows."""
    account = account_of(world, s, event.source)
    if event.attempt > world.accounts[account].abandoned:  # nearly always: the seat need not be fetched
        return False
    return event.attempt <= world.seats[account * world.config[0].programs + event.slot].abandoned


@jit
def abandon(world, s, client, slot, attempt):
    """A slot's program no longer waits for what the site of a server answers to this attempt or earlier ones."""
    account = account_of(world, s, client)
    seat = world.seats[account * world.config[0].programs + slot]
    seat.abandoned = max(seat.abandoned, attempt)
    world.accounts[account].abandoned = max(world.accounts[account].abandoned, attempt)


@inlined
def _deny(world, n, s):
    event = world.events[n]
    world.servers[s].denied += 1
    ledger.count(world, _cause(world, s, event.product, event.source))
    answer(world, n, s, kinds.DENY, 0)
    if event.flag & WANTS_CALLBACK == 0:
        return False
    return callbacks.enqueue(world, n, s)


@inlined
def _cause(world, s, product, client):
    """Return why server `s` denies a client a license of a product now: a column of the time series.

    Misplaced: one is free on a server that this client could reach; else stranded: free only on one that it
    could not; else ghost: a lease exists whose program no longer runs under it; else exhausted. All at that site.
    """
    config = world.config[0]
    now = world.control[0].now
    cause = GHOST if world.products[world.servers[s].stock + product].ghosts > 0 else EXHAUSTED
    first = world.servers[s].site * config.members
    for other in range(first, first + config.members):
        if world.pools[other * config.products + product].free > 0:
            if network.is_reachable(world, other, client, now):
                return MISPLACED
            cause = STRANDED
    return cause


@jit
def hear(world, n, s, frees):
    """A client is alive: refresh its leases here; free those it does not name, if it names what it holds.

    Of a slot that is named, the newest lease is meant. A lease asked for after this message left is spared.
    """
    event = world.events[n]
    named = np.int64(event.value)
    lease = world.accounts[account_of(world, s, event.source)].leases
    while lease != NONE:
        row = world.leases[lease]
        following = row.next
        if row.server == s and (row.state == leases.LIVE or row.state == leases.GHOST):  # noqa: PLR1714
            if not frees or named & (np.int64(1) << np.int64(row.slot)) or row.attempt > event.attempt:
                leases.refresh(world, lease, row.attempt)
                named &= ~(np.int64(1) << np.int64(row.slot))
            else:
                free(world, lease)
        lease = following


@inlined
def free(world, lease):
    """A lease ends; its license is free from this instant."""
    row = world.leases[lease]
    s, product = row.server, row.product
    leases.revive(world, lease)  # no longer a ghost
    world.pools[pool_of(world, s, product)].leased -= 1
    ledger.leased(world, s, product, -1)
    leases.remove(world, lease)
    callbacks.license_freed(world, s, product)


@jit
def reclaim(world, lease):
    """Take a lease away from whoever holds it: nobody (a ghost), a running program, or a user called back."""
    row = world.leases[lease]
    if row.state == leases.GHOST or (row.state == leases.LIVE and row.granted == 0):
        free(world, lease)
        return
    s, product = row.server, row.product
    pool = world.pools[pool_of(world, s, product)]
    if row.state == leases.RESERVED:
        pool.reserved -= 1
        leases.reserve_no_more(world, lease)
    else:
        pool.leased -= 1
        ledger.leased(world, s, product, -1)
        leases.lose(world, lease)
    callbacks.license_freed(world, s, product)

"""What a client may take from a pool: what is free, minus what is kept for others, up to its cap.

A pool keeps licenses for the clients that its product's reservation favors: the pool's share of the reservation
minus what they already have. They draw on that share first, then on whatever is free. A cap counts what a client
has from one pool, including ghosts and what is reserved for its users who were called back.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.addresses import is_among, pool_of
from ...state import counters
from ...state.rows import NONE
from ...state.servers import LOST
from .accounts import account_of


@inlined
def kept(pool):
    """Return how many of a pool's free licenses are kept for favored clients."""
    return max(np.int64(0), pool.earmarked - pool.favored)


@inlined
def room(world, s, client, product):
    """Return how many licenses of a product server `s` may give a client now."""
    if world.config[0].restricted == 0:
        return world.pools[pool_of(world, s, product)].free
    return min(may_share(world, s, client, product), may_add(world, s, client, product))


@jit
def may_share(world, s, client, product):
    """Return how many free licenses are open to a client, regardless of what it already has."""
    pool = world.pools[pool_of(world, s, product)]
    return pool.free if is_favored(world, s, client, product) else pool.free - kept(pool)


@jit
def may_add(world, s, client, product):
    """Return how many more licenses a client may take before it reaches its product's cap."""
    cap = world.products[world.servers[s].first_product + product].cap
    return cap - _held(world, s, client, product) if cap > 0 else np.int64(np.iinfo(np.int64).max)


@jit
def forbidden(world, s, client, product, wanted):
    """Return why a client may not have `wanted` licenses, free or not: a column of the time series; else NONE."""
    if may_add(world, s, client, product) < wanted:
        return counters.CAPPED
    is_free = world.pools[pool_of(world, s, product)].free >= wanted
    return counters.KEPT if is_free and may_share(world, s, client, product) < wanted else NONE


@inlined
def may_be_called(world, s, client, product, wanted, only_kept):
    """Whether a user who waits for `wanted` licenses may have them; only kept ones if others are ahead in line."""
    if only_kept and not (is_favored(world, s, client, product) and wanted <= _kept_here(world, s, product)):
        return False
    return room(world, s, client, product) >= wanted


@jit
def _kept_here(world, s, product):
    return kept(world.pools[pool_of(world, s, product)])


@inlined
def has_no_turn(world, s, client, product, wanted):
    """Whether a user waits for more than there is for the client at all, or than it may add to what it has."""
    pool = world.pools[pool_of(world, s, product)]
    if world.config[0].restricted == 0:
        return wanted > pool.allocated
    most = pool.allocated if is_favored(world, s, client, product) else pool.allocated - pool.earmarked
    return wanted > min(most, may_add(world, s, client, product))


@inlined
def leaves_nothing(world, s, client, product):
    """Whether no user may be called before this waiting one: the kept licenses are also for its client."""
    return world.config[0].restricted == 0 or is_favored(world, s, client, product)


@inlined
def is_favored(world, s, client, product):
    """Whether the product's reservation is for a client."""
    row = world.products[world.servers[s].first_product + product]
    return is_among(world, client, row.first_favored, row.last_favored, row.favored_row)


@jit
def _held(world, s, client, product):
    """Return how many licenses of a pool a client has."""
    held = np.int64(0)
    n = world.accounts[account_of(world, s, client)].leases
    while n != NONE:
        lease = world.leases[n]
        is_here = pool_of(world, lease.server, product) == pool_of(world, s, product)
        if is_here and lease.product == product and lease.state != LOST:
            held += lease.count
        n = lease.next
    return held


@inlined
def note(world, s, client, product, change):
    """Note that a client has `change` more licenses of a pool (negative: fewer)."""
    if world.config[0].restricted and is_favored(world, s, client, product):
        world.pools[pool_of(world, s, product)].favored += change

"""What a server does for the site server: it reports its licenses, gives some up, takes others in."""

import numpy as np

from ...compiled.jit import jit
from ...messaging.addresses import site_server
from ...messaging.messages import send
from ...queue.letters import letter
from ...records import ledger
from ...state import kinds
from . import callbacks, rights


@jit
def report(world, s):
    """Report allocations, leases and what is kept for some, and the requests decided since the last report."""
    config = world.config[0]
    agent = config.clients + s
    receiver = site_server(world, world.servers[s].site)
    if not send(world, letter(kinds.REPORT, agent, receiver, value=s), s):
        return
    for product in range(config.products):
        pool = world.pools[s * config.products + product]
        pool.reported_allocated = pool.allocated
        pool.reported_leased = pool.leased + pool.reserved + rights.kept(pool)
        pool.reported_requests = pool.requests
        pool.requests = 0


@jit
def take(world, s, product, wanted, onward):
    """Give up licenses that are free for all, as many as wanted and there, unless the site server cannot be told.

    `onward` tells it what they are for (see `intersite.py`).
    """
    config = world.config[0]
    pool = world.pools[s * config.products + product]
    taken = min(np.int64(wanted), pool.free - rights.kept(pool))
    receiver = site_server(world, world.servers[s].site)
    message = letter(kinds.TAKEN, config.clients + s, receiver, program=onward, product=product, value=taken)
    if taken == 0 or not send(world, message, s):
        if onward > 0:
            world.control[0].roaming -= 1
        return
    row = world.products[world.servers[s].first_product + product]
    row.in_transit += taken
    if config.keeps_until_ack:
        row.copies += taken
    else:
        _give_up(world, s, product, taken)


@jit
def _give_up(world, s, product, count):
    """Remove free licenses from a server's pool."""
    pool = world.pools[s * world.config[0].products + product]
    p = world.servers[s].first_product + product
    ledger.settle_imbalance(world, p)
    pool.free -= count
    pool.allocated -= count
    world.products[p].allocated -= count
    ledger.allocation_changed(world, p)
    callbacks.offer(world, s, product, np.int64(0))


@jit
def drop(world, s, product, arrived):
    """Drop licenses that were sent and kept until they arrived, but for those that were leased out meanwhile.

    The others are from now on in two pools, which is how licenses became more (KB Q269547).
    """
    pool = world.pools[s * world.config[0].products + product]
    dropped = min(np.int64(arrived), pool.free - rights.kept(pool))
    world.products[world.servers[s].first_product + product].copies -= dropped
    _give_up(world, s, product, dropped)


@jit
def give(world, s, product, given):
    """Take licenses into the pool; users who wait for a callback come first."""
    config = world.config[0]
    if config.keeps_until_ack:
        receiver = site_server(world, world.servers[s].site)
        send(world, letter(kinds.GIVEN, config.clients + s, receiver, product=product, value=given), s)
    p = world.servers[s].first_product + product
    ledger.settle_imbalance(world, p)
    pool = world.pools[s * config.products + product]
    row = world.products[p]
    row.in_transit -= given
    row.allocated += given
    pool.allocated += given
    callbacks.licenses_freed(world, s, product, given)
    ledger.allocation_changed(world, p)

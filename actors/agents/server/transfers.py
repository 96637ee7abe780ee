"""What a server does for the site server: it reports its licenses, gives some up, and takes others in.

If balancing acts on shortage, it also says when it has too few.
"""

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
        pool.reported_allocated = pool.allocated + pool.lapsed
        pool.reported_leased = pool.leased + pool.reserved + rights.kept(pool)
        pool.reported_requests = pool.requests
        pool.requests = 0


@jit
def tell_shortage(world, s):
    """Tell the site server that licenses are short: once in the least time between its cycles, if it is told."""
    config, server, now = world.config[0], world.servers[s], world.control[0].now
    receiver = site_server(world, server.site)
    if now >= server.next_word and send(world, letter(kinds.SHORT, config.clients + s, receiver, value=s), s):
        server.next_word = now + config.shortage_gap


@jit
def take(world, s, product, wanted, onward):
    """Give up licenses that are free for all, as many as wanted and there, unless the site server cannot be told.

    `onward` tells it what they are for (see `intersite.py`).
    """
    config = world.config[0]
    pool = world.pools[s * config.products + product]
    taken = min(np.int64(wanted), pool.free - rights.kept(pool))
    receiver = site_server(world, world.servers[s].site)
    message = letter(
        kinds.TAKEN,
        config.clients + s,
        receiver,
        program=onward,
        product=product,
        attempt=world.servers[s].term,
        value=taken,
    )
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
    """Drop licenses that were sent and kept until they arrived, except those leased out in the meantime.

    The others are from now on in two pools, which is how licenses became more (KB Q269547).
    """
    pool = world.pools[s * world.config[0].products + product]
    dropped = min(np.int64(arrived), pool.free - rights.kept(pool))
    world.products[world.servers[s].first_product + product].copies -= dropped
    _give_up(world, s, product, dropped)


@jit
def give(world, s, product, given, term):
    """Receive licenses of a term: they are void if there is a later one, and wait while the server has lapsed."""
    config, server = world.config[0], world.servers[s]
    if config.keeps_until_ack:
        receiver = site_server(world, server.site)
        send(world, letter(kinds.GIVEN, config.clients + s, receiver, product=product, value=given), s)
    row = world.products[server.first_product + product]
    row.in_transit -= given
    if server.lapsed == 0 and term == server.term:
        take_in(world, s, product, given)
        return
    row.lapsed += given
    if term == server.term:
        world.pools[s * config.products + product].lapsed += given


@jit
def take_in(world, s, product, count):
    """Take licenses into the pool; users who wait for a callback come first."""
    p = world.servers[s].first_product + product
    ledger.settle_imbalance(world, p)
    pool = world.pools[s * world.config[0].products + product]
    world.products[p].allocated += count
    pool.allocated += count
    callbacks.licenses_freed(world, s, product, count)
    ledger.allocation_changed(world, p)

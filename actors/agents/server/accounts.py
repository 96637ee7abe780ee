"""What a site knows about clients, its own and visitors from other sites.

These rows (ACCOUNT, SEAT and CALLER) belong to one site: two sites never share them, even in one shard. Clients of
the sites that a shard hosts have rows by number, each for its own site. A client that turns up at another site's
server gets an extra row for that site, found by hash.
"""

import numpy as np

from ...compiled.jit import inlined, jit
from ...messaging.addresses import is_own
from ...randomness.streams import GOLDEN, mix
from ...state.rows import NONE
from ...state.status import GROW


@inlined
def account_of(world, s, client):
    """Return the row of what the site of server `s` knows of a client; a new one when it is unknown there."""
    config = world.config[0]
    if config.sites == 1:
        return np.int64(client)
    if is_own(world, s, client):
        return client - config.known_first
    return _visitor(world, world.servers[s].site, client)


@jit
def _visitor(world, site, client):
    """Return the row of a visitor. The last one stops the loop, to grow: an event brings one visitor at most."""
    control = world.control[0]
    chain = _chain_of(world, site, client)
    n = world.visitors_from[chain]
    while n != NONE:
        visitor = world.visitors[n]
        if visitor.client == client and visitor.site == site:
            return world.config[0].known + n
        n = visitor.next
    n = control.visitors
    control.visitors += 1
    if control.visitors == world.visitors.size:
        control.status = GROW
    visitor = world.visitors[n]
    visitor.client = client
    visitor.site = site
    _file(world, n)
    account = world.accounts[world.config[0].known + n]
    account.leases = NONE
    account.heard_at = NONE
    return world.config[0].known + n


@jit
def file_all(world):
    """File all visitors in a table of chains that has been emptied."""
    for n in range(world.control[0].visitors):
        _file(world, n)


@jit
def _file(world, n):
    visitor = world.visitors[n]
    chain = _chain_of(world, visitor.site, visitor.client)
    visitor.next = world.visitors_from[chain]
    world.visitors_from[chain] = n


@jit
def _chain_of(world, site, client):
    """Return the chain of a visitor."""
    bits = mix((np.uint64(site) << np.uint64(32)) ^ np.uint64(client) + GOLDEN)
    return np.int64(bits & np.uint64(world.visitors_from.size - 1))

"""Which agent has which number, where agents live, and which pool belongs to whom."""

import numpy as np

from ..compiled.jit import inlined

LEADER = 0  # the site whose site server balances between sites
ALL_SITES = -1  # in `control.balancing`: not one site, but between all


@inlined
def site_server(world, site):
    """Return the agent that is a site's site server."""
    return world.config[0].clients + world.config[0].servers + site


@inlined
def observer(world, site):
    """Return the agent that is a site's observer."""
    return site_server(world, site) + world.config[0].sites


@inlined
def site_of(world, agent):
    """Return the site of a server, a site server or an observer."""
    config = world.config[0]
    n = agent - config.clients
    if n < config.servers:
        return np.int64(world.servers[n].site)
    n -= config.servers
    return n if n < config.sites else n - config.sites


@inlined
def is_local(world, agent):
    """Whether an agent lives in this shard."""
    config = world.config[0]
    if agent < config.clients:
        return config.first <= agent < config.first + config.local
    if config.hosts_all:
        return True
    if agent < config.clients + config.servers:
        return config.first_server <= agent - config.clients < config.first_server + config.local_servers
    k = site_of(world, agent)
    return config.local_sites > 0 and config.first_site <= k < config.end_site


@inlined
def is_own(world, s, client):
    """Whether a client belongs to the site of server `s`."""
    server = world.servers[s]
    return server.first_client <= client < server.end_client


@inlined
def is_among(world, agent, first, last, row):
    """Whether an agent is one of the clients [first, last], and has that row of CONFIG if it is not 0."""
    return first <= agent <= last and (row == 0 or world.groups[agent] == row)


@inlined
def in_same_site(world, s, peer):
    """Whether a client, or an agent of the site of server `s`, is in that site."""
    config = world.config[0]
    return config.sites == 1 or peer >= config.clients or is_own(world, s, peer)


@inlined
def is_within_site(world, source, target):
    """Whether a message for another shard stays in its site."""
    config = world.config[0]
    client = min(source, target)
    if client >= config.clients + config.servers:  # between site servers
        return False
    return in_same_site(world, config.members * site_of(world, max(source, target)), client)


@inlined
def pool_of(world, s, product):
    """Return the row of the pool that a server takes a product's licenses from."""
    return world.servers[s].first_pool + product

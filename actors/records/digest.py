"""The digest: a running hash for each agent over all events it has handled, wherever the agent lives."""

import numpy as np

from ..compiled.jit import inlined, jit
from ..randomness import streams
from ..randomness.streams import GOLDEN, mix

# Odd numbers without a pattern, so that fields do not cancel.
_K1 = np.uint64(0xD6E8FEB86659FD93)
_K2 = np.uint64(0xA0761D6478BD642F)
_K3 = np.uint64(0xE7037ED1A0B428DB)
_32 = np.uint64(32)


@inlined
def part_of(world, letter, time):
    """Return an event's part in its agent's digest."""
    who = (np.uint64(streams.identity(letter.source, world.config[0].clients)) << _32) ^ np.uint64(letter.program)
    what = (np.uint64(letter.attempt) << _32) ^ (np.uint64(letter.kind) << np.uint64(16)) ^ np.uint64(letter.slot)
    size = (np.uint64(letter.product) << _32) ^ np.uint64(np.int64(letter.value) & np.int64(0xFFFFFFFF))
    return np.uint64(time) * GOLDEN + who * _K1 + what * _K2 + size * _K3


@inlined
def add_to_client(world, i, part):
    """Add an event to the digest of client `i`."""
    client = world.clients[i]
    client.digest = mix(client.digest + part)


@inlined
def add(world, agent, part):
    """Add an event to its agent's digest."""
    config = world.config[0]
    if agent < config.clients:
        add_to_client(world, agent - config.first, part)
    elif agent < config.clients + config.servers:
        server = world.servers[agent - config.clients]
        server.digest = mix(server.digest + part)
    elif agent < config.clients + config.servers + config.sites:
        site = world.sites[agent - config.clients - config.servers]
        site.digest = mix(site.digest + part)
    else:
        site = world.sites[agent - config.clients - config.servers - config.sites]
        site.observer_digest = mix(site.observer_digest + part)


@jit
def total(world):
    """Return the sum of this shard's agents' digests, each mixed with its agent's number."""
    config = world.config[0]
    result = np.uint64(0)
    for i in range(config.local):
        result += mix(world.clients[i].digest + np.uint64(config.first + i + 1) * GOLDEN)
    for s in range(config.first_server, config.first_server + config.local_servers):
        result += mix(world.servers[s].digest + np.uint64(config.clients + s + 1) * GOLDEN)
    for k in range(config.first_site, config.first_site + config.local_sites):
        number = config.clients + config.servers + k + 1
        result += mix(world.sites[k].digest + np.uint64(number) * GOLDEN)
        result += mix(world.sites[k].observer_digest + np.uint64(number + config.sites) * GOLDEN)
    return result

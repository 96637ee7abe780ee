"""Which agents belong to which site, and which shard hosts them.

Servers and clients are dealt to the sites in order of number: equally many servers to each, and clients as evenly
as possible. Where there are as many sites as shards, or more, each shard hosts whole sites with their clients.
Where there are fewer, each shard belongs to one site: all of a site's shards host equally many of its clients, and
the first one its servers, too. So the agents of a kind in one shard have consecutive numbers.

On the wall clock each server has a process of its own, with an observer of its own beside it (`server_parts`).
"""

from typing import Any, NamedTuple

import numpy as np

from .scenario import Scenario, members


class Part(NamedTuple):
    """What one shard hosts: clients [first, end) of the sites [first_site, end_site), and maybe their servers.

    `server`: of these only that one.
    """

    first: int
    end: int
    first_site: int
    end_site: int
    hosts_servers: bool
    server: int | None = None


def hosted_servers(scenario: Scenario, part: Part) -> range:
    """Return the numbers of the servers that a part hosts."""
    if not part.hosts_servers:
        return range(part.first_site * members(scenario), part.first_site * members(scenario))
    if part.server is not None:
        return range(part.server, part.server + 1)
    return range(part.first_site * members(scenario), part.end_site * members(scenario))


def server_parts(scenario: Scenario, client_shards: int) -> list[Part]:
    """Return the parts of a world of one site in which each server is alone: the servers, then the clients."""
    servers = [Part(0, 0, 0, 1, True, s) for s in range(scenario.servers.count)]
    return servers + [Part(a, b, 0, 1, False) for a, b in _ranges(scenario.clients.count, client_shards)]


def parts(scenario: Scenario, shards: int) -> list[Part]:
    """Return every shard's part of a world."""
    clients, sites = scenario.clients.count, scenario.servers.sites
    if shards <= sites:
        return [
            Part(first_client(clients, sites, begin), first_client(clients, sites, end), begin, end, True)
            for begin, end in _ranges(sites, shards)
        ]
    return [
        Part(begin, end, site, site + 1, k == 0)
        for site, (first, beyond) in enumerate(_ranges(shards, sites))
        for k, (begin, end) in enumerate(_within(scenario, site, beyond - first))
    ]


def first_client(clients: int, sites: int, site: Any) -> Any:
    """Return the number of a site's first client, if it has any."""
    return clients * site // sites


def owners(scenario: Scenario, hosted: list[Part]) -> tuple[Any, Any]:
    """Return where runs of agents' numbers begin that live in one shard, and which one that is for each."""
    clients, servers, sites = scenario.clients.count, scenario.servers.count, scenario.servers.sites
    runs = [(part.first, shard) for shard, part in enumerate(hosted)]
    hosts = [(part.first_site, shard) for shard, part in enumerate(hosted) if part.hosts_servers]
    runs += [(clients + hosted_servers(scenario, hosted[shard]).start, shard) for _, shard in hosts]
    for agents in (clients + servers, clients + servers + sites):  # the site servers, the observers
        runs += [(agents + site, shard) for site, shard in hosts]
    starts, shards = zip(*runs, strict=True)
    return np.array(starts), np.array(shards)


class Senders(NamedTuple):
    """The agents in one shard that send messages to others: from `first_...` on to before `end_...`."""

    first: int
    end: int
    first_server: int
    end_server: int
    first_site_server: int
    end_site_server: int


def senders(scenario: Scenario, part: Part) -> Senders:
    """Return the agents in one shard that send messages to others: clients, servers and site servers."""
    sites = part.end_site - part.first_site if part.hosts_servers else 0
    servers = hosted_servers(scenario, part)
    first_site_server = scenario.clients.count + scenario.servers.count + part.first_site
    return Senders(
        part.first,
        part.end,
        scenario.clients.count + servers.start,
        scenario.clients.count + servers.stop,
        first_site_server,
        first_site_server + sites,
    )


def _within(scenario: Scenario, site: int, shards: int) -> list[tuple[int, int]]:
    """Return the clients of each of a site's shards."""
    clients, sites = scenario.clients.count, scenario.servers.sites
    begin, end = first_client(clients, sites, site), first_client(clients, sites, site + 1)
    return [(begin + a, begin + b) for a, b in _ranges(end - begin, shards)]


def _ranges(count: int, groups: int) -> list[tuple[int, int]]:
    """Deal `count` things in order to groups, as evenly as possible."""
    return [(count * k // groups, count * (k + 1) // groups) for k in range(groups)]

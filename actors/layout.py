"""Which agents belong to which site, and which shard hosts them.

Servers and clients are dealt to the sites in order of number: equally many servers to each, and clients as evenly
as possible. Where there are as many sites as shards, or more, each shard hosts whole sites with their clients.
Where there are fewer, each shard belongs to one site: all of a site's shards host equally many of its clients, and
the first one its servers, too. So the agents of a kind in one shard have consecutive numbers.
"""

from typing import Any, NamedTuple

import numpy as np

from .world import NEVER


class Part(NamedTuple):
    """What one shard hosts: clients [first, end) of the sites [first_site, end_site), and maybe their servers."""

    first: int
    end: int
    first_site: int
    end_site: int
    hosts_servers: bool


def parts(scenario: Any, shards: int) -> list[Part]:
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


def owners(scenario: Any, hosted: list[Part]) -> tuple[Any, Any]:
    """Return where runs of agents' numbers begin that live in one shard, and which one that is for each."""
    clients, servers, sites = scenario.clients.count, scenario.servers.count, scenario.servers.sites
    runs = [(part.first, shard) for shard, part in enumerate(hosted)]
    hosts = [(part.first_site, shard) for shard, part in enumerate(hosted) if part.hosts_servers]
    runs += [(clients + site * (servers // sites), shard) for site, shard in hosts]
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


def senders(scenario: Any, part: Part) -> Senders:
    """Return the agents in one shard that send messages to others: clients, servers and site servers."""
    members = scenario.servers.count // scenario.servers.sites
    sites = part.end_site - part.first_site if part.hosts_servers else 0
    first = scenario.clients.count + part.first_site * members
    first_site_server = scenario.clients.count + scenario.servers.count + part.first_site
    return Senders(
        part.first, part.end, first, first + sites * members, first_site_server, first_site_server + sites
    )


class Lookahead(NamedTuple):
    """How soon shards can feel each other's doings, ns; NEVER where they do not.

    `from_shards`: until what another shard does matters here. `back_near`, `back_far`: until a message that has
    arrived at another shard, which shares a site with this one or does not, leads to one that arrives here.
    `sooner_near`, `sooner_far`: by how much sooner such a message matters to third shards than what its sender may
    do when it arrives.
    """

    from_shards: list[int]
    back_near: int
    back_far: int
    sooner_near: int
    sooner_far: int


def lookahead(scenario: Any, hosted: list[Part], shard: int) -> Lookahead:
    """Return the lookahead of one shard of several."""
    delays = _delays(scenario, hosted)
    others = [k for k in range(len(hosted)) if k != shard]
    groups = [
        [k for k in others if _share_site(hosted[k], hosted[shard])],
        [k for k in others if not _share_site(hosted[k], hosted[shard])],
    ]
    back = [min((delays[k][shard] for k in group), default=NEVER) for group in groups]
    sooner = [
        max(
            (
                delays[shard][third] - delays[k][third]
                for k in group
                for third in others
                if third != k and delays[shard][third] < NEVER
            ),
            default=0,
        )
        for group in groups
    ]
    return Lookahead([delays[k][shard] for k in range(len(hosted))], *back, *(max(0, ns) for ns in sooner))


def _delays(scenario: Any, hosted: list[Part]) -> list[list[int]]:
    """Return how long it takes at least until what one shard does matters in another.

    Messages go between clients and servers, and among site servers, which live with their servers. Clients matter
    to each other only by what they give back, where users are called back: by way of a server.
    """
    near = round(scenario.network.latency_ms * 1e6)
    far = round(scenario.network.wan_latency_ms * 1e6) if _are_linked(scenario) else NEVER
    shards = range(len(hosted))
    delays = [[NEVER] * len(hosted) for _ in shards]
    for j in shards:
        for k in shards:
            if hosted[j].hosts_servers or hosted[k].hosts_servers:
                delays[j][k] = near if _share_site(hosted[j], hosted[k]) else far
    if scenario.clients.on_denial != "callback":
        return delays
    servers = [k for k in shards if hosted[k].hosts_servers]
    return [[min(delays[j][k], *(delays[j][s] + delays[s][k] for s in servers)) for k in shards] for j in shards]


def _share_site(one: Part, other: Part) -> bool:
    return one.first_site < other.end_site and other.first_site < one.end_site


def _are_linked(scenario: Any) -> bool:
    """Whether messages go between sites."""
    return bool(scenario.clients.failover_to == "any-site" or scenario.policies.intersite.name != "none")


def _within(scenario: Any, site: int, shards: int) -> list[tuple[int, int]]:
    """Return the clients of each of a site's shards."""
    clients, sites = scenario.clients.count, scenario.servers.sites
    begin, end = first_client(clients, sites, site), first_client(clients, sites, site + 1)
    return [(begin + a, begin + b) for a, b in _ranges(end - begin, shards)]


def _ranges(count: int, groups: int) -> list[tuple[int, int]]:
    """Deal `count` things in order to groups, as evenly as possible."""
    return [(count * k // groups, count * (k + 1) // groups) for k in range(groups)]

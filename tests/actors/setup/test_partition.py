"""Every agent lives in one shard, next to its site."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.setup import partition


def world(sites: int, clients: int, servers: int) -> Any:
    """As much of a scenario as the layout reads."""
    return SimpleNamespace(
        clients=SimpleNamespace(count=clients), servers=SimpleNamespace(count=servers * sites, sites=sites)
    )


@pytest.mark.parametrize("sites", [1, 2, 3, 7])
@pytest.mark.parametrize("clients", [1, 5, 100, 200_003])
def test_every_agent_lives_in_one_shard_and_next_to_its_site(sites: int, clients: int):
    for shards in (1, 2, 3, 5, 9):
        scenario = world(sites, clients, servers=2)
        parts = partition.parts(scenario, shards)
        assert len(parts) == shards
        assert [parts[0].first, *(part.end for part in parts)] == [*(part.first for part in parts), clients]
        hosted = [site for part in parts if part.hosts_servers for site in range(part.first_site, part.end_site)]
        assert hosted == list(range(sites))
        limits = [partition.first_client(clients, sites, site) for site in range(sites + 1)]
        assert max(np.diff(limits)) - min(np.diff(limits)) <= 1
        for part in parts:
            assert limits[part.first_site] <= part.first <= part.end <= limits[part.end_site]
        starts, owners = partition.owners(scenario, parts)
        for agent in [*range(min(clients, 100)), *range(clients, clients + 4 * sites)]:
            shard = owners[np.searchsorted(starts, agent, side="right") - 1]
            if agent < clients:
                assert parts[shard].first <= agent < parts[shard].end
            else:
                n = agent - clients
                site = n // 2 if n < 2 * sites else (n - 2 * sites) % sites
                assert parts[shard].hosts_servers
                assert parts[shard].first_site <= site < parts[shard].end_site

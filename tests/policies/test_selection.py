"""Selection policies in plain Python, against their formulas."""

import pytest
from meterstorm.policies import Choice
from meterstorm.policies.selection import POLICIES, Ring, StickyRandom


def choice(server, servers):
    return Choice(client=7, server=server, home=0, servers_tried=0, servers=servers)


def test_ring_walks_round():
    assert [Ring().next_server(choice(s, 4), 0.9) for s in range(4)] == [1, 2, 3, 0]


def test_sticky_random_takes_each_other_server_alike():
    draws = [(k + 0.5) / 300 for k in range(300)]
    found = [StickyRandom().next_server(choice(2, 4), u) for u in draws]
    assert {server: found.count(server) for server in range(4)} == {0: 100, 1: 100, 2: 0, 3: 100}


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("servers", [1, 2, 5])
def test_the_server_exists_and_is_another_one_if_there_is_one(name, servers):
    for server in range(servers):
        for u in (0.0, 0.5, 1 - 2**-53):
            found = POLICIES[name]().next_server(choice(server, servers), u)
            assert 0 <= found < servers
            assert servers == 1 or found != server
